//! Section 9, rules 6 to 10: acceptance of commands, acks and limits. Spec: udp.md 9.

use crate::harness::{Harness, PEER_ID, both, both_with};
use crate::wire::{CONTROL, Cmd, Fragments, SERVER_TIME};
use photon_proto::udp::{Config, Delivery, State};

fn reliable(rseq: u32) -> Cmd {
    Cmd::reliable(0, rseq, format!("message {rseq}").as_bytes())
}

/// The command is neither acknowledged nor delivered, and harms nothing.
#[track_caller]
fn assert_discarded(harness: &mut Harness, command: &Cmd) {
    let replies = harness.feed(std::slice::from_ref(command));
    assert_eq!(replies, [], "{command:?}");
    assert_eq!(harness.end.log, [], "{command:?}");
    assert_eq!(harness.end.conn.state(), State::Connected);
}

#[track_caller]
fn assert_acked(harness: &mut Harness, command: &Cmd) {
    let replies = harness.feed(std::slice::from_ref(command));
    assert_eq!(replies, [harness.ack_of(command)], "{command:?}");
}

#[test]
fn r06_duplicates_and_types_without_payload_are_acked_though_not_kept() {
    both(|harness| {
        for command in [
            reliable(1),
            reliable(1),
            Cmd::ping(5),
            Cmd::new(SERVER_TIME, CONTROL, 1, 6, &[]),
            Cmd::new(9, CONTROL, 1, 7, &[1, 2, 3]),
            Cmd::new(10, 0, 1, 8, &[]),
            Cmd::new(200, 0, 1, 0, &[]),
            // Flags bit 1 asks for type 16.
            Cmd::new(9, 0, 3, 9, &[]),
        ] {
            assert_acked(harness, &command);
        }
        assert_eq!(harness.heard(), ["message 1"]);
    });
}

/// Their flags byte is an index. Spec: udp.md 2.6.
#[test]
fn r06_types_17_to_19_are_skipped_and_not_acked() {
    both(|harness| {
        for kind in 17..=19 {
            for flags in 0..=3 {
                assert_discarded(harness, &Cmd::new(kind, 0, flags, 1, &[0; 8]));
            }
        }
        assert_acked(harness, &reliable(1));
    });
}

/// An acknowledgement with the reliable flag is not acknowledged: acks never are. Spec: udp.md 5.1.
#[test]
fn r06_acks_are_never_acked() {
    both(|harness| {
        assert_discarded(harness, &Cmd::ack(0, 9, 0));
        assert_discarded(harness, &Cmd::ack_unsequenced(0, 9, 0));
    });
}

#[test]
fn r07_data_for_no_channel_is_discarded_and_the_rest_of_its_datagram_is_not() {
    both(|harness| {
        let of = Fragments {
            start: 1,
            count: 1,
            total: 1,
        };
        let bad = [
            Cmd::reliable(2, 1, b"x"),
            Cmd::reliable(CONTROL, 1, b"x"),
            Cmd::unreliable(CONTROL, 0, 1, b"x"),
            Cmd::unsequenced(CONTROL, 1, b"x"),
            Cmd::reliable_unsequenced(CONTROL, 1, b"x"),
            Cmd::fragment(CONTROL, of, 0, 0, b"x"),
            Cmd::fragment_unsequenced(CONTROL, of, 0, 0, b"x"),
        ];
        for (rseq, bad) in (1..).zip(bad) {
            let before = harness.end.conn.stats().discarded.total();
            let replies = harness.feed(&[bad.clone(), reliable(rseq)]);
            assert_eq!(replies, [harness.ack_of(&reliable(rseq))], "{bad:?}");
            assert_eq!(harness.heard(), [format!("message {rseq}")]);
            assert_eq!(harness.end.conn.stats().discarded.total(), before + 1);
        }
    });
}

#[test]
fn r08_numbers_above_2_31_are_malformed() {
    both(|harness| {
        for rseq in [0x8000_0000, 0x8000_0001, 0xFFFF_FFFF] {
            let of = |start, count, total| Fragments {
                start,
                count,
                total,
            };
            for command in [
                Cmd::reliable(0, rseq, b"x"),
                Cmd::reliable_unsequenced(0, rseq, b"x"),
                Cmd::unreliable(0, rseq, 1, b"x"),
                Cmd::unreliable(0, 0, rseq, b"x"),
                Cmd::fragment(0, of(rseq, 2, 8), 0, 0, b"x"),
                Cmd::fragment(0, of(1, rseq, 8), 0, 0, b"x"),
                Cmd::fragment(0, of(1, 2, rseq), 0, 0, b"x"),
                Cmd::fragment(0, of(1, 2, 8), 0, rseq, b"x"),
                Cmd::fragment_unsequenced(0, of(1, rseq, 8), 0, 0, b"x"),
            ] {
                assert_discarded(harness, &command);
            }
        }
        assert_acked(harness, &reliable(1));
        harness.heard();
        harness.feed(&[Cmd::unreliable(0, 1, 1, b"first")]);
        assert_eq!(harness.heard(), ["first"]);
    });
}

