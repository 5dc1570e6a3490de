//! One message there and one back: what a client of the domain name system does. It waits.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// What a datagram can hold.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Sends a datagram from a fresh port, and returns the first one from `server` that `is_answer` takes;
/// others are no answers (RFC 5452 §9.1). `TimedOut` after `limit`.
pub fn datagram(
    server: SocketAddr,
    message: &[u8],
    limit: Duration,
    is_answer: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let end = Instant::now() + limit;
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    // Only its datagrams are received, and an unreachable port is told.
    socket.connect(server)?;
    socket.send(message)?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(length) if is_answer(&buffer[..length]) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Ok(_) => {}
            Err(error) if waited(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The same over a connection, each message after its length in two bytes (RFC 1035 §4.2.2).
pub fn framed(server: SocketAddr, message: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(limit))?;
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())?;
    let mut length = [0; 2];
    read_until(&mut stream, &mut length, end)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    read_until(&mut stream, &mut answer, end)?;
    Ok(answer)
}

fn read_until(stream: &mut TcpStream, mut into: &mut [u8], end: Instant) -> io::Result<()> {
    while !into.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => into = &mut into[read..],
            Err(error) if waited(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn waited(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_no_answer_is_passed_over() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let mut asked = [0; 16];
            let (length, client) = server.recv_from(&mut asked).unwrap();
            server.send_to(b"nonsense", client).unwrap();
            server.send_to(&asked[..length], client).unwrap();
        });
        let got = datagram(address, b"question", PATIENCE, |bytes| bytes == b"question").unwrap();
        assert_eq!(got, b"question");
        answering.join().unwrap();
    }

    #[test]
    fn nobody_answers() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let error = datagram(address, b"?", Duration::from_millis(20), |_| true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(silent);
        let error = datagram(address, b"?", PATIENCE, |_| true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_message_after_its_length() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 5];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(&asked, b"\0\x03abc");
            for part in [&b"\0"[..], b"\x04de", b"fg"] {
                stream.write_all(part).unwrap();
            }
        });
        assert_eq!(framed(address, b"abc", PATIENCE).unwrap(), b"defg");
        answering.join().unwrap();
    }
}
