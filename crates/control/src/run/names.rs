//! The name server of an instance, beside the life of the rest.

use std::sync::Arc;

use machine::board::Board;
use world::World;

use super::Instance;
use crate::keep::Keep;
use crate::name_server::Ready;
use crate::name_server::zones::ZoneBook;
use crate::status::{DnsStatus, ZoneStatus};

impl Keep {
    pub fn zone_book(&self) -> ZoneBook<'_> {
        ZoneBook { store: &*self.store, vault: &self.vault }
    }
}

impl Instance {
    /// What the name server needs for a World; nothing is published yet.
    pub fn prepare_names(&self, world: &World) -> Result<Ready, String> {
        let (server, keep) = (&self.name_server, &self.keep);
        net::core::yielding(|| server.prepare(world, &keep.zone_book())).map_err(|failures| {
            failures.iter().map(|failure| format!("error: {failure}\n")).collect()
        })
    }

    pub fn publish_names(&mut self, ready: Ready, world: &Arc<World>, board: &Board) {
        if let Err(error) = self.name_server.publish(ready, world, board) {
            self.settings.journal.error("dns/not-started", &[("error", &error)]);
        }
    }

    /// Secondaries get new signatures before the old ones end.
    pub fn keep_names(&mut self) {
        if self.name_server.housekeeping() {
            let world = Arc::clone(&self.snapshot.world);
            match self.prepare_names(&world) {
                Ok(ready) => self.publish_names(ready, &world, &self.health.board()),
                Err(error) => self.settings.journal.error("dns/not-renewed", &[("error", &error)]),
            }
        }
    }

    pub fn dns_status(&self) -> Option<DnsStatus> {
        let snapshot = self.name_server.snapshot()?;
        let model = &snapshot.world.model;
        let zones =
            model.zones.iter().zip(snapshot.zones.iter()).map(|(zone, served)| ZoneStatus {
                name: zone.name.0.clone(),
                visible_to: zone.visible_to.iter().map(|id| model[*id].name.clone()).collect(),
                serial: served.serial,
                key_tag: served.key.as_ref().map(|key| key.tag),
                delegation_signer: served.key.as_ref().map(|key| key.delegation_text(&zone.name.0)),
                place: zone.place.to_string(),
            });
        let counts = self.name_server.counts();
        let answers = counts.answers.iter().enumerate().filter(|(_, count)| **count > 0);

        Some(DnsStatus {
            addresses: self.name_server.addresses().map(|address| address.to_string()).collect(),
            zones: zones.collect(),
            udp_queries: counts.udp_queries,
            tcp_queries: counts.tcp_queries,
            answers: answers.map(|(at, count)| (dns::message::code_name(at), *count)).collect(),
            truncated: counts.truncated,
            limited: counts.withheld + counts.slipped,
            dropped: counts.silences,
            transfers: counts.transfers,
            refused_connections: counts.refused_connections,
        })
    }
}
