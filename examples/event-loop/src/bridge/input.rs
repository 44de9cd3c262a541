//! Standard input on a thread of its own. Not in the poller: epoll refuses files, and a terminal that
//! is set to non-blocking stays so for the shell.

use mio::Waker;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

pub(crate) enum Input {
    Line(String),
    End,
}

/// Starts the thread, which wakes the event loop after each line.
pub(crate) fn read_lines(waker: Waker) -> Receiver<Input> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = io::stdin().lines().map_while(Result::ok).map(Input::Line);
        for input in lines.chain([Input::End]) {
            // First the line, then the wake: the loop looks when it is woken.
            if sender.send(input).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    receiver
}
