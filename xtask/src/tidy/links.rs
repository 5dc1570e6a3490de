//! Links of documents to files and headings of this repository lead somewhere.

use std::path::{Component, Path, PathBuf};

use crate::tree::TextFile;

pub fn judge(root: &Path, files: &[TextFile]) -> Vec<String> {
    let documents = files.iter().filter(|file| file.is_markdown());
    documents.flat_map(|file| judge_file(root, files, file)).collect()
}

fn judge_file(root: &Path, files: &[TextFile], file: &TextFile) -> Vec<String> {
    let judge = |(line, target): (usize, &str)| {
        let problem = why_broken(root, files, file, target)?;
        Some(format!("{}:{line}: the link to `{target}` {problem}", file.path))
    };
    links(&file.text).into_iter().filter_map(judge).collect()
}

fn why_broken(
    root: &Path,
    files: &[TextFile],
    file: &TextFile,
    target: &str,
) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) =
        target.split_once('#').map_or((target, None), |(path, h)| (path, Some(h)));
    let resolved = match path {
        "" => PathBuf::from(&file.path),
        path => resolve(&file.path, path),
    };
    if !root.join(&resolved).exists() {
        return Some("leads to no file");
    }
    let document =
        files.iter().find(|other| Path::new(&other.path) == resolved && other.is_markdown())?;
    let heading = heading?;
    let leads = headings(&document.text).iter().any(|known| known == heading);
    (!leads).then_some("leads to no heading")
}

/// `path` as seen from the document at `from`, relative to the root.
fn resolve(from: &str, path: &str) -> PathBuf {
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut resolved = PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

/// Lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number + 1, line))
    })
}

/// The targets of `[text](target)` outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        for (at, part) in line.split('`').enumerate() {
            // Between two backquotes there is code.
            let starts = part.match_indices("](").filter(|_| at % 2 == 0);
            for (start, sign) in starts {
                let target =
                    part[start + sign.len()..].split([')', ' ']).next().unwrap_or_default();
                links.push((number, target));
            }
        }
    }
    links
}

/// The anchors that GitHub makes of headings.
fn headings(text: &str) -> Vec<String> {
    let anchor = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| anchor(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_from_where_their_document_stands() {
        for (from, path, expected) in [
            ("README.md", "docs/a.md", "docs/a.md"),
            ("docs/a.md", "b.md", "docs/b.md"),
            ("docs/a.md", "../README.md", "README.md"),
            ("docs/a.md", "./b/../c.md", "docs/c.md"),
        ] {
            assert_eq!(resolve(from, path), Path::new(expected), "{from}: {path}");
        }
    }

    #[test]
    fn links_lead_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("docs")).unwrap();
        std::fs::write(folder.path().join("docs/b.md"), "").unwrap();
        let target = TextFile {
            path: "docs/b.md".into(),
            text: "# The `first`, part\n```\n# no\n```\n".into(),
        };
        for (text, expected) in [
            ("[b](docs/b.md)", None),
            ("[`b`](docs/b.md) and [c](docs/c.md)", Some("leads to no file")),
            ("[`c`](docs/c.md)", Some("leads to no file")),
            ("[b](docs/b.md#the-first-part)", None),
            ("[b](docs/b.md#no)", Some("leads to no heading")),
            ("[out](https://example.com/x)", None),
            ("`[c](docs/c.md)`", None),
            ("```\n[c](docs/c.md)\n```\n", None),
            ("[folder](docs)", None),
        ] {
            let file = TextFile { path: "a.md".into(), text: text.into() };
            let problems = judge(folder.path(), &[file, target.clone()]);
            match expected {
                None => assert!(problems.is_empty(), "{text}: {problems:?}"),
                Some(part) => {
                    assert_eq!(problems.len(), 1, "{text}: {problems:?}");
                    assert!(problems[0].contains(part), "{text}: {}", problems[0]);
                }
            }
        }
    }
}
