//! A certificate with its key, from PEM files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use verdict::certificate::CertificateFacts;

use crate::facts::{self, Unusable};
use crate::ocsp::Staple;

/// A long chain with large keys is some 20 KB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Clients give up long before (RFC 5280 sets no limit).
const CHAIN_MAX: usize = 16;
/// `o+r`.
const READABLE_BY_OTHERS: u32 = 0o004;

/// A certificate that can be served: its chain, its key and what they say.
#[derive(Clone, Debug)]
pub struct Identity {
    /// As declared; the log's name for it.
    pub name: Arc<str>,
    pub facts: CertificateFacts,
    pub key: Arc<CertifiedKey>,
    /// Unix seconds: until when what is stapled to it may be shown, if anything is.
    pub stapled_until: Option<i64>,
}

/// An [`Identity`] and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    pub identity: Identity,
    pub warnings: Vec<LoadWarning>,
}

/// Why a certificate could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read `{path}`", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is empty", path = .path.display())]
    Empty { path: PathBuf },
    #[error("`{path}` is larger than {FILE_BYTES_MAX} bytes", path = .path.display())]
    TooLarge { path: PathBuf },
    #[error("`{path}` is not PEM", path = .path.display())]
    NotPem { path: PathBuf, source: pem::Error },
    #[error("`{path}` holds no certificate", path = .path.display())]
    NoCertificate { path: PathBuf },
    #[error("`{path}` holds more than {CHAIN_MAX} certificates", path = .path.display())]
    ChainTooLong { path: PathBuf },
    #[error("certificate {number} of `{path}` cannot be read", path = .path.display())]
    BadCertificate { path: PathBuf, number: usize },
    #[error("the certificate in `{path}` has a key that is neither RSA nor ECDSA", path = .path.display())]
    CertificateKeyKind { path: PathBuf },
    #[error("`{path}` holds no private key", path = .path.display())]
    NoKey { path: PathBuf },
    #[error("the private key in `{path}` is encrypted", path = .path.display())]
    EncryptedKey { path: PathBuf },
    #[error("the private key in `{path}` cannot be used", path = .path.display())]
    BadKey { path: PathBuf, source: rustls::Error },
    #[error(
        "the key in `{key}` does not belong to the certificate in `{chain}`",
        key = .key.display(), chain = .chain.display()
    )]
    KeyMismatch { chain: PathBuf, key: PathBuf },
    #[error(
        "the key in `{key}` belongs to certificate {number} of `{chain}`, not to the first",
        key = .key.display(), chain = .chain.display()
    )]
    ChainOrder { chain: PathBuf, key: PathBuf, number: usize },
}

/// What works, but hardly as meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadWarning {
    #[error("the certificate in `{path}` has expired", path = .path.display())]
    Expired { path: PathBuf, not_after: i64 },
    #[error("the certificate in `{path}` is not valid yet", path = .path.display())]
    NotYetValid { path: PathBuf, not_before: i64 },
    #[error("every user of this machine may read the private key in `{path}`", path = .path.display())]
    ReadableByOthers { path: PathBuf },
    #[error("the certificate in `{path}` names no host", path = .path.display())]
    NoNames { path: PathBuf },
}

// === impl Identity ===

impl Identity {
    /// Loads a PEM chain, leaf first, and its key. They may be in one file.
    pub fn from_files(
        name: &str,
        chain: &Path,
        key: &Path,
        now_unix: i64,
    ) -> Result<Loaded, LoadError> {
        let (chain_pem, chain_mode) = read(chain)?;
        let (key_pem, key_mode) =
            if key == chain { (chain_pem.clone(), chain_mode) } else { read(key)? };
        let mut loaded = Identity::judge(name, (chain, &chain_pem), (key, &key_pem), now_unix)?;
        if key_mode & READABLE_BY_OTHERS != 0 {
            loaded.warnings.push(LoadWarning::ReadableByOthers { path: key.to_owned() });
        }
        Ok(loaded)
    }

    /// As [`from_files`](Identity::from_files), from PEM that is in memory. What is wrong with it is
    /// told with `name` in place of a path.
    pub fn from_pem(
        name: &str,
        chain: &[u8],
        key: &[u8],
        now_unix: i64,
    ) -> Result<Loaded, LoadError> {
        let origin = Path::new(name);
        Identity::judge(name, (origin, chain), (origin, key), now_unix)
    }

