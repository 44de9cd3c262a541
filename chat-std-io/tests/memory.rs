//! The memory of idle sessions, on the client's side.

mod harness;

use chat_std_io::Session;
use dev_server::Transport;
use harness::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

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

/// Bytes that long messages may leave in an idle session.
const MAX_LEFT: isize = 2 * 1024;

fn live_bytes() -> isize {
    LIVE.load(Ordering::SeqCst)
}

fn idle_session(server: &Server, user: &str) -> Session {
    let config = server.config_of(user).ping_interval(Duration::from_secs(8));
    let mut session = in_lobby(server, config);
    come_to_rest(&mut session);
    session
}

/// Bytes on the heap of one idle session among several of a thread, and of what they share.
fn idle_bytes(transport: Transport) -> (isize, isize) {
    let server = Server::over(transport);
    let before = live_bytes();
    let first = idle_session(&server, "alice");
    let shared_and_one = live_bytes() - before;
    let others = ["bob", "carol", "dave", "eve"].map(|user| idle_session(&server, user));
    let one = (live_bytes() - before - shared_and_one) / 4;
    first.close(LONG);
    for session in others {
        session.close(LONG);
    }
    server.stop();
    (one, shared_and_one - one)
}

/// Bytes that an idle session keeps more after long messages in both directions than before.
fn left_by_long_messages(transport: Transport) -> isize {
    const INTERVAL: Duration = Duration::from_millis(250);
    let server = Server::over(transport);
    let config = server.config().channel_cache_messages(0);
    let mut session = in_lobby(&server, config.ping_interval(INTERVAL));
    let mut round_trip = |bytes: usize| {
        publish(&mut session, &"x".repeat(bytes));
        receive(&mut session, 1);
    };
    // The first message also makes the buffers that every session keeps.
    round_trip(10);
    let before = live_bytes();
    for _ in 0..3 {
        round_trip(30_000);
    }
    // Memory returns with the pings: steady traffic would need it again.
    let left = |session: &mut Session| {
        session.wait(INTERVAL);
        assert_eq!(session.poll_event(), None);
        live_bytes() - before
    };
    let began = Instant::now();
    while left(&mut session) > MAX_LEFT && began.elapsed() < LONG / 10 {}
    let left = live_bytes() - before;
    session.close(LONG);
    server.stop();
    left
}

/// One test, because other tests would allocate at the same time.
#[test]
fn idle_sessions_are_small_and_long_messages_leave_no_memory() {
    // What a thread keeps for all its sessions.
    const CHUNK: isize = 64 * 1024;
    // On Windows mio keeps the state of each socket that it watches on the heap.
    const MIO: isize = if cfg!(windows) { 512 } else { 0 };
    let transports = [
        (Transport::Udp, 8, true),
        (Transport::Tcp, 5, true),
        (Transport::Ws, 6, cfg!(feature = "websocket")),
        (Transport::Wss, 16, cfg!(feature = "tls")),
    ];
    for (index, (transport, most_kib, _)) in transports
        .into_iter()
        .filter(|(.., built)| *built)
        .enumerate()
    {
        let (bytes, shared) = idle_bytes(transport);
        println!("an idle session over {transport:?}: {bytes} bytes; shared: {shared}");
        assert!(bytes <= most_kib * 1024 + MIO, "{transport:?}: {bytes}");
        let left = left_by_long_messages(transport);
        println!("long messages leave {left} bytes");
        assert!(left <= MAX_LEFT, "{transport:?}: {left}");
        if index == 0 {
            assert!((CHUNK / 2..2 * CHUNK).contains(&shared), "{shared}");
        }
    }
}
