//! Scenarios 10 to 16, 18, 19, 30, 33 and 35: receiving, in both roles. Spec: udp.md 4, 6, 10.

use crate::harness::{Harness, both, both_with};
use crate::wire::{CONTROL, Cmd, Fragments, SERVER_TIME};
use photon_proto::udp::{Delivery, State};

fn text(number: u32) -> String {
    format!("message {number}")
}

fn reliable(rseq: u32) -> Cmd {
    Cmd::reliable(0, rseq, text(rseq).as_bytes())
}

/// Feeds one command at a time, 10 ms apart; each has to be acknowledged at once with its own
/// header time.
#[track_caller]
fn feed_each_acked(harness: &mut Harness, commands: &[Cmd]) {
    for command in commands {
        harness.now += 10;
        let replies = harness.feed(std::slice::from_ref(command));
        assert_eq!(replies, [harness.ack_of(command)]);
    }
}

#[test]
fn u10_reordered_data_is_acked_at_once_and_delivered_in_order() {
    both(|harness| {
        feed_each_acked(harness, &[reliable(1), reliable(3), reliable(4)]);
        assert_eq!(harness.heard(), ["message 1"]);
        feed_each_acked(harness, &[reliable(2)]);
        assert_eq!(harness.heard(), ["message 2", "message 3", "message 4"]);
    });
}

/// The recording of the specification: 3, then 4 with 3 again, then 2, and a late copy of 2. Spec:
/// udp.md 4.2.
#[test]
fn u10_acks_are_in_the_order_of_arrival() {
    both(|harness| {
        feed_each_acked(harness, &[reliable(1), reliable(3)]);
        let replies = harness.feed(&[reliable(4), reliable(3)]);
        assert_eq!(
            replies,
            [harness.ack_of(&reliable(4)), harness.ack_of(&reliable(3))]
        );
        feed_each_acked(harness, &[reliable(2), reliable(2)]);
        assert_eq!(
            harness.heard(),
            ["message 1", "message 2", "message 3", "message 4"]
        );
    });
}

#[test]
fn u11_duplicates_are_delivered_once_and_acked_per_copy() {
    both(|harness| {
        // Before delivery, because 1 is missing; then after it.
        feed_each_acked(harness, &[reliable(2), reliable(2)]);
        assert_eq!(harness.heard(), [""; 0]);
        feed_each_acked(harness, &[reliable(1), reliable(2), reliable(1)]);
        assert_eq!(harness.heard(), ["message 1", "message 2"]);
        // Both copies in one datagram.
        let replies = harness.feed(&[reliable(3), reliable(3)]);
        assert_eq!(
            replies,
            [harness.ack_of(&reliable(3)), harness.ack_of(&reliable(3))]
        );
        assert_eq!(harness.heard(), ["message 3"]);
        assert_eq!(harness.end.conn.stats().duplicates, 4);
    });
}

#[test]
fn u11_duplicate_with_other_bytes_does_not_replace_the_first() {
    both(|harness| {
        feed_each_acked(
            harness,
            &[reliable(2), Cmd::reliable(0, 2, b"other"), reliable(1)],
        );
        assert_eq!(harness.heard(), ["message 1", "message 2"]);
    });
}

/// An empty payload uses its number and delivers nothing. Spec: udp.md 4.2.
#[test]
fn u10_empty_reliable_takes_its_number() {
    both(|harness| {
        feed_each_acked(
            harness,
            &[Cmd::reliable(0, 2, b""), reliable(3), reliable(1)],
        );
        assert_eq!(harness.heard(), ["message 1", "message 3"]);
    });
}

#[test]
fn u12_a_late_unreliable_message_is_dropped_without_ack() {
    both(|harness| {
        for number in [5, 4, 5] {
            harness.now += 5;
            let replies = harness.feed(&[Cmd::unreliable(0, 0, number, text(number).as_bytes())]);
            assert_eq!(replies, []);
        }
        assert_eq!(harness.heard(), ["message 5"]);
        assert_eq!(harness.feed(&[Cmd::unreliable(0, 0, 6, b"six")]), []);
        let taken = harness.end.messages();
        assert_eq!(taken, [(0, Delivery::Unreliable, b"six".to_vec())]);
    });
}

