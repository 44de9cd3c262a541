//! [`Pace`]: sixty frames a second.

use std::thread;
use std::time::{Duration, Instant};

/// Ends frames in time. A display with vertical synchronisation does so as well, but not every one, and
/// without a graphics card an uncapped game leaves no processor time for anything else.
#[derive(Debug)]
pub struct Pace {
    due: Instant,
}

impl Pace {
    /// The time of a frame.
    pub const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

    /// Begins the first frame.
    #[must_use]
    pub fn start() -> Self {
        Self {
            due: Instant::now() + Self::FRAME,
        }
    }

    /// Sleeps until the end of this frame. A late frame is followed by the next one at once, but frames
    /// that were missed are not made up for.
    pub fn end_frame(&mut self) {
        let now = Instant::now();
        thread::sleep(self.due.saturating_duration_since(now));
        self.due = (self.due + Self::FRAME).max(now);
    }
}
