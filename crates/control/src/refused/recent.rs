//! One attempt sends its SYN several times, after 1 s, 3 s, 7 s and so on: it is one refusal.

use std::collections::HashSet;

use net::attempts::Attempt;

/// Longer than a system repeats a SYN (Linux: six times, the last after 63 s).
const REMEMBERED_SECONDS: u64 = 70;
/// Attempts remembered, twice: in a flood, repetitions count again.
const ATTEMPTS_MAX: usize = 16_384;

/// Attempts of the last minute or two, in two halves: the older one is forgotten as a whole.
#[derive(Default)]
pub struct Recent {
    current: HashSet<Attempt>,
    older: HashSet<Attempt>,
    begun: i64,
}

impl Recent {
    /// Forgets what is too long ago to be repeated.
    pub fn forget(&mut self, now: i64) {
        // Also when the clock was set back.
        let passed = now.abs_diff(self.begun);
        if passed >= 2 * REMEMBERED_SECONDS {
            self.current.clear();
        }
        if passed >= REMEMBERED_SECONDS {
            self.begin();
            self.begun = now;
        }
    }

    /// Whether it was not seen before.
    pub fn is_new(&mut self, attempt: Attempt) -> bool {
        if self.current.len() >= ATTEMPTS_MAX {
            self.begin();
        }
        self.current.insert(attempt) && !self.older.contains(&attempt)
    }

    fn begin(&mut self) {
        self.older = std::mem::take(&mut self.current);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_syn_is_no_second_attempt() {
        let attempt = |sequence| Attempt {
            from: "192.0.2.1:4000".parse().unwrap(),
            to: "203.0.113.10:443".parse().unwrap(),
            sequence,
        };
        let mut recent = Recent::default();
        let rows = [
            ("the first", 1000, 7, true),
            ("after 1 s", 1001, 7, false),
            ("another attempt from the same port", 1001, 8, true),
            ("after 63 s", 1063, 7, false),
            ("in the next half", 1071, 7, false),
            ("a number that comes again much later", 1300, 7, true),
        ];
        for (name, now, sequence, expected) in rows {
            recent.forget(now);
            assert_eq!(recent.is_new(attempt(sequence)), expected, "{name}");
        }
        for sequence in 0..3 * ATTEMPTS_MAX as u32 {
            recent.is_new(attempt(sequence));
        }
        assert!(recent.current.len() + recent.older.len() <= 2 * ATTEMPTS_MAX);
    }
}
