//! UDP sockets of a core: many datagrams a call (recvmmsg(2), sendmmsg(2)), each answered from the
//! address that was asked (ip(7) IP_PKTINFO, RFC 3542 §6.1).

mod control;

use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use libc::{iovec, mmsghdr, sockaddr_storage, socklen_t};
use socket2::{Domain, Socket, Type};
use tokio::io::Interest;

use self::control::Control;
use crate::options;

/// Datagrams of one call. More save little: a call is shared by so many already.
pub const BATCH: usize = 32;
/// What is read of a datagram; a longer one is dropped.
pub const RECEIVED_MAX: usize = 2048;
/// What waits in the kernel while the core is busy; it grants at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A UDP socket that other cores may share the address with, for one family only, non-blocking.
///
/// It answers from the address that was asked even if it is bound to every address.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    if address.port() != 0 && !crate::listen::shared_by_us(address) && !is_free(address) {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_reuse_port(true)?;
    let (level, name) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
        }
    };
    options::set_number(&socket, level, name, 1)?;
    // Path MTU discovery could be misled by forged ICMP into fragments that others can complete
    // (RFC 9715 §3.1): never fragmented, and never told otherwise.
    let (level, name, omit) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT),
        SocketAddr::V6(_) => {
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
        }
    };
    // An old kernel does without.
    let _ = options::set_number(&socket, level, name, omit);
    // It takes less if the system allows less.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from(socket);
    crate::listen::remember(socket.local_addr()?);
    Ok(socket)
}

/// For receiving in a runtime.
pub fn into_tokio(socket: UdpSocket) -> io::Result<tokio::net::UdpSocket> {
    tokio::net::UdpSocket::from_std(socket)
}

/// A socket to ask one server with, from a port of the kernel's choice.
pub async fn connect(server: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = tokio::net::UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket)
}

/// Whether nobody has bound it, who could otherwise share it with us unasked.
fn is_free(address: SocketAddr) -> bool {
    let attempt = || -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())
    };
    !attempt().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'b> {
    pub bytes: &'b [u8],
    pub from: SocketAddr,
    /// The address that it was sent to, where the kernel said so.
    pub to: Option<IpAddr>,
}

/// Room for the datagrams of one call and their answers. Made once for each socket.
pub struct Batch {
    received: Box<[[u8; RECEIVED_MAX]]>,
    lengths: [usize; BATCH],
    names: Box<[sockaddr_storage; BATCH]>,
    name_lengths: [socklen_t; BATCH],
    controls: Box<[Control; BATCH]>,
    count: usize,
    answers: Vec<Vec<u8>>,
    /// The last call took all that was there: what comes later is told by the kernel (epoll(7), edge
    /// triggered), and another call would find nothing.
    drained: bool,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            received: vec![[0; RECEIVED_MAX]; BATCH].into_boxed_slice(),
            lengths: [0; BATCH],
            names: Box::new([empty_name(); BATCH]),
            name_lengths: [0; BATCH],
            controls: Box::new([Control::default(); BATCH]),
            count: 0,
            answers: (0..BATCH).map(|_| Vec::new()).collect(),
            drained: false,
        }
    }
}

impl Batch {
    /// Waits for datagrams and reads those that are there.
    pub async fn receive(&mut self, socket: &tokio::net::UdpSocket) -> io::Result<()> {
        loop {
            let attempt = socket.try_io(Interest::READABLE, || {
                if std::mem::take(&mut self.drained) {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                self.receive_now(socket.as_raw_fd())
            });
            match attempt {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.readable().await?;
                }
                other => return other,
            }
        }
    }

