//! `nft`, run as a process that does not have for ever.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Where it is if it is not on the search path of a service.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];
/// 100,000 prefixes take 4 s; whoever waits for the lock of another `nft` waits on control's thread.
const LIMIT: Duration = Duration::from_secs(10);
/// Of its words, so many lines are told.
const LINES_MAX: usize = 3;

/// Why a ruleset is not in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// There is no `nft`.
    Missing,
    NotPermitted,
    /// It was ended; whether the kernel has what it was told is not known.
    TooSlow(Duration),
    /// It could not be run, or did not like what it was told.
    Other(String),
}

impl Failed {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Failed::Missing => "install the package `nftables`",
            Failed::NotPermitted => {
                "give the process CAP_NET_ADMIN as an ambient capability, as the packaged unit does"
            }
            Failed::TooSlow(_) | Failed::Other(_) => {
                "`nft list ruleset` as root shows whether nftables works here"
            }
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Missing => f.write_str("`nft` is not installed"),
            Failed::NotPermitted => f.write_str("nftables needs CAP_NET_ADMIN"),
            Failed::TooSlow(limit) => {
                write!(f, "nft: no end within {} s", limit.as_secs_f32())
            }
            Failed::Other(text) => write!(f, "nft: {text}"),
        }
    }
}

impl std::error::Error for Failed {}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Failed::Other(error.to_string())
    }
}

/// How it is run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The first that exists.
    pub paths: Vec<PathBuf>,
    pub limit: Duration,
}

impl Default for Program {
    fn default() -> Self {
        Program { paths: PROGRAMS.map(PathBuf::from).to_vec(), limit: LIMIT }
    }
}

impl Program {
    /// Runs it, tells it `input`, and gives back what it says.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut child = self.start(arguments)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (open, ended) = channel::<()>();
        let (told, said, words, status) = std::thread::scope(|scope| {
            // If it ends early, its own words say why.
            let told = scope.spawn(move || stdin.map_or(Ok(()), |mut to| to.write_all(input)));
            let also_open = open.clone();
            let said = scope.spawn(move || everything(stdout, open));
            let words = scope.spawn(move || everything(stderr, also_open));
            // Both are closed when nobody can send any more.
            let late = ended.recv_timeout(self.limit) == Err(RecvTimeoutError::Timeout);
            if late {
                child.kill()?;
            }
            let status = child.wait()?;
            if late {
                return Err(Failed::TooSlow(self.limit));
            }
            Ok((joined(told), joined(said)?, joined(words)?, status))
        })?;
        let words = String::from_utf8_lossy(&words);
        match status.success() {
            true => Ok(told.map(|()| said)?),
            false if words.contains("Operation not permitted") => Err(Failed::NotPermitted),
            false => {
                let lines: Vec<&str> = words.lines().map(str::trim).take(LINES_MAX).collect();
                Err(Failed::Other(lines.join("; ")))
            }
        }
    }

    fn start(&self, arguments: &[&str]) -> Result<Child, Failed> {
        for path in &self.paths {
            let mut command = Command::new(path);
            command.args(arguments).env("LC_ALL", "C");
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            match command.spawn() {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return Ok(other?),
            }
        }
        Err(Failed::Missing)
    }
}

/// What a pipe says until its end, which `open` is dropped at.
fn everything<T>(pipe: Option<impl Read>, open: T) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
    drop(open);
    read.map(|_| bytes)
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_it_does_it_comes_back() {
        let much = vec![b'x'; 1 << 20];
        let slow = Duration::from_millis(50);
        let (long, sh) = (Duration::from_secs(60), "/bin/sh");
        let other = |text: &str| Err(Failed::Other(text.to_owned()));
        type Row<'r> = (&'r str, &'r str, &'r str, &'r [u8], Duration, Result<Vec<u8>, Failed>);
        let rows: [Row<'_>; 7] = [
            ("it repeats", sh, "exec cat", b"words", long, Ok(b"words".to_vec())),
            ("more than a pipe holds", sh, "exec cat", &much, long, Ok(much.clone())),
            ("it hangs", sh, "exec sleep 60", b"", slow, Err(Failed::TooSlow(slow))),
            (
                "it hangs and reads nothing",
                sh,
                "exec sleep 60",
                &much,
                slow,
                Err(Failed::TooSlow(slow)),
            ),
            (
                "it complains",
                sh,
                "echo one >&2; echo two >&2; exit 1",
                b"",
                long,
                other("one; two"),
            ),
            (
                "it may not",
                sh,
                "echo Operation not permitted >&2; exit 1",
                b"",
                long,
                Err(Failed::NotPermitted),
            ),
            ("there is none", "/no/such/program", "", b"", long, Err(Failed::Missing)),
        ];
        for (name, path, script, input, limit, expected) in rows {
            let program = Program { paths: vec![path.into()], limit };
            assert!(program.run(&["-c", script], input) == expected, "{name}");
        }
    }
}
