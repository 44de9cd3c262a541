//! Captures the log lines of the client, per test thread.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("photon_chat::")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// Begins a new log for this thread.
pub(super) fn begin() {
    // Only the first test of the process installs it.
    let _installed = log::set_logger(&Capture);
    log::set_max_level(LevelFilter::Trace);
    LINES.with_borrow_mut(Vec::clear);
}

/// The lines that the clients of this thread logged since the last harness was created.
pub(crate) fn lines() -> Vec<(Level, String)> {
    LINES.with_borrow(Clone::clone)
}

/// How many of them are warnings.
pub(crate) fn warnings() -> usize {
    LINES.with_borrow(|lines| {
        let warnings = lines.iter().filter(|(level, _)| *level == Level::Warn);
        warnings.count()
    })
}
