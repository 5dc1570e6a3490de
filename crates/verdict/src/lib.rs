//! The decisions: pure functions of values, each written once.
//!
//! The data plane calls them with the witness `()`, which compiles to nothing; an explanation calls
//! the same functions with a witness that records. A witness is told things and answers nothing,
//! so it cannot bend a verdict.
//!
//! This crate must not know sockets, clocks, random numbers, logs or the configuration language:
//! time and draws are arguments. Start at [`journey`], which is the order of the decisions.

pub mod admit;
pub mod answer;
pub mod application;
pub mod certificate;
pub mod forward;
pub mod host;
pub mod issuance;
pub mod journey;
pub mod name;
pub mod on_demand;
pub mod pass;
pub mod path;
pub mod redirect;
pub mod request;
pub mod rewrite;
pub mod route;
pub mod target;

/// What a decision tells while it is made: every condition that did not hold, and what did.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    Admit(admit::Note<'a>),
    Certificate(certificate::Note<'a>),
    Route(route::Note<'a>),
    Target(target::Note),
}

/// Listens to a decision. It returns nothing, so a verdict cannot depend on it.
pub trait Witness {
    /// Whether to go on telling after the answer is known, such as the other conditions of a rule
    /// that has already failed one. It changes what is told, never what is decided.
    const THOROUGH: bool = true;

    fn note(&mut self, note: Note<'_>);
}

impl Witness for () {
    const THOROUGH: bool = false;

    #[inline(always)]
    fn note(&mut self, _: Note<'_>) {}
}
