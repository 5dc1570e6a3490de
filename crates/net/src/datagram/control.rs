//! What the kernel says of a datagram beside its bytes: the address it was sent to.

use std::net::IpAddr;

use libc::{in_pktinfo, in6_pktinfo, msghdr};

/// Room for one IP_PKTINFO or IPV6_PKTINFO and its head.
const BYTES: usize = 64;

/// The control messages of one datagram, aligned as their heads have to be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Control {
    bytes: [u8; BYTES],
    length: usize,
}

impl Default for Control {
    fn default() -> Self {
        Control { bytes: [0; BYTES], length: 0 }
    }
}

/// What one message says.
enum Said {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Control {
    /// To be filled by the kernel.
    pub fn offer(&mut self, header: &mut msghdr) {
        header.msg_control = self.bytes.as_mut_ptr().cast();
        header.msg_controllen = BYTES;
    }

    pub fn received(&mut self, header: &msghdr) {
        self.length = header.msg_controllen.min(BYTES);
    }

    pub fn destination(&self) -> Option<IpAddr> {
        match self.said()? {
            Said::V4(info) => Some(IpAddr::from(u32::from_be(info.ipi_addr.s_addr).to_be_bytes())),
            Said::V6(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr)),
        }
    }

    /// For the answer to what was received: it leaves from the address that was asked.
    pub fn answer(&mut self, header: &mut msghdr) {
        match self.said() {
            // The way back need not be the way it came: the kernel chooses. A link-local address
            // means nothing without its link.
            Some(Said::V4(mut info)) => {
                info.ipi_ifindex = 0;
                info.ipi_spec_dst = info.ipi_addr;
                self.put(&info);
            }
            Some(Said::V6(mut info)) => {
                if !std::net::Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                    info.ipi6_ifindex = 0;
                }
                self.put(&info);
            }
            None => self.length = 0,
        }
        header.msg_control = match self.length {
            0 => std::ptr::null_mut(),
            _ => self.bytes.as_mut_ptr().cast(),
        };
        header.msg_controllen = self.length;
    }

    /// The one message that we asked for: the head, as long as it says, and what follows.
    fn said(&self) -> Option<Said> {
        const HEAD: usize = size_of::<libc::cmsghdr>();
        let head: &[u8; HEAD] = self.bytes.get(..self.length)?.first_chunk()?;
        // linux/socket.h `struct cmsghdr`: a length, then level and type.
        let number = |at: usize| Some(i32::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let (level, kind) = (number(HEAD - 8)?, number(HEAD - 4)?);
        let data = self.bytes.get(HEAD..self.length)?;
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let [a, b, c] = *data.get(..size_of::<in_pktinfo>())?.as_chunks::<4>().0 else {
                    return None;
                };
                let address = |bytes| libc::in_addr { s_addr: u32::from_ne_bytes(bytes) };
                Some(Said::V4(in_pktinfo {
                    ipi_ifindex: i32::from_ne_bytes(a),
                    ipi_spec_dst: address(b),
                    ipi_addr: address(c),
                }))
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let (address, index) = data.get(..size_of::<in6_pktinfo>())?.split_first_chunk()?;
                Some(Said::V6(in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: *address },
                    ipi6_ifindex: u32::from_ne_bytes(*index.first_chunk()?),
                }))
            }
            _ => None,
        }
    }

    /// Replaces what the message says; the head stays.
    fn put(&mut self, info: &impl Info) {
        const HEAD: usize = size_of::<libc::cmsghdr>();
        info.write(&mut self.bytes[HEAD..]);
    }
}

trait Info {
    fn write(&self, to: &mut [u8]);
}

impl Info for in_pktinfo {
    fn write(&self, to: &mut [u8]) {
        let parts = [
            self.ipi_ifindex.to_ne_bytes(),
            self.ipi_spec_dst.s_addr.to_ne_bytes(),
            self.ipi_addr.s_addr.to_ne_bytes(),
        ];
        for (place, part) in to.as_chunks_mut::<4>().0.iter_mut().zip(parts) {
            *place = part;
        }
    }
}

impl Info for in6_pktinfo {
    fn write(&self, to: &mut [u8]) {
        to[..16].copy_from_slice(&self.ipi6_addr.s6_addr);
        to[16..20].copy_from_slice(&self.ipi6_ifindex.to_ne_bytes());
    }
}
