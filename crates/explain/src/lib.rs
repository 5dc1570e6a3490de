//! Questions about a configuration and their answers: how far a request gets from a client network,
//! why it stops there, what the person sees, and the smallest change that mends it; and a page of
//! prose for every code.
//!
//! It asks the decisions of [`verdict`] with a witness that records: nothing is decided here a second
//! time. It must not know sockets, clocks or the configuration language; what was observed is an
//! argument.

mod advice;
mod chain;
mod clock;
mod compare;
mod expect;
mod facts;
mod fix;
mod hop;
mod observed;
mod outcome;
mod page;
mod query;
mod question;
mod report;
mod space;
mod tables;
mod text;
mod walk;
mod who;

pub mod pages;
pub mod probe;

pub use chain::{Leg, REDIRECTS_MAX};
pub use compare::{CompareReport, compare, compare_text};
pub use expect::{Violation, prove};
pub use facts::{
    Behaviour, CertificateView, Enforcement, FactSource, Facts, ObservedBy, TargetView, Trust,
};
pub use fix::{Fix, fixes};
pub use hop::{Aimed, Evidence, Hop, Near, Recorder, State, Trace};
pub use observed::Observed;
pub use outcome::{Grade, Outcome, Sees, Speaker, Stage, reason};
pub use query::{Answer, BadQuestion, Query, Verb};
pub use question::{Client, Request, UnknownAsker, asker_words, clients_of, parse_asker};
pub use report::{
    CallReport, FixReport, LegReport, OtherReport, OutcomeReport, PartReport, REPORT_VERSION,
    Report, askers, explain,
};
pub use space::{Cuts, Membership, Piece, prefixes};
pub use tables::{ROWS_MAX, ReachReport, WhoReport, reach, reach_text, who, who_text};
pub use text::{Layout, Paint, text};
pub use walk::{Ask, addresses, only_other_family, walk};
pub use who::{Alike, Atlas, PIECES_MAX, Part, Partition, partition, partition_of};
