//! How every certificate stands: its source, until when it is good, and what happens next.

use std::sync::Arc;

use model::{CertificateId, CertificateSource, Model};
use serde::{Deserialize, Serialize};
use tls::{CertificateStore, KeptPem};
use zeroize::Zeroizing;

use crate::keep::{Keep, KeepError};

/// A row of `cert list`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// `files`, `development`, `imported` or `authority`.
    pub source: String,
    #[serde(flatten)]
    pub state: acme::State,
}

/// What an authority issued, as PEM; `None`: nothing by that name.
pub fn read(keep: &Keep, name: &str) -> Result<Option<KeptPem>, KeepError> {
    let records = acme::Records::new(Arc::clone(&keep.store), Arc::clone(&keep.vault));
    let issued = records.issued(name).map_err(|trouble| KeepError {
        hint: trouble.hint.clone().unwrap_or_else(|| "look at the state directory".into()),
        message: trouble.words,
    })?;
    Ok(issued.map(|issued| KeptPem {
        chain: issued.chain.as_bytes().to_vec(),
        key: Zeroizing::new(issued.key.as_bytes().to_vec()),
    }))
}

/// In the order of their declaration.
pub fn statuses(
    model: &Model,
    store: &CertificateStore,
    ordered: &[acme::State],
    now_unix: i64,
) -> Vec<CertificateStatus> {
    let all = model.certificates.iter().enumerate();
    all.map(|(at, certificate)| {
        let source = match &certificate.source {
            CertificateSource::Files { .. } => "files",
            CertificateSource::Development => "development",
            CertificateSource::Imported => "imported",
            CertificateSource::Authority(_) => "authority",
        };
        let waits = matches!(&certificate.source, CertificateSource::Authority(one) if one.on_demand.is_some());
        if waits {
            // It is none itself: those of its names are.
            let state = acme::State {
                name: certificate.name.clone(),
                names: on_demand_names(certificate),
                state: "on demand".into(),
                place: certificate.place.to_string(),
                ..acme::State::default()
            };
            return CertificateStatus { source: source.into(), state };
        }
        let known =
            ordered.iter().find(|state| source == "authority" && state.name == certificate.name);
        let state = known.cloned().unwrap_or_else(|| {
            let facts = store.get(CertificateId(at as u32)).map(|identity| &identity.facts);
            let state = match facts {
                None => "missing",
                Some(facts) if facts.expired(now_unix) => "expired",
                Some(_) => "valid",
            };
            acme::State {
                name: certificate.name.clone(),
                names: facts.map_or(certificate.names.clone(), |facts| facts.names.clone()),
                state: state.into(),
                not_before: facts.map(|facts| facts.not_before),
                not_after: facts.map(|facts| facts.not_after),
                place: certificate.place.to_string(),
                ..acme::State::default()
            }
        });
        CertificateStatus { source: source.into(), state }
    })
    .chain(on_demand(ordered))
    .collect()
}

/// Those that are ordered when a client comes: no declaration has their names.
fn on_demand(ordered: &[acme::State]) -> impl Iterator<Item = CertificateStatus> {
    let all = ordered.iter().filter(|state| state.name.contains('/'));
    all.map(|state| CertificateStatus { source: "authority".into(), state: state.clone() })
}

fn on_demand_names(certificate: &model::Certificate) -> Vec<String> {
    match &certificate.source {
        CertificateSource::Authority(ordered) => {
            ordered.on_demand.as_ref().map_or(Vec::new(), |on_demand| on_demand.names.clone())
        }
        CertificateSource::Files { .. }
        | CertificateSource::Development
        | CertificateSource::Imported => Vec::new(),
    }
}

/// Why nothing can be ordered under this name, with what there is.
pub fn unknown(model: &Model, name: &str) -> String {
    if let Some(other) = model.certificates.iter().find(|one| one.name == name) {
        return format!(
            "`{name}` comes from no authority ({})\n  hint: add `authority = authority.name` to it",
            other.place
        );
    }
    let ordered = model
        .certificates
        .iter()
        .filter(|one| matches!(one.source, CertificateSource::Authority(_)));
    let names: Vec<String> = ordered.map(|one| format!("`{}`", one.name)).collect();
    let hint = match &names[..] {
        [] => "no certificate comes from an authority".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    format!("there is no certificate called `{name}`\n  hint: {hint}")
}
