//! Captured datagrams of real servers and clients: all are decoded, and the server's messages are
//! delivered once and in order.
//!
//! The captures are not part of this project; `PHOTON_CAPTURES` names the directory they are in.

use crate::harness::{Endpoint, What, at, config, ms};
use crate::wire::{
    self, ACK, CONTROL, Cmd, FRAGMENT, RELIABLE, UNRELIABLE, VERIFY, datagram, hex, u32_at, unhex,
};
use photon_proto::udp::{self, Connection, Delivery};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const FILES: [&str; 4] = [
    "udp-cloud-v16.json",
    "udp-albion-v18.json",
    "udp-albion-v16.json",
    "udp-connects.json",
];

/// The files, or `None` if they are not at hand.
fn captures() -> Option<Vec<(&'static str, Json)>> {
    let Some(directory) = std::env::var_os("PHOTON_CAPTURES").map(PathBuf::from) else {
        println!("captures are not at hand: set PHOTON_CAPTURES to the directory that holds them");
        return None;
    };
    let read = |name: &'static str| {
        let path = directory.join(name);
        let text =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, serde_json::from_slice(&text).unwrap())
    };
    Some(FILES.map(read).into())
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn bytes_of(json: &Json) -> Vec<u8> {
    unhex(json["hex"].as_str().unwrap())
}

#[test]
fn every_captured_datagram_parses() {
    let Some(files) = captures() else { return };
    let (mut datagrams, mut commands) = (0, 0);
    for (file, json) in &files {
        let sessions = list(&json["sessions"])
            .iter()
            .flat_map(|session| list(&session["datagrams"]));
        for entry in sessions.chain(list(&json["items"])) {
            let label = format!("{file}, {}", entry["n"]);
            let bytes = bytes_of(entry);
            let parsed =
                udp::datagram::decode(&bytes).unwrap_or_else(|error| panic!("{label}: {error}"));
            assert_eq!(parsed.trailing_bytes(), 0, "{label}");
            let read = wire::read(&bytes);
            let header = &parsed.header;
            let ours = (header.peer_id, header.sent_time, header.challenge);
            assert_eq!(ours, (read.peer_id, read.time, read.challenge), "{label}");
            let ours = parsed.commands().map(|cmd| {
                (
                    cmd.kind,
                    cmd.channel,
                    cmd.flags,
                    cmd.reserved,
                    cmd.size,
                    cmd.rseq,
                )
            });
            let theirs = read.commands.iter();
            let theirs = theirs.map(|cmd| {
                (
                    cmd.kind,
                    cmd.channel,
                    cmd.flags,
                    cmd.reserved,
                    cmd.size,
                    cmd.rseq,
                )
            });
            assert!(ours.eq(theirs), "{label}: {:?}", read.commands);
            // Spec: udp.md 1.1.
            if entry["dir"] == "S" {
                assert_eq!(header.peer_id, 0, "{label}");
            }
            datagrams += 1;
            commands += read.commands.len();
        }
    }
    println!("{datagrams} datagrams, {commands} commands");
    assert!(datagrams >= 449 && commands > datagrams);
}

/// Numbers of a channel up to the highest one that the stream names, without those that it holds.
fn missing(stream: &[(u64, Vec<u8>)]) -> BTreeMap<u8, BTreeSet<u32>> {
    let mut held: BTreeMap<u8, BTreeSet<u32>> = BTreeMap::new();
    let mut highest: BTreeMap<u8, u32> = BTreeMap::new();
    for (_, bytes) in stream {
        for cmd in wire::read(bytes).commands {
            if matches!(cmd.kind, RELIABLE | FRAGMENT | UNRELIABLE) {
                let known = highest.entry(cmd.channel).or_default();
                *known = cmd.rseq.max(*known);
                if cmd.kind != UNRELIABLE {
                    held.entry(cmd.channel).or_default().insert(cmd.rseq);
                }
            }
        }
    }
    let left = |channel: u8, highest: u32| {
        let held = held.get(&channel).cloned().unwrap_or_default();
        (
            channel,
            (1..=highest).filter(|rseq| !held.contains(rseq)).collect(),
        )
    };
    highest
        .into_iter()
        .map(|(channel, highest)| left(channel, highest))
        .collect()
}

/// A client with the captured challenge, fed with everything that the server sent.
struct Replay {
    end: Endpoint,
    challenge: u32,
    now: u64,
    made_up: usize,
}

impl Replay {
    fn feed(&mut self, bytes: &[u8]) {
        self.end.conn.handle_datagram(at(self.now), bytes);
        self.end.poll(self.now);
    }

    /// Commands that the capture does not hold.
    fn make_up(&mut self, commands: &[Cmd]) {
        self.made_up += commands.len();
        let bytes = datagram(0, 1, self.challenge, commands);
        self.feed(&bytes);
    }
}

