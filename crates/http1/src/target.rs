//! The request target (RFC 9112 §3.2).

use memchr::memchr;
use model::DesyncReason;

use crate::bytes::{HOST, TARGET, all, class, is_line_breaking};
use crate::lines::Quirks;
use crate::request::RequestError;
use crate::{Method, Reasons, Span};

/// A request target, taken apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target {
    pub path: Span,
    pub query: Span,
    pub has_query: bool,
    /// The authority of an absolute or authority form.
    pub authority: Option<Span>,
}

/// `target` begins at `start` of the buffer.
pub fn parse_target(
    start: usize,
    target: &[u8],
    method: Method,
    quirks: &mut Quirks,
    reasons: &mut Reasons,
) -> Result<Target, RequestError> {
    if !all(target, TARGET) {
        check_bytes(target, quirks, reasons)?;
    }
    match target {
        [b'/', ..] => Ok(path_and_query(start, target)),
        b"*" if method == Method::Options => {
            Ok(Target { path: Span::new(start, start + 1), ..Target::default() })
        }
        // Refused for its method; the form must not hide that.
        _ if method == Method::Connect => {
            let authority = Some(Span::new(start, start + target.len()));
            Ok(Target { authority, ..Target::default() })
        }
        _ => absolute(start, target, quirks),
    }
}

fn path_and_query(start: usize, target: &[u8]) -> Target {
    let end = start + target.len();
    match memchr(b'?', target) {
        None => Target { path: Span::new(start, end), ..Target::default() },
        Some(at) => Target {
            path: Span::new(start, start + at),
            query: Span::new(start + at + 1, end),
            has_query: true,
            authority: None,
        },
    }
}

/// `absolute-form = absolute-URI`, of the schemes that a gateway serves.
fn absolute(start: usize, target: &[u8], quirks: &mut Quirks) -> Result<Target, RequestError> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        })
        .ok_or(RequestError::TargetForm)?;
    let rest = &target[scheme.len()..];
    let length = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let authority = &rest[..length];
    if rest.get(length) == Some(&b'#') {
        // Nothing of it is a path or a query.
        return Err(RequestError::TargetForm);
    }
    if authority.is_empty() || !is_host(authority) {
        return Err(RequestError::Host);
    }
    quirks.absolute = true;
    let authority_start = start + scheme.len();
    let mut parsed = path_and_query(authority_start + length, &rest[length..]);
    if parsed.path.is_empty() {
        // An empty path is `/` (RFC 9110 §4.2.3), and the scheme has one to point at.
        parsed.path = Span::new(authority_start - 1, authority_start);
    }
    parsed.authority = Some(Span::new(authority_start, authority_start + length));
    Ok(parsed)
}

/// ALB.md §6c: `BadUri`, `SpaceInUri`, `AmbiguousUri`.
#[cold]
fn check_bytes(
    target: &[u8],
    quirks: &mut Quirks,
    reasons: &mut Reasons,
) -> Result<(), RequestError> {
    for &byte in target {
        if is_line_breaking(byte) {
            return Err(RequestError::Target);
        }
        match byte {
            _ if class(byte) & TARGET != 0 => {}
            b'#' => quirks.target_unclean = true,
            b' ' => {
                quirks.target_unclean = true;
                reasons.insert(DesyncReason::SpaceInUri);
            }
            _ => {
                quirks.target_unclean = true;
                reasons.insert(DesyncReason::AmbiguousUri);
            }
        }
    }
    Ok(())
}

/// Whether it may stand in a `Host` header; the empty one may (RFC 9110 §7.2).
pub fn is_host(host: &[u8]) -> bool {
    all(host, HOST)
}

/// Appends a part of a target so that no byte of it can end the target or the line.
pub fn push_clean(out: &mut Vec<u8>, part: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in part {
        if class(byte) & TARGET != 0 {
            out.push(byte);
        } else {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}
