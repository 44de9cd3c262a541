//! [`Users`]: the two users, and what they expect.

use super::{Failure, Options, Privacy};
use chat_core::{ChatConfig, Encryption, Event, State};
use chat_std_io::{Session, SessionOptions, Tls};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How long one user may sleep while the other is not served.
const TURN: Duration = Duration::from_millis(5);

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Alice,
    Bob,
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    /// The name, and the user id.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// The number of an ANSI colour.
    pub(crate) const fn colour(self) -> &'static str {
        match self {
            Self::Alice => "35",
            Self::Bob => "36",
        }
    }
}

/// Both users, served in turn by one thread.
pub(crate) struct Users {
    alice: Session,
    bob: Session,
    /// How long something may take that is expected.
    patience: Duration,
}

impl Users {
    pub(crate) fn new(
        server: &str,
        options: &Options,
        trust: Option<&str>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let session = |who: Who| {
            let config = ChatConfig::new(server, "demo", "1.0")
                .user_id(who.name())
                .crc(options.crc);
            let mut config = options.language.apply(config);
            if options.privacy() == Privacy::Nothing {
                config = config.encryption(Encryption::Off);
            }
            let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
            let mut session = SessionOptions::new();
            if let Some(pem) = trust {
                session =
                    session.tls(Tls::with_root(pem.as_bytes()).map_err(|error| refused(&error))?);
            }
            Session::with_options(config, session).map_err(|error| refused(&error))
        };
        Ok(Self {
            alice: session(Who::Alice)?,
            bob: session(Who::Bob)?,
            patience,
        })
    }

    pub(crate) fn session(&mut self, who: Who) -> &mut Session {
        match who {
            Who::Alice => &mut self.alice,
            Who::Bob => &mut self.bob,
        }
    }

    /// Serves both until the next event of one of them that tells something.
    fn next(&mut self, who: Who, until: Instant) -> Option<Event> {
        loop {
            for each in Who::BOTH {
                if each != who {
                    let _more = self.session(each).service();
                }
            }
            let session = self.session(who);
            while let Some(event) = session.poll_event() {
                // Success is told by events; servers may leave these out.
                if !matches!(event, Event::OperationResponse { return_code: 0, .. }) {
                    return Some(event);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            session.wait(left.min(TURN));
        }
    }

    /// The next event of a user must be what was expected: `fits` gives what is wanted of it.
    pub(crate) fn expect<T>(
        &mut self,
        who: Who,
        what: &str,
        fits: impl FnOnce(&Event) -> Option<T>,
    ) -> Result<T, Failure> {
        let event = self.next(who, Instant::now() + self.patience);
        if let Some(found) = event.as_ref().and_then(fits) {
            return Ok(found);
        }
        let mut error = format!("{} expected {what}, ", who.name());
        // Writing to a text does not fail.
        let _ = match event {
            None => write!(
                error,
                "and nothing came within {} s",
                self.patience.as_secs_f64()
            ),
            Some(Event::StateChanged {
                from,
                to: State::Error,
            }) => match self.next(who, Instant::now()) {
                Some(Event::Error { message, .. }) => {
                    write!(error, "but the connection ended: {message}")
                }
                _ => write!(error, "but the connection ended in state {}", from.name()),
            },
            Some(other) => write!(error, "and this came: {other:?}"),
        };
        Err(Failure::Missed(error))
    }

    /// Nothing more has come for anybody.
    pub(crate) fn expect_silence(&mut self) -> Result<(), Failure> {
        for who in Who::BOTH {
            if let Some(event) = self.next(who, Instant::now()) {
                return Err(Failure::Missed(format!(
                    "{} expected nothing more, and this came: {event:?}",
                    who.name()
                )));
            }
        }
        Ok(())
    }

    /// The sessions, to be closed.
    pub(crate) fn into_sessions(self) -> [(Who, Session); 2] {
        [(Who::Alice, self.alice), (Who::Bob, self.bob)]
    }
}
