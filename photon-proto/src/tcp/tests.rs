use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

const LIMIT: usize = 1000;

/// A small random generator, good enough to cut streams at odd places.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[derive(Debug, PartialEq)]
enum Owned {
    Message(u8, u8, Vec<u8>),
    Ping(Item),
}

fn frame(channel: u8, delivery: Delivery, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin_frame(&mut out, channel, delivery);
    out.extend_from_slice(message);
    end_frame(&mut out, start);
    out
}

fn drain(splitter: &mut Splitter, items: &mut Vec<Owned>) -> Result<(), DecodeError> {
    loop {
        let announced = splitter.has_item();
        let peeked = splitter.peek_message().map(<[u8]>::to_vec);
        let next = splitter.next();
        assert_eq!(announced, next != Ok(None));
        if let Ok(Some(Item::Frame { message, .. })) = &next {
            let message = splitter.message_mut(message.clone());
            assert_eq!(peeked.as_deref(), Some(&*message));
        } else {
            assert_eq!(peeked, None);
        }
        match next? {
            None => return Ok(()),
            Some(Item::Frame {
                channel,
                delivery,
                message,
            }) => {
                items.push(Owned::Message(
                    channel,
                    delivery,
                    splitter.message_mut(message).to_vec(),
                ));
            }
            Some(ping) => items.push(Owned::Ping(ping)),
        }
    }
}

fn split(role: Role, chunks: &[&[u8]]) -> (Vec<Owned>, Result<(), DecodeError>) {
    let mut splitter = Splitter::new(role, LIMIT);
    let mut items = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        if let Err(error) = drain(&mut splitter, &mut items) {
            return (items, Err(error));
        }
    }
    (items, Ok(()))
}

fn failure(bytes: &[u8]) -> Option<(DecodeErrorKind, usize)> {
    split(Role::Client, &[bytes])
        .1
        .err()
        .map(|error| (error.kind, error.offset))
}

/// A stream with every kind of item, for each role.
fn sample(role: Role) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, length) in [2_usize, 3, 40, 1000, 999, 17, 2].into_iter().enumerate() {
        let message: Vec<u8> = (0..length).map(|at| (at + index) as u8).collect();
        out.extend(frame(index as u8, Delivery::Reliable, &message));
        match role {
            Role::Client => encode_ping_response(&mut out, -1 - index as i32, i32::MIN),
            Role::Server => encode_ping_request(&mut out, i32::MAX - index as i32),
        }
    }
    out
}

#[test]
fn vectors_are_written_and_read() {
    for (bytes, channel, delivery) in [
        // tcp_init_response; tcp_unreliable_ch1_18 and _16; tcp_(un)reliable_unsequenced_18
        (
            &b"\xFB\0\0\0\x0A\0\x01\xF3\x01\0"[..],
            0,
            Delivery::Reliable,
        ),
        (
            b"\xFB\0\0\0\x10\x01\0\xF3\x02\x05\x01\x01\x07\x02hi",
            1,
            Delivery::Unreliable,
        ),
        (
            b"\xFB\0\0\0\x12\x01\0\xF3\x02\x05\0\x01\x01\x73\0\x02hi",
            1,
            Delivery::Unreliable,
        ),
        (
            b"\xFB\0\0\0\x0B\0\x02\xF3\x02\x06\0",
            0,
            Delivery::UnreliableUnsequenced,
        ),
        (
            b"\xFB\0\0\0\x0B\0\x03\xF3\x02\x07\0",
            0,
            Delivery::ReliableUnsequenced,
        ),
    ] {
        assert_eq!(frame(channel, delivery, &bytes[7..]), bytes);
        let expected = Owned::Message(channel, delivery.code(), bytes[7..].to_vec());
        assert_eq!(split(Role::Client, &[bytes]), (vec![expected], Ok(())));
    }
}

