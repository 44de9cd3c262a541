//! Clients that talk in whole messages, over WebSocket: how such connections begin, and the way in. Spec: wire.md 7.

use std::collections::VecDeque;

use photon_proto::json::{self, Frame};
use photon_proto::{Text, Timestamp};

use crate::authentication::percent_decoded;
use crate::carrier::Carrier;
use crate::connection::{Connection, Incoming, read};
use crate::connections::{ConnectionId, ServerKind};
use crate::core::ServerCore;
use crate::delayed::Delayed;
use crate::subprotocol::SubProtocol;

/// What the opening of a WebSocket has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLink<'a> {
    /// What both sides have agreed on.
    pub subprotocol: SubProtocol,
    /// Path and query that the client asked for. With JSON the path is the app id.
    pub path: &'a str,
    /// The host under which the client reached this server, without port: front-end addresses name it.
    pub local_host: &'a str,
    /// Whether there is TLS below: front-end addresses are those with TLS then.
    pub secure: bool,
}

/// Messages on their way to one client, each to be sent whole.
#[derive(Debug)]
pub(crate) struct MessageCarrier {
    pub(crate) secure: bool,
    /// None is empty.
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    delayed: Delayed,
}

impl MessageCarrier {
    pub(crate) fn new(secure: bool) -> Self {
        Self {
            secure,
            queue: VecDeque::new(),
            queued_bytes: 0,
            delayed: Delayed::default(),
        }
    }

    /// The message that is to be sent next; empty if there is none.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.queue.front().map_or(&[], Vec::as_slice)
    }

    /// Everything that has not been sent, what is held back included.
    pub(crate) fn len(&self) -> usize {
        self.queued_bytes.saturating_add(self.delayed.bytes())
    }

    /// Sends a message, held back until `due` if that is later than `now`.
    pub(crate) fn send(&mut self, now: Timestamp, due: Timestamp, message: Vec<u8>) {
        if self.delayed.holds(now, due) {
            self.delayed.push(due, message);
        } else {
            self.queue(message);
        }
    }

    fn queue(&mut self, message: Vec<u8>) {
        if !message.is_empty() {
            self.queued_bytes = self.queued_bytes.saturating_add(message.len());
            self.queue.push_back(message);
        }
    }

    /// Lets go what is due.
    pub(crate) fn release(&mut self, now: Timestamp) {
        while let Some(message) = self.delayed.pop(now) {
            self.queue(message);
        }
    }

    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        self.delayed.next_release()
    }

    /// The message that was next was sent, whole.
    pub(crate) fn sent(&mut self) {
        if let Some(message) = self.queue.pop_front() {
            self.queued_bytes = self.queued_bytes.saturating_sub(message.len());
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.secure);
    }
}

impl ServerCore {
    /// A WebSocket was opened. Nothing is to come from the client: it is greeted at once.
    ///
    /// What [`received`](Self::received) gets is one whole message of it, what [`transmit`](Self::transmit) gives is one;
    /// text in the JSON sub-protocol, binary in the others. [`transmitted`](Self::transmitted) says that it was taken, whole.
    pub fn accept_messages(
        &mut self,
        now: Timestamp,
        server_kind: ServerKind,
        link: &MessageLink<'_>,
    ) -> ConnectionId {
        self.advance(now);
        let carrier = Carrier::Messages(Box::new(MessageCarrier::new(link.secure)));
        let mut connection =
            Connection::new(self.now, server_kind, link.local_host.into(), carrier);
        connection.protocol = Some(link.subprotocol);
        connection.path = link.path.into();
        let query = link.path.split_once('?').map_or("", |(_, query)| query);
        connection.ipv6 = query.split('&').any(|pair| pair == "IPv6");
        if link.subprotocol == SubProtocol::Json {
            connection.app_id = app_id(link.path);
        }
        let id = self.connections.insert(connection);
        self.accepted(id, server_kind);
        self.context().answer_init(id, server_kind);
        self.settle();
        id
    }

    /// A WebSocket client sent a close frame with this code; [`closed`](Self::closed) follows.
    /// Only [`ended_connections`](Self::ended_connections) shows it.
    pub fn received_close(&mut self, id: ConnectionId, code: u16) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.close_code = Some(code);
        }
    }

    /// One whole message of a WebSocket.
    pub(crate) fn take_whole(&mut self, id: ConnectionId, message: &[u8]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.last_received = self.now;
        if connection.protocol == Some(SubProtocol::Json) {
            return self.take_text(id, message);
        }
        match connection.take(&self.config.limits, &mut message.to_vec()) {
            Ok(incoming) => self.handle(id, incoming),
            Err(error) => self.bad_connection(id, &error),
        }
    }

    /// The frames of one text message. From here on they are 1.8.
    fn take_text(&mut self, id: ConnectionId, text: &[u8]) {
        let limits = self.config.limits.clone();
        let mut reader = match json::Reader::new(json::Role::Server, &limits, text) {
            Ok(reader) => reader,
            Err(error) => return self.handle(id, Incoming::Bad(error)),
        };
        let mut message = Vec::new();
        while self
            .connections
            .get(id)
            .is_some_and(|connection| connection.closing.is_none())
        {
            message.clear();
            let incoming = match reader.next(&mut message) {
                Ok(None) => return,
                Ok(Some(Frame::PingRequest { client_time })) => {
                    Incoming::InternalPing { client_time }
                }
                Ok(Some(Frame::Message(range))) => {
                    let message = message.get_mut(range).unwrap_or_default();
                    read(SubProtocol::Json.binary(), &limits, message, None)
                        .unwrap_or_else(Incoming::Bad)
                }
                Ok(Some(_)) => Incoming::Ignored,
                Err(error) => Incoming::Bad(error),
            };
            self.handle(id, incoming);
        }
    }

    /// Sets the ws port that front-end addresses name, once it is known.
    pub const fn set_front_end_ws_port(&mut self, port: u16) {
        self.config.front_end_ws_port = port;
    }

    /// Sets the wss port that front-end addresses name, once it is known.
    pub const fn set_front_end_wss_port(&mut self, port: u16) {
        self.config.front_end_wss_port = port;
    }
}

/// The app id of a JSON client: its path.
fn app_id(path: &str) -> Option<Text> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_matches('/');
    (!path.is_empty()).then(|| percent_decoded(path, false).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_app_id() {
        assert_eq!(
            app_id("/c0ffee00-1111?libversion=4.4.0.0").as_deref(),
            Some("c0ffee00-1111")
        );
        assert_eq!(app_id("/a%20b+c/").as_deref(), Some("a b+c"));
        assert_eq!(app_id("/?libversion=4.4.0.0"), None);
        assert_eq!(app_id(""), None);
    }

    #[test]
    fn messages_stay_whole_and_in_order() {
        let at = Timestamp::from_millis;
        let mut out = MessageCarrier::new(false);
        out.send(at(0), at(0), b"one".to_vec());
        out.send(at(0), at(0), Vec::new());
        out.send(at(0), at(10), b"two".to_vec());
        out.send(at(0), at(0), b"three".to_vec());
        assert_eq!(
            (out.unsent(), out.len(), out.next_release()),
            (&b"one"[..], 11, Some(at(10)))
        );
        out.sent();
        assert_eq!(out.unsent(), b"");
        out.release(at(10));
        assert_eq!(out.unsent(), b"two");
        out.sent();
        assert_eq!((out.unsent(), out.len()), (&b"three"[..], 5));
        out.clear();
        assert_eq!(
            (out.unsent(), out.len(), out.next_release()),
            (&b""[..], 0, None)
        );
    }
}
