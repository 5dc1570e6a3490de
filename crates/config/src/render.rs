//! Findings as text: the line, a caret, the remedy, and what belongs to it.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use model::{Finding, Place, Severity};

use crate::sources::{Source, Sources};

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
    let texts: Vec<Text<'_>> = sources.0.iter().map(Text::of).collect();
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&[group(&texts, finding)]));
        out.push_str("\n\n");
    }
    out.push_str(&count(findings));
    out.push('\n');
    out
}

/// Place, length in characters, label, and whether it is the finding's own.
type Mark<'a> = (&'a Place, u32, &'a str, bool);

/// A source with the beginnings of its lines: there may be many findings.
struct Text<'s> {
    source: &'s Source,
    starts: Vec<usize>,
}

impl<'s> Text<'s> {
    fn of(source: &'s Source) -> Self {
        let breaks = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Text { source, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// From one line to another, each counted from 1.
    fn lines(&self, first: usize, last: usize) -> &'s str {
        let start = self.starts.get(first - 1).copied().unwrap_or(self.source.text.len());
        let end = self.starts.get(last).copied().unwrap_or(self.source.text.len());
        &self.source.text[start..end]
    }
}

fn group<'a>(texts: &[Text<'a>], finding: &'a Finding) -> annotate_snippets::Group<'a> {
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
        let Some(text) = texts.iter().find(|text| &*text.source.name == file) else {
            // A file of another language, such as a zone file: its place, without its line.
            for (place, _, text, primary) in marks.into_iter().filter(|(place, ..)| place.line > 0)
            {
                group = match primary {
                    true => group.element(Origin::path(file).line(place.line as usize)),
                    false => group.element(Level::NOTE.message(format!("{text}: {place}"))),
                };
            }
            continue;
        };
        // The renderer reads all that it is given: it gets the lines that are marked, and those between.
        let lines = || marks.iter().map(|(place, ..)| place.line as usize).filter(|line| *line > 0);
        let first = lines().min().unwrap_or(1);
        let shown = text.lines(first, lines().max().unwrap_or(1));
        let mut snippet = Snippet::source(shown).line_start(first).path(file);
        for (place, length, text, primary) in marks {
            let Some(range) = range(shown, place, first, length) else { continue };
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
fn range(text: &str, place: &Place, first: usize, length: u32) -> Option<Range<usize>> {
    let line = text.split_inclusive('\n').nth((place.line as usize).checked_sub(first)?)?;
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
