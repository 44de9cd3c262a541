//! `photon-chat`: a terminal chat, a demo conversation, and a Photon Chat client for scripts. See `--help`.
#![forbid(unsafe_code)]

mod arguments;
mod characters;
mod demo;
mod help;
mod run;
mod settings;
mod suggestion;
mod terminal;

use arguments::Command;
use std::process::ExitCode;

/// The name in front of this program's error texts.
const NAME: &str = "photon-chat";

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => command_line::print(NAME, &text),
        Ok(Command::Terminal(options)) => {
            command_line::start_log(options.log_level);
            terminal::run(*options)
        }
        Ok(Command::Demo(options)) => {
            command_line::start_log(options.log_level);
            demo::demo(&options)
        }
        Ok(Command::Run(options)) => {
            command_line::start_log(options.log_level);
            run::run(*options)
        }
        Err(error) => command_line::usage_error(NAME, error),
    }
}
