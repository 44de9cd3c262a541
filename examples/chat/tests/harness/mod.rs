//! A development server in this process, and `photon-chat` as a child process.
#![allow(dead_code, reason = "no test program uses all of it")]

use dev_server::ServerConfig;
use dev_server::server::LocalServer;
use serde_json::{Value as Json, json};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

/// Starts a development server with this configuration.
pub(crate) fn start_server(config: ServerConfig) -> LocalServer {
    LocalServer::start(config).unwrap()
}

/// A server address where no server listens: the port was free a moment ago.
pub(crate) fn unused_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// A running child process.
pub(crate) struct Program {
    child: Child,
    /// What [`Program::read_until`] has read of the output.
    read: String,
    pub(crate) stdin: Option<ChildStdin>,
}

/// The output and the exit status of a child process that has ended.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::piped(), &[])
    }

    /// Starts it with these variables in its environment.
    pub(crate) fn start_in(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::piped(), variables)
    }

    /// Starts it with a standard output whose reading end is closed.
    pub(crate) fn start_with_closed_output(arguments: &[&str]) -> Self {
        let (_, stdout) = io::pipe().unwrap();
        Self::start_with(arguments, stdout.into(), &[])
    }

    fn start_with(arguments: &[&str], stdout: Stdio, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_photon-chat"))
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self {
            child,
            read: String::new(),
            stdin,
        }
    }

    /// Starts `photon-chat run` with this server. It ends after 60 seconds at the latest.
    pub(crate) fn client(server: &str, user: &str, more: &[&str]) -> Self {
        let arguments = [
            "run",
            "--server",
            server,
            "--app-id",
            "test",
            "--user",
            user,
            "--max-seconds",
            "60",
        ];
        Self::start(&[&arguments, more].concat())
    }

    /// Writes these lines to its standard input. A process that has ended ignores them.
    pub(crate) fn write(&mut self, lines: &str) {
        let _ended = self.stdin.as_mut().unwrap().write_all(lines.as_bytes());
    }

    /// The number of the process, to send it a signal.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads its output until it contains `text` so many times.
    pub(crate) fn read_until(&mut self, text: &str, times: usize) {
        let out = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while self.read.matches(text).count() < times {
            // By the byte, so that nothing is taken that follows. The output is ASCII.
            out.read_exact(&mut byte).unwrap();
            self.read.push(byte[0].into());
        }
    }

    /// Closes its standard input and waits until it ends.
    pub(crate) fn end(mut self) -> Output {
        self.stdin = None;
        self.wait()
    }

    /// Waits until it ends, with its standard input still open.
    pub(crate) fn wait(mut self) -> Output {
        let mut stderr = self.child.stderr.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut stdout = self.read;
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut stdout).unwrap();
        }
        let status: ExitStatus = self.child.wait().unwrap();
        Output {
            stdout,
            stderr: reader.join().unwrap(),
            status: status.code().unwrap(),
        }
    }
}

impl Output {
    /// The printed lines; each is a JSON object with the field `event`.
    pub(crate) fn lines(&self) -> Vec<Json> {
        let lines: Vec<Json> = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(
            lines.iter().all(|line| line["event"].is_string()),
            "{}",
            self.stdout
        );
        lines
    }

    /// The events with this name.
    pub(crate) fn events(&self, name: &str) -> Vec<Json> {
        self.lines()
            .into_iter()
            .filter(|line| line["event"] == name)
            .collect()
    }

    /// The codes of the states that the client entered.
    pub(crate) fn states(&self) -> Vec<i64> {
        self.events("StateChanged")
            .iter()
            .map(|event| event["to"]["code"].as_i64().unwrap())
            .collect()
    }

    /// Asserts status 0, nothing on standard error, and that every command was accepted.
    pub(crate) fn assert_success(&self) -> &Self {
        assert_eq!(
            (self.status, self.stderr.as_str()),
            (0, ""),
            "{}",
            self.stdout
        );
        let refused = self
            .events("Command")
            .into_iter()
            .find(|command| command["ok"] != true);
        assert_eq!(refused, None);
        self
    }
}

/// Runs a script to the end of its input.
pub(crate) fn script(server: &str, user: &str, more: &[&str], lines: &str) -> Output {
    let mut program = Program::client(server, user, more);
    program.write(lines);
    program.end()
}

/// The commands that connect a client to the front end.
pub(crate) const CONNECT: &str =
    "connect\nwait StateChanged 30 \"to\":{\"name\":\"ConnectedToFrontEnd\"\n";

/// The commands that reconnect a client to the front end.
pub(crate) const RECONNECT: &str =
    "reconnect\nwait StateChanged 30 \"to\":{\"name\":\"ConnectedToFrontEnd\"\n";

/// The last command of a script that ends with a failed one: its line, `ok` and `error`.
pub(crate) fn last_command(output: &Output) -> Json {
    output.events("Command").pop().unwrap()
}

/// A text as a tagged value.
pub(crate) fn string(text: &str) -> Json {
    json!({"t": "string", "v": text})
}
