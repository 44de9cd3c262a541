//! Section 9, rules 15 to 19, and scenario 36: invalid fragments. Spec: udp.md 6, 9, 10.

use crate::harness::{Harness, at, both, both_with};
use crate::heap;
use crate::wire::{Cmd, Fragments};
use photon_proto::udp::{Cause, Delivery, State};

const MAX: u32 = 0x7FFF_FFFF;
const MIB: u32 = 1 << 20;

fn of(start: u32, count: u32, total: u32) -> Fragments {
    Fragments {
        start,
        count,
        total,
    }
}

/// One part, of either type.
fn part(unsequenced: bool, of: Fragments, number: u32, offset: u32, bytes: &[u8]) -> Cmd {
    if unsequenced {
        Cmd::fragment_unsequenced(0, of, number, offset, bytes)
    } else {
        Cmd::fragment(0, of, number, offset, bytes)
    }
}

#[track_caller]
fn assert_discarded(harness: &mut Harness, command: &Cmd) {
    let before = harness.end.conn.stats().violations;
    let replies = harness.feed(std::slice::from_ref(command));
    assert_eq!(replies, [], "{command:?}");
    assert_eq!(harness.end.log, [], "{command:?}");
    assert!(
        harness.end.conn.stats().violations > before,
        "{command:?} is not counted"
    );
}

#[track_caller]
fn assert_acked(harness: &mut Harness, command: &Cmd) {
    let replies = harness.feed(std::slice::from_ref(command));
    assert_eq!(replies, [harness.ack_of(command)], "{command:?}");
}

/// In both roles, for types 8 and 15.
fn both_types(test: impl Fn(&mut Harness, bool)) {
    for unsequenced in [false, true] {
        println!("unsequenced: {unsequenced}");
        both(|harness| test(harness, unsequenced));
    }
}

#[test]
fn r15_impossible_fields_are_discarded_and_a_valid_copy_works() {
    both_types(|harness, unsequenced| {
        let part = |of, number, offset, bytes: &[u8]| part(unsequenced, of, number, offset, bytes);
        let shifted = |by: u32| {
            let mut command = part(of(1, 2, 4), 1, 2, b"xy");
            command.rseq = command.rseq.wrapping_add(by);
            command
        };
        let cases = [
            ("count 0", part(of(1, 0, 4), 0, 0, b"xy")),
            (
                "number = count, which the official client lets pass",
                part(of(1, 2, 4), 2, 2, b"xy"),
            ),
            ("number > count", part(of(1, 2, 4), 3, 2, b"xy")),
            ("number of another part", shifted(1)),
            ("number before the first", shifted(u32::MAX)),
            (
                "start + number above 2^31 - 1",
                part(of(MAX, 3, 6), 1, 2, b"xy"),
            ),
            ("no bytes", part(of(1, 2, 4), 0, 0, b"")),
            ("total 0", part(of(1, 1, 0), 0, 0, b"xy")),
            ("total above 1 MiB", part(of(1, 1000, MIB + 1), 0, 0, b"xy")),
            ("more parts than bytes", part(of(1, 5, 4), 0, 0, b"x")),
            ("offset = total", part(of(1, 2, 4), 1, 4, b"x")),
            ("offset beyond total", part(of(1, 2, 4), 1, 5, b"x")),
            ("one byte beyond total", part(of(1, 2, 4), 1, 3, b"xy")),
            (
                "offset + part above 2^32",
                part(of(1, 2, 4), 1, u32::MAX, b"xy"),
            ),
            ("offset + part above 2^31", part(of(1, 2, 4), 1, MAX, b"xy")),
        ];
        for (label, command) in cases {
            println!("{label}");
            assert_discarded(harness, &command);
        }
        assert_acked(harness, &part(of(1, 2, 4), 0, 0, b"go"));
        assert_acked(harness, &part(of(1, 2, 4), 1, 2, b"od"));
        assert_eq!(harness.heard(), ["good"]);
    });
}

#[test]
fn r15_the_longest_message_is_a_setting() {
    both_with(
        |config| config.max_received_message_bytes = 1000,
        |harness| {
            assert_discarded(harness, &Cmd::fragment(0, of(1, 2, 1001), 0, 0, &[1; 500]));
            assert_acked(harness, &Cmd::fragment(0, of(1, 2, 1000), 0, 0, &[1; 500]));
            assert_acked(
                harness,
                &Cmd::fragment(0, of(1, 2, 1000), 1, 500, &[1; 500]),
            );
            assert_eq!(harness.end.messages()[0].2.len(), 1000);
        },
    );
}

/// A single part is a message too.
#[test]
fn r15_count_1_is_legal() {
    both_types(|harness, unsequenced| {
        assert_acked(harness, &part(unsequenced, of(1, 1, 5), 0, 0, b"alone"));
        assert_eq!(harness.heard(), ["alone"]);
    });
}

