//! What goes along with an answer: the types at a name, and the addresses of name servers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{Host, Model, Record, RecordData, RecordType, ZoneId};

use super::set::{self, View};
use super::{ALIAS_MAX, Names};

/// The types that the asker finds at the name, in order (RFC 4034 §4.1.2).
pub fn types<N: Names>(
    model: &Model,
    names: &N,
    zone: Option<ZoneId>,
    view: View<'_>,
    here: Option<&[IpAddr]>,
) -> Vec<RecordType> {
    let mut all = BTreeSet::new();
    add_types(model, names, zone, view, here, ALIAS_MAX, &mut all);
    all.into_iter().collect()
}

fn add_types<N: Names>(
    model: &Model,
    names: &N,
    zone: Option<ZoneId>,
    view: View<'_>,
    here: Option<&[IpAddr]>,
    aliases: usize,
    all: &mut BTreeSet<RecordType>,
) {
    const ADDRESSES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];
    for record in view.iter() {
        match &record.data {
            RecordData::Addresses(_) => {
                all.extend(ADDRESSES.iter().filter(|kind| record.data.is_of(**kind)));
            }
            RecordData::Alias(id) => {
                let has = |kind: &&RecordType| set::alias_has(&model[*id], **kind, here);
                all.extend(ADDRESSES.iter().filter(has));
            }
            RecordData::AliasName(target) => {
                let Some(aliases) = aliases.checked_sub(1) else { continue };
                let mut more = BTreeSet::new();
                let view = view.of_name(names.at(zone, &target.0).unwrap_or(&[]));
                add_types(model, names, zone, view, here, aliases, &mut more);
                all.extend(more.into_iter().filter(|kind| record.data.is_of(*kind)));
            }
            RecordData::Canonical(_) => all.extend([RecordType::CNAME]),
            RecordData::NameServers(_) => all.extend([RecordType::NS]),
            RecordData::Authority => all.extend([RecordType::SOA]),
            RecordData::Data { kind, .. } => all.extend([*kind]),
        }
    }
}

/// The addresses of the name servers of a cut, without which they are not found if they are below it
/// (RFC 9471): each name server and the records of its addresses.
pub fn glue<'a, N: Names>(
    model: &'a Model,
    names: &'a N,
    zone: ZoneId,
    view: View<'a>,
) -> Vec<(&'a Host, &'a Record)> {
    let mut glue = Vec::new();
    for record in view.iter() {
        let RecordData::NameServers(hosts) = &record.data else { continue };
        for host in hosts {
            let ids = names.at(Some(zone), &host.0).unwrap_or(&[]);
            let records = ids.iter().map(|id| &model[*id]);
            let addresses = |record: &&Record| matches!(record.data, RecordData::Addresses(_));
            glue.extend(records.filter(addresses).map(|record| (host, record)));
        }
    }
    glue
}
