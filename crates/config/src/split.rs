//! Where top-level items begin and end, found without parsing them, so that a broken one does not
//! hide the rest (DECISIONS 28).

use std::ops::Range;

/// A top-level item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub range: Range<usize>,
    /// Its braces do not close before the next top-level block begins.
    pub unclosed: bool,
}

/// The items, and the offsets of closing braces that close nothing.
pub fn split(text: &str, keywords: &[&str]) -> (Vec<Item>, Vec<usize>) {
    let bytes = text.as_bytes();
    let (mut items, mut stray) = (Vec::new(), Vec::new());
    let mut start = None;
    let mut depth = 0u32;
    let mut at = 0;
    while at < bytes.len() {
        let line_start = at == 0 || bytes[at - 1] == b'\n';
        if depth > 0 && line_start && begins_block(&text[at..], keywords) {
            items.push(Item { range: start.unwrap_or(0)..at, unclosed: true });
            (start, depth) = (None, 0);
        }
        let next = skip(text, at);
        let plain = next == at + 1;
        match bytes[at] {
            _ if !plain && is_comment(&bytes[at..]) => {}
            _ if !plain => {
                start.get_or_insert(at);
            }
            b'{' | b'[' | b'(' => {
                start.get_or_insert(at);
                depth += 1;
            }
            b'}' | b']' | b')' if depth == 0 => stray.push(at),
            b'}' | b']' | b')' => depth -= 1,
            b'\n' if depth == 0 => {
                if let Some(start) = start.take() {
                    items.push(Item { range: start..next, unclosed: false });
                }
            }
            byte if !byte.is_ascii_whitespace() => {
                start.get_or_insert(at);
            }
            _ => {}
        }
        at = next;
    }
    if let Some(start) = start {
        items.push(Item { range: start..bytes.len(), unclosed: depth > 0 });
    }
    (items, stray)
}

/// A line that begins with a keyword and goes on as a block does.
fn begins_block(line: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| {
        line.strip_prefix(keyword).is_some_and(|rest| {
            rest.trim_start_matches(' ').starts_with(['"', '{'])
                && rest.starts_with([' ', '"', '{'])
        })
    })
}

fn is_comment(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#") || bytes.starts_with(b"//") || bytes.starts_with(b"/*")
}

/// Breaks one-line blocks with several attributes, `{ a = 1  b = 2 }`, into lines, which is what HCL
/// asks for: spaces become line breaks, so that every offset stays what it was.
pub fn loosened(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut open: Vec<Braces> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let next = skip(text, at);
        match text.as_bytes()[at] {
            _ if next != at + 1 => {}
            b'{' | b'[' | b'(' => {
                let value = text[..at].trim_end().ends_with(['=', '(', '[', ',', ':']);
                let is_block = text.as_bytes()[at] == b'{' && !value;
                open.push(Braces { is_block, ..Braces::default() });
            }
            b'}' | b']' | b')' => {
                let braces = open.pop().unwrap_or_default();
                if braces.is_block && (braces.holds_block || braces.items.len() > 1) {
                    let last = at.checked_sub(1).filter(|before| is_space(text, *before));
                    for position in braces.items.into_iter().chain(last) {
                        out[position] = b'\n';
                    }
                }
            }
            // What goes over several lines needs no loosening.
            b'\n' => open.iter_mut().for_each(|braces| *braces = Braces::default()),
            b' ' => {
                if let Some(braces) = open.last_mut().filter(|braces| braces.is_block) {
                    match begins(&text[next..]) {
                        Begins::Attribute => braces.items.push(at),
                        Begins::Block => {
                            braces.items.push(at);
                            braces.holds_block = true;
                        }
                        Begins::Neither => {}
                    }
                }
            }
            _ => {}
        }
        at = next;
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Braces that are open, as far as they are on one line.
#[derive(Default)]
struct Braces {
    is_block: bool,
    /// The spaces before what they hold.
    items: Vec<usize>,
    holds_block: bool,
}

enum Begins {
    Attribute,
    Block,
    Neither,
}

fn is_space(text: &str, at: usize) -> bool {
    text.as_bytes().get(at) == Some(&b' ')
}

fn begins(text: &str) -> Begins {
    let name = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let mut rest = text[name..].trim_start_matches(' ');
    if name == 0 {
        return Begins::Neither;
    }
    if rest.starts_with('=') && !rest.starts_with("==") {
        return Begins::Attribute;
    }
    while rest.starts_with('"') {
        rest = rest[string_end(rest.as_bytes()).unwrap_or(rest.len())..].trim_start_matches(' ');
    }
    if rest.starts_with('{') { Begins::Block } else { Begins::Neither }
}

/// The end of the string, comment, heredoc or byte at `at`.
pub fn skip(text: &str, at: usize) -> usize {
    let bytes = &text.as_bytes()[at..];
    let line_end = || bytes.iter().position(|b| *b == b'\n').map_or(text.len(), |n| at + n);
    match bytes {
        [b'#', ..] | [b'/', b'/', ..] => line_end(),
        [b'/', b'*', ..] => text[at + 2..].find("*/").map_or(text.len(), |n| at + n + 4),
        [b'"', ..] => string_end(bytes).map_or_else(line_end, |n| at + n),
        [b'<', b'<', ..] => heredoc_end(text, at).unwrap_or(at + 1),
        _ => at + 1,
    }
}

/// A string ends at its quote; `None` if the line ends first. `${…}` may hold strings itself.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut nested) = (1, 0u32);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if nested == 0 => at += 1,
            b'$' | b'%' if bytes.get(at + 1) == Some(&b'{') => {
                nested += 1;
                at += 1;
            }
            b'}' if nested > 0 => nested -= 1,
            b'"' if nested == 0 => return Some(at + 1),
            b'"' => at += string_end(&bytes[at..])? - 1,
            b'\n' => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a string begins that its line does not end: it swallows the brackets after it, which then
/// seem never to close.
pub fn unclosed_string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' && string_end(&bytes[at..]).is_none() {
            return Some(at);
        }
        at = skip(text, at);
    }
    None
}

