//! Shows that `photon-proto` and `photon-chat-core` need `core` and `alloc` only.
//!
//! The panic handler below is a lang item that exists once in a program, and std brings its own. So as soon as a
//! dependency pulls std in, this crate stops building ("found duplicate lang item `panic_impl`").

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

// Naming the crates is what links them.
use chat_core as _;
use photon_proto as _;

/// Has no memory to give. Nothing here runs; `alloc` only wants the symbols.
struct NoMemory;

// SAFETY: returning null is how an allocator reports failure, and nothing was ever handed out to be freed.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
