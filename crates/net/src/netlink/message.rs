//! A netlink message (netlink(7)): a header, a fixed part, then attributes aligned to four bytes.

use std::io;
use std::net::IpAddr;

const HEADER: usize = 16;
const ALIGNMENT: usize = 4;
/// linux/netlink.h: the attribute holds attributes.
const NESTED: u16 = 1 << 15;

/// A message that is being written; its header is filled in at the end.
#[derive(Debug)]
pub struct Message {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Message {
    pub fn new(kind: u16, flags: u16) -> Message {
        Message { kind, flags, body: Vec::new() }
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Message {
        self.body.extend_from_slice(bytes);
        self
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Message {
        self.body.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.align()
    }

    pub fn number(&mut self, kind: u16, value: u32) -> &mut Message {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Zero-terminated.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Message {
        self.attribute(kind, &[value.as_bytes(), b"\0"].concat())
    }

    pub fn address(&mut self, kind: u16, value: IpAddr) -> &mut Message {
        match value {
            IpAddr::V4(v4) => self.attribute(kind, &v4.octets()),
            IpAddr::V6(v6) => self.attribute(kind, &v6.octets()),
        }
    }

    pub fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Message)) -> &mut Message {
        let start = self.body.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = (self.body.len() - start) as u16;
        self.body[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.align()
    }

    pub fn finish(self, sequence: u32) -> Vec<u8> {
        let length = (HEADER + self.body.len()) as u32;
        let mut bytes = Vec::with_capacity(length as usize);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&self.flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn align(&mut self) -> &mut Message {
        self.body.resize(self.body.len().next_multiple_of(ALIGNMENT), 0);
        self
    }
}

/// The body of the answer to a question, or the kernel's "no"; `None` if it is not in these bytes.
pub fn answer(mut bytes: &[u8], sequence: u32) -> Option<io::Result<Vec<u8>>> {
    while let Some(length) = word(bytes, 0) {
        let message = bytes.get(..length as usize).filter(|message| message.len() >= HEADER)?;
        if word(message, 8) == Some(sequence) {
            let kind = u16::from_ne_bytes([message[4], message[5]]);
            let body = &message[HEADER..];
            if kind != libc::NLMSG_ERROR as u16 {
                return Some(Ok(body.to_vec()));
            }
            return Some(match word(body, 0)? as i32 {
                0 => Ok(Vec::new()),
                number => Err(io::Error::from_raw_os_error(-number)),
            });
        }
        bytes = bytes.get((length as usize).next_multiple_of(ALIGNMENT)..)?;
    }
    None
}

/// Adds what these bytes tell of an answer in many parts; `Ok(true)` if it was the last.
pub fn parts(bytes: &[u8], sequence: u32, told: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    let mut rest = bytes;
    while let Some(length) = word(rest, 0) {
        let message = rest.get(..length as usize).filter(|message| message.len() >= HEADER);
        let message = message.ok_or(io::ErrorKind::InvalidData)?;
        let kind = i32::from(u16::from_ne_bytes([message[4], message[5]]));
        let body = &message[HEADER..];
        if word(message, 8) == Some(sequence) {
            match kind {
                libc::NLMSG_DONE => return Ok(true),
                libc::NLMSG_ERROR => {
                    let number = word(body, 0).ok_or(io::ErrorKind::InvalidData)? as i32;
                    return Err(io::Error::from_raw_os_error(-number));
                }
                _ => told.push(body.to_vec()),
            }
        }
        rest = rest.get((length as usize).next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
    Ok(false)
}

/// The value of an attribute behind a fixed part of so many bytes.
pub fn attribute_of(body: &[u8], fixed: usize, kind: u16) -> Option<&[u8]> {
    let mut rest = body.get(fixed..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let own = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        if own == kind {
            return rest.get(4..length);
        }
        if length < 4 {
            return None;
        }
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..)?;
    }
}

/// The index in a `struct ifinfomsg`.
pub fn link_index(body: &[u8]) -> Option<u32> {
    word(body, 4)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_counted_without_their_padding() {
        let mut message = Message::new(16, 1);
        message.text(3, "ab").nested(18, |info| {
            info.text(1, "veth");
        });
        let bytes = message.finish(7);
        let numbers = |value: u16| value.to_ne_bytes();
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[..4], 40u32.to_ne_bytes());
        assert_eq!(bytes[16..24], [&numbers(7)[..], &numbers(3), b"ab\0\0"].concat());
        assert_eq!(bytes[24..28], [numbers(16), numbers(18 | NESTED)].concat());
        assert_eq!(bytes[28..], [&numbers(9)[..], &numbers(1), b"veth\0\0\0\0"].concat());
    }

    #[test]
    fn many_parts() {
        let part = |kind: i32, sequence: u32, address: [u8; 4]| {
            let mut message = Message::new(kind as u16, 0);
            message.bytes(&[0; 12]).number(9, 7).attribute(1, &address);
            message.finish(sequence)
        };
        let two = [part(24, 3, [127, 0, 0, 0]), part(24, 2, [10, 0, 0, 1])].concat();
        let mut told = Vec::new();
        assert!(!parts(&two, 3, &mut told).unwrap(), "there is more to come");
        assert!(parts(&part(libc::NLMSG_DONE, 3, [0; 4]), 3, &mut told).unwrap(), "the last");
        let addresses: Vec<_> = told.iter().map(|body| attribute_of(body, 12, 1)).collect();
        assert_eq!(addresses, [Some(&[127, 0, 0, 0][..])], "of another question is none");
        assert_eq!(attribute_of(&told[0], 12, 5), None, "is not there");
        assert_eq!(attribute_of(&[0; 16], 12, 1), None, "no length");
        assert!(parts(&[9, 0, 0, 0, 1], 3, &mut told).is_err(), "too short");
    }

    #[test]
    fn answers_are_told_apart() {
        let no = |number: i32, sequence: u32| {
            let mut message = Message::new(libc::NLMSG_ERROR as u16, 0);
            message.bytes(&number.to_ne_bytes());
            message.finish(sequence)
        };
        assert!(answer(&no(0, 3), 3).unwrap().is_ok());
        let refused = answer(&no(-libc::EPERM, 3), 3).unwrap().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(answer(&no(0, 2), 3).is_none(), "of another question");
        let two = [no(0, 2), no(-libc::EPERM, 3)].concat();
        assert!(answer(&two, 3).unwrap().is_err(), "the second");
        assert!(answer(&[1, 2, 3], 3).is_none(), "too short");
        assert!(answer(&[0; 32], 3).is_none(), "no length");
    }
}
