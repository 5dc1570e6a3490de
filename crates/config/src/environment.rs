//! What `env()` and `file()` see.

use std::io;
use std::path::Path;

/// A `file()` larger than this is no value of a configuration.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Injected, so that tests and tools decide what is there.
pub trait Environment {
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file; `name` is relative to `folder`.
    fn file(&self, folder: &Path, name: &str) -> io::Result<String>;
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
}
