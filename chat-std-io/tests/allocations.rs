//! An idle session allocates nothing, over any transport.

mod harness;

use dev_server::Transport;
use harness::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator. Counting needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocates_nothing(transport: Transport) {
    let server = Server::over(transport);
    let config = server.config().ping_interval(Duration::from_secs(8));
    let mut session = in_lobby(&server, config);
    come_to_rest(&mut session);
    let (before, stats) = (ALLOCATIONS.get(), session.io_stats());
    for _ in 0..1_000 {
        assert!(!session.service().more);
        assert_eq!(session.poll_event(), None);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    // One failed read each; a ping of the server may come between, with its ack.
    let after = session.io_stats();
    let (reads, writes) = (after.reads - stats.reads, after.writes - stats.writes);
    assert!(
        (1_000..=1_005).contains(&reads) && writes <= 5,
        "{reads} {writes}"
    );
    assert_eq!(after.wakeups, stats.wakeups);
    session.wait(Duration::from_millis(1));
    // On Windows mio allocates the state of each socket that it begins to watch (`SockState`).
    let watching = if cfg!(windows) { 2 } else { 0 };
    assert_eq!(ALLOCATIONS.get() - before, watching);
    session.close(LONG);
    server.stop();
}

#[test]
fn an_idle_session_allocates_nothing_over_tcp() {
    allocates_nothing(Transport::Tcp);
}

#[test]
fn an_idle_session_allocates_nothing_over_udp() {
    allocates_nothing(Transport::Udp);
}

#[cfg(feature = "websocket")]
#[test]
fn an_idle_session_allocates_nothing_over_websocket() {
    allocates_nothing(Transport::Ws);
    if cfg!(feature = "tls") {
        allocates_nothing(Transport::Wss);
    }
}