#[test]
fn ping_vectors_are_written_and_read() {
    let mut out = Vec::new();
    encode_ping_request(&mut out, 42);
    assert_eq!(out, [0xF0, 0, 0, 0, 0x2A]);
    let ping = Owned::Ping(Item::PingRequest { client_time: 42 });
    assert_eq!(split(Role::Server, &[&out]), (vec![ping], Ok(())));

    out.clear();
    encode_ping_response(&mut out, 168_496_141, 42);
    assert_eq!(out, [0xF0, 0x0A, 0x0B, 0x0C, 0x0D, 0, 0, 0, 0x2A]);
    let ping = Owned::Ping(Item::PingResponse {
        server_time: 168_496_141,
        client_time: 42,
    });
    assert_eq!(split(Role::Client, &[&out]), (vec![ping], Ok(())));
}

#[test]
fn frames_are_completed_in_place() {
    let mut out = vec![1, 2, 3];
    let start = begin_frame(&mut out, 0, Delivery::Reliable);
    assert_eq!(start.message_position(), out.len());
    out.extend([0xF3, 0]);
    end_frame(&mut out, start);
    let done = out.clone();
    assert_eq!(done, [1, 2, 3, 0xFB, 0, 0, 0, 9, 0, 1, 0xF3, 0]);
    let start = begin_frame(&mut out, 0, Delivery::Reliable);
    out.push(0xF3);
    cancel_frame(&mut out, start);
    assert_eq!(out, done);
    for cut in [0, 3, 9] {
        let mut out = vec![0; 3];
        let start = begin_frame(&mut out, 0, Delivery::Reliable);
        out.truncate(cut);
        let before = out.clone();
        end_frame(&mut out, start);
        assert_eq!(out, before);
    }
}

#[test]
fn delivery_codes() {
    for code in 0..=255 {
        assert_eq!(
            Delivery::from_code(code).map(Delivery::code),
            (code < 4).then_some(code)
        );
    }
    let odd = Owned::Message(200, 77, vec![0xF3, 1]);
    assert_eq!(
        split(Role::Client, &[b"\xFB\0\0\0\x09\xC8\x4D\xF3\x01"]),
        (vec![odd], Ok(()))
    );
}

#[test]
fn any_chunking_gives_the_same_items() {
    for role in [Role::Client, Role::Server] {
        let stream = sample(role);
        let (whole, result) = split(role, &[&stream]);
        assert_eq!((whole.len(), result), (14, Ok(())));
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(split(role, &bytes), (whole, Ok(())));
        for seed in 0..300 {
            let mut dice = Dice(seed);
            let mut chunks = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let bound = [3, 50, 3000][dice.below(3)];
                let (chunk, after) = rest.split_at(dice.below(bound).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            assert_eq!(split(role, &chunks), split(role, &[&stream]), "seed {seed}");
        }
    }
}

#[test]
fn pushing_ahead_of_reading_gives_the_same_items() {
    let stream = sample(Role::Client);
    let whole = split(Role::Client, &[&stream]).0;
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut splitter = Splitter::new(Role::Client, LIMIT);
        let (mut items, mut rest) = (Vec::new(), &stream[..]);
        // Far more steps than any seed needs, so that a splitter that makes no progress fails the
        // test.
        for _ in 0..10_000 {
            let (chunk, after) = rest.split_at(dice.below(700).min(rest.len()));
            splitter.push(chunk);
            rest = after;
            for _ in 0..dice.below(3) {
                match splitter.next().unwrap() {
                    Some(Item::Frame {
                        channel,
                        delivery,
                        message,
                    }) => {
                        items.push(Owned::Message(
                            channel,
                            delivery,
                            splitter.message_mut(message).to_vec(),
                        ));
                    }
                    Some(ping) => items.push(Owned::Ping(ping)),
                    None => {}
                }
            }
        }
        assert_eq!(items, whole, "seed {seed}");
        assert_eq!(splitter.buffered_bytes(), 0);
    }
}

#[test]
fn truncations_wait_for_more() {
    for role in [Role::Client, Role::Server] {
        let stream = sample(role);
        let whole = split(role, &[&stream]).0;
        for cut in 0..stream.len() {
            let (items, result) = split(role, &[&stream[..cut]]);
            assert_eq!(result, Ok(()));
            assert!(items.len() < whole.len());
            assert_eq!(items[..], whole[..items.len()]);
        }
    }
}

