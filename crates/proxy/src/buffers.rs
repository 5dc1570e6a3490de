//! Buffers of one core. An idle connection holds none.

use std::cell::RefCell;

/// One read. Also the most that a request head may take (ALB.md §6b), so that a head that fits the
/// limit fits one buffer.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Kept for reuse; more are freed when they come back.
const SCRATCH_KEPT_MAX: usize = 128;
const VECTORS_KEPT_MAX: usize = 1024;
/// A vector that grew beyond this is freed when it comes back.
const VECTOR_BYTES_KEPT_MAX: usize = 16 * 1024;

#[derive(Default)]
pub struct Buffers {
    scratch: RefCell<Vec<Box<[u8]>>>,
    vectors: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    pub fn scratch(&self) -> Scratch<'_> {
        let bytes = self.scratch.borrow_mut().pop();
        let bytes = bytes.unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
        Scratch { bytes, filled: 0, home: self }
    }

    /// An empty vector, usually with capacity.
    pub fn vector(&self) -> Vec<u8> {
        self.vectors.borrow_mut().pop().unwrap_or_default()
    }

    pub fn recycle(&self, mut vector: Vec<u8>) {
        let mut kept = self.vectors.borrow_mut();
        if vector.capacity() > 0
            && vector.capacity() <= VECTOR_BYTES_KEPT_MAX
            && kept.len() < VECTORS_KEPT_MAX
        {
            vector.clear();
            kept.push(vector);
        }
    }
}

/// A buffer of [`SCRATCH_BYTES`] that goes back to its core when it is dropped.
pub struct Scratch<'c> {
    bytes: Box<[u8]>,
    filled: usize,
    home: &'c Buffers,
}

impl Scratch<'_> {
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub fn set_filled(&mut self, length: usize) {
        self.filled = length.min(self.bytes.len());
    }

    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut kept = self.home.scratch.borrow_mut();
        if kept.len() < SCRATCH_KEPT_MAX {
            kept.push(bytes);
        }
    }
}
