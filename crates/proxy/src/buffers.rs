//! Buffers of one core. An idle connection holds none.

use std::cell::{Cell, RefCell};

/// One read. Also the most that a request head may take (ALB.md §6b), so that a head that fits the
/// limit fits one buffer.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Kept for reuse; more are freed when they come back.
const SCRATCH_KEPT_MAX: usize = 128;
/// What all vectors kept for reuse may take together.
const VECTORS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A vector that grew beyond this is freed when it comes back.
const VECTOR_BYTES_KEPT_MAX: usize = 16 * 1024;

#[derive(Default)]
pub struct Buffers {
    scratch: RefCell<Vec<Box<[u8]>>>,
    vectors: RefCell<Vec<Vec<u8>>>,
    vectors_bytes: Cell<usize>,
}

impl Buffers {
    pub fn scratch(&self) -> Scratch<'_> {
        let bytes = self.scratch.borrow_mut().pop();
        let bytes = bytes.unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
        Scratch { bytes, filled: 0, home: self }
    }

    /// An empty vector, usually with capacity: the one that came back last, which the processor's
    /// cache still has.
    pub fn vector(&self) -> Vec<u8> {
        let vector = self.vectors.borrow_mut().pop().unwrap_or_default();
        self.vectors_bytes.set(self.vectors_bytes.get() - vector.capacity());
        vector
    }

    pub fn recycle(&self, mut vector: Vec<u8>) {
        let bytes = vector.capacity();
        let all = self.vectors_bytes.get() + bytes;
        if bytes > 0 && bytes <= VECTOR_BYTES_KEPT_MAX && all <= VECTORS_BYTES_MAX {
            vector.clear();
            self.vectors_bytes.set(all);
            self.vectors.borrow_mut().push(vector);
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
