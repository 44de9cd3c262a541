//! [`EventLoop`]: drives any number of sessions with one thread, one poll and one heap of deadlines.
//!
//! A session needs processor time only if one of its sockets is ready, its deadline is due, or the
//! application has called it ([`EventLoop::session`]). Then it gets a pass:
//!
//! ```text
//!   sockets ready ──┐
//!   deadlines due ──┼─> ready queue ──> service, events ──> watch its sockets ──> next deadline
//!   application ────┘
//! ```
//!
//! With [`Driver::Session`] it watches nothing: every session gets a pass in each frame, as in a game.
//!
//! A deadline that moves to a later time leaves its old entry in the heap. When the old entry is
//! due the session has no work, and is queued again for the new deadline. So each session has one
//! valid entry, and moving a deadline costs nothing.

use crate::arguments::Driver;
use chat_std_io::{ChatClient, Event, IoStats, Session, Timestamp};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The most sockets that one wait reports.
const MAX_EVENTS_PER_POLL: usize = 1_024;

/// The time between two passes of a session with [`Driver::Session`]: 60 frames a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// Drives sessions.
pub(crate) struct EventLoop {
    driver: Driver,
    /// The time of the next frame, with [`Driver::Session`].
    next_frame: Timestamp,
    poll: Poll,
    events: Events,
    clock: Instant,
    entries: Vec<Entry>,
    /// The next deadline of each session. A deadline that differs from its entry's `wake_at` is
    /// obsolete.
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The sessions with work to do now.
    ready: VecDeque<usize>,
    passes: u64,
    sockets: usize,
}

/// Counts of all sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Datagrams that the system refused to send, or that were too long. Resends repair the loss.
    pub(crate) lost: u64,
    pub(crate) passes: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
}

/// A session, and what the loop knows of it.
struct Entry {
    session: Session,
    /// The time of its valid deadline in the heap.
    wake_at: Option<Timestamp>,
    /// The number of its sockets.
    sockets: usize,
    /// Whether it is in the ready queue.
    queued: bool,
}

/// The memory that the event loop needs for each session, without the `Session`.
pub(crate) const RECORD_BYTES: usize =
    size_of::<Entry>() - size_of::<Session>() + size_of::<Reverse<(Timestamp, usize)>>();

impl EventLoop {
    /// Creates an event loop without sessions, with capacity for so many.
    ///
    /// # Errors
    /// [`io::Error`] if the system does not provide a poll.
    pub(crate) fn new(sessions: usize, driver: Driver) -> io::Result<Self> {
        Ok(Self {
            driver,
            next_frame: Timestamp::ZERO,
            poll: Poll::new()?,
            events: Events::with_capacity(MAX_EVENTS_PER_POLL),
            clock: Instant::now(),
            // A growing vector would need up to twice the memory, which would distort the result.
            entries: Vec::with_capacity(sessions),
            deadlines: BinaryHeap::new(),
            ready: VecDeque::new(),
            passes: 0,
            sockets: 0,
        })
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.elapsed().into()
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts {
            passes: self.passes,
            ..Counts::default()
        };
        for entry in &self.entries {
            let IoStats {
                reads,
                writes,
                datagrams_unsent,
                datagrams_too_long,
                bytes_read,
                bytes_written,
                ..
            } = entry.session.io_stats();
            counts.reads += reads;
            counts.writes += writes;
            counts.bytes_read += bytes_read;
            counts.bytes_written += bytes_written;
            counts.lost += datagrams_unsent + datagrams_too_long;
        }
        counts
    }

