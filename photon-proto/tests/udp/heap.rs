//! Counts the heap memory of a thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// Negative if this thread has freed memory that another one allocated.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// Blocks that were asked for, grown ones too.
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

fn count(size: usize, change: isize) {
    // Not accessible while a thread ends; its last allocations are not counted.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    let _ = LIVE.try_with(|live| live.set(live.get() + change));
    let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + usize::from(size > 0)));
}

// SAFETY: every call is passed on to the system allocator as it came; counting allocates nothing
// itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout.size() as isize);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, new_size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The largest block that `work` asked for.
pub(crate) fn largest(work: impl FnOnce()) -> usize {
    LARGEST.set(0);
    work();
    LARGEST.get()
}

/// Bytes that this thread has on the heap now.
pub(crate) fn live() -> isize {
    LIVE.get()
}

/// How many blocks `work` asks for.
pub(crate) fn blocks<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = BLOCKS.get();
    let result = work();
    (BLOCKS.get() - before, result)
}
