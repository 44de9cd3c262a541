//! What the server logs about each connection, and what it never logs.

use std::cell::RefCell;

use dev_server::{AuthRule, ServerKind, SubProtocol};
use log::{Level, LevelFilter, Log, Metadata, Record};
use photon_proto::{Protocol, Value};

use crate::harness::{BOTH, Harness, Peer, texts};
use crate::messages::{self, open};

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// Begins a new log for this thread.
fn begin() {
    // Only the first test of the process installs it.
    let _installed = log::set_logger(&Capture);
    log::set_max_level(LevelFilter::Trace);
    LINES.with_borrow_mut(Vec::clear);
}

/// The lines of this thread since [`begin`], up to this level.
fn lines(level: Level) -> Vec<String> {
    let lines = LINES.with_borrow(Clone::clone);
    let fitting = lines.into_iter().filter(|(one, _)| *one <= level);
    fitting.map(|(_, line)| line).collect()
}

const SECRETS: [&str; 3] = ["pass-of-alice", "ticket-of-alice", "planted-text"];

fn login() -> Vec<(u8, Value)> {
    vec![
        (224, "app-1".into()),
        (220, "1.0".into()),
        (225, "planted-user".into()),
        (210, "eu".into()),
        (217, Value::Byte(0)),
        (216, "user=alice&pass=pass-of-alice".into()),
        (214, "ticket-of-alice".into()),
    ]
}

fn with_authentication() -> Harness {
    Harness::with(|config| {
        let rule = AuthRule::any(dev_server::AuthResult::accept());
        config.authentication.push(rule);
    })
}

fn enter(harness: &mut Harness, protocol: Protocol) -> (Peer, Value) {
    let mut name_server = harness.connect(ServerKind::NameServer, protocol);
    let got = harness.ask(&mut name_server, 230, login());
    let token = got[0].parameter(221).expect("a token").clone();
    harness.hang_up(name_server);
    let mut alice = harness.connect(ServerKind::FrontEnd, protocol);
    let got = harness.ask(&mut alice, 230, vec![(221, token.clone())]);
    assert_eq!(got[0].return_code(230), 0);
    (alice, token)
}

#[test]
fn sound16_the_log_shows_connects_logins_operations_events_and_ends() {
    for protocol in BOTH {
        begin();
        let mut harness = with_authentication();
        let (mut alice, _) = enter(&mut harness, protocol);
        harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
        harness.ask(
            &mut alice,
            2,
            vec![(1, "c".into()), (3, "planted-text".into())],
        );
        harness.ask(
            &mut alice,
            2,
            vec![(1, "d".into()), (3, "planted-text".into())],
        );
        harness.core.kick(harness.now, "planted-user", 0, "kicked");
        harness.drain(&mut alice);
        let mut bob = harness.connect(ServerKind::FrontEnd, protocol);
        harness.ask(&mut bob, 230, vec![(221, "no token".into())]);
        let info = lines(Level::Info).join("\n");
        for line in [
            "connection 0 accepted on the name server over TCP",
            "connection 0 logged in",
            "connection 0 ended: the client closed it",
            "connection 1 accepted on the front end over TCP",
            "connection 1 logged in",
            "connection 1 ended: kicked",
            "connection 2: the login was refused with InvalidAuthentication (32767): ",
        ] {
            assert!(info.contains(line), "{line:?} is not in\n{info}");
        }
        assert!(!info.contains("Publish"), "{info}");
        let debug = lines(Level::Debug).join("\n");
        for line in [
            "connection 1: request Subscribe (0)",
            "connection 1: response to Subscribe (0): Ok (0)",
            "connection 1: Subscribe (5) in ",
            "connection 1: request Publish (2)",
            "connection 1: response to Publish (2): Ok (0)",
            "connection 1: ChatMessages (0) in ",
            "connection 1: response to Publish (2): OperationNotAllowedInCurrentState (-3): not subscribed",
        ] {
            assert!(debug.contains(line), "{line:?} is not in\n{debug}");
        }
        let trace = lines(Level::Trace).join("\n");
        assert!(trace.contains("planted-text") && trace.contains("planted-user"));
    }
}

#[test]
fn sound18_the_server_logs_no_secret_and_texts_only_at_trace() {
    let check = |token: &Value| {
        let debug = lines(Level::Debug).join("\n");
        for secret in SECRETS.iter().chain(&["planted-user"]) {
            assert!(!debug.contains(secret), "{secret} in\n{debug}");
        }
        let trace = lines(Level::Trace).join("\n");
        let token = token.as_str().expect("a text");
        for secret in [SECRETS[0], SECRETS[1], token] {
            assert!(!trace.contains(secret), "{secret} in\n{trace}");
        }
    };
    for protocol in BOTH {
        begin();
        let mut harness = with_authentication();
        let (mut alice, token) = enter(&mut harness, protocol);
        harness.ask(
            &mut alice,
            5,
            vec![(10, Value::Int(2)), (3, "planted-text".into())],
        );
        harness.ask(
            &mut alice,
            3,
            vec![(225, "planted-user".into()), (3, "planted-text".into())],
        );
        check(&token);
    }
    for subprotocol in [SubProtocol::Json, SubProtocol::GpBinaryV18] {
        begin();
        let mut harness = with_authentication();
        let web = open(&mut harness, ServerKind::NameServer, subprotocol);
        let got = messages::ask(&mut harness, &web, 230, login());
        check(got[0].parameter(221).expect("a token"));
        let private = vec![(225, "planted-user".into()), (3, "planted-text".into())];
        messages::ask(&mut harness, &web, 3, private);
        check(got[0].parameter(221).expect("a token"));
    }
}
