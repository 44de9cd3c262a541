//! `photon-dev-server`: a Photon Chat name server and front end for development.

mod arguments;
mod console;
mod help;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use arguments::{Arguments, Parsed};
use dev_server::server::Server;

/// The exit status for wrong arguments (EX_USAGE of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(Parsed::Run(arguments)) => arguments,
        Ok(Parsed::Print(text)) => {
            // A closed pipe, as in `--help | head`, is not an error.
            let _ = writeln!(io::stdout(), "{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("photon-dev-server: {error}\nphoton-dev-server --help lists the options.");
            return ExitCode::from(USAGE);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photon-dev-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    command_line::start_log(arguments.log_level);
    let server = Server::bind(&arguments.server).map_err(explained)?;
    let handle = server.handle();
    ctrlc::set_handler(move || handle.stop())?;
    let addresses = server.addresses();
    let mut out = io::stdout();
    let mut ready = format!(
        "photon-dev-server ready name-server=tcp://{} front-end=tcp://{}",
        addresses.name_server, addresses.front_end
    );
    if let Some(udp) = addresses.udp {
        ready += &format!(
            " udp-name-server=udp://{} udp-front-end=udp://{}",
            udp.name_server, udp.front_end
        );
    }
    for (name, addresses) in [("ws", addresses.ws), ("wss", addresses.wss)] {
        if let Some(web) = addresses {
            ready += &format!(" {name}-name-server={name}://{}", web.name_server);
            ready += &format!(" {name}-front-end={name}://{}", web.front_end);
        }
    }
    if let (Some(file), Some(pem)) = (&arguments.write_certificate, server.certificate_pem()) {
        std::fs::write(file, pem)
            .map_err(|error| format!("the certificate cannot be written to {file}: {error}"))?;
    }
    let written = writeln!(out, "{ready}");
    // Standard output may be closed.
    if let Err(error) = written.and_then(|()| out.flush()) {
        log::warn!("cannot print that the server is ready: {error}");
    }
    if arguments.control {
        let handle = server.handle();
        // This thread is never joined: reading from standard input cannot be interrupted.
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || console::serve(&handle))?;
    }
    server.run()?;
    Ok(())
}

/// Adds advice to errors with a usual cause.
fn explained(error: io::Error) -> Box<dyn Error> {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another server may be running there: stop it, or choose other ports with --tcp-port, \
             --tcp-front-end-port, --udp-port, --ws-port, --wss-port and so on (0 picks a free one), or --no-udp, --no-ws, \
             --no-wss"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 may need rights that this program lacks: choose other ports with --tcp-port, \
             --tcp-front-end-port, --udp-port, --ws-port, --wss-port and so on (0 picks a free one)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address: choose another one with --host"
        }
        _ => return error.into(),
    };
    format!("{error}\n{advice}").into()
}
