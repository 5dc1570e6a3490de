//! The closed vocabulary of "no": one stable code `stage/cause` each, the same string in the access
//! log, the metric label, the command line and the documentation (HOUSE.md).

use std::fmt;

/// Who has to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Client,
    Target,
    Operator,
    Us,
}

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:expr, $blame:ident;)+) => {
        /// Why a request did not make it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal { $($(#[doc = $doc])+ $name),+ }

        impl Refusal {
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name),+];

            /// `stage/cause`.
            pub const fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code),+ }
            }

            /// What ALB answers (ALB.md §6d); `None` where nothing is said on the wire, or where
            /// the target's own status stands.
            pub const fn status(self) -> Option<u16> {
                match self { $(Refusal::$name => $status),+ }
            }

            pub const fn blame(self) -> Blame {
                match self { $(Refusal::$name => Blame::$blame),+ }
            }

            /// One sentence for the operator.
            pub const fn text(self) -> &'static str {
                match self { $(Refusal::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

refusals! {
    /// no security group of the load balancer admits this address on this port
    AdmitNoRule = "admit/no-rule", None, Operator;
    /// the connection limit is reached
    AdmitConnectionLimit = "admit/connection-limit", None, Us;
    /// the TLS handshake did not complete in time
    TlsHandshakeTimeout = "tls/handshake-timeout", None, Client;
    /// the TLS handshake failed: no version, cipher or group in common, or not TLS at all
    TlsHandshakeFailed = "tls/handshake-failed", None, Client;
    /// a plain HTTP request was sent to an HTTPS port
    TlsPlainHttp = "tls/plain-http", Some(400), Client;
    /// no certificate for this name yet: it is being ordered, or cannot be ordered now
    TlsCertificatePending = "tls/certificate-pending", None, Operator;
    /// no certificate for this name: whoever is asked about it does not allow one
    TlsCertificateDenied = "tls/certificate-denied", None, Client;
    /// the client shows no certificate, and the listener asks for one
    TlsClientCertificateMissing = "tls/client-certificate-missing", None, Client;
    /// no authority of the trust store has issued the client's certificate
    TlsClientCertificateUntrusted = "tls/client-certificate-untrusted", None, Client;
    /// the client's certificate has expired
    TlsClientCertificateExpired = "tls/client-certificate-expired", None, Client;
    /// the client's certificate is not valid yet
    TlsClientCertificateNotYetValid = "tls/client-certificate-not-yet-valid", None, Client;
    /// the client's certificate has been revoked
    TlsClientCertificateRevoked = "tls/client-certificate-revoked", None, Client;
    /// whether the client's certificate has been revoked cannot be known
    TlsClientCertificateRevocationUnknown = "tls/client-certificate-revocation-unknown", None, Operator;
    /// the client's certificate is not for clients
    TlsClientCertificatePurpose = "tls/client-certificate-purpose", None, Client;
    /// the client's certificate has a key or a signature that is not taken
    TlsClientCertificateUnsupported = "tls/client-certificate-unsupported", None, Client;
    /// the client shows more certificates than a chain may have
    TlsClientCertificateChainTooLong = "tls/client-certificate-chain-too-long", None, Client;
    /// the client's certificates are over 64 KB
    TlsClientCertificateTooLarge = "tls/client-certificate-too-large", None, Client;
    /// the client's certificate cannot be read, or it does not hold its key
    TlsClientCertificateInvalid = "tls/client-certificate-invalid", None, Client;
    /// what the client sent first is not a whole TLS ClientHello of at most 16 KB
    TlsNoClientHello = "tls/no-client-hello", None, Client;
    /// no rule passes connections for this server name on, and the default is to close them
    TlsNoRuleForName = "tls/no-rule-for-name", None, Operator;
    /// a rule closes connections for this server name
    TlsClosedByRule = "tls/closed-by-rule", None, Operator;
    /// the request is not HTTP
    RequestMalformed = "request/malformed", Some(400), Client;
    /// the request could be read in two ways, and the desync mitigation mode refuses it
    RequestDesync = "request/desync", Some(400), Client;
    /// the length of the request's body cannot be known
    RequestFraming = "request/framing", Some(400), Client;
    /// the request line is over 16 KB
    RequestLineTooLong = "request/line-too-long", Some(414), Client;
    /// one header is over 16 KB or all of them are over 64 KB
    RequestHeadTooLarge = "request/head-too-large", Some(400), Client;
    /// the path could be routed in two ways (dot segments, `%2f`, `//`, `;` or `\`)
    RequestAmbiguousPath = "request/ambiguous-path", Some(400), Client;
    /// the request head did not arrive in time
    RequestHeadTimeout = "request/head-timeout", Some(408), Client;
    /// the request body stopped arriving before the idle timeout
    RequestBodyTimeout = "request/body-timeout", Some(408), Client;
    /// the client closed before its whole body had arrived
    RequestBodyIncomplete = "request/body-incomplete", Some(400), Client;
    /// TRACE and CONNECT are refused
    RequestMethod = "request/method", Some(405), Client;
    /// a transfer encoding other than chunked or identity
    RequestTransferEncoding = "request/transfer-encoding", Some(501), Client;
    /// an HTTP version this port does not speak
    RequestVersion = "request/version", Some(505), Client;
    /// more than 30 addresses in X-Forwarded-For
    RequestForwardedFor = "request/forwarded-for", Some(463), Client;
    /// the client closed the connection before it was answered
    RequestClientClosed = "request/client-closed", Some(460), Client;
    /// the client stopped taking the answer before the idle timeout
    RequestClientStalled = "request/client-stalled", None, Client;
    /// the redirect needs a host and the request has none
    RouteNoHost = "route/no-host", Some(401), Client;
    /// the redirect's Location is over 8 KB
    RouteRedirectTooLong = "route/redirect-too-long", Some(507), Operator;
    /// a transform failed
    RouteTransformFailed = "route/transform-failed", Some(500), Operator;
    /// the weights of the action leave no target group
    RouteNoWeight = "route/no-weight", Some(503), Operator;
    /// the target group has no registered target
    TargetNoneRegistered = "target/none-registered", Some(503), Operator;
    /// every target of the group is draining or unused
    TargetNoneInService = "target/none-in-service", Some(503), Operator;
    /// the load balancer's own security groups do not let it connect to the target
    TargetEgressDenied = "target/egress-denied", Some(504), Operator;
    /// the target's name has no address
    TargetUnresolved = "target/unresolved", Some(502), Operator;
    /// the target refused the connection: nothing listens on its port
    TargetRefused = "target/refused", Some(502), Target;
    /// the network says that the target cannot be reached
    TargetUnreachable = "target/unreachable", Some(502), Target;
    /// the connection to the target was not made in time
    TargetConnectTimeout = "target/connect-timeout", Some(504), Target;
    /// the TLS handshake with the target failed
    TargetTlsFailed = "target/tls-failed", Some(502), Target;
    /// the target shows a certificate that the group's `verify` does not take
    TargetTlsUntrusted = "target/tls-untrusted", Some(502), Target;
    /// the TLS handshake with the target did not complete in time
    TargetTlsTimeout = "target/tls-timeout", Some(504), Target;
    /// the target closed or reset the connection with the request outstanding
    TargetClosed = "target/closed", Some(502), Target;
    /// the target's answer is not HTTP
    TargetMalformed = "target/malformed", Some(502), Target;
    /// the target's response headers are over 32 KB
    TargetHeadTooLarge = "target/head-too-large", Some(502), Target;
    /// the target did not answer within the idle timeout
    TargetResponseTimeout = "target/response-timeout", Some(504), Target;
    /// the target closed before its whole body had arrived
    TargetBodyIncomplete = "target/body-incomplete", None, Target;
    /// the deregistration delay ended with the request outstanding
    TargetDrainExpired = "target/drain-expired", Some(502), Operator;
    /// the target itself answered 500
    TargetAnswered500 = "target/answered-500", None, Target;
    /// the target itself answered 502
    TargetAnswered502 = "target/answered-502", None, Target;
    /// the target itself answered 503
    TargetAnswered503 = "target/answered-503", None, Target;
    /// the target itself answered 504
    TargetAnswered504 = "target/answered-504", None, Target;
    /// the target itself answered with another status of the 500s
    TargetAnswered5xx = "target/answered-5xx", None, Target;
}

const CLIENT_CERTIFICATE_REASONS: [(Refusal, &str); 11] = [
    // ALB has no word for a client that shows none.
    (Refusal::TlsClientCertificateMissing, "UnmappedConnectionError"),
    (Refusal::TlsClientCertificateUntrusted, "ClientCertUntrusted"),
    (Refusal::TlsClientCertificateExpired, "ClientCertExpired"),
    (Refusal::TlsClientCertificateNotYetValid, "ClientCertNotYetValid"),
    (Refusal::TlsClientCertificateRevoked, "ClientCertCrlHit"),
    (Refusal::TlsClientCertificateRevocationUnknown, "ClientCertCrlProcessingError"),
    (Refusal::TlsClientCertificatePurpose, "ClientCertPurposeInvalid"),
    (Refusal::TlsClientCertificateUnsupported, "ClientCertTypeUnsupported"),
    (Refusal::TlsClientCertificateChainTooLong, "ClientCertMaxChainDepthExceeded"),
    (Refusal::TlsClientCertificateTooLarge, "ClientCertMaxSizeExceeded"),
    (Refusal::TlsClientCertificateInvalid, "ClientCertInvalid"),
];

impl Refusal {
    /// ALB's word for a client certificate that was not taken, as in its connection log (ALB.md
    /// §7b).
    pub fn client_certificate_reason(self) -> Option<&'static str> {
        CLIENT_CERTIFICATE_REASONS.iter().find(|(refusal, _)| *refusal == self).map(|(_, r)| *r)
    }

    /// The code of a target's own status, where that status is a failure (DECISIONS 6).
    pub const fn of_target_status(status: u16) -> Option<Refusal> {
        match status {
            500 => Some(Refusal::TargetAnswered500),
            502 => Some(Refusal::TargetAnswered502),
            503 => Some(Refusal::TargetAnswered503),
            504 => Some(Refusal::TargetAnswered504),
            501 | 505..=599 => Some(Refusal::TargetAnswered5xx),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for refusal in Refusal::ALL {
            assert!(seen.insert(refusal.code()), "{refusal} twice");
            let (stage, cause) = refusal.code().split_once('/').expect("stage/cause");
            assert!(["admit", "tls", "request", "route", "target"].contains(&stage), "{refusal}");
            assert!(
                cause.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{refusal}"
            );
        }
    }
}
