//! Sessions that come back by themselves. Spec: chat.md 10.
//!
//! ```text
//!                 an unwanted end                 due, token kept
//!  connected ───────────────────────> scheduled ───────────────────> to the front end ─┐
//!      ^                               ^   │ due                         │ token no    │
//!      │                               │   v                             v longer good │
//!      │                               │  credentials asked for? ─ no ─> to the name server
//!      │                               │   │ yes: CredentialsNeeded      ^             │
//!      │                               │   └──── given ──────────────────┘             │
//!      │                               │                                               │
//!      │                               └──────────── an unwanted end ──────────────────┤
//!      └──────────────────────────────────────────── login accepted ───────────────────┘
//!
//!  scheduled, asked for ── disconnect() or a connect call ──> nothing is scheduled
//!  an end with a final reason, no attempt left, 60 s without credentials ──> ReconnectGaveUp
//! ```

pub(crate) mod continuity;
mod kept;
mod options;
mod ordered;
mod outbox;
mod plan;
mod resubscription;
mod schedule;
mod waiting_requests;
mod wanted;

use crate::event::Event;
use crate::state::{CauseKind, DisconnectCause, Server};
use crate::timers::Timer;
use alloc::boxed::Box;
use core::time::Duration;
use photon_proto::{Random, Timestamp};
use schedule::{Close, Next, Schedule};

pub use kept::Kept;
pub(crate) use kept::{KeptChannel, KeptConversation, KeptOptions};
pub use options::Restore;
pub(crate) use outbox::QueuedMessage;
pub(crate) use plan::{AfterLoss, Finished, Request, Subscription};
pub(crate) use resubscription::{Reports, Resubscription, report_subscribe, report_unsubscribe};
pub(crate) use wanted::WantedMessage;
#[cfg(feature = "serde")]
pub(crate) use wanted::WantedStatus;

/// How long the client waits for credentials that it asked for. Spec: chat.md 10, R1.
const CREDENTIALS_TIMEOUT_MS: u64 = 60_000;

/// The state of coming back, with [`ChatConfig::restore`](crate::ChatConfig::restore).
#[derive(Debug)]
pub(crate) struct Restoration {
    options: Restore,
    schedule: Schedule,
    waiting: Waiting,
    /// Runs while the client waits.
    timer: Timer,
    /// The cause of the last end, while it may still have to be reported as the reason to give up.
    cause: Option<Box<DisconnectCause>>,
}

/// The reason why the client waits without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    /// The time of the next attempt.
    Attempt,
    /// New credentials from the application.
    Credentials,
    /// The next call of `service`, which continues with the credentials.
    Continuation,
}

/// An unwanted end of a connection.
#[derive(Debug)]
pub(crate) struct UnwantedEnd {
    pub(crate) cause: Box<DisconnectCause>,
    /// Whether the documented code names a close by the server.
    pub(crate) closed_by_server: bool,
    /// The code with which the front end refused the token of an earlier login.
    pub(crate) token_refused: Option<i16>,
    /// Whether what restore asked for may be the reason, and it asks for less next time.
    pub(crate) asks_less: bool,
}

/// The next step when a timer is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// The client connects, and asks for credentials before it contacts the name server.
    Attempt,
    /// The client connects to the name server with the credentials that it was given.
    WithCredentials,
    /// The application gave no credentials.
    GaveUp(Event),
}

impl Restoration {
    pub(crate) fn new(options: &Restore) -> Self {
        Self {
            options: options.clone(),
            schedule: Schedule::new(options.attempts),
            waiting: Waiting::Nothing,
            timer: Timer::Off,
            cause: None,
        }
    }

    /// Whether the name server is not contacted again with the credentials of an earlier login.
    pub(crate) const fn asks_for_credentials(&self) -> bool {
        self.options.ask_for_credentials
    }

    // Steps of a connection.

    /// Notes that the client is connected as far as the application wants.
    pub(crate) fn on_connected(&mut self, now: Timestamp) {
        debug_assert_eq!(self.waiting, Waiting::Nothing, "an attempt has begun");
        self.schedule.on_connected(now);
    }

    /// Notes that the front end refused the kept token, and the attempt goes on to the name server.
    pub(crate) fn on_token_refused(&mut self, return_code: i16) {
        self.schedule.on_token_refused(return_code);
    }

