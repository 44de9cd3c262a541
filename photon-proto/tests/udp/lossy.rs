//! Scenario 37: both roles over a bad network. Spec: udp.md 10.
//!
//! `cargo test` runs 500 messages each way with 6 seeds. `PHOTON_UDP_FULL=1` in the environment
//! runs what the specification asks for: 10,000 messages each way with 100 seeds, about half a
//! minute with the optimised test profile. What ran is printed.

use crate::harness::{NetworkHarness, Packet, Rng, Server, Side};
use crate::wire::{ACK_UNSEQUENCED, CONTROL};
use photon_proto::udp::{Config, Delivery};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn full() -> bool {
    std::env::var_os("PHOTON_UDP_FULL").is_some_and(|value| value == "1")
}

/// A network that loses, duplicates and delays by chance.
#[derive(Clone, Copy)]
struct Weather {
    loss: u64,
    duplication: u64,
    jitter: u64,
}

/// Message `number`: its number, then filling; now and then long enough for several fragments.
fn message(number: u32) -> Vec<u8> {
    let length = if number % 50 == 49 {
        3000
    } else {
        4 + number % 90
    };
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(usize::try_from(length).unwrap(), number.to_le_bytes()[0]);
    bytes
}

/// The commands of each end that are sent and not acknowledged, as the network sees it.
#[derive(Default)]
struct InFlight {
    /// By side, then by channel, unsequenced or not, and number; with the arrival of the first
    /// acknowledgement.
    commands: [BTreeMap<(u8, bool, u32), u64>; 2],
    /// The most of each side's data channel 0, and of its control channel.
    most: [[usize; 2]; 2],
}

impl InFlight {
    /// A datagram leaves, and its copies arrive after these delays.
    fn see(&mut self, packet: &Packet<'_>, delays: &[u64]) {
        let [own, other] = if packet.from == Side::Client {
            [0, 1]
        } else {
            [1, 0]
        };
        // Received datagrams were processed before this one was built.
        self.commands[own].retain(|_, acked_at| *acked_at > packet.at);
        for cmd in packet.commands() {
            if cmd.is_ack() {
                let key = (cmd.channel, cmd.kind == ACK_UNSEQUENCED, cmd.acked().0);
                if let (Some(acked_at), Some(delay)) =
                    (self.commands[other].get_mut(&key), delays.iter().min())
                {
                    *acked_at = (*acked_at).min(packet.at + delay);
                }
            } else if cmd.is_reliable() {
                self.commands[own]
                    .entry((cmd.channel, cmd.flags & 2 != 0, cmd.rseq))
                    .or_insert(u64::MAX);
            }
        }
        for (most, channel) in self.most[own].iter_mut().zip([0, CONTROL]) {
            *most = (*most).max(
                self.commands[own]
                    .keys()
                    .filter(|key| key.0 == channel)
                    .count(),
            );
        }
    }
}

struct Outcome {
    most_in_flight: [[usize; 2]; 2],
    most_received: usize,
    resent: u64,
    ended_at: u64,
}

