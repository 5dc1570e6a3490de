//! What the configuration wants of authorities.

use model::{
    Authority, CertificateId, CertificateSource, ChallengeKind, KeyKind, OnDemand, Ordered,
};
use verdict::issuance::Reason;
use verdict::on_demand::fits;
use world::World;
use world::issuance::prospect_for;

use crate::account;

/// A certificate that is to be had and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: CertificateId,
    pub name: String,
    pub names: Vec<String>,
    pub key: KeyKind,
    pub asked: Vec<Asked>,
    /// A client came for it.
    pub on_demand: Option<OnDemand>,
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

/// All certificates that are ordered without being asked for.
pub fn of(world: &World) -> Vec<Wanted> {
    let own = |(id, ordered): (CertificateId, &Ordered)| {
        let certificate = &world.model[id];
        let name = certificate.name.clone();
        ordered.on_demand.is_none().then(|| wanted(world, id, ordered, name, &certificate.names))
    };
    ordered(world).filter_map(own).collect()
}

/// The certificate of one name, which its declaration covers with a pattern.
pub fn on_demand(world: &World, certificate: &str, host: &str) -> Option<Wanted> {
    let (id, ordered) = ordered(world).find(|(id, _)| world.model[*id].name == certificate)?;
    let declared = ordered.on_demand.as_ref()?;
    fits(declared, host).ok()?;
    let name = name_of(certificate, host);
    Some(wanted(world, id, ordered, name, &[host.to_owned()]))
}

/// Names of the declarations whose certificates are ordered when a client comes.
pub fn declared_on_demand(world: &World) -> impl Iterator<Item = (&str, &OnDemand)> {
    ordered(world).filter_map(|(id, ordered)| {
        Some((world.model[id].name.as_str(), ordered.on_demand.as_ref()?))
    })
}

/// As it is listed and kept: no declaration's own name has a slash.
pub fn name_of(certificate: &str, host: &str) -> String {
    format!("{certificate}/{host}")
}

fn ordered(world: &World) -> impl Iterator<Item = (CertificateId, &Ordered)> {
    let all = world.model.certificates.iter().enumerate();
    all.filter_map(|(at, certificate)| match &certificate.source {
        CertificateSource::Authority(ordered) => Some((CertificateId(at as u32), ordered)),
        CertificateSource::Files { .. }
        | CertificateSource::Development
        | CertificateSource::Imported => None,
    })
}

fn wanted(
    world: &World,
    id: CertificateId,
    ordered: &Ordered,
    name: String,
    names: &[String],
) -> Wanted {
    let asked = ordered.authorities.iter().filter_map(|authority| {
        let authority = world.model[*authority].clone();
        let found = prospect_for(world, id, names, &authority, &[])?;
        let key_id = authority.external_account.as_ref().map(|account| account.key_id.as_str());
        let account = account::id(&authority.directory, key_id);
        Some(Asked { authority, account, challenge: found.challenge, reason: found.reason })
    });
    Wanted {
        id,
        name,
        names: names.to_vec(),
        key: ordered.key,
        asked: asked.collect(),
        on_demand: ordered.on_demand.clone(),
        place: world.model[id].place.to_string(),
    }
}
