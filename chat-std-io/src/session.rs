//! [`Session`]: a chat client with its sockets and its clock.

use crate::clock::{Clock, Time};
use crate::links::{Endings, Links};
use crate::options::SessionOptions;
use crate::sleep::TURN;
use chat_core::{ChatClient, ChatConfig, Event, Listener, Serviced, Timestamp};
use std::fmt;
use std::io;
use std::time::Duration;

/// A [`ChatClient`] with its sockets, its clock and its seed; see the [crate docs](crate) for the two ways to use it.
///
/// What the client can do is on [`Session::chat`]: connect, subscribe, publish, look at channels. What it asks of the
/// network (bytes to send, links to open and close) happens in the next [`service`](Self::service),
/// [`flush`](Self::flush), [`wait`](Self::wait), or [`poll_event`](Self::poll_event) that returns `None`; the client's
/// driver side (`handle_link`, `service`, `transmit`, `poll_command` and so on) is the session's own business, and
/// calling it by hand delays or loses what the session would do with it.
///
/// A session is `Send`: it can be built on one thread and used on another.
///
/// Dropping it ends its connections at once, whatever still waits to be sent; [`close`](Self::close) ends them properly.
pub struct Session {
    /// The client.
    pub chat: ChatClient,
    links: Links,
    clock: Clock,
    /// The last pass left input behind that is wanted.
    more: bool,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The system gave no random seed, without which nothing that a session does would be secret.
    #[error("the system gave no random seed: {0}")]
    Seed(#[source] io::Error),
}

/// How [`Session::close`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseOutcome {
    /// Everything was sent, if there was anything, and the servers received it: over TCP they ended their sides in answer,
    /// over WebSocket they closed in answer, over UDP they acknowledged all of it.
    Confirmed,
    /// Everything was handed to the system, which goes on sending it even if the program ends now. Whether it arrives is
    /// not known. Over TCP and WebSocket only.
    Sent,
    /// Something that was accepted could not be sent, or over UDP was not acknowledged, in the time given, or the
    /// connection broke before.
    Unsent,
}

/// Counts of what a session asked of the system, for checking a loop: an idle session's do not grow in [`Session::wait`],
/// but for a ping and its answer every few seconds. They start at 0 and wrap at 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IoStats {
    /// How often [`Session::wait`] or [`Session::close`] slept in the kernel, and so woke up.
    pub wakeups: u64,
    /// How often a socket was read, whether there was something or not.
    pub reads: u64,
    /// How often a socket was written.
    pub writes: u64,
    /// How often the system said that nobody listened for a datagram sent before (`ECONNREFUSED`, `ECONNRESET`). That is
    /// no end: somebody may when it is sent again, and if nobody does, the client gives up by its own deadlines.
    pub datagrams_refused: u64,
    /// Datagrams that the system would not send for another reason. They count as sent and lost, so that what is in them
    /// is sent again if it has to arrive.
    pub datagrams_unsent: u64,
    /// Datagrams that arrived and were thrown away, because no valid one is as long (2,048 bytes).
    pub datagrams_too_long: u64,
    /// Other errors of receiving a datagram. A single one is ignored, 16 in succession end the link.
    pub datagram_errors: u64,
}

impl Session {
    /// A session that is not connected yet, seeded by the operating system. Nothing is opened before a connect call.
    ///
    /// # Errors
    ///
    /// [`SessionError::Seed`] if the system has no random numbers to give.
    pub fn new(config: ChatConfig) -> Result<Self, SessionError> {
        Self::with_options(config, SessionOptions::new())
    }

    /// The same with more to say than the client's configuration.
    ///
    /// # Errors
    ///
    /// [`SessionError::Seed`] as above, unless the options have a seed.
    pub fn with_options(config: ChatConfig, options: SessionOptions) -> Result<Self, SessionError> {
        let seed = match options.seed {
            Some(seed) => seed,
            None => random_seed()?,
        };
        Ok(Self::build(config, seed, options))
    }

    /// A session with a seed of your own. Keys come from it: whoever can guess it can read what is encrypted, so it must
    /// be unpredictable and used once, except in tests.
    #[must_use]
    pub fn with_seed(config: ChatConfig, seed: [u8; 32]) -> Self {
        Self::build(config, seed, SessionOptions::new())
    }

    fn build(config: ChatConfig, seed: [u8; 32], options: SessionOptions) -> Self {
        let chat = ChatClient::new(config, seed);
        let setup = options.setup(chat.limits());
        Self {
            chat,
            links: Links::new(setup),
            clock: Clock::start(),
            more: false,
        }
    }

    /// One pass of the pump, once a frame: takes over finished connects, reads at most [`MAX_READ_BYTES`] or
    /// [`MAX_READ_DATAGRAMS`] from each link, advances the client (deadlines, decoding, events), writes what can be
    /// written and opens and closes links.
    ///
    /// It never waits for anything. Take the events then, until there is none.
    ///
    /// `more` says that input is left: of this session's share of the frame, that is; the next call goes on. Whoever
    /// ignores it only sees that input later. Spec: chat.md 7, `service()`; items 3 and 6 of the
    /// [contract](chat_core#the-contract).
    ///
    /// [`MAX_READ_BYTES`]: crate::MAX_READ_BYTES
    /// [`MAX_READ_DATAGRAMS`]: crate::MAX_READ_DATAGRAMS
    pub fn service(&mut self) -> Serviced {
        let now = self.clock.now();
        let input = self.links.receive(&mut self.chat, now);
        let mut serviced = self.chat.service(now);
        self.flush();
        self.more = input.more;
        serviced.more |= input.more;
        serviced
    }

