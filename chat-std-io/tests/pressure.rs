//! Sleeping, and what happens when one side is slower than the other.

mod support;

use chat_core::Limits;
use chat_core::codes::operation;
use chat_std_io::{
    CloseOutcome, ConnectOptions, Event, MAX_READ_BYTES, PublishOptions, RequestError, Session,
    State, chat_core,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use support::*;

#[test]
fn an_idle_wait_is_one_sleep() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    let mut session = on_name_server(config(address));
    // The first ping is on its way, or its answer.
    while session.chat.server_time().is_none() {
        session.wait(LONG);
    }
    assert_eq!(session.poll_event(), None);

    sleeps_once(&mut session);
    session.close(LONG);
    server.join().unwrap();
}

#[test]
fn an_idle_connection_wakes_up_for_pings_only() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    let mut session = on_name_server(config(address).ping_interval(Duration::from_millis(1_000)));
    while session.chat.server_time().is_none() {
        session.wait(LONG);
    }
    let (stats, began) = (session.io_stats(), session.now());
    let until = began.plus_millis(2_100);
    while session.now() < until {
        session.wait(Duration::from_micros(until.micros_since(session.now())));
        assert_eq!(session.poll_event(), None);
    }
    let after = session.io_stats();
    assert_eq!(after.writes - stats.writes, 2, "two pings");
    // A deadline and an answer for each, and the end; an early wake-up would cost one more.
    let wakeups = after.wakeups - stats.wakeups;
    assert!((5..=8).contains(&wakeups), "{wakeups}");
    session.close(LONG);
    server.join().unwrap();
}

#[test]
fn nothing_to_wait_for_is_a_sleep() {
    let mut session = session(config_for("tcp://127.0.0.1:1"));
    assert_eq!(session.timeout(), None);
    session.wait(Duration::from_millis(20));
    session.wait(Duration::ZERO);
    assert!(session.now().as_millis() >= 20);
    assert_eq!(session.io_stats().wakeups, 1);
}

#[test]
fn waiting_does_not_sleep_while_events_wait() {
    let (address, server) = serve_chat(|mut peer| {
        peer.subscription("lobby");
        peer.send(&chat_message("lobby", 1, "hello"));
        peer.expect_end();
    });
    let mut session = in_channel(config(address), "lobby");
    while session.chat.queued_events() == 0 || session.timeout() == Some(Duration::ZERO) {
        let _ = session.service();
    }
    let before = session.io_stats();
    session.wait(LONG);
    assert_eq!(session.io_stats().wakeups, before.wakeups);
    session.close(LONG);
    server.join().unwrap();
}

#[test]
fn the_timeout_is_the_next_ping() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    let mut session = on_name_server(config(address).ping_interval(Duration::from_millis(8_000)));
    while session.chat.server_time().is_none() {
        session.wait(LONG);
    }
    let timeout = session.timeout().unwrap();
    assert!(
        timeout > Duration::ZERO && timeout <= Duration::from_secs(8),
        "{timeout:?}"
    );
    session.close(LONG);
    server.join().unwrap();
}

const MESSAGES: usize = 2_000;
const CONTENT_BYTES: usize = 10_000;

#[test]
fn a_client_that_takes_no_events_slows_the_server_down() {
    const EVENT_CAP: usize = 256 * 1024;
    const MESSAGE_LIMIT: usize = 64 * 1024;
    const INCOMING_CAP: usize = 128 * 1024;

    let sent = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&sent);
    let (address, server) = serve_chat(move |mut peer| {
        peer.subscription("lobby");
        for id in 0..MESSAGES {
            peer.send(&chat_message(
                "lobby",
                i32::try_from(id).unwrap() + 1,
                &"x".repeat(CONTENT_BYTES),
            ));
            progress.fetch_add(1, Ordering::SeqCst);
        }
        peer.expect_end();
    });
    let limits = Limits {
        max_received_bytes: MESSAGE_LIMIT,
        ..Limits::DEFAULT
    };
    let config = config(address)
        .limits(limits)
        .incoming_cap_bytes(INCOMING_CAP)
        .event_cap_bytes(EVENT_CAP)
        .channel_cache_messages(0);
    let mut session = in_channel(config, "lobby");

    // Until the server has got stuck, which is when nothing more comes in spite of frames.
    let (mut quiet, mut last) = (0, 0);
    while quiet < 1_000 {
        let more = session.service().more;
        assert!(!more || session.timeout() == Some(Duration::ZERO));
        assert!(
            session.chat.buffered_bytes() <= INCOMING_CAP + 64 * 1024,
            "{}",
            session.chat.buffered_bytes()
        );
        let now = sent.load(Ordering::SeqCst);
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
        std::thread::yield_now();
    }
    assert!(last < MESSAGES, "the server could not send everything");
    let held = session.chat.queued_events() * CONTENT_BYTES;
    assert!(held <= EVENT_CAP + MESSAGE_LIMIT, "{held}");

    hear(&mut session, MESSAGES);
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}

