//! What `verdict` asks of a request, read from the bytes of its head.

use std::net::SocketAddr;

use http1::{Fields, Method, RequestHead};
use verdict::request::HeadFacts;
use verdict::route::Headers;

/// The headers of a head, found by scanning: a rule asks for few, and most rules for none.
pub struct HeadHeaders<'a> {
    pub bytes: &'a [u8],
    pub fields: &'a Fields,
}

impl Headers for HeadHeaders<'_> {
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.values(self.bytes, name).any(each)
    }
}

pub fn head_facts(head: &RequestHead) -> HeadFacts {
    HeadFacts {
        refused_method: matches!(head.method, Method::Trace | Method::Connect),
        class: head.class,
        forwarded_addresses: head.forwarded_for_count,
    }
}

/// The address of a client as in `X-Forwarded-For` (ALB.md §6a).
pub fn forwarded_address(peer: SocketAddr, with_port: bool, out: &mut Vec<u8>) {
    use std::io::Write;
    let _ = if with_port { write!(out, "{peer}") } else { write!(out, "{}", peer.ip()) };
}
