//! The demo as a person starts it.

mod harness;

use harness::Program;

/// What the demo shows behind the lines that say what it runs over.
fn conversation(arguments: &[&str], over: &str) -> String {
    let output = Program::start(arguments).end();
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    let (opening, rest) = output.stdout.split_once("\n\n").unwrap();
    assert!(opening.contains(over), "{opening}");
    rest.to_owned()
}

#[test]
fn every_transport_and_a_bad_line_show_the_same_conversation() {
    let tcp = conversation(&["demo", "--transport", "tcp"], "over TCP");
    assert_eq!(
        conversation(&["demo", "--transport", "udp"], "over UDP, in 1.8"),
        tcp
    );
    assert_eq!(
        conversation(
            &["demo", "--transport", "udp", "--protocol", "1.6"],
            "over UDP, in 1.6"
        ),
        tcp
    );
    assert_eq!(
        conversation(&["demo", "--transport", "ws"], "over WebSocket"),
        tcp
    );
    assert_eq!(
        conversation(&["demo", "--transport", "wss"], "over secure WebSocket"),
        tcp
    );
    let json = conversation(
        &["demo", "--transport", "wss", "--protocol", "json"],
        "WebSocket, in json",
    );
    assert_eq!(
        json.replace("a list, 6 and 2", "an array of int, 6 and 2"),
        tcp
    );
    let clear = conversation(
        &["demo", "--transport", "ws", "--protocol", "json"],
        "everything goes in clear",
    );
    assert_eq!(
        clear.replace(
            ", in clear: JSON over ws encrypts nothing",
            ", encrypted on their way to the server"
        ),
        json
    );
    assert_eq!(conversation(&["demo", "--crc"], "over UDP"), tcp);
    let bad = [
        "demo",
        "--loss",
        "10",
        "--duplicate",
        "10",
        "--jitter",
        "40",
        "--seed",
        "1",
    ];
    assert_eq!(
        conversation(
            &bad,
            "The line is bad, in both directions: loss=10 duplicate=10"
        ),
        tcp
    );
    let corrupt = ["demo", "--crc", "--corrupt", "5", "--seed", "2"];
    assert_eq!(conversation(&corrupt, "corrupt=5"), tcp);
}

#[test]
fn all_of_them_are_a_table() {
    let output = Program::start(&["demo", "--all"]).end();
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    let rows: Vec<Vec<&str>> = output
        .stdout
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let names: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row[0], row[1]))
        .collect();
    assert_eq!(
        names.join(", "),
        "udp 1.6, udp 1.8, tcp 1.6, tcp 1.8, ws 1.6, ws 1.8, ws json, wss 1.6, wss 1.8, wss json"
    );
    let kept: Vec<&str> = rows.iter().map(|row| row[row.len() - 2]).collect();
    assert!(kept[0].parse::<usize>().unwrap() > 30, "{kept:?}");
    assert_eq!(
        kept.iter().collect::<std::collections::BTreeSet<_>>().len(),
        1,
        "{kept:?}"
    );
}

#[test]
fn the_demo_shows_a_conversation() {
    let output = Program::start(&["demo"]).end();
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    let mut lines = output.stdout.lines();
    let first = lines.next().unwrap();
    assert!(
        first.contains("development server on loopback") && first.contains("not the Photon cloud"),
        "{first}"
    );
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
        assert!(
            lines.any(|line| line == expected),
            "{expected} is not, or not there, in\n{}",
            output.stdout
        );
    }
    assert!(
        output
            .stdout
            .lines()
            .last()
            .unwrap()
            .starts_with("All is well")
    );
    assert!(
        !output.stdout.contains('\x1b'),
        "colours on what is no terminal"
    );
}

#[test]
fn an_output_that_nobody_reads_ends_it_quietly() {
    let output = Program::start_unread(&["demo"]).end();
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
}

#[test]
fn wrong_arguments_are_64_and_say_what_to_do() {
    for (arguments, expected) in [
        (
            &["demo", "--transport", "smoke"][..],
            "use --transport udp, tcp, ws or wss",
        ),
        (&["demo", "--loss", "lots"], "percentage"),
        (&["demo", "twice"], "twice"),
        (&["perform"], "demo and run"),
        (&[], "demo or run"),
        (&["run", "--server", "tcp://127.0.0.1:1"], "--app-id"),
        (&["run", "--app-id", "x"], "--server"),
        (
            &["run", "--server", "h", "--app-id", "x", "--protocol", "2"],
            "1.6, 1.8, json",
        ),
        (
            &["run", "--server", "h", "--app-id", "x", "--loud"],
            "--loud",
        ),
    ] {
        let output = Program::start(arguments).end();
        assert_eq!(
            (output.status, output.stdout.as_str()),
            (64, ""),
            "{arguments:?}"
        );
        assert!(
            output.stderr.contains(expected) && output.stderr.contains("--help"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn help_names_every_command() {
    let all = Program::start(&["--help"]).end();
    let run = Program::start(&["run", "--help"]).end();
    assert_eq!(
        (
            all.status,
            run.status,
            Program::start(&["demo", "-h"]).end().status
        ),
        (0, 0, 0)
    );
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
        assert!(
            run.stdout
                .lines()
                .any(|line| line.trim_start().split(' ').next() == Some(command)),
            "{command}"
        );
    }
}