#[test]
fn u13_unreliable_ahead_of_its_reliable_follows_it() {
    both(|harness| {
        assert_eq!(
            harness.feed(&[
                Cmd::unreliable(0, 1, 1, b"after 1"),
                Cmd::unreliable(0, 2, 2, b"after 2")
            ]),
            []
        );
        assert_eq!(harness.heard(), [""; 0]);
        feed_each_acked(harness, &[reliable(1)]);
        assert_eq!(harness.heard(), ["message 1", "after 1"]);
        feed_each_acked(harness, &[reliable(2)]);
        assert_eq!(harness.heard(), ["message 2", "after 2"]);
    });
}

/// Held ones come in ascending order, once each, and each directly after its own reliable. Spec:
/// udp.md 4.3.
#[test]
fn u13_held_unreliable_messages_are_delivered_between_their_reliable_ones() {
    both(|harness| {
        let held = [(2, 4), (1, 2), (1, 1), (2, 3), (1, 2)];
        for (rseq, number) in held {
            harness.feed(&[Cmd::unreliable(
                0,
                rseq,
                number,
                format!("u{number}").as_bytes(),
            )]);
        }
        feed_each_acked(harness, &[reliable(2), reliable(1)]);
        assert_eq!(
            harness.heard(),
            ["message 1", "u1", "u2", "message 2", "u3", "u4"]
        );
    });
}

/// A held number that a later one overtakes is not delivered. Spec: udp.md 4.3.
#[test]
fn u14_held_unreliable_with_a_number_below_the_last_delivered_is_dropped() {
    both(|harness| {
        harness.feed(&[
            Cmd::unreliable(0, 2, 3, b"u3"),
            Cmd::unreliable(0, 2, 6, b"u6"),
        ]);
        feed_each_acked(harness, &[reliable(1)]);
        harness.feed(&[Cmd::unreliable(0, 1, 5, b"u5")]);
        feed_each_acked(harness, &[reliable(2)]);
        assert_eq!(harness.heard(), ["message 1", "u5", "message 2", "u6"]);
    });
}

/// "Same u already held": whatever reliable it follows. Spec: udp.md 4.3.
#[test]
fn u14_a_held_unreliable_number_is_accepted_once() {
    both(|harness| {
        harness.feed(&[
            Cmd::unreliable(0, 3, 5, b"first"),
            Cmd::unreliable(0, 2, 5, b"again"),
        ]);
        assert_eq!(harness.end.conn.stats().duplicates, 1);
        harness.feed(&[Cmd::unreliable(0, 0, 5, b"and again")]);
        assert_eq!(harness.end.conn.stats().duplicates, 2);
        feed_each_acked(harness, &[reliable(1), reliable(2), reliable(3)]);
        assert_eq!(
            harness.heard(),
            ["message 1", "message 2", "message 3", "first"]
        );
    });
}

#[test]
fn u14_unreliable_of_an_older_reliable_is_dropped() {
    both(|harness| {
        feed_each_acked(harness, &[reliable(1), reliable(2)]);
        harness.heard();
        assert_eq!(harness.feed(&[Cmd::unreliable(0, 1, 1, b"late")]), []);
        assert_eq!(harness.heard(), [""; 0]);
        // It uses no number: the next one is still new.
        harness.feed(&[Cmd::unreliable(0, 2, 1, b"fresh")]);
        assert_eq!(harness.heard(), ["fresh"]);
        assert_eq!(harness.end.conn.stats().late, 1);
    });
}

/// The reliable it waits for is passed over inside a fragmented message, so it is dropped. Spec:
/// udp.md 4.3, 6.
#[test]
fn u14_held_unreliable_whose_number_is_passed_is_dropped() {
    both(|harness| {
        let of = Fragments {
            start: 1,
            count: 2,
            total: 8,
        };
        harness.feed(&[
            Cmd::unreliable(0, 1, 1, b"inside"),
            Cmd::unreliable(0, 2, 2, b"after"),
        ]);
        let parts = [
            Cmd::fragment(0, of, 0, 0, b"half"),
            Cmd::fragment(0, of, 1, 4, b"half"),
        ];
        feed_each_acked(harness, &parts);
        assert_eq!(harness.heard(), ["halfhalf", "after"]);
    });
}

