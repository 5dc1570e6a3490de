use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::{Host, NetworkId, Place, Seconds};

/// A part of the tree of names that we answer for (RFC 1034 §4.2). Its records, among them the SOA and
/// the name servers of the apex, are in [`crate::Model::records`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub name: Host,
    /// Empty: a public zone. Else a private one: clients of these networks get its answers and no
    /// others for the names in it (ALB.md §10, split horizon).
    pub visible_to: Vec<NetworkId>,
    pub soa: StartOfAuthority,
    /// Whether answers are signed (RFC 9364).
    pub signed: bool,
    /// Who may copy the zone (RFC 5936).
    pub transfer_to: Vec<IpNet>,
    /// Who is told of a change (RFC 1996).
    pub notify: Vec<SocketAddr>,
    pub place: Place,
}

/// The fields of the SOA (RFC 1035 §3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartOfAuthority {
    /// MNAME.
    pub primary: Host,
    /// RNAME: a mailbox as a name, `hostmaster.example.com`.
    pub contact: Host,
    /// What a zone file says; the serial that is served is never before it.
    pub serial: Option<u32>,
    pub refresh: Seconds,
    pub retry: Seconds,
    pub expire: Seconds,
    /// How long a "no" is kept (RFC 2308 §4).
    pub negative_ttl: Seconds,
    pub ttl: Seconds,
}

/// Where zones are served. Without one they are decided and explained, and nobody is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServer {
    /// Empty: every address of both families.
    pub addresses: Vec<IpAddr>,
    pub port: u16,
    /// Answers a second over UDP to one network of clients (IPv4 /24, IPv6 /56); `None`: no limit.
    pub rate_limit: Option<u32>,
    /// Who is not limited.
    pub exempt: Vec<IpNet>,
    pub place: Place,
}

/// What authorities of certificates look for, while they look for it (RFC 8555 §8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges {
    /// `_acme-challenge.name` → values of its TXT (RFC 8555 §8.4).
    pub texts: BTreeMap<Host, Vec<String>>,
    /// Token → key authorization (RFC 8555 §8.3).
    pub tokens: BTreeMap<String, String>,
}
