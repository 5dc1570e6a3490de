//! What runs behind a target, as far as it is declared.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{GroupId, InstanceId, ListenerId, Refusal, Target};
use verdict::journey::{Hypothetical, Routed};
use verdict::rewrite::rewrite;

use super::Walk;
use crate::hop::{Evidence, Hop, Trace};
use crate::outcome::{Outcome, Sees, Stage};

/// The request as the target gets it.
#[derive(Clone, Debug)]
pub struct Rewritten {
    pub host: String,
    /// Path and query.
    pub url: String,
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
        let mut as_sent = Rewritten { host: self.host_header(), url };
        let rules = &self.world.model[id].rules;
        let Some(rule) = routed.rule.and_then(|at| rules.get(at)) else { return Ok(as_sent) };
        let (mut host, mut url) = (Vec::new(), Vec::new());
        let done = rewrite(
            &rule.transforms,
            as_sent.host.as_bytes(),
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

    /// What is declared about the target that keeps a connection from being made.
    pub fn declared_failure(&self, _: &Target) -> Option<Refusal> {
        None
    }

    pub fn onward_application<T: Trace>(
        &self,
        _: ListenerId,
        _: GroupId,
        _: &[usize],
        _: &Rewritten,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        trace.hop(|| {
            Hop::passed(Stage::Response, "the application answers").because(Evidence::Assumed)
        });
        BTreeSet::from([self.outcome(Sees::Application, None, Stage::Response)])
    }

    /// A request by the bare address of a machine, round every load balancer.
    pub fn at_instance<T: Trace>(
        &self,
        id: InstanceId,
        _: IpAddr,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let instance = &self.world.model[id];
        trace.hop(|| {
            let text = format!("this is instance.{}, round every load balancer", instance.name);
            Hop::passed(Stage::Route, text).at(&instance.place)
        });
        BTreeSet::from([self.outcome(Sees::NotKnown, None, Stage::Route)])
    }
}
