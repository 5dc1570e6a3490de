//! What runs behind a target, as far as it is declared: asked of [`verdict::application`].

mod direct;

use std::collections::BTreeSet;

use model::{
    Application, GroupId, InstanceId, ListenerId, Obstacle, Place, Refusal, Target, TargetGroup,
};
use verdict::application::{Answer, Asked};
use verdict::host::target_host;
use verdict::journey::{Hypothetical, Routed};
use verdict::rewrite::rewrite;
use world::{End, Heard};

use super::{Walk, answered};
use crate::hop::{Evidence, Hop, Trace};
use crate::outcome::{Outcome, Sees, Speaker, Stage, status_words};

/// nginx's word for closing the connection without an answer.
const CLOSED_WITHOUT_ANSWER: u16 = 444;

/// The request as the target gets it.
#[derive(Clone, Debug)]
pub struct Rewritten {
    pub host: String,
    /// Path and query.
    pub url: String,
}

/// What is declared about a target and keeps a connection from being made.
pub struct DeclaredFailure<'m> {
    pub refusal: Refusal,
    pub obstacle: Obstacle,
    pub text: String,
    pub place: &'m Place,
}

/// Whoever hears the application's answer.
#[derive(Clone, Copy)]
enum Hearer {
    LoadBalancer(ListenerId),
    Client,
}

