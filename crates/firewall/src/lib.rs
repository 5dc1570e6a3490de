//! Security groups enforced by the kernel's packet filter, for load balancers and for instances that
//! are this machine (DECISIONS 9, 11, 12).
//!
//! A [`Ruleset`] is a value, made of a World alone: one table, in which a connection attempt to one of
//! our doors is admitted by the first rule that admits it, or dropped and counted by the name of its
//! network. [`Firewall`] puts it in place of the one before, whole or not at all, and reads its
//! counters back. Tables of others are not touched.
//!
//! It must not decide: the law in its tests holds the kernel to `verdict::admit`. Start at [`Ruleset`].

mod apply;
mod nft;
mod program;
mod ruleset;
mod table;

pub use apply::{Counts, Firewall, NotApplied};
pub use program::Failed;
pub use ruleset::{Admits, Door, NAMES_MAX, Owner, Ruleset};
pub use table::TableName;
