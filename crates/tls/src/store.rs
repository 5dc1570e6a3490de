//! Every certificate that was declared.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Certificate, CertificateId, CertificateSource, Finding, Listener};

use zeroize::Zeroizing;

use crate::authority::{AuthorityError, LocalAuthority};
use crate::ocsp::Staple;
use crate::{Identity, LoadError, Loaded, placeholder};

/// The declared certificates that could be loaded, by [`CertificateId`].
#[derive(Clone, Debug, Default)]
pub struct CertificateStore {
    identities: Vec<Option<Arc<Identity>>>,
    authority: Option<PathBuf>,
}

/// Where certificates are that stand in no file: in the state of an instance.
pub trait Shelf {
    /// `None` if nothing is kept for it.
    fn kept(&self, certificate: &Certificate) -> Result<Option<KeptPem>, ShelfError>;
}

/// As PEM; the key is overwritten when it is dropped.
pub struct KeptPem {
    pub chain: Vec<u8>,
    pub key: Zeroizing<Vec<u8>>,
}

/// Why what is kept could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ShelfError {
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl CertificateStore {
    /// Loads what can be loaded, and says what is wrong with the rest. The development authority is
    /// opened, or made, below `state` if a certificate is declared to come from it.
    pub fn load(
        certificates: &[Certificate],
        state: &Path,
        shelf: &dyn Shelf,
        now_unix: i64,
    ) -> (CertificateStore, Vec<Finding>) {
        let mut sources = Sources { state, shelf, now_unix, authority: None };
        let mut findings = Vec::new();
        let identities = certificates
            .iter()
            .map(|certificate| sources.load(certificate, &mut findings).map(Arc::new))
            .collect();
        let authority = sources.authority.and_then(Result::ok).map(|a| a.certificate_path());
        (CertificateStore { identities, authority }, findings)
    }

    /// One certificate, as [`load`](CertificateStore::load) does it.
    pub fn load_one(
        certificate: &Certificate,
        state: &Path,
        shelf: &dyn Shelf,
        now_unix: i64,
    ) -> (Option<Identity>, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut sources = Sources { state, shelf, now_unix, authority: None };
        (sources.load(certificate, &mut findings), findings)
    }

    /// As [`load`](CertificateStore::load), but looks at files only and makes nothing: development
    /// certificates and those that an instance keeps are missing.
    pub fn check(certificates: &[Certificate], now_unix: i64) -> (CertificateStore, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut identities = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            let identity = match &certificate.source {
                CertificateSource::Files { chain, key, ocsp_response } => {
                    let files = (&**chain, &**key, ocsp_response.as_deref());
                    from_files(certificate, files, now_unix, &mut findings)
                }
                CertificateSource::Development
                | CertificateSource::Imported
                | CertificateSource::Authority(_) => None,
            };
            identities.push(identity.map(Arc::new));
        }
        (CertificateStore { identities, authority: None }, findings)
    }

    /// With another identity for one certificate.
    #[must_use]
    pub fn with(mut self, id: CertificateId, identity: Arc<Identity>) -> CertificateStore {
        if let Some(slot) = self.identities.get_mut(id.0 as usize) {
            *slot = Some(identity);
        }
        self
    }

    pub fn get(&self, id: CertificateId) -> Option<&Arc<Identity>> {
        self.identities.get(id.0 as usize)?.as_ref()
    }

    /// The certificates of a listener in its order; `None` if one could not be loaded, since the
    /// choice among the others would not be the declared one.
    pub fn of_listener(&self, listener: &Listener) -> Option<Vec<Arc<Identity>>> {
        listener.certificates.iter().map(|id| self.get(*id).cloned()).collect()
    }

    /// What clients have to trust for development certificates, if there are any.
    pub fn development_authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }
}

/// Where certificates come from; the development authority is opened once, and only if it is asked.
struct Sources<'s> {
    state: &'s Path,
    shelf: &'s dyn Shelf,
    now_unix: i64,
    authority: Option<Result<LocalAuthority, AuthorityError>>,
}

