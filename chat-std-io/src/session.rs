//! [`Session`]: a chat client with its sockets and its clock.

use crate::clock::Clock;
use crate::links::{Links, POLL_INTERVAL};
#[cfg(any(unix, windows))]
use crate::open_socket::OpenSocket;
use crate::options::SessionOptions;
use crate::stats::IoStats;
use crate::waker::Waker;
use chat_core::{
    ChatClient, ChatConfig, Event, Listener, RequestError, Serviced, State, Timestamp,
};
use std::fmt;
use std::io;
use std::time::Duration;

/// A [`ChatClient`] with its sockets, its clock and its random seed. The [crate docs](crate)
/// describe the three ways to use it.
///
/// The client's methods are on [`Session::chat`]: connect, subscribe, publish, read channels. What
/// they ask of the network (bytes to send, links to open and close) happens in the next
/// [`service`](Self::service), [`flush`](Self::flush), [`wait`](Self::wait), or
/// [`poll_event`](Self::poll_event) that returns `None`. The session calls the client's driver side
/// (`handle_link`, `service`, `transmit`, `poll_command` and so on); if an application calls it
/// too, it delays or loses the session's input and output.
///
/// A session is `Send` and `Sync`: one thread can build it and another use it, and an engine can
/// keep it as a shared resource. Apart from `chat` it is opaque and may grow.
///
/// Dropping a session ends its connections at once and loses unsent output. [`close`](Self::close)
/// ends them in order.
pub struct Session {
    /// The client.
    pub chat: ChatClient,
    links: Links,
    clock: Clock,
    /// The last pass left input that the client wants.
    more: bool,
    last_pass: Timestamp,
}

/// Why a session could not be built. More causes may be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The operating system returned no random numbers. Without an unpredictable seed, encryption
    /// would protect nothing.
    #[error(
        "the operating system returned no random seed ({0}): mend its random source, or pass a \
         seed with SessionOptions::seed"
    )]
    Seed(#[source] io::Error),
}

/// Result of [`Session::close`]. Exhaustive: output was unsent, sent, or confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseOutcome {
    /// The servers received everything that was accepted, or there was nothing. Over TCP and
    /// WebSocket they closed in answer, and not before the client did; over UDP they acknowledged
    /// all of it.
    Confirmed,
    /// The system took everything, and continues to send it even if the program ends now. Whether
    /// it arrives is unknown. Over UDP only if the newest connection ended by itself: also the result
    /// if the server ended it first, or it failed, even if the application learned of that before.
    Sent,
    /// Some accepted output was not sent in time, or over UDP not acknowledged in time, or the
    /// connection broke before. Also if messages still waited for a connection
    /// ([`Stats::queued_bytes`](crate::Stats)).
    Unsent,
}

impl Session {
    /// Builds a session with a seed from the operating system. Opens nothing before a connect call.
    ///
    /// # Errors
    ///
    /// [`SessionError::Seed`] if the system returns no random numbers.
    ///
    /// ```
    /// use chat_std_io::{ChatConfig, Session, State};
    ///
    /// let config = ChatConfig::new("wss://ns.photonengine.io", "YOUR-APP-ID", "1.0");
    /// let session = Session::new(config)?;
    /// assert_eq!(session.chat.state(), State::Uninitialized);
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    pub fn new(config: ChatConfig) -> Result<Self, SessionError> {
        Self::with_options(config, SessionOptions::new())
    }

    /// Builds a session with options of the driver, beside the client's configuration.
    ///
    /// # Errors
    ///
    /// [`SessionError::Seed`] if the options have no seed and the system returns no random numbers.
    ///
    /// ```
    /// use chat_std_io::{ChatConfig, Session, SessionOptions};
    ///
    /// // A fixed seed makes a test repeatable. A program must not use one: it protects nothing.
    /// let options = SessionOptions::new().seed([7; 32]);
    /// let config = ChatConfig::new("tcp://127.0.0.1:4533", "app", "1.0");
    /// let session = Session::with_options(config, options)?;
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    pub fn with_options(config: ChatConfig, options: SessionOptions) -> Result<Self, SessionError> {
        let seed = match options.seed {
            Some(seed) => seed,
            None => random_seed()?,
        };
        let chat = ChatClient::new(config, seed);
        let setup = options.setup(&chat);
        Ok(Self {
            chat,
            links: Links::new(setup),
            clock: Clock::start(),
            more: false,
            last_pass: Timestamp::ZERO,
        })
    }

