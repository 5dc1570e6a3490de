//! What a real client saw, in the words of an explanation, so that the two can be compared.

use std::fmt;

use model::Obstacle;
use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Sees};

/// How one real request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// The connection attempt was not answered.
    TimesOut,
    /// Connected, and then nothing.
    Silence,
    Refused,
    Unreachable,
    Reset,
    CertificateError(#[serde(with = "code")] Obstacle),
    /// The other side does not speak TLS.
    ProtocolError,
    /// Closed without an answer.
    Closed,
    /// What came is not HTTP.
    Nonsense,
    Answer {
        status: u16,
        /// Names in lower case, in the order of the wire.
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Our own fault, such as an address that is not this machine's.
    Failed(String),
}

impl Observed {
    pub fn header(&self, name: &str) -> Option<&str> {
        let Observed::Answer { headers, .. } = self else { return None };
        headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Observed::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether it is what was foretold. Whose answer it is, is not looked at: only a marked
    /// application could tell.
    pub fn fits(&self, outcome: &Outcome) -> bool {
        match (&outcome.sees, self) {
            (Sees::NotKnown, _)
            | (Sees::TimesOut, Observed::TimesOut)
            | (Sees::Silence, Observed::Silence)
            | (Sees::Refused, Observed::Refused)
            | (Sees::Reset, Observed::Reset)
            | (Sees::ProtocolError, Observed::ProtocolError | Observed::Nonsense)
            // In TLS 1.3 the client hears of it only after its own handshake.
            | (
                Sees::CertificateWanted,
                Observed::ProtocolError | Observed::Closed | Observed::Reset,
            )
            | (Sees::Closed, Observed::Closed | Observed::Nonsense)
            | (
                Sees::ClosedInHandshake,
                Observed::Closed | Observed::Reset | Observed::ProtocolError,
            )
            // A connection was made; the rest is the target's.
            | (
                Sees::PassedThrough,
                Observed::Answer { .. }
                | Observed::CertificateError(_)
                | Observed::ProtocolError
                | Observed::Nonsense
                | Observed::Closed
                | Observed::Reset,
            )
            | (Sees::Application, Observed::Answer { .. }) => true,
            (Sees::CertificateError(problems), Observed::CertificateError(seen)) => {
                problems.contains(seen)
            }
            (Sees::Answer { status, location, .. }, Observed::Answer { status: seen, .. }) => {
                status == seen
                    && location.as_deref().is_none_or(|l| self.header("location") == Some(l))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observed::TimesOut => f.write_str("the connection timed out"),
            Observed::Silence => f.write_str("connected, then silence until the client gave up"),
            Observed::Refused => f.write_str("the connection was refused"),
            Observed::Unreachable => f.write_str("the address is unreachable"),
            Observed::Reset => f.write_str("the connection was reset"),
            Observed::CertificateError(obstacle) => {
                write!(f, "the certificate was refused: {}", obstacle.text())
            }
            Observed::ProtocolError => f.write_str("the other side does not speak TLS"),
            Observed::Closed => f.write_str("closed without an answer"),
            Observed::Nonsense => f.write_str("an answer that is not HTTP"),
            Observed::Answer { status, .. } => match self.header("location") {
                Some(location) => write!(f, "{status}, a redirect to {location}"),
                None => write!(f, "{status}"),
            },
            Observed::Failed(error) => f.write_str(error),
        }
    }
}

/// An obstacle is known by its code.
mod code {
    use model::Obstacle;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(obstacle: &Obstacle, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(obstacle.code())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Obstacle, D::Error> {
        let code = String::deserialize(from)?;
        let known = Obstacle::ALL.iter().find(|obstacle| obstacle.code() == code);
        known.copied().ok_or_else(|| D::Error::custom(format!("there is no code `{code}`")))
    }
}
