//! Which lines change, how that is shown, and how it is applied.

use std::fmt::Write;

use crate::sources::{Source, Sources};

/// The lines of a file before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// As the operator named it.
    pub file: String,
    /// 1-based: the first line that changes, or before which lines are added.
    pub line: u32,
    pub before: Vec<String>,
    pub after: Vec<String>,
}

/// The lines between those at the beginning and at the end that are the same: a change is made in
/// one place. `None` where nothing changes.
pub fn between(source: &Source, text: &str) -> Option<Edit> {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (source.text.lines().collect(), text.lines().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let first = same(&mut old.iter().zip(&new));
    let last = same(&mut old[first..].iter().rev().zip(new[first..].iter().rev()));
    let owned = |lines: &[&str]| {
        lines[first..lines.len() - last].iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()
    };
    let (before, after) = (owned(&old), owned(&new));
    let changes = !before.is_empty() || !after.is_empty();
    changes.then(|| Edit { file: source.name.to_string(), line: first as u32 + 1, before, after })
}

/// The sources with the edits made, which all speak of the sources as they are. An edit whose lines
/// are not there changes nothing.
pub fn apply(sources: &Sources, edits: &[Edit]) -> Sources {
    let mut sources = sources.clone();
    // From the end, so that the numbers of the lines above stay right.
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.line));
    for edit in edits {
        if let Some(source) = sources.0.iter_mut().find(|source| *source.name == *edit.file)
            && let Some(text) = applied(&source.text, edit)
        {
            source.text = text;
        }
    }
    sources
}

fn applied(text: &str, edit: &Edit) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = (edit.line as usize).checked_sub(1)?;
    let there = lines.get(first..first + edit.before.len())?;
    if !there.iter().zip(&edit.before).all(|(line, before)| bare(line) == before) {
        return None;
    }
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let rest = &lines[first + edit.before.len()..];
    let mut out = lines[..first].concat();
    for line in &edit.after {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(ending);
        }
        out.push_str(line);
        out.push_str(ending);
    }
    // The last line ends as it did.
    if rest.is_empty() && !edit.after.is_empty() && !text.ends_with('\n') {
        out.truncate(out.len() - ending.len());
    }
    out.push_str(&rest.concat());
    Some(out)
}

fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Each edit under the place where it begins.
pub fn diff(edits: &[Edit]) -> String {
    let mut out = String::new();
    for edit in edits {
        let _ = writeln!(out, "{}:{}", edit.file, edit.line);
        for (mark, lines) in [('-', &edit.before), ('+', &edit.after)] {
            for line in lines {
                let _ = writeln!(out, "{}", format!("{mark} {line}").trim_end());
            }
        }
    }
    out
}
