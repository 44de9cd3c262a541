//! What a connection holds on the heap, whatever the peer sends and the application does not take. Spec: udp.md 9, items
//! 9, 10, 14 and 19.

use crate::heap;
use crate::rig::{Bench, at, both, both_with};
use crate::wire::{Cmd, Fragments};
use photon_proto::udp::{Config, Delivery, State};

const CAP: usize = 256 * 1024;

/// Feeds commands, many to a datagram; what the connection has grown by, in bytes of the heap.
fn growth(bench: &mut Bench, commands: impl Iterator<Item = Cmd>, each: usize) -> usize {
    bench.end.taking = false;
    bench.end.keep_sent = false;
    let mut commands = commands.peekable();
    // Buffers that are made once are made now.
    bench.feed(&[Cmd::ping(1)]);
    bench.end.sent.clear();
    let before = heap::live();
    while commands.peek().is_some() {
        let some: Vec<Cmd> = commands.by_ref().take(each).collect();
        let datagram = bench.datagram(&some);
        let now = at(bench.now);
        bench.conn().handle_datagram(now, &datagram);
        drop((some, datagram));
        while bench.conn().transmit(now).is_some() {
            bench.conn().transmitted();
        }
        assert!(bench.conn().received_bytes() <= CAP + 4096);
    }
    usize::try_from(heap::live() - before).unwrap_or(0)
}

/// The heap may cost more than what is counted, but not by an order of magnitude: bytes of bookkeeping are counted.
#[test]
fn r09_the_cap_holds_for_the_real_heap() {
    type Attack = Box<dyn Fn() -> Box<dyn Iterator<Item = Cmd>>>;
    let attack = |make: fn(u32) -> Cmd| -> Attack { Box::new(move || Box::new((1..20_000).map(make))) };
    let attacks = [
        ("untaken one-byte messages", attack(|number| Cmd::reliable(0, number, b"x"))),
        ("untaken unsequenced messages", attack(|number| Cmd::unsequenced(0, number, b"x"))),
        ("untaken unreliable messages", attack(|number| Cmd::unreliable(0, 0, number, b"x"))),
        ("untaken reliable unsequenced messages", attack(|number| Cmd::reliable_unsequenced(0, number, b"x"))),
        ("one-byte messages out of order", attack(|number| Cmd::reliable(0, 1 + number, b"x"))),
        ("unreliable messages ahead", attack(|number| Cmd::unreliable(0, 1 + number % 4000, number, b"x"))),
        ("numbers with a gap", attack(|number| Cmd::reliable_unsequenced(0, 2 * number, b""))),
        (
            "one-byte parts of one message",
            attack(|number| {
                let of = Fragments { start: 1, count: 4000, total: 1 << 20 };
                // All but the first, so that it is never complete.
                Cmd::fragment(0, of, 1 + number % 3999, number, b"x")
            }),
        ),
        (
            "first parts of many messages",
            attack(|number| {
                let of = Fragments { start: 2 * number, count: 2, total: 1 << 20 };
                Cmd::fragment_unsequenced(0, of, 1, 1, &[1; 30])
            }),
        ),
    ];
    for (label, attack) in attacks {
        println!("{label}");
        let settings = |config: &mut Config| {
            config.incoming_cap_bytes = CAP;
            config.max_violations = u32::MAX;
        };
        both_with(settings, |bench| {
            let grown = growth(bench, attack(), 30);
            println!("  {grown} bytes, {} counted", bench.conn().received_bytes());
            assert!(grown > 5000, "{label}: nothing was kept");
            assert_eq!(bench.conn().state(), State::Connected, "{label}");
            assert!(grown <= 4 * CAP, "{label}: {grown} bytes of heap with a cap of {CAP}");
        });
    }
}

/// Buffers that are given back are kept for use, not forever and not all of them.
#[test]
fn recycled_buffers_do_not_pile_up() {
    both(|bench| {
        let before = heap::live();
        for _ in 0..2000 {
            bench.conn().recycle(vec![0; 100_000]);
            bench.conn().recycle(vec![0; 100]);
        }
        let kept = heap::live() - before;
        assert!(kept < 8 << 20, "{kept} bytes of 200 MB that were given back");
    });
}

/// After the end nothing is left but what the application may still take.
#[test]
fn the_end_frees_what_was_queued_and_held() {
    both(|bench| {
        let before = heap::live();
        for _ in 0..500 {
            bench.conn().send(0, Delivery::Reliable, &[1; 1000]).unwrap();
        }
        let held: Vec<Cmd> = (2..42).map(|rseq| Cmd::reliable(0, rseq, &[2; 30])).collect();
        for _ in 0..3 {
            bench.feed(&held);
        }
        bench.forget();
        bench.end.sent.shrink_to_fit();
        assert!(heap::live() - before > 500_000);
        bench.conn().close();
        bench.poll();
        let (left, counted) = (heap::live() - before, bench.conn().queued_bytes());
        assert_eq!(counted, 0);
        assert!(left < 64 * 1024, "{left} bytes after the end");
    });
}

/// A steady exchange does not grow: after a while the heap is what it was.
#[test]
fn a_long_exchange_does_not_grow() {
    both(|bench| {
        let mut marks = Vec::new();
        for rseq in 1..=6000 {
            bench.now += 10;
            bench.conn().send(0, Delivery::Reliable, &[3; 200]).unwrap();
            bench.poll();
            let time = bench.end.sent.last().unwrap().read().time;
            bench.now += 10;
            bench.feed(&[Cmd::ack(0, rseq, time), Cmd::reliable(0, rseq, &[4; 200])]);
            assert_eq!(bench.end.messages().len(), 1);
            bench.forget();
            if rseq % 2000 == 0 {
                marks.push(heap::live());
            }
        }
        assert!(marks[2] - marks[1] < 4096, "{marks:?}");
    });
}
