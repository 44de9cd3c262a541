//! Section 9, rules 6 to 10: what is kept, what is acknowledged, how much of it. Spec: udp.md 9.

use crate::rig::{Bench, PEER_ID, both, both_with};
use crate::wire::{CONTROL, Cmd, Fragments, SERVER_TIME};
use photon_proto::udp::{Config, Delivery, State};

fn reliable(rseq: u32) -> Cmd {
    Cmd::reliable(0, rseq, format!("message {rseq}").as_bytes())
}

/// The command is neither acknowledged nor delivered, and harms nothing.
#[track_caller]
fn assert_discarded(bench: &mut Bench, command: &Cmd) {
    let replies = bench.feed(std::slice::from_ref(command));
    assert_eq!(replies, [], "{command:?}");
    assert_eq!(bench.end.log, [], "{command:?}");
    assert_eq!(bench.end.conn.state(), State::Connected);
}

#[track_caller]
fn assert_acked(bench: &mut Bench, command: &Cmd) {
    let replies = bench.feed(std::slice::from_ref(command));
    assert_eq!(replies, [bench.ack_of(command)], "{command:?}");
}

#[test]
fn r06_duplicates_and_types_without_payload_are_acked_though_not_kept() {
    both(|bench| {
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
            assert_acked(bench, &command);
        }
        assert_eq!(bench.heard(), ["message 1"]);
    });
}

/// Their flags byte is an index. Spec: udp.md 2.6.
#[test]
fn r06_types_17_to_19_are_skipped_and_not_acked() {
    both(|bench| {
        for kind in 17..=19 {
            for flags in 0..=3 {
                assert_discarded(bench, &Cmd::new(kind, 0, flags, 1, &[0; 8]));
            }
        }
        assert_acked(bench, &reliable(1));
    });
}

/// An acknowledgement with the reliable flag is not acknowledged: acks never are. Spec: udp.md 5.1.
#[test]
fn r06_acks_are_never_acked() {
    both(|bench| {
        assert_discarded(bench, &Cmd::ack(0, 9, 0));
        assert_discarded(bench, &Cmd::ack_unsequenced(0, 9, 0));
    });
}

#[test]
fn r07_data_for_no_channel_is_discarded_and_the_rest_of_its_datagram_is_not() {
    both(|bench| {
        let of = Fragments { start: 1, count: 1, total: 1 };
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
            let before = bench.end.conn.stats().discarded.total();
            let replies = bench.feed(&[bad.clone(), reliable(rseq)]);
            assert_eq!(replies, [bench.ack_of(&reliable(rseq))], "{bad:?}");
            assert_eq!(bench.heard(), [format!("message {rseq}")]);
            assert_eq!(bench.end.conn.stats().discarded.total(), before + 1);
        }
    });
}

#[test]
fn r08_numbers_above_2_31_are_malformed() {
    both(|bench| {
        for rseq in [0x8000_0000, 0x8000_0001, 0xFFFF_FFFF] {
            let of = |start, count, total| Fragments { start, count, total };
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
                assert_discarded(bench, &command);
            }
        }
        assert_acked(bench, &reliable(1));
        bench.heard();
        bench.feed(&[Cmd::unreliable(0, 1, 1, b"first")]);
        assert_eq!(bench.heard(), ["first"]);
    });
}

#[test]
fn r08_number_0_is_malformed_on_data_and_legal_on_control() {
    both(|bench| {
        let of = Fragments { start: 0, count: 2, total: 4 };
        for command in [
            Cmd::reliable(0, 0, b"x"),
            Cmd::reliable_unsequenced(0, 0, b"x"),
            Cmd::fragment(0, of, 0, 0, b"xy"),
            Cmd::fragment_unsequenced(0, of, 0, 0, b"xy"),
        ] {
            assert_discarded(bench, &command);
        }
        for command in [Cmd::ping(0), Cmd::new(SERVER_TIME, CONTROL, 1, 0, &[]), Cmd::new(9, CONTROL, 1, 0, &[])] {
            assert_acked(bench, &command);
        }
        let goodbye = bench.feed(&[Cmd::disconnect(0, 1)]);
        assert_eq!(goodbye[0], bench.ack_of(&Cmd::disconnect(0, 1)));
    });
}

