//! Against the development server: everything as in real life, keys and all.

mod support;

use chat_core::{ChatClient, ChatConfig, Listener, Messages, PrivateMessage, Text};
use chat_std_io::{
    CloseOutcome, Event, PrivateOptions, PublishOptions, Session, State, SubscribeOptions,
    chat_core,
};
use dev_server::server::{Server, ServerHandle, ServerOptions};
use std::collections::BTreeSet;
use std::io;
use std::thread::JoinHandle;
use std::time::Instant;
use support::{LONG, drive, drive_frames, entered};

struct Running {
    address: String,
    handle: ServerHandle,
    thread: JoinHandle<io::Result<()>>,
}

impl Running {
    fn start() -> Self {
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            ..ServerOptions::default()
        };
        let server = Server::bind(&options).unwrap();
        let address = format!("tcp://{}", server.addresses().name_server);
        let handle = server.handle();
        Self {
            address,
            handle,
            thread: std::thread::spawn(move || server.run()),
        }
    }

    fn session(&self, user: &str) -> Session {
        let config = ChatConfig::new(self.address.as_str(), "app", "1.0").user_id(user);
        let mut session = Session::new(config).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        session
    }

    fn stop(self) {
        self.handle.stop();
        self.thread.join().unwrap().unwrap();
    }
}

fn join(session: &mut Session, event: &Event, channel: &str) -> bool {
    if entered(event, State::ConnectedToFrontEnd) {
        session
            .chat
            .subscribe([channel], &SubscribeOptions::new().history(-1))
            .unwrap();
    }
    assert!(!matches!(event, Event::Error { .. }), "{event:?}");
    matches!(event, Event::SubscribeResult(_))
}

#[test]
fn two_users_talk_one_in_frames_and_one_waiting() {
    let server = Running::start();
    let mut alice = server.session("alice");
    drive_frames(&mut alice, |session, event| join(session, event, "lobby"));
    alice
        .chat
        .publish_message("lobby", "is somebody there?", &PublishOptions::new())
        .unwrap();
    drive_frames(&mut alice, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });

    let bob_thread = {
        let mut bob = server.session("bob");
        std::thread::spawn(move || {
            drive(&mut bob, |session, event| join(session, event, "lobby"));
            drive(&mut bob, |session, event| {
                let Event::ChatMessages { messages, .. } = event else {
                    return false;
                };
                assert!(
                    format!("{messages:?}").contains("is somebody there?"),
                    "{messages:?}"
                );
                session
                    .chat
                    .send_private_message("alice", "I am", &PrivateOptions::new().encrypt(true))
                    .unwrap();
                true
            });
            bob.close(LONG)
        })
    };

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Listener for Heard {
        fn on_private_message(
            &mut self,
            _: &mut ChatClient,
            channel: &Text,
            message: &PrivateMessage,
        ) {
            self.0.push(format!("{channel} {message:?}"));
        }

        fn on_chat_messages(&mut self, _: &mut ChatClient, _: &Text, messages: &Messages) {
            panic!("nobody published: {messages:?}");
        }
    }

    let mut heard = Heard::default();
    let began = Instant::now();
    while heard.0.is_empty() {
        assert!(began.elapsed() < LONG);
        let _ = alice.service();
        alice.dispatch(&mut heard);
        std::thread::yield_now();
    }
    assert!(
        heard.0[0].starts_with("bob ") && heard.0[0].contains("I am"),
        "{:?}",
        heard.0
    );
    assert_eq!(bob_thread.join().unwrap(), CloseOutcome::Confirmed);
    assert_eq!(alice.close(LONG), CloseOutcome::Confirmed);
    server.stop();
}

/// More than there are threads for connecting at one time, in one loop.
#[test]
fn a_hundred_sessions_in_one_thread() {
    const SESSIONS: usize = 100;

    let server = Running::start();
    let mut sessions: Vec<_> = (0..SESSIONS)
        .map(|number| server.session(&format!("user {number}")))
        .collect();
    let mut joined = 0;
    let mut heard = vec![BTreeSet::new(); SESSIONS];
    let began = Instant::now();
    while joined < SESSIONS || heard.iter().any(|heard| heard.len() < SESSIONS) {
        assert!(began.elapsed() < LONG);
        let everybody_is_in = joined == SESSIONS;
        for (session, heard) in sessions.iter_mut().zip(&mut heard) {
            let _ = session.service();
            while let Some(event) = session.poll_event() {
                if join(session, &event, "lobby") {
                    joined += 1;
                }
                if let Event::ChatMessages { messages, .. } = event {
                    for message in messages.iter() {
                        assert!(
                            heard.insert(message.sender.to_owned()),
                            "{} twice",
                            message.sender
                        );
                    }
                }
            }
        }
        if !everybody_is_in && joined == SESSIONS {
            for session in &mut sessions {
                session
                    .chat
                    .publish_message("lobby", "hello", &PublishOptions::new())
                    .unwrap();
            }
        }
        std::thread::yield_now();
    }
    for session in sessions {
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    }
    server.stop();
}