#[test]
fn a_wrong_first_byte_is_an_error() {
    for byte in (0..=255).filter(|byte| ![0xFB, 0xF0].contains(byte)) {
        assert_eq!(failure(&[byte]), Some((DecodeErrorKind::BadFrame(byte), 0)));
    }
    let mut stream = sample(Role::Client);
    let end = stream.len();
    stream.push(0xF3);
    let (items, result) = split(Role::Client, &[&stream]);
    assert_eq!(items.len(), 14);
    assert_eq!(result.map_err(|error| error.offset), Err(end));
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(split(Role::Client, &bytes).1, result);
}

#[test]
fn lengths_are_judged_by_the_header_alone() {
    for length in 0..9_u8 {
        assert_eq!(failure(&[0xFB, 0, 0, 0]), None);
        assert_eq!(
            failure(&[0xFB, 0, 0, 0, length]),
            Some((DecodeErrorKind::BadLength, 1))
        );
    }
    let header = |length: u32| [&[0xFB][..], &length.to_be_bytes()].concat();
    assert_eq!(failure(&header(9)), None);
    assert_eq!(failure(&header(LIMIT as u32 + 7)), None);
    assert_eq!(
        failure(&header(LIMIT as u32 + 8)),
        Some((DecodeErrorKind::TooLong, 1))
    );
    assert_eq!(
        failure(&header(u32::MAX)),
        Some((DecodeErrorKind::TooLong, 1))
    );
}

#[test]
fn errors_stay() {
    let mut splitter = Splitter::new(Role::Server, LIMIT);
    splitter.push(b"\xFB\0\0\0\x09\0\x01\xF3\x01\x55more");
    assert!(matches!(splitter.next(), Ok(Some(Item::Frame { .. }))));
    let error = DecodeError::new(DecodeErrorKind::BadFrame(0x55), 9, "frame start");
    for _ in 0..3 {
        assert!(splitter.has_item());
        assert_eq!(splitter.next(), Err(error));
        assert_eq!(
            (splitter.buffered_bytes(), splitter.buffer.capacity()),
            (0, 0)
        );
        splitter.push(&sample(Role::Server));
        assert_eq!(splitter.message_mut(0..9), []);
    }
}

#[test]
fn messages_can_be_changed_and_ranges_go_stale() {
    let mut splitter = Splitter::new(Role::Client, LIMIT);
    let mut stale: Vec<Range<usize>> = vec![0..1, 3..5];
    let message = |splitter: &mut Splitter| match splitter.next() {
        Ok(Some(Item::Frame { message, .. })) => message,
        other => panic!("{other:?}"),
    };
    for round in 0..20_u8 {
        splitter.push(&frame(0, Delivery::Reliable, &[0xF3, round, 7]));
        splitter.push(&frame(0, Delivery::Reliable, &[0xF3, round, 8]));
        for last in [7, 8] {
            let range = message(&mut splitter);
            splitter.message_mut(range.clone())[0] = 9;
            assert_eq!(splitter.message_mut(range.clone()), [9, round, last]);
            assert_eq!(splitter.message_mut(range.start + 2..range.end), [last]);
            assert_eq!(splitter.message_mut(range.start..range.end + 1), []);
            assert_eq!(splitter.message_mut(range.start - 1..range.end), []);
            assert_eq!(
                splitter.message_mut(Range {
                    start: range.end,
                    end: range.start
                }),
                []
            );
            assert_eq!(splitter.message_mut(0..usize::MAX), []);
            assert_eq!(splitter.message_mut(usize::MAX..usize::MAX), []);
            for old in &stale {
                assert_eq!(splitter.message_mut(old.clone()), []);
            }
            stale.push(range);
        }
        assert_eq!(splitter.next(), Ok(None));
        for old in &stale {
            assert_eq!(splitter.message_mut(old.clone()), []);
        }
    }
}

