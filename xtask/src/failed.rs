use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a task did not succeed.
#[derive(Debug)]
pub enum Failed {
    /// The command line was not understood.
    Usage(String),
    /// A law is broken; one line for each place.
    Law {
        law: &'static str,
        problems: Vec<String>,
    },
    /// Another program said no; what it said is on the terminal.
    Command {
        line: String,
        status: String,
    },
    /// A program that is needed is not there.
    Missing {
        what: String,
        remedy: String,
    },
    File {
        path: PathBuf,
        error: io::Error,
    },
    /// A measurement or an answer that makes no sense.
    Unexpected(String),
}

impl Failed {
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failed {
        let path = path.into();
        move |error| Failed::File { path, error }
    }

    pub fn exit_code(&self) -> u8 {
        if matches!(self, Failed::Usage(_)) { 2 } else { 1 }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Usage(text) | Failed::Unexpected(text) => f.write_str(text),
            Failed::Law { law, problems } => {
                for problem in problems {
                    writeln!(f, "{law}: {problem}")?;
                }
                write!(f, "{law}: {} broken", problems.len())
            }
            Failed::Command { line, status } => write!(f, "`{line}` ended with {status}"),
            Failed::Missing { what, remedy } => write!(f, "{what} is missing: {remedy}"),
            Failed::File { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// `Ok` if nothing was found.
pub fn judge(law: &'static str, problems: Vec<String>) -> Result<(), Failed> {
    if problems.is_empty() {
        println!("{law}: ok");
        return Ok(());
    }
    Err(Failed::Law { law, problems })
}
