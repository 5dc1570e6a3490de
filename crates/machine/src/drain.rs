//! Which targets of a group are registered and which are draining (ALB.md §5d).

use std::collections::BTreeSet;
use std::time::Duration;

/// Draining targets of a group; past it the one that drains longest ends early.
pub const DRAINING_MAX: usize = 1000;

/// Why [`Registry::handle_timeout`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// "In-flight may finish until delay" (ALB.md §5d): a deregistration delay is over.
    DrainEnds,
}

/// What a new list of targets changes. Targets are named by [`crate::board::target_key`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<u64>,
    pub kept: Vec<u64>,
    /// They were draining and are registered again: no request was cut off.
    pub returned: Vec<u64>,
    /// They drain from now on.
    pub deregistered: Vec<u64>,
    /// They make room for newer draining ones ([`DRAINING_MAX`]).
    pub crowded_out: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining {
    pub key: u64,
    pub until: Duration,
}

/// ```text
///   (unknown) ──added──▶ registered ──deregistered──▶ draining ──until──▶ (unknown)
///                             ▲                          │
///                             └─────────returned─────────┘
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry {
    registered: Vec<u64>,
    draining: Vec<Draining>,
}

// === impl Registry ===

impl Registry {
    /// In the order in which the group lists them, without repetitions.
    pub fn registered(&self) -> &[u64] {
        &self.registered
    }

    /// In the order in which they were deregistered.
    pub fn draining(&self) -> &[Draining] {
        &self.draining
    }

    /// The whole new list of the group's targets. Those that already drain keep their time, also if
    /// `delay` has changed.
    pub fn handle_targets(&mut self, now: Duration, targets: &[u64], delay: Duration) -> Changes {
        let mut changes = Changes::default();
        let before: BTreeSet<u64> = self.registered.iter().copied().collect();
        let draining: BTreeSet<u64> = self.draining.iter().map(|target| target.key).collect();
        let mut wanted = BTreeSet::new();
        let mut registered = Vec::with_capacity(targets.len());
        for key in targets.iter().copied().filter(|key| wanted.insert(*key)) {
            registered.push(key);
            if before.contains(&key) {
                changes.kept.push(key);
            } else if draining.contains(&key) {
                changes.returned.push(key);
            } else {
                changes.added.push(key);
            }
        }
        let old = std::mem::replace(&mut self.registered, registered);
        self.draining.retain(|target| !wanted.contains(&target.key));
        for key in old.into_iter().filter(|key| !wanted.contains(key)) {
            self.draining.push(Draining { key, until: now + delay });
            changes.deregistered.push(key);
        }
        let excess = self.draining.len().saturating_sub(DRAINING_MAX);
        changes.crowded_out.extend(self.draining.drain(..excess).map(|target| target.key));
        changes
    }

    pub fn poll_timeout(&self) -> Option<(Duration, Why)> {
        self.draining.iter().map(|target| (target.until, Why::DrainEnds)).min_by_key(|(at, _)| *at)
    }

    /// The targets whose delay is over: they are forgotten, and what is still in flight is cut.
    pub fn handle_timeout(&mut self, now: Duration) -> Vec<u64> {
        self.draining
            .extract_if(.., |target| target.until <= now)
            .map(|target| target.key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DELAY: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn deregistered_for_the_whole_delay() {
        let mut registry = Registry::default();
        let changes = registry.handle_targets(at(0), &[1, 2, 3, 2], DELAY);
        assert_eq!(changes, Changes { added: vec![1, 2, 3], ..Changes::default() });
        let changes = registry.handle_targets(at(10), &[3, 4], DELAY);
        assert_eq!(changes.added, [4]);
        assert_eq!(changes.kept, [3]);
        assert_eq!(changes.deregistered, [1, 2]);
        assert_eq!(registry.registered(), [3, 4]);
        assert_eq!(registry.poll_timeout(), Some((at(310), Why::DrainEnds)));
        assert!(registry.handle_timeout(at(309)).is_empty());
        assert_eq!(registry.handle_timeout(at(310)), [1, 2]);
        assert_eq!(registry.poll_timeout(), None);
    }

    #[test]
    fn registering_again_cancels() {
        let mut registry = Registry::default();
        registry.handle_targets(at(0), &[1, 2], DELAY);
        registry.handle_targets(at(1), &[], DELAY);
        // Another delay now does not touch who is already leaving.
        let changes = registry.handle_targets(at(2), &[2], Duration::ZERO);
        assert_eq!(changes, Changes { returned: vec![2], ..Changes::default() });
        assert_eq!(registry.draining(), [Draining { key: 1, until: at(301) }]);
        assert_eq!(registry.handle_timeout(at(1000)), [1]);
        assert_eq!(registry.registered(), [2]);
    }

    #[test]
    fn no_delay() {
        let mut registry = Registry::default();
        registry.handle_targets(at(0), &[1], Duration::ZERO);
        registry.handle_targets(at(1), &[], Duration::ZERO);
        assert_eq!(registry.handle_timeout(at(1)), [1]);
    }

    #[test]
    fn draining_is_limited() {
        let mut registry = Registry::default();
        let many: Vec<u64> = (0..DRAINING_MAX as u64 + 2).collect();
        registry.handle_targets(at(0), &many, DELAY);
        let changes = registry.handle_targets(at(1), &[], DELAY);
        assert_eq!(changes.crowded_out, [0, 1]);
        assert_eq!(registry.draining().len(), DRAINING_MAX);
    }

    proptest! {
        /// Every target is in one place, no change is lost, and nobody leaves before its time.
        #[test]
        fn laws(lists in proptest::collection::vec((0..400_u64, proptest::collection::vec(0..8_u64, 0..8)), 0..30)) {
            let mut registry = Registry::default();
            let mut now = at(0);
            let mut left_at = std::collections::BTreeMap::new();
            for (passes, list) in lists {
                now += at(passes);
                for gone in registry.handle_timeout(now) {
                    let left: Duration = left_at.remove(&gone).expect("was deregistered");
                    prop_assert!(now >= left + DELAY);
                }
                let known: BTreeSet<u64> = registry.registered().iter().copied()
                    .chain(registry.draining().iter().map(|target| target.key))
                    .collect();
                let changes = registry.handle_targets(now, &list, DELAY);
                for key in &changes.deregistered {
                    prop_assert!(left_at.insert(*key, now).is_none());
                }
                for key in &changes.returned {
                    prop_assert!(left_at.remove(key).is_some());
                }
                let mut listed = list.clone();
                listed.sort_unstable();
                listed.dedup();
                let mut registered = [&changes.added[..], &changes.kept, &changes.returned].concat();
                registered.sort_unstable();
                prop_assert_eq!(&registered, &listed);
                prop_assert!(changes.added.iter().all(|key| !known.contains(key)));
                let draining: Vec<u64> = registry.draining().iter().map(|target| target.key).collect();
                prop_assert!(draining.iter().all(|key| !listed.contains(key)));
                prop_assert!(draining.iter().all(|key| left_at.contains_key(key)));
                prop_assert_eq!(draining.len(), left_at.len());
            }
        }
    }
}