impl Walk<'_> {
    /// What the rule's transforms make of it (ALB.md §4c).
    pub fn rewritten(
        &self,
        id: ListenerId,
        routed: &Routed<'_, Hypothetical>,
    ) -> Result<Rewritten, Refusal> {
        let url = match self.ask.url.query.is_empty() {
            true => self.ask.url.path.clone(),
            false => format!("{}?{}", self.ask.url.path, self.ask.url.query),
        };
        let mut as_sent = Rewritten { host: self.host_as_sent(id), url };
        let rules = &self.world.model[id].rules;
        let Some(rule) = routed.rule.and_then(|at| rules.get(at)) else { return Ok(as_sent) };
        let (mut host, mut url) = (Vec::new(), Vec::new());
        let done = rewrite(
            &rule.transforms,
            self.host_header().as_bytes(),
            as_sent.url.as_bytes(),
            &mut host,
            &mut url,
        )?;
        if done.host {
            as_sent.host = String::from_utf8_lossy(&host).into_owned();
        }
        if done.url {
            as_sent.url = String::from_utf8_lossy(&url).into_owned();
        }
        Ok(as_sent)
    }

    /// The `Host` that a target sees where no transform changes it.
    fn host_as_sent(&self, id: ListenerId) -> String {
        let model = &self.world.model;
        let listener = &model[id];
        let named = self.host_header();
        if model[listener.load_balancer].attributes.preserve_host_header {
            return named;
        }
        let mut host = Vec::new();
        target_host(named.as_bytes(), listener.port, &mut host);
        String::from_utf8_lossy(&host).into_owned()
    }

    /// What is declared about the target that keeps a connection from being made.
    pub fn declared_failure<'m>(
        &'m self,
        group: &'m TargetGroup,
        target: &Target,
    ) -> Option<DeclaredFailure<'m>> {
        let model = &self.world.model;
        match world::declared_failure(model, group, target, target.port, group.protocol)? {
            world::DeclaredFailure::NotServed { instance, serves } => {
                let ports: Vec<String> = serves.iter().map(u16::to_string).collect();
                let text = format!(
                    "nothing is declared to listen on port {} of instance.{}: it serves {}",
                    target.port,
                    instance.name,
                    ports.join(", ")
                );
                Some(DeclaredFailure {
                    refusal: Refusal::TargetRefused,
                    obstacle: Obstacle::TargetNotServed,
                    text,
                    place: &instance.place,
                })
            }
            world::DeclaredFailure::NoTls { place } => Some(DeclaredFailure {
                refusal: Refusal::TargetTlsFailed,
                obstacle: Obstacle::TargetProtocol,
                text: format!(
                    "{target} speaks plain HTTP, and target_group.{} begins with TLS",
                    group.name
                ),
                place,
            }),
        }
    }

    /// What the targets that may get the request answer.
    pub fn onward_application<T: Trace>(
        &self,
        id: ListenerId,
        group_id: GroupId,
        fit: &[usize],
        rewritten: &Rewritten,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let model = &self.world.model;
        let group = &model[group_id];
        let (path, query) = rewritten.url.split_once('?').unwrap_or((&rewritten.url, ""));
        let mut asked_already: Vec<*const Application> = Vec::new();
        let mut outcomes = BTreeSet::new();
        for target in fit.iter().map(|at| &group.targets[*at]) {
            let instance = self.instance_of(target);
            let Some(application) = world::application_at(model, group, target, target.port) else {
                continue;
            };
            // Targets of one declaration answer alike.
            if asked_already.contains(&std::ptr::from_ref(application)) {
                continue;
            }
            asked_already.push(application);
            let asked = Asked {
                method: self.ask.method,
                scheme: group.protocol.scheme(),
                port: target.port,
                host: &rewritten.host,
                path,
                query,
                forwarded_proto: Some(model[id].protocol.scheme()),
            };
            let hearer = Hearer::LoadBalancer(id);
            outcomes.extend(self.heard(application, instance, &asked, hearer, trace));
        }
        let undeclared = fit.iter().any(|at| {
            let target = &group.targets[*at];
            world::application_at(model, group, target, target.port).is_none()
        });
        if undeclared {
            outcomes.insert(self.assumed(trace));
        }
        outcomes
    }

    fn assumed<T: Trace>(&self, trace: &mut T) -> Outcome {
        trace.hop(|| {
            Hop::passed(Stage::Response, "the application answers").because(Evidence::Assumed)
        });
        self.outcome(Sees::Application, None, Stage::Response)
    }

    fn heard<T: Trace>(
        &self,
        application: &Application,
        instance: Option<InstanceId>,
        asked: &Asked<'_>,
        hearer: Hearer,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let (heard, end) = world::hear(&self.world.model, instance, application, asked);
        let Some((last, passed_on)) = heard.split_last() else { return BTreeSet::new() };
        for one in passed_on {
            let name = self.application_words(one.application, instance);
            passes_on(&name, &one.answer, trace);
        }
        self.last_heard(last, instance, end, hearer, trace)
    }

    fn last_heard<T: Trace>(
        &self,
        last: &Heard<'_>,
        instance: Option<InstanceId>,
        end: End,
        hearer: Hearer,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let name = self.application_words(last.application, instance);
        let own =
            |status, location| Sees::Answer { status, speaker: Speaker::Application, location };
        let one = |sees, cause| BTreeSet::from([self.outcome(sees, cause, Stage::Response)]);
        match &last.answer {
            Answer::Redirect { status, location, place } => {
                let text = format!("{name} redirects ({status}) to {location}");
                trace.hop(|| Hop::passed(Stage::Response, text).at(place));
                one(own(*status, Some(location.clone())), None)
            }
            Answer::Status { status: CLOSED_WITHOUT_ANSWER, place } => {
                let refusal = Refusal::TargetClosed;
                let text = format!("{name} closes the connection without an answer");
                trace.hop(|| Hop::stopped(Stage::Response, refusal, text).at(place));
                match hearer {
                    Hearer::Client => one(Sees::Closed, None),
                    Hearer::LoadBalancer(id) => {
                        let load_balancer = self.world.model[id].load_balancer;
                        let sees = answered(load_balancer, refusal.status().unwrap_or(502));
                        one(sees, Some(refusal.into()))
                    }
                }
            }
            &Answer::Status { status, place } => {
                let cause = Refusal::of_target_status(status);
                let text = format!("{name} answers {}", status_words(status));
                trace.hop(|| match cause {
                    Some(refusal) => Hop::stopped(Stage::Response, refusal, text).at(place),
                    None => Hop::passed(Stage::Response, text).at(place),
                });
                one(own(status, None), cause.map(Into::into))
            }
            Answer::Forward { to, place, .. } => {
                passes_on(&name, &last.answer, trace);
                match end {
                    End::Nothing => {
                        let refusal = Refusal::TargetAnswered502;
                        let text =
                            format!("nothing is declared to listen on {to}: {name} answers 502");
                        trace.hop(|| Hop::stopped(Stage::Response, refusal, text).at(place));
                        one(own(502, None), Some(refusal.into()))
                    }
                    End::Answered | End::NotDeclared => BTreeSet::from([self.assumed(trace)]),
                }
            }
            Answer::Files { place } => {
                let text = format!("{name} answers with a file, if there is one");
                trace.hop(|| {
                    Hop::passed(Stage::Response, text).at(place).because(Evidence::Assumed)
                });
                one(Sees::Application, None)
            }
            Answer::NoHandshake { place } => {
                let obstacle = Obstacle::TargetProtocol;
                let text = format!("{name} speaks plain HTTP here, and TLS was begun");
                trace.hop(|| Hop::stopped(Stage::Response, obstacle, text).at(place));
                match hearer {
                    Hearer::Client => one(Sees::ProtocolError, Some(obstacle.into())),
                    Hearer::LoadBalancer(_) => {
                        one(own(502, None), Some(Refusal::TargetAnswered502.into()))
                    }
                }
            }
            Answer::NotKnown { why, place } => {
                let text = format!("what {name} answers: {why}");
                trace.hop(|| Hop::not_known(Stage::Response, text).at(place));
                one(Sees::Application, None)
            }
        }
    }

    fn application_words(&self, application: &Application, instance: Option<InstanceId>) -> String {
        match (instance, application.name.is_empty()) {
            (Some(id), false) => {
                format!(
                    "application \"{}\" of instance.{}",
                    application.name, self.world.model[id].name
                )
            }
            _ => "the application".to_owned(),
        }
    }
}

fn passes_on<T: Trace>(name: &str, answer: &Answer<'_>, trace: &mut T) {
    if let Answer::Forward { to, place, .. } = answer {
        trace
            .hop(|| Hop::passed(Stage::Response, format!("{name} passes it on to {to}")).at(place));
    }
}
