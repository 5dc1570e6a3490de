//! Trust stores: the authorities that may issue certificates of clients, and what they have revoked
//! (ALB.md §3d).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Finding, Refusal, TrustStoreId};
use rustls::RootCertStore;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::client::CHAIN_MAX;
use crate::{facts, policy};

/// ALB.md §3d.
const AUTHORITIES_MAX: usize = 25;
const AUTHORITY_BYTES_MAX: usize = 16 * 1024;
const REVOKED_MAX: usize = 500_000;
const LISTS_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// 25 certificates of 16 KB, as PEM.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;

/// The declared trust stores that could be loaded, by [`TrustStoreId`].
#[derive(Clone, Debug, Default)]
pub struct TrustStores(Vec<Option<Arc<TrustStore>>>);

/// Whom to trust, and whom not any more.
#[derive(Debug)]
pub struct TrustStore {
    pub(crate) roots: RootCertStore,
    /// One after the other, each without two of one issuer: of those only the first would be looked
    /// at.
    rounds: Vec<Vec<CertRevocationList<'static>>>,
    /// Unix seconds: when the first of the lists is out of date.
    next_update: Option<i64>,
}

/// Why a trust store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is larger than {limit} bytes", path = .path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("`{path}` is not PEM: {source}", path = .path.display())]
    NotPem { path: PathBuf, source: pem::Error },
    #[error("`{path}` holds no certificate of an authority", path = .path.display())]
    NoAuthority { path: PathBuf },
    #[error("certificate {number} of `{path}` is none of an authority: {why}", path = .path.display())]
    BadAuthority { path: PathBuf, number: usize, why: String },
    #[error("`{path}` holds more than {AUTHORITIES_MAX} authorities", path = .path.display())]
    TooManyAuthorities { path: PathBuf },
    #[error("`{path}` holds no revocation list", path = .path.display())]
    NoList { path: PathBuf },
    #[error("revocation list {number} of `{path}` cannot be used: {why}", path = .path.display())]
    BadList { path: PathBuf, number: usize, why: String },
    #[error("the revocation lists hold more than {REVOKED_MAX} certificates")]
    TooManyRevoked,
}

// === impl TrustStores ===

impl TrustStores {
    /// Loads what can be loaded, and says what is wrong with the rest.
    pub fn load(stores: &[model::TrustStore], now_unix: i64) -> (TrustStores, Vec<Finding>) {
        let mut findings = Vec::new();
        let loaded = stores.iter().map(|store| {
            let (loaded, finding) = TrustStores::load_one(store, now_unix);
            findings.extend(finding);
            loaded
        });
        let loaded = TrustStores(loaded.collect());
        (loaded, findings)
    }

    /// One trust store, as [`load`](TrustStores::load) does it.
    pub fn load_one(
        store: &model::TrustStore,
        now_unix: i64,
    ) -> (Option<Arc<TrustStore>>, Option<Finding>) {
        match TrustStore::from_files(&store.authorities, &store.revocation_lists) {
            Ok(loaded) => {
                let finding = loaded.out_of_date(store, now_unix);
                (Some(Arc::new(loaded)), finding)
            }
            Err(error) => {
                let finding = Finding::error(error.code(), &store.place, error.to_string());
                (None, Some(finding.hint(error.hint())))
            }
        }
    }

    /// With another one in the place of one.
    #[must_use]
    pub fn with(mut self, id: TrustStoreId, store: Arc<TrustStore>) -> TrustStores {
        if let Some(slot) = self.0.get_mut(id.0 as usize) {
            *slot = Some(store);
        }
        self
    }

    pub fn get(&self, id: TrustStoreId) -> Option<&Arc<TrustStore>> {
        self.0.get(id.0 as usize)?.as_ref()
    }
}

// === impl TrustStore ===

impl TrustStore {
    pub fn from_files(authorities: &Path, lists: &[PathBuf]) -> Result<TrustStore, TrustError> {
        let roots = roots(authorities)?;
        let mut store = TrustStore { roots, rounds: Vec::new(), next_update: None };
        let (mut revoked, mut bytes_left) = (0, LISTS_BYTES_MAX);
        for path in lists {
            let pem = read(path, bytes_left)?;
            bytes_left = bytes_left.saturating_sub(pem.len() as u64);
            revoked += store.add_lists(path, &pem)?;
            if revoked > REVOKED_MAX {
                return Err(TrustError::TooManyRevoked);
            }
        }
        Ok(store)
    }

