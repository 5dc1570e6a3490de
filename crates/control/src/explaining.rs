//! What is known beyond the World, put before [`explain`]: certificates, health, what probes saw, who
//! enforces admission; and the text in which a fix is shown.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use config::Sources;
use explain::probe::Plan;
use explain::{
    Answer, Atlas, BadQuestion, Behaviour, CertificateView, Counted, Enforcement, FactSource,
    Facts, ObservedBy, Query, Report, TargetView, Trust,
};
use machine::board::{Board, TargetBoard};
use machine::health::ProbeResult;
use model::{
    CertificateId, CertificateSource, Change, GroupId, HealthCheckPort, HealthCheckProtocol,
    ListenerId, Model, TargetGroup, TargetProtocol,
};
use signal::Tally;
use tls::CertificateStore;
use verdict::certificate::{CertificateFacts, KeyKind};
use world::World;

use crate::filters;

const DAY: i64 = 86_400;
/// P-256, SHA-256.
const DEVELOPMENT_KEY_BITS: u32 = 256;
const DEVELOPMENT_HASH_RANK: u8 = 2;

/// Certificates as explanations look at them, by [`CertificateId`].
pub struct Certificates(Vec<CertificateView>);

impl Certificates {
    /// Those of the local authority are described even before they are made.
    pub fn of(model: &Model, store: &CertificateStore, now_unix: i64) -> Certificates {
        let view = |(at, declared): (usize, &model::Certificate)| {
            let identity = store.get(CertificateId(at as u32));
            let trust = match (&declared.source, identity) {
                (CertificateSource::Development, _) => Trust::Development,
                (CertificateSource::Authority(_), Some(it)) if it.is_self_signed() => {
                    Trust::Pending
                }
                (CertificateSource::Files { .. } | CertificateSource::Imported, Some(it))
                    if it.is_self_signed() =>
                {
                    Trust::SelfSigned
                }
                (
                    CertificateSource::Files { .. }
                    | CertificateSource::Imported
                    | CertificateSource::Authority(_),
                    _,
                ) => Trust::Authority,
            };
            let facts = match (identity, &declared.source) {
                (Some(identity), _) => Some(identity.facts.clone()),
                (None, CertificateSource::Development | CertificateSource::Authority(_)) => {
                    Some(to_be_made(declared, now_unix))
                }
                (None, CertificateSource::Files { .. } | CertificateSource::Imported) => None,
            };
            CertificateView {
                facts: facts.map(Arc::new),
                trust,
                why_pending: None,
                on_demand: Arc::default(),
            }
        };
        Certificates(model.certificates.iter().enumerate().map(view).collect())
    }

    pub fn view(&self, id: CertificateId) -> CertificateView {
        let unknown = CertificateView {
            facts: None,
            trust: Trust::Authority,
            why_pending: None,
            on_demand: Arc::default(),
        };
        self.0.get(id.0 as usize).cloned().unwrap_or(unknown)
    }
}

fn to_be_made(declared: &model::Certificate, now_unix: i64) -> CertificateFacts {
    let development = declared.source == CertificateSource::Development;
    let names = match development && declared.names.is_empty() {
        true => tls::DEVELOPMENT_NAMES.map(str::to_owned).to_vec(),
        false => declared.names.clone(),
    };
    CertificateFacts {
        names,
        key: KeyKind::Ecdsa,
        key_bits: DEVELOPMENT_KEY_BITS,
        not_before: now_unix - DAY,
        not_after: now_unix + tls::DEVELOPMENT_DAYS * DAY,
        signature_hash_rank: DEVELOPMENT_HASH_RANK,
    }
}

/// What the files say, read now: nothing runs.
pub struct FromFiles<'k> {
    pub sources: &'k Sources,
    pub certificates: &'k Certificates,
    pub now_unix: i64,
}

impl FromFiles<'_> {
    pub fn answer(&self, atlas: &Atlas<'_>, query: &Query) -> Result<Answer, BadQuestion> {
        let answer = self.knowing(|facts| query.answer(atlas, facts))?;
        Ok(with_changes(answer, self.sources, &atlas.world.model))
    }

    /// What a probe is to ask.
    pub fn plan(&self, atlas: &Atlas<'_>, query: &Query) -> Result<Plan, BadQuestion> {
        self.knowing(|facts| query.plan(atlas, facts))
    }

    fn knowing<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let certificates = |id| self.certificates.view(id);
        ask(&Facts {
            now_unix: self.now_unix,
            certificates: &certificates,
            targets: &|_, _| TargetView::ASSUMED,
            enforcement: &|_, _| Enforcement::NotKnown,
            refused: &|_, _| None,
            source: FactSource::Configuration,
        })
    }
}

