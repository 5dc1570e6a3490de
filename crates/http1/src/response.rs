//! The response head (RFC 9112 §4, §5). A target that errs here is answered for with 502.

use std::fmt;

use memchr::memrchr;
use model::{DesyncReason, Refusal};

use crate::bytes::{PORTABLE, all, is_control, is_token, list, trim_end};
use crate::framing::Claims;
use crate::lines::{Census, Lines, LinesError, Quirks, head_end, parse_fields};
use crate::{
    FieldKind, Fields, Framing, HEADER_LINE_MAX, Method, Parsed, RESPONSE_HEAD_MAX, Reasons, Span,
    Version,
};

/// What a response head says. The spans are offsets into the buffer that was parsed.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead {
    /// Bytes of the head; the body begins here.
    pub len: usize,
    /// 100 to 999.
    pub status: u16,
    pub reason: Span,
    pub version: Version,
    pub framing: Framing,
    /// The target allows another request.
    pub keep_alive: bool,
    /// 101 with `Upgrade`.
    pub upgrade: bool,
    pub(crate) quirks: Quirks,
}

/// Parses the head at the beginning of `buf`, the answer to a request of method `request`.
pub fn parse_response(
    buf: &[u8],
    fields: &mut Fields,
    request: Method,
) -> Result<Parsed<ResponseHead>, ResponseError> {
    fields.0.clear();
    let Some(end) = head_end(buf, 0)? else {
        check_partial(buf)?;
        return Ok(Parsed::Partial);
    };
    if end > RESPONSE_HEAD_MAX {
        return Err(ResponseError::HeadTooLarge);
    }
    let mut lines = Lines::new(buf, 0, end);
    // `head_end` found a line.
    let (_, line) = lines.next_line().ok_or(ResponseError::StatusLine)?;
    let (version, status) = parse_line(line)?;
    let (mut quirks, mut reasons) = (Quirks::default(), Reasons::NONE);
    let census = Census::of(&buf[..end]);
    parse_fields(&mut lines, census, fields, &mut quirks, &mut reasons)?;
    if reasons.intersects(MALFORMED) {
        return Err(ResponseError::Header);
    }
    // A folded line that continues nothing has no name either.
    if reasons.contains(DesyncReason::NonCompliantHeader) || quirks.folded {
        mend_names(buf, fields)?;
    }
    let reason_start = STATUS_LINE_MIN + 1;
    let reason = if line.len() > reason_start {
        Span::new(reason_start, line.len())
    } else {
        Span::default()
    };
    read(
        buf,
        fields,
        request,
        ResponseHead {
            len: end,
            status,
            reason,
            version,
            framing: Framing::None,
            keep_alive: version == Version::Http11,
            upgrade: false,
            quirks,
        },
    )
    .map(Parsed::Complete)
}

/// Header lines that could be read in two ways.
const MALFORMED: Reasons = Reasons::of(&[
    DesyncReason::MissingHeaderColon,
    DesyncReason::EmptyHeader,
    DesyncReason::SuspiciousHeader,
]);

/// `HTTP/1.1 200`.
const STATUS_LINE_MIN: usize = 12;

fn check_partial(head: &[u8]) -> Result<(), ResponseError> {
    let begin = &head[..head.len().min(b"HTTP/1.".len())];
    if !b"HTTP/1.".starts_with(begin) {
        return Err(ResponseError::StatusLine);
    }
    let line_start = memrchr(b'\n', head).map_or(0, |at| at + 1);
    if head.len() > RESPONSE_HEAD_MAX || head.len() - line_start > HEADER_LINE_MAX + 1 {
        return Err(ResponseError::HeadTooLarge);
    }
    Ok(())
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4); the second space
/// is often forgotten.
fn parse_line(line: &[u8]) -> Result<(Version, u16), ResponseError> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', a, b, c, rest @ ..] = line else {
        return Err(ResponseError::StatusLine);
    };
    let version = match minor {
        b'0' => Version::Http10,
        b'1'..=b'9' => Version::Http11,
        _ => return Err(ResponseError::StatusLine),
    };
    let digit = |byte: &u8| byte.checked_sub(b'0').filter(|digit| *digit <= 9).map(u16::from);
    let status = match (digit(a), digit(b), digit(c)) {
        (Some(a), Some(b), Some(c)) if a > 0 => a * 100 + b * 10 + c,
        _ => return Err(ResponseError::StatusLine),
    };
    let well_formed = match rest {
        [] => true,
        [b' ', reason @ ..] => !reason.iter().any(|byte| is_control(*byte)),
        _ => false,
    };
    if well_formed { Ok((version, status)) } else { Err(ResponseError::StatusLine) }
}

