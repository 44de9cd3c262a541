//! Messages in both directions.

use super::*;
use crate::transport::maybe_tls::PASS_BYTES;
use tungstenite::{Bytes, Message};

const LENGTHS: [usize; 9] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 300_000];

/// Echoes so many messages.
fn echo(mut server: ServerSocket, messages: usize) {
    for _ in 0..messages {
        let message = server.read().unwrap();
        server.send(message).unwrap();
    }
    assert!(server.read().is_err(), "the client has ended");
}

fn both_ways(over: Over, text: bool, piece: usize, lengths: &[usize]) {
    let count = lengths.len();
    let (address, server) = serve_in_pieces(over, piece, move |server| echo(server, count));
    let mut harness = Harness::connect(address, over, text);
    let messages: Vec<_> = lengths
        .iter()
        .map(|length| match text {
            false => pattern(*length),
            true => "ü€😀x".repeat(length / 10).into_bytes(),
        })
        .collect();
    harness.open();
    harness.client.outgoing.extend(messages.iter().cloned());
    assert_eq!(harness.receive(count), messages);
    drop(harness);
    server.join().unwrap();
}

#[test]
fn messages_of_all_lengths_go_both_ways() {
    for over in Over::ALL {
        both_ways(*over, false, usize::MAX, &LENGTHS);
        both_ways(*over, true, usize::MAX, &LENGTHS);
    }
}

#[test]
fn messages_arrive_byte_by_byte_and_in_large_chunks() {
    for over in Over::ALL {
        both_ways(*over, false, 1, &[0, 1, 125, 126, 2_000]);
        both_ways(*over, true, 1, &[0, 10, 2_000]);
        both_ways(*over, false, 64 * 1024, &[300_000, 1, 300_000]);
    }
}

#[test]
fn a_thousand_fragments_with_pings_between_are_one_message() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            let whole = pattern(10_000);
            for (number, piece) in whole.chunks(10).enumerate() {
                let first =
                    if number == 0 { 0x02 } else { 0 } | if number == 999 { 0x80 } else { 0 };
                server.get_mut().write_all(&frame(first, piece)).unwrap();
                if number % 100 == 50 {
                    server
                        .get_mut()
                        .write_all(&frame(0x89, &[u8::try_from(number / 100).unwrap()]))
                        .unwrap();
                    // Each ping has its pong before the next ping, so no pong answers two.
                    let Message::Pong(payload) = server.read().unwrap() else {
                        panic!("another message")
                    };
                    assert_eq!(
                        payload,
                        Bytes::from(vec![u8::try_from(number / 100).unwrap()])
                    );
                }
            }
            // An empty message in empty fragments, with an unsolicited pong in between.
            for piece in [
                frame(0x02, b""),
                frame(0x00, b""),
                frame(0x8a, b"?"),
                frame(0x80, b""),
            ] {
                server.get_mut().write_all(&piece).unwrap();
            }
            server
        });
        let mut harness = Harness::connect(address, *over, false);
        assert_eq!(harness.receive(2), [pattern(10_000), Vec::new()]);
        drop(server.join().unwrap());
    }
}

