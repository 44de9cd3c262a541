//! The outcome of a close whose peer ended first: nothing confirms that it read everything.

mod harness;

use chat_std_io::{CloseOutcome, Restore, Session, State};
use dev_server::Transport;
use harness::*;

/// Over WebSocket the server waits for the answer to its close frame, so that no test can know when
/// the frame lies in the socket.
const TRANSPORTS: [Transport; 1] = [Transport::Tcp];

/// A session in the lobby through a relay.
fn through_relay(transport: Transport) -> (Server, Relay, Session) {
    let server = Server::over(transport);
    let (relay, session) = in_lobby_by_relay(&server, server.config());
    (server, relay, session)
}

/// The server ends the connection with a disconnect message, which the session has not read yet.
fn kick(server: &Server, relay: &Relay) {
    let kicked = server.act(|core| core.control("kick alice 7").line);
    assert!(kicked.starts_with("ok"), "{kicked}");
    relay.wait_for_server_end();
}

#[track_caller]
fn assert_unconfirmed(outcome: CloseOutcome, context: &str) {
    assert_ne!(outcome, CloseOutcome::Confirmed, "{context}");
}

/// The end lies unread in the socket when the close begins.
#[test]
fn sound19_a_close_after_an_unnoticed_end_of_the_server_is_not_confirmed() {
    for transport in TRANSPORTS {
        for published in ["nothing", "before", "after"] {
            let context = format!("{transport:?}, published {published}");
            let (server, relay, mut session) = through_relay(transport);
            if published == "before" {
                publish(&mut session, "perhaps read");
                session.flush();
            }
            kick(&server, &relay);
            if published == "after" {
                publish(&mut session, "never read");
            }
            assert_unconfirmed(session.close(LONG), &context);
            server.stop();
        }
    }
}

/// The end is behind more input than the client wants.
#[test]
fn sound19_a_close_of_a_client_that_reads_no_further_is_not_confirmed() {
    for transport in TRANSPORTS {
        let server = Server::over(transport);
        let config = server.config().event_cap_bytes(1);
        let (relay, mut session) = in_lobby_by_relay(&server, config);
        for number in 0..20 {
            publish(&mut session, &format!("echo {number}"));
        }
        session.flush();
        // The events wait, and so does the input after them.
        server.wait_until(|core| core.stats().messages >= 20);
        kick(&server, &relay);
        session.service();
        assert_unconfirmed(session.close(LONG), &format!("{transport:?}"));
        server.stop();
    }
}

/// The application has learned of the end before it closes.
#[test]
fn sound19_a_close_after_a_reported_end_of_the_server_is_not_confirmed() {
    for transport in TRANSPORTS {
        let (server, relay, mut session) = through_relay(transport);
        publish(&mut session, "perhaps read");
        session.flush();
        kick(&server, &relay);
        let _reported = end_of(&mut session);
        assert_eq!(session.chat.state(), State::Error);
        assert_unconfirmed(session.close(LONG), &format!("{transport:?}"));
        server.stop();
    }
}

/// A connection that ended before does not count once there is another one.
#[test]
fn sound19_a_close_after_a_new_connection_is_confirmed() {
    for transport in TRANSPORTS {
        let (server, relay, mut session) = through_relay(transport);
        kick(&server, &relay);
        let _reported = end_of(&mut session);
        session.chat.connect_to_region_front_end("eu").unwrap();
        drive(&mut session, |_, event| {
            entered(event, State::ConnectedToFrontEnd)
        });
        publish(&mut session, "read");
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
        server.stop();
    }
}

/// A disconnect drops them, so nothing of them is left when the links are asked.
#[test]
fn a_close_while_messages_wait_for_a_connection_is_unsent() {
    let config = || {
        let restore = Restore::new().queue_cap_bytes(1_000);
        user("tcp://127.0.0.1:1", "alice").restore(restore)
    };
    for is_connecting in [false, true] {
        let mut session = session(config());
        if is_connecting {
            session.chat.connect_to_region_front_end("eu").unwrap();
        }
        publish(&mut session, "waits");
        assert_eq!(session.close(LONG), CloseOutcome::Unsent);
    }
    let unused = session(config());
    assert_eq!(unused.close(LONG), CloseOutcome::Confirmed);
}
