//! The request head (RFC 9112 §3, §5).

use memchr::{memchr, memrchr};
use model::{DesyncClass, DesyncReason};

use crate::bytes::{is_token, list, trim_end};
use crate::framing::{Claims, request_framing};
use crate::lines::{Census, Lines, Quirks, head_end, parse_fields};
use crate::target::{Target, is_host, parse_target};
use crate::{
    FieldKind, Fields, Framing, HEADER_LINE_MAX, LEADING_EMPTY_LINES_MAX, Parsed, REQUEST_HEAD_MAX,
    REQUEST_LINE_MAX, Reasons, Span,
};

mod error;

pub use error::RequestError;

/// What a request head says. The spans are offsets into the buffer that was parsed.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead {
    /// Bytes of the head, with what was skipped before it; the body begins here.
    pub len: usize,
    pub method: Method,
    pub method_text: Span,
    /// As sent.
    pub target: Span,
    /// Of an absolute form, its path; `*` of the asterisk form; empty of the authority form.
    pub path: Span,
    /// Without the `?`.
    pub query: Span,
    pub has_query: bool,
    /// The authority of an absolute target, else the first `Host` (ALB.md §6a).
    pub host: Option<Span>,
    pub version: Version,
    pub framing: Framing,
    /// The client allows another request, and the framing is beyond doubt.
    pub keep_alive: bool,
    /// `Connection` lists `upgrade`, `Upgrade` is there, and it is not to HTTP/2.
    pub upgrade: bool,
    pub websocket: bool,
    pub expect_continue: bool,
    /// Addresses in all `X-Forwarded-For` headers.
    pub forwarded_for_count: u32,
    pub class: DesyncClass,
    pub reasons: Reasons,
    /// There are names outside `[-A-Za-z0-9]+` (ALB.md §6c).
    pub invalid_names: bool,
    pub(crate) quirks: Quirks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    /// And 1.2 to 1.9, which are treated as 1.1 (RFC 9110 §2.5).
    Http11,
}

/// The methods that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Trace,
    Connect,
    Other,
}

