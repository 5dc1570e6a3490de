use std::path::PathBuf;

use crate::{AuthorityId, ChallengeKind, KeyKind, Place, Url};

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
    Files {
        chain: PathBuf,
        key: PathBuf,
        /// DER: what the authority says of the leaf (RFC 6960), to be stapled.
        ocsp_response: Option<PathBuf>,
    },
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
    /// One for each name, ordered when a client comes for it.
    pub on_demand: Option<OnDemand>,
}

/// Which names may be ordered when a client comes for them, and who is asked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// Lower case; `*.example.com` is one label, `*` every name.
    pub names: Vec<String>,
    /// `GET`, with `domain=NAME`: 200 allows it, as for Caddy's `on_demand_tls`.
    pub ask: Url,
    /// An authority counts what it is asked for: strangers must not use it up.
    pub orders_per_hour: u32,
    /// Kept at once.
    pub max_names: u32,
    pub place: Place,
}
