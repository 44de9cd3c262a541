//! The bridge between two servers, as a process.
#![cfg(unix)]

mod common;

use common::{Program, User};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use std::fs;
use std::path::{Path, PathBuf};

fn server() -> LocalServer {
    LocalServer::start(ServerConfig::new()).unwrap()
}

/// A file that does not exist yet, in the folder that Cargo makes for tests.
fn new_file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_file(&path).unwrap();
    }
    path
}

fn bridge(file: &Path, sides: &[&str]) -> Program {
    let arguments: Vec<&str> = [file.to_str().unwrap()]
        .into_iter()
        .chain(sides.iter().copied())
        .collect();
    Program::start(env!("CARGO_BIN_EXE_bridge"), &arguments)
}

/// A side of a bridge, and how the bridge reports that it is in the channel.
fn side(server: &LocalServer, transport: Transport, channel: &str) -> (String, String) {
    let side = format!("{}/{channel}", server.url(transport));
    let joined = format!("{side}: in ");
    (side, joined)
}

#[test]
fn messages_and_lines_of_input_reach_the_other_channels() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Ws] {
        let (left, right) = (server(), server());
        let [(lobby, in_lobby), (trade, in_trade)] = [
            side(&left, transport, "lobby"),
            side(&right, transport, "trade"),
        ];
        let mut alice = User::join(&left.url(transport), "lobby", "alice");
        let mut bob = User::join(&right.url(transport), "trade", "bob");
        let mut bridge = bridge(
            &new_file(&format!("both-{transport}.json")),
            &[&lobby, &trade],
        );
        bridge.wait_for(&in_lobby);
        bridge.wait_for(&in_trade);

        alice.publish("hello");
        assert_eq!(bob.next_messages(1), ["alice: hello"]);
        bob.publish("hello yourself");
        assert_eq!(alice.next_messages(1), ["bob: hello yourself"]);
        bridge.write("to both");
        assert_eq!(alice.next_messages(1), ["to both"]);
        assert_eq!(bob.next_messages(1), ["to both"]);
        let (status, rest) = bridge.end();
        assert!(status.success(), "{rest:#?}");
    }
}

#[test]
fn a_bridge_goes_on_where_it_was_and_repeats_nothing() {
    let (left, right) = (server(), server());
    let [(lobby, in_lobby), (trade, in_trade)] = [
        side(&left, Transport::Tcp, "lobby"),
        side(&right, Transport::Udp, "trade"),
    ];
    let mut alice = User::join(&left.url(Transport::Tcp), "lobby", "alice");
    let mut bob = User::join(&right.url(Transport::Udp), "trade", "bob");
    let file = new_file("again.json");

    let mut first = bridge(&file, &[&lobby, &trade]);
    first.wait_for(&in_lobby);
    first.wait_for(&in_trade);
    alice.publish("before");
    assert_eq!(bob.next_messages(1), ["alice: before"]);
    assert!(first.end().0.success());

    alice.publish("between");
    let second = bridge(&file, &[&lobby, &trade]);
    assert_eq!(bob.next_messages(1), ["alice: between"]);
    alice.publish("after");
    assert_eq!(bob.next_messages(1), ["alice: after"]);
    assert!(second.end().0.success());
}

#[test]
fn a_damaged_file_and_a_missing_channel_are_explained() {
    let file = new_file("damaged.json");
    fs::write(&file, "{").unwrap();
    let (status, lines) = bridge(&file, &["udp://127.0.0.1:1/one", "udp://127.0.0.1:1/two"]).end();
    assert!(!status.success());
    assert!(lines.concat().contains("Remove the file"), "{lines:?}");

    let (status, lines) = bridge(
        &new_file("none.json"),
        &["udp://127.0.0.1:1", "udp://127.0.0.1:1/two"],
    )
    .end();
    assert!(!status.success());
    assert!(lines.concat().contains("has no channel"), "{lines:?}");
}
