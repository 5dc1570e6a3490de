//! Whose table it is.

use std::path::Path;

/// The table of one instance of the program. Several may run side by side, each with a state directory
/// of its own, and none may take another's table away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName(String);

impl TableName {
    /// The same for the same state directory, so that what a crash left behind is found again.
    pub fn of_state(state: &Path) -> TableName {
        let whole = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        TableName(format!("pointsman_{:08x}", fnv1a(whole.as_os_str().as_encoded_bytes())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// FNV-1a, 32 bits: the name has to stay the same from version to version.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_each_state_directory() {
        let name = |path: &str| TableName::of_state(Path::new(path)).to_string();
        assert_eq!(name("/no/such/folder"), name("/no/such/folder"));
        assert_ne!(name("/no/such/folder"), name("/no/such/folder2"));
        // http://www.isthe.com/chongo/tech/comp/fnv, FNV-1a of "foobar".
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }
}
