//! The first message of a client, read without answering it: whose connection it is.
//!
//! Of our own, since what passes through need not be anything that rustls speaks: another version, unknown
//! suites, no signature algorithms. Nothing is judged but the framing and the name.

/// What is read of a connection before it is closed for having no ClientHello: a record has at most 16 KiB
/// (RFC 8446 §5.1). Larger ones are possible, and nobody sends them.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;

const CONTENT_HANDSHAKE: u8 = 22;
const HANDSHAKE_CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;
const HANDSHAKE_HEADER: usize = 4;
/// RFC 8446 §5.1.
const RECORD_BYTES_MAX: usize = 1 << 14;
const EXTENSION_SERVER_NAME: u16 = 0;
const NAME_TYPE_HOST: u8 = 0;
/// RFC 1035 §3.1, as text.
const NAME_BYTES_MAX: usize = 253;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// So many bytes from the beginning are needed at least to know more; never more than
    /// [`HELLO_BYTES_MAX`].
    Partial { needed: usize },
    /// A whole ClientHello; its server name in lower case, if it has one (RFC 6066 §3).
    Hello { server_name: Option<String> },
    /// A request of plain HTTP.
    PlainHttp,
    /// Something else, or a ClientHello that is too long or broken.
    NoHello,
}

/// Reads the ClientHello at the beginning of `bytes`, over as many records as it is spread (RFC 8446 §5.1).
/// The answer about a beginning is the answer about the whole, or [`Peeked::Partial`].
pub fn peek_hello(bytes: &[u8]) -> Peeked {
    let bytes = bytes.get(..HELLO_BYTES_MAX).unwrap_or(bytes);
    match bytes.first() {
        None => return Peeked::Partial { needed: 1 },
        Some(&CONTENT_HANDSHAKE) => {}
        Some(_) => return not_tls(bytes),
    }
    match hello_of(bytes) {
        Ok(hello) => match server_name(&hello) {
            Some(server_name) => Peeked::Hello { server_name },
            None => Peeked::NoHello,
        },
        Err(Some(needed)) if needed <= HELLO_BYTES_MAX => Peeked::Partial { needed },
        Err(_) => Peeked::NoHello,
    }
}

/// The start of a request line: a method of at most so many capitals and hyphens, then a space.
fn not_tls(bytes: &[u8]) -> Peeked {
    const METHOD_BYTES_MAX: usize = 16;
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    let length = bytes.iter().take(METHOD_BYTES_MAX).take_while(|byte| is_method(byte)).count();
    match bytes.get(length) {
        Some(b' ') if length > 0 => Peeked::PlainHttp,
        None if length < METHOD_BYTES_MAX => Peeked::Partial { needed: length + 1 },
        Some(_) | None => Peeked::NoHello,
    }
}

/// The body of the ClientHello, out of its records; or how many bytes are needed at least, if more could
/// make it one.
fn hello_of(bytes: &[u8]) -> Result<Vec<u8>, Option<usize>> {
    let mut handshake: Vec<u8> = Vec::new();
    let mut at = 0;
    loop {
        // Each byte is judged as soon as it is there, so that the answer does not depend on the cut.
        let header = bytes.get(at..).unwrap_or_default();
        if header.first().is_some_and(|kind| *kind != CONTENT_HANDSHAKE)
            || header.get(1).is_some_and(|major| *major != 3)
        {
            return Err(None);
        }
        let Some(&[_, _, _, high, low]) = header.first_chunk::<RECORD_HEADER>() else {
            return Err(Some(at + RECORD_HEADER + left(&handshake)));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 8446 §5.1: fragments of a handshake are not empty.
        if length == 0 || length > RECORD_BYTES_MAX {
            return Err(None);
        }
        let payload = &header[RECORD_HEADER..];
        let payload = payload.get(..length).unwrap_or(payload);
        handshake.extend_from_slice(payload);
        if handshake.first().is_some_and(|kind| *kind != HANDSHAKE_CLIENT_HELLO) {
            return Err(None);
        }
        if let Some(whole) = whole(&handshake) {
            if whole > HELLO_BYTES_MAX {
                return Err(None);
            }
            if let Some(body) = handshake.get(HANDSHAKE_HEADER..whole) {
                return Ok(body.to_vec());
            }
        }
        if payload.len() < length {
            return Err(Some(bytes.len() + left(&handshake)));
        }
        at += RECORD_HEADER + length;
    }
}

/// The bytes of the message with its header, once that is there (RFC 8446 §4).
fn whole(handshake: &[u8]) -> Option<usize> {
    let &[_, a, b, c] = handshake.first_chunk::<HANDSHAKE_HEADER>()?;
    Some(HANDSHAKE_HEADER + u32::from_be_bytes([0, a, b, c]) as usize)
}

/// How many bytes of the message are still to come, as far as is known: whoever sends a byte at a time does
/// not have all of them looked at again and again.
fn left(handshake: &[u8]) -> usize {
    whole(handshake).unwrap_or(HANDSHAKE_HEADER).saturating_sub(handshake.len())
}

/// `None` if it is broken; `Some(None)` if it says no name (RFC 8446 §4.1.2, RFC 6066 §3).
fn server_name(hello: &[u8]) -> Option<Option<String>> {
    let mut rest = Bytes(hello);
    // Version and random.
    rest.take(2 + 32)?;
    rest.counted::<1>()?; // session
    rest.counted::<2>()?; // suites
    rest.counted::<1>()?; // compression
    if rest.0.is_empty() {
        // Before there were extensions.
        return Some(None);
    }
    let mut extensions = Bytes(rest.counted::<2>()?);
    while !extensions.0.is_empty() {
        let kind = extensions.number::<2>()?;
        let body = extensions.counted::<2>()?;
        if kind == usize::from(EXTENSION_SERVER_NAME) {
            return name_in(body);
        }
    }
    Some(None)
}

fn name_in(extension: &[u8]) -> Option<Option<String>> {
    let mut list = Bytes(extension);
    let mut names = Bytes(list.counted::<2>()?);
    while !names.0.is_empty() {
        let kind = names.number::<1>()?;
        let name = names.counted::<2>()?;
        if kind == usize::from(NAME_TYPE_HOST) {
            return host(name).map(Some);
        }
    }
    Some(None)
}

/// RFC 6066 §3: ASCII, without a final dot. It goes into rules and logs, so that nothing else may be in it.
fn host(name: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(plain);
    let text = std::str::from_utf8(name).ok().filter(|_| fits)?;
    Some(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase())
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Of so many bytes, the most significant first.
    fn number<const N: usize>(&mut self) -> Option<usize> {
        let bytes = self.take(N)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// As many bytes as the number before them says.
    fn counted<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let count = self.number::<N>()?;
        self.take(count)
    }
}

#[cfg(test)]
mod tests;
