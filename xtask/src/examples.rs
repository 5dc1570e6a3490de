//! The configurations that documents show are ones that the program accepts.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failed::{Failed, judge};
use crate::tree::{self, TextFile};
use crate::{expect_none, shell};

/// A fenced block that begins so is a whole configuration; other fences hold fragments.
const FENCE: &str = "```hcl";
/// Documents whose every block is whole.
const DOCUMENTS: &[&str] = &["README.md"];
const FOLDER: &str = "xtask/examples";

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    shell::run(shell::cargo().args(["build", "--release", "--locked", "-p", "pointsman"]))?;
    check_documents()
}

/// With the program as it was last built.
pub fn check_documents() -> Result<(), Failed> {
    let root = tree::root();
    let folder = tree::target().join(FOLDER);
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    let mut problems = Vec::new();
    let files = tree::read(&root)?;
    for file in files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str())) {
        for (line, text) in blocks(file) {
            let path = folder.join(format!("{}-{line}.hcl", file.path.replace('/', "-")));
            fs::write(&path, text).map_err(Failed::file(&path))?;
            problems.extend(
                refusal(&tree::program("pointsman"), &path)?
                    .map(|said| format!("{}:{line}: {said}", file.path)),
            );
        }
    }
    judge("examples", problems)
}

/// What the program says against a configuration.
fn refusal(program: &Path, path: &Path) -> Result<Option<String>, Failed> {
    let output = Command::new(program).arg("check").arg(path).output();
    let output = output.map_err(Failed::file(program))?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The blocks of a document, each with the line it begins on.
fn blocks(file: &TextFile) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in file.text.lines().enumerate() {
        match &mut open {
            None if line.trim() == FENCE => open = Some((number + 1, String::new())),
            None => {}
            Some(_) if line.trim() == "```" => blocks.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines() {
        let text = "a\n```hcl\nx = 1\n```\n```sh\nls\n```\n```hcl\ny = 2\n```\n".to_owned();
        let file = TextFile { path: "README.md".to_owned(), text };
        assert_eq!(blocks(&file), [(2, "x = 1\n".to_owned()), (8, "y = 2\n".to_owned())]);
    }

    #[test]
    fn the_readme_shows_a_configuration() {
        let files = tree::read(&tree::root()).unwrap();
        let readme = files.iter().find(|file| file.path == "README.md").unwrap();
        assert!(!blocks(readme).is_empty());
    }

    #[test]
    fn a_program_that_refuses_is_quoted() {
        // To a shell, `check FILE` is a script that does not exist.
        let said = refusal(Path::new("sh"), Path::new("a.hcl")).unwrap();
        assert!(said.unwrap().contains("check"));
    }
}
