//! Log lines on standard error, and the option that chooses their level.

use lexopt::Parser;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

/// The beginnings of the targets of libraries below this project that log what they transport:
/// tungstenite writes whole messages at `trace`, credentials and texts included. Their lines below
/// `warn` are dropped, whatever the level.
const CARRIERS: [&str; 4] = ["tungstenite", "rustls", "mio", "rustls_platform_verifier"];

struct Logger {
    start: Instant,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// The value of `--log-level`.
///
/// # Errors
/// The value is missing or is no level; the error lists the levels.
pub fn log_level(parser: &mut Parser) -> Result<LevelFilter, String> {
    let text = crate::text(parser)?;
    parse_log_level(&text).map_err(|error| format!("--log-level {text}: {error}"))
}

/// Parses a level.
///
/// # Errors
/// The text is no level; the error lists the levels.
pub fn parse_log_level(text: &str) -> Result<LevelFilter, String> {
    text.parse()
        .map_err(|_| "choose off, error, warn, info, debug or trace".to_owned())
}

/// Prints log lines of this level and above on standard error.
pub fn start_log(level: LevelFilter) {
    let logger = LOGGER.get_or_init(|| Logger {
        start: Instant::now(),
    });
    // Fails only if a logger is installed already.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

/// Whether a line is printed.
fn is_shown(target: &str, level: Level) -> bool {
    let crate_name = target.split("::").next().unwrap_or_default();
    level <= Level::Warn || !CARRIERS.contains(&crate_name)
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && is_shown(metadata.target(), metadata.level())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let seconds = self.start.elapsed().as_secs_f64();
            let (level, target, text) = (record.level(), record.target(), record.args());
            // A closed standard error is no reason to panic, as `eprintln!` would.
            drop(writeln!(
                io::stderr(),
                "{seconds:9.3} {level:5} {target}: {text}"
            ));
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::{is_shown, log_level};
    use lexopt::Parser;
    use log::{Level, LevelFilter};

    #[test]
    fn libraries_below_are_silent_under_warn() {
        for target in [
            "tungstenite::protocol",
            "tungstenite",
            "rustls::conn",
            "mio::poll",
        ] {
            assert!(!is_shown(target, Level::Trace), "{target}");
            assert!(!is_shown(target, Level::Info), "{target}");
            assert!(is_shown(target, Level::Warn), "{target}");
        }
        for target in ["photon_chat::net", "dev_server::core", "mios"] {
            assert!(is_shown(target, Level::Trace), "{target}");
        }
    }

    #[test]
    fn a_wrong_level_lists_the_levels() {
        let level = |value: &str| {
            let mut parser = Parser::from_args(["--log-level", value]);
            let _option = parser.next();
            log_level(&mut parser)
        };
        assert_eq!(level("debug"), Ok(LevelFilter::Debug));
        assert_eq!(
            level("loud"),
            Err("--log-level loud: choose off, error, warn, info, debug or trace".into())
        );
    }
}
