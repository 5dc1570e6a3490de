//! The files of the workspace, as text.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failed::Failed;

/// What is read as text. Anything else (images, keys) is left alone.
const TEXT: &[&str] =
    &["rs", "md", "toml", "hcl", "conf", "cfg", "service", "sh", "txt", "snap", "sysusers"];
const TEXT_WITHOUT_EXTENSION: &[&str] =
    &["run", "Containerfile", "LICENSE", ".gitignore", ".dockerignore"];
/// Built, not written.
const SKIPPED: &[&str] = &["target", ".git"];
/// A file that is longer is not one that a person wrote.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A text file; `path` is relative to the root of the workspace, with `/`.
#[derive(Clone, Debug)]
pub struct TextFile {
    pub path: String,
    pub text: String,
}

impl TextFile {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// `crates/net` of `crates/net/src/listen.rs`; `pointsman` of `pointsman/src/main.rs`.
    pub fn room(&self) -> &str {
        let mut parts = self.path.split('/');
        match (parts.next(), parts.next()) {
            (Some("crates"), Some(name)) => name,
            (Some(first), Some(_)) => first,
            (_, None) | (None, _) => "",
        }
    }

    /// A test's own file: beside the code as `tests.rs`, or in a folder of tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// Where cargo builds, and where we write.
pub fn target() -> PathBuf {
    let root = root();
    std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), |folder| root.join(folder))
}

/// The program as the last release build left it.
pub fn program(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// Every text file of the workspace, in the order of their paths.
pub fn read(root: &Path) -> Result<Vec<TextFile>, Failed> {
    let mut files = Vec::new();
    visit(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn visit(folder: &Path, prefix: &str, files: &mut Vec<TextFile>) -> Result<(), Failed> {
    for entry in fs::read_dir(folder).map_err(Failed::file(folder))? {
        let entry = entry.map_err(Failed::file(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(Failed::file(entry.path()))?;
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            visit(&entry.path(), &path, files)?;
        } else if kind.is_file() && is_text(&name) {
            let length = entry.metadata().map_err(Failed::file(entry.path()))?.len();
            if length <= BYTES_MAX {
                let text = fs::read_to_string(entry.path()).map_err(Failed::file(entry.path()))?;
                files.push(TextFile { path, text });
            }
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => TEXT.contains(&extension),
        Some(_) | None => TEXT_WITHOUT_EXTENSION.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_where() {
        for (path, room, test) in [
            ("crates/net/src/listen.rs", "net", false),
            ("crates/verdict/src/route/tests.rs", "verdict", true),
            ("crates/config/tests/broken.rs", "config", true),
            ("pointsman/src/main.rs", "pointsman", false),
            ("README.md", "", false),
        ] {
            let file = TextFile { path: path.to_owned(), text: String::new() };
            assert_eq!((file.room(), file.is_test()), (room, test), "{path}");
        }
    }

    #[test]
    fn built_files_and_pictures_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a.rs", "target/b.rs", "docs/c.md", "docs/d.png", ".ci/run"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let files = read(folder.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "a.rs", "docs/c.md"]);
    }
}
