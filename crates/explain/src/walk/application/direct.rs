//! A request by the bare address of a machine, round every load balancer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{InstanceId, Obstacle, UrlScheme};
use verdict::admit::Admission;
use verdict::application::Asked;
use verdict::journey::Knocked;

use super::Hearer;
use crate::cells::Door;
use crate::hop::{Evidence, Hop, Trace};
use crate::outcome::{Outcome, Sees, Stage};
use crate::walk::door::ask_door;
use crate::walk::{Verdict, Walk};

impl Walk<'_> {
    pub fn at_instance<T: Trace>(
        &self,
        id: InstanceId,
        source: IpAddr,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let instance = &self.world.model[id];
        let port = self.ask.url.port;
        let mut verdict = Verdict::default();
        trace.hop(|| {
            let text = format!("this is instance.{}, round every load balancer", instance.name);
            Hop::passed(Stage::Route, text).at(&instance.place)
        });
        // What a machine sends itself passes no security group.
        let own = instance.addresses.contains(&self.ask.client);
        let admission = match own {
            true => Admission { open: true, rules: Vec::new() },
            false => self.world.ingress_of_instance(id),
        };
        trace.door(Door::Instance(id));
        match Knocked::hypothetical(source, port).admit(&admission, &mut ()) {
            Ok(_) => trace.hop(|| {
                let (_, book) = ask_door(&admission, source, port);
                match book.admits.first() {
                    Some(rule) => {
                        let (group, whom) = (&rule.group, self.admitted_words(rule, source));
                        let text = format!("security_group.{group} admits {whom} on tcp/{port}");
                        Hop::passed(Stage::SecurityGroup, text).at(&rule.place)
                    }
                    None if own => {
                        let name = &instance.name;
                        let text =
                            format!("instance.{name} asks itself: no security group is asked");
                        Hop::passed(Stage::SecurityGroup, text).at(&instance.place)
                    }
                    None => {
                        let name = &instance.name;
                        let text =
                            format!("instance.{name} has no security group: everybody is admitted");
                        Hop::passed(Stage::SecurityGroup, text).at(&instance.place)
                    }
                }
            }),
            Err(refused) => {
                trace.hop(|| {
                    let name = &instance.name;
                    let text = format!(
                        "no security group of instance.{name} admits {source} on tcp/{port}"
                    );
                    Hop::stopped(Stage::SecurityGroup, refused.refusal, text).at(&instance.place)
                });
                let cause = Some(refused.refusal.into());
                verdict.stop(self.outcome(Sees::TimesOut, cause, Stage::SecurityGroup));
            }
        }
        let rest = self.at_port(id, port, trace);
        verdict.settle(rest)
    }

    fn at_port<T: Trace>(&self, id: InstanceId, port: u16, trace: &mut T) -> BTreeSet<Outcome> {
        let instance = &self.world.model[id];
        if let Some(serves) = instance.serves.as_ref().filter(|serves| !serves.contains(&port)) {
            let cause = Obstacle::NameNoListener;
            trace.hop(|| {
                let ports: Vec<String> = serves.iter().map(u16::to_string).collect();
                let (name, ports) = (&instance.name, ports.join(", "));
                let text =
                    format!("nothing listens on port {port} of instance.{name}: it serves {ports}");
                Hop::stopped(Stage::Listener, cause, text).at(&instance.place)
            });
            return BTreeSet::from([self.outcome(
                Sees::Refused,
                Some(cause.into()),
                Stage::Listener,
            )]);
        }
        let Some(application) = world::application_of(&self.world.model, id, port) else {
            let text = format!(
                "what listens on port {port} of instance.{} is not declared",
                instance.name
            );
            trace.hop(|| Hop::not_known(Stage::Listener, text).at(&instance.place));
            return BTreeSet::from([self.outcome(Sees::NotKnown, None, Stage::Listener)]);
        };
        trace.hop(|| {
            let text = format!("application \"{}\" listens on port {port}", application.name);
            Hop::passed(Stage::Listener, text).at(&application.place)
        });
        if self.ask.url.scheme == UrlScheme::Https {
            let text = "the certificate that the application serves is not looked at";
            trace.hop(|| Hop::passed(Stage::Tls, text).because(Evidence::Assumed));
        }
        let host = self.host_header();
        let given = |name: &str| {
            let found = self.ask.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let asked = Asked {
            method: self.ask.method,
            scheme: self.ask.url.scheme.name(),
            port,
            host: &host,
            path: &self.ask.url.path,
            query: &self.ask.url.query,
            forwarded_proto: given("x-forwarded-proto"),
        };
        self.heard(application, Some(id), &asked, Hearer::Client, trace)
    }
}
