//! When a certificate is renewed: in the window that the authority suggests (RFC 9773), else when a
//! third of its lifetime is left, which holds for 6 days as well as for 90.
//!
//! Times are since 1970, by whatever clock the caller has.

use std::time::Duration;

/// RFC 9773 §4.3.2: how long an answer holds that does not say so.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 3600);
/// §4.3.2 lets a client limit what it is told; a window may change by a revocation.
const ASK_AGAIN_MIN: Duration = Duration::from_secs(60);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(24 * 3600);

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    pub not_before: Duration,
    pub not_after: Duration,
}

/// `suggestedWindow` (RFC 9773 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start: Duration,
    pub end: Duration,
}

/// Why it is renewed when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A draw within the authority's window.
    Window,
    /// A third of the lifetime is left.
    LastThird,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub at: Duration,
    pub reason: Reason,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    AskWindow,
    Renew,
}

/// How a certificate stands whose renewal did not succeed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is not due, or there is time for many more attempts.
    None,
    /// Half of the time that was left for attempts is over.
    Late,
    Expired,
}

/// One certificate that is served.
#[derive(Clone, Debug)]
pub struct Renewal {
    lifetime: Lifetime,
    /// The same for the life of a certificate: a new draw with each answer would move the renewal
    /// towards the end of the window (RFC 9773 §4.2).
    draw: u64,
    window: Option<Window>,
    ask: Option<Duration>,
}

/// Where in the window, or when two thirds of the lifetime are over.
pub fn plan(lifetime: Lifetime, window: Option<Window>, draw: u64) -> Plan {
    let whole = lifetime.not_after.saturating_sub(lifetime.not_before);
    let third =
        Plan { at: lifetime.not_after.saturating_sub(whole / 3), reason: Reason::LastThird };
    match window {
        // One that ends before it begins, or when the certificate has ended, is no help.
        Some(Window { start, end }) if start < end && start < lifetime.not_after => {
            let end = end.min(lifetime.not_after);
            Plan { at: start + share(end - start, draw), reason: Reason::Window }
        }
        Some(_) | None => third,
    }
}

/// So much of `whole` as `draw` is of all draws.
pub(crate) fn share(whole: Duration, draw: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(draw)) >> 64;
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}

// === impl Renewal ===

impl Renewal {
    /// `asks`: the authority has renewal information.
    pub fn new(lifetime: Lifetime, draw: u64, asks: bool, now: Duration) -> Renewal {
        Renewal { lifetime, draw, window: None, ask: asks.then_some(now) }
    }

    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    pub fn plan(&self) -> Plan {
        plan(self.lifetime, self.window, self.draw)
    }

    pub fn poll_timeout(&self) -> (Duration, Why) {
        let renew = (self.plan().at, Why::Renew);
        match self.ask {
            Some(at) if at < renew.0 => (at, Why::AskWindow),
            Some(_) | None => renew,
        }
    }

    /// What is due now. The window is asked for before a renewal, since it may have moved.
    pub fn due(&self, now: Duration) -> Option<Why> {
        match self.ask {
            Some(at) if at <= now => Some(Why::AskWindow),
            Some(_) | None => (self.plan().at <= now).then_some(Why::Renew),
        }
    }

    /// The authority's answer, and how long it holds (`Retry-After`).
    pub fn handle_window(&mut self, now: Duration, window: Window, again: Option<Duration>) {
        self.window = Some(window);
        let again = again.unwrap_or(ASK_AGAIN).clamp(ASK_AGAIN_MIN, ASK_AGAIN_MAX);
        self.ask = Some(now + again);
    }

    /// It gave none this time: what is known holds (RFC 9773 §4.3.3).
    pub fn handle_no_answer(&mut self, now: Duration) {
        self.ask = Some(now + ASK_AGAIN);
    }

    /// It has none at all.
    pub fn handle_not_offered(&mut self) {
        self.ask = None;
    }

