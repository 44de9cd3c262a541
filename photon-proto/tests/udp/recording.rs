//! A recorded session: when each datagram arrived, and the calls of the application that explain
//! the client's datagrams.

use crate::replay::{POLL_MS, number};
use crate::wire::{
    self, ACK, Cmd, DISCONNECT, Datagram, FRAGMENT, FRAGMENT_UNSEQUENCED, RELIABLE,
    RELIABLE_UNSEQUENCED, SERVER_TIME, UNRELIABLE, UNSEQUENCED, u32_at, unhex,
};
use photon_proto::udp::{Config, Delivery};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A recorded datagram, at a time of the client's clock.
pub(crate) struct Entry {
    pub(crate) at: u64,
    pub(crate) is_client: bool,
    pub(crate) bytes: Vec<u8>,
    /// `None` for a malformed one of the server.
    pub(crate) read: Option<Datagram>,
}

/// The client's datagrams are placed by their header times, which are exact. The server's datagrams
/// are placed by `t_ms`, which was measured at the server, and the difference of the two clocks at
/// the client's datagram before it.
pub(crate) fn entries(session: &Json) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut offset = 0;
    for json in session["datagrams"].as_array().unwrap() {
        let bytes = unhex(json["hex"].as_str().unwrap());
        let is_client = json["dir"] == "client->server";
        let t_ms = number(&json["t_ms"]);
        let read = wire::try_read(&bytes);
        let earliest = entries.last().map_or(0, |entry| entry.at);
        let mut placed = t_ms + offset;
        if is_client {
            placed = u64::from(
                read.as_ref()
                    .expect("the client's datagrams are in order")
                    .time,
            );
            offset = placed.saturating_sub(t_ms);
        } else if let Some(read) = &read {
            // Rounding: an answer does not come before its question.
            let echoed = read
                .commands
                .iter()
                .filter(|cmd| cmd.is_ack())
                .map(|cmd| u64::from(cmd.acked().1))
                .max();
            placed = placed.max(
                echoed
                    .filter(|echoed| *echoed < placed + POLL_MS)
                    .unwrap_or(0),
            );
        }
        entries.push(Entry {
            at: placed.max(earliest),
            is_client,
            bytes,
            read,
        });
    }
    entries
}

/// A call of the application.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send {
        channel: u8,
        delivery: Delivery,
        bytes: Vec<u8>,
    },
    FetchServerTime,
    Close,
}

/// The numbers of a command that stay the same over resends.
pub(crate) type Key = (u8, u8, u32);

pub(crate) fn key(cmd: &Cmd) -> Key {
    let number = if matches!(cmd.kind, UNRELIABLE | UNSEQUENCED) {
        u32_at(&cmd.body, 0)
    } else {
        cmd.rseq
    };
    (cmd.kind, cmd.channel, number)
}

fn is_data(cmd: &Cmd) -> bool {
    matches!(
        cmd.kind,
        RELIABLE
            | UNRELIABLE
            | FRAGMENT
            | UNSEQUENCED
            | RELIABLE_UNSEQUENCED
            | FRAGMENT_UNSEQUENCED
    )
}

/// The message that begins with this command, and its delivery. A long unreliable message cannot be
/// distinguished from a long reliable one, nor the two unsequenced modes from each other: their
/// fragments are the same.
fn message(entries: &[Entry], first: &Cmd) -> (Delivery, Vec<u8>) {
    let delivery = match first.kind {
        RELIABLE | FRAGMENT => Delivery::Reliable,
        UNRELIABLE => Delivery::Unreliable,
        UNSEQUENCED => Delivery::UnreliableUnsequenced,
        _ => Delivery::ReliableUnsequenced,
    };
    if !matches!(first.kind, FRAGMENT | FRAGMENT_UNSEQUENCED) {
        return (delivery, first.payload().to_vec());
    }
    let (start, count, total) = (
        u32_at(&first.body, 0),
        u32_at(&first.body, 4),
        u32_at(&first.body, 12),
    );
    let mut bytes = vec![0; usize::try_from(total).unwrap()];
    let mut missing: BTreeSet<u32> = (0..count).collect();
    for (_, cmd) in client_commands(entries) {
        if (cmd.kind, cmd.channel) == (first.kind, first.channel) && u32_at(&cmd.body, 0) == start {
            let offset = usize::try_from(u32_at(&cmd.body, 16)).unwrap();
            bytes[offset..offset + cmd.payload().len()].copy_from_slice(cmd.payload());
            missing.remove(&u32_at(&cmd.body, 8));
        }
    }
    assert!(
        missing.is_empty(),
        "fragments {missing:?} of {start} were not recorded"
    );
    (delivery, bytes)
}

fn client_commands(entries: &[Entry]) -> impl Iterator<Item = (usize, &Cmd)> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.is_client)
        .flat_map(|(index, entry)| {
            entry
                .read
                .iter()
                .flat_map(move |read| read.commands.iter().map(move |cmd| (index, cmd)))
        })
}

fn server_commands(entries: &[Entry]) -> impl Iterator<Item = (usize, &Cmd)> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_client)
        .flat_map(|(index, entry)| {
            entry
                .read
                .iter()
                .flat_map(move |read| read.commands.iter().map(move |cmd| (index, cmd)))
        })
}

