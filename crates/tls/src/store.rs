//! Every certificate that was declared.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Certificate, CertificateId, CertificateSource, Finding, Listener};

use crate::authority::{AuthorityError, LocalAuthority};
use crate::{Identity, Loaded, placeholder};

/// The declared certificates that could be loaded, by [`CertificateId`].
#[derive(Debug, Default)]
pub struct CertificateStore {
    identities: Vec<Option<Arc<Identity>>>,
    authority: Option<PathBuf>,
}

impl CertificateStore {
    /// Loads what can be loaded, and says what is wrong with the rest. The development authority is
    /// opened, or made, below `state` if a certificate is declared to come from it.
    pub fn load(
        certificates: &[Certificate],
        state: &Path,
        now_unix: i64,
    ) -> (CertificateStore, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut authority = None;
        let mut identities = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            let identity = match &certificate.source {
                CertificateSource::Files { chain, key } => {
                    from_files(certificate, chain, key, now_unix, &mut findings)
                }
                CertificateSource::Development => {
                    let opened = authority
                        .get_or_insert_with(|| LocalAuthority::open_or_create(state, now_unix));
                    develop(certificate, opened.as_ref(), now_unix, &mut findings)
                }
                CertificateSource::Authority(_) => stand_in(certificate, now_unix, &mut findings),
            };
            identities.push(identity.map(Arc::new));
        }
        let authority = authority.and_then(Result::ok).map(|a| a.certificate_path());
        (CertificateStore { identities, authority }, findings)
    }

    /// As [`load`](CertificateStore::load), but looks at files only and makes nothing: development
    /// certificates are missing.
    pub fn check(certificates: &[Certificate], now_unix: i64) -> (CertificateStore, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut identities = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            let identity = match &certificate.source {
                CertificateSource::Files { chain, key } => {
                    from_files(certificate, chain, key, now_unix, &mut findings)
                }
                CertificateSource::Development | CertificateSource::Authority(_) => None,
            };
            identities.push(identity.map(Arc::new));
        }
        (CertificateStore { identities, authority: None }, findings)
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

fn from_files(
    certificate: &Certificate,
    chain: &Path,
    key: &Path,
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Option<Identity> {
    let place = &certificate.place;
    match Identity::from_files(&certificate.name, chain, key, now_unix) {
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
