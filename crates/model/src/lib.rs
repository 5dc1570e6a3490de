//! The nouns of Pointsman, parsed at construction, each knowing where it was written; and
//! [`Refusal`], the closed vocabulary of "no".
//!
//! This crate must not know sockets, clocks, random numbers, files or the configuration language.
//! Start at [`Model`]: everything else hangs from it.

mod model;
mod place;
mod time;

pub mod application;
pub mod desync;
pub mod health;
pub mod policy;
pub mod refusal;

mod address;
mod admission;
mod attributes;
mod authority;
mod certificate;
mod change;
mod finding;
mod intent;
mod listener;
mod obstacle;
mod pattern;
mod record;
mod rule;
mod shared;
mod silence;
mod target_group;
mod trust;
mod url;
mod zone;

pub use address::{AddressSet, PortRange, Ports, canonical};
pub use admission::{Deny, Enforce, Guarded, Instance, Network, Peer, SecurityGroup, SecurityRule};
pub use application::{Application, Unit};
pub use attributes::{
    DesyncMode, ForwardedForMode, HeaderOverrides, InvalidHeaders, ListenerAttributes,
    LoadBalancerAttributes,
};
pub use authority::{
    Authority, ChallengeKind, ExternalAccount, KeyKind, SecretSource, ValidationPorts,
    WELL_KNOWN_AUTHORITIES,
};
pub use certificate::{Certificate, CertificateSource, OnDemand, Ordered};
pub use change::Change;
pub use desync::{DesyncClass, DesyncReason};
pub use finding::{Finding, Severity};
pub use health::{HealthReason, HealthState};
pub use intent::{Asker, Expectation, Page, PageCall};
pub use listener::{Listener, ListenerProtocol, LoadBalancer, Scheme};
pub use model::{
    AuthorityId, CertificateId, GroupId, InstanceId, ListenerId, LoadBalancerId, Model, NetworkId,
    RecordId, SecurityGroupId, TrustStoreId, ZoneId,
};
pub use obstacle::{Cause, Obstacle};
pub use pattern::{Matcher, PatternError, Wildcard};
pub use place::Place;
pub use policy::{AlbPolicy, TlsPolicy};
pub use record::{Policy, Record, RecordData, RecordType, Role, Routing};
pub use refusal::{Blame, Refusal};
pub use rule::{
    Action, Condition, FixedResponse, Forward, GroupStickiness, QueryPattern, Redirect,
    RedirectStatus, Rule, Template, TemplatePart, Transform, WeightedGroup,
};
pub use shared::Shared;
pub use silence::{Extent, LINTS, Silence, never_silenced};
pub use target_group::{
    Algorithm, HealthCheck, HealthCheckPort, HealthCheckProtocol, Host, StatusMatcher, Stickiness,
    Target, TargetAddress, TargetAuthorities, TargetGroup, TargetProtocol, TargetVerification,
};
pub use time::Seconds;
pub use trust::{ClientCertificateMode, ClientCertificates, TrustStore};
pub use url::{Url, UrlError, UrlScheme};
pub use zone::{Challenges, DnsServer, StartOfAuthority, Zone};