/// The verify-connect of real servers. Spec: udp.md 3.2.
#[test]
fn r08_verify_connect_with_number_0_is_acked_with_0() {
    let mut bench = Bench::new_client(Config::client());
    bench.poll();
    bench.now = 40;
    let replies = bench.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(PEER_ID)]);
    assert_eq!(replies, [bench.ack_of(&Cmd::verify(PEER_ID))]);
    assert_eq!(replies[0].acked().0, 0);
}

#[test]
fn r09_only_4096_numbers_ahead_are_kept() {
    both(|bench| {
        assert_acked(bench, &reliable(4096));
        for rseq in [4097, 4098, 100_000, 0x7FFF_FFFF] {
            assert_discarded(bench, &reliable(rseq));
        }
        assert!(bench.end.conn.stats().discarded.window >= 4);
        // The window moves with what is delivered.
        assert_acked(bench, &reliable(1));
        assert_eq!(bench.heard(), ["message 1"]);
        assert_acked(bench, &reliable(4097));
        assert_discarded(bench, &reliable(4098));
        // Each channel has its own.
        assert_acked(bench, &Cmd::reliable(1, 4096, b"x"));
    });
}

const CAP: usize = 64 * 1024;

#[test]
fn r09_out_of_order_is_refused_first_and_in_order_goes_on() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |bench| {
            let kilobyte = vec![1; 1024];
            let mut refused = None;
            for rseq in 2..200 {
                let replies = bench.feed(&[Cmd::reliable(0, rseq, &kilobyte)]);
                assert!(bench.end.conn.received_bytes() <= CAP);
                if replies.is_empty() && refused.is_none() {
                    refused = Some(rseq);
                }
            }
            let refused = refused.expect("a limit");
            // With overhead, but not with nothing but overhead.
            assert!((33..=65).contains(&refused), "{refused}");
            // Full of what cannot be delivered: in order is taken, and sets everything free.
            assert_acked(bench, &Cmd::reliable(0, 1, &kilobyte));
            assert_eq!(bench.end.messages().len(), usize::try_from(refused - 1).unwrap());
            assert_eq!(bench.end.conn.received_bytes(), 0);
            assert_acked(bench, &Cmd::reliable(0, refused, &kilobyte));
            assert_eq!(bench.end.messages().len(), 1);
        },
    );
}

#[test]
fn r09_what_the_application_does_not_take_stops_in_order_too_but_not_control() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |bench| {
            bench.end.taking = false;
            bench.conn().send(0, Delivery::Reliable, b"to be acked").unwrap();
            let sent = u32::try_from(bench.now).unwrap();
            let clock = bench.poll()[0].clone();
            let time = if bench.is_client { sent } else { bench.end.sent.last().unwrap().read().time };
            assert_eq!(clock.rseq, 1);
            let kilobyte = vec![1; 1024];
            let mut acked = 0;
            for rseq in 1..200 {
                let replies = bench.feed(&[Cmd::reliable(0, rseq, &kilobyte)]);
                // In order: nothing is acknowledged any more after the first that was not.
                assert_eq!(replies.len(), usize::from(acked + 1 == rseq && !replies.is_empty()), "number {rseq}");
                acked += u32::try_from(replies.len()).unwrap();
                assert!(bench.end.conn.received_bytes() <= CAP + 2048, "{}", bench.end.conn.received_bytes());
            }
            assert!((32..=64).contains(&acked), "{acked} acknowledged");
            assert!(bench.end.conn.stats().discarded.full > 0);
            // Acknowledgements, pings and disconnects are always processed.
            assert_acked(bench, &Cmd::ping(4));
            assert_eq!(bench.end.conn.in_flight(), 1);
            bench.now += 40;
            bench.feed(&[Cmd::ack(0, 1, time)]);
            assert_eq!(bench.end.conn.in_flight(), 0);
            // The application takes everything: the next in order is welcome again.
            bench.end.taking = true;
            bench.poll();
            assert_eq!(bench.end.messages().len(), usize::try_from(acked).unwrap());
            bench.end.taking = false;
            let next = Cmd::reliable(0, acked + 1, &kilobyte);
            assert_acked(bench, &next);
            let goodbye = bench.feed(&[Cmd::disconnect(5, 1)]);
            assert_eq!(goodbye[0], bench.ack_of(&Cmd::disconnect(5, 1)));
            assert_eq!(bench.end.conn.state(), State::Disconnected);
            bench.end.taking = true;
            bench.poll();
            assert_eq!(bench.end.log.len(), 2);
        },
    );
}

