//! The dispatch of what a connection received, from the message to its operation.

use photon_proto::message::MessageKind;
use photon_proto::{DecodeError, Parameters};

use crate::connection::Incoming;
use crate::core::ServerCore;
use crate::ids::{ConnectionId, ServerKind};
use crate::log_lines::{Operation, Shown};
use crate::misbehave::Verdict;
use crate::requests::{Asked, Fields};
use crate::steps::Step;
use chat_core::codes::return_code;

impl ServerCore {
    /// Processes every complete message that has arrived on a connection.
    pub(crate) fn process(&mut self, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(id) {
            if connection.closing.is_some() {
                return;
            }
            match connection.next(self.now, &self.config.limits, &mut self.random) {
                Ok(Some(incoming)) => self.handle(id, incoming),
                Ok(None) => return,
                Err(error) => self.bad_connection(id, &error),
            }
        }
    }

    pub(crate) fn bad_connection(&mut self, id: ConnectionId, error: &DecodeError) {
        self.stats.bad_connections += 1;
        self.context().close(id, error.to_string());
    }

    pub(crate) fn handle(&mut self, id: ConnectionId, incoming: Incoming) {
        let Some(server_kind) = self
            .connections
            .get(id)
            .map(|connection| connection.server_kind)
        else {
            return;
        };
        match incoming {
            Incoming::Init { ipv6 } => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.ipv6 = ipv6;
                }
                self.context().answer_init(id, server_kind);
            }
            Incoming::Ping { client_time } => {
                self.context().answer_ping(id, server_kind, client_time);
            }
            Incoming::KeyExchange => self.context().exchange_keys(id, server_kind),
            Incoming::Request {
                code,
                encrypted,
                parameters,
            } => {
                self.request(id, server_kind, Asked { code, encrypted }, parameters);
            }
            Incoming::Bad(error) => {
                log::debug!("{id}: a message was skipped: {error}");
                self.stats.bad_messages += 1;
            }
            Incoming::Ignored => {}
        }
    }

    fn request(
        &mut self,
        id: ConnectionId,
        server_kind: ServerKind,
        asked: Asked,
        parameters: Result<Parameters, DecodeError>,
    ) {
        log::debug!("{id}: request {}", Operation(asked.code));
        if let Ok(parameters) = &parameters {
            log::trace!("{id}: {}: {}", Operation(asked.code), Shown(parameters));
        }
        let step = Step::of_operation(server_kind, asked.code);
        let mut cx = self.context();
        if let Some(step) = step {
            match cx.intercept(id, step, MessageKind::Response, asked.code) {
                Verdict::Go => {}
                Verdict::Refuse(code, text) => return cx.refuse(id, asked, code, &text),
                Verdict::Done => return,
            }
        }
        match parameters {
            Ok(parameters) => {
                let subprotocol = self.connections.subprotocol(id);
                let fields = Fields::new(parameters)
                    .limited(self.config.max_string_bytes)
                    .written_in(subprotocol);
                match server_kind {
                    ServerKind::NameServer => self.name_server_request(id, asked, fields),
                    ServerKind::FrontEnd => self.front_end_request(id, asked, fields),
                }
            }
            Err(error) => {
                cx.stats.bad_messages += 1;
                cx.refuse(
                    id,
                    asked,
                    return_code::INVALID_OPERATION,
                    &format!("bad parameters: {error}"),
                );
            }
        }
        if let Some(step) = step {
            self.context().follow(id, step);
        }
    }
}
