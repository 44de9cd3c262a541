//! `photon-chat`: see `--help`.
#![forbid(unsafe_code)]

mod arguments;
mod demo;
mod help;
mod run;

use arguments::Command;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output_failed(&error),
        },
        Ok(Command::Demo(options)) => demo::demo(&options),
        Ok(Command::Run(options)) => run::run(*options),
        Err(error) => {
            complain(format_args!("{error}\nTry `photon-chat --help`."));
            ExitCode::from(USAGE)
        }
    }
}

/// Says what is wrong on standard error; one that is closed is no reason to panic.
fn complain(what: fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "photon-chat: {what}"));
}

/// What is left to do when standard output takes no more.
fn output_failed(error: &io::Error) -> ExitCode {
    // Nobody reads any more (`| head`): nothing to tell.
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(format_args!("standard output: {error}"));
    }
    ExitCode::FAILURE
}
