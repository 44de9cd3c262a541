//! Connects the channels of several servers, and standard input, in one thread and one event loop.
//!
//! It publishes the messages of each channel in all others, with the name of the sender in front.
//! Lines of standard input go to all of them. It comes back by itself when a server does, and goes on
//! where it was when it is started again. `event_loop.rs` is the part to read first.

#[cfg(unix)]
mod event_loop;
#[cfg(unix)]
mod input;
mod kept_file;
mod side;

use kept_file::KeptFile;
use side::Side;
use std::error::Error;
use std::time::Duration;

/// The time for the last messages of a side to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

const USAGE: &str = "usage: bridge STATE.json ADDRESS/CHANNEL ADDRESS/CHANNEL..., for example: \
                     bridge state.json udp://127.0.0.1:5058/lobby tcp://127.0.0.1:4533/trade";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or(USAGE)?;
    let addresses: Vec<String> = arguments.collect();
    if addresses.len() < 2 {
        return Err(USAGE.into());
    }
    let (file, mut kept) = KeptFile::open(path.into())?;
    let sides = addresses
        .iter()
        .map(|address| Side::connect(address, kept.remove(address)));
    let mut sides = sides.collect::<Result<Vec<_>, _>>()?;

    let result = run(&mut sides, &file);
    // First the file: what a side receives while it closes is not forwarded, so the next run asks for
    // it again.
    file.write(&sides)?;
    for side in sides {
        side.close(CLOSE_TIMEOUT);
    }
    result
}

#[cfg(unix)]
fn run(sides: &mut [Side], file: &KeptFile) -> Result<(), Box<dyn Error>> {
    event_loop::run(sides, file)
}

#[cfg(not(unix))]
fn run(_: &mut [Side], _: &KeptFile) -> Result<(), Box<dyn Error>> {
    Err(
        "mio watches the sockets of others on Unix only: see owner-thread, which runs anywhere"
            .into(),
    )
}
