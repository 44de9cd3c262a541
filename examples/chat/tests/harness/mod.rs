//! A development server in a thread, and the program as a process.
#![allow(dead_code, reason = "each test program uses a part of it")]

use dev_server::ServerConfig;
use dev_server::server::{
    Addresses, Server, ServerHandle, ServerOptions, UdpPorts, WsPorts, WssOptions,
};
use serde_json::Value as Json;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

/// A development server on free ports of loopback.
pub(crate) struct LocalServer {
    pub(crate) address: SocketAddr,
    pub(crate) addresses: Addresses,
    /// What clients have to trust over wss, as PEM.
    pub(crate) certificate: String,
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl LocalServer {
    pub(crate) fn start(config: ServerConfig) -> Self {
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: Some(UdpPorts::ANY),
            wss: Some(WssOptions {
                ports: WsPorts::ANY,
                ..WssOptions::default()
            }),
            config,
            ..ServerOptions::default()
        };
        let server = Server::bind(&options).unwrap();
        let (addresses, handle) = (server.addresses(), server.handle());
        let certificate = server.certificate_pem().unwrap().to_owned();
        let thread = Some(thread::spawn(move || server.run()));
        Self {
            address: addresses.name_server,
            addresses,
            certificate,
            handle,
            thread,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.handle.stop();
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
}

/// What a program left behind.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::piped())
    }

    /// With an output whose other end is closed already.
    pub(crate) fn start_unread(arguments: &[&str]) -> Self {
        let (_, stdout) = io::pipe().unwrap();
        Self::start_with(arguments, stdout.into())
    }

    fn start_with(arguments: &[&str], stdout: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_photon-chat"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// A client for scripts, on this server; ends by itself whatever happens.
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

    /// Writes these lines; a program that has ended does not read them.
    pub(crate) fn say(&mut self, lines: &str) {
        let _gone = self.stdin.as_mut().unwrap().write_all(lines.as_bytes());
    }

    /// Ends its input and waits for its end.
    pub(crate) fn end(mut self) -> Output {
        self.stdin = None;
        self.wait()
    }

    /// Waits for its end without ending its input.
    pub(crate) fn wait(mut self) -> Output {
        let mut stderr = self.child.stderr.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut stdout = String::new();
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
    /// The printed lines, each a JSON object with an event.
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

    /// The events of this name.
    pub(crate) fn events(&self, name: &str) -> Vec<Json> {
        self.lines()
            .into_iter()
            .filter(|line| line["event"] == name)
            .collect()
    }

    /// The numbers of the states that it went through.
    pub(crate) fn states(&self) -> Vec<i64> {
        self.events("StateChanged")
            .iter()
            .map(|event| event["to"]["code"].as_i64().unwrap())
            .collect()
    }

    /// All was well: status 0, no complaint, no command refused.
    pub(crate) fn assert_good(&self) -> &Self {
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

/// One run of a script, from its first line to the end of its input.
pub(crate) fn script(server: &str, user: &str, more: &[&str], lines: &str) -> Output {
    let mut program = Program::client(server, user, more);
    program.say(lines);
    program.end()
}

/// What gets a client to the front end.
pub(crate) const ENTER: &str =
    "connect\nwait StateChanged 30 \"to\":{\"name\":\"ConnectedToFrontEnd\"\n";
