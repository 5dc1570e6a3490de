//! Which virtual server answers (<https://nginx.org/en/docs/http/server_names.html>).

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::Application;
use model::application::{Listen, ServerName, VirtualServer};

use super::{Answer, Asked, FoundBy, not_understood};

pub struct Chosen<'a> {
    pub server: &'a VirtualServer,
    /// `None`: of declared facts.
    pub listen: Option<&'a Listen>,
    /// What the expression of its name captured.
    pub captures: Vec<Vec<u8>>,
    pub by: FoundBy,
}

pub fn choose<'a>(
    application: &'a Application,
    asked: &Asked<'_>,
) -> Result<Chosen<'a>, Answer<'a>> {
    let on_port = |server: &'a VirtualServer| {
        server.listens.iter().filter(|listen| listen.port == asked.port).map(move |l| (server, l))
    };
    if let Some(server) = application.servers.iter().find(|server| server.listens.is_empty()) {
        return Ok(Chosen { server, listen: None, captures: Vec::new(), by: FoundBy::Lone });
    }
    let listening: Vec<_> = application.servers.iter().flat_map(on_port).collect();
    let mut addresses: Vec<Option<IpAddr>> = listening.iter().map(|(_, l)| l.address).collect();
    addresses.sort();
    addresses.dedup();
    // A connection to an address sees the servers of that very address only, or of every address.
    let mut chosen: Option<Chosen<'a>> = None;
    for address in addresses {
        let candidates: Vec<_> =
            listening.iter().filter(|(_, l)| l.address == address).copied().collect();
        let Some(next) = by_name(&candidates, &host(asked))? else { continue };
        match &chosen {
            Some(first) if !std::ptr::eq(first.server, next.server) => {
                let place = next.listen.map_or(&next.server.place, |listen| &listen.place);
                let why = format!("port {} has other servers on another address", asked.port);
                return Err(Answer::NotKnown { why, place });
            }
            Some(_) => {}
            None => chosen = Some(next),
        }
    }
    chosen.ok_or_else(|| {
        let why = format!("no server listens on port {}", asked.port);
        Answer::NotKnown { why, place: &application.place }
    })
}

/// `$host` without its fallback: lower case, without port and final dot.
pub fn host(asked: &Asked<'_>) -> String {
    let host = match asked.host.starts_with('[') {
        true => asked.host.find(']').map_or(asked.host, |end| &asked.host[..=end]),
        false => asked.host.split(':').next().unwrap_or(asked.host),
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// "Exact name; longest wildcard name starting with an asterisk; longest wildcard name ending with
/// an asterisk; first matching regular expression; default server."
fn by_name<'a>(candidates: &[Candidate<'a>], host: &str) -> Result<Option<Chosen<'a>>, Answer<'a>> {
    let chosen = |(server, listen): &Candidate<'a>| Chosen {
        server,
        listen: Some(listen),
        captures: Vec::new(),
        by: FoundBy::Name,
    };
    let names = unconflicting(candidates);
    let order: [&Matched; 3] = [&exact, &leading, &trailing];
    for matched in order {
        let mut best = None;
        for (candidate, name) in &names {
            if let Some(length) = matched(name, host)
                && best.is_none_or(|(longest, _)| length > longest)
            {
                best = Some((length, candidate));
            }
        }
        if let Some((_, candidate)) = best {
            return Ok(Some(chosen(candidate)));
        }
    }
    for (candidate, name) in &names {
        match name {
            ServerName::Regex(regex) => {
                if let Some(captures) = regex.captures(host.as_bytes()) {
                    let captures = super::uri::captured(&captures);
                    return Ok(Some(Chosen { captures, ..chosen(candidate) }));
                }
            }
            ServerName::NotUnderstood(doubt) => return Err(not_understood(doubt)),
            ServerName::Exact(_)
            | ServerName::Leading(_)
            | ServerName::Dotted(_)
            | ServerName::Trailing(_) => {}
        }
    }
    let default = candidates.iter().find(|(_, listen)| listen.default);
    let lone = candidates.iter().all(|(server, _)| std::ptr::eq(*server, candidates[0].0));
    let by = if lone { FoundBy::Lone } else { FoundBy::Default };
    Ok(default.or(candidates.first()).map(|candidate| Chosen { by, ..chosen(candidate) }))
}

type Candidate<'a> = (&'a VirtualServer, &'a Listen);

/// "conflicting server name …, ignored": a name that another server has already, where
/// `.example.com` is also `example.com` and `*.example.com`.
fn unconflicting<'a>(candidates: &[Candidate<'a>]) -> Vec<(Candidate<'a>, &'a ServerName)> {
    let (mut exact, mut wildcards) = (BTreeSet::new(), BTreeSet::new());
    let mut names = Vec::new();
    for candidate in candidates {
        for name in &candidate.0.names {
            let is_new = match name {
                ServerName::Exact(name) => exact.insert(name.as_str()),
                ServerName::Dotted(end) => {
                    exact.insert(end.strip_prefix('.').unwrap_or(end))
                        && wildcards.insert(end.as_str())
                }
                ServerName::Leading(end) => wildcards.insert(end.as_str()),
                ServerName::Trailing(start) => wildcards.insert(start.as_str()),
                ServerName::Regex(_) | ServerName::NotUnderstood(_) => true,
            };
            if is_new {
                names.push((*candidate, name));
            }
        }
    }
    names
}

/// How long the name is that covers the host.
type Matched = dyn Fn(&ServerName, &str) -> Option<usize>;

fn exact(name: &ServerName, host: &str) -> Option<usize> {
    match name {
        ServerName::Exact(name) => (name == host).then_some(name.len()),
        _ => None,
    }
}

fn leading(name: &ServerName, host: &str) -> Option<usize> {
    match name {
        ServerName::Dotted(end) if end.strip_prefix('.') == Some(host) => Some(end.len()),
        ServerName::Leading(end) | ServerName::Dotted(end) => {
            (host.len() > end.len() && host.ends_with(end.as_str())).then_some(end.len())
        }
        _ => None,
    }
}

fn trailing(name: &ServerName, host: &str) -> Option<usize> {
    match name {
        ServerName::Trailing(start) => {
            (host.len() > start.len() && host.starts_with(start.as_str())).then_some(start.len())
        }
        _ => None,
    }
}