fn heredoc_end(text: &str, at: usize) -> Option<usize> {
    let rest = text[at + 2..].strip_prefix('-').unwrap_or(&text[at + 2..]);
    let line_end = rest.find('\n')?;
    let mark = rest[..line_end].trim();
    if mark.is_empty() || !mark.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let body = text.len() - rest.len() + line_end + 1;
    let mut position = body;
    for line in text[body..].split_inclusive('\n') {
        if line.trim() == mark {
            return Some(position + line.trim_end().len());
        }
        position += line.len();
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<(String, bool)> {
        let (items, _) = split(text, &["network", "listener"]);
        items.into_iter().map(|i| (text[i.range].trim_end().to_owned(), i.unclosed)).collect()
    }

    #[test]
    fn one_line_blocks_are_loosened_in_place() {
        let text =
            "a \"b\" {\n  c { x = \"p = {\"  y = [1, 2]  z = { k = 1 } }\n  d { x = 1 }\n}\n";
        let got = loosened(text);
        assert_eq!(got.len(), text.len());
        assert!(hcl_edit::parser::parse_body(&got).is_ok(), "{got}");
        assert!(hcl_edit::parser::parse_body(text).is_err());
        assert!(got.contains("d { x = 1 }"), "{got}");
    }

    #[test]
    fn unclosed_strings() {
        let rows: &[(&str, Option<usize>)] = &[
            ("x = \"a\"\n", None),
            ("x = [\"a]\ny = \"b\"\n", Some(5)),
            ("x = \"\\\"\n", Some(4)),
            ("# \"\nx = \"${env(\"X\")}\"\n", None),
            ("x = <<E\n\"\nE\n", None),
        ];
        for (text, expected) in rows {
            assert_eq!(unclosed_string(text), *expected, "{text}");
        }
    }

    #[test]
    fn splits() {
        let text = "# c {\nnetwork \"a\" {\n  x = \"}\" // }\n}\n/* { */ y = 1\nnetwork \"b\" {\n  cidrs = [\nnetwork \"c\" {}\n";
        let got = items(text);
        assert_eq!(got.len(), 4, "{got:?}");
        assert_eq!(got[0], ("network \"a\" {\n  x = \"}\" // }\n}".into(), false));
        assert_eq!(got[2], ("network \"b\" {\n  cidrs = [".into(), true));
        assert_eq!(got[3], ("network \"c\" {}".into(), false));
        assert_eq!(split("}\n", &[]).1, [0]);
        let heredoc = "a = <<EOT\n{ \" \nEOT\nnetwork \"b\" {}\n";
        assert_eq!(items(heredoc).len(), 2);
        assert_eq!(items("a = \"${env(\"X\")} {\"\nb = 1\n").len(), 2);
    }
}
