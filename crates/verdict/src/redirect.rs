//! Where a redirect leads (ALB.md §4c).

use std::io::Write;

use model::{Redirect, Refusal, Template, TemplatePart};

/// ALB.md §4c, 507.
pub const LOCATION_MAX: usize = 8 * 1024;

/// The parts of the request that placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct RedirectFacts<'a> {
    /// `http` or `https`.
    pub protocol: &'a str,
    /// Without a port; empty if the request has none.
    pub host: &'a [u8],
    pub port: u16,
    /// As it was sent.
    pub path: &'a [u8],
    /// Without the question mark.
    pub query: &'a [u8],
}

/// Appends the value of `Location` to `out`: absolute, with an explicit port (ALB.md §6e).
pub fn location(
    redirect: &Redirect,
    request: &RedirectFacts<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let start = out.len();
    if request.host.is_empty() && uses_host(redirect) {
        return Err(Refusal::RouteNoHost);
    }
    let scheme_start = out.len();
    fill(&redirect.protocol, request, out);
    out[scheme_start..].make_ascii_lowercase();
    out.extend_from_slice(b"://");
    fill(&redirect.host, request, out);
    out.push(b':');
    fill(&redirect.port, request, out);
    fill(&redirect.path, request, out);
    let before_query = out.len();
    out.push(b'?');
    fill(&redirect.query, request, out);
    if out.len() == before_query + 1 {
        out.truncate(before_query);
    }
    if out.len() - start > LOCATION_MAX {
        out.truncate(start);
        return Err(Refusal::RouteRedirectTooLong);
    }
    Ok(())
}

fn uses_host(redirect: &Redirect) -> bool {
    [&redirect.host, &redirect.path, &redirect.query]
        .iter()
        .any(|template| template.0.contains(&TemplatePart::Host))
}

fn fill(template: &Template, request: &RedirectFacts<'_>, out: &mut Vec<u8>) {
    for part in &template.0 {
        match part {
            TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::Protocol => out.extend_from_slice(request.protocol.as_bytes()),
            TemplatePart::Host => out.extend_from_slice(request.host),
            TemplatePart::Port => {
                let _ = write!(out, "{}", request.port);
            }
            TemplatePart::Path => {
                out.extend_from_slice(request.path.strip_prefix(b"/").unwrap_or(request.path));
            }
            TemplatePart::Query => out.extend_from_slice(request.query),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RedirectStatus;

    fn redirect(protocol: &str, host: &str, port: &str, path: &str, query: &str) -> Redirect {
        let t = |s: &str| Template::parse(s).unwrap();
        Redirect {
            status: RedirectStatus::MovedPermanently,
            protocol: t(protocol),
            host: t(host),
            port: t(port),
            path: t(path),
            query: t(query),
        }
    }

    const FACTS: RedirectFacts<'_> = RedirectFacts {
        protocol: "http",
        host: b"a.example",
        port: 80,
        path: b"/x/y",
        query: b"q=1",
    };

    #[test]
    fn placeholders() {
        let rows = [
            (
                redirect("HTTPS", "#{host}", "443", "/#{path}", "#{query}"),
                "https://a.example:443/x/y?q=1",
            ),
            (redirect("#{protocol}", "b.example", "#{port}", "/", ""), "http://b.example:80/"),
            (
                redirect(
                    "#{protocol}",
                    "www.#{host}",
                    "#{port}",
                    "/p/#{host}/#{path}",
                    "from=#{host}&#{query}",
                ),
                "http://www.a.example:80/p/a.example/x/y?from=a.example&q=1",
            ),
        ];
        for (redirect, expected) in rows {
            let mut out = Vec::new();
            location(&redirect, &FACTS, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn limits() {
        let mut out = b"x".to_vec();
        let same = redirect("HTTPS", "#{host}", "443", "/#{path}", "#{query}");
        let no_host = RedirectFacts { host: b"", ..FACTS };
        assert_eq!(location(&same, &no_host, &mut out), Err(Refusal::RouteNoHost));
        let long = vec![b'a'; LOCATION_MAX];
        let long = RedirectFacts { path: &long, ..FACTS };
        assert_eq!(location(&same, &long, &mut out), Err(Refusal::RouteRedirectTooLong));
        assert_eq!(out, b"x");
    }
}