#[test]
fn u15_unsequenced_groups_go_through_a_window_of_128() {
    both(|harness| {
        let group = |number: u32| Cmd::unsequenced(1, number, text(number).as_bytes());
        for number in [3, 1, 3, 2, 300, 2] {
            assert_eq!(harness.feed(&[group(number)]), []);
        }
        assert_eq!(
            harness.heard(),
            ["message 3", "message 1", "message 2", "message 300"]
        );
        // The window begins at 256 now and ends before 384.
        for number in [255, 256, 299, 300, 383, 256, 384, 383] {
            harness.feed(&[group(number)]);
        }
        assert_eq!(
            harness.heard(),
            ["message 256", "message 299", "message 383", "message 384"]
        );
    });
}

/// The window belongs to the connection, not to a channel. Spec: udp.md 4.1.
#[test]
fn u15_group_numbers_are_shared_by_the_channels() {
    both(|harness| {
        harness.feed(&[
            Cmd::unsequenced(0, 7, b"first"),
            Cmd::unsequenced(1, 7, b"second"),
        ]);
        let taken = harness.end.messages();
        assert_eq!(
            taken,
            [(0, Delivery::UnreliableUnsequenced, b"first".to_vec())]
        );
    });
}

#[test]
fn u16_reliable_unsequenced_is_delivered_on_arrival_and_acked_with_type_16() {
    both(|harness| {
        let numbered = |number: u32| Cmd::reliable_unsequenced(0, number, text(number).as_bytes());
        let replies = harness.feed(&[numbered(2), numbered(1), numbered(2)]);
        assert_eq!(
            replies,
            [2, 1, 2].map(|number| harness.ack_of(&numbered(number)))
        );
        assert!(replies.iter().all(|ack| ack.kind == 16 && ack.flags == 0));
        assert_eq!(harness.heard(), ["message 2", "message 1"]);
        // Neither counter moved the other one.
        feed_each_acked(harness, &[reliable(1), numbered(3)]);
        let taken: Vec<Delivery> = harness
            .end
            .messages()
            .into_iter()
            .map(|(_, delivery, _)| delivery)
            .collect();
        assert_eq!(taken, [Delivery::Reliable, Delivery::ReliableUnsequenced]);
        feed_each_acked(harness, &[numbered(1), numbered(3)]);
        assert_eq!(harness.heard(), [""; 0]);
    });
}

/// Sizes 1000, 1000, 511 as in session `incoming_ordering_rules`.
fn three_parts(start: u32) -> (Vec<Cmd>, Vec<u8>) {
    let message: Vec<u8> = (0..2511_u32).map(|at| at.to_le_bytes()[0]).collect();
    let of = Fragments {
        start,
        count: 3,
        total: 2511,
    };
    let parts = [(0, 0..1000), (1, 1000..2000), (2, 2000..2511)];
    let parts = parts.map(|(number, range)| {
        Cmd::fragment(
            0,
            of,
            number,
            u32::try_from(range.start).unwrap(),
            &message[range],
        )
    });
    (parts.to_vec(), message)
}

#[test]
fn u18_fragments_2_0_0_1_1_give_five_acks_and_one_message() {
    both(|harness| {
        feed_each_acked(harness, &[reliable(1)]);
        harness.heard();
        let (parts, message) = three_parts(2);
        for (part, delivered) in [(2, 0), (0, 0), (0, 0), (1, 1), (1, 0)] {
            feed_each_acked(harness, &[parts[part].clone()]);
            let taken = harness.end.messages();
            assert_eq!(
                taken,
                vec![(0, Delivery::Reliable, message.clone()); delivered],
                "after part {part}"
            );
        }
        // The next reliable is start + 3.
        feed_each_acked(harness, &[reliable(5)]);
        assert_eq!(harness.heard(), ["message 5"]);
        assert_eq!(harness.end.conn.stats().violations, 0);
    });
}

