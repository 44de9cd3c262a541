//! `photon-chat demo`: two users talk through a development server that runs in this process, over real sockets.

mod conversation;
mod stage;
mod user;

use crate::{complain, output_failed};
use dev_server::ServerConfig;
use dev_server::server::{Server, ServerOptions};
use stage::Stage;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How long something may take that comes in milliseconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);

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
                "the development server: {error}\nThe demo needs two free TCP ports on 127.0.0.1; is loopback up, and may \
                 this program listen?"
            ),
            Self::Output(error) => write!(out, "standard output: {error}"),
        }
    }
}

/// Shows the conversation.
pub(crate) fn demo() -> ExitCode {
    match with_server() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => output_failed(&error),
        Err(failure) => {
            complain(format_args!("the demo failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn with_server() -> Result<(), Failure> {
    let mut stage = Stage::of_stdout();
    show(&mut stage, server_config(), PATIENCE)?;
    Ok(stage.closing()?)
}

/// What the server has to be like.
fn server_config() -> ServerConfig {
    ServerConfig::new().with(|config| config.properties = true)
}

/// The conversation through a server like this.
fn show(stage: &mut Stage, config: ServerConfig, patience: Duration) -> Result<(), Failure> {
    let options = ServerOptions { name_server_port: 0, front_end_port: 0, config, ..ServerOptions::default() };
    let server = Server::bind(&options).map_err(Failure::Server)?;
    let (address, handle) = (server.addresses().name_server, server.handle());
    let thread = thread::spawn(move || server.run());
    let shown = match stage.opening(address) {
        Ok(()) => conversation::play(stage, address, patience),
        Err(error) => Err(error.into()),
    };
    handle.stop();
    let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
    shown?;
    ended.map_err(Failure::Server)
}

#[cfg(test)]
mod tests {
    use super::{Failure, PATIENCE, ServerConfig, Stage, server_config, show};
    use std::io;
    use std::time::Duration;

    /// What goes wrong with a server like this.
    fn failure(patience: Duration, change: impl FnOnce(&mut ServerConfig)) -> String {
        let mut stage = Stage::new(Box::new(io::sink()), false);
        match show(&mut stage, server_config().with(change), patience) {
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
        let shown = show(&mut Stage::new(Box::new(Closed), false), server_config(), PATIENCE);
        assert!(matches!(shown, Err(Failure::Output(_))));
    }
}