    fn judge(
        name: &str,
        (chain, chain_pem): (&Path, &[u8]),
        (key, key_pem): (&Path, &[u8]),
        now_unix: i64,
    ) -> Result<Loaded, LoadError> {
        let certificates = certificates(chain, chain_pem)?;
        let leaf = certificates.first().ok_or_else(|| no_certificate(chain))?;
        let facts = facts::read(leaf).map_err(|unusable| match unusable {
            Unusable::NotACertificate => {
                LoadError::BadCertificate { path: chain.to_owned(), number: 1 }
            }
            Unusable::KeyKind => LoadError::CertificateKeyKind { path: chain.to_owned() },
        })?;
        let private = any_supported_type(&private_key(key, key_pem)?)
            .map_err(|source| LoadError::BadKey { path: key.to_owned(), source })?;
        if let Some(public) = private.public_key() {
            belongs(public.as_ref(), &certificates, chain, key)?;
        }
        let warnings = warnings(&facts, chain, now_unix);
        let key = Arc::new(CertifiedKey::new(certificates, private));
        Ok(Loaded {
            identity: Identity { name: name.into(), facts, key, stapled_until: None },
            warnings,
        })
    }

    /// With what its authority says of it.
    #[must_use]
    pub fn stapled(self, staple: Staple) -> Identity {
        let mut key = CertifiedKey::clone(&self.key);
        key.ocsp = Some(staple.der);
        Identity { key: Arc::new(key), stapled_until: Some(staple.until), ..self }
    }

    /// Without what its authority has said of it.
    #[must_use]
    pub fn unstapled(&self) -> Identity {
        let mut key = CertifiedKey::clone(&self.key);
        key.ocsp = None;
        Identity { key: Arc::new(key), stapled_until: None, ..self.clone() }
    }

    /// Nobody vouches for it but itself.
    pub fn is_self_signed(&self) -> bool {
        self.key.cert.first().is_some_and(|leaf| facts::is_self_issued(leaf))
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, u32), LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        Err(LoadError::TooLarge { path: path.to_owned() })
    } else if bytes.trim_ascii().is_empty() {
        Err(LoadError::Empty { path: path.to_owned() })
    } else {
        Ok((bytes, mode))
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let mut certificates = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        if index == CHAIN_MAX {
            return Err(LoadError::ChainTooLong { path: path.to_owned() });
        }
        let certificate =
            certificate.map_err(|source| LoadError::NotPem { path: path.to_owned(), source })?;
        if facts::public_key(&certificate).is_none() {
            let path = path.to_owned();
            return Err(LoadError::BadCertificate { path, number: index + 1 });
        }
        certificates.push(certificate);
    }
    Ok(certificates)
}

