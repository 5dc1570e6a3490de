//! Listening sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use crate::options;

/// Connections that the kernel completes and keeps for us; it takes `net.core.somaxconn` if less.
const BACKLOG: i32 = 4096;
/// linux/sock_diag.h: SK_MEMINFO_DROPS.
const MEMORY_DROPS: usize = 8;

/// A listening socket that other sockets may share its address with (one a core, DECISIONS 22), for
/// one family only (DECISIONS 9), non-blocking.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // Another process of the same user could share it as well: only if nobody listens already.
    if address.port() != 0 && !is_free(address) && !shared_by_us(address) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    remember(bound);
    Ok(listener)
}

thread_local! {
    /// Addresses that this thread, which binds for all cores, has bound.
    static OURS: std::cell::RefCell<Vec<SocketAddr>> = const { std::cell::RefCell::new(Vec::new()) };
}

pub(crate) fn shared_by_us(address: SocketAddr) -> bool {
    OURS.with_borrow(|ours| ours.contains(&address))
}

pub(crate) fn remember(bound: SocketAddr) {
    OURS.with_borrow_mut(|ours| {
        if !ours.contains(&bound) {
            ours.push(bound);
        }
    });
}

/// Whether nobody listens on it now. Somebody may a moment later.
pub fn is_free(address: SocketAddr) -> bool {
    let attempt = || -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(1)
    };
    attempt().is_ok()
}

/// Whether packets to the address are for this machine, in this network namespace.
pub fn is_of_this_machine(address: IpAddr) -> bool {
    Socket::new(Domain::for_address(SocketAddr::new(address, 0)), Type::DGRAM, None)
        .and_then(|socket| socket.bind(&SocketAddr::new(address, 0).into()))
        .is_ok()
}

/// Packets that the kernel dropped at the socket since it was made: those that its filter did not
/// pass, and connections that found its queue full. SYNs that are repeated count each time.
pub fn dropped(listener: &TcpListener) -> io::Result<u32> {
    let counts =
        options::numbers::<{ MEMORY_DROPS + 1 }>(listener, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    Ok(counts[MEMORY_DROPS])
}

/// For accepting in a runtime. `shared`: other cores poll a duplicate of the same socket.
pub fn into_tokio(listener: TcpListener, shared: bool) -> io::Result<tokio::net::TcpListener> {
    // A duplicate wakes every core; those that come late find nothing, which `accept` handles.
    let _ = shared;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// The machine has no such family or no such address.
pub fn family_unavailable(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// What went wrong and what to do, in one line.
pub fn explain(error: &io::Error, address: SocketAddr) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "cannot listen on {address}: another program already does; \
             stop it (`ss -ltnp 'sport = :{port}'` names it) or choose another port"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "cannot listen on {address}: ports below 1024 need the capability \
             CAP_NET_BIND_SERVICE; run as the packaged service, or choose a port from 1024 on"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "cannot listen on {address}: this machine does not have the address; \
             `ip address` lists those it has"
        ),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_share_an_address_and_strangers_do_not() {
        let first = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = first.local_addr().unwrap();
        let second = bind(address).unwrap();
        assert_eq!(second.local_addr().unwrap(), address);
        let stranger = std::thread::spawn(move || bind(address).map(drop)).join().unwrap();
        let error = stranger.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(explain(&error, address).contains("another program"));
        assert!(!is_free(address));
    }
}
