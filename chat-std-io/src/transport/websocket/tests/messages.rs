//! Messages there and back.

use super::*;
use crate::transport::maybe_tls::PASS_BYTES;
use tungstenite::{Bytes, Message};

const LENGTHS: [usize; 9] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 300_000];

/// Gives back what it gets, as often as told.
fn echo(mut server: Served, messages: usize) {
    for _ in 0..messages {
        let message = server.read().unwrap();
        server.send(message).unwrap();
    }
    assert!(server.read().is_err(), "the client is gone");
}

fn both_ways(over: Over, text: bool, piece: usize, lengths: &[usize]) {
    let count = lengths.len();
    let (address, server) = serve_in_pieces(over, piece, move |server| echo(server, count));
    let mut client = Client::connect(address, over, text);
    let messages: Vec<_> = lengths
        .iter()
        .map(|length| match text {
            false => pattern(*length),
            true => "ü€😀x".repeat(length / 10).into_bytes(),
        })
        .collect();
    client.open();
    client.core.outgoing.extend(messages.iter().cloned());
    assert_eq!(client.hear(count), messages);
    drop(client);
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
fn byte_by_byte_and_in_large_chunks() {
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
                    // Each is answered before the next comes, so none is answered for another.
                    let Message::Pong(payload) = server.read().unwrap() else {
                        panic!("another message")
                    };
                    assert_eq!(
                        payload,
                        Bytes::from(vec![u8::try_from(number / 100).unwrap()])
                    );
                }
            }
            // An empty message, in empty pieces, with a pong that nobody asked for.
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
        let mut client = Client::connect(address, *over, false);
        assert_eq!(client.hear(2), [pattern(10_000), Vec::new()]);
        drop(server.join().unwrap());
    }
}

#[test]
fn text_is_put_together_across_characters() {
    let (address, server) = serve(Over::Tcp, |mut server| {
        let text = "ü€😀".as_bytes();
        for (number, byte) in text.iter().enumerate() {
            let first = u8::from(number == 0) | if number + 1 == text.len() { 0x80 } else { 0 };
            server.get_mut().write_all(&frame(first, &[*byte])).unwrap();
        }
        server
    });
    let mut client = Client::connect(address, Over::Tcp, true);
    assert_eq!(client.hear(1), ["ü€😀".as_bytes()]);
    drop(server.join().unwrap());
}

#[test]
fn what_the_system_does_not_take_waits_in_the_client() {
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
        let mut client = Client::connect(address, *over, false);
        client.open();
        client
            .core
            .outgoing
            .extend((0..MESSAGES).map(|_| pattern(BYTES)));
        client.drive(|client| client.socket.unsent);
        let waiting = client.core.outgoing.len();
        assert!(waiting > 0, "the system takes 20 MB");
        for _ in 0..10 {
            client.socket.send(&mut client.core, &mut client.stats);
        }
        // One at most was taken over, however often it is tried: loopback may take a little more meanwhile.
        assert!(client.core.outgoing.len() + 2 >= waiting);
        go.send(()).unwrap();
        client.drive(|client| client.core.outgoing.is_empty() && !client.socket.unsent);
        assert_eq!(server.join().unwrap(), MESSAGES * BYTES);
    }
}

#[test]
fn what_is_not_wanted_is_not_read_and_not_slept_on_once_it_is() {
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
        let mut client = Client::connect(address, *over, false);
        client.core.room = Some(1);
        client.hear(1);
        for _ in 0..3 {
            let pass = client.pass();
            assert!(!pass.any && !pass.more);
        }
        let reads = client.stats.reads;
        client.pass();
        assert_eq!((client.core.heard.len(), client.stats.reads), (1, reads));
        assert!(
            client.socket.is_ready(),
            "more may be in a buffer, and the system does not know"
        );
        client.core.room = None;
        assert_eq!(client.hear(4)[3], pattern(100_000));
        drop(server.join().unwrap());
    }
}

/// A client that has not looked yet, and a server from which all of this is on its way.
fn flooded(bytes: Vec<u8>) -> (Client, impl Sized) {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tcp, move |mut server| {
        gate.recv().unwrap();
        server.get_mut().write_all(&bytes).unwrap();
        server
    });
    let mut client = Client::connect(address, Over::Tcp, false);
    client.open();
    go.send(()).unwrap();
    let server = server.join().unwrap();
    assert!(client.socket.stream().sleep(LONG));
    (client, server)
}

#[test]
fn a_pass_is_short_and_says_that_more_is_left() {
    let mut flood: Vec<_> = (0..5 * super::super::MAX_FRAMES)
        .flat_map(|_| frame(0x8a, b""))
        .collect();
    flood.extend(frame(0x82, b"done"));
    let (mut client, server) = flooded(flood);
    let mut said_more = 0;
    while client.core.heard.is_empty() {
        let more = client.pass().more;
        said_more += u32::from(more);
        assert!(more || client.core.heard.len() == 1 || client.socket.stream().sleep(LONG));
    }
    assert_eq!(said_more, 5);
    drop(server);
}

#[test]
fn a_message_that_never_gets_longer_holds_no_pass_up() {
    let empty = [0; 4 * PASS_BYTES];
    let flood = [
        frame(0x02, b"begins"),
        empty.to_vec(),
        frame(0x80, b", ends"),
    ]
    .concat();
    let (mut client, server) = flooded(flood);
    let mut said_more = 0;
    while client.core.heard.is_empty() {
        let more = client.pass().more;
        said_more += u32::from(more);
        assert_eq!(client.socket.is_ready(), more, "it is not slept on");
        assert!(more || client.core.heard.len() == 1 || client.socket.stream().sleep(LONG));
    }
    assert_eq!(client.core.heard, [b"begins, ends"]);
    assert!(said_more >= 3, "{said_more}");
    drop(server);
}

#[test]
fn an_idle_connection_is_asked_once_and_sleeps() {
    for over in Over::ALL {
        let (address, server) = serve(*over, |mut server| {
            server.send(Message::binary(vec![1])).unwrap();
            server
        });
        let mut client = Client::connect(address, *over, false);
        client.hear(1);
        let server = server.join().unwrap();
        // Session tickets of TLS may still be there, though not after this.
        client.pass();
        let reads = client.stats.reads;
        assert!(!client.socket.is_ready());
        assert!(!client.socket.stream().sleep(Duration::from_millis(1)));
        let pass = client.pass();
        assert!(!pass.any && !pass.more);
        assert_eq!(client.stats.reads, reads + 1);
        drop(server);
    }
}
