//! The connection below chat: init, key exchange, pings, silence. Spec: wire.md 2, 6, 8.

use photon_proto::internal;
use photon_proto::message::MessageKind;
use photon_proto::peer::{KeyAnswer, KeyExchangeFailure, Peer};

use crate::context::Context;
use crate::faults::Fault;
use crate::ids::{ConnectionId, ServerKind};
use crate::misbehave::{FAULT, Verdict};
use crate::steps::Step;
use crate::timers::Timer;
use chat_core::codes::return_code;

/// The interval at which a connection without a silence timeout is checked, in case the setting
/// changes.
const UNLIMITED_RECHECK_MS: u64 = 60_000;

impl Context<'_> {
    pub(crate) fn answer_init(&mut self, id: ConnectionId, server_kind: ServerKind) {
        let step = Step::Init(server_kind);
        match self.intercept(id, step, MessageKind::InitResponse, 0) {
            Verdict::Go => self.with_peer(id, Peer::answer_init),
            Verdict::Refuse(..) => self.close(id, FAULT),
            Verdict::Done => return,
        }
        self.follow(id, step);
    }

    /// Responds to a ping of the TCP framing, or to an internal one, at once. Spec: wire.md 6.3,
    /// 8.4.
    pub(crate) fn answer_ping(
        &mut self,
        id: ConnectionId,
        server_kind: ServerKind,
        client_time: i32,
    ) {
        let step = Step::Ping(server_kind);
        match self.intercept(id, step, MessageKind::InternalResponse, internal::PING) {
            Verdict::Go => {}
            Verdict::Refuse(..) => return self.close(id, FAULT),
            Verdict::Done => return,
        }
        let server_time = self.server_time();
        self.with_peer(id, |peer, _| peer.answer_ping(server_time, client_time));
        self.follow(id, step);
    }

    /// Responds to a key exchange. Spec: wire.md 8.1.
    pub(crate) fn exchange_keys(&mut self, id: ConnectionId, server_kind: ServerKind) {
        // Computing a key costs as much as thousands of other messages. No client needs two for one
        // connection; repeated requests would delay all others.
        if self.connections.get(id).is_some_and(|one| one.keys_asked) {
            log::debug!("{id}: a repeated key exchange is refused");
            return self.answer_keys(id, KeyAnswer::Refuse(return_code::INVALID_OPERATION));
        }
        let step = Step::KeyExchange(server_kind);
        match self.intercept(
            id,
            step,
            MessageKind::InternalResponse,
            internal::INIT_ENCRYPTION,
        ) {
            Verdict::Go => {}
            Verdict::Refuse(code, _) => return self.answer_keys(id, KeyAnswer::Refuse(code)),
            Verdict::Done => return,
        }
        if self.config.faults.happens(step, &Fault::EmptyKey) {
            self.answer_keys(id, KeyAnswer::Key(&[]));
        } else if self.config.faults.happens(step, &Fault::DegenerateKey) {
            self.answer_keys(id, KeyAnswer::Key(&[1]));
        } else {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.keys_asked = true;
            }
            self.stats.key_exchanges += 1;
            self.answer_keys(id, KeyAnswer::Agree);
        }
        self.follow(id, step);
    }

    fn answer_keys(&mut self, id: ConnectionId, answer: KeyAnswer<'_>) {
        self.with_peer(id, |peer, random| {
            let answered = match peer.answer_keys(answer, random) {
                Err(KeyExchangeFailure::BadKey) => {
                    log::debug!("{id}: a key exchange is refused: the client sent a bad key");
                    let refusal = KeyAnswer::Refuse(return_code::INVALID_OPERATION);
                    peer.answer_keys(refusal, random)
                }
                answered => answered,
            };
            if let Err(failure) = answered {
                log::warn!("{id}: a key exchange cannot be answered: {failure}");
            }
        });
    }

    /// Sets the first reminder of a connection.
    pub(crate) fn watch_silence(&mut self, id: ConnectionId) {
        let deadlines = [self.silent_at(id), self.login_until(id)];
        if let Some(at) = deadlines.into_iter().flatten().min() {
            self.remind_connection(id, at);
        }
    }

    /// The time at which a connection will have been silent for too long.
    fn silent_at(&self, id: ConnectionId) -> Option<photon_proto::Timestamp> {
        // UDP has its own timeout: the client acknowledges pings.
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.handle.is_none())?;
        let limit = match connection.server_kind {
            ServerKind::NameServer => self.config.name_server_idle_ms,
            ServerKind::FrontEnd => self.config.silence_timeout_ms,
        };
        Some(match limit {
            0 => self.now.plus_millis(UNLIMITED_RECHECK_MS),
            limit => connection.peer.last_received().plus_millis(limit),
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
                self.abort(id, "its last bytes were not sent in time");
            }
            return;
        }
        let passed = |at: Option<photon_proto::Timestamp>| at.is_some_and(|at| at <= self.now);
        let why = if passed(self.silent_at(id)) {
            "the client sent nothing for too long"
        } else if passed(self.login_until(id)) {
            "the client did not log in in time"
        } else {
            return self.watch_silence(id);
        };
        self.stats.silent_connections += 1;
        self.abort(id, why);
    }

    /// Sends bytes that were held back.
    pub(crate) fn release(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.release(self.acceptors.side_mut(connection.server_kind), self.now);
        if let Some(at) = connection.delayed.next_release() {
            self.timers.set(at, Timer::Release(id));
        } else if connection.closing.is_some() && connection.is_drained() {
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
