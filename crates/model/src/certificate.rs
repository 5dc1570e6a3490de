use std::path::PathBuf;

use crate::Place;

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
}