fn no_certificate(path: &Path) -> LoadError {
    LoadError::NoCertificate { path: path.to_owned() }
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, LoadError> {
    // RFC 7468 §11, and the older form of RFC 1421 §4.6.1.1 that OpenSSL still writes.
    let marks: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
    if marks.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark)) {
        return Err(LoadError::EncryptedKey { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|source| match source {
        pem::Error::NoItemsFound => LoadError::NoKey { path: path.to_owned() },
        source => LoadError::NotPem { path: path.to_owned(), source },
    })
}

/// Whether the key with this public half is the first certificate's.
fn belongs(
    public: &[u8],
    certificates: &[CertificateDer<'_>],
    chain: &Path,
    key: &Path,
) -> Result<(), LoadError> {
    let owner = certificates.iter().position(|certificate| {
        facts::public_key(certificate).is_some_and(|found| found.info == public)
    });
    let (chain, key) = (chain.to_owned(), key.to_owned());
    match owner {
        Some(0) => Ok(()),
        Some(index) => Err(LoadError::ChainOrder { chain, key, number: index + 1 }),
        None => Err(LoadError::KeyMismatch { chain, key }),
    }
}

fn warnings(facts: &CertificateFacts, chain: &Path, now_unix: i64) -> Vec<LoadWarning> {
    let path = || chain.to_owned();
    let mut warnings = Vec::new();
    if facts.expired(now_unix) {
        warnings.push(LoadWarning::Expired { path: path(), not_after: facts.not_after });
    }
    if now_unix < facts.not_before {
        warnings.push(LoadWarning::NotYetValid { path: path(), not_before: facts.not_before });
    }
    if facts.names.is_empty() {
        warnings.push(LoadWarning::NoNames { path: path() });
    }
    warnings
}

// === impl LoadError ===

impl LoadError {
    /// Stable, for findings.
    pub fn code(&self) -> &'static str {
        match self {
            LoadError::Unreadable { .. } => "certificate/unreadable",
            LoadError::Empty { .. } => "certificate/empty",
            LoadError::TooLarge { .. } => "certificate/too-large",
            LoadError::NotPem { .. } => "certificate/not-pem",
            LoadError::NoCertificate { .. } => "certificate/none",
            LoadError::ChainTooLong { .. } => "certificate/chain-too-long",
            LoadError::BadCertificate { .. } => "certificate/malformed",
            LoadError::CertificateKeyKind { .. } => "certificate/key-kind",
            LoadError::NoKey { .. } => "certificate/no-key",
            LoadError::EncryptedKey { .. } => "certificate/encrypted-key",
            LoadError::BadKey { .. } => "certificate/bad-key",
            LoadError::KeyMismatch { .. } => "certificate/key-mismatch",
            LoadError::ChainOrder { .. } => "certificate/chain-order",
        }
    }

    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            LoadError::Unreadable { path, source } => unreadable_hint(path, source),
            LoadError::Empty { .. } => "was it written before the disk was full?".into(),
            LoadError::TooLarge { .. } => {
                "give the chain alone, without a bundle of authorities".into()
            }
            LoadError::NotPem { .. } => {
                "PEM is text with `-----BEGIN …` lines; convert DER with `openssl x509 -inform der` \
                 or `openssl pkcs12 -nodes`"
                    .into()
            }
            LoadError::NoCertificate { .. } => {
                "it needs the server's certificate, `-----BEGIN CERTIFICATE-----`, and after it the \
                 intermediate ones"
                    .into()
            }
            LoadError::ChainTooLong { .. } => {
                "give the server's certificate and its intermediate ones only".into()
            }
            LoadError::BadCertificate { path, .. } => {
                format!("see what `openssl x509 -text -in {}` says", path.display())
            }
            LoadError::CertificateKeyKind { .. } => {
                "have it issued for an ECDSA key on P-256, P-384 or P-521, or an RSA key".into()
            }
            LoadError::NoKey { .. } => {
                "it needs a section `-----BEGIN PRIVATE KEY-----`".into()
            }
            LoadError::EncryptedKey { path } => format!(
                "nobody is there to type the pass phrase at start: decrypt it with `openssl pkey \
                 -in {}` into a file of mode 0600",
                path.display()
            ),
            LoadError::BadKey { .. } => {
                "keys are ECDSA on P-256, P-384 or P-521, or RSA of 2048 to 8192 bits".into()
            }
            LoadError::KeyMismatch { .. } => {
                "was one of the two renewed without the other? `openssl x509 -noout -pubkey` and \
                 `openssl pkey -pubout` must print the same"
                    .into()
            }
            LoadError::ChainOrder { .. } => {
                "put the server's certificate first, then each issuer after what it issued".into()
            }
        }
    }
}

fn unreadable_hint(path: &Path, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "let the user that Pointsman runs as read it, for example with `setfacl -m \
             u:pointsman:r {}`, or hand it over with systemd's LoadCredential",
            path.display()
        ),
        io::ErrorKind::NotFound => "is the path right?".into(),
        io::ErrorKind::IsADirectory => "give the file, not its directory".into(),
        _ => format!("the system said: {source}"),
    }
}

// === impl LoadWarning ===

impl LoadWarning {
    /// Stable, for findings.
    pub fn code(&self) -> &'static str {
        match self {
            LoadWarning::Expired { .. } => "certificate/expired",
            LoadWarning::NotYetValid { .. } => "certificate/not-yet-valid",
            LoadWarning::ReadableByOthers { .. } => "certificate/key-readable-by-others",
            LoadWarning::NoNames { .. } => "certificate/no-names",
        }
    }

    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            LoadWarning::Expired { .. } => "clients refuse it: renew it, then reload".into(),
            LoadWarning::NotYetValid { .. } => {
                "clients refuse it: is the clock of this machine right?".into()
            }
            LoadWarning::ReadableByOthers { path } => format!("chmod 600 {}", path.display()),
            LoadWarning::NoNames { .. } => {
                "clients refuse it: have it issued with subject alternative names".into()
            }
        }
    }
}

#[cfg(test)]
mod tests;
