//! The request, the rule that takes it, and what its action is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http1::forwarded_addresses;
use model::{Action, Condition, DesyncClass, ListenerId, Matcher, Obstacle, Place, Refusal, Rule};
use verdict::journey::{Heard, Hypothetical, Routed};
use verdict::redirect::{RedirectFacts, location};
use verdict::request::HeadFacts;
use verdict::route::{Headers, RequestFacts, RouteScratch};
use verdict::{Note, Witness};
use world::EveryRule;

use super::{SecuredJourney, Verdict, Walk, answered};
use crate::cells::Door;
use crate::hop::{Hop, Near, Trace};
use crate::outcome::{Outcome, Sees, Speaker, Stage};
use crate::walk::door::NEAR_MAX;

/// Header fields as a question gives them.
pub struct Given<'a>(pub &'a [(String, String)]);

impl Headers for Given<'_> {
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let named = self.0.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_bytes()).any(each)
    }
}

/// Which conditions of which rules did not hold.
#[derive(Default)]
pub struct Misses {
    /// By priority, which is unique in a listener: the rule's unmet conditions.
    unmet: Vec<(u32, usize)>,
}

impl Witness for Misses {
    fn note(&mut self, note: Note<'_>) {
        if let Note::Route(verdict::route::Note::Unmet(rule, _)) = note {
            match self.unmet.last_mut() {
                Some((priority, count)) if *priority == rule.priority => *count += 1,
                Some(_) | None => self.unmet.push((rule.priority, 1)),
            }
        }
    }
}

