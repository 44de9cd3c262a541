//! Pause, sleep and a change of the network on real sockets.

mod harness;

use chat_std_io::{CauseKind, Event, State};
use dev_server::Transport;
use harness::*;

const TRANSPORTS: &[Transport] = &[
    Transport::Udp,
    Transport::Tcp,
    #[cfg(feature = "websocket")]
    Transport::Ws,
    #[cfg(feature = "tls")]
    Transport::Wss,
];

#[test]
fn s17_a_session_suspends_and_resumes_three_times() {
    for &transport in TRANSPORTS {
        let server = Server::over(transport);
        let mut session = in_lobby(&server, server.config());
        for _ in 0..3 {
            session.suspend().unwrap();
            session.suspend().expect("nothing to do");
            assert_eq!(session.chat.state(), State::Disconnected);
            drive(&mut session, |_, event| entered(event, State::Disconnected));
            session.resume().unwrap();
            drive(&mut session, |_, event| {
                assert!(!matches!(event, Event::Error { .. }), "{event:?}");
                entered(event, State::ConnectedToFrontEnd)
            });
            session.resume().expect("a question to the server");
        }
        server.stop();
    }
}

#[test]
fn s18_a_session_moves_to_another_network() {
    for &transport in TRANSPORTS {
        let server = Server::over(transport);
        let mut session = in_lobby(&server, server.config());
        let old = session.sockets().count();
        for _ in 0..3 {
            session.network_changed().unwrap();
            drive(&mut session, |_, event| {
                if let Event::Error { cause, .. } = event {
                    assert_eq!(cause.kind, CauseKind::NetworkChanged);
                }
                entered(event, State::ConnectedToFrontEnd)
            });
        }
        // The old sockets stay until the server has closed its side, or for a second.
        while session.sockets().count() != old {
            session.wait(LONG);
            while let Some(event) = session.poll_event() {
                assert!(!matches!(event, Event::Error { .. }), "{event:?}");
            }
        }
        server.stop();
    }
}
