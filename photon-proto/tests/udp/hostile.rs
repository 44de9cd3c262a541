//! Scenario 40: random and mutated datagrams with the correct challenge, into each role, while time
//! moves. Spec: udp.md 9, 10.
//!
//! `cargo test` runs 60,000 of them per role. `PHOTON_UDP_FULL=1` in the environment runs
//! 1,000,000. What ran is printed.

use crate::harness::{CHALLENGE, Harness, PEER_ID, Rng, at, config, server_config};
use crate::heap;
use crate::wire::{self, Cmd, Fragments, with_crc};
use photon_proto::udp::{Config, Delivery, State};

fn rounds() -> u64 {
    if std::env::var_os("PHOTON_UDP_FULL").is_some_and(|value| value == "1") {
        1_000_000
    } else {
        60_000
    }
}

/// A number that is often near something that matters.
fn number(rng: &mut Rng) -> u32 {
    match rng.below(10) {
        0 => 0,
        1 => u32::MAX,
        2 => 0x7FFF_FFFF,
        3 => 0x8000_0000,
        4 => u32::try_from(rng.next() & 0xFFFF_FFFF).unwrap(),
        5 => u32::try_from(rng.below(5000)).unwrap(),
        _ => u32::try_from(rng.below(20)).unwrap(),
    }
}

fn payload(rng: &mut Rng) -> Vec<u8> {
    let length = if rng.percent(5) {
        rng.below(1500)
    } else {
        rng.below(20)
    };
    (0..length).map(|_| rng.byte()).collect()
}

/// A command that is well formed more often than not.
fn command(rng: &mut Rng) -> Cmd {
    let channel = [0, 0, 0, 1, 2, 255][usize::try_from(rng.below(6)).unwrap()];
    let (one, two, bytes) = (number(rng), number(rng), payload(rng));
    let part = |rng: &mut Rng| {
        let count = number(rng);
        (
            Fragments {
                start: number(rng),
                count,
                total: number(rng),
            },
            number(rng),
            number(rng),
        )
    };
    let mut cmd = match rng.below(14) {
        0 => Cmd::ack(channel, one, two),
        1 => Cmd::ack_unsequenced(channel, one, two),
        2 | 3 => Cmd::reliable(channel, one, &bytes),
        4 => Cmd::unreliable(channel, one, two, &bytes),
        5 => Cmd::unsequenced(channel, one, &bytes),
        6 => Cmd::reliable_unsequenced(channel, one, &bytes),
        7 | 8 => {
            let (of, number, offset) = part(rng);
            Cmd::fragment(channel, of, number, offset, &bytes)
        }
        9 => {
            let (of, number, offset) = part(rng);
            Cmd::fragment_unsequenced(channel, of, number, offset, &bytes)
        }
        10 => Cmd::ping(one),
        // Rare, or none of them would live long.
        11 if rng.below(2000) == 0 => Cmd::disconnect(one, rng.byte()),
        // A part of a message that could be, mostly.
        11 => {
            let count = 1 + u32::from(rng.byte() % 5);
            let of = Fragments {
                start: 1 + u32::from(rng.byte() % 40),
                count,
                total: 10 * count,
            };
            let number = u32::from(rng.byte()) % count;
            let make = if rng.percent(50) {
                Cmd::fragment
            } else {
                Cmd::fragment_unsequenced
            };
            make(channel, of, number, 10 * number, &[rng.byte(); 10])
        }
        12 => Cmd::verify(u16::try_from(one & 0xFFFF).unwrap()),
        _ => Cmd::new(rng.byte(), channel, rng.byte(), one, &bytes),
    };
    if rng.percent(3) {
        cmd.flags = rng.byte();
    }
    if rng.percent(3) {
        cmd.size = number(rng);
    }
    cmd
}

