//! What keeps the house readable: sizes, no marks of unfinished work, links that lead somewhere,
//! nothing that is true on one machine only.

mod links;
mod marks;
mod sizes;

use std::fs;
use std::path::Path;

use crate::failed::{Failed, judge};
use crate::tree::{self, TextFile};

/// Rooms, history and the way in: every checkout has them.
const DOCUMENTS: &[&str] =
    &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"];

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let root = tree::root();
    let files = tree::read(&root)?;
    match arguments {
        [] => judge("tidy", problems(&root, &files)?),
        [flag] if flag == "--ratchet" => tighten(&root, &files),
        [other, ..] => Err(Failed::Usage(format!("`tidy` does not know `{other}`"))),
    }
}

fn problems(root: &Path, files: &[TextFile]) -> Result<Vec<String>, Failed> {
    let mut problems = sizes::judge(files, &read_ratchet(root)?);
    problems.extend(marks::judge(files));
    problems.extend(links::judge(root, files));
    problems.extend(judge_documents(files));
    Ok(problems)
}

/// Lowers the ratchet to what is true now; it never raises it.
fn tighten(root: &Path, files: &[TextFile]) -> Result<(), Failed> {
    let path = root.join(sizes::RATCHET);
    let tightened = read_ratchet(root)?.tightened(files);
    fs::write(&path, tightened.to_string()).map_err(Failed::file(&path))?;
    println!("{} holds {} files", sizes::RATCHET, tightened.len());
    Ok(())
}

fn read_ratchet(root: &Path) -> Result<sizes::Ratchet, Failed> {
    let path = root.join(sizes::RATCHET);
    let text = fs::read_to_string(&path).map_err(Failed::file(&path))?;
    text.parse().map_err(Failed::Unexpected)
}

fn judge_documents(files: &[TextFile]) -> Vec<String> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| &*file.text);
    let missing = DOCUMENTS.iter().filter(|path| text_of(path).is_none());
    let mut problems: Vec<String> = missing.map(|path| format!("{path}: is missing")).collect();
    if text_of("CHANGELOG.md").is_some_and(|text| !text.contains("## Unreleased")) {
        problems.push(
            "CHANGELOG.md: has no `## Unreleased`: what does the next version bring?".to_owned(),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_there_and_the_changelog_is_open() {
        let file =
            |path: &&str| TextFile { path: (*path).to_owned(), text: "## Unreleased".to_owned() };
        let mut files: Vec<TextFile> = DOCUMENTS.iter().map(file).collect();
        assert!(judge_documents(&files).is_empty());
        files.retain(|file| file.path != "LICENSE");
        files.iter_mut().for_each(|file| file.text = "## 0.1.0".to_owned());
        let problems = judge_documents(&files);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("LICENSE: is missing"));
        assert!(problems[1].starts_with("CHANGELOG.md: has no"));
    }
}
