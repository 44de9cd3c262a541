//! The event loop: many sessions, standard input and a timer in one poller.
//!
//! ```text
//!   a socket is ready, a deadline has passed, a line was read
//!       │
//!       v
//!   service ──> take events ──> publish in the others ──> flush ──> watch the sockets ──> poll
//! ```

use crate::input::{self, Input};
use crate::kept_file::KeptFile;
use crate::side::Side;
use chat_std_io::Session;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The token of standard input. Those of the sides are their indices.
const INPUT: Token = Token(usize::MAX);
/// The time between a message and the write of the file that keeps the positions. A crash repeats at
/// most the messages of this time.
const SAVE_AFTER: Duration = Duration::from_secs(2);

/// Runs until the input ends.
///
/// # Errors
/// A side is not coming back, the file cannot be written, or the system has no poller.
pub(crate) fn run(sides: &mut [Side], file: &KeptFile) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let input = input::read_lines(Waker::new(poll.registry(), INPUT)?);
    // Each side has its connect call to send.
    let mut ready: BTreeSet<usize> = (0..sides.len()).collect();
    let mut save_at = None;
    loop {
        let mut touched = ready.clone();
        for index in ready {
            sides[index].session.service();
            while let Some(event) = sides[index].session.poll_event() {
                // Published before the next event is taken: what is kept counts taken events.
                for line in sides[index].on_event(event)? {
                    publish_in_others(sides, Some(index), &line, &mut touched);
                }
                save_at = save_at.or_else(|| Instant::now().checked_add(SAVE_AFTER));
            }
        }
        for input in input.try_iter() {
            match input {
                Input::Line(line) => publish_in_others(sides, None, &line, &mut touched),
                Input::End => return Ok(()),
            }
        }
        if save_at.is_some_and(|at| at <= Instant::now()) {
            file.write(sides)?;
            save_at = None;
        }
        // What was published leaves now. Sockets may have come and gone, so they are watched anew,
        // which also makes an edge-triggered poller report input that was left in the system.
        for index in touched {
            sides[index].session.flush();
            watch(poll.registry(), Token(index), &sides[index].session)?;
        }

        let save_in = save_at.map(|at| at.saturating_duration_since(Instant::now()));
        let timeouts = sides.iter().filter_map(|side| side.session.timeout());
        match poll.poll(&mut events, timeouts.chain(save_in).min()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let tokens = events.iter().map(|event| event.token());
        let with_input = tokens.filter(|token| *token != INPUT).map(|token| token.0);
        let is_due = |side: &Side| side.session.timeout().is_some_and(|left| left.is_zero());
        let due = (0..sides.len()).filter(|&index| is_due(&sides[index]));
        ready = with_input.chain(due).collect();
    }
}

/// Publishes a line in the channels of all sides but one, and adds those to `touched`.
fn publish_in_others(
    sides: &mut [Side],
    from: Option<usize>,
    line: &str,
    touched: &mut BTreeSet<usize>,
) {
    println!("{line:?}"); // In quotation marks: that escapes what could control a terminal.
    for (index, side) in sides.iter_mut().enumerate() {
        if from != Some(index) {
            side.publish(line);
            touched.insert(index);
        }
    }
}

/// Watches the sockets of a session for what it waits for now. A closed socket leaves the poller by
/// itself.
fn watch(registry: &Registry, token: Token, session: &Session) -> io::Result<()> {
    for open in session.sockets() {
        let fd = open.socket.as_raw_fd();
        let mut source = SourceFd(&fd);
        let interest = match (open.readable, open.writable) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => {
                let _ = registry.deregister(&mut source); // Fails if it was not watched.
                continue;
            }
        };
        // A new socket may have the number of one that was closed, so a list of numbers would not show
        // which are new.
        if registry.reregister(&mut source, token, interest).is_err() {
            registry.register(&mut source, token, interest)?;
        }
    }
    Ok(())
}
