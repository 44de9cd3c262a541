//! `photon-inspect`: see `--help`.
#![forbid(unsafe_code)]

mod arguments;
mod help;

use arguments::Command;
use photon_inspect::lines::Inspector;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("photon-inspect: {error}\nTry `photon-inspect --help`.");
            return ExitCode::from(USAGE);
        }
    };
    match run(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads any more (`| head`): nothing to tell.
            if error.kind() != io::ErrorKind::BrokenPipe {
                eprintln!("photon-inspect: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was good.
fn run(command: Command) -> io::Result<bool> {
    match command {
        Command::Print(text) => {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            Ok(true)
        }
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
                let (all, good) = inspector.datagram(line);
                all.iter().try_for_each(|json| writeln!(out, "{json}"))?;
                Ok(good)
            })
        }
        Command::Frames {
            protocol,
            role,
            key,
        } => {
            let mut inspector = Inspector::new(protocol, key);
            each_line(|line, out| {
                let (all, good) = inspector.frames(role, line);
                all.iter().try_for_each(|json| writeln!(out, "{json}"))?;
                Ok(good)
            })
        }
    }
}

/// Does `work` for each line of standard input that is not blank, and writes its output out before the next one is
/// read, so that a program on the other end of the pipes can wait for it.
fn each_line(mut work: impl FnMut(&[u8], &mut dyn Write) -> io::Result<bool>) -> io::Result<bool> {
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut line, mut good) = (Vec::new(), true);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(good);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        good &= work(&line, &mut out)?;
        out.flush()?;
    }
}
