//! One request, as a line of the access log (ALB.md §7a).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::{DesyncClass, DesyncReason, ListenerProtocol};

use crate::line::{TimeCache, address, escaped, hex, number, quoted, seconds, socket, time, word};

/// ALB.md §7a, 14.
const USER_AGENT_MAX: usize = 8 * 1024;
const URI_MAX: usize = 16 * 1024;
const NAME_MAX: usize = 1024;

/// Field 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Http,
    Https,
    Ws,
    Wss,
}

impl Kind {
    /// `tunnelled`: the request became a WebSocket or another upgrade.
    pub fn of(protocol: ListenerProtocol, tunnelled: bool) -> Kind {
        match (protocol, tunnelled) {
            (ListenerProtocol::Http, false) => Kind::Http,
            (ListenerProtocol::Http, true) => Kind::Ws,
            (ListenerProtocol::Https | ListenerProtocol::TlsPassthrough, false) => Kind::Https,
            (ListenerProtocol::Https | ListenerProtocol::TlsPassthrough, true) => Kind::Wss,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Ws => "ws",
            Kind::Wss => "wss",
        }
    }
}

/// Field 23: what was done, in ALB's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    pub const NONE: Actions = Actions(0);
    pub const REWRITE: Actions = Actions(1);
    pub const FORWARD: Actions = Actions(2);
    pub const REDIRECT: Actions = Actions(4);
    pub const FIXED_RESPONSE: Actions = Actions(8);

    const NAMES: [(Actions, &'static str); 4] = [
        (Actions::REWRITE, "rewrite"),
        (Actions::FORWARD, "forward"),
        (Actions::REDIRECT, "redirect"),
        (Actions::FIXED_RESPONSE, "fixed-response"),
    ];

    pub fn insert(&mut self, other: Actions) {
        self.0 |= other.0;
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(b'"');
        let mut separator = "";
        for (action, name) in Actions::NAMES {
            if self.0 & action.0 != 0 {
                out.extend_from_slice(separator.as_bytes());
                out.extend_from_slice(name.as_bytes());
                separator = ",";
            }
        }
        if self == Actions::NONE {
            out.push(b'-');
        }
        out.push(b'"');
    }
}

/// Field 33.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformStatus {
    Success,
}

/// Everything a line says. Byte strings are as they came; empty is `-`.
#[derive(Clone, Debug)]
pub struct RequestEvent<'a> {
    pub kind: Kind,
    /// Of the response: seconds since 1970, and microseconds.
    pub seconds: u64,
    pub micros: u32,
    pub load_balancer: &'a str,
    pub client: SocketAddr,
    pub target: Option<SocketAddr>,
    pub request_time: Option<Duration>,
    pub target_time: Option<Duration>,
    pub response_time: Option<Duration>,
    pub status: Option<u16>,
    pub target_status: Option<u16>,
    pub received: u64,
    pub sent: u64,
    pub method: &'a [u8],
    pub scheme: &'a str,
    pub host: &'a [u8],
    pub port: u16,
    pub uri: &'a [u8],
    pub version: &'a str,
    pub user_agent: &'a [u8],
    /// OpenSSL's name of the cipher suite, and the version.
    pub tls: Option<(&'a str, &'a str)>,
    pub target_group: Option<&'a str>,
    pub trace_id: &'a [u8],
    pub sni: Option<&'a str>,
    pub certificate: Option<&'a str>,
    /// 0 for the default action; `None` if no rule was asked.
    pub priority: Option<i32>,
    pub created_seconds: u64,
    pub created_micros: u32,
    pub actions: Actions,
    pub redirect_url: &'a [u8],
    pub classification: DesyncClass,
    pub classification_reason: Option<DesyncReason>,
    /// Ties the line to the connection log.
    pub trace: u64,
    pub transformed_host: &'a [u8],
    pub transformed_uri: &'a [u8],
    pub transform_status: Option<TransformStatus>,
    /// The address that the client connected to.
    pub local: IpAddr,
    /// The first of our own fields: `stage/cause`, or `-`.
    pub cause: Option<&'static str>,
    pub core: usize,
}

