//! Conversations in frames, by waiting and by callbacks, and how a session closes.

mod harness;

use chat_std_io::chat_core::{Channel, ChannelOutcome};
use chat_std_io::{
    ChatClient, CloseOutcome, Event, Listener, Messages, PrivateMessage, PrivateOptions,
    PublishOptions, RequestError, Restore, Session, State, SubscribeOptions, Text,
};
use dev_server::Transport;
use harness::*;
use std::collections::BTreeSet;
use std::net::{Ipv6Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// A whole conversation: subscribe, publish, receive, disconnect.
#[derive(Default)]
struct Conversation {
    states: Vec<State>,
    received: Vec<String>,
}

impl Conversation {
    /// Answers an event. Returns whether the conversation is over.
    fn answer(&mut self, session: &mut Session, event: &Event) -> bool {
        match event {
            Event::StateChanged { to, .. } => {
                self.states.push(*to);
                if *to == State::ConnectedToFrontEnd {
                    let options = SubscribeOptions::new();
                    session.chat.subscribe(["lobby"], &options).unwrap();
                }
            }
            Event::SubscribeResult(_) => publish(session, "hello"),
            Event::ChatMessages { channel, messages } => {
                let texts = messages
                    .iter()
                    .map(|message| format!("{channel} {message:?}"));
                self.received.extend(texts);
                session.chat.disconnect();
            }
            _ => {}
        }
        self.states.last() == Some(&State::Disconnected)
    }

    fn check(&self, server: Server) {
        let codes: Vec<_> = self.states.iter().map(|state| state.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 10]);
        assert_eq!(self.received.len(), 1);
        assert!(
            self.received[0].starts_with("lobby "),
            "{:?}",
            self.received
        );
        assert!(self.received[0].contains("hello"), "{:?}", self.received);
        assert_eq!(server.stats().messages, 1);
        server.stop();
    }
}

#[test]
fn a_conversation_in_frames() {
    let server = Server::start();
    let mut session = Session::new(server.config()).unwrap();
    let mut conversation = Conversation::default();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive_frames(&mut session, |session, event| {
        conversation.answer(session, event)
    });
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    conversation.check(server);
}

#[test]
fn a_conversation_by_waiting() {
    let server = Server::start();
    let mut session = Session::new(server.config()).unwrap();
    let mut conversation = Conversation::default();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive(&mut session, |session, event| {
        conversation.answer(session, event)
    });
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    conversation.check(server);
}

#[test]
fn a_message_at_the_login_is_delivered_in_a_wanted_channel_over_each_transport() {
    for (transport, is_json) in [
        (Transport::Tcp, false),
        (Transport::Udp, false),
        (Transport::Ws, false),
        (Transport::Ws, true),
    ] {
        if transport == Transport::Ws && !cfg!(feature = "websocket") {
            continue;
        }
        let server = Server::over(transport);
        let mut config = server.config().restore(Restore::new());
        if is_json {
            config = config.json();
        }
        let mut session = session(config);
        session.chat.connect_to_region_front_end("eu").unwrap();
        let options = SubscribeOptions::new();
        session.chat.subscribe(["lobby", "team"], &options).unwrap();
        let mut logins = 0;
        let mut received = Vec::new();
        drive(&mut session, |session, event| {
            match event {
                Event::StateChanged { to, .. } if *to == State::ConnectedToFrontEnd => {
                    logins += 1;
                    publish(session, &format!("login {logins}"));
                }
                Event::ChatMessages { messages, .. } => {
                    received.extend(messages.iter().map(|message| message.content.to_string()));
                    // The second login comes after a loss.
                    if logins < 2 {
                        session.simulate_connection_loss();
                    }
                }
                Event::MessageRefused { .. } => panic!("{event:?}"),
                _ => {}
            }
            received.len() >= 2
        });
        assert_eq!(received, ["login 1", "login 2"], "{transport:?}");
        assert_eq!(server.stats().messages, 2);
        session.close(LONG);
        server.stop();
    }
}

#[test]
fn bytes_are_counted_over_each_transport() {
    const BYTES: u64 = 3_000;
    for transport in Transport::ALL {
        let missing = match transport {
            Transport::Ws => !cfg!(feature = "websocket"),
            Transport::Wss => !cfg!(feature = "tls"),
            _ => false,
        };
        if missing {
            continue;
        }
        let server = Server::over(transport);
        let mut session = in_lobby(&server, server.config());
        let before = session.io_stats();
        publish(&mut session, &"x".repeat(BYTES as usize));
        receive(&mut session, 1);
        let after = session.io_stats();
        // A message is little more than its content.
        let counted = BYTES..BYTES + 500;
        for (now, then) in [
            (after.bytes_written, before.bytes_written),
            (after.bytes_read, before.bytes_read),
        ] {
            assert!(counted.contains(&(now - then)), "{transport:?}: {after:?}");
        }
        session.close(LONG);
        server.stop();
    }
}

