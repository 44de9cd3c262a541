//! The program whose client has a thread of its own, as a process.

mod common;

use common::{Program, User};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};

const PROGRAM: &str = env!("CARGO_BIN_EXE_owner-thread");

#[test]
fn lines_are_published_and_messages_are_printed() {
    let server = LocalServer::start(ServerConfig::new()).unwrap();
    let url = server.url(Transport::Udp);
    let mut bob = User::join(&url, "lobby", "bob");
    let mut program = Program::start(PROGRAM, &[&url, "lobby", "alice"]);
    program.wait_for("\"lobby\": done");
    program.write("hello");
    assert_eq!(bob.next_messages(1), ["hello"]);
    bob.publish("hello \u{1b}[2J");
    program.wait_for(r#""bob": "hello \u{1b}[2J""#);
    let (status, rest) = program.end();
    assert!(status.success(), "{rest:#?}");
}

#[test]
fn lines_of_a_pipe_that_ends_at_once_arrive_in_order() {
    let server = LocalServer::start(ServerConfig::new()).unwrap();
    let url = server.url(Transport::Tcp);
    let mut bob = User::join(&url, "lobby", "bob");
    let mut program = Program::start(PROGRAM, &[&url, "lobby", "alice"]);
    let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    for line in &lines {
        program.write(line);
    }
    let (status, rest) = program.end();
    assert!(status.success(), "{rest:#?}");
    assert_eq!(bob.next_messages(100), lines);
}

#[test]
fn a_server_that_cannot_be_reached_does_not_keep_the_program() {
    let mut program = Program::start(PROGRAM, &["tcp://127.0.0.1:1", "lobby", "alice"]);
    program.write("to nobody");
    program.wait_for("next attempt");
    let (_, rest) = program.end();
    assert!(rest.concat().contains("lost"), "{rest:#?}");
}
