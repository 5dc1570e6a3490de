use crate::Span;

/// One header line: where its name and value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    /// Without the white space around it. Contains line breaks if the line was folded.
    pub value: Span,
    pub kind: FieldKind,
}

/// What a header is to a proxy. Decided by the name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Other,
    Cookie,
    Server,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    Expect,
    /// Meant for the next hop only (RFC 9110 §7.6.1).
    HopByHop,
    ForwardedFor,
    /// `X-Forwarded-Proto`, `X-Forwarded-Port`, `X-Amzn-Tls-*`, `X-Amzn-Mtls-*`: said by the load
    /// balancer only.
    Forwarded,
    TraceId,
    /// A token outside `[-A-Za-z0-9]+` (ALB.md §6c).
    InvalidName,
    /// No header name at all, such as one with a space: never passed on.
    NotToken,
    /// Not, but nearly, `Transfer-Encoding` or `Content-Length`: never passed on (DECISIONS 16).
    LookAlike(Framer),
}

/// The two headers that say how long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framer {
    ContentLength,
    TransferEncoding,
}

impl FieldKind {
    /// The kind of a name that is a token.
    pub(crate) fn of_token(name: &[u8], portable: bool) -> FieldKind {
        use FieldKind::*;
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let kind = match name.len() {
            2 if is("te") => HopByHop,
            4 if is("host") => Host,
            6 if is("cookie") => Cookie,
            6 if is("server") => Server,
            6 if is("expect") => Expect,
            7 if is("upgrade") => Upgrade,
            10 if is("connection") => Connection,
            10 if is("keep-alive") => HopByHop,
            14 if is("content-length") => ContentLength,
            14 if is("http2-settings") => HopByHop,
            15 if is("x-forwarded-for") => ForwardedFor,
            15 if is("x-amzn-trace-id") => TraceId,
            16 if is("x-forwarded-port") => Forwarded,
            16 if is("proxy-connection") => HopByHop,
            17 if is("transfer-encoding") => TransferEncoding,
            17 if is("x-forwarded-proto") => Forwarded,
            18 if is("x-amzn-tls-version") => Forwarded,
            18 if is("proxy-authenticate") => HopByHop,
            19 if is("proxy-authorization") => HopByHop,
            23 if is("x-amzn-tls-cipher-suite") => Forwarded,
            12.. if is_client_certificate(name) => Forwarded,
            _ => Other,
        };
        match kind {
            Other => match (resembles(name), portable) {
                (Some(framer), _) => LookAlike(framer),
                (None, true) => Other,
                (None, false) => InvalidName,
            },
            known => known,
        }
    }

    /// Whether a decision depends on the value, so that it must not be folded over lines.
    pub(crate) fn is_read(self) -> bool {
        use FieldKind::*;
        match self {
            Host | ContentLength | TransferEncoding | Connection | Upgrade | Expect
            | ForwardedFor | TraceId | LookAlike(_) => true,
            Other | Cookie | Server | HopByHop | Forwarded | InvalidName | NotToken => false,
        }
    }
}

/// Of any name that begins so, also with `_` in the place of `-`: applications that are given
/// variables (RFC 3875 §4.1.18) cannot tell the two apart.
fn is_client_certificate(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-amzn-mtls-";
    let same = |(byte, wanted): (&u8, &u8)| match byte {
        b'_' => *wanted == b'-',
        byte => byte.to_ascii_lowercase() == *wanted,
    };
    name.len() >= PREFIX.len() && name.iter().zip(PREFIX).all(same)
}

/// The framing header that a name could be taken for by a sloppy reader: the same letters, whatever
/// lies around and between them (as http-desync-guardian's `determine_similarity`).
pub(crate) fn resembles(name: &[u8]) -> Option<Framer> {
    let first = name.iter().position(u8::is_ascii_alphanumeric)?;
    let (letters, framer): (&[u8], Framer) = match name[first] | 0x20 {
        b'c' => (b"contentlength", Framer::ContentLength),
        b't' => (b"transferencoding", Framer::TransferEncoding),
        _ => return None,
    };
    (name.len() > letters.len() && same_letters(&name[first..], letters)).then_some(framer)
}

fn same_letters(name: &[u8], letters: &[u8]) -> bool {
    let (mut rest, mut wanted) = (name, letters);
    while let Some((&byte, tail)) = rest.split_first() {
        // U+017F and U+0131 become `S` and `I` in upper case.
        let (letter, after) = match (byte, tail, wanted.first()) {
            (0xc5, [0xbf, after @ ..], Some(b's')) => (b's', after),
            (0xc4, [0xb1, after @ ..], Some(b'i')) => (b'i', after),
            _ => (byte.to_ascii_lowercase(), tail),
        };
        rest = after;
        if !letter.is_ascii_alphanumeric() {
            continue;
        }
        match wanted.split_first() {
            Some((&first, others)) if first == letter => wanted = others,
            _ => return false,
        }
    }
    wanted.is_empty()
}

/// The header lines of one head, in order. Reusable: parsing replaces what it holds.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub(crate) Vec<Field>);

impl Fields {
    pub const fn new() -> Self {
        Fields(Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// The values of every line of that name, letter case aside.
    pub fn values<'b>(&'b self, buf: &'b [u8], name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.0
            .iter()
            .filter(move |field| {
                field.name.len() == name.len()
                    && field.name.of(buf).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(move |field| field.value.of(buf))
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
