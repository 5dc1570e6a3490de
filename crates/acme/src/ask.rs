//! Asking ourselves, over real sockets, before the authority does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use machine::order::Failure;
use model::{ChallengeKind, ListenerProtocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::World;

use crate::challenges::Proof;
use crate::words::{Trouble, plain};

const LIMIT: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u64 = 4096;

/// Refuses only if a listener of ours answered something else: whom it does not admit, whoever cannot
/// connect from here, is no proof.
pub async fn tokens(world: &World, port: u16, proofs: &[Proof]) -> Result<(), Trouble> {
    for address in listening(world, port) {
        for proof in proofs.iter().filter(|proof| proof.kind == ChallengeKind::Http01) {
            let asking = tokio::time::timeout(LIMIT, fetch(address, proof));
            let Ok(Ok(answer)) = asking.await else { continue };
            if !is_answer(&answer, proof) {
                let first = String::from_utf8_lossy(&answer);
                let first = plain(first.lines().next().unwrap_or_default());
                let words = format!(
                    "not asked: our own listener at {address} answers the challenge of `{}` with `{first}`",
                    proof.name
                );
                return Err(Trouble::new(Failure::NotReady, words)
                    .hint("does another program listen on the port?"));
            }
        }
    }
    Ok(())
}

/// Where we can connect to ourselves.
fn listening(world: &World, port: u16) -> Vec<SocketAddr> {
    let listeners = world.model.listeners.iter().enumerate();
    let plain = listeners.filter(|(_, listener)| {
        listener.port == port && listener.protocol == ListenerProtocol::Http
    });
    let addresses = plain.flat_map(|(at, _)| world.addresses(model::ListenerId(at as u32)));
    addresses
        .map(|address| match address.ip() {
            IpAddr::V4(v4) if v4.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
            IpAddr::V6(v6) if v6.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
            IpAddr::V4(_) | IpAddr::V6(_) => address,
        })
        .collect()
}

async fn fetch(address: SocketAddr, proof: &Proof) -> std::io::Result<Vec<u8>> {
    let mut stream = net::stream::connect(address).await?;
    let request = format!(
        "GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: pointsman\r\n\
         Connection: close\r\n\r\n",
        proof.token, proof.name
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    match answer.is_empty() {
        true => Err(std::io::ErrorKind::UnexpectedEof.into()),
        false => Ok(answer),
    }
}

fn is_answer(answer: &[u8], proof: &Proof) -> bool {
    answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(proof.key_authorization.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_the_answer() {
        let proof = Proof {
            kind: ChallengeKind::Http01,
            name: "a.test".into(),
            token: "t".into(),
            key_authorization: "t.thumb".into(),
            text: String::new(),
        };
        let rows = [
            ("as we say it", "HTTP/1.1 200 OK\r\n\r\nt.thumb", true),
            ("a redirect", "HTTP/1.1 301 Moved\r\n\r\nt.thumb", false),
            ("another's page", "HTTP/1.1 200 OK\r\n\r\nwelcome", false),
        ];
        for (name, answer, expected) in rows {
            assert_eq!(is_answer(answer.as_bytes(), &proof), expected, "{name}");
        }
    }
}
