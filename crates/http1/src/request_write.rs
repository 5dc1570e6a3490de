//! The head that goes to a target (ALB.md §6a).

use crate::bytes::{list, push_decimal, push_field, push_field_tame};
use crate::copy::{Copier, is_listed};
use crate::target::push_clean;
use crate::{Field, FieldKind, Fields, Framing, RequestHead};

/// What a load balancer changes about a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestEdit<'a> {
    pub host: HostEdit<'a>,
    /// Replaces path and query.
    pub target: Option<&'a [u8]>,
    pub forwarded_for: ForwardedFor<'a>,
    pub scheme: &'a str,
    pub port: &'a str,
    /// Replaces any.
    pub trace_id: &'a [u8],
    pub drop_invalid_names: bool,
    pub upgrade: bool,
    /// Version and cipher suite, for `x-amzn-tls-version` and `x-amzn-tls-cipher-suite`.
    pub tls: Option<(&'a str, &'a str)>,
    pub client: Option<ClientCertificate<'a>>,
}

/// What a target is told of a client's certificate (ALB.md §3d).
#[derive(Clone, Copy, Debug)]
pub enum ClientCertificate<'a> {
    /// URL-encoded PEM, leaf first.
    Unjudged { chain: &'a str },
    Verified {
        serial: &'a str,
        issuer: &'a str,
        subject: &'a str,
        validity: &'a str,
        /// URL-encoded PEM.
        leaf: &'a str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostEdit<'a> {
    /// As it came, duplicates included; but the authority of an absolute target wins.
    Keep,
    Set(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedFor<'a> {
    Append(&'a [u8]),
    Preserve,
    Remove,
}

/// Appends the head to `out`. Exactly one framing header leaves, and nothing that was meant for
/// us alone.
pub fn write_request(
    out: &mut Vec<u8>,
    buf: &[u8],
    head: &RequestHead,
    fields: &Fields,
    edit: &RequestEdit<'_>,
) {
    out.reserve(head.len + RESERVE);
    write_line(out, buf, head, edit);
    let host = match edit.host {
        HostEdit::Set(host) => Some(host),
        HostEdit::Keep if head.quirks.absolute => head.host.map(|host| host.of(buf)),
        HostEdit::Keep => None,
    };
    if let Some(host) = host {
        push_field_tame(out, "Host", host);
    }
    let mut copier = Copier::new(out, buf, head.quirks);
    for field in fields {
        let keep = match passes(field, buf, edit) {
            Passing::Always => true,
            Passing::IfHostIsKept => host.is_none(),
            Passing::Unlisted => !head.quirks.connection_lists || !is_listed(field, fields, buf),
            Passing::Never => false,
        };
        if keep {
            copier.keep(field);
        }
    }
    drop(copier);
    write_framing(out, head.framing);
    write_forwarded_for(out, buf, fields, edit.forwarded_for);
    write_own(out, edit);
    out.extend_from_slice(b"\r\n");
}

/// What our own headers take, roughly.
const RESERVE: usize = 320;

/// `METHOD target HTTP/1.1`, in origin form (RFC 9112 §3.2.1).
fn write_line(out: &mut Vec<u8>, buf: &[u8], head: &RequestHead, edit: &RequestEdit<'_>) {
    out.extend_from_slice(head.method_text.of(buf));
    out.push(b' ');
    match edit.target {
        Some(target) => push_clean(out, target),
        None if !head.quirks.target_unclean && !head.quirks.absolute => {
            out.extend_from_slice(head.target.of(buf));
        }
        None => {
            push_clean(out, head.path.of(buf));
            if head.has_query {
                out.push(b'?');
                push_clean(out, head.query.of(buf));
            }
        }
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

enum Passing {
    Always,
    IfHostIsKept,
    /// Unless `Connection` names it.
    Unlisted,
    Never,
}

/// A header that we read or write ourselves cannot be removed by naming it in `Connection`.
#[inline]
fn passes(field: &Field, buf: &[u8], edit: &RequestEdit<'_>) -> Passing {
    use FieldKind::*;
    match field.kind {
        Other | Cookie | Server => Passing::Unlisted,
        InvalidName if edit.drop_invalid_names => Passing::Never,
        InvalidName => Passing::Unlisted,
        Host => Passing::IfHostIsKept,
        ForwardedFor if edit.forwarded_for == self::ForwardedFor::Preserve => Passing::Always,
        Upgrade if edit.upgrade => Passing::Always,
        Expect if field.value.of(buf).eq_ignore_ascii_case(b"100-continue") => Passing::Never,
        Expect => Passing::Unlisted,
        ForwardedFor | Upgrade | Connection | HopByHop | ContentLength | TransferEncoding
        | Forwarded | TraceId | NotToken | LookAlike(_) => Passing::Never,
    }
}

fn write_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        // A request is never closed by its end.
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

/// `existing, CLIENT`, in one line however many there were.
fn write_forwarded_for(out: &mut Vec<u8>, buf: &[u8], fields: &Fields, edit: ForwardedFor<'_>) {
    let ForwardedFor::Append(client) = edit else { return };
    out.extend_from_slice(b"X-Forwarded-For: ");
    let received = fields.iter().filter(|field| field.kind == FieldKind::ForwardedFor);
    for address in received.flat_map(|field| list(field.value.of(buf))) {
        if !address.is_empty() {
            out.extend_from_slice(address);
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(client);
    out.extend_from_slice(b"\r\n");
}

fn write_own(out: &mut Vec<u8>, edit: &RequestEdit<'_>) {
    push_field(out, "X-Forwarded-Proto", edit.scheme.as_bytes());
    push_field(out, "X-Forwarded-Port", edit.port.as_bytes());
    if !edit.trace_id.is_empty() {
        push_field_tame(out, "X-Amzn-Trace-Id", edit.trace_id);
    }
    if let Some((version, cipher)) = edit.tls {
        push_field(out, "x-amzn-tls-version", version.as_bytes());
        push_field(out, "x-amzn-tls-cipher-suite", cipher.as_bytes());
    }
    if let Some(client) = edit.client {
        write_client(out, client);
    }
    if edit.upgrade {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    }
}

#[cold]
fn write_client(out: &mut Vec<u8>, client: ClientCertificate<'_>) {
    match client {
        ClientCertificate::Unjudged { chain } => {
            push_field_tame(out, "X-Amzn-Mtls-Clientcert", chain.as_bytes());
        }
        ClientCertificate::Verified { serial, issuer, subject, validity, leaf } => {
            for (name, value) in [
                ("X-Amzn-Mtls-Clientcert-Serial-Number", serial),
                ("X-Amzn-Mtls-Clientcert-Issuer", issuer),
                ("X-Amzn-Mtls-Clientcert-Subject", subject),
                ("X-Amzn-Mtls-Clientcert-Validity", validity),
                ("X-Amzn-Mtls-Clientcert-Leaf", leaf),
            ] {
                push_field_tame(out, name, value.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests;
