//! The canonical layout: two spaces a level, `=` aligned in consecutive attributes, at most one empty
//! line. Comments stay where they are. Only the space between tokens changes.

use model::Finding;

use crate::sources::Sources;
use crate::{split, syntax};

/// The text in its canonical layout, or why it cannot be read.
pub fn format(source: &str) -> Result<String, Vec<Finding>> {
    let mut findings = Vec::new();
    syntax::parse(&Sources::single("input", source), &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut lines: Vec<Line> = Vec::new();
    let mut depth = 0usize;
    for raw in logical_lines(source) {
        let trimmed = raw.trim();
        if raw.contains('\n') {
            // A heredoc or block comment keeps its own layout.
            let indent = "  ".repeat(depth);
            lines.push(Line::other(format!("{indent}{}", raw.trim_start().trim_end())));
            continue;
        }
        if trimmed.is_empty() {
            if lines.last().is_some_and(|line| !line.text.is_empty() && !line.opens) {
                lines.push(Line::other(String::new()));
            }
            continue;
        }
        let (opened, closed_first, balance) = brackets(trimmed);
        let level = depth.saturating_sub(closed_first);
        if trimmed.starts_with(['}', ']', ')'])
            && lines.last().is_some_and(|line| line.text.is_empty())
        {
            lines.pop();
        }
        let mut line = Line::parse(trimmed, level);
        line.opens = opened;
        lines.push(line);
        depth = depth.saturating_add_signed(balance);
    }
    while lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    align(&mut lines);
    let mut out: String = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
    if lines.is_empty() {
        out.clear();
    }
    Ok(out)
}

struct Line {
    text: String,
    /// Where `=` stands, for lines that are one attribute.
    attribute: Option<(usize, String, String)>,
    opens: bool,
}

impl Line {
    fn other(text: String) -> Line {
        Line { text, attribute: None, opens: false }
    }

    fn parse(trimmed: &str, level: usize) -> Line {
        let indent = "  ".repeat(level);
        let attribute =
            attribute(trimmed).map(|(key, value)| (level, key.to_owned(), value.to_owned()));
        let text = match trimmed.strip_suffix('{') {
            Some(head) if attribute.is_none() && !trimmed.starts_with('#') => {
                format!("{indent}{} {{", squeeze(head))
            }
            _ => format!("{indent}{trimmed}"),
        };
        Line { text, attribute, opens: false }
    }
}

/// `load_balancer   "a"` → `load_balancer "a"`.
fn squeeze(head: &str) -> String {
    if head.contains(['#', '/']) {
        return head.trim_end().to_owned();
    }
    let mut out = String::new();
    for (at, piece) in head.trim().split('"').enumerate() {
        if at > 0 {
            out.push('"');
        }
        if at % 2 == 1 {
            out.push_str(piece);
        } else {
            let words: Vec<&str> = piece.split_whitespace().collect();
            let lead = piece.starts_with(char::is_whitespace) && (at > 0 || !words.is_empty());
            if lead && at > 0 {
                out.push(' ');
            }
            out.push_str(&words.join(" "));
            if piece.ends_with(char::is_whitespace) && !words.is_empty() {
                out.push(' ');
            }
        }
    }
    out.trim().to_owned()
}

/// Key and value of a line `key = value`.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let plain =
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let quoted = key.len() > 2
        && key.starts_with('"')
        && key.ends_with('"')
        && !key[1..key.len() - 1].contains('"');
    ((plain || quoted) && !value.starts_with('=')).then(|| (key, value.trim()))
}

/// Aligns `=` in runs of attributes of one level.
fn align(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        let level = |line: &Line| line.attribute.as_ref().map(|(level, _, _)| *level);
        let Some(first) = level(&lines[at]) else {
            at += 1;
            continue;
        };
        // A value over several lines ends a run.
        let mut end = at + 1;
        while end < lines.len() && level(&lines[end]) == Some(first) && !lines[end - 1].opens {
            end += 1;
        }
        let width = lines[at..end]
            .iter()
            .filter_map(|line| line.attribute.as_ref())
            .map(|(_, key, _)| key.chars().count())
            .max()
            .unwrap_or(0);
        for line in &mut lines[at..end] {
            if let Some((level, key, value)) = &line.attribute {
                line.text = format!("{}{key:width$} = {value}", "  ".repeat(*level));
            }
        }
        at = end;
    }
}

/// Lines, except that a heredoc or a block comment is one.
fn logical_lines(source: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < source.len() {
        let next = split::skip(source, at);
        if source.as_bytes()[at] == b'\n' {
            out.push(&source[start..at]);
            start = next;
        }
        at = next;
    }
    if start < source.len() {
        out.push(&source[start..]);
    }
    out
}

/// Whether the line opens more than it closes, how many levels it closes at its beginning, and the
/// balance.
fn brackets(line: &str) -> (bool, usize, isize) {
    let (mut balance, mut least) = (0isize, 0isize);
    let mut at = 0;
    while at < line.len() {
        let next = split::skip(line, at);
        if next == at + 1 {
            match line.as_bytes()[at] {
                b'{' | b'[' | b'(' => balance += 1,
                b'}' | b']' | b')' => balance -= 1,
                _ => {}
            }
            least = least.min(balance);
        }
        at = next;
    }
    (balance > 0, least.unsigned_abs(), balance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let messy = "\n\n# top\nnetwork   \"a\"   {\ncidrs=[\"10.0.0.0/8\"] # why\n\n\n    name_x   =  \"a = b\"\n  }\n\n\n\nload_balancer \"b\" {\n\n listener \"h\" {\nport = 80\n   addresses = [\n\"::1\",\n   ]\n x = 1\n}\n\n}\n";
        let expected = "# top\nnetwork \"a\" {\n  cidrs = [\"10.0.0.0/8\"] # why\n\n  name_x = \"a = b\"\n}\n\nload_balancer \"b\" {\n  listener \"h\" {\n    port      = 80\n    addresses = [\n      \"::1\",\n    ]\n    x = 1\n  }\n}\n";
        let got = format(messy).unwrap();
        assert_eq!(got, expected);
        assert_eq!(format(&got).unwrap(), got);
    }

    #[test]
    fn heredocs_and_comments_keep_their_layout() {
        let text = "a \"b\" {\n  body = <<EOT\n   x {\nEOT\n  /* one\n       two */\n  c = 1\n}\n";
        assert_eq!(format(text).unwrap(), text);
        assert!(format("network \"a\" {\n").is_err());
    }
}