#[test]
fn callbacks_can_call_the_client_and_their_requests_leave_at_once() {
    struct Callbacks(Vec<State>);

    impl Listener for Callbacks {
        fn on_state_change(&mut self, chat: &mut ChatClient, _from: State, to: State) {
            self.0.push(to);
            if to == State::ConnectedToFrontEnd {
                chat.subscribe(["lobby"], &SubscribeOptions::new()).unwrap();
            }
        }

        fn on_subscribe_result(&mut self, chat: &mut ChatClient, _: &[ChannelOutcome]) {
            assert!(chat.channel("lobby").is_some_and(Channel::is_subscribed));
            chat.disconnect();
        }
    }

    let server = Server::start();
    let mut session = session(server.config());
    session.chat.connect_to_region_front_end("eu").unwrap();
    let mut callbacks = Callbacks(Vec::new());
    let began = Instant::now();
    while callbacks.0.last() != Some(&State::Disconnected) {
        assert!(began.elapsed() < LONG);
        session.wait(LONG);
        session.dispatch(&mut callbacks);
        assert_eq!(
            session.chat.buffered_bytes(),
            0,
            "requests of callbacks are sent"
        );
    }
    server.stop();
}

#[test]
fn a_request_leaves_in_the_same_frame() {
    let server = Server::start();
    let mut session = in_lobby(&server, server.config());
    publish(&mut session, "now");
    assert!(session.chat.buffered_bytes() > 0);
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.chat.buffered_bytes(), 0);
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, 1);
    server.stop();
}

fn join_with_history(session: &mut Session, event: &Event) -> bool {
    if entered(event, State::ConnectedToFrontEnd) {
        let options = SubscribeOptions::new().history(-1);
        session.chat.subscribe(["lobby"], &options).unwrap();
    }
    assert!(!matches!(event, Event::Error { .. }), "{event:?}");
    matches!(event, Event::SubscribeResult(_))
}

/// With the key exchange and encryption, which the other tests leave out.
fn encrypted_user(server: &Server, name: &str) -> Session {
    let address = format!("tcp://{}", server.addresses.name_server);
    let config = chat_std_io::ChatConfig::new(address, "app", "1.0").user_id(name);
    let mut session = Session::new(config).unwrap();
    session.chat.connect_to_region_front_end("eu").unwrap();
    session
}

#[test]
fn two_users_talk_one_in_frames_and_one_by_waiting() {
    #[derive(Default)]
    struct Received(Vec<String>);

    impl Listener for Received {
        fn on_private_message(
            &mut self,
            _: &mut ChatClient,
            from: &Text,
            message: &PrivateMessage,
        ) {
            self.0.push(format!("{from} {message:?}"));
        }

        fn on_chat_messages(&mut self, _: &mut ChatClient, _: &Text, messages: &Messages) {
            panic!("no user published again: {messages:?}");
        }
    }

    let server = Server::start();
    let mut alice = encrypted_user(&server, "alice");
    drive_frames(&mut alice, join_with_history);
    publish(&mut alice, "is somebody there?");
    drive_frames(&mut alice, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });

    let mut bob = encrypted_user(&server, "bob");
    let bob = thread::spawn(move || {
        drive(&mut bob, join_with_history);
        drive(&mut bob, |session, event| {
            let Event::ChatMessages { messages, .. } = event else {
                return false;
            };
            let text = format!("{messages:?}");
            assert!(text.contains("is somebody there?"), "{text}");
            let options = PrivateOptions::new().encrypt(true);
            session
                .chat
                .send_private_message("alice", "I am", &options)
                .unwrap();
            true
        });
        bob.close(LONG)
    });

    let mut received = Received::default();
    let began = Instant::now();
    while received.0.is_empty() {
        assert!(began.elapsed() < LONG);
        alice.service();
        alice.dispatch(&mut received);
        thread::yield_now();
    }
    let text = &received.0[0];
    assert!(text.starts_with("bob ") && text.contains("I am"), "{text}");
    assert_eq!(bob.join().unwrap(), CloseOutcome::Confirmed);
    assert_eq!(alice.close(LONG), CloseOutcome::Confirmed);
    server.stop();
}

/// More sessions than connecting threads, in one loop.
#[test]
fn a_hundred_sessions_share_one_thread() {
    const SESSIONS: usize = 100;

    let server = Server::start();
    let users = (0..SESSIONS).map(|number| encrypted_user(&server, &format!("user {number}")));
    let mut sessions: Vec<_> = users.collect();
    let mut joined = 0;
    let mut senders = vec![BTreeSet::new(); SESSIONS];
    let began = Instant::now();
    while joined < SESSIONS || senders.iter().any(|senders| senders.len() < SESSIONS) {
        assert!(began.elapsed() < LONG);
        let all_had_joined = joined == SESSIONS;
        for (session, senders) in sessions.iter_mut().zip(&mut senders) {
            session.service();
            while let Some(event) = session.poll_event() {
                joined += usize::from(join_with_history(session, &event));
                if let Event::ChatMessages { messages, .. } = event {
                    for message in messages.iter() {
                        let sender = message.sender.to_owned();
                        assert!(senders.insert(sender), "{} twice", message.sender);
                    }
                }
            }
        }
        if !all_had_joined && joined == SESSIONS {
            for session in &mut sessions {
                publish(session, "hello");
            }
        }
        thread::yield_now();
    }
    for session in sessions {
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    }
    server.stop();
}

