//! The command line.

use chat_std_io::chat_core::Protocol;
use command_line::{LevelFilter, choice, log_level, number, seconds, text};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Runs thousands of chat clients in one process and one thread. They log in one after another and
subscribe to one channel. After an idle time one of them publishes a message that must reach all.

Usage: photon-load --server ADDRESS [OPTION]...

Options:
  --server ADDRESS    the name server: udp://, tcp://, ws:// or wss://HOST:PORT
  --root FILE         trust this certificate (PEM) instead of the usual roots (wss:// only)
  --clients N         the number of clients (default 10000)
  --ramp SECONDS      the time in which they start, evenly (default 60)
  --idle SECONDS      the time in which they are idle (default 120)
  --channel NAME      the channel (default load)
  --app-id ID         the Chat app id; a development server accepts any (default load)
  --region CODE       the region (default eu)
  --protocol 1.6|1.8  the serialization of messages (default 1.8)
  --restore           clients that lose the server come back by themselves
  --crc               add a checksum to each datagram (UDP only)
  --log-level LEVEL   off, error, warn, info, debug or trace, to standard error (default off)
  --server-pid PID    also report memory and processor time of this process, the server
  -h, --help          print this text
  -V, --version       print name and version

Start the server first, as a separate process:

    cargo run --release -p photon-dev-server
    cargo run --release -p photon-load -- --server udp://127.0.0.1:5058 --server-pid PID

Each client has an open socket, so many clients need a higher limit of open files than usual. The
program prints the necessary limit before it starts; set it with `ulimit -n` in the shell that
starts the program. Except over UDP the server needs as many.

With --restore, the server may be killed and started again while the clients are idle: give it
`--state FILE` to keep channels and sessions. The test then waits up to 60 seconds for all to come
back, and reports attempts, restores, gaps and missing messages. A gap means that the server no
longer had messages that a client had not received.

Exit status: 0 all clients connected, none was disconnected for good, and the message reached each
once within 10 seconds; 1 otherwise (the lines FAILED and cause explain it); 64 wrong arguments.
";

pub(crate) const VERSION: &str = concat!("photon-load ", env!("CARGO_PKG_VERSION"), "\n");

/// The parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Box<Options>),
    Print(&'static str),
}

/// The options of a load test.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) server: String,
    pub(crate) root: Option<String>,
    pub(crate) clients: usize,
    pub(crate) ramp: Duration,
    pub(crate) idle: Duration,
    pub(crate) channel: String,
    pub(crate) app_id: String,
    pub(crate) region: String,
    pub(crate) protocol: Protocol,
    pub(crate) restore: bool,
    pub(crate) crc: bool,
    pub(crate) server_pid: Option<u32>,
    pub(crate) log_level: LevelFilter,
}

impl Options {
    /// The default options for this server.
    pub(crate) fn new(server: String) -> Self {
        Self {
            server,
            root: None,
            clients: 10_000,
            ramp: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            channel: "load".to_owned(),
            app_id: "load".to_owned(),
            region: "eu".to_owned(),
            protocol: Protocol::V18,
            restore: false,
            crc: false,
            server_pid: None,
            log_level: LevelFilter::Off,
        }
    }

    /// Whether the server needs a socket for each client.
    pub(crate) fn is_stream(&self) -> bool {
        !self.server.starts_with("udp://")
    }
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    const PROTOCOLS: [(&str, Protocol); 2] = [("1.6", Protocol::V16), ("1.8", Protocol::V18)];
    let mut parser = Parser::from_args(arguments);
    let parser = &mut parser;
    let mut options = Options::new(String::new());
    while let Some(argument) = command_line::next(parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP)),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Print(VERSION)),
            Arg::Long("server") => options.server = text(parser)?,
            Arg::Long("log-level") => options.log_level = log_level(parser)?,
            Arg::Long("root") => options.root = Some(text(parser)?),
            Arg::Long("clients") => {
                let accepted = "a number of clients, 1 or more";
                options.clients = number::<NonZeroUsize>(parser, "clients", accepted)?.get();
            }
            Arg::Long("ramp") => options.ramp = seconds(parser, "ramp")?,
            Arg::Long("idle") => options.idle = seconds(parser, "idle")?,
            Arg::Long("channel") => options.channel = text(parser)?,
            Arg::Long("app-id") => options.app_id = text(parser)?,
            Arg::Long("region") => options.region = text(parser)?,
            Arg::Long("protocol") => options.protocol = choice(parser, "protocol", &PROTOCOLS)?,
            Arg::Long("restore") => options.restore = true,
            Arg::Long("crc") => options.crc = true,
            Arg::Long("server-pid") => {
                options.server_pid = Some(number(parser, "server-pid", "the id of a process")?);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    check(&options)?;
    Ok(Command::Run(Box::new(options)))
}