/// The oldest number of a channel that is not acknowledged before entry `index`.
fn oldest_unacked(entries: &[Entry], channel: u8, index: usize) -> u32 {
    let acked: BTreeSet<u32> = server_commands(entries)
        .filter(|(at, cmd)| *at < index && cmd.kind == ACK && cmd.channel == channel)
        .map(|(_, cmd)| cmd.acked().0)
        .collect();
    (1..).find(|rseq| !acked.contains(rseq)).unwrap()
}

/// Where the application must have queued a message that was first sent with entry `seen`: there,
/// or already with the message before it if only the send window held it back. Spec: udp.md 5.9.
fn queued_at(entries: &[Entry], config: &Config, first: &Cmd, before: usize, seen: usize) -> usize {
    let opens = |index: usize| {
        first.rseq < oldest_unacked(entries, first.channel, index) + config.send_window
    };
    if config.send_window == 0 || !matches!(first.kind, RELIABLE | FRAGMENT) || opens(before) {
        return seen;
    }
    let opened = (before..=seen)
        .find(|index| entries[*index].is_client && opens(*index))
        .unwrap_or(seen);
    if entries[seen].at <= entries[opened].at + POLL_MS {
        before
    } else {
        seen
    }
}

/// The calls of the application, by the entry before which they happened.
pub(crate) fn acts(entries: &[Entry], config: &Config) -> BTreeMap<usize, Vec<Act>> {
    let mut acts: BTreeMap<usize, Vec<Act>> = BTreeMap::new();
    let mut known: BTreeSet<Key> = BTreeSet::new();
    let mut last: BTreeMap<u8, usize> = BTreeMap::new();
    let server_ended = server_commands(entries)
        .find(|(_, cmd)| cmd.kind == DISCONNECT)
        .map(|(index, _)| index);
    for (index, cmd) in client_commands(entries) {
        if !known.insert(key(cmd)) {
            continue;
        }
        if is_data(cmd) {
            if matches!(cmd.kind, FRAGMENT | FRAGMENT_UNSEQUENCED) && u32_at(&cmd.body, 8) != 0 {
                continue;
            }
            let before = last.get(&cmd.channel).copied().unwrap_or(index);
            let queued = queued_at(entries, config, cmd, before, index);
            last.insert(cmd.channel, queued);
            let (delivery, bytes) = message(entries, cmd);
            acts.entry(queued).or_default().push(Act::Send {
                channel: cmd.channel,
                delivery,
                bytes,
            });
        } else if cmd.kind == SERVER_TIME && !is_retry(entries, index, cmd) {
            acts.entry(index).or_default().push(Act::FetchServerTime);
        } else if cmd.kind == DISCONNECT
            && cmd.reserved == 4
            && server_ended.is_none_or(|ended| ended > index)
        {
            acts.entry(index).or_default().push(Act::Close);
        }
    }
    acts
}

/// Whether a server-time command came by itself, because the one before was answered too slowly:
/// with the first poll after that answer. Spec: udp.md 8.
fn is_retry(entries: &[Entry], index: usize, cmd: &Cmd) -> bool {
    let earlier = client_commands(entries)
        .filter(|(_, other)| other.kind == SERVER_TIME && other.rseq < cmd.rseq)
        .map(|(_, other)| other.rseq)
        .max();
    let answered = earlier.and_then(|rseq| {
        let mut acks = server_commands(entries)
            .filter(|(_, ack)| ack.kind == ACK && ack.channel == cmd.channel);
        acks.find(|(_, ack)| ack.acked().0 == rseq)
            .map(|(at, _)| at)
    });
    answered
        .is_some_and(|answer| answer < index && entries[index].at <= entries[answer].at + POLL_MS)
}

/// The time at which an answer to server-time comes in: that of the recording, but for the
/// millisecond or two that decide whether its sample is good enough. That the recording shows: it
/// asks again, or it does not.
pub(crate) fn arrival(entries: &[Entry], index: usize, round_trip: u64) -> u64 {
    let entry = &entries[index];
    let Some(read) = &entry.read else {
        return entry.at;
    };
    let asked: BTreeSet<u32> = client_commands(entries)
        .filter(|(_, cmd)| cmd.kind == SERVER_TIME)
        .map(|(_, cmd)| cmd.rseq)
        .collect();
    let answer = read.commands.iter().find(|cmd| {
        cmd.kind == ACK && cmd.channel == wire::CONTROL && asked.contains(&cmd.acked().0)
    });
    let Some(answer) = answer else {
        return entry.at;
    };
    let good_until = u64::from(answer.acked().1) + round_trip;
    let asked_again = client_commands(entries).any(|(at, cmd)| {
        at > index
            && cmd.kind == SERVER_TIME
            && cmd.rseq > answer.acked().0
            && is_retry(entries, at, cmd)
    });
    let arrival = if asked_again {
        entry.at.max(good_until + 1)
    } else {
        entry.at.min(good_until)
    };
    assert!(
        arrival.abs_diff(entry.at) <= POLL_MS,
        "the answer at {} would have to come at {arrival}",
        entry.at
    );
    arrival
}
