//! [`ServerHandle`]: control of a running server from other threads.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use mio::Waker;

use crate::core::ServerCore;
use crate::faults::Faults;

/// A request of a handle to the server's thread.
pub(super) enum Command {
    Stop,
    With(Box<dyn FnOnce(&mut ServerCore) + Send>),
}

/// Controls a [`Server`](super::Server) from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    sender: Sender<Command>,
    waker: Arc<Waker>,
}

impl ServerHandle {
    pub(super) const fn new(sender: Sender<Command>, waker: Arc<Waker>) -> Self {
        Self { sender, waker }
    }

    /// Makes [`run`](super::Server::run) return soon. It has no effect if the server has stopped.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Calls `act` with the core in the server's thread, waits and returns its result; `None` if
    /// the server has stopped.
    ///
    /// It waits until [`run`](super::Server::run) is called if the server is only bound.
    pub fn with_core<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut ServerCore) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Command::With(Box::new(move |core| {
            // The receiver below waits for it. Sending fails only if that thread was lost.
            let _ = sender.send(act(core));
        })));
        receiver.recv().ok()
    }

    /// Changes the faults while the server runs. They apply when this returns.
    pub fn with_faults(&self, act: impl FnOnce(&mut Faults) + Send + 'static) {
        let _ended = self.with_core(|core| act(core.faults_mut()));
    }

    fn send(&self, command: Command) {
        if self.sender.send(command).is_ok()
            && let Err(error) = self.waker.wake()
        {
            log::error!("cannot wake the server's thread: {error}");
        }
    }
}