fn check(options: &Options) -> Result<(), String> {
    let server = &options.server;
    if server.is_empty() {
        return Err("--server is missing, for example --server udp://127.0.0.1:5058".into());
    }
    const SCHEMES: [&str; 4] = ["udp://", "tcp://", "ws://", "wss://"];
    if !SCHEMES.iter().any(|scheme| server.starts_with(scheme)) {
        return Err(format!(
            "--server {server:?} must begin with udp://, tcp://, ws:// or wss://"
        ));
    }
    if server.contains(',') {
        return Err(format!("--server {server:?} must be one address"));
    }
    if options.root.is_some() && !server.starts_with("wss://") {
        return Err("--root applies to wss:// only: omit it, or use an address with wss://".into());
    }
    if options.crc && options.is_stream() {
        return Err("--crc applies to UDP only: omit it, or use an address with udp://".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace())
    }

    fn options(text: &str) -> Options {
        match line(text) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn options_are_parsed_and_have_defaults() {
        let plain = options("--server udp://127.0.0.1:5058");
        assert_eq!(
            (plain.clients, plain.ramp.as_secs(), plain.idle.as_secs()),
            (10_000, 60, 120)
        );
        assert_eq!(
            (plain.channel.as_str(), plain.protocol),
            ("load", Protocol::V18)
        );
        assert!(!plain.restore && options("--server udp://h --restore").restore);
        assert!(!plain.crc && !plain.is_stream() && plain.server_pid.is_none());
        let all = options(
            "--server tcp://h --clients 5 --ramp 0.5 --idle 0 --channel c --app-id a --region us --protocol 1.6 \
             --server-pid 7",
        );
        assert_eq!(
            (all.clients, all.ramp, all.idle),
            (5, Duration::from_millis(500), Duration::ZERO)
        );
        assert_eq!(
            (
                all.channel.as_str(),
                all.app_id.as_str(),
                all.region.as_str()
            ),
            ("c", "a", "us")
        );
        assert_eq!((all.protocol, all.server_pid), (Protocol::V16, Some(7)));
        assert!(options("--server udp://h --crc").crc);
        let secure = options("--server wss://h --root x.pem");
        assert_eq!(secure.root.as_deref(), Some("x.pem"));
    }

    #[test]
    fn help_is_printed() {
        assert!(matches!(line("--help"), Ok(Command::Print(HELP))));
        assert!(matches!(line("--clients 3 -h"), Ok(Command::Print(HELP))));
        assert!(matches!(line("-V"), Ok(Command::Print(VERSION))));
        assert_eq!(HELP.lines().find(|line| line.len() > 100), None);
    }

    #[test]
    fn errors_tell_the_user_what_to_do() {
        for (arguments, expected) in [
            ("", "--server udp://"),
            ("--server 127.0.0.1:5058", "udp://, tcp://, ws:// or wss://"),
            ("--server http://h", "udp://, tcp://, ws:// or wss://"),
            ("--server ws://h --root x.pem", "omit it"),
            ("--server udp://a,udp://b", "one address"),
            ("--server tcp://h --crc", "omit it"),
            ("--server udp://h --clients 0", "1 or more"),
            ("--server udp://h --clients many", "1 or more"),
            ("--server udp://h --ramp -1", "seconds"),
            ("--server udp://h --idle nan", "seconds"),
            ("--server udp://h --protocol 1.7", "1.6, 1.8"),
            ("--server udp://h --server-pid x", "the id of a process"),
            ("--server udp://h --server", "--server"),
            ("--server udp://h --loud", "--loud"),
        ] {
            let Err(error) = line(arguments) else {
                panic!("{arguments}: accepted")
            };
            assert!(error.contains(expected), "{arguments}: {error}");
        }
    }
}
