//! A hash that never changes: cookies that were handed out before a reload or an upgrade carry it.

use std::fmt;

/// FNV-1a, 64 bits, then the finalizer of splitmix64. Not for hash tables that clients fill.
pub struct StableHash(u64);

impl StableHash {
    pub fn new() -> Self {
        StableHash(0xcbf2_9ce4_8422_2325)
    }

    pub fn finish(&self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Default for StableHash {
    fn default() -> Self {
        StableHash::new()
    }
}

/// Hashes what is displayed, without a string in between.
impl fmt::Write for StableHash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// The hash of `value` as it is displayed.
pub fn hash_displayed(value: fmt::Arguments<'_>) -> u64 {
    let mut hash = StableHash::new();
    // Only a `Display` that fails of itself can fail here, and ours do not.
    let _ = fmt::write(&mut hash, value);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were one of these to change, every cookie out there would lose its target.
    #[test]
    fn never_changes() {
        assert_eq!(hash_displayed(format_args!("")), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(hash_displayed(format_args!("web|10.0.0.1:8080")), 0xc786_2082_71b2_10fc);
    }
}