#[test]
fn r08_numbers_above_2_31_are_malformed_on_control_and_unknown_commands_too() {
    both(|harness| {
        for rseq in [0x8000_0000, 0xFFFF_FFFF] {
            let known = [
                Cmd::ping(rseq),
                Cmd::new(SERVER_TIME, CONTROL, 1, rseq, &[]),
                Cmd::disconnect(rseq, 1),
            ];
            let unknown = [
                Cmd::new(9, CONTROL, 1, rseq, &[]),
                Cmd::new(9, 0, 3, rseq, &[0; 8]),
            ];
            let handshake = [
                Cmd {
                    rseq,
                    ..Cmd::connect()
                },
                Cmd {
                    rseq,
                    ..Cmd::verify(0x42)
                },
            ];
            for command in known.into_iter().chain(unknown).chain(handshake) {
                let before = *harness.end.conn.stats();
                assert_discarded(harness, &command);
                let after = harness.end.conn.stats();
                assert_eq!(
                    after.discarded.malformed,
                    before.discarded.malformed + 1,
                    "{command:?}"
                );
                assert_eq!(after.violations, before.violations + 1, "{command:?}");
            }
        }
        assert_acked(harness, &Cmd::ping(0x7FFF_FFFF));
        // Where newer acknowledgements have a map there is no number. Spec: udp.md 2.6.
        let before = harness.end.conn.stats().violations;
        assert_discarded(harness, &Cmd::new(17, CONTROL, 1, u32::MAX, &[0; 8]));
        assert_eq!(harness.end.conn.stats().violations, before);
    });
}

#[test]
fn r08_number_0_is_malformed_on_data_and_legal_on_control() {
    both(|harness| {
        let of = Fragments {
            start: 0,
            count: 2,
            total: 4,
        };
        for command in [
            Cmd::reliable(0, 0, b"x"),
            Cmd::reliable_unsequenced(0, 0, b"x"),
            Cmd::fragment(0, of, 0, 0, b"xy"),
            Cmd::fragment_unsequenced(0, of, 0, 0, b"xy"),
        ] {
            assert_discarded(harness, &command);
        }
        for command in [
            Cmd::ping(0),
            Cmd::new(SERVER_TIME, CONTROL, 1, 0, &[]),
            Cmd::new(9, CONTROL, 1, 0, &[]),
        ] {
            assert_acked(harness, &command);
        }
        let disconnect = harness.feed(&[Cmd::disconnect(0, 1)]);
        assert_eq!(disconnect[0], harness.ack_of(&Cmd::disconnect(0, 1)));
    });
}

/// The verify-connect of real servers. Spec: udp.md 3.2.
#[test]
fn r08_verify_connect_with_number_0_is_acked_with_0() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    harness.now = 40;
    let replies = harness.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(PEER_ID)]);
    assert_eq!(replies, [harness.ack_of(&Cmd::verify(PEER_ID))]);
    assert_eq!(replies[0].acked().0, 0);
}

#[test]
fn r09_only_4096_numbers_ahead_are_kept() {
    both(|harness| {
        assert_acked(harness, &reliable(4096));
        for rseq in [4097, 4098, 100_000, 0x7FFF_FFFF] {
            assert_discarded(harness, &reliable(rseq));
        }
        assert_eq!(harness.end.conn.stats().discarded.window, 4);
        // The window moves with the delivered messages.
        assert_acked(harness, &reliable(1));
        assert_eq!(harness.heard(), ["message 1"]);
        assert_acked(harness, &reliable(4097));
        assert_discarded(harness, &reliable(4098));
        // Each channel has its own.
        assert_acked(harness, &Cmd::reliable(1, 4096, b"x"));
    });
}

const CAP: usize = 64 * 1024;
/// The charge for a message of 1024 bytes: its buffer and 64 bytes.
const CHARGED: usize = 1024 + 64;

