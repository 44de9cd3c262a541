//! Section 9, rules 1 to 5, and scenarios 21 to 24 and 34: whole datagrams. Spec: udp.md 1, 9, 10.

use crate::harness::DELAY;
use crate::harness::{
    CHALLENGE, Harness, NetworkHarness, PEER_CLOCK, Server, Side, What, both, both_with, config, ms,
};
use crate::wire::{self, CONTROL, Cmd, Fragments, VERIFY, datagram, hex, unhex, with_crc};
use photon_proto::udp::{Cause, Config, ConnectRequest, Delivery};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

fn reliable(rseq: u32) -> Cmd {
    Cmd::reliable(0, rseq, format!("message {rseq}").as_bytes())
}

/// The datagram changes nothing and is counted. A valid copy of number 1 works afterwards.
#[track_caller]
fn assert_dropped(harness: &mut Harness, bytes: &[u8], label: &str) {
    let before = harness.end.conn.stats().dropped_datagrams.total();
    let replies = harness.feed_bytes(bytes);
    assert_eq!(replies, [], "{label}");
    assert_eq!(harness.end.log, [], "{label}");
    assert_eq!(
        harness.end.conn.stats().dropped_datagrams.total(),
        before + 1,
        "{label}"
    );
}

#[track_caller]
fn assert_works(harness: &mut Harness, rseq: u32) {
    let replies = harness.feed(&[reliable(rseq)]);
    assert_eq!(replies, [harness.ack_of(&reliable(rseq))]);
    assert_eq!(harness.heard(), [format!("message {rseq}")]);
}

#[test]
fn u21_a_datagram_with_a_wrong_challenge_is_dropped_and_counted() {
    both(|harness| {
        for challenge in [
            CHALLENGE ^ 1,
            CHALLENGE ^ 0x8000_0000,
            CHALLENGE.swap_bytes(),
            0,
            u32::MAX,
        ] {
            let mut bytes = harness.datagram(&[reliable(1), Cmd::disconnect(2, 1), Cmd::ping(3)]);
            bytes[8..12].copy_from_slice(&challenge.to_be_bytes());
            assert_dropped(harness, &bytes, &format!("{challenge:08x}"));
        }
        assert_eq!(harness.end.conn.stats().dropped_datagrams.challenge, 5);
        assert_works(harness, 1);
    });
}

/// A verify-connect with the wrong challenge connects nothing, and an ack with it acknowledges
/// nothing.
#[test]
fn u21_wrong_challenge_while_connecting() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    harness.now = 40;
    let mut bytes = harness.datagram(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(0x42)]);
    bytes[11] ^= 1;
    assert_dropped(&mut harness, &bytes, "verify");
    assert_eq!(harness.end.conn.in_flight(), 1);
    bytes[11] ^= 1;
    harness.feed_bytes(&bytes);
    assert_eq!(
        (harness.end.log.len(), harness.end.conn.in_flight()),
        (1, 0)
    );
}

/// It is dropped before any state changes: an attacker who does not know the challenge cannot end a
/// connection. Spec: udp.md 9, item 2.
#[test]
fn u21_no_number_of_foreign_datagrams_ends_a_connection() {
    both_with(
        |config| config.max_violations = 10,
        |harness| {
            for number in 0..5000_u32 {
                let mut bytes = harness.datagram(&[reliable(1)]);
                match number % 3 {
                    0 => bytes[8..12].copy_from_slice(&number.to_be_bytes()),
                    1 => bytes[2] = 0x77,
                    _ => {
                        bytes = with_crc(&bytes);
                        bytes[12] ^= 0xFF;
                    }
                }
                assert_eq!(harness.feed_bytes(&bytes), []);
            }
            assert_eq!(harness.end.log, []);
            assert_works(harness, 1);
        },
    );
}

#[test]
fn u22_any_peer_id_in_the_header_is_accepted() {
    both(|harness| {
        for (rseq, peer_id) in (1..).zip([0, 0x42, 0x7777, 0xFFFE, 0xFFFF]) {
            let bytes = datagram(peer_id, harness.peer_time(), CHALLENGE, &[reliable(rseq)]);
            let replies = harness.feed_bytes(&bytes);
            assert_eq!(replies, [harness.ack_of(&reliable(rseq))], "{peer_id:04x}");
            assert_eq!(harness.heard(), [format!("message {rseq}")]);
        }
    });
}

