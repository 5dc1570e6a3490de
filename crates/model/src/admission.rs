use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Application, InstanceId, NetworkId, Place, Ports, SecurityGroupId};

/// A declared client network: a name for a set of prefixes.
#[derive(Clone, Debug)]
pub struct Network {
    pub name: String,
    pub cidrs: Vec<IpNet>,
    /// The addresses under which the world sees its clients, where a gateway translates them.
    pub seen_as: Vec<IpNet>,
    pub place: Place,
}

/// A machine: what a target may name and what a security group may be attached to.
#[derive(Clone, Debug)]
pub struct Instance {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// Addresses elsewhere that lead here (an Elastic IP, a forwarded port).
    pub public_addresses: Vec<IpAddr>,
    pub security_groups: Vec<SecurityGroupId>,
    /// Every port on which something listens; `None`: not known.
    pub serves: Option<Vec<u16>>,
    pub applications: Vec<Application>,
    pub guarded: Guarded,
    pub place: Place,
}

/// Who enforces the security groups of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarded {
    /// Not we: the cloud, a firewall on the way, or nobody.
    #[default]
    Elsewhere,
    /// The instance is this machine, and its packet filter does.
    Here,
}

/// Who turns away whom the security groups of a load balancer do not admit (DECISIONS 8, 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforce {
    /// A filter on each listening socket where that is permitted, else the process after accept.
    #[default]
    Socket,
    /// The kernel's packet filter, with a table of ours.
    Nftables,
}

/// Allow rules only; all groups of an interface are united; there is no order (ALB.md §9).
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    pub name: String,
    pub ingress: Vec<SecurityRule>,
    /// `None`: nothing was written, so everything outbound is allowed (ALB.md §9).
    pub egress: Option<Vec<SecurityRule>>,
    pub place: Place,
}

/// One `ingress` or `egress` block.
#[derive(Clone, Debug)]
pub struct SecurityRule {
    pub ports: Ports,
    pub peers: Vec<Peer>,
    pub place: Place,
}

/// Who a security rule admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    Cidr(IpNet),
    Network(NetworkId),
    /// The private addresses of the instances and load balancers that carry the group (ALB.md §9).
    SecurityGroup(SecurityGroupId),
    Instance(InstanceId),
    Anywhere,
}

/// What an unadmitted client experiences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deny {
    /// Silence, as in the cloud: the connection attempt times out.
    #[default]
    Drop,
    /// The connection is reset.
    Reset,
    /// A page that names the cause, for networks one trusts with it.
    Page,
}
