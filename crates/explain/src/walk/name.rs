//! From the name to a listener's door.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{ListenerId, LoadBalancerId, Obstacle, Scheme};
use verdict::name::{Destination, Scope, routed, scope};
use world::At;

use super::answer::Led;
use super::{Verdict, Walk};
use crate::hop::{Evidence, Hop, Trace};
use crate::outcome::{Outcome, Sees, Stage};

/// Where the client knocks.
#[derive(Clone, Copy)]
struct Address {
    /// `None`: the load balancer has no declared address.
    address: Option<IpAddr>,
    at: At,
}

impl Walk<'_> {
    pub fn onward_name<T: Trace>(&self, trace: &mut T) -> BTreeSet<Outcome> {
        let Led { destinations, mut outcomes } = self.led(trace);
        if destinations.is_empty() {
            return outcomes;
        }
        let mut addresses: Vec<Address> = Vec::new();
        for destination in destinations {
            for address in self.addresses(destination) {
                if !addresses.iter().any(|other| self.is_one_way(other, &address)) {
                    addresses.push(address);
                }
            }
        }
        if addresses.is_empty() {
            let (own, other) =
                if self.ask.client.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
            let cause = Obstacle::NameOtherFamily;
            let text = format!(
                "{} has no {own} address: whoever has {other} too comes by that",
                self.ask.url.host
            );
            trace.hop(|| Hop {
                code: Some(cause.code().to_owned()),
                ..Hop::not_known(Stage::Name, text)
            });
            outcomes.insert(self.outcome(Sees::NotKnown, Some(cause.into()), Stage::Name));
            return outcomes;
        }
        for address in addresses {
            outcomes.extend(self.onward_address(address, trace));
        }
        outcomes
    }

    /// Several addresses of one listener are one way, if the client is seen alike at them.
    fn is_one_way(&self, one: &Address, other: &Address) -> bool {
        let facts = |address: &Address| {
            (address.at, address.address.map(scope), self.source(address.address))
        };
        facts(one) == facts(other)
    }

    pub fn known_addresses(&self) -> Vec<Option<IpAddr>> {
        let destinations = self.led(&mut ()).destinations;
        let all = destinations.into_iter().flat_map(|destination| self.addresses(destination));
        all.map(|known| known.address).collect()
    }

    /// Names that are kept elsewhere: the load balancer that has something to say to this one.
    pub fn assumed_destination<T: Trace>(
        &self,
        trace: &mut T,
    ) -> Result<Vec<Destination>, Outcome> {
        let model = &self.world.model;
        let host = &self.ask.url.host;
        let all: Vec<LoadBalancerId> =
            (0..model.load_balancers.len() as u32).map(LoadBalancerId).collect();
        let mentioned = all.iter().copied().filter(|id| self.mentions(*id, host));
        let mut candidates: Vec<LoadBalancerId> = mentioned.collect();
        if candidates.is_empty() && model.records.is_empty() {
            candidates = all;
        }
        if candidates.is_empty() {
            let text =
                format!("no record is declared for {host}, and no rule or certificate names it");
            trace.hop(|| Hop::stopped(Stage::Name, Obstacle::NameNoRecord, text));
            let cause = Some(Obstacle::NameNoRecord.into());
            return Err(self.outcome(Sees::NameNotFound, cause, Stage::Name));
        }
        let narrow = |candidates: &mut Vec<LoadBalancerId>,
                      keep: &dyn Fn(&LoadBalancerId) -> bool| {
            if candidates.len() > 1 && candidates.iter().any(keep) {
                candidates.retain(keep);
            }
        };
        narrow(&mut candidates, &|id| self.world.listener_on(*id, self.ask.url.port).is_some());
        narrow(&mut candidates, &|id| model[*id].scheme == Scheme::InternetFacing);
        if let [only] = candidates[..] {
            let text = format!(
                "{host} has no `record` here: taken to be load_balancer.{}",
                model[only].name
            );
            trace.hop(|| {
                Hop::passed(Stage::Name, text).at(&model[only].place).because(Evidence::Assumed)
            });
            return Ok(vec![Destination::LoadBalancer(only)]);
        }
        let names: Vec<String> =
            candidates.iter().map(|id| format!("load_balancer.{}", model[*id].name)).collect();
        let text = format!(
            "{host} has no `record`, and could be {}: declare one, or say `--to`",
            names.join(" or ")
        );
        trace.hop(|| Hop::not_known(Stage::Name, text));
        Err(self.outcome(Sees::NotKnown, None, Stage::Name))
    }

    /// Whether a rule or a certificate of the load balancer is about the host.
    fn mentions(&self, id: LoadBalancerId, host: &str) -> bool {
        let model = &self.world.model;
        model[id].listeners.iter().any(|listener| {
            let listener = &model[*listener];
            let by_rule =
                listener.rules.iter().flat_map(|rule| &rule.conditions).any(|condition| {
                    matches!(condition, model::Condition::Host(values)
                    | model::Condition::ServerName(values)
                    if values.iter().any(|value| value.matches(host.as_bytes())))
                });
            by_rule
                || listener.certificates.iter().any(|id| {
                    let view = (self.facts.certificates)(*id);
                    view.facts.is_some_and(|facts| facts.covers(host))
                })
        })
    }

    pub fn destination_words(&self, destination: Destination) -> String {
        match destination {
            Destination::Address(address) => address.to_string(),
            Destination::LoadBalancer(id) => {
                let lb = &self.world.model[id];
                let all = self.addresses_of(id);
                let own = |address: &&IpAddr| address.is_ipv4() == self.ask.client.is_ipv4();
                match all
                    .iter()
                    .find(own)
                    .or(all.first())
                    .filter(|address| !address.is_unspecified())
                {
                    Some(address) => format!("load_balancer.{} at {address}", lb.name),
                    None => format!("load_balancer.{}", lb.name),
                }
            }
        }
    }

    fn addresses_of(&self, id: LoadBalancerId) -> &[IpAddr] {
        world::alias_addresses(&self.world.model[id])
    }

    /// Those of the client's own family: a client without IPv6 does not ask for it.
    fn addresses(&self, destination: Destination) -> Vec<Address> {
        let port = self.ask.url.port;
        let known =
            |address: IpAddr| Address { address: Some(address), at: self.world.at(address, port) };
        let family = |address: &&IpAddr| address.is_ipv4() == self.ask.client.is_ipv4();
        match destination {
            Destination::Address(address) => {
                [address].iter().filter(family).map(|address| known(*address)).collect()
            }
            Destination::LoadBalancer(id) => {
                let addresses = self.addresses_of(id);
                let on_every = || {
                    let listener = self.world.listener_on(id, port);
                    let at = listener.map_or(At::LoadBalancer(id), At::Listener);
                    Address { address: None, at }
                };
                if addresses.is_empty() {
                    return vec![on_every()];
                }
                let own = addresses.iter().filter(family);
                own.map(|address| match address.is_unspecified() {
                    true => on_every(),
                    false => known(*address),
                })
                .collect()
            }
        }
    }

    /// The address under which the other side sees the client.
    fn source(&self, destination: Option<IpAddr>) -> IpAddr {
        let global = destination.is_none_or(|address| scope(address) == Scope::Global);
        match self.ask.seen_as {
            Some(seen) if global => seen,
            Some(_) | None => self.ask.client,
        }
    }

    fn onward_address<T: Trace>(&self, address: Address, trace: &mut T) -> BTreeSet<Outcome> {
        let mut verdict = Verdict::default();
        let source = self.source(address.address);
        if let Some(to) = address.address
            && let Err(obstacle) = routed(source, to)
        {
            trace.hop(|| {
                let text = format!("{to} is a private address, and {source} is outside");
                Hop::stopped(Stage::Route, obstacle, text)
            });
            verdict.stop(self.outcome(Sees::TimesOut, Some(obstacle.into()), Stage::Route));
        }
        let rest = match address.at {
            At::Listener(listener) => {
                trace.hop(|| self.route_hop(listener, address.address, source));
                self.onward_door(listener, source, trace)
            }
            At::LoadBalancer(id) => {
                let lb = &self.world.model[id];
                let cause = Obstacle::NameNoListener;
                trace.hop(|| {
                    let ports: Vec<String> = lb
                        .listeners
                        .iter()
                        .map(|id| self.world.model[*id].port.to_string())
                        .collect();
                    let text = format!(
                        "load_balancer.{} does not listen on port {}: it listens on {}",
                        lb.name,
                        self.ask.url.port,
                        ports.join(", ")
                    );
                    Hop::stopped(Stage::Listener, cause, text).at(&lb.place)
                });
                BTreeSet::from([self.outcome(Sees::Refused, Some(cause.into()), Stage::Listener)])
            }
            At::Instance(id) => self.at_instance(id, source, trace),
            At::Nobody => {
                let cause = Obstacle::NameUnknownAddress;
                trace.hop(|| {
                    let to = address.address.map_or(String::new(), |a| a.to_string());
                    Hop {
                        code: Some(cause.code().to_owned()),
                        ..Hop::not_known(
                            Stage::Route,
                            format!("{to} belongs to nothing declared here"),
                        )
                    }
                });
                BTreeSet::from([self.outcome(Sees::NotKnown, Some(cause.into()), Stage::Route)])
            }
        };
        verdict.settle(rest)
    }

    fn route_hop(&self, listener: ListenerId, to: Option<IpAddr>, source: IpAddr) -> Hop {
        let model = &self.world.model;
        let listener = &model[listener];
        let lb = &model[listener.load_balancer];
        let seen =
            if source == self.ask.client { String::new() } else { format!("; seen as {source}") };
        let text = match to {
            Some(to) => format!(
                "{} is load_balancer.{}{seen}",
                std::net::SocketAddr::new(to, listener.port),
                lb.name
            ),
            None => format!("load_balancer.{} on every address of its host{seen}", lb.name),
        };
        Hop::passed(Stage::Route, text).at(&lb.place)
    }
}
