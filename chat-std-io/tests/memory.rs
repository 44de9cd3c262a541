//! The memory of an idle connection, on the client's side.
#![cfg(feature = "websocket")]

mod harness;

use dev_server::Transport;
use harness::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

/// Counts the bytes that are allocated, except by servers.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    if !IS_SERVER.try_with(std::cell::Cell::get).unwrap_or(true) {
        LIVE.fetch_add(bytes, Ordering::SeqCst);
    }
}

// SAFETY: everything is left to the system's allocator. Counting needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that an idle session with this server keeps.
fn idle_session(server: &Server) -> isize {
    let before = LIVE.load(Ordering::SeqCst);
    let config = server.config().ping_interval(Duration::from_secs(8));
    let mut session = in_lobby(server, config);
    come_to_rest(&mut session);
    let kept = LIVE.load(Ordering::SeqCst) - before;
    session.close(LONG);
    kept
}

#[test]
fn an_idle_connection_is_small() {
    let [tcp, ws] = [Transport::Tcp, Transport::Ws].map(|transport| {
        let server = Server::over(transport);
        let kept = idle_session(&server);
        server.stop();
        kept
    });
    let ws = ws - tcp;
    println!("an idle session over tcp: {tcp} bytes; over ws {ws} more");
    assert!(ws < 12 * 1024, "{ws}");
    if cfg!(feature = "tls") {
        let server = Server::over(Transport::Wss);
        // The first session builds the configuration that all with the same options share.
        let first = idle_session(&server) - tcp;
        let second = idle_session(&server) - tcp;
        server.stop();
        let shared = first - second;
        println!("over wss {second} more, and {shared} for the configuration");
        assert!(second < 48 * 1024, "{second}");
    }
}
