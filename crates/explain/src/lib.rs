//! Questions about a configuration and their answers: how far a request gets from a client network,
//! why it stops there, what the person sees, and the smallest change that mends it; and a page of
//! prose for every code.
//!
//! It asks the decisions of [`verdict`] with a witness that records: nothing is decided here a second
//! time. It must not know sockets, clocks or the configuration language; what was observed is an
//! argument.

mod advice;
mod atlas;
mod cells;
mod chain;
mod clock;
mod compare;
mod expect;
mod facts;
mod fix;
mod hop;
mod lint;
mod observed;
mod outcome;
mod page;
mod query;
mod question;
mod reach;
mod report;
mod space;
mod tables;
mod text;
mod walk;
mod who;

pub mod delegation;
pub mod pages;
pub mod probe;

pub use atlas::{Alike, Atlas, Classes, PIECES_MAX, Surveyed};
pub use cells::Door;
pub use chain::{Leg, NextRequest, REDIRECTS_MAX, next_request};
pub use compare::{CompareReport, compare, compare_text};
pub use expect::{Proof, Violation, prove};
pub use facts::{
    Behaviour, CertificateView, Counted, Enforcement, FactSource, Facts, ObservedBy, TargetView,
    Trust,
};
pub use fix::{Fix, fixes};
pub use hop::{Aimed, Evidence, Hop, Near, Recorder, State, Trace};
pub use lint::lint;
pub use observed::Observed;
pub use outcome::{Grade, Outcome, Sees, Speaker, Stage, reason};
pub use query::{Answer, BadQuestion, Query, Verb};
pub use question::{Client, Request, UnknownAsker, asker_words, parse_asker};
pub use reach::{ROWS_MAX, ReachReport, reach, reach_text};
pub use report::{
    CallReport, FixReport, LegReport, OtherReport, OutcomeReport, PartReport, REPORT_VERSION,
    Report, askers, explain,
};
pub use space::{Piece, prefixes};
pub use tables::{WhoReport, who, who_text};
pub use text::{Layout, Paint, text};
pub use walk::{Ask, addresses, only_other_family, walk};
pub use who::{Inquiry, Part, Partition, partition, partition_of};
