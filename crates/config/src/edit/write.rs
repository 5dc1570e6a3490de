//! The bytes that change.

use std::net::IpAddr;
use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Structure};

use super::tree::value;
use crate::split::skip;

/// Bytes of a file, and what comes in their place.
pub type Splice = (Range<usize>, String);

pub fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| range.start);
    let mut out = text.to_owned();
    for (range, new) in splices.into_iter().rev() {
        out.replace_range(range, &new);
    }
    out
}

fn span(at: usize, item: &impl Span) -> Option<Range<usize>> {
    item.span().map(|span| at + span.start..at + span.end)
}

// === values ===

pub fn replace(at: usize, value: &Expression, new: &str) -> Option<Vec<Splice>> {
    Some(vec![(span(at, value)?, new.to_owned())])
}

/// Not what is computed: the change would undo what computes it.
pub fn replace_plain(at: usize, value: &Expression, new: &str) -> Option<Vec<Splice>> {
    match value {
        Expression::Number(_) => replace(at, value, new),
        Expression::String(_) if new.starts_with('"') => replace(at, value, new),
        Expression::String(_) => replace(at, value, &format!("\"{new}\"")),
        _ => None,
    }
}

/// One more item of a list; a single value becomes a list.
pub fn append(text: &str, at: usize, value: &Expression, item: &str) -> Option<Vec<Splice>> {
    let range = span(at, value)?;
    let Expression::Array(array) = value else {
        if matches!(value, Expression::HeredocTemplate(_)) {
            return None;
        }
        let new = format!("[{}, {item}]", &text[range.clone()]);
        return Some(vec![(range, new)]);
    };
    let close = range.end - 1;
    let Some(last) = array.iter().last() else {
        let is_blank = text[range.start + 1..close].trim().is_empty();
        return is_blank.then(|| vec![(range, format!("[{item}]"))]);
    };
    let last = span(at, last)?;
    let comma = if array.trailing_comma() { Some(comma(text, last.end, close)?) } else { None };
    let end = comma.map_or(last.end, |comma| comma + 1);
    let Some(indent) = indent_of(text, last.start) else {
        let new = if comma.is_some() { format!(" {item},") } else { format!(", {item}") };
        return Some(vec![(end..end, new)]);
    };
    let line_end = line_end(text, end).min(close);
    let new = format!("{}{indent}{item}", newline(text));
    Some(match comma {
        Some(_) => vec![(line_end..line_end, format!("{new},"))],
        None if line_end == last.end => vec![(line_end..line_end, format!(",{new}"))],
        None => vec![(last.end..last.end, ",".to_owned()), (line_end..line_end, new)],
    })
}

fn comma(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    while at < to {
        if text.as_bytes()[at] == b',' {
            return Some(at);
        }
        at = skip(text, at);
    }
    None
}

/// `"200"` → `"200,301"`.
pub fn append_statuses(
    text: &str,
    at: usize,
    value: &Expression,
    status: &str,
) -> Option<Vec<Splice>> {
    let range = span(at, value)?;
    let quote = range.end - 1;
    let comma = if text[range].contains(", ") { ", " } else { "," };
    Some(vec![(quote..quote, format!("{comma}{status}"))])
}

/// Whether a target says its own port.
pub fn has_port(target: &str) -> bool {
    target.parse::<IpAddr>().is_err() && target.contains(':')
}

/// `"10.0.1.5:443"` → `"10.0.1.5:80"`, and `"::1"` → `"[::1]:80"`.
pub fn target_port(text: &str, at: usize, item: &Expression, port: u16) -> Option<Vec<Splice>> {
    let range = span(at, item)?;
    let Expression::String(written) = item else { return None };
    let inner = range.start + 1..range.end - 1;
    // With escapes in it, its bytes are not its text.
    if text.get(inner.clone())? != written.value().as_str() {
        return None;
    }
    let target = written.value();
    if has_port(target) {
        let digits = inner.start + target.rfind(':')? + 1;
        return Some(vec![(digits..inner.end, port.to_string())]);
    }
    let is_v6 = target.contains(':');
    let new = if is_v6 { format!("[{target}]:{port}") } else { format!("{target}:{port}") };
    Some(vec![(inner, new)])
}

// === attributes and blocks ===

