use std::net::IpAddr;

use crate::{
    Action, CertificateId, ClientCertificates, Deny, Enforce, ListenerAttributes, ListenerId,
    LoadBalancerAttributes, LoadBalancerId, Place, Rule, SecurityGroupId, Shared, TlsPolicy,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    InternetFacing,
    Internal,
}

/// ALB.md §1–2.
#[derive(Clone, Debug)]
pub struct LoadBalancer {
    pub name: String,
    pub scheme: Scheme,
    /// Addresses to listen on; empty: every address of both families (DECISIONS 24).
    pub addresses: Vec<IpAddr>,
    /// Addresses elsewhere that lead here (an Elastic IP, a forwarded port).
    pub public_addresses: Vec<IpAddr>,
    /// Empty: nothing was declared, and everybody is admitted (a finding says so).
    pub security_groups: Vec<SecurityGroupId>,
    pub deny: Deny,
    pub enforce: Enforce,
    pub attributes: LoadBalancerAttributes,
    pub listeners: Vec<ListenerId>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerProtocol {
    Http,
    Https,
    /// TLS that ends at the target: only the name in the ClientHello is read (RFC 6066 §3).
    TlsPassthrough,
}

impl ListenerProtocol {
    /// `http` or `https`, as in `X-Forwarded-Proto`; `tls` where it is not ours to know.
    pub const fn scheme(self) -> &'static str {
        match self {
            ListenerProtocol::Http => "http",
            ListenerProtocol::Https => "https",
            ListenerProtocol::TlsPassthrough => "tls",
        }
    }
}

/// A port of a load balancer with its rules. The default action always exists (DECISIONS 3).
#[derive(Clone, Debug)]
pub struct Listener {
    pub name: String,
    pub load_balancer: LoadBalancerId,
    pub port: u16,
    pub protocol: ListenerProtocol,
    /// The first is the default certificate; empty unless the listener is HTTPS.
    pub certificates: Vec<CertificateId>,
    pub tls_policy: TlsPolicy,
    /// `None`: clients are not asked for one.
    pub client_certificates: Option<ClientCertificates>,
    /// In ascending priority.
    pub rules: Shared<Rule>,
    pub default_action: Action,
    /// Where the default action was written.
    pub default_place: Place,
    pub attributes: ListenerAttributes,
    pub place: Place,
}
