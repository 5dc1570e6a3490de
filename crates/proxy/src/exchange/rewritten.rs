//! What is made of a request: a redirect's address, the results of transforms, and the head that
//! goes to the target.

use http1::Fields;
use model::{ForwardedForMode, InvalidHeaders, Refusal};
use verdict::host::target_host;
use verdict::redirect::{RedirectFacts, location};
use verdict::rewrite::rewrite;

use super::Request;
use crate::connection::Connection;
use crate::core::Core;
use crate::facts::forwarded_address;
use crate::live::Live;

pub fn redirect_location(
    live: &Live,
    request: &mut Request,
    action: &model::Redirect,
) -> Result<(), Refusal> {
    let listener = live.listener(request.listener);
    let mut notes = std::mem::take(&mut request.notes);
    let start = notes.len();
    // The host is in the notes that are being written: it is short, so a copy is kept aside.
    let mut host = [0u8; 256];
    let length = request.host.len().min(host.len());
    host[..length].copy_from_slice(&notes[request.host.start..request.host.start + length]);
    let facts = RedirectFacts {
        protocol: listener.protocol.scheme(),
        host: &host[..length],
        port: listener.port,
        path: request.head.path.of(&request.bytes),
        query: request.head.query.of(&request.bytes),
    };
    let made = location(action, &facts, &mut notes);
    request.location = start..notes.len();
    request.notes = notes;
    made
}

/// Applies the transforms of the rule (ALB.md §4c); few rules have any.
pub fn transform(live: &Live, request: &mut Request, rule: Option<usize>) -> Result<(), Refusal> {
    let rules = &live.listener(request.listener).rules;
    let Some(rule) = rule.and_then(|at| rules.get(at)).filter(|rule| !rule.transforms.is_empty())
    else {
        return Ok(());
    };
    let (mut host, mut url) = (Vec::new(), Vec::new());
    let received_host = request.head.host.map_or(&[][..], |span| span.of(&request.bytes));
    let mut received_url = request.head.path.of(&request.bytes).to_vec();
    if request.head.has_query {
        received_url.push(b'?');
        received_url.extend_from_slice(request.head.query.of(&request.bytes));
    }
    let done = rewrite(&rule.transforms, received_host, &received_url, &mut host, &mut url)?;
    request.record.rewritten();
    if done.host {
        let start = request.notes.len();
        request.notes.extend_from_slice(&host);
        request.rewritten_host = Some(start..request.notes.len());
    }
    if done.url {
        let start = request.notes.len();
        request.notes.extend_from_slice(&url);
        request.rewritten_url = Some(start..request.notes.len());
    }
    Ok(())
}

pub fn write_trace(core: &Core, request: &mut Request, fields: &Fields) {
    let received = fields.values(&request.bytes, "x-amzn-trace-id").next();
    let start = request.notes.len();
    let random: [u8; 12] = core.random.borrow_mut().bytes();
    let seconds = request.record.created_seconds();
    http1::write_trace_id(
        &mut request.notes,
        received,
        seconds as u32,
        &random,
        request.bytes.len(),
    );
    request.trace = start..request.notes.len();
}

/// Writes the head for the target once more, for another attempt. The first one gave its buffer back
/// as soon as it was sent, so that thousands of waiting requests do not fill the processor's cache
/// with heads that hardly ever are sent again.
pub fn target_head_again(core: &Core, live: &Live, connection: &Connection, request: &mut Request) {
    let mut fields = core.fields.borrow_mut();
    // It parsed before.
    if http1::parse_request(&request.bytes, &mut fields).is_ok() {
        request.out = target_head(core, live, connection, request, &fields);
    }
}

/// The head that goes to the target (ALB.md §6a).
pub fn target_head(
    core: &Core,
    live: &Live,
    connection: &Connection,
    request: &Request,
    fields: &Fields,
) -> Vec<u8> {
    let listener = live.listener(request.listener);
    let attributes = &live.load_balancer(connection.load_balancer).attributes;
    let mut host = core.buffers.vector();
    let host_edit = match (&request.rewritten_host, request.head.host) {
        (Some(range), _) => http1::HostEdit::Set(request.note(range)),
        (None, Some(_)) if attributes.preserve_host_header => http1::HostEdit::Keep,
        (None, Some(span)) => {
            target_host(span.of(&request.bytes), listener.port, &mut host);
            http1::HostEdit::Set(&host)
        }
        // HTTP/1.0 without Host: the load balancer's own name; ours is its address.
        (None, None) => {
            use std::io::Write;
            let _ = write!(host, "{}", connection.local);
            http1::HostEdit::Set(&host)
        }
    };
    let mut client = core.buffers.vector();
    let forwarded_for = match attributes.forwarded_for {
        ForwardedForMode::Append => {
            forwarded_address(connection.peer, attributes.forwarded_for_client_port, &mut client);
            http1::ForwardedFor::Append(&client)
        }
        ForwardedForMode::Preserve => http1::ForwardedFor::Preserve,
        ForwardedForMode::Remove => http1::ForwardedFor::Remove,
    };
    let mut port = [0u8; 5];
    let edit = http1::RequestEdit {
        host: host_edit,
        target: request.rewritten_url.as_ref().map(|range| request.note(range)),
        forwarded_for,
        scheme: listener.protocol.scheme(),
        port: decimal(listener.port, &mut port),
        trace_id: request.note(&request.trace),
        drop_invalid_names: attributes.invalid_headers == InvalidHeaders::Drop,
        upgrade: request.head.upgrade,
        tls: connection
            .handshake
            .as_ref()
            .filter(|_| attributes.tls_version_and_cipher_headers)
            .map(|facts| (facts.version, facts.cipher)),
        client: connection.handshake.as_ref().and_then(|facts| facts.client.as_deref()).map(shown),
    };
    let mut out = core.buffers.vector();
    http1::write_request(&mut out, &request.bytes, &request.head, fields, &edit);
    core.buffers.recycle(host);
    core.buffers.recycle(client);
    out
}

fn shown(client: &tls::ClientCertificate) -> http1::ClientCertificate<'_> {
    match &client.presented {
        tls::Presented::Unjudged { chain } => http1::ClientCertificate::Unjudged { chain },
        tls::Presented::Verified { issuer, leaf } => http1::ClientCertificate::Verified {
            serial: &client.serial,
            issuer,
            subject: &client.subject,
            validity: &client.validity,
            leaf,
        },
    }
}

fn decimal(number: u16, out: &mut [u8; 5]) -> &str {
    let mut at = out.len();
    let mut rest = number;
    loop {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    std::str::from_utf8(&out[at..]).unwrap_or_default()
}
