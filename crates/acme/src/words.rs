//! What an authority says, in words: problem documents (RFC 7807) by their types (RFC 8555 §6.7).

use std::time::Duration;

use instant_acme::{Error, Problem};
use machine::order::Failure;

/// Of what an authority says; it may say anything.
const DETAIL_MAX: usize = 500;

/// A step that failed: what to do about it, and what to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub failure: Failure,
    pub words: String,
    pub hint: Option<String>,
}

impl Trouble {
    pub fn new(failure: Failure, words: impl Into<String>) -> Trouble {
        Trouble { failure, words: words.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Trouble {
        Trouble { hint: Some(hint.into()), ..self }
    }

    /// Our own disk or memory.
    pub fn ours(words: impl std::fmt::Display) -> Trouble {
        Trouble::new(Failure::Ours, words.to_string())
    }
}

/// A failure of the library, which may hold a problem of the authority's.
pub fn trouble(authority: &str, error: &Error, told: Option<Duration>) -> Trouble {
    let unreachable = Failure::Unreachable { retry_after: told };
    match error {
        Error::Api(problem) => of_problem(authority, problem, told),
        Error::Json(_) => {
            Trouble::new(unreachable, format!("`{authority}` gave an answer that is not ACME's"))
                .hint("is `directory` the address of an ACME directory (RFC 8555 §7.1.1)?")
        }
        Error::Unsupported(what) => {
            Trouble::new(Failure::Declined, format!("`{authority}` does not offer {what}"))
                .hint("take `profile` out of its block, or ask for one that it offers")
        }
        Error::Timeout(_) => Trouble::new(Failure::Slow, format!("`{authority}` is still at work")),
        Error::Crypto | Error::KeyRejected => {
            Trouble::new(Failure::AccountLost, "the key of the account cannot be used")
        }
        other => {
            let words = format!("`{authority}` cannot be asked: {}", chain(other));
            Trouble::new(unreachable, words).hint(unreachable_hint(&chain(other)))
        }
    }
}

fn unreachable_hint(text: &str) -> &'static str {
    if text.contains("UnknownIssuer") || text.contains("invalid peer certificate") {
        "its https is vouched for by nobody that this machine trusts: give a private authority's \
         certificate as `roots = \"ca.pem\"`"
    } else if text.contains("lookup") || text.contains("resolve") {
        "its name has no address here: does this machine resolve names of the internet?"
    } else {
        "may this machine connect to it on its https port?"
    }
}

pub fn of_problem(authority: &str, problem: &Problem, told: Option<Duration>) -> Trouble {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let (failure, hint) = meaning(kind, problem.status, told);
    let words = match said(problem) {
        Some(detail) => format!("`{authority}` says: {detail}"),
        None if kind.is_empty() => format!("`{authority}` has refused, and does not say why"),
        None => format!("`{authority}` says: {kind}"),
    };
    let trouble = Trouble::new(failure, words);
    match hint {
        "" => trouble,
        hint => trouble.hint(hint),
    }
}

/// What to do, and the remedy.
fn meaning(kind: &str, status: Option<u16>, told: Option<Duration>) -> (Failure, &'static str) {
    match kind {
        "badNonce" => (Failure::BadNonce, ""),
        "rateLimited" => (
            Failure::RateLimited { retry_after: told },
            "nothing is asked again before its window is over; a second `authority` in the list of the \
             certificate is asked meanwhile",
        ),
        "serverInternal" => (Failure::Unreachable { retry_after: told }, ""),
        "accountDoesNotExist" => (Failure::AccountLost, ""),
        "externalAccountRequired" => (
            Failure::Declined,
            "add `eab { key_id = \"…\"  key = file(\"…\") }` to its block, as the authority gave them to you",
        ),
        "userActionRequired" => {
            (Failure::Declined, "its terms have changed: read and agree to them there")
        }
        "rejectedIdentifier" | "unsupportedIdentifier" => {
            (Failure::Declined, "take the name out of `names`, or ask another authority for it")
        }
        "invalidContact" | "unsupportedContact" => (
            Failure::Declined,
            "give a `contact` that the authority takes, such as `mailto:you@example.com`",
        ),
        "badCSR" | "badPublicKey" | "badSignatureAlgorithm" => {
            (Failure::Declined, "choose another `key_kind`")
        }
        "invalidProfile" => (Failure::Declined, "choose a `profile` that the authority offers"),
        "alreadyReplaced" | "orderNotReady" => (Failure::OrderLost, ""),
        "caa" => (
            Failure::NotProved,
            "a CAA record of the name, or of one above it, allows other authorities only: add one with \
             `issue` for this authority (RFC 8659)",
        ),
        "dns" => (
            Failure::NotProved,
            "the authority's resolver finds no address, or no answer: is the zone delegated to servers that \
             answer from outside?",
        ),
        "connection" => (
            Failure::NotProved,
            "the authority cannot connect: do all A and AAAA records of the name lead here, and is the port \
             open to the world? `challenge = \"dns-01\"` needs neither",
        ),
        "tls" => (
            Failure::NotProved,
            "something else answers the handshake on port 443: does every address of the name lead here?",
        ),
        "unauthorized" | "incorrectResponse" => (
            Failure::NotProved,
            "something else answered in our place: does every address of the name lead here, with no cache \
             or other server in between?",
        ),
        _ => match status {
            Some(404 | 410) => (Failure::OrderLost, ""),
            Some(429 | 503) => (Failure::RateLimited { retry_after: told }, ""),
            Some(500..) => (Failure::Unreachable { retry_after: told }, ""),
            Some(_) | None => (Failure::Declined, ""),
        },
    }
}

/// What it says, with what it says of each name.
fn said(problem: &Problem) -> Option<String> {
    let mut text = problem.detail.clone().unwrap_or_default();
    for part in &problem.subproblems {
        let name = part.identifier.as_ref().map(|id| id.authorized(false).to_string());
        let detail = part.detail.as_deref().unwrap_or("no reason given");
        if !text.is_empty() {
            text.push_str("; ");
        }
        match name {
            Some(name) => text.push_str(&format!("`{name}`: {detail}")),
            None => text.push_str(detail),
        }
    }
    let text = plain(&text);
    (!text.is_empty()).then_some(text)
}

/// One line, of a length that fits a terminal, and nothing that moves a cursor.
pub fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim().trim_end_matches('.');
    match line.char_indices().nth(DETAIL_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// An error and its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    plain(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str, status: u16) -> Problem {
        serde_json::from_value(serde_json::json!({
            "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status,
        }))
        .expect("a problem")
    }

