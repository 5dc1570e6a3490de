//! The application of the stories: a small HTTP server that answers every request.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

/// A request head longer than this ends the connection.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Serves until the process is killed. Every answer is a JSON page of products; `/up` is for health
/// checks. One thread a connection: it has a handful of clients.
pub fn serve_app(address: SocketAddr, name: &str) -> io::Result<()> {
    let listener = net::listen::bind(address)?;
    listener.set_nonblocking(false)?;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let name = name.to_owned();
        std::thread::Builder::new().name("app".into()).spawn(move || {
            // A client that goes away is no event for the app.
            let _ = converse(stream, &name);
        })?;
    }
    Ok(())
}

fn converse(stream: TcpStream, name: &str) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(path) = read_request(&mut reader)? {
        let body = if path == "/up" { "ok\n".to_owned() } else { page(name, &path) };
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
    Ok(())
}

fn page(name: &str, path: &str) -> String {
    let first = if path.contains("page=2") { 11 } else { 1 };
    format!("{{\"from\":\"{name}\",\"products\":\"{first} to {}\"}}\n", first + 9)
}

/// The path of the next request; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut path = None;
    let mut read = 0;
    loop {
        let mut line = String::new();
        read += reader.read_line(&mut line)?;
        if line.is_empty() || read > HEAD_BYTES_MAX {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(path);
        }
        if path.is_none() {
            path = line.split(' ').nth(1).map(str::to_owned);
        }
    }
}