/// The message waits for earlier ones, and later ones wait for it. Spec: udp.md 6.
#[test]
fn u18_a_complete_message_waits_for_earlier_ones() {
    both(|harness| {
        let (parts, message) = three_parts(2);
        feed_each_acked(
            harness,
            &[
                parts[1].clone(),
                parts[0].clone(),
                reliable(5),
                parts[2].clone(),
            ],
        );
        assert_eq!(harness.end.messages(), []);
        feed_each_acked(harness, &[reliable(1)]);
        let taken: Vec<Vec<u8>> = harness
            .end
            .messages()
            .into_iter()
            .map(|(_, _, bytes)| bytes)
            .collect();
        assert_eq!(
            taken,
            [b"message 1".to_vec(), message, b"message 5".to_vec()]
        );
    });
}

/// Real servers: 1156 bytes, or a short first part; an offset is not number x size. Spec: udp.md 6.
#[test]
fn u18_fragments_of_any_size_are_assembled() {
    both(|harness| {
        let message: Vec<u8> = (0..1212_u32).map(|at| at.to_le_bytes()[0]).collect();
        let of = Fragments {
            start: 1,
            count: 2,
            total: 1212,
        };
        let short_first = [
            Cmd::fragment(0, of, 0, 0, &message[..201]),
            Cmd::fragment(0, of, 1, 201, &message[201..]),
        ];
        feed_each_acked(harness, &short_first);
        assert_eq!(
            harness.end.messages(),
            [(0, Delivery::Reliable, message.clone())]
        );
        let of = Fragments {
            start: 3,
            count: 2,
            total: 1212,
        };
        let real = [
            Cmd::fragment(0, of, 1, 1156, &message[1156..]),
            Cmd::fragment(0, of, 0, 0, &message[..1156]),
        ];
        feed_each_acked(harness, &real);
        assert_eq!(harness.end.messages(), [(0, Delivery::Reliable, message)]);
    });
}

/// Type 15: complete is delivered at once, outside of the order. Spec: udp.md 6.
#[test]
fn u18_unsequenced_fragments_are_delivered_when_complete() {
    both(|harness| {
        let of = Fragments {
            start: 2,
            count: 2,
            total: 10,
        };
        let part =
            |number: u32, offset: u32| Cmd::fragment_unsequenced(0, of, number, offset, b"fives");
        feed_each_acked(harness, &[part(1, 5), part(1, 5)]);
        assert_eq!(harness.heard(), [""; 0]);
        feed_each_acked(harness, &[part(0, 0)]);
        assert_eq!(
            harness.end.messages(),
            [(0, Delivery::ReliableUnsequenced, b"fivesfives".to_vec())]
        );
        feed_each_acked(
            harness,
            &[
                part(0, 0),
                part(1, 5),
                Cmd::reliable_unsequenced(0, 1, b"first"),
            ],
        );
        assert_eq!(harness.heard(), ["first"]);
        // Both parts took their numbers.
        feed_each_acked(
            harness,
            &[
                Cmd::reliable_unsequenced(0, 3, b"old"),
                Cmd::reliable_unsequenced(0, 4, b"new"),
            ],
        );
        assert_eq!(harness.heard(), ["new"]);
    });
}

#[test]
fn u19_missing_fragment_holds_its_channel_only_and_memory_stays_in_budget() {
    let cap = 256 * 1024;
    both_with(
        |config| config.incoming_cap_bytes = cap,
        |harness| {
            let (parts, _) = three_parts(1);
            feed_each_acked(harness, &[parts[0].clone(), parts[2].clone()]);
            let kilobyte = [7; 1024];
            let mut refused = 0;
            for rseq in 4..2000 {
                harness.now += 1;
                let replies = harness.feed(&[Cmd::reliable(0, rseq, &kilobyte)]);
                refused += usize::from(replies.is_empty());
                let kept = harness.end.conn.received_bytes();
                assert!(kept <= cap, "{kept} bytes at number {rseq}");
            }
            assert_eq!(harness.end.messages(), []);
            assert!(refused > 1700, "only {refused} were not acknowledged");
            // The other channel goes on.
            let other = Cmd::reliable(1, 1, b"other channel");
            feed_each_acked(harness, &[other]);
            assert_eq!(
                harness.end.messages(),
                [(1, Delivery::Reliable, b"other channel".to_vec())]
            );
            // A fragment in order is not limited as data out of order: the missing one is accepted,
            // and all held messages follow.
            feed_each_acked(harness, &[parts[1].clone()]);
            let taken = harness.end.messages().len();
            assert_eq!(taken, 1 + 1996 - refused);
            assert_eq!(harness.end.conn.state(), State::Connected);
        },
    );
}