fn hostile_datagram(rng: &mut Rng, valid: &[u8]) -> Vec<u8> {
    let mut bytes = match rng.below(6) {
        // Pure noise after a header with the right challenge.
        0 => {
            let mut bytes = wire::datagram(PEER_ID, number(rng), CHALLENGE, &[]);
            bytes[3] = rng.byte();
            let length = rng.below(1300);
            bytes.extend((0..length).map(|_| rng.byte()));
            bytes
        }
        // A valid one, changed.
        1 => {
            let mut bytes = valid.to_vec();
            for _ in 0..=rng.below(4) {
                let at = usize::try_from(rng.below(u64::try_from(bytes.len()).unwrap())).unwrap();
                bytes[at] = rng.byte();
            }
            if rng.percent(30) {
                bytes.truncate(
                    usize::try_from(rng.below(u64::try_from(bytes.len() + 1).unwrap())).unwrap(),
                );
            }
            if let Some(challenge) = bytes.get_mut(8..12) {
                challenge.copy_from_slice(&CHALLENGE.to_be_bytes());
            }
            bytes
        }
        _ => {
            let most = if rng.percent(5) { 100 } else { 4 };
            let count = 1 + rng.below(most);
            let commands: Vec<Cmd> = (0..count).map(|_| command(rng)).collect();
            wire::datagram(PEER_ID, number(rng), CHALLENGE, &commands)
        }
    };
    if rng.percent(10) && bytes.len() >= 12 {
        bytes = with_crc(&bytes);
    }
    bytes
}

/// One connection after the other gets hostile datagrams; each has to stay within its caps, and to
/// end at most once.
fn attack(seed: u64, is_client: bool) {
    let mut rng = Rng(seed);
    let (mut ended, mut connections, mut largest, mut longest, mut messages) = (0, 0, 0, 0, 0);
    let mut left = rounds();
    while left > 0 {
        connections += 1;
        let cap = if rng.percent(50) { 64 * 1024 } else { 4 << 20 };
        let change = |config: &mut Config| {
            config.incoming_cap_bytes = cap;
            // Half of them are killed early, the others get deep.
            config.max_violations = if connections % 2 == 0 { 1000 } else { u32::MAX };
        };
        let live = heap::live();
        let mut harness = if is_client {
            Harness::client(config(change))
        } else {
            Harness::server(server_config(change))
        };
        harness.end.keep_sent = false;
        let valid = harness.datagram(&[
            Cmd::reliable(0, 1, b"valid"),
            Cmd::ping(2),
            Cmd::unreliable(1, 0, 1, b"u"),
        ]);
        for count in 1..=3000.min(left) {
            left -= 1;
            longest = longest.max(count);
            let datagram = hostile_datagram(&mut rng, &valid);
            let now = at(harness.now);
            let block = heap::largest(|| harness.conn().handle_datagram(now, &datagram));
            largest = largest.max(block);
            // At most doubling queues of small entries; never a length that a datagram announces.
            assert!(
                block <= 256 * 1024,
                "seed {seed}: {block} bytes for {}",
                wire::hex(&datagram)
            );
            harness.end.taking = rng.percent(80);
            if rng.percent(20) {
                harness.now += rng.below(50);
                let _ = harness
                    .conn()
                    .send(rng.byte() % 3, Delivery::Reliable, b"meanwhile");
            }
            if rng.percent(1) {
                harness.now += rng.below(1000);
            }
            harness.end.poll(harness.now);
            let kept = harness.end.conn.received_bytes();
            assert!(
                kept <= cap + 4096,
                "seed {seed}: {kept} bytes kept, the cap is {cap}"
            );
            messages += harness.end.messages().len();
            harness.end.sent.clear();
            if harness.end.conn.state() == State::Disconnected {
                break;
            }
        }
        harness.end.taking = true;
        harness.end.poll(harness.now);
        ended += usize::from(harness.end.end().is_some());
        let held = heap::live() - live;
        assert!(
            held <= isize::try_from(2 * cap + (2 << 20)).unwrap(),
            "seed {seed}: {held} bytes on the heap"
        );
    }
    let role = if is_client { "client" } else { "server" };
    println!(
        "{role}: {} datagrams, {connections} connections, the longest took {longest}, {ended} ended, {messages} messages, \
         largest block {largest}",
        rounds()
    );
    assert!(
        ended > 0 && longest > 500 && messages > 1000,
        "{ended} ended, the longest took {longest}, {messages} messages"
    );
}