/// What a running instance knows.
pub struct Running<'k> {
    pub sources: &'k Sources,
    pub certificates: &'k Certificates,
    pub board: &'k Board,
    pub enforcement: &'k BTreeMap<SocketAddr, filters::Enforcement>,
    pub refused: &'k Tally,
    /// Why certificates are pending, as far as it is known.
    pub pending: &'k BTreeMap<CertificateId, Arc<str>>,
    /// Names whose certificate was ordered when a client came, and until when it is good.
    pub on_demand: &'k BTreeMap<CertificateId, Arc<BTreeMap<String, i64>>>,
    pub now_unix: i64,
}

impl Running<'_> {
    pub fn answer(&self, atlas: &Atlas<'_>, query: &Query) -> Result<Answer, BadQuestion> {
        let answer = self.knowing(atlas.world, |facts| query.answer(atlas, facts))?;
        Ok(with_changes(answer, self.sources, &atlas.world.model))
    }

    /// What a probe is to ask.
    pub fn plan(&self, atlas: &Atlas<'_>, query: &Query) -> Result<Plan, BadQuestion> {
        self.knowing(atlas.world, |facts| query.plan(atlas, facts))
    }

    fn knowing<T>(&self, world: &World, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let certificates = |id| CertificateView {
            why_pending: self.pending.get(&id).cloned(),
            on_demand: self.on_demand.get(&id).cloned().unwrap_or_default(),
            ..self.certificates.view(id)
        };
        let targets = |group: GroupId, at: usize| {
            let declared = &world.model[group];
            let board = self.board.groups.get(group.0 as usize).and_then(|g| g.targets.get(at));
            board.map_or(TargetView::ASSUMED, |board| target_view(declared, board))
        };
        ask(&Facts {
            now_unix: self.now_unix,
            certificates: &certificates,
            targets: &targets,
            enforcement: &|id, source| enforced(world, self.enforcement, id, source),
            refused: &|id, source| counted(world, self.refused, id, source),
            source: FactSource::Running,
        })
    }
}

/// At the addresses of the client's family, which need not be those of the other: the filters of the two
/// differ in size. Where they disagree, it depends on where the client connects.
fn enforced(
    world: &World,
    enforcement: &BTreeMap<SocketAddr, filters::Enforcement>,
    id: ListenerId,
    source: IpAddr,
) -> Enforcement {
    let own = world.addresses(id).into_iter().filter(|to| to.is_ipv4() == source.is_ipv4());
    let mut all = own.filter_map(|address| match enforcement.get(&address)? {
        filters::Enforcement::Open => None,
        filters::Enforcement::Kernel | filters::Enforcement::Nftables => Some(Enforcement::Kernel),
        filters::Enforcement::AfterAccept(_) => Some(Enforcement::AfterAccept),
    });
    let Some(first) = all.next() else { return Enforcement::NotKnown };
    if all.all(|other| other == first) { first } else { Enforcement::NotKnown }
}

/// Of the network of the address, at every address of the listener.
fn counted(world: &World, tally: &Tally, id: ListenerId, source: IpAddr) -> Option<Counted> {
    let network = world.network_name(source);
    let addresses = world.addresses(id).into_iter();
    let refused: Vec<signal::Refused> =
        addresses.filter_map(|address| tally.get(address, network)).collect();
    Some(Counted {
        count: refused.iter().map(|refused| refused.count).sum(),
        network: network.to_owned(),
        since_unix: refused.iter().map(|refused| refused.first).min()?,
    })
}

fn with_changes(mut answer: Answer, sources: &Sources, model: &Model) -> Answer {
    if let Answer::Explain(report) = &mut answer {
        show_changes(report, sources, model);
    }
    answer
}

fn target_view(group: &TargetGroup, board: &TargetBoard) -> TargetView {
    let seen = board.probed.and_then(|(seen, at)| Some((behaviour(group, seen)?, at)));
    TargetView {
        state: board.state,
        reason: board.reason,
        since_unix: Some(board.since_unix),
        resolved: !board.addresses.is_empty(),
        weight: board.weight,
        behaviour: seen.map_or(Behaviour::NotKnown, |(behaviour, _)| behaviour),
        observed_unix: seen.map(|(_, at)| at),
        observed_by: ObservedBy::HealthCheck,
    }
}

