//! Whoever has to allow a name before it is ordered on demand: one question over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use machine::order::Failure;
use model::{Url, UrlScheme};
use tls::{Trusted, Verified};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::words::{Trouble, chain, plain};

const LIMIT: Duration = Duration::from_secs(3);
/// Of the answer only the first line counts.
const ANSWER_BYTES_MAX: u64 = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// With what it answered.
    No(u16),
    /// It could not be asked, or has a fault: in words.
    Silent(String),
}

impl Allowed {
    /// Of a name that was allowed before; `None`: it still is.
    pub fn trouble(self) -> Option<Trouble> {
        let words = match self {
            Allowed::Yes => return None,
            Allowed::No(status) => {
                format!("it is not allowed any more: `ask` answers with {status}")
            }
            Allowed::Silent(words) => words,
        };
        Some(Trouble::new(Failure::NotReady, words))
    }
}

/// Only 200 allows it. A fault of 5xx is no answer; a redirect is not followed.
pub async fn ask(guard: &Url, name: &str) -> Allowed {
    let silent = |why: String| Allowed::Silent(format!("`{guard}` cannot be asked: {why}"));
    match tokio::time::timeout(LIMIT, exchange(guard, name)).await {
        Ok(Ok(answer)) => match status(&answer) {
            Some(200) => Allowed::Yes,
            Some(status @ ..=499) => Allowed::No(status),
            Some(status) => silent(format!("it answers with {status}")),
            None => silent("it does not speak http".to_owned()),
        },
        Ok(Err(error)) => silent(chain(&error)),
        Err(_) => silent(format!("no answer within {} seconds", LIMIT.as_secs())),
    }
}

async fn exchange(guard: &Url, name: &str) -> std::io::Result<Vec<u8>> {
    let addresses: Vec<SocketAddr> = match guard.address() {
        Some(address) => vec![(address, guard.port).into()],
        None => net::resolve::lookup(&guard.host, guard.port).await?,
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        match net::stream::connect(address).await {
            Ok(stream) => {
                return match guard.scheme {
                    UrlScheme::Http => talk(stream, guard, name).await,
                    UrlScheme::Https => {
                        let verified = Verified::new(&Trusted::of_machine([])?)?;
                        talk(verified.connect(stream, &guard.host).await?, guard, name).await
                    }
                };
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// `name` has letters, digits, dots and hyphens alone (`verdict::on_demand`).
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    guard: &Url,
    name: &str,
) -> std::io::Result<Vec<u8>> {
    let mut query = guard.query.clone();
    if !query.is_empty() {
        query.push('&');
    }
    let request = format!(
        "GET {}?{query}domain={name} HTTP/1.1\r\nHost: {}\r\nUser-Agent: pointsman\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        guard.path,
        guard.authority()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut limited = stream.take(ANSWER_BYTES_MAX);
    while !answer.contains(&b'\n') && limited.read_buf(&mut answer).await? > 0 {}
    Ok(answer)
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = plain(&String::from_utf8_lossy(line));
    let (_, rest) = line.strip_prefix("HTTP/1.")?.split_once(' ')?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_allows_it() {
        let rows = [
            ("yes", "HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("no reason", "HTTP/1.0 403\r\n", Some(403)),
            ("another protocol", "SSH-2.0-x\r\n", None),
            ("nothing", "", None),
            ("no number", "HTTP/1.1 yes\r\n", None),
        ];
        for (name, answer, expected) in rows {
            assert_eq!(status(answer.as_bytes()), expected, "{name}");
        }
    }
}
