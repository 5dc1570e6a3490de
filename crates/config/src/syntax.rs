//! From text to a tree with places.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::structure::{Block, Body};
use model::{Finding, Place};

use crate::blocks::TOP_LEVEL;
use crate::names::Kind;
use crate::sources::{Source, Sources};
use crate::split::{loosened, split, unclosed_string};

/// Deeper nesting is refused before it is parsed, since the parser recurses.
const NESTING_MAX: usize = 64;

/// The blocks of a file that could be parsed.
pub struct File {
    pub lines: Lines,
    pub folder: PathBuf,
    /// Each with the offset of its item in the file.
    pub bodies: Vec<(usize, Body)>,
    /// What the blocks that could not be parsed would have declared.
    pub broken: Vec<(Kind, String)>,
}

/// Offsets to lines and columns.
#[derive(Clone)]
pub struct Lines {
    name: Arc<str>,
    text: Arc<str>,
    starts: Arc<[usize]>,
}

/// A piece of a file: where its spans count from.
#[derive(Clone)]
pub struct Origin {
    pub lines: Lines,
    pub folder: Arc<Path>,
    pub offset: usize,
}

impl Lines {
    fn new(source: &Source) -> Self {
        let breaks = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            name: Arc::clone(&source.name),
            text: source.text.as_str().into(),
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    pub fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1) - 1;
        let start = self.starts[line];
        let offset = offset.min(self.text.len());
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place::new(Arc::clone(&self.name), line as u32 + 1, column as u32)
    }
}

impl Origin {
    /// Place and length in characters of something that was parsed.
    pub fn locate(&self, item: &impl Span) -> (Place, u32) {
        self.locate_range(item.span().unwrap_or(0..1))
    }

    pub fn locate_range(&self, span: Range<usize>) -> (Place, u32) {
        let (start, end) = (self.offset + span.start, self.offset + span.end);
        let text = self.lines.text.get(start..end).unwrap_or("");
        let first_line = text.lines().next().unwrap_or("").trim_end();
        (self.lines.place(start), first_line.chars().count().max(1) as u32)
    }
}

pub fn parse(sources: &Sources, findings: &mut Vec<Finding>) -> Vec<File> {
    sources.0.iter().map(|source| parse_file(source, findings)).collect()
}

fn parse_file(source: &Source, findings: &mut Vec<Finding>) -> File {
    let lines = Lines::new(source);
    let (mut bodies, mut broken) = (Vec::new(), Vec::new());
    // One that stands in other blocks too begins no new one.
    let names: Vec<&str> = TOP_LEVEL
        .iter()
        .map(|kind| kind.name)
        .filter(|name| !matches!(*name, "silence" | "record"))
        .collect();
    let (items, stray) = split(&source.text, &names);
    for offset in stray {
        findings.push(
            Finding::error("syntax/stray-brace", &lines.place(offset), "this closes nothing")
                .hint("remove it, or look for a brace above that closes too early"),
        );
    }
    for item in items {
        let text = &source.text[item.range.clone()];
        let place = lines.place(item.range.start);
        let parsed = bodies.len();
        if let Some(at) = unclosed_string(text).filter(|_| item.unclosed) {
            let rest = text[at..].lines().next().unwrap_or("").trim_end();
            let place = lines.place(item.range.start + at);
            findings.push(
                Finding::error("syntax/unclosed-string", &place, "this string is never closed")
                    .length(rest.chars().count() as u32)
                    .hint("add `\"` at its end"),
            );
        } else if item.unclosed {
            let first = text.lines().next().unwrap_or("").trim_end();
            findings.push(
                Finding::error("syntax/unclosed-block", &place, "this block is never closed")
                    .length(first.chars().count() as u32)
                    .hint(unclosed_hint(text)),
            );
        } else if nesting(text) > NESTING_MAX {
            findings.push(Finding::error("syntax/nesting", &place, "this is nested too deeply"));
        } else {
            let strict = hcl_edit::parser::parse_body(text);
            match strict
                .or_else(|error| hcl_edit::parser::parse_body(&loosened(text)).map_err(|_| error))
            {
                Ok(body) => bodies.push((item.range.start, body)),
                Err(error) => {
                    let at = item.range.start + error.location().offset();
                    findings.push(syntax_error(
                        &lines,
                        &source.text,
                        at,
                        &item.range,
                        error.message(),
                    ));
                }
            }
        }
        if bodies.len() == parsed {
            broken.extend(header(text));
        }
    }
    File { lines, folder: source.folder.clone(), bodies, broken }
}

/// `kind "name"`, of a block that need not be right otherwise.
fn header(text: &str) -> Option<(Kind, String)> {
    let (keyword, rest) = text.lines().next()?.split_once('"')?;
    let (name, _) = rest.split_once('"')?;
    Some((Kind::of_keyword(keyword.trim())?, name.to_owned()))
}

fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Names the innermost line that opens something and is not closed again.
fn unclosed_hint(text: &str) -> String {
    let mut open: Vec<(usize, char)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or("");
        for c in code.chars() {
            match c {
                '{' | '[' | '(' => open.push((number, c)),
                '}' | ']' | ')' => drop(open.pop()),
                _ => {}
            }
        }
    }
    let closing = |c| match c {
        '[' => ']',
        '(' => ')',
        _ => '}',
    };
    match open.last() {
        Some((0, c)) => format!("add `{}` before the next block", closing(*c)),
        Some((line, c)) => format!(
            "`{}` may be missing for what opens {line} line{} below",
            closing(*c),
            if *line == 1 { "" } else { "s" }
        ),
        None => "add `}` before the next block".to_owned(),
    }
}

/// The parser speaks of grammar: say what a person would look for.
fn syntax_error(
    lines: &Lines,
    text: &str,
    at: usize,
    item: &Range<usize>,
    message: &str,
) -> Finding {
    // The last byte of a block may be in the middle of a character.
    let at = text.floor_char_boundary(at.min(item.end.saturating_sub(1)));
    let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let place = lines.place(at);
    let finding = |message: &str, hint: &str| {
        Finding::error("syntax/invalid", &place, message).hint(hint.to_owned())
    };
    let code = line.split('#').next().unwrap_or("").trim();
    if code.matches('"').count() % 2 == 1 {
        return finding("this string is never closed", "add `\"` at its end");
    }
    let assignments = code.matches('=').count() - code.matches("==").count();
    if assignments > 1 && code.contains('{') {
        return finding(
            "two attributes on one line",
            "write each attribute on a line of its own, between `{` and `}`",
        );
    }
    if assignments > 1 {
        return finding("two attributes on one line", "write each attribute on a line of its own");
    }
    if let Some((name, rest)) = code.split_once(':')
        && !name.contains(['"', '=', '{'])
    {
        let hint = format!("write `{} = {}`", name.trim(), rest.trim());
        return finding("attributes are set with `=`", &hint);
    }
    if code.ends_with(',') && code.contains('=') && !code.contains('[') {
        return finding("attributes are not separated by commas", "remove the comma at the end");
    }
    let words: Vec<&str> = code.split_whitespace().collect();
    if let [name, value] = words[..]
        && !code.contains(['=', '{', '}'])
    {
        return finding("an attribute needs `=`", &format!("write `{name} = {value}`"));
    }
    if code.ends_with('=') {
        return finding("this attribute has no value", "write a value after `=`");
    }
    finding(
        &format!("this is not valid here: {message}"),
        "an attribute is `name = value`, a block is `name \"label\" { … }`",
    )
}

pub fn label_text(block: &Block, at: usize) -> Option<&str> {
    block.labels.get(at).map(|label| label.as_str())
}