#[test]
fn u30_ping_is_acked_and_no_event() {
    both(|harness| {
        feed_each_acked(
            harness,
            &[Cmd::ping(2), Cmd::ping(3), Cmd::ping(3), Cmd::ping(0)],
        );
        assert_eq!(harness.end.log, []);
        // Numbers of channel 255 are neither ordered nor known again. Spec: udp.md 4.1.
        assert_eq!(harness.end.conn.stats().violations, 0);
    });
}

/// A server that sends type 12, in session `incoming_ordering_rules`.
#[test]
fn u30_server_time_of_the_other_end_is_acked() {
    both(|harness| {
        feed_each_acked(harness, &[Cmd::new(SERVER_TIME, CONTROL, 1, 4, &[])]);
        assert_eq!(harness.end.log, []);
    });
}

#[test]
fn u33_unknown_type_is_acked_skipped_and_the_rest_read() {
    both(|harness| {
        let unknown = Cmd::new(9, CONTROL, 1, 3, &[0xEE; 8]);
        assert_eq!(unknown.size, 20);
        let replies = harness.feed(&[unknown.clone(), reliable(1)]);
        assert_eq!(
            replies,
            [harness.ack_of(&unknown), harness.ack_of(&reliable(1))]
        );
        assert_eq!(harness.heard(), ["message 1"]);
    });
}

#[test]
fn u33_unknown_types_without_flag_0_are_skipped_silently() {
    both(|harness| {
        for (rseq, kind) in (1..).zip([0, 9, 10, 13, 20, 99, 255]) {
            let unknown = Cmd::new(kind, CONTROL, 0, 3, &[0xEE; 5]);
            let replies = harness.feed(&[unknown, reliable(rseq)]);
            assert_eq!(replies, [harness.ack_of(&reliable(rseq))], "type {kind}");
        }
        assert_eq!(harness.heard().len(), 7);
    });
}

#[test]
fn u35_data_on_a_channel_that_does_not_exist_is_neither_acked_nor_delivered() {
    both(|harness| {
        let of = Fragments {
            start: 1,
            count: 2,
            total: 4,
        };
        let commands = [
            Cmd::reliable(7, 1, b"seven"),
            Cmd::unreliable(7, 0, 1, b"seven"),
            Cmd::unsequenced(7, 1, b"seven"),
            Cmd::reliable_unsequenced(7, 1, b"seven"),
            Cmd::fragment(7, of, 0, 0, b"se"),
            Cmd::fragment_unsequenced(7, of, 0, 0, b"se"),
            // The default is two channels, 0 and 1.
            Cmd::reliable(2, 1, b"two"),
            Cmd::reliable(254, 1, b"last"),
        ];
        for command in commands {
            let replies = harness.feed(std::slice::from_ref(&command));
            harness.assert_unmoved(&replies);
        }
        assert_eq!(harness.end.conn.stats().discarded.channel, 8);
        feed_each_acked(harness, &[reliable(1), Cmd::reliable(1, 1, b"one")]);
        assert_eq!(harness.heard(), ["message 1", "one"]);
    });
}

/// Session `mtu_576` has four channels. Spec: udp.md 2.4.
#[test]
fn u35_more_channels_exist_if_configured() {
    both_with(
        |config| config.channels = 8,
        |harness| {
            feed_each_acked(harness, &[Cmd::reliable(7, 1, b"seven")]);
            assert_eq!(
                harness.end.messages(),
                [(7, Delivery::Reliable, b"seven".to_vec())]
            );
            assert_eq!(harness.feed(&[Cmd::reliable(8, 1, b"eight")]), []);
        },
    );
}
