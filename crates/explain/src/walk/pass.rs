//! A connection whose TLS ends at the target: by which name it is passed on, and to whom. What is said on
//! it is between the client and the target, so that the walk ends there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{ListenerId, ListenerProtocol, Refusal, UrlScheme};
use verdict::journey::{Admitted, Hypothetical};
use verdict::pass::Greeting;
use verdict::route::RequestFacts;
use world::EveryRule;

use super::route::{Given, Misses};
use super::{Verdict, Walk, answered};
use crate::cells::Door;
use crate::hop::{Hop, Trace};
use crate::outcome::{Outcome, Sees, Stage};

impl Walk<'_> {
    pub fn passes_through(&self, id: ListenerId) -> bool {
        self.world.model[id].protocol == ListenerProtocol::TlsPassthrough
    }

    /// What a client sees of a "no" that is ours: an answer with its status, and where there is no HTTP of
    /// ours the end of the connection.
    pub fn refused_sees(&self, id: ListenerId, refusal: Refusal) -> Sees {
        let load_balancer = self.world.model[id].load_balancer;
        match refusal.status() {
            _ if self.passes_through(id) => Sees::ClosedInHandshake,
            Some(status) => answered(load_balancer, status),
            None => Sees::Closed,
        }
    }

    pub fn onward_pass<T: Trace>(
        &self,
        id: ListenerId,
        source: IpAddr,
        admitted: Admitted<Hypothetical>,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let listener = &self.world.model[id];
        let mut verdict = Verdict::default();
        if self.ask.url.scheme == UrlScheme::Http {
            let refusal = Refusal::TlsPlainHttp;
            let text = format!(
                "plain HTTP is sent to port {}, which passes TLS through and nothing else",
                listener.port
            );
            trace.hop(|| Hop::stopped(Stage::Tls, refusal, text).at(&listener.place));
            let sees = answered(listener.load_balancer, refusal.status().unwrap_or(400));
            verdict.stop(self.outcome(sees, Some(refusal.into()), Stage::Tls));
        }
        // RFC 6066 §3: an address is no server name.
        let host = self.ask.url.host.to_ascii_lowercase();
        let server_name = if self.ask.url.address().is_none() { host.as_bytes() } else { b"" };
        let greeting = Greeting { server_name, source };
        let table = self.world.table(id);
        trace.door(Door::Rules(id));
        let passed = admitted.pass(table, greeting, &mut ());
        trace.hop(|| self.name_hop(id, greeting, admitted));
        let rest = match passed {
            Ok((routed, forward)) => {
                let place = match routed.rule.and_then(|at| listener.rules.get(at)) {
                    Some(rule) => &rule.place,
                    None => &listener.default_place,
                };
                self.onward_forward(id, &routed, forward, place, trace)
            }
            Err(closed) => {
                let cause = Some(closed.refusal.into());
                let outcome = self.outcome(Sees::ClosedInHandshake, cause, Stage::Rule);
                BTreeSet::from([outcome])
            }
        };
        verdict.settle(rest)
    }

    fn name_hop(
        &self,
        id: ListenerId,
        greeting: Greeting<'_>,
        admitted: Admitted<Hypothetical>,
    ) -> Hop {
        let listener = &self.world.model[id];
        let mut misses = Misses::default();
        let every = EveryRule(listener);
        let passed = admitted.pass(&every, greeting, &mut misses);
        let facts = greeting.facts();
        let given = Given(&[]);
        let request = RequestFacts {
            method: facts.method,
            host: facts.host,
            path: facts.path,
            query: facts.query,
            headers: &given,
            source: facts.source,
        };
        let routed = passed.map(|(routed, _)| routed).map_err(|closed| closed.refusal);
        let hop = self.rule_hop(id, &request, &routed, &misses);
        let said = match greeting.server_name {
            b"" => "the client says no server name".to_owned(),
            name => format!("the client says the server name {}", String::from_utf8_lossy(name)),
        };
        let closed = match passed {
            Ok(_) => return Hop { text: format!("{said}: {}", hop.text), ..hop },
            Err(closed) => closed,
        };
        match closed.rule.and_then(|at| listener.rules.get(at)) {
            Some(rule) => {
                let text = format!(
                    "{said}: rule \"{}\" (priority {}) closes it",
                    rule.name, rule.priority
                );
                Hop { text, ..hop }.at(&rule.place)
            }
            None => {
                let text = format!("{said}: {}", closed.refusal.text());
                Hop { text, ..hop }.at(&listener.default_place)
            }
        }
    }

    /// A target that takes connections has them.
    pub fn passed_on<T: Trace>(&self, trace: &mut T) -> Outcome {
        trace.hop(|| {
            let text =
                "the certificate and the answer are the target's: what they are is not known here";
            Hop::not_known(Stage::Response, text)
        });
        self.outcome(Sees::PassedThrough, None, Stage::Response)
    }
}

/// What an action does, in the words of its listener.
pub fn verb(protocol: ListenerProtocol) -> &'static str {
    match protocol {
        ListenerProtocol::Http | ListenerProtocol::Https => "forwards to",
        ListenerProtocol::TlsPassthrough => "passes TLS through, by the server name, to",
    }
}
