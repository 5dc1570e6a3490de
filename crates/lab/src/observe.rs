//! A real client that says what it saw in the words of an explanation.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use explain::Observed;
use model::{Url, UrlScheme};
use tls::{HandshakeFailure, TargetTls, Trusted};

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
    pub trusts: Trusts<'a>,
    /// How long a connection attempt may take.
    pub connect_limit: Duration,
    /// How long the answer may take.
    pub answer_limit: Duration,
}

/// Which certificates are good enough.
#[derive(Clone, Copy, Debug)]
pub enum Trusts<'a> {
    /// As for a browser: those of the host, by these authorities.
    Authorities(&'a Trusted),
    /// As for a load balancer that speaks with a target of this name.
    Target { name: Option<&'a str>, target_tls: &'a TargetTls },
}

/// Asks, and waits for the end.
pub fn observe(call: &Call<'_>) -> Observed {
    match connect(call.from, call.to, call.connect_limit) {
        Ok(stream) => converse(stream, call),
        Err(observed) => observed,
    }
}

/// The beginning of [`observe`].
pub fn connect(
    from: Option<IpAddr>,
    to: SocketAddr,
    limit: Duration,
) -> Result<TcpStream, Observed> {
    let from = from.unwrap_or(match to {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    });
    net::stream::connect_from(from, to, limit).map_err(|error| of_connect(&error))
}

/// The rest of [`observe`], on a connection.
pub fn converse(stream: TcpStream, call: &Call<'_>) -> Observed {
    let _ = stream.set_read_timeout(Some(call.answer_limit));
    let _ = stream.set_write_timeout(Some(call.answer_limit));
    match call.url.scheme {
        UrlScheme::Http => exchange(stream, call),
        UrlScheme::Https => over_tls(stream, call),
    }
}

fn over_tls(stream: TcpStream, call: &Call<'_>) -> Observed {
    let secured = match call.trusts {
        Trusts::Authorities(trusted) => tls::handshake(stream, &call.url.host, trusted),
        Trusts::Target { name, target_tls } => tls::target_handshake(stream, name, target_tls),
    };
    match secured {
        Ok(stream) => exchange(stream, call),
        Err(failure) => match (failure.obstacle(), failure) {
            (Some(obstacle), _) => Observed::CertificateError(obstacle),
            (None, HandshakeFailure::Io(error)) => of_io(&error),
            (None, _) => Observed::ProtocolError,
        },
    }
}

fn exchange(mut stream: impl Read + Write, call: &Call<'_>) -> Observed {
    if let Err(error) = stream.write_all(request(call).as_bytes()).and_then(|()| stream.flush()) {
        return of_io(&error);
    }
    let mut answer = Vec::new();
    let read = read_within(&mut stream.take(ANSWER_BYTES_MAX), &mut answer, call.answer_limit);
    match (parse(&answer), read) {
        (Some(observed), _) => observed,
        (None, Ok(())) if answer.is_empty() => Observed::Closed,
        (None, Ok(())) => Observed::Nonsense,
        (None, Err(error)) => of_io(&error),
    }
}

/// To the end, or as far as it comes in time: an answer may go on for ever.
pub fn read_within(from: &mut impl Read, into: &mut Vec<u8>, limit: Duration) -> io::Result<()> {
    let begun = net::clock::now();
    let mut piece = [0; 16 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => into.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if net::clock::now().duration_since(begun) >= limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
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