#[test]
fn r09_out_of_order_is_refused_first_and_in_order_goes_on() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |harness| {
            let kilobyte = vec![1; 1024];
            let refused = 2 + u32::try_from(CAP / CHARGED).unwrap();
            for rseq in 2..200 {
                let replies = harness.feed(&[Cmd::reliable(0, rseq, &kilobyte)]);
                assert_eq!(replies.len(), usize::from(rseq < refused), "number {rseq}");
                let kept = usize::try_from(rseq.min(refused - 1) - 1).unwrap();
                assert_eq!(harness.end.conn.received_bytes(), kept * CHARGED);
            }
            // Full of data that cannot be delivered: data in order is accepted and frees
            // everything.
            assert_acked(harness, &Cmd::reliable(0, 1, &kilobyte));
            assert_eq!(
                harness.end.messages().len(),
                usize::try_from(refused - 1).unwrap()
            );
            assert_eq!(harness.end.conn.received_bytes(), 0);
            assert_acked(harness, &Cmd::reliable(0, refused, &kilobyte));
            assert_eq!(harness.end.messages().len(), 1);
        },
    );
}

#[test]
fn r09_untaken_messages_stop_data_in_order_too_but_not_control_commands() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |harness| {
            harness.end.taking = false;
            harness
                .conn()
                .send(0, Delivery::Reliable, b"to be acked")
                .unwrap();
            let sent = u32::try_from(harness.now).unwrap();
            let clock = harness.poll()[0].clone();
            let time = if harness.is_client {
                sent
            } else {
                harness.end.sent.last().unwrap().read().time
            };
            assert_eq!(clock.rseq, 1);
            let kilobyte = vec![1; 1024];
            // The last one begins below the cap and ends above it.
            let acked = u32::try_from(CAP.div_ceil(CHARGED)).unwrap();
            for rseq in 1..200 {
                let replies = harness.feed(&[Cmd::reliable(0, rseq, &kilobyte)]);
                assert_eq!(replies.len(), usize::from(rseq <= acked), "number {rseq}");
                assert_eq!(
                    harness.end.conn.received_bytes(),
                    usize::try_from(rseq.min(acked)).unwrap() * CHARGED
                );
            }
            assert_eq!(
                harness.end.conn.stats().discarded.full,
                u64::from(199 - acked)
            );
            // Acknowledgements, pings and disconnects are always processed.
            assert_acked(harness, &Cmd::ping(4));
            assert_eq!(harness.end.conn.in_flight(), 1);
            harness.now += 40;
            harness.feed(&[Cmd::ack(0, 1, time)]);
            assert_eq!(harness.end.conn.in_flight(), 0);
            // The application takes everything, so the next message in order is accepted.
            harness.end.taking = true;
            harness.poll();
            assert_eq!(
                harness.end.messages().len(),
                usize::try_from(acked).unwrap()
            );
            harness.end.taking = false;
            let next = Cmd::reliable(0, acked + 1, &kilobyte);
            assert_acked(harness, &next);
            let disconnect = harness.feed(&[Cmd::disconnect(5, 1)]);
            assert_eq!(disconnect[0], harness.ack_of(&Cmd::disconnect(5, 1)));
            assert_eq!(harness.end.conn.state(), State::Disconnected);
            harness.end.taking = true;
            harness.poll();
            assert_eq!(harness.end.log.len(), 2);
        },
    );
}

/// Tiny messages cost more than their bytes: an attacker who sends empty or one-byte ones meets the
/// same limit.
#[test]
fn r09_overhead_counts() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |harness| {
            harness.end.taking = false;
            // The smallest buffer has 64 bytes, and 64 more are charged.
            let acked = u32::try_from(CAP / 128).unwrap();
            for rseq in 1..4000 {
                let replies = harness.feed(&[Cmd::reliable(0, rseq, b"x")]);
                assert_eq!(replies.len(), usize::from(rseq <= acked), "number {rseq}");
            }
            assert_eq!(harness.end.conn.received_bytes(), CAP);
        },
    );
}

/// A message of 1 MiB in parts of 1156 bytes, as real servers send it.
fn mebibyte(channel: u8) -> Vec<Cmd> {
    let message = vec![5; 1 << 20];
    let count = u32::try_from(message.len().div_ceil(1156)).unwrap();
    let of = Fragments {
        start: 1,
        count,
        total: 1 << 20,
    };
    let parts = (0..).zip(message.chunks(1156));
    parts
        .map(|(number, part)| Cmd::fragment(channel, of, number, number * 1156, part))
        .collect()
}

/// Only untaken messages keep out data that all others wait for. Here the application takes
/// everything, and a message whose fragments exceed the cap is accepted.
#[test]
fn r09_data_in_order_is_accepted_whatever_is_held() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |harness| {
            let parts = mebibyte(0);
            let kilobyte = vec![1; 1024];
            let mut held = 0;
            for rseq in (1 + u32::try_from(parts.len()).unwrap()..).take(100) {
                held += harness.feed(&[Cmd::reliable(0, rseq, &kilobyte)]).len();
            }
            assert_eq!(held, CAP / CHARGED);
            for part in &parts {
                assert_acked(harness, part);
            }
            let messages = harness.end.messages();
            assert_eq!((messages.len(), messages[0].2.len()), (1 + held, 1 << 20));
            assert_eq!(harness.end.conn.received_bytes(), 0);
        },
    );
}