impl Walk<'_> {
    pub fn onward_request<T: Trace>(
        &self,
        id: ListenerId,
        source: IpAddr,
        secured: SecuredJourney,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let listener = &self.world.model[id];
        let load_balancer = listener.load_balancer;
        let mode = self.world.model[load_balancer].attributes.desync_mitigation_mode;
        let given = |name: &str| {
            let name = name.to_owned();
            let all = self.ask.headers.iter();
            all.filter(move |(given, _)| given.eq_ignore_ascii_case(&name)).map(|(_, value)| value)
        };
        let forwarded = given("x-forwarded-for");
        let head = HeadFacts {
            refused_method: matches!(self.ask.method, "TRACE" | "CONNECT"),
            class: DesyncClass::Compliant,
            forwarded_addresses: forwarded.map(|v| forwarded_addresses(v.as_bytes())).sum(),
        };
        // How a body is framed decides its class, and a question has no body.
        let framed =
            ["content-length", "transfer-encoding"].map(given).into_iter().flatten().count() > 0;
        let severe = HeadFacts { class: DesyncClass::Severe, ..head };
        let doubtful =
            framed && secured.hear(head, mode).is_ok() && secured.hear(severe, mode).is_err();
        let mut verdict = Verdict::default();
        let refused = |refusal: Refusal, stage| {
            let sees =
                refusal.status().map_or(Sees::Closed, |status| answered(load_balancer, status));
            self.outcome(sees, Some(refusal.into()), stage)
        };
        let heard = match secured.hear(head, mode) {
            Ok(heard) => heard,
            Err(no) => {
                let text = format!("{} {}: {}", self.ask.method, self.ask.url, no.refusal.text());
                trace.hop(|| Hop::stopped(Stage::Request, no.refusal, text).at(&listener.place));
                verdict.stop(refused(no.refusal, Stage::Request));
                no.suppose()
            }
        };
        if doubtful {
            trace.hop(|| {
                let text = "whether it is taken depends on its body, which is framed by a header \
                            that you give";
                Hop::not_known(Stage::Request, text).at(&listener.place)
            });
            verdict.stop(self.outcome(Sees::NotKnown, None, Stage::Request));
        }
        let rest = match self.route(id, source, heard, trace) {
            Ok(routed) => self.onward_rule(id, &routed, trace),
            Err(refusal) => BTreeSet::from([refused(refusal, Stage::Rule)]),
        };
        verdict.settle(rest)
    }

    fn route<T: Trace>(
        &self,
        id: ListenerId,
        source: IpAddr,
        heard: Heard<Hypothetical>,
        trace: &mut T,
    ) -> Result<Routed<'_, Hypothetical>, Refusal> {
        let table = self.world.table(id);
        let host = self.host();
        let request = RequestFacts {
            method: self.ask.method.as_bytes(),
            host: host.as_bytes(),
            path: self.ask.url.path.as_bytes(),
            query: self.ask.url.query.as_bytes(),
            headers: &Given(self.ask.headers),
            source,
        };
        let mut scratch = RouteScratch::default();
        trace.door(Door::Rules(id));
        let routed = heard.route(table, &request, &mut scratch, &mut ());
        if T::LISTENS {
            let mut misses = Misses::default();
            let _ =
                heard.route(&EveryRule(&self.world.model[id]), &request, &mut scratch, &mut misses);
            trace.hop(|| self.rule_hop(id, &request, &routed, &misses));
        }
        routed
    }

    pub fn rule_hop(
        &self,
        id: ListenerId,
        request: &RequestFacts<'_, Given<'_>>,
        routed: &Result<Routed<'_, Hypothetical>, Refusal>,
        misses: &Misses,
    ) -> Hop {
        let listener = &self.world.model[id];
        let caught = matches!(routed, Ok(routed) if routed.rule.is_some());
        let near = near_misses(&listener.rules, request, misses, caught);
        match routed {
            Err(refusal) => {
                let text = format!("`{}`: {}", self.ask.url.path, refusal.text());
                Hop::stopped(Stage::Rule, *refusal, text).at(&listener.place).near(near)
            }
            Ok(routed) => match routed.rule.and_then(|at| listener.rules.get(at)) {
                Some(rule) => {
                    let text =
                        format!("rule \"{}\" (priority {}) takes it", rule.name, rule.priority);
                    Hop::passed(Stage::Rule, text).at(&rule.place).near(near)
                }
                None if listener.rules.is_empty() => {
                    let text = "there are no rules: the default action takes it";
                    Hop::passed(Stage::Rule, text).at(&listener.default_place)
                }
                None => {
                    let text = match listener.rules.len() {
                        1 => {
                            "the only rule does not take it, so the default action does".to_owned()
                        }
                        count => {
                            format!("none of {count} rules takes it, so the default action does")
                        }
                    };
                    Hop::passed(Stage::Rule, text).at(&listener.default_place).near(near)
                }
            },
        }
    }

    fn onward_rule<T: Trace>(
        &self,
        id: ListenerId,
        routed: &Routed<'_, Hypothetical>,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let listener = &self.world.model[id];
        let load_balancer = listener.load_balancer;
        let place = match routed.rule.and_then(|at| listener.rules.get(at)) {
            Some(rule) => &rule.place,
            None => &listener.default_place,
        };
        match routed.action {
            Action::Redirect(redirect) => {
                let host = self.host();
                let facts = RedirectFacts {
                    protocol: listener.protocol.scheme(),
                    host: host.as_bytes(),
                    port: listener.port,
                    path: self.ask.url.path.as_bytes(),
                    query: self.ask.url.query.as_bytes(),
                };
                let mut to = Vec::new();
                let outcome = match location(redirect, &facts, &mut to) {
                    Ok(()) => {
                        let to = String::from_utf8_lossy(&to).into_owned();
                        let status = redirect.status.code();
                        trace.hop(|| {
                            Hop::passed(Stage::Action, format!("redirects ({status}) to {to}"))
                                .at(place)
                        });
                        let speaker = Speaker::LoadBalancer(load_balancer);
                        let sees = Sees::Answer { status, speaker, location: Some(to) };
                        self.outcome(sees, None, Stage::Action)
                    }
                    Err(refusal) => self.refused_action(id, refusal, place, trace),
                };
                BTreeSet::from([outcome])
            }
            Action::FixedResponse(fixed) => {
                trace.hop(|| self.fixed_hop(routed, fixed.status, place));
                // What only the default action caught is a "no" of its own kind (DECISIONS 3).
                let cause = (routed.rule.is_none() && fixed.status >= 400)
                    .then(|| Obstacle::RouteDefault.into());
                let sees = answered(load_balancer, fixed.status);
                let outcome = self.outcome(sees, cause, Stage::Action);
                BTreeSet::from([outcome])
            }
            Action::Forward(forward) => self.onward_forward(id, routed, forward, place, trace),
            // No HTTP listener has it.
            Action::Close => {
                let outcome = self.refused_action(id, Refusal::TlsClosedByRule, place, trace);
                BTreeSet::from([outcome])
            }
        }
    }

    fn fixed_hop(&self, routed: &Routed<'_, Hypothetical>, status: u16, place: &Place) -> Hop {
        let who = if routed.rule.is_some() { "the rule" } else { "the default action" };
        let text = format!("{who} answers {} itself", crate::outcome::status_words(status));
        let hop = Hop::passed(Stage::Action, text).at(place);
        match status {
            ..400 => hop,
            _ => Hop {
                state: crate::hop::State::Stopped,
                code: routed.rule.is_none().then(|| Obstacle::RouteDefault.code().to_owned()),
                ..hop
            },
        }
    }

    pub fn refused_action<T: Trace>(
        &self,
        id: ListenerId,
        refusal: Refusal,
        place: &Place,
        trace: &mut T,
    ) -> Outcome {
        trace.hop(|| Hop::stopped(Stage::Action, refusal, refusal.text()).at(place));
        self.outcome(self.refused_sees(id, refusal), Some(refusal.into()), Stage::Action)
    }
}