/// What a health check lets one say of a request; `None`: nothing, not even that the target takes
/// connections. An answer is that of the check's own path ([`TargetView::for_path`]).
fn behaviour(group: &TargetGroup, seen: ProbeResult) -> Option<Behaviour> {
    let check = &group.health_check;
    if check.port != HealthCheckPort::Traffic || !check.enabled {
        return None;
    }
    let same_protocol = matches!(
        (check.protocol, group.protocol),
        (HealthCheckProtocol::Http, TargetProtocol::Http)
            | (HealthCheckProtocol::Https, TargetProtocol::Https)
    );
    Some(match seen {
        ProbeResult::Unresolved | ProbeResult::Internal => return None,
        ProbeResult::Refused => Behaviour::Refuses,
        ProbeResult::ConnectTimeout => Behaviour::Silent,
        ProbeResult::Unreachable => Behaviour::Unreachable,
        ProbeResult::TlsFailed if same_protocol => Behaviour::TlsFails,
        ProbeResult::TlsUntrusted(why) if same_protocol => Behaviour::TlsUntrusted(why),
        ProbeResult::Reset if same_protocol => Behaviour::Closes,
        ProbeResult::Malformed if same_protocol => Behaviour::Nonsense,
        // A gateway's own words: what is behind it does not answer. Other statuses may be due to how a
        // check asks.
        ProbeResult::Status(status @ 502..=504) if same_protocol => Behaviour::Answers(status),
        // A load balancer has more patience than a check (`idle_timeout`).
        ProbeResult::Timeout
        | ProbeResult::TlsFailed
        | ProbeResult::TlsUntrusted(_)
        | ProbeResult::Reset
        | ProbeResult::Malformed
        | ProbeResult::Status(_)
        | ProbeResult::TcpConnected => Behaviour::NotKnown,
    })
}

/// Writes each fix as a change of the text it is about.
pub fn show_changes(report: &mut Report, sources: &Sources, model: &Model) {
    for fix in &mut report.fixes {
        fix.diff = fix.change.as_ref().map_or(Vec::new(), |c| lines(sources, model, c));
    }
}

fn lines(sources: &Sources, model: &Model, change: &Change) -> Vec<String> {
    let edits = config::edit::edits(sources, model, change).unwrap_or_default();
    config::edit::diff(&edits).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(check: &str) -> TargetGroup {
        let text = format!(
            "target_group \"app\" {{\n  targets = [\"10.0.0.1:80\"]\n  health_check {{\n{check}\n  }}\n}}\n"
        );
        let sources = Sources::single("site.hcl", &text);
        let (model, findings) = config::parse(&sources, &config::RealEnvironment);
        model.target_groups.first().unwrap_or_else(|| panic!("{findings:?}")).clone()
    }

    #[test]
    fn each_family_is_turned_away_where_its_own_addresses_do_it() {
        let text = "load_balancer \"edge\" {\n  addresses = [\"0.0.0.0\", \"::\", \"10.0.0.1\"]\n  listener \"http\" {\n    port = 80\n    default { fixed_response { status = 200 } }\n  }\n}\n";
        let (model, findings) =
            config::parse(&Sources::single("site.hcl", text), &config::RealEnvironment);
        assert!(!model.listeners.is_empty(), "{findings:?}");
        let world = world::compile(model, 1);
        let after = filters::Enforcement::AfterAccept("as the test wants it");
        let kernel = filters::Enforcement::Kernel;
        let (v4, v6) = ("198.51.100.1", "2001:db8::1");
        let rows = [
            ("IPv4 in the kernel", &kernel, &kernel, &after, v4, Enforcement::Kernel),
            ("IPv6 after accept", &kernel, &kernel, &after, v6, Enforcement::AfterAccept),
            ("IPv4 after accept", &after, &after, &kernel, v4, Enforcement::AfterAccept),
            ("IPv6 in the kernel", &after, &after, &kernel, v6, Enforcement::Kernel),
            ("it depends", &kernel, &after, &after, v4, Enforcement::NotKnown),
        ];
        for (name, any4, one4, any6, source, expected) in rows {
            let at = [("0.0.0.0:80", any4), ("10.0.0.1:80", one4), ("[::]:80", any6)];
            let enforcement =
                at.map(|(address, how)| (address.parse().unwrap(), how.clone())).into();
            let source = source.parse().unwrap();
            assert_eq!(enforced(&world, &enforcement, ListenerId(0), source), expected, "{name}");
        }
    }

    #[test]
    fn what_a_check_saw_is_what_a_request_meets_only_where_it_must_be() {
        let (plain, other_port) = ("path = \"/\"", "port = 81");
        let (tcp, off) = ("protocol = \"TCP\"", "enabled = false");
        let rows = [
            ("refused", plain, ProbeResult::Refused, Some(Behaviour::Refuses)),
            ("not connected", plain, ProbeResult::ConnectTimeout, Some(Behaviour::Silent)),
            ("a check waits less", plain, ProbeResult::Timeout, Some(Behaviour::NotKnown)),
            ("a gateway", plain, ProbeResult::Status(502), Some(Behaviour::Answers(502))),
            ("an application", plain, ProbeResult::Status(500), Some(Behaviour::NotKnown)),
            ("connected", tcp, ProbeResult::TcpConnected, Some(Behaviour::NotKnown)),
            ("another port", other_port, ProbeResult::Refused, None),
            ("no name", plain, ProbeResult::Unresolved, None),
            ("no more checks", off, ProbeResult::Refused, None),
        ];
        for (name, check, seen, expected) in rows {
            assert_eq!(behaviour(&group(check), seen), expected, "{name}");
        }
    }
}