/// Sets an attribute, or adds it after those that come before it in `order`.
pub fn set(
    text: &str,
    at: usize,
    block: &Block,
    order: &[&str],
    name: &str,
    new: &str,
) -> Option<Vec<Splice>> {
    if let Some(value) = value(block, name) {
        return replace_plain(at, value, new);
    }
    let before = order.iter().take_while(|other| **other != name);
    let anchor = before.filter_map(|name| block.body.get_attribute(name)).last();
    let open = open(text, at, block)?;
    if is_one_line(text, at, block)? {
        let end = match anchor {
            Some(anchor) => span(at, &anchor.value)?.end,
            None => open,
        };
        return Some(vec![on_one_line(text, end, &format!("{name} = {new}"), anchor.is_some())]);
    }
    let Some(anchor) = anchor else {
        let indent = inner_indent(text, at, block)?;
        let end = line_end(text, open);
        return Some(vec![(end..end, format!("{}{indent}{name} = {new}", newline(text)))]);
    };
    let (key, end) = (span(at, &anchor.key)?, span(at, &anchor.value)?.end);
    let indent = indent_of(text, key.start)?;
    // Below the neighbour's `=`, as far as that is possible without touching the neighbour.
    let width = text[key.start..].find('=')?.saturating_sub(1);
    let end = line_end(text, end);
    Some(vec![(end..end, format!("{}{indent}{name:width$} = {new}", newline(text)))])
}

/// Adds a block after the last of its kind, or at the end.
pub fn add_block(
    text: &str,
    at: usize,
    outer: &Block,
    kind: &str,
    attributes: &[(&str, String)],
) -> Option<Vec<Splice>> {
    let same = outer.body.blocks().filter(|block| block.ident.as_str() == kind).last();
    let last = match same {
        Some(block) => Some(span(at, block)?),
        None => match outer.body.iter().last() {
            Some(Structure::Block(block)) => Some(span(at, block)?),
            Some(Structure::Attribute(attribute)) => {
                Some(span(at, &attribute.key)?.start..span(at, &attribute.value)?.end)
            }
            None => None,
        },
    };
    let one = attributes.iter().map(|(name, value)| format!("{name} = {value}"));
    let one = format!("{kind} {{ {} }}", one.collect::<Vec<_>>().join("  "));
    let open = open(text, at, outer)?;
    if is_one_line(text, at, outer)? {
        let end = last.as_ref().map_or(open, |last| last.end);
        return Some(vec![on_one_line(text, end, &one, last.is_some())]);
    }
    let (newline, indent) = (newline(text), inner_indent(text, at, outer)?);
    let end = line_end(text, last.as_ref().map_or(open, |last| last.end));
    if let Some(same) = same
        && is_one_line(text, at, same)?
    {
        return Some(vec![(end..end, format!("{newline}{indent}{one}"))]);
    }
    let width = attributes.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut new = if last.is_some() { newline.to_owned() } else { String::new() };
    new.push_str(&format!("{newline}{indent}{kind} {{"));
    for (name, value) in attributes {
        new.push_str(&format!("{newline}{indent}  {name:width$} = {value}"));
    }
    new.push_str(&format!("{newline}{indent}}}"));
    Some(vec![(end..end, new)])
}

fn on_one_line(text: &str, end: usize, item: &str, follows: bool) -> Splice {
    let lead = if follows { "  " } else { " " };
    let closes = text[end..].trim_start_matches(' ').starts_with('}');
    // One space before the brace, two before what the block holds.
    let tail = match (closes, text[end..].starts_with(' ')) {
        (true, false) => " ",
        (true, true) => "",
        (false, _) if follows => "",
        (false, true) => " ",
        (false, false) => "  ",
    };
    (end..end, format!("{lead}{item}{tail}"))
}

// === layout ===

/// Behind the brace that opens the block.
fn open(text: &str, at: usize, block: &Block) -> Option<usize> {
    let head = match block.labels.last() {
        Some(label) => span(at, label)?.end,
        None => span(at, &block.ident)?.end,
    };
    Some(head + text[head..].find('{')? + 1)
}

fn is_one_line(text: &str, at: usize, block: &Block) -> Option<bool> {
    Some(!text[open(text, at, block)?..span(at, block)?.end].contains('\n'))
}

/// The space before something that begins its line.
fn indent_of(text: &str, at: usize) -> Option<&str> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    Some(&text[start..at]).filter(|indent| indent.trim().is_empty())
}

fn inner_indent(text: &str, at: usize, block: &Block) -> Option<String> {
    let first = match block.body.iter().next() {
        Some(Structure::Attribute(attribute)) => Some(span(at, &attribute.key)?.start),
        Some(Structure::Block(block)) => Some(span(at, &block.ident)?.start),
        None => None,
    };
    if let Some(indent) = first.and_then(|first| indent_of(text, first)) {
        return Some(indent.to_owned());
    }
    Some(format!("{}  ", indent_of(text, span(at, &block.ident)?.start)?))
}

fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    if text[at..end].ends_with('\r') { end - 1 } else { end }
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}
