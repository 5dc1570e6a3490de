//! Certificates from authorities (RFC 8555): drives the machine of orders and renewals over
//! instant-acme.
//!
//! What to do next, and when, is decided in `machine`, and whether to ask at all in `verdict`; this crate
//! must not decide it. It must not know listeners and cores either: it tells control what authorities
//! will look for, and that a certificate came.
//!
//! Start at [`Keeper`]; an order's steps are in `steps.rs`.

mod demand;
mod keeper;
mod task;

mod steps;
mod wanted;

mod account;
mod ask;
mod base64url;
mod challenges;
mod client;
mod guard;
mod kept;
mod state;
mod words;

pub use challenges::Published;
pub use demand::Visited;
pub use guard::Allowed;
pub use keeper::{Event, Keeper, NotAsked};
pub use kept::{Issued, Records};
pub use state::{LastError, Next, State};
pub use words::Trouble;
