//! What an idle connection takes in memory, on the client's side.
#![cfg(feature = "websocket")]

mod support;

use chat_std_io::Session;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;
use support::web::{IS_SERVER, Server};
use support::*;

/// Counts the bytes that are allocated, except by servers.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    if !IS_SERVER.try_with(std::cell::Cell::get).unwrap_or(true) {
        LIVE.fetch_add(bytes, Ordering::SeqCst);
    }
}

// SAFETY: everything is left to the system's allocator; what is counted beside it needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: it came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What an idle session takes over this line.
fn idle_session(server: &Server) -> isize {
    let before = LIVE.load(Ordering::SeqCst);
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
    let taken = LIVE.load(Ordering::SeqCst) - before;
    session.close(LONG);
    taken
}

fn idle_tcp_session() -> isize {
    let (address, server) = serve_chat(|mut peer| {
        IS_SERVER.set(true);
        peer.subscription("lobby");
        peer.expect_end();
    });
    let before = LIVE.load(Ordering::SeqCst);
    let mut session: Session = in_channel(
        config(address).ping_interval(Duration::from_millis(8_000)),
        "lobby",
    );
    while session
        .timeout()
        .is_none_or(|timeout| timeout < Duration::from_secs(1))
    {
        session.wait(Duration::from_secs(1));
    }
    let taken = LIVE.load(Ordering::SeqCst) - before;
    session.close(LONG);
    server.join().unwrap();
    taken
}

#[test]
fn an_idle_connection_is_small() {
    let tcp = idle_tcp_session();
    let server = Server::start(false);
    let ws = idle_session(&server) - tcp;
    server.thread.join().unwrap();
    println!("an idle session over tcp: {tcp} bytes; over ws {ws} more");
    assert!(ws < 12 * 1024, "{ws}");
    if cfg!(feature = "tls") {
        let server = Server::start(true);
        // The first builds the configuration that all with the same options share.
        let first = idle_session(&server) - tcp;
        server.thread.join().unwrap();
        let mut next = Server::start(true);
        next.options = server.options;
        let second = idle_session(&next) - tcp;
        next.thread.join().unwrap();
        println!(
            "over wss {second} more, and {} for the configuration",
            first - second
        );
        assert!(second < 48 * 1024, "{second}");
    }
}
