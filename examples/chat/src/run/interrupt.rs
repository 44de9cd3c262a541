//! [`Interrupt`]: SIGINT and SIGTERM, and Ctrl-C on Windows.

use chat_std_io::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status after a signal: what a shell reports for SIGINT. `ctrlc` does not tell the two
/// signals apart, and a script that stops a client needs no difference.
pub(crate) const INTERRUPTED: u8 = 130;

/// Whether the run was interrupted.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Handles the signals from now on. The first one ends the wait of the calling thread, which
    /// disconnects; a second one ends the process, for example if it blocks because its standard
    /// output is not read.
    pub(crate) fn handle(waker: Waker) -> Result<Self, ctrlc::Error> {
        let caught = Self(Arc::default());
        let (handler, main) = (caught.clone(), thread::current());
        ctrlc::set_handler(move || {
            if handler.0.swap(true, Ordering::AcqRel) {
                std::process::exit(INTERRUPTED.into());
            }
            waker.wake();
            main.unpark();
        })?;
        Ok(caught)
    }

    pub(crate) fn caught(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps, without driving anything, until the time has passed or a signal was caught.
    pub(crate) fn sleep(&self, time: Duration) {
        let started = Instant::now();
        while !self.caught() {
            let left = time.saturating_sub(started.elapsed());
            if left.is_zero() {
                return;
            }
            // It may also end for no reason.
            thread::park_timeout(left);
        }
    }
}