/// The same across channels, with the default cap: one channel is full of data out of order,
/// another has received half a message.
#[test]
fn r09_data_in_order_is_accepted_whatever_other_channels_hold() {
    both(|harness| {
        for rseq in 2..=4096 {
            harness.feed(&[Cmd::reliable(0, rseq, &[1; 1152])]);
            harness.forget();
        }
        let held = harness.end.conn.received_bytes();
        assert_eq!(held, (4 << 20) / (1152 + 64) * (1152 + 64));
        let parts = mebibyte(1);
        let (last, others) = parts.split_last().unwrap();
        for part in others {
            assert_acked(harness, part);
        }
        assert_eq!(harness.end.log, []);
        assert_acked(harness, &Cmd::reliable(0, 1, b"x"));
        assert_eq!(harness.end.messages().len(), 1 + held / (1152 + 64));
        assert_acked(harness, last);
        assert_eq!(harness.end.messages().len(), 1);
        assert_eq!(harness.end.conn.received_bytes(), 0);
    });
}

/// Unsequenced fragments are not delivered in order, but all others wait for the lowest missing
/// number here as well.
#[test]
fn r09_the_lowest_unsequenced_message_is_accepted_whatever_is_held() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |harness| {
            let of = |start| Fragments {
                start,
                count: 100,
                total: 100_000,
            };
            let part = |start, number| {
                Cmd::fragment_unsequenced(0, of(start), number, number * 1000, &[1; 1000])
            };
            let mut held = 0;
            for number in 0..99 {
                held += harness.feed(&[part(101, number)]).len();
            }
            // 1000 bytes are in a buffer of 1008.
            assert_eq!(held, CAP / (1008 + 64));
            for number in (0..100).rev() {
                assert_acked(harness, &part(1, number));
            }
            assert_eq!(harness.end.messages().len(), 1);
            for number in (0..100).rev() {
                assert_acked(harness, &part(101, number));
            }
            assert_eq!(harness.end.messages().len(), 1);
            assert_eq!(harness.end.conn.received_bytes(), 0);
        },
    );
}

#[test]
fn r10_256_unreliables_are_held_and_the_lowest_numbers_go_first() {
    both(|harness| {
        for number in 1..=300 {
            harness.feed(&[Cmd::unreliable(0, 1, number, number.to_string().as_bytes())]);
        }
        harness.feed(&[reliable(1)]);
        let expected: Vec<String> = std::iter::once("message 1".into())
            .chain((45..=300).map(|number| number.to_string()))
            .collect();
        assert_eq!(harness.heard(), expected);
        // The newest may be the lowest.
        for number in (600..856).chain([500]) {
            harness.feed(&[Cmd::unreliable(0, 2, number, number.to_string().as_bytes())]);
        }
        harness.feed(&[reliable(2)]);
        let expected: Vec<String> = std::iter::once("message 2".into())
            .chain((600..856).map(|number| number.to_string()))
            .collect();
        assert_eq!(harness.heard(), expected);
    });
    // Each channel has its own 256.
    both(|harness| {
        harness.feed(&[reliable(1)]);
        harness.heard();
        for number in 301..=400 {
            harness.feed(&[
                Cmd::unreliable(0, 2, number, b"x"),
                Cmd::unreliable(1, 1, number, b"y"),
            ]);
        }
        harness.feed(&[reliable(2), Cmd::reliable(1, 1, b"one")]);
        assert_eq!(harness.heard().len(), 202);
    });
}

#[test]
fn r10_4096_unsequenced_numbers_ahead_are_remembered() {
    both(|harness| {
        // 1 is missing, so all of these are entries of the set.
        for number in 2..=5000 {
            let replies = harness.feed(&[Cmd::reliable_unsequenced(0, number, b"x")]);
            let delivered = harness.end.messages().len();
            assert_eq!(
                delivered,
                replies.len(),
                "never acked what is not kept, number {number}"
            );
            assert_eq!(
                delivered,
                usize::from(number <= 1 + 4096),
                "number {number}"
            );
        }
        assert_eq!(harness.end.conn.received_bytes(), 0);
        // The gap closes, and a rejected fragment is accepted when it is sent again.
        harness.feed(&[Cmd::reliable_unsequenced(0, 1, b"x")]);
        harness.feed(&[Cmd::reliable_unsequenced(0, 5000, b"x")]);
        assert_eq!(harness.end.messages().len(), 2);
    });
}
