//! Command lines of the programs in `examples/`: typed values of options, and one form of error.
//!
//! Each program still matches its own options: with `lexopt`, or with `clap` where people write the
//! command lines. This package holds what they would otherwise repeat. Every error text names the option and states
//! what it accepts.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod logger;

use lexopt::{Parser, ValueExt};
pub use log::LevelFilter;
pub use logger::{log_level, parse_log_level, start_log};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// The exit status for wrong arguments: `EX_USAGE` of sysexits.h.
pub const EX_USAGE: u8 = 64;

/// The next argument as `lexopt` reads it, with its error as text.
///
/// # Errors
/// An argument that `lexopt` cannot read, for example a value for an option that takes none.
pub fn next(parser: &mut Parser) -> Result<Option<lexopt::Arg<'_>>, String> {
    parser.next().map_err(|error| error.to_string())
}

/// The value of the present option as text.
///
/// # Errors
/// The value is missing or is not Unicode.
pub fn text(parser: &mut Parser) -> Result<String, String> {
    parser
        .value()
        .and_then(|value| value.string())
        .map_err(|error| error.to_string())
}

/// The value of `option`, parsed by the type, whose error explains what is accepted.
///
/// # Errors
/// The value is missing or does not parse.
pub fn parsed<T: FromStr<Err: Display>>(parser: &mut Parser, option: &str) -> Result<T, String> {
    text(parser)?
        .parse()
        .map_err(|error| format!("--{option}: {error}"))
}

/// The value of `option` as a number. `accepted` describes the numbers that are accepted, for
/// example `a number from 0 to 255`, because the errors of the number types do not.
///
/// # Errors
/// The value is missing, is not a number, or is out of range.
pub fn number<T: FromStr>(parser: &mut Parser, option: &str, accepted: &str) -> Result<T, String> {
    let text = text(parser)?;
    text.parse()
        .map_err(|_| format!("--{option} {text:?} is not {accepted}"))
}

/// The value of `option` as a time in seconds.
///
/// # Errors
/// The value is missing or is not a time, as in [`parse_seconds`].
pub fn seconds(parser: &mut Parser, option: &str) -> Result<Duration, String> {
    let text = text(parser)?;
    parse_seconds(&text).map_err(|error| format!("--{option} {error}"))
}

/// Parses a time in seconds, with an optional fraction: `10` or `0.5`.
///
/// # Errors
/// The text is not a number, or the time is negative, infinite or too long for a [`Duration`].
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text:?} is not a time in seconds, such as 10 or 0.5"))
}

/// The value of `option`, which must be one of these names.
///
/// # Errors
/// The value is missing or is none of the names; the error lists them.
pub fn choice<T: Copy>(
    parser: &mut Parser,
    option: &str,
    choices: &[(&str, T)],
) -> Result<T, String> {
    let text = text(parser)?;
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("--{option} {text:?} is not one of: {}", names.join(", "))
    })
}

/// The error of `clap` alone: without its repetition of the usage, which the hand-written help of the
/// program explains better.
#[must_use]
pub fn error_of_clap(text: &str) -> &str {
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|rest| text.find(rest))
        .min();
    let text = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    text.strip_prefix("error: ").unwrap_or(text).trim_end()
}

/// Prints an error text on standard error, after the program's name.
pub fn print_error(program: &str, error: impl Display) {
    // A closed standard error is no reason to panic, as `eprintln!` would.
    drop(writeln!(io::stderr(), "{program}: {error}"));
}

/// Prints a wrong command line's error and a pointer to `--help`; returns the exit status.
pub fn usage_error(program: &str, error: impl Display) -> ExitCode {
    print_error(program, format_args!("{error}\nTry `{program} --help`."));
    ExitCode::from(EX_USAGE)
}

/// Prints a text such as `--help` on standard output; returns the exit status.
pub fn print(program: &str, text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output_error(program, &error),
    }
}

/// Reports that standard output failed; returns the exit status.
pub fn output_error(program: &str, error: &io::Error) -> ExitCode {
    report(
        program,
        error,
        format_args!("writing to standard output: {error}"),
    )
}

/// Reports that standard input or output failed; returns the exit status.
pub fn io_error(program: &str, error: &io::Error) -> ExitCode {
    report(
        program,
        error,
        format_args!("standard input or output: {error}"),
    )
}

fn report(program: &str, error: &io::Error, text: std::fmt::Arguments<'_>) -> ExitCode {
    // A closed pipe is what `| head` leaves behind: the reader has enough, so there is no message.
    if error.kind() != io::ErrorKind::BrokenPipe {
        print_error(program, text);
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parser that has read the first argument.
    fn after_first(line: &str) -> Parser {
        let mut parser = Parser::from_args(line.split_whitespace());
        assert!(
            next(&mut parser).is_ok_and(|first| first.is_some()),
            "{line}"
        );
        parser
    }

    #[test]
    fn values_are_parsed() {
        assert_eq!(text(&mut after_first("--user alice")), Ok("alice".into()));
        assert_eq!(parsed(&mut after_first("--n=7"), "n"), Ok(7));
        assert_eq!(number(&mut after_first("--n 7"), "n", "a number"), Ok(7_u8));
        assert_eq!(
            seconds(&mut after_first("--wait 1.5"), "wait"),
            Ok(Duration::from_millis(1_500))
        );
        let choices = [("a", 1), ("b", 2)];
        assert_eq!(choice(&mut after_first("--x b"), "x", &choices), Ok(2));
    }

    #[test]
    fn an_error_of_clap_loses_the_usage() {
        let tip = "unexpected argument '--a' found\n\n  tip: a similar argument exists: '--b'";
        for end in [
            "",
            "\n",
            "\n\nUsage: x\n\nFor more information, try '--help'.\n",
        ] {
            assert_eq!(error_of_clap(&format!("error: {tip}{end}")), tip);
        }
        assert_eq!(error_of_clap("error: a\n\nFor more information, ..\n"), "a");
    }

    #[test]
    fn errors_name_the_option_and_the_accepted_values() {
        let value = |line: &str| number::<u8>(&mut after_first(line), "n", "a number below 256");
        assert_eq!(
            value("--n 256"),
            Err("--n \"256\" is not a number below 256".into())
        );
        assert!(value("--n").is_err_and(|error| error.contains("--n")));
        for time in ["-1", "nan", "inf", "1e300", "soon"] {
            let error = seconds(&mut after_first(&format!("--wait={time}")), "wait");
            assert!(error.is_err_and(|error| error.starts_with("--wait") && error.contains("0.5")));
        }
        let choices = [("a", 1), ("b", 2)];
        assert_eq!(
            choice(&mut after_first("--x c"), "x", &choices),
            Err("--x \"c\" is not one of: a, b".into())
        );
        let error = parsed::<bool>(&mut after_first("--x 2"), "x").unwrap_err();
        assert!(error.starts_with("--x: "), "{error}");
    }
}
