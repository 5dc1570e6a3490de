//! Requests that a load balancer forwards, as a target gets them: one for each rule and host that a
//! configuration names. The decisions are those of [`verdict`].

use std::net::IpAddr;

use model::{
    Action, CertificateId, Condition, Listener, ListenerId, ListenerProtocol, LoadBalancerId,
    Matcher, Model, Place, Rule, TargetGroup, Url, UrlScheme,
};
use verdict::admit::admitted_set;
use verdict::application::Asked;
use verdict::rewrite::rewrite;
use verdict::route::{Headers, RequestFacts, RouteScratch, route};

use super::literal_hosts;
use super::names::{Led, hosts_of};
use crate::EveryRule;
use crate::admission::ingress;

/// Tables that a program wrote are left alone.
const RULES_MAX: usize = 1000;
/// A rule is asked about so many hosts and paths.
const EXAMPLES_MAX: usize = 8;
/// Stands for any host where none is known.
const ANY_HOST: &str = "any.example";

/// One request, and one group that it may be forwarded to.
pub struct Sent<'m> {
    pub load_balancer: LoadBalancerId,
    pub listener: &'m Listener,
    /// What the client asks for.
    pub url: Url,
    /// Whether its host is one that is known to lead here.
    pub host_is: HostIs,
    pub group: &'m TargetGroup,
    /// Where it is forwarded.
    pub place: &'m Place,
    host: String,
    path_and_query: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostIs {
    Known,
    AnyOther,
}

impl Sent<'_> {
    /// The request that a target on this port gets.
    pub fn asked(&self, port: u16) -> Asked<'_> {
        let (path, query) =
            self.path_and_query.split_once('?').unwrap_or((&self.path_and_query, ""));
        Asked {
            method: "GET",
            scheme: self.group.protocol.scheme(),
            port,
            host: &self.host,
            path,
            query,
            forwarded_proto: Some(self.listener.protocol.scheme()),
        }
    }
}

pub fn sent<'m>(
    model: &'m Model,
    led: Option<&Led<'_>>,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
) -> Vec<Sent<'m>> {
    let mut all = Vec::new();
    for id in (0..model.listeners.len() as u32).map(ListenerId) {
        let listener = &model[id];
        if listener.protocol == ListenerProtocol::TlsPassthrough {
            // What is asked there, the target alone reads.
            continue;
        }
        let admission = ingress(model, &model[listener.load_balancer]);
        let admitted = admitted_set(&admission, listener.port);
        let v4 = admitted.v4_ranges().next().map(|(first, _)| IpAddr::from(first));
        let v6 = admitted.v6_ranges().next().map(|(first, _)| IpAddr::from(first));
        let Some(client) = v4.or(v6).filter(|_| listener.rules.len() <= RULES_MAX) else {
            continue;
        };
        let known = hosts_of(model, led, id, certificate_names);
        for rule in listener.rules.iter().map(Some).chain([None]) {
            of_rule(model, listener, rule, &known, client, &mut all);
        }
    }
    all
}

/// Requests that meet this rule, or with `None` no rule at all.
fn of_rule<'m>(
    model: &'m Model,
    listener: &'m Listener,
    rule: Option<&'m Rule>,
    known: &[String],
    client: IpAddr,
    all: &mut Vec<Sent<'m>>,
) {
    let (action, place) = match rule {
        Some(rule) => (&rule.action, &rule.place),
        None => (&listener.default_action, &listener.default_place),
    };
    let Action::Forward(forward) = action else { return };
    let own: Vec<String> =
        rule.into_iter().flat_map(literal_hosts).map(str::to_ascii_lowercase).collect();
    let (hosts, host_is) = match (&own[..], known) {
        ([], []) => (vec![ANY_HOST.to_owned()], HostIs::AnyOther),
        ([], known) => (known.to_vec(), HostIs::Known),
        (own, _) => (own.to_vec(), HostIs::Known),
    };
    let position = rule.and_then(|rule| listener.rules.iter().position(|r| std::ptr::eq(r, rule)));
    for host in hosts.iter().take(EXAMPLES_MAX) {
        for path in paths(rule).into_iter().take(EXAMPLES_MAX) {
            let facts = RequestFacts {
                method: b"GET",
                host: host.as_bytes(),
                path: path.as_bytes(),
                query: b"",
                headers: &NoHeaders,
                source: client,
            };
            let routed = route(&EveryRule(listener), &facts, &mut RouteScratch::default(), &mut ());
            if routed != Ok(position) {
                continue;
            }
            let scheme = match listener.protocol {
                ListenerProtocol::Http => UrlScheme::Http,
                ListenerProtocol::Https | ListenerProtocol::TlsPassthrough => UrlScheme::Https,
            };
            let port = listener.port;
            let url = Url { scheme, host: host.clone(), port, path, query: String::new() };
            let Some((host, path_and_query)) = rewritten(rule, &url) else { continue };
            for weighted in forward.groups.iter().filter(|group| group.weight > 0) {
                all.push(Sent {
                    load_balancer: listener.load_balancer,
                    listener,
                    url: url.clone(),
                    host_is,
                    group: &model[weighted.group],
                    place,
                    host: host.clone(),
                    path_and_query: path_and_query.clone(),
                });
            }
        }
    }
}

/// A path for each pattern of the rule; others may not meet it, and are not asked then.
fn paths(rule: Option<&Rule>) -> Vec<String> {
    let conditions = rule.into_iter().flat_map(|rule| &rule.conditions);
    let patterns = conditions.filter_map(|condition| match condition {
        Condition::Path(values) => Some(values),
        Condition::Host(_)
        | Condition::ServerName(_)
        | Condition::Header { .. }
        | Condition::Method(_)
        | Condition::Query(_)
        | Condition::SourceIp(_) => None,
    });
    let example = |value: &Matcher| match value {
        Matcher::Wildcard(wildcard) => {
            let path = wildcard.source().replace('*', "").replace('?', "x");
            if path.starts_with('/') { path } else { format!("/{path}") }
        }
        Matcher::Regex(_) => "/".to_owned(),
    };
    let found: Vec<String> = patterns.flatten().map(example).collect();
    if found.is_empty() { vec!["/".to_owned()] } else { found }
}

fn rewritten(rule: Option<&Rule>, url: &Url) -> Option<(String, String)> {
    let (mut host, mut path) = (Vec::new(), Vec::new());
    let authority = url.authority();
    let transforms = rule.map_or(&[][..], |rule| &rule.transforms);
    let done = rewrite(transforms, authority.as_bytes(), url.path.as_bytes(), &mut host, &mut path)
        .ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((
        if done.host { text(&host) } else { authority },
        if done.url { text(&path) } else { url.path.clone() },
    ))
}

struct NoHeaders;

impl Headers for NoHeaders {
    fn any(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}
