//! What the configuration wants of authorities.

use model::{Authority, CertificateId, CertificateSource, ChallengeKind, KeyKind};
use verdict::issuance::Reason;
use world::World;
use world::issuance::prospect;

use crate::account;

/// A certificate that is to be had and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: CertificateId,
    pub name: String,
    pub names: Vec<String>,
    pub key: KeyKind,
    pub asked: Vec<Asked>,
    /// Of its declaration.
    pub place: String,
}

/// An authority, and how it is shown that the names are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub authority: Authority,
    pub account: String,
    pub challenge: ChallengeKind,
    pub reason: Reason,
}

/// All certificates that come from authorities.
pub fn of(world: &World) -> Vec<Wanted> {
    let all = world.model.certificates.iter().enumerate();
    all.filter_map(|(at, certificate)| {
        let CertificateSource::Authority(ordered) = &certificate.source else { return None };
        let id = CertificateId(at as u32);
        let asked = ordered.authorities.iter().filter_map(|authority| {
            let authority = world.model[*authority].clone();
            let found = prospect(world, id, &authority, &[])?;
            let key_id = authority.external_account.as_ref().map(|account| account.key_id.as_str());
            let account = account::id(&authority.directory, key_id);
            Some(Asked { authority, account, challenge: found.challenge, reason: found.reason })
        });
        Some(Wanted {
            id,
            name: certificate.name.clone(),
            names: certificate.names.clone(),
            key: ordered.key,
            asked: asked.collect(),
            place: certificate.place.to_string(),
        })
    })
    .collect()
}
