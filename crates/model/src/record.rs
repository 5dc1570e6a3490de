use std::net::IpAddr;

use crate::{Host, LoadBalancerId, NetworkId, Place, Seconds};

/// What a name leads to, for everybody or for some networks (DECISIONS 35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Lower case; `*.example.com` stands for any name below.
    pub name: Host,
    /// Empty: visible to everybody. What is visible to a client's own network comes first.
    pub visible_to: Vec<NetworkId>,
    pub data: RecordData,
    pub ttl: Seconds,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    Addresses(Vec<IpAddr>),
    /// Follows the load balancer's addresses.
    Alias(LoadBalancerId),
    /// Another name (CNAME).
    Canonical(Host),
}
