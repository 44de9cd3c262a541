//! Whether the other end makes progress. Only progress is a sign of life: single bytes of a frame
//! that never ends, empty messages, and answers to pings that were never sent are none.
//! Spec: wire.md 11.1.
//!
//! All deadlines have the same length, [`PeerConfig::silence_timeout`](super::PeerConfig), counted
//! from:
//!
//! ```text
//! silence           the last message or answered ping that was taken
//! partial message   its first byte            } and again from each further
//! ping              its transmission          } PROGRESS_BYTES received
//! send queue        its first byte, and again from each further PROGRESS_BYTES that the driver took
//! ```
//!
//! The bytes of a message count while it arrives. If it then cannot be decoded or has no meaning,
//! they count no more: silence and ping are judged as if it had not been there.
//!
//! After a sleep of this program the time slept does not count, nothing is overdue before a grace
//! has passed, and a server of which nothing arrives within it is overdue as [`Overdue::Slept`].

use super::clock::PeerClock;
use crate::time::Timestamp;
use crate::udp::{MAX_SLEEPS_IN_A_ROW, SLEEP_GRACE};
use core::time::Duration;

/// Bytes that are progress by themselves, received or sent. A large message on a slow line is: at the
/// default timeout of 10 seconds a line of 150 bytes per second is enough.
const PROGRESS_BYTES: usize = 1024;
/// Bytes of a WebSocket message that a driver passes on in a second on the slowest line that is
/// accepted: a driver takes such a message whole and cannot report how much of it has left.
const SENT_BYTES_PER_SECOND: u64 = 1024;

/// A deadline of the other end that has passed.
///
/// Non-exhaustive: a new check gets a deadline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overdue {
    /// Client: the server sent no message.
    Silence,
    /// The rest of a message that began did not arrive.
    PartialMessage,
    /// Client: the server did not answer a ping, whatever else it sent.
    Ping,
    /// The other end reads nothing, or next to nothing: the driver could not send 1,024 of the bytes
    /// that wait.
    SendQueue,
    /// Client: nothing of the server arrived within two seconds after this program had stood still
    /// ([`Peer::wake`](super::Peer::wake)).
    Slept,
}

/// The deadlines of one connection. UDP has its own (udp.md 5.6), so over datagrams none runs.
#[derive(Debug)]
pub(super) struct Liveness {
    limit_ms: u64,
    /// Client: when the server will have been silent for too long. `None` while silence proves
    /// nothing: before the server's first message, and while no input is read.
    pub(super) silence: Option<Timestamp>,
    /// Since the message began that is incomplete.
    partial: Option<Progress>,
    /// Any message.
    received: Progress,
    /// `silence` and `received` before bytes of which it is unknown yet whether they are progress.
    before: Option<(Option<Timestamp>, Progress)>,
    queue: Option<SendQueue>,
    /// When a long message that the driver took whole may still be on its way.
    sending_until: Timestamp,
    /// Set once this program stood still.
    grace: Option<Grace>,
}

/// The time after a sleep in which nothing is overdue.
#[derive(Clone, Copy, Debug)]
struct Grace {
    until: Timestamp,
    /// Whether bytes of the other end arrived, or were taken, since.
    has_arrival: bool,
    /// The sleeps before this one without an arrival in between.
    earlier: u32,
}

/// When [`PROGRESS_BYTES`] had arrived last, and how many bytes have since.
#[derive(Clone, Copy, Debug)]
struct Progress {
    at: Timestamp,
    bytes: usize,
}

impl Progress {
    const fn new(at: Timestamp) -> Self {
        Self { at, bytes: 0 }
    }

    /// Returns whether these bytes complete the number.
    fn add(&mut self, now: Timestamp, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let is_enough = total >= PROGRESS_BYTES;
        if is_enough {
            self.at = now;
        }
        self.bytes = total % PROGRESS_BYTES;
        is_enough
    }
}

/// Bytes that wait to be sent.
#[derive(Clone, Copy, Debug)]
struct SendQueue {
    deadline: Timestamp,
    /// The deadline runs in two halves, and the second starts when the first is noticed: after a
    /// program stood still for longer than both, its driver must have the time to send again.
    second_half: bool,
    /// The bytes that the driver took since the deadline began, fewer than [`PROGRESS_BYTES`].
    sent: u16,
}

impl Liveness {
    pub(super) const fn new(limit_ms: u64) -> Self {
        Self {
            limit_ms,
            silence: None,
            partial: None,
            received: Progress::new(Timestamp::ZERO),
            before: None,
            queue: None,
            sending_until: Timestamp::ZERO,
            grace: None,
        }
    }

    /// Stops all deadlines.
    pub(super) fn stop(&mut self) {
        *self = Self::new(self.limit_ms);
    }

    // Sleep.

    /// Notes that this program stood still until `now`. The time slept does not count. Returns false
    /// if it does, because too many sleeps in a row left nothing of the other end.
    pub(super) fn wake(&mut self, now: Timestamp, slept: Duration) -> bool {
        let unanswered = self.grace.filter(|grace| !grace.has_arrival);
        let earlier = unanswered.map_or(0, |grace| grace.earlier + 1);
        if earlier >= MAX_SLEEPS_IN_A_ROW {
            return false;
        }
        self.accept();
        let deadlines = [
            self.silence.as_mut(),
            self.partial.as_mut().map(|partial| &mut partial.at),
            self.queue.as_mut().map(|queue| &mut queue.deadline),
            Some(&mut self.received.at),
            Some(&mut self.sending_until),
        ];
        for at in deadlines.into_iter().flatten() {
            *at = at.plus(slept);
        }
        let until = now.plus(SLEEP_GRACE);
        if let Some(queue) = &mut self.queue {
            queue.deadline = queue.deadline.max(until);
        }
        self.grace = Some(Grace {
            until,
            has_arrival: false,
            earlier,
        });
        true
    }

