use std::path::PathBuf;

use crate::{AuthorityId, ChallengeKind, KeyKind, Place};

/// A certificate by reference; its bytes are read by `tls`.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub name: String,
    /// Names the operator says it is for; for files, checked against what the file covers.
    pub names: Vec<String>,
    pub source: CertificateSource,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM files: leaf first, then intermediates; and the private key.
    Files { chain: PathBuf, key: PathBuf },
    /// Issued by the local development authority, which is made on first use.
    Development,
    /// Kept by the instance since it was imported.
    Imported,
    /// Asked for at an authority, and renewed, while the program runs.
    Authority(Ordered),
}

/// A certificate that an authority is asked for by ACME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// At least one; the next is asked when one fails.
    pub authorities: Vec<AuthorityId>,
    /// `None`: whichever can succeed (`world::issuance`).
    pub challenge: Option<ChallengeKind>,
    pub key: KeyKind,
}

/// The security policies of ALB.md §3a that rustls can serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// `ELBSecurityPolicy-TLS13-1-2-Res-2021-06`: TLS 1.2 with ECDHE and AEAD, and TLS 1.3.
    #[default]
    Tls12And13,
    /// `ELBSecurityPolicy-TLS13-1-3-2021-06`.
    Tls13,
    /// `ELBSecurityPolicy-FS-1-2-Res-2020-10`.
    Tls12,
}

impl TlsPolicy {
    pub const ALL: [TlsPolicy; 3] = [TlsPolicy::Tls12And13, TlsPolicy::Tls13, TlsPolicy::Tls12];

    pub const fn name(self) -> &'static str {
        match self {
            TlsPolicy::Tls12And13 => "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            TlsPolicy::Tls13 => "ELBSecurityPolicy-TLS13-1-3-2021-06",
            TlsPolicy::Tls12 => "ELBSecurityPolicy-FS-1-2-Res-2020-10",
        }
    }
}
