//! What the cores answer from: whole, and never changed.

use std::net::IpAddr;
use std::sync::Arc;

use model::{AddressSet, Challenges, Zone};
use world::World;

use crate::key::ZoneKey;
use crate::name;

/// All of one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub world: Arc<World>,
    /// By [`model::ZoneId`].
    pub zones: Arc<[Served]>,
    pub health: Arc<Health>,
    pub challenges: Arc<Challenges>,
    /// Addresses of this host, for aliases of load balancers that listen on all of them.
    pub here: Arc<[IpAddr]>,
    pub limits: Limits,
}

/// A zone beside its declaration.
#[derive(Clone, Debug)]
pub struct Served {
    /// In wire form, lower case.
    pub name: Vec<u8>,
    /// The fixed fields of its SOA and the two names before them (RFC 1035 §3.3.13).
    pub authority: Vec<u8>,
    pub serial: u32,
    /// How long a "no" is kept (RFC 2308 §5).
    pub negative_ttl: u32,
    pub ttl: u32,
    /// Of a signed one.
    pub key: Option<Arc<ZoneKey>>,
    pub transfer_to: AddressSet,
}

/// Who is answered how often.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Answers a second of one core to one network; `None`: as many as are asked for.
    pub per_second: Option<u32>,
    pub exempt: Arc<AddressSet>,
}

/// What of load balancers and target groups is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// By [`model::LoadBalancerId`].
    pub load_balancers: Vec<bool>,
    /// By [`model::GroupId`].
    pub groups: Vec<bool>,
}

impl Served {
    pub fn new(zone: &Zone, serial: u32, key: Option<Arc<ZoneKey>>) -> Served {
        let wire = |text: &str| {
            let mut wire = Vec::new();
            if !name::append_wire(text, &mut wire) {
                wire.push(0);
            }
            wire
        };
        let soa = &zone.soa;
        let mut authority = [wire(&soa.primary.0), wire(&soa.contact.0)].concat();
        let times = [soa.refresh, soa.retry, soa.expire, soa.negative_ttl];
        for number in std::iter::once(serial).chain(times.map(|time| seconds(time.0))) {
            authority.extend_from_slice(&number.to_be_bytes());
        }
        Served {
            name: wire(&zone.name.0),
            authority,
            serial,
            // RFC 2308 §3.
            negative_ttl: seconds(soa.negative_ttl.0).min(seconds(soa.ttl.0)),
            ttl: seconds(soa.ttl.0),
            key,
            transfer_to: zone.transfer_to.iter().copied().collect(),
        }
    }
}

/// RFC 2181 §8: 31 bits.
pub fn seconds(seconds: impl TryInto<u32>) -> u32 {
    seconds.try_into().unwrap_or(u32::MAX).min(i32::MAX as u32)
}

/// What a core answers from, counted by this core alone: the count of the shared one would be written
/// by all of them for every question (law 7).
pub(crate) struct Published(pub Arc<Snapshot>);

impl std::ops::Deref for Published {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
