//! Buffers that are used again. Without them every message costs an allocation at each end.

use alloc::vec::Vec;

/// The number of buffers kept while there is traffic: more than a send window.
const MAX_BUFFERS: usize = 64;
/// A larger buffer is returned to the allocator: only whole messages grow so large.
const MAX_BUFFER_BYTES: usize = 2048;
/// The capacity kept without traffic: a send window of chat messages, or five of the longest
/// commands. A server has thousands of connections, and most of them are idle.
const MAX_IDLE_BYTES: usize = 6 * 1024;
/// A buffer of this size serves every message that fits into it, however short.
const SMALL_BYTES: usize = 64;

#[derive(Default)]
pub(crate) struct Pool {
    /// The buffer that was given last is at the end.
    buffers: Vec<Vec<u8>>,
    /// The sum of their capacities.
    bytes: usize,
    draft: Vec<u8>,
}

impl Pool {
    /// Returns an empty buffer of at least `bytes`, and at most twice as many (or [`SMALL_BYTES`]).
    ///
    /// The upper bound exists because the peer decides how long its messages are held: a short
    /// message must not pin a long buffer.
    pub(crate) fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        let max = bytes.saturating_mul(2).max(SMALL_BYTES);
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= bytes && buffer.capacity() <= max;
        // Consecutive messages usually have about the same length.
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
        debug_assert!(buffer.is_empty(), "kept buffers are cleared");
        buffer
    }

    /// Returns a buffer with a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.buffer(bytes.len());
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Keeps a buffer for later use.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 || buffer.capacity() > MAX_BUFFER_BYTES {
            return;
        }
        // Drop the oldest buffer, which has been unused for the longest time.
        if self.buffers.len() >= MAX_BUFFERS {
            self.drop_oldest();
        }
        buffer.clear();
        self.bytes += buffer.capacity();
        self.buffers.push(buffer);
        debug_assert!(
            self.buffers.len() <= MAX_BUFFERS,
            "the oldest buffer made space"
        );
    }

    /// The buffer for a message whose length is not known in advance. Empty while none is written.
    pub(crate) const fn draft(&mut self) -> &mut Vec<u8> {
        &mut self.draft
    }

    /// Keeps the buffer of a message that was taken out of [`Pool::draft`], unless it is large.
    pub(crate) fn keep_draft(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_BUFFER_BYTES {
            buffer.clear();
            self.draft = buffer;
        }
    }

    /// Drops what exceeds the share of an idle connection.
    #[inline]
    pub(crate) fn trim(&mut self) {
        while self.bytes > MAX_IDLE_BYTES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if self.buffers.is_empty() {
            debug_assert_eq!(self.bytes, 0, "the byte count belongs to the buffers");
            self.bytes = 0;
        } else {
            self.bytes -= self.buffers.remove(0).capacity();
        }
    }
}

/// Rounds up, so that the buffer serves messages of about the same length.
#[cold]
fn allocate(bytes: usize) -> Vec<u8> {
    let min = bytes.max(SMALL_BYTES);
    Vec::with_capacity(min.checked_next_multiple_of(16).unwrap_or(min))
}
