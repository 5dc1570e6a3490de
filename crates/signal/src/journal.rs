//! The control-plane log on standard error: what the operator has to know (DECISIONS 25).

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;
use std::sync::Mutex;

use jiff::Timestamp;

/// Names and values of an event.
pub type Fields<'a> = [(&'a str, &'a dyn Display)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-23T12:00:00Z INFO listener/opened address=127.0.0.1:80`
    Text,
    /// An object a line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

/// Cheap to clone; lines of several threads do not mix.
#[derive(Clone, Debug)]
pub struct Journal {
    format: Format,
    level: Level,
}

/// Standard error is one for the process.
static WRITING: Mutex<()> = Mutex::new(());

impl Journal {
    pub fn new(format: Format, level: Level) -> Self {
        Journal { format, level }
    }

    pub fn debug(&self, event: &str, fields: &Fields<'_>) {
        self.write(Level::Debug, event, fields);
    }

    pub fn info(&self, event: &str, fields: &Fields<'_>) {
        self.write(Level::Info, event, fields);
    }

    pub fn warn(&self, event: &str, fields: &Fields<'_>) {
        self.write(Level::Warn, event, fields);
    }

    pub fn error(&self, event: &str, fields: &Fields<'_>) {
        self.write(Level::Error, event, fields);
    }

    fn write(&self, level: Level, event: &str, fields: &Fields<'_>) {
        if level < self.level {
            return;
        }
        let (seconds, _) = net::clock::Clock::new().wall();
        let line = self.line(i64::try_from(seconds).unwrap_or(0), level, event, fields);
        let _one = WRITING.lock();
        // Nobody is left to be told that standard error is gone.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn line(&self, unix: i64, level: Level, event: &str, fields: &Fields<'_>) -> String {
        let time = Timestamp::from_second(unix).unwrap_or_default();
        let mut line = String::new();
        match self.format {
            Format::Text => {
                let _ = write!(line, "{time} {:<5} {event}", level.name());
                for (name, value) in fields {
                    let _ = write!(line, " {name}={}", Plain(&value.to_string()));
                }
            }
            Format::Json => {
                let level = level.name().to_ascii_lowercase();
                let _ = write!(
                    line,
                    "{{\"time\":\"{time}\",\"level\":\"{level}\",\"event\":{}",
                    Quoted(event)
                );
                for (name, value) in fields {
                    let _ = write!(line, ",{}:{}", Quoted(name), Quoted(&value.to_string()));
                }
                line.push('}');
            }
        }
        line.push('\n');
        line
    }
}

/// Bare where nothing could be misread, else quoted.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| !c.is_control() && !c.is_whitespace() && !"\"=\\".contains(c);
        if !self.0.is_empty() && self.0.chars().all(bare) {
            f.write_str(self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

/// A JSON string: no control character gets to the terminal.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let fields: [(&str, &dyn Display); 3] =
            [("a", &"b"), ("c", &"d e\"\n\u{1b}[31m"), ("n", &7)];
        let rows = [
            (Format::Text, "2026-11-23T12:00:00Z INFO  x/y a=b c=\"d e\\\"\\n\\u001b[31m\" n=7\n"),
            (
                Format::Json,
                "{\"time\":\"2026-11-23T12:00:00Z\",\"level\":\"info\",\"event\":\"x/y\",\"a\":\"b\",\
                 \"c\":\"d e\\\"\\n\\u001b[31m\",\"n\":\"7\"}\n",
            ),
        ];
        for (format, expected) in rows {
            let journal = Journal::new(format, Level::Info);
            assert_eq!(journal.line(1_795_435_200, Level::Info, "x/y", &fields), expected);
        }
    }
}
