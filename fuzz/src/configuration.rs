//! Any text is a configuration or a list of what is wrong with it, each with a place in the text; and
//! the canonical layout of a readable one is its own canonical layout.

use std::io;
use std::path::Path;

use config::{Environment, Sources, Style};

/// Nothing outside the text.
struct Nowhere;

impl Environment for Nowhere {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sources = Sources::single("input", text);
    let (_, findings) = config::parse(&sources, &Nowhere);
    let lines = text.split('\n').count();
    for finding in &findings {
        let places = std::iter::once(&finding.place).chain(finding.related.iter().map(|r| &r.0));
        for place in places {
            assert!(place.line as usize <= lines, "line {} of {lines}: {finding:?}", place.line);
        }
        assert!(!finding.message.is_empty() && finding.length > 0, "{finding:?}");
    }
    let rendered = config::render(&sources, &findings, Style { color: false, width: 100 });
    assert!(findings.is_empty() || rendered.contains(findings[0].code), "{findings:?}");
    if let Ok(formatted) = config::format(text) {
        let again = config::format(&formatted);
        assert_eq!(again.as_deref().ok(), Some(formatted.as_str()), "from {text:?}");
    }
}
