//! Whether names may lead to a load balancer.

use std::collections::BTreeSet;

use model::{Action, GroupId, LoadBalancerId};

use crate::World;

/// What is known of a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupHealth {
    /// It has no targets.
    Empty,
    Healthy,
    /// None of its targets is healthy.
    Unhealthy,
}

impl World {
    /// ALB.md §5f, evaluation of an alias's target: not healthy if a group that has targets has no
    /// healthy one, or if no group has targets. Who only redirects or answers itself is healthy.
    pub fn load_balancer_healthy(
        &self,
        load_balancer: LoadBalancerId,
        health: &dyn Fn(GroupId) -> GroupHealth,
    ) -> bool {
        let groups = self.groups_of(load_balancer);
        let states: Vec<GroupHealth> = groups.iter().map(|group| health(*group)).collect();
        let all_empty = states.iter().all(|state| *state == GroupHealth::Empty);
        !states.contains(&GroupHealth::Unhealthy) && (states.is_empty() || !all_empty)
    }

    /// The groups that some rule or default action of the load balancer forwards to.
    fn groups_of(&self, load_balancer: LoadBalancerId) -> BTreeSet<GroupId> {
        let listeners = self.model.listeners.iter();
        let own = listeners.filter(|listener| listener.load_balancer == load_balancer);
        let forwards = own.flat_map(super::actions).filter_map(|action| match action {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) | Action::FixedResponse(_) => None,
        });
        forwards.flat_map(|forward| forward.groups.iter().map(|group| group.group)).collect()
    }
}
