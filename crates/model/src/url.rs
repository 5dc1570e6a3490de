use std::fmt;
use std::net::IpAddr;

/// An `http` or `https` address, as a person types it (RFC 3986, without a fragment).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    pub scheme: UrlScheme,
    /// Lower case, without a final dot; an IPv6 address without its brackets.
    pub host: String,
    /// As written, or the scheme's own.
    pub port: u16,
    /// Begins with `/`.
    pub path: String,
    /// Without the question mark.
    pub query: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UrlScheme {
    Http,
    Https,
}

/// Lengths beyond what our own listeners take in a request line.
const LENGTH_MAX: usize = 16 * 1024;

/// What is wrong with it, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    pub message: String,
    pub hint: String,
}

impl UrlScheme {
    pub const fn name(self) -> &'static str {
        match self {
            UrlScheme::Http => "http",
            UrlScheme::Https => "https",
        }
    }

    pub const fn default_port(self) -> u16 {
        match self {
            UrlScheme::Http => 80,
            UrlScheme::Https => 443,
        }
    }
}

impl Url {
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let wrong = |message: String, hint: &str| UrlError { message, hint: hint.to_owned() };
        let example = "write `https://example.com/path`";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong(format!("`{text}` has no scheme"), example));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => UrlScheme::Http,
            "https" => UrlScheme::Https,
            other => {
                return Err(wrong(
                    format!("`{other}` is no scheme of the web"),
                    "it is `http` or `https`",
                ));
            }
        };
        if text.len() > LENGTH_MAX {
            return Err(wrong("the address is over 16 KB".to_owned(), "shorten it"));
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(wrong(
                format!("`{}` cannot stand in an address", bad.escape_default()),
                "write it percent-encoded, and a name in its ASCII form (`xn--…`)",
            ));
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(authority_end);
        if authority.contains('@') {
            return Err(wrong(
                "the address carries a user name".to_owned(),
                "leave out what stands before `@`",
            ));
        }
        let (host, port) = split_port(authority).ok_or_else(|| {
            wrong(format!("`{authority}` has no valid port"), "a port is from 1 to 65535")
        })?;
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address.to_owned(),
            None if valid_host(&host) => host,
            Some(_) | None => return Err(wrong(format!("`{authority}` is no host"), example)),
        };
        let (path, query) = after.split_once('?').unwrap_or((after, ""));
        Ok(Url {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: query.to_owned(),
        })
    }

    /// The host, if it is an address and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host`, or `host:port` where the port is not the scheme's own: what a browser sends.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port == self.scheme.default_port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    /// Where a `Location` in an answer to this address leads (RFC 3986 §5.2).
    pub fn join(&self, location: &str) -> Result<Url, UrlError> {
        let reference = location.split('#').next().unwrap_or(location);
        let path_end = reference.find('?').unwrap_or(reference.len());
        let (path, query) = reference.split_at(path_end);
        let here = format!("{}://{}", self.scheme.name(), self.authority());
        let mut url = if has_scheme(reference) {
            Url::parse(reference)?
        } else if reference.starts_with("//") {
            Url::parse(&format!("{}:{reference}", self.scheme.name()))?
        } else if reference.is_empty() {
            return Ok(self.clone());
        } else if path.is_empty() {
            return Url::parse(&format!("{here}{}{query}", self.path));
        } else if path.starts_with('/') {
            Url::parse(&format!("{here}{reference}"))?
        } else {
            let folder = self.path.rfind('/').map_or("/", |at| &self.path[..=at]);
            Url::parse(&format!("{here}{folder}{reference}"))?
        };
        url.path = without_dot_segments(&url.path);
        Ok(url)
    }

    /// Scheme, host and port: what the browser's same-origin rule compares (RFC 6454 §4).
    pub fn same_origin(&self, other: &Url) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }
}

/// Whether it begins with a scheme (RFC 3986 §3.1): a colon later on belongs to a path or a query.
fn has_scheme(reference: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(token)
    })
}

/// RFC 3986 §5.2.4, for paths that begin with `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_slash = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_in_slash = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    if ends_in_slash {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

/// `host:port`, `[v6]:port` or a host alone.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_bracket..].rfind(':') {
        None => Some((authority, None)),
        Some(at) => {
            let at = after_bracket + at;
            let port = authority[at + 1..].parse().ok().filter(|port| *port > 0)?;
            Some((&authority[..at], Some(port)))
        }
    }
}

fn valid_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.path)?;
        if self.query.is_empty() { Ok(()) } else { write!(f, "?{}", self.query) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let rows = [
            ("https://Shop.Example.", "https://shop.example/"),
            ("http://a.example:8080/x?y=1#z", "http://a.example:8080/x?y=1"),
            ("https://a.example:443?q", "https://a.example/?q"),
            ("http://[2001:db8::1]:81/", "http://[2001:db8::1]:81/"),
            ("http://192.0.2.1/", "http://192.0.2.1/"),
        ];
        for (text, written) in rows {
            assert_eq!(Url::parse(text).unwrap().to_string(), written, "{text}");
        }
        for bad in [
            "a.example/x",
            "ftp://a.example/",
            "http://",
            "http://a b/",
            "http://u@a.example/",
            "http://a.example:0/",
            "http://a.example:x/",
            "http://[::g]/",
            "http://ä.example/",
            "http://a..b/",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn locations_are_joined() {
        let base = Url::parse("http://a.example:8080/x/y?q").unwrap();
        let rows = [
            ("absolute", "https://b.example:443/z", "https://b.example/z"),
            ("a scheme in capitals", "HTTPS://b.example/z", "https://b.example/z"),
            ("another host", "//b.example/z", "http://b.example/z"),
            ("a path", "/z?w", "http://a.example:8080/z?w"),
            ("a name in the folder", "z", "http://a.example:8080/x/z"),
            ("a query", "?w", "http://a.example:8080/x/y?w"),
            ("a fragment", "#f", "http://a.example:8080/x/y?q"),
            ("nothing", "", "http://a.example:8080/x/y?q"),
            ("a query and a fragment", "?w#f", "http://a.example:8080/x/y?w"),
            (
                "an address in the query",
                "/login?next=https://shop.example/a/../b",
                "http://a.example:8080/login?next=https://shop.example/a/../b",
            ),
            ("an address in a relative query", "z?n=h://i", "http://a.example:8080/x/z?n=h://i"),
            ("an address in the path", "/go/http://c/", "http://a.example:8080/go/http://c/"),
            ("no scheme begins with a digit", "1:2", "http://a.example:8080/x/1:2"),
            ("one folder up", "../z", "http://a.example:8080/z"),
            ("the folder itself", ".", "http://a.example:8080/x/"),
            ("the folder above", "..", "http://a.example:8080/"),
            ("above the root", "../../../z", "http://a.example:8080/z"),
            ("within a path", "/a/./b/../c?d/../e", "http://a.example:8080/a/c?d/../e"),
            ("within an absolute one", "http://b.example/a/../c", "http://b.example/c"),
            ("dots that are a name", "/..a/.b/c..", "http://a.example:8080/..a/.b/c.."),
        ];
        for (name, location, expected) in rows {
            let joined = base.join(location).map(|url| url.to_string());
            assert_eq!(joined.as_deref(), Ok(expected), "{name}");
        }
        for (name, location) in [
            ("no host", "https://"),
            ("not of the web", "mailto:shop@a.example"),
            ("a host without a scheme", "localhost:3000/x"),
        ] {
            assert!(base.join(location).is_err(), "{name}");
        }
    }
}