fn run(seed: u64, count: u32, weather: Weather) -> Outcome {
    let config = Config::client();
    let mut rng = Rng(seed);
    let mut harness = NetworkHarness::new(
        config.clone(),
        Server::Real {
            config: Config::server(),
            end: None,
        },
    );
    let in_flight = Arc::new(Mutex::new(InFlight::default()));
    let seen = Arc::clone(&in_flight);
    harness.set_fate(move |packet| {
        let copies = if rng.percent(weather.loss) {
            0
        } else {
            1 + usize::from(rng.percent(weather.duplication))
        };
        let delays: Vec<u64> = (0..copies)
            .map(|_| 20 + rng.below(weather.jitter + 1))
            .collect();
        seen.lock().unwrap().see(packet, &delays);
        delays
            .into_iter()
            .map(|delay| packet.copy_after(delay))
            .collect()
    });
    while harness.client.connected_at().is_none()
        || !matches!(harness.server, Server::Real { end: Some(_), .. })
    {
        let next = harness.now + 10;
        harness.run_until(next);
        assert!(
            harness.now < 15_000 && harness.client.end().is_none(),
            "seed {seed}: no connection"
        );
    }
    harness.client.keep_sent = false;
    harness.real().keep_sent = false;

    let (mut sent, mut next) = ([0; 2], [0; 2]);
    let mut outcome = Outcome {
        most_in_flight: [[0; 2]; 2],
        most_received: 0,
        resent: 0,
        ended_at: 0,
    };
    while next != [count; 2]
        || harness.client.conn.in_flight() + harness.real().conn.in_flight() > 0
    {
        // A few at a time, so that the queues stay short.
        for side in [Side::Client, Side::Server] {
            let slot = side as usize;
            let end = if side == Side::Client {
                &mut harness.client
            } else {
                harness.real()
            };
            while end.connected_at().is_some()
                && sent[slot] < count
                && end.conn.queued_bytes() < 40_000
            {
                end.conn
                    .send(0, Delivery::Reliable, &message(sent[slot]))
                    .unwrap();
                sent[slot] += 1;
            }
            for (_, delivery, bytes) in end.messages() {
                if bytes.starts_with(&[0xF3, 0]) && side == Side::Server {
                    continue;
                }
                assert_eq!(delivery, Delivery::Reliable);
                assert_eq!(
                    bytes,
                    message(next[slot]),
                    "seed {seed}: {side:?} got another message than {}",
                    next[slot]
                );
                next[slot] += 1;
            }
            assert_eq!(end.end(), None, "seed {seed}: {side:?} ended");
            outcome.most_received = outcome.most_received.max(end.conn.received_bytes());
            assert!(end.conn.queued_bytes() < 60_000, "seed {seed}");
        }
        let until = harness.now + 10;
        harness.run_until(until);
        assert!(
            harness.now < 3_600_000,
            "seed {seed}: {next:?} after an hour"
        );
    }
    for side in [Side::Client, Side::Server] {
        let end = if side == Side::Client {
            &mut harness.client
        } else {
            harness.real()
        };
        assert_eq!(end.conn.stats().violations, 0, "seed {seed}");
        assert_eq!(end.conn.received_bytes(), 0, "seed {seed}");
        assert_eq!(end.conn.queued_bytes(), 0, "seed {seed}");
        outcome.resent += end.conn.stats().resent_commands;
    }
    outcome.ended_at = harness.now;
    outcome.most_in_flight = in_flight.lock().unwrap().most;
    outcome
}

#[test]
fn u37_each_side_receives_each_message_once_and_in_order_over_a_bad_network() {
    let (seeds, count) = if full() { (100, 10_000) } else { (6, 500) };
    let weather = Weather {
        loss: 5,
        duplication: 5,
        jitter: 30,
    };
    for seed in 0..seeds {
        let Outcome {
            most_in_flight,
            most_received,
            resent,
            ended_at,
        } = run(seed, count, weather);
        // Each side fills its window on channel 0, and has one command about the connection in
        // flight at a time.
        assert_eq!(
            most_in_flight,
            [[50, 1]; 2],
            "seed {seed}: in flight by side, on channels 0 and 255"
        );
        assert!(
            most_received < 256 * 1024,
            "seed {seed}: {most_received} bytes"
        );
        assert!(resent > 0, "seed {seed}: the network lost nothing");
        if seed < 3 {
            println!("seed {seed}: {count} each way in {ended_at} ms, {resent} resent");
        }
    }
    println!(
        "{seeds} seeds, {count} messages each way{}",
        if full() {
            ""
        } else {
            " (PHOTON_UDP_FULL=1 for all)"
        }
    );
}

/// Loss by delay: everything arrives in every weather of the table, only later.
#[test]
fn u37_matrix_of_loss_duplication_and_jitter() {
    for loss in [0, 2, 10] {
        for duplication in [0, 20] {
            for jitter in [0, 5, 120] {
                let weather = Weather {
                    loss,
                    duplication,
                    jitter,
                };
                let outcome = run(1000 + loss * 100 + duplication + jitter, 120, weather);
                if loss == 0 && duplication == 0 && jitter == 0 {
                    assert_eq!(outcome.resent, 0, "nothing is resent on a perfect network");
                }
            }
        }
    }
}

