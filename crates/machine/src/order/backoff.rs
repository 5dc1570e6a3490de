//! How long to wait after a failure: longer than the window in which the authority counts.

use std::time::Duration;

use crate::renewal::share;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Failures in a row after which an authority that cannot be reached lets the next one go first.
const PATIENCE: u32 = 3;
/// Up to this share of a delay is added, by draw.
const SPREAD: u32 = 4;

/// Why a step failed, as far as it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request was in order, its nonce was not (RFC 8555 §6.5).
    BadNonce,
    /// No answer, or one that says that the authority has a fault.
    Unreachable { retry_after: Option<Duration> },
    /// `rateLimited` (RFC 8555 §6.6).
    RateLimited { retry_after: Option<Duration> },
    /// The authority asked, and was not convinced.
    NotProved,
    /// The order is not known any more, or of no use.
    OrderLost,
    /// `accountDoesNotExist`: the key finds it, or makes it again.
    AccountLost,
    /// It will not issue this, however often it is asked.
    Declined,
    /// At work for too long.
    Slow,
    /// We asked ourselves first, and the authority would have refused.
    NotReady,
    /// Our own disk or memory.
    Ours,
}

/// `failures`: how many of this kind there have been in a row, this one included.
pub fn delay(failure: Failure, failures: u32, draw: u64) -> Duration {
    let (first, most) = match failure {
        Failure::BadNonce => (Duration::from_secs(1), MINUTE),
        Failure::Unreachable { .. } => (MINUTE, HOUR),
        Failure::RateLimited { .. } => (HOUR, DAY),
        // Let's Encrypt counts 5 failed validations of a name in an hour: four attempts stay below.
        Failure::NotProved => (20 * MINUTE, DAY),
        Failure::OrderLost | Failure::AccountLost => (Duration::from_secs(5), HOUR),
        Failure::Declined => (6 * HOUR, DAY),
        Failure::Slow => (5 * MINUTE, 6 * HOUR),
        // Nobody was asked but ourselves.
        Failure::NotReady => (MINUTE, 15 * MINUTE),
        Failure::Ours => (Duration::from_secs(10), 10 * MINUTE),
    };
    let grown = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
    let told = match failure {
        Failure::Unreachable { retry_after } | Failure::RateLimited { retry_after } => retry_after,
        Failure::BadNonce
        | Failure::NotProved
        | Failure::OrderLost
        | Failure::AccountLost
        | Failure::Declined
        | Failure::Slow
        | Failure::NotReady
        | Failure::Ours => None,
    };
    // What an authority says is the least: it knows its windows. A nonsense of years is not believed.
    let delay = told.map_or(grown, |told| told.clamp(Duration::from_secs(1), 7 * DAY));
    delay + share(delay / SPREAD, draw)
}

/// Whether the next authority is asked meanwhile.
pub fn lets_others_go_first(failure: Failure, failures: u32) -> bool {
    match failure {
        Failure::BadNonce
        | Failure::Unreachable { .. }
        | Failure::OrderLost
        | Failure::AccountLost => failures >= PATIENCE,
        Failure::RateLimited { .. }
        | Failure::NotProved
        | Failure::Declined
        | Failure::Slow
        | Failure::NotReady => true,
        // It would go no better elsewhere.
        Failure::Ours => false,
    }
}
