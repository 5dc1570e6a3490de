//! The text of a configuration, and where it came from.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Finding, Place};

/// A configuration is written by hand; whatever is larger was not meant to be one.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the operator named it.
    pub name: Arc<str>,
    pub text: String,
    /// What relative paths in it are relative to.
    pub folder: PathBuf,
}

/// All files of a configuration, in order.
#[derive(Clone, Debug, Default)]
pub struct Sources(pub Vec<Source>);

impl Sources {
    /// A file, the `*.hcl` files of a directory in the order of their names, or `-`.
    pub fn load(path: &Path) -> Result<Sources, Vec<Finding>> {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text);
            return match read {
                Ok(_) => Ok(Sources::single("standard input", &text)),
                Err(error) => Err(vec![unreadable(path, &error)]),
            };
        }
        if path.is_dir() {
            return Sources::load_directory(path);
        }
        load_file(path).map(|source| Sources(vec![source])).map_err(|finding| vec![finding])
    }

    fn load_directory(path: &Path) -> Result<Sources, Vec<Finding>> {
        let entries = std::fs::read_dir(path).map_err(|error| vec![unreadable(path, &error)])?;
        let is_hcl = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "hcl");
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_hcl).collect();
        files.sort();
        if files.is_empty() {
            let place = Place::described(&path.display().to_string());
            let message = format!("there is no `*.hcl` file in `{}`", path.display());
            return Err(vec![Finding::error("config/unreadable", &place, message)]);
        }
        let (mut sources, mut findings) = (Sources::default(), Vec::new());
        for file in files {
            match load_file(&file) {
                Ok(source) => sources.0.push(source),
                Err(finding) => findings.push(finding),
            }
        }
        if findings.is_empty() { Ok(sources) } else { Err(findings) }
    }

    pub fn single(name: &str, text: &str) -> Sources {
        Sources(vec![Source { name: name.into(), text: text.to_owned(), folder: PathBuf::new() }])
    }

    pub fn append(&mut self, other: Sources) {
        self.0.extend(other.0);
    }
}

fn load_file(path: &Path) -> Result<Source, Finding> {
    // A device or a pipe has no size beforehand: as much is read as may be, and one byte.
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| unreadable(path, &error))?;
    if bytes as u64 > FILE_BYTES_MAX {
        let place = Place::described(&path.display().to_string());
        let message = format!("`{}` is too long for a configuration", path.display());
        return Err(Finding::error("config/unreadable", &place, message)
            .hint(format!("at most {FILE_BYTES_MAX} bytes are read")));
    }
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Source { name: path.display().to_string().into(), text, folder })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Finding {
    let place = Place::described(&path.display().to_string());
    let finding = Finding::error(
        "config/unreadable",
        &place,
        format!("cannot read `{}`: {error}", path.display()),
    );
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            finding.hint("name a file, a directory of `*.hcl`, or `-` for standard input")
        }
        std::io::ErrorKind::InvalidData => finding.hint("a configuration is UTF-8 text"),
        _ => finding,
    }
}
