//! The heap memory of a connection, whatever the peer sends and the application leaves untaken.
//! Spec: udp.md 9, items 9, 10, 14 and 19.

use crate::harness::{Harness, at, both, both_with, ms};
use crate::heap;
use crate::wire::{Cmd, Fragments};
use photon_proto::udp::{Config, Delivery, Event, State};

const CAP: usize = 256 * 1024;

/// Large messages in order on channel 1, taken and recycled, so that their buffers can be used
/// again.
struct Recycling {
    next_rseq: u32,
    payload: Vec<u8>,
}

impl Recycling {
    fn new() -> Self {
        // The largest that fits into a datagram that is accepted.
        Self {
            next_rseq: 1,
            payload: vec![7; 2020],
        }
    }

    fn run(&mut self, harness: &mut Harness, messages: u32) {
        let now = at(harness.now);
        for _ in 0..messages {
            let datagram = harness.datagram(&[Cmd::reliable(1, self.next_rseq, &self.payload)]);
            self.next_rseq += 1;
            harness.conn().handle_datagram(now, &datagram);
        }
        let mut taken = Vec::new();
        while let Some(event) = harness.conn().poll_event() {
            let Event::Message(message) = event else {
                panic!("{event:?}")
            };
            taken.push(message.bytes);
        }
        for bytes in taken {
            harness.conn().recycle(bytes);
        }
    }
}

/// Passes commands to the connection, 30 per datagram, and returns the growth of its heap memory in
/// bytes. With `recycling`, the application takes all messages, and as many large messages are
/// recycled before every datagram.
fn growth(harness: &mut Harness, commands: impl Iterator<Item = Cmd>, recycling: bool) -> usize {
    harness.end.taking = false;
    harness.end.keep_sent = false;
    let mut commands = commands.peekable();
    let mut large = Recycling::new();
    // Buffers that are made once are made now.
    harness.feed(&[Cmd::ping(1)]);
    harness.end.sent.clear();
    let before = heap::live();
    large.run(harness, 64);
    while commands.peek().is_some() {
        if recycling {
            large.run(harness, 30);
        }
        let some: Vec<Cmd> = commands.by_ref().take(30).collect();
        let datagram = harness.datagram(&some);
        let now = at(harness.now);
        harness.conn().handle_datagram(now, &datagram);
        drop((some, datagram));
        while harness.conn().transmit(now).is_some() {
            harness.conn().transmitted();
        }
        assert!(harness.conn().received_bytes() <= CAP + 4096);
    }
    drop(large);
    usize::try_from(heap::live() - before).unwrap_or(0)
}