    #[test]
    fn cause_and_words() {
        let told = Some(Duration::from_secs(7));
        let rows: [(&str, Problem, Failure, &str, &str); 12] = [
            (
                "too often",
                problem("rateLimited", "too many certificates already issued.", 429),
                Failure::RateLimited { retry_after: told },
                "`ca` says: too many certificates already issued",
                "window",
            ),
            (
                "no account key",
                problem("externalAccountRequired", "bind it", 403),
                Failure::Declined,
                "`ca` says: bind it",
                "eab {",
            ),
            (
                "closed port",
                problem("connection", "Timeout during connect", 400),
                Failure::NotProved,
                "`ca` says: Timeout during connect",
                "dns-01",
            ),
            (
                "CAA",
                problem("caa", "CAA record forbids", 403),
                Failure::NotProved,
                "`ca` says: CAA record forbids",
                "CAA",
            ),
            (
                "no name",
                problem("dns", "NXDOMAIN", 400),
                Failure::NotProved,
                "`ca` says: NXDOMAIN",
                "delegated",
            ),
            (
                "another server",
                problem("unauthorized", "404", 403),
                Failure::NotProved,
                "`ca` says: 404",
                "something else answered",
            ),
            (
                "not that name",
                problem("rejectedIdentifier", "no", 400),
                Failure::Declined,
                "`ca` says: no",
                "another authority",
            ),
            (
                "lost account",
                problem("accountDoesNotExist", "gone", 400),
                Failure::AccountLost,
                "`ca` says: gone",
                "",
            ),
            ("nonce", problem("badNonce", "stale", 400), Failure::BadNonce, "`ca` says: stale", ""),
            (
                "a fault",
                problem("serverInternal", "oops", 500),
                Failure::Unreachable { retry_after: told },
                "`ca` says: oops",
                "",
            ),
            (
                "gone",
                problem("malformed", "no such order", 404),
                Failure::OrderLost,
                "`ca` says: no such order",
                "",
            ),
            (
                "tricks",
                problem("caa", "\u{1b}[2Jx\ny", 403),
                Failure::NotProved,
                "`ca` says: [2Jx y",
                "CAA",
            ),
        ];
        for (name, problem, failure, words, hint) in rows {
            let trouble = of_problem("ca", &problem, told);
            assert_eq!(trouble.failure, failure, "{name}");
            assert_eq!(trouble.words, words, "{name}");
            let found = trouble.hint.unwrap_or_default();
            assert!(found.contains(hint) && found.is_empty() == hint.is_empty(), "{name}: {found}");
        }
    }
}
