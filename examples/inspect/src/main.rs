//! `photon-inspect`: converts Photon captures between hex and JSON. See `--help`.
#![forbid(unsafe_code)]

mod arguments;
mod help;

use arguments::Command;
use photon_inspect::lines::Inspector;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

/// The name in front of this program's error texts.
const NAME: &str = "photon-inspect";

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => return command_line::print(NAME, text),
        Ok(command) => command,
        Err(error) => return command_line::usage_error(NAME, error),
    };
    match run(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => command_line::io_error(NAME, &error),
    }
}

/// Returns whether all lines were valid.
fn run(command: Command) -> io::Result<bool> {
    match command {
        // `main` has handled it.
        Command::Print(_) => Ok(true),
        Command::Decode {
            protocol,
            kind,
            key,
        } => {
            let inspector = Inspector::new(Some(protocol), key);
            each_line(|line, out| match inspector.decode(kind, line) {
                Ok(json) => writeln!(out, "{json}").map(|()| true),
                Err(error) => writeln!(out, "{}", error.to_json()).map(|()| false),
            })
        }
        Command::Encode {
            protocol,
            kind,
            key,
        } => {
            let inspector = Inspector::new(Some(protocol), key);
            each_line(|line, out| match inspector.encode(kind, line) {
                Ok(hex) => writeln!(out, "{hex}").map(|()| true),
                Err(error) => writeln!(out, "{}", error.to_json()).map(|()| false),
            })
        }
        Command::Datagram { protocol, key } => {
            let mut inspector = Inspector::new(protocol, key);
            each_line(|line, out| {
                let (objects, valid) = inspector.datagram(line);
                print_all(&objects, out)?;
                Ok(valid)
            })
        }
        Command::Frames {
            protocol,
            role,
            key,
        } => {
            let mut inspector = Inspector::new(protocol, key);
            each_line(|line, out| {
                let (objects, valid) = inspector.frames(role, line);
                print_all(&objects, out)?;
                Ok(valid)
            })
        }
    }
}

fn print_all(objects: &[impl std::fmt::Display], out: &mut dyn Write) -> io::Result<()> {
    objects.iter().try_for_each(|json| writeln!(out, "{json}"))
}

/// Calls `convert` for each line of standard input that is not blank, and flushes its output before
/// reading the next line, so that a script can wait for it. Returns whether all lines were valid.
fn each_line(
    mut convert: impl FnMut(&[u8], &mut dyn Write) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut line, mut valid) = (Vec::new(), true);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(valid);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        valid &= convert(&line, &mut out)?;
        out.flush()?;
    }
}
