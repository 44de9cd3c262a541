//! Ends, from either side, in every state.

use super::*;
use std::net::Shutdown;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, Utf8Bytes};

fn server_closes(over: Over, frame: Option<CloseFrame>) -> LinkEnd {
    let (address, server) = serve(over, move |mut server| {
        server
            .send(Message::binary(b"last words".to_vec()))
            .unwrap();
        server.close(frame.clone()).unwrap();
        // The answer, and then an end.
        assert_eq!(server.read().unwrap(), Message::Close(frame));
        assert!(matches!(
            server.read(),
            Err(tungstenite::Error::ConnectionClosed)
        ));
        server.get_mut().tcp().shutdown(Shutdown::Write).unwrap();
        server
    });
    let mut client = Client::connect(address, over, false);
    let end = client.end();
    assert_eq!(client.core.heard, [b"last words"]);
    assert!(client.socket.must_answer_end());
    assert_eq!(client.part(), CloseProgress::Confirmed);
    assert!(!client.socket.unsent);
    drop(server.join().unwrap());
    end
}

#[test]
fn the_server_closes() {
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
                panic!("{number} is no normal end")
            };
            assert_eq!(error.kind, LinkErrorKind::Reset);
            assert!(
                error.text.contains(number) && error.text.contains("over "),
                "{error:?}"
            );
            assert!(
                !error.text.contains('\u{202e}'),
                "words of a server are escaped: {error:?}"
            );
        }
    }
}

#[test]
fn the_server_is_gone_without_a_close() {
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
            let mut client = Client::connect(address, *over, false);
            let error = client.failure(true);
            assert_eq!(error.kind, LinkErrorKind::Reset);
            assert!(error.text.contains("without closing"), "{error:?}");
            assert!(!client.socket.must_answer_end());
            assert_eq!(
                client.socket.close(&mut client.stats),
                CloseProgress::Broken
            );
            server.join().unwrap();
        }
    }
}

#[test]
fn we_close() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            let Message::Close(Some(frame)) = server.read().unwrap() else {
                panic!("another message")
            };
            assert_eq!(
                (frame.code, frame.reason.as_str()),
                (CloseCode::Normal, "ws close")
            );
            // Too late, but legal; then its own close, and an end of the line.
            server
                .get_mut()
                .write_all(&super::frame(0x82, b"unheard"))
                .unwrap();
            server.flush().unwrap_err();
            let mut rest = Vec::new();
            server.get_mut().read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"", "nothing follows the close");
        });
        let mut client = Client::connect(address, *over, false);
        client.open();
        assert_eq!(
            client.socket.close(&mut client.stats),
            CloseProgress::Pending
        );
        assert_eq!(client.part(), CloseProgress::Confirmed);
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn we_close_and_the_server_only_hangs_up() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            let mut close = [0; 8];
            server.get_mut().read_exact(&mut close).unwrap();
        });
        let mut client = Client::connect(address, *over, false);
        client.open();
        assert_eq!(
            client.socket.close(&mut client.stats),
            CloseProgress::Pending
        );
        assert_eq!(
            client.part(),
            CloseProgress::Broken,
            "whether it has read everything is not known"
        );
        server.join().unwrap();
    }
}

#[test]
fn what_was_accepted_leaves_before_our_close() {
    const MESSAGES: usize = 50;
    for over in Over::ALL {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (address, server) = serve(*over, move |mut server| {
            gate.recv().unwrap();
            let mut heard = 0;
            loop {
                match server.read().unwrap() {
                    Message::Binary(message) => heard += message.len(),
                    Message::Close(_) => break,
                    other => panic!("{other:?}"),
                }
            }
            let _ = server.flush();
            heard
        });
        let mut client = Client::connect(address, *over, false);
        client.open();
        client
            .core
            .outgoing
            .extend((0..MESSAGES).map(|_| pattern(500_000)));
        client.drive(|client| client.socket.unsent);
        let handed_over = MESSAGES - client.core.outgoing.len();
        assert!(handed_over < MESSAGES);
        assert_eq!(
            client.socket.close(&mut client.stats),
            CloseProgress::Pending
        );
        assert!(
            client.socket.unsent,
            "it is not hidden that something waits"
        );
        assert_eq!(
            client
                .socket
                .continue_close(&mut client.buffer, &mut client.stats),
            CloseProgress::Pending
        );
        assert!(client.socket.unsent);
        go.send(()).unwrap();
        assert_eq!(client.part(), CloseProgress::Confirmed);
        assert!(!client.socket.unsent);
        assert_eq!(server.join().unwrap(), handed_over * 500_000);
    }
}

#[test]
fn both_close_at_once() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tcp, move |mut server| {
        gate.recv().unwrap();
        // Before ours is read.
        server.close(None).unwrap();
        assert!(matches!(server.read(), Ok(Message::Close(Some(_)))));
    });
    let mut client = Client::connect(address, Over::Tcp, false);
    client.open();
    assert_eq!(
        client.socket.close(&mut client.stats),
        CloseProgress::Pending
    );
    go.send(()).unwrap();
    assert_eq!(client.part(), CloseProgress::Confirmed);
    server.join().unwrap();
}

#[test]
fn given_up_during_the_handshake() {
    for over in Over::ALL {
        let (address, server) = serve_tcp(|mut stream| {
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            heard
        });
        let mut client = Client::connect(address, *over, false);
        client.pass();
        assert!(client.socket.is_opening() && !client.core.opened);
        assert_eq!(
            client.socket.close(&mut client.stats),
            CloseProgress::Confirmed,
            "there is nothing to wait for"
        );
        drop(client);
        assert!(!server.join().unwrap().is_empty());
    }
}

#[test]
fn severed() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |server| server);
        let mut client = Client::connect(address, *over, false);
        client.open();
        client.socket.stream().simulate_connection_loss();
        assert!(client.socket.is_ready());
        let error = client.failure(true);
        assert_eq!(error.kind, LinkErrorKind::Reset);
        assert!(error.text.contains("simulated"), "{error:?}");
        drop(server.join().unwrap());
    }
}
