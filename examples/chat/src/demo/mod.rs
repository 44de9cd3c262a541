//! `photon-chat demo`: two users talk through a development server that runs in this process, over real sockets.

mod conversation;
mod output;
mod user;

use crate::{complain, output_failed};
use chat_core::ChatConfig;
use dev_server::ServerConfig;
use dev_server::netem::Conditions;
use dev_server::server::{Server, ServerOptions, UdpPorts, WsPorts, WssOptions};
use output::Output;
use photon_proto::Protocol;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take that comes in milliseconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the two users connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Ws,
    Wss,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Ws, Self::Wss];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// For people.
    const fn title(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Ws => "WebSocket",
            Self::Wss => "secure WebSocket",
        }
    }

    pub(crate) const fn speaks(self, language: Language) -> bool {
        !matches!((self, language), (Self::Udp | Self::Tcp, Language::Json))
    }
}

/// What messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    V16,
    V18,
    Json,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::V16, Self::V18, Self::Json];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V16 => "1.6",
            Self::V18 => "1.8",
            Self::Json => "json",
        }
    }

    pub(crate) fn apply(self, config: ChatConfig) -> ChatConfig {
        match self {
            Self::V16 => config.protocol(Protocol::V16),
            Self::V18 => config.protocol(Protocol::V18),
            Self::Json => config.json(),
        }
    }
}

/// What keeps what is private from those on the way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Privacy {
    Keys,
    Link,
    Nothing,
}

/// What the demo is to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) transport: Transport,
    pub(crate) language: Language,
    /// The conversation once over each transport in each language, and a table.
    pub(crate) all: bool,
    /// What becomes of datagrams, in both directions.
    pub(crate) line: Conditions,
    /// The same number, the same line.
    pub(crate) seed: Option<u64>,
    /// Whether datagrams carry a check sum.
    pub(crate) crc: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: Transport::Udp,
            language: Language::V18,
            all: false,
            line: Conditions::default(),
            seed: None,
            crc: false,
        }
    }
}

impl Options {
    const fn privacy(&self) -> Privacy {
        match (self.transport, self.language) {
            (Transport::Wss, _) => Privacy::Link,
            (_, Language::Json) => Privacy::Nothing,
            _ => Privacy::Keys,
        }
    }
}

/// Why the demo is no success.
pub(crate) enum Failure {
    /// Something that was expected did not come, or something else came.
    Missed(String),
    /// The server could not be started or broke.
    Server(io::Error),
    /// The library refused a call.
    Refused(String),
    /// Standard output takes no more.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed(what) | Self::Refused(what) => out.write_str(what),
            Self::Server(error) => write!(
                out,
                "the development server: {error}\nThe demo needs free ports on 127.0.0.1; is loopback up, and may \
                 this program listen?"
            ),
            Self::Output(error) => write!(out, "standard output: {error}"),
        }
    }
}

