//! What runs behind a target, as far as it is declared. What one of them answers is
//! [`verdict::application`]'s to say; here is which of them is asked, one behind the other.

use std::net::IpAddr;

use model::{Application, Instance, InstanceId, Model, Place, Target, TargetGroup, TargetProtocol};
use verdict::application::{Answer, Asked, answer};

use crate::instance_of;

/// Applications that pass a request on to one another.
const PASSED_ON_MAX: usize = 4;

/// An application that a request came to, and what it did with it.
#[derive(Clone, Debug)]
pub struct Heard<'m> {
    pub application: &'m Application,
    pub answer: Answer<'m>,
}

/// What follows the last answer that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is the answer.
    Answered,
    /// It was passed on to where nothing is declared to listen.
    Nothing,
    /// It was passed on to what is not declared, or with a path that is not said.
    NotDeclared,
}

/// What is declared about a target and keeps a connection from being made.
#[derive(Clone, Copy, Debug)]
pub enum DeclaredFailure<'m> {
    /// Its port is none of those that are served.
    NotServed { instance: &'m Instance, serves: &'m [u16] },
    /// The group begins with TLS, and plain HTTP is spoken.
    NoTls { place: &'m Place },
}

/// What is behind an application.
#[derive(Clone, Copy, Debug)]
pub enum Behind<'m> {
    /// Its port is none of those that are served.
    Nothing,
    Application(&'m Application, u16),
}

/// The declared application on a port of a machine.
pub fn application_of(model: &Model, instance: InstanceId, port: u16) -> Option<&Application> {
    let applications = &model[instance].applications;
    let own = applications.iter().find(|application| application.port == Some(port));
    own.or_else(|| applications.iter().find(|application| application.listens_on(port)))
}

/// The one that a target runs: what its group says, else its machine.
pub fn application_at<'m>(
    model: &'m Model,
    group: &'m TargetGroup,
    target: &Target,
    port: u16,
) -> Option<&'m Application> {
    let own = group.application.as_ref();
    own.or_else(|| application_of(model, instance_of(model, target)?, port))
}

/// What keeps the load balancer from being connected to the port of a target.
pub fn declared_failure<'m>(
    model: &'m Model,
    group: &'m TargetGroup,
    target: &Target,
    port: u16,
    protocol: TargetProtocol,
) -> Option<DeclaredFailure<'m>> {
    if let Some(id) = instance_of(model, target)
        && let instance = &model[id]
        && let Some(serves) = &instance.serves
        && !serves.contains(&port)
    {
        return Some(DeclaredFailure::NotServed { instance, serves });
    }
    if protocol == TargetProtocol::Tcp {
        // What is said on it is between the client and the target.
        return None;
    }
    let application = application_at(model, group, target, port)?;
    let asked = Asked {
        method: "GET",
        scheme: protocol.scheme(),
        port,
        host: "",
        path: "/",
        query: "",
        forwarded_proto: None,
    };
    match answer(application, &asked) {
        Answer::NoHandshake { place } => Some(DeclaredFailure::NoTls { place }),
        Answer::Redirect { .. }
        | Answer::Status { .. }
        | Answer::Forward { .. }
        | Answer::Files { .. }
        | Answer::NotKnown { .. } => None,
    }
}

/// Everyone that the request comes to, at least one; what each does with it; and what follows.
pub fn hear<'m>(
    model: &'m Model,
    instance: Option<InstanceId>,
    application: &'m Application,
    asked: &Asked<'_>,
) -> (Vec<Heard<'m>>, End) {
    let first = answer(application, asked);
    let mut all = vec![Heard { application, answer: first }];
    loop {
        let passed_on = all.len() - 1;
        let Some(Heard {
            answer: Answer::Forward { to, tls, keeps_path, host, forwarded_proto, .. },
            ..
        }) = all.last()
        else {
            return (all, End::Answered);
        };
        match behind(model, instance, to).filter(|_| passed_on < PASSED_ON_MAX) {
            None => return (all, End::NotDeclared),
            Some(Behind::Nothing) => return (all, End::Nothing),
            Some(Behind::Application(..)) if !keeps_path => return (all, End::NotDeclared),
            Some(Behind::Application(application, port)) => {
                let asked = Asked {
                    scheme: if *tls { "https" } else { "http" },
                    port,
                    host: host.as_deref().unwrap_or(to),
                    forwarded_proto: forwarded_proto.as_deref(),
                    ..*asked
                };
                let answer = answer(application, &asked);
                all.push(Heard { application, answer });
            }
        }
    }
}

/// What an application of a machine passes on to, `host:port`, if that can be said.
pub fn behind<'m>(model: &'m Model, instance: Option<InstanceId>, to: &str) -> Option<Behind<'m>> {
    let id = instance?;
    let machine = &model[id];
    let (host, port) = to.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback() || machine.addresses.contains(&address));
    if !here {
        return None;
    }
    if machine.serves.as_ref().is_some_and(|serves| !serves.contains(&port)) {
        return Some(Behind::Nothing);
    }
    application_of(model, id, port).map(|application| Behind::Application(application, port))
}
