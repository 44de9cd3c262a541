//! The recorded sessions of the official client, played to ours. Spec: udp.md 10, last paragraphs.
//!
//! Our client is given the recorded challenge and the server's datagrams; the application's sends
//! are those that the recorded datagrams imply. It is polled when the recorded client was seen to
//! send, and every 20 ms in between. The commands have to be the same, in order. Nothing here knows
//! a session by its name: another recording of the same shape can be put through [`replay`] as it
//! is.
//!
//! A malformed server datagram has to be dropped. The acks that the recorded client sent for one
//! are left out of the comparison.

use crate::harness::{
    Endpoint, NetworkHarness, Packet, RoundTripMs, Side, at, millis, ms, server_datagram,
};
use crate::recording::{Act, Key, acts, arrival, entries, key};
use crate::wire::{ACK, ACK_UNSEQUENCED, CONNECT, Cmd, DISCONNECT, Datagram, hex, u32_at, unhex};
use photon_proto::udp::{self, Config, Connection, Delivery};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The recorded client was polled this often, or more often.
pub(crate) const POLL_MS: u64 = 20;
/// The artefact of 5.4 that we do not copy: resends of the recorded client come up to this much
/// later on fast links.
const ARTEFACT_MS: u64 = 100;

pub(crate) fn sessions() -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("../vectors/udp-handshake.json")).unwrap();
    all["sessions"].as_array().unwrap().clone()
}

pub(crate) fn number(json: &Json) -> u64 {
    json.as_u64().unwrap_or_else(|| panic!("a number: {json}"))
}

pub(crate) fn settings(session: &Json) -> Config {
    let json = &session["client_settings"];
    let mut config = Config::client();
    config.mtu = u16::try_from(number(&json["mtu"])).unwrap();
    config.channels = u8::try_from(number(&json["channels"])).unwrap();
    config.quick_resends = u32::try_from(number(&json["quick_resend_attempts"])).unwrap();
    config.max_resends = u32::try_from(number(&json["sent_count_allowance"])).unwrap();
    config.disconnect_timeout = ms(number(&json["disconnect_timeout_ms"]));
    config.ping_interval = ms(number(&json["ping_interval_ms"]));
    config.crc = json["crc"].as_bool().unwrap();
    // Our own policy, which the recorded client does not have.
    config.connect_timeout = ms(0);
    config
}

/// A command that went out.
#[derive(Clone, Debug)]
struct Line {
    at: u64,
    peer_id: u16,
    flags: u8,
    cmd: Cmd,
    /// The timeout of a command that is sent for the first time now.
    timeout: u64,
}

impl Line {
    fn same(&self, other: &Self) -> bool {
        (self.peer_id, self.flags, &self.cmd) == (other.peer_id, other.flags, &other.cmd)
    }
}

struct Replayed {
    ours: Vec<Line>,
    theirs: Vec<Line>,
    /// The messages that our client delivered, and whether all datagrams to the recorded client
    /// were well-formed.
    messages: Vec<Vec<u8>>,
    is_well_formed: bool,
}

fn lines<'a>(datagrams: impl Iterator<Item = (u64, &'a Datagram, u64)>) -> Vec<Line> {
    datagrams
        .flat_map(|(at, datagram, timeout)| {
            let (peer_id, flags) = (datagram.peer_id, datagram.flags);
            datagram.commands.iter().cloned().map(move |cmd| Line {
                at,
                peer_id,
                flags,
                cmd,
                timeout,
            })
        })
        .collect()
}

