//! Load tests of a few clients against a server in this process, over real sockets of 127.0.0.1.

use crate::arguments::Options;
use crate::report::Report;
use crate::run::run;
use chat_std_io::chat_core::Protocol;
use dev_server::server::{Addresses, LocalServer, Server, ServerHandle, ServerOptions};
use dev_server::{ServerConfig, Transport};
use std::io::Write;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn start_server() -> LocalServer {
    LocalServer::start(ServerConfig::new()).unwrap()
}

fn options(server: &LocalServer, transport: Transport) -> Options {
    small(server.url(transport))
}

fn control(server: &LocalServer, command: &'static str) {
    let answer = server
        .handle()
        .with_core(move |core| core.control(command))
        .unwrap();
    assert!(answer.line.starts_with("ok"), "{}", answer.line);
}

fn small(server: String) -> Options {
    Options {
        clients: 30,
        ramp: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        ..Options::new(server)
    }
}

fn run_to_text(options: &Options) -> (Report, String) {
    let mut out = Vec::new();
    let report = run(options, &mut out).unwrap();
    (report, String::from_utf8(out).unwrap())
}

fn assert_success(options: &Options) -> String {
    let (report, text) = run_to_text(options);
    assert!(report.failures().is_empty(), "{text}{report}");
    let Report {
        joined,
        lost,
        received,
        duplicates,
        left,
        ..
    } = report;
    assert_eq!(
        (joined, lost, received, duplicates, left),
        (30, 0, 30, 0, 30),
        "{text}{report}"
    );
    assert!(report.causes.is_empty(), "{report}");
    assert!(
        text.contains("30 disconnected") && text.contains(" 0 sockets still open"),
        "{text}"
    );
    text
}

#[test]
fn a_message_reaches_all_clients_over_tcp() {
    let server = start_server();
    let text = assert_success(&options(&server, Transport::Tcp));
    assert!(!text.contains("udp "), "{text}");
    assert_success(&Options {
        protocol: Protocol::V16,
        ramp: Duration::ZERO,
        ..options(&server, Transport::Tcp)
    });
    server.stop().unwrap();
}

#[test]
fn a_message_reaches_all_clients_over_udp() {
    let server = start_server();
    let text = assert_success(&options(&server, Transport::Udp));
    assert!(text.contains("on 30 front-end connections"), "{text}");
    assert_success(&Options {
        crc: true,
        protocol: Protocol::V16,
        ..options(&server, Transport::Udp)
    });
    // They disconnected in an orderly way, so the server does not keep them for a reconnect.
    let users = server.handle().with_core(|core| core.stats().users);
    assert_eq!(users, Some(0));
    server.stop().unwrap();
}

#[test]
fn a_message_reaches_all_clients_over_websocket() {
    let server = start_server();
    assert_success(&options(&server, Transport::Ws));
    server.stop().unwrap();
}

#[test]
fn lost_datagrams_are_resent_in_time() {
    let server = start_server();
    control(&server, "line loss=5");
    let (report, text) = run_to_text(&options(&server, Transport::Udp));
    assert_eq!(
        (
            report.joined,
            report.received,
            report.duplicates,
            report.lost
        ),
        (30, 30, 0, 0),
        "{text}{report}"
    );
    assert!(!text.contains(" 0 commands were resent"), "{text}");
    server.stop().unwrap();
}

#[test]
fn names_are_resolved() {
    let server = start_server();
    let address = format!("tcp://localhost:{}", server.addresses().name_server.port());
    assert_success(&small(address));
    server.stop().unwrap();
}

#[test]
fn idle_clients_only_ping() {
    let server = start_server();
    let options = Options {
        clients: 3,
        idle: Duration::from_millis(4_500),
        ..options(&server, Transport::Udp)
    };
    let (report, text) = run_to_text(&options);
    assert!(report.failures().is_empty(), "{text}{report}");
    // For each of three clients: a ping after 3 s, a ping of the server every second, and the acks.
    let passes = text
        .lines()
        .find(|line| line.starts_with("idle ") && line.contains("passes"))
        .unwrap();
    let each_second: u32 = passes.rsplit(' ').nth(1).unwrap().parse().unwrap();
    assert!((1..=30).contains(&each_second), "{text}");
    server.stop().unwrap();
}

#[test]
fn disconnected_clients_are_counted_with_the_cause() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let server = start_server();
        let options = options(&server, transport);
        control(&server, "fault 1 times subscribe=disconnect-after:3");
        let (report, text) = run_to_text(&options);
        assert_eq!(
            (report.joined, report.lost, report.received, report.left),
            (30, 1, 29, 29),
            "{text}{report}"
        );
        assert!(
            report.to_string().contains("FAILED   1 were disconnected"),
            "{report}"
        );
        let (cause, _) = report.causes.first_key_value().unwrap();
        assert!(cause.contains("front end"), "{cause}");
        server.stop().unwrap();
    }
}