/// All delivery modes at once, on two channels, over a bad network that also flips bits, which
/// checksums detect.
#[test]
fn u37_every_delivery_mode_keeps_its_promise() {
    const COUNT: u32 = 400;
    for seed in 0..6 {
        let mut config = Config::client();
        config.crc = true;
        let mut rng = Rng(seed);
        let mut harness = NetworkHarness::new(
            config,
            Server::Real {
                config: Config::server(),
                end: None,
            },
        );
        harness.run_until(200);
        let mut bits = Rng(seed + 100);
        harness.set_fate(move |packet| {
            let copies = if rng.percent(5) {
                0
            } else {
                1 + usize::from(rng.percent(5))
            };
            (0..copies)
                .map(|_| {
                    let mut copy = packet.copy_after(20 + rng.below(31));
                    if bits.percent(4) {
                        let count = u64::try_from(copy.bytes.len() * 8).unwrap();
                        let bit = usize::try_from(bits.below(count)).unwrap();
                        copy.bytes[bit / 8] ^= 1 << (bit % 8);
                    }
                    copy
                })
                .collect()
        });
        let modes = [0, 1, 2, 3].map(|code| Delivery::from_code(code).unwrap());
        let mut sent = Vec::new();
        for number in 0..COUNT {
            for (channel, delivery) in [0, 1]
                .into_iter()
                .flat_map(|channel| modes.map(|mode| (channel, mode)))
            {
                let payload = message(number);
                if payload.len() < 1000 || delivery == Delivery::Reliable {
                    harness
                        .client
                        .conn
                        .send(channel, delivery, &payload)
                        .unwrap();
                    harness
                        .real()
                        .conn
                        .send(channel, delivery, &payload)
                        .unwrap();
                    sent.push((channel, delivery, number));
                }
            }
            let until = harness.now + 25;
            harness.run_until(until);
        }
        let until = harness.now + 15_000;
        harness.run_until(until);
        let both = [harness.client.messages(), harness.real().messages()];
        for (side, told) in [Side::Client, Side::Server].into_iter().zip(both) {
            for (channel, delivery) in [0, 1]
                .into_iter()
                .flat_map(|channel| modes.map(|mode| (channel, mode)))
            {
                let of =
                    |(at, mode, _): &&(u8, Delivery, Vec<u8>)| (*at, *mode) == (channel, delivery);
                let numbers: Vec<u32> = told
                    .iter()
                    .filter(of)
                    .filter(|(_, _, bytes)| !bytes.starts_with(&[0xF3]))
                    .map(|(_, _, bytes)| {
                        let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
                        assert_eq!(*bytes, message(number), "seed {seed}");
                        number
                    })
                    .collect();
                let all: Vec<u32> = sent
                    .iter()
                    .filter(|(at, mode, _)| (*at, *mode) == (channel, delivery))
                    .map(|(_, _, number)| *number)
                    .collect();
                let mut sorted = numbers.clone();
                sorted.sort_unstable();
                sorted.dedup();
                let label = format!("seed {seed}, {side:?}, channel {channel}, {delivery:?}");
                match delivery {
                    Delivery::Reliable => assert_eq!(numbers, all, "{label}"),
                    Delivery::ReliableUnsequenced => {
                        assert_eq!((sorted, numbers.len()), (all.clone(), all.len()), "{label}");
                    }
                    Delivery::Unreliable => {
                        assert_eq!(sorted, numbers, "{label}: ascending, none twice")
                    }
                    Delivery::UnreliableUnsequenced => {
                        assert_eq!(sorted.len(), numbers.len(), "{label}: none twice")
                    }
                }
                assert!(
                    numbers.len() > all.len() / 2,
                    "{label}: {} of {}",
                    numbers.len(),
                    all.len()
                );
            }
        }
        for side in [Side::Client, Side::Server] {
            let end = if side == Side::Client {
                &mut harness.client
            } else {
                harness.real()
            };
            assert_eq!(
                (end.end(), end.conn.stats().violations),
                (None, 0),
                "seed {seed}, {side:?}"
            );
            assert!(
                end.conn.stats().dropped_datagrams.crc > 0,
                "seed {seed}: nothing was garbled"
            );
        }
    }
}