impl Default for RequestEvent<'_> {
    fn default() -> Self {
        RequestEvent {
            kind: Kind::Http,
            seconds: 0,
            micros: 0,
            load_balancer: "",
            client: (Ipv4Addr::UNSPECIFIED, 0).into(),
            target: None,
            request_time: None,
            target_time: None,
            response_time: None,
            status: None,
            target_status: None,
            received: 0,
            sent: 0,
            method: b"",
            scheme: "",
            host: b"",
            port: 0,
            uri: b"",
            version: "",
            user_agent: b"",
            tls: None,
            target_group: None,
            trace_id: b"",
            sni: None,
            certificate: None,
            priority: None,
            created_seconds: 0,
            created_micros: 0,
            actions: Actions::NONE,
            redirect_url: b"",
            classification: DesyncClass::Compliant,
            classification_reason: None,
            trace: 0,
            transformed_host: b"",
            transformed_uri: b"",
            transform_status: None,
            local: Ipv4Addr::UNSPECIFIED.into(),
            cause: None,
            core: 0,
        }
    }
}

impl RequestEvent<'_> {
    /// ALB's 34 fields in its order, then ours: cause, core.
    pub(crate) fn write(&self, out: &mut Vec<u8>, cache: &mut TimeCache) {
        self.write_connection(out, cache);
        self.write_request(out);
        self.write_decision(out, cache);
        out.push(b'\n');
    }

    /// Fields 1–12.
    fn write_connection(&self, out: &mut Vec<u8>, cache: &mut TimeCache) {
        out.extend_from_slice(self.kind.name().as_bytes());
        out.push(b' ');
        time(out, cache, self.seconds, self.micros);
        out.push(b' ');
        word(out, Some(self.load_balancer));
        out.push(b' ');
        socket(out, self.client);
        out.push(b' ');
        optional(out, self.target, socket);
        for time in [self.request_time, self.target_time, self.response_time] {
            out.push(b' ');
            seconds(out, time);
        }
        for status in [self.status, self.target_status] {
            out.push(b' ');
            optional(out, status, |out, status| number(out, status.into()));
        }
        for bytes in [self.received, self.sent] {
            out.push(b' ');
            number(out, bytes);
        }
        out.push(b' ');
    }

    /// Fields 13–20.
    fn write_request(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        escaped(out, if self.method.is_empty() { b"-" } else { self.method }, NAME_MAX);
        out.push(b' ');
        if self.uri.starts_with(b"/") {
            out.extend_from_slice(self.scheme.as_bytes());
            out.extend_from_slice(b"://");
            escaped(out, self.host, NAME_MAX);
            out.push(b':');
            number(out, self.port.into());
        }
        escaped(out, if self.uri.is_empty() { b"-" } else { self.uri }, URI_MAX);
        out.push(b' ');
        out.extend_from_slice(if self.version.is_empty() { b"-" } else { self.version.as_bytes() });
        out.extend_from_slice(b"\" ");
        quoted(out, self.user_agent, USER_AGENT_MAX);
        let (cipher, version) = self.tls.unzip();
        for text in [cipher, version, self.target_group] {
            out.push(b' ');
            word(out, text);
        }
        out.push(b' ');
        quoted(out, self.trace_id, NAME_MAX);
        for text in [self.sni, self.certificate] {
            out.push(b' ');
            quoted(out, text.unwrap_or_default().as_bytes(), NAME_MAX);
        }
        out.push(b' ');
    }

    /// Fields 21–34, and ours.
    fn write_decision(&self, out: &mut Vec<u8>, cache: &mut TimeCache) {
        match self.priority {
            None => out.push(b'-'),
            Some(-1) => out.extend_from_slice(b"-1"),
            Some(priority) => number(out, u64::from(priority.unsigned_abs())),
        }
        out.push(b' ');
        time(out, cache, self.created_seconds, self.created_micros);
        out.push(b' ');
        self.actions.write(out);
        out.push(b' ');
        quoted(out, self.redirect_url, URI_MAX);
        // error_reason: authentication and Lambda only.
        out.extend_from_slice(b" \"-\" \"");
        optional(out, self.target, socket);
        out.extend_from_slice(b"\" \"");
        optional(out, self.target_status, |out, status| number(out, status.into()));
        out.extend_from_slice(b"\" \"");
        out.extend_from_slice(self.classification.name().as_bytes());
        out.extend_from_slice(b"\" \"");
        out.extend_from_slice(
            self.classification_reason.map_or("-", DesyncReason::name).as_bytes(),
        );
        out.extend_from_slice(b"\" TID_");
        hex(out, self.trace);
        for bytes in [self.transformed_host, self.transformed_uri] {
            out.push(b' ');
            quoted(out, bytes, URI_MAX);
        }
        out.extend_from_slice(match self.transform_status {
            Some(TransformStatus::Success) => b" \"TransformSuccess\" ",
            None => b" \"-\" ",
        });
        address(out, self.local);
        out.push(b' ');
        out.extend_from_slice(self.cause.unwrap_or("-").as_bytes());
        out.push(b' ');
        number(out, self.core as u64);
    }
}

fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.push(b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a parser of ALB's logs splits: at spaces outside quotes.
    fn split(line: &str) -> Vec<String> {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => fields.push(String::new()),
                other => fields.last_mut().unwrap().push(other),
            }
        }
        fields
    }

    fn line(event: &RequestEvent<'_>) -> String {
        let mut out = Vec::new();
        event.write(&mut out, &mut TimeCache::default());
        let text = String::from_utf8(out).unwrap();
        text.strip_suffix('\n').unwrap().to_owned()
    }

    #[test]
    fn a_line_field_by_field() {
        let mut actions = Actions::NONE;
        actions.insert(Actions::FORWARD);
        actions.insert(Actions::REWRITE);
        let event = RequestEvent {
            kind: Kind::Https,
            seconds: 1_795_435_200,
            micros: 123_456,
            load_balancer: "public",
            client: "[2001:db8::1]:4000".parse().unwrap(),
            target: Some("10.0.0.1:80".parse().unwrap()),
            request_time: Some(Duration::from_micros(1999)),
            target_time: Some(Duration::from_millis(48)),
            response_time: None,
            status: Some(200),
            target_status: Some(200),
            received: 34,
            sent: 366,
            method: b"GET",
            scheme: "https",
            host: b"www.example.com",
            port: 443,
            uri: b"/a?b=\"c\"",
            version: "HTTP/1.1",
            user_agent: b"curl/8",
            tls: Some(("TLS_AES_128_GCM_SHA256", "TLSv1.3")),
            target_group: Some("app"),
            trace_id: b"Root=1-2-3",
            sni: Some("www.example.com"),
            certificate: Some("site"),
            priority: Some(10),
            created_seconds: 1_795_435_199,
            created_micros: 0,
            actions,
            classification: DesyncClass::Ambiguous,
            classification_reason: Some(DesyncReason::EmptyHeader),
            trace: 0xab,
            transformed_uri: b"/x",
            transform_status: Some(TransformStatus::Success),
            local: "10.0.0.9".parse().unwrap(),
            cause: Some("route/default"),
            core: 3,
            ..RequestEvent::default()
        };
        let expected = [
            "https",
            "2026-11-23T12:00:00.123456Z",
            "public",
            "[2001:db8::1]:4000",
            "10.0.0.1:80",
            "0.001",
            "0.048",
            "-1",
            "200",
            "200",
            "34",
            "366",
            "GET https://www.example.com:443/a?b=\\x22c\\x22 HTTP/1.1",
            "curl/8",
            "TLS_AES_128_GCM_SHA256",
            "TLSv1.3",
            "app",
            "Root=1-2-3",
            "www.example.com",
            "site",
            "10",
            "2026-11-23T11:59:59.000000Z",
            "rewrite,forward",
            "-",
            "-",
            "10.0.0.1:80",
            "200",
            "Ambiguous",
            "EmptyHeader",
            "TID_00000000000000ab",
            "-",
            "/x",
            "TransformSuccess",
            "10.0.0.9",
            "route/default",
            "3",
        ];
        assert_eq!(split(&line(&event)), expected);
    }

    proptest! {
        #[test]
        fn a_line_splits_into_its_fields_whatever_it_says(
            bytes in prop::collection::vec(any::<u8>(), 0..60), name in ".{0,20}",
        ) {
            let event = RequestEvent {
                load_balancer: &name,
                method: &bytes,
                host: &bytes,
                uri: &bytes,
                user_agent: &bytes,
                target_group: Some(&name),
                trace_id: &bytes,
                sni: Some(&name),
                certificate: Some(&name),
                redirect_url: &bytes,
                transformed_host: &bytes,
                transformed_uri: &bytes,
                ..RequestEvent::default()
            };
            let line = line(&event);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(split(&line).len(), 36, "{}", line);
        }
    }
}
