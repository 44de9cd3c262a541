//! `photon-soak`: many seeded runs of [`soak::run`].

use std::process::ExitCode;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

/// A progress line is printed after each of so many runs.
const RUNS_PER_LINE: usize = 200;

const HELP: &str = "\
Runs random clients against the development server on a simulated network, in virtual time, and
checks every event that they receive.

Usage: photon-soak [--runs N] [--first SEED]
       photon-soak --seed SEED

Options:
  --runs N        how many runs, with consecutive seeds (default 2000)
  --first SEED    the seed of the first run (default 1)
  --seed SEED     a single run, for example to repeat one that failed
  -h, --help      print this text

Exit status: 0 all runs passed; 1 a check failed (standard error shows which check, and the seed);
64 wrong arguments.
";

/// Seeds of the runs.
#[derive(Debug, PartialEq, Eq)]
struct Seeds {
    first: u64,
    runs: u64,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(Some(seeds)) => run_all(&seeds),
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("photon-soak: {error}\nTry `photon-soak --help`.");
            ExitCode::from(USAGE)
        }
    }
}

/// Parses the arguments after the program's name. `None` means `--help`.
fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Seeds>, String> {
    let mut seeds = Seeds {
        first: 1,
        runs: 2_000,
    };
    let mut arguments = arguments.into_iter();
    while let Some(flag) = arguments.next() {
        if matches!(flag.as_str(), "--help" | "-h") {
            return Ok(None);
        }
        if !matches!(flag.as_str(), "--runs" | "--first" | "--seed") {
            return Err(format!("unknown option {flag:?}"));
        }
        let value = arguments.next().unwrap_or_default();
        let number = value
            .parse()
            .map_err(|_| format!("{flag} {value:?} is not a number; use for example {flag} 1"))?;
        match flag.as_str() {
            "--runs" => seeds.runs = number,
            "--first" => seeds.first = number,
            _ => {
                seeds = Seeds {
                    first: number,
                    runs: 1,
                }
            }
        }
    }
    Ok(Some(seeds))
}

fn run_all(seeds: &Seeds) -> ExitCode {
    let mut total = soak::Report::default();
    let last = seeds.first.saturating_add(seeds.runs);
    for (finished, seed) in (1..).zip(seeds.first..last) {
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
    println!("{} runs passed: {total}", seeds.runs);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::{Seeds, parse};

    fn line(text: &str) -> Result<Option<Seeds>, String> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_select_the_seeds() {
        for (text, first, runs) in [
            ("", 1, 2_000),
            ("--runs 5", 1, 5),
            ("--runs 5 --first 7", 7, 5),
            ("--seed 9", 9, 1),
        ] {
            assert_eq!(line(text), Ok(Some(Seeds { first, runs })), "{text}");
        }
        assert_eq!(line("--runs 5 --help"), Ok(None));
    }

    #[test]
    fn wrong_options_are_named() {
        for (text, expected) in [
            ("--loud", "--loud"),
            ("5", "5"),
            ("--runs", "use for example --runs 1"),
            ("--seed x", "\"x\" is not a number"),
        ] {
            let error = line(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
