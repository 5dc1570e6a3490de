//! What an application answers, as far as it was declared or its nginx configuration says.
//!
//! The order is nginx's: the server by port and name, the server's rewrite steps, the location, its
//! rewrite steps (again from the location after `last`), what may forbid, the content
//! (<https://nginx.org/en/docs/http/request_processing.html>,
//! <https://nginx.org/en/docs/dev/development_guide.html#http_phases>). Whatever could change the
//! answer and was not understood makes it [`Answer::NotKnown`], never a guess.

mod location;
mod request;
mod server;
mod steps;
mod uri;
mod value;

#[cfg(test)]
mod tests;

use model::application::NotUnderstood;
use model::{Application, Place, TargetProtocol};

use self::request::Request;

/// A request as it reaches the application.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// `http` or `https`: of the connection to the application.
    pub scheme: &'a str,
    /// The port of the application that it is sent to.
    pub port: u16,
    /// The `Host` header, with or without a port.
    pub host: &'a str,
    /// As it was sent.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    Redirect {
        status: u16,
        /// As the header says it.
        location: String,
        place: &'a Place,
    },
    /// An answer of its own; 444 is nginx's word for closing the connection without one.
    Status {
        status: u16,
        place: &'a Place,
    },
    /// What is behind it answers.
    Forward {
        /// `host:port`; the servers of an upstream with `, ` between them.
        to: String,
        tls: bool,
        /// Path and query are those that it was asked for; else they are not said.
        keeps_path: bool,
        /// The `Host` it sends, if that can be said.
        host: Option<String>,
        /// The `X-Forwarded-Proto` it sends, if any and if that can be said.
        forwarded_proto: Option<String>,
        place: &'a Place,
    },
    /// A file, a directory's index or its list; else 403 or 404.
    Files {
        place: &'a Place,
    },
    /// TLS was begun with a port that speaks plain HTTP: the handshake fails.
    NoHandshake {
        place: &'a Place,
    },
    NotKnown {
        why: String,
        place: &'a Place,
    },
}

pub fn answer<'a>(application: &'a Application, asked: &Asked<'_>) -> Answer<'a> {
    if application.servers.is_empty() {
        let why = "what it answers is not declared".to_owned();
        return Answer::NotKnown { why, place: &application.place };
    }
    let chosen = match server::choose(application, asked) {
        Ok(chosen) => chosen,
        Err(answer) => return answer,
    };
    let tls = match chosen.listen {
        Some(listen) => listen.tls,
        None => application.protocol == TargetProtocol::Https,
    };
    let place = chosen.listen.map_or(&application.place, |listen| &listen.place);
    match (tls, asked.scheme == "https") {
        (false, true) => Answer::NoHandshake { place },
        (true, false) => match chosen.listen {
            Some(listen) => Request::new(&chosen, asked).plain_on_tls(listen),
            None => {
                let why = "it speaks TLS and was asked without".to_owned();
                Answer::NotKnown { why, place }
            }
        },
        (true, true) | (false, false) => Request::new(&chosen, asked).answer(asked.path),
    }
}

/// How the server that answers was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// It is called as the request's `Host` says.
    Name,
    /// No server is called so, and there are several.
    Default,
    /// There is no other.
    Lone,
}

/// `None` where it cannot be said which server answers.
pub fn found_by(application: &Application, asked: &Asked<'_>) -> Option<FoundBy> {
    server::choose(application, asked).ok().map(|chosen| chosen.by)
}

fn not_understood(doubt: &NotUnderstood) -> Answer<'_> {
    let why = format!("`{}` could change the answer and is not understood", doubt.directive);
    Answer::NotKnown { why, place: &doubt.place }
}
