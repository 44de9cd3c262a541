//! How connections end, and state changes. Spec: chat.md 6.
//!
//! ```text
//!  peer or link fails ─> fail_connection ─> end_connection ─┬─> failed results, Error,
//!                                                           │   then `restoring` decides
//!                                                           ├─> next address of the name server
//!                                                           └─> name server, after a reconnect
//!  application ────────> disconnect ─> retire_connection ────> failed results, Disconnected
//! ```

use super::ChatClient;
use super::connection::Connection;
use super::retired::Finished;
use crate::error::{RegionsError, RequestError};
use crate::event::Event;
use crate::link::{LinkCommand, LinkId};
use crate::operation::authenticate::is_token_refusal;
use crate::operation::pending::RequestKind;
use crate::restore::{AfterLoss, UnwantedEnd};
use crate::state::{CauseKind, DisconnectCause, PeerErrorCode, State, Step};
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;
use core::time::Duration;
use photon_proto::Text;
use photon_proto::peer::{End, Peer};

impl ChatClient {
    /// Ends the connection (`disconnect`). The state becomes [`State::Disconnected`] at once. Data
    /// that was accepted before is still sent, for at most
    /// [`ChatConfig::flush_timeout`](crate::ChatConfig::flush_timeout). Cancels a scheduled
    /// reconnect. Does nothing else in states 0 and 10. Spec: chat.md 6.2.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::{PublishOptions, State};
    ///
    /// chat.publish_message("lobby", "good night", &PublishOptions::new())?;
    /// chat.disconnect();
    /// assert_eq!(chat.state(), State::Disconnected);
    /// // The driver continues to call `service` and `transmit`, so the message is not lost:
    /// assert!(chat.buffered_bytes() > 0);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    pub fn disconnect(&mut self) {
        self.touch();
        self.is_suspended = false;
        self.cancel_reconnect();
        if matches!(self.state, State::Uninitialized | State::Disconnected) {
            // Requests and messages that wait for a connection end here, too: a suspended client has them.
            self.give_up_messages();
            return self.stop_restore();
        }
        self.fail_pending_requests();
        self.give_up_messages();
        self.stop_restore();
        self.leave();
    }

    /// Leaves the server in order, and enters [`State::Disconnected`].
    pub(super) fn leave(&mut self) {
        self.retire_connection();
        self.login.halt();
        self.set_state(State::Disconnected);
        self.assert_consistent();
    }

    // Ends that the client did not ask for.

    /// Ends the current connection because of what the peer or its link did. `detail` adds to the
    /// cause.
    pub(super) fn fail_connection(
        &mut self,
        kind: CauseKind,
        detail: impl FnOnce(DisconnectCause) -> DisconnectCause,
    ) {
        let Some(connection) = &self.connection else {
            debug_assert!(false, "only a current connection ends");
            return;
        };
        let cause = detail(DisconnectCause::new(connection.server, kind));
        let opened = connection.is_opened();
        self.end_connection(cause, opened);
    }

    /// Ends the connection with this cause. `opened` is whether the link was opened, which decides
    /// between "could not connect" and "lost". Reports the end, unless there is another address or
    /// another way to try.
    pub(super) fn end_connection(&mut self, mut cause: DisconnectCause, opened: bool) {
        debug_assert!(
            !self.may_connect(),
            "a connection ends once, in a state that has one"
        );
        let code = cause.code(opened);
        self.name_address(&mut cause);
        // Counted before the connection drops them.
        let unsent = self
            .connection
            .as_ref()
            .map_or(0, |connection| connection.peer.unsent_messages());
        self.note_unsent(&mut cause, unsent);
        self.report_begun_list();
        self.abort_connection();
        let front_end_unreachable = matches!(
            code,
            PeerErrorCode::FrontEndConnectFailed | PeerErrorCode::FrontEndTimeout
        );
        if self.may_fall_back() && front_end_unreachable {
            return self.fall_back_to_name_server(cause);
        }
        let name_server_unreachable = self.state == State::ConnectingToNameServer
            && matches!(
                code,
                PeerErrorCode::NameServerConnectFailed | PeerErrorCode::NameServerTimeout
            );
        let mut cause = if name_server_unreachable {
            match self.login.try_next_address(cause) {
                Ok(()) => return self.open_name_server(),
                Err(cause) => cause,
            }
        } else {
            cause
        };
        cause.earlier = self.login.take_earlier_causes();
        let token_refused = cause.return_code.filter(|&code| {
            self.login.is_reconnecting()
                && cause.kind == CauseKind::AuthenticationRefused
                && is_token_refusal(code)
        });
        if self.state == State::ConnectingToFrontEnd {
            self.login.on_front_end_failed();
        }
        let mut end = self.restore.is_some().then(|| UnwantedEnd {
            cause: Box::new(cause.clone()),
            closed_by_server: matches!(
                code,
                PeerErrorCode::FrontEndConnectClosed | PeerErrorCode::NameServerConnectClosed
            ),
            token_refused,
            asks_less: false,
        });
        let after = self.report_end(code, cause);
        if let Some(end) = &mut end {
            end.asks_less = after == AfterLoss::AskLess;
        }
        match end {
            Some(end) if after == AfterLoss::GiveUp => {
                self.report_schedule(Event::ReconnectGaveUp { cause: end.cause })
            }
            Some(end) => self.schedule_reconnect(end),
            None => {}
        }
    }

    /// Names the address of a server that has not answered, so that the user can check it.
    pub(super) fn name_address(&self, cause: &mut DisconnectCause) {
        if let Some(connection) = &self.connection
            && !connection.is_answered()
            && let Some(address) = self.login.address_of(connection.server)
        {
            cause.address = address.to_text();
        }
    }

    /// Notes the messages that are lost with the connection: those in its buffer, and those that wait
    /// for their channel. The latter are counted when they are dropped.
    pub(super) fn note_unsent(&mut self, cause: &mut DisconnectCause, in_buffer: u64) {
        cause.unsent_messages = in_buffer + self.held_messages();
        self.stats.add(in_buffer, |rare| &mut rare.unsent_messages);
    }

    /// Reports an end, in the specified order: failed results, the state, the error. Returns what it
    /// means for the next connection. Spec: chat.md 6.2.
    pub(super) fn report_end(&mut self, code: PeerErrorCode, cause: DisconnectCause) -> AfterLoss {
        self.login.halt();
        self.fail_pending_requests();
        let after = self.learn_from_loss(&cause);
        self.set_state(State::Error);
        let message = Text::from(cause.to_string());
        // Log only the kind: the text may be a server's and contain a user id.
        self.log(
            log::Level::Error,
            format_args!("{} ({}): {:?}", code.name(), code.code(), cause.kind),
        );
        self.events.push(Event::Error {
            code,
            cause: Box::new(cause),
            message,
        });
        after
    }

    /// Handles the end that the peer reported.
    pub(super) fn on_end(&mut self, end: End) {
        let Some(connection) = &mut self.connection else {
            debug_assert!(false, "only a current connection ends");
            return;
        };
        let cause = connection.cause_of(end, self.sleep.latest);
        let opened = connection.is_opened();
        self.end_connection(cause, opened);
    }

    /// Handles a step that was not done before its deadline.
    pub(super) fn on_deadline(&mut self, step: Step) {
        // A datagram link opens without an answer, so it has never "not opened": an unanswered one
        // is a timeout. Spec: chat.md 1.11.
        let opened = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.is_opened() || connection.is_connectionless());
        let kind = if opened {
            CauseKind::Deadline(step)
        } else {
            CauseKind::NeverOpened
        };
        self.fail_connection(kind, |cause| cause);
    }

    /// Reports a failed result for everything that is pending on the connection that ends.
    /// Spec: chat.md 6.2.
    pub(super) fn fail_pending_requests(&mut self) {
        self.report_begun_list();
        for _ in 0..self.pending.regions.fail_all() {
            self.events
                .push(Event::RegionsResult(Err(RegionsError::ConnectionLost)));
        }
        for ended in self.pending.subscribe.fail_all() {
            if ended.kind == RequestKind::Application {
                self.events.push(Event::SubscribeResult(ended.failed));
            }
        }
        for ended in self.pending.unsubscribe.fail_all() {
            if ended.kind == RequestKind::Application {
                self.events.push(Event::UnsubscribeResult(ended.failed));
            }
        }
        self.lose_messages();
    }

    /// Reports the outcomes of a long list of channels whose rest is lost with the connection. The
    /// requests that they settled are not pending any more, so no failed result reports them.
    pub(super) fn report_begun_list(&mut self) {
        let connection = self.connection.as_mut();
        let deferred = connection.and_then(|connection| connection.deferred.take());
        if let Some(event) = deferred.and_then(|deferred| deferred.into_event()) {
            self.events.push(event);
        }
    }

    // Links.

    /// Ends the current connection at once. Only a disconnect is still sent, where the wire has
    /// one.
    fn abort_connection(&mut self) {
        self.end_link(false, Peer::abort);
    }

    /// Ends the current connection, but lets its link send what was accepted.
    pub(super) fn retire_connection(&mut self) {
        let flush = Duration::from_millis(self.config.flush_timeout_ms);
        self.end_link(true, |peer| peer.shutdown(flush));
    }

    fn end_link(&mut self, on_purpose: bool, end: impl FnOnce(&mut Peer)) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let opened = connection.is_opened();
        let Connection { link, mut peer, .. } = connection;
        // The driver has closed the link itself.
        if peer.is_link_closed() {
            return;
        }
        end(&mut peer);
        if !opened || peer.is_flushed() {
            return self.close_link(link);
        }
        let flush = Timer::Armed {
            after_ms: self.config.flush_timeout_ms,
        };
        if let Some(oldest) = self.retired.push(link, peer, flush, on_purpose) {
            self.close_finished(oldest);
        }
        self.armed = true;
    }

    /// Closes a link that has left the retired ones.
    pub(super) fn close_finished(&mut self, finished: Finished) {
        self.stats.add(u64::from(finished.has_unsent_data), |rare| {
            &mut rare.closed_with_unsent_data
        });
        self.close_link(finished.link);
    }

    /// Closes the retired links that have nothing left to send.
    pub(super) fn close_flushed_links(&mut self) {
        while let Some(finished) = self.retired.next_flushed() {
            self.close_finished(finished);
        }
    }

    pub(super) fn close_link(&mut self, link: LinkId) {
        // An `Open` that the driver has not taken yet is withdrawn: nothing needs closing then.
        let open = self.commands.iter().position(|command| match command {
            LinkCommand::Open { link: opened, .. } => *opened == link,
            LinkCommand::Close { .. } => false,
        });
        if let Some(index) = open {
            self.commands.remove(index);
        } else {
            debug_assert!(
                !self.commands.contains(&LinkCommand::Close { link }),
                "the driver closes a link once"
            );
            self.commands.push_back(LinkCommand::Close { link });
        }
    }

    // State.

    pub(super) fn set_state(&mut self, to: State) {
        let from = core::mem::replace(&mut self.state, to);
        debug_assert_ne!(from, to, "a state change is one");
        self.touch();
        self.is_suspended = false;
        if from == State::ConnectedToFrontEnd {
            // Before the change is announced: its outcomes come first.
            self.end_restore();
            self.model.on_front_end_lost();
        }
        self.log(
            log::Level::Info,
            format_args!("{} -> {}", from.name(), to.name()),
        );
        self.events.push(Event::StateChanged { from, to });
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if too many events wait for an intent to raise another one.
    pub(super) fn check_event_space(&self) -> Result<(), RequestError> {
        if self.events.is_full() {
            Err(RequestError::QueueFull)
        } else {
            Ok(())
        }
    }

    pub(super) fn log(&self, level: log::Level, line: fmt::Arguments<'_>) {
        self.config.log(level, line);
    }
}

