//! What a client observes, and why.

use model::{Cause, GroupId, ListenerId, LoadBalancerId, Obstacle};

/// How one request ends, as the client sees it. A question may have several right answers, where
/// weights, turns or time decide (DECISIONS 4): they are a set of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome {
    pub sees: Sees,
    /// Why it did not make it; `None` where it did.
    pub cause: Option<Cause>,
    /// What kept it from the rest of the way, or where it ended.
    pub stage: Stage,
    /// The listener that it came to.
    pub listener: Option<ListenerId>,
    /// The target group that it was forwarded to.
    pub group: Option<GroupId>,
}

/// What happens at the client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sees {
    NameNotFound,
    /// The connection attempt is never answered.
    TimesOut,
    /// Connected, and then nothing.
    Silence,
    Refused,
    /// The connection is reset.
    Reset,
    /// The browser's own judgement of the certificate; it could be overruled.
    CertificateError(Vec<Obstacle>),
    /// The other side does not speak TLS.
    ProtocolError,
    /// The other side wants a certificate of the client's own, and there is none.
    CertificateWanted,
    /// Connected, and closed without an answer.
    Closed,
    /// Connected, and closed before TLS has begun.
    ClosedInHandshake,
    Answer {
        status: u16,
        speaker: Speaker,
        location: Option<String>,
    },
    /// The application's own answer, whatever it is.
    Application,
    /// What the target makes of the connection: its certificate, and then its answer.
    PassedThrough,
    NotKnown,
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speaker {
    LoadBalancer(LoadBalancerId),
    /// What runs behind the load balancer, or on an instance that is asked directly.
    Application,
}

/// The hops of a request, in their order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Name,
    Route,
    SecurityGroup,
    Listener,
    Tls,
    Request,
    Rule,
    Action,
    TargetGroup,
    TargetSecurityGroup,
    Target,
    Response,
    Redirect,
}

impl Stage {
    pub const fn words(self) -> &'static str {
        match self {
            Stage::Name => "name",
            Stage::Route => "route",
            Stage::SecurityGroup => "security group",
            Stage::Listener => "listener",
            Stage::Tls => "tls",
            Stage::Request => "request",
            Stage::Rule => "rule",
            Stage::Action => "action",
            Stage::TargetGroup => "target group",
            Stage::TargetSecurityGroup => "target's group",
            Stage::Target => "target",
            Stage::Response => "response",
            Stage::Redirect => "redirect",
        }
    }
}

/// What the operator wants to know first; the worst is the greatest. What is known to fail counts for
/// more than what is not known.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// A target, or an answer below 400.
    Reaches,
    NotKnown,
    /// There is an answer, and it is a failure.
    Fails,
    /// No rule was ever asked.
    Blocked,
}

impl Grade {
    /// Exit codes of the commands (DECISIONS: 0, 3, 4).
    pub const fn exit_code(self) -> u8 {
        match self {
            Grade::Reaches | Grade::NotKnown => 0,
            Grade::Blocked => 3,
            Grade::Fails => 4,
        }
    }
}

impl Outcome {
    pub fn grade(&self) -> Grade {
        match &self.sees {
            Sees::NameNotFound
            | Sees::TimesOut
            | Sees::Silence
            | Sees::Refused
            | Sees::Reset
            | Sees::CertificateError(_)
            | Sees::ProtocolError
            | Sees::CertificateWanted => Grade::Blocked,
            Sees::Closed | Sees::ClosedInHandshake => Grade::Fails,
            Sees::Answer { status: 400.., .. } => match self.stage {
                // A page of ours that says so instead of silence.
                Stage::SecurityGroup => Grade::Blocked,
                _ => Grade::Fails,
            },
            Sees::Answer { .. } => match self.cause {
                Some(_) => Grade::Fails,
                None => Grade::Reaches,
            },
            Sees::Application | Sees::PassedThrough => Grade::Reaches,
            Sees::NotKnown => Grade::NotKnown,
        }
    }

    /// Nobody asks as this client: the name has addresses of the other IP family only.
    pub fn is_other_family(&self) -> bool {
        self.cause == Some(Obstacle::NameOtherFamily.into())
    }