impl Method {
    fn of(text: &[u8]) -> Self {
        match text {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// The methods for which ALB finds a body doubtful (ALB.md §6c).
    pub(crate) fn is_bodyless(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

/// How many addresses an `X-Forwarded-For` names; empty elements are none (RFC 9110 §5.6.1.2).
pub fn forwarded_addresses(value: &[u8]) -> u32 {
    let count = list(value).filter(|address| !address.is_empty()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Doubts about where this request ends. Whatever the mode, the connection is not used again:
/// what follows could be part of this request in someone else's reading (RFC 9112 §6.1, §6.3).
const DOUBTFUL_END: Reasons = Reasons::of(&[
    DesyncReason::BothTeClPresent,
    DesyncReason::SuspiciousHeader,
    DesyncReason::SuspiciousTeClPresent,
    DesyncReason::UndefinedTransferEncodingSemantics,
    DesyncReason::EmptyHeader,
    DesyncReason::MissingHeaderColon,
]);

/// Parses the head at the beginning of `buf`.
///
/// An error is a request that cannot be routed in any desync mode. What has one safe reading
/// succeeds, with the doubts in `class` and `reasons`. The limits hold for partial heads as well.
pub fn parse_request(buf: &[u8], fields: &mut Fields) -> Result<Parsed<RequestHead>, RequestError> {
    fields.0.clear();
    let (start, bare) = skip_empty_lines(buf)?;
    let Some(end) = head_end(buf, start)? else {
        check_partial(&buf[start..])?;
        return Ok(Parsed::Partial);
    };
    let mut lines = Lines::new(buf, start, end);
    let (mut quirks, mut reasons) = (Quirks::default(), Reasons::NONE);
    if bare {
        reasons.insert(DesyncReason::NonCrLfLineTermination);
    }
    // `head_end` found a line.
    let (_, line) = lines.next_line().ok_or(RequestError::Method)?;
    if line.len() > REQUEST_LINE_MAX {
        return Err(RequestError::LineTooLong);
    }
    if end - start > REQUEST_HEAD_MAX {
        return Err(RequestError::HeadTooLarge);
    }
    let line = parse_line(start, line, &mut quirks, &mut reasons)?;
    let census = Census::of(&buf[start..end]);
    parse_fields(&mut lines, census, fields, &mut quirks, &mut reasons)?;
    read(buf, end, &line, fields, quirks, reasons).map(Parsed::Complete)
}

/// RFC 9112 §2.2: empty lines before the request line are ignored. Answers where the request begins,
/// and whether one of the lines was a LF alone.
fn skip_empty_lines(buf: &[u8]) -> Result<(usize, bool), RequestError> {
    let (mut start, mut bare) = (0, false);
    for _ in 0..=LEADING_EMPTY_LINES_MAX {
        match buf.get(start..) {
            Some([b'\r', b'\n', ..]) => start += 2,
            Some([b'\n', ..]) => {
                start += 1;
                bare = true;
            }
            _ => return Ok((start, bare)),
        }
    }
    Err(RequestError::Method)
}

/// What can be said before the head is whole.
fn check_partial(head: &[u8]) -> Result<(), RequestError> {
    // No method: TLS on a plain port, say. Nothing that follows can mend it.
    let method = head.split(|byte| matches!(byte, b' ' | b'\n')).next().unwrap_or_default();
    let complete = method.len() < head.len();
    let method = method.strip_suffix(b"\r").unwrap_or(method);
    let begun = !complete && method.is_empty();
    if !begun && (!is_token(method) || method.len() > METHOD_MAX) {
        return Err(RequestError::Method);
    }
    // The ends of lines may not have come yet.
    let first = memchr(b'\n', head).unwrap_or(head.len());
    let last = memrchr(b'\n', head).map_or(head.len(), |at| at + 1);
    if first > REQUEST_LINE_MAX + 1 {
        Err(RequestError::LineTooLong)
    } else if head.len() - last > HEADER_LINE_MAX + 1 || head.len() > REQUEST_HEAD_MAX {
        Err(RequestError::HeadTooLarge)
    } else {
        Ok(())
    }
}

/// Longer than any method that is registered, several times over.
const METHOD_MAX: usize = 128;

struct Line {
    method: Method,
    method_text: Span,
    version: Version,
    target_text: Span,
    target: Target,
}

/// `request-line = method SP request-target SP HTTP-version` (RFC 9112 §3).
fn parse_line(
    start: usize,
    line: &[u8],
    quirks: &mut Quirks,
    reasons: &mut Reasons,
) -> Result<Line, RequestError> {
    let trimmed = trim_end(line);
    if trimmed.len() < line.len() {
        reasons.insert(DesyncReason::NonCompliantVersion);
    }
    let method_end = memchr(b' ', trimmed).unwrap_or(trimmed.len());
    let method_text = &trimmed[..method_end];
    if !is_token(method_text) || method_text.len() > METHOD_MAX {
        return Err(RequestError::Method);
    }
    let version_start = memrchr(b' ', trimmed).ok_or(RequestError::TargetMissing)?;
    let version_text = &trimmed[version_start + 1..];
    if version_start == method_end {
        return Err(if version_text.starts_with(b"HTTP/") {
            RequestError::TargetMissing
        } else {
            RequestError::SimpleRequest
        });
    }
    let (mut from, mut to) = (method_end + 1, version_start);
    while from < to && trimmed[from] == b' ' {
        from += 1;
    }
    while from < to && trimmed[to - 1] == b' ' {
        to -= 1;
    }
    if to - from != version_start - method_end - 1 {
        reasons.insert(DesyncReason::SpaceInUri);
    }
    if from == to {
        return Err(RequestError::TargetMissing);
    }
    let version = parse_version(version_text, reasons)?;
    let method = Method::of(method_text);
    let target = parse_target(start + from, &trimmed[from..to], method, quirks, reasons)?;
    Ok(Line {
        method,
        method_text: Span::new(start, start + method_end),
        version,
        target_text: Span::new(start + from, start + to),
        target,
    })
}

/// `HTTP-version = "HTTP/" DIGIT "." DIGIT`.
fn parse_version(text: &[u8], reasons: &mut Reasons) -> Result<Version, RequestError> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => {
            reasons.insert(DesyncReason::NonCompliantVersion);
            Ok(Version::Http11)
        }
        b"HTTP/0.9" => Err(RequestError::SimpleRequest),
        [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', b'.', b'0'..=b'9'] => {
            Err(RequestError::VersionUnsupported)
        }
        _ => Err(RequestError::Version),
    }
}

/// Gathers what the headers mean.
fn read(
    buf: &[u8],
    end: usize,
    line: &Line,
    fields: &Fields,
    mut quirks: Quirks,
    mut reasons: Reasons,
) -> Result<RequestHead, RequestError> {
    let mut seen = Seen::default();
    for field in fields {
        seen.add(field, buf)?;
    }
    let host = line.target.authority.or(seen.host);
    if host.is_none() && line.version == Version::Http11 {
        // RFC 9112 §3.2: "MUST respond with a 400".
        return Err(RequestError::HostMissing);
    }
    let framing =
        request_framing(buf, fields, seen.claims, line.method, line.version, &mut reasons)?;
    quirks.connection_lists = seen.connection_lists;
    let upgrade =
        seen.upgrade_listed && seen.upgrade && !seen.http2 && line.version == Version::Http11;
    let persistent = match line.version {
        Version::Http11 => !seen.close,
        Version::Http10 => seen.keep_alive && !seen.close,
    };
    Ok(RequestHead {
        len: end,
        method: line.method,
        method_text: line.method_text,
        target: line.target_text,
        path: line.target.path,
        query: line.target.query,
        has_query: line.target.has_query,
        host,
        version: line.version,
        framing,
        keep_alive: persistent && !reasons.intersects(DOUBTFUL_END),
        upgrade,
        websocket: upgrade && seen.websocket,
        expect_continue: seen.expect_continue && line.version == Version::Http11,
        forwarded_for_count: seen.forwarded_for_count,
        class: reasons.class(),
        reasons,
        invalid_names: seen.invalid_names,
        quirks,
    })
}

/// What the headers of a request add up to.
#[derive(Default)]
struct Seen {
    claims: Claims,
    host: Option<Span>,
    close: bool,
    keep_alive: bool,
    upgrade_listed: bool,
    connection_lists: bool,
    upgrade: bool,
    websocket: bool,
    http2: bool,
    expect_continue: bool,
    forwarded_for_count: u32,
    invalid_names: bool,
}

impl Seen {
    #[inline]
    fn add(&mut self, field: &crate::Field, buf: &[u8]) -> Result<(), RequestError> {
        use FieldKind::*;
        let value = || field.value.of(buf);
        match field.kind {
            Other | Cookie | Server | HopByHop | Forwarded | TraceId => {}
            ContentLength | TransferEncoding => {
                self.claims.add(field, buf).map_err(RequestError::Framing)?;
            }
            Host => {
                if !is_host(value()) {
                    return Err(RequestError::Host);
                }
                self.host = self.host.or(Some(field.value));
            }
            Connection => list(value()).for_each(|option| self.add_option(option)),
            Upgrade => {
                self.upgrade = true;
                for protocol in list(value()) {
                    self.websocket |= protocol.eq_ignore_ascii_case(b"websocket");
                    // RFC 9113 §3.1 withdrew it, and behind it rules do not hold.
                    self.http2 |=
                        protocol.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case(b"h2"));
                }
            }
            Expect => self.expect_continue |= value().eq_ignore_ascii_case(b"100-continue"),
            ForwardedFor => {
                self.forwarded_for_count += forwarded_addresses(value());
            }
            InvalidName | NotToken | LookAlike(_) => self.invalid_names = true,
        }
        Ok(())
    }

    /// One option of `Connection` (RFC 9110 §7.6.1).
    fn add_option(&mut self, option: &[u8]) {
        if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
        } else if option.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade_listed = true;
        } else if !option.is_empty() {
            self.connection_lists = true;
        }
    }
}

#[cfg(test)]
mod tests;
