//! The application behind every proxy: answers a request with a body of known size, as cheaply as
//! can be, in a process of its own.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::failed::Failed;

/// No head of a proxy of ours or of a peer is longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

const BODIES: &[(&str, usize)] = &[("/64k", 64 * 1024), ("/1m", 1024 * 1024)];
const SMALL_BODY: usize = 200;

/// Serves until it is killed.
pub fn serve(arguments: &[String]) -> Result<(), Failed> {
    let port: u16 = match arguments {
        [port] => port.parse().map_err(|_| Failed::Usage(format!("`{port}` is not a port")))?,
        _ => return Err(Failed::Usage("the origin wants a port".to_owned())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|error| Failed::Unexpected(format!("no runtime: {error}")))?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        listen(listener, Answers::new()).await
    });
    served.map_err(|error| Failed::Unexpected(format!("the origin on port {port}: {error}")))
}

async fn listen(listener: TcpListener, answers: Answers) -> std::io::Result<()> {
    // Shared by all connections for the life of the process.
    let answers: &'static Answers = Box::leak(Box::new(answers));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A proxy that goes away is no error.
            let _ = connection(stream, answers).await;
        });
    }
}

async fn connection(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    while stream.read_buf(&mut buffer).await? > 0 {
        while let Some(end) = head_length(&buffer) {
            let answer = answers.to(&buffer[..end]);
            stream.write_all(answer).await?;
            buffer.drain(..end);
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
    }
    Ok(())
}

/// Requests have no body here: the head is all.
fn head_length(buffer: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    buffer.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

/// Whole answers, made once.
struct Answers {
    by_path: Vec<(&'static str, Vec<u8>)>,
    small: Vec<u8>,
}

impl Answers {
    fn new() -> Answers {
        let by_path = BODIES.iter().map(|(path, size)| (*path, answer(*size))).collect();
        Answers { by_path, small: answer(SMALL_BODY) }
    }

    fn to(&self, head: &[u8]) -> &[u8] {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let found = self.by_path.iter().find(|(known, _)| known.as_bytes() == path);
        found.map_or(&self.small, |(_, answer)| answer)
    }
}

fn answer(size: usize) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {size}\r\n\r\n")
            .into_bytes();
    answer.resize(answer.len() + size, b'x');
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_by_path_also_when_pipelined() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(listen(listener, Answers::new()));
            let mut client = TcpStream::connect(address).await.unwrap();
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /64k HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            let mut expected = answer(SMALL_BODY);
            expected.extend(answer(64 * 1024));
            let mut said = vec![0; expected.len()];
            client.read_exact(&mut said).await.unwrap();
            assert!(said == expected);
        });
    }
}