/// The recorded datagrams with their own checksums. Spec: udp.md 1.2, session `crc_mode`.
#[test]
fn u23_check_sums_are_those_of_the_recording() {
    let recorded = "ffffcc010000006568907453561dbb9b02ff01040000002c00000001000004b00000800000000002000000000000000000001388\
                    0000000200000002";
    let recorded = unhex(recorded);
    assert_eq!((recorded.len(), wire::crc(&recorded)), (60, 0x561D_BB9B));
    // The header time is 0x65, so the connection is polled for the first time 101 ms after it was
    // made.
    let settings = config(|config| config.crc = true);
    let mut conn =
        photon_proto::udp::Connection::connect(settings, 0x6890_7453, crate::harness::at(0));
    let sent = conn
        .transmit(crate::harness::at(101))
        .expect("a connect datagram");
    assert_eq!(hex(sent), hex(&recorded));
}

#[test]
fn u23_one_flipped_bit_is_dropped_without_ack_and_recovered_by_a_resend() {
    both_with(
        |config| config.crc = true,
        |harness| {
            let good = with_crc(&harness.datagram(&[reliable(1)]));
            for bit in 0..good.len() * 8 {
                let mut bytes = good.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                // With flag byte 0 or 1 the datagram has no checksum: not this test.
                if bytes[2] == 0xCC {
                    assert_dropped(harness, &bytes, &format!("bit {bit}"));
                }
            }
            let stats = harness.end.conn.stats().dropped_datagrams;
            assert_eq!(stats.crc, u64::try_from(good.len() * 8 - 8).unwrap());
            let replies = harness.feed_bytes(&good);
            assert_eq!(replies, [harness.ack_of(&reliable(1))]);
            assert_eq!(harness.heard(), ["message 1"]);
            assert!(harness.end.sent.iter().all(|sent| sent.bytes[2] == 0xCC));
        },
    );
}

/// One bit of one copy is flipped on its way to the crate's own server.
#[test]
fn u23_a_corrupted_datagram_is_repeated_until_it_gets_through() {
    let mut harness = NetworkHarness::new(
        config(|config| config.crc = true),
        Server::Real {
            config: Config::server(),
            end: None,
        },
    );
    let copies = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&copies);
    harness.set_fate(move |packet| {
        let mut copy = packet.copy_after(DELAY);
        let is_message = packet.has(|cmd| cmd.rseq == 2 && cmd.channel == 0);
        // The first copy of the message is corrupted, the next one is not.
        if packet.from == Side::Client && is_message && count.fetch_add(1, Relaxed) == 0 {
            *copy.bytes.last_mut().unwrap() ^= 0x10;
        }
        vec![copy]
    });
    harness.run_until(200);
    harness.real().messages();
    harness.send(Delivery::Reliable, b"again");
    harness.run_until(400);
    assert_eq!(harness.client.times_of(0, 2), [200, 361]);
    assert_eq!(copies.load(Relaxed), 2, "copies on the way");
    let dropped = harness.real().conn.stats().dropped_datagrams;
    assert_eq!((dropped.crc, dropped.total()), (1, 1));
    let told = What::Message {
        channel: 0,
        delivery: Delivery::Reliable,
        bytes: b"again".to_vec(),
    };
    assert_eq!(harness.real().log.last(), Some(&(381, told)));
    // The acknowledgement of the second copy is on its way, and there was none of the first.
    assert_eq!(harness.client.conn.in_flight(), 1);
    let acks: Vec<u64> = harness
        .real()
        .commands()
        .iter()
        .filter(|(_, cmd)| cmd.is_ack() && cmd.acked().0 == 2)
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(acks, [381]);
    harness.run_until(401);
    assert_eq!(harness.client.conn.in_flight(), 0);
}

#[test]
fn u24_the_flag_byte_decides_per_datagram() {
    for crc in [false, true] {
        both_with(
            |config| config.crc = crc,
            |harness| {
                let plain = harness.datagram(&[reliable(1)]);
                let replies = harness.feed_bytes(&plain);
                assert_eq!(replies, [harness.ack_of(&reliable(1))]);
                let summed = with_crc(&harness.datagram(&[reliable(2)]));
                let replies = harness.feed_bytes(&summed);
                assert_eq!(replies, [harness.ack_of(&reliable(2))]);
                assert_eq!(harness.heard(), ["message 1", "message 2"]);
                // Sent datagrams follow the own setting.
                assert!(
                    harness
                        .end
                        .sent
                        .iter()
                        .all(|sent| (sent.bytes[2] == 0xCC) == crc)
                );
            },
        );
    }
}

