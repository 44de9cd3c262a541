//! `photon-lua SCRIPT.lua [ARGS..]`: runs a script with the modules of this package.

mod debug_library;
mod script;

use std::process::ExitCode;

/// A bad command line. The number is that of `EX_USAGE` in `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        None => {
            eprintln!("photon-lua: the script is missing: photon-lua SCRIPT.lua [ARGS..]");
            ExitCode::from(USAGE)
        }
        Some(first) if first == "--help" || first == "-h" => {
            println!("Usage: photon-lua SCRIPT.lua [ARGS..]");
            println!("Runs a Lua script with the modules of the documented Photon Chat API.");
            ExitCode::SUCCESS
        }
        Some(first) if first.as_encoded_bytes().starts_with(b"-") => {
            let option = first.display();
            eprintln!("photon-lua: unknown option {option}: photon-lua SCRIPT.lua [ARGS..]");
            ExitCode::from(USAGE)
        }
        Some(script) => script::run(&script, arguments.collect()),
    }
}