    /// The next event, oldest first; `None` if there is none now. `None` also flushes, so that what you asked for in
    /// answer to the events leaves in the same frame.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.chat.poll_event();
        if event.is_none() {
            self.flush();
        }
        event
    }

    /// Hands the events that are queued now to a listener, with the client as its context, and flushes: the manner of
    /// the documented API. Events raised by the callbacks wait for the next call.
    ///
    /// For a listener with another context, take events with [`poll_event`](Self::poll_event) and deliver each with
    /// [`Event::deliver`].
    pub fn dispatch<L: Listener + ?Sized>(&mut self, listener: &mut L) {
        chat_core::dispatch(&mut self.chat, listener);
        self.flush();
    }

    /// Sends what the system takes now and opens and closes links as the client wants. Never blocks. Programs that take
    /// events until there is none need not call it.
    pub fn flush(&mut self) {
        let now = self.clock.now();
        self.links.flush(&mut self.chat, now);
    }

    /// How long until [`service`](Self::service) has something to do even without input: zero if now, `None` if only
    /// input, or a call of yours, can change anything. At most 10 ms while a connection is being opened or closed, or
    /// bytes wait that the system does not take.
    ///
    /// It knows nothing of what arrives in the meantime, so it is no substitute for [`wait`](Self::wait); it tells a
    /// loop that sleeps on its own when to be back at the latest.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        if self.more {
            return Some(Duration::ZERO);
        }
        let deadline = self
            .chat
            .poll_timeout()
            .map(|deadline| self.clock.now().until(deadline));
        let turn = self.links.needs_turns().then_some(TURN);
        match (deadline, turn) {
            (Some(deadline), Some(turn)) => Some(deadline.min(turn)),
            (deadline, turn) => deadline.or(turn),
        }
    }

    /// For programs without a loop of their own: sleeps until there is input or something to do by time, for at most
    /// `timeout`, then services once. Take the events then, until there is none.
    ///
    /// It sleeps in the kernel. With one connection it is a blocking read with a timeout; while a connection is being
    /// opened it waits for that. Only while the system does not take all bytes, or two connections live, which is short,
    /// does it look again every 10 ms. It does not sleep at all while events wait to be taken.
    ///
    /// No input and no event need have come when it returns; call it in a loop. `Duration::MAX` is as long as it takes.
    /// Nothing wakes it from another thread.
    pub fn wait(&mut self, timeout: Duration) {
        let until = self.clock.now().plus_duration(timeout);
        self.flush();
        while !self.more && self.chat.queued_events() == 0 {
            let wake = self
                .chat
                .poll_timeout()
                .map_or(until, |deadline| deadline.min(until));
            let left = self.clock.now().until(wake);
            if left.is_zero() || self.links.sleep(&self.chat, left) {
                break;
            }
            // A turn has passed, or all of the time.
            let now = self.clock.now();
            self.links.send(&mut self.chat, now);
            if self.links.receive(&mut self.chat, now).any {
                break;
            }
        }
        let _more = self.service();
    }

    /// Ends the session properly: disconnects, goes on sending what was accepted before, and waits for the servers'
    /// ends, for at most `timeout` (zero: one attempt) and never longer than the configuration's flush timeout and a
    /// second. Blocks for that long. Events that were not taken are lost.
    ///
    /// Spec: chat.md 6.2, `disconnect()`; item 10 of the [contract](chat_core#the-contract).
    pub fn close(mut self, timeout: Duration) -> CloseOutcome {
        let until = self.clock.now().plus_duration(timeout);
        self.links.endings = Endings::default();
        let cut_short = self.chat.stats().cut_short;
        self.chat.disconnect();
        loop {
            let _more = self.service();
            while self.chat.poll_event().is_some() {}
            let left = self.clock.now().until(until);
            if self.links.is_empty() || left.is_zero() {
                break;
            }
            self.links.sleep_closing(&self.chat, left);
        }
        let endings = self.links.endings;
        let unsent = endings.unsent || self.links.closing_unsent();
        if unsent || self.links.live() > 0 || self.chat.stats().cut_short > cut_short {
            CloseOutcome::Unsent
        } else if endings.unconfirmed || !self.links.is_empty() {
            CloseOutcome::Sent
        } else {
            CloseOutcome::Confirmed
        }
    }

    /// A testing aid: cuts the open connections without a word, as a line that breaks does. The client is not told; in
    /// the next [`service`](Self::service) or [`wait`](Self::wait) it meets a reset, and may hear before that what had
    /// arrived. It then ends in [`State::Error`](crate::State::Error).
    ///
    /// What was accepted but not handed to the system is lost. What the system has taken still goes out, and then the
    /// server sees a TCP connection end, without a close over WebSocket; over UDP it only hears nothing more. A connection that is only being opened is
    /// not touched.
    pub fn sever(&mut self) {
        self.links.sever();
    }

    /// The time on the session's clock: since it was built, monotonic. What the client calls `now`.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What was asked of the system so far.
    #[must_use]
    pub fn io_stats(&self) -> IoStats {
        self.links.stats
    }
}

fn random_seed() -> Result<[u8; 32], SessionError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| SessionError::Seed(error.into()))?;
    Ok(seed)
}

impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("state", &self.chat.state())
            .field("links", &self.links.live())
            .finish()
    }
}
