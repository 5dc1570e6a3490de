//! What runs behind a target: declared facts, or an imported nginx configuration, in one form.
//!
//! The form is nginx's own (<https://nginx.org/en/docs/http/ngx_http_core_module.html>,
//! <https://nginx.org/en/docs/http/ngx_http_rewrite_module.html>), with inheritance between its
//! levels resolved: what a location inherits stands in the location. Declared facts are a server
//! that answers on every port.

mod facts;
mod reach;

use std::net::IpAddr;
use std::path::PathBuf;

use regex::bytes::Regex;

use crate::{Place, Seconds, TargetProtocol, Template, TemplatePart, Wildcard};

/// What runs on a port of an instance, or behind every target of a group.
#[derive(Clone, Debug)]
pub struct Application {
    /// Empty in a target group.
    pub name: String,
    /// In an instance: where it listens. In a target group: `None`, the target's own port.
    pub port: Option<u16>,
    /// What it speaks on that port.
    pub protocol: TargetProtocol,
    /// Virtual servers in the order they were written. Empty: what it answers is not known.
    pub servers: Vec<VirtualServer>,
    /// How long it keeps an idle connection.
    pub keep_alive: Option<Seconds>,
    pub trusts_forwarded_proto: Option<bool>,
    /// Origins it answers with `Access-Control-Allow-Origin`; `None`: not known; `*`: any.
    pub cors: Option<Vec<String>>,
    pub unit: Option<Unit>,
    /// What `servers` was made from.
    pub written: Written,
    pub place: Place,
}

/// The service that runs an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Such as `app.service`.
    pub name: String,
    /// Whether it starts at boot; `None`: not known.
    pub enabled: Option<bool>,
    pub place: Place,
}

/// What an operator wrote about the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Facts(Facts),
    /// The path of an nginx configuration.
    Nginx(PathBuf),
}

/// Declared answers; all empty if nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `redirects = "https"`, or `"https:8443"`: to which port.
    pub redirects_to_https: Option<u16>,
    pub redirects: Vec<DeclaredRedirect>,
    /// `127.0.0.1:8080`.
    pub forward: Option<String>,
    pub answers: Option<u16>,
}

/// A `redirect` block of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRedirect {
    /// Paths; case matters.
    pub from: Wildcard,
    pub to: Template,
    pub status: u16,
    pub place: Place,
}

/// One `server`.
#[derive(Clone, Debug)]
pub struct VirtualServer {
    /// Empty: on every port, of declared facts.
    pub listens: Vec<Listen>,
    /// `$server_name`: the first name, without a leading dot.
    pub server_name: String,
    /// In the order they were written.
    pub names: Vec<ServerName>,
    /// The server's own level: its rewrite steps run first, its content answers where no location
    /// is chosen.
    pub own: Behaviour,
    pub locations: Vec<Location>,
    /// `@name` locations, which only `try_files` reaches.
    pub named: Vec<Location>,
    /// What `set` defines anywhere in the configuration: empty where no `set` was reached.
    pub variables: Vec<String>,
    /// The path that `ssl_certificate` names.
    pub certificate: Option<(String, Place)>,
    /// `keepalive_timeout`.
    pub keep_alive: Option<Seconds>,
    pub place: Place,
}

/// One `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `None`: every IPv4 address.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub tls: bool,
    pub default: bool,
    pub place: Place,
}

/// One word of `server_name`, lower case.
#[derive(Clone, Debug)]
pub enum ServerName {
    Exact(String),
    /// `*.example.com`; the text is `.example.com`.
    Leading(String),
    /// `.example.com`: `example.com` and whatever ends so; the text is `.example.com`.
    Dotted(String),
    /// `mail.*`; the text is `mail.`.
    Trailing(String),
    Regex(Regex),
    /// An expression that only nginx's library can read.
    NotUnderstood(NotUnderstood),
}

/// What a server or a location does once it is chosen, with what it inherits.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The rewrite phase, in order.
    pub steps: Vec<Step>,
    /// `internal`: whoever asks from outside gets 404.
    pub internal: bool,
    /// What could answer after the steps and before the content, such as `auth_basic`.
    pub doubts: Vec<NotUnderstood>,
    pub content: Content,
    pub error_pages: Vec<ErrorPage>,
    pub form: RedirectForm,
    pub place: Place,
}

