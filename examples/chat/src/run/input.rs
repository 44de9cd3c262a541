//! [`Lines`]: standard input, read by a thread so that reading never blocks the sockets.

use std::io::{self, BufRead};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How many lines the thread reads ahead.
const MAX_LINES_AHEAD: usize = 64;

/// Lines of standard input, without line ends.
pub(crate) struct Lines(Receiver<io::Result<Vec<u8>>>);

pub(crate) enum Next {
    Line(Vec<u8>),
    NotYet,
    End,
    Failed(io::Error),
}

impl Lines {
    pub(crate) fn of_stdin() -> Self {
        let (sender, receiver) = mpsc::sync_channel(MAX_LINES_AHEAD);
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                let read = input.read_until(b'\n', &mut line);
                let line = match read {
                    Ok(0) => break,
                    Ok(_) => {
                        let line = line.strip_suffix(b"\n").unwrap_or(&line);
                        Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
                    }
                    Err(error) => Err(error),
                };
                let failed = line.is_err();
                if sender.send(line).is_err() || failed {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next line; waits up to `time` for it.
    pub(crate) fn next(&self, time: Duration) -> Next {
        match self.0.recv_timeout(time) {
            Ok(Ok(line)) => Next::Line(line),
            Ok(Err(error)) => Next::Failed(error),
            Err(RecvTimeoutError::Timeout) => Next::NotYet,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }
}