    pub fn urgency(&self, now: Duration) -> Urgency {
        let due = self.plan().at;
        let half = due + self.lifetime.not_after.saturating_sub(due) / 2;
        match () {
            () if now >= self.lifetime.not_after => Urgency::Expired,
            () if now >= half => Urgency::Late,
            () => Urgency::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    fn lifetime(length: u64) -> Lifetime {
        Lifetime { not_before: days(1000), not_after: days(1000 + length) }
    }

    #[test]
    fn when() {
        let window = |from, to| Some(Window { start: days(from), end: days(to) });
        let half = 1 << 63;
        let rows = [
            ("ninety days", lifetime(90), None, 0, days(1060), Reason::LastThird),
            (
                "forty-seven days",
                lifetime(47),
                None,
                0,
                days(1032) - days(2) / 3,
                Reason::LastThird,
            ),
            ("six days", lifetime(6), None, u64::MAX, days(1004), Reason::LastThird),
            (
                "the start of a window",
                lifetime(90),
                window(1050, 1052),
                0,
                days(1050),
                Reason::Window,
            ),
            ("its middle", lifetime(90), window(1050, 1052), half, days(1051), Reason::Window),
            ("one that is past", lifetime(90), window(900, 902), half, days(901), Reason::Window),
            (
                "one that ends late",
                lifetime(6),
                window(1004, 1020),
                half,
                days(1005),
                Reason::Window,
            ),
            (
                "one after the end",
                lifetime(6),
                window(1007, 1020),
                0,
                days(1004),
                Reason::LastThird,
            ),
            ("one that is none", lifetime(6), window(1003, 1003), 0, days(1004), Reason::LastThird),
        ];
        for (name, lifetime, window, draw, at, reason) in rows {
            let plan = plan(lifetime, window, draw);
            assert_eq!(plan.reason, reason, "{name}");
            let apart = plan.at.abs_diff(at);
            assert!(apart <= Duration::from_secs(DAY), "{name}: {:?} {at:?}", plan.at);
        }
    }

    #[test]
    fn a_window_is_asked_for_first_and_again() {
        let mut renewal = Renewal::new(lifetime(90), 0, true, days(1000));
        assert_eq!(renewal.due(days(1000)), Some(Why::AskWindow));
        let start = Window { start: days(1050), end: days(1052) };
        renewal.handle_window(days(1000), start, Some(Duration::from_secs(1)));
        assert_eq!(renewal.poll_timeout(), (days(1000) + ASK_AGAIN_MIN, Why::AskWindow));
        // A revocation: the window is over.
        let past = Window { start: days(998), end: days(999) };
        renewal.handle_window(days(1001), past, None);
        assert_eq!(renewal.due(days(1001)), Some(Why::Renew));
        renewal.handle_no_answer(days(1001));
        assert_eq!(renewal.plan().reason, Reason::Window, "what is known holds");
        renewal.handle_not_offered();
        assert_eq!(renewal.poll_timeout().1, Why::Renew);
    }

    #[test]
    fn how_it_stands() {
        let renewal = Renewal::new(lifetime(90), 0, false, days(1000));
        let rows = [
            (1000, Urgency::None),
            (1061, Urgency::None),
            (1076, Urgency::Late),
            (1090, Urgency::Expired),
        ];
        for (day, expected) in rows {
            assert_eq!(renewal.urgency(days(day)), expected, "{day}");
        }
    }

    proptest! {
        /// Whatever the authority says, a certificate is renewed before it ends.
        #[test]
        fn before_the_end(
            length in 1u64..40_000_000,
            start in 0u64..200_000_000,
            width in 0u64..10_000_000,
            offered: bool,
            draw: u64,
        ) {
            let not_before = Duration::from_secs(100_000_000);
            let lifetime = Lifetime { not_before, not_after: not_before + Duration::from_secs(length) };
            let start = Duration::from_secs(start);
            let window = Window { start, end: start + Duration::from_secs(width) };
            let plan = plan(lifetime, offered.then_some(window), draw);
            prop_assert!(plan.at < lifetime.not_after);
            if plan.reason == Reason::Window {
                prop_assert!(window.start <= plan.at && plan.at < window.end);
            }
        }
    }
}
