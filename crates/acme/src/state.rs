//! How a certificate stands, for people and programs.

use machine::order::Why as OrderWhy;
use machine::renewal::{Reason, Urgency};
use serde::{Deserialize, Serialize};

use crate::words::Trouble;

/// One certificate that comes from an authority. Times are Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub name: String,
    pub names: Vec<String>,
    /// `valid`, `pending`, `renewing`, `late` or `expired`.
    pub state: String,
    /// The authority that issued it, or that is asked.
    pub authority: String,
    /// How the names are proved, and why so.
    pub challenge: String,
    pub challenge_reason: String,
    pub not_before: Option<i64>,
    pub not_after: Option<i64>,
    pub next: Option<Next>,
    pub error: Option<LastError>,
    /// Where it is declared.
    pub place: String,
}

/// What happens next, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    pub action: String,
    pub at: i64,
}

/// Why the last attempt failed, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    pub words: String,
    pub hint: Option<String>,
    /// In a row.
    pub failures: u32,
}

impl LastError {
    pub fn of(trouble: &Trouble, failures: u32) -> LastError {
        LastError { words: trouble.words.clone(), hint: trouble.hint.clone(), failures }
    }
}

pub fn renewal_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Window => "renew, in the window that the authority suggests",
        Reason::LastThird => "renew, with a third of the lifetime left",
    }
}

pub fn order_words(why: OrderWhy) -> &'static str {
    match why {
        OrderWhy::NextStep => "order",
        OrderWhy::LookAgain => "ask whether the authority is done",
        OrderWhy::Again(_) => "order again",
    }
}

/// `served`: there is one that is served meanwhile.
pub fn word(served: bool, ordering: bool, urgency: Urgency) -> &'static str {
    match (served, urgency, ordering) {
        (false, _, _) => "pending",
        (true, Urgency::Expired, _) => "expired",
        (true, Urgency::Late, _) => "late",
        (true, Urgency::None, true) => "renewing",
        (true, Urgency::None, false) => "valid",
    }
}
