//! Which of several records of a name and type is answered (ALB.md §10).

use model::{NetworkId, Policy, Record, RecordData, RecordType, Role};

use super::set::{Set, View, alias_has, of_itself};
use super::{ALIAS_MAX, Draw, Names, Step};

/// ALB.md §10, multivalue.
const VALUES_MAX: usize = 8;

impl<'a, N: Names> Step<'a, N> {
    /// `None`: the name has nothing of the type, or no record is for this asker.
    pub(super) fn choose(
        &self,
        view: View<'a>,
        kind: RecordType,
        draw: &mut dyn Draw,
    ) -> Option<Set<'a>> {
        let own = view.iter().filter(|record| self.has(record, kind));
        let alias = view.iter().filter(|record| {
            matches!(record.data, RecordData::AliasName(_)) && record.data.is_of(kind)
        });
        let Some(first) = own.clone().next() else {
            let candidates: Vec<&Record> = alias.collect();
            return self.among_several(candidates, kind, draw);
        };
        // No record of a simple set is left out, so that none need be listed.
        if *first.policy() == Policy::Simple {
            let values = view.iter().filter(|record| of_itself(record, kind)).count();
            return Some(match own.clone().nth(1) {
                None => Set::one(kind, first, draw.turn(values_of(first))),
                Some(_) => Set::all(kind, view, draw.turn(values)),
            });
        }
        self.among_several(own.collect(), kind, draw)
    }

    fn has(&self, record: &Record, kind: RecordType) -> bool {
        match &record.data {
            RecordData::Alias(id) => alias_has(&self.model[*id], kind, self.asker.here),
            RecordData::Addresses(_)
            | RecordData::AliasName(_)
            | RecordData::Canonical(_)
            | RecordData::NameServers(_)
            | RecordData::Authority
            | RecordData::Data { .. } => of_itself(record, kind),
        }
    }

    fn among_several(
        &self,
        candidates: Vec<&'a Record>,
        kind: RecordType,
        draw: &mut dyn Draw,
    ) -> Option<Set<'a>> {
        let first = *candidates.first()?;
        let one = |record: &'a Record, draw: &mut dyn Draw| {
            Set::one(kind, record, draw.turn(values_of(record)))
        };
        let healthy: Vec<&Record> =
            candidates.iter().copied().filter(|record| self.healthy(record, ALIAS_MAX)).collect();
        // If none is healthy, all are taken to be (ALB.md §10, selection).
        let able = if healthy.is_empty() { &candidates } else { &healthy };
        match first.policy() {
            Policy::Simple => Some(one(first, draw)),
            Policy::Weighted(_) => weighted(able, draw).map(|record| one(record, draw)),
            Policy::Failover(_) => failover(able).map(|record| one(record, draw)),
            Policy::Multivalue => {
                let values = able.iter().map(|record| values_of(record)).sum();
                // Whoever gets all of them does not see where they begin.
                let turn = match values > VALUES_MAX {
                    true => draw.choose(&vec![1; values]),
                    false => draw.turn(values),
                };
                Some(Set::several(kind, able.clone(), turn, VALUES_MAX))
            }
            Policy::Geolocation(_) => {
                self.nearest(able).or_else(|| default(able)).map(|record| one(record, draw))
            }
            Policy::Latency(_) => Some(one(self.fastest(able, draw)?, draw)),
        }
    }

    /// The smallest network comes first (ALB.md §10).
    fn nearest(&self, able: &[&'a Record]) -> Option<&'a Record> {
        let of = |network: &NetworkId| {
            able.iter().copied().find(|record| match record.policy() {
                Policy::Geolocation(networks) => networks.contains(network),
                Policy::Simple
                | Policy::Weighted(_)
                | Policy::Failover(_)
                | Policy::Multivalue
                | Policy::Latency(_) => false,
            })
        };
        self.asker.networks.iter().find_map(of)
    }

    /// By what was measured from the smallest network of which anything was; from anywhere else any
    /// record is as good as another.
    fn fastest(&self, able: &[&'a Record], draw: &mut dyn Draw) -> Option<&'a Record> {
        let measured = |network: &NetworkId| {
            let of = |record: &&'a Record| match record.policy() {
                Policy::Latency(from) => {
                    from.iter().find(|(from, _)| from == network).map(|(_, time)| *time)
                }
                Policy::Simple
                | Policy::Weighted(_)
                | Policy::Failover(_)
                | Policy::Multivalue
                | Policy::Geolocation(_) => None,
            };
            let times = able.iter().filter_map(|record| Some((of(record)?, *record)));
            times.min_by_key(|(time, _)| *time).map(|(_, record)| record)
        };
        self.asker
            .networks
            .iter()
            .find_map(measured)
            .or_else(|| able.get(draw.choose(&vec![1; able.len()])).copied())
    }

    /// Whoever has no check is healthy (ALB.md §10, selection); an alias of another name as long as one
    /// of that name's records is.
    fn healthy(&self, record: &Record, aliases: usize) -> bool {
        let Some(routing) = &record.routing else { return true };
        if let Some(group) = routing.healthy_while
            && !(self.asker.group_healthy)(group)
        {
            return false;
        }
        if !routing.evaluate_target_health {
            return true;
        }
        match &record.data {
            RecordData::Alias(id) => (self.asker.load_balancer_healthy)(*id),
            RecordData::AliasName(target) => {
                let Some(aliases) = aliases.checked_sub(1) else { return true };
                let ids = self.names.at(record.zone, &target.0).unwrap_or(&[]);
                let mut records = self.view(ids).iter().peekable();
                records.peek().is_none() || records.any(|record| self.healthy(record, aliases))
            }
            RecordData::Addresses(_)
            | RecordData::Canonical(_)
            | RecordData::NameServers(_)
            | RecordData::Authority
            | RecordData::Data { .. } => true,
        }
    }
}

/// A weight of 0 is used where nothing else is left; if all are 0, they are equal.
fn weighted<'a>(able: &[&'a Record], draw: &mut dyn Draw) -> Option<&'a Record> {
    let weight = |record: &Record| match record.policy() {
        Policy::Weighted(weight) => u32::from(*weight),
        Policy::Simple
        | Policy::Failover(_)
        | Policy::Multivalue
        | Policy::Geolocation(_)
        | Policy::Latency(_) => 0,
    };
    let used: Vec<&Record> = able.iter().copied().filter(|record| weight(record) > 0).collect();
    if used.is_empty() {
        return able.get(draw.choose(&vec![1; able.len()])).copied();
    }
    let weights: Vec<u32> = used.iter().map(|record| weight(record)).collect();
    used.get(draw.choose(&weights)).copied()
}

/// The primary, if it is able: also where neither is.
fn failover<'a>(able: &[&'a Record]) -> Option<&'a Record> {
    let primary = |record: &&&Record| *record.policy() == Policy::Failover(Role::Primary);
    able.iter().find(primary).or(able.first()).copied()
}

/// For whoever is in no network of the others.
fn default<'a>(able: &[&'a Record]) -> Option<&'a Record> {
    let is_default = |record: &&&Record| match record.policy() {
        Policy::Geolocation(networks) => networks.is_empty(),
        Policy::Simple
        | Policy::Weighted(_)
        | Policy::Failover(_)
        | Policy::Multivalue
        | Policy::Latency(_) => false,
    };
    able.iter().find(is_default).copied()
}

/// As many at least: where the values begin is taken modulo how many there are.
fn values_of(record: &Record) -> usize {
    match &record.data {
        RecordData::Addresses(addresses) => addresses.len(),
        RecordData::NameServers(hosts) => hosts.len(),
        RecordData::Data { values, .. } => values.len(),
        RecordData::Alias(_) => VALUES_MAX,
        RecordData::AliasName(_) | RecordData::Canonical(_) | RecordData::Authority => 1,
    }
}
