//! `photon-soak`: many seeded runs of [`soak::run`].

use command_line::{LevelFilter, log_level, number};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::process::ExitCode;

/// A progress line is printed after each of so many runs.
const RUNS_PER_LINE: usize = 200;

const NAME: &str = "photon-soak";

const HELP: &str = "\
Runs random clients against the development server on a simulated network, in virtual time, and
checks every event that they receive.

Usage: photon-soak [--runs N] [--first SEED]
       photon-soak --seed SEED

Options:
  --runs N        how many runs, with consecutive seeds (default 2000)
  --first SEED    the seed of the first run (default 1)
  --seed SEED     a single run, for example to repeat one that failed
  --log-level LEVEL
                  off, error, warn, info, debug or trace, of clients and server, to standard error
                  (default off)
  -h, --help      print this text
  -V, --version   print name and version

Exit status: 0 all runs passed; 1 a check failed (standard error shows which check, and the seed);
64 wrong arguments.
";

const VERSION: &str = concat!("photon-soak ", env!("CARGO_PKG_VERSION"), "\n");

#[derive(Debug, PartialEq, Eq)]
enum Command {
    /// So many runs, with consecutive seeds.
    Run {
        first: u64,
        runs: u64,
        log_level: LevelFilter,
    },
    Print(&'static str),
}

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1)) {
        Ok(Command::Run {
            first,
            runs,
            log_level,
        }) => {
            command_line::start_log(log_level);
            run_all(first, runs)
        }
        Ok(Command::Print(text)) => command_line::print(NAME, text),
        Err(error) => command_line::usage_error(NAME, error),
    }
}

/// Parses the arguments after the program's name.
fn parse(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Command, String> {
    const COUNT: &str = "a number from 0 to 2^64-1";
    let mut parser = Parser::from_args(arguments);
    let (mut first, mut runs) = (1, 2_000);
    let mut level = LevelFilter::Off;
    while let Some(argument) = command_line::next(&mut parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP)),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Print(VERSION)),
            Arg::Long("runs") => runs = number(&mut parser, "runs", COUNT)?,
            Arg::Long("first") => first = number(&mut parser, "first", COUNT)?,
            Arg::Long("log-level") => level = log_level(&mut parser)?,
            Arg::Long("seed") => (first, runs) = (number(&mut parser, "seed", COUNT)?, 1),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Run {
        first,
        runs,
        log_level: level,
    })
}

fn run_all(first: u64, runs: u64) -> ExitCode {
    let mut total = soak::Report::default();
    for (finished, seed) in (1..).zip(first..first.saturating_add(runs)) {
        // A failed check panics, and the panic's text names the check.
        match std::panic::catch_unwind(|| soak::run(seed)) {
            Ok(report) => total.add(&report),
            Err(_) => {
                eprintln!(
                    "photon-soak: the run with seed {seed} failed; repeat it with \
                     `cargo run -p photon-soak -- --seed {seed}`"
                );
                return ExitCode::FAILURE;
            }
        }
        if finished % RUNS_PER_LINE == 0 {
            println!("{finished} runs passed");
        }
    }
    println!("{runs} runs passed: {total}");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::{Command, HELP, VERSION, parse};
    use command_line::LevelFilter;

    fn line(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace())
    }

    #[test]
    fn options_select_the_seeds() {
        for (text, first, runs, log_level) in [
            ("", 1, 2_000, LevelFilter::Off),
            ("--runs 5", 1, 5, LevelFilter::Off),
            ("--runs 5 --first 7", 7, 5, LevelFilter::Off),
            ("--seed 9 --log-level debug", 9, 1, LevelFilter::Debug),
        ] {
            let run = Command::Run {
                first,
                runs,
                log_level,
            };
            assert_eq!(line(text), Ok(run), "{text}");
        }
        assert_eq!(line("--runs 5 --help"), Ok(Command::Print(HELP)));
        assert_eq!(line("-V"), Ok(Command::Print(VERSION)));
    }

    #[test]
    fn wrong_options_are_named() {
        for (text, expected) in [
            ("--loud", "--loud"),
            ("5", "5"),
            ("--runs", "--runs"),
            ("--seed x", "--seed \"x\" is not a number"),
        ] {
            let error = line(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
