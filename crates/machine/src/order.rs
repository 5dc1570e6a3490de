//! The order of a certificate (RFC 8555 §7), step by step, with every authority that may be asked.
//!
//! ```text
//!  Nothing ──▶ AccountKey ──▶ Account ──▶ Key ──▶ Order ──┬─ pending ──▶ prove ──▶ look again
//!                                                        ├─ ready ────▶ finalize ▶ look again
//!                                                        └─ valid ────▶ download ▶ done
//! ```
//!
//! What is [`Kept`] is stored before the next step begins, so that a process that is killed goes on
//! where it was, without a second account, a lost key or a repeated order (DECISIONS 34). Times are
//! since 1970, so that a back-off outlives a restart.

mod backoff;

use std::time::Duration;

pub use self::backoff::Failure;
use self::backoff::{delay, lets_others_go_first};

/// How far an order has come at one authority: what is stored, each with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    #[default]
    Nothing,
    /// The account's key, before the account (RFC 8555 §7.3: the same key finds it again).
    AccountKey,
    Account,
    /// The certificate's key.
    Key,
    /// The order's address.
    Order,
}

/// What the authority says of the order (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Names are still to be proved.
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

/// What is to be done now, and stored before it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    MakeAccountKey,
    OpenAccount,
    MakeKey,
    PlaceOrder,
    /// Ask how the order stands.
    Look,
    /// Answer the challenges, then tell the authority that they are.
    Prove,
    Finalize,
    /// Fetch the chain and store it in place of the order.
    Download,
}

/// A step that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    AccountKeyMade,
    AccountOpened,
    KeyMade,
    OrderPlaced,
    Seen(OrderStatus),
    Proved,
    Finalized,
    Stored,
}

/// Why [`Order::poll_timeout`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing to wait for.
    NextStep,
    /// The authority is at work.
    LookAgain,
    /// After a failure.
    Again(Failure),
}

/// How it goes with one authority; stored with what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In a row.
    pub failures: u32,
    pub last: Option<Failure>,
    /// Nothing is asked before.
    pub due: Duration,
}

/// Names at one authority.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    pub kept: Kept,
    pub standing: Standing,
    /// Of the order; `None` before it was looked at.
    seen: Option<OrderStatus>,
    /// Since the authority was set to work.
    looks: u32,
    proved: bool,
}

/// Looks in vain before it is taken for a failure: with the pauses some five minutes.
const LOOKS_MAX: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// One certificate on its way.
#[derive(Clone, Debug)]
pub struct Order {
    lines: Vec<Line>,
    in_flight: Option<usize>,
    done: bool,
}

// === impl Line ===

impl Line {
    pub fn resumed(kept: Kept, standing: Standing) -> Line {
        Line { kept, standing, ..Line::default() }
    }

    fn step(&self) -> Step {
        match (self.kept, self.seen) {
            (Kept::Nothing, _) => Step::MakeAccountKey,
            (Kept::AccountKey, _) => Step::OpenAccount,
            (Kept::Account, _) => Step::MakeKey,
            (Kept::Key, _) => Step::PlaceOrder,
            (Kept::Order, Some(OrderStatus::Pending)) if !self.proved => Step::Prove,
            (Kept::Order, Some(OrderStatus::Ready)) => Step::Finalize,
            (Kept::Order, Some(OrderStatus::Valid)) => Step::Download,
            (
                Kept::Order,
                None | Some(OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Invalid),
            ) => Step::Look,
        }
    }

    fn forget_order(&mut self) {
        // A key that an authority has seen in vain is as good as new, but nothing is gained by it.
        self.kept = self.kept.min(Kept::Account);
        (self.seen, self.looks, self.proved) = (None, 0, false);
    }

    /// A pause that grows while the authority is at work.
    fn wait(&mut self, now: Duration) {
        let pause = PAUSE.saturating_mul(1 << (self.looks / 2).min(4)).min(PAUSE_MAX);
        self.looks += 1;
        self.standing.due = now + pause;
    }
}

// === impl Order ===

