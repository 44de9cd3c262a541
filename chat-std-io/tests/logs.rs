//! What a program sees in its log if its logger accepts everything, also from the libraries that
//! carry the messages.

mod harness;

use chat_std_io::chat_core::{AuthValues, StatusMessage};
use chat_std_io::{Event, PrivateOptions, PublishOptions};
use dev_server::Transport;
use harness::*;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
    /// Only of the thread with the session: the server runs in another one.
    static LINES: RefCell<Vec<(Level, String, String)>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let (target, line) = (record.target().to_owned(), record.args().to_string());
        LINES.with_borrow_mut(|lines| lines.push((record.level(), target, line)));
    }

    fn flush(&self) {}
}

const CREDENTIALS: [&str; 2] = ["planted-ticket", "planted-data"];
const TEXTS: [&str; 5] = [
    "planted-user",
    "planted-friend",
    "planted-text",
    "planted-private",
    "planted-status",
];

/// Holds a conversation with secrets in every place, over a transport; returns the log.
fn conversation(transport: Transport, json: bool) -> Vec<(Level, String, String)> {
    let server = Server::over(transport);
    LINES.with_borrow_mut(Vec::clear);
    let authentication = AuthValues::new("ticket=planted-ticket").data("planted-data");
    let mut config = server
        .config()
        .user_id("planted-user")
        .authentication(authentication);
    if json {
        config = config.json();
    }
    let mut session = in_lobby(&server, config);
    let chat = &mut session.chat;
    chat.add_friends(["planted-friend"]).unwrap();
    chat.set_user_status(2, StatusMessage::Set("planted-status"))
        .unwrap();
    chat.send_private_message("planted-friend", "planted-private", &PrivateOptions::new())
        .unwrap();
    chat.publish_message("lobby", "planted-text", &PublishOptions::new())
        .unwrap();
    drive(&mut session, |_, event| {
        matches!(event, Event::ChatMessages { .. })
    });
    // A refused request, and the end by the server.
    let options = PublishOptions::new();
    session
        .chat
        .publish_message("elsewhere", "planted-text", &options)
        .unwrap();
    drive(&mut session, |_, event| {
        matches!(event, Event::OperationResponse { .. })
    });
    session.chat.disconnect();
    session.close(LONG);
    server.stop();
    LINES.with_borrow_mut(std::mem::take)
}

#[test]
fn sound18_no_line_of_the_client_shows_a_secret() {
    let _installed = log::set_logger(&Capture);
    log::set_max_level(LevelFilter::Trace);
    for (transport, json) in [
        (Transport::Udp, false),
        (Transport::Tcp, false),
        (Transport::Ws, false),
        (Transport::Ws, true),
        (Transport::Wss, false),
        (Transport::Wss, true),
    ] {
        let lines = conversation(transport, json);
        let ours = |(_, target, _): &&(Level, String, String)| target.starts_with("photon_chat");
        let debug = |text: &str| lines.iter().filter(ours).any(|(_, _, line)| line == text);
        assert!(debug("request Publish (2)"), "{transport}: {lines:?}");
        assert!(debug("event ChatMessages (0)"), "{transport}: {lines:?}");
        // The lines of all libraries: those below the client see its bytes.
        for (level, target, line) in &lines {
            for secret in CREDENTIALS {
                assert!(
                    !line.contains(secret),
                    "{transport}: {level} {target}: {line}"
                );
            }
            for secret in TEXTS {
                let hidden = *level == Level::Trace || !line.contains(secret);
                assert!(hidden, "{transport}: {level} {target}: {line}");
            }
        }
    }
}
