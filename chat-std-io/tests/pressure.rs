//! Sleeping, and what happens when one side is slower than the other.

mod harness;

use chat_std_io::{
    CloseOutcome, Event, Limits, MAX_READ_BYTES, PublishOptions, RequestError, Session, State,
};
use dev_server::Transport;
use harness::*;
use std::thread;
use std::time::Duration;

/// Drives a session until the answer to its first ping has arrived.
fn after_first_ping(session: &mut Session) {
    while session.chat.server_time().is_none() {
        session.wait(LONG);
    }
    assert_eq!(session.poll_event(), None);
}

#[test]
fn an_idle_wait_is_one_sleep() {
    let server = Server::start();
    let mut session = on_name_server(server.config());
    after_first_ping(&mut session);
    assert_sleeps_once(&mut session);
    session.close(LONG);
    server.stop();
}

#[test]
fn an_idle_connection_wakes_up_for_pings_only() {
    let server = Server::start();
    let config = server.config().ping_interval(Duration::from_secs(1));
    let mut session = on_name_server(config);
    after_first_ping(&mut session);
    let (stats, began) = (session.io_stats(), session.now());
    let until = began.plus_millis(2_100);
    while session.now() < until {
        session.wait(Duration::from_micros(until.micros_since(session.now())));
        assert_eq!(session.poll_event(), None);
    }
    let after = session.io_stats();
    assert_eq!(after.writes - stats.writes, 2, "two pings");
    // A deadline and an answer for each, and the end. An early wake-up would add one.
    let wakeups = after.wakeups - stats.wakeups;
    assert!((5..=8).contains(&wakeups), "{wakeups}");
    session.close(LONG);
    server.stop();
}

#[test]
fn a_wait_with_nothing_to_wait_for_is_a_sleep() {
    let mut session = session(user("tcp://127.0.0.1:1", "alice"));
    assert_eq!(session.timeout(), None);
    session.wait(Duration::from_millis(20));
    session.wait(Duration::ZERO);
    assert!(session.now().as_millis() >= 20);
    assert_eq!(session.io_stats().wakeups, 1);
}

#[test]
fn a_wait_does_not_sleep_while_events_wait() {
    let server = Server::start();
    let mut session = in_lobby(&server, server.config());
    publish(&mut session, "hello");
    while session.chat.queued_events() == 0 || session.timeout() == Some(Duration::ZERO) {
        session.service();
    }
    let before = session.io_stats();
    session.wait(LONG);
    assert_eq!(session.io_stats().wakeups, before.wakeups);
    session.close(LONG);
    server.stop();
}

#[test]
fn the_timeout_is_the_next_ping() {
    let server = Server::start();
    let interval = Duration::from_secs(8);
    let mut session = on_name_server(server.config().ping_interval(interval));
    after_first_ping(&mut session);
    let timeout = session.timeout().unwrap();
    assert!(!timeout.is_zero() && timeout <= interval, "{timeout:?}");
    session.close(LONG);
    server.stop();
}

const MESSAGES: usize = 2_000;
const CONTENT_BYTES: usize = 10_000;

/// A server that keeps a whole flood for a client that does not read.
fn patient_server() -> Server {
    Server::with(Transport::Tcp, |options| {
        options.config.max_outgoing_bytes = usize::MAX;
    })
}