impl Order {
    /// One line an authority, in the order in which they are to be asked; at least one.
    pub fn new(lines: Vec<Line>) -> Order {
        Order { lines, in_flight: None, done: false }
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// When there is a next step, and why not before; `None` while one is under way, and in the end.
    pub fn poll_timeout(&self) -> Option<(Duration, Why)> {
        if self.in_flight.is_some() || self.done {
            return None;
        }
        let line = self.lines.get(self.next()?)?;
        let why = match line.standing.last {
            _ if line.standing.due == Duration::ZERO => Why::NextStep,
            _ if line.looks > 0 => Why::LookAgain,
            Some(failure) => Why::Again(failure),
            None => Why::NextStep,
        };
        Some((line.standing.due, why))
    }

    /// The step that is due, and at which authority.
    pub fn poll_step(&mut self, now: Duration) -> Option<(usize, Step)> {
        let (due, _) = self.poll_timeout()?;
        let at = self.next()?;
        if due > now {
            return None;
        }
        self.in_flight = Some(at);
        Some((at, self.lines.get(at)?.step()))
    }

    /// The first that may be asked now; if none may, the one that may be asked first. One that is
    /// merely slow keeps the others waiting.
    fn next(&self) -> Option<usize> {
        // The first that has not failed, or not for good, and all that let it go first.
        let stays = |line: &Line| match line.standing.last {
            Some(failure) => !lets_others_go_first(failure, line.standing.failures),
            None => true,
        };
        let among = self.lines.iter().position(stays).map_or(self.lines.len(), |at| at + 1);
        let lines = self.lines.iter().take(among).enumerate();
        lines.min_by_key(|(at, line)| (line.standing.due, *at)).map(|(at, _)| at)
    }

    pub fn handle_done(&mut self, now: Duration, done: Done) {
        let Some(line) = self.in_flight.take().and_then(|at| self.lines.get_mut(at)) else {
            return;
        };
        line.standing.due = Duration::ZERO;
        match done {
            Done::AccountKeyMade => line.kept = Kept::AccountKey,
            Done::AccountOpened => line.kept = Kept::Account,
            Done::KeyMade => line.kept = Kept::Key,
            Done::OrderPlaced => line.kept = Kept::Order,
            Done::Proved => line.proved = true,
            Done::Finalized => {
                (line.seen, line.looks) = (None, 0);
                line.wait(now);
            }
            Done::Stored => self.done = true,
            Done::Seen(status) => {
                let at_work = match status {
                    OrderStatus::Pending => line.proved,
                    OrderStatus::Processing => true,
                    OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Invalid => false,
                };
                line.seen = Some(status);
                match at_work {
                    true => line.wait(now),
                    false => line.looks = 0,
                }
            }
        }
    }

    /// Whether the authority has been at work for longer than is waited for, or has given up: the
    /// caller finds out why, and reports that as a failure.
    pub fn is_overdue(&self) -> bool {
        self.lines.iter().any(|line| line.looks > LOOKS_MAX)
    }

    /// `draw` spreads the attempts of many.
    pub fn handle_failed(&mut self, now: Duration, failure: Failure, draw: u64) {
        let Some(line) = self.in_flight.take().and_then(|at| self.lines.get_mut(at)) else {
            return;
        };
        match failure {
            Failure::NotProved | Failure::OrderLost | Failure::Declined => line.forget_order(),
            Failure::AccountLost => {
                line.forget_order();
                line.kept = line.kept.min(Kept::AccountKey);
            }
            Failure::Slow
            | Failure::BadNonce
            | Failure::Unreachable { .. }
            | Failure::RateLimited { .. }
            | Failure::NotReady
            | Failure::Ours => {}
        }
        line.looks = 0;
        line.seen = None;
        line.proved = false;
        let same = line.standing.last.map(|last| std::mem::discriminant(&last))
            == Some(std::mem::discriminant(&failure));
        line.standing.failures = if same { line.standing.failures.saturating_add(1) } else { 1 };
        line.standing.last = Some(failure);
        line.standing.due = now + delay(failure, line.standing.failures, draw);
    }

    /// A person says that it is worth another attempt. What an authority has forbidden for a time
    /// stays so.
    pub fn handle_asked(&mut self) {
        for line in &mut self.lines {
            match line.standing.last {
                Some(Failure::RateLimited { .. }) => {}
                Some(_) | None => line.standing.due = Duration::ZERO,
            }
        }
    }
}

#[cfg(test)]
mod tests;
