//! The receive buffer, which the sessions of a thread share.

use super::CHUNK_BYTES;
use std::cell::Cell;

thread_local! {
    /// Only a pass needs the buffer, and a thread runs one pass at a time: a buffer of its own would
    /// be most of the memory of an idle session.
    static CHUNK: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends the thread's receive buffer of [`CHUNK_BYTES`] bytes. The first use in a thread allocates
/// it.
pub(crate) fn with_chunk<R>(use_chunk: impl FnOnce(&mut [u8]) -> R) -> R {
    // There is none in the first pass, in a pass inside a pass (a logger could run another
    // session), and while the thread ends.
    let kept = CHUNK.try_with(Cell::take).ok().flatten();
    let mut chunk = kept.unwrap_or_else(|| vec![0; CHUNK_BYTES].into_boxed_slice());
    debug_assert_eq!(chunk.len(), CHUNK_BYTES, "reads are counted in chunks");
    let result = use_chunk(&mut chunk);
    // Fails while the thread ends, which drops it.
    let _ = CHUNK.try_with(|kept| kept.set(Some(chunk)));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_of_a_thread_share_a_buffer_and_may_be_nested() {
        let address = |chunk: &mut [u8]| chunk.as_ptr() as usize;
        let first = with_chunk(address);
        assert_eq!(with_chunk(address), first);
        with_chunk(|outer| with_chunk(|inner| assert_ne!(outer.as_ptr(), inner.as_ptr())));
    }
}
