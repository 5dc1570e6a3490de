//! Who is called what: references are resolved before anything is read.

use std::collections::{BTreeMap, BTreeSet};

use model::Place;

/// What can be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Network,
    SecurityGroup,
    Instance,
    Authority,
    Certificate,
    LoadBalancer,
    TargetGroup,
    TrustStore,
    Zone,
    Record,
    DnsServer,
    Page,
    Expect,
    Silence,
}

impl Kind {
    /// What a reference can name.
    pub const ALL: [Kind; 8] = [
        Kind::Network,
        Kind::SecurityGroup,
        Kind::Instance,
        Kind::Authority,
        Kind::Certificate,
        Kind::LoadBalancer,
        Kind::TargetGroup,
        Kind::TrustStore,
    ];

    pub const fn keyword(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::SecurityGroup => "security_group",
            Kind::Instance => "instance",
            Kind::Authority => "authority",
            Kind::Certificate => "certificate",
            Kind::LoadBalancer => "load_balancer",
            Kind::TargetGroup => "target_group",
            Kind::TrustStore => "trust_store",
            Kind::Zone => "zone",
            Kind::Record => "record",
            Kind::DnsServer => "dns_server",
            Kind::Page => "page",
            Kind::Expect => "expect",
            Kind::Silence => "silence",
        }
    }

    pub fn of_keyword(keyword: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.keyword() == keyword)
    }

    /// For messages.
    pub const fn words(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::SecurityGroup => "security group",
            Kind::Instance => "instance",
            Kind::Authority => "authority",
            Kind::Certificate => "certificate",
            Kind::LoadBalancer => "load balancer",
            Kind::TargetGroup => "target group",
            Kind::TrustStore => "trust store",
            Kind::Zone => "zone",
            Kind::Record => "record",
            Kind::DnsServer => "DNS server",
            Kind::Page => "page",
            Kind::Expect => "expectation",
            Kind::Silence => "silence",
        }
    }
}

/// Every declared name with its position among its kind.
#[derive(Debug, Default)]
pub struct Names {
    declared: BTreeMap<(Kind, String), (u32, Place)>,
    /// Of blocks that could not be parsed.
    broken: BTreeSet<(Kind, String)>,
}

impl Names {
    /// The place of the first declaration if the name is taken.
    pub fn declare(&mut self, kind: Kind, name: &str, place: Place) -> Result<u32, Place> {
        let next = self.declared.keys().filter(|(k, _)| *k == kind).count() as u32;
        match self.declared.entry((kind, name.to_owned())) {
            std::collections::btree_map::Entry::Occupied(entry) => Err(entry.get().1.clone()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((next, place));
                Ok(next)
            }
        }
    }

    /// There is such a block, which was reported: a reference to it is no second problem.
    pub fn declare_broken(&mut self, kind: Kind, name: &str) {
        self.broken.insert((kind, name.to_owned()));
    }

    pub fn is_broken(&self, kind: Kind, name: &str) -> bool {
        self.broken.contains(&(kind, name.to_owned()))
    }

    pub fn find(&self, kind: Kind, name: &str) -> Option<u32> {
        self.declared.get(&(kind, name.to_owned())).map(|(id, _)| *id)
    }

    pub fn place(&self, kind: Kind, name: &str) -> Option<&Place> {
        self.declared.get(&(kind, name.to_owned())).map(|(_, place)| place)
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.declared.keys().filter(move |(k, _)| *k == kind).map(|(_, name)| name.as_str())
    }
}
