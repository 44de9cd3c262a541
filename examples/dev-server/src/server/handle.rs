//! [`ServerHandle`]: what other threads can do with a running server.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use mio::Waker;

use crate::core::ServerCore;
use crate::faults::Faults;

/// What a handle asks of the server's thread.
pub(super) enum Command {
    Stop,
    With(Box<dyn FnOnce(&mut ServerCore) + Send>),
}

/// Reaches a [`Server`](super::Server) from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    sender: Sender<Command>,
    waker: Arc<Waker>,
}

impl ServerHandle {
    pub(super) const fn new(sender: Sender<Command>, waker: Arc<Waker>) -> Self {
        Self { sender, waker }
    }

    /// Makes [`run`](super::Server::run) return soon. Harmless if it has already.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Runs `act` on the core, in the server's thread, and waits for its result; `None` if the server has ended.
    ///
    /// Waits for as long as the server has been bound but does not run.
    pub fn with_core<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut ServerCore) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Command::With(Box::new(move |core| {
            // The receiver waits below, or its thread is gone with the whole program.
            let _ = sender.send(act(core));
        })));
        receiver.recv().ok()
    }

    /// Switches faults while the server runs; when it returns, they are in force.
    pub fn with_faults(&self, act: impl FnOnce(&mut Faults) + Send + 'static) {
        let _ended = self.with_core(|core| act(core.faults_mut()));
    }

    fn send(&self, command: Command) {
        if self.sender.send(command).is_ok()
            && let Err(error) = self.waker.wake()
        {
            log::error!("the server cannot be woken: {error}");
        }
    }
}
