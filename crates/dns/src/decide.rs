//! A decision of `verdict` as a draft: which records an answer has in which section, and what proves
//! that there are no others.

use std::hash::{DefaultHasher, Hash, Hasher};

use domain::base::Rtype;
use model::{RecordType, ZoneId};
use verdict::answer::{Answer, At, Drawn, End, Question, Set, Value, View, answer, glue, types};

use crate::draft::{Draft, Section};
use crate::message::{Because, Code};
use crate::name;
use crate::sign::{Denial, NXNAME};
use crate::snapshot::{Served, Snapshot, seconds};

/// RFC 8914 §4.
const EDE_NOT_AUTHORITATIVE: u16 = 20;

/// One question, and who asks it.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub snapshot: &'a Snapshot,
    /// In wire form, in any case, and as decisions read it.
    pub wire: &'a [u8],
    pub text: &'a str,
    pub kind: Rtype,
    pub networks: &'a [model::NetworkId],
    pub draw: u64,
    pub proofs: Proofs,
}

/// What the client wants of DNSSEC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proofs {
    None,
    /// A name that does not exist is said to have nothing (RFC 9824 §4).
    Signatures,
    /// And the error says that it does not exist (RFC 9824 §5).
    Compact,
}

/// What the draft's message says besides.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    pub code: Code,
    pub authoritative: bool,
    pub because: Option<Because>,
    /// What it counts as where answers are limited.
    pub counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// The name that was asked for.
    Asked,
    /// The wildcard that answers for any name: a hash of its own.
    Wildcard(u64),
    Absence(u32),
    Referral(u32),
    Other,
}

