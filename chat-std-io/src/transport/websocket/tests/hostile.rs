//! Servers that break the protocol: each case has its own cause and its own close code.

use super::*;
use tungstenite::{Error, Message};

/// Checks the cause and the close code after a server has sent `bytes` in place of a message.
fn ends_with(over: Over, text: bool, bytes: Vec<u8>, cause: &str, code: u16) {
    let (address, server) = serve(over, move |mut server| {
        server.get_mut().write_all(&bytes).unwrap();
        let Ok(Message::Close(Some(frame))) = server.read() else {
            panic!("no close frame")
        };
        u16::from(frame.code)
    });
    let mut harness = Harness::connect(address, over, text);
    let error = harness.failure(true);
    assert_eq!(error.kind, LinkErrorKind::Protocol, "{error:?}");
    assert!(
        error.text.contains(cause),
        "{:?} is not in {error:?}",
        cause
    );
    assert!(harness.client.received.is_empty());
    harness.finish_close();
    assert_eq!(server.join().unwrap(), code, "{cause}");
}

#[test]
fn a_protocol_error_ends_the_link_with_a_cause() {
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
        for (bytes, cause, code) in cases.clone() {
            ends_with(*over, false, bytes, cause, code);
        }
    }
}

#[test]
fn invalid_text_ends_the_link_with_a_cause() {
    ends_with(
        Over::Tcp,
        true,
        frame(0x82, b"binary"),
        "on a text link",
        1003,
    );
    ends_with(Over::Tcp, true, frame(0x81, b"\xff"), "not UTF-8", 1007);
    let cut = [frame(0x01, b"\xf0"), frame(0x80, b"")].concat();
    ends_with(Over::Tcp, true, cut, "not UTF-8", 1007);
}

#[test]
fn a_long_message_in_fragments_ends_the_link_before_it_is_kept() {
    let (address, server) = serve(Over::Tcp, |mut server| {
        let piece = vec![7; 64 * 1024];
        server.get_mut().write_all(&frame(0x02, &piece)).unwrap();
        // The last byte is one more than is allowed; what follows is discarded.
        for _ in 1..16 {
            server.get_mut().write_all(&frame(0x00, &piece)).unwrap();
        }
        server.get_mut().write_all(&frame(0x00, b"!")).unwrap();
        let Ok(Message::Close(Some(frame))) = server.read() else {
            panic!("no close frame")
        };
        u16::from(frame.code)
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    let error = harness.failure(true);
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.text.contains("1048577"), "{error:?}");
    harness.finish_close();
    assert_eq!(server.join().unwrap(), 1009);
}

/// The number of pongs is limited if the server does not read them.
#[test]
fn unread_pongs_are_not_collected() {
    const PINGS: usize = 300_000;
    let (address, server) = serve(Over::Tcp, |mut server| {
        let flood: Vec<_> = (0..1_000).flat_map(|_| frame(0x89, &[1; 125])).collect();
        for _ in 0..PINGS / 1_000 {
            server.get_mut().write_all(&flood).unwrap();
        }
        server.get_mut().write_all(&frame(0x82, b"done")).unwrap();
        server
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    assert_eq!(harness.receive(1), [b"done"]);
    assert!(harness.socket.unsent, "the system does not take 40 MB");
    let mut server = server.join().unwrap();
    // Those that were kept are complete.
    harness.client.outgoing.push_back(b"and on".to_vec());
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
    harness.drive(|harness| harness.client.outgoing.is_empty() && !harness.socket.unsent);
    let (pongs, message) = reader.join().unwrap();
    assert_eq!(message, b"and on"[..]);
    assert!(
        pongs < PINGS,
        "one pong may answer several pings (RFC 6455, 5.5.3)"
    );
}
