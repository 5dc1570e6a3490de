//! `http` and `server`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use model::Seconds;
use model::application::{Content, Listen, NotUnderstood, ServerName, Step, VirtualServer};

use super::known::{Effect, effect, is_harmless_include};
use super::listen::{first_name, listen, names};
use super::location::{Scope, behaviour, locations};
use super::proxy::{Upstreams, is_read, upstreams};
use super::tree::Directive;
use super::{Imported, Problem};

/// nginx's own `keepalive_timeout`.
const KEEP_ALIVE: Seconds = Seconds(75);

/// What reading needs besides the directives.
pub struct Reader {
    pub upstreams: Upstreams,
    /// What `set` defines.
    variables: Vec<String>,
    not_understood: RefCell<Vec<NotUnderstood>>,
}

impl Reader {
    /// Keeps it, and says so.
    pub fn not_understood(&self, directive: &Directive) -> NotUnderstood {
        let doubt =
            NotUnderstood { directive: directive.name.clone(), place: directive.place.clone() };
        let mut all = self.not_understood.borrow_mut();
        if !all.contains(&doubt) {
            all.push(doubt.clone());
        }
        doubt
    }
}

pub fn read(main: &[Directive]) -> Result<Imported, Problem> {
    let mut http: Vec<Directive> = Vec::new();
    for directive in main.iter().filter(|directive| directive.name == "http") {
        http.extend_from_slice(directive.inner());
    }
    let whole = !http.is_empty();
    if !whole {
        // A file of `sites-enabled`.
        http = main.to_vec();
    }
    let mut variables = BTreeSet::new();
    set(&http, &mut variables);
    let reader = Reader {
        upstreams: upstreams(&http),
        variables: variables.into_iter().collect(),
        not_understood: RefCell::default(),
    };
    if whole {
        let elsewhere = |d: &&Directive| d.name != "http" && effect(&d.name) == Effect::Unknown;
        for directive in
            main.iter().filter(elsewhere).filter(|d| !is_harmless_include(&d.name, d.word(0)))
        {
            reader.not_understood(directive);
        }
    }
    let scope = Scope::default().inner(&reader, &http)?;
    let mut before = Vec::new();
    for directive in &http {
        let known = ["server", "upstream", "error_page", "keepalive_timeout", "proxy_set_header"];
        let form = ["absolute_redirect", "port_in_redirect", "server_name_in_redirect"];
        let name = directive.name.as_str();
        if known.contains(&name)
            || form.contains(&name)
            || is_harmless_include(name, directive.word(0))
        {
            continue;
        }
        match effect(name) {
            Effect::Unknown if name == "recursive_error_pages" => {}
            Effect::Unknown => before.push(reader.not_understood(directive)),
            Effect::Variables if defines_used(directive, &http) => {
                reader.not_understood(directive);
            }
            Effect::Variables => {}
            Effect::None | Effect::MayRefuse | Effect::Content => {}
        }
    }
    let mut servers = Vec::new();
    for directive in http.iter().filter(|directive| directive.name == "server") {
        servers.extend(server(&reader, directive, &scope, &before)?);
    }
    if servers.is_empty() {
        let place = main.first().map_or(model::Place::described("nginx"), |d| d.place.clone());
        return Err(Problem::new(&place, "there is no `server` in it"));
    }
    share_tls(&mut servers);
    let keep_alive = servers.iter().filter_map(|server| server.keep_alive).min();
    Ok(Imported { servers, keep_alive, not_understood: reader.not_understood.into_inner() })
}

/// The variables of every `set`, at any depth.
fn set(directives: &[Directive], variables: &mut BTreeSet<String>) {
    for directive in directives {
        if directive.name == "set" {
            variables.extend(directive.word(0).strip_prefix('$').map(str::to_ascii_lowercase));
        }
        set(directive.inner(), variables);
    }
}

/// Whether a variable that this defines is one that an answer could depend on.
fn defines_used(directive: &Directive, all: &[Directive]) -> bool {
    let Some(name) = directive.words.iter().rev().find_map(|word| word.strip_prefix('$')) else {
        return false;
    };
    all.iter().any(|other| {
        let shown = match other.name.as_str() {
            "return" | "rewrite" | "if" | "set" | "error_page" | "proxy_pass" | "try_files" => true,
            "proxy_set_header" => is_read(other.word(0)),
            _ => false,
        };
        let names = |word: &String| {
            word.contains(&format!("${name}")) || word.contains(&format!("${{{name}}}"))
        };
        (shown && other.words.iter().any(names)) || defines_used(directive, other.inner())
    })
}

/// `None` if it listens on no address.
fn server(
    reader: &Reader,
    directive: &Directive,
    http: &Scope,
    before: &[NotUnderstood],
) -> Result<Option<VirtualServer>, Problem> {
    let place = &directive.place;
    if directive.block.is_none() {
        return Err(Problem::new(place, "a `server` is a block"));
    }
    let inner = directive.inner();
    let of = |name: &'static str| inner.iter().filter(move |d| d.name == name);
    let mut doubts: Vec<NotUnderstood> = before.to_vec();
    let mut listens = Vec::new();
    for directive in of("listen") {
        let listening = listen(directive)?;
        if listening.doubtful {
            doubts.push(reader.not_understood(directive));
        }
        listens.extend(listening.listens);
    }
    if of("listen").next().is_none() {
        let place = place.clone();
        listens.push(Listen { address: None, port: 80, tls: false, default: false, place });
    }
    if of("ssl").any(|directive| directive.word(0) == "on") {
        listens.iter_mut().for_each(|listen| listen.tls = true);
    }
    if listens.is_empty() {
        return Ok(None);
    }
    let refuses = |d: &&Directive| {
        let asks = d.name == "ssl_verify_client" && d.word(0) == "on";
        asks || (d.name == "ssl_reject_handshake" && d.word(0) == "on")
    };
    doubts.extend(inner.iter().filter(refuses).map(|directive| reader.not_understood(directive)));
    let mut names: Vec<ServerName> =
        of("server_name").flat_map(|directive| names(reader, directive)).collect();
    if names.is_empty() {
        names.push(ServerName::Exact(String::new()));
    }
    let words: Vec<&str> =
        of("server_name").flat_map(|d| d.words.iter().map(String::as_str)).collect();
    let scope = http.inner(reader, inner)?;
    let content = Content::Files { place: place.clone() };
    let mut own = behaviour(reader, inner, &scope, content, place)?;
    own.steps.splice(0..0, doubts.into_iter().map(Step::NotUnderstood));
    let (locations, named) = locations(reader, inner, &scope)?;
    Ok(Some(VirtualServer {
        listens,
        server_name: first_name(&words),
        names,
        own,
        locations,
        named,
        variables: reader.variables.clone(),
        certificate: of("ssl_certificate").next().map(|d| (d.word(0).to_owned(), d.place.clone())),
        keep_alive: Some(scope.keep_alive.unwrap_or(KEEP_ALIVE)),
        place: place.clone(),
    }))
}

/// `ssl` of one `listen` holds for every server on that address and port.
fn share_tls(servers: &mut [VirtualServer]) {
    let listens = |servers: &[VirtualServer]| {
        servers.iter().flat_map(|server| server.listens.clone()).collect::<Vec<_>>()
    };
    let tls: Vec<Listen> = listens(servers).into_iter().filter(|listen| listen.tls).collect();
    for listen in servers.iter_mut().flat_map(|server| &mut server.listens) {
        listen.tls |= tls.iter().any(|l| l.address == listen.address && l.port == listen.port);
    }
}
