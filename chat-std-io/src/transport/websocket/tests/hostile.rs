//! Servers that break the rules: each a cause of its own, which the server is told too.

use super::*;
use tungstenite::{Error, Message};

/// What a server sends after the handshake, and what the client says to it: words of the cause, and a close code.
fn breaks_a_rule(over: Over, text: bool, bytes: Vec<u8>, words: &str, code: u16) {
    let (address, server) = serve(over, move |mut server| {
        server.get_mut().write_all(&bytes).unwrap();
        let Ok(Message::Close(Some(frame))) = server.read() else {
            panic!("no close frame")
        };
        u16::from(frame.code)
    });
    let mut client = Client::connect(address, over, text);
    let error = client.failure(true);
    assert_eq!(error.kind, LinkErrorKind::Protocol, "{error:?}");
    assert!(
        error.text.contains(words),
        "{:?} is not in {error:?}",
        words
    );
    assert!(client.core.heard.is_empty());
    client.part();
    assert_eq!(server.join().unwrap(), code, "{words}");
}

#[test]
fn a_broken_rule_ends_it_with_a_cause() {
    let long = 1024 * 1024 + 1;
    let oversize = [&[0x82, 127][..], &(long as u64).to_be_bytes()].concat();
    let huge = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
    let masked = [&[0x82, 0x81][..], &[1, 2, 3, 4], &[0]].concat();
    let close_too_short = frame(0x88, &[3]);
    let cases = [
        (frame(0xc2, b"compressed"), "Reserved bits", 1002),
        (frame(0xa2, b"reserved"), "Reserved bits", 1002),
        (frame(0x92, b"reserved"), "Reserved bits", 1002),
        (masked, "masked", 1002),
        (oversize, "1048577 bytes", 1009),
        (huge, "1048576 are allowed", 1009),
        (frame(0x83, b"?"), "invalid opcode: 3", 1002),
        (frame(0x8b, b"?"), "invalid opcode: 11", 1002),
        (frame(0x80, b"?"), "nothing to continue", 1002),
        (
            [frame(0x02, b"a"), frame(0x82, b"b")].concat(),
            "waiting for more fragments",
            1002,
        ),
        (frame(0x09, b"a"), "Fragmented control", 1002),
        (frame(0x89, &[0; 126]), "Control frame too big", 1002),
        (close_too_short, "Invalid close", 1002),
        (frame(0x81, b"text"), "binary messages only", 1003),
    ];
    for over in Over::ALL {
        for (bytes, words, code) in cases.clone() {
            breaks_a_rule(*over, false, bytes, words, code);
        }
    }
}

#[test]
fn text_that_is_none_ends_it_with_a_cause() {
    breaks_a_rule(
        Over::Tcp,
        true,
        frame(0x82, b"binary"),
        "on a text link",
        1003,
    );
    breaks_a_rule(Over::Tcp, true, frame(0x81, b"\xff"), "not UTF-8", 1007);
    let cut = [frame(0x01, b"\xf0"), frame(0x80, b"")].concat();
    breaks_a_rule(Over::Tcp, true, cut, "not UTF-8", 1007);
}

#[test]
fn a_message_too_long_in_pieces_ends_before_it_is_kept() {
    let (address, server) = serve(Over::Tcp, |mut server| {
        let piece = vec![7; 64 * 1024];
        server.get_mut().write_all(&frame(0x02, &piece)).unwrap();
        // One byte more than is allowed; what follows is thrown away.
        for _ in 1..16 {
            server.get_mut().write_all(&frame(0x00, &piece)).unwrap();
        }
        server.get_mut().write_all(&frame(0x00, b"!")).unwrap();
        let Ok(Message::Close(Some(frame))) = server.read() else {
            panic!("no close frame")
        };
        u16::from(frame.code)
    });
    let mut client = Client::connect(address, Over::Tcp, false);
    let error = client.failure(true);
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.text.contains("1048577"), "{error:?}");
    client.part();
    assert_eq!(server.join().unwrap(), 1009);
}

/// Answers to pings do not pile up if the server does not read them.
#[test]
fn pongs_nobody_reads_are_not_kept() {
    const PINGS: usize = 300_000;
    let (address, server) = serve(Over::Tcp, |mut server| {
        let flood: Vec<_> = (0..1_000).flat_map(|_| frame(0x89, &[1; 125])).collect();
        for _ in 0..PINGS / 1_000 {
            server.get_mut().write_all(&flood).unwrap();
        }
        server.get_mut().write_all(&frame(0x82, b"done")).unwrap();
        server
    });
    let mut client = Client::connect(address, Over::Tcp, false);
    assert_eq!(client.hear(1), [b"done"]);
    assert!(client.socket.unsent, "the system took 40 MB");
    let mut server = server.join().unwrap();
    // What was kept is whole.
    client.core.outgoing.push_back(b"and on".to_vec());
    let reader = thread::spawn(move || {
        let mut pongs = 0;
        loop {
            match server.read() {
                Ok(Message::Pong(payload)) => {
                    assert_eq!(payload.len(), 125);
                    pongs += 1;
                }
                Ok(Message::Binary(message)) => return (pongs, message),
                Err(Error::Io(error)) => panic!("{error}"),
                other => panic!("{other:?}"),
            }
        }
    });
    client.drive(|client| client.core.outgoing.is_empty() && !client.socket.unsent);
    let (pongs, message) = reader.join().unwrap();
    assert_eq!(message, b"and on"[..]);
    assert!(pongs < PINGS, "some were answered for others");
}
