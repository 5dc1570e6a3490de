//! The demos: the two stories with real parts in one process tree.
