//! A program that stood still: frozen by its user, a debugger or the system, or asleep with its
//! machine. Spec: chat.md 10 (R4), wire.md 11.2.
//!
//! The client notices a sleep, because only it knows all calls. What follows from it for a connection
//! is the peer's part.

use super::ChatClient;
use crate::timers::earlier;
use core::time::Duration;
use photon_proto::Timestamp;
use photon_proto::peer::{PeerConfig, SLEEP_GRACE, Wire};

/// How many sleeps in a row put requests and logins off that leave the program less than
/// [`SLEEP_GRACE`] awake in between. A program that calls only every few seconds is slow, not asleep:
/// without a limit no request would ever time out in it.
const MAX_IN_A_ROW: u32 = 3;

/// The sleeps of the program, as far as the client knows them.
#[derive(Debug)]
pub(super) struct Sleep {
    /// No shorter gap between two calls is a sleep, whatever the wire.
    shortest_micros: u64,
    /// How long the latest sleep was.
    pub(super) latest: Duration,
    /// Whether the application reported that it woke, and no call with a time came since.
    pub(super) is_reported: bool,
    /// When the program woke last.
    awake_since: Timestamp,
    in_a_row: u32,
}

/// The time without a sign of life after which a connection over this wire ends.
fn patience(config: &PeerConfig, wire: Option<Wire>) -> Duration {
    let (silence, udp) = (config.silence_timeout, config.udp.disconnect_timeout);
    match wire {
        Some(Wire::Datagram) => udp,
        Some(_) => silence,
        None => silence.min(udp),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Sleep {
    pub(super) fn new(config: &PeerConfig) -> Self {
        Self {
            shortest_micros: micros(patience(config, None)) / 2,
            latest: Duration::ZERO,
            is_reported: false,
            awake_since: Timestamp::ZERO,
            in_a_row: 0,
        }
    }

    /// Whether a program that calls at these times, one after the other, may have slept.
    #[inline]
    pub(super) fn is_gap(&self, before: Timestamp, now: Timestamp) -> bool {
        now.micros_since(before) > self.shortest_micros
    }

    /// Counts a sleep. Returns whether it puts requests off: not those of a slow program.
    fn count(&mut self, before: Timestamp, now: Timestamp) -> bool {
        if before.since(self.awake_since) >= SLEEP_GRACE {
            self.in_a_row = 0;
        }
        self.awake_since = now;
        self.latest = now.since(before);
        let counts = self.in_a_row < MAX_IN_A_ROW;
        self.in_a_row += u32::from(counts);
        counts
    }
}

impl ChatClient {
    /// Handles a gap between the latest call and this one. Called before the time is taken.
    #[cold]
    pub(super) fn on_gap(&mut self, now: Timestamp) {
        self.touch();
        let wire = self.connection.as_ref().map(|current| current.peer.wire());
        // R4: more than half the time after which a silent connection ends.
        let limit = micros(patience(&self.config.peer, wire)) / 2;
        // A driver that waits for a far deadline calls after a long gap as well, but in time. And a
        // timer that has not started waits for this call, however long that takes.
        let unstarted = Timestamp::MAX;
        let restore = self.restore.as_ref();
        let reconnect = restore.and_then(|restore| restore.deadline(unstarted));
        let is_late = earlier(self.next_deadline(unstarted), reconnect)
            .is_some_and(|deadline| now.micros_since(deadline) > limit / 5);
        if is_late && now.micros_since(self.now) > limit {
            self.wake(now);
        }
    }

    /// Handles a sleep that the application reported: the clock may not have noticed it.
    pub(super) fn on_reported_sleep(&mut self, now: Timestamp) {
        self.sleep.latest = Duration::ZERO;
        if let Some(connection) = &mut self.connection {
            connection.peer.wake(now, Duration::ZERO);
        }
    }

    /// Lets no deadline pass because of the time that the program slept, and asks the server for a
    /// sign of life.
    fn wake(&mut self, now: Timestamp) {
        let puts_off = self.sleep.count(self.now, now);
        let slept = self.sleep.latest;
        self.log(
            log::Level::Info,
            format_args!("the program stood still for {} ms", slept.as_millis()),
        );
        if let Some(connection) = &mut self.connection {
            connection.peer.wake(now, slept);
        }
        if puts_off {
            let earliest = now.plus(SLEEP_GRACE);
            self.retired.wake(now, slept);
            self.login.put_off(slept, earliest);
            self.pending.put_off(slept, earliest);
            self.model.put_off(self.now, slept, earliest);
            if let Some(confirm) = &mut self.confirm {
                confirm.put_off(slept, earliest);
            }
            if let Some(restore) = &mut self.resubscription {
                restore.put_off(slept, earliest);
            }
            if let Some(restore) = &mut self.restore {
                restore.put_off(slept, earliest);
            }
        }
    }
}
