//! The connection below chat: init, key exchange, pings, silence. Spec: wire.md 2, 6, 8.

use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::message::{MAGIC, MessageKind};
use photon_proto::{internal, json, tcp};

use crate::connections::{ConnectionId, ServerKind};
use crate::context::Context;
use crate::faults::{Fault, Step};
use crate::misbehave::Verdict;
use crate::subprotocol::SubProtocol;
use crate::timers::Timer;
use chat_core::codes::return_code;

/// The init response of real servers. Spec: wire.md 2.5.
const INIT_RESPONSE: [u8; 3] = [MAGIC, MessageKind::InitResponse as u8, 0];
/// The interval at which a connection without a silence timeout is checked, in case the setting
/// changes.
const UNLIMITED_RECHECK_MS: u64 = 60_000;

impl Context<'_> {
    pub(crate) fn answer_init(&mut self, id: ConnectionId, server_kind: ServerKind) {
        let step = Step::Init(server_kind);
        match self.intercept(id, step, MessageKind::InitResponse, 0) {
            Verdict::Go => self.greet(id),
            Verdict::Refuse(..) => self.close(id),
            Verdict::Done => return,
        }
        self.follow(id, step);
    }

    fn greet(&mut self, id: ConnectionId) {
        if self.connections.subprotocol(id) != Some(SubProtocol::Json) {
            return self.send_plain(id, &INIT_RESPONSE);
        }
        let mut number = [0; 8];
        self.random.fill("session id", &mut number);
        let session = format!("{:016x}", u64::from_be_bytes(number));
        let mut text = Vec::new();
        match json::encode_session(&mut text, &self.config.write_limits(), &session) {
            Ok(()) => self.send_raw(id, &text),
            Err(error) => log::warn!("a client cannot be greeted: {error}"),
        }
    }

    /// Responds to a ping of the TCP framing, or to an internal one, at once. Spec: wire.md 6.3,
    /// 8.4.
    pub(crate) fn answer_ping(
        &mut self,
        id: ConnectionId,
        server_kind: ServerKind,
        client_time: i32,
        framed: bool,
    ) {
        let step = Step::Ping(server_kind);
        match self.intercept(id, step, MessageKind::InternalResponse, internal::PING) {
            Verdict::Go => {}
            Verdict::Refuse(..) => return self.close(id),
            Verdict::Done => return,
        }
        let server_time = self.server_time();
        if framed {
            let limits = self.config.write_limits();
            self.write(id, false, |bytes, protocol| {
                internal::encode_ping_response(bytes, protocol, &limits, client_time, server_time)
            });
        } else {
            let mut bytes = Vec::new();
            tcp::encode_ping_response(&mut bytes, server_time, client_time);
            self.send_raw(id, &bytes);
        }
        self.follow(id, step);
    }

    /// Responds to a key exchange. Spec: wire.md 8.1.
    pub(crate) fn exchange_keys(
        &mut self,
        id: ConnectionId,
        server_kind: ServerKind,
        client_key: &[u8],
    ) {
        let step = Step::KeyExchange(server_kind);
        match self.intercept(
            id,
            step,
            MessageKind::InternalResponse,
            internal::INIT_ENCRYPTION,
        ) {
            Verdict::Go => {}
            Verdict::Refuse(code, _) => return self.answer_key(id, code, None),
            Verdict::Done => return,
        }
        if self.config.faults.happens(step, &Fault::EmptyKey) {
            self.answer_key(id, return_code::OK, Some(&[]));
        } else if self.config.faults.happens(step, &Fault::DegenerateKey) {
            self.answer_key(id, return_code::OK, Some(&[1]));
        } else {
            let exchange = KeyExchange::new(self.random);
            match exchange.agree(client_key) {
                Ok(key) => {
                    self.answer_key(id, return_code::OK, Some(exchange.public_key()));
                    if let Some(connection) = self.connections.get_mut(id) {
                        connection.cipher = Some(Cipher::new(&key));
                    }
                }
                Err(error) => {
                    log::debug!("a key exchange is refused: {error}");
                    self.answer_key(id, return_code::INVALID_OPERATION, None);
                }
            }
        }
        self.follow(id, step);
    }

    fn answer_key(&mut self, id: ConnectionId, return_code: i16, public_key: Option<&[u8]>) {
        let limits = self.config.write_limits();
        let Some(protocol) = self.connections.protocol(id) else {
            return;
        };
        let mut bytes = Vec::new();
        match internal::encode_key_response(&mut bytes, protocol, &limits, return_code, public_key)
        {
            Ok(()) => self.send_plain(id, &bytes),
            Err(error) => log::warn!("a key exchange cannot be answered: {error}"),
        }
    }

    /// Sets the first reminder of a connection.
    pub(crate) fn watch_silence(&mut self, id: ConnectionId) {
        if let Some(at) = self.silent_at(id) {
            self.remind_connection(id, at);
        }
    }

    /// The time at which a connection will have been silent for too long.
    fn silent_at(&self, id: ConnectionId) -> Option<photon_proto::Timestamp> {
        // UDP has its own timeout: the client acknowledges pings.
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.carrier.as_datagram().is_none())?;
        let limit = match connection.server_kind {
            ServerKind::NameServer => self.config.name_server_idle_ms,
            ServerKind::FrontEnd => self.config.silence_timeout_ms,
        };
        Some(match limit {
            0 => self.now.plus_millis(UNLIMITED_RECHECK_MS),
            limit => connection.last_received.plus_millis(limit),
        })
    }

    /// Ends a connection that has been silent for too long, or whose last bytes cannot be sent.
    pub(crate) fn check_connection(&mut self, id: ConnectionId) {
        let Some(closing) = self
            .connections
            .get(id)
            .map(|connection| connection.closing)
        else {
            return;
        };
        if let Some(until) = closing {
            if until <= self.now {
                self.abort(id);
            }
            return;
        }
        let Some(at) = self.silent_at(id) else { return };
        if at <= self.now {
            log::info!("a connection is ended: nothing was received on it for too long");
            self.stats.silent_connections = self.stats.silent_connections.saturating_add(1);
            self.abort(id);
        } else {
            self.remind_connection(id, at);
        }
    }

    /// Sends bytes that were held back.
    pub(crate) fn release(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection
            .carrier
            .release(self.acceptors.side_mut(connection.server_kind), self.now);
        if let Some(at) = connection.carrier.next_release() {
            self.timers.set(at, Timer::Release(id));
        } else if connection.closing.is_some() && connection.carrier.is_drained() {
            self.connections.end(id);
        }
        self.connections.announce(id);
    }

    /// Counts an operation of a client and checks the rate limit. Spec: chat.md 12, limits.
    pub(crate) fn within_rate(&mut self, id: ConnectionId) -> bool {
        let second = self.now.as_millis() / 1000;
        let Some(most) = self.config.max_operations_per_second else {
            return true;
        };
        let Some(connection) = self.connections.get_mut(id) else {
            return true;
        };
        let (counted, count) = &mut connection.rate;
        if *counted != second {
            (*counted, *count) = (second, 0);
        }
        *count = count.saturating_add(1);
        *count <= most
    }
}