#[test]
fn a_frame_reads_no_more_than_its_share() {
    let (address, server) = serve_chat(move |mut peer| {
        peer.subscription("lobby");
        let message = chat_message("lobby", 1, &"x".repeat(CONTENT_BYTES));
        for _ in 0..MESSAGES {
            peer.send(&message);
        }
        peer.expect_end();
    });
    let mut session = in_channel(config(address), "lobby");
    let mut heard = 0;
    let (mut most, mut received) = (0, 0);
    let frame = |session: &mut Session| {
        let more = session.service().more;
        assert!(!more || session.timeout() == Some(Duration::ZERO));
        std::thread::yield_now();
    };
    drive_with(&mut session, frame, |session, event| {
        if let Event::ChatMessages { messages, .. } = event {
            heard += messages.len();
        }
        // All that a frame brought is here: what was taken, what waits, and the part of a message.
        let now =
            (heard + session.chat.queued_events()) * CONTENT_BYTES + session.chat.buffered_bytes();
        most = most.max(now - received);
        received = now;
        heard == MESSAGES
    });
    assert!(most <= MAX_READ_BYTES, "{most}");
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}

#[test]
fn a_server_that_reads_nothing_fills_the_queue_and_no_more() {
    const OUTGOING_CAP: usize = 200_000;

    let (publish_done, may_read) = channel();
    let (address, server) = serve_chat(move |mut peer| {
        peer.subscription("lobby");
        let expected: usize = may_read.recv().unwrap();
        for _ in 0..expected {
            let published = peer.expect(operation::PUBLISH);
            assert_eq!(published[1].1.len(), CONTENT_BYTES);
        }
        peer.send(&chat_message("lobby", 1, "got it"));
        peer.expect_end();
    });
    let mut session = in_channel(config(address).outgoing_cap_bytes(OUTGOING_CAP), "lobby");
    let content = "x".repeat(CONTENT_BYTES);
    let mut published = 0;
    loop {
        match session
            .chat
            .publish_message("lobby", content.as_str(), &PublishOptions::new())
        {
            Ok(()) => published += 1,
            Err(RequestError::QueueFull) => break,
            Err(other) => panic!("{other}"),
        }
        let _ = session.service();
        assert!(session.chat.buffered_bytes() <= OUTGOING_CAP);
    }
    // What waits is retried now and then while it waits, not all the time.
    let before = session.io_stats();
    session.wait(Duration::from_millis(100));
    let after = session.io_stats();
    assert!(
        (2..=11).contains(&(after.wakeups - before.wakeups)),
        "{before:?} {after:?}"
    );
    assert!(
        (2..=13).contains(&(after.writes - before.writes)),
        "{before:?} {after:?}"
    );

    publish_done.send(published).unwrap();
    drive(&mut session, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}

/// A connection that still sends what was accepted before its end, and a new one beside it.
#[test]
fn connecting_anew_while_the_old_connection_still_sends() {
    let (publish_done, may_read) = channel();
    let (listener, address) = listen();
    let server = std::thread::spawn(move || {
        accept(&listener).name_server(address);
        let mut old = accept(&listener);
        old.front_end();
        let mut new = accept(&listener);
        new.expect_init();
        let expected: usize = may_read.recv().unwrap();
        for _ in 0..expected {
            old.expect(operation::PUBLISH);
        }
        old.expect_end();
        new.expect_end();
    });
    let mut session = chatting(config(address).flush_timeout(Duration::from_millis(30_000)));
    let mut published = 0;
    let content = "x".repeat(CONTENT_BYTES);
    while session
        .chat
        .publish_message("lobby", content.as_str(), &PublishOptions::new())
        .is_ok()
    {
        published += 1;
        session.flush();
    }
    session.chat.disconnect();
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    assert!(
        session.chat.buffered_bytes() > 0,
        "the old connection is stuck as before"
    );
    publish_done.send(published).unwrap();
    while session.chat.buffered_bytes() > 0 {
        session.wait(LONG);
    }
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}
