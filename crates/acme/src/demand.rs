//! Names that clients came for: who may be ordered, what is remembered of the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use model::Refusal;
use verdict::on_demand::{Memory, NotOrdered, judge};

use crate::guard::{self, Allowed};
use crate::keeper::{Event, Keeper};
use crate::kept::Issued;
use crate::wanted::{self, name_of};
use crate::words::Trouble;

/// Questions to guards that are under way.
const ASKING_MAX: usize = 32;
/// Names whose refusal is remembered; beyond that all are forgotten, and asked for again.
const REFUSALS_MAX: usize = 10_000;
/// A customer who has just been set up is not to wait long.
const REFUSED_FOR: i64 = 60;
/// A guard that is silent is asked again soon, but not by every handshake.
const SILENT_FOR: i64 = 5;
/// Names that are refused at a time and told in the journal.
const TOLD_MAX: usize = 100;
const HOUR: i64 = 3600;

/// What is remembered of visits; a restart forgets it.
#[derive(Debug, Default)]
pub struct Demand {
    asking: BTreeSet<String>,
    /// Until when, and what it is told.
    refused: BTreeMap<String, (i64, Refusal)>,
    /// When orders of a declaration were begun.
    begun: BTreeMap<String, VecDeque<i64>>,
}

/// What becomes of a client that came for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visited {
    /// It is being asked or ordered: an event tells the end.
    Waits,
    /// It is there already.
    There,
    Refused(Refusal),
}

impl Keeper {
    /// A client came for a name that has no certificate that is good.
    pub fn visit(&mut self, certificate: &str, host: &str) -> Visited {
        let (name, now) = (name_of(certificate, host), net::clock::unix_seconds());
        if let Some(known) = self.standing(&name) {
            return known;
        }
        if self.demand.asking.contains(&name) {
            return Visited::Waits;
        }
        let world = self.world();
        let declared =
            wanted::declared_on_demand(&world).find(|(declared, _)| *declared == certificate);
        let Some((_, declared)) = declared else {
            return Visited::Refused(Refusal::TlsCertificatePending);
        };
        self.demand.refused.retain(|_, (until, _)| *until > now);
        let refused = self.demand.refused.get(&name).map(|(_, refusal)| *refusal);
        let memory = Memory {
            names: self.names_below(certificate) + self.demand.asking_below(certificate),
            orders: self.demand.orders(certificate, now) + self.demand.asking_below(certificate),
            refused: refused.is_some(),
        };
        match judge(declared, host, memory) {
            Ok(()) => {}
            Err(NotOrdered::RefusedBefore | NotOrdered::NoName | NotOrdered::OtherName) => {
                return Visited::Refused(refused.unwrap_or(Refusal::TlsCertificateDenied));
            }
            Err(NotOrdered::OrdersPerHour(most)) => {
                return self.limited(&name, "orders_per_hour", most);
            }
            Err(NotOrdered::MaxNames(most)) => return self.limited(&name, "max_names", most),
        }
        if self.demand.asking.len() >= ASKING_MAX {
            return Visited::Refused(Refusal::TlsCertificatePending);
        }
        self.demand.asking.insert(name);
        let (guard, events) = (declared.ask.clone(), self.events());
        let (certificate, host) = (certificate.to_owned(), host.to_owned());
        tokio::task::spawn_local(async move {
            let allowed = guard::ask(&guard, &host).await;
            let _ = events.send(Event::Guarded { certificate, host, allowed }).await;
        });
        Visited::Waits
    }

    /// What the guard says: the order begins, or the name is refused for a while.
    pub fn guarded(&mut self, certificate: &str, host: &str, allowed: Allowed) -> Visited {
        let (name, now) = (name_of(certificate, host), net::clock::unix_seconds());
        self.demand.asking.remove(&name);
        let (refusal, pause, why) = match allowed {
            Allowed::Yes => {
                let Some(wanted) = wanted::on_demand(&self.world(), certificate, host) else {
                    return Visited::Refused(Refusal::TlsCertificatePending);
                };
                self.demand.begun.entry(certificate.to_owned()).or_default().push_back(now);
                self.begin(wanted);
                self.allow(&name);
                return Visited::Waits;
            }
            Allowed::No(status) => {
                let why = format!("it is not allowed: `ask` answers with {status}");
                (Refusal::TlsCertificateDenied, REFUSED_FOR, why)
            }
            Allowed::Silent(why) => (Refusal::TlsCertificatePending, SILENT_FOR, why),
        };
        self.tell_not_ordered(&name, &why);
        self.demand.refuse(name, now + pause, refusal);
        Visited::Refused(refusal)
    }

    /// Strangers make names up: as many lines as refusals are remembered, up to a limit.
    fn tell_not_ordered(&self, name: &str, why: &str) {
        if self.demand.refused.len() < TOLD_MAX {
            self.journal()
                .warn("certificate/not-ordered", &[("certificate", &name), ("why", &why)]);
        }
    }

    fn limited(&mut self, name: &str, limit: &str, most: u32) -> Visited {
        let refusal = Refusal::TlsCertificatePending;
        let why = format!("`{limit}` is {most}");
        self.tell_not_ordered(name, &why);
        let until = net::clock::unix_seconds() + REFUSED_FOR;
        self.demand.refuse(name.to_owned(), until, refusal);
        Visited::Refused(refusal)
    }

    /// Goes on with those that are kept, as far as they are still declared.
    pub(crate) fn wanted_on_demand(&self) -> Vec<wanted::Wanted> {
        let world = self.world();
        let mut all = Vec::new();
        for (certificate, declared) in wanted::declared_on_demand(&world) {
            let mut hosts: BTreeSet<String> = self.hosts_below(certificate).collect();
            match self.records().hosts(certificate) {
                Ok(kept) => hosts.extend(kept),
                Err(trouble) => self.journal().error(
                    "certificate/records-unreadable",
                    &[("certificate", &certificate), ("error", &trouble.words)],
                ),
            }
            let most = declared.max_names as usize;
            let known = hosts.iter().filter_map(|h| wanted::on_demand(&world, certificate, h));
            all.extend(known.take(most));
        }
        all
    }

    /// The certificate of a name, and the mark that a client came for it.
    pub fn issued_on_demand(
        &self,
        certificate: &str,
        host: &str,
    ) -> Result<Option<(Issued, Arc<AtomicBool>)>, Trouble> {
        let name = name_of(certificate, host);
        let Some(used) = self.used(&name) else { return Ok(None) };
        Ok(self.records().issued(&name)?.map(|issued| (issued, used)))
    }
}

impl Demand {
    /// Names whose guard has not answered yet: they may all become orders.
    fn asking_below(&self, certificate: &str) -> u32 {
        let of = |name: &&String| name.split_once('/').is_some_and(|(of, _)| of == certificate);
        u32::try_from(self.asking.iter().filter(of).count()).unwrap_or(u32::MAX)
    }

    fn orders(&mut self, certificate: &str, now: i64) -> u32 {
        let Some(begun) = self.begun.get_mut(certificate) else { return 0 };
        while begun.front().is_some_and(|at| *at <= now - HOUR) {
            begun.pop_front();
        }
        u32::try_from(begun.len()).unwrap_or(u32::MAX)
    }

    fn refuse(&mut self, name: String, until: i64, refusal: Refusal) {
        if self.refused.len() >= REFUSALS_MAX {
            self.refused.clear();
        }
        self.refused.insert(name, (until, refusal));
    }
}
