//! The recorded client at our server role: everything that it sent and that was not dropped on the
//! way is acknowledged and delivered. Spec: udp.md 12.

use crate::harness::{Endpoint, What, at, request, server_config};
use crate::recording::{Act, Entry, acts, entries};
use crate::replay::{sessions, settings};
use crate::wire::{ACK, CONTROL, Cmd, DISCONNECT, Datagram, VERIFY, datagram, with_crc};
use photon_proto::udp::{Cause, Connection, Delivery};
use serde_json::Value as Json;

/// Renumbers the acks of the client on channel 255 as for real servers, which count from 0; the
/// recorded test server counted from 1.
fn renumbered(read: &Datagram, has_crc: bool) -> Vec<u8> {
    let mut commands = read.commands.clone();
    for cmd in commands
        .iter_mut()
        .filter(|cmd| cmd.kind == ACK && cmd.channel == CONTROL)
    {
        *cmd = Cmd::ack(CONTROL, cmd.acked().0 - 1, cmd.acked().1).by_client();
    }
    let plain = datagram(read.peer_id, read.time, read.challenge, &commands);
    if has_crc { with_crc(&plain) } else { plain }
}

fn is_dropped(session: &Json, index: usize) -> bool {
    session["datagrams"][index]["note"]
        .as_str()
        .is_some_and(|note| note.starts_with("dropped by"))
}

/// Plays the client's part of a session to a server; `None` if the recorded server did not answer.
fn serve(session: &Json) -> Option<(Endpoint, Vec<Datagram>)> {
    let entries: Vec<Entry> = entries(session);
    let verify = entries.iter().position(|entry| {
        let commands = entry.read.iter().flat_map(|read| &read.commands);
        !entry.is_client && commands.into_iter().any(|cmd| cmd.kind == VERIFY)
    })?;
    let read = entries[verify].read.as_ref().unwrap();
    let body = &read
        .commands
        .iter()
        .find(|cmd| cmd.kind == VERIFY)
        .unwrap()
        .body;
    let id = u16::from_be_bytes([body[0], body[1]]);
    let mut server: Option<Endpoint> = None;
    let mut arrived = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        if !entry.is_client || is_dropped(session, index) {
            continue;
        }
        let read = entry.read.clone().unwrap();
        let server = server.get_or_insert_with(|| {
            // The same clock as in the recording, so that the client's echoes match.
            let base = entries[verify].read.as_ref().unwrap().time;
            let base = base - u32::try_from(entries[verify].at - entry.at).unwrap();
            let config = server_config(|_| ());
            let mut config = config.with(|config| config.crc = settings(session).crc);
            config.channels = settings(session).channels;
            Endpoint::new(Connection::accept(
                config,
                &request(&entry.bytes),
                id,
                base,
                at(entry.at),
            ))
        });
        if !arrived.is_empty() {
            server
                .conn
                .handle_datagram(at(entry.at), &renumbered(&read, entry.bytes[2] == 0xCC));
        }
        server.poll(entry.at);
        arrived.push(read);
    }
    server.map(|server| (server, arrived))
}

#[test]
fn every_recorded_client_is_served() {
    let mut served = 0;
    for session in sessions() {
        let name = session["name"].as_str().unwrap();
        let Some((server, arrived)) = serve(&session) else {
            continue;
        };
        println!("{name}");
        // Every copy of every reliable command, in order, with the time of its datagram.
        let asked: Vec<Cmd> = arrived
            .iter()
            .flat_map(|read| {
                read.commands
                    .iter()
                    .filter(|cmd| cmd.is_reliable())
                    .map(|cmd| cmd.its_ack(read.time))
            })
            .collect();
        let acked: Vec<Cmd> = server
            .commands()
            .into_iter()
            .map(|(_, cmd)| cmd)
            .filter(Cmd::is_ack)
            .collect();
        assert_eq!(acked, asked, "{name}");

        let commands = || arrived.iter().flat_map(|read| &read.commands);
        let disconnect = commands()
            .find(|cmd| cmd.kind == DISCONNECT)
            .expect("every recorded client leaves");
        let (end, log) = server.log.split_last().unwrap();
        assert_eq!(
            end.1,
            What::Ended(Cause::ClientLeft(disconnect.reserved)),
            "{name}"
        );
        assert_eq!(log[0].1, What::Connected, "{name}");
        let mut told: Vec<(u8, u8, Vec<u8>)> = Vec::new();
        for (_, what) in &log[1..] {
            let What::Message {
                channel,
                delivery,
                bytes,
            } = what
            else {
                panic!("{name}: {what:?}")
            };
            told.push((*channel, delivery.code(), bytes.clone()));
        }
        let payloads: Vec<&[u8]> = commands().map(Cmd::payload).collect();
        let mut sent: Vec<(u8, u8, Vec<u8>)> = Vec::new();
        for act in acts(&entries(&session), &settings(&session))
            .into_values()
            .flatten()
        {
            if let Act::Send {
                channel,
                delivery,
                bytes,
            } = act
            {
                // Datagrams that were dropped each time never arrive.
                let first = if bytes.len() > 500 {
                    &bytes[..500]
                } else {
                    &bytes[..]
                };
                if payloads.iter().any(|payload| payload.starts_with(first)) {
                    sent.push((channel, delivery.code(), bytes));
                }
            }
        }
        let reliable = |all: &[(u8, u8, Vec<u8>)], channel: u8| -> Vec<Vec<u8>> {
            let wanted = Delivery::Reliable.code();
            all.iter()
                .filter(|one| (one.0, one.1) == (channel, wanted))
                .map(|one| one.2.clone())
                .collect()
        };
        for channel in 0..settings(&session).channels {
            assert_eq!(
                reliable(&told, channel),
                reliable(&sent, channel),
                "{name}, channel {channel}"
            );
        }
        told.sort();
        sent.sort();
        assert_eq!(told, sent, "{name}");
        served += 1;
    }
    assert_eq!(served, 16, "all but the one whose server is silent");
}