/// Plays one recorded session.
fn replay(session: &Json) -> Replayed {
    let config = settings(session);
    let entries = entries(session);
    let first = entries[0].read.as_ref().unwrap();
    assert!(
        entries[0].is_client && first.commands[0].kind == CONNECT,
        "the recording begins with connect"
    );
    let acts = acts(&entries, &config);
    let mut end = Endpoint::new(Connection::connect(config, first.challenge, at(0)));
    let mut now = first.time.into();
    // The first timeout that held when each datagram was sent. Spec: udp.md 5.4.
    let mut timeouts = Vec::new();
    let mut poll = |end: &mut Endpoint, now: u64| {
        let timeout = end.conn.round_trip_ms() + 4 * end.conn.round_trip_variance_ms();
        end.poll(now);
        timeouts.resize(end.sent.len(), timeout.min(400));
    };
    for (index, entry) in entries.iter().enumerate() {
        let next = if entry.is_client {
            entry.at
        } else {
            arrival(&entries, index, end.conn.round_trip_ms()).max(now)
        };
        // Polls of the recorded client that sent nothing, counted back from the next one that did.
        let seen = entries[index..]
            .iter()
            .find(|entry| entry.is_client)
            .map_or(next, |entry| entry.at);
        let mut polls: Vec<u64> = (1..)
            .map_while(|step| seen.checked_sub(step * POLL_MS))
            .take_while(|at| *at > now)
            .collect();
        polls.retain(|poll| *poll <= next);
        for at_poll in polls.into_iter().rev() {
            poll(&mut end, at_poll);
        }
        now = next;
        if !entry.is_client {
            end.conn.handle_datagram(at(now), &entry.bytes);
            continue;
        }
        for act in acts.get(&index).into_iter().flatten() {
            match act {
                Act::Send {
                    channel,
                    delivery,
                    bytes,
                } => end.conn.send(*channel, *delivery, bytes).unwrap(),
                Act::FetchServerTime => end.conn.fetch_server_time(),
                Act::Close => end.conn.close(),
            }
        }
        poll(&mut end, now);
    }
    for _ in 0..10 {
        now += POLL_MS;
        poll(&mut end, now);
    }
    let sent: Vec<(u64, Datagram)> = end.sent.iter().map(|sent| (sent.at, sent.read())).collect();
    let challenge = first.challenge;
    assert!(
        sent.iter().all(
            |(at, datagram)| datagram.challenge == challenge && u64::from(datagram.time) == *at
        )
    );
    // The acks for a malformed datagram: ours are those of the commands before the malformed one,
    // which are compared elsewhere.
    let malformed: BTreeSet<u32> = entries
        .iter()
        .filter(|entry| entry.read.is_none())
        .map(|entry| u32_at(&entry.bytes, 4))
        .collect();
    let is_of_malformed = |cmd: &Cmd| cmd.is_ack() && malformed.contains(&cmd.acked().1);
    let theirs = entries
        .iter()
        .filter(|entry| entry.is_client)
        .map(|entry| (entry.at, entry.read.as_ref().unwrap(), 0));
    let mut theirs = lines(theirs);
    theirs.retain(|line| !is_of_malformed(&line.cmd));
    let mut ours = lines(
        sent.iter()
            .zip(&timeouts)
            .map(|((at, datagram), timeout)| (*at, datagram, *timeout)),
    );
    ours.retain(|line| !is_of_malformed(&line.cmd));
    Replayed {
        ours,
        theirs,
        messages: end
            .messages()
            .into_iter()
            .map(|(_, _, bytes)| bytes)
            .collect(),
        is_well_formed: malformed.is_empty(),
    }
}

/// Acknowledgements, and all other commands: two streams whose order among each other is as exact
/// as the polls.
fn split(lines: &[Line]) -> [Vec<Line>; 2] {
    let (acks, others) = lines
        .iter()
        .cloned()
        .partition(|line| matches!(line.cmd.kind, ACK | ACK_UNSEQUENCED));
    [acks, others]
}

/// The commands are the same, in order, and at the same times.
fn compare(name: &str, replayed: &Replayed) {
    let [our_acks, ours] = split(&replayed.ours);
    let [their_acks, theirs] = split(&replayed.theirs);
    for (what, ours, theirs) in [("ack", &our_acks, &their_acks), ("command", &ours, &theirs)] {
        for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
            assert!(
                our.same(their),
                "{name}, {what} {index}:\nours   {our:?}\ntheirs {their:?}"
            );
        }
        let left = if ours.len() > theirs.len() {
            &ours[theirs.len()..]
        } else {
            &theirs[ours.len()..]
        };
        assert!(
            left.is_empty(),
            "{name}: {} and {} {what}s, {left:?}",
            ours.len(),
            theirs.len()
        );
    }
    for (our, their) in our_acks.iter().zip(&their_acks) {
        assert!(
            our.at.abs_diff(their.at) <= POLL_MS,
            "{name}:\nours   {our:?}\ntheirs {their:?}"
        );
    }
    compare_times(name, &ours, &theirs);
}

