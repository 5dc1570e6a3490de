//! Answers that the load balancer makes itself (ALB.md §6e).

use crate::bytes::{is_control, push_decimal, push_field, push_field_tame};

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Generated<'a> {
    pub status: u16,
    /// From [`write_date`](crate::write_date).
    pub date: &'a [u8],
    /// Empty: no `Server` header.
    pub server: &'a str,
    pub keep_alive: bool,
    pub content_type: &'a str,
    pub location: Option<&'a [u8]>,
    pub body: Body<'a>,
    /// The answer to HEAD: the headers as for GET, without the body.
    pub head_only: bool,
    /// Set, or put in the place of ours (ALB.md §2b).
    pub overrides: &'a [(String, String)],
    /// Why, for networks that are trusted with it.
    pub cause: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// ALB's page, titled with status and reason.
    Page,
    /// ALB's page with another title.
    Named(&'a str),
    Text(&'a [u8]),
}

/// Appends a whole answer to `out`.
pub fn write_generated(out: &mut Vec<u8>, g: &Generated<'_>) {
    let reason = reason_phrase(g.status);
    let title = Title { status: g.status, reason };
    out.extend_from_slice(b"HTTP/1.1 ");
    title.write(out);
    out.extend_from_slice(b"\r\n");
    let own = |name: &str| !g.overrides.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !g.server.is_empty() && own("Server") {
        push_field_tame(out, "Server", g.server.as_bytes());
    }
    push_field(out, "Date", g.date);
    // RFC 9110 §8.6, §15.3.5: these have no body, and say so by themselves.
    let has_body = !matches!(g.status, 100..=199 | 204 | 304);
    if has_body {
        write_content_headers(out, g, title);
    }
    if let Some(location) = g.location {
        push_field_tame(out, "Location", location);
    }
    if let Some(cause) = g.cause {
        push_field_tame(out, "X-Pointsman-Cause", cause.as_bytes());
    }
    for (name, value) in g.overrides {
        push_field_tame(out, name, value.as_bytes());
    }
    push_field(out, "Connection", if g.keep_alive { b"keep-alive" } else { b"close" });
    out.extend_from_slice(b"\r\n");
    if has_body && !g.head_only {
        match g.body {
            Body::Page => title.write_page(out),
            Body::Named(name) => write_page(out, |out| out.extend_from_slice(name.as_bytes())),
            Body::Text(text) => out.extend_from_slice(text),
        }
    }
}

fn write_content_headers(out: &mut Vec<u8>, g: &Generated<'_>, title: Title) {
    out.extend_from_slice(b"Content-Type: ");
    out.extend(g.content_type.bytes().filter(|byte| !is_control(*byte)));
    let length = match g.body {
        Body::Page => PAGE_FRAME + 2 * title.len(),
        Body::Named(name) => PAGE_FRAME + 2 * name.len(),
        Body::Text(text) => {
            if !g.content_type.contains("charset=") {
                out.extend_from_slice(b"; charset=utf-8");
            }
            text.len()
        }
    };
    out.extend_from_slice(b"\r\nContent-Length: ");
    push_decimal(out, length as u64);
    out.extend_from_slice(b"\r\n");
}

/// `503 Service Temporarily Unavailable`.
#[derive(Clone, Copy)]
struct Title {
    status: u16,
    reason: &'static str,
}

impl Title {
    fn len(self) -> usize {
        let digits = self.status.checked_ilog10().unwrap_or(0) as usize + 1;
        digits + 1 + self.reason.len()
    }

    fn write(self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.status));
        out.push(b' ');
        out.extend_from_slice(self.reason.as_bytes());
    }

    fn write_page(self, out: &mut Vec<u8>) {
        write_page(out, |out| self.write(out));
    }
}

const BEFORE_TITLE: &[u8] = b"<html>\r\n<head><title>";
const BEFORE_HEADING: &[u8] = b"</title></head>\r\n<body>\r\n<center><h1>";
const AFTER_HEADING: &[u8] = b"</h1></center>\r\n</body>\r\n</html>\r\n";
const PAGE_FRAME: usize = BEFORE_TITLE.len() + BEFORE_HEADING.len() + AFTER_HEADING.len();

fn write_page(out: &mut Vec<u8>, title: impl Fn(&mut Vec<u8>)) {
    out.extend_from_slice(BEFORE_TITLE);
    title(out);
    out.extend_from_slice(BEFORE_HEADING);
    title(out);
    out.extend_from_slice(AFTER_HEADING);
}

/// As nginx and ALB's pages say it, not RFC 9110: clients see these words (ALB.md §6e).
///
/// 460 to 562 are ALB's own; AWS documents words only for 561 and 562.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Authorization Required",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        460 => "Client Closed Request",
        463 => "Too Many Forwarded Addresses",
        464 => "Incompatible Protocol Version",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        561 => "Unauthorized",
        562 => "JWKS Request Failed",
        _ => match status / 100 {
            1 => "Information",
            2 => "Success",
            3 => "Redirect",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}

#[cfg(test)]
mod tests;
