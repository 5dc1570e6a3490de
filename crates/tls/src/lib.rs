//! rustls glue: certificates from files or from the local development authority, security policies,
//! and the two handshakes, with clients and with targets.
//!
//! Which certificate a handshake gets is decided in `verdict::certificate`; this crate asks once per
//! handshake and hands the answer on with the connection. It must not know HTTP (but for telling a
//! plain request from a handshake by its first bytes), timeouts, which are the caller's, or logs.
//! The cryptography is aws-lc-rs, always named and never taken from the process-wide default.
//!
//! Start at [`ServerSettings`].

mod server;
mod target;

mod hello;

mod alpn;
mod identity;
mod store;

mod client;
mod presented;
mod trust_store;

mod authority;
mod blocking;
mod facts;
mod names;
mod ocsp;
mod on_demand;
mod placeholder;
mod policy;
mod signature;
mod ticket;
mod verified;

pub mod trust;

pub use alpn::{ALPN_PROTOCOL, AlpnChallenges, CHALLENGES_MAX, ChallengeError};
pub use authority::{
    AuthorityError, DEVELOPMENT_DAYS, DEVELOPMENT_NAMES, LocalAuthority, development_is_due,
};
pub use blocking::{
    BlockingServer, BlockingStream, HandshakeFailure, Trusted, blocking_client, handshake,
    target_handshake,
};
pub use client::ClientAuthentication;
pub use hello::{HELLO_BYTES_MAX, Peeked, peek_hello};
pub use identity::{Identity, LoadError, LoadWarning, Loaded};
pub use names::{cipher_name, key_exchange_name, version_name};
pub use on_demand::{OnDemandCertificates, OnDemandIdentity, Wanted};
pub use placeholder::placeholder;
pub use presented::{ClientCertificate, Presented};
pub use server::{Accepted, Failure, HandshakeFacts, ServerSettings, ServerStream, SettingsError};
pub use store::{CertificateStore, KeptPem, Shelf, ShelfError};
pub use target::{ClientStream, TargetFailure, TargetTls, TlsOfGroups};
pub use ticket::Ticketer;
pub use trust_store::{TrustError, TrustStore, TrustStores};
pub use verified::Verified;
