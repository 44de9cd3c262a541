//! The command line.

use chat_core::Protocol;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Thousands of chat clients in one process and one thread: they log in one after the other and subscribe to one channel,
are idle for a while, and then one of them publishes a message that has to reach all.

Usage: photon-load --server ADDRESS [OPTION]...

    --server ADDRESS    Name server: udp://HOST:PORT or tcp://HOST:PORT
    --clients N         How many clients. Default 10000
    --ramp SECONDS      Time in which they start, evenly. Default 60
    --idle SECONDS      How long they are idle. Default 120
    --channel NAME      The channel. Default load
    --app-id ID         Default load; a development server takes any
    --region CODE       Default eu
    --protocol VERSION  1.6 or 1.8. Default 1.8
    --crc               Datagrams carry a check sum (UDP)
    --server-pid PID    The server's process, to tell what it takes of memory and processor
    --help              Print this
    --version           Print the version

Start the server first, in a process of its own:

    cargo run --release -p photon-dev-server
    cargo run --release -p photon-load -- --server udp://127.0.0.1:5058 --server-pid PID

Every client has an open socket, so that many clients need a higher limit of open files than usual: the program says
which before it starts (`ulimit -n` in the shell that starts it). Over TCP the server needs as many.

The status is 0 if all clients connected, none was disconnected, and the message reached every one, once, within 10
seconds.
";

pub(crate) const VERSION: &str = concat!("photon-load ", env!("CARGO_PKG_VERSION"), "\n");

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Box<Options>),
    Print(&'static str),
}

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) server: String,
    pub(crate) clients: usize,
    pub(crate) ramp: Duration,
    pub(crate) idle: Duration,
    pub(crate) channel: String,
    pub(crate) app_id: String,
    pub(crate) region: String,
    pub(crate) protocol: Protocol,
    pub(crate) crc: bool,
    pub(crate) server_pid: Option<u32>,
}

impl Options {
    /// The defaults, for this server.
    pub(crate) fn new(server: String) -> Self {
        Self {
            server,
            clients: 10_000,
            ramp: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            channel: "load".to_owned(),
            app_id: "load".to_owned(),
            region: "eu".to_owned(),
            protocol: Protocol::V18,
            crc: false,
            server_pid: None,
        }
    }

    /// Whether a client is a connection of its own to the server's system, too.
    pub(crate) fn is_stream(&self) -> bool {
        self.server.starts_with("tcp://")
    }
}

/// Reads the arguments behind the program's name; an error says what to do.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    let mut options = Options::new(String::new());
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP)),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Print(VERSION)),
            Arg::Long("server") => options.server = text(&mut parser)?,
            Arg::Long("clients") => {
                options.clients =
                    number::<NonZeroUsize>(&mut parser, "clients", "of clients, 1 or more")?.get();
            }
            Arg::Long("ramp") => options.ramp = seconds(&mut parser, "ramp")?,
            Arg::Long("idle") => options.idle = seconds(&mut parser, "idle")?,
            Arg::Long("channel") => options.channel = text(&mut parser)?,
            Arg::Long("app-id") => options.app_id = text(&mut parser)?,
            Arg::Long("region") => options.region = text(&mut parser)?,
            Arg::Long("protocol") => {
                options.protocol = match text(&mut parser)?.as_str() {
                    "1.6" => Protocol::V16,
                    "1.8" => Protocol::V18,
                    other => return Err(format!("--protocol {other:?} is not one of: 1.6, 1.8")),
                };
            }
            Arg::Long("crc") => options.crc = true,
            Arg::Long("server-pid") => {
                options.server_pid = Some(number(&mut parser, "server-pid", "of a process")?);
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
    if !server.starts_with("udp://") && !server.starts_with("tcp://") {
        return Err(format!(
            "--server {server:?} has to begin with udp:// or tcp://"
        ));
    }
    if server.contains(',') {
        return Err(format!("--server {server:?} has to be one address"));
    }
    if options.crc && options.is_stream() {
        return Err(
            "--crc is for datagrams: leave it out, or use an address that begins with udp://"
                .into(),
        );
    }
    Ok(())
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser
        .value()
        .and_then(|value| value.string())
        .map_err(|error| error.to_string())
}

fn number<T: FromStr>(parser: &mut Parser, option: &str, kind: &str) -> Result<T, String> {
    let text = text(parser)?;
    text.parse()
        .map_err(|_| format!("--{option} {text:?} is no number {kind}"))
}

fn seconds(parser: &mut Parser, option: &str) -> Result<Duration, String> {
    let seconds: f64 = number(parser, option, "of seconds")?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("--{option} {seconds} is no time in seconds"))
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
    fn options_and_their_defaults() {
        let plain = options("--server udp://127.0.0.1:5058");
        assert_eq!(
            (plain.clients, plain.ramp.as_secs(), plain.idle.as_secs()),
            (10_000, 60, 120)
        );
        assert_eq!(
            (plain.channel.as_str(), plain.protocol),
            ("load", Protocol::V18)
        );
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
    }

    #[test]
    fn help_is_there() {
        assert!(matches!(line("--help"), Ok(Command::Print(HELP))));
        assert!(matches!(line("--clients 3 -h"), Ok(Command::Print(HELP))));
        assert!(matches!(line("-V"), Ok(Command::Print(VERSION))));
        assert_eq!(HELP.lines().find(|line| line.len() > 120), None);
    }

    #[test]
    fn errors_say_what_to_do() {
        for (arguments, expected) in [
            ("", "--server udp://"),
            ("--server 127.0.0.1:5058", "udp:// or tcp://"),
            ("--server wss://h", "udp:// or tcp://"),
            ("--server udp://a,udp://b", "one address"),
            ("--server tcp://h --crc", "leave it out"),
            ("--server udp://h --clients 0", "1 or more"),
            ("--server udp://h --clients many", "1 or more"),
            ("--server udp://h --ramp -1", "seconds"),
            ("--server udp://h --idle nan", "seconds"),
            ("--server udp://h --protocol 1.7", "1.6, 1.8"),
            ("--server udp://h --server-pid x", "of a process"),
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
