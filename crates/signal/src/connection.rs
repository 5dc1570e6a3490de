//! One connection, as a line of the connection log (ALB.md §7b).

use std::net::SocketAddr;
use std::time::Duration;

use crate::line::{TimeCache, address, hex, number, quoted, seconds, time, word};

/// A certificate may have any number of names for its subject.
const SUBJECT_BYTES_MAX: usize = 1024;
const RULE_BYTES_MAX: usize = 256;

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
    /// Our own field: `stage/cause`, or `-`.
    pub cause: Option<&'static str>,
    /// More of our own, of listeners that pass TLS through alone.
    pub passed: Option<Passed<'a>>,
}

/// What became of a connection whose TLS ends at the target.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// As the client sent it; `None` if it sent none.
    pub server_name: Option<&'a str>,
    /// The rule that took it; `None` for the default action, or where it did not come so far.
    pub rule: Option<&'a str>,
    /// The target that was tried last.
    pub target: Option<SocketAddr>,
    /// Bytes that were passed on to the target.
    pub received: u64,
    /// Bytes that were passed on to the client.
    pub sent: u64,
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
    /// ALB's 15 fields in its order, then ours: cause; where TLS is passed through server name, rule,
    /// target, and the bytes to the target and to the client too.
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
        if let Some(passed) = self.passed {
            passed.write(out);
        }
        out.push(b'\n');
    }
}

impl Passed<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b' ');
        word(out, self.server_name);
        out.push(b' ');
        quoted(out, self.rule.unwrap_or_default().as_bytes(), RULE_BYTES_MAX);
        out.push(b' ');
        match self.target {
            Some(target) => {
                use std::io::Write;
                let _ = write!(out, "{target}");
            }
            None => out.push(b'-'),
        }
        for count in [self.received, self.sent] {
            out.push(b' ');
            number(out, count);
        }
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
        passed: None,
    };

    #[test]
    fn a_line() {
        let expected = "1970-01-01T00:00:00.000000Z 127.20.0.1 4000 443 - - -1 \"-\" - - - \
                        TID_0000000000000001 - public 127.0.0.1 admit/no-rule\n";
        assert_eq!(line(&REFUSED), expected);
    }

    #[test]
    fn what_is_said_of_a_connection_that_was_passed_through() {
        let target = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443));
        let (name, rule) = (Some("a.example"), Some("shop front"));
        let whole = Passed { server_name: name, rule, target, received: 517, sent: 4000 };
        let nothing = Passed { server_name: None, rule: None, target: None, received: 0, sent: 0 };
        let rows = [
            (whole, None, " - a.example \"shop front\" 127.0.0.1:8443 517 4000\n"),
            (nothing, Some("tls/no-client-hello"), " tls/no-client-hello - \"-\" - 0 0\n"),
        ];
        for (passed, cause, expected) in rows {
            let line = line(&ConnectionEvent { passed: Some(passed), cause, ..REFUSED });
            assert!(line.ends_with(expected), "{line}");
        }
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
