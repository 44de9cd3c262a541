//! `photon-chat run`: lost connections, frozen clients, and reconnecting.

mod harness;

use dev_server::{ServerConfig, Transport};
use harness::{
    CONNECT, Output, Program, RECONNECT, last_command, script, start_server, unused_address,
};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// For each `channels` command the names and last ids of public and private channels.
fn channels(output: &Output) -> Vec<Json> {
    let one = |all: &Json, kind: &str| -> Json {
        all[kind]
            .as_array()
            .unwrap()
            .iter()
            .map(|channel| json!([channel["name"], channel["last_id"]]))
            .collect()
    };
    output
        .events("Channels")
        .iter()
        .map(|all| json!([one(all, "public"), one(all, "private")]))
        .collect()
}

#[test]
fn a_lost_connection_is_an_error_and_reconnect_goes_to_the_front_end() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\nwait SubscribeResult\npublish a one\nwait ChatMessages\nprivate alice hi\nwait PrivateMessage\ndrop\n\
         wait Error 30\nchannels\n{RECONNECT}subscribe a -1 1\nwait SubscribeResult\npublish a two\nwait ChatMessages 30 two\nchannels\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    assert_eq!(output.assert_success().states(), [1, 2, 3, 4, -1, 3, 4, 10]);
    let errors = output.events("Error");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0]["code"],
        json!({"name": "FrontEndConnectClosed", "code": 1003})
    );
    assert_eq!(
        errors[0]["cause"]["kind"],
        json!({"name": "Link", "link": "Reset"})
    );
    // The client keeps last ids after the connection, but not subscriptions.
    assert_eq!(
        channels(&output),
        [
            json!([[], [["alice", 1]]]),
            json!([[["a", 2]], [["alice", 1]]])
        ]
    );
    let ids: Vec<Json> = output
        .events("ChatMessages")
        .iter()
        .map(|event| event["messages"][0]["id"].clone())
        .collect();
    assert_eq!(ids, [1, 2], "the first message is not repeated");
}

#[test]
fn a_lost_connection_ends_the_servers_session() {
    let server = start_server(ServerConfig::new());
    let mut bob = Program::client(&server.url(Transport::Tcp), "bob", &[]);
    bob.write(CONNECT);
    bob.write("friends alice\nwait UserStatusUpdate 30 Offline\nsubscribe-opts table publish=true\nwait SubscribeResult\nprivate alice come\n");
    bob.write("wait UserSubscribed 30 alice\nwait UserStatusUpdate 30 Online\nprivate alice go\n");
    bob.write("wait UserStatusUpdate 30 Offline\nwait UserUnsubscribed 30 alice\n");
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 come\nsubscribe table\nwait SubscribeResult\nstatus 2\nwait PrivateMessage 30 go\ndrop\nwait Error\n"
    );
    script(&server.url(Transport::Tcp), "alice", &[], &lines).assert_success();
    bob.end().assert_success();
}

#[test]
fn drop_without_a_connection_does_nothing() {
    let server = start_server(ServerConfig::new());
    let lines = format!("drop\n{CONNECT}disconnect\ndrop\n{RECONNECT}drop\nwait Error\ndrop\n");
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    assert_eq!(
        output.assert_success().states(),
        [1, 2, 3, 4, 10, 3, 4, -1, 10]
    );
}

#[test]
fn reconnect_without_a_login_is_rejected() {
    let output = script(
        &unused_address(),
        "alice",
        &[],
        "connect\nwait Error 30\nreconnect\n",
    );
    assert_eq!(output.status, 0);
    let rejected = last_command(&output);
    assert!(
        rejected["error"]
            .as_str()
            .unwrap()
            .contains("there was no login"),
        "{rejected}"
    );
    assert_eq!(output.states(), [1, -1, 10]);
}

#[test]
fn forget_removes_all_channels() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\nwait SubscribeResult\npublish a one\nwait ChatMessages\nprivate alice hi\nwait PrivateMessage\n\
         channels\ndisconnect\nforget\nchannels\n{RECONNECT}channels\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    let nothing = json!([[], []]);
    assert_eq!(
        channels(output.assert_success()),
        [
            json!([[["a", 1]], [["alice", 1]]]),
            nothing.clone(),
            nothing
        ]
    );
}

#[test]
fn a_frozen_client_reads_nothing() {
    let server = start_server(ServerConfig::new());
    // During the sleep the program reads the following lines, so that the client is not driven
    // between them. The server returns a message to oneself at once, but the client must not read
    // it before the end of the freeze.
    let frozen = format!("{CONNECT}sleep 0.3\nprivate alice hi\nfreeze 0.4\nwait PrivateMessage\n");
    let started = Instant::now();
    let output = script(&server.url(Transport::Tcp), "alice", &[], &frozen);
    assert!(started.elapsed() >= Duration::from_millis(700));
    let lines = output.assert_success().lines();
    let place = |fits: &dyn Fn(&Json) -> bool| lines.iter().position(fits).unwrap();
    let (unfrozen, received) = (
        place(&|line| line["line"] == "freeze 0.4"),
        place(&|line| line["event"] == "PrivateMessage"),
    );
    assert!(unfrozen < received, "{}", output.stdout);
}

#[test]
fn the_end_of_the_run_ends_a_freeze() {
    let started = Instant::now();
    let output = script(
        "tcp://127.0.0.1:1",
        "alice",
        &["--max-seconds", "0.2"],
        "freeze 30\n",
    );
    assert_eq!(
        (output.status, &output.events("Command")[0]["ok"]),
        (2, &json!(false))
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}