/// Tiny messages cost more than their bytes: an attacker who sends empty or one-byte ones meets the same limit.
#[test]
fn r09_overhead_counts() {
    both_with(
        |config| config.incoming_cap_bytes = CAP,
        |bench| {
            bench.end.taking = false;
            let mut acked = 0;
            for rseq in 1..4000 {
                acked += bench.feed(&[Cmd::reliable(0, rseq, b"x")]).len();
            }
            assert!(acked < 4000 - 1, "{acked} one-byte messages in {CAP} bytes");
            assert!(bench.end.conn.received_bytes() <= CAP + 2048);
        },
    );
}

#[test]
fn r10_256_unreliables_are_held_and_the_lowest_numbers_go_first() {
    both(|bench| {
        for number in 1..=300 {
            bench.feed(&[Cmd::unreliable(0, 1, number, number.to_string().as_bytes())]);
        }
        bench.feed(&[reliable(1)]);
        let expected: Vec<String> =
            std::iter::once("message 1".into()).chain((45..=300).map(|number| number.to_string())).collect();
        assert_eq!(bench.heard(), expected);
        // The newest may be the lowest.
        for number in (600..856).chain([500]) {
            bench.feed(&[Cmd::unreliable(0, 2, number, number.to_string().as_bytes())]);
        }
        bench.feed(&[reliable(2)]);
        assert_eq!(bench.heard()[1], "600");
    });
    // Each channel has its own 256.
    both(|bench| {
        bench.feed(&[reliable(1)]);
        bench.heard();
        for number in 301..=400 {
            bench.feed(&[Cmd::unreliable(0, 2, number, b"x"), Cmd::unreliable(1, 1, number, b"y")]);
        }
        bench.feed(&[reliable(2), Cmd::reliable(1, 1, b"one")]);
        assert_eq!(bench.heard().len(), 202);
    });
}

#[test]
fn r10_4096_unsequenced_numbers_ahead_are_remembered() {
    both(|bench| {
        // 1 is missing, so all of these are entries of the set.
        let mut taken = 0;
        for number in 2..=5000 {
            let replies = bench.feed(&[Cmd::reliable_unsequenced(0, number, b"x")]);
            let delivered = bench.end.messages().len();
            assert_eq!(delivered, replies.len(), "never acked what is not kept, number {number}");
            if number <= 4096 {
                assert_eq!(delivered, 1, "number {number}");
            }
            taken += delivered;
        }
        assert!(taken <= 4096, "{taken}");
        assert!(bench.end.conn.received_bytes() < 4 << 20);
        // The gap closes, and what was refused is taken when it comes again.
        bench.feed(&[Cmd::reliable_unsequenced(0, 1, b"x")]);
        bench.feed(&[Cmd::reliable_unsequenced(0, 5000, b"x")]);
        assert_eq!(bench.end.messages().len(), 2);
    });
}
