//! Names to addresses, as the machine's own resolver sees them.

use std::io;
use std::net::SocketAddr;

/// getaddrinfo(3) on a thread of its own. An answer has at least one address.
pub async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        false => Ok(addresses),
    }
}
