//! Questions about a configuration and their answers: how far a request gets from a client network,
//! why it stops there, what the person sees, and the smallest change that mends it; and a page of
//! prose for every code.
//!
//! It asks the decisions of [`verdict`] with a witness that records: nothing is decided here a second
//! time. It must not know sockets, clocks or the configuration language; what was observed is an
//! argument.

mod clock;
mod facts;
mod hop;
mod outcome;
mod space;
mod walk;

pub mod pages;

pub use facts::{Behaviour, CertificateView, Enforcement, FactSource, Facts, TargetView, Trust};
pub use hop::{Evidence, Hop, Near, Recorder, State, Trace};
pub use outcome::{Grade, Outcome, Sees, Speaker, Stage};
pub use space::{Cuts, Piece};
pub use walk::{Ask, walk};