    fn on_arrival(&mut self) {
        if let Some(grace) = &mut self.grace {
            grace.has_arrival = true;
        }
    }

    /// The deadline that applies in place of this one because of a sleep.
    fn after_grace(&self, at: Timestamp, overdue: Overdue) -> (Timestamp, Overdue) {
        match self.grace {
            Some(grace) if !grace.has_arrival => (grace.until, Overdue::Slept),
            Some(grace) => (at.max(grace.until), overdue),
            None => (at, overdue),
        }
    }

    // Input.

    /// Restarts the silence deadline.
    pub(super) fn restart_silence(&mut self, now: Timestamp) {
        self.on_arrival();
        self.silence = Some(now.plus_millis(self.limit_ms));
    }

    /// Starts the deadlines of input again after none was read.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.accept();
        self.received = Progress::new(now);
        self.partial = self.partial.map(|_| Progress::new(now));
    }

    /// Counts received bytes. Returns whether they are progress, for as long as nothing
    /// [rejects](Liveness::reject) them.
    pub(super) fn on_bytes(&mut self, now: Timestamp, bytes: usize) -> bool {
        self.on_arrival();
        if self.before.is_none() {
            self.before = Some((self.silence, self.received));
        }
        if let Some(partial) = &mut self.partial {
            partial.add(now, bytes);
        }
        self.received.add(now, bytes)
    }

    /// The bytes so far were a message.
    pub(super) const fn accept(&mut self) {
        self.before = None;
    }

    /// The bytes so far were no message. Otherwise a server that sends 1,024 bytes of anything in
    /// the limit would never have to answer a ping.
    pub(super) fn reject(&mut self) {
        if let Some((silence, received)) = self.before.take() {
            self.received = received;
            // Unless its deadline was started or stopped meanwhile.
            if self.silence.is_some() && silence.is_some() {
                self.silence = silence;
            }
        }
    }

    /// Notes how many bytes the input holds of a message that is incomplete; 0 if of none.
    pub(super) fn set_partial(&mut self, now: Timestamp, bytes: usize) {
        self.partial = (bytes > 0).then(|| {
            self.partial.unwrap_or(Progress {
                at: now,
                bytes: bytes % PROGRESS_BYTES,
            })
        });
    }

    /// The next deadline of input. `is_client` says whether silence and pings are judged.
    pub(super) fn input_deadline(
        &self,
        is_client: bool,
        clock: &PeerClock,
    ) -> Option<(Timestamp, Overdue)> {
        let after = |at: Timestamp| at.plus_millis(self.limit_ms);
        let partial = self
            .partial
            .map(|partial| (after(partial.at), Overdue::PartialMessage));
        if !is_client {
            // A server does not judge silence, after a sleep neither.
            let judged_from = self.grace.map_or(Timestamp::ZERO, |grace| grace.until);
            return partial.map(|(at, overdue)| (at.max(judged_from), overdue));
        }
        let silence = self.silence?;
        // The rest of a message that began is awaited for as long as a whole one would be.
        let message = partial.unwrap_or((silence, Overdue::Silence));
        let ping = clock
            .oldest_ping()
            .map(|sent| (after(sent.max(self.received.at)), Overdue::Ping));
        let (at, overdue) = match ping {
            Some(ping) if ping.0 < message.0 => ping,
            _ => message,
        };
        Some(self.after_grace(at, overdue))
    }

    // Output.

    /// Notes whether bytes wait to be sent.
    #[inline]
    pub(super) fn set_unsent(&mut self, now: Timestamp, is_unsent: bool) {
        if !is_unsent {
            self.queue = None;
        } else if self.queue.is_none() {
            self.queue = Some(SendQueue {
                deadline: now.max(self.sending_until).plus_millis(self.limit_ms / 2),
                second_half: false,
                sent: 0,
            });
        }
    }

    /// The driver took bytes, and others are `left` or not. `is_message` says that they were a message
    /// that it took whole.
    pub(super) fn on_transmitted(
        &mut self,
        now: Timestamp,
        bytes: usize,
        left: bool,
        is_message: bool,
    ) {
        // Otherwise an end that reads a byte now and then would hold back every ping for days.
        self.queue = self.queue.filter(|_| left).and_then(|queue| {
            let sent = bytes.saturating_add(usize::from(queue.sent));
            // More than fit are progress.
            let sent = u16::try_from(sent).ok()?;
            (usize::from(sent) < PROGRESS_BYTES).then_some(SendQueue { sent, ..queue })
        });
        if is_message {
            let millis = (bytes as u64).saturating_mul(1_000) / SENT_BYTES_PER_SECOND;
            // Only the longest one: an unlimited number of short ones may lie in the buffers of the
            // system, which take them at once.
            self.sending_until = self.sending_until.max(now.plus_millis(millis));
        }
    }

    pub(super) const fn queue_deadline(&self) -> Option<Timestamp> {
        match self.queue {
            Some(queue) => Some(queue.deadline),
            None => None,
        }
    }

    /// Starts the second half of the send queue's deadline when the first has passed.
    #[inline]
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(queue) = &mut self.queue
            && !queue.second_half
            && queue.deadline <= now
        {
            *queue = SendQueue {
                deadline: now.plus_millis(self.limit_ms - self.limit_ms / 2),
                second_half: true,
                sent: queue.sent,
            };
        }
    }

    pub(super) fn is_queue_overdue(&self, now: Timestamp) -> bool {
        self.queue
            .is_some_and(|queue| queue.second_half && queue.deadline <= now)
    }
}
