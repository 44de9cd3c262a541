//! The driver's side of the client: links and time in, commands and bytes out. The crate docs
//! describe the contract.

use super::ChatClient;
use super::connection::Connection;
use super::deadline::NextWork;
use crate::error::RegionsError;
use crate::event::{BadMessage, Event};
use crate::incoming::{Action, Incoming};
use crate::link::{LinkCommand, LinkId, LinkInput};
use crate::restore::{report_subscribe, report_unsubscribe};
use crate::state::CauseKind;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use bytes::Bytes;
use core::fmt::Debug;
use photon_proto::Timestamp;
use photon_proto::message::Header;
use photon_proto::peer::{Inbound, Overdue, Wire};

/// The work of taking a message, whatever its length. The unit of work is about one instruction.
/// All of these are upper estimates for what the hostile inputs of `photon-bench` measure.
const WORK_PER_MESSAGE: u64 = 2_000;
/// The work of each byte of a message.
const WORK_PER_BYTE: u64 = 8;
/// The additional work of each byte of an encrypted message.
const WORK_PER_ENCRYPTED_BYTE: u64 = 30;
/// The additional work of each byte of JSON, which is parsed and transcoded.
const WORK_PER_JSON_BYTE: u64 = 60;
/// How many bytes of a text the peer parses at once, with those that count twice.
const JSON_SHARE_BYTES: u64 = 64 * 1024;

/// The work of taking a datagram, and of each byte of it: its commands are handled when it arrives.
const WORK_PER_DATAGRAM: u64 = 2_000;
const WORK_PER_DATAGRAM_BYTE: u64 = 12;

/// The memory that a buffer keeps for the next message: enough for a history of 100 short ones.
const KEPT_BYTES: usize = 32 * 1024;

/// The result of [`ChatClient::service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serviced {
    /// Whether another call at the same time would do more: input remains, or a timer that is due
    /// waits because the state changed. Input that waits for events to be taken does not count.
    /// Only [`ChatClient::poll_timeout`] decides when to call next.
    pub more: bool,
}

impl ChatClient {
    /// Handles what happened to a link. This is transport level only: bytes are buffered until
    /// [`ChatClient::service`].
    pub fn handle_link(&mut self, now: Timestamp, link: LinkId, input: LinkInput<'_>) {
        let now = self.advance(now);
        if let LinkInput::Received(bytes) = input
            && let Some(connection) = &mut self.connection
            && connection.link == link
            && connection.peer.wire() != Wire::Datagram
        {
            connection.peer.handle_bytes(now, bytes);
            self.note_input(now);
            self.continue_restore();
        } else {
            self.handle_other(now, link, input);
        }
    }

    /// Handles everything but bytes of the current stream or WebSocket.
    // Apart from the call above, which would save registers for all that may have to be logged.
    #[inline(never)]
    fn handle_other(&mut self, now: Timestamp, link: LinkId, input: LinkInput<'_>) {
        if let Some(connection) = self
            .connection
            .as_mut()
            .filter(|current| current.link == link)
        {
            self.next_work = NextWork::Unknown;
            let logged: Option<&dyn Debug> = match &input {
                LinkInput::Received(_) => None,
                LinkInput::Opened { .. } | LinkInput::Closed => Some(&input),
                // Log only the kind: the text may be a server's and contain a user id.
                LinkInput::Failed(error) => Some(&error.kind),
            };
            if let Some(logged) = logged {
                self.config
                    .log_net(log::Level::Debug, format_args!("{link}: {logged:?}"));
            }
            if let LinkInput::Received(bytes) = &input
                && !connection.peer.is_link_closed()
            {
                self.stats.work += WORK_PER_DATAGRAM + WORK_PER_DATAGRAM_BYTE * bytes.len() as u64;
            }
            connection.handle_link(now, input);
            self.continue_restore();
            return;
        }
        self.touch();
        match input {
            LinkInput::Received(bytes) => {
                if self.retired.receive(now, link, bytes) {
                    self.close_flushed_links();
                }
            }
            LinkInput::Closed | LinkInput::Failed(_) => {
                if let Some(finished) = self.retired.on_link_gone(link) {
                    self.close_finished(finished);
                }
                // The link is gone on both sides, so a `Close` that was not taken yet has nothing
                // left to close.
                self.commands
                    .retain(|command| *command != LinkCommand::Close { link });
            }
            // A driver may open a link after the client has given it up.
            LinkInput::Opened { .. } => {}
        }
    }

