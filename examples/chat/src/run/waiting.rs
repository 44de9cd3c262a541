//! Waiting: for events, a state or a time, and the ways in which a wait ends.

use super::event_buffer::EventBuffer;
use super::{Ending, Executed, Run};
use chat_core::State;
use std::io;
use std::time::{Duration, Instant};

/// The result of [`Run::drive_until`].
pub(super) enum Driven {
    Found,
    NotFound,
    /// There is no connection, and the client does not connect by itself.
    Ended,
    /// `--max-seconds` have passed.
    TimeOver,
    Interrupted,
}

fn wait_failed(error: String) -> Executed {
    Executed::Ends(Ending::WaitFailed, Some(error))
}

pub(super) fn time_over() -> Executed {
    Executed::Ends(
        Ending::TimeOver,
        Some("the run's time (--max-seconds) is over".into()),
    )
}

pub(super) fn interrupted() -> Executed {
    Executed::Ends(Ending::Interrupted, Some("the run was interrupted".into()))
}

impl Run {
    /// Drives the session until `found` returns true, `time` has passed, or the run's time is over;
    /// `for_events` ends it also when the connection has ended and nothing more can arrive.
    pub(super) fn drive_until(
        &mut self,
        time: Duration,
        for_events: bool,
        mut found: impl FnMut(&mut EventBuffer, State) -> bool,
    ) -> io::Result<Driven> {
        let started = Instant::now();
        loop {
            self.print_events()?;
            if found(&mut self.buffer, self.session.chat.state()) {
                return Ok(Driven::Found);
            }
            if self.interrupt.caught() {
                return Ok(Driven::Interrupted);
            }
            let left = time.saturating_sub(started.elapsed());
            let left_of_run = self.left();
            if left_of_run.is_zero() {
                return Ok(Driven::TimeOver);
            }
            if for_events && self.has_ended() {
                return Ok(Driven::Ended);
            }
            if left.is_zero() {
                return Ok(Driven::NotFound);
            }
            self.session.wait(left.min(left_of_run));
        }
    }

    /// The result of a command that waited for something.
    pub(super) fn waited(&self, driven: Driven, time: Duration, found: &str) -> Executed {
        let seconds = time.as_secs_f64();
        match driven {
            Driven::Found => Executed::Accepted,
            Driven::NotFound => wait_failed(format!("{found} within {seconds} s")),
            Driven::Ended => {
                let state = self.session.chat.state();
                wait_failed(format!(
                    "{found}, and the wait ended early: there is no connection (state {state}), and the client does \
                     not connect by itself. Use connect, reconnect, or the option --restore"
                ))
            }
            Driven::TimeOver => time_over(),
            Driven::Interrupted => interrupted(),
        }
    }

    /// Whether the connection has ended and there is no attempt to get another, so that no event can
    /// follow. Before the first connection that is not so: the state is not that of an end.
    fn has_ended(&self) -> bool {
        let state = self.session.chat.state();
        matches!(state, State::Disconnected | State::Error) && !self.comes_back
    }

    /// The time until `--max-seconds` have passed.
    pub(super) fn left(&self) -> Duration {
        // Any time that a sleep accepts: the loops look again.
        const UNLIMITED: Duration = Duration::from_secs(24 * 60 * 60);
        self.max
            .map_or(UNLIMITED, |max| max.saturating_sub(self.started.elapsed()))
    }
}
