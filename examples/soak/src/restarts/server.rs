//! The process of the server: its ports and its certificate stay the same over restarts.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dev_server::Transport;

/// The options that name ports, in the order of the words in the line that the server prints.
const PORTS: [&str; 8] = [
    "--tcp-port",
    "--tcp-front-end-port",
    "--udp-port",
    "--udp-front-end-port",
    "--ws-port",
    "--ws-front-end-port",
    "--wss-port",
    "--wss-front-end-port",
];

pub(crate) struct Server {
    program: PathBuf,
    child: Child,
    ports: Vec<String>,
    /// A folder for the certificate and the state, which ends with the run.
    folder: PathBuf,
    with_state: bool,
    pub(crate) certificate: String,
}

impl Server {
    pub(crate) fn start(program: &Path, with_state: bool) -> Result<Self, Box<dyn Error>> {
        let folder = format!("photon-restarts-{}-{with_state}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder)?;
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)?;
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        std::fs::write(folder.join("cert.pem"), made.cert.pem())?;
        let any: Vec<String> = vec!["0".to_owned(); PORTS.len()];
        let (child, ports) = spawn(program, &folder, with_state, &any)?;
        Ok(Self {
            program: program.to_owned(),
            child,
            ports,
            folder,
            with_state,
            certificate: made.cert.pem(),
        })
    }

    /// Ends the process as `kill -9` does.
    pub(crate) fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    pub(crate) fn start_again(&mut self) -> Result<(), Box<dyn Error>> {
        let (child, _) = spawn(&self.program, &self.folder, self.with_state, &self.ports)?;
        self.child = child;
        Ok(())
    }

    /// The address of the name server over a transport.
    pub(crate) fn url(&self, transport: Transport) -> String {
        let at = match transport {
            Transport::Tcp => 0,
            Transport::Udp => 2,
            Transport::Ws => 4,
            Transport::Wss => 6,
        };
        let port = self.ports.get(at).map_or("0", String::as_str);
        format!("{transport}://127.0.0.1:{port}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts a server, and returns its process and its ports once it is ready.
fn spawn(
    program: &Path,
    folder: &Path,
    with_state: bool,
    ports: &[String],
) -> Result<(Child, Vec<String>), Box<dyn Error>> {
    let mut command = Command::new(program);
    command.args(["--no-control", "--set", "channel-linger-ms=60000"]);
    command.arg("--cert").arg(folder.join("cert.pem"));
    command.arg("--key").arg(folder.join("key.pem"));
    if with_state {
        command.arg("--state").arg(folder.join("state"));
    }
    for (option, port) in PORTS.iter().zip(ports) {
        command.args([option, port.as_str()]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    let addresses = line.split_whitespace().skip(2);
    let ports: Vec<String> = addresses
        .filter_map(|word| Some(word.rsplit_once(':')?.1.to_owned()))
        .collect();
    if ports.len() != PORTS.len() {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("the server did not start: {line:?}").into());
    }
    Ok((child, ports))
}
