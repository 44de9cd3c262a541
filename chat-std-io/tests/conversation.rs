//! A conversation in both manners, and how it begins and ends well.

mod support;

use chat_core::codes::{operation, parameter};
use chat_std_io::{
    CloseOutcome, Event, Listener, PublishOptions, RequestError, Session, State, SubscribeOptions,
    chat_core,
};
use std::net::{Ipv6Addr, Shutdown, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use support::*;

/// A front end that echoes one message and sees the client go.
fn echo(peer: Peer) {
    let mut peer = peer;
    peer.subscription("lobby");
    let published = peer.expect(operation::PUBLISH);
    assert_eq!(published[0], (parameter::CHANNEL, "lobby".to_owned()));
    peer.send(&chat_message("lobby", 1, &published[1].1));
    peer.expect_end();
}

#[derive(Default)]
struct Talk {
    states: Vec<State>,
    heard: Vec<String>,
}

impl Talk {
    /// Answers an event; whether the conversation is over.
    fn answer(&mut self, session: &mut Session, event: &Event) -> bool {
        match event {
            Event::StateChanged { to, .. } => {
                self.states.push(*to);
                if *to == State::ConnectedToFrontEnd {
                    session
                        .chat
                        .subscribe(["lobby"], &SubscribeOptions::new())
                        .unwrap();
                }
            }
            Event::SubscribeResult(_) => {
                session
                    .chat
                    .publish_message("lobby", "hello", &PublishOptions::new())
                    .unwrap();
            }
            Event::ChatMessages { channel, messages } => {
                self.heard.extend(
                    messages
                        .iter()
                        .map(|message| format!("{channel} {message:?}")),
                );
                session.chat.disconnect();
            }
            _ => {}
        }
        self.states.last() == Some(&State::Disconnected)
    }

    fn check(&self, server: JoinHandle<()>) {
        let codes: Vec<_> = self.states.iter().map(|state| state.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 10]);
        assert_eq!(self.heard.len(), 1);
        assert!(self.heard[0].contains("hello"), "{:?}", self.heard);
        server.join().unwrap();
    }
}

#[test]
fn in_frames() {
    let (address, server) = serve_chat(echo);
    let mut session = Session::new(config(address)).unwrap();
    let mut talk = Talk::default();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive_frames(&mut session, |session, event| talk.answer(session, event));
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    talk.check(server);
}

#[test]
fn waiting() {
    let (address, server) = serve_chat(echo);
    let mut session = Session::new(config(address)).unwrap();
    let mut talk = Talk::default();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive(&mut session, |session, event| talk.answer(session, event));
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    talk.check(server);
}

#[test]
fn by_callbacks() {
    struct Callbacks(Vec<State>);

    impl Listener for Callbacks {
        fn on_state_change(&mut self, chat: &mut chat_core::ChatClient, _from: State, to: State) {
            self.0.push(to);
            if to == State::ConnectedToFrontEnd {
                chat.subscribe(["lobby"], &SubscribeOptions::new()).unwrap();
            }
        }

        fn on_subscribe_result(
            &mut self,
            chat: &mut chat_core::ChatClient,
            _: &[chat_core::ChannelOutcome],
        ) {
            chat.disconnect();
        }
    }

    let (address, server) = serve_chat(|mut peer| {
        peer.subscription("lobby");
        peer.expect_end();
    });
    let mut session = session(config(address));
    session.chat.connect_to_region_front_end("eu").unwrap();
    let mut callbacks = Callbacks(Vec::new());
    let began = std::time::Instant::now();
    while callbacks.0.last() != Some(&State::Disconnected) {
        assert!(began.elapsed() < LONG);
        session.wait(LONG);
        session.dispatch(&mut callbacks);
        assert_eq!(
            session.chat.buffered_bytes(),
            0,
            "what was answered is sent"
        );
    }
    server.join().unwrap();
}

#[test]
fn an_answer_leaves_in_the_same_frame() {
    let (address, server) = serve_chat(|mut peer| {
        peer.expect(operation::PUBLISH);
        peer.expect_end();
    });
    let mut session = chatting(config(address));
    session
        .chat
        .publish_message("lobby", "now", &PublishOptions::new())
        .unwrap();
    assert!(session.chat.buffered_bytes() > 0);
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.chat.buffered_bytes(), 0);
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}