impl Sources<'_> {
    fn load(&mut self, certificate: &Certificate, findings: &mut Vec<Finding>) -> Option<Identity> {
        match &certificate.source {
            CertificateSource::Files { chain, key, ocsp_response } => {
                let files = (&**chain, &**key, ocsp_response.as_deref());
                from_files(certificate, files, self.now_unix, findings)
            }
            CertificateSource::Development => {
                let (state, now) = (self.state, self.now_unix);
                let open = || LocalAuthority::open_or_create(state, now);
                let authority = self.authority.get_or_insert_with(open);
                develop(certificate, authority.as_ref(), now, findings)
            }
            CertificateSource::Imported | CertificateSource::Authority(_) => {
                from_shelf(certificate, self.shelf, self.now_unix, findings)
            }
        }
    }
}

fn from_files(
    certificate: &Certificate,
    (chain, key, ocsp_response): (&Path, &Path, Option<&Path>),
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    let loaded = Identity::from_files(&certificate.name, chain, key, now_unix);
    let identity = judged(certificate, loaded, findings)?;
    let Some(path) = ocsp_response else { return Some(identity) };
    match Staple::from_file(path, &identity.key.cert, now_unix) {
        Ok(staple) => Some(identity.stapled(staple)),
        Err(error) => {
            findings.push(error.finding(&certificate.name, &certificate.place));
            Some(identity)
        }
    }
}

fn from_shelf(
    certificate: &Certificate,
    shelf: &dyn Shelf,
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    let (name, place) = (&certificate.name, &certificate.place);
    match shelf.kept(certificate) {
        Ok(Some(KeptPem { chain, key })) => {
            judged(certificate, Identity::from_pem(name, &chain, &key, now_unix), findings)
        }
        // It is asked for while the placeholder is served.
        Ok(None) if matches!(certificate.source, CertificateSource::Authority(_)) => {
            stand_in(certificate, now_unix, findings)
        }
        Ok(None) => {
            let message = format!("nothing was imported for the certificate `{name}`");
            let hint = format!("`pointsman cert import {name} --chain FILE --key FILE`");
            findings.push(Finding::error("certificate/not-imported", place, message).hint(hint));
            None
        }
        Err(error) => {
            let finding = Finding::error("certificate/not-kept", place, error.to_string());
            findings.push(finding.hint(error.hint));
            None
        }
    }
}

/// What is doubtful about it, or why it cannot be used, becomes findings.
fn judged(
    certificate: &Certificate,
    loaded: Result<Loaded, LoadError>,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    let place = &certificate.place;
    match loaded {
        Ok(Loaded { identity, warnings }) => {
            findings.extend(warnings.iter().map(|warning| {
                Finding::warning(warning.code(), place, warning.to_string()).hint(warning.hint())
            }));
            let missing = certificate.names.iter().filter(|name| !identity.facts.covers(name));
            findings.extend(missing.map(|name| not_covered(certificate, &identity, name)));
            Some(identity)
        }
        Err(error) => {
            let finding = Finding::error(error.code(), place, with_sources(&error));
            findings.push(finding.hint(error.hint()));
            None
        }
    }
}

fn not_covered(certificate: &Certificate, identity: &Identity, name: &str) -> Finding {
    let message = format!("the certificate `{}` does not cover `{name}`", certificate.name);
    Finding::warning("certificate/name-not-covered", &certificate.place, message)
        .hint(format!("it covers {}", list(&identity.facts.names)))
}

fn list(names: &[String]) -> String {
    match names {
        [] => "no name".into(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn develop(
    certificate: &Certificate,
    authority: Result<&LocalAuthority, &AuthorityError>,
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    let place = &certificate.place;
    let mut failed = |error: &AuthorityError| {
        findings.push(
            Finding::error("certificate/development", place, with_sources(error))
                .hint(error.hint()),
        );
    };
    match authority {
        Ok(authority) => match authority.issue(&certificate.name, &certificate.names, now_unix) {
            Ok(identity) => Some(identity),
            Err(error) => {
                failed(&error);
                None
            }
        },
        Err(error) => {
            failed(error);
            None
        }
    }
}

fn stand_in(
    certificate: &Certificate,
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    match placeholder(&certificate.name, &certificate.names, now_unix) {
        Ok(identity) => Some(identity),
        Err(error) => {
            let finding =
                Finding::error("certificate/placeholder", &certificate.place, with_sources(&error));
            findings.push(finding.hint(error.hint()));
            None
        }
    }
}

/// A finding is one line, so the causes follow.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests;
