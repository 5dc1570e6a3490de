//! What `env()`, `file()` and imports see.

use std::io;
use std::path::Path;

use model::Wildcard;

/// A `file()` larger than this is no value of a configuration.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// About a million records.
const ZONE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Injected, so that tests and tools decide what is there.
pub trait Environment {
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file; `name` is relative to `folder`.
    fn file(&self, folder: &Path, name: &str) -> io::Result<String>;

    /// [`Environment::file`], for zones, which are longer.
    fn zone_file(&self, folder: &Path, name: &str) -> io::Result<String> {
        self.file(folder, name)
    }

    /// The files that fit a pattern with `*` and `?` in its last part, in the order of their names,
    /// each so that `file` finds it.
    fn files(&self, folder: &Path, pattern: &str) -> io::Result<Vec<String>> {
        let _ = folder;
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("`{pattern}` cannot be listed")))
    }
}

/// The process's own.
#[derive(Clone, Copy, Debug)]
pub struct RealEnvironment;

impl Environment for RealEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, folder: &Path, name: &str) -> io::Result<String> {
        let path = folder.join(name);
        if std::fs::metadata(&path)?.len() > FILE_BYTES_MAX {
            return Err(io::Error::other("the file is too large for a value"));
        }
        std::fs::read_to_string(path)
    }

    fn zone_file(&self, folder: &Path, name: &str) -> io::Result<String> {
        let path = folder.join(name);
        if std::fs::metadata(&path)?.len() > ZONE_BYTES_MAX {
            return Err(io::Error::other("the file is too large for a zone"));
        }
        std::fs::read_to_string(path)
    }

    fn files(&self, folder: &Path, pattern: &str) -> io::Result<Vec<String>> {
        let (parent, last) = pattern.rsplit_once('/').map_or(("", pattern), |(p, l)| (p, l));
        let wanted = Wildcard::sensitive(last);
        let inside = if pattern.contains('/') { format!("{parent}/") } else { String::new() };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder.join(Path::new(&inside)).join("."))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && wanted.matches(name.as_bytes()) {
                names.push(format!("{inside}{name}"));
            }
        }
        names.sort();
        Ok(names)
    }
}