    /// The number of sockets that are open at present.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets
    }

    /// The clients of all sessions.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &ChatClient> {
        self.entries.iter().map(|entry| &entry.session.chat)
    }

    /// Adds a session, with a first pass to come. Sessions are numbered from 0.
    pub(crate) fn add(&mut self, session: Session) {
        self.entries.push(Entry {
            session,
            wake_at: None,
            sockets: 0,
            queued: false,
        });
        self.make_ready(self.entries.len() - 1);
    }

    /// A session for the application to call. The next poll does what the call requires.
    pub(crate) fn session(&mut self, index: usize) -> Option<&mut Session> {
        self.make_ready(index);
        self.entries.get_mut(index).map(|entry| &mut entry.session)
    }

    /// Waits for work until this time at the latest, and does it. `on_event` receives each event
    /// with the number of its session, and may call the client.
    ///
    /// # Errors
    /// [`io::Error`] if waiting fails. An error of a socket is passed to its client instead.
    pub(crate) fn poll(
        &mut self,
        until: Timestamp,
        mut on_event: impl FnMut(usize, Timestamp, &mut ChatClient, Event),
    ) -> io::Result<()> {
        let next = match self.deadlines.peek() {
            _ if self.driver == Driver::Session => until.min(self.next_frame),
            _ if !self.ready.is_empty() => Timestamp::ZERO,
            Some(Reverse((at, _))) => until.min(*at),
            None => until,
        };
        let wait = next.since(self.now());
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            other => other?,
        }
        for event in &self.events {
            let Token(index) = event.token();
            if let Some(entry) = self.entries.get_mut(index) {
                entry.queue(&mut self.ready, index);
            }
        }
        match self.driver {
            Driver::Loop => self.queue_due(),
            Driver::Session => {
                if self.now() < self.next_frame {
                    return Ok(());
                }
                // Counted from now: a loop that is late drops frames, as a game does.
                self.next_frame = self.now().plus(FRAME);
                (0..self.entries.len()).for_each(|index| self.make_ready(index));
            }
        }
        // Only those that are queued now: further ones get their pass after the sockets were
        // polled.
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else {
                debug_assert!(false, "a pass removes nothing from the queue");
                break;
            };
            self.pass(index, &mut on_event)?;
        }
        Ok(())
    }

    /// Queues the sessions whose deadline has come.
    fn queue_due(&mut self) {
        let now = self.now();
        while let Some(&Reverse((at, index))) = self.deadlines.peek()
            && at <= now
        {
            self.deadlines.pop();
            if let Some(entry) = self.entries.get_mut(index)
                && entry.wake_at == Some(at)
            {
                entry.wake_at = None;
                self.schedule(index);
            }
        }
    }

    /// Does the present work of one session.
    fn pass(
        &mut self,
        index: usize,
        on_event: &mut impl FnMut(usize, Timestamp, &mut ChatClient, Event),
    ) -> io::Result<()> {
        let now = self.now();
        let Some(entry) = self.entries.get_mut(index) else {
            return Ok(());
        };
        debug_assert!(entry.queued, "only queued sessions get a pass");
        entry.queued = false;
        self.passes += 1;
        entry.session.service();
        while let Some(event) = entry.session.poll_event() {
            on_event(index, now, &mut entry.session.chat, event);
        }
        let open = match self.driver {
            Driver::Loop => watch(self.poll.registry(), Token(index), &entry.session)?,
            Driver::Session => entry.session.sockets().len(),
        };
        self.sockets = self.sockets - entry.sockets + open;
        entry.sockets = open;
        if self.driver == Driver::Loop {
            self.schedule(index);
        }
        Ok(())
    }

    /// Queues a session for now, or for its deadline if that is earlier than the known one.
    fn schedule(&mut self, index: usize) {
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        let Some(left) = entry.session.timeout() else {
            return;
        };
        if left.is_zero() {
            entry.queue(&mut self.ready, index);
            return;
        }
        // After the call above: just before its deadline a session has nothing to do.
        let at = Timestamp::from(self.clock.elapsed()).plus(left);
        if entry.wake_at.is_none_or(|earlier| at < earlier) {
            entry.wake_at = Some(at);
            self.deadlines.push(Reverse((at, index)));
        }
    }

    fn make_ready(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.queue(&mut self.ready, index);
        }
    }
}

impl Entry {
    fn queue(&mut self, ready: &mut VecDeque<usize>, index: usize) {
        if !std::mem::replace(&mut self.queued, true) {
            ready.push_back(index);
        }
    }
}

/// Watches the sockets of a session for its present interests. Returns their number.
fn watch(registry: &Registry, token: Token, session: &Session) -> io::Result<usize> {
    let sockets = session.sockets();
    let open = sockets.len();
    for socket in sockets {
        let fd = socket.socket.as_raw_fd();
        let interest = match (socket.readable, socket.writable) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => {
                // Fails if it was not watched.
                let _ = registry.deregister(&mut SourceFd(&fd));
                continue;
            }
        };
        // A new socket may have the number of one that was closed, so a list of known sockets would
        // not show which are new.
        let source = &mut SourceFd(&fd);
        if registry.reregister(source, token, interest).is_err() {
            registry.register(source, token, interest)?;
        }
    }
    Ok(open)
}
