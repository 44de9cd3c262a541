//! The program's commands and options, through pipes and sockets. Nothing sleeps: each test waits
//! for every answer.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use photon_proto::{Protocol, Value};

use crate::harness::{Got, credentials, ok, response, subscribed, texts};
use crate::sockets::Client;

struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
    name_server: SocketAddr,
    front_end: SocketAddr,
}

impl Program {
    fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_photon-dev-server"))
            .args(["--tcp-port", "0", "--tcp-front-end-port", "0"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = |name: &str| {
            let word = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name));
            word.and_then(|word| word.strip_prefix("=tcp://"))
                .unwrap_or_else(|| panic!("{line}"))
                .parse()
                .unwrap()
        };
        let (name_server, front_end) = (address("name-server"), address("front-end"));
        Self {
            child,
            input,
            output: Some(output),
            name_server,
            front_end,
        }
    }

    fn command(&mut self, command: &str) -> String {
        self.write(command);
        let mut line = String::new();
        self.output.as_mut().unwrap().read_line(&mut line).unwrap();
        assert_eq!(line.pop(), Some('\n'), "one whole line");
        line
    }

    fn write(&mut self, command: &str) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    fn enter(&self, user: &str) -> Client {
        let mut client = Client::connect(self.front_end, Protocol::V18);
        client.request(230, credentials(user));
        assert_eq!(client.next().return_code(230), 0);
        client
    }

    fn log_in(&self, more: Vec<(u8, Value)>) -> Got {
        let mut client = Client::connect(self.name_server, Protocol::V16);
        client.request(
            230,
            [credentials("alice"), vec![(210, "eu".into())], more].concat(),
        );
        client.next()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program has ended already, unless a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_take_effect_while_the_program_runs() {
    let mut program = Program::start(&[]);
    let mut alice = program.enter("alice");
    assert_eq!(
        program.command("fault 1 times subscribe=refuse:32743:later"),
        "ok subscribe=refuse:32743:later is on, 1 times"
    );
    let join = || vec![(0, texts(&["a", "b"]))];
    alice.request(0, join());
    assert_eq!(alice.next(), response(0, 32743, "later"));
    assert_eq!(program.command("faults"), "ok 0 faults");
    assert_eq!(
        program.command("set split-event-5 on"),
        "ok split-event-5=on"
    );
    assert_eq!(
        program.command("fault hook-says-no"),
        "ok hook-says-no is on"
    );
    alice.request(0, join());
    let outcomes = [alice.next(), alice.next(), alice.next()];
    assert_eq!(
        outcomes,
        [
            ok(0),
            subscribed(&[("a", false)]),
            subscribed(&[("b", false)])
        ]
    );
    assert!(
        program
            .command("nonsense")
            .starts_with("error there is no command")
    );

    assert_eq!(
        program.command("fault drop-auth-answer ns"),
        "ok drop-auth-answer ns is on"
    );
    let mut names = Client::connect(program.name_server, Protocol::V18);
    names.request(230, [credentials("bob"), vec![(210, "eu".into())]].concat());
    names.request(220, vec![(224, "app-1".into())]);
    assert_eq!(names.next().return_code(220), 0, "nothing before this");
    assert_eq!(program.command("clear"), "ok all faults are off");
    names.request(230, [credentials("bob"), vec![(210, "eu".into())]].concat());
    assert_eq!(names.next().return_code(230), 0);

    assert_eq!(
        program.command("kick alice 7 go home"),
        "ok 1 connections of \"alice\" are ended"
    );
    assert_eq!(
        alice.next(),
        Got::Disconnect {
            code: 7,
            text: "go home".to_owned()
        }
    );
    assert_eq!(alice.next(), Got::Closed);
    assert_eq!(program.command("quit"), "ok stopping");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_program_continues_without_standard_input_and_output() {
    let mut program = Program::start(&[]);
    drop(program.output.take());
    program.write("set history-length 5");
    program.write("fault subscribe=refuse:32743:later");
    let mut alice = program.enter("alice");
    // A command may take a while to arrive; without its answer, only its effect shows that it did.
    let applied = (0..20_000).any(|_| {
        alice.request(0, vec![(0, texts(&["a"]))]);
        let refused = alice.next() == response(0, 32743, "later");
        assert!(refused || matches!(alice.next(), Got::Event { code: 5, .. }));
        refused
    });
    assert!(applied);
    drop(program.input.take());
    program.enter("bob");
    alice.request(1, vec![(0, texts(&["a"]))]);
    assert_eq!(alice.next(), ok(1));
    assert!(program.child.try_wait().unwrap().is_none());
}

#[test]
fn every_setting_has_an_option() {
    let file = std::env::temp_dir().join(format!("photon-dev-server-rules-{}", std::process::id()));
    std::fs::write(
        &file,
        "# who may come\n\ntype=1 result=refused code=32761 message=\"not \\\"you\\\"\"\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let mut program = Program::start(&[
        "--set",
        "allow-anonymous=off",
        "--set=renew-token=on",
        "--fault",
        "byte-array-token",
        "--auth",
        "type=0 params=user=alice&pass=x result=ok user=alice42 nickname=Al extra.rank=7",
        "--auth-file",
        path,
    ]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(program.command("get renew-token"), "ok renew-token=on");
    assert_eq!(
        program.command("faults"),
        "ok 1 faults: authenticate-ns=bytes-token"
    );
    let custom =
        |kind: u8, parameters: &str| vec![(217, Value::Byte(kind)), (216, parameters.into())];
    let alice = program.log_in(custom(0, "pass=x&user=alice"));
    assert_eq!(
        (alice.parameter(225), alice.parameter(202)),
        (Some(&"alice42".into()), Some(&"Al".into()))
    );
    let Some(Value::Dictionary(data)) = alice.parameter(245) else {
        panic!("{alice:?}")
    };
    assert_eq!(data.get("rank"), Some(&"7".into()));
    assert!(matches!(alice.parameter(221), Some(Value::Bytes(_))));
    assert_eq!(
        program
            .log_in(custom(0, "user=alice&pass=y"))
            .return_code(230),
        32755
    );
    assert_eq!(
        program.log_in(custom(1, "")),
        response(230, 32761, "not \"you\"")
    );
    assert_eq!(program.log_in(vec![]).return_code(230), 32755);
    assert_eq!(program.command("auth clear"), "ok 0 authentication rules");
    assert_eq!(program.log_in(custom(1, "")).return_code(230), 0);
    assert_eq!(program.command("quit"), "ok stopping");
}

#[test]
fn no_control_leaves_standard_input_unread() {
    let mut program = Program::start(&["--no-control"]);
    program.write("quit");
    program.enter("alice");
    assert!(program.child.try_wait().unwrap().is_none());
}

#[test]
fn network_conditions_are_set_by_options_and_commands() {
    let mut program = Program::start(&["--loss", "2.5", "--delay", "80", "--seed", "3"]);
    assert_eq!(
        program.command("line"),
        "ok line loss=2.5 duplicate=0 delay=80 jitter=0 corrupt=0"
    );
    assert_eq!(program.command("set line-corrupt 1"), "ok line-corrupt=1");
    assert_eq!(
        program.command("line off"),
        "ok line loss=0 duplicate=0 delay=0 jitter=0 corrupt=0"
    );
}