    /// Whether the security group turned it away.
    pub fn denied(&self) -> bool {
        self.stage == Stage::SecurityGroup && self.cause.is_some()
    }

    pub fn status(&self) -> Option<u16> {
        match self.sees {
            Sees::Answer { status, .. } => Some(status),
            _ => None,
        }
    }

    pub fn location(&self) -> Option<&str> {
        match &self.sees {
            Sees::Answer { location, .. } => location.as_deref(),
            _ => None,
        }
    }

    pub fn code(&self) -> Option<&'static str> {
        self.cause.map(Cause::code)
    }

    /// In a browser's words.
    pub fn words(&self) -> String {
        match &self.sees {
            Sees::NameNotFound => "the name is not found (DNS_PROBE_FINISHED_NXDOMAIN)".into(),
            Sees::TimesOut => "an endless spinner, then \"took too long to respond\" (ERR_CONNECTION_TIMED_OUT)".into(),
            Sees::Silence => "a connection that is never answered (ERR_TIMED_OUT, or ERR_EMPTY_RESPONSE in the end)".into(),
            Sees::Refused => "\"refused to connect\" (ERR_CONNECTION_REFUSED)".into(),
            Sees::Reset => "\"the connection was reset\" (ERR_CONNECTION_RESET)".into(),
            Sees::CertificateError(problems) => certificate_words(problems),
            Sees::CertificateWanted => "\"didn't accept your login certificate, or one may not have been provided\" (ERR_BAD_SSL_CLIENT_AUTH_CERT)".into(),
            Sees::ProtocolError => "\"sent an invalid response\" (ERR_SSL_PROTOCOL_ERROR)".into(),
            Sees::Closed => "\"didn't send any data\" (ERR_EMPTY_RESPONSE)".into(),
            Sees::ClosedInHandshake => "\"unexpectedly closed the connection\" (ERR_CONNECTION_CLOSED)".into(),
            Sees::Answer { status, speaker, location } => {
                let what = match (location, self.cause) {
                    (_, Some(Cause::Obstacle(Obstacle::RedirectLoop | Obstacle::RedirectTooMany))) => {
                        return "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS)".into();
                    }
                    (Some(location), _) => format!("{status}, a redirect to {location}"),
                    (None, _) => status_words(*status),
                };
                match speaker {
                    Speaker::LoadBalancer(_) if location.is_none() => {
                        format!("{what}, a page of the load balancer")
                    }
                    Speaker::LoadBalancer(_) => what,
                    Speaker::Application => format!("{what}, from the application"),
                }
            }
            Sees::Application => "the application's own answer".into(),
            Sees::PassedThrough => "the target's own certificate and answer".into(),
            Sees::NotKnown => "not known".into(),
        }
    }

    /// A few words for a cell of a table.
    pub fn short(&self) -> String {
        match &self.sees {
            Sees::NameNotFound => "no such name".into(),
            Sees::TimesOut => "timed out".into(),
            Sees::Silence => "silence".into(),
            Sees::Refused => "refused".into(),
            Sees::Reset => "reset".into(),
            Sees::CertificateError(_) => "certificate".into(),
            Sees::ProtocolError => "no TLS".into(),
            Sees::CertificateWanted => "no client certificate".into(),
            Sees::Closed | Sees::ClosedInHandshake => "closed".into(),
            Sees::Answer { status, .. } => status.to_string(),
            Sees::Application | Sees::PassedThrough => "ok".into(),
            Sees::NotKnown => "?".into(),
        }
    }
}

fn certificate_words(problems: &[Obstacle]) -> String {
    let code = match problems.first() {
        Some(Obstacle::TlsNameMismatch) => "NET::ERR_CERT_COMMON_NAME_INVALID",
        Some(Obstacle::TlsExpired | Obstacle::TlsNotYetValid) => "NET::ERR_CERT_DATE_INVALID",
        _ => "NET::ERR_CERT_AUTHORITY_INVALID",
    };
    format!("\"your connection is not private\" ({code})")
}

/// RFC 9110 §15, and 429 and 451; empty for others.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// `404 Not Found`; the number alone where it has no name.
pub fn status_words(status: u16) -> String {
    format!("{status} {}", reason(status)).trim_end().to_owned()
}
