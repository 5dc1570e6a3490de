//! The head that goes to the client (ALB.md §2b, §6b).

use crate::bytes::{decimal, push_decimal, push_field_tame};
use crate::copy::{Copier, is_listed};
use crate::{Field, FieldKind, Fields, Framing, ResponseHead};

/// What a load balancer changes about a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseEdit<'a> {
    /// Say `Connection: close`.
    pub close: bool,
    /// Say `Connection: keep-alive`, which HTTP/1.0 clients want to hear.
    pub keep_alive_header: bool,
    /// How the client gets the body.
    pub framing: Framing,
    pub remove_server: bool,
    /// Replace the target's headers of these names (ALB.md §2b).
    pub overrides: &'a [(String, String)],
    /// Whole lines, such as `Set-Cookie`.
    pub raw_headers: &'a [u8],
    pub upgrade: bool,
}

/// Appends the head to `out`. Exactly one framing header leaves; what is not the next hop's
/// business stays byte for byte.
pub fn write_response(
    out: &mut Vec<u8>,
    buf: &[u8],
    head: &ResponseHead,
    fields: &Fields,
    edit: &ResponseEdit<'_>,
) {
    out.reserve(head.len + edit.raw_headers.len() + RESERVE);
    write_line(out, buf, head);
    let mut announcement = Announcement::of(head, edit.framing);
    let mut copier = Copier::new(out, buf, head.quirks);
    for field in fields {
        match field.kind {
            FieldKind::ContentLength | FieldKind::TransferEncoding => {
                announcement.meet(field, buf, &mut copier);
            }
            _ if drops(field, head, edit.upgrade, fields, buf) => {}
            FieldKind::Server if edit.remove_server => {}
            _ if overridden(field, buf, edit.overrides) => {}
            _ => copier.keep(field),
        }
    }
    announcement.write(copier.insert());
    drop(copier);
    for (name, value) in edit.overrides {
        push_field_tame(out, name, value.as_bytes());
    }
    out.extend_from_slice(edit.raw_headers);
    if edit.upgrade {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if edit.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if edit.keep_alive_header {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// What our own headers take, roughly.
const RESERVE: usize = 96;

/// Appends an interim response (RFC 9110 §15.2), such as 103.
pub fn write_interim(out: &mut Vec<u8>, buf: &[u8], head: &ResponseHead, fields: &Fields) {
    write_line(out, buf, head);
    let mut copier = Copier::new(out, buf, head.quirks);
    for field in fields {
        let framing = matches!(field.kind, FieldKind::ContentLength | FieldKind::TransferEncoding);
        if !framing && !drops(field, head, false, fields, buf) {
            copier.keep(field);
        }
    }
    drop(copier);
    out.extend_from_slice(b"\r\n");
}

/// Always HTTP/1.1: a gateway says its own version (RFC 9110 §2.5).
fn write_line(out: &mut Vec<u8>, buf: &[u8], head: &ResponseHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(head.status));
    out.push(b' ');
    out.extend_from_slice(head.reason.of(buf));
    out.extend_from_slice(b"\r\n");
}

/// Whether it is meant for us alone.
fn drops(field: &Field, head: &ResponseHead, upgrade: bool, fields: &Fields, buf: &[u8]) -> bool {
    use FieldKind::*;
    match field.kind {
        Connection | HopByHop | ContentLength | TransferEncoding | LookAlike(_) => true,
        // Outside a switch it offers what the client cannot have through us.
        Upgrade => !upgrade,
        Other | Cookie | Server | Host | Expect | ForwardedFor | Forwarded | TraceId
        | InvalidName | NotToken => head.quirks.connection_lists && is_listed(field, fields, buf),
    }
}

fn overridden(field: &Field, buf: &[u8], overrides: &[(String, String)]) -> bool {
    overrides.iter().any(|(name, _)| field.name.of(buf).eq_ignore_ascii_case(name.as_bytes()))
}

/// The one framing header: where the target's stood, else at the end.
enum Announcement {
    /// To be said.
    Due(Framing),
    /// There is no body here, but the target may say how long it would be (RFC 9110 §8.6).
    Hypothetical,
    Settled,
}

impl Announcement {
    fn of(head: &ResponseHead, framing: Framing) -> Self {
        match framing {
            // RFC 9110 §8.6: neither header in 1xx and 204.
            Framing::None if matches!(head.status, 100..=199 | 204) => Announcement::Settled,
            Framing::None => Announcement::Hypothetical,
            Framing::UntilClose => Announcement::Settled,
            Framing::Length(_) | Framing::Chunked => Announcement::Due(framing),
        }
    }

    /// Comes to one of the target's framing headers.
    fn meet(&mut self, field: &Field, buf: &[u8], copier: &mut Copier<'_>) {
        let value = field.value.of(buf);
        let canonical = field.kind == FieldKind::ContentLength
            && (value.len() == 1 || !value.starts_with(b"0"));
        let stays = match self {
            Announcement::Due(Framing::Length(length)) => {
                canonical && decimal(value) == Some(*length)
            }
            Announcement::Hypothetical => canonical,
            Announcement::Due(_) | Announcement::Settled => false,
        };
        match self {
            _ if stays => {
                copier.keep(field);
                *self = Announcement::Settled;
            }
            Announcement::Due(_) => self.write(copier.insert()),
            Announcement::Hypothetical | Announcement::Settled => {}
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(self, Announcement::Settled) {
            Announcement::Due(Framing::Length(length)) => {
                out.extend_from_slice(b"Content-Length: ");
                push_decimal(out, length);
                out.extend_from_slice(b"\r\n");
            }
            Announcement::Due(Framing::Chunked) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            Announcement::Due(Framing::None | Framing::UntilClose)
            | Announcement::Hypothetical
            | Announcement::Settled => {}
        }
    }
}

#[cfg(test)]
mod tests;