#[test]
fn r16_parts_that_disagree_about_their_message_are_discarded() {
    both_types(|harness, unsequenced| {
        assert_acked(harness, &part(unsequenced, of(1, 3, 9), 0, 0, b"abc"));
        assert_discarded(harness, &part(unsequenced, of(1, 4, 9), 1, 3, b"xyz"));
        assert_discarded(harness, &part(unsequenced, of(1, 3, 10), 1, 3, b"xyz"));
        assert_acked(harness, &part(unsequenced, of(1, 3, 9), 1, 3, b"def"));
        assert_acked(harness, &part(unsequenced, of(1, 3, 9), 2, 6, b"ghi"));
        assert_eq!(harness.heard(), ["abcdefghi"]);
    });
}

#[test]
fn r16_after_16_mismatches_the_connection_ends() {
    both(|harness| {
        assert_acked(harness, &Cmd::fragment(0, of(1, 3, 9), 0, 0, b"abc"));
        for _ in 0..15 {
            assert_discarded(harness, &Cmd::fragment(0, of(1, 3, 10), 1, 3, b"xyz"));
            assert_eq!(harness.end.conn.state(), State::Connected);
        }
        harness.feed(&[Cmd::fragment(0, of(1, 3, 10), 1, 3, b"xyz")]);
        let (_, cause) = harness.end.end().expect("an end");
        assert!(matches!(cause, Cause::ProtocolError(..)), "{cause:?}");
    });
}

#[test]
fn r17_ranges_that_overlap_are_malformed() {
    both_types(|harness, unsequenced| {
        // Open: 5 to 7.
        assert_acked(harness, &part(unsequenced, of(5, 3, 9), 1, 3, b"def"));
        // Before it into it, from inside it, around it. None of these numbers is a duplicate.
        assert_discarded(harness, &part(unsequenced, of(3, 3, 9), 0, 0, b"abc"));
        assert_discarded(harness, &part(unsequenced, of(7, 2, 6), 0, 0, b"abc"));
        assert_discarded(harness, &part(unsequenced, of(4, 9, 27), 0, 0, b"abc"));
        assert_acked(harness, &part(unsequenced, of(5, 3, 9), 0, 0, b"abc"));
        assert_acked(harness, &part(unsequenced, of(5, 3, 9), 2, 6, b"ghi"));
        assert_eq!(harness.end.conn.state(), State::Connected);
    });
}

/// A range that begins in delivered numbers and ends beyond them.
#[test]
fn r17_ranges_that_overlap_delivered_messages_are_malformed() {
    both(|harness| {
        for rseq in 1..=3 {
            assert_acked(harness, &Cmd::reliable(0, rseq, b"x"));
        }
        harness.heard();
        // Number 4 is new, but its message would begin at 2.
        assert_discarded(harness, &Cmd::fragment(0, of(2, 3, 9), 2, 6, b"ghi"));
        assert_acked(harness, &Cmd::reliable(0, 4, b"four"));
        assert_eq!(harness.heard(), ["four"]);
    });
}

/// The same for the unsequenced types, where "delivered" means accepted, whatever precedes it.
#[test]
fn r17_unsequenced_ranges_that_overlap_delivered_messages_are_malformed() {
    both(|harness| {
        let numbers = [1, 2, 5, 6];
        for number in numbers {
            assert_acked(harness, &Cmd::reliable_unsequenced(0, number, b"x"));
        }
        assert_eq!(harness.heard().len(), 4);
        // From 2, to 5, around 5 and 6: the numbers of these parts are new, their ranges are not.
        assert_discarded(harness, &part(true, of(2, 3, 9), 1, 3, b"def"));
        assert_discarded(harness, &part(true, of(3, 3, 9), 0, 0, b"abc"));
        assert_discarded(harness, &part(true, of(5, 3, 9), 2, 6, b"ghi"));
        assert_discarded(harness, &part(true, of(4, 9, 27), 3, 9, b"jkl"));
        assert_eq!(harness.end.conn.received_bytes(), 0);
        // A message that has been put together is delivered too.
        assert_acked(harness, &part(true, of(10, 2, 6), 1, 3, b"def"));
        assert_acked(harness, &part(true, of(10, 2, 6), 0, 0, b"abc"));
        assert_eq!(harness.heard(), ["abcdef"]);
        assert_discarded(harness, &part(true, of(11, 2, 6), 1, 3, b"def"));
        // A message that fits into the gap is accepted.
        assert_acked(harness, &part(true, of(3, 2, 6), 1, 3, b"def"));
        assert_acked(harness, &part(true, of(3, 2, 6), 0, 0, b"abc"));
        assert_eq!(harness.heard(), ["abcdef"]);
    });
}

