//! Who turns clients away, and whom they turned away.

use std::sync::Arc;

use world::World;

use super::Instance;
use crate::filters;
use crate::packet_filter::Pace;

impl Instance {
    /// Has admission enforced at every address, by whoever can.
    pub fn guard(&mut self, world: &World) {
        let (packet_filter, journal) = (&mut self.packet_filter, &self.settings.journal);
        net::core::yielding(|| packet_filter.follow(world, journal));
        let all = self.sockets.iter().map(|(address, bound)| (address, &bound.duplicates[..]));
        self.enforcement = filters::enforce(world, self.packet_filter.firewall(), all);
        self.refused.follow(world, &self.enforcement);
    }

    /// Where a table of a World before could not be replaced.
    pub fn guard_again(&mut self) {
        if self.packet_filter.is_to_try_again() {
            let snapshot = Arc::clone(&self.snapshot);
            self.guard(&snapshot.world);
        }
    }

    pub fn look_at_refused(&mut self, pace: Pace) {
        let counted = self.packet_filter.newly_dropped(pace, self.refused.sees_listeners());
        self.refused.add_counted(counted);
        let cores = self.cores.iter().map(|core| &core.refused);
        self.refused.look(&self.snapshot.world, &self.enforcement, cores);
    }
}
