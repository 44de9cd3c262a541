//! `photon-load`: thousands of chat clients in one process, see `--help`; and an example of an event loop of one's own.
//!
//! - `event_loop` and `socket` are the driver, in place of `photon-chat-std-io`: they know nothing of chat.
//! - `population` is the application, in as far as it answers events.
//! - `run` is what the application wants: the steps of a load test.
#![forbid(unsafe_code)]

mod arguments;
mod event_loop;
mod population;
mod process;
mod report;
mod run;
mod socket;
#[cfg(test)]
mod tests;

use arguments::{Command, Options};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let result = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => {
            // Whoever does not read it all has read enough.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(options)) => load(&options),
        Err(error) => {
            eprintln!("photon-load: {error}\nTry `photon-load --help`.");
            return ExitCode::from(USAGE);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("photon-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was as promised.
fn load(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout();
    let report = run::run(options, &mut out)?;
    write!(out, "{report}")?;
    Ok(report.broken().is_empty())
}