/// The counters equal the heap memory, bookkeeping included, even if large buffers are waiting to
/// be used again.
#[test]
fn r09_the_cap_holds_for_the_real_heap() {
    type Attack = Box<dyn Fn() -> Box<dyn Iterator<Item = Cmd>>>;
    let attack =
        |make: fn(u32) -> Cmd| -> Attack { Box::new(move || Box::new((1..20_000).map(make))) };
    let untaken = [
        (
            "untaken one-byte messages",
            attack(|number| Cmd::reliable(0, number, b"x")),
        ),
        (
            "untaken unsequenced messages",
            attack(|number| Cmd::unsequenced(0, number, b"x")),
        ),
        (
            "untaken unreliable messages",
            attack(|number| Cmd::unreliable(0, 0, number, b"x")),
        ),
        (
            "untaken reliable unsequenced messages",
            attack(|number| Cmd::reliable_unsequenced(0, number, b"x")),
        ),
    ];
    let held = [
        (
            "one-byte messages out of order",
            attack(|number| Cmd::reliable(0, 1 + number, b"x")),
        ),
        (
            "unreliable messages ahead",
            attack(|number| Cmd::unreliable(0, 1 + number % 4000, number, b"x")),
        ),
        (
            "numbers with a gap",
            attack(|number| Cmd::reliable_unsequenced(0, 2 * number, b"")),
        ),
        (
            "one-byte parts of one message",
            attack(|number| {
                // Out of order, and never complete: all but the first.
                let of = Fragments {
                    start: 2,
                    count: 4000,
                    total: 1 << 20,
                };
                Cmd::fragment(0, of, 1 + number % 3999, number, b"x")
            }),
        ),
        (
            "first parts of many messages",
            attack(|number| {
                let of = Fragments {
                    start: 2 * number,
                    count: 2,
                    total: 1 << 20,
                };
                Cmd::fragment_unsequenced(0, of, 1, 1, &[1; 30])
            }),
        ),
    ];
    let untaken = untaken.into_iter().map(|attack| (attack, false));
    let held = held.into_iter().map(|attack| (attack, true));
    for ((label, attack), recycling) in untaken.chain(held) {
        println!("{label}");
        let settings = |config: &mut Config| {
            config.incoming_cap_bytes = CAP;
            config.max_violations = u32::MAX;
        };
        both_with(settings, |harness| {
            let grown = growth(harness, attack(), recycling);
            println!(
                "  {grown} bytes, {} counted",
                harness.conn().received_bytes()
            );
            assert!(grown > 5000, "{label}: nothing was kept");
            assert_eq!(harness.conn().state(), State::Connected, "{label}");
            assert!(
                grown <= 2 * CAP,
                "{label}: {grown} bytes of heap with a cap of {CAP}"
            );
        });
    }
}

/// The same with the default cap. The heap memory is always close to the counters.
#[test]
fn r09_small_messages_do_not_pin_large_buffers() {
    both(|harness| {
        harness.end.keep_sent = false;
        let mut large = Recycling::new();
        let before = heap::live();
        for batch in 0..60 {
            large.run(harness, 63);
            for rseq in (2 + batch * 64)..(66 + batch * 64) {
                let datagram = harness.datagram(&[Cmd::reliable(0, rseq, b"x")]);
                let now = at(harness.now);
                harness.conn().handle_datagram(now, &datagram);
                while harness.conn().transmit(now).is_some() {
                    harness.conn().transmitted();
                }
            }
        }
        let (grown, counted) = (
            usize::try_from(heap::live() - before).unwrap(),
            harness.conn().received_bytes(),
        );
        assert_eq!(harness.conn().stats().discarded.total(), 0);
        assert!(counted >= 60 * 64 * 65, "{counted} counted");
        // 64 buffers may wait to be used again.
        assert!(
            grown <= counted + counted / 4 + 64 * 2048,
            "{grown} bytes of heap, {counted} counted"
        );
    });
}

/// The worst case of [`Config::incoming_cap_bytes`]: the cap out of order, the cap untaken, and on
/// every channel one message of either kind of fragments that lacks one part.
#[test]
fn r09_everything_together_is_bounded() {
    const MESSAGE: u32 = 100_000;
    let settings = |config: &mut Config| {
        config.incoming_cap_bytes = CAP;
        config.max_received_message_bytes = MESSAGE as usize;
        config.channels = 4;
    };
    both_with(settings, |harness| {
        harness.end.keep_sent = false;
        harness.end.taking = false;
        let before = heap::live();
        let count = MESSAGE / 1000;
        let of = Fragments {
            start: 1,
            count,
            total: MESSAGE,
        };
        let mut kept = 0;
        let mut feed = |harness: &mut Harness, command: Cmd| {
            let datagram = harness.datagram(&[command]);
            let now = at(harness.now);
            harness.conn().handle_datagram(now, &datagram);
            while harness.conn().transmit(now).is_some() {
                kept += 1;
                harness.conn().transmitted();
            }
        };
        for rseq in 1000..2000 {
            feed(harness, Cmd::reliable(0, rseq, &[1; 1000]));
        }
        for channel in 0..4 {
            for number in 1..count {
                feed(
                    harness,
                    Cmd::fragment(channel, of, number, number * 1000, &[2; 1000]),
                );
                feed(
                    harness,
                    Cmd::fragment_unsequenced(channel, of, number, number * 1000, &[3; 1000]),
                );
            }
        }
        for group in 1..1000 {
            feed(harness, Cmd::unsequenced(0, group, &[4; 1000]));
        }
        let parts = 4 * 2 * (count - 1);
        // 1000 bytes are in a buffer of 1008, and 64 more are charged. Data out of order fits into
        // the cap; data in order may exceed it by one message.
        let (out_of_order, ready) = (CAP / 1072, CAP / 1072 + 1);
        assert_eq!(
            kept,
            usize::try_from(parts).unwrap() + out_of_order,
            "acknowledged"
        );
        assert_eq!(
            harness.conn().received_bytes(),
            (usize::try_from(parts).unwrap() + out_of_order + ready) * 1072
        );
        let grown = usize::try_from(heap::live() - before).unwrap();
        let counted = harness.conn().received_bytes();
        assert!(
            grown <= counted + counted / 4,
            "{grown} bytes of heap, {counted} counted"
        );
        assert_eq!(harness.conn().state(), State::Connected);
    });
}

