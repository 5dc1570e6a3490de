use std::path::PathBuf;

use crate::Place;

/// A certificate authority that is asked by ACME (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    pub name: String,
    /// Of its directory object (RFC 8555 §7.1.1); `https`.
    pub directory: String,
    /// `mailto:` addresses (RFC 8555 §7.3).
    pub contact: Vec<String>,
    pub external_account: Option<ExternalAccount>,
    /// The kind of certificate, where the authority offers several.
    pub profile: Option<String>,
    /// Who vouches for its own https, if not the system's authorities.
    pub roots: Option<PathBuf>,
    /// Where it asks: 80 and 443 for every public authority (RFC 8555 §8.3, RFC 8737 §3).
    pub ports: ValidationPorts,
    pub place: Place,
}

/// Ports to which an authority connects when it validates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidationPorts {
    pub http: u16,
    pub tls: u16,
}

/// A customer's account that the ACME account is bound to (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    pub key_id: String,
    pub key: SecretSource,
}

/// Where a secret is read when it is needed: it is no part of a model, which is shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

/// Authorities that need no `directory`.
pub const WELL_KNOWN_AUTHORITIES: [(&str, &str); 2] = [
    ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
    ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

/// How an authority makes sure that a name is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChallengeKind {
    /// A file below `/.well-known/acme-challenge/` over plain HTTP (RFC 8555 §8.3).
    Http01,
    /// A certificate of a handshake for `acme-tls/1` (RFC 8737).
    TlsAlpn01,
    /// A TXT record below `_acme-challenge` (RFC 8555 §8.4).
    Dns01,
}

/// The key of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    #[default]
    EcdsaP256,
    EcdsaP384,
    Rsa2048,
}

impl Default for ValidationPorts {
    fn default() -> Self {
        ValidationPorts { http: 80, tls: 443 }
    }
}

impl ChallengeKind {
    pub const ALL: [ChallengeKind; 3] =
        [ChallengeKind::Http01, ChallengeKind::TlsAlpn01, ChallengeKind::Dns01];

    /// On the wire and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            ChallengeKind::Http01 => "http-01",
            ChallengeKind::TlsAlpn01 => "tls-alpn-01",
            ChallengeKind::Dns01 => "dns-01",
        }
    }
}

impl KeyKind {
    pub const ALL: [KeyKind; 3] = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa2048];

    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::EcdsaP256 => "ecdsa-p256",
            KeyKind::EcdsaP384 => "ecdsa-p384",
            KeyKind::Rsa2048 => "rsa-2048",
        }
    }
}