    /// Notes that so many more bytes arrived of a WebSocket message that is not complete, on a link
    /// whose driver passes on whole messages. They count as progress of the server, so that a large
    /// message on a slow line does not end the connection as silent. Optional: without it, a
    /// message has to arrive within
    /// [`ChatConfig::silence_timeout`](crate::ChatConfig::silence_timeout). Spec: wire.md 11.1.
    ///
    /// ```
    /// use chat_core::{ChatClient, LinkId, Timestamp};
    ///
    /// // In a driver: the header announced a message, and 1,500 bytes of it have arrived.
    /// fn on_partial_message(chat: &mut ChatClient, now: Timestamp, link: LinkId) {
    ///     chat.note_partial_message(now, link, 1_500);
    /// }
    /// # let _ = on_partial_message;
    /// ```
    pub fn note_partial_message(&mut self, now: Timestamp, link: LinkId, bytes: usize) {
        let now = self.advance(now);
        self.touch();
        if let Some(connection) = &mut self.connection
            && connection.link == link
        {
            connection.peer.note_partial_message(now, bytes);
        }
    }

    /// Processes input, runs timers, changes the state and raises events: the documented `service`.
    ///
    /// Stops at a state change, so that the application observes each state while it lasts, and
    /// after [`ChatConfig::max_messages_per_service`](crate::ChatConfig::max_messages_per_service)
    /// messages or
    /// [`ChatConfig::max_work_per_service`](crate::ChatConfig::max_work_per_service) of work.
    /// [`Serviced::more`] tells whether input remains. An idle call does nothing.
    pub fn service(&mut self, now: Timestamp) -> Serviced {
        let now = self.advance(now);
        if self.is_known_idle(now) {
            return Serviced { more: false };
        }
        self.work(now)
    }

    /// Does what is due. Apart from the call above, which is idle most of the time and would save the
    /// registers of this one.
    #[inline(never)]
    fn work(&mut self, now: Timestamp) -> Serviced {
        if !self.has_noted_work() && !self.is_due(now) {
            return Serviced { more: false };
        }
        // Otherwise only what a message changes.
        if !self.is_before_timers(now) {
            self.touch();
        }
        self.model.questions.begin_pass();
        // The peer comes first: a resend or a ping must not wait behind a long backlog of messages.
        if let Some(connection) = &mut self.connection {
            connection.peer.handle_timeout(now);
        }
        // Messages come next, and deadlines last: a response that arrived before its deadline
        // counts even if the application calls late.
        let state = self.state;
        let mut messages_left = self.config.max_messages_per_service;
        let work_end = self
            .stats
            .work
            .saturating_add(self.config.max_work_per_service);
        let is_json = self.config.is_json();
        while messages_left > 0
            && self.stats.work < work_end
            && self.state == state
            && self.can_process()
        {
            messages_left -= 1;
            let text_before = if is_json { self.parsed_text_bytes() } else { 0 };
            let events_before = self.events.len();
            let action = self.process_message(now);
            // What a large message changes is the work of several calls, and so is a large text.
            let is_unfinished = matches!(action, Action::Unfinished);
            if is_json {
                // Zero if the connection ended, which the work of one message does not matter for.
                let parsed = self.parsed_text_bytes().saturating_sub(text_before);
                self.stats.work += work_of_text(parsed);
            }
            self.apply(action);
            self.report_results(events_before);
            if is_unfinished {
                break;
            }
        }
        // Most calls process a message, and no timer is due. Input that is left brings none forward.
        if self.state == state && !self.is_before_timers(now) && self.is_due(now) {
            let events_before = self.events.len();
            self.touch();
            self.run_timers(now);
            self.report_results(events_before);
        }
        self.check_histories(now);
        if self.state == state && self.can_restore() {
            self.touch();
            self.restore_state(now);
        }
        if self.model.questions.has_unsent() {
            self.touch();
            self.send_questions();
        }
        self.release_memory(self.config.max_messages_per_service != messages_left);
        // Timers that this call has armed start in it.
        if self.armed {
            self.start_timers();
        }
        self.assert_consistent();
        Serviced {
            more: self.is_still_due(now),
        }
    }