/// First transmissions: one poll step. Later ones, and a timeout at the end: the step from the one
/// before has to be the command's first timeout, as often doubled as ours, plus 1 and at most a
/// poll step. The first timeout of the recorded client depends on round trip times that are not in
/// the recording to the millisecond: one that explains all its steps has to exist, no further from
/// ours than a poll step.
fn compare_times(name: &str, ours: &[Line], theirs: &[Line]) {
    struct Transmissions {
        timeout: u64,
        last: [u64; 2],
        least: u64,
        most: u64,
    }
    let mut sent: BTreeMap<Key, Transmissions> = BTreeMap::new();
    let mut last = None;
    for (our, their) in ours.iter().zip(theirs) {
        let label = format!("{name}:\nours   {our:?}\ntheirs {their:?}");
        let ended = our.cmd.kind == DISCONNECT && our.cmd.reserved == 2;
        let key = if ended {
            last.expect("a timeout of something")
        } else {
            key(&our.cmd)
        };
        last = Some(key);
        let Some(known) = sent.get_mut(&key) else {
            assert!(our.at.abs_diff(their.at) <= POLL_MS, "{label}");
            let (least, most) = (our.timeout.saturating_sub(POLL_MS), our.timeout + POLL_MS);
            sent.insert(
                key,
                Transmissions {
                    timeout: our.timeout,
                    last: [our.at, their.at],
                    least,
                    most,
                },
            );
            continue;
        };
        let [step, their_step] = [our.at - known.last[0], their.at - known.last[1]];
        known.last = [our.at, their.at];
        let timeout = known.timeout;
        let scale = (0..16)
            .map(|doublings| 1 << doublings)
            .rfind(|scale| timeout * scale < step)
            .expect("a step");
        assert!(
            step <= timeout * scale + 1 + POLL_MS,
            "{label}: {step} after {timeout} x {scale}"
        );
        let late = POLL_MS
            + if timeout < ARTEFACT_MS {
                ARTEFACT_MS
            } else {
                0
            };
        known.most = known.most.min((their_step - 1) / scale);
        known.least = known
            .least
            .max((their_step.saturating_sub(1 + late)).div_ceil(scale));
        assert!(
            known.least <= known.most,
            "{label}: {their_step}, ours {timeout} x {scale}"
        );
    }
}

/// The messages that the recorded client delivered, by code, as far as the recording names them:
/// events and responses.
fn compare_messages(name: &str, session: &Json, replayed: &Replayed) {
    if !replayed.is_well_formed {
        return;
    }
    let mut theirs: Vec<(u8, u8)> = Vec::new();
    for callback in session["client_callbacks"].as_array().unwrap() {
        let kind = match callback["kind"].as_str().unwrap() {
            "event" => 4,
            "opresp" => 3,
            _ => continue,
        };
        let code = callback["text"]
            .as_str()
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        theirs.push((kind, code.parse().unwrap()));
    }
    let mut ours: Vec<(u8, u8)> = replayed
        .messages
        .iter()
        .filter(|bytes| matches!(bytes[1], 3 | 4))
        .map(|bytes| (bytes[1], bytes[2]))
        .collect();
    theirs.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, theirs, "{name}");
}

#[test]
fn every_recorded_session_is_replayed_with_the_same_commands() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 17);
    let mut commands = 0;
    for session in &sessions {
        let name = session["name"].as_str().unwrap();
        println!("{name}");
        let replayed = replay(session);
        compare(name, &replayed);
        compare_messages(name, session, &replayed);
        // In these sessions the two streams mix in the same way, too.
        for (our, their) in replayed.ours.iter().zip(&replayed.theirs) {
            assert!(our.same(their), "{name}:\nours   {our:?}\ntheirs {their:?}");
        }
        commands += replayed.ours.len();
    }
    println!("{commands} commands");
    assert!(commands > 340, "{commands}");
}

