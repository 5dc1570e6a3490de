//! Real packets from this machine: what an explanation is held against, and whether expectations hold
//! here and now. Everything is asked at once, and nothing is waited for longer than the limits below.

pub mod delegation;
mod expectations;
mod own;
mod target;

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::channel;
use std::time::Duration;

use explain::probe::{Attempt, Plan, Probed, Sends};
use explain::{Observed, Query};
use model::{AddressSet, Url};
use tls::Trusted;

use crate::observe::{Call, Trusts, observe};

pub use expectations::expectations;

/// A lost packet is sent again after a second.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);
const ANSWER_LIMIT: Duration = Duration::from_millis(1500);
const RESOLVE_LIMIT: Duration = Duration::from_secs(3);
const USER_AGENT: &str = "pointsman-probe/1.0";

/// The question, with what was seen. `plan` asks whoever will answer it what there is to ask; without a
/// client in the question, it becomes that of this machine.
pub fn probe<E>(
    query: &Query,
    trusted: &Trusted,
    plan: impl Fn(&Query) -> Result<Plan, E>,
) -> Result<Query, E> {
    let mut query = query.clone();
    let mut planned = plan(&query)?;
    let Ok(url) = Url::parse(query.url.as_deref().unwrap_or_default()) else { return Ok(query) };
    let resolved = url.address().is_none().then(|| resolve(&url.host, url.port));
    let way = way(&planned, &query, &url, resolved.as_deref());
    if let (Ok(way), []) = (&way, &query.from[..]) {
        query.from.push(way.from.to_string());
        planned = plan(&query)?;
    }
    query.probed = Some(asked(&query, &planned, &url, resolved, way, trusted));
    Ok(query)
}

/// From where, and to where.
struct Way {
    from: IpAddr,
    to: SocketAddr,
}

fn way(plan: &Plan, query: &Query, url: &Url, resolved: Option<&[IpAddr]>) -> Result<Way, String> {
    // A name that is not known here may still be tried where it is to lead.
    let destinations = match (url.address(), resolved) {
        (Some(address), _) => vec![address],
        (None, Some(found)) if !found.is_empty() => found.to_vec(),
        (None, _) => plan.addresses.clone(),
    };
    if destinations.is_empty() {
        return Err(format!(
            "the resolver of this machine does not know `{}`, and the configuration says no address",
            url.host
        ));
    }
    let clients: AddressSet = plan.clients.iter().copied().collect();
    let from = destinations.iter().find_map(|to| {
        let to = SocketAddr::new(*to, url.port);
        own::client(&clients, to.ip()).map(|from| Way { from, to })
    });
    from.ok_or_else(|| match &query.from[..] {
        [] => format!("this machine has no way to {}", destinations[0]),
        [from, ..] => {
            format!("no address of `{from}` is this machine's: packets can be sent from here only")
        }
    })
}

fn asked(
    query: &Query,
    plan: &Plan,
    url: &Url,
    resolved: Option<Vec<IpAddr>>,
    way: Result<Way, String>,
    trusted: &Trusted,
) -> Probed {
    let (seen, targets) = std::thread::scope(|scope| {
        let ask = |call| scope.spawn(move || target::ask(call, &query.method, plan.sends));
        let targets: Vec<_> = plan.targets.iter().map(ask).collect();
        let seen = match (&way, plan.sends) {
            (Err(why), _) => Attempt::NotMade(why.clone()),
            (Ok(_), Sends::Nowhere) => Attempt::NotMade(format!(
                "{} may change something: only GET, HEAD and OPTIONS are sent",
                query.method
            )),
            (Ok(way), Sends::Everywhere | Sends::ThroughTheDoor) => {
                Attempt::Made(brief(observe(&Call {
                    from: Some(way.from),
                    to: way.to,
                    url,
                    method: &query.method,
                    headers: &query.headers,
                    user_agent: USER_AGENT,
                    trusts: Trusts::Authorities(trusted),
                    connect_limit: CONNECT_LIMIT,
                    answer_limit: ANSWER_LIMIT,
                })))
            }
        };
        (seen, targets.into_iter().filter_map(|asked| asked.join().ok()).collect())
    });
    Probed {
        at_unix: net::clock::unix_seconds(),
        resolved,
        from: way.as_ref().ok().map(|way| way.from),
        to: way.as_ref().ok().map(|way| way.to),
        seen,
        targets,
    }
}

/// What is told of an answer: who asks need not read it.
fn brief(observed: Observed) -> Observed {
    match observed {
        Observed::Answer { status, mut headers, .. } => {
            headers.retain(|(name, _)| name == "location");
            Observed::Answer { status, headers, body: String::new() }
        }
        other => other,
    }
}

/// As the system does, and no longer than the limit: getaddrinfo(3) has none of its own.
fn resolve(host: &str, port: u16) -> Vec<IpAddr> {
    let (tell, told) = channel();
    let host = host.to_owned();
    std::thread::spawn(move || tell.send(net::resolve::wait(&host, port)));
    told.recv_timeout(RESOLVE_LIMIT).unwrap_or_default()
}
