//! `photon-chat demo` and the help pages.

mod harness;

use harness::Program;
use std::collections::BTreeSet;

/// Runs the demo and returns its output without the opening, which must contain `expected`, and without
/// the number of messages that were not acknowledged when the connection broke: over UDP it depends on
/// the line.
fn conversation(arguments: &[&str], expected: &str) -> String {
    let output = Program::start(arguments).end();
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    let (opening, rest) = output.stdout.split_once("\n\n").unwrap();
    assert!(opening.contains(expected), "{opening}");
    let cut = "this program simulated a connection loss";
    let (before, after) = rest.split_once(cut).unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    format!("{before}{cut}\n{after}")
}

#[test]
fn the_conversation_is_the_same_over_every_transport_and_a_bad_network() {
    let tcp = conversation(&["demo", "--transport", "tcp"], "over TCP");
    assert_eq!(
        conversation(&["demo", "--transport", "udp"], "over UDP, protocol 1.8"),
        tcp
    );
    assert_eq!(
        conversation(
            &["demo", "--transport", "udp", "--protocol", "1.6"],
            "over UDP, protocol 1.6"
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
        "WebSocket, protocol json",
    );
    assert_eq!(
        json.replace("a list, 6 and 2", "an array of int, 6 and 2"),
        tcp
    );
    let clear = conversation(
        &["demo", "--transport", "ws", "--protocol", "json"],
        "everything is sent in clear",
    );
    assert_eq!(
        clear.replace(
            ", in clear: JSON over ws has no encryption",
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
            "The network is bad in both directions: loss=10 duplicate=10"
        ),
        tcp
    );
    let corrupt = ["demo", "--crc", "--corrupt", "5", "--seed", "2"];
    assert_eq!(conversation(&corrupt, "corrupt=5"), tcp);
}

#[test]
fn option_all_prints_a_table_of_transports_and_protocols() {
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
    let observed: Vec<&str> = rows.iter().map(|row| row[row.len() - 2]).collect();
    assert!(observed[0].parse::<usize>().unwrap() > 30, "{observed:?}");
    assert_eq!(
        observed.iter().collect::<BTreeSet<_>>().len(),
        1,
        "{observed:?}"
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
    // These lines appear in this order, with others between them.
    for expected in [
        "Log in",
        "  alice    > regions: eu, us, asia",
        "  alice    > logged in as alice",
        "  bob      > logged in as bob",
        "A channel and its history",
        "  alice    > subscribed to general",
        "  alice    > [general] alice: Is anybody here?",
        "  bob      > subscribed to general",
        "  bob      > [general] alice: Is anybody here?",
        "Messages",
        "  bob    publishes in general: Hello alice! I have read it all.",
        "  alice    > [general] bob: Hello alice! I have read it all.",
        "  bob      > [general] bob: Hello alice! I have read it all.",
        "  alice    > [general] bob: an array of int, 6 and 2",
        "Private messages, encrypted on their way to the server",
        "  bob      > [private] alice: Between us: were those dice loaded?",
        "  alice    > [private] alice: Between us: were those dice loaded?",
        "Friends and their status",
        "  alice  adds bob to her friends",
        "  alice    > bob is Offline, without a message",
        "  alice    > bob is Online, with the message: ready to play",
        "  alice    > bob is Away, with the same message",
        "  alice    > bob is Playing, without a message",
        "A channel that publishes its subscribers and has properties",
        "  alice    > subscribers of table: alice",
        "  bob      > subscribers of table: alice and bob",
        "  alice    > subscribers of table: alice and bob",
        "  alice    > alice set stake of table to 3",
        "  bob      > alice set stake of table to 3",
        "  bob      > unsubscribed from table",
        "  alice    > subscribers of table: alice",
        "The connection breaks",
        "  alice  loses the connection, as if the network had failed",
        "  bob    publishes in general: alice? Are you still there?",
        "  alice    > connected again",
        "  alice    > [general] bob: alice? Are you still there?",
        "  alice    > back in 2 channels, with every message exactly once",
        "Unsubscribe",
        "  bob      > unsubscribed from general",
        "Disconnect",
        "  bob      > disconnected",
    ] {
        assert!(
            lines.any(|line| line == expected),
            "{expected:?} is missing, or not at this place, in\n{}",
            output.stdout
        );
    }
    assert!(
        output
            .stdout
            .lines()
            .last()
            .unwrap()
            .starts_with("The demo passed")
    );
    assert!(
        !output.stdout.contains('\x1b'),
        "colours without a terminal"
    );
}

#[test]
fn a_closed_output_ends_the_demo_without_a_message() {
    let output = Program::start_with_closed_output(&["demo"]).end();
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
}

#[test]
fn wrong_arguments_end_with_status_64_and_an_explanation() {
    for (arguments, expected) in [
        (&["demo", "--transport", "smoke"][..], "udp, tcp, ws or wss"),
        (&["demo", "--loss", "lots"], "percentage"),
        (&["demo", "twice"], "twice"),
        (&["perform"], "demo or run"),
        (&[], "demo or run"),
        (&["run", "--server", "tcp://127.0.0.1:1"], "--app-id"),
        (&["run", "--app-id", "x"], "--server"),
        (
            &["run", "--server", "h", "--app-id", "x", "--protocol", "2"],
            "1.6, 1.8 or json",
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
fn without_a_terminal_the_help_is_printed_and_the_status_is_64() {
    // The harness gives the program pipes.
    for arguments in [&[][..], &["--server", "udp://127.0.0.1:1", "--app-id", "x"]] {
        let output = Program::start(arguments).end();
        assert_eq!((output.status, output.stdout.as_str()), (64, ""));
        for expected in ["Usage: photon-chat", "needs a terminal", "demo or run"] {
            assert!(output.stderr.contains(expected), "{}", output.stderr);
        }
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
    // A unit test of the parser compares the texts with the commands; here both are as printed.
    let (_, list) = all.stdout.split_once("events as JSON: ").unwrap();
    let (list, _) = list.split_once(". photon-chat run").unwrap();
    let listed: BTreeSet<&str> = list.split(',').map(str::trim).collect();
    let (_, commands) = run.stdout.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let explained: BTreeSet<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(listed, explained);
}

#[test]
fn sound18_the_log_of_the_programs_shows_both_sides_and_hides_what_tungstenite_logs() {
    for (level, texts) in [("debug", false), ("trace", true)] {
        let arguments = ["demo", "--transport", "ws", "--log-level", level];
        let output = Program::start(&arguments).end();
        assert_eq!(output.status, 0, "{}", output.stderr);
        for line in [
            "photon_chat::chat: ConnectingToFrontEnd -> ConnectedToFrontEnd",
            "photon_chat::chat: request Publish (2)",
            "photon_chat::chat: response to Publish (2): Ok (0)",
            "photon_chat::chat: event ChatMessages (0)",
            "connection 0 accepted on the name server over ws in GpBinaryV18",
            ": request Authenticate (230)",
        ] {
            assert!(output.stderr.contains(line), "{line:?}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("tungstenite"), "{}", output.stderr);
        // The server shows user ids and texts at trace, the client never.
        assert_eq!(output.stderr.contains("\"alice\""), texts);
        let ours = |line: &&str| line.contains("photon_chat::");
        let client = output.stderr.lines().filter(ours);
        assert_eq!(client.filter(|line| line.contains("alice")).count(), 0);
    }
}