#[test]
fn a_name_is_resolved_and_its_addresses_are_walked() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    // Where localhost is the IPv6 address first, nobody listens there.
    let session = on_name_server(config_for(&format!("tcp://localhost:{}", address.port())));
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    server.join().unwrap();
}

#[test]
fn ipv6_is_announced() {
    // Not every machine has it.
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut peer = accept(&listener);
        peer.expect_init();
        peer.expect_end();
        peer.ipv6
    });
    let session = on_name_server(config(address));
    session.close(LONG);
    assert!(server.join().unwrap());
}

#[test]
fn a_session_moves_between_threads() {
    fn movable(_: &impl Send) {}
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    let session = on_name_server(config(address));
    movable(&session);
    let outcome = std::thread::spawn(move || session.close(LONG))
        .join()
        .unwrap();
    assert_eq!(outcome, CloseOutcome::Confirmed);
    server.join().unwrap();
}

#[test]
fn closing_sends_the_last_message() {
    let (address, server) = serve_chat(|mut peer| {
        peer.subscription("lobby");
        let published = peer.expect(operation::PUBLISH);
        peer.expect_end();
        published
    });
    let mut session = in_channel(config(address), "lobby");
    session
        .chat
        .publish_message("lobby", "the last word", &PublishOptions::new())
        .unwrap();
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.join().unwrap()[1].1, "the last word");
}

/// A socket that is closed with unread input, or gets input after it, answers with a reset, which may overtake what was
/// sent: the server would lose the last messages.
#[test]
fn closing_while_the_server_talks_resets_nothing() {
    let (address, server) = serve_chat(|mut peer| {
        peer.subscription("lobby");
        let mut talker = peer.socket.try_clone().unwrap();
        let talking = std::thread::spawn(move || {
            let message = chat_message("lobby", 1, &"x".repeat(10_000));
            // More than the system buffers, so that it goes on while the client ends.
            for _ in 0..2_000 {
                std::io::Write::write_all(&mut talker, &message).unwrap();
            }
        });
        let mut published = 0;
        while let Some(request) = peer.next() {
            assert!(
                matches!(request, Request::Operation(operation::PUBLISH, _)),
                "{request:?}"
            );
            published += 1;
        }
        talking.join().unwrap();
        peer.socket.shutdown(Shutdown::Both).unwrap();
        published
    });
    let mut session = in_channel(config(address), "lobby");
    drive(&mut session, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });
    for _ in 0..100 {
        session
            .chat
            .publish_message("lobby", "one of many", &PublishOptions::new())
            .unwrap();
    }
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.join().unwrap(), 100);
}

#[test]
fn closing_tells_what_it_could_not_send() {
    let (listener, address) = listen();
    let server = std::thread::spawn(move || {
        accept(&listener).name_server(address);
        let mut peer = accept(&listener);
        peer.front_end();
        // It reads no more, and stays.
        peer
    });
    let mut session = chatting(config(address).flush_timeout(Duration::from_millis(100)));
    let content = "x".repeat(10_000);
    let peer = server.join().unwrap();
    // The system takes a lot before it takes no more.
    let refused = loop {
        match session
            .chat
            .publish_message("lobby", content.as_str(), &PublishOptions::new())
        {
            Ok(()) => session.flush(),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, RequestError::QueueFull);
    assert_eq!(
        session.close(Duration::from_millis(300)),
        CloseOutcome::Unsent
    );
    drop(peer);
}

#[test]
fn closing_does_not_wait_longer_than_told() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer
    });
    let session = on_name_server(config(address));
    let peer = server.join().unwrap();
    // The server does not end its side.
    assert_eq!(session.close(Duration::ZERO), CloseOutcome::Sent);
    drop(peer);
}

#[test]
fn closing_what_was_never_opened() {
    let session = session(config_for("tcp://127.0.0.1:1"));
    assert_eq!(
        format!("{session:?}"),
        "Session { state: Uninitialized, links: 0 }"
    );
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
}
