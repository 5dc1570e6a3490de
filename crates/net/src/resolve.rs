//! Names to addresses, as the machine's own resolver sees them.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// getaddrinfo(3) on a thread of its own. An answer has at least one address.
pub async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        false => Ok(addresses),
    }
}

/// As [`lookup`], waiting: for demos and tools. Empty if the name leads nowhere.
pub fn wait(host: &str, port: u16) -> Vec<IpAddr> {
    let found = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
    let mut addresses = Vec::new();
    for address in found.unwrap_or_default() {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    addresses
}
