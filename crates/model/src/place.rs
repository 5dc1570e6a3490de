use std::fmt;
use std::sync::Arc;

/// Where an object or attribute was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file as the operator named it, or a description such as `command line`.
    pub file: Arc<str>,
    /// 1-based; 0 where the object was not read from text.
    pub line: u32,
    /// 1-based, in characters; 0 where unknown.
    pub column: u32,
}

impl Place {
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Place { file: file.into(), line, column }
    }

    /// A place that is not in a file, such as `command line` or `default`.
    pub fn described(what: &str) -> Self {
        Place::new(what, 0, 0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}
