use std::path::PathBuf;

use crate::{Place, Refusal, TrustStoreId};

/// Whom a listener trusts to issue the certificates of its clients (ALB.md §3d).
#[derive(Clone, Debug)]
pub struct TrustStore {
    pub name: String,
    /// PEM: certificates of authorities, roots or not.
    pub authorities: PathBuf,
    /// PEM: what the authorities have revoked.
    pub revocation_lists: Vec<PathBuf>,
    pub place: Place,
}

/// A listener that asks its clients for a certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificates {
    pub mode: ClientCertificateMode,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificateMode {
    /// Whatever the client shows is passed on, unjudged; or nothing is.
    Passthrough,
    /// A client without one that can be verified gets no connection.
    Verify {
        trust_store: TrustStoreId,
        /// A certificate that has expired is taken as on its last day.
        ignore_expiry: bool,
        /// Tell clients the names of the authorities, so that they can choose.
        advertise_names: bool,
    },
}

impl ClientCertificateMode {
    /// The one place that says who may come without.
    pub const fn judge_missing(self) -> Result<(), Refusal> {
        match self {
            ClientCertificateMode::Passthrough => Ok(()),
            ClientCertificateMode::Verify { .. } => Err(Refusal::TlsClientCertificateMissing),
        }
    }
}
