//! A reader of HTTP/1.1 that accepts nothing but the strict grammar of RFC 9112, written without a
//! look at ours and without care for speed: what we send must be understood by it, and in one way.

/// A message as the strictest receiver reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub start: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let wanted = name.as_bytes();
        let named = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_slice()).collect()
    }
}

/// How a message without framing headers ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unframed {
    /// A request, or a response that has no body.
    Empty,
    /// The rest of the stream.
    Rest,
}

/// Reads one message; answers it and what follows.
pub fn message(bytes: &[u8], unframed: Unframed) -> Result<(Message, &[u8]), String> {
    let (start, mut rest) = line(bytes)?;
    if start.is_empty() || start.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(format!("start line `{}`", start.escape_ascii()));
    }
    let mut headers = Vec::new();
    loop {
        let (field, after) = line(rest)?;
        rest = after;
        if field.is_empty() {
            break;
        }
        headers.push(header(field)?);
    }
    let mut message = Message { start: start.to_vec(), headers, body: Vec::new() };
    rest = body(&mut message, rest, unframed)?;
    Ok((message, rest))
}

/// Every request of a stream, which must end with the last one.
pub fn requests(mut bytes: &[u8]) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let (message, rest) = message(bytes, Unframed::Empty)?;
        messages.push(message);
        bytes = rest;
    }
    Ok(messages)
}

/// Up to CRLF; a lone CR or LF is an error.
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end =
        bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).ok_or("no end of line")?;
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok((&bytes[..end], &bytes[end + 2..])),
        _ => Err(format!("a lone CR or LF after `{}`", bytes[..end].escape_ascii())),
    }
}

fn header(field: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let bad = || format!("header `{}`", field.escape_ascii());
    let colon = field.iter().position(|byte| *byte == b':').ok_or_else(bad)?;
    let (name, value) = (&field[..colon], &field[colon + 1..]);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return Err(bad());
    }
    // Other control characters "MAY" be retained (RFC 9110 §5.5); these end lines or strings.
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(bad());
    }
    Ok((name.to_vec(), value.trim_ascii().to_vec()))
}

fn body<'b>(message: &mut Message, rest: &'b [u8], unframed: Unframed) -> Result<&'b [u8], String> {
    let letters = |name: &[u8]| -> Vec<u8> {
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    for (name, _) in &message.headers {
        for framing in ["Content-Length", "Transfer-Encoding"] {
            let same = letters(name) == letters(framing.as_bytes());
            // Without the hyphen alone it is another word, for every reader we know of.
            let dressed = name.len() > framing.len() - 1;
            if same && dressed && !name.eq_ignore_ascii_case(framing.as_bytes()) {
                return Err(format!("look-alike header `{}`", name.escape_ascii()));
            }
        }
    }
    let lengths = message.values("content-length");
    let codings = message.values("transfer-encoding");
    match (&lengths[..], &codings[..]) {
        ([], []) => match unframed {
            Unframed::Empty => Ok(rest),
            Unframed::Rest => {
                message.body = rest.to_vec();
                Ok(&[])
            }
        },
        ([length], []) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length).ok().filter(|_| digits);
            let length: usize = length.and_then(|text| text.parse().ok()).ok_or("length")?;
            let body = rest.get(..length).ok_or("the body is short")?;
            message.body = body.to_vec();
            Ok(&rest[length..])
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => {
            let (body, rest) = chunked(rest)?;
            message.body = body;
            Ok(rest)
        }
        _ => Err("more than one framing header, or a coding that is not `chunked`".into()),
    }
}

/// Chunks without extensions, and trailers.
pub fn chunked(mut bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut body = Vec::new();
    loop {
        let (size, rest) = line(bytes)?;
        if size.is_empty() || size.len() > 16 || !size.iter().all(u8::is_ascii_hexdigit) {
            return Err(format!("chunk size `{}`", size.escape_ascii()));
        }
        let size =
            std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let size = usize::try_from(size.ok_or("size")?).map_err(|_| "size")?;
        if size == 0 {
            bytes = rest;
            break;
        }
        let end = size.checked_add(2).ok_or("size")?;
        let chunk = rest.get(..end).ok_or("the chunk is short")?;
        if &chunk[size..] != b"\r\n" {
            return Err("no CRLF behind a chunk".into());
        }
        body.extend_from_slice(&chunk[..size]);
        bytes = &rest[end..];
    }
    loop {
        let (trailer, rest) = line(bytes)?;
        bytes = rest;
        if trailer.is_empty() {
            return Ok((body, bytes));
        }
        header(trailer)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_strict() {
        let good = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let read = requests(good.as_bytes()).unwrap();
        assert_eq!((read.len(), read[0].body.as_slice()), (2, &b"abc"[..]));
        for bad in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nContent_Length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
            "GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(requests(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