/// Shows the conversation.
pub(crate) fn demo(options: &Options) -> ExitCode {
    match with_server(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => output_failed(&error),
        Err(failure) => {
            complain(format_args!("the demo failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn with_server(options: &Options) -> Result<(), Failure> {
    // What a bad line loses is sent again, after a while, several times if need be.
    let patience = if options.line.is_clear() {
        PATIENCE
    } else {
        PATIENCE * 3
    };
    let mut output = Output::of_stdout();
    if options.all {
        return all(&mut output, options, patience);
    }
    show(&mut output, options, server_config(), patience)?;
    Ok(output.closing()?)
}

/// The conversation over everything, one line for each.
fn all(output: &mut Output, options: &Options, patience: Duration) -> Result<(), Failure> {
    output.table()?;
    for transport in Transport::ALL {
        for language in Language::ALL
            .into_iter()
            .filter(|language| transport.speaks(*language))
        {
            let options = Options {
                transport,
                language,
                ..*options
            };
            let started = Instant::now();
            let mut unseen = Output::new(Box::new(io::sink()), false);
            show(&mut unseen, &options, server_config(), patience)?;
            output.row(&options, unseen.kept(), started.elapsed())?;
        }
    }
    Ok(())
}

/// What the server has to be like.
fn server_config() -> ServerConfig {
    ServerConfig::new().with(|config| config.properties = true)
}

/// The conversation through a server like this.
fn show(
    output: &mut Output,
    options: &Options,
    config: ServerConfig,
    patience: Duration,
) -> Result<(), Failure> {
    let server_options = ServerOptions {
        name_server_port: 0,
        front_end_port: 0,
        udp: Some(UdpPorts::ANY),
        ws: Some(WsPorts::ANY),
        wss: Some(WssOptions {
            ports: WsPorts::ANY,
            ..WssOptions::default()
        }),
        config: config.with(|config| config.conditions = options.line),
        line_seed: options.seed,
        ..ServerOptions::default()
    };
    let server = Server::bind(&server_options).map_err(Failure::Server)?;
    let (addresses, handle) = (server.addresses(), server.handle());
    let missing = || Failure::Server(io::Error::other("it does not listen where it was told to"));
    let listens = match options.transport {
        Transport::Udp => addresses.udp.map(|udp| udp.name_server),
        Transport::Tcp => Some(addresses.name_server),
        Transport::Ws => addresses.ws.map(|ws| ws.name_server),
        Transport::Wss => addresses.wss.map(|wss| wss.name_server),
    };
    let address = format!(
        "{}://{}",
        options.transport.name(),
        listens.ok_or_else(missing)?
    );
    let trust = server.certificate_pem().map(str::to_owned);
    let thread = thread::spawn(move || server.run());
    let shown = match output.opening(options, &address) {
        Ok(()) => conversation::play(output, &address, options, trust.as_deref(), patience),
        Err(error) => Err(error.into()),
    };
    handle.stop();
    let ended = thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("it panicked")));
    shown?;
    ended.map_err(Failure::Server)
}

#[cfg(test)]
mod tests {
    use super::{Failure, Options, Output, PATIENCE, ServerConfig, server_config, show};
    use std::io;
    use std::time::Duration;

    /// What goes wrong with a server like this.
    fn failure(patience: Duration, change: impl FnOnce(&mut ServerConfig)) -> String {
        let mut output = Output::new(Box::new(io::sink()), false);
        match show(
            &mut output,
            &Options::default(),
            server_config().with(change),
            patience,
        ) {
            Ok(()) => panic!("it went well"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn what_does_not_come_is_named() {
        let short = Duration::from_millis(100);
        let error = failure(short, |config| config.history_length = 0);
        assert!(
            error.starts_with(
                "bob expected \"Is anybody here?\" of alice in general, and nothing came"
            ),
            "{error}"
        );
        let error = failure(short, |config| config.report_offline_friends = false);
        assert!(
            error.starts_with("alice expected bob to be Offline, and nothing came"),
            "{error}"
        );
    }

    #[test]
    fn what_comes_instead_is_named() {
        let error = failure(PATIENCE, |config| config.properties = false);
        assert!(
            error.starts_with("alice expected the stake of table to change, and this came"),
            "{error}"
        );
        assert!(error.contains("return_code: -2"), "{error}");
        let error = failure(PATIENCE, |config| config.regions.clear());
        assert!(error.contains("the list of regions is empty"), "{error}");
        let error = failure(PATIENCE, |config| config.app_ids = vec!["another".into()]);
        assert!(error.contains("alice expected"), "{error}");
        let error = failure(PATIENCE, |config| config.allow_anonymous = false);
        assert!(
            error.contains("alice expected") && error.contains("the connection ended"),
            "{error}"
        );
    }

    #[test]
    fn a_closed_output_is_its_own_failure() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shown = show(
            &mut Output::new(Box::new(Closed), false),
            &Options::default(),
            server_config(),
            PATIENCE,
        );
        assert!(matches!(shown, Err(Failure::Output(_))));
    }
}