#[test]
fn u40_hostile_datagrams_at_a_client() {
    attack(40, true);
}

#[test]
fn u40_hostile_datagrams_at_a_server() {
    attack(41, false);
}

/// One hostile datagram at a new connection uses little more memory than its own length.
#[test]
fn u40_one_datagram_allocates_no_more_than_its_size_class() {
    let mut rng = Rng(42);
    for round in 0..20_000 {
        let is_client = round % 2 == 0;
        let mut harness = if is_client {
            Harness::client(config(|_| ()))
        } else {
            Harness::server(server_config(|_| ()))
        };
        let valid = harness.datagram(&[Cmd::reliable(0, 1, b"valid"), Cmd::ping(2)]);
        let datagram = hostile_datagram(&mut rng, &valid);
        let now = at(harness.now);
        let block = heap::largest(|| harness.conn().handle_datagram(now, &datagram));
        // A queue of 156 small entries, or a payload, with space to grow. Spec: udp.md 10.
        assert!(block <= 8192, "{block} bytes for {}", wire::hex(&datagram));
    }
}

/// Datagrams that arrive while connecting, in either role.
#[test]
fn u40_hostile_datagrams_before_the_connection_is_established() {
    let mut rng = Rng(43);
    for round in 0..rounds() / 20 {
        let is_client = round % 2 == 0;
        let mut harness = if is_client {
            Harness::new_client(config(|_| ()))
        } else {
            Harness::new_server(server_config(|_| ()))
        };
        let valid = harness.datagram(&[Cmd::ack(255, 1, 0), Cmd::verify(PEER_ID)]);
        for _ in 0..20 {
            let datagram = hostile_datagram(&mut rng, &valid);
            harness.now += rng.below(40);
            let now = at(harness.now);
            harness.conn().handle_datagram(now, &datagram);
            harness.end.poll(harness.now);
            assert!(harness.end.conn.received_bytes() <= 4 << 20);
        }
    }
}

/// Datagrams of a real session, replayed in any order and any number, and cut anywhere.
#[test]
fn u40_every_truncation_of_a_valid_datagram_is_dropped_or_decoded() {
    for is_client in [true, false] {
        let of = Fragments {
            start: 3,
            count: 2,
            total: 8,
        };
        let make = || {
            if is_client {
                Harness::client(config(|_| ()))
            } else {
                Harness::server(server_config(|_| ()))
            }
        };
        let commands = [
            Cmd::ack(0, 1, 0),
            Cmd::reliable(0, 1, b"reliable"),
            Cmd::unreliable(0, 1, 1, b"unreliable"),
            Cmd::fragment(0, of, 0, 0, b"half"),
            Cmd::unsequenced(1, 1, b"unsequenced"),
            Cmd::reliable_unsequenced(1, 1, b"any order"),
            Cmd::ping(3),
        ];
        let whole = make().datagram(&commands);
        for summed in [false, true] {
            let bytes = if summed {
                with_crc(&whole)
            } else {
                whole.clone()
            };
            let header = if summed { 16 } else { 12 };
            for length in 0..bytes.len() {
                let mut harness = make();
                let acks = harness.feed_bytes(&bytes[..length]);
                // The checksum covers the whole datagram; without one, what came before the cut
                // counts.
                let mut end = header;
                let whole = commands.iter().take_while(|cmd| {
                    end += 12 + cmd.body.len();
                    !summed && end <= length
                });
                let expected: Vec<Cmd> = whole
                    .filter(|cmd| cmd.is_reliable())
                    .map(|cmd| harness.ack_of(cmd))
                    .collect();
                assert_eq!(acks, expected, "{length} bytes");
            }
            let mut harness = make();
            assert_eq!(
                harness
                    .feed_bytes(&bytes)
                    .iter()
                    .filter(|cmd| cmd.is_ack())
                    .count(),
                4
            );
        }
    }
}