impl Asking<'_> {
    /// Decides, and drafts what was decided.
    pub fn decide(&self, draft: &mut Draft) -> Decided {
        let health = &self.snapshot.health;
        let load_balancer_healthy = |id: model::LoadBalancerId| {
            health.load_balancers.get(id.0 as usize).copied().unwrap_or(true)
        };
        let group_healthy =
            |id: model::GroupId| health.groups.get(id.0 as usize).copied().unwrap_or(true);
        let asker = verdict::answer::Asker {
            networks: self.networks,
            of: verdict::answer::Of::Zones,
            here: Some(&self.snapshot.here),
            load_balancer_healthy: &load_balancer_healthy,
            group_healthy: &group_healthy,
            challenges: &self.snapshot.challenges,
        };
        // Of a set's signatures any set's do, as of ANY (RFC 8482 §4.1).
        let kind = if self.kind == Rtype::RRSIG { Rtype::ANY } else { self.kind };
        let question = Question { name: self.text, kind: RecordType(kind.to_int()) };
        let world = &self.snapshot.world;
        let decided = answer(&world.model, world.names(), question, &asker, &mut Drawn(self.draw));
        self.draft(&decided, draft)
    }

    fn draft(&self, decided: &Answer<'_>, draft: &mut Draft) -> Decided {
        for link in &decided.chain {
            let (zone, ttl) = (link.at.zone, seconds(link.record.ttl.0));
            self.begin(draft, Section::Answer, &link.at, Rtype::CNAME, ttl, zone);
            if let model::RecordData::Canonical(host) = &link.record.data {
                draft.value(|bytes| name::append_wire(&host.0, bytes));
            }
            draft.settle();
        }
        let found =
            |code: Code, counts| Decided { code, authoritative: true, because: None, counts };
        match &decided.end {
            End::Refused => Decided {
                code: Code::REFUSED,
                authoritative: false,
                because: Some(Because {
                    code: EDE_NOT_AUTHORITATIVE,
                    text: "no zone here covers the name for you",
                }),
                counts: Counts::Other,
            },
            // A resolver goes on from the last name.
            End::Elsewhere(_) | End::Loop => {
                found(Code::OK, self.counts(decided.chain.first().map(|link| link.at)))
            }
            End::NameError { at } => {
                let Some((id, zone)) = self.zone(at) else {
                    return found(Code::SERVER, Counts::Other);
                };
                let hidden = self.is_signed(zone) && self.proofs == Proofs::Signatures;
                // An apex of ours exists.
                self.nothing(draft, at, None);
                let code = if hidden { Code::OK } else { Code::NAME };
                found(code, Counts::Absence(id))
            }
            End::NoData { at, view } => {
                let Some((id, zone)) = self.zone(at) else {
                    return found(Code::SERVER, Counts::Other);
                };
                if self.own_keys(draft, at, zone) {
                    return found(Code::OK, Counts::Asked);
                }
                self.nothing(draft, at, Some(*view));
                found(Code::OK, Counts::Absence(id))
            }
            End::Found { at, set, .. } => {
                self.set(draft, Section::Answer, at, set, at.zone);
                found(Code::OK, self.counts(Some(*at)))
            }
            End::Referral { at, view } => {
                let Some((id, zone)) = self.zone(at) else {
                    return found(Code::SERVER, Counts::Other);
                };
                self.referral(draft, at, *view, id, zone);
                // RFC 1034 §4.3.2: authoritative for what was followed until here.
                let authoritative = !decided.chain.is_empty();
                Decided { authoritative, ..found(Code::OK, Counts::Referral(id)) }
            }
        }
    }

    fn counts(&self, at: Option<At<'_>>) -> Counts {
        let encloser = at.and_then(|at| at.encloser);
        encloser.map_or(Counts::Asked, |encloser| {
            let mut hasher = DefaultHasher::new();
            encloser.hash(&mut hasher);
            Counts::Wildcard(hasher.finish())
        })
    }

    fn zone(&self, at: &At<'_>) -> Option<(u32, &Served)> {
        let ZoneId(id) = at.zone?;
        Some((id, self.snapshot.zones.get(id as usize)?))
    }

    fn is_signed(&self, zone: &Served) -> bool {
        zone.key.is_some() && self.proofs != Proofs::None
    }

    fn signer(&self, zone: Option<ZoneId>) -> Option<u32> {
        let id = zone?.0;
        self.snapshot.zones.get(id as usize).filter(|zone| self.is_signed(zone)).map(|_| id)
    }

    /// The name that was asked is taken as it came: it costs no way back from its text.
    fn begin(
        &self,
        draft: &mut Draft,
        section: Section,
        at: &At<'_>,
        kind: Rtype,
        ttl: u32,
        signed_by: Option<ZoneId>,
    ) {
        let signer = self.signer(signed_by);
        if std::ptr::eq(at.name, self.text) {
            draft.set_of_wire(section, self.wire, kind, ttl, signer);
        } else if !draft.set(section, at.name, kind, ttl, signer) {
            draft.set_of_wire(section, &[0], kind, ttl, signer);
        }
    }

    fn set(
        &self,
        draft: &mut Draft,
        section: Section,
        at: &At<'_>,
        set: &Set<'_>,
        signed_by: Option<ZoneId>,
    ) {
        let kind = Rtype::from_int(set.kind.0);
        let zone = self.zone(at).map(|(_, zone)| zone);
        self.begin(draft, section, at, kind, seconds(set.ttl.0), signed_by);
        for value in set.values(&self.snapshot.world.model, Some(&self.snapshot.here)) {
            draft.value(|bytes| append_value(value, zone, bytes));
        }
        draft.settle();
    }

    /// The SOA, by which a "no" is kept (RFC 2308 §3), and the proof of it.
    fn nothing(&self, draft: &mut Draft, at: &At<'_>, view: Option<View<'_>>) {
        let Some((id, zone)) = self.zone(at) else { return };
        let signer = self.signer(at.zone);
        let mut kinds = Vec::new();
        if let (Some(view), Some(_)) = (view, signer) {
            kinds = self.kinds(at, view, zone);
        }
        let denial = |name| Denial {
            name,
            kinds: view.is_some().then_some(&kinds[..]),
            ttl: zone.negative_ttl,
            signer: id,
        };
        let is_asked = std::ptr::eq(at.name, self.text);
        let mut wire = Vec::new();
        if signer.is_some() && !is_asked {
            name::append_wire(at.name, &mut wire);
        }
        let name = if is_asked { self.wire } else { &wire };
        if self.kind == Rtype::NSEC && signer.is_some() {
            return denial(name).draft(draft, Section::Answer);
        }
        draft.set_of_wire(Section::Authority, &zone.name, Rtype::SOA, zone.negative_ttl, signer);
        draft.value(|bytes| append_value(Value::Authority, Some(zone), bytes));
        if signer.is_some() {
            denial(name).draft(draft, Section::Authority);
        }
    }

    /// What is at a name, as its proof lists it.
    fn kinds(&self, at: &At<'_>, view: View<'_>, zone: &Served) -> Vec<Rtype> {
        let world = &self.snapshot.world;
        let here = Some(&*self.snapshot.here);
        let declared = types(&world.model, world.names(), at.zone, view, here);
        let mut kinds: Vec<Rtype> = declared.iter().map(|kind| Rtype::from_int(kind.0)).collect();
        let texts = &self.snapshot.challenges.texts;
        if !texts.is_empty() && texts.contains_key(at.name) {
            kinds.push(Rtype::TXT);
        }
        if is_apex(at, self.wire, self.text, zone) {
            kinds.extend([Rtype::DNSKEY, Rtype::CDS, Rtype::CDNSKEY]);
        }
        kinds
    }

    /// The sets that only a signed zone's apex has (RFC 4035 §2.1, RFC 7344 §4.1).
    fn own_keys(&self, draft: &mut Draft, at: &At<'_>, zone: &Served) -> bool {
        let Some(key) = zone.key.as_ref().filter(|_| is_apex(at, self.wire, self.text, zone))
        else {
            return false;
        };
        if !matches!(self.kind, Rtype::DNSKEY | Rtype::CDS | Rtype::CDNSKEY) {
            return false;
        }
        self.begin(draft, Section::Answer, at, self.kind, zone.ttl, at.zone);
        draft.value(|bytes| {
            append_own(self.kind, key, &self.snapshot.world.model, at.zone, bytes);
            true
        });
        true
    }

    fn referral(&self, draft: &mut Draft, at: &At<'_>, view: View<'_>, id: u32, zone: &Served) {
        let mut has_delegation_signer = false;
        for kind in [RecordType::NS, RecordType::DS] {
            let records = view.iter().filter(|record| record.data.is_of(kind));
            let ttl = records.clone().map(|record| seconds(record.ttl.0)).min();
            let Some(ttl) = ttl else { continue };
            if kind == RecordType::DS && !self.is_signed(zone) {
                continue;
            }
            // RFC 4035 §2.2: of the cut the parent signs its DS only.
            let signed_by = at.zone.filter(|_| kind == RecordType::DS);
            self.begin(draft, Section::Authority, at, Rtype::from_int(kind.0), ttl, signed_by);
            for record in records {
                append_data(&record.data, draft);
            }
            has_delegation_signer |= kind == RecordType::DS;
        }
        if self.is_signed(zone) && !has_delegation_signer {
            let mut wire = Vec::new();
            name::append_wire(at.name, &mut wire);
            let kinds = [Rtype::NS];
            let denial =
                Denial { name: &wire, kinds: Some(&kinds), ttl: zone.negative_ttl, signer: id };
            denial.draft(draft, Section::Authority);
        }
        let world = &self.snapshot.world;
        for (host, record) in glue(&world.model, world.names(), ZoneId(id), view) {
            for (kind, family) in [(Rtype::A, RecordType::A), (Rtype::AAAA, RecordType::AAAA)] {
                if record.data.is_of(family) {
                    let ttl = seconds(record.ttl.0);
                    if draft.set(Section::Additional, &host.0, kind, ttl, None) {
                        append_family(&record.data, kind, draft);
                    }
                }
            }
        }
    }
}