fn run(stream: &[(u64, Vec<u8>)]) -> Replay {
    let challenge = wire::read(&stream[0].1).challenge;
    // No pings: the capture would not answer ours.
    let settings = config(|config| config.ping_interval = ms(0));
    let mut replay = Replay {
        end: Endpoint::new(Connection::connect(settings, challenge, at(0))),
        challenge,
        now: 0,
        made_up: 0,
    };
    replay.end.poll(0);
    let has_verify = |bytes: &[u8]| {
        wire::read(bytes)
            .commands
            .iter()
            .any(|cmd| cmd.kind == VERIFY)
    };
    if !has_verify(&stream[0].1) {
        replay.make_up(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(1)]);
    }
    let mut missing = missing(stream);
    let start = stream[0].0;
    for (time, bytes) in stream {
        replay.now = replay.now.max(time - start);
        // Numbers that were sent before the capture began, or in a part of it that is not there:
        // empty commands, which take their number and deliver nothing. Spec: udp.md 4.2.
        for cmd in wire::read(bytes).commands {
            let up_to = match cmd.kind {
                UNRELIABLE => cmd.rseq + 1,
                RELIABLE | FRAGMENT => cmd.rseq,
                _ => continue,
            };
            let numbers = missing.get_mut(&cmd.channel).unwrap();
            let later = numbers.split_off(&up_to);
            let earlier: Vec<u32> = std::mem::replace(numbers, later).into_iter().collect();
            for some in earlier.chunks(100) {
                let some: Vec<Cmd> = some
                    .iter()
                    .map(|rseq| Cmd::reliable(cmd.channel, *rseq, b""))
                    .collect();
                replay.make_up(&some);
            }
        }
        replay.feed(bytes);
    }
    replay
}

fn delivery(json: &Json) -> Delivery {
    match json["delivery"].as_str().unwrap() {
        "reliable" | "fragmented" => Delivery::Reliable,
        "unreliable" => Delivery::Unreliable,
        "unsequenced" => Delivery::UnreliableUnsequenced,
        other => panic!("delivery {other}"),
    }
}

#[test]
fn every_captured_server_stream_is_delivered_once_and_in_order() {
    let Some(files) = captures() else { return };
    let (mut sessions, mut delivered) = (0, 0);
    for (file, json) in &files {
        for session in list(&json["sessions"]) {
            let label = format!("{file}, {}", session["name"]);
            let from_server = list(&session["datagrams"])
                .iter()
                .filter(|entry| entry["dir"] == "S");
            // The server's own clock, which is in every header, is the time.
            let stream: Vec<(u64, Vec<u8>)> = from_server
                .map(bytes_of)
                .map(|bytes| (u64::from(u32_at(&bytes, 4)), bytes))
                .collect();
            if stream.is_empty() {
                continue;
            }
            let replay = run(&stream);
            let expected: Vec<(u8, Delivery, String)> = list(&session["messages"])
                .iter()
                .filter(|message| message["dir"] == "S")
                .map(|message| {
                    let channel = u8::try_from(message["channel"].as_u64().unwrap()).unwrap();
                    (
                        channel,
                        delivery(message),
                        message["hex"].as_str().unwrap().to_owned(),
                    )
                })
                .collect();
            let told = replay.end.log.iter().filter_map(|(_, what)| match what {
                What::Message {
                    channel,
                    delivery,
                    bytes,
                } => Some((*channel, *delivery, hex(bytes))),
                _ => None,
            });
            let told: Vec<(u8, Delivery, String)> = told.collect();
            // The order is per channel, separately for sequenced and unsequenced messages.
            for wanted in [Delivery::Reliable, Delivery::UnreliableUnsequenced] {
                let is_wanted = |delivery: Delivery| {
                    (delivery == Delivery::UnreliableUnsequenced) == (wanted != Delivery::Reliable)
                };
                for channel in 0..2 {
                    let of = |all: &[(u8, Delivery, String)]| -> Vec<(Delivery, String)> {
                        let chosen = all
                            .iter()
                            .filter(|(at, delivery, _)| *at == channel && is_wanted(*delivery));
                        chosen
                            .map(|(_, delivery, hex)| (*delivery, hex.clone()))
                            .collect()
                    };
                    let (ours, theirs) = (of(&told), of(&expected));
                    for (index, (our, their)) in ours.iter().zip(&theirs).enumerate() {
                        assert_eq!(our, their, "{label}, channel {channel}, message {index}");
                    }
                    assert_eq!(ours.len(), theirs.len(), "{label}, channel {channel}");
                }
            }
            assert_eq!(told.len(), expected.len(), "{label}");
            assert_eq!(replay.end.conn.stats().violations, 0, "{label}");
            assert_eq!(
                replay.end.conn.received_bytes(),
                0,
                "{label}: something is held back"
            );
            assert_all_acked(&label, &stream, &replay);
            if replay.made_up == 0 {
                println!("{label}: complete");
            }
            sessions += 1;
            delivered += told.len();
        }
    }
    println!("{sessions} sessions, {delivered} messages");
    assert!(
        sessions >= 9 && delivered >= 270,
        "{sessions} sessions, {delivered} messages"
    );
}

/// Every reliable command of the capture, each copy of it, was acknowledged with the time of its
/// datagram.
fn assert_all_acked(label: &str, stream: &[(u64, Vec<u8>)], replay: &Replay) {
    let mut acked: Vec<(u8, u32, u32)> = Vec::new();
    for (_, cmd) in replay.end.commands() {
        if cmd.kind == ACK && cmd.acked().1 != 1 {
            acked.push((cmd.channel, cmd.acked().0, cmd.acked().1));
        }
    }
    let asked: Vec<(u8, u32, u32)> = stream
        .iter()
        .map(|(_, bytes)| wire::read(bytes))
        .flat_map(|datagram| {
            let time = datagram.time;
            let reliable = datagram.commands.into_iter().filter(Cmd::is_reliable);
            reliable.map(move |cmd| (cmd.channel, cmd.rseq, time))
        })
        .collect();
    assert_eq!(acked, asked, "{label}");
}
