use ipnet::IpNet;
use regex::bytes::Regex;

use crate::{GroupId, Matcher, Place, Seconds, Wildcard};

/// A listener rule (ALB.md §4): an AND of conditions, the first full match wins.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    /// 1–50000, unique in the listener.
    pub priority: u32,
    pub conditions: Vec<Condition>,
    /// At most one of each kind; applied after the rule is chosen.
    pub transforms: Vec<Transform>,
    pub action: Action,
    pub place: Place,
}

/// ALB.md §4b. Values inside a condition are alternatives.
#[derive(Clone, Debug)]
pub enum Condition {
    Host(Vec<Matcher>),
    Path(Vec<Matcher>),
    Header {
        name: String,
        values: Vec<Matcher>,
    },
    /// Compared with case.
    Method(Vec<String>),
    Query(Vec<QueryPattern>),
    /// The name in the ClientHello, where TLS is passed through (RFC 6066 §3).
    ServerName(Vec<Matcher>),
    /// The TCP peer, never `X-Forwarded-For`.
    SourceIp(Vec<IpNet>),
}

/// `key=value` of the query; without a key, any key.
#[derive(Clone, Debug)]
pub struct QueryPattern {
    pub key: Option<Wildcard>,
    pub value: Wildcard,
}

/// ALB.md §4c.
#[derive(Clone, Debug)]
pub enum Action {
    Forward(Forward),
    Redirect(Redirect),
    FixedResponse(FixedResponse),
    /// The connection is closed unanswered; only where TLS is passed through.
    Close,
}

#[derive(Clone, Debug)]
pub struct Forward {
    /// 1–5.
    pub groups: Vec<WeightedGroup>,
    pub stickiness: Option<GroupStickiness>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedGroup {
    pub group: GroupId,
    /// 0–999.
    pub weight: u16,
}

/// The `AWSALBTG` cookies (ALB.md §4c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupStickiness {
    pub duration: Seconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectStatus {
    MovedPermanently,
    Found,
}

impl RedirectStatus {
    pub const fn code(self) -> u16 {
        match self {
            RedirectStatus::MovedPermanently => 301,
            RedirectStatus::Found => 302,
        }
    }
}

/// Each part is a template; `#{protocol}` and so on stand for the request's own (ALB.md §4c).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub status: RedirectStatus,
    pub protocol: Template,
    pub host: Template,
    pub port: Template,
    /// Begins with `/`; the default is `/#{path}`.
    pub path: Template,
    pub query: Template,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<TemplatePart>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    Text(String),
    Protocol,
    Host,
    Port,
    /// Without its leading slash.
    Path,
    Query,
}

impl Template {
    /// Splits `text#{host}text`; the error is the unknown placeholder.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find("#{") {
            if start > 0 {
                parts.push(TemplatePart::Text(rest[..start].to_owned()));
            }
            let after = &rest[start + 2..];
            let end = after.find('}').ok_or_else(|| rest[start..].to_owned())?;
            parts.push(match &after[..end] {
                "protocol" => TemplatePart::Protocol,
                "host" => TemplatePart::Host,
                "port" => TemplatePart::Port,
                "path" => TemplatePart::Path,
                "query" => TemplatePart::Query,
                _ => return Err(rest[start..start + end + 3].to_owned()),
            });
            rest = &after[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }
}

/// ALB.md §4c: status 2XX, 4XX or 5XX, body ≤ 1024 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponse {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// ALB.md §4c, transforms: `pattern` and `$1`-style `replacement`, each ≤ 1024.
#[derive(Clone, Debug)]
pub enum Transform {
    HostHeader {
        pattern: Regex,
        replacement: String,
    },
    /// Acts on path and query together.
    Url {
        pattern: Regex,
        replacement: String,
    },
}
