//! A server that is killed and continues with its state.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use dev_server::{ServerConfig, ServerCore, ServerKind};
use photon_proto::{Protocol, Value};

use crate::harness::{APP, Got, Harness, credentials, messages, ok, subscribed, texts};

/// Replaces the server of a harness by one that continues with its state, as another process.
fn restart(harness: &mut Harness, change: impl FnOnce(&mut ServerConfig)) {
    let state = harness.core.state();
    let config = ServerConfig::new().with(change);
    harness.core = ServerCore::new(config, [99; 32]);
    harness.core.set_front_end_port(5000);
    let loaded = harness.core.load_state(harness.now, &state);
    assert_eq!(loaded, Ok(()));
    assert_eq!(harness.core.check_at_rest(), Ok(()));
}

/// Alice in "c" with the messages 1 to 3 and a conversation with bob; returns her token.
fn begin(harness: &mut Harness) -> Value {
    let mut first = harness.connect(ServerKind::NameServer, Protocol::V18);
    let mut login = credentials("alice");
    login.push((210, "eu".into()));
    let got = harness.ask(&mut first, 230, login);
    let Got::Response { parameters, .. } = &got[0] else {
        panic!("{got:?}")
    };
    let token = parameters.iter().find(|(key, _)| *key == 221);
    let token = token.expect("a token").1.clone();
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
    for number in 1..=3 {
        let got = harness.ask(&mut alice, 2, vec![(1, "c".into()), (3, number.into())]);
        assert_eq!(got[0], ok(2));
    }
    harness.ask(&mut alice, 3, vec![(225, "bob".into()), (3, "hi".into())]);
    token
}

/// Logs in with a token and returns what follows the response.
fn resume(harness: &mut Harness, token: &Value) -> Vec<Got> {
    let mut back = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    let mut got = harness.ask(&mut back, 230, vec![(221, token.clone())]);
    assert_eq!(got[0].return_code(230), 0, "{got:?}");
    got.remove(0);
    let asked = vec![(0, texts(&["c"])), (14, Value::Int(-1))];
    got.extend(harness.ask(&mut back, 0, asked).into_iter().skip(1));
    got
}

fn history() -> Got {
    let all: Vec<(&str, Value)> = (1..=3).map(|id| ("alice", Value::Int(id))).collect();
    messages("c", &all, 3)
}

#[test]
fn a_session_continues_on_the_next_server_with_its_token() {
    let mut harness = Harness::new();
    let token = begin(&mut harness);
    restart(&mut harness, |_| {});
    let got = resume(&mut harness, &token);
    let own = subscribed(&[("c", true)]);
    let replayed = crate::harness::private("alice", "bob", "hi", 1);
    assert_eq!(got, [own.clone(), replayed, own, history()]);
    let mut bob = harness.enter("bob", Protocol::V18);
    harness.ask(&mut bob, 0, vec![(0, texts(&["c"]))]);
    let got = harness.ask(&mut bob, 2, vec![(1, "c".into()), (3, 4.into())]);
    assert_eq!(got, [ok(2), messages("c", &[("bob", 4.into())], 4)]);
}

#[test]
fn sessions_and_channels_can_be_forgotten() {
    let mut harness = Harness::new();
    let token = begin(&mut harness);
    restart(&mut harness, |config| config.keep_sessions = false);
    assert_eq!(harness.core.users(), []);
    let got = resume(&mut harness, &token);
    assert_eq!(got, [subscribed(&[("c", true)]), history()]);
    restart(&mut harness, |config| config.keep_channels = false);
    let got = resume(&mut harness, &token);
    assert_eq!(got, [subscribed(&[("c", true)])]);
}

#[test]
fn what_nobody_returns_to_ends_after_a_restart() {
    let mut harness = Harness::new();
    begin(&mut harness);
    restart(&mut harness, |config| config.grace_ms = 3_000);
    harness.wait(2_999);
    assert_eq!(harness.core.users().len(), 1);
    harness.wait(1);
    assert_eq!(harness.core.users().len(), 0);
    harness.wait(5_000);
    assert_eq!(harness.core.stats().channels, 0);
    assert_eq!(harness.core.stats().conversations, 0);
}