/// Buffers that are given back are kept for use, not forever and not all of them.
#[test]
fn recycled_buffers_do_not_pile_up() {
    both(|harness| {
        let before = heap::live();
        for _ in 0..2000 {
            harness.conn().recycle(vec![0; 100_000]);
            harness.conn().recycle(vec![0; 100]);
        }
        let kept = heap::live() - before;
        assert!(
            kept < 8 * 1024,
            "{kept} bytes of 200 MB that were given back"
        );
    });
}

/// 50 messages out, acknowledged together, and 50 in, the first one last; all taken and recycled.
fn burst(harness: &mut Harness, first: u32) {
    for _ in 0..50 {
        harness
            .conn()
            .send(0, Delivery::Reliable, &[1; 1150])
            .unwrap();
    }
    let (now, mut time) = (at(harness.now), 0);
    while let Some(datagram) = harness.conn().transmit(now) {
        time = crate::wire::read(datagram).time;
        harness.conn().transmitted();
    }
    harness.now += 40;
    let now = at(harness.now);
    let acks: Vec<Cmd> = (first..first + 50)
        .map(|rseq| Cmd::ack(0, rseq, time))
        .collect();
    let datagram = harness.datagram(&acks);
    harness.conn().handle_datagram(now, &datagram);
    for rseq in (first + 1..first + 50).chain([first]) {
        let datagram = harness.datagram(&[Cmd::reliable(0, rseq, &[2; 1150])]);
        harness.conn().handle_datagram(now, &datagram);
    }
    let mut taken = Vec::new();
    while let Some(Event::Message(message)) = harness.conn().poll_event() {
        taken.push(message.bytes);
    }
    assert_eq!(taken.len(), 50);
    for bytes in taken {
        harness.conn().recycle(bytes);
    }
    while harness.conn().transmit(now).is_some() {
        harness.conn().transmitted();
    }
}

/// A server has thousands of connections, and most of them are silent.
#[test]
fn a_connection_at_rest_keeps_little() {
    both_with(
        |config| config.ping_interval = ms(1000),
        |harness| {
            harness.end.keep_sent = false;
            let before = heap::live();
            for round in 0..3 {
                burst(harness, 1 + 50 * round);
                assert_eq!(
                    (
                        harness.conn().queued_bytes(),
                        harness.conn().received_bytes()
                    ),
                    (0, 0)
                );
                let drained = heap::live() - before;
                println!("{drained} bytes as soon as it is drained");
                // 6 KiB of buffers, and space for 50 entries in every queue.
                assert!(drained < 20 * 1024, "{drained} bytes");
            }
            // The ping comes after a second without acknowledgements.
            let ping = harness.conn().poll_timeout().unwrap();
            harness.conn().handle_timeout(ping);
            let quiet = heap::live() - before;
            println!("{quiet} bytes once it has been quiet");
            assert!(quiet < 2 * 1024, "{quiet} bytes");
            burst(harness, 151);
        },
    );
}

