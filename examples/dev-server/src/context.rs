//! The parts of the server that every operation needs: the time, the configuration, and the ways to
//! send.

use photon_proto::message::MessageWriter;
use photon_proto::peer::Peer;
use photon_proto::{EncodeError, Limits, Parameters, Protocol, Random, Text, Timestamp};
use std::time::Duration;

use crate::acceptors::Acceptors;
use crate::config::ServerConfig;
use crate::connections::Connections;
use crate::event::Event;
use crate::ids::ConnectionId;
use crate::journal::Journal;
use crate::log_lines::{EventCode, Operation, ReturnCode, Shown};
use crate::requests::{Asked, Wrong};
use crate::stats::ServerStats;
use crate::timers::{Timer, Timers};
use chat_core::codes::{operation, return_code};

pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) config: &'a mut ServerConfig,
    pub(crate) connections: &'a mut Connections,
    pub(crate) acceptors: &'a mut Acceptors,
    pub(crate) timers: &'a mut Timers,
    pub(crate) random: &'a mut Random,
    pub(crate) stats: &'a mut ServerStats,
    pub(crate) journal: &'a mut Journal,
}

impl Context<'_> {
    /// Sends a response. A debug text that is empty stays empty; `None` is null. Spec: wire.md 3.2.
    pub(crate) fn respond(
        &mut self,
        id: ConnectionId,
        asked: Asked,
        return_code: i16,
        text: Option<&str>,
        parameters: Parameters,
    ) {
        let (operation, answer) = (Operation(asked.code), ReturnCode(return_code));
        match text {
            Some(text) if asked.code == operation::AUTHENTICATE => {
                log::info!("{id}: the login was refused with {answer}: {text}");
            }
            Some(text) => log::debug!("{id}: response to {operation}: {answer}: {text}"),
            None => log::debug!("{id}: response to {operation}: {answer}"),
        }
        let chat = !matches!(asked.code, operation::AUTHENTICATE | operation::GET_REGIONS);
        if chat && return_code == return_code::OK && !self.config.empty_responses {
            return;
        }
        let limits = self.config.write_limits();
        self.write(id, asked.encrypted, |bytes, protocol| {
            let mut writer =
                MessageWriter::response(bytes, protocol, &limits, asked.code, return_code, text)?;
            for (key, value) in &parameters {
                writer.put(*key, value)?;
            }
            writer.finish()
        });
    }

    /// Sends a successful response without parameters.
    pub(crate) fn respond_ok(&mut self, id: ConnectionId, asked: Asked) {
        self.respond(id, asked, return_code::OK, None, Parameters::new());
    }

    /// Sends a response that refuses a request.
    pub(crate) fn refuse(&mut self, id: ConnectionId, asked: Asked, return_code: i16, text: &str) {
        self.respond(id, asked, return_code, Some(text), Parameters::new());
    }

    /// Refuses an operation that the server does not know. Spec: chat.md 12, common.
    pub(crate) fn refuse_unknown(&mut self, id: ConnectionId, asked: Asked) {
        self.refuse(
            id,
            asked,
            return_code::INVALID_OPERATION,
            "unknown operation",
        );
    }

    /// Refuses a request whose parameters have wrong types. Spec: chat.md 12, subscribe.
    pub(crate) fn refuse_wrong(&mut self, id: ConnectionId, asked: Asked, Wrong(key): Wrong) {
        let text = format!("parameter {key} is missing or has the wrong type");
        self.refuse(id, asked, return_code::INVALID_OPERATION, &text);
    }

    /// Whether the sender of a message could receive its event. Refuses the request if not.
    pub(crate) fn check_deliverable(
        &mut self,
        id: ConnectionId,
        asked: Asked,
        event: &mut Event,
    ) -> bool {
        let Some(protocol) = self.connections.subprotocol(id) else {
            return false;
        };
        let Err(error) = event.check(protocol, &self.config.message_limits()) else {
            return true;
        };
        let text = format!("the message cannot be delivered: {error}");
        self.refuse(id, asked, return_code::INVALID_OPERATION, &text);
        false
    }

    /// Sends an event to these connections.
    pub(crate) fn send_event(&mut self, to: &[ConnectionId], event: &mut Event) {
        let limits = self.config.write_limits();
        let code = EventCode(event.code());
        log::trace!("{code}: {}", Shown(event.parameters()));
        let (now, connections) = (self.now, &*self.connections);
        self.journal.note_event(now, connections, to, event);
        for &id in to {
            let Some(protocol) = self.connections.subprotocol(id) else {
                continue;
            };
            match event.encoded(protocol, &limits) {
                Ok(encoded) => {
                    self.stats.events += 1;
                    log::debug!("{id}: {code} in {} bytes", encoded.bytes.len());
                    if encoded.downgraded {
                        self.stats.downgraded += 1;
                        log::debug!("{id}: downgraded the event for {}", protocol.name());
                    }
                    let encrypt = self.config.encrypt_answers;
                    let spoiled = spoiled(self.config.spoiled_text.as_deref(), &encoded.bytes);
                    let bytes = spoiled.as_deref().unwrap_or(&encoded.bytes);
                    // It was converted to JSON when it was encoded.
                    if protocol.is_text() {
                        self.send_raw(id, bytes);
                    } else {
                        self.queue(id, bytes, encrypt);
                    }
                }
                Err(error) => {
                    log::warn!("{id}: cannot send {code} in {}: {error}", protocol.name());
                }
            }
        }
    }

    /// The bytes of history that may be sent to a connection at once. More than a client could have
    /// read by then would end it as a client that does not read.
    pub(crate) fn history_budget(&self, id: ConnectionId) -> usize {
        let waiting = self.connections.get(id).map_or(0, |connection| {
            connection.waiting(self.acceptors.side(connection.server_kind))
        });
        self.config.max_outgoing_bytes.saturating_sub(waiting) / 4
    }

    /// Sends a disconnect message and ends the connection. Spec: wire.md 3.4.
    pub(crate) fn disconnect(&mut self, id: ConnectionId, reason: i16, text: &str) {
        let limits = Limits::DEFAULT;
        if let Some(connection) = self.connections.get_mut(id) {
            connection.reason = reason_byte(reason);
        }
        if let Some(protocol) = self.connections.protocol(id) {
            let mut bytes = Vec::new();
            let written =
                MessageWriter::disconnect(&mut bytes, protocol, &limits, reason, Some(text))
                    .and_then(MessageWriter::finish);
            // Not through `send`, which may encrypt: a disconnect message is never encrypted
            // (wire.md 1.2).
            if written.is_ok() {
                self.send_plain(id, &bytes);
            }
        }
        self.close(id, text);
    }

    /// Ends a connection once its bytes are sent.
    pub(crate) fn close(&mut self, id: ConnectionId, why: impl Into<Text>) {
        self.connections.before_login.remove(id);
        let linger_ms = self.config.linger_ms;
        let until = self.now.plus_millis(linger_ms);
        if let Some(connection) = self.connections.get_mut(id)
            && connection.closing.is_none()
        {
            connection.closing = Some(until);
            connection.end_reason = why.into();
            // Sends what waits and forgets what was received: its memory must not outlive it.
            connection.peer.shutdown(Duration::from_millis(linger_ms));
            self.remind_connection(id, until);
            self.connections.end(id);
        }
    }

    /// Sets the reminder of a connection, which has at most one.
    pub(crate) fn remind_connection(&mut self, id: ConnectionId, at: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let reminder = self.timers.set(at, Timer::Connection(id));
        if let Some(earlier) = connection.reminder.replace(reminder) {
            self.timers.cancel(earlier);
        }
    }

    /// Ends a connection at once and drops its unsent bytes.
    pub(crate) fn abort(&mut self, id: ConnectionId, why: impl Into<Text>) {
        self.connections.before_login.remove(id);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.abort(self.acceptors.side_mut(connection.server_kind));
            if connection.closing.is_none() {
                connection.end_reason = why.into();
            }
            connection.closing = Some(self.now);
            self.connections.end(id);
        }
    }

    /// Encodes a message in the connection's protocol and sends it.
    pub(crate) fn write(
        &mut self,
        id: ConnectionId,
        encrypt: bool,
        write: impl FnOnce(&mut Vec<u8>, Protocol) -> Result<(), EncodeError>,
    ) {
        let Some(protocol) = self.connections.protocol(id) else {
            return;
        };
        let mut bytes = Vec::new();
        match write(&mut bytes, protocol) {
            Ok(()) => self.send(id, &bytes, encrypt),
            Err(error) => log::warn!("{id}: cannot encode a response: {error}"),
        }
    }

    /// Sends a message. It is encrypted if `encrypt` or the switch requires it and the connection
    /// has a key.
    pub(crate) fn send(&mut self, id: ConnectionId, message: &[u8], encrypt: bool) {
        let encrypt = encrypt || self.config.encrypt_answers;
        self.queue(id, message, encrypt);
    }

    /// Sends a message that is never encrypted.
    pub(crate) fn send_plain(&mut self, id: ConnectionId, message: &[u8]) {
        self.queue(id, message, false);
    }

    /// Sends raw bytes: on a stream without a frame, on other links as a message, with JSON as a
    /// text message.
    pub(crate) fn send_raw(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.with_peer(id, |peer, _| peer.send_raw(bytes));
    }

    /// The server's clock, which wraps. Spec: wire.md 11.
    pub(crate) fn server_time(&self) -> i32 {
        let low = (self.now.as_millis() & u64::from(u32::MAX)) as u32;
        self.config
            .server_time_at_zero
            .wrapping_add(low.cast_signed())
    }

    fn queue(&mut self, id: ConnectionId, message: &[u8], encrypt: bool) {
        let Some(connection) = self.connections.sending(id) else {
            return;
        };
        match connection.send(message, encrypt) {
            Ok(()) => self.forward(id),
            // Disconnect messages are among them: JSON has none.
            Err(error) => log::debug!("{id}: a message cannot be sent: {error}"),
        }
    }

    /// Lets a peer send something by itself, unless its connection sends nothing any more.
    pub(crate) fn with_peer(&mut self, id: ConnectionId, act: impl FnOnce(&mut Peer, &mut Random)) {
        let Some(connection) = self.connections.sending(id) else {
            return;
        };
        act(&mut connection.peer, self.random);
        self.forward(id);
    }

    /// Moves what a peer has to send on its way, and ends the connection of a client that does not
    /// read.
    fn forward(&mut self, id: ConnectionId) {
        let (now, due) = (self.now, self.now.plus_millis(self.config.delay_ms));
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let side = self.acceptors.side_mut(connection.server_kind);
        let held_back = connection.delayed.next_release();
        connection.forward(side, now, due);
        if let (None, Some(release)) = (held_back, connection.delayed.next_release()) {
            self.timers.set(release, Timer::Release(id));
        }
        self.connections.announce(id);
        self.bound_outgoing(id);
    }
}

/// A message in which a text is not UTF-8; `None` if it does not contain the text.
fn spoiled(text: Option<&str>, bytes: &[u8]) -> Option<Vec<u8>> {
    let text = text.filter(|text| !text.is_empty())?.as_bytes();
    let windows = bytes.windows(text.len()).enumerate();
    let found: Vec<usize> = windows
        .filter(|(_, window)| *window == text)
        .map(|(at, _)| at)
        .collect();
    let mut spoiled = bytes.to_vec();
    for at in &found {
        if let Some(byte) = spoiled.get_mut(*at) {
            *byte = 0xFF;
        }
    }
    (!found.is_empty()).then_some(spoiled)
}

/// The reason in a disconnect command that replaces a disconnect message. Spec: udp.md 7.2.
fn reason_byte(reason: i16) -> u8 {
    const LOGIC: u8 = 1;
    const USER_LIMIT: u8 = 3;
    match reason {
        return_code::SERVER_FULL | return_code::MAX_CCU_REACHED => USER_LIMIT,
        reason => u8::try_from(reason).unwrap_or(LOGIC),
    }
}
