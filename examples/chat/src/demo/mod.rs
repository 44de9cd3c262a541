//! `photon-chat demo`: two users talk through a development server that runs in this process, over real sockets.

mod conversation;
mod stage;
mod user;

use crate::{complain, output_failed};
use dev_server::ServerConfig;
use dev_server::line::Conditions;
use dev_server::server::{Server, ServerOptions, UdpPorts};
use stage::Stage;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How long something may take that comes in milliseconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the two users connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What the demo is to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) transport: Transport,
    /// What becomes of datagrams, in both directions.
    pub(crate) line: Conditions,
    /// The same number, the same line.
    pub(crate) seed: Option<u64>,
    /// Whether datagrams carry a check sum.
    pub(crate) crc: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { transport: Transport::Udp, line: Conditions::default(), seed: None, crc: false }
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
    let mut stage = Stage::of_stdout();
    // What a bad line loses is sent again, after a while, several times if need be.
    let patience = if options.line.is_clear() { PATIENCE } else { PATIENCE * 3 };
    show(&mut stage, options, server_config(), patience)?;
    Ok(stage.closing()?)
}

/// What the server has to be like.
fn server_config() -> ServerConfig {
    ServerConfig::new().with(|config| config.properties = true)
}

/// The conversation through a server like this.
fn show(stage: &mut Stage, options: &Options, config: ServerConfig, patience: Duration) -> Result<(), Failure> {
    let server_options = ServerOptions {
        name_server_port: 0,
        front_end_port: 0,
        udp: Some(UdpPorts::ANY),
        config: config.with(|config| config.line = options.line),
        line_seed: options.seed,
        ..ServerOptions::default()
    };
    let server = Server::bind(&server_options).map_err(Failure::Server)?;
    let (addresses, handle) = (server.addresses(), server.handle());
    let address = match (options.transport, addresses.udp) {
        (Transport::Udp, Some(udp)) => format!("udp://{}", udp.name_server),
        _ => format!("tcp://{}", addresses.name_server),
    };
    let thread = thread::spawn(move || server.run());
    let shown = match stage.opening(options, &address) {
        Ok(()) => conversation::play(stage, &address, options.crc, patience),
        Err(error) => Err(error.into()),
    };
    handle.stop();
    let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
    shown?;
    ended.map_err(Failure::Server)
}

#[cfg(test)]
mod tests {
    use super::{Failure, Options, PATIENCE, ServerConfig, Stage, server_config, show};
    use std::io;
    use std::time::Duration;

    /// What goes wrong with a server like this.
    fn failure(patience: Duration, change: impl FnOnce(&mut ServerConfig)) -> String {
        let mut stage = Stage::new(Box::new(io::sink()), false);
        match show(&mut stage, &Options::default(), server_config().with(change), patience) {
            Ok(()) => panic!("it went well"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn what_does_not_come_is_named() {
        let short = Duration::from_millis(100);
        let error = failure(short, |config| config.history_length = 0);
        assert!(
            error.starts_with("bob expected \"Is anybody here?\" of alice in general, and nothing came"),
            "{error}"
        );
        let error = failure(short, |config| config.report_offline_friends = false);
        assert!(error.starts_with("alice expected bob to be Offline, and nothing came"), "{error}");
    }

    #[test]
    fn what_comes_instead_is_named() {
        let error = failure(PATIENCE, |config| config.properties = false);
        assert!(error.starts_with("alice expected the stake of table to change, and this came"), "{error}");
        assert!(error.contains("return_code: -2"), "{error}");
        let error = failure(PATIENCE, |config| config.regions.clear());
        assert!(error.contains("the list of regions is empty"), "{error}");
        let error = failure(PATIENCE, |config| config.app_ids = vec!["another".into()]);
        assert!(error.contains("alice expected"), "{error}");
        let error = failure(PATIENCE, |config| config.allow_anonymous = false);
        assert!(error.contains("alice expected") && error.contains("the connection ended"), "{error}");
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
        let shown = show(&mut Stage::new(Box::new(Closed), false), &Options::default(), server_config(), PATIENCE);
        assert!(matches!(shown, Err(Failure::Output(_))));
    }
}