#[test]
fn a_token_expires_although_the_server_was_restarted() {
    let mut harness = Harness::with(|config| config.token_lifetime_ms = 10_000);
    let token = begin(&mut harness);
    restart(&mut harness, |_| {});
    harness.wait(9_000);
    resume(&mut harness, &token);
    restart(&mut harness, |_| {});
    harness.wait(1_000);
    let mut late = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(&mut late, 230, vec![(221, token)]);
    assert_eq!(got[0].return_code(230), 32753);
}

#[test]
fn every_change_of_the_state_is_noticed() {
    let mut harness = Harness::new();
    let mut revision = harness.core.state_revision();
    let mut changed = |harness: &Harness, what: &str| {
        assert_ne!(harness.core.state_revision(), revision, "{what}");
        revision = harness.core.state_revision();
    };
    let mut alice = harness.enter("alice", Protocol::V18);
    changed(&harness, "login");
    harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
    changed(&harness, "subscribe");
    harness.ask(&mut alice, 2, vec![(1, "c".into()), (3, 1.into())]);
    changed(&harness, "publish");
    harness.core.publish(harness.now, (APP, "1.0"), "c", "x", 2);
    changed(&harness, "operator");
    harness.hang_up(alice);
    changed(&harness, "logout");
    harness.wait(5_000);
    changed(&harness, "the end of the channel");
}

/// A running program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(state: &str) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_photon-dev-server"))
        .args(["--tcp-port", "0", "--tcp-front-end-port", "0", "--no-udp"])
        .args(["--no-ws", "--no-wss", "--state", state])
        .args(["--set", "channel-linger-ms=600000", "--log-level", "off"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    child.stdout = Some(out.into_inner());
    Program(child)
}

impl Program {
    fn command(&mut self, line: &str) -> String {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        let mut out = BufReader::new(self.0.stdout.as_mut().unwrap());
        out.read_line(&mut answer).unwrap();
        answer
    }
}

/// A state with one empty channel, as a server would leave it.
fn channel_state() -> Vec<u8> {
    let mut core = ServerCore::new(ServerConfig::new(), [3; 32]);
    core.publish(photon_proto::Timestamp::ZERO, ("a", "1"), "c", "x", "one");
    core.state()
}

#[test]
fn the_program_keeps_its_state_over_quit_and_kill() {
    let path = std::env::temp_dir().join(format!("photon-state-{}", std::process::id()));
    let state = path.to_str().unwrap();
    std::fs::write(state, channel_state()).unwrap();
    let mut first = start(state);
    assert_eq!(
        first.command("publish c two"),
        "ok published in 1 channels\n"
    );
    assert_eq!(first.command("quit"), "ok stopping\n");
    assert_eq!(first.0.wait().unwrap().code(), Some(0));
    let mut second = start(state);
    let listed = second.command("channels");
    assert!(listed.contains("last-id=2 kept=2"), "{listed}");
    second.command("publish c three");
    // Nothing announces a write, but each one makes a new file.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let last_id = || {
        let mut core = ServerCore::new(ServerConfig::new(), [3; 32]);
        let loaded = core.load_state(
            photon_proto::Timestamp::ZERO,
            &std::fs::read(state).unwrap(),
        );
        assert_eq!(loaded, Ok(()), "a file is complete at any time");
        core.channel_last_id("a", "1", "c")
    };
    while last_id() != Some(3) {
        assert!(std::time::Instant::now() < deadline, "never written");
        std::thread::yield_now();
    }
    drop(second);
    let mut third = start(state);
    let listed = third.command("channels");
    assert!(listed.contains("last-id=3 kept=3"), "{listed}");
    drop(third);
    std::fs::remove_file(state).unwrap();
}

#[test]
fn a_damaged_state_file_is_an_error_that_names_it() {
    let path = std::env::temp_dir().join(format!("photon-bad-state-{}", std::process::id()));
    let state = path.to_str().unwrap();
    let good = channel_state();
    let newer = b"photon-dev-server state 9\nxxxxxxxxxxxxxxxxxxxxxxxxxx".to_vec();
    for (bytes, part) in [
        (b"hello".to_vec(), "not a state of photon-dev-server"),
        (good[..good.len() - 3].to_vec(), "is damaged"),
        (newer, "has version \"9\""),
    ] {
        std::fs::write(state, bytes).unwrap();
        let mut failed = start(state);
        assert_eq!(failed.0.wait().unwrap().code(), Some(1));
        let mut error = String::new();
        let mut stderr = failed.0.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut error).unwrap();
        assert!(error.contains(part) && error.contains(state), "{error}");
    }
    std::fs::remove_file(state).unwrap();
}
