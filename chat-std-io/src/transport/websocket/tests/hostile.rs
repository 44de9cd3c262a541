//! Servers that break the protocol: each case has its own cause and its own close code.

use super::super::MAX_FRAMES;
use super::*;
#[cfg(feature = "tls")]
use crate::transport::maybe_tls::PASS_BYTES;
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
        (frame(0xc2, b"compressed"), "reserved bits", 1002),
        (frame(0xa2, b"reserved"), "reserved bits", 1002),
        (frame(0x92, b"reserved"), "reserved bits", 1002),
        (masked, "masked", 1002),
        (oversize, "1048577 bytes", 1009),
        (huge, "1048576 are allowed", 1009),
        (frame(0x83, b"?"), "invalid opcode 3", 1002),
        (frame(0x8b, b"?"), "invalid opcode 11", 1002),
        (frame(0x80, b"?"), "nothing to continue", 1002),
        (
            [frame(0x02, b"a"), frame(0x82, b"b")].concat(),
            "before the last fragment of another",
            1002,
        ),
        (frame(0x09, b"a"), "control frame is fragmented", 1002),
        (frame(0x89, &[0; 126]), "control frame is too long", 1002),
        (close_too_short, "half of a code", 1002),
        (
            frame(0x88, b"\x03\xe8\xff"),
            "a reason that is not UTF-8",
            1007,
        ),
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

#[test]
fn a_close_code_that_no_frame_may_contain_is_a_protocol_error() {
    for code in [0, 1, 999, 1005, 1006, 1015_u16] {
        let payload = [&code.to_be_bytes()[..], b"reason"].concat();
        let cause = format!("closed with code {code}, which no close frame may contain");
        for payload in [&payload, &payload[..2]] {
            ends_with(Over::Tcp, false, frame(0x88, payload), &cause, 1002);
        }
    }
}

/// An open link whose server has sent all of these bytes, and the server.
fn flooded(over: Over, bytes: Vec<u8>) -> (Harness, ServerSocket) {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(over, move |mut server| {
        gate.recv().unwrap();
        server.get_mut().write_all(&bytes).unwrap();
        server.get_mut().flush().unwrap();
        server
    });
    let mut harness = Harness::connect(address, over, false);
    harness.open();
    go.send(()).unwrap();
    (harness, server.join().unwrap())
}

#[test]
fn pings_that_arrive_together_are_answered_with_one_pong_in_one_write() {
    for over in Over::ALL {
        let mut bytes: Vec<_> = (0..100).flat_map(|number| frame(0x89, &[number])).collect();
        bytes.extend(frame(0x82, b"done"));
        let (mut harness, mut server) = flooded(*over, bytes);
        let writes = harness.stats.writes;
        harness.receive(1);
        assert_eq!(harness.stats.writes - writes, 1);
        assert_eq!(server.read().unwrap(), Message::Pong(vec![99].into()));
        // The next ping has its own pong.
        server.send(Message::Ping(vec![7].into())).unwrap();
        harness.drive(|harness| harness.stats.writes - writes == 2);
        assert_eq!(server.read().unwrap(), Message::Pong(vec![7].into()));
    }
}

#[test]
fn no_pass_does_more_than_its_share_of_a_flood() {
    const BYTES: usize = 200 * 1024;
    let done = frame(0x82, b"done");
    let repeated = |piece: &[u8]| piece.repeat(BYTES / piece.len());
    // The frames of each flood, one byte of which costs the most.
    let floods = [
        ("pings", repeated(&frame(0x89, b""))),
        ("long pings", repeated(&frame(0x89, &[1; 125]))),
        ("pongs", repeated(&frame(0x8a, b""))),
        ("messages", repeated(&frame(0x82, b""))),
        ("messages of a byte", repeated(&frame(0x82, b"!"))),
        (
            "fragments",
            [
                frame(0x02, b""),
                repeated(&frame(0x00, b"")),
                frame(0x80, b""),
            ]
            .concat(),
        ),
        (
            "fragments of a byte and pings",
            [
                frame(0x02, b""),
                repeated(&[frame(0x00, b"?"), frame(0x89, b"")].concat()),
                frame(0x80, b""),
            ]
            .concat(),
        ),
    ];
    for over in Over::ALL {
        for (name, flood) in &floods {
            let (go, gate) = std::sync::mpsc::channel::<()>();
            let bytes = [&flood[..], &done].concat();
            let (address, server) = serve(*over, move |mut server| {
                gate.recv().unwrap();
                server.get_mut().write_all(&bytes).unwrap();
                server.get_mut().flush().unwrap();
                server
            });
            let mut harness = Harness::connect(address, *over, false);
            harness.open();
            go.send(()).unwrap();
            while harness
                .client
                .received
                .last()
                .is_none_or(|last| last != b"done")
            {
                let (frames, reads, writes, messages) = (
                    harness.socket.frames,
                    harness.stats.reads,
                    harness.stats.writes,
                    harness.client.received.len(),
                );
                let more = harness.pass().more;
                assert!(
                    harness.client.end.is_none(),
                    "{name}: {:?}",
                    harness.client.end
                );
                let frames = harness.socket.frames - frames;
                assert!(
                    frames <= MAX_FRAMES as u64,
                    "{name} over {over:?}: {frames}"
                );
                assert!(harness.client.received.len() - messages <= MAX_FRAMES);
                assert!(harness.stats.reads - reads <= 64, "{name} over {over:?}");
                assert!(harness.stats.writes - writes <= 1, "{name} over {over:?}");
                assert!(
                    more || harness
                        .client
                        .received
                        .last()
                        .is_some_and(|last| last == b"done")
                        || harness.socket.is_ready()
                        || harness.sleep(LONG)
                );
            }
            assert!(
                harness.socket.kept_bytes() < 1_024,
                "{name}: nothing is kept after a flood"
            );
            drop(server.join().unwrap());
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn no_pass_decrypts_more_than_its_share_of_short_records() {
    const RECORDS: usize = 5_000;
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tls, move |mut server| {
        gate.recv().unwrap();
        // Each byte in a record of its own: 23 bytes for one.
        for byte in frame(0x82, &[1; 125]).repeat(RECORDS / 127) {
            server.get_mut().write_all(&[byte]).unwrap();
            server.get_mut().flush().unwrap();
        }
        server.get_mut().write_all(&frame(0x82, b"done")).unwrap();
        server.get_mut().flush().unwrap();
        server
    });
    let mut harness = Harness::connect(address, Over::Tls, false);
    harness.open();
    go.send(()).unwrap();
    let server = server.join().unwrap();
    let mut passes = 0;
    while harness
        .client
        .received
        .last()
        .is_none_or(|last| last != b"done")
    {
        let more = harness.pass().more;
        passes += 1;
        let is_done = harness.client.received.len() > RECORDS / 127;
        assert!(is_done || more || harness.socket.is_ready() || harness.sleep(LONG));
    }
    // 22 bytes of overhead count 16 times, and one read may exceed the budget.
    let least = RECORDS * 22 * 16 / (PASS_BYTES + 4_096 * 17);
    assert!(passes >= least, "{passes} passes, at least {least}");
    drop(server);
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
    assert!(harness.socket.kept_bytes() < 1_024);
    let mut server = server.join().unwrap();
    // Those that were sent are complete.
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
        pongs <= harness.stats.writes,
        "one pong for the pings of a pass (RFC 6455, 5.5.3)"
    );
}
