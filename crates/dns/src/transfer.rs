//! A whole zone for those who serve it too (AXFR, RFC 5936): what anybody would be answered about
//! every name, signed, with the chain of NSEC that a server without our key needs.

use std::cmp::Ordering;
use std::sync::Arc;

use domain::base::Rtype;
use model::{Challenges, Host, Model, Policy, Record, RecordData, RecordType, ZoneId};
use verdict::answer::{Asker, Drawn, End, Of, Question, View, answer, types};

use crate::decide::{append_own, append_value};
use crate::draft::{Draft, Section};
use crate::name;
use crate::sign::{Signatures, Signer, append_bitmap};
use crate::snapshot::{Served, Snapshot, seconds};

/// A message is sent when it has so many bytes: large enough to compress well, small enough not to
/// be kept long.
const MESSAGE_BYTES: usize = 16 * 1024;

/// Of the value of an RRSIG (RFC 4034 §3.1), before the name of the signer.
const SIGNATURE_HEAD: usize = 18;
/// ECDSA with P-256.
const SIGNATURE_BYTES: usize = 64;

/// Why a zone cannot be copied (DECISIONS 32): a copy answers everybody alike, and knows of no
/// health.
pub fn obstacle(model: &Model, zone: ZoneId) -> Option<&'static str> {
    let mut records = model.records.iter().filter(|record| record.zone == Some(zone));
    records.find_map(|record| match record.routing.as_deref() {
        _ if !record.visible_to.is_empty() => {
            Some("not transferred: its answers depend on who asks (`visible_to`)")
        }
        Some(routing) if routing.policy != Policy::Simple => {
            Some("not transferred: its answers depend on a routing policy")
        }
        Some(routing) if routing.healthy_while.is_some() => {
            Some("not transferred: its answers depend on health")
        }
        Some(_) | None => None,
    })
}

/// The messages of one transfer, one after the other.
pub struct Transfer {
    snapshot: Arc<Snapshot>,
    zone: ZoneId,
    /// In canonical order (RFC 4034 §6.1).
    names: Vec<Host>,
    at: usize,
    is_done: bool,
    signatures: Signatures,
    now: u64,
}

/// What is at one name of the zone.
enum Standing<'a> {
    /// The zone's own.
    Own,
    /// Delegated here.
    Cut(View<'a>),
    /// Below a delegation: only addresses of name servers.
    Below,
}

impl Transfer {
    pub fn new(snapshot: Arc<Snapshot>, zone: ZoneId, now: u64) -> Transfer {
        let records = snapshot.world.model.records.iter();
        let mut names: Vec<Host> =
            records.filter(|record| record.zone == Some(zone)).map(|r| r.name.clone()).collect();
        names.sort_unstable_by(|a, b| canonical(&a.0, &b.0));
        names.dedup();
        let signatures = Signatures::default();
        Transfer { snapshot, zone, names, at: 0, is_done: false, signatures, now }
    }

    /// Drafts the next message; `false` after the last.
    pub fn next(&mut self, draft: &mut Draft) -> bool {
        draft.clear();
        if self.is_done {
            return false;
        }
        let snapshot = Arc::clone(&self.snapshot);
        let Some(zone) = snapshot.zones.get(self.zone.0 as usize) else { return false };
        if self.at == 0 {
            self.authority(draft, zone);
        }
        // With its name and two numbers of the curve (RFC 6605 §4).
        let signature = SIGNATURE_HEAD + zone.name.len() + SIGNATURE_BYTES;
        let (mut bytes, mut counted) = (0, 0);
        while bytes < MESSAGE_BYTES {
            let Some(name) = self.names.get(self.at).cloned() else {
                self.authority(draft, zone);
                self.is_done = true;
                break;
            };
            self.name(draft, &snapshot, zone, &name);
            self.at += 1;
            bytes += draft.written_at_most(counted, signature);
            counted = draft.sets().len();
        }
        if let Some(key) = &zone.key {
            for at in 0..draft.sets().len() {
                if draft.sets().get(at).is_some_and(|set| set.signer.is_some()) {
                    let signer = Signer { key, zone: &zone.name };
                    self.signatures.sign(draft, at, &signer, self.now);
                }
            }
        }
        true
    }

    /// The SOA, which begins and ends it (RFC 5936 §2.2).
    fn authority(&self, draft: &mut Draft, zone: &Served) {
        let signer = zone.key.as_ref().map(|_| self.zone.0).filter(|_| self.at == 0);
        draft.set_of_wire(Section::Answer, &zone.name, Rtype::SOA, zone.ttl, signer);
        draft.value(|bytes| {
            bytes.extend_from_slice(&zone.authority);
            true
        });
    }

