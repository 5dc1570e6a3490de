//! A real client that says what it saw in the words of an explanation, so that the two can be
//! compared.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use explain::{Outcome, Sees};
use model::{Obstacle, Url, UrlScheme};
use tls::{HandshakeFailure, Trusted};

const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One request. No redirect is followed.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The source address; the kernel's choice without one.
    pub from: Option<IpAddr>,
    pub to: SocketAddr,
    pub url: &'a Url,
    pub method: &'a str,
    /// Beyond `Host` (unless it is given), `User-Agent` and `Connection`.
    pub headers: &'a [(String, String)],
    pub user_agent: &'a str,
    pub trusted: &'a Trusted,
    /// How long a connection attempt may take.
    pub connect_limit: Duration,
    /// How long the answer may take.
    pub answer_limit: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The connection attempt was not answered.
    TimesOut,
    /// Connected, and then nothing.
    Silence,
    Refused,
    Unreachable,
    Reset,
    CertificateError(Obstacle),
    /// The other side does not speak TLS.
    ProtocolError,
    /// Closed without an answer.
    Closed,
    Answer {
        status: u16,
        /// Names in lower case, in the order of the wire.
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Our own fault, such as an address that is not this machine's.
    Failed(String),
}

/// Asks, and waits for the end.
pub fn observe(call: &Call<'_>) -> Observed {
    let from = call.from.unwrap_or(match call.to {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    });
    let stream = match net::stream::connect_from(from, call.to, call.connect_limit) {
        Ok(stream) => stream,
        Err(error) => return of_connect(&error),
    };
    let _ = stream.set_read_timeout(Some(call.answer_limit));
    let _ = stream.set_write_timeout(Some(call.answer_limit));
    match call.url.scheme {
        UrlScheme::Http => exchange(stream, call),
        UrlScheme::Https => over_tls(stream, call),
    }
}

fn over_tls(stream: TcpStream, call: &Call<'_>) -> Observed {
    match tls::handshake(stream, &call.url.host, call.trusted) {
        Ok(stream) => exchange(stream, call),
        Err(HandshakeFailure::NameMismatch) => {
            Observed::CertificateError(Obstacle::TlsNameMismatch)
        }
        Err(HandshakeFailure::Expired) => Observed::CertificateError(Obstacle::TlsExpired),
        Err(HandshakeFailure::NotYetValid) => Observed::CertificateError(Obstacle::TlsNotYetValid),
        Err(HandshakeFailure::Untrusted) => Observed::CertificateError(Obstacle::TlsUntrusted),
        Err(HandshakeFailure::Protocol) => Observed::ProtocolError,
        Err(HandshakeFailure::Io(error)) => of_io(&error),
    }
}

fn exchange(mut stream: impl Read + Write, call: &Call<'_>) -> Observed {
    if let Err(error) = stream.write_all(request(call).as_bytes()).and_then(|()| stream.flush()) {
        return of_io(&error);
    }
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    match (parse(&answer), read) {
        (Some(observed), _) => observed,
        (None, Ok(_)) => Observed::Closed,
        (None, Err(error)) => of_io(&error),
    }
}

fn request(call: &Call<'_>) -> String {
    let mut target = call.url.path.clone();
    if !call.url.query.is_empty() {
        target.push('?');
        target.push_str(&call.url.query);
    }
    let mut text = format!("{} {target} HTTP/1.1\r\n", call.method);
    if !call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {}\r\n", call.url.authority()));
    }
    for (name, value) in call.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + &format!("User-Agent: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n", call.user_agent)
}

fn parse(answer: &[u8]) -> Option<Observed> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = String::from_utf8_lossy(&answer[end + 4..]).into_owned();
    Some(Observed::Answer { status, headers, body })
}

fn of_connect(error: &io::Error) -> Observed {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Observed::TimesOut,
        io::ErrorKind::ConnectionRefused => Observed::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Observed::Unreachable,
        io::ErrorKind::ConnectionReset => Observed::Reset,
        _ => Observed::Failed(error.to_string()),
    }
}

fn of_io(error: &io::Error) -> Observed {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Observed::Silence,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Observed::Reset,
        io::ErrorKind::UnexpectedEof => Observed::Closed,
        _ => Observed::Failed(error.to_string()),
    }
}

impl Observed {
    pub fn header(&self, name: &str) -> Option<&str> {
        let Observed::Answer { headers, .. } = self else { return None };
        headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is what was foretold. Whose answer it is, is not looked at: only a marked
    /// application could tell.
    pub fn fits(&self, outcome: &Outcome) -> bool {
        match (&outcome.sees, self) {
            (Sees::NotKnown, _)
            | (Sees::TimesOut, Observed::TimesOut)
            | (Sees::Silence, Observed::Silence)
            | (Sees::Refused, Observed::Refused)
            | (Sees::Reset, Observed::Reset)
            | (Sees::ProtocolError, Observed::ProtocolError)
            | (Sees::Closed, Observed::Closed)
            | (Sees::Application, Observed::Answer { .. }) => true,
            (Sees::CertificateError(problems), Observed::CertificateError(seen)) => {
                problems.contains(seen)
            }
            (Sees::Answer { status, location, .. }, Observed::Answer { status: seen, .. }) => {
                status == seen
                    && location.as_deref().is_none_or(|l| self.header("location") == Some(l))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observed::TimesOut => f.write_str("the connection timed out"),
            Observed::Silence => f.write_str("connected, then silence until the client gave up"),
            Observed::Refused => f.write_str("the connection was refused"),
            Observed::Unreachable => f.write_str("the address is unreachable"),
            Observed::Reset => f.write_str("the connection was reset"),
            Observed::CertificateError(obstacle) => {
                write!(f, "the certificate was refused: {}", obstacle.text())
            }
            Observed::ProtocolError => f.write_str("the other side does not speak TLS"),
            Observed::Closed => f.write_str("closed without an answer"),
            Observed::Answer { status, .. } => match self.header("location") {
                Some(location) => write!(f, "{status}, a redirect to {location}"),
                None => write!(f, "{status}"),
            },
            Observed::Failed(error) => f.write_str(error),
        }
    }
}
