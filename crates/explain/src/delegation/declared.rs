//! What the world should find of a zone, by our own answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{RecordData, RecordType, ZoneId};
use verdict::answer::{Asker, End, Of, Question, Value, answer, every};
use world::World;

use super::{Declared, DeclaredName, DeclaredServer, NAMES_MAX};

/// What the world should find, by the answers that somebody in no network of ours would be given.
pub fn declared(world: &World, id: ZoneId) -> Declared {
    let model = &world.model;
    let zone = &model[id];
    let own = || model.records.iter().filter(|record| record.zone == Some(id));
    let hosts =
        own().filter(|record| record.name == zone.name).filter_map(|record| match &record.data {
            RecordData::NameServers(hosts) => Some(hosts),
            _ => None,
        });
    let name_servers = hosts
        .flatten()
        .map(|host| DeclaredServer { name: host.0.clone(), addresses: addresses(world, &host.0) });
    let mut names: Vec<DeclaredName> = Vec::new();
    for record in own().filter(|record| record.visible_to.is_empty()) {
        let name = &record.name.0;
        let leads = matches!(
            record.data,
            RecordData::Addresses(_) | RecordData::Alias(_) | RecordData::AliasName(_)
        );
        if leads && !name.starts_with('*') && !names.iter().any(|known| known.name == *name) {
            names.push(DeclaredName {
                name: name.clone(),
                addresses: addresses(world, name),
                place: record.place.clone(),
            });
        }
        if names.len() == NAMES_MAX {
            break;
        }
    }
    Declared {
        zone: zone.name.0.clone(),
        place: zone.place.clone(),
        name_servers: name_servers.collect(),
        signed: zone.signed,
        names,
    }
}

/// Every address that may be answered: whatever is drawn, with everything healthy.
fn addresses(world: &World, name: &str) -> BTreeSet<IpAddr> {
    let mut all = BTreeSet::new();
    let asker = Asker {
        networks: &[],
        of: Of::Zones,
        here: None,
        load_balancer_healthy: &|_| true,
        group_healthy: &|_| true,
        challenges: &model::Challenges::default(),
    };
    for kind in [RecordType::A, RecordType::AAAA] {
        for answer in
            every(|draw| answer(&world.model, world.names(), Question { name, kind }, &asker, draw))
        {
            let End::Found { set, .. } = answer.end else { continue };
            all.extend(set.values(&world.model, None).iter().filter_map(|value| match value {
                Value::V4(v4) => Some(IpAddr::V4(*v4)),
                Value::V6(v6) => Some(IpAddr::V6(*v6)),
                Value::Name(_) | Value::Authority | Value::Text(_) | Value::Wire(_) => None,
            }));
        }
    }
    all
}