/// A server on one port, which stops and starts again when the run prints that all have joined.
struct Restarting {
    server: Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    options: ServerOptions,
    text: Vec<u8>,
    restarts: u32,
}

impl Restarting {
    fn new() -> Self {
        let mut restarting = Self {
            server: None,
            options: ServerOptions {
                name_server_port: 0,
                front_end_port: 0,
                ..ServerOptions::default()
            },
            text: Vec::new(),
            restarts: 0,
        };
        restarting.start();
        restarting
    }

    fn start(&mut self) {
        let server = Server::bind(&self.options).unwrap();
        let Addresses {
            name_server,
            front_end,
            ..
        } = server.addresses();
        self.options.name_server_port = name_server.port();
        self.options.front_end_port = front_end.port();
        self.server = Some((server.handle(), thread::spawn(move || server.run())));
    }

    fn stop(&mut self) {
        if let Some((handle, thread)) = self.server.take() {
            handle.stop();
            thread.join().unwrap().unwrap();
        }
    }
}

impl Write for Restarting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.restarts == 0 && self.text.windows(12).any(|part| part == b"joined after") {
            self.restarts += 1;
            self.stop();
            self.start();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn with_restore_clients_come_back_when_the_server_restarts() {
    let mut server = Restarting::new();
    let options = Options {
        restore: true,
        ..small(format!(
            "tcp://127.0.0.1:{}",
            server.options.name_server_port
        ))
    };
    let report = run(&options, &mut server).unwrap();
    server.stop();
    let text = String::from_utf8(server.text).unwrap();
    assert_eq!(server.restarts, 1);
    assert!(report.failures().is_empty(), "{text}{report}");
    assert_eq!(
        (report.received, report.lost, report.away, report.left),
        (30, 0, 0, 30),
        "{text}{report}"
    );
    let restored = report.restored.unwrap();
    assert_eq!(
        (restored.restores, restored.gaps),
        (30, 0),
        "{text}{report}"
    );
    assert!(restored.attempts >= 30, "{restored}");
    assert!(text.contains(" came back within "), "{text}");
}

#[test]
fn rejected_clients_are_counted_with_the_cause() {
    let server = start_server();
    control(
        &server,
        "fault 2 times authenticate-fe=refuse:32755:not you",
    );
    let (report, text) = run_to_text(&options(&server, Transport::Udp));
    assert_eq!(
        (report.joined, report.received, report.lost),
        (28, 28, 0),
        "{text}{report}"
    );
    assert!(
        report
            .to_string()
            .contains("2 of 30 clients did not connect"),
        "{report}"
    );
    let (cause, (count, _)) = report.causes.first_key_value().unwrap();
    assert!(cause.contains("not you") && *count == 2, "{cause}");

    control(&server, "fault 1 times subscribe=deny");
    let (report, text) = run_to_text(&options(&server, Transport::Tcp));
    assert_eq!(
        (report.joined, report.received, report.lost),
        (29, 29, 0),
        "{text}{report}"
    );
    assert!(
        report
            .causes
            .keys()
            .all(|cause| cause.contains("refused the channel")),
        "{report}"
    );
    server.stop().unwrap();
}

#[test]
fn without_a_server_the_test_ends_soon_with_the_cause() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (report, text) = run_to_text(&small(format!("tcp://{free}")));
    assert_eq!(report.joined, 0);
    assert!(!text.contains("idle"), "{text}");
    assert!(
        report
            .to_string()
            .contains("name server: the link failed (Refused)"),
        "{report}"
    );
}

#[test]
fn errors_at_the_start_tell_the_user_what_to_do() {
    let mut out = Vec::new();
    let too_many = Options {
        clients: 1_000_000_000,
        ..small("udp://127.0.0.1:1".to_owned())
    };
    if cfg!(target_os = "linux") {
        let error = run(&too_many, &mut out).unwrap_err().to_string();
        assert!(error.contains("need `ulimit -n 1000001032`"), "{error}");
        let no_process = Options {
            server_pid: Some(u32::MAX),
            ..small("udp://127.0.0.1:1".to_owned())
        };
        let error = run(&no_process, &mut out).unwrap_err().to_string();
        assert!(error.contains("--server-pid"), "{error}");
    }
    let error = run(&small("udp://127.0.0.1:port".to_owned()), &mut out)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("--server udp://127.0.0.1:port: "),
        "{error}"
    );
    assert!(!String::from_utf8(out).unwrap().contains("ramp"));
}
