//! A person's client in one of the networks of a story.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tls::Trusted;

use crate::observe::read_within;

/// How long the person waits. A browser waits longer; the outcome is the same.
const PATIENCE: Duration = Duration::from_millis(1500);
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// What the person sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Answer {
        status: u16,
        location: Option<String>,
        body: String,
    },
    /// The name leads nowhere.
    NoName,
    /// Nothing came back at all.
    TimedOut,
    /// Connected, and then silence (DECISIONS 10).
    Silence,
    Refused,
    /// The connection ended without an answer.
    Closed,
    Failed(String),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Answer { status, location: Some(location), .. } => {
                write!(f, "{status} → {location}")
            }
            Seen::Answer { status, body, .. } => {
                let line =
                    body.lines().find(|line| !line.trim().is_empty() && !line.starts_with("<html"));
                let line = line.unwrap_or("").trim();
                // Of a page its title, which often begins with the status.
                let title = line.split_once("<title>").and_then(|(_, rest)| rest.split_once("</"));
                let line = title.map_or(line, |(title, _)| title);
                match line.starts_with(&status.to_string()) {
                    true => f.write_str(line),
                    false => write!(f, "{status} {line}"),
                }
            }
            Seen::NoName => f.write_str("the name is not found"),
            Seen::TimedOut => f.write_str("connection timed out"),
            Seen::Silence => f.write_str("connected, then silence until the client gave up"),
            Seen::Refused => f.write_str("connection refused"),
            Seen::Closed => f.write_str("connection closed without an answer"),
            // rustls adds numbers of seconds, which say nothing to a person.
            Seen::Failed(error) => {
                f.write_str(error.split(": verification").next().unwrap_or(error))
            }
        }
    }
}

impl Seen {
    pub fn status(&self) -> Option<u16> {
        match self {
            Seen::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The request got nowhere and nothing said so.
    pub fn hangs(&self) -> bool {
        matches!(self, Seen::TimedOut | Seen::Silence)
    }
}

/// What is asked, of whom, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub from: IpAddr,
    pub to: SocketAddr,
    pub method: &'a str,
    /// For the certificate; the `Host` header is among the headers.
    pub host: &'a str,
    pub path: &'a str,
    pub headers: &'a [(String, String)],
    /// Over TLS, and whom the client trusts.
    pub trusted: Option<&'a Trusted>,
}

/// One request on a connection of its own.
pub fn ask(asked: &Asked<'_>) -> Seen {
    let stream = match net::stream::connect_from(asked.from, asked.to, PATIENCE) {
        Ok(stream) => stream,
        Err(error) => return failed_connect(&error),
    };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    match asked.trusted {
        None => exchange(stream, asked),
        Some(trusted) => match tls::blocking_client(stream, asked.host, trusted) {
            Ok(stream) => exchange(stream, asked),
            Err(error) => Seen::Failed(error.to_string()),
        },
    }
}

fn failed_connect(error: &io::Error) -> Seen {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Seen::TimedOut,
        io::ErrorKind::ConnectionRefused => Seen::Refused,
        _ => Seen::Failed(error.to_string()),
    }
}

fn exchange(mut stream: impl Read + Write, asked: &Asked<'_>) -> Seen {
    let mut request = format!("{} {} HTTP/1.1\r\n", asked.method, asked.path);
    for (name, value) in asked.headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "User-Agent: story/1.0\r\nConnection: close\r\n\r\n";
    if let Err(error) = stream.write_all(request.as_bytes()).and_then(|()| stream.flush()) {
        return failed_answer(&error);
    }
    let mut answer = Vec::new();
    if let Err(error) = read_within(&mut stream.take(ANSWER_BYTES_MAX), &mut answer, PATIENCE)
        && answer.is_empty()
    {
        return failed_answer(&error);
    }
    parse(&String::from_utf8_lossy(&answer)).unwrap_or(Seen::Closed)
}

fn failed_answer(error: &io::Error) -> Seen {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Seen::Silence,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Seen::Closed,
        _ => Seen::Failed(error.to_string()),
    }
}

fn parse(answer: &str) -> Option<Seen> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    Some(Seen::Answer { status, location, body: body.to_owned() })
}
