//! [`Lines`]: standard input, read by a thread so that reading never blocks the sockets.

use chat_std_io::Waker;
use std::io::{self, BufRead};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;

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
    /// Starts the thread. It wakes the session for each line, and for the end.
    pub(crate) fn of_stdin(waker: Waker) -> Self {
        let (sender, receiver) = mpsc::sync_channel(MAX_LINES_AHEAD);
        thread::spawn(move || {
            forward(&sender, &waker);
            // First the end, then the wake: the session looks when it is woken.
            drop(sender);
            waker.wake();
        });
        Self(receiver)
    }

    /// The next line, if there is one.
    pub(crate) fn next(&self) -> Next {
        match self.0.try_recv() {
            Ok(Ok(line)) => Next::Line(line),
            Ok(Err(error)) => Next::Failed(error),
            Err(TryRecvError::Empty) => Next::NotYet,
            Err(TryRecvError::Disconnected) => Next::End,
        }
    }
}

/// Sends lines until the end of standard input, or an error.
fn forward(sender: &SyncSender<io::Result<Vec<u8>>>, waker: &Waker) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return,
            Ok(_) => {
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            }
            Err(error) => Err(error),
        };
        let failed = line.is_err();
        if sender.send(line).is_err() || failed {
            return;
        }
        waker.wake();
    }
}
