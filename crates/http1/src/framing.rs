//! How long a body is (RFC 9112 §6.3), and what is wrong with how that is said (ALB.md §6c).

use model::DesyncReason;

use crate::bytes::{decimal, is_token, trim_end};
use crate::field::Framer;
use crate::request::RequestError;
use crate::{Field, FieldKind, Fields, Method, Reasons, Version};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body, and nothing says so.
    None,
    Length(u64),
    Chunked,
    /// The body ends with the connection; responses only.
    UntilClose,
}

/// Why the framing headers of a message contradict themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A `Content-Length` that is no number.
    LengthMalformed,
    /// `Content-Length`s that differ.
    LengthsDiffer,
    /// A `Transfer-Encoding` that is no list of codings, or does not end in `chunked`.
    CodingMalformed,
    /// `chunked` twice.
    ChunkedTwice,
    /// A registered coding other than `chunked` and `identity`.
    CodingUnsupported,
    /// A coding nobody knows, or parameters of one that has none (RFC 9112 §7.1).
    CodingUnknown,
}

/// RFC 9112 §7.2, "Compression Codings".
const REGISTERED: [&str; 5] = ["gzip", "x-gzip", "deflate", "compress", "x-compress"];

/// What the framing headers of one message claim.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims {
    pub length: Option<u64>,
    pub length_twice: bool,
    pub chunked: bool,
    pub identity: bool,
}

impl Claims {
    /// Takes one more header into account.
    pub fn add(&mut self, field: &Field, buf: &[u8]) -> Result<(), FramingError> {
        let value = field.value.of(buf);
        match field.kind {
            FieldKind::ContentLength => self.add_length(value),
            FieldKind::TransferEncoding => self.add_codings(value),
            _ => Ok(()),
        }
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), FramingError> {
        let length = decimal(value).ok_or(FramingError::LengthMalformed)?;
        match self.length {
            None => self.length = Some(length),
            Some(same) if same == length => self.length_twice = true,
            Some(_) => return Err(FramingError::LengthsDiffer),
        }
        Ok(())
    }

    fn add_codings(&mut self, value: &[u8]) -> Result<(), FramingError> {
        for coding in crate::bytes::list(value) {
            let (name, parameters) = match coding.iter().position(|byte| *byte == b';') {
                Some(at) => (trim_end(&coding[..at]), true),
                None => (coding, false),
            };
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            if !is_token(name) {
                return Err(FramingError::CodingMalformed);
            } else if REGISTERED.iter().any(|other| is(other)) {
                return Err(FramingError::CodingUnsupported);
            } else if parameters || !(is("chunked") || is("identity")) {
                return Err(FramingError::CodingUnknown);
            } else if is("identity") {
                self.identity = true;
                if self.chunked {
                    return Err(FramingError::CodingMalformed);
                }
            } else if std::mem::replace(&mut self.chunked, true) {
                return Err(FramingError::ChunkedTwice);
            }
        }
        Ok(())
    }

    pub fn any_coding(self) -> bool {
        self.chunked || self.identity
    }
}

/// The framing of a request. What is doubtful, but has one safe reading, becomes a reason.
pub fn request_framing(
    buf: &[u8],
    fields: &Fields,
    claims: Claims,
    method: Method,
    version: Version,
    reasons: &mut Reasons,
) -> Result<Framing, RequestError> {
    if claims.length_twice {
        reasons.insert(DesyncReason::DuplicateContentLength);
    }
    if claims.any_coding() {
        if claims.length.is_some() {
            reasons.insert(DesyncReason::BothTeClPresent);
        }
        // RFC 9112 §6.1: HTTP/1.0 does not know it. `identity` alone says nothing, and RFC 9112
        // no longer knows it.
        let undefined = version == Version::Http10 || !claims.chunked || method.is_bodyless();
        if undefined {
            reasons.insert(DesyncReason::UndefinedTransferEncodingSemantics);
        }
    }
    if method.is_bodyless() {
        match claims.length {
            Some(0) => reasons.insert(DesyncReason::GetHeadZeroContentLength),
            Some(_) => reasons.insert(DesyncReason::UndefinedContentLengthSemantics),
            None => {}
        }
    }
    if reasons.contains(DesyncReason::SuspiciousHeader) {
        compare_look_alikes(buf, fields, claims, reasons);
    }
    Ok(match (claims.chunked, claims.length) {
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::None,
    })
}

/// What a reader that takes the look-alikes seriously would object to.
#[cold]
fn compare_look_alikes(buf: &[u8], fields: &Fields, claims: Claims, reasons: &mut Reasons) {
    let mut read = claims;
    let (mut length_like, mut coding_like) = (false, false);
    for field in fields {
        let value = field.value.of(buf);
        let added = match field.kind {
            FieldKind::LookAlike(Framer::ContentLength) => {
                length_like = true;
                read.add_length(value)
            }
            FieldKind::LookAlike(Framer::TransferEncoding) => {
                coding_like = true;
                read.add_codings(value)
            }
            _ => Ok(()),
        };
        if let Some(reason) = added.err().and_then(FramingError::reason) {
            reasons.insert(reason);
        }
    }
    let lengths = length_like || claims.length.is_some();
    let codings = coding_like || claims.any_coding();
    if lengths && codings && (length_like || coding_like) {
        reasons.insert(DesyncReason::SuspiciousTeClPresent);
    }
}

impl FramingError {
    /// ALB.md §6c; a coding that is merely not supported is no attempt at anything.
    pub fn reason(self) -> Option<DesyncReason> {
        match self {
            FramingError::LengthMalformed => Some(DesyncReason::BadContentLength),
            FramingError::LengthsDiffer => Some(DesyncReason::MultipleContentLength),
            FramingError::CodingMalformed | FramingError::CodingUnknown => {
                Some(DesyncReason::BadTransferEncoding)
            }
            FramingError::ChunkedTwice => Some(DesyncReason::MultipleTransferEncodingChunked),
            FramingError::CodingUnsupported => None,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            FramingError::LengthMalformed => "a content length is not a number",
            FramingError::LengthsDiffer => "the content lengths differ",
            FramingError::CodingMalformed => "the transfer encoding does not end in chunked",
            FramingError::ChunkedTwice => "the transfer encoding is chunked twice",
            FramingError::CodingUnsupported => "the transfer encoding is not supported",
            FramingError::CodingUnknown => "the transfer encoding is unknown",
        }
    }
}
