//! What of a zone must survive: the key that signs it, and the serial of its SOA.

use std::fmt::Write;
use std::sync::Arc;

use dns::key::ZoneKey;
use dns::sign::PERIOD_SECONDS;
use dns::snapshot::Served;
use machine::hash::StableHash;
use model::{Record, RecordData, Zone, ZoneId};
use store::{Change, Expected, Key, Store, Vault};
use world::World;

/// Where keys and serials are kept.
pub struct ZoneBook<'k> {
    pub store: &'k dyn Store,
    pub vault: &'k Vault,
}

/// A serial, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    serial: u32,
    hash: u64,
}

impl ZoneBook<'_> {
    /// Every zone as it is served from now on, at a time in seconds since 1970. `here` are the
    /// addresses of this host, which aliases may follow.
    pub fn serve(
        &self,
        world: &World,
        here: &[std::net::IpAddr],
        now: u64,
    ) -> Result<Vec<Served>, String> {
        let contents = contents(world, here, now);
        let zones = world.model.zones.iter().zip(contents).enumerate();
        let serve = |(at, (zone, hash)): (usize, (&Zone, u64))| {
            let cannot = |error: String| format!("{}: zone `{}`: {error}", zone.place, zone.name.0);
            let key = match zone.signed {
                true => Some(Arc::new(self.key(zone).map_err(cannot)?)),
                false => None,
            };
            let serial = self.serial(world, ZoneId(at as u32), hash, now as u32).map_err(cannot)?;
            Ok(Served::new(zone, serial, key))
        };
        zones.map(serve).collect()
    }

    /// Made when it is first needed, and the same ever after: its parent knows it.
    pub fn key(&self, zone: &Zone) -> Result<ZoneKey, String> {
        let at = key_of(zone, "key")?;
        let kept = self.store.get(&at).map_err(|e| hinted(&e, e.hint()))?;
        if let Some(entry) = kept {
            let secret = self.vault.unseal(&entry).map_err(|e| hinted(&e, e.hint()))?;
            return ZoneKey::read(secret.expose()).map_err(|e| e.to_string());
        }
        let made = ZoneKey::make().map_err(|e| e.to_string())?;
        let sealed = self.vault.seal(&at, &made);
        let change = Change::put(at, sealed).expecting(Expected::Absent);
        match self.store.commit(&[change]) {
            Ok(_) => ZoneKey::read(&made).map_err(|e| e.to_string()),
            // Another process made one at the same time.
            Err(store::CommitError::Conflict { .. }) => self.key(zone),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Moves when what the zone says has changed; never back, whatever a clock says.
    fn serial(&self, world: &World, id: ZoneId, hash: u64, now: u32) -> Result<u32, String> {
        let zone = &world.model[id];
        let at = key_of(zone, &format!("serial/{}", view(world, zone)))?;
        let kept = self.store.get(&at).map_err(|e| hinted(&e, e.hint()))?;
        let kept = kept.and_then(|entry| Kept::read(&entry.value));
        if let Some(kept) = kept.filter(|kept| kept.hash == hash) {
            return Ok(kept.serial);
        }
        let serial = next(kept.map(|kept| kept.serial), zone.soa.serial, now);
        let change = Change::put(at, Kept { serial, hash }.write());
        self.store.commit(&[change]).map_err(|error| error.to_string())?;
        Ok(serial)
    }
}

/// Later than what was served and than what the zone file says (RFC 1982 §3.2); the time, where that
/// is later still.
fn next(served: Option<u32>, declared: Option<u32>, now: u32) -> u32 {
    let later = |a: u32, b: u32| (a.wrapping_sub(b) as i32) > 0;
    let mut serial = served.map_or(1, |served| served.wrapping_add(1).max(1));
    for candidate in [declared, Some(now)].into_iter().flatten() {
        if served.is_none_or(|served| later(candidate, served)) && later(candidate, serial) {
            serial = candidate;
        }
    }
    serial
}

/// A hash of what each zone says, by [`ZoneId`]; where it is written does not count.
fn contents(world: &World, here: &[std::net::IpAddr], now: u64) -> Vec<u64> {
    let model = &world.model;
    let mut hashes: Vec<StableHash> = model.zones.iter().map(|_| StableHash::new()).collect();
    for (zone, hash) in model.zones.iter().zip(&mut hashes) {
        let _ = write!(hash, "{:?} {:?} {}", zone.name, zone.soa, zone.signed);
        // Secondaries serve our signatures on: they get new ones every day.
        if zone.signed && !(zone.transfer_to.is_empty() && zone.notify.is_empty()) {
            let _ = write!(hash, "{}", now / PERIOD_SECONDS);
        }
    }
    for record in &model.records {
        let hash = record.zone.and_then(|zone| hashes.get_mut(zone.0 as usize));
        if let Some(hash) = hash {
            describe(record, world, here, hash);
        }
    }
    hashes.iter().map(StableHash::finish).collect()
}

fn describe(record: &Record, world: &World, here: &[std::net::IpAddr], hash: &mut StableHash) {
    // Hashing does not fail.
    let Record { name, zone: _, visible_to, data, ttl, routing, place: _ } = record;
    let _ = write!(hash, "|{name:?} {visible_to:?} {ttl} {routing:?} ");
    let _ = match data {
        RecordData::Alias(id) => {
            let addresses = verdict::answer::alias_addresses(&world.model[*id]);
            write!(hash, "{addresses:?} {here:?}")
        }
        RecordData::Addresses(_)
        | RecordData::AliasName(_)
        | RecordData::Canonical(_)
        | RecordData::NameServers(_)
        | RecordData::Authority
        | RecordData::Data { .. } => write!(hash, "{data:?}"),
    };
}

/// Zones of one name have a serial each.
fn view(world: &World, zone: &Zone) -> String {
    let names: Vec<&str> = zone.visible_to.iter().map(|id| &*world.model[*id].name).collect();
    if names.is_empty() { "public".to_owned() } else { format!("private/{}", names.join("+")) }
}

fn key_of(zone: &Zone, what: &str) -> Result<Key, String> {
    let name = if zone.name.0.is_empty() { "." } else { &zone.name.0 };
    Key::new(format!("zone/{name}/{what}")).map_err(|e| e.to_string())
}

fn hinted(error: &dyn std::fmt::Display, hint: impl std::fmt::Display) -> String {
    format!("{error}; {hint}")
}

impl Kept {
    fn read(bytes: &[u8]) -> Option<Kept> {
        let (serial, hash) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Kept { serial: serial.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? })
    }

    fn write(self) -> Vec<u8> {
        format!("{} {:016x}", self.serial, self.hash).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_go_forward_only() {
        let rows = [
            ("the first is the time", None, None, 1_800_000_000, 1_800_000_000),
            (
                "or what the file says, if it is later",
                None,
                Some(2_026_112_901),
                1_800_000_000,
                2_026_112_901,
            ),
            ("the file says less", None, Some(7), 1_800_000_000, 1_800_000_000),
            ("the time, later than what was served", Some(5), None, 1_800_000_000, 1_800_000_000),
            (
                "one more, in the same second",
                Some(1_800_000_000),
                None,
                1_800_000_000,
                1_800_000_001,
            ),
            ("one more, if the clock went back", Some(1_800_000_000), None, 7, 1_800_000_001),
            ("one more, after a date", Some(2_026_112_901), None, 1_800_000_000, 2_026_112_902),
            (
                "the file goes on",
                Some(2_026_112_901),
                Some(2_026_112_905),
                1_800_000_000,
                2_026_112_905,
            ),
            ("around the end", Some(u32::MAX), None, 1_800_000_000, 1_800_000_000),
        ];
        for (row, served, declared, now, expected) in rows {
            assert_eq!(next(served, declared, now), expected, "{row}");
        }
    }

    #[test]
    fn what_is_kept_is_read() {
        let kept = Kept { serial: 7, hash: 0xab };
        assert_eq!(Kept::read(&kept.write()), Some(kept));
        assert_eq!(Kept::read(b"7"), None);
    }
}
