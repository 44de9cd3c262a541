//! The program, called as a user does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use photon_proto::{Timestamp, udp};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_photon-dev-server"))
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_lists_every_option() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for part in [
        "--host",
        "--tcp-port",
        "--tcp-front-end-port",
        "--udp-port",
        "--ws-port",
        "--wss-port",
        "--write-cert",
        "--state",
        "--loss",
        "ulimit -n",
        "--fault",
        "authenticate-ns",
        "for development",
        "Photon cloud",
        "drop-auth-answer",
        "grace-ms=N [10000]",
        "disconnect-REASON",
        "kick USER",
        "result=refused",
    ] {
        assert!(help.contains(part), "{part}");
    }
    // Every option in the help text exists.
    for option in help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
    {
        let name = option.split_whitespace().next().unwrap();
        // The first `--help` may be taken as the value of the option.
        let output = run(&[&format!("--{name}"), "--help", "--help"]);
        assert!(
            !text(&output.stderr).contains("unexpected argument"),
            "{name}"
        );
    }
}

#[test]
fn bad_arguments_exit_with_64_and_name_the_argument() {
    for (arguments, part) in [
        (&["--tcp-port", "x"][..], "--tcp-port x"),
        (&["--tcp-port"], "--tcp-port needs a value"),
        (&["--nonsense"], "--nonsense"),
        (&["--tcp-prt", "1"], "similar argument exists: '--tcp-port'"),
        (&["leftover"], "leftover"),
        (
            &["--fault", "publish=oops"],
            "there is no fault \"oops\": write one of silent",
        ),
        (
            &["--fault", "drop-it"],
            "there is no setting called \"drop-it\"",
        ),
        (
            &["--set", "grace-ms=x"],
            "\"x\" is not a value of grace-ms: write N",
        ),
        (
            &["--set", "grace=1"],
            "there is no step or switch \"grace\"",
        ),
        (&["--auth", "result=maybe"], "write ok or refused"),
        (&["--auth-file", "no-such-file"], "--auth-file no-such-file"),
        (&["--log-level", "loud"], "--log-level loud"),
        (&["--udp-port", "70000"], "--udp-port 70000"),
        (&["--ws-port", "x"], "--ws-port x"),
        (&["--cert", "no-such-file"], "--cert needs --key"),
        (&["--key", "no-such-file"], "--key needs --cert"),
        (
            &["--cert", "no-such-file", "--key", "k"],
            "--cert no-such-file",
        ),
        (&["--no-wss", "--write-cert", "file"], "leave out --no-wss"),
        (
            &["--loss", "101"],
            "--loss 101: \"101\" is not a percentage: write a number from 0 to 100",
        ),
        (
            &["--corrupt", "some"],
            "--corrupt some: \"some\" is not a percentage",
        ),
        (
            &["--delay", "soon"],
            "--delay soon: write a whole number of milliseconds, e.g. --delay 80",
        ),
        (
            &["--jitter=-3"],
            "--jitter -3: write a whole number of milliseconds",
        ),
        (&["--seed", "x"], "--seed x"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(part) && error.contains("--help"), "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_used_port_gives_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = taken.local_addr().unwrap().port().to_string();
    let free = ["--tcp-port", "0", "--tcp-front-end-port", "0"];
    for (arguments, part) in [
        (vec!["--tcp-port", &port], "--tcp-port"),
        ([&free[..], &["--ws-port", &port]].concat(), "--no-ws"),
        (
            [&free[..], &["--wss-front-end-port", &port]].concat(),
            "--no-wss",
        ),
        ([&free[..], &["--udp-port", &udp_port]].concat(), "over UDP"),
        (
            [&free[..], &["--udp-front-end-port", &udp_port]].concat(),
            "--no-udp",
        ),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        assert!(
            error.contains(arguments.last().unwrap()) && error.contains(part),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_program_prints_its_addresses_serves_and_ends_on_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut child = program()
            .args([
                "--tcp-port",
                "0",
                "--tcp-front-end-port",
                "0",
                "--log-level",
                "debug",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let mut words = line.split_whitespace();
        assert_eq!(
            (words.next(), words.next()),
            (Some("photon-dev-server"), Some("ready")),
            "{line}"
        );
        for name in ["name-server=tcp://", "front-end=tcp://"] {
            let address = words
                .next()
                .and_then(|word| word.strip_prefix(name))
                .unwrap();
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            stream.write_all(&[0xF0, 0, 0, 0, 42]).unwrap();
            let mut answer = [0; 9];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer[5..], [0, 0, 0, 42]);
        }
        for name in ["udp-name-server=udp://", "udp-front-end=udp://"] {
            let address = words
                .next()
                .and_then(|word| word.strip_prefix(name))
                .unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let mut connection =
                udp::Connection::connect(udp::Config::client(), 7, Timestamp::ZERO);
            socket
                .send_to(connection.transmit(Timestamp::ZERO).unwrap(), address)
                .unwrap();
            let mut answer = [0; 2048];
            let length = socket.recv(&mut answer).unwrap();
            connection.handle_datagram(Timestamp::ZERO, &answer[..length]);
            assert_eq!(connection.poll_event(), Some(udp::Event::Connected));
        }
        for (name, scheme) in [("ws", "ws"), ("wss", "wss")] {
            for server_kind in ["name-server", "front-end"] {
                let address = words.next().and_then(|word| {
                    word.strip_prefix(&format!("{name}-{server_kind}={scheme}://"))
                });
                TcpStream::connect(address.unwrap()).unwrap();
            }
        }
        assert_eq!(words.next(), None);
        let killed = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        line.clear();
        assert_eq!(out.read_line(&mut line).unwrap(), 0, "one line only");
    }
}

#[cfg(unix)]
#[test]
fn transports_can_be_disabled_and_the_certificate_is_written() {
    let file = std::env::temp_dir().join(format!("photon-dev-server-{}.pem", std::process::id()));
    let file = file.to_str().unwrap();
    let free = [
        "--tcp-port",
        "0",
        "--tcp-front-end-port",
        "0",
        "--no-control",
    ];
    for (more, words, written) in [
        (&["--no-ws", "--no-udp", "--write-cert", file][..], 6, true),
        (&["--no-wss", "--no-udp"], 6, false),
    ] {
        let mut child = program()
            .args(free)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(line.split_whitespace().count(), words, "{line}");
        assert_eq!(line.contains("wss-front-end=wss://"), written);
        if written {
            assert!(
                std::fs::read_to_string(file)
                    .unwrap()
                    .starts_with("-----BEGIN CERTIFICATE-----")
            );
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn options_can_be_environment_variables() {
    let with = |arguments: &[&str]| {
        let output = program()
            .args(arguments)
            .env("PHOTON_DEV_SERVER_TCP_PORT", "from-environment")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        text(&output.stderr)
    };
    assert!(with(&[]).contains("--tcp-port from-environment"));
    assert!(with(&["--tcp-port", "typed"]).contains("--tcp-port typed"));
}
