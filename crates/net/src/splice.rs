//! Bodies moved by the kernel from socket to socket through a pipe (splice(2)), without a copy into
//! this process. Worth it above about 64 KiB (PERF.md §3).

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice as splice_once};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a pipe is asked to hold; the kernel may give less. Larger moves save calls but were slower:
/// what describes the data no longer fits the processor's cache (1 MiB bodies: 0.16 to 0.19 CPU
/// seconds a GB, with a pipe of 1 MiB 0.19 to 0.24).
const PIPE_BYTES: usize = 256 * 1024;
/// One call moves at most this.
const MOVE_MAX: usize = PIPE_BYTES;
/// Empty pipes kept for reuse by one core.
const POOL_MAX: usize = 32;

struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// Empty pipes of one core.
#[derive(Default)]
pub struct PipePool(RefCell<Vec<Pipe>>);

impl PipePool {
    fn take(&self) -> io::Result<Pipe> {
        if let Some(pipe) = self.0.borrow_mut().pop() {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Unprivileged processes may be limited: a smaller pipe only moves less at a time.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        Ok(Pipe { read, write })
    }

    fn give(&self, pipe: Pipe) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < POOL_MAX {
            kept.push(pipe);
        }
    }
}

/// How a move ended.
#[derive(Debug)]
pub struct Moved {
    /// Bytes that the sink has taken.
    pub moved: u64,
    pub end: End,
}

#[derive(Debug)]
pub enum End {
    /// All that was asked for.
    Complete,
    /// The source ended first.
    SourceEnded,
    Source(io::Error),
    Sink(io::Error),
}

/// Moves `count` bytes. `progress` is set whenever some bytes went through. A pipe with bytes left
/// in it is closed, not kept.
pub async fn splice(
    source: &TcpStream,
    sink: &TcpStream,
    count: u64,
    pipes: &PipePool,
    progress: &Cell<bool>,
) -> Moved {
    let pipe = match pipes.take() {
        Ok(pipe) => pipe,
        Err(error) => return Moved { moved: 0, end: End::Source(error) },
    };
    let mut moved = 0;
    let end = run(source, sink, count, &pipe, progress, &mut moved).await;
    if matches!(end, End::Complete | End::SourceEnded) {
        pipes.give(pipe);
    }
    Moved { moved, end }
}

async fn run(
    source: &TcpStream,
    sink: &TcpStream,
    count: u64,
    pipe: &Pipe,
    progress: &Cell<bool>,
    moved: &mut u64,
) -> End {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    let mut left = count;
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(MOVE_MAX).min(MOVE_MAX);
        let into = || Ok(splice_once(source, None, &pipe.write, None, want, flags)?);
        let filled = match source.async_io(Interest::READABLE, into).await {
            Ok(0) => return End::SourceEnded,
            Ok(filled) => filled,
            Err(error) => return End::Source(error),
        };
        left -= filled as u64;
        let mut held = filled;
        while held > 0 {
            let out = || Ok(splice_once(&pipe.read, None, sink, None, held, flags)?);
            match sink.async_io(Interest::WRITABLE, out).await {
                Ok(0) => return End::Sink(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    held -= written;
                    *moved += written as u64;
                    progress.set(true);
                }
                Err(error) => return End::Sink(error),
            }
        }
    }
    End::Complete
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn moves_exactly_and_with_back_pressure() {
        const BYTES: usize = 8_000_000;
        let (mut origin, source) = pair().await;
        let (sink, mut client) = pair().await;
        let data: Vec<u8> = (0..BYTES).map(|i| (i % 251) as u8).collect();
        let sent = data.clone();
        let writer = tokio::spawn(async move {
            origin.write_all(&sent).await.unwrap();
            origin.write_all(b"behind").await.unwrap();
            origin
        });
        let reader = tokio::spawn(async move {
            let mut got = vec![0; BYTES];
            client.read_exact(&mut got).await.unwrap();
            got
        });
        let (pipes, progress) = (PipePool::default(), Cell::new(false));
        let moved = splice(&source, &sink, BYTES as u64, &pipes, &progress).await;
        assert!(matches!(moved.end, End::Complete), "{moved:?}");
        assert_eq!(moved.moved, BYTES as u64);
        assert!(progress.get());
        assert!(reader.await.unwrap() == data);
        let mut behind = [0; 6];
        let mut source = source;
        source.read_exact(&mut behind).await.unwrap();
        assert_eq!(&behind, b"behind");
        drop(writer.await.unwrap());
        assert_eq!(pipes.0.borrow().len(), 1);
    }

    #[tokio::test]
    async fn says_how_it_ended() {
        let (mut origin, source) = pair().await;
        let (sink, client) = pair().await;
        let (pipes, progress) = (PipePool::default(), Cell::new(false));
        origin.write_all(b"short").await.unwrap();
        drop(origin);
        let moved = splice(&source, &sink, 100, &pipes, &progress).await;
        assert!(matches!(moved.end, End::SourceEnded) && moved.moved == 5, "{moved:?}");
        drop(client);
    }
}
