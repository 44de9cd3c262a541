//! `photon-chat run`: lines that are cut, clients that freeze, and coming back.

mod harness;

use dev_server::ServerConfig;
use harness::{CONNECT, LocalServer, Output, Program, script};
use serde_json::{Value as Json, json};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

const BACK: &str = "reconnect\nwait StateChanged 30 \"to\":{\"name\":\"ConnectedToFrontEnd\"\n";

/// Last ids of the public channels, as printed each time.
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
fn a_cut_line_is_an_error_and_reconnecting_goes_straight_back() {
    let server = LocalServer::start(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\nwait SubscribeResult\npublish a one\nwait ChatMessages\nprivate alice hi\nwait PrivateMessage\ndrop\n\
         wait Error 30\nchannels\n{BACK}subscribe a -1 1\nwait SubscribeResult\npublish a two\nwait ChatMessages 30 two\nchannels\n"
    );
    let output = script(&server.url(), "alice", &[], &lines);
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
    // Last ids outlive the connection, subscriptions do not.
    assert_eq!(
        channels(&output),
        [
            json!([[], [["alice", 1]]]),
            json!([[["a", 2]], [["alice", 1]]])
        ]
    );
    let heard: Vec<Json> = output
        .events("ChatMessages")
        .iter()
        .map(|event| event["messages"][0]["id"].clone())
        .collect();
    assert_eq!(heard, [1, 2], "the first message is not sent again");
}

#[test]
fn a_cut_line_ends_the_servers_session() {
    let server = LocalServer::start(ServerConfig::new());
    let mut bob = Program::client(&server.url(), "bob", &[]);
    bob.write(CONNECT);
    bob.write("friends alice\nwait UserStatusUpdate 30 Offline\nsubscribe-opts table publish=true\nwait SubscribeResult\nprivate alice come\n");
    bob.write("wait UserSubscribed 30 alice\nwait UserStatusUpdate 30 Online\nprivate alice go\n");
    bob.write("wait UserStatusUpdate 30 Offline\nwait UserUnsubscribed 30 alice\n");
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 come\nsubscribe table\nwait SubscribeResult\nstatus 2\nwait PrivateMessage 30 go\ndrop\nwait Error\n"
    );
    script(&server.url(), "alice", &[], &lines).assert_success();
    bob.end().assert_success();
}

#[test]
fn dropping_without_a_connection_does_nothing() {
    let server = LocalServer::start(ServerConfig::new());
    let lines = format!("drop\n{CONNECT}disconnect\ndrop\n{BACK}drop\nwait Error\ndrop\n");
    let output = script(&server.url(), "alice", &[], &lines);
    assert_eq!(
        output.assert_success().states(),
        [1, 2, 3, 4, 10, 3, 4, -1, 10]
    );
}

#[test]
fn without_a_login_there_is_nothing_to_reconnect_to() {
    // A port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let output = script(
        &format!("tcp://127.0.0.1:{port}"),
        "alice",
        &[],
        "connect\nwait Error 30\nreconnect\n",
    );
    assert_eq!(output.status, 0);
    let refused = output.events("Command").pop().unwrap();
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("nothing to reconnect to"),
        "{refused}"
    );
    assert_eq!(output.states(), [1, -1, 10]);
}

#[test]
fn forgetting_is_as_if_the_client_were_new() {
    let server = LocalServer::start(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\nwait SubscribeResult\npublish a one\nwait ChatMessages\nprivate alice hi\nwait PrivateMessage\n\
         channels\ndisconnect\nforget\nchannels\n{BACK}channels\n"
    );
    let output = script(&server.url(), "alice", &[], &lines);
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
fn a_frozen_client_serves_nothing() {
    let server = LocalServer::start(ServerConfig::new());
    // The sleep lets the lines behind it come, so that nothing is served between them. What a user says to itself comes
    // back at once, and is not taken before the freeze is over.
    let frozen = format!("{CONNECT}sleep 0.3\nprivate alice hi\nfreeze 0.4\nwait PrivateMessage\n");
    let started = Instant::now();
    let output = script(&server.url(), "alice", &[], &frozen);
    assert!(started.elapsed() >= Duration::from_millis(700));
    let lines = output.assert_success().lines();
    let place = |fits: &dyn Fn(&Json) -> bool| lines.iter().position(fits).unwrap();
    let (thawed, heard) = (
        place(&|line| line["line"] == "freeze 0.4"),
        place(&|line| line["event"] == "PrivateMessage"),
    );
    assert!(thawed < heard, "{}", output.stdout);
}

#[test]
fn freezing_ends_with_the_run() {
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
