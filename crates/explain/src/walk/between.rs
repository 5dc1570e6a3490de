//! The security groups between a load balancer and its targets.

use std::net::IpAddr;

use model::{LoadBalancerId, Target};
use verdict::admit::admit;

use super::Walk;

/// What was found between the load balancer and its targets.
#[derive(Default)]
pub struct Doors {
    pub egress: Vec<Target>,
    pub egress_not_known: Vec<Target>,
    pub not_admitted: Vec<(Target, model::InstanceId)>,
    pub not_known: Vec<(Target, model::InstanceId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    Yes,
    No,
    NotKnown,
}

impl Walk<'_> {
    /// The declared machine that a target is.
    pub fn instance_of(&self, target: &Target) -> Option<model::InstanceId> {
        world::instance_of(&self.world.model, target)
    }

    pub fn admitted_by(
        &self,
        lb: LoadBalancerId,
        instance: model::InstanceId,
        port: u16,
    ) -> Admits {
        let model = &self.world.model;
        if model[instance].security_groups.is_empty() {
            return Admits::Yes;
        }
        let admission = self.world.ingress_of_instance(instance);
        let sources: Vec<IpAddr> =
            model[lb].addresses.iter().copied().filter(|a| !a.is_unspecified()).collect();
        if !sources.is_empty() {
            let any =
                sources.iter().any(|source| admit(&admission, *source, port, &mut ()).is_ok());
            return if any { Admits::Yes } else { Admits::No };
        }
        // Without addresses it is known only where its security group is named, or everybody is.
        match world::admits_group_of(model, instance, lb, port) {
            true => Admits::Yes,
            false if verdict::admit::admitted_set(&admission, port).is_empty() => Admits::No,
            false => Admits::NotKnown,
        }
    }
}
