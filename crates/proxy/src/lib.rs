//! The data plane: one core, its listeners, connections, pools and counters.