#[test]
fn memory_stays_bounded_over_a_long_stream() {
    let mut splitter = Splitter::new(Role::Client, 2_000_000);
    let mut dice = Dice(1);
    let stream: Vec<u8> = (0..200)
        .flat_map(|_| frame(0, Delivery::Reliable, &vec![1; dice.below(900) + 2]))
        .collect();
    let mut items = 0;
    // Chunks that never end with a frame: the buffer is never empty.
    for _ in 0..200 {
        for chunk in stream.chunks(1117) {
            splitter.push(chunk);
            while splitter.next().unwrap().is_some() {
                items += 1;
            }
            assert!(
                splitter.buffer.capacity() <= 8 * 1117,
                "{}",
                splitter.buffer.capacity()
            );
        }
    }
    assert_eq!(items, 200 * 200);
}

#[test]
fn memory_of_a_large_message_is_released() {
    for rest in [0, 5] {
        let mut splitter = Splitter::new(Role::Client, 2_000_000);
        for chunk in frame(0, Delivery::Reliable, &vec![1; 2_000_000]).chunks(10_000) {
            splitter.push(chunk);
        }
        splitter.push(&frame(0, Delivery::Reliable, &[1, 2])[..rest]);
        assert!(matches!(splitter.next(), Ok(Some(_))));
        assert!(splitter.buffer.capacity() >= 2_000_000);
        assert_eq!(splitter.next(), Ok(None));
        assert_eq!(splitter.buffered_bytes(), rest);
        assert!(splitter.buffer.capacity() <= KEPT_CAPACITY);
    }
}

#[test]
fn positions_survive_a_counter_at_its_end() {
    for passed in [
        u64::MAX - 3,
        usize::MAX as u64 >> 1,
        (usize::MAX as u64 >> 1) - 4,
    ] {
        let mut splitter = Splitter::new(Role::Client, LIMIT);
        splitter.passed = passed;
        for _ in 0..3 {
            let mut items = Vec::new();
            splitter.push(&frame(0, Delivery::Reliable, &[0xF3, 1]));
            drain(&mut splitter, &mut items).unwrap();
            assert_eq!(items, [Owned::Message(0, 1, vec![0xF3, 1])]);
        }
        splitter.push(&[0]);
        assert!(splitter.next().is_err());
    }
}

#[test]
fn debug_shows_no_content() {
    let mut splitter = Splitter::new(Role::Client, LIMIT);
    splitter.push(&frame(0, Delivery::Reliable, b"secret"));
    let shown = format!("{splitter:?}");
    assert_eq!(
        shown,
        "Splitter { role: Client, buffered_bytes: 13, failed: None, .. }"
    );
}

#[test]
fn messages_are_taken_alone_until_something_else_comes() {
    let mut stream = Vec::new();
    for length in [2, 3, 200] {
        stream.extend(frame(0, Delivery::Reliable, &vec![length as u8; length]));
    }
    encode_ping_response(&mut stream, 1, 2);
    stream.extend(frame(0, Delivery::Reliable, &[7; 9]));
    stream.push(0);
    for chunk in [1, 5, stream.len()] {
        let mut splitter = Splitter::new(Role::Client, LIMIT);
        let (mut messages, mut others) = (Vec::new(), Vec::new());
        for part in stream.chunks(chunk) {
            splitter.push(part);
            loop {
                if let Some(range) = splitter.next_message() {
                    messages.push(splitter.message_mut(range).to_vec());
                    continue;
                }
                match splitter.next() {
                    Ok(None) => break,
                    other => others.push((messages.len(), other)),
                }
                if matches!(others.last(), Some((_, Err(_)))) {
                    break;
                }
            }
        }
        let lengths: Vec<usize> = messages.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 3, 200, 9]);
        assert!(
            messages
                .iter()
                .all(|message| message[0] == message[message.len() - 1])
        );
        assert!(matches!(
            others[0],
            (
                3,
                Ok(Some(Item::PingResponse {
                    server_time: 1,
                    client_time: 2
                }))
            )
        ));
        assert!(matches!(others[1], (4, Err(_))), "{others:?}");
        assert_eq!(splitter.next_message(), None);
        assert_eq!(splitter.peek_message(), None);
    }
}
