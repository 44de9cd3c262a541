//! Buffers that are used again, so that steady traffic allocates next to nothing.

use alloc::vec::Vec;

/// How many buffers are kept while there is traffic: more than a send window.
const MAX_BUFFERS: usize = 64;
/// A buffer of more than this is given back to the allocator: only whole messages grow so large.
const MAX_BUFFER_BYTES: usize = 2048;
/// How much is kept without traffic: a window of chat messages, or five of the longest commands. A server has thousands
/// of connections, and most of them are silent.
const MAX_IDLE_BYTES: usize = 6 * 1024;
/// A buffer of this size serves every message that fits into it, however short.
const SMALL_BYTES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// What was given last is at the end.
    buffers: Vec<Vec<u8>>,
    /// The room in all of them.
    bytes: usize,
    draft: Vec<u8>,
}

impl Pool {
    /// An empty buffer for so many bytes, and for at most twice as many or [`SMALL_BYTES`]: the peer decides how long
    /// its messages are kept, so they must not pin much more than their length.
    pub(crate) fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        let most = bytes.saturating_mul(2).max(SMALL_BYTES);
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= bytes && buffer.capacity() <= most;
        // Most messages are like the one before.
        let last = self.buffers.len().saturating_sub(1);
        let found = if self.buffers.last().is_some_and(fits) {
            Some(last)
        } else {
            self.buffers.iter().rposition(fits)
        };
        let Some(found) = found else {
            return allocate(bytes);
        };
        let buffer = self.buffers.swap_remove(found);
        self.bytes -= buffer.capacity();
        buffer
    }

    /// A buffer with these bytes.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.buffer(bytes.len());
        buffer.extend_from_slice(bytes);
        buffer
    }

    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 || buffer.capacity() > MAX_BUFFER_BYTES {
            return;
        }
        // The oldest goes: it fits nothing that comes now.
        if self.buffers.len() >= MAX_BUFFERS {
            self.forget_oldest();
        }
        buffer.clear();
        self.bytes += buffer.capacity();
        self.buffers.push(buffer);
    }

    /// An empty buffer of any size, for a message whose length is known once it is written.
    pub(crate) fn draft(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.draft)
    }

    pub(crate) fn give_draft(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_BUFFER_BYTES {
            buffer.clear();
            self.draft = buffer;
        }
    }

    /// Keeps only what a connection without traffic may.
    #[inline]
    pub(crate) fn rest(&mut self) {
        while self.bytes > MAX_IDLE_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if !self.buffers.is_empty() {
            self.bytes -= self.buffers.remove(0).capacity();
        }
    }
}

/// Rounded, so that it serves messages of about the same length.
#[cold]
fn allocate(bytes: usize) -> Vec<u8> {
    let least = bytes.max(SMALL_BYTES);
    Vec::with_capacity(least.checked_next_multiple_of(16).unwrap_or(least))
}
