//! The command line.

use crate::help::{HELP, VERSION};
use crate::loopback;
use chat_std_io::chat_core::Protocol;
use command_line::{LevelFilter, choice, log_level, number, parsed, seconds, text};
use dev_server::Transport;
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The lengths of a message: one holds at least its number, and the queues of a client hold some.
const MESSAGE_BYTES: RangeInclusive<usize> = 40..=10_000;
/// A plot of less would be a dot.
const MIN_PLOTTED: Duration = Duration::from_secs(2);
/// A steady rate needs an end, and each second is kept.
const MAX_TRAFFIC: Duration = Duration::from_secs(24 * 60 * 60);

/// The parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Box<Options>),
    Print(&'static str),
}

/// When a session gets a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// When it has work: one loop waits for the sockets of all.
    Loop,
    /// In every frame, whether it has work or not: by its own calls alone.
    Session,
}

/// The options of a load test.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The name server; `None` for a development server in this process.
    pub(crate) server: Option<String>,
    /// How to reach the server in this process.
    pub(crate) transport: Transport,
    /// The user stated that the server may be tested.
    pub(crate) owns_server: bool,
    pub(crate) root: Option<String>,
    pub(crate) clients: usize,
    pub(crate) channels: usize,
    pub(crate) driver: Driver,
    pub(crate) ramp: Duration,
    pub(crate) idle: Duration,
    pub(crate) traffic: Duration,
    /// Deliveries per second.
    pub(crate) rate: u32,
    /// The length of a message.
    pub(crate) bytes: usize,
    /// The longest wait for messages, longer than the requirement, so that late deliveries are
    /// counted. No option: only tests wait less.
    pub(crate) delivery_timeout: Duration,
    pub(crate) channel: String,
    pub(crate) app_id: String,
    pub(crate) region: String,
    pub(crate) protocol: Protocol,
    pub(crate) restore: bool,
    pub(crate) crc: bool,
    pub(crate) json: bool,
    pub(crate) plot: Option<String>,
    pub(crate) server_pid: Option<u32>,
    pub(crate) log_level: LevelFilter,
}

impl Options {
    /// The default options.
    pub(crate) fn new() -> Self {
        Self {
            server: None,
            transport: Transport::Udp,
            owns_server: false,
            root: None,
            clients: 200,
            channels: 5,
            driver: Driver::Loop,
            ramp: Duration::from_secs(2),
            idle: Duration::ZERO,
            traffic: Duration::from_secs(10),
            rate: 1_000,
            bytes: 100,
            delivery_timeout: Duration::from_secs(30),
            channel: "load".to_owned(),
            app_id: "load".to_owned(),
            region: "eu".to_owned(),
            protocol: Protocol::V18,
            restore: false,
            crc: false,
            json: false,
            plot: None,
            server_pid: None,
            log_level: LevelFilter::Off,
        }
    }

    /// The scheme of the server's address.
    pub(crate) fn scheme(&self) -> &str {
        let of_address = |server: &'_ str| server.split_once("://").map(|(scheme, _)| scheme.len());
        match &self.server {
            Some(server) => of_address(server).map_or("", |end| &server[..end]),
            None => self.transport.scheme(),
        }
    }

    /// Whether the server needs a socket for each client.
    pub(crate) fn is_stream(&self) -> bool {
        self.scheme() != "udp"
    }

    /// The names of all channels.
    pub(crate) fn channel_names(&self) -> Vec<String> {
        match self.channels {
            1 => vec![self.channel.clone()],
            count => (0..count)
                .map(|number| format!("{}-{number}", self.channel))
                .collect(),
        }
    }
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    const PROTOCOLS: [(&str, Protocol); 2] = [("1.6", Protocol::V16), ("1.8", Protocol::V18)];
    const DRIVERS: [(&str, Driver); 2] = [("loop", Driver::Loop), ("session", Driver::Session)];
    let mut parser = Parser::from_args(arguments);
    let parser = &mut parser;
    let mut options = Options::new();
    while let Some(argument) = command_line::next(parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP)),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Print(VERSION)),
            Arg::Long("server") => options.server = Some(text(parser)?),
            Arg::Long("transport") => options.transport = parsed(parser, "transport")?,
            Arg::Long("i-own-this-server") => options.owns_server = true,
            Arg::Long("log-level") => options.log_level = log_level(parser)?,
            Arg::Long("root") => options.root = Some(text(parser)?),
            Arg::Long("clients") => {
                let accepted = "a number of clients, 1 or more";
                options.clients = number::<NonZeroUsize>(parser, "clients", accepted)?.get();
            }
            Arg::Long("channels") => {
                let accepted = "a number of channels, 1 or more";
                options.channels = number::<NonZeroUsize>(parser, "channels", accepted)?.get();
            }
            Arg::Long("driver") => options.driver = choice(parser, "driver", &DRIVERS)?,
            Arg::Long("traffic") => options.traffic = seconds(parser, "traffic")?,
            Arg::Long("rate") => {
                let accepted = "a number of deliveries per second, 1 or more";
                options.rate = number::<NonZeroU32>(parser, "rate", accepted)?.get();
            }
            Arg::Long("bytes") => {
                options.bytes = number(parser, "bytes", "a number of bytes")?;
            }
            Arg::Long("json") => options.json = true,
            Arg::Long("plot") => options.plot = Some(text(parser)?),
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
    match &options.server {
        Some(server) => check_server(server, options)?,
        None if options.server_pid.is_some() => {
            return Err(
                "--server-pid applies to a server of its own: omit it, or add --server".into(),
            );
        }
        None => {}
    }
    if options.root.is_some() && (options.server.is_none() || options.scheme() != "wss") {
        return Err("--root applies to wss:// only: omit it, or use an address with wss://".into());
    }
    if options.crc && options.is_stream() {
        return Err("--crc applies to UDP only: omit it, or use an address with udp://".into());
    }
    let Options {
        clients, channels, ..
    } = *options;
    if channels > clients {
        return Err(format!(
            "--channels {channels} is more than --clients {clients}: each channel needs a client"
        ));
    }
    if !MESSAGE_BYTES.contains(&options.bytes) {
        let (bytes, least, most) = (options.bytes, MESSAGE_BYTES.start(), MESSAGE_BYTES.end());
        return Err(format!(
            "--bytes {bytes} is too few or too many: write a number from {least} to {most}"
        ));
    }
    if options.traffic > MAX_TRAFFIC {
        return Err("--traffic is longer than a day: write 86400 or less".into());
    }
    if let Some(plot) = &options.plot {
        if !plot.to_ascii_lowercase().ends_with(".svg") {
            return Err(format!(
                "--plot {plot:?} must end in .svg, the only format that it can draw"
            ));
        }
        if options.traffic < MIN_PLOTTED {
            return Err(
                "--plot shows the seconds of the traffic: add --traffic 10, or omit --plot".into(),
            );
        }
    }
    Ok(())
}

