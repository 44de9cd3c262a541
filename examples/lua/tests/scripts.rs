//! The example scripts run against the development server, as their first lines show.

mod common;

use dev_server::Transport;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start(server: &str, name: &str, arguments: &[&str]) -> Child {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    Command::new(env!("CARGO_BIN_EXE_photon-lua"))
        .arg(folder.join(name))
        .args(arguments)
        .arg(server)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn output(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn the_lobby_shows_its_messages() {
    let server = common::server();
    let url = server.url(Transport::Udp);
    let text = output(start(&url, "lobby.lua", &["alice", "good morning", "1"]));
    assert!(text.contains("state: ConnectedToFrontEnd\n"), "{text}");
    assert!(text.contains("[lobby] alice: good morning\n"), "{text}");
    let text = output(start(&url, "lobby.lua", &["bob", "hi", "1"]));
    assert!(text.contains("[lobby] alice: good morning\n"), "{text}");
}

#[test]
fn the_bot_and_the_friends_list_run() {
    let server = common::server();
    let url = server.url(Transport::Tcp);
    let bot = start(&url, "echo_bot.lua", &["1"]);
    let friends = output(start(&url, "friends.lua", &["alice", "echo,bob", "1"]));
    assert!(friends.contains("bob is Offline\n"), "{friends}");
    let bot = output(bot);
    assert!(bot.starts_with("ready\n"), "{bot}");
    assert!(bot.contains("answered 0 messages\n"), "{bot}");
}
