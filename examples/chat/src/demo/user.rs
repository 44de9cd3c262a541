//! [`Users`]: drives both sessions and compares their events with the expected ones.

use super::{Failure, Options, Protection};
use crate::settings::with_protocol;
use chat_core::{ChatConfig, Encryption, Event, Restore, State};
use chat_std_io::{Session, SessionOptions, Tls};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// The longest sleep on one session's sockets. The other session is not driven meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// One of the two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Alice,
    Bob,
}

impl User {
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    /// The name, which is also the user id.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// The parameter of the ANSI escape sequence for the user's colour.
    pub(crate) const fn colour(self) -> &'static str {
        match self {
            Self::Alice => "35",
            Self::Bob => "36",
        }
    }
}

/// The sessions of both users, driven in turn by one thread.
pub(crate) struct Users {
    alice: Session,
    bob: Session,
    /// The longest wait for an expected event.
    timeout: Duration,
}

impl Users {
    /// Creates the sessions; nothing is sent yet. `certificate` is what `wss` trusts, as PEM.
    pub(crate) fn new(
        server: &str,
        options: &Options,
        certificate: &str,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let session = |user: User| {
            let config = ChatConfig::new(server, "demo", "1.0")
                .user_id(user.name())
                .restore(Restore::new())
                .crc(options.crc);
            let mut config = with_protocol(config, options.protocol);
            if options.protection() == Protection::None {
                // Otherwise connecting fails, so that no application sends in clear by accident.
                config = config.encryption(Encryption::Off);
            }
            let failure = |error: &dyn Display| Failure::Client(error.to_string());
            let tls = Tls::with_root(certificate.as_bytes()).map_err(|error| failure(&error))?;
            Session::with_options(config, SessionOptions::new().tls(tls))
                .map_err(|error| failure(&error))
        };
        Ok(Self {
            alice: session(User::Alice)?,
            bob: session(User::Bob)?,
            timeout,
        })
    }

    pub(crate) fn session(&mut self, user: User) -> &mut Session {
        match user {
            User::Alice => &mut self.alice,
            User::Bob => &mut self.bob,
        }
    }

    /// Drives both sessions until `user` has an event or the time is over. Skips responses and
    /// confirmations of what other events report as well.
    fn next_event(&mut self, user: User, until: Instant) -> Option<Event> {
        loop {
            for other in User::BOTH {
                if other != user {
                    let _more = self.session(other).service();
                }
            }
            let session = self.session(user);
            while let Some(event) = session.poll_event() {
                // A server may omit these responses: the events of an operation report its success.
                let repeats = matches!(
                    event,
                    Event::OperationResponse { return_code: 0, .. } | Event::MessageSent { .. }
                );
                if !repeats {
                    return Some(event);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            session.wait(left.min(POLL_INTERVAL));
        }
    }

    /// Waits for the next event of `user` and returns what `accept` makes of it. Fails if the event
    /// is not accepted, or does not arrive; `expected` describes it in the error.
    pub(crate) fn expect<T>(
        &mut self,
        user: User,
        expected: &str,
        accept: impl FnOnce(&Event) -> Option<T>,
    ) -> Result<T, Failure> {
        let event = self.next_event(user, Instant::now() + self.timeout);
        if let Some(accepted) = event.as_ref().and_then(accept) {
            return Ok(accepted);
        }
        let instead = match event {
            None => format!("no event arrived within {} s", self.timeout.as_secs_f64()),
            Some(Event::StateChanged {
                from,
                to: State::Error,
            }) => match self.next_event(user, Instant::now()) {
                Some(Event::Error { message, .. }) => format!("the connection ended: {message}"),
                _ => format!("the connection ended in state {}", from.name()),
            },
            Some(other) => format!("this event arrived: {other:?}"),
        };
        let name = user.name();
        Err(Failure::Unexpected(format!(
            "{name} expected {expected}, but {instead}"
        )))
    }

    /// Fails if a user has received another event.
    pub(crate) fn expect_no_event(&mut self) -> Result<(), Failure> {
        for user in User::BOTH {
            if let Some(event) = self.next_event(user, Instant::now()) {
                let name = user.name();
                return Err(Failure::Unexpected(format!(
                    "{name} expected no more events, but this event arrived: {event:?}"
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn into_sessions(self) -> [(User, Session); 2] {
        [(User::Alice, self.alice), (User::Bob, self.bob)]
    }
}
