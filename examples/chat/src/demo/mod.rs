//! `photon-chat demo`: two users talk through a development server that runs in this process, over
//! real sockets of 127.0.0.1.
//!
//! - `conversation` is the script: what alice and bob do, and which events must follow.
//! - `user` drives both sessions and compares their next event with the expected one.
//! - `output` prints it.

mod conversation;
mod output;
mod user;

use crate::NAME;
use command_line::{LevelFilter, output_error, print_error};
use dev_server::netem::Conditions;
use dev_server::server::{LocalServer, ServerOptions};
use dev_server::{ServerConfig, SubProtocol, Transport};
use output::Output;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest wait for an event. Events take milliseconds, unless the machine is very busy.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same on a bad network, where a command may be lost and resent several times.
const EVENT_TIMEOUT_BAD_NETWORK: Duration = Duration::from_secs(30);

/// The protection of private messages on their way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// The key exchange of the protocol; only private messages and the login are encrypted.
    KeyExchange,
    /// TLS, which encrypts everything.
    Tls,
    None,
}

/// The options of `photon-chat demo`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) transport: Transport,
    pub(crate) protocol: SubProtocol,
    /// Repeat the conversation over every transport with every protocol, and print a table.
    pub(crate) all: bool,
    /// Network conditions of UDP, in both directions.
    pub(crate) conditions: Conditions,
    /// The seed of the network conditions.
    pub(crate) seed: Option<u64>,
    /// Whether datagrams carry a checksum.
    pub(crate) crc: bool,
    pub(crate) log_level: LevelFilter,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: Transport::Udp,
            protocol: SubProtocol::GpBinaryV18,
            all: false,
            conditions: Conditions::default(),
            seed: None,
            crc: false,
            log_level: LevelFilter::Off,
        }
    }
}

impl Options {
    const fn protection(&self) -> Protection {
        if self.transport.is_secure() {
            Protection::Tls
        } else if self.protocol.is_text() {
            Protection::None
        } else {
            Protection::KeyExchange
        }
    }
}

/// The reason why the demo failed.
pub(crate) enum Failure {
    /// An expected event did not arrive, or another one arrived.
    Unexpected(String),
    /// The library returned an error.
    Client(String),
    /// The server did not start or ended with an error.
    Server(io::Error),
    /// Standard output cannot be written.
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
            Self::Unexpected(text) | Self::Client(text) => out.write_str(text),
            Self::Server(error) => write!(
                out,
                "the development server failed: {error}\nThe demo needs free ports on 127.0.0.1. \
                 Check that the loopback interface is up and that this program may listen on it."
            ),
            Self::Output(error) => write!(out, "writing to standard output: {error}"),
        }
    }
}

/// Runs the demo and returns the exit status.
pub(crate) fn demo(options: &Options) -> ExitCode {
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => output_error(NAME, &error),
        Err(failure) => {
            print_error(NAME, format_args!("the demo failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let timeout = if options.conditions.is_clear() {
        EVENT_TIMEOUT
    } else {
        EVENT_TIMEOUT_BAD_NETWORK
    };
    let mut output = Output::of_stdout();
    if options.all {
        return run_all(&mut output, options, timeout);
    }
    converse(&mut output, options, server_config(), timeout)?;
    Ok(output.closing()?)
}

/// Repeats the conversation over everything and prints one table row for each.
fn run_all(output: &mut Output, options: &Options, timeout: Duration) -> Result<(), Failure> {
    output.table_heading()?;
    for transport in Transport::ALL {
        for protocol in SubProtocol::ALL {
            if !transport.carries(protocol) {
                continue;
            }
            let options = Options {
                transport,
                protocol,
                ..*options
            };
            let started = Instant::now();
            let mut unseen = Output::new(Box::new(io::sink()), false);
            converse(&mut unseen, &options, server_config(), timeout)?;
            output.table_row(&options, unseen.observed(), started.elapsed())?;
        }
    }
    Ok(())
}

/// The server that the conversation needs.
fn server_config() -> ServerConfig {
    ServerConfig::new().with(|config| config.properties = true)
}

/// Starts a server with this configuration and holds the conversation through it.
fn converse(
    output: &mut Output,
    options: &Options,
    config: ServerConfig,
    timeout: Duration,
) -> Result<(), Failure> {
    let server = LocalServer::start_with(ServerOptions {
        config: config.with(|config| config.conditions = options.conditions),
        line_seed: options.seed,
        ..ServerOptions::default()
    })
    .map_err(Failure::Server)?;
    let address = server.url(options.transport);
    let result = match output.opening(options, &address) {
        Ok(()) => {
            let certificate = server.certificate_pem();
            conversation::hold(output, &address, options, certificate, timeout)
        }
        Err(error) => Err(error.into()),
    };
    let ended = server.stop();
    // The conversation's own failure explains more than what it did to the server.
    result?;
    ended.map_err(Failure::Server)
}

#[cfg(test)]
mod tests {
    use super::{EVENT_TIMEOUT, Failure, Options, Output, ServerConfig, converse, server_config};
    use std::io;
    use std::time::Duration;

    /// The failure of a conversation through a server with this configuration.
    fn failure(timeout: Duration, change: impl FnOnce(&mut ServerConfig)) -> String {
        let mut output = Output::new(Box::new(io::sink()), false);
        match converse(
            &mut output,
            &Options::default(),
            server_config().with(change),
            timeout,
        ) {
            Ok(()) => panic!("the demo passed"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_missing_event_is_named() {
        // Each step of the conversation before has as long, on a busy machine, too.
        let short = Duration::from_secs(2);
        let error = failure(short, |config| config.history_length = 0);
        assert!(
            error.starts_with(
                "bob expected \"Is anybody here?\" from alice in general, but no event arrived"
            ),
            "{error}"
        );
        let error = failure(short, |config| config.report_offline_friends = false);
        assert!(
            error.starts_with("alice expected bob to be Offline, but no event arrived"),
            "{error}"
        );
    }

    #[test]
    fn an_event_that_arrives_instead_is_named() {
        let error = failure(EVENT_TIMEOUT, |config| config.properties = false);
        assert!(
            error.starts_with(
                "alice expected the property stake of table to change, but this event arrived"
            ),
            "{error}"
        );
        assert!(error.contains("return_code: -2"), "{error}");
        let error = failure(EVENT_TIMEOUT, |config| config.regions.clear());
        assert!(error.contains("the list of regions is empty"), "{error}");
        let error = failure(EVENT_TIMEOUT, |config| {
            config.app_ids = vec!["another".into()]
        });
        assert!(error.contains("alice expected"), "{error}");
        let error = failure(EVENT_TIMEOUT, |config| config.allow_anonymous = false);
        assert!(
            error.contains("alice expected") && error.contains("the connection ended"),
            "{error}"
        );
    }

    #[test]
    fn a_closed_output_is_reported_as_such() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = converse(
            &mut Output::new(Box::new(Closed), false),
            &Options::default(),
            server_config(),
            EVENT_TIMEOUT,
        );
        assert!(matches!(result, Err(Failure::Output(_))));
    }
}
