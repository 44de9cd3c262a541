//! [`AsyncSession`] and [`ChatHandle`]: what an application uses.

use crate::driver::Driver;
use chat_core::{ChatClient, ChatConfig, Event, Timestamp};
use rustls::ClientConfig;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A chat client whose connections are driven by a task of tokio.
///
/// Dropping it ends the connections at once; [`close`](Self::close) ends them in order.
pub struct AsyncSession {
    handle: ChatHandle,
    driver: JoinHandle<Infallible>,
}

/// Makes calls of the client from any task or thread. Clones belong to the same session.
///
/// It does not keep the session running: after the session was dropped, calls only change the client's
/// memory.
#[derive(Clone)]
pub struct ChatHandle {
    pub(crate) shared: Arc<Mutex<Shared>>,
}

/// What the driver and the handles share.
pub(crate) struct Shared {
    pub(crate) chat: ChatClient,
    /// The time of the driver's last pass.
    pub(crate) now: Timestamp,
    /// Sockets that are open, being opened or being closed.
    pub(crate) sockets: usize,
    /// Wakes the driver.
    pub(crate) driver: Option<Waker>,
    /// Wakes the task in [`AsyncSession::next_event`] or [`AsyncSession::close`].
    pub(crate) reader: Option<Waker>,
}

/// The operating system returned no random numbers. Without an unpredictable seed, encryption would
/// protect nothing.
#[derive(Debug)]
pub struct NoSeed(getrandom::Error);

impl fmt::Display for NoSeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the system returned no random seed ({}): mend its random source",
            self.0
        )
    }
}

impl std::error::Error for NoSeed {}

impl AsyncSession {
    /// Makes a client and starts the task that drives it. Opens nothing before a connect call.
    ///
    /// # Errors
    /// [`NoSeed`] if the system returns no random numbers.
    ///
    /// # Panics
    /// Outside of a tokio runtime with `enable_all`.
    pub fn new(config: ChatConfig) -> Result<Self, NoSeed> {
        Self::start(config, None)
    }

    /// The same with your own settings of TLS, for servers that no root of Mozilla's list signed.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_tls(config: ChatConfig, tls: Arc<ClientConfig>) -> Result<Self, NoSeed> {
        Self::start(config, Some(tls))
    }

    fn start(config: ChatConfig, tls: Option<Arc<ClientConfig>>) -> Result<Self, NoSeed> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(NoSeed)?;
        let shared = Arc::new(Mutex::new(Shared {
            chat: ChatClient::new(config, seed),
            now: Timestamp::ZERO,
            sockets: 0,
            driver: None,
            reader: None,
        }));
        let driver = tokio::spawn(Driver::new(Arc::clone(&shared), tls));
        Ok(Self {
            handle: ChatHandle { shared },
            driver,
        })
    }

    /// Returns a handle for other tasks.
    #[must_use]
    pub fn handle(&self) -> ChatHandle {
        self.handle.clone()
    }

    /// Makes calls of the client, as [`ChatHandle::call`].
    pub fn call<R>(&self, call: impl FnOnce(&mut ChatClient) -> R) -> R {
        self.handle.call(call)
    }

    /// Waits for the next event, oldest first. Without a connection it waits until a call makes one.
    ///
    /// Cancel-safe: an event is taken in the moment in which this returns it, so dropping the future,
    /// as `tokio::select!` does, loses none.
    pub async fn next_event(&mut self) -> Event {
        self.wait_for(|shared| {
            let event = shared.chat.poll_event()?;
            // It may have made space for input that waits in the client.
            if shared
                .chat
                .poll_timeout()
                .is_some_and(|at| at <= shared.now)
            {
                shared.wake_driver();
            }
            Some(event)
        })
        .await
    }

    /// Disconnects, continues to send what was accepted before, and waits until the servers close, for
    /// at most `time`. Events that were not taken are lost. Returns whether everything was sent;
    /// messages that still waited for a connection were not.
    pub async fn close(mut self, time: Duration) -> bool {
        let (queued, unsent) = self.call(|chat| {
            let stats = chat.stats();
            chat.disconnect();
            (stats.queued_bytes, stats.closed_with_unsent_data)
        });
        let closed = self.wait_for(|shared| {
            // Events that nobody takes would stop the client from handling input.
            while shared.chat.poll_event().is_some() {}
            (shared.sockets == 0 && shared.chat.buffered_bytes() == 0).then_some(())
        });
        let is_closed = timeout(time, closed).await.is_ok();
        is_closed && queued == 0 && self.call(|chat| chat.stats().closed_with_unsent_data) == unsent
    }

    /// Waits until `check` returns something. The driver wakes it when there are events, and when all
    /// sockets are closed.
    async fn wait_for<R>(&mut self, mut check: impl FnMut(&mut Shared) -> Option<R>) -> R {
        let Self { handle, driver } = self;
        poll_fn(|context| {
            let mut shared = lock(&handle.shared);
            if let Some(result) = check(&mut shared) {
                return Poll::Ready(result);
            }
            shared.reader = Some(context.waker().clone());
            drop(shared);
            // Nothing would ever wake this task if the driver had panicked.
            match Pin::new(&mut *driver).poll(context) {
                Poll::Ready(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for AsyncSession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl ChatHandle {
    /// Makes calls of the client, and returns their result. What they ask of the network follows at
    /// once in the driver's task. Never blocks for longer than one pass of the driver, a few
    /// milliseconds.
    ///
    /// The closure holds the client's lock: it must not use a handle of the same session.
    pub fn call<R>(&self, call: impl FnOnce(&mut ChatClient) -> R) -> R {
        let mut shared = lock(&self.shared);
        let result = call(&mut shared.chat);
        shared.wake_driver();
        if shared.chat.queued_events() > 0 {
            shared.wake_reader();
        }
        result
    }
}

impl Shared {
    fn wake_driver(&mut self) {
        // It stores a new waker in its next pass, which begins after this lock is released.
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Locks the client. It is still consistent if a closure of the application panicked in a call: no
/// call of the client panics.
pub(crate) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
