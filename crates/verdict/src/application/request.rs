//! A request inside its server: rewrite steps, locations, content.

use std::collections::BTreeMap;

use model::Place;
use model::application::{
    Behaviour, Content, ErrorResponse, Fallback, Listen, Location, LocationPath, Part, Proxy,
    ProxyTo, Value, VirtualServer,
};

use super::location::{Search, find};
use super::server::{self, Chosen};
use super::steps::Level;
use super::value::Captures;
use super::{Answer, Asked, not_understood, uri};

/// nginx's `NGX_HTTP_MAX_URI_CHANGES`: one more and it answers 500.
const PATH_CHANGES_MAX: u32 = 10;
const PLAIN_ON_TLS: u16 = 497;

pub struct Request<'a, 'q> {
    pub asked: &'q Asked<'q>,
    /// `GET` once an error page is looked for.
    pub method: &'q str,
    pub server: &'a VirtualServer,
    /// Without port, lower case.
    pub host: String,
    /// Decoded, as `rewrite` left it.
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub captures: Vec<Vec<u8>>,
    /// Of `set`.
    pub variables: BTreeMap<&'a str, Vec<u8>>,
    pub path_changed: bool,
    /// The path is not the one that was asked for.
    pub internal: bool,
    changes_left: u32,
    in_error_page: bool,
    /// The status that a page is sent with, and who answered it first.
    pub page_status: Option<(u16, &'a Place)>,
}

impl<'a, 'q> Request<'a, 'q> {
    pub fn new(chosen: &Chosen<'a>, asked: &'q Asked<'q>) -> Self {
        Request {
            asked,
            method: asked.method,
            server: chosen.server,
            host: server::host(asked),
            path: Vec::new(),
            query: asked.query.as_bytes().to_vec(),
            captures: chosen.captures.clone(),
            variables: BTreeMap::new(),
            path_changed: false,
            internal: false,
            changes_left: PATH_CHANGES_MAX + 1,
            in_error_page: false,
            page_status: None,
        }
    }

    pub fn answer(mut self, path: &str) -> Answer<'a> {
        match uri::decoded(path) {
            Some(path) => self.path = path,
            None => {
                let own = &self.server.own;
                return self.finish(400, None, own, &self.server.place);
            }
        }
        self.at_server()
    }

    /// "The plain HTTP request was sent to HTTPS port."
    pub fn plain_on_tls(mut self, listen: &'a Listen) -> Answer<'a> {
        self.path = uri::decoded(self.asked.path).unwrap_or_default();
        let own = &self.server.own;
        self.finish(PLAIN_ON_TLS, None, own, &listen.place)
    }

    fn at_server(&mut self) -> Answer<'a> {
        let own = &self.server.own;
        match self.run(&own.steps, &mut { own }, Level::Server) {
            Ok(_) => self.at_location(),
            Err(answer) => answer,
        }
    }