/// The comparison detects each of these changes to a recording.
#[test]
fn a_changed_recording_is_noticed() {
    let session = &sessions()[0];
    let replayed = replay(session);
    compare("as recorded", &replayed);
    type Change = fn(&mut Vec<Line>);
    let changes: [(&str, Change); 8] = [
        ("type", |lines| lines[0].cmd.kind = 9),
        ("channel", |lines| lines[2].cmd.channel = 1),
        ("flags", |lines| lines[2].cmd.flags = 3),
        ("reserved", |lines| lines[1].cmd.reserved = 0),
        ("number", |lines| lines[5].cmd.rseq += 1),
        ("payload", |lines| lines[2].cmd.body[40] ^= 1),
        ("one missing", |lines| drop(lines.pop())),
        ("a second late", |lines| lines[5].at += 1000),
    ];
    for (what, change) in changes {
        let mut theirs = replayed.theirs.clone();
        change(&mut theirs);
        let changed = Replayed {
            theirs,
            ours: replayed.ours.clone(),
            messages: vec![],
            is_well_formed: true,
        };
        let noticed = std::panic::catch_unwind(|| compare(what, &changed)).is_err();
        assert!(noticed, "{what}");
    }
}

/// A run of the simulation in the shape of a recording.
fn recorded(harness: &NetworkHarness, config: &Config) -> Json {
    let theirs = harness
        .arrived
        .iter()
        .map(|(at, bytes)| (*at, 0, json!({"dir": "server->client", "hex": hex(bytes)})));
    let ours = harness.client.sent.iter();
    let ours = ours.map(|sent| {
        (
            sent.at,
            1,
            json!({"dir": "client->server", "hex": hex(&sent.bytes)}),
        )
    });
    // Datagrams that arrive at a time precede those that are sent because of them.
    let mut all: Vec<(u64, i32, Json)> = theirs.chain(ours).collect();
    all.sort_by_key(|(at, order, _)| (*at, *order));
    let datagrams: Vec<Json> = all
        .into_iter()
        .map(|(at, _, mut json)| {
            json["t_ms"] = at.into();
            json
        })
        .collect();
    json!({
        "client_settings": {
            "channels": config.channels, "mtu": config.mtu, "quick_resend_attempts": config.quick_resends,
            "sent_count_allowance": config.max_resends, "disconnect_timeout_ms": millis(config.disconnect_timeout),
            "ping_interval_ms": millis(config.ping_interval), "crc": config.crc,
        },
        "client_callbacks": [],
        "datagrams": datagrams,
    })
}