#[test]
fn a_client_that_takes_no_events_slows_the_server_down() {
    const EVENT_CAP: usize = 256 * 1024;
    const MESSAGE_LIMIT: usize = 64 * 1024;
    const INCOMING_CAP: usize = 128 * 1024;

    let server = patient_server();
    let limits = Limits {
        max_received_bytes: MESSAGE_LIMIT,
        ..Limits::DEFAULT
    };
    let config = server
        .config()
        .limits(limits)
        .incoming_cap_bytes(INCOMING_CAP)
        .event_cap_bytes(EVENT_CAP)
        .channel_cache_messages(0);
    let (relay, mut session) = in_lobby_by_relay(&server, config);
    flood(&server, MESSAGES, CONTENT_BYTES).join().unwrap();

    // Until the server is stuck: frames bring nothing more.
    let (mut quiet, mut last) = (0, 0);
    while quiet < 1_000 {
        let more = session.service().more;
        assert!(!more || session.timeout() == Some(Duration::ZERO));
        let buffered = session.chat.buffered_bytes();
        assert!(buffered <= INCOMING_CAP + 64 * 1024, "{buffered}");
        let sent = relay.to_client();
        quiet = if sent == last { quiet + 1 } else { 0 };
        last = sent;
        thread::yield_now();
    }
    assert!(
        last < MESSAGES * CONTENT_BYTES,
        "the server could send everything"
    );
    let queued = session.chat.queued_events() * CONTENT_BYTES;
    assert!(queued <= EVENT_CAP + MESSAGE_LIMIT, "{queued}");

    receive(&mut session, MESSAGES);
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.stop();
}

#[test]
fn a_frame_reads_no_more_than_its_limit() {
    let server = patient_server();
    let mut session = in_lobby(&server, server.config());
    flood(&server, MESSAGES, CONTENT_BYTES).join().unwrap();
    let mut received = 0;
    let (mut most, mut bytes) = (0, 0);
    let frame = |session: &mut Session| {
        let more = session.service().more;
        assert!(!more || session.timeout() == Some(Duration::ZERO));
        thread::yield_now();
    };
    drive_with(&mut session, frame, |session, event| {
        if let Event::ChatMessages { messages, .. } = event {
            received += messages.len();
        }
        // Everything that has arrived: taken events, queued events, and a partial message.
        let events = received + session.chat.queued_events();
        let total = events * CONTENT_BYTES + session.chat.buffered_bytes();
        most = most.max(total - bytes);
        bytes = total;
        received == MESSAGES
    });
    assert!(most <= MAX_READ_BYTES, "{most}");
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.stop();
}

/// Publishes until the queue is full. Returns how many messages were accepted.
fn fill_queue(session: &mut Session, mut after_each: impl FnMut(&mut Session)) -> usize {
    let content = "x".repeat(CONTENT_BYTES);
    let mut published = 0;
    loop {
        let options = PublishOptions::new();
        match session
            .chat
            .publish_message("lobby", content.as_str(), &options)
        {
            Ok(_) => published += 1,
            Err(RequestError::QueueFull) => return published,
            Err(other) => panic!("{other}"),
        }
        after_each(session);
    }
}

#[test]
fn a_server_that_does_not_read_fills_the_queue_up_to_its_cap() {
    const OUTGOING_CAP: usize = 200_000;

    let server = patient_server();
    let config = server.config().outgoing_cap_bytes(OUTGOING_CAP);
    let (relay, mut session) = in_lobby_by_relay(&server, config);
    relay.pause();
    let published = fill_queue(&mut session, |session| {
        session.service();
        assert!(session.chat.buffered_bytes() <= OUTGOING_CAP);
    });
    // The rest is tried again before and after the sleep, which nothing ends before its time.
    let (before, began) = (session.io_stats(), session.now());
    session.wait(Duration::from_millis(100));
    let after = session.io_stats();
    assert!(session.now().millis_since(began) >= 100);
    assert_eq!(after.wakeups - before.wakeups, 1);
    let writes = after.writes - before.writes;
    assert!((1..=3).contains(&writes), "{before:?} {after:?}");

    relay.resume();
    receive(&mut session, published);
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, published as u64);
    server.stop();
}

/// The old connection still sends what was accepted before its end, beside a new one.
#[test]
fn a_new_connection_while_the_old_one_still_sends() {
    let server = patient_server();
    let (relay, mut session) = in_lobby_by_relay(&server, server.config().flush_timeout(LONG));
    relay.pause();
    let published = fill_queue(&mut session, Session::flush);
    session.chat.disconnect();
    connect(&mut session);
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    assert!(
        session.chat.buffered_bytes() > 0,
        "the old connection is still blocked"
    );
    relay.resume();
    while session.chat.buffered_bytes() > 0 {
        session.wait(LONG);
    }
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, published as u64);
    server.stop();
}
