//! What `control` publishes about targets and the cores read: whole snapshots, never changed.

use std::net::SocketAddr;
use std::sync::Arc;

use model::{HealthReason, HealthState, Target};
use verdict::target::{TargetFacts, Targets};

use crate::hash::hash_displayed;
use crate::health::ProbeResult;

/// The targets of one generation of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Of the World that the targets belong to.
    pub generation: u64,
    /// By [`model::GroupId`].
    pub groups: Vec<GroupBoard>,
}

#[derive(Clone, Debug, Default)]
pub struct GroupBoard {
    /// In the order of the group's targets, followed by draining ones.
    pub targets: Vec<TargetBoard>,
}

#[derive(Clone, Debug)]
pub struct TargetBoard {
    /// [`target_key`].
    pub key: u64,
    /// Tried in order; empty if the name has none.
    pub addresses: Vec<SocketAddr>,
    pub state: HealthState,
    pub reason: Option<HealthReason>,
    /// When it came into `state`, in seconds since 1970.
    pub since_unix: i64,
    /// What the last health check saw, and when, in seconds since 1970.
    pub probed: Option<(ProbeResult, i64)>,
    /// Per mille, below 1000 during slow start.
    pub ramp: u16,
    /// Per mille, lowered by anomaly mitigation.
    pub weight: u16,
    /// As the operator wrote it, with the port.
    pub name: Arc<str>,
    /// For TLS to the target: the name in its Client Hello.
    pub server_name: Option<Arc<str>>,
}

// === impl GroupBoard ===

impl GroupBoard {
    /// Whether all registered targets get traffic, because too few are in service.
    pub fn fails_open(&self, minimum_healthy: u32) -> bool {
        verdict::target::fails_open(minimum_healthy, self)
    }
}

/// As `control` and explanations see the group: a core adds what it has outstanding.
impl Targets for GroupBoard {
    fn len(&self) -> usize {
        self.targets.len()
    }

    fn facts(&self, index: usize) -> TargetFacts {
        self.targets[index].facts()
    }
}

// === impl TargetBoard ===

impl TargetBoard {
    /// With nothing outstanding and not tried yet.
    pub fn facts(&self) -> TargetFacts {
        TargetFacts {
            state: self.state,
            resolved: !self.addresses.is_empty(),
            outstanding: 0,
            weight: self.weight,
            ramp: self.ramp,
            tried: false,
        }
    }
}

/// Identifies a target across reloads, restarts and nodes: its group's name, and the target as it
/// was written.
pub fn target_key(group: &str, target: &Target) -> u64 {
    hash_displayed(format_args!("{group}|{target}"))
}

/// Identifies a target group across reloads, restarts and nodes.
pub fn group_key(group: &str) -> u64 {
    hash_displayed(format_args!("{group}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Place, TargetAddress};

    #[test]
    fn keys_tell_groups_and_targets_apart() {
        let target = |last, port| Target {
            address: TargetAddress::Ip([10, 0, 0, last].into()),
            port,
            place: Place::described("test"),
        };
        let mut keys = vec![group_key("a"), group_key("b")];
        for group in ["a", "b"] {
            for last in 0..100 {
                for port in [80, 8080] {
                    keys.push(target_key(group, &target(last, port)));
                }
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