    /// Adds the lists in a file, and counts what they revoke.
    fn add_lists(&mut self, path: &Path, pem: &[u8]) -> Result<usize, TrustError> {
        let mut revoked = 0;
        let mut added = 0;
        for (index, list) in CertificateRevocationListDer::pem_slice_iter(pem).enumerate() {
            let list =
                list.map_err(|source| TrustError::NotPem { path: path.to_owned(), source })?;
            let bad = |why: String| {
                let path = path.to_owned();
                TrustError::BadList { path, number: index + 1, why }
            };
            let (_, parsed) = CertificateRevocationList::from_der(&list)
                .map_err(|error| bad(error.to_string()))?;
            revoked += parsed.iter_revoked_certificates().count();
            let next = parsed.next_update().map(|time| time.timestamp());
            self.next_update = self.next_update.into_iter().chain(next).min();
            let owned =
                OwnedCertRevocationList::from_der(&list).map_err(|error| bad(error.to_string()))?;
            self.add_list(owned.into());
            added += 1;
        }
        match added {
            0 => Err(TrustError::NoList { path: path.to_owned() }),
            _ => Ok(revoked),
        }
    }

    fn add_list(&mut self, list: CertRevocationList<'static>) {
        let is_free = |round: &&mut Vec<CertRevocationList<'static>>| {
            round.iter().all(|other| other.issuer() != list.issuer())
        };
        match self.rounds.iter_mut().find(is_free) {
            Some(round) => round.push(list),
            None => self.rounds.push(vec![list]),
        }
    }

    fn out_of_date(&self, declared: &model::TrustStore, now_unix: i64) -> Option<Finding> {
        self.next_update.filter(|next| *next < now_unix)?;
        let message =
            format!("a revocation list of `trust_store.{}` is out of date", declared.name);
        Some(
            Finding::warning("certificate/list-out-of-date", &declared.place, message)
                .hint("what was revoked since is still taken: fetch the list again"),
        )
    }

    /// Whether the client's certificate leads to an authority of the store, is in date, is for
    /// clients, and is not revoked (RFC 5280 §6). Of authorities that have no list, nothing counts
    /// as revoked.
    pub(crate) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        ignore_expiry: bool,
    ) -> Result<(), Refusal> {
        let facts = facts::read(leaf).map_err(|unusable| match unusable {
            facts::Unusable::NotACertificate => Refusal::TlsClientCertificateInvalid,
            facts::Unusable::KeyKind => Refusal::TlsClientCertificateUnsupported,
        })?;
        let last_day = u64::try_from(facts.not_after).unwrap_or(0);
        let at = match ignore_expiry && last_day < now.as_secs() {
            true => UnixTime::since_unix_epoch(std::time::Duration::from_secs(last_day)),
            false => now,
        };
        let parsed = EndEntityCert::try_from(leaf).map_err(|error| refusal(&error))?;
        let without_lists = [Vec::new()];
        let rounds = if self.rounds.is_empty() { &without_lists[..] } else { &self.rounds };
        rounds.iter().try_for_each(|lists| self.verify(&parsed, intermediates, at, now, lists))
    }

    /// By lists that have one issuer each.
    fn verify(
        &self,
        parsed: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        at: UnixTime,
        now: UnixTime,
        lists: &[CertRevocationList<'_>],
    ) -> Result<(), Refusal> {
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        let algorithms = policy::provider().signature_verification_algorithms.all;
        let roots = &self.roots.roots;
        let usage = KeyUsage::client_auth();
        let path = parsed
            .verify_for_usage(algorithms, roots, intermediates, at, usage, revocation, None)
            .map_err(|error| refusal(&error))?;
        // `ignore_expiry` is about the client's own certificate.
        let now_unix = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let has_ended = |der: &CertificateDer<'_>| {
            facts::read(der).map_or(true, |facts| facts.not_after < now_unix)
        };
        if at != now && path.intermediate_certificates().any(|one| has_ended(&one.der())) {
            return Err(Refusal::TlsClientCertificateExpired);
        }
        match path.intermediate_certificates().count() >= CHAIN_MAX {
            true => Err(Refusal::TlsClientCertificateChainTooLong),
            false => Ok(()),
        }
    }
}

