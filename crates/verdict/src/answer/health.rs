//! Whether what an alias follows is healthy.

use model::{Action, GroupId, HealthState, LoadBalancerId, Model};

/// Whether a target counts for the health of what has it: one that was not asked yet, or is not to be
/// asked, does (ALB.md §10, health checks: new and disabled ones are healthy).
pub const fn is_well(state: HealthState) -> bool {
    match state {
        HealthState::Healthy
        | HealthState::Initial
        | HealthState::Unused
        | HealthState::Unavailable => true,
        HealthState::Unhealthy | HealthState::Draining => false,
    }
}

/// ALB.md §5f, Route 53's `EvaluateTargetHealth`, where its documents agree: unhealthy if any target
/// group that has targets has no healthy one, or if none has targets. A load balancer that forwards to
/// nobody has nothing that could be unhealthy.
pub fn load_balancer_healthy(
    model: &Model,
    id: LoadBalancerId,
    group_healthy: &dyn Fn(GroupId) -> bool,
) -> bool {
    let listeners = model[id].listeners.iter().map(|listener| &model[*listener]);
    let actions = listeners.flat_map(|listener| {
        listener.rules.iter().map(|rule| &rule.action).chain([&listener.default_action])
    });
    let forwards = actions.filter_map(|action| match action {
        Action::Forward(forward) => Some(forward),
        Action::Redirect(_) | Action::FixedResponse(_) | Action::Close => None,
    });
    let mut groups = forwards.flat_map(|forward| &forward.groups).map(|one| one.group).peekable();
    if groups.peek().is_none() {
        return true;
    }
    let mut has_targets = false;
    let all = groups.all(|group| {
        let is_empty = model[group].targets.is_empty();
        has_targets |= !is_empty;
        is_empty || group_healthy(group)
    });
    all && has_targets
}
