//! `listen` and `server_name`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::application::{Listen, ServerName};

use super::Problem;
use super::http::Reader;
use super::tree::Directive;
use super::value::{Case, regex};

/// What a `listen` was read as.
pub struct Listening {
    pub listens: Vec<Listen>,
    /// A parameter that changes what a client has to send.
    pub doubtful: bool,
}

const PORTS_MAX: u16 = 1000;

pub fn listen(directive: &Directive) -> Result<Listening, Problem> {
    let word = directive.word(0);
    let parameters = directive.words.get(1..).unwrap_or_default();
    let has = |name: &str| parameters.iter().any(|parameter| parameter == name);
    let bad = || Problem::new(&directive.place, format!("`{word}` is nothing to listen on"));
    if word.starts_with("unix:") {
        return Ok(Listening { listens: Vec::new(), doubtful: false });
    }
    if word.is_empty() {
        return Err(Problem::new(&directive.place, "`listen` names no port"));
    }
    let mut doubtful = has("proxy_protocol") || has("quic");
    let all_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let (host, port) = match word.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']').ok_or_else(bad)?;
            (Some(IpAddr::V6(host.parse().map_err(|_| bad())?)), port.strip_prefix(':'))
        }
        None => match word.split_once(':') {
            Some((host, port)) => (address(host, &mut doubtful), Some(port)),
            None if word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('.') => {
                (None, Some(word))
            }
            None => (address(word, &mut doubtful), None),
        },
    };
    let (first, last) = match port {
        None => (80, 80),
        Some(port) => {
            let (first, last) = port.split_once('-').unwrap_or((port, port));
            let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            (number(first).ok_or_else(bad)?, number(last).ok_or_else(bad)?)
        }
    };
    if first > last || last - first >= PORTS_MAX {
        return Err(bad());
    }
    let one = |address| {
        (first..=last).map(move |port| Listen {
            address,
            port,
            tls: false,
            default: false,
            place: directive.place.clone(),
        })
    };
    let mut listens: Vec<Listen> = one(host).collect();
    // Otherwise nginx opens `[::]` for IPv6 alone.
    if host == Some(all_v6) && has("ipv6only=off") {
        listens.extend(one(None));
    }
    for listen in &mut listens {
        listen.tls = has("ssl");
        listen.default = has("default_server") || has("default");
    }
    Ok(Listening { listens, doubtful })
}

/// `None` is every IPv4 address; a name could be any.
fn address(host: &str, doubtful: &mut bool) -> Option<IpAddr> {
    match host {
        "*" | "0.0.0.0" => None,
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => {
            let address = host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
            *doubtful |= address.is_none();
            address
        }
    }
}

/// `$server_name`: the first name without its leading dot, in lower case unless it is an expression.
pub fn first_name(words: &[&str]) -> String {
    let first = words.first().copied().unwrap_or_default();
    match first.starts_with('~') {
        true => first.to_owned(),
        false => first.strip_prefix('.').unwrap_or(first).to_ascii_lowercase(),
    }
}

pub fn names(reader: &Reader, directive: &Directive) -> Vec<ServerName> {
    let mut names = Vec::new();
    for word in &directive.words {
        let lower = word.to_ascii_lowercase();
        if let Some(source) = word.strip_prefix('~') {
            let case = match source == source.to_ascii_lowercase() {
                true => Case::Counts,
                false => Case::Ignored,
            };
            names.push(match regex(source, case) {
                Some(regex) => ServerName::Regex(regex),
                None => ServerName::NotUnderstood(reader.not_understood(directive)),
            });
        } else if lower.contains('$') {
            names.push(ServerName::NotUnderstood(reader.not_understood(directive)));
        } else if let Some(end) = lower.strip_prefix("*.") {
            names.push(ServerName::Leading(format!(".{end}")));
        } else if let Some(end) = lower.strip_prefix('.') {
            names.push(ServerName::Dotted(format!(".{end}")));
        } else if let Some(start) = lower.strip_suffix(".*") {
            names.push(ServerName::Trailing(format!("{start}.")));
        } else {
            names.push(ServerName::Exact(lower));
        }
    }
    names
}
