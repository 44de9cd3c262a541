//! The end of a WebSocket: by either side, in every state.

use super::*;
use std::net::Shutdown;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, Utf8Bytes};

fn server_closes(over: Over, frame: Option<CloseFrame>) -> LinkEnd {
    let (address, server) = serve(over, move |mut server| {
        server
            .send(Message::binary(b"the last message".to_vec()))
            .unwrap();
        server.close(frame.clone()).unwrap();
        // The client echoes the close and ends the stream.
        assert_eq!(server.read().unwrap(), Message::Close(frame));
        assert!(matches!(
            server.read(),
            Err(tungstenite::Error::ConnectionClosed)
        ));
        server.get_mut().tcp().shutdown(Shutdown::Write).unwrap();
        server
    });
    let mut harness = Harness::connect(address, over, false);
    let end = harness.end();
    assert_eq!(harness.client.received, [b"the last message"]);
    assert!(harness.socket.must_answer_end());
    assert_eq!(harness.finish_close(), CloseProgress::Confirmed);
    assert!(!harness.socket.unsent);
    drop(server.join().unwrap());
    end
}

#[test]
fn a_close_of_the_server_is_answered_and_reported_by_code() {
    for over in Over::ALL {
        assert!(matches!(server_closes(*over, None), LinkEnd::Closed));
        let frame = |code, reason| CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        assert!(matches!(
            server_closes(*over, Some(frame(CloseCode::Normal, "bye"))),
            LinkEnd::Closed
        ));
        let codes = [
            (CloseCode::Away, "1001"),
            (CloseCode::Error, "1011"),
            (CloseCode::Library(4_000), "4000"),
        ];
        for (code, number) in codes {
            let LinkEnd::Failed(error) =
                server_closes(*over, Some(frame(code, "over \u{202e}there")))
            else {
                panic!("{number} is not a normal end")
            };
            assert_eq!(error.kind, LinkErrorKind::Reset);
            assert!(
                error.text.contains(number) && error.text.contains("over "),
                "{error:?}"
            );
            assert!(
                !error.text.contains('\u{202e}'),
                "texts of a server are escaped: {error:?}"
            );
        }
    }
}

#[test]
fn an_end_without_a_close_is_a_reset() {
    for over in Over::ALL {
        for begin in [
            Vec::new(),
            vec![0x82],
            frame(0x02, b"begun"),
            frame(0x82, &[0; 300])[..100].to_vec(),
        ] {
            let (address, server) = serve(*over, move |mut server| {
                server.get_mut().write_all(&begin).unwrap();
                server.get_mut().flush().unwrap();
            });
            let mut harness = Harness::connect(address, *over, false);
            let error = harness.failure(true);
            assert_eq!(error.kind, LinkErrorKind::Reset);
            assert!(error.text.contains("without closing"), "{error:?}");
            assert!(!harness.socket.must_answer_end());
            assert_eq!(
                harness.socket.close(&mut harness.stats),
                CloseProgress::Broken
            );
            server.join().unwrap();
        }
    }
}

#[test]
fn our_close_waits_for_the_servers() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            let Message::Close(Some(frame)) = server.read().unwrap() else {
                panic!("another message")
            };
            assert_eq!(
                (frame.code, frame.reason.as_str()),
                (CloseCode::Normal, "ws close")
            );
            // Late, but legal. The server then closes and ends the stream.
            server
                .get_mut()
                .write_all(&super::frame(0x82, b"too late"))
                .unwrap();
            server.flush().unwrap_err();
            let mut rest = Vec::new();
            server.get_mut().read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"", "nothing follows the close");
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        assert_eq!(
            harness.socket.close(&mut harness.stats),
            CloseProgress::Pending
        );
        assert_eq!(harness.finish_close(), CloseProgress::Confirmed);
        drop(harness);
        server.join().unwrap();
    }
}

#[test]
fn our_close_is_unconfirmed_if_the_server_only_ends_the_stream() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            let mut close = [0; 8];
            server.get_mut().read_exact(&mut close).unwrap();
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        assert_eq!(
            harness.socket.close(&mut harness.stats),
            CloseProgress::Pending
        );
        assert_eq!(
            harness.finish_close(),
            CloseProgress::Broken,
            "whether it has read everything is unknown"
        );
        server.join().unwrap();
    }
}

#[test]
fn accepted_messages_are_sent_before_our_close() {
    const MESSAGES: usize = 50;
    for over in Over::ALL {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (address, server) = serve(*over, move |mut server| {
            gate.recv().unwrap();
            let mut received = 0;
            loop {
                match server.read().unwrap() {
                    Message::Binary(message) => received += message.len(),
                    Message::Close(_) => break,
                    other => panic!("{other:?}"),
                }
            }
            let _ = server.flush();
            received
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        harness
            .client
            .outgoing
            .extend((0..MESSAGES).map(|_| pattern(500_000)));
        harness.drive(|harness| harness.socket.unsent);
        let handed_over = MESSAGES - harness.client.outgoing.len();
        assert!(handed_over < MESSAGES);
        assert_eq!(
            harness.socket.close(&mut harness.stats),
            CloseProgress::Pending
        );
        assert!(harness.socket.unsent, "unsent output is reported");
        assert_eq!(
            harness
                .socket
                .continue_close(&mut harness.buffer, &mut harness.stats),
            CloseProgress::Pending
        );
        assert!(harness.socket.unsent);
        go.send(()).unwrap();
        assert_eq!(harness.finish_close(), CloseProgress::Confirmed);
        assert!(!harness.socket.unsent);
        assert_eq!(server.join().unwrap(), handed_over * 500_000);
    }
}

#[test]
fn both_close_at_once() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tcp, move |mut server| {
        gate.recv().unwrap();
        // Before it reads ours.
        server.close(None).unwrap();
        assert!(matches!(server.read(), Ok(Message::Close(Some(_)))));
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    harness.open();
    assert_eq!(
        harness.socket.close(&mut harness.stats),
        CloseProgress::Pending
    );
    go.send(()).unwrap();
    assert_eq!(harness.finish_close(), CloseProgress::Confirmed);
    server.join().unwrap();
}

#[test]
fn a_close_during_the_handshake_awaits_nothing() {
    for over in Over::ALL {
        let (address, server) = serve_tcp(|mut stream| {
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            received
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.pass();
        assert!(harness.socket.is_opening() && !harness.client.opened);
        assert_eq!(
            harness.socket.close(&mut harness.stats),
            CloseProgress::Confirmed,
            "there is nothing to wait for"
        );
        drop(harness);
        assert!(!server.join().unwrap().is_empty());
    }
}

#[test]
fn a_simulated_loss_is_a_reset() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |server| server);
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        harness.socket.stream().simulate_connection_loss();
        assert!(harness.socket.is_ready());
        let error = harness.failure(true);
        assert_eq!(error.kind, LinkErrorKind::Reset);
        assert!(error.text.contains("simulated"), "{error:?}");
        drop(server.join().unwrap());
    }
}