#[test]
fn u34_a_first_command_with_a_wrong_size_drops_the_whole_datagram() {
    both(|harness| {
        let good = harness.datagram(&[reliable(1), reliable(2)]);
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            bytes
        };
        // The size field is at offset 12 + 4; each command has 12 + 9 bytes.
        let cases = [
            ("count 0", with(3, 0)),
            ("size one past the end", with(19, 43)),
            ("size far past the end", with(16, 0x7F)),
            (
                "size 2^32 - 1",
                [&good[..16], &[0xFF; 4], &good[20..]].concat(),
            ),
            ("size 11", with(19, 11)),
            ("size 0", with(19, 0)),
        ];
        for (label, bytes) in cases {
            assert_dropped(harness, &bytes, label);
        }
        assert_works(harness, 1);
    });
}

/// Also if the count promises more commands than there are, as in session `incoming_ordering_rules`.
#[test]
fn sound13_commands_before_a_malformed_one_are_applied_and_those_behind_it_are_not() {
    let broken = [
        // As in the datagram that was reported: a ping with the size of an ack.
        Cmd {
            size: 20,
            ..Cmd::ping(4)
        },
        Cmd {
            size: 11,
            ..reliable(2)
        },
        Cmd {
            size: u32::MAX,
            ..reliable(2)
        },
        Cmd {
            kind: 8,
            ..Cmd::ping(9)
        },
    ];
    for broken in broken {
        both(|harness| {
            let datagram = harness.datagram(&[reliable(1), Cmd::ping(7), broken.clone()]);
            let replies = harness.feed_bytes(&datagram);
            let acks = [harness.ack_of(&reliable(1)), harness.ack_of(&Cmd::ping(7))];
            assert_eq!(replies, acks, "{broken:?}");
            assert_eq!(harness.heard(), ["message 1"]);
            let stats = harness.end.conn.stats();
            assert_eq!(
                (stats.dropped_datagrams.malformed, stats.violations),
                (1, 1)
            );
            // What follows the malformed command is not looked for.
            let mut datagram = harness.datagram(&[Cmd::ping(8), broken.clone()]);
            datagram.extend(harness.datagram(&[reliable(2), reliable(3)])[12..].iter());
            datagram[3] = 4;
            if broken.size != 20 {
                let replies = harness.feed_bytes(&datagram);
                assert_eq!(replies, [harness.ack_of(&Cmd::ping(8))], "{broken:?}");
                assert_eq!(harness.end.log, []);
            }
            assert_works(harness, 2);
        });
    }
    both(|harness| {
        for count in [2, 255] {
            let mut datagram = harness.datagram(&[reliable(1)]);
            datagram[3] = count;
            let replies = harness.feed_bytes(&datagram);
            assert_eq!(replies, [harness.ack_of(&reliable(1))], "count {count}");
        }
        assert_eq!(harness.heard(), ["message 1"], "once");
        assert_eq!(harness.end.conn.stats().dropped_datagrams.malformed, 2);
        assert_works(harness, 2);
    });
}

/// An ack before a malformed ping: the bytes that were reported, with the challenge, the number and
/// the time of this connection.
#[test]
fn sound13_an_ack_before_a_malformed_command_counts() {
    let mut harness = Harness::client(config(|config| config.ping_interval = ms(0)));
    let reported = unhex(
        "000000020024c88d17f8934e01ff00000000001400000000000000040000187d05ff00040000001400000004",
    );
    harness.conn().send(0, Delivery::Reliable, b"x").unwrap();
    let [sent] = harness.poll().try_into().unwrap();
    let mut bytes = reported;
    bytes[8..12].copy_from_slice(&CHALLENGE.to_be_bytes());
    bytes[13] = 0;
    bytes[24..28].copy_from_slice(&sent.rseq.to_be_bytes());
    bytes[28..32].copy_from_slice(&u32::try_from(harness.now).unwrap().to_be_bytes());
    assert_eq!(harness.conn().in_flight(), 1);
    assert_eq!(harness.feed_bytes(&bytes), []);
    assert_eq!(harness.conn().in_flight(), 0);
}

