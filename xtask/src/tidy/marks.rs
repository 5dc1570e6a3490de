//! Marks of unfinished work, white space nobody sees, and paths that exist on one machine only.

use crate::rust_source::{blank, find, tokens};
use crate::tree::TextFile;

const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];
/// Working folders of single machines. In two parts, so that this file is not found by itself.
const MACHINE_PATHS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/")];
/// Where recorded output and other people's texts stand as they are.
const VERBATIM: &[&str] = &[".snap", "LICENSE"];

pub fn judge(files: &[TextFile]) -> Vec<String> {
    files.iter().flat_map(judge_file).collect()
}

fn judge_file(file: &TextFile) -> Vec<String> {
    let mut problems = Vec::new();
    let verbatim = VERBATIM.iter().any(|end| file.path.ends_with(end));
    for (number, line) in file.text.lines().enumerate() {
        let place = format!("{}:{}", file.path, number + 1);
        if !verbatim && line.ends_with([' ', '\t', '\r']) {
            problems.push(format!("{place}: ends in white space"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
            problems.push(format!("{place}: names `{path}`, a folder of one machine"));
        }
    }
    if file.is_rust() {
        let blanked = blank(&file.text);
        let tokens = tokens(&blanked);
        for mark in UNFINISHED {
            let lines = find(&tokens, &[mark, "!"]);
            problems.extend(
                lines.iter().map(|line| format!("{}:{line}: `{mark}!`: finish it", file.path)),
            );
        }
    }
    problems
}

/// As an absolute path, not as the middle of a longer one or of an address.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '~'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks() {
        let machine = format!("see {}shared", MACHINE_PATHS[0]);
        let address = format!("https://example.com{}x", MACHINE_PATHS[0]);
        for (path, text, expected) in [
            ("a.rs", "todo!()", Some("`todo!`")),
            ("a.rs", "unimplemented!()", Some("`unimplemented!`")),
            ("a.rs", "dbg!(x)", Some("`dbg!`")),
            ("a.rs", "// todo!() is not code\nlet todo = 1;", None),
            ("a.md", "dbg!", None),
            ("a.md", "a \nb", Some("a.md:1: ends in white space")),
            ("a.rs", "a\t", Some("white space")),
            ("a.snap", "a \n", None),
            ("a.md", machine.as_str(), Some("a folder of one machine")),
            ("a.md", address.as_str(), None),
        ] {
            let problems = judge(&[TextFile { path: path.to_owned(), text: text.to_owned() }]);
            match expected {
                None => assert!(problems.is_empty(), "{path}: {text}: {problems:?}"),
                Some(part) => {
                    assert_eq!(problems.len(), 1, "{path}: {text}: {problems:?}");
                    assert!(problems[0].contains(part), "{path}: {text}: {}", problems[0]);
                }
            }
        }
    }
}