/// Messages that can never be complete do not use up the 64.
#[test]
fn r17_overlapping_unsequenced_ranges_do_not_block_the_others() {
    both(|harness| {
        for index in 0..64 {
            assert_acked(harness, &Cmd::reliable_unsequenced(0, 10 * index + 2, b"x"));
            harness.heard();
            assert_discarded(harness, &part(true, of(10 * index + 2, 3, 9), 2, 6, b"ghi"));
        }
        assert_acked(harness, &part(true, of(1000, 2, 6), 1, 3, b"def"));
        assert_acked(harness, &part(true, of(1000, 2, 6), 0, 0, b"abc"));
        assert_eq!(harness.heard(), ["abcdef"]);
    });
}

#[test]
fn r17_reliable_unsequenced_inside_a_range_does_not_corrupt_it() {
    both(|harness| {
        assert_acked(harness, &part(true, of(20, 3, 9), 0, 0, b"abc"));
        assert_discarded(harness, &Cmd::reliable_unsequenced(0, 21, b"inside"));
        // Its numbers are not new, and so not inside of anything.
        assert_acked(harness, &Cmd::reliable_unsequenced(0, 20, b"again"));
        assert_acked(harness, &part(true, of(20, 3, 9), 1, 3, b"def"));
        assert_acked(harness, &part(true, of(20, 3, 9), 2, 6, b"ghi"));
        assert_eq!(harness.heard(), ["abcdefghi"]);
        // The other channel and the other kind have their own numbers.
        assert_acked(harness, &part(true, of(30, 3, 9), 0, 0, b"abc"));
        assert_acked(harness, &Cmd::reliable_unsequenced(1, 31, b"elsewhere"));
        assert_acked(harness, &Cmd::reliable(0, 31, b"ordered"));
        assert_eq!(harness.heard(), ["elsewhere"]);
    });
}

/// A plain reliable inside of an open range, and a range over a kept reliable.
#[test]
fn r17_reliables_inside_a_range_do_not_corrupt_it() {
    both(|harness| {
        assert_acked(harness, &Cmd::fragment(0, of(1, 3, 9), 0, 0, b"abc"));
        let inside = harness.feed(&[Cmd::reliable(0, 2, b"inside")]);
        assert_eq!(inside, [], "never acked what is not kept");
        assert_acked(harness, &Cmd::reliable(0, 6, b"six"));
        let over = harness.feed(&[Cmd::fragment(0, of(5, 3, 9), 0, 0, b"abc")]);
        assert_eq!(over, []);
        assert_acked(harness, &Cmd::fragment(0, of(1, 3, 9), 1, 3, b"def"));
        assert_acked(harness, &Cmd::fragment(0, of(1, 3, 9), 2, 6, b"ghi"));
        assert_eq!(harness.heard(), ["abcdefghi"]);
    });
}

#[test]
fn r18_parts_that_do_not_tile_end_the_connection() {
    let cases: [(&str, [(u32, u32); 3]); 4] = [
        ("overlap", [(0, 4), (3, 3), (6, 3)]),
        ("hole", [(0, 2), (3, 3), (6, 3)]),
        ("out of number order", [(3, 3), (0, 3), (6, 3)]),
        ("short at the end", [(0, 3), (3, 3), (6, 2)]),
    ];
    for (label, parts) in cases {
        println!("{label}");
        both_types(|harness, unsequenced| {
            for (number, (offset, length)) in (0..).zip(parts) {
                let bytes = vec![b'x'; usize::try_from(length).unwrap()];
                harness.feed(&[part(unsequenced, of(1, 3, 9), number, offset, &bytes)]);
            }
            let (_, cause) = harness.end.end().expect("an end");
            assert!(matches!(cause, Cause::ProtocolError(..)), "{cause:?}");
            assert_eq!(harness.end.log.len(), 1, "nothing is delivered");
        });
    }
}

/// Parts that are longer together than their message cannot tile it: they do not pile up until it
/// is complete.
#[test]
fn r18_parts_that_are_longer_than_their_message_end_the_connection() {
    both_types(|harness, unsequenced| {
        let of = of(1, 100, 2500);
        assert_acked(harness, &part(unsequenced, of, 1, 0, &[1; 1000]));
        assert_acked(harness, &part(unsequenced, of, 2, 0, &[1; 1000]));
        assert_acked(harness, &part(unsequenced, of, 3, 0, &[1; 500]));
        harness.feed(&[part(unsequenced, of, 4, 0, &[1; 1])]);
        let (_, cause) = harness.end.end().expect("an end");
        assert!(matches!(cause, Cause::ProtocolError(..)), "{cause:?}");
    });
}