/// The end counts as well. The violation behind it does not end the connection a second time.
#[test]
fn sound13_a_disconnect_before_a_malformed_command_ends_the_connection() {
    both_with(
        |config| config.max_violations = 0,
        |harness| {
            let datagram = harness.datagram(&[
                Cmd::disconnect(2, 1),
                Cmd {
                    size: 99,
                    ..Cmd::ping(3)
                },
            ]);
            harness.feed_bytes(&datagram);
            assert!(harness.end.end().is_some());
        },
    );
}

/// Each such datagram is a violation, so a peer that sends nothing else is disconnected.
#[test]
fn sound13_malformed_commands_use_up_the_violations() {
    both_with(
        |config| config.max_violations = 3,
        |harness| {
            for number in 1..=4 {
                assert!(harness.end.end().is_none(), "{number}");
                let mut datagram = harness.datagram(&[reliable(number)]);
                datagram[3] = 2;
                harness.feed_bytes(&datagram);
            }
            let violation = photon_proto::udp::Violation::TooMany(4);
            let cause = harness.end.end().map(|(_, cause)| cause);
            assert_eq!(cause, Some(Cause::ProtocolError(violation)));
        },
    );
}

/// A connect before a malformed command opens a connection.
#[test]
fn sound13_a_connect_before_a_malformed_command_is_a_request() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    let mut connect = harness.end.sent[0].bytes.clone();
    connect[3] = 2;
    assert!(ConnectRequest::decode(&connect).is_some());
    connect[19] -= 1;
    assert!(ConnectRequest::decode(&connect).is_none());
}

#[test]
fn r01_short_datagrams_are_dropped() {
    both(|harness| {
        let plain = harness.datagram(&[reliable(1)]);
        for length in 0..12 {
            assert_dropped(harness, &plain[..length], "plain");
        }
        let summed = with_crc(&plain);
        for length in 12..16 {
            assert_dropped(harness, &summed[..length], "with a checksum");
        }
        assert_eq!(harness.end.conn.stats().dropped_datagrams.length, 16);
        assert_works(harness, 1);
    });
}

#[test]
fn r02_flags_then_check_sum_then_challenge_are_checked_before_anything_else() {
    both(|harness| {
        for flags in (0..=255_u8).filter(|flags| !matches!(flags, 0 | 0xCC)) {
            let mut bytes = harness.datagram(&[reliable(1), Cmd::disconnect(2, 1)]);
            bytes[2] = flags;
            assert_dropped(harness, &bytes, &format!("flags {flags}"));
        }
        assert_eq!(harness.end.conn.stats().dropped_datagrams.flags, 254);
        // An encrypted datagram is dropped because of its flags, whatever its content. Spec: udp.md
        // 1.3.
        assert_dropped(
            harness,
            &unhex("004201672e0433aabbccddeeff00112233"),
            "encrypted",
        );

        let mut wrong = with_crc(&harness.datagram(&[reliable(1)]));
        wrong[15] ^= 1;
        assert_dropped(harness, &wrong, "checksum");
        assert_eq!(harness.end.conn.stats().dropped_datagrams.crc, 1);
        assert_works(harness, 1);
        assert_eq!(harness.end.conn.stats().violations, 0);
    });
}

/// The time of a dropped datagram is not echoed. Spec: udp.md 8.
#[test]
fn r02_the_time_of_a_dropped_datagram_is_not_echoed() {
    both(|harness| {
        let mut foreign = harness.datagram(&[reliable(1)]);
        foreign[4..8].copy_from_slice(&[0x11; 4]);
        foreign[9] ^= 0x40;
        assert_dropped(harness, &foreign, "challenge");
        let good = harness.datagram(&[reliable(1)]);
        let replies = harness.feed_bytes(&good);
        let time = harness.peer_time();
        assert_eq!(replies, [harness.ack_at(&reliable(1), time)]);
    });
}

