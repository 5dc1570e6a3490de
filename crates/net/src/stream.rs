//! Connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

/// The next connection and its peer. Small writes are sent at once.
pub async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // Fails only if the peer is already gone, which the first read will tell.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer))
}

/// Connects; how long it may take is the caller's business.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects from a chosen address (port 0), waiting at most `limit`. For clients that wait.
pub fn connect_from(
    from: IpAddr,
    to: SocketAddr,
    limit: Duration,
) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), limit)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// The address from which the kernel would connect. No packet is sent: a datagram socket only looks up
/// the route (connect(2)).
pub fn source_of(to: SocketAddr) -> io::Result<IpAddr> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None)?;
    socket.connect(&to.into())?;
    let own = socket.local_addr()?.as_socket();
    own.map(|own| own.ip()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Closes with a reset.
pub fn reset(stream: TcpStream) {
    // Without it the connection is closed in the ordinary way, which is the worst that can happen.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Whether an idle connection has something to say, which can only be its end or nonsense. The
/// runtime's cached readiness mostly answers without a system call; where it says that there may be
/// something, the socket is asked.
pub fn is_stale(stream: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    let peeked = stream.try_io(Interest::READABLE, || SockRef::from(stream).peek(&mut byte));
    !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Reads what has arrived; 0 at the end of the stream.
///
/// As the runtime's own read, but with a system call that is not a cancellation point of threads.
pub fn poll_read(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let limit = into.len();
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let mut count = None;
        let read = stream.try_io(Interest::READABLE, || {
            let (read, _) = rustix::net::recv(stream, &mut *into, RecvFlags::empty())?;
            count = Some(read);
            emptied(read, limit)
        });
        match (count, read) {
            (Some(count), _) => return Poll::Ready(Ok(count)),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            (None, Err(error)) => return Poll::Ready(Err(error)),
            (None, Ok(())) => {}
        }
    }
}

/// Writes what the socket takes.
pub fn poll_write(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        let mut count = None;
        let written = stream.try_io(Interest::WRITABLE, || {
            let written = rustix::net::send(stream, bytes, SendFlags::NOSIGNAL)?;
            count = Some(written);
            emptied(written, bytes.len())
        });
        match (count, written) {
            (Some(count), _) => return Poll::Ready(Ok(count)),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            (None, Err(error)) => return Poll::Ready(Err(error)),
            (None, Ok(())) => {}
        }
    }
}

/// A transfer of less than could have been means that the socket has no more now. Saying so to the
/// runtime saves the system call that would only find it out.
fn emptied(count: usize, limit: usize) -> io::Result<()> {
    if 0 < count && count < limit {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn loopback_is_asked_from_loopback() {
        for (to, from) in [("127.0.0.1:9", "127.0.0.1"), ("127.3.2.1:9", "127.0.0.1")] {
            let source = source_of(to.parse().unwrap()).unwrap();
            assert_eq!(source, from.parse::<IpAddr>().unwrap(), "{to}");
        }
    }

    #[tokio::test]
    async fn only_what_has_something_to_say_is_stale() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, accept(&listener));
        let (mut near, mut far) = (near.unwrap(), far.unwrap().0);
        assert!(!is_stale(&near));
        far.write_all(b"abc").await.unwrap();
        near.readable().await.unwrap();
        assert!(is_stale(&near));
        // A read that fills its buffer leaves the runtime believing that there is more.
        near.read_exact(&mut [0; 3]).await.unwrap();
        assert!(!is_stale(&near));
        drop(far);
        near.readable().await.unwrap();
        assert!(is_stale(&near));
    }
}