/// The message that everything else waits for is let in beside 64 others: without it none of them
/// may ever be complete.
#[test]
fn r19_the_next_message_is_always_let_in() {
    both_types(|harness, unsequenced| {
        for index in 0..64 {
            assert_acked(
                harness,
                &part(unsequenced, of(3 + 2 * index, 2, 4), 1, 2, b"xy"),
            );
        }
        assert_eq!(
            harness.feed(&[part(unsequenced, of(200, 2, 4), 1, 2, b"xy")]),
            []
        );
        assert_acked(harness, &part(unsequenced, of(1, 2, 4), 1, 2, b"rd"));
        assert_acked(harness, &part(unsequenced, of(1, 2, 4), 0, 0, b"wo"));
        assert_eq!(harness.heard(), ["word"]);
    });
}

#[test]
fn r19_at_most_64_messages_are_assembled_at_once() {
    both_types(|harness, unsequenced| {
        // Two parts each, the first of each missing.
        let second = |index: u32| part(unsequenced, of(1 + 2 * index, 2, 4), 1, 2, b"xy");
        for index in 0..64 {
            assert_acked(harness, &second(index));
        }
        for index in 64..70 {
            let replies = harness.feed(&[second(index)]);
            assert_eq!(replies, [], "message {index}");
        }
        // One is complete, so there is space for another.
        assert_acked(harness, &part(unsequenced, of(1, 2, 4), 0, 0, b"xy"));
        assert_eq!(harness.heard(), ["xyxy"]);
        assert_acked(harness, &second(64));
        assert_eq!(harness.feed(&[second(65)]), []);
        assert_eq!(harness.end.conn.state(), State::Connected);
    });
}

/// The 64 are for the connection, both types and all channels together.
#[test]
fn r19_the_limit_is_for_the_connection() {
    both(|harness| {
        for index in 0..32 {
            assert_acked(
                harness,
                &Cmd::fragment(0, of(1 + 2 * index, 2, 4), 1, 2, b"xy"),
            );
            assert_acked(
                harness,
                &Cmd::fragment_unsequenced(1, of(1 + 2 * index, 2, 4), 1, 2, b"xy"),
            );
        }
        // Out of order, so that nothing waits for it alone.
        assert_eq!(
            harness.feed(&[Cmd::fragment(1, of(3, 2, 4), 1, 2, b"xy")]),
            []
        );
        assert_eq!(
            harness.feed(&[Cmd::fragment_unsequenced(0, of(3, 2, 4), 1, 2, b"xy")]),
            []
        );
    });
}

#[test]
fn u36_counts_and_totals_of_2_31_are_discarded_and_take_no_memory() {
    both_types(|harness, unsequenced| {
        let commands = [
            part(unsequenced, of(1, MAX, MAX), 0, 0, b"x"),
            part(unsequenced, of(1, MAX, 100), 0, 0, b"x"),
            part(unsequenced, of(1, 2, MAX), 0, 0, b"x"),
            part(unsequenced, of(1, MAX, MIB), 0, 0, b"x"),
        ];
        // Buffers that are made once are made now.
        assert_discarded(harness, &part(unsequenced, of(1, 0, 4), 0, 0, b"xy"));
        let before = harness.end.conn.received_bytes();
        for command in commands {
            let datagram = harness.datagram(std::slice::from_ref(&command));
            let now = at(harness.now);
            let taken = heap::largest(|| harness.conn().handle_datagram(now, &datagram));
            assert_eq!(taken, 0, "bytes allocated at once for {command:?}");
            let replies = harness.poll();
            harness.assert_unmoved(&replies);
        }
        assert_eq!(harness.end.conn.received_bytes(), before);
    });
}

/// A legal count and total, one part: memory for the part, not for the message.
#[test]
fn r19_memory_is_charged_per_fragment() {
    both(|harness| {
        for (channel, count) in [(0, 1 << 20), (1, 1000)] {
            let command =
                Cmd::fragment(channel, of(1, count, MIB), 0, 0, b"one byte of a megabyte");
            let datagram = harness.datagram(&[command]);
            let now = at(harness.now);
            let taken = heap::largest(|| harness.conn().handle_datagram(now, &datagram));
            assert!(taken <= 16 * 1024, "{taken} bytes at once");
            harness.poll();
        }
    });
}

/// A message of the full megabyte arrives, so the limits above are not too narrow.
#[test]
fn a_message_of_1_mib_arrives() {
    both(|harness| {
        let message: Vec<u8> = (0..MIB).map(|at| at.to_le_bytes()[1]).collect();
        let parts: Vec<&[u8]> = message.chunks(1156).collect();
        let count = u32::try_from(parts.len()).unwrap();
        for (number, bytes) in (0..).zip(&parts) {
            let command = Cmd::fragment(0, of(1, count, MIB), number, number * 1156, bytes);
            assert_acked(harness, &command);
        }
        assert_eq!(harness.end.messages(), [(0, Delivery::Reliable, message)]);
        assert_eq!(harness.end.conn.received_bytes(), 0);
    });
}
