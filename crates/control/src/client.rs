//! Asking a running instance over its control socket.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use explain::probe::Plan;
use explain::{Answer, BadQuestion, Query};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::imported::Import;
use crate::issued::CertificateStatus;
use crate::status::Status;

/// A reload waits for sockets, certificates and `nft`; an explanation may be about a lot.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Of what needs no thought: a supervisor waits for it.
const PROMPT_LIMIT: Duration = Duration::from_secs(8);
pub const QUESTION_BYTES_MAX: u64 = 64 * 1024;
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One line of JSON each way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    Status,
    Reload {
        /// Also if it breaks an expectation that holds now.
        force: bool,
    },
    Health,
    /// How every certificate stands.
    Certificates,
    /// Go on with an order; with `force`, though the certificate is good.
    Order {
        name: String,
        force: bool,
    },
    /// Keep a certificate, and serve it where it is declared.
    Import(Box<Import>),
    Explain(Box<Query>),
    /// What a probe is to ask before it is explained.
    Plan(Box<Query>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReloadAnswer {
    pub generation: u64,
    /// Rendered findings: why nothing changed, if `accepted` is false, else warnings.
    pub findings: String,
    pub accepted: bool,
    /// It was refused for an expectation alone (DECISIONS 5).
    #[serde(default)]
    pub broken_expectation: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthAnswer {
    pub serving: bool,
    pub text: String,
}

/// What became of a certificate that was brought.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// Why it was not kept, with the remedy.
    pub refused: Option<String>,
    pub warnings: Vec<String>,
    /// Whether the configuration takes it; then it is served by now.
    pub declared: bool,
}

/// What became of the wish for a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// Why nothing is ordered, with the remedy.
    pub refused: Option<String>,
}

/// What is answered instead of an explanation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Declined {
    /// `busy`: there are as many at work as may be.
    pub declined: String,
}

/// Why an instance could not be asked.
#[derive(Debug)]
pub enum AskError {
    /// It explains as much as it may at once.
    Busy,
    /// Nothing runs there.
    NotRunning(PathBuf, io::Error),
    Io(io::Error),
    NotUnderstood(String),
    TooLong,
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AskError::Busy => f.write_str("the running pointsman explains to others at the moment"),
            AskError::NotRunning(socket, error) => {
                write!(f, "no running pointsman answers at `{}`: {error}", socket.display())
            }
            AskError::Io(error) => write!(f, "the running pointsman did not answer: {error}"),
            AskError::TooLong => {
                write!(f, "the question is longer than {QUESTION_BYTES_MAX} bytes")
            }
            AskError::NotUnderstood(text) => {
                write!(f, "the running pointsman gave an answer of another version: {text}")
            }
        }
    }
}

impl std::error::Error for AskError {}

pub fn status(socket: &Path) -> Result<Status, AskError> {
    ask(socket, Question::Status, PROMPT_LIMIT)
}

pub fn reload(socket: &Path, force: bool) -> Result<ReloadAnswer, AskError> {
    ask(socket, Question::Reload { force }, ANSWER_LIMIT)
}

pub fn import(socket: &Path, import: &Import) -> Result<ImportAnswer, AskError> {
    ask(socket, Question::Import(Box::new(import.clone())), ANSWER_LIMIT)
}

pub fn certificates(socket: &Path) -> Result<Vec<CertificateStatus>, AskError> {
    ask(socket, Question::Certificates, PROMPT_LIMIT)
}

pub fn order(socket: &Path, name: &str, force: bool) -> Result<OrderAnswer, AskError> {
    ask(socket, Question::Order { name: name.to_owned(), force }, PROMPT_LIMIT)
}

pub fn health(socket: &Path) -> Result<HealthAnswer, AskError> {
    ask(socket, Question::Health, PROMPT_LIMIT)
}

/// The running instance's own explanation.
pub fn explain(socket: &Path, query: &Query) -> Result<Result<Answer, BadQuestion>, AskError> {
    ask(socket, Question::Explain(Box::new(query.clone())), ANSWER_LIMIT)
}

/// What a probe is to ask, as the running instance would go.
pub fn plan(socket: &Path, query: &Query) -> Result<Result<Plan, BadQuestion>, AskError> {
    ask(socket, Question::Plan(Box::new(query.clone())), ANSWER_LIMIT)
}

fn ask<A: DeserializeOwned>(
    socket: &Path,
    question: Question,
    limit: Duration,
) -> Result<A, AskError> {
    let not_running = |error| AskError::NotRunning(socket.to_owned(), error);
    let mut stream = net::unix::connect(socket).map_err(not_running)?;
    stream.set_read_timeout(Some(limit)).map_err(AskError::Io)?;
    stream.set_write_timeout(Some(limit)).map_err(AskError::Io)?;
    // It may hold a private key.
    let mut line = Zeroizing::new(serde_json::to_vec(&question).unwrap_or_default());
    line.push(b'\n');
    if line.len() as u64 > QUESTION_BYTES_MAX {
        return Err(AskError::TooLong);
    }
    stream.write_all(&line).map_err(AskError::Io)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(AskError::Io)?;
    serde_json::from_slice(&answer).map_err(|error| {
        match serde_json::from_slice::<Declined>(&answer) {
            Ok(_) => AskError::Busy,
            Err(_) => AskError::NotUnderstood(error.to_string()),
        }
    })
}