    fn name(&self, draft: &mut Draft, snapshot: &Snapshot, zone: &Served, name: &Host) {
        let (model, names) = (&snapshot.world.model, snapshot.world.names());
        let ids = verdict::answer::Names::at(names, Some(self.zone), &name.0).unwrap_or(&[]);
        let view = View::of(model, ids, &[]);
        let signer = zone.key.as_ref().map(|_| self.zone.0);
        match self.standing(snapshot, &name.0) {
            Standing::Own => {
                let mut kinds = types(model, names, Some(self.zone), view, Some(&snapshot.here));
                for kind in kinds.iter().filter(|kind| **kind != RecordType::SOA) {
                    self.set(draft, snapshot, zone, &name.0, *kind, signer);
                }
                if let (Some(key), true) = (&zone.key, self.is_apex(snapshot, name)) {
                    for kind in [Rtype::DNSKEY, Rtype::CDS, Rtype::CDNSKEY] {
                        draft.set_of_wire(Section::Answer, &zone.name, kind, zone.ttl, signer);
                        draft.value(|bytes| {
                            append_own(kind, key, model, Some(self.zone), bytes);
                            true
                        });
                        kinds.push(RecordType(kind.to_int()));
                    }
                }
                self.chain(draft, snapshot, zone, &name.0, &kinds);
            }
            Standing::Cut(view) => {
                let mut kinds = Vec::new();
                for kind in [RecordType::NS, RecordType::DS] {
                    // RFC 4035 §2.2: the parent does not sign the name servers of a cut.
                    let signer = signer.filter(|_| kind == RecordType::DS);
                    let mut records = view.iter().filter(|record| record.data.is_of(kind));
                    if let Some(first) = records.clone().next() {
                        kinds.push(kind);
                        let (kind, ttl) = (Rtype::from_int(kind.0), seconds(first.ttl.0));
                        draft.set(Section::Answer, &name.0, kind, ttl, signer);
                        records.by_ref().for_each(|record| append(record, draft));
                    }
                }
                self.chain(draft, snapshot, zone, &name.0, &kinds);
                // A name server may have the name of the cut.
                self.glue(draft, view, &name.0);
            }
            Standing::Below => self.glue(draft, view, &name.0),
        }
    }

    fn standing<'s>(&self, snapshot: &'s Snapshot, name: &'s str) -> Standing<'s> {
        match self.ask(snapshot, name, RecordType::NS) {
            End::Referral { at, view } if at.name == name => Standing::Cut(view),
            End::Referral { .. } => Standing::Below,
            End::Refused
            | End::Elsewhere(_)
            | End::NameError { .. }
            | End::NoData { .. }
            | End::Found { .. }
            | End::Loop => Standing::Own,
        }
    }

    fn ask<'s>(&self, snapshot: &'s Snapshot, name: &'s str, kind: RecordType) -> End<'s> {
        static NONE: Challenges = Challenges {
            texts: std::collections::BTreeMap::new(),
            tokens: std::collections::BTreeMap::new(),
        };
        let asker = Asker {
            // A private zone answers its networks.
            networks: &snapshot.world.model[self.zone].visible_to,
            of: Of::Zones,
            here: Some(&snapshot.here),
            load_balancer_healthy: &|_| true,
            group_healthy: &|_| true,
            challenges: &NONE,
        };
        let (model, names) = (&snapshot.world.model, snapshot.world.names());
        let decided = answer(model, names, Question { name, kind }, &asker, &mut Drawn(0));
        // Its own canonical name is a set of this name, and not what it leads to.
        decided.end
    }

    fn set(
        &self,
        draft: &mut Draft,
        snapshot: &Snapshot,
        zone: &Served,
        name: &str,
        kind: RecordType,
        signer: Option<u32>,
    ) {
        let End::Found { set, .. } = self.ask(snapshot, name, kind) else { return };
        let (kind, ttl) = (Rtype::from_int(set.kind.0), seconds(set.ttl.0));
        if draft.set(Section::Answer, name, kind, ttl, signer) {
            for value in set.values(&snapshot.world.model, Some(&snapshot.here)) {
                draft.value(|bytes| append_value(value, Some(zone), bytes));
            }
            draft.settle();
        }
    }

    /// RFC 4034 §4: what is here, and which name comes next.
    fn chain(
        &self,
        draft: &mut Draft,
        snapshot: &Snapshot,
        zone: &Served,
        name: &str,
        kinds: &[RecordType],
    ) {
        if zone.key.is_none() {
            return;
        }
        let after = self.names.get(self.at + 1..).unwrap_or_default();
        let next =
            after.iter().find(|next| !matches!(self.standing(snapshot, &next.0), Standing::Below));
        let next = next.map_or(&*snapshot.world.model[self.zone].name.0, |next| &next.0);
        let all = kinds.iter().map(|kind| Rtype::from_int(kind.0));
        let signer = Some(self.zone.0);
        draft.set(Section::Answer, name, Rtype::NSEC, zone.negative_ttl, signer);
        draft.value(|bytes| {
            name::append_wire(next, bytes);
            append_bitmap(all.chain([Rtype::RRSIG, Rtype::NSEC]), bytes);
            true
        });
    }

    fn glue(&self, draft: &mut Draft, view: View<'_>, name: &str) {
        for (kind, family) in [(Rtype::A, RecordType::A), (Rtype::AAAA, RecordType::AAAA)] {
            let records = view.iter().filter(|record| record.data.is_of(family));
            let Some(ttl) = records.clone().map(|record| seconds(record.ttl.0)).min() else {
                continue;
            };
            if draft.set(Section::Answer, name, kind, ttl, None) {
                records.for_each(|record| crate::decide::append_family(&record.data, kind, draft));
                draft.settle();
            }
        }
    }

    fn is_apex(&self, snapshot: &Snapshot, name: &Host) -> bool {
        *name == snapshot.world.model[self.zone].name
    }
}

fn append(record: &Record, draft: &mut Draft) {
    if let RecordData::NameServers(_) | RecordData::Data { .. } = record.data {
        crate::decide::append_data(&record.data, draft);
    }
}

/// RFC 4034 §6.1: by labels, from the last one.
fn canonical(a: &str, b: &str) -> Ordering {
    let wire = |text: &str| {
        let mut wire = Vec::new();
        name::append_wire(text, &mut wire);
        name::lower(&mut wire);
        wire
    };
    let (a, b) = (wire(a), wire(b));
    let labels = |wire| name::labels(wire).collect::<Vec<_>>();
    let (a, b) = (labels(&a), labels(&b));
    a.iter().rev().cmp(b.iter().rev())
}