    /// Runs one pass, once per frame: accepts finished connects, reads at most [`MAX_READ_BYTES`]
    /// or [`MAX_READ_DATAGRAMS`] from each link, advances the client (deadlines, decoding, events),
    /// writes what the system takes, and opens and closes links. It never blocks. Afterwards, take
    /// events until there is none.
    ///
    /// `more` in the result means that input remains beyond the limits of one pass. The next call
    /// continues; a program may ignore it. Spec: chat.md 7, `service()`; items 3 and 6 of the
    /// [contract](chat_core#the-contract).
    ///
    /// ```no_run
    /// # use chat_std_io::{ChatConfig, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// # let (running, draw) = (true, || ());
    /// while running {
    ///     session.service();
    ///     while let Some(event) = session.poll_event() {
    ///         println!("{event:?}");
    ///     }
    ///     draw();
    /// }
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    ///
    /// [`MAX_READ_BYTES`]: crate::MAX_READ_BYTES
    /// [`MAX_READ_DATAGRAMS`]: crate::MAX_READ_DATAGRAMS
    pub fn service(&mut self) -> Serviced {
        let now = self.clock.now();
        self.last_pass = now;
        // Input comes first, so that this pass already decodes it; output comes last, so that acks
        // and the requests of the last frame leave in this one.
        let outcome = self.links.receive(&mut self.chat, now);
        let mut serviced = self.chat.service(now);
        self.flush();
        self.more = outcome.more;
        serviced.more |= outcome.more;
        serviced
    }

