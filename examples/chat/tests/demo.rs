//! The demo as a person starts it.

mod support;

use support::Program;

#[test]
fn the_demo_shows_a_conversation() {
    let output = Program::start(&["demo", "--transport", "tcp"]).end();
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let mut lines = output.stdout.lines();
    let first = lines.next().unwrap();
    assert!(first.contains("development server on loopback") && first.contains("not the Photon cloud"), "{first}");
    // In this order, other lines between them.
    for expected in [
        "Log in",
        "  alice    > regions: eu, us, asia",
        "  alice    > logged in as alice",
        "  bob      > logged in as bob",
        "A channel and its history",
        "  alice    > is in general",
        "  alice    > general, alice: Is anybody here?",
        "  bob      > is in general",
        "  bob      > general, alice: Is anybody here?",
        "Talk",
        "  bob    says: Hello alice! I have read it all.",
        "  alice    > general, bob: Hello alice! I have read it all.",
        "  bob      > general, bob: Hello alice! I have read it all.",
        "  alice    > general, bob: an array of int, 6 and 2",
        "Private messages, encrypted on their way to the server",
        "  bob      > private, alice: Between us: were those dice loaded?",
        "  alice    > private, alice: Between us: were those dice loaded?",
        "Friends and their status",
        "  alice  adds bob to her friends",
        "  alice    > bob is Offline: nothing said",
        "  alice    > bob is Online: ready to play",
        "  alice    > bob is Away: still the same words",
        "  alice    > bob is Playing: no words any more",
        "A channel that tells who is in it, and has properties",
        "  alice    > in table: alice",
        "  bob      > in table: alice and bob",
        "  alice    > in table: alice and bob",
        "  alice    > table: stake is 3 now, by alice",
        "  bob      > table: stake is 3 now, by alice",
        "  bob      > has left table",
        "  alice    > in table: alice",
        "Leave",
        "  bob      > has left general",
        "Disconnect",
        "  bob      > is disconnected",
    ] {
        assert!(lines.any(|line| line == expected), "{expected} is not, or not there, in\n{}", output.stdout);
    }
    assert!(output.stdout.lines().last().unwrap().starts_with("All is well"));
    assert!(!output.stdout.contains('\x1b'), "colours on what is no terminal");
}

#[test]
fn an_output_that_nobody_reads_ends_it_quietly() {
    let output = Program::start_unread(&["demo"]).end();
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
}

#[test]
fn wrong_arguments_are_64_and_say_what_to_do() {
    for (arguments, expected) in [
        (&["demo", "--transport", "udp"][..], "use --transport tcp"),
        (&["demo", "--transport", "ws"], "use --transport tcp"),
        (&["demo", "--transport", "wss"], "use --transport tcp"),
        (&["demo", "twice"], "twice"),
        (&["perform"], "demo and run"),
        (&[], "demo or run"),
        (&["run", "--server", "tcp://127.0.0.1:1"], "--app-id"),
        (&["run", "--app-id", "x"], "--server"),
        (&["run", "--server", "h", "--app-id", "x", "--protocol", "2"], "1.6, 1.8"),
        (&["run", "--server", "h", "--app-id", "x", "--loud"], "--loud"),
    ] {
        let output = Program::start(arguments).end();
        assert_eq!((output.status, output.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(output.stderr.contains(expected) && output.stderr.contains("--help"), "{}", output.stderr);
    }
}

#[test]
fn help_names_every_command() {
    let all = Program::start(&["--help"]).end();
    let run = Program::start(&["run", "--help"]).end();
    assert_eq!((all.status, run.status, Program::start(&["demo", "-h"]).end().status), (0, 0, 0));
    for command in [
        "connect",
        "regions",
        "region",
        "subscribe",
        "unsubscribe",
        "publish",
        "publish-web",
        "private",
        "private-encrypted",
        "subscribe-opts",
        "status",
        "status-keep",
        "friends",
        "unfriend",
        "setprops",
        "setuserprops",
        "op",
        "op-encrypted",
        "freeze",
        "drop",
        "reconnect",
        "forget",
        "channels",
        "stats",
        "sleep",
        "wait",
        "wait-count",
        "disconnect",
        "quit",
    ] {
        assert!(all.stdout.contains(command), "{command}");
        assert!(run.stdout.lines().any(|line| line.trim_start().split(' ').next() == Some(command)), "{command}");
    }
}