fn refusal(error: &webpki::Error) -> Refusal {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer
        | E::CertDistrusted
        | E::NameConstraintViolation
        | E::InvalidSignatureForPublicKey
        | E::CaUsedAsEndEntity
        | E::EndEntityUsedAsCa => Refusal::TlsClientCertificateUntrusted,
        E::CertExpired { .. } => Refusal::TlsClientCertificateExpired,
        E::CertNotValidYet { .. } => Refusal::TlsClientCertificateNotYetValid,
        E::CertRevoked => Refusal::TlsClientCertificateRevoked,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            Refusal::TlsClientCertificatePurpose
        }
        E::MaximumPathDepthExceeded | E::PathLenConstraintViolated => {
            Refusal::TlsClientCertificateChainTooLong
        }
        E::UnsupportedCertVersion
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Refusal::TlsClientCertificateUnsupported
        }
        E::CrlExpired { .. }
        | E::InvalidCrlNumber
        | E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::UnknownRevocationStatus
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            Refusal::TlsClientCertificateRevocationUnknown
        }
        _ => Refusal::TlsClientCertificateInvalid,
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > limit {
        true => Err(TrustError::TooLarge { path: path.to_owned(), limit }),
        false => Ok(bytes),
    }
}

/// The authorities of a PEM file, each of which must be one.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, TrustError> {
    let pem = read(path, AUTHORITIES_BYTES_MAX)?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let certificate =
            certificate.map_err(|source| TrustError::NotPem { path: path.to_owned(), source })?;
        let bad = |why: String| {
            let path = path.to_owned();
            TrustError::BadAuthority { path, number: index + 1, why }
        };
        if index == AUTHORITIES_MAX {
            return Err(TrustError::TooManyAuthorities { path: path.to_owned() });
        }
        if certificate.len() > AUTHORITY_BYTES_MAX {
            return Err(bad(format!("it is larger than {AUTHORITY_BYTES_MAX} bytes")));
        }
        if !facts::is_authority(&certificate) {
            return Err(bad("its basic constraints do not say so".to_owned()));
        }
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(TrustError::NoAuthority { path: path.to_owned() }),
        false => Ok(roots),
    }
}

// === impl TrustError ===

impl TrustError {
    /// Stable, for findings.
    pub fn code(&self) -> &'static str {
        match self {
            TrustError::Unreadable { .. } => "certificate/authorities-unreadable",
            TrustError::TooLarge { .. }
            | TrustError::TooManyAuthorities { .. }
            | TrustError::TooManyRevoked => "certificate/authorities-too-many",
            TrustError::NotPem { .. }
            | TrustError::NoAuthority { .. }
            | TrustError::BadAuthority { .. } => "certificate/not-an-authority",
            TrustError::NoList { .. } | TrustError::BadList { .. } => "certificate/bad-list",
        }
    }

    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            TrustError::Unreadable { .. } => {
                "is the path right, and may the user that Pointsman runs as read it?".into()
            }
            TrustError::TooLarge { .. } | TrustError::TooManyAuthorities { .. } => {
                "name only the authorities that issue what is to be taken".into()
            }
            TrustError::TooManyRevoked => "leave out what has expired".into(),
            TrustError::NotPem { .. } => {
                "convert DER with `openssl x509 -inform der` or `openssl crl -inform der`".into()
            }
            TrustError::NoAuthority { .. } => {
                "it needs a section `-----BEGIN CERTIFICATE-----`".into()
            }
            TrustError::BadAuthority { .. } => {
                "name the authority that has issued it, not the certificate of a client".into()
            }
            TrustError::NoList { .. } => "it needs a section `-----BEGIN X509 CRL-----`".into(),
            TrustError::BadList { path, .. } => {
                format!("see what `openssl crl -text -noout -in {}` says", path.display())
            }
        }
    }
}