/// RFC 9112 §5.1: "A proxy MUST remove any such whitespace from a response message", meaning that
/// between a name and its colon.
#[cold]
fn mend_names(buf: &[u8], fields: &mut Fields) -> Result<(), ResponseError> {
    for field in &mut fields.0 {
        if field.kind != FieldKind::NotToken {
            continue;
        }
        let name = trim_end(field.name.of(buf));
        if !is_token(name) {
            return Err(ResponseError::Header);
        }
        // It stays `NotToken`, so that it is written from its parts, unless it means something.
        match FieldKind::of_token(name, all(name, PORTABLE)) {
            FieldKind::Other | FieldKind::InvalidName => {}
            _ => return Err(ResponseError::Header),
        }
        field.name.end = field.name.start + name.len() as u32;
    }
    Ok(())
}

/// Gathers what the headers mean: RFC 9112 §6.3 for the body, §9.3 for the connection.
fn read(
    buf: &[u8],
    fields: &Fields,
    request: Method,
    mut head: ResponseHead,
) -> Result<ResponseHead, ResponseError> {
    let mut claims = Claims::default();
    let (mut close, mut keep_alive, mut upgrade) = (false, false, false);
    for field in fields {
        match field.kind {
            FieldKind::ContentLength | FieldKind::TransferEncoding => {
                claims.add(field, buf).map_err(|_| ResponseError::Framing)?;
            }
            FieldKind::Connection => {
                for option in list(field.value.of(buf)) {
                    if option.eq_ignore_ascii_case(b"close") {
                        close = true;
                    } else if option.eq_ignore_ascii_case(b"keep-alive") {
                        keep_alive = true;
                    } else if !option.is_empty() && !option.eq_ignore_ascii_case(b"upgrade") {
                        head.quirks.connection_lists = true;
                    }
                }
            }
            FieldKind::Upgrade => upgrade = true,
            _ => {}
        }
    }
    let coded = claims.any_coding();
    if coded && (claims.length.is_some() || head.version == Version::Http10) {
        // Either is how a response is split in two.
        return Err(ResponseError::Framing);
    }
    let without_body = matches!(head.status, 100..=199 | 204);
    head.framing = match (claims.chunked, claims.length) {
        _ if without_body || head.status == 304 || request == Method::Head => Framing::None,
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    };
    head.keep_alive = !close
        && (head.version == Version::Http11 || keep_alive)
        && head.framing != Framing::UntilClose
        // A target that announces a body where none can be may send one.
        && !(without_body && (coded || claims.length.is_some_and(|length| length > 0)));
    head.upgrade = head.status == 101 && upgrade;
    Ok(head)
}

/// Why bytes are no response that can be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    HeadTooLarge,
    StatusLine,
    Header,
    /// The length of the body is said in two ways, or in none that we know.
    Framing,
}

impl ResponseError {
    pub fn refusal(&self) -> Refusal {
        match self {
            ResponseError::HeadTooLarge => Refusal::TargetHeadTooLarge,
            ResponseError::StatusLine | ResponseError::Header | ResponseError::Framing => {
                Refusal::TargetMalformed
            }
        }
    }
}

impl From<LinesError> for ResponseError {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooLarge => ResponseError::HeadTooLarge,
            LinesError::Dangerous | LinesError::Folded => ResponseError::Header,
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseError::HeadTooLarge => "the response headers are too large",
            ResponseError::StatusLine => "the status line is not one of HTTP/1",
            ResponseError::Header => "a response header is malformed",
            ResponseError::Framing => "the length of the response is in doubt",
        })
    }
}

impl std::error::Error for ResponseError {}

#[cfg(test)]
mod tests;