/// So that a client does not take a server for silent whose large message is on a slow line.
#[test]
fn the_bytes_of_an_incomplete_message_are_reported() {
    const BYTES: usize = 6_000;
    for over in Over::ALL {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (address, server) = serve(*over, move |mut server| {
            let message = frame(0x82, &pattern(BYTES));
            for piece in [&message[..1_000], &message[1_000..3_000], &message[3_000..]] {
                gate.recv().unwrap();
                server.get_mut().write_all(piece).unwrap();
                server.get_mut().flush().unwrap();
            }
            for fragment in [frame(0x02, &[1; 500]), frame(0x80, &[2; 10])] {
                gate.recv().unwrap();
                server.get_mut().write_all(&fragment).unwrap();
                server.get_mut().flush().unwrap();
            }
            server
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        // 4 bytes of the header.
        for expected in [996, 2_996] {
            go.send(()).unwrap();
            harness.drive(|harness| harness.client.partial_bytes >= expected);
            assert_eq!(harness.client.partial_bytes, expected);
        }
        go.send(()).unwrap();
        harness.receive(1);
        go.send(()).unwrap();
        let before = harness.client.partial_bytes;
        harness.drive(|harness| harness.client.partial_bytes > before);
        assert_eq!(harness.client.partial_bytes, before + 500);
        go.send(()).unwrap();
        assert_eq!(harness.receive(2)[0], pattern(BYTES));
        assert_eq!(harness.client.partial_bytes, before + 500);
        drop(server.join().unwrap());
    }
}

#[test]
fn text_fragments_may_split_characters() {
    let (address, server) = serve(Over::Tcp, |mut server| {
        let text = "ü€😀".as_bytes();
        for (number, byte) in text.iter().enumerate() {
            let first = u8::from(number == 0) | if number + 1 == text.len() { 0x80 } else { 0 };
            server.get_mut().write_all(&frame(first, &[*byte])).unwrap();
        }
        server
    });
    let mut harness = Harness::connect(address, Over::Tcp, true);
    assert_eq!(harness.receive(1), ["ü€😀".as_bytes()]);
    drop(server.join().unwrap());
}

#[test]
fn messages_that_the_system_does_not_take_stay_in_the_client() {
    const MESSAGES: usize = 200;
    const BYTES: usize = 100_000;
    for over in Over::ALL {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (address, server) = serve(*over, move |mut server| {
            gate.recv().unwrap();
            (0..MESSAGES)
                .map(|_| server.read().unwrap().into_data().len())
                .sum::<usize>()
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.open();
        harness
            .client
            .outgoing
            .extend((0..MESSAGES).map(|_| pattern(BYTES)));
        harness.drive(|harness| harness.socket.unsent);
        let waiting = harness.client.outgoing.len();
        assert!(waiting > 0, "the system does not take 20 MB");
        for _ in 0..10 {
            harness.socket.send(&mut harness.client, &mut harness.stats);
        }
        // Repeated attempts take over one message at most. One more, since loopback may take a
        // little meanwhile.
        assert!(harness.client.outgoing.len() + 2 >= waiting);
        go.send(()).unwrap();
        harness.drive(|harness| harness.client.outgoing.is_empty() && !harness.socket.unsent);
        assert_eq!(server.join().unwrap(), MESSAGES * BYTES);
    }
}

#[test]
fn unwanted_input_stays_unread_and_is_found_without_a_sleep_once_wanted() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            for number in 0..3 {
                server.write(Message::binary(vec![number])).unwrap();
            }
            server.flush().unwrap();
            server.write(Message::binary(pattern(100_000))).unwrap();
            server.flush().unwrap();
            server
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.client.space = Some(1);
        harness.receive(1);
        for _ in 0..3 {
            let pass = harness.pass();
            assert!(!pass.any && !pass.more);
        }
        let reads = harness.stats.reads;
        harness.pass();
        assert_eq!(
            (harness.client.received.len(), harness.stats.reads),
            (1, reads)
        );
        assert!(
            harness.socket.is_ready(),
            "a buffer may hold more, which the system does not know"
        );
        harness.client.space = None;
        assert_eq!(harness.receive(4)[3], pattern(100_000));
        drop(server.join().unwrap());
    }
}

/// An open socket, and a server that has sent all of these bytes.
fn flooded(bytes: Vec<u8>) -> (Harness, impl Sized) {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tcp, move |mut server| {
        gate.recv().unwrap();
        server.get_mut().write_all(&bytes).unwrap();
        server
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    harness.open();
    go.send(()).unwrap();
    let server = server.join().unwrap();
    assert!(harness.sleep(LONG));
    (harness, server)
}

#[test]
fn a_pass_reads_a_limited_number_of_frames_and_reports_that_more_is_left() {
    let mut flood: Vec<_> = (0..5 * super::super::MAX_FRAMES)
        .flat_map(|_| frame(0x8a, b""))
        .collect();
    flood.extend(frame(0x82, b"done"));
    let (mut harness, server) = flooded(flood);
    let mut passes_with_more = 0;
    while harness.client.received.is_empty() {
        let more = harness.pass().more;
        passes_with_more += u32::from(more);
        assert!(more || harness.client.received.len() == 1 || harness.sleep(LONG));
    }
    assert_eq!(passes_with_more, 5);
    drop(server);
}

#[test]
fn empty_fragments_do_not_hold_up_a_pass() {
    let empty = [0; 4 * PASS_BYTES];
    let flood = [
        frame(0x02, b"begins"),
        empty.to_vec(),
        frame(0x80, b", ends"),
    ]
    .concat();
    let (mut harness, server) = flooded(flood);
    let mut passes_with_more = 0;
    while harness.client.received.is_empty() {
        let more = harness.pass().more;
        passes_with_more += u32::from(more);
        assert_eq!(
            harness.socket.is_ready(),
            more,
            "a sleep would not notice it"
        );
        assert!(more || harness.client.received.len() == 1 || harness.sleep(LONG));
    }
    assert_eq!(harness.client.received, [b"begins, ends"]);
    assert!(passes_with_more >= 3, "{passes_with_more}");
    drop(server);
}

#[test]
fn an_idle_pass_reads_once_and_then_the_socket_can_sleep() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            server.send(Message::binary(vec![1])).unwrap();
            server
        });
        let mut harness = Harness::connect(address, *over, false);
        harness.receive(1);
        let server = server.join().unwrap();
        // This pass takes the session tickets of TLS, which may arrive late.
        harness.pass();
        let reads = harness.stats.reads;
        assert!(!harness.socket.is_ready());
        assert!(!harness.sleep(Duration::from_millis(1)));
        let pass = harness.pass();
        assert!(!pass.any && !pass.more);
        assert_eq!(harness.stats.reads, reads + 1);
        drop(server);
    }
}