fn is_apex(at: &At<'_>, wire: &[u8], text: &str, zone: &Served) -> bool {
    match std::ptr::eq(at.name, text) {
        true => wire.eq_ignore_ascii_case(&zone.name),
        false => {
            let mut wire = Vec::new();
            name::append_wire(at.name, &mut wire) && wire == zone.name
        }
    }
}

/// DNSKEY, CDS and CDNSKEY of a zone.
pub fn append_own(
    kind: Rtype,
    key: &crate::key::ZoneKey,
    model: &model::Model,
    zone: Option<ZoneId>,
    bytes: &mut Vec<u8>,
) {
    match (kind, zone) {
        (Rtype::CDS, Some(zone)) => bytes.extend_from_slice(&key.delegation(&model[zone].name.0)),
        _ => bytes.extend_from_slice(key.public()),
    }
}

/// What a cut has: name servers, and digests of their keys.
pub fn append_data(data: &model::RecordData, draft: &mut Draft) {
    match data {
        model::RecordData::NameServers(hosts) => {
            hosts.iter().for_each(|host| draft.value(|bytes| name::append_wire(&host.0, bytes)));
        }
        model::RecordData::Data { values, .. } => {
            values.iter().for_each(|wire| draft.value(|bytes| append(wire, bytes)));
        }
        model::RecordData::Addresses(_)
        | model::RecordData::Alias(_)
        | model::RecordData::AliasName(_)
        | model::RecordData::Canonical(_)
        | model::RecordData::Authority => {}
    }
}

pub fn append_family(data: &model::RecordData, kind: Rtype, draft: &mut Draft) {
    let model::RecordData::Addresses(addresses) = data else { return };
    for address in addresses {
        match (address, kind) {
            (std::net::IpAddr::V4(v4), Rtype::A) => draft.value(|b| append(&v4.octets(), b)),
            (std::net::IpAddr::V6(v6), Rtype::AAAA) => draft.value(|b| append(&v6.octets(), b)),
            (std::net::IpAddr::V4(_) | std::net::IpAddr::V6(_), _) => {}
        }
    }
}

/// A value in wire form; says whether there is one.
pub fn append_value(value: Value<'_>, zone: Option<&Served>, bytes: &mut Vec<u8>) -> bool {
    match value {
        Value::V4(v4) => append(&v4.octets(), bytes),
        Value::V6(v6) => append(&v6.octets(), bytes),
        Value::Name(host) => name::append_wire(&host.0, bytes),
        Value::Authority => zone.is_some_and(|zone| append(&zone.authority, bytes)),
        Value::Text(text) => {
            // RFC 1035 §3.3.14: strings of at most 255 octets.
            text.as_bytes().chunks(255).for_each(|part| {
                bytes.push(part.len() as u8);
                bytes.extend_from_slice(part);
            });
            !text.is_empty()
        }
        Value::Wire(wire) => append(wire, bytes),
    }
}

fn append(part: &[u8], bytes: &mut Vec<u8>) -> bool {
    bytes.extend_from_slice(part);
    true
}

/// Types that no record has (RFC 6895 §3.1), and what RFC 9824 §3.5 refuses.
pub fn is_askable(kind: Rtype) -> Result<(), Code> {
    match kind {
        NXNAME | Rtype::OPT => Err(Code::FORMAT),
        Rtype::ANY => Ok(()),
        other if (128..=255).contains(&other.to_int()) => Err(Code::NOT_IMPLEMENTED),
        _ => Ok(()),
    }
}
