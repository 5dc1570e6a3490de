//! A connection to a client or a target, with or without TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Boxed where TLS makes it large, so that plain connections stay small.
pub enum Stream {
    Plain(TcpStream),
    Server(Box<tls::ServerStream>),
    Client(Box<tls::ClientStream>),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $body:expr) => {
        match $stream {
            Stream::Plain($inner) => $body,
            Stream::Server($inner) => $body,
            Stream::Client($inner) => $body,
        }
    };
}

impl Stream {
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Server(tls) => tls.get_ref().0,
            Stream::Client(tls) => tls.get_ref().0,
        }
    }

    /// The socket itself, if its bytes are the bytes of the message.
    pub fn plain(&self) -> Option<&TcpStream> {
        match self {
            Stream::Plain(tcp) => Some(tcp),
            Stream::Server(_) | Stream::Client(_) => None,
        }
    }

    /// 0 at the end of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = match self {
            Stream::Plain(tcp) => return net::stream::poll_read(tcp, cx, into),
            Stream::Server(_) | Stream::Client(_) => ReadBuf::new(into),
        };
        ready!(each!(self, s => Pin::new(s).poll_read(cx, &mut buffer)))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Stream::Plain(tcp) = self {
            return net::stream::poll_write(tcp, cx, bytes);
        }
        each!(self, s => Pin::new(s).poll_write(cx, bytes))
    }

    pub fn poll_write_two(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        each!(self, s => Pin::new(s).poll_write_vectored(cx, &slices))
    }

    /// Plain sockets have nothing to flush.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Server(s) => Pin::new(s).poll_flush(cx),
            Stream::Client(s) => Pin::new(s).poll_flush(cx),
        }
    }

    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, s => Pin::new(s).poll_shutdown(cx))
    }
}
