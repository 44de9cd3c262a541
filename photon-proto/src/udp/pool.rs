//! Buffers that are used again, so that steady traffic allocates next to nothing.

use alloc::vec::Vec;

/// How many buffers are kept.
const MOST_BUFFERS: usize = 64;
/// A buffer of more than this is given back to the allocator: only whole messages grow so large.
const MOST_BYTES: usize = 2048;

#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Vec<u8>>);

impl Pool {
    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    /// A buffer with these bytes.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.take();
        buffer.extend_from_slice(bytes);
        buffer
    }

    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        if self.0.len() < MOST_BUFFERS && buffer.capacity() > 0 && buffer.capacity() <= MOST_BYTES {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}
