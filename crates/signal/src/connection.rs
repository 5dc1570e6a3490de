//! One connection, as a line of the connection log (ALB.md §7b).

use std::net::SocketAddr;
use std::time::Duration;

use crate::line::{TimeCache, address, hex, number, quoted, seconds, time, word};

/// A certificate may have any number of names for its subject.
const SUBJECT_BYTES_MAX: usize = 1024;

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
    pub client_certificate: Option<ClientCertificateFields<'a>>,
    /// ALB's word for what came of it; `None` where no certificate is asked for.
    pub verify_status: Option<VerifyStatus>,
    pub trace: u64,
    /// Our own field, the last: `stage/cause`, or `-`.
    pub cause: Option<&'static str>,
}

/// Fields 8 to 10 of ALB's.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificateFields<'a> {
    pub subject: &'a str,
    pub validity: &'a str,
    pub serial: &'a str,
}

/// Field 11 of ALB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyStatus {
    Success,
    /// One of ALB's words.
    Failed(&'static str),
}

impl ConnectionEvent<'_> {
    /// ALB's 15 fields in its order, then ours: cause.
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
        let shown = self.client_certificate;
        out.push(b' ');
        quoted(out, shown.map_or(b"", |shown| shown.subject.as_bytes()), SUBJECT_BYTES_MAX);
        for text in [shown.map(|shown| shown.validity), shown.map(|shown| shown.serial)] {
            out.push(b' ');
            word(out, text);
        }
        match self.verify_status {
            None => out.extend_from_slice(b" -"),
            Some(VerifyStatus::Success) => out.extend_from_slice(b" Success"),
            Some(VerifyStatus::Failed(reason)) => {
                out.extend_from_slice(b" Failed:");
                out.extend_from_slice(reason.as_bytes());
            }
        }
        out.extend_from_slice(b" TID_");
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
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn line(event: &ConnectionEvent<'_>) -> String {
        let mut out = Vec::new();
        event.write(&mut out, &mut TimeCache::default());
        String::from_utf8(out).unwrap()
    }

    const REFUSED: ConnectionEvent<'static> = ConnectionEvent {
        seconds: 0,
        micros: 0,
        client: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 20, 0, 1)), 4000),
        local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 443),
        tls: None,
        key_exchange: None,
        handshake: None,
        load_balancer: "public",
        client_certificate: None,
        verify_status: None,
        trace: 1,
        cause: Some("admit/no-rule"),
    };

    #[test]
    fn a_line() {
        let expected = "1970-01-01T00:00:00.000000Z 127.20.0.1 4000 443 - - -1 \"-\" - - - \
                        TID_0000000000000001 - public 127.0.0.1 admit/no-rule\n";
        assert_eq!(line(&REFUSED), expected);
    }

    #[test]
    fn what_is_said_of_a_client_certificate() {
        let shown =
            ClientCertificateFields { subject: "CN=a b", validity: "NotBefore=1", serial: "0A" };
        let rows = [
            (Some(shown), VerifyStatus::Success, " \"CN=a b\" NotBefore=1 0A Success TID_"),
            (
                None,
                VerifyStatus::Failed("ClientCertExpired"),
                " \"-\" - - Failed:ClientCertExpired TID_",
            ),
        ];
        for (client_certificate, status, expected) in rows {
            let verify_status = Some(status);
            let line = line(&ConnectionEvent { client_certificate, verify_status, ..REFUSED });
            assert!(line.contains(expected), "{line}");
        }
    }
}
