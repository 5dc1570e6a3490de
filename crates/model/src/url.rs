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

    /// Where a `Location` in an answer to this address leads (RFC 3986 §5.2, for the forms that
    /// servers send).
    pub fn join(&self, location: &str) -> Result<Url, UrlError> {
        if location.contains("://") {
            return Url::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        let path = match location.strip_prefix('/') {
            Some(_) => location.to_owned(),
            None if location.starts_with('?') => format!("{}{location}", self.path),
            None => {
                let folder = self.path.rfind('/').map_or("/", |at| &self.path[..=at]);
                format!("{folder}{location}")
            }
        };
        Url::parse(&format!("{}://{}{path}", self.scheme.name(), self.authority()))
    }

    /// Scheme, host and port: what the browser's same-origin rule compares (RFC 6454 §4).
    pub fn same_origin(&self, other: &Url) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }
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
            ("https://b.example:443/z", "https://b.example/z"),
            ("//b.example/z", "http://b.example/z"),
            ("/z?w", "http://a.example:8080/z?w"),
            ("z", "http://a.example:8080/x/z"),
            ("?w", "http://a.example:8080/x/y?w"),
        ];
        for (location, expected) in rows {
            assert_eq!(base.join(location).unwrap().to_string(), expected, "{location}");
        }
        assert!(base.join("https://").is_err());
    }
}