    /// Returns the bytes that a link sends next. They are never empty, and stay the same until
    /// [`ChatClient::transmitted`]. On a datagram link they are one datagram, stamped with `now`;
    /// on a WebSocket link one message.
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp, link: LinkId) -> Option<&[u8]> {
        let now = self.advance(now);
        match &mut self.connection {
            Some(connection) if connection.link == link => {
                let is_datagram = connection.peer.wire() == Wire::Datagram;
                let bytes = connection.peer.transmit(now);
                // A frame loop asks each time. On other links, nothing to send changes nothing.
                if is_datagram || bytes.is_some() {
                    self.next_work = NextWork::Unknown;
                }
                bytes
            }
            _ => {
                self.next_work = NextWork::Unknown;
                self.retired.transmit(now, link)
            }
        }
    }

    /// Notes how many of the bytes that [`ChatClient::transmit`] returned were sent; a larger
    /// number counts as all of them. On datagram and WebSocket links any number above 0 means all.
    pub fn transmitted(&mut self, link: LinkId, bytes: usize) {
        self.touch();
        if let Some(connection) = self
            .connection
            .as_mut()
            .filter(|current| current.link == link)
        {
            connection.peer.transmitted(bytes);
            self.continue_restore();
        } else if self.retired.transmitted(link, bytes) {
            self.close_flushed_links();
        }
    }

    /// Takes the next command to the driver.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<LinkCommand> {
        self.commands.pop_front()
    }

    /// Whether the driver should read from this link. False while enough is buffered.
    #[must_use]
    pub fn wants_input(&self, link: LinkId) -> bool {
        match &self.connection {
            Some(connection) if connection.link == link => connection.peer.wants_input(),
            // Input of a retired link is discarded, but a driver that reads learns of its end.
            _ => self.retired.contains(link),
        }
    }

    /// Takes the time of a call, and starts the timers that intents have armed. Returns the present
    /// time: one before the latest counts as the latest.
    #[inline]
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        if self.sleep.is_gap(self.now, now) {
            self.on_gap(now);
        }
        self.now = self.now.max(now);
        if self.armed {
            self.start_timers();
        }
        self.now
    }

    /// Starts the timers that intents have armed.
    fn start_timers(&mut self) {
        self.armed = false;
        self.touch();
        let now = self.now;
        self.login.start_timers(now);
        self.pending.start_timers(now);
        self.model.start_timers(now);
        self.retired.start_timers(now);
        if let Some(confirm) = &mut self.confirm {
            confirm.start_timers(now);
        }
        if core::mem::take(&mut self.sleep.is_reported) {
            self.on_reported_sleep(now);
        }
        if let Some(restore) = &mut self.restore {
            restore.start_timer(now);
        }
    }

    /// Returns the memory of empty buffers: after work, what was used for unusually large messages;
    /// without work, all of it. Calls without input and without a due timer do not come here, so
    /// that the latter happens about once in a ping interval.
    fn release_memory(&mut self, worked: bool) {
        let kept_bytes = if worked { KEPT_BYTES } else { 0 };
        if let Some(connection) = &mut self.connection {
            connection.peer.release_memory(kept_bytes);
        }
        self.builder.release_memory(kept_bytes);
        if worked {
            return;
        }
        // What only a connect or a subscribe has used.
        self.pending.release_memory();
        self.model.release_windows(self.now);
        self.events.release_memory();
        if self.commands.is_empty() {
            self.commands = VecDeque::new();
        }
    }

    pub(super) fn holds_input(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(Connection::has_input)
    }

    /// Whether there is input, and space for the events that it may cause.
    #[inline]
    pub(super) fn can_process(&self) -> bool {
        self.holds_input() && !self.events.is_full()
    }

    /// How many bytes of JSON the connection has parsed.
    fn parsed_text_bytes(&self) -> u64 {
        let connection = self.connection.as_ref();
        connection.map_or(0, |connection| connection.peer.parsed_text_bytes())
    }

    /// Processes one message, or the end of the link.
    #[inline(always)]
    fn process_message(&mut self, now: Timestamp) -> Action {
        debug_assert!(
            self.can_process(),
            "events need space before they are caused"
        );
        let Some(connection) = &mut self.connection else {
            debug_assert!(false, "only a connection holds input");
            return Action::Nothing;
        };
        let server = connection.server;
        let next_work = core::mem::take(&mut self.next_work);
        self.stats.work += WORK_PER_MESSAGE;
        let received = if connection.deferred.is_some() {
            Ok(None)
        } else {
            match connection.peer.receive(now, &mut self.random) {
                Inbound::Nothing => {
                    return match connection.peer.is_unfinished() {
                        true => Action::Unfinished,
                        false => Action::Nothing,
                    };
                }
                Inbound::Message {
                    kind,
                    message,
                    encrypted,
                } => {
                    self.stats.work += work_of(message, encrypted);
                    Ok(Some((kind, message)))
                }
                Inbound::Bad { error, message } => {
                    self.stats.work += work_of(message, false);
                    Err((error, message))
                }
                Inbound::Handshake => {
                    self.stats.received_messages += 1;
                    return Action::Nothing;
                }
                Inbound::Ready => {
                    self.stats.received_messages += 1;
                    self.on_peer_ready();
                    return Action::Nothing;
                }
                Inbound::Ended(end) => {
                    self.on_end(end);
                    return Action::Nothing;
                }
                // Requests to servers, and internal messages that arrive too early or too often.
                _ => {
                    self.stats.received_messages += 1;
                    self.stats.rare().ignored_messages += 1;
                    return Action::Nothing;
                }
            }
        };
        let (error, message) = match received {
            Ok(received) => {
                let mut incoming = Incoming {
                    config: &self.config,
                    state: self.state,
                    server,
                    expects_login: self.login.expects_login(),
                    awaits_echo: self.confirm.as_ref().is_some_and(|it| it.awaits_echo()),
                    events: &mut self.events,
                    model: &mut self.model,
                    pending: &mut self.pending,
                    builder: &mut self.builder,
                    stats: &mut self.stats,
                    restore: self.resubscription.as_deref_mut(),
                    deferred: &mut connection.deferred,
                    now,
                    keeps_timers: false,
                };
                let Some((kind, message)) = received else {
                    incoming.continue_deferred();
                    return Action::Unfinished;
                };
                match incoming.message(kind, message.get(Header::LENGTH..).unwrap_or_default()) {
                    Ok(action) => {
                        if incoming.keeps_timers {
                            self.next_work = next_work;
                        }
                        self.stats.received_messages += 1;
                        if connection.deferred.is_some() {
                            return Action::Unfinished;
                        }
                        return action;
                    }
                    Err(error) => (error, message),
                }
            }
            Err(bad) => bad,
        };
        // The connection goes on: each wire marks where a message ends, so the next one is found.
        self.stats.rare().bad_messages += 1;
        self.config.log_net(
            log::Level::Warn,
            format_args!("{server}: a message was skipped: {error}"),
        );
        self.events.push(Event::BadMessage(Box::new(BadMessage {
            error,
            bytes: Bytes::copy_from_slice(message),
        })));
        Action::Nothing
    }

    fn run_timers(&mut self, now: Timestamp) {
        self.retired.run_timers(now);
        self.close_flushed_links();
        while let Some(finished) = self.retired.next_overdue(now) {
            self.close_finished(finished);
        }
        if self.holds_input() {
            // What the other deadlines wait for may be in the input. But a server that floods the
            // client must not keep it connecting for ever.
            if let (true, Some(step)) = (self.can_process(), self.login.overdue(now)) {
                self.on_deadline(step);
            } else {
                // Nor must one that reads nothing; the other deadlines of the peer wait for input.
                self.end_if_overdue(now);
            }
            return;
        }
        self.model
            .on_deadlines(now, &mut self.events, &mut self.stats);
        while self.pending.regions.time_out(now) {
            self.events
                .push(Event::RegionsResult(Err(RegionsError::TimedOut)));
        }
        while let Some(ended) = self.pending.subscribe.time_out(now) {
            let restore = self.resubscription.as_deref_mut();
            let outcomes = report_subscribe(restore, now, ended);
            if !outcomes.is_empty() {
                self.events.push(Event::SubscribeResult(outcomes));
            }
        }
        while let Some(ended) = self.pending.unsubscribe.time_out(now) {
            let restore = self.resubscription.as_deref_mut();
            let outcomes = report_unsubscribe(restore, now, ended);
            if !outcomes.is_empty() {
                self.events.push(Event::UnsubscribeResult(outcomes));
            }
        }
        self.time_out_restore(now);
        self.time_out_messages(now);
        if let Some(step) = self.login.overdue(now) {
            self.on_deadline(step);
        } else if self.connection.is_some() {
            self.end_if_overdue(now);
        } else {
            self.reconnect_if_due(now);
        }
    }

    /// Ends a connection whose server makes no progress. Spec: chat.md 6.4.
    fn end_if_overdue(&mut self, now: Timestamp) {
        let connection = self.connection.as_ref();
        let Some(overdue) = connection.and_then(|connection| connection.peer.overdue(now)) else {
            return;
        };
        let elapsed = self.config.peer.silence_timeout;
        let kind = match overdue {
            Overdue::PartialMessage => CauseKind::IncompleteMessage { elapsed },
            Overdue::Ping => CauseKind::PingUnanswered { elapsed },
            Overdue::SendQueue => CauseKind::SendStalled { elapsed },
            Overdue::Slept => CauseKind::Slept {
                elapsed: self.sleep.latest,
            },
            // Silence, and deadlines without a kind of their own.
            _ => CauseKind::Silent { elapsed },
        };
        self.fail_connection(kind, |cause| cause);
    }
}

/// The additional work of parsing so many bytes of JSON. Besides a share of a text, a call parses at most the
/// rest of a string or of white space, whose bytes cost little.
fn work_of_text(parsed: u64) -> u64 {
    let rest = parsed.saturating_sub(JSON_SHARE_BYTES);
    (parsed - rest) * WORK_PER_JSON_BYTE + rest * WORK_PER_BYTE
}

/// The work of decoding a message, except for its values.
fn work_of(message: &[u8], encrypted: bool) -> u64 {
    let per_byte = if encrypted {
        WORK_PER_BYTE + WORK_PER_ENCRYPTED_BYTE
    } else {
        WORK_PER_BYTE
    };
    message.len() as u64 * per_byte
}