    /// Decides what follows after an unwanted end. Returns the event that reports it.
    pub(crate) fn on_end(
        &mut self,
        end: UnwantedEnd,
        now: Timestamp,
        random: &mut Random,
    ) -> Event {
        debug_assert_eq!(self.waiting, Waiting::Nothing, "a connection ends once");
        let UnwantedEnd {
            cause,
            closed_by_server,
            token_refused,
            asks_less,
        } = end;
        if let Some(code) = token_refused {
            // Only a client that asks for credentials ends here; others have gone on to the name
            // server. It has to do so, too, and needs no back-off: the server has answered.
            debug_assert!(self.asks_for_credentials());
            self.schedule.on_token_refused(code);
            self.cause = Some(cause);
            return self.ask_for_credentials();
        }
        let close = match (closed_by_server, asks_less) {
            (false, _) => Close::NotByServer,
            (true, false) => Close::ByServer,
            (true, true) => Close::Answered,
        };
        match self.schedule.on_end(&cause, close, now, random) {
            Next::After { attempt, after_ms } => {
                self.wait(Waiting::Attempt, after_ms);
                self.cause = Some(cause);
                Event::ReconnectScheduled {
                    attempt,
                    after: Duration::from_millis(after_ms),
                }
            }
            Next::GiveUp => Event::ReconnectGaveUp { cause },
        }
    }

    // Waiting.

    /// Begins to wait for credentials. Returns the event that asks for them.
    pub(crate) fn ask_for_credentials(&mut self) -> Event {
        self.wait(Waiting::Credentials, CREDENTIALS_TIMEOUT_MS);
        Event::CredentialsNeeded
    }

    /// Notes that the application set credentials. Returns whether the client waited for them.
    pub(crate) fn on_credentials(&mut self) -> bool {
        let waited = self.waiting == Waiting::Credentials;
        if waited {
            self.wait(Waiting::Continuation, 0);
        }
        waited
    }

    /// Whether the client waits for credentials that it asked for.
    pub(crate) fn waits_for_credentials(&self) -> bool {
        self.waiting == Waiting::Credentials
    }

    /// Whether the application has given credentials for the attempt that comes next.
    pub(crate) fn has_credentials(&self) -> bool {
        self.waiting == Waiting::Continuation
    }

    fn wait(&mut self, waiting: Waiting, after_ms: u64) {
        self.waiting = waiting;
        self.timer = Timer::Armed { after_ms };
    }

    /// Stops waiting: an attempt begins.
    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = Waiting::Nothing;
        self.timer = Timer::Off;
        self.cause = None;
    }

    /// Forgets the schedule: the application connects or disconnects.
    pub(crate) fn cancel(&mut self) {
        self.stop_waiting();
        self.schedule.reset();
    }

    /// Notes that an attempt begins without waiting: it is the first one. Returns the event that
    /// reports it where the client itself is the reason.
    pub(crate) fn begin_at_once(&mut self) -> Event {
        self.stop_waiting();
        Event::ReconnectScheduled {
            attempt: self.schedule.begin_at_once(),
            after: Duration::ZERO,
        }
    }

    /// Whether the client waits for something without a connection.
    pub(crate) fn is_waiting(&self) -> bool {
        debug_assert_eq!(self.waiting == Waiting::Nothing, self.timer == Timer::Off);
        self.waiting != Waiting::Nothing
    }

    // Time.

    pub(crate) fn start_timer(&mut self, now: Timestamp) {
        self.timer.start(now);
    }

    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.timer.deadline(now)
    }

    /// Puts the end of waiting for credentials off after a sleep: the application slept, too. An
    /// attempt is due as planned.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        if self.waiting == Waiting::Credentials {
            self.timer.put_off(slept, earliest);
        }
    }

    /// Stops waiting if the time has come. Returns what to do then.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        if !self.timer.is_due(now) {
            return None;
        }
        let due = match self.waiting {
            Waiting::Attempt => Due::Attempt,
            Waiting::Continuation => Due::WithCredentials,
            Waiting::Credentials => Due::GaveUp(Event::ReconnectGaveUp {
                cause: self.cause.take().unwrap_or_else(no_credentials),
            }),
            Waiting::Nothing => {
                debug_assert!(false, "a timer runs while the client waits");
                return None;
            }
        };
        self.timer = Timer::Off;
        self.waiting = Waiting::Nothing;
        Some(due)
    }
}

/// The cause if there was no unwanted end: the application itself left, and came back.
fn no_credentials() -> Box<DisconnectCause> {
    let cause = DisconnectCause::new(Server::NameServer, CauseKind::LoginNotSent);
    Box::new(cause.with_text("the application set no credentials within 60 s"))
}
