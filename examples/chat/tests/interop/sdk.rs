//! [`Sdk`]: the official SDK in a child process, which runs
//! `examples/dev-server/interop/client.cjs`.

use crate::{TIMEOUT, url};
use dev_server::Transport;
use dev_server::server::LocalServer;
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

/// The directory of the package, if everything that it needs is installed.
pub(crate) fn package() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dev-server/interop");
    let node = Command::new("node")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    let missing = match (
        node,
        directory.join("node_modules/photon-realtime").is_dir(),
    ) {
        (true, true) => return Some(directory),
        (false, _) => "node is not installed",
        (true, false) => "the SDK is not installed: npm ci --prefix examples/dev-server/interop",
    };
    assert_ne!(
        std::env::var("PHOTON_INTEROP").as_deref(),
        Ok("required"),
        "{missing}"
    );
    // `eprintln!` would be captured, and never printed because the test passes. Failing to print is
    // no failure of the test.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let text =
            format!("interoperability with the official JavaScript SDK is not tested: {missing}\n");
        drop(std::io::stderr().write_all(text.as_bytes()));
    });
    None
}

/// The official SDK in a child process.
pub(crate) struct Sdk {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<Json>,
}

impl Sdk {
    pub(crate) fn start(
        directory: &Path,
        server: &LocalServer,
        transport: Transport,
        app_id: &str,
        user: &str,
    ) -> Self {
        let name = format!(
            "photon-interop-{}-{}.pem",
            std::process::id(),
            server.addresses().name_server.port()
        );
        let certificate = std::env::temp_dir().join(name);
        std::fs::write(&certificate, server.certificate_pem()).unwrap();
        let mut child = Command::new("node")
            .arg(directory.join("client.cjs"))
            .args([url(server, transport).as_str(), app_id, "1.0", user])
            .env("NODE_EXTRA_CA_CERTS", &certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                if line.map_or(true, |line| sender.send(line).is_err()) {
                    return;
                }
            }
        });
        let mut sdk = Self {
            child,
            stdin,
            lines,
            seen: Vec::new(),
        };
        sdk.event("ready");
        std::fs::remove_file(&certificate).unwrap();
        sdk
    }

    /// Waits for a line that fits, and discards those before it.
    pub(crate) fn find(&mut self, what: &str, fits: impl Fn(&Json) -> bool) -> Json {
        let until = Instant::now() + TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {what} after {:?}", self.seen)
            };
            let line: Json = serde_json::from_str(&line).unwrap();
            assert!(
                line["event"] != "onError" || what == "onError",
                "{line} instead of {what}"
            );
            self.seen.push(line.clone());
            if fits(&line) {
                self.seen.clear();
                return line;
            }
        }
    }

    /// The arguments of the next callback of this name.
    pub(crate) fn event(&mut self, name: &str) -> Json {
        self.find(name, |line| line["event"] == name)["args"].take()
    }

    /// Calls a method and returns its result.
    pub(crate) fn call(&mut self, method: &str, arguments: Json) -> Json {
        writeln!(self.stdin, "{}", json!({"call": method, "args": arguments})).unwrap();
        let mut response = self.find(method, |line| line["call"] == method);
        assert_eq!(response["error"], Json::Null, "{method}");
        response["result"].take()
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}
