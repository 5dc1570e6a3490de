//! What clients cost that made one request and stay.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::peers::{Peer, Running};
use super::sample::Sample;
use crate::failed::Failed;

const CONNECTIONS: u32 = 4000;
const WARM_UP: u32 = 20;
/// For the allocator to come to rest.
const SETTLE: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 bench\r\nAccept: */*\r\n\r\n";

pub fn measure(peer: &Peer, running: &Running) -> Result<Sample, Failed> {
    drop(open(peer, WARM_UP)?);
    std::thread::sleep(SETTLE);
    let before = running.resident_kilobytes()?;
    let clients = open(peer, CONNECTIONS)?;
    std::thread::sleep(SETTLE);
    let after = running.resident_kilobytes()?;
    drop(clients);
    let grown = after.saturating_sub(before);
    Ok(Sample { cost: grown as f64 * 1000.0 / f64::from(CONNECTIONS), ..Sample::default() })
}

fn open(peer: &Peer, count: u32) -> Result<Vec<TcpStream>, Failed> {
    let client = |number| {
        connect_and_ask(peer.http_port)
            .map_err(|error| Failed::Unexpected(format!("{}: client {number}: {error}", peer.name)))
    };
    (0..count).map(client).collect()
}

fn connect_and_ask(port: u16) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&answer) {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(stream)
}

/// Whether head and body, whose length the head says, are there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", false),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), whole, "{answer}");
        }
    }
}