/// The rules that came nearest, by the share of their conditions that held.
fn near_misses(
    rules: &[Rule],
    request: &RequestFacts<'_, Given<'_>>,
    misses: &Misses,
    caught: bool,
) -> Vec<Near> {
    let mut ranked: Vec<(usize, usize, &Rule)> = misses
        .unmet
        .iter()
        .filter_map(|(priority, unmet)| {
            let at = rules.binary_search_by_key(priority, |rule| rule.priority).ok()?;
            let rule = &rules[at];
            Some((*unmet, distance(rule, request), rule))
        })
        .collect();
    let some_met = |(unmet, _, rule): &(usize, usize, &Rule)| *unmet < rule.conditions.len();
    let single = |(_, distance, _): &(usize, usize, &Rule)| *distance <= CLOSE;
    // Where no rule took it and there are but a few, each of them matters.
    let few = !caught && rules.len() <= NEAR_MAX;
    ranked.retain(|miss| few || some_met(miss) || single(miss));
    ranked.sort_by_key(|(unmet, distance, rule)| (*unmet, *distance, rule.priority));
    ranked.into_iter().take(NEAR_MAX).map(|(_, _, rule)| near_miss(rule, request)).collect()
}

/// Paths and hosts that differ by no more are worth telling although nothing else held.
const CLOSE: usize = 3;

/// How far the request is from the rule's literal path or host, in edits; large where unknown.
fn distance(rule: &Rule, request: &RequestFacts<'_, Given<'_>>) -> usize {
    let mut least = usize::MAX;
    for condition in &rule.conditions {
        let (values, text) = match condition {
            Condition::Path(values) => (values, request.path),
            Condition::Host(values) | Condition::ServerName(values) => (values, request.host),
            Condition::Header { .. }
            | Condition::Method(_)
            | Condition::Query(_)
            | Condition::SourceIp(_) => continue,
        };
        if values.iter().any(|value| value.matches(text)) {
            continue;
        }
        for value in values {
            if let Matcher::Wildcard(wildcard) = value {
                let pattern = wildcard.source().trim_end_matches(['*', '/']).as_bytes();
                let text = text.strip_suffix(b"/").unwrap_or(text);
                least = least.min(edits(pattern, text));
            }
        }
    }
    least
}

/// Cheap: what differs between the common beginning and the common end.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    (a.len() - end).max(b.len() - end)
}

fn near_miss(rule: &Rule, request: &RequestFacts<'_, Given<'_>>) -> Near {
    let unmet: Vec<String> = rule
        .conditions
        .iter()
        .filter(|condition| !verdict::route::condition_holds(condition, request))
        .map(|condition| unmet_words(condition, request))
        .collect();
    Near::new(
        format!("rule \"{}\" did not match: {}", rule.name, unmet.join(", and ")),
        &rule.place,
    )
}

fn unmet_words(condition: &Condition, request: &RequestFacts<'_, Given<'_>>) -> String {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let sources = |values: &[Matcher]| -> String {
        let all: Vec<String> = values.iter().map(|value| format!("`{}`", value.source())).collect();
        all.join(" or ")
    };
    match condition {
        Condition::Path(values) => {
            format!("path `{}` is not {}", lossy(request.path), sources(values))
        }
        Condition::Host(values) => {
            format!("host `{}` is not {}", lossy(request.host), sources(values))
        }
        Condition::ServerName(values) => match request.host {
            b"" => format!("there is no server name that could be {}", sources(values)),
            name => format!("server name `{}` is not {}", lossy(name), sources(values)),
        },
        Condition::Header { name, values } => {
            format!("no header `{name}` is {}", sources(values))
        }
        Condition::Method(methods) => {
            format!("method {} is not {}", lossy(request.method), methods.join(" or "))
        }
        Condition::Query(patterns) => {
            let all: Vec<String> = patterns
                .iter()
                .map(|pattern| match &pattern.key {
                    Some(key) => format!("`{}={}`", key.source(), pattern.value.source()),
                    None => format!("`{}`", pattern.value.source()),
                })
                .collect();
            format!("the query has no {}", all.join(" or "))
        }
        Condition::SourceIp(nets) => {
            let all: Vec<String> = nets.iter().map(ToString::to_string).collect();
            format!("source {} is not in {}", request.source, all.join(" or "))
        }
    }
}