    /// Shows every datagram, with an empty buffer: what is written to it is the answer, and an empty
    /// one is none.
    pub fn answer(&mut self, mut one: impl FnMut(Received<'_>, &mut Vec<u8>)) {
        for at in 0..self.count {
            let answer = &mut self.answers[at];
            answer.clear();
            let (Some(bytes), Some(from)) =
                (self.received[at].get(..self.lengths[at]), peer(&self.names[at]))
            else {
                continue;
            };
            one(Received { bytes, from, to: self.controls[at].destination() }, answer);
        }
    }

    /// Sends the answers. One that the kernel does not take now is lost, as any datagram may be: its
    /// client asks again, and nobody else waits.
    pub fn send(&mut self, socket: &tokio::net::UdpSocket) {
        let answers = (0..self.count).filter(|at| !self.answers[*at].is_empty());
        let mut slots = [0; BATCH];
        let mut count = 0;
        for at in answers {
            slots[count] = at;
            count += 1;
        }
        let mut rest = &slots[..count];
        while !rest.is_empty() {
            // The first one failed if none was sent: it is left out.
            let sent = self.send_now(socket.as_raw_fd(), rest).unwrap_or(1).max(1);
            rest = rest.get(sent..).unwrap_or_default();
        }
    }

    fn receive_now(&mut self, socket: i32) -> io::Result<()> {
        let mut pieces: [iovec; BATCH] = std::array::from_fn(|at| iovec {
            iov_base: self.received[at].as_mut_ptr().cast(),
            iov_len: RECEIVED_MAX,
        });
        let mut headers: [mmsghdr; BATCH] = std::array::from_fn(|at| {
            let mut header = empty_header();
            header.msg_hdr.msg_name = (&raw mut self.names[at]).cast();
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
            header.msg_hdr.msg_iov = &raw mut pieces[at];
            header.msg_hdr.msg_iovlen = 1;
            self.controls[at].offer(&mut header.msg_hdr);
            header
        });
        self.count = 0;
        // SAFETY: every pointer in the headers is to a buffer of `self` or of this frame that is as
        // long as the header says and outlives the call; all of them take any bytes.
        // JUSTIFICATION: no safe crate of ours reads many datagrams with their destinations at once.
        #[expect(unsafe_code, reason = "see SAFETY")]
        let count = unsafe {
            libc::recvmmsg(
                socket,
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (at, header) in headers.iter().enumerate().take(count) {
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            self.lengths[at] = if cut { 0 } else { header.msg_len as usize };
            self.name_lengths[at] = header.msg_hdr.msg_namelen;
            self.controls[at].received(&header.msg_hdr);
        }
        self.count = count.min(BATCH);
        self.drained = count < BATCH;
        Ok(())
    }

    /// Sends the answers of some slots in one call; says how many the kernel took.
    fn send_now(&mut self, socket: i32, slots: &[usize]) -> io::Result<usize> {
        let mut pieces: [iovec; BATCH] =
            std::array::from_fn(|_| iovec { iov_base: std::ptr::null_mut(), iov_len: 0 });
        let mut headers: [mmsghdr; BATCH] = std::array::from_fn(|_| empty_header());
        for ((slot, piece), header) in slots.iter().zip(&mut pieces).zip(&mut headers) {
            let answer = &mut self.answers[*slot];
            *piece = iovec { iov_base: answer.as_mut_ptr().cast(), iov_len: answer.len() };
            header.msg_hdr.msg_name = (&raw mut self.names[*slot]).cast();
            header.msg_hdr.msg_namelen = self.name_lengths[*slot];
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            self.controls[*slot].answer(&mut header.msg_hdr);
        }
        // SAFETY: as in `receive_now`; the kernel only reads. `slots` is at most BATCH long.
        // JUSTIFICATION: as there.
        #[expect(unsafe_code, reason = "see SAFETY")]
        let count = unsafe {
            libc::sendmmsg(
                socket,
                headers.as_mut_ptr(),
                slots.len().min(BATCH) as u32,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

fn empty_header() -> mmsghdr {
    // SAFETY: all its fields are numbers and pointers, for which zeros are a value.
    // JUSTIFICATION: libc has padding fields in it that cannot be named.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        zeroed()
    }
}

fn empty_name() -> sockaddr_storage {
    // SAFETY: it consists of numbers, for which zeros are a value.
    // JUSTIFICATION: libc has padding fields in it that cannot be named.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        zeroed()
    }
}

fn peer(name: &sockaddr_storage) -> Option<SocketAddr> {
    let bytes: *const sockaddr_storage = name;
    // SAFETY: the storage is as large and as aligned as either of them, both are numbers only, and
    // the family says which of them the kernel wrote.
    // JUSTIFICATION: the kernel hands addresses over in this form only.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        match i32::from(name.ss_family) {
            libc::AF_INET => {
                let v4 = &*bytes.cast::<libc::sockaddr_in>();
                let ip = std::net::Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some((ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &*bytes.cast::<libc::sockaddr_in6>();
                let ip = std::net::Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some((ip, u16::from_be(v6.sin6_port)).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
