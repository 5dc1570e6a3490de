//! The application of the stories: a small HTTP server that answers every request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

/// A request head longer than this ends the connection.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// What it looks at of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub host: String,
    pub forwarded_proto: Option<String>,
    body_bytes: u64,
    /// No other request follows: it says so, or where its body ends is not looked for.
    last: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Answer {
        status: u16,
        location: Option<String>,
        body: String,
    },
    /// The connection ends without an answer.
    Close,
}

/// Serves until the process is killed. Every answer is a JSON page of products; `/up` is for health
/// checks.
pub fn serve_app(address: SocketAddr, name: &str) -> io::Result<()> {
    let name = name.to_owned();
    serve(address, None, move |request| page(&name, request))
}

/// One thread a connection: it has a handful of clients.
pub fn serve(
    address: SocketAddr,
    certificate: Option<tls::Identity>,
    answer: impl Fn(&Request) -> Reply + Clone + Send + 'static,
) -> io::Result<()> {
    let accept = certificate.map(tls::BlockingServer::new).transpose()?;
    let listener = net::listen::bind(address)?;
    listener.set_nonblocking(false)?;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let (answer, accept) = (answer.clone(), accept.clone());
        std::thread::Builder::new().name("app".into()).spawn(move || {
            // A client that goes away is no event for the app.
            let _ = match accept {
                None => converse(BufReader::new(stream), &answer),
                Some(accept) => accept
                    .accept(stream)
                    .and_then(|stream| converse(BufReader::new(stream), &answer)),
            };
        })?;
    }
    Ok(())
}

/// The page of products.
pub fn page(name: &str, request: &Request) -> Reply {
    let body = if request.target == "/up" {
        "ok\n".to_owned()
    } else {
        let first = if request.target.contains("page=2") { 11 } else { 1 };
        format!("{{\"from\":\"{name}\",\"products\":\"{first} to {}\"}}\n", first + 9)
    };
    Reply::Answer { status: 200, location: None, body }
}

fn converse<S: Read + Write>(
    mut stream: BufReader<S>,
    answer: &impl Fn(&Request) -> Reply,
) -> io::Result<()> {
    while let Some(request) = read_request(&mut stream)? {
        let Reply::Answer { status, location, body } = answer(&request) else { return Ok(()) };
        let mut head = format!("HTTP/1.1 {status} {}\r\n", explain::reason(status));
        if let Some(location) = location {
            head += &format!("Location: {location}\r\n");
        }
        if request.last {
            head += "Connection: close\r\n";
        }
        head += "Content-Type: application/json\r\n";
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        let body = if request.method == "HEAD" { "" } else { &body };
        let writer = stream.get_mut();
        writer.write_all(format!("{head}{body}").as_bytes())?;
        writer.flush()?;
        if request.last {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request, with its body passed over; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = reader.take(HEAD_BYTES_MAX);
    let mut request = Request::default();
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    request.method = method.to_owned();
    request.target = target.to_owned();
    loop {
        let mut line = String::new();
        head.read_line(&mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" => request.host = value.to_owned(),
            "x-forwarded-proto" => request.forwarded_proto = Some(value.to_owned()),
            "content-length" => request.body_bytes = value.parse().unwrap_or_default(),
            "transfer-encoding" => request.last = true,
            "connection" if value.eq_ignore_ascii_case("close") => request.last = true,
            _ => {}
        }
    }
    io::copy(&mut reader.take(request.body_bytes), &mut io::sink())?;
    Ok(Some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_one_after_the_other() {
        let bytes = "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
                     GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\n\r\n";
        let mut reader = bytes.as_bytes();
        let first = read_request(&mut reader).unwrap().unwrap();
        assert_eq!((&*first.method, &*first.target, &*first.host), ("POST", "/a?b", "x"));
        let second = read_request(&mut reader).unwrap().unwrap();
        assert_eq!((&*second.target, second.forwarded_proto.as_deref()), ("/", Some("https")));
        assert_eq!(read_request(&mut reader).unwrap(), None);
    }
}
