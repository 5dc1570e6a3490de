//! `upstream` and `proxy_pass`.

use std::collections::BTreeMap;

use model::application::{Content, Part, Proxy, ProxyTo, Value};

use super::Problem;
use super::http::Reader;
use super::tree::Directive;
use super::value::value;

/// The servers of each `upstream`.
pub type Upstreams = BTreeMap<String, Vec<String>>;

/// `proxy_set_header` of what an application looks at.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    pub host: Option<Value>,
    pub forwarded_proto: Option<Value>,
}

pub fn upstreams(directives: &[Directive]) -> Upstreams {
    let mut upstreams = Upstreams::new();
    for upstream in directives.iter().filter(|directive| directive.name == "upstream") {
        let servers: Vec<&Directive> =
            upstream.inner().iter().filter(|inner| inner.name == "server").collect();
        let spare = |server: &&&Directive| {
            server.words.iter().any(|word| word == "backup" || word == "down")
        };
        let mut used: Vec<&&Directive> = servers.iter().filter(|s| !spare(s)).collect();
        if used.is_empty() {
            used = servers.iter().collect();
        }
        let address = |server: &&Directive| {
            let word = server.word(0);
            let bare = word.rsplit(']').next().unwrap_or(word);
            match bare.contains(':') {
                true => word.to_owned(),
                false => format!("{word}:80"),
            }
        };
        let name = upstream.word(0).to_ascii_lowercase();
        upstreams.insert(name, used.into_iter().map(address).collect());
    }
    upstreams
}

/// Whether it is one of [`Headers`].
pub fn is_read(header: &str) -> bool {
    ["host", "x-forwarded-proto"].iter().any(|name| header.eq_ignore_ascii_case(name))
}

/// One level's `proxy_set_header`s replace those of the levels around it.
pub fn headers(directives: &[Directive], outer: &Headers) -> Headers {
    let mut set = directives.iter().filter(|d| d.name == "proxy_set_header").peekable();
    if set.peek().is_none() {
        return outer.clone();
    }
    let mut headers = Headers::default();
    for directive in set {
        let text = value(directive.word(1));
        match directive.word(0).to_ascii_lowercase().as_str() {
            // nginx's own default.
            "host" if directive.word(1) == "$proxy_host" => {}
            "host" => headers.host = Some(text),
            "x-forwarded-proto" => headers.forwarded_proto = Some(text),
            _ => {}
        }
    }
    headers
}

pub fn pass(reader: &Reader, directive: &Directive, headers: &Headers) -> Result<Content, Problem> {
    let word = directive.word(0);
    let lower = word.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let Some(scheme) = scheme else {
        if word.contains('$') {
            return Ok(Content::NotUnderstood(reader.not_understood(directive)));
        }
        let text = format!("`{word}` is nowhere to pass to");
        return Err(Problem::new(&directive.place, text));
    };
    let rest = word.get(scheme.len()..).unwrap_or_default();
    let (to, keeps_path) = if let Some(path) = rest.strip_prefix("unix:") {
        let (socket, uri) = path.split_once(':').unwrap_or((path, ""));
        (ProxyTo::Unix(socket.to_owned()), uri.is_empty())
    } else {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let whole = end == rest.len();
        match reader.upstreams.get(&name.to_ascii_lowercase()) {
            Some(servers) => {
                (ProxyTo::Upstream { name: name.to_owned(), servers: servers.clone() }, whole)
            }
            None => {
                let (address, path) = address(name);
                let as_sent = [Part::Variable(REQUEST_URI.to_owned())];
                (ProxyTo::Address(address), whole && path.is_none_or(|path| path == as_sent))
            }
        }
    };
    Ok(Content::Proxy(Proxy {
        tls: scheme == "https://",
        to,
        keeps_path,
        host: headers.host.clone(),
        forwarded_proto: headers.forwarded_proto.clone(),
        place: directive.place.clone(),
    }))
}

/// The path and query as they were sent.
const REQUEST_URI: &str = "request_uri";

/// Up to a variable that holds the path, and what follows from there.
fn address(name: &str) -> (Value, Option<Vec<Part>>) {
    let mut address = value(name);
    let holds_path = |part: &Part| matches!(part, Part::Variable(name) if [REQUEST_URI, "uri", "document_uri"].contains(&name.as_str()));
    let path = address.0.iter().position(holds_path).map(|at| address.0.split_off(at));
    (address, path)
}