#[cfg(test)]
mod tests {
    use crate::link::LinkErrorKind;
    use crate::state::{CauseKind, DisconnectCause, KeyExchangeFailure, Server, Step};

    #[test]
    fn link_ends_map_to_the_codes_of_the_design() {
        let code = |server, kind, opened| DisconnectCause::new(server, kind).code(opened).code();
        for (server, base) in [(Server::NameServer, 3000), (Server::FrontEnd, 1000)] {
            for kind in [
                LinkErrorKind::Resolve,
                LinkErrorKind::Refused,
                LinkErrorKind::Reset,
                LinkErrorKind::Local,
                LinkErrorKind::Io,
            ] {
                assert_eq!(code(server, CauseKind::Link(kind), false), base + 2);
            }
            assert_eq!(
                code(server, CauseKind::Link(LinkErrorKind::Local), true),
                base + 1
            );
            assert_eq!(code(server, CauseKind::NeverOpened, false), base + 2);
            assert_eq!(code(server, CauseKind::Closed, false), base + 2);
            assert_eq!(code(server, CauseKind::Closed, true), base + 3);
            assert_eq!(
                code(server, CauseKind::Link(LinkErrorKind::Reset), true),
                base + 3
            );
            assert_eq!(
                code(server, CauseKind::Link(LinkErrorKind::Io), true),
                base + 1
            );
            assert_eq!(code(server, CauseKind::InputOverrun, true), base + 1);
            assert_eq!(
                code(
                    server,
                    CauseKind::Silent {
                        elapsed: core::time::Duration::from_millis(1)
                    },
                    true
                ),
                base + 4
            );
            assert_eq!(
                code(server, CauseKind::Deadline(Step::Connect), true),
                base + 4
            );
            assert_eq!(
                code(
                    server,
                    CauseKind::KeyExchange(KeyExchangeFailure::NoKey),
                    true
                ),
                base + 5
            );
            assert_eq!(
                code(server, CauseKind::AuthenticationRefused, true),
                base + 101
            );
        }
    }
}