fn check_server(server: &str, options: &Options) -> Result<(), String> {
    const SCHEMES: [&str; 4] = ["udp://", "tcp://", "ws://", "wss://"];
    if !SCHEMES.iter().any(|scheme| server.starts_with(scheme)) {
        return Err(format!(
            "--server {server:?} must begin with udp://, tcp://, ws:// or wss://, \
             for example --server udp://127.0.0.1:5058"
        ));
    }
    if server.contains(',') {
        return Err(format!("--server {server:?} must be one address"));
    }
    if options.owns_server {
        return Ok(());
    }
    loopback::check_address(server)
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
        let plain = options("");
        assert!(plain.server.is_none() && !plain.is_stream());
        assert_eq!((plain.clients, plain.channels), (200, 5));
        assert!(!plain.restore && !plain.crc && !plain.json && plain.plot.is_none());
        let all = options(
            "--server tcp://127.0.0.1 --clients 50 --channels 2 --ramp 0.5 --idle 0 --traffic 60 --rate 5000 \
             --bytes 200 --channel c --app-id a --region us --protocol 1.6 --server-pid 7 --driver session \
             --json --plot x.svg --restore",
        );
        assert_eq!((all.clients, all.ramp.as_millis()), (50, 500));
        assert_eq!(
            (all.traffic.as_secs(), all.rate, all.bytes),
            (60, 5_000, 200)
        );
        assert_eq!(all.channel_names(), ["c-0", "c-1"]);
        assert_eq!((all.app_id.as_str(), all.region.as_str()), ("a", "us"));
        assert_eq!((all.protocol, all.server_pid), (Protocol::V16, Some(7)));
        assert_eq!(
            (all.driver, all.plot.as_deref()),
            (Driver::Session, Some("x.svg"))
        );
        assert!(all.is_stream() && all.json && all.restore);
        assert_eq!(options("--channels 1").channel_names(), ["load"]);
        assert!(options("--server udp://localhost --crc").crc);
        assert!(options("--transport tcp").is_stream());
        let secure = options("--server wss://localhost --root x.pem");
        assert_eq!(secure.root.as_deref(), Some("x.pem"));
    }

    #[test]
    fn another_machine_needs_a_statement() {
        let server = "--server udp://192.0.2.1:5058";
        let error = line(server).unwrap_err();
        assert!(error.contains("--i-own-this-server"), "{error}");
        let stated = options(&format!("{server} --i-own-this-server"));
        assert_eq!(stated.server.as_deref(), Some("udp://192.0.2.1:5058"));
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
            ("--server 127.0.0.1:5058", "udp://, tcp://, ws:// or wss://"),
            ("--server http://h", "udp://, tcp://, ws:// or wss://"),
            ("--server ws://localhost --root x.pem", "omit it"),
            ("--root x.pem", "omit it"),
            ("--server udp://a,udp://b", "one address"),
            (
                "--server udp://127.0.0.1:port",
                "--server udp://127.0.0.1:port: ",
            ),
            ("--server tcp://127.0.0.1 --crc", "omit it"),
            ("--transport ws --crc", "omit it"),
            ("--transport quic", "udp, tcp, ws or wss"),
            ("--driver game", "loop, session"),
            ("--clients 0", "1 or more"),
            ("--clients many", "1 or more"),
            ("--clients 5 --channels 6", "each channel needs a client"),
            ("--channels 0", "1 or more"),
            ("--rate 0", "1 or more"),
            ("--bytes 10", "from 40 to 10000"),
            ("--ramp -1", "seconds"),
            ("--idle nan", "seconds"),
            ("--traffic 1e9", "86400"),
            ("--plot x.png", ".svg"),
            ("--plot x.svg --traffic 0", "--traffic 10"),
            ("--protocol 1.7", "1.6, 1.8"),
            ("--server-pid 7", "add --server"),
            (
                "--server udp://localhost --server-pid x",
                "the id of a process",
            ),
            ("--server udp://localhost --server", "--server"),
            ("--loud", "--loud"),
        ] {
            let Err(error) = line(arguments) else {
                panic!("{arguments}: accepted")
            };
            assert!(error.contains(expected), "{arguments}: {error}");
        }
    }
}
