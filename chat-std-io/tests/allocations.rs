//! An idle session allocates nothing, in either manner.

mod support;

use chat_std_io::Session;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use support::*;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator; what is counted beside it needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn an_idle_session_allocates_nothing() {
    let (address, server) = serve_chat(|mut peer| {
        peer.subscription("lobby");
        peer.expect_end();
    });
    let mut session = in_channel(
        config(address).ping_interval(Duration::from_millis(8_000)),
        "lobby",
    );
    while session.chat.server_time().is_none() {
        session.wait(LONG);
    }
    allocates_nothing(&mut session);
    session.close(LONG);
    server.join().unwrap();
}

#[test]
fn nor_over_udp() {
    let server = udp::Server::start("127.0.0.1");
    let config = config_for(&format!("udp://{}", server.address))
        .ping_interval(Duration::from_millis(8_000));
    let mut session = in_channel(config, "lobby");
    while session
        .timeout()
        .is_none_or(|timeout| timeout < Duration::from_secs(1))
    {
        session.wait(Duration::from_secs(1));
    }
    allocates_nothing(&mut session);
    session.close(LONG);
    server.stop();
}

#[cfg(feature = "websocket")]
#[test]
fn nor_over_websocket() {
    for secure in [false, cfg!(feature = "tls")] {
        let server = web::Server::start(secure);
        let mut session = server.in_channel(
            server.config().ping_interval(Duration::from_millis(8_000)),
            "lobby",
        );
        while session
            .timeout()
            .is_none_or(|timeout| timeout < Duration::from_secs(1))
        {
            session.wait(Duration::from_secs(1));
        }
        allocates_nothing(&mut session);
        session.close(LONG);
        server.thread.join().unwrap();
    }
}

fn allocates_nothing(session: &mut Session) {
    let before = ALLOCATIONS.get();
    for _ in 0..1_000 {
        assert!(!session.service().more);
        assert_eq!(session.poll_event(), None);
    }
    session.wait(Duration::from_millis(1));
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