/// How nginx makes a `Location` that begins with `/` absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectForm {
    /// `absolute_redirect`.
    pub absolute: bool,
    /// `port_in_redirect`: the port that the application listens on, unless it is the scheme's.
    pub port: bool,
    /// `server_name_in_redirect`.
    pub server_name: bool,
}

impl Default for RedirectForm {
    fn default() -> Self {
        RedirectForm { absolute: true, port: true, server_name: false }
    }
}

/// One `location`.
#[derive(Clone, Debug)]
pub struct Location {
    pub path: LocationPath,
    pub behaviour: Behaviour,
    pub nested: Vec<Location>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum LocationPath {
    /// `= /path`.
    Exact(String),
    /// `/path`, or `^~ /path` where the expressions are not tried.
    Prefix {
        path: String,
        stops: bool,
    },
    /// `~` and `~*`.
    Regex(Regex),
    Named(String),
    /// An expression that only nginx's library can read.
    NotUnderstood(NotUnderstood),
}

/// One step of the rewrite phase.
#[derive(Clone, Debug)]
pub enum Step {
    Return {
        status: u16,
        /// A URL for 301, 302, 303, 307 and 308; else the body.
        text: Option<Value>,
        place: Place,
    },
    Rewrite(Rewrite),
    If {
        test: Test,
        /// Its steps run in place; in a location the rest of it takes the location's place.
        then: Box<Behaviour>,
        place: Place,
    },
    Set {
        variable: String,
        value: Value,
        place: Place,
    },
    /// `break`.
    Break,
    NotUnderstood(NotUnderstood),
}

/// `rewrite regex replacement [flag]`.
#[derive(Clone, Debug)]
pub struct Rewrite {
    pub regex: Regex,
    /// Up to its question mark.
    pub path: Value,
    /// After the question mark.
    pub query: Option<Value>,
    /// Whether the request's own query is appended: unless the replacement ends in `?`.
    pub keeps_query: bool,
    pub then: AfterRewrite,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRewrite {
    /// No flag: the next step sees the new path.
    NextStep,
    /// `last`: another location is chosen.
    Last,
    /// `break`: the location stays.
    Break,
    /// `redirect` (302), `permanent` (301), or a replacement that begins with a scheme (302).
    Redirect(u16),
}

/// The condition of an `if`.
#[derive(Clone, Debug)]
pub enum Test {
    /// `$variable`: neither empty nor `0`.
    True(Value),
    Equal(Value, Value),
    NotEqual(Value, Value),
    Matches(Value, Regex),
    MatchesNot(Value, Regex),
    /// Of declared facts: the path as it was sent.
    Path(Wildcard),
    NotUnderstood(NotUnderstood),
}

/// Text with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value(pub Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// Without `$`, lower case.
    Variable(String),
    /// `$1` to `$9`.
    Capture(u8),
    /// Of declared facts.
    Request(TemplatePart),
}

/// What answers when no step did.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file below `root`, or 404.
    Files {
        place: Place,
    },
    /// `try_files`: a file, or the fallback.
    TryFiles {
        fallback: Fallback,
        place: Place,
    },
    Proxy(Proxy),
    NotUnderstood(NotUnderstood),
    /// Of declared facts: nothing was said.
    NotDeclared {
        place: Place,
    },
}

#[derive(Clone, Debug)]
pub enum Fallback {
    Status(u16),
    Uri(Value),
    /// `@name`.
    Named(String),
}

/// `proxy_pass`.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub tls: bool,
    pub to: ProxyTo,
    /// No path of its own is written: the request is passed on with the one it came with.
    pub keeps_path: bool,
    /// `proxy_set_header Host`; `None`: the name in `proxy_pass`.
    pub host: Option<Value>,
    /// `proxy_set_header X-Forwarded-Proto`; `None`: as it came.
    pub forwarded_proto: Option<Value>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyTo {
    /// `host:port`, with the scheme's port if none was written.
    Address(Value),
    /// `unix:/path`.
    Unix(String),
    /// The servers of an `upstream` that are not backups, as `host:port`.
    Upstream { name: String, servers: Vec<String> },
}

/// `error_page code … [=response] uri`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    pub statuses: Vec<u16>,
    pub response: ErrorResponse,
    pub uri: Value,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorResponse {
    /// The status that led there.
    Same,
    /// `=code`.
    Status(u16),
    /// `=`: the page's own.
    OfPage,
}

/// Something that could change the answer and was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The directive's name, such as `auth_basic`.
    pub directive: String,
    pub place: Place,
}
