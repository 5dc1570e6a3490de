//! Findings as text: the line, a caret, the remedy, and what belongs to it.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use model::{Finding, Place, Severity};

use crate::sources::Sources;

/// How findings are shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    pub width: usize,
}

/// All findings, and a line that counts them.
pub fn render(sources: &Sources, findings: &[Finding], style: Style) -> String {
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width.max(40));
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&[group(sources, finding)]));
        out.push_str("\n\n");
    }
    out.push_str(&count(findings));
    out.push('\n');
    out
}

/// Place, length in characters, label, and whether it is the finding's own.
type Mark<'a> = (&'a Place, u32, &'a str, bool);

fn group<'a>(sources: &'a Sources, finding: &'a Finding) -> annotate_snippets::Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    let mut group = annotate_snippets::Group::with_title(title);
    // One snippet a file, the finding's own first.
    let mut files: BTreeMap<(bool, &str), Vec<Mark<'_>>> = BTreeMap::new();
    let own = &*finding.place.file;
    files.entry((false, own)).or_default().push((&finding.place, finding.length, "", true));
    for (place, text) in &finding.related {
        let key = (&*place.file != own, &*place.file);
        files.entry(key).or_default().push((place, 1, text, false));
    }
    for ((_, file), marks) in files {
        let Some(source) = sources.0.iter().find(|source| &*source.name == file) else { continue };
        let mut snippet = Snippet::source(source.text.as_str()).path(file);
        for (place, length, text, primary) in marks {
            let Some(range) = range(&source.text, place, length) else { continue };
            let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(range);
            snippet = snippet.annotation(if text.is_empty() {
                annotation
            } else {
                annotation.label(text)
            });
        }
        group = group.element(snippet);
    }
    match &finding.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}

/// Bytes of a place; `None` if it is not in the text.
fn range(text: &str, place: &Place, length: u32) -> Option<std::ops::Range<usize>> {
    let line = text.split_inclusive('\n').nth(place.line.checked_sub(1)? as usize)?;
    let start_of_line = line.as_ptr() as usize - text.as_ptr() as usize;
    let bytes = |characters: usize| {
        line.char_indices().nth(characters).map_or(line.trim_end().len(), |(at, _)| at)
    };
    let start = bytes(place.column.max(1) as usize - 1).min(line.len());
    let end = bytes(place.column.max(1) as usize - 1 + length as usize).max(start);
    Some(start_of_line + start..start_of_line + end)
}

fn count(findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let words =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (of(Severity::Error), of(Severity::Warning)) {
        (0, warnings) => words(warnings, "warning"),
        (errors, 0) => words(errors, "error"),
        (errors, warnings) => format!("{}, {}", words(errors, "error"), words(warnings, "warning")),
    }
}
