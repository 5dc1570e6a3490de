//! Bytes that are shown to nobody by accident.

use zeroize::Zeroizing;

/// Overwritten when it is dropped; its `Debug` shows nothing of it.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The word makes the places easy to find where secrets are handled.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    pub(super) fn truncate(&mut self, length: usize) {
        // What is cut off is overwritten with the rest: `zeroize` takes the whole capacity.
        self.0.truncate(length);
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