    fn at_location(&mut self) -> Answer<'a> {
        loop {
            self.path_changed = false;
            let mut chosen = None;
            let search = find(&self.server.locations, &self.path, &mut chosen, &mut self.captures);
            let mut current = chosen.map_or(&self.server.own, |location| &location.behaviour);
            if current.internal && !self.internal {
                return self.finish(404, None, current, &current.place);
            }
            match search {
                Ok(Search::SlashMissing) => {
                    let mut location = self.path.clone();
                    location.push(b'/');
                    if !self.query.is_empty() {
                        location.push(b'?');
                        location.extend_from_slice(&self.query);
                    }
                    let place = chosen.map_or(&current.place, |location| &location.place);
                    return self.finish(301, Some(location), current, place);
                }
                Ok(Search::Found | Search::Open) => {}
                Err(answer) => return answer,
            }
            // The server's own steps are not run again where no location was chosen.
            if chosen.is_some()
                && let Err(answer) = self.run(&current.steps, &mut current, Level::Location)
            {
                return answer;
            }
            if !self.path_changed {
                return self.content(current);
            }
            if let Err(answer) = self.count_change(&current.place) {
                return answer;
            }
        }
    }

    fn at_named(&mut self, name: &str, place: &'a Place) -> Answer<'a> {
        self.internal = true;
        let is =
            |location: &&Location| matches!(&location.path, LocationPath::Named(n) if n == name);
        let Some(location) = self.server.named.iter().find(is) else {
            return Answer::Status { status: 500, place };
        };
        if let Err(answer) = self.count_change(place) {
            return answer;
        }
        self.path_changed = false;
        let mut current = &location.behaviour;
        match self.run(&current.steps, &mut current, Level::Location) {
            Err(answer) => answer,
            Ok(_) if self.path_changed => match self.count_change(place) {
                Ok(()) => self.at_location(),
                Err(answer) => answer,
            },
            Ok(_) => self.content(current),
        }
    }

    fn count_change(&mut self, place: &'a Place) -> Result<(), Answer<'a>> {
        self.changes_left = self.changes_left.saturating_sub(1);
        match self.changes_left {
            0 => Err(Answer::Status { status: 500, place }),
            _ => Ok(()),
        }
    }

    // === the content ===

    fn content(&mut self, current: &'a Behaviour) -> Answer<'a> {
        if let Some(doubt) = current.doubts.first() {
            return not_understood(doubt);
        }
        // Whatever is found, it is sent as the page of an error.
        if let Some((status, place)) = self.page_status {
            return Answer::Status { status, place };
        }
        match &current.content {
            Content::Files { place } => self.files(current, place),
            Content::TryFiles { fallback, place } => {
                let other = match fallback {
                    Fallback::Status(_) => return self.files(current, place),
                    Fallback::Named(name) => self.at_named(name, place),
                    Fallback::Uri(value) => match self.text(value, Captures::AsTheyAre, place) {
                        Ok(to) => self.internal_redirect(&to, place),
                        Err(answer) => answer,
                    },
                };
                match other {
                    Answer::Files { .. } => Answer::Files { place },
                    Answer::NotKnown { .. } => other,
                    Answer::Redirect { .. }
                    | Answer::Status { .. }
                    | Answer::Forward { .. }
                    | Answer::NoHandshake { .. } => {
                        let why = "it depends on whether there is such a file".to_owned();
                        Answer::NotKnown { why, place }
                    }
                }
            }
            Content::Proxy(proxy) => self.forward(proxy),
            Content::NotUnderstood(doubt) => not_understood(doubt),
            Content::NotDeclared { place } => {
                let why = "what else it answers is not declared".to_owned();
                Answer::NotKnown { why, place }
            }
        }
    }

    /// What nginx does with an empty file tree may be an error page that is no page.
    fn files(&self, current: &'a Behaviour, place: &'a Place) -> Answer<'a> {
        let elsewhere = current.error_pages.iter().find(|page| {
            page.statuses.iter().any(|status| [403, 404].contains(status))
                && !self.in_error_page
                && (page.response == ErrorResponse::OfPage || !is_path(&page.uri))
        });
        match elsewhere {
            Some(page) => {
                let why = "it depends on whether there is such a file".to_owned();
                Answer::NotKnown { why, place: &page.place }
            }
            None => Answer::Files { place },
        }
    }

    fn forward(&self, proxy: &'a Proxy) -> Answer<'a> {
        let place = &proxy.place;
        let lossy = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
        let text = |value| self.text(value, Captures::AsTheyAre, place).map(lossy);
        let (to, own_host) = match &proxy.to {
            ProxyTo::Address(value) => match text(value) {
                Ok(name) => (with_port(&name, proxy.tls), name),
                Err(answer) => return answer,
            },
            ProxyTo::Unix(path) => (format!("unix:{path}"), "localhost".to_owned()),
            ProxyTo::Upstream { name, servers } => (servers.join(", "), name.clone()),
        };
        let host = match &proxy.host {
            Some(value) => text(value).ok(),
            None => Some(own_host),
        };
        let forwarded_proto = match &proxy.forwarded_proto {
            Some(value) => text(value).ok().filter(|text| !text.is_empty()),
            None => self.asked.forwarded_proto.map(str::to_owned),
        };
        // Once a rewrite has changed the path, that one is sent on.
        let keeps_path = proxy.keeps_path && !self.internal;
        Answer::Forward { to, tls: proxy.tls, keeps_path, host, forwarded_proto, place }
    }

    // === answers of nginx's own ===

    /// An answer that an `error_page` may replace.
    pub fn finish(
        &mut self,
        status: u16,
        location: Option<Vec<u8>>,
        current: &'a Behaviour,
        place: &'a Place,
    ) -> Answer<'a> {
        let page = current.error_pages.iter().find(|page| page.statuses.contains(&status));
        let sent = if status == PLAIN_ON_TLS { 400 } else { status };
        let Some(page) = page.filter(|_| !self.in_error_page) else {
            return match location {
                Some(location) => {
                    let location = self.absolute(location, current);
                    Answer::Redirect { status: sent, location, place }
                }
                None => Answer::Status { status: sent, place },
            };
        };
        self.in_error_page = true;
        let to = match self.text(&page.uri, Captures::AsTheyAre, &page.place) {
            Ok(to) => to,
            Err(answer) => return answer,
        };
        if !matches!(to.first(), Some(b'/' | b'@')) {
            let location = String::from_utf8_lossy(&to).into_owned();
            let status = match page.response {
                ErrorResponse::Status(status @ (301..=303 | 307 | 308)) => status,
                ErrorResponse::Status(_) | ErrorResponse::Same | ErrorResponse::OfPage => 302,
            };
            return Answer::Redirect { status, location, place: &page.place };
        }
        self.page_status = match page.response {
            ErrorResponse::Same => Some((sent, place)),
            ErrorResponse::Status(status) => Some((status, place)),
            ErrorResponse::OfPage => None,
        };
        match to.starts_with(b"@") {
            true => self.at_named(&String::from_utf8_lossy(&to), &page.place),
            false => {
                if self.method != "HEAD" {
                    self.method = "GET";
                }
                self.internal_redirect(&to, &page.place)
            }
        }
    }

    fn internal_redirect(&mut self, to: &[u8], place: &'a Place) -> Answer<'a> {
        if let Err(answer) = self.count_change(place) {
            return answer;
        }
        self.internal = true;
        match to.iter().position(|byte| *byte == b'?') {
            Some(at) => {
                let (path, query) = to.split_at(at);
                self.path = path.to_vec();
                self.query = query.get(1..).unwrap_or_default().to_vec();
            }
            None => {
                self.path = to.to_vec();
                self.query.clear();
            }
        }
        self.at_server()
    }

    fn absolute(&self, location: Vec<u8>, current: &Behaviour) -> String {
        let location = String::from_utf8_lossy(&location).into_owned();
        let form = current.form;
        if !location.starts_with('/') || !form.absolute {
            return location;
        }
        let host = match form.server_name || self.host.is_empty() {
            true => &self.server.server_name,
            false => &self.host,
        };
        let (scheme, port) = (self.asked.scheme, self.asked.port);
        match (form.port, scheme, port) {
            (false, _, _) | (true, "http", 80) | (true, "https", 443) => {
                format!("{scheme}://{host}{location}")
            }
            (true, _, _) => format!("{scheme}://{host}:{port}{location}"),
        }
    }
}

fn is_path(value: &Value) -> bool {
    matches!(value.0.first(), Some(Part::Text(text)) if text.starts_with(['/', '@']))
}

/// The scheme's port where none was written.
fn with_port(name: &str, tls: bool) -> String {
    let bare = name.rsplit(']').next().unwrap_or(name);
    match (bare.contains(':'), tls) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{name}:443"),
        (false, false) => format!("{name}:80"),
    }
}
