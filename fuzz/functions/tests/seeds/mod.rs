//! The seeds of the corpora: the test vectors of photon-proto, in the form that each target takes, and
//! scripts.

mod chat_scripts;
mod datagrams;
mod json_texts;
mod kept_states;
mod peer_scripts;
mod udp_scripts;

use photon_inspect::hex;
use photon_proto::udp::datagram::decode;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The prefix of the files of these seeds. Fuzzers have found the other files of the corpora.
pub(crate) const PREFIX: &str = "seed-";

/// The seeds of each target by name.
pub(crate) type Seeds = BTreeMap<(&'static str, String), Vec<u8>>;

pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

pub(crate) fn all() -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| {
        let twice = seeds.insert((target, name.to_owned()), bytes);
        assert!(twice.is_none(), "two seeds {name} for {target}");
    };
    let vectors = vectors();
    for vector in &vectors {
        let name = format!(
            "{}-{}-{}",
            vector.name,
            vector.direction,
            if vector.new { "v18" } else { "v16" }
        );
        match vector.kind.as_str() {
            "value" => add(
                if vector.new { "value_v18" } else { "value_v16" },
                &name,
                vector.bytes.clone(),
            ),
            // 0xF0: the message has its own header.
            "frame" if vector.is_stream => {
                for (role, which) in [(0, "client"), (1, "server")] {
                    add(
                        "tcp_stream",
                        &format!("{name}-{which}"),
                        [&[role, 0], &vector.bytes[..]].concat(),
                    );
                }
                if let Some(message @ [0xF3 | b'P', ..]) = vector.bytes.get(7..) {
                    add(
                        "message",
                        &name,
                        [&[0xF0 | u8::from(vector.new)], message].concat(),
                    );
                }
            }
            _ => add(
                "message",
                &name,
                [&[0xF0 | u8::from(vector.new)], &vector.bytes[..]].concat(),
            ),
        }
    }
    for new in [false, true] {
        let version = if new { "v18" } else { "v16" };
        let of_kind = |kind: &'static str| {
            vectors
                .iter()
                .filter(move |one| one.new == new && one.kind == kind)
        };
        // Encrypted, so that a mutation has to get through the decryption.
        for vector in of_kind("event") {
            let sealed = [&[0xF6 | u8::from(new)], &vector.bytes[..]].concat();
            add(
                "message",
                &format!("{}-{}-{version}-sealed", vector.name, vector.direction),
                sealed,
            );
        }
        // All of them in one stream, in uneven chunks.
        let stream: Vec<u8> = vectors
            .iter()
            .filter(|one| one.new == new && one.is_stream)
            .flat_map(|one| one.bytes.clone())
            .collect();
        for (choices, which) in [
            (0, "client"),
            (1, "server"),
            (12, "client-lags"),
            (13, "server-lags"),
        ] {
            let cut = [&[choices, 4, 1, 0, 9, 33], &stream[..]].concat();
            add("tcp_stream", &format!("all-{version}-{which}"), cut);
        }
        let events = of_kind("event")
            .map(|one| &one.bytes[..])
            .collect::<Vec<_>>();
        add(
            "chat_script",
            &format!("vectors-{version}"),
            chat_scripts::messages(new, &events).encode(),
        );
    }
    // One datagram of each shape: its flags, the types and channels of its commands, the number of bytes
    // behind them.
    let mut shapes = BTreeSet::new();
    for (name, to_client, bytes) in datagrams::recorded() {
        let shape = decode(&bytes).map(|one| {
            let commands = one
                .commands()
                .map(|command| (command.kind, command.channel))
                .collect::<Vec<_>>();
            (one.header.crc.is_some(), commands, one.trailing_bytes())
        });
        if shapes.insert(shape.map_err(|error| (name.clone(), error.to_string()))) {
            let way = if to_client { "to-client" } else { "to-server" };
            add(
                "datagram",
                &format!("{name}-{way}"),
                [&[1], &bytes[..]].concat(),
            );
        }
    }
    for (name, server, text) in json_texts::all() {
        add(
            "json",
            name,
            [&[u8::from(server)], text.as_bytes()].concat(),
        );
    }
    for (name, script) in udp_scripts::all() {
        add("udp_connection", name, script.encode());
    }
    for (name, script) in peer_scripts::all() {
        add("peer", &name, script.encode());
    }
    for (name, script) in chat_scripts::all() {
        add("chat_script", &name, script.encode());
    }
    for (name, bytes) in kept_states::all() {
        add("kept", &name, bytes);
    }
    seeds
}

struct Vector {
    name: String,
    kind: String,
    direction: String,
    /// Whether the protocol is 1.8, not 1.6.
    new: bool,
    /// Whether it is a piece of a TCP stream.
    is_stream: bool,
    bytes: Vec<u8>,
}

/// The vectors of the binary protocols.
fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../photon-proto/tests/vectors/wire-vectors.json");
    let all: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let vectors = all["vectors"].as_array().unwrap();
    let binary = vectors.iter().filter(|vector| vector["protocol"] != "json");
    binary
        .map(|vector| {
            let text = |key: &str| vector[key].as_str().unwrap().to_owned();
            Vector {
                name: text("name"),
                kind: text("kind"),
                direction: text("direction"),
                new: vector["protocol"] == "1.8",
                is_stream: vector["value"]["t"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("tcp")),
                bytes: hex::decode(vector["hex"].as_str().unwrap().as_bytes()).unwrap(),
            }
        })
        .collect()
}