#[test]
fn a_name_is_resolved_and_its_addresses_are_tried() {
    let server = Server::start();
    // Where localhost is the IPv6 address first, the server does not listen there.
    let port = server.addresses.name_server.port();
    let session = on_name_server(user(&format!("tcp://localhost:{port}"), "alice"));
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.stop();
}

#[test]
fn ipv6_is_announced() {
    if let Err(error) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        eprintln!("skipped: this machine has no ::1: {error}");
        return;
    }
    for (host, ipv6) in [("127.0.0.1", false), ("::1", true)] {
        let server = Server::with(Transport::Tcp, |options| options.host = host.to_owned());
        on_name_server(server.config()).close(LONG);
        let announced: Vec<_> = server.ended().iter().map(|ended| ended.ipv6).collect();
        assert_eq!(announced, [ipv6]);
        server.stop();
    }
}

#[test]
fn a_session_moves_between_threads() {
    let server = Server::start();
    let session = on_name_server(server.config());
    let outcome = thread::spawn(move || session.close(LONG)).join().unwrap();
    assert_eq!(outcome, CloseOutcome::Confirmed);
    server.stop();
}

#[test]
fn closing_sends_the_last_message() {
    let server = Server::start();
    let mut alice = in_lobby(&server, server.config());
    publish(&mut alice, "the last message");
    assert_eq!(alice.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, 1);

    let mut bob = on_front_end(server.config_of("bob"), server.options());
    let options = SubscribeOptions::new().history(-1);
    bob.chat.subscribe(["lobby"], &options).unwrap();
    drive(&mut bob, |_, event| {
        let Event::ChatMessages { messages, .. } = event else {
            return false;
        };
        let text = format!("{messages:?}");
        assert!(text.contains("the last message"), "{text}");
        true
    });
    bob.close(LONG);
    server.stop();
}

/// A socket that is closed while input is unread or still arrives answers with a reset, which may
/// discard what the server has not read: it would lose the last messages.
#[test]
fn closing_while_the_server_sends_loses_nothing() {
    const MESSAGES: usize = 1_000;
    const LAST: usize = 100;

    // The whole flood is under way before the client closes.
    let server = Server::with(Transport::Tcp, |options| {
        options.config.max_outgoing_bytes = usize::MAX;
    });
    let (relay, mut alice) = in_lobby_by_relay(&server, server.config());
    flood(&server, MESSAGES, 10_000).join().unwrap();
    drive(&mut alice, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });

    // The server reads nothing until the client, which has closed, discards much of the flood.
    relay.pause();
    for _ in 0..LAST {
        publish(&mut alice, "one of the last");
    }
    let before = relay.to_client();
    let closing = thread::spawn(move || alice.close(LONG));
    relay.wait_for_unread();
    let began = Instant::now();
    while relay.to_client() < before + 4 * 1024 * 1024 {
        assert!(began.elapsed() < LONG, "the flood is discarded");
        thread::yield_now();
    }
    relay.resume();
    assert_eq!(closing.join().unwrap(), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, (MESSAGES + LAST) as u64);
    server.stop();
}

#[test]
fn closing_reports_what_it_could_not_send() {
    let server = Server::start();
    let config = server.config().flush_timeout(Duration::from_millis(100));
    let (relay, mut session) = in_lobby_by_relay(&server, config);
    relay.pause();
    let content = "x".repeat(10_000);
    // The system's buffers take much before they are full.
    let refused = loop {
        let result =
            session
                .chat
                .publish_message("lobby", content.as_str(), &PublishOptions::new());
        match result {
            Ok(_) => session.flush(),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, RequestError::QueueFull);
    assert_eq!(
        session.close(Duration::from_millis(300)),
        CloseOutcome::Unsent
    );
    server.stop();
}

#[test]
fn closing_takes_no_longer_than_allowed() {
    let server = Server::start();
    // A server that does not read does not close its side either.
    let relay = Relay::start(server.addresses.name_server);
    let session = on_name_server(user(&format!("tcp://{}", relay.address), "alice"));
    relay.pause();
    assert_eq!(session.close(Duration::ZERO), CloseOutcome::Sent);
    server.stop();
}

#[test]
fn closing_a_session_that_never_connected_is_confirmed() {
    let session = session(user("tcp://127.0.0.1:1", "alice"));
    assert_eq!(
        format!("{session:?}"),
        "Session { state: Uninitialized, links: 0 }"
    );
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
}
