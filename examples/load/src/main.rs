//! `photon-load`: thousands of chat clients in one process. See `--help`.
//!
//! It is also an example of an event loop around many `Session`s:
//!
//! - `event_loop` waits for their sockets and deadlines. It has no chat knowledge.
//! - `population` is the application: it handles the clients' events.
//! - `deliveries` knows which message must reach which client, `latency` how long they took.
//! - `run` performs the steps of a load test; `report` compares the results with the requirements and
//!   with the server's figures; `table`, `json` and `plot` show them.
//!
//! It needs a poller that watches sockets which it does not own, so it is a program for Unix.
#![forbid(unsafe_code)]
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

mod arguments;
mod deliveries;
#[cfg(unix)]
mod event_loop;
mod help;
mod json;
mod latency;
mod loopback;
mod plot;
mod population;
mod process;
mod report;
#[cfg(unix)]
mod run;
mod server_side;
mod table;
#[cfg(all(test, unix))]
mod tests;
mod timeline;
mod usage;

use arguments::{Command, Options};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// The name in front of this program's error texts.
const NAME: &str = "photon-load";

fn main() -> ExitCode {
    let options = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => return command_line::print(NAME, text),
        Ok(Command::Run(options)) => options,
        Err(error) => return command_line::usage_error(NAME, error),
    };
    command_line::start_log(options.log_level);
    match load(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            command_line::print_error(NAME, error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(unix))]
fn load(_: &Options) -> Result<bool, Box<dyn Error>> {
    Err("this program runs on Linux, macOS and other Unix systems: start it on one of them".into())
}

/// Runs the load test and returns whether it met every requirement.
#[cfg(unix)]
fn load(options: &Options) -> Result<bool, Box<dyn Error>> {
    if let Some(path) = &options.plot {
        plot::check(path)?;
    }
    // A program that reads the JSON object gets nothing else.
    let mut out: Box<dyn Write> = if options.json {
        Box::new(io::stderr())
    } else {
        Box::new(io::stdout())
    };
    let report = run::run(options, &mut out)?;
    write!(out, "{report}")?;
    if options.json {
        writeln!(io::stdout(), "{:#}", json::report(options, &report))?;
    }
    if let Some(path) = &options.plot {
        plot::write(path, options, &report)?;
        writeln!(out, "plot     {path}")?;
    }
    Ok(report.failures().is_empty())
}
