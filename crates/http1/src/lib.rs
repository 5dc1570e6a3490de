//! The HTTP/1 codec: bytes in, heads and framing out (RFC 9110, RFC 9112, ALB.md §6).
//!
//! Heads are parsed where they lie: a [`RequestHead`] or [`ResponseHead`] and its [`Fields`] are
//! offsets into the caller's buffer, and nothing is allocated per message. Heads are written by
//! copying runs of unchanged lines, so that what was not touched leaves as it came. Whatever is
//! passed on has exactly one meaning: one framing header, no look-alikes, no bytes that another
//! program could read as something else (DECISIONS 16).
//!
//! This crate must not know sockets, clocks, random numbers, rules or targets: the class of a
//! request is found here, what becomes of it is decided in `verdict`.
//!
//! Start at [`parse_request`], [`write_request`] and [`Chunks`].

mod bytes;
mod copy;
mod field;
mod lines;
mod span;
#[cfg(test)]
mod test_bytes;

mod framing;
mod reasons;
mod request;
mod response;
mod target;

mod chunked;
mod date;
mod generated;
mod probe;
mod request_write;
mod response_write;
mod trace;

pub use chunked::{ChunkError, Chunks, EXTENSIONS_MAX, Fed, TRAILER_NAME_MAX, TRAILERS_MAX};
pub use date::write_date;
pub use field::{Field, FieldKind, Fields, Framer};
pub use framing::{Framing, FramingError};
pub use generated::{Body, Generated, reason_phrase, write_generated};
pub use probe::write_probe;
pub use reasons::Reasons;
pub use request::{Method, RequestError, RequestHead, Version, forwarded_addresses, parse_request};
pub use request_write::{ClientCertificate, ForwardedFor, HostEdit, RequestEdit, write_request};
pub use response::{ResponseError, ResponseHead, parse_response};
pub use response_write::{ResponseEdit, write_interim, write_response};
pub use span::Span;
pub use trace::{TRACE_HEADERS_MAX, write_trace_id};

/// ALB.md §6b, "request line 16 KB".
pub const REQUEST_LINE_MAX: usize = 16 * 1024;
/// ALB.md §6b, "one header 16 KB".
pub const HEADER_LINE_MAX: usize = 16 * 1024;
/// ALB.md §6b, "all request headers 64 KB".
pub const REQUEST_HEAD_MAX: usize = 64 * 1024;
/// ALB.md §6b, "response headers 32 KB".
pub const RESPONSE_HEAD_MAX: usize = 32 * 1024;
/// Lines in a head: bounds what [`Fields`] can grow to.
pub const FIELDS_MAX: usize = 500;
/// Empty lines skipped before a request line (RFC 9112 §2.2 asks for "at least one").
pub const LEADING_EMPTY_LINES_MAX: usize = 4;

/// What a buffer held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    Complete(T),
    /// Nothing is wrong so far; call again with more bytes behind these.
    Partial,
}