/// Recordings that the replay was not made for: losses, a full window, a timeout, a slow answer to
/// server-time, endings.
#[test]
fn other_recordings_are_replayed_too() {
    type Scene = (
        &'static str,
        fn(&Packet<'_>) -> Vec<u64>,
        fn(&mut NetworkHarness),
    );
    let scenes: [Scene; 8] = [
        ("idle", |_| vec![20], |harness| harness.run_until(8000)),
        (
            "a full window, and its first command lost",
            |packet| {
                if packet.from == Side::Client && packet.at == 200 && packet.index == 3 {
                    vec![]
                } else {
                    vec![20]
                }
            },
            |harness| {
                harness.run_until(200);
                for _ in 0..130 {
                    harness.send(Delivery::Reliable, &[7; 1100]);
                }
                harness.run_until(3000);
                harness.client.conn.close();
                harness.run_until(3100);
            },
        ),
        (
            "every fifth datagram lost, all delivery modes",
            |packet| {
                if packet.index % 5 == 4 {
                    vec![]
                } else {
                    vec![20]
                }
            },
            |harness| {
                for step in 0..60_u64 {
                    harness.run_until(400 + 70 * step);
                    let delivery = Delivery::from_code(u8::try_from(step % 4).unwrap()).unwrap();
                    harness.send(delivery, &vec![5; 30 * usize::try_from(step).unwrap()]);
                }
                harness.run_until(9000);
            },
        ),
        (
            "a slow answer to server-time",
            |packet| {
                if packet.from == Side::Server && packet.at == 100 {
                    vec![45]
                } else {
                    vec![20]
                }
            },
            |harness| harness.run_until(1000),
        ),
        (
            "a timeout",
            |packet| {
                if packet.from == Side::Client && packet.at >= 500 {
                    vec![]
                } else {
                    vec![20]
                }
            },
            |harness| {
                harness.run_until(500);
                harness.send(Delivery::Reliable, b"never acked");
                harness.run_until(20_000);
            },
        ),
        (
            "30 in flight, all lost",
            |packet| {
                if packet.from == Side::Client && packet.at >= 200 {
                    vec![]
                } else {
                    vec![20]
                }
            },
            |harness| {
                harness.run_until(200);
                for _ in 0..30 {
                    harness.send(Delivery::Reliable, b"never acked");
                }
                harness.run_until(20_000);
            },
        ),
        (
            "closed while connecting",
            |_| vec![],
            |harness| {
                harness.run_until(300);
                harness.client.conn.close();
                harness.run_until(400);
            },
        ),
        (
            "the server says goodbye",
            |_| vec![20],
            |harness| {
                harness.run_until(300);
                harness.inject(320, &server_datagram(300, &[Cmd::disconnect(5, 3)]));
                harness.run_until(400);
            },
        ),
    ];
    for (name, fate, play) in scenes {
        for quick in [0, 2] {
            println!("{name}, quick {quick}");
            let mut config = Config::client();
            // As the recorded clients.
            (config.max_resends, config.quick_resends) = (7, quick);
            config.connect_timeout = ms(0);
            let mut harness = NetworkHarness::script_with(config.clone());
            harness.set_fate(move |packet| {
                let delays: Vec<u64> = fate(packet);
                delays
                    .into_iter()
                    .map(|delay| packet.copy_after(delay))
                    .collect()
            });
            play(&mut harness);
            let replayed = replay(&recorded(&harness, &config));
            compare(name, &replayed);
        }
    }
}

/// Every datagram of the recordings is decoded as described, except the two malformed ones.
#[test]
fn every_recorded_datagram_parses_as_it_is_described() {
    let (mut parsed, mut malformed) = (0, 0);
    for session in sessions() {
        for json in session["datagrams"].as_array().unwrap() {
            let label = format!("{}, {}", session["name"], json["i"]);
            let (bytes, decoded) = (unhex(json["hex"].as_str().unwrap()), &json["decoded"]);
            let commands = decoded["commands"].as_array().unwrap();
            let read = udp::datagram::decode(&bytes);
            if commands.is_empty()
                || commands
                    .iter()
                    .any(|command| command.get("malformed").is_some())
            {
                assert!(read.is_err(), "{label}: {read:?}");
                malformed += 1;
                continue;
            }
            let read = read.unwrap_or_else(|error| panic!("{label}: {error}"));
            let header = &read.header;
            assert_eq!(
                u64::from(header.peer_id),
                number(&decoded["peer_id"]),
                "{label}"
            );
            assert_eq!(
                u64::from(header.sent_time),
                number(&decoded["sent_time"]),
                "{label}"
            );
            assert_eq!(
                format!("{:08x}", header.challenge),
                decoded["challenge"].as_str().unwrap(),
                "{label}"
            );
            assert_eq!(usize::from(header.count), commands.len(), "{label}");
            assert_eq!(
                header.crc.map(|crc| format!("{crc:08x}")).as_deref(),
                decoded["crc"].as_str(),
                "{label}"
            );
            assert_eq!(read.trailing_bytes(), 0, "{label}");
            assert_eq!(read.commands().count(), commands.len(), "{label}");
            for (ours, theirs) in read.commands().zip(commands) {
                let fields = [
                    (u64::from(ours.kind), "type"),
                    (u64::from(ours.channel), "channel"),
                    (u64::from(ours.flags), "flags"),
                    (u64::from(ours.reserved), "reserved"),
                    (u64::from(ours.size), "size"),
                    (u64::from(ours.rseq), "reliable_seq"),
                ];
                for (ours, field) in fields {
                    assert_eq!(ours, number(&theirs[field]), "{label}: {field}");
                }
            }
            parsed += 1;
        }
    }
    // The datagram without commands is the third one that is refused.
    assert_eq!(malformed, 3);
    assert!(parsed > 280, "{parsed}");
}
