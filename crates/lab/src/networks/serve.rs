//! An application of the lab that answers as it was declared to (`verdict::application` says what).

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::Style;
use model::{GroupId, InstanceId, TargetProtocol};
use verdict::application::{Answer, Asked, answer};
use world::World;

use super::applications::{Declared, Listening};
use super::failed::LabFailed;
use super::state::Folder;
use super::up::read;
use crate::app::{self, Reply, Request};
use crate::client::{self, Seen};

/// nginx's word for closing the connection.
const NO_ANSWER: u16 = 444;

/// What one application is told.
#[derive(Clone, Debug)]
pub struct Serve {
    pub file: PathBuf,
    pub state: PathBuf,
    pub address: SocketAddr,
    pub name: String,
    pub tls: bool,
    /// An instance's number in the configuration, and its application's.
    pub instance: Option<(u32, usize)>,
    /// A target group's number.
    pub group: Option<u32>,
}

/// How the holder starts it.
pub fn arguments(listening: &Listening, file: &Path, state: &Path) -> Vec<OsString> {
    let who = [listening.address.to_string(), listening.name.clone()].map(OsString::from);
    let plain = listening.protocol == TargetProtocol::Http;
    if plain && listening.declared == Declared::Nowhere {
        return [OsString::from("demo-app")].into_iter().chain(who).collect();
    }
    let mut arguments: Vec<OsString> = vec!["lab".into(), "serve".into(), file.into()];
    arguments.extend(who);
    arguments.extend([OsString::from("--state"), state.into()]);
    if !plain {
        arguments.push("--tls".into());
    }
    match listening.declared {
        Declared::Nowhere => {}
        Declared::Instance(id, at) => {
            let numbers = [id.0.to_string(), at.to_string()].map(OsString::from);
            arguments.push("--instance".into());
            arguments.extend(numbers);
        }
        Declared::Group(id) => arguments.extend(["--group".into(), id.0.to_string().into()]),
    }
    arguments
}

/// Serves until the process is killed.
pub fn serve(told: &Serve) -> Result<(), LabFailed> {
    let world = read(&told.file, Style { color: false, width: 100 })?;
    let declared = match (told.instance, told.group) {
        (Some((id, at)), _) => Declared::Instance(InstanceId(id), at),
        (None, Some(id)) => Declared::Group(GroupId(id)),
        (None, None) => Declared::Nowhere,
    };
    let certificate = told.tls.then(|| certificate(told)).transpose()?;
    let spoken = Spoken {
        world,
        declared,
        name: told.name.clone(),
        tls: told.tls,
        port: told.address.port(),
    };
    app::serve(told.address, certificate, move |request| spoken.answer(request))
        .map_err(|error| LabFailed::Holder(net::listen::explain(&error, told.address)))
}

/// Targets may show any certificate; who asks the instance itself trusts the lab's authority.
fn certificate(told: &Serve) -> Result<tls::Identity, LabFailed> {
    let failed = |error: tls::AuthorityError| LabFailed::Holder(error.to_string());
    let edge = Folder::of(&told.state).edge();
    let now = net::clock::unix_seconds();
    let authority = tls::LocalAuthority::open_or_create(&edge, now).map_err(failed)?;
    authority.issue(&told.name, &[], now).map_err(failed)
}

#[derive(Clone)]
struct Spoken {
    world: Arc<World>,
    declared: Declared,
    name: String,
    tls: bool,
    port: u16,
}

impl Spoken {
    fn answer(&self, request: &Request) -> Reply {
        let Some(application) = self.declared.application(&self.world.model) else {
            return app::page(&self.name, request);
        };
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let asked = Asked {
            method: &request.method,
            scheme: if self.tls { "https" } else { "http" },
            port: self.port,
            host: &request.host,
            path,
            query,
            forwarded_proto: request.forwarded_proto.as_deref(),
        };
        match answer(application, &asked) {
            Answer::Redirect { status, location, .. } => {
                Reply::Answer { status, location: Some(location), body: String::new() }
            }
            Answer::Status { status: NO_ANSWER, .. } => Reply::Close,
            Answer::Status { status, .. } => own(status),
            Answer::Forward { to, tls, host, forwarded_proto, .. } => {
                behind(request, &to, tls, host, forwarded_proto)
            }
            // The handshake is over when there is a request.
            Answer::NoHandshake { .. } => Reply::Close,
            // Its own answer, whatever it is: a page.
            Answer::Files { .. } | Answer::NotKnown { .. } => app::page(&self.name, request),
        }
    }
}

fn own(status: u16) -> Reply {
    let body = format!("{status} {}\n", explain::reason(status));
    Reply::Answer { status, location: None, body }
}

/// What is behind the application, if that is in the lab; else as nginx has it for a backend that does
/// not answer.
fn behind(
    request: &Request,
    to: &str,
    tls: bool,
    host: Option<String>,
    forwarded_proto: Option<String>,
) -> Reply {
    let first = to.split(", ").next().unwrap_or(to);
    let port = |port: &str| port.parse::<u16>().ok();
    let server = first.rsplit_once(':').and_then(|(host, number)| Some((host, port(number)?)));
    // TLS behind it is not spoken here.
    let Some((server, port)) = server.filter(|_| !tls) else { return own(502) };
    let server = server.trim_matches(['[', ']']);
    let Some(address) = net::resolve::wait(server, port).into_iter().next() else {
        return own(502);
    };
    let from: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let host = host.unwrap_or_else(|| first.to_owned());
    let mut headers = vec![("Host".to_owned(), host.clone())];
    headers.extend(forwarded_proto.map(|proto| ("X-Forwarded-Proto".to_owned(), proto)));
    let seen = client::ask(&client::Asked {
        from,
        to: SocketAddr::new(address, port),
        method: &request.method,
        host: &host,
        path: &request.target,
        headers: &headers,
        trusted: None,
    });
    match seen {
        Seen::Answer { status, location, body } => Reply::Answer { status, location, body },
        Seen::TimedOut | Seen::Silence => own(504),
        Seen::NoName | Seen::Refused | Seen::Closed | Seen::Failed(_) => own(502),
    }
}
