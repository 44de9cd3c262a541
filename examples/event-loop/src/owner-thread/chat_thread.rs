//! [`ChatThread`]: a thread that owns a [`Session`]. Copy this file and adapt it.
//!
//! ```text
//!   threads of the application                     the thread of the chat
//!     ChatHandle::call ── channel, then Waker ──>  Session::wait returns, the call is made
//!     updates          <─────── channel ────────   events, and calls that were refused
//! ```

use chat_std_io::{
    ChatClient, ChatConfig, CloseOutcome, Event, RequestError, Session, Timestamp, Waker,
};
use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The updates that wait for the application. Beyond them the thread waits, too: memory stays bounded,
/// and a connection that the application neglects for more than ten seconds ends.
const MAX_UPDATES: usize = 1_024;
/// The time for the last messages to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the thread reports to the application.
#[derive(Debug)]
pub(crate) enum Update {
    /// An event of the client.
    Event(Event),
    /// The client refused a call.
    Refused(RequestError),
}

type Call = Box<dyn FnOnce(&mut ChatClient) -> Result<(), RequestError> + Send>;

/// A running thread.
pub(crate) struct ChatThread {
    handle: ChatHandle,
    thread: JoinHandle<CloseOutcome>,
}

/// Makes calls from any thread. A clone for each of them.
#[derive(Clone)]
pub(crate) struct ChatHandle {
    calls: Sender<Option<Call>>,
    waker: Waker,
}

impl ChatThread {
    /// Starts a thread with a new session. The receiver gets what happens.
    ///
    /// # Errors
    /// The system has no random numbers, or no poller for the waker.
    pub(crate) fn start(config: ChatConfig) -> Result<(Self, Receiver<Update>), Box<dyn Error>> {
        let mut session = Session::new(config)?;
        let waker = session.waker()?;
        let (calls, received) = channel();
        let (sender, updates) = sync_channel(MAX_UPDATES);
        let thread = thread::spawn(move || run(session, &received, &sender));
        Ok((
            Self {
                handle: ChatHandle { calls, waker },
                thread,
            },
            updates,
        ))
    }

    /// Returns a handle, for this or another thread.
    pub(crate) fn handle(&self) -> ChatHandle {
        self.handle.clone()
    }

    /// Ends the thread after the calls that were made before. Someone has to take the updates
    /// meanwhile, or drop their receiver: the thread may wait for space.
    pub(crate) fn close(self) -> CloseOutcome {
        self.handle.send(None);
        // A thread that panicked has sent nothing.
        self.thread.join().unwrap_or(CloseOutcome::Unsent)
    }
}

impl ChatHandle {
    /// Lets the thread make a call. Never blocks. If the client refuses it, an update follows.
    pub(crate) fn call(
        &self,
        call: impl FnOnce(&mut ChatClient) -> Result<(), RequestError> + Send + 'static,
    ) {
        self.send(Some(Box::new(call)));
    }

    fn send(&self, call: Option<Call>) {
        // First the call, then the wake: the thread looks when it is woken. Sending fails only after
        // the thread has ended, which the application sees by the end of the updates.
        if self.calls.send(call).is_ok() {
            self.waker.wake();
        }
    }
}

/// Runs until the handles ask for the end or are all gone, or nobody receives updates.
fn run(
    mut session: Session,
    calls: &Receiver<Option<Call>>,
    updates: &SyncSender<Update>,
) -> CloseOutcome {
    let mut end_at = None;
    loop {
        session.wait(end_at.map_or(Duration::MAX, |at: Timestamp| at.since(session.now())));
        while let Some(event) = session.poll_event() {
            if updates.send(Update::Event(event)).is_err() {
                return session.close(CLOSE_TIMEOUT);
            }
        }
        while end_at.is_none() {
            match calls.try_recv() {
                Ok(Some(call)) => {
                    if let Err(error) = call(&mut session.chat)
                        && updates.send(Update::Refused(error)).is_err()
                    {
                        return session.close(CLOSE_TIMEOUT);
                    }
                }
                // The next wait sends what the calls made.
                Err(TryRecvError::Empty) => break,
                Ok(None) | Err(TryRecvError::Disconnected) => {
                    end_at = Some(session.now().plus(CLOSE_TIMEOUT));
                }
            }
        }
        // Messages that wait for their channel get a last chance. A disconnect would drop them.
        let is_waiting = session.chat.stats().queued_bytes > 0;
        if end_at.is_some_and(|at| !is_waiting || session.now() >= at) {
            return session.close(CLOSE_TIMEOUT);
        }
    }
}
