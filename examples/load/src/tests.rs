//! Load tests of a few clients against a server in this process, over real sockets of 127.0.0.1.

use crate::arguments::{Driver, Options};
use crate::report::Report;
use crate::run::run;
use crate::{json as output, plot};
use chat_std_io::chat_core::Protocol;
use dev_server::server::{Addresses, LocalServer, Server, ServerHandle, ServerOptions};
use dev_server::{ServerConfig, Transport};
use serde_json::{Value, json};
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

/// Few clients in one channel, without traffic, against a server that the program starts.
fn embedded() -> Options {
    Options {
        clients: 30,
        channels: 1,
        ramp: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        traffic: Duration::ZERO,
        ..Options::new()
    }
}

fn small(server: String) -> Options {
    Options {
        server: Some(server),
        ..embedded()
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
    let whole = format!("{text}{report}");
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
    whole
}

#[test]
fn a_message_reaches_all_clients_over_tcp() {
    let server = start_server();
    let text = assert_success(&options(&server, Transport::Tcp));
    assert!(!text.contains("UDP"), "{text}");
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
    assert!(text.contains("On 30 UDP connections"), "{text}");
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
    assert!(report.udp.unwrap().resent > 0, "{report}");
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
    let restored = report.restored;
    assert_eq!(
        (restored.restores, restored.gaps),
        (30, 0),
        "{text}{report}"
    );
    assert!(restored.attempts >= 30, "{restored:?}");
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
    let no_root = Options {
        root: Some("/nowhere.pem".to_owned()),
        ..small("wss://127.0.0.1:1".to_owned())
    };
    let error = run(&no_root, &mut out).unwrap_err().to_string();
    assert!(
        error.starts_with("--root /nowhere.pem: ") && error.contains("certificate"),
        "{error}"
    );
    assert!(!String::from_utf8(out).unwrap().contains("ramp"));
}

/// Steady traffic in several channels against a server that the program starts.
fn with_traffic(transport: Transport, driver: Driver) -> Options {
    Options {
        transport,
        driver,
        channels: 3,
        idle: Duration::ZERO,
        traffic: Duration::from_secs(2),
        rate: 500,
        ..embedded()
    }
}

fn assert_traffic(options: &Options) -> Report {
    let (report, text) = run_to_text(options);
    assert!(report.failures().is_empty(), "{text}{report}");
    assert_eq!((report.joined, report.left), (30, 30), "{text}{report}");
    // 500 deliveries a second in channels of ten clients, and one message in each at the end.
    assert_eq!(report.published, 103, "{text}{report}");
    assert_eq!(
        (report.expected, report.received, report.duplicates),
        (1_030, 1_030, 0),
        "{text}{report}"
    );
    let server = report.server.unwrap();
    assert_eq!(
        (server.users, server.messages, server.events),
        (30, 103, 1_030),
        "{text}{report}"
    );
    let latency = report.latency.unwrap();
    assert!(latency.lowest <= latency.p50 && latency.p50 <= latency.highest);
    assert!(latency.highest > Duration::ZERO);
    // 1,000 deliveries of a message of 100 bytes, without what surrounds it.
    assert!(report.bytes_read > 100_000, "{report}");
    assert!(report.bytes_written > 10_000, "{report}");
    report
}

#[test]
fn traffic_in_channels_agrees_with_the_servers_figures_over_each_transport() {
    for transport in Transport::ALL {
        let report = assert_traffic(&with_traffic(transport, Driver::Loop));
        assert_eq!(report.udp.is_some(), transport == Transport::Udp);
    }
}

#[test]
fn sessions_can_be_driven_by_their_own_calls() {
    let options = with_traffic(Transport::Udp, Driver::Session);
    let report = assert_traffic(&options);
    // A message waits for the frame of its publisher, then for the frames of its receivers.
    let latency = report.latency.unwrap();
    assert!(latency.p50 > Duration::from_millis(2), "{report}");
}

#[test]
fn the_report_is_json_and_a_plot() {
    let options = with_traffic(Transport::Udp, Driver::Loop);
    let report = assert_traffic(&options);
    let text = format!("{:#}", output::report(&options, &report));
    let value: Value = serde_json::from_str(&text).unwrap();
    for (pointer, expected) in [
        ("/ok", json!(true)),
        ("/failures", json!([])),
        ("/options/transport", json!("udp")),
        ("/options/channels", json!(3)),
        ("/clients/joined", json!(30)),
        ("/messages/published", json!(103)),
        ("/deliveries/expected", json!(1_030)),
        ("/deliveries/received", json!(1_030)),
        ("/deliveries/lost", json!(0)),
        ("/deliveries/duplicates", json!(0)),
        ("/server/deliveries", json!(1_030)),
        ("/reconnects/restores", json!(0)),
        ("/udp/connections", json!(30)),
    ] {
        assert_eq!(value.pointer(pointer), Some(&expected), "{pointer}: {text}");
    }
    for pointer in [
        "/latency_ms/p50",
        "/latency_ms/p99_9",
        "/traffic_latency_ms/p90",
        "/publish_latency_ms/highest",
        "/bytes/sent",
        "/bytes/received",
        "/seconds/0/latency_ms/p99",
    ] {
        let number = value.pointer(pointer).and_then(Value::as_f64);
        assert!(
            number.is_some_and(|number| number > 0.0),
            "{pointer}: {text}"
        );
    }
    if cfg!(target_os = "linux") {
        for pointer in ["/processor_s/clients", "/processor_s/server"] {
            assert!(
                value.pointer(pointer).is_some_and(Value::is_number),
                "{text}"
            );
        }
        let memory = value.pointer("/memory_bytes/clients/resident");
        assert!(memory.and_then(Value::as_u64) > Some(1_000_000), "{text}");
    }
    let of_seconds: u64 = value["seconds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|second| second["received"].as_u64().unwrap())
        .sum();
    assert!((990..=1_000).contains(&of_seconds), "{text}");

    let path = std::env::temp_dir().join(format!("photon-load-{}.svg", std::process::id()));
    let path = path.to_str().unwrap();
    plot::check(path).unwrap();
    plot::write(path, &options, &report).unwrap();
    let picture = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("1,030 of 1,030 deliveries"));
}

#[test]
fn lost_deliveries_are_reported() {
    let server = start_server();
    let options = Options {
        traffic: Duration::from_millis(500),
        rate: 300,
        delivery_timeout: Duration::from_secs(1),
        ..options(&server, Transport::Tcp)
    };
    control(&server, "fault 1 times publish=silent");
    let (report, text) = run_to_text(&options);
    assert_eq!(report.lost_deliveries(), 30, "{text}{report}");
    assert!(
        report.to_string().contains("FAILED   30 of "),
        "{text}{report}"
    );
    server.stop().unwrap();
}

#[test]
fn clients_that_are_sent_to_another_machine_end_the_test() {
    let server = start_server();
    // TEST-NET-1 of RFC 5737, where nobody is.
    control(&server, "set public-host=192.0.2.1");
    let error = run(&options(&server, Transport::Udp), &mut Vec::new()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("192.0.2.1") && error.contains("--i-own-this-server"),
        "{error}"
    );
    server.stop().unwrap();
}

#[test]
fn a_rate_that_is_too_high_ends_the_traffic_with_advice() {
    let options = Options {
        channels: 1,
        traffic: Duration::from_millis(300),
        rate: u32::MAX,
        delivery_timeout: Duration::from_millis(200),
        ..with_traffic(Transport::Tcp, Driver::Loop)
    };
    let (report, text) = run_to_text(&options);
    assert!(report.refused > 0, "{text}{report}");
    assert!(
        report.to_string().contains("choose a lower --rate"),
        "{text}{report}"
    );
    assert!(!report.failures().is_empty());
}