#[test]
fn r03_every_command_needs_the_size_of_its_type() {
    both(|harness| {
        let of = Fragments {
            start: 1,
            count: 1,
            total: 1,
        };
        // A command of each type, and the smallest size that its fields need.
        let smallest = [
            (Cmd::ack(0, 1, 0), 20),
            (Cmd::ack_unsequenced(0, 1, 0), 20),
            (Cmd::verify(1), 44),
            (Cmd::unreliable(0, 0, 1, b"xy"), 16),
            (Cmd::unsequenced(0, 1, b"xy"), 16),
            (Cmd::fragment(0, of, 0, 0, b"x"), 32),
            (Cmd::fragment_unsequenced(0, of, 0, 0, b"x"), 32),
            (Cmd::reliable(0, 1, b"xy"), 12),
            (Cmd::ping(1), 12),
            (Cmd::new(9, 0, 1, 1, &[]), 12),
        ];
        for (command, needed) in smallest {
            for size in 0..needed {
                let mut short = command.clone();
                short.size = size;
                short
                    .body
                    .truncate(usize::try_from(size).unwrap().saturating_sub(12));
                let bytes = harness.datagram(&[short, reliable(1)]);
                assert_dropped(harness, &bytes, &format!("{command:?} with size {size}"));
            }
        }
        // A truncated header behind valid commands.
        for left in 1..12 {
            let mut bytes = harness.datagram(&[Cmd::unsequenced(1, 1, b""), Cmd::ping(1)]);
            bytes.truncate(bytes.len() - left);
            assert_dropped(harness, &bytes, &format!("{left} bytes missing"));
        }
        assert_works(harness, 1);
    });
}

#[test]
fn r03_verify_connect_is_exactly_44_bytes() {
    for extra in [1, 4, 100] {
        let mut harness = Harness::new_client(Config::client());
        harness.poll();
        harness.now = 40;
        let mut verify = Cmd::verify(0x42);
        verify.body.extend(vec![0; extra]);
        verify.size += u32::try_from(extra).unwrap();
        harness.feed(&[verify]);
        assert_eq!(harness.end.connected_at(), None, "{extra} bytes more");
        let good = harness.feed(&[Cmd::verify(0x42)]);
        assert_eq!(harness.end.connected_at(), Some(40));
        assert_eq!(good.first().map(|cmd| cmd.kind), Some(wire::ACK));
        assert_eq!(Cmd::verify(0x42).kind, VERIFY);
    }
}

/// An ack of more than 20 bytes, a ping of more than 12: the size field decides where the next one
/// begins.
#[test]
fn r03_surplus_bytes_inside_a_command_are_skipped() {
    both(|harness| {
        let mut ping = Cmd::ping(3);
        ping.body = vec![0xAB; 7];
        ping.size += 7;
        let replies = harness.feed(&[ping.clone(), reliable(1)]);
        assert_eq!(
            replies,
            [harness.ack_of(&ping), harness.ack_of(&reliable(1))]
        );
    });
}

#[test]
fn r04_count_0_is_dropped_and_trailing_bytes_are_ignored() {
    both(|harness| {
        let empty = harness.datagram(&[]);
        assert_dropped(harness, &empty, "count 0");
        let mut zero = harness.datagram(&[reliable(1)]);
        zero[3] = 0;
        assert_dropped(harness, &zero, "count 0 with a command");
        let trailing = [harness.datagram(&[reliable(1)]), vec![0xEE; 33]].concat();
        let replies = harness.feed_bytes(&trailing);
        assert_eq!(replies, [harness.ack_of(&reliable(1))]);
        assert_eq!(harness.heard(), ["message 1"]);
        assert_eq!(harness.end.conn.stats().trailing_bytes, 33);
        // The bytes behind the last command look like a command.
        let more = [
            harness.datagram(&[reliable(2)]),
            harness.datagram(&[reliable(3)])[12..].to_vec(),
        ]
        .concat();
        harness.feed_bytes(&more);
        assert_eq!(harness.heard(), ["message 2"]);
    });
}

#[test]
fn r05_datagrams_above_2048_bytes_are_dropped() {
    both(|harness| {
        let of_length = |harness: &Harness, rseq: u32, length: usize| {
            let bytes = harness.datagram(&[Cmd::reliable(0, rseq, &vec![b'x'; length - 24])]);
            assert_eq!(bytes.len(), length);
            bytes
        };
        for length in [2049, 4096, 65_000] {
            let bytes = of_length(harness, 1, length);
            assert_dropped(harness, &bytes, &format!("{length} bytes"));
        }
        let bytes = of_length(harness, 1, 2048);
        assert_eq!(harness.feed_bytes(&bytes).len(), 1);
        assert_eq!(harness.heard()[0].len(), 2024);
    });
}

/// Connected by hand, so that acks echo a known clock of the peer.
#[test]
fn acks_echo_the_time_of_the_datagram_in_which_the_copy_came() {
    both(|harness| {
        for step in 0..5 {
            harness.now += 1000 * step + 1;
            let time = harness.peer_time();
            assert!(time > PEER_CLOCK);
            let replies = harness.feed(&[reliable(9)]);
            assert_eq!(replies, [harness.ack_at(&reliable(9), time)]);
        }
    });
}