/// 40 messages in flight, long ones and short ones, each acknowledged for itself; as many come in.
/// Once the buffers are there, nothing is allocated.
#[test]
fn steady_traffic_allocates_nothing() {
    both(|harness| {
        harness.end.keep_sent = false;
        let lengths = [30_usize, 100, 100, 500, 1150];
        let length_of = |rseq: u32| lengths[usize::try_from(rseq).unwrap() % lengths.len()];
        let message = [1; 1150];
        let mut allocated = 0;
        for rseq in 1..=2000_u32 {
            harness.now += 2;
            let now = at(harness.now);
            let acks = if rseq > 40 {
                vec![Cmd::ack(0, rseq - 40, 0)]
            } else {
                Vec::new()
            };
            let mut commands = acks;
            // Every tenth one comes after the next.
            let incoming = match rseq % 10 {
                0 => rseq + 1,
                1 if rseq > 1 => rseq - 1,
                _ => rseq,
            };
            commands.push(Cmd::reliable(0, incoming, &message[..length_of(incoming)]));
            let datagram = harness.datagram(&commands);
            let (blocks, ()) = heap::blocks(|| {
                harness
                    .end
                    .conn
                    .send(0, Delivery::Reliable, &message[..length_of(rseq)])
                    .unwrap();
                harness.end.conn.handle_datagram(now, &datagram);
                while let Some(event) = harness.end.conn.poll_event() {
                    let Event::Message(message) = event else {
                        panic!("{event:?}")
                    };
                    harness.end.conn.recycle(message.bytes);
                }
                while harness.end.conn.transmit(now).is_some() {
                    harness.end.conn.transmitted();
                }
            });
            allocated += if rseq > 500 { blocks } else { 0 };
        }
        assert_eq!(harness.conn().in_flight(), 40);
        assert_eq!(allocated, 0, "blocks for 1500 messages each way");
    });
}

/// After the end only the messages that the application may still take are left.
#[test]
fn the_end_frees_queued_and_held_data() {
    both(|harness| {
        let before = heap::live();
        for _ in 0..500 {
            harness
                .conn()
                .send(0, Delivery::Reliable, &[1; 1000])
                .unwrap();
        }
        let held: Vec<Cmd> = (2..42)
            .map(|rseq| Cmd::reliable(0, rseq, &[2; 30]))
            .collect();
        for _ in 0..3 {
            harness.feed(&held);
        }
        harness.forget();
        harness.end.sent.shrink_to_fit();
        assert!(heap::live() - before > 500_000);
        harness.conn().close();
        harness.poll();
        let (left, counted) = (heap::live() - before, harness.conn().queued_bytes());
        assert_eq!(counted, 0);
        assert!(left < 64 * 1024, "{left} bytes after the end");
    });
}

/// A steady exchange does not grow: the heap memory stays constant after a while.
#[test]
fn a_long_exchange_does_not_grow() {
    both(|harness| {
        let mut marks = Vec::new();
        for rseq in 1..=6000 {
            harness.now += 10;
            harness
                .conn()
                .send(0, Delivery::Reliable, &[3; 200])
                .unwrap();
            harness.poll();
            let time = harness.end.sent.last().unwrap().read().time;
            harness.now += 10;
            harness.feed(&[Cmd::ack(0, rseq, time), Cmd::reliable(0, rseq, &[4; 200])]);
            assert_eq!(harness.end.messages().len(), 1);
            harness.forget();
            if rseq % 2000 == 0 {
                marks.push(heap::live());
            }
        }
        assert!(marks[2] - marks[1] < 4096, "{marks:?}");
    });
}