    /// The next event, oldest first. `None` if there is none, after a flush: requests that you made
    /// in answer to events leave in the same frame.
    ///
    /// ```
    /// use chat_std_io::{ChatConfig, ConnectOptions, Event, Session, State};
    ///
    /// let mut session = Session::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"))?;
    /// session.chat.connect_to_name_server(ConnectOptions::new())?;
    /// let Some(Event::StateChanged { to, .. }) = session.poll_event() else { panic!() };
    /// assert_eq!(to, State::ConnectingToNameServer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "an event that is dropped is lost"]
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.chat.poll_event();
        // A program takes events until there is none, so this is the moment after its last request.
        if event.is_none() {
            self.flush();
        }
        event
    }

    /// Calls a listener for each event that is queued now, with the client as its context, and then
    /// flushes. Events that the callbacks cause wait for the next call.
    ///
    /// For a listener with another context, take events with [`poll_event`](Self::poll_event) and
    /// deliver each with [`Event::deliver`].
    ///
    /// ```
    /// use chat_std_io::{ChatClient, ChatConfig, ConnectOptions, Listener, Session, State};
    ///
    /// struct Game;
    ///
    /// impl Listener for Game {
    ///     fn on_state_change(&mut self, _chat: &mut ChatClient, from: State, to: State) {
    ///         println!("{from:?} -> {to:?}");
    ///     }
    /// }
    ///
    /// let mut session = Session::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"))?;
    /// session.chat.connect_to_name_server(ConnectOptions::new())?;
    /// session.dispatch(&mut Game);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dispatch<L: Listener + ?Sized>(&mut self, listener: &mut L) {
        chat_core::dispatch(&mut self.chat, listener);
        self.flush();
    }

    /// Sends what the system takes, and opens and closes links as the client asks. Never blocks.
    /// Only programs that take events from [`Session::chat`] directly, or make requests at other
    /// times, and do not want to wait for the next [`service`](Self::service), need it.
    ///
    /// ```no_run
    /// # use chat_std_io::{ChatConfig, PublishOptions, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// session.chat.publish_message("lobby", "now", &PublishOptions::new())?;
    /// session.flush();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&mut self) {
        let now = self.clock.now();
        self.links.flush(&mut self.chat, now);
    }

    /// Time until [`service`](Self::service) has work to do even without input: zero if it has now,
    /// `None` if only input or a call of yours can bring some. At most 10 ms while a thread resolves
    /// a name: its result has no socket that could report it.
    ///
    /// It does not consider input that arrives meanwhile, so it does not replace
    /// [`wait`](Self::wait). An event loop that watches [`sockets`](Self::sockets) uses it as the
    /// latest time to return. Round it up, not down: just before a deadline nothing is due.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, Session};
    /// let session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// assert_eq!(session.timeout(), None);
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        // Counted from the last pass, so that a loop which asks again later sees it pass.
        let poll = self.links.is_resolving();
        let poll = poll.then(|| self.last_pass.plus(POLL_INTERVAL));
        let deadline = self.deadline().into_iter().chain(poll).min()?;
        Some(deadline.since(self.clock.now()))
    }

    /// Whether a pass has work to do now.
    fn has_work(&self) -> bool {
        self.more || self.links.is_ready(&self.chat)
    }

    /// When a pass has work to do even without input.
    fn deadline(&self) -> Option<Timestamp> {
        let links = self.links.deadline();
        self.chat.poll_timeout().into_iter().chain(links).min()
    }

    /// Sleeps until there is something to do, for at most `timeout`, and then services once. For
    /// programs without a loop of their own. Afterwards, take events until there is none.
    ///
    /// It sleeps in the kernel, on all sockets at once, until one has input or takes blocked output,
    /// a connect advances, a deadline comes, or a [`Waker`] wakes it; a signal ends the sleep too.
    /// It does not sleep while events wait to be taken.
    ///
    /// It may return without input or an event, so call it in a loop. `Duration::MAX` sets no
    /// limit. If the system refuses the file descriptors that it needs (three, and one for each
    /// socket during the sleep), it sleeps for at most 10 ms at a time.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, ConnectOptions, Session};
    /// use std::time::Duration;
    ///
    /// let mut session = Session::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"))?;
    /// session.wait(Duration::from_millis(1)); // Nothing to wait for: a plain sleep.
    /// assert_eq!(session.poll_event(), None);
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    pub fn wait(&mut self, timeout: Duration) {
        // Saturates at `Timestamp::MAX`, which no clock reaches: `Duration::MAX` sets no limit.
        let until = self.clock.now().plus(timeout);
        if self.links.prepare_poller() {
            let now = self.clock.now();
            self.links.receive(&mut self.chat, now);
        }
        // Requests since the last pass must not wait for the end of the sleep.
        self.flush();
        if self.chat.queued_events() == 0 {
            self.sleep(until);
        }
        let _more = self.service();
    }

    /// The open sockets, with what to watch each for at this moment, for an event loop outside of the
    /// session that waits for many sessions or for other things too. The [crate docs](crate) have
    /// the loop. Usually one; a few while a connection is being opened or closed; none while a name
    /// is being resolved.
    ///
    /// The list can change in [`service`](Self::service), [`wait`](Self::wait),
    /// [`flush`](Self::flush), [`dispatch`](Self::dispatch) and [`poll_event`](Self::poll_event), so
    /// ask again after the last of them in each pass. It does not change in between. A socket that
    /// is gone was closed, and its number may already belong to another one.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, ConnectOptions, Session};
    /// let mut session = Session::new(ChatConfig::new("udp://127.0.0.1:5058", "app", "1.0"))?;
    /// assert_eq!(session.sockets().count(), 0);
    /// session.chat.connect_to_name_server(ConnectOptions::new())?;
    /// session.service();
    /// let open = session.sockets().next().ok_or("no socket")?;
    /// assert!(open.readable && !open.writable);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(any(unix, windows))]
    pub fn sockets(&self) -> impl ExactSizeIterator<Item = OpenSocket<'_>> {
        let mut sockets = Vec::new();
        self.links
            .visit_sources(&self.chat, &mut |source, interest| {
                sockets.push(OpenSocket::new(source, interest));
            });
        sockets.into_iter()
    }

    /// Sleeps until a pass has work to do, or this time.
    fn sleep(&mut self, until: Timestamp) {
        let wake = self
            .deadline()
            .map_or(until, |deadline| deadline.min(until));
        let left = wake.since(self.clock.now());
        if !left.is_zero() && !self.has_work() {
            self.links.sleep(&self.chat, left);
        }
    }

    /// A waker, with which another thread ends [`wait`](Self::wait). It may be asked for at any
    /// time, and cloned. A wake before a `wait` makes that `wait` return at once.
    ///
    /// # Errors
    ///
    /// The system's, if it provides no poller: the process may have too many open files.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, Session};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// let waker = session.waker()?;
    /// let input = thread::spawn(move || {
    ///     // A line of the user is ready for the chat's thread.
    ///     waker.wake();
    /// });
    /// session.wait(Duration::MAX); // Nothing else would end it.
    /// # input.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waker(&mut self) -> io::Result<Waker> {
        self.links.waker()
    }

    /// Disconnects before the program is paused ([`ChatClient::suspend`]), and sends what the system
    /// takes at once. If the program may go on for a moment, call [`wait`](Self::wait) until
    /// [`timeout`](Self::timeout) is `None`: until then something accepted is on its way.
    ///
    /// # Errors
    ///
    /// Those of [`ChatClient::suspend`].
    ///
    /// ```no_run
    /// # use chat_std_io::{ChatConfig, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// session.suspend()?; // The system's callback: the program goes to the background.
    /// session.resume()?; // It is back.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suspend(&mut self) -> Result<(), RequestError> {
        self.chat.suspend()?;
        self.flush();
        Ok(())
    }

    /// Comes back after [`suspend`](Self::suspend) or an error, or checks a connection that may not
    /// have survived the sleep of the machine ([`ChatClient::resume`]). Where the clock does not
    /// include that sleep (see the [crate docs](crate)), call it when the machine wakes.
    ///
    /// # Errors
    ///
    /// Those of [`ChatClient::resume`].
    pub fn resume(&mut self) -> Result<(), RequestError> {
        // What arrived meanwhile is a sign of life.
        let now = self.clock.now();
        let outcome = self.links.receive(&mut self.chat, now);
        self.more |= outcome.more;
        self.chat.resume()?;
        self.flush();
        Ok(())
    }

    /// Reports that the network changed ([`ChatClient::network_changed`]): gives the sockets of the
    /// connection up and opens new ones at once, which resolves the server's name again.
    ///
    /// # Errors
    ///
    /// Those of [`ChatClient::network_changed`].
    ///
    /// ```no_run
    /// # use chat_std_io::{ChatConfig, RequestError, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// // From the system's callback, whatever the state: there may be nothing to move.
    /// match session.network_changed() {
    ///     Ok(()) | Err(RequestError::WrongState(_)) => {}
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn network_changed(&mut self) -> Result<(), RequestError> {
        self.chat.network_changed()?;
        self.flush();
        Ok(())
    }

    /// Ends the session in order: disconnects, continues to send what was accepted before, and
    /// waits until the servers close. Blocks for at most `timeout` (zero: one attempt), and never
    /// longer than the configured flush timeout and a second. Events that were not taken are lost.
    ///
    /// Spec: chat.md 6.2, `disconnect()`; item 10 of the [contract](chat_core#the-contract).
    ///
    /// ```
    /// use chat_std_io::{ChatConfig, CloseOutcome, Session};
    /// use std::time::Duration;
    ///
    /// let session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// match session.close(Duration::from_secs(1)) {
    ///     CloseOutcome::Confirmed | CloseOutcome::Sent => {}
    ///     CloseOutcome::Unsent => eprintln!("the last messages were lost"),
    /// }
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    pub fn close(mut self, timeout: Duration) -> CloseOutcome {
        let until = self.clock.now().plus(timeout);
        self.links.begin_summary(self.chat.state() == State::Error);
        // A disconnect drops the messages that wait for a connection, and no link ever sees them.
        let stats = self.chat.stats();
        let (unsent_before, is_dropped) = (stats.closed_with_unsent_data, stats.queued_bytes > 0);
        self.chat.disconnect();
        loop {
            let _more = self.service();
            // Events that are not taken would fill the queue and stop the client from handling
            // input, the last acks included.
            while self.chat.poll_event().is_some() {}
            if self.links.is_empty() || self.clock.now() >= until {
                break;
            }
            self.sleep(until);
        }
        let summary = self.links.summary;
        // Over UDP only the client knows what was not acknowledged.
        let unacknowledged = self.chat.stats().closed_with_unsent_data > unsent_before;
        let unsent = is_dropped || summary.unsent || self.links.closing_unsent() || unacknowledged;
        if unsent || self.links.live() > 0 {
            CloseOutcome::Unsent
        } else if summary.unconfirmed || !self.links.is_empty() {
            CloseOutcome::Sent
        } else {
            CloseOutcome::Confirmed
        }
    }

    /// Ends the open connections as if the network had failed. A testing aid: see how your program
    /// copes. The client learns of it in the next [`service`](Self::service) or
    /// [`wait`](Self::wait), as a reset; input that had arrived may come first. It then enters
    /// [`State::Error`](crate::State::Error).
    ///
    /// Output that the system has not taken is lost. What it has taken still leaves. The server
    /// then sees the end of a TCP connection, without a close over WebSocket; over UDP it receives
    /// nothing more. A connection that is still being opened is not affected.
    ///
    /// ```no_run
    /// # use chat_std_io::{ChatConfig, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// session.simulate_connection_loss();
    /// session.service();
    /// // Now the client is in `State::Error`, and `session.chat.reconnect()` is legal.
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    pub fn simulate_connection_loss(&mut self) {
        self.links.simulate_connection_loss();
    }

    /// The `now` of the client: the time since the session was built, on a monotonic clock. On Linux
    /// and Android the sleep of the machine counts.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, Session};
    /// # let session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// let began = session.now();
    /// assert!(session.now() >= began);
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts of system calls so far.
    ///
    /// ```
    /// # use chat_std_io::{ChatConfig, Session};
    /// # let mut session = Session::new(ChatConfig::new("udp://127.0.0.1", "app", "1.0"))?;
    /// session.service();
    /// assert_eq!(session.io_stats().reads, 0, "there is no socket yet");
    /// # Ok::<(), chat_std_io::SessionError>(())
    /// ```
    #[must_use]
    pub fn io_stats(&self) -> IoStats {
        self.links.stats
    }
}

const _: () = {
    const fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Session>();
};

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
