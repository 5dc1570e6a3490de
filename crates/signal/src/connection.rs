//! One connection, as a line of the connection log (ALB.md §7b).

use std::net::SocketAddr;
use std::time::Duration;

use crate::line::{TimeCache, address, hex, number, seconds, time, word};

/// A completed or failed handshake, or a client that was refused before a request.
#[derive(Clone, Debug)]
pub struct ConnectionEvent<'a> {
    /// Seconds since 1970, and microseconds.
    pub seconds: u64,
    pub micros: u32,
    pub client: SocketAddr,
    pub local: SocketAddr,
    /// OpenSSL's name of the cipher suite, and the version.
    pub tls: Option<(&'a str, &'a str)>,
    pub key_exchange: Option<&'a str>,
    pub handshake: Option<Duration>,
    pub load_balancer: &'a str,
    pub trace: u64,
    /// Our own field, the last: `stage/cause`, or `-`.
    pub cause: Option<&'static str>,
}

impl ConnectionEvent<'_> {
    /// ALB's 15 fields in its order, then ours: cause. Client certificates come later: fields 8–11
    /// are `-`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, cache: &mut TimeCache) {
        time(out, cache, self.seconds, self.micros);
        out.push(b' ');
        address(out, self.client.ip());
        for port in [self.client.port(), self.local.port()] {
            out.push(b' ');
            number(out, port.into());
        }
        let (cipher, version) = self.tls.unzip();
        for text in [version, cipher] {
            out.push(b' ');
            word(out, text);
        }
        out.push(b' ');
        seconds(out, self.handshake);
        out.extend_from_slice(b" \"-\" - - - TID_");
        hex(out, self.trace);
        for text in [self.key_exchange, Some(self.load_balancer)] {
            out.push(b' ');
            word(out, text);
        }
        out.push(b' ');
        address(out, self.local.ip());
        out.push(b' ');
        out.extend_from_slice(self.cause.unwrap_or("-").as_bytes());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let event = ConnectionEvent {
            seconds: 0,
            micros: 0,
            client: "127.20.0.1:4000".parse().unwrap(),
            local: "127.0.0.1:443".parse().unwrap(),
            tls: None,
            key_exchange: None,
            handshake: None,
            load_balancer: "public",
            trace: 1,
            cause: Some("admit/no-rule"),
        };
        let mut out = Vec::new();
        event.write(&mut out, &mut TimeCache::default());
        let expected = "1970-01-01T00:00:00.000000Z 127.20.0.1 4000 443 - - -1 \"-\" - - - \
                        TID_0000000000000001 - public 127.0.0.1 admit/no-rule\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
