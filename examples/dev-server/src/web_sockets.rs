//! WebSocket clients: how their connections begin. Spec: wire.md 7.

use photon_proto::peer::{SubProtocol, Wire};
use photon_proto::{Text, Timestamp};

use crate::auth_rules::percent_decoded;
use crate::connection::Connection;
use crate::core::ServerCore;
use crate::ids::{ConnectionId, ServerKind};

/// The result of the opening handshake of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLink<'a> {
    /// The negotiated sub-protocol.
    pub subprotocol: SubProtocol,
    /// Path and query of the client's request. With JSON the path is the app id.
    pub path: &'a str,
    /// The host under which the client reached this server, without port. Front-end addresses
    /// contain it.
    pub local_host: &'a str,
    /// Whether the link uses TLS. Front-end addresses then do so too.
    pub secure: bool,
}

impl ServerCore {
    /// Accepts an opened WebSocket. The server greets the client at once: there is no init.
    ///
    /// [`received`](Self::received) takes one whole message, and [`transmit`](Self::transmit) returns
    /// one: text in the JSON sub-protocol, binary in the others.
    /// [`transmitted`](Self::transmitted) always counts as the whole message.
    pub fn accept_messages(
        &mut self,
        now: Timestamp,
        server_kind: ServerKind,
        link: &MessageLink<'_>,
    ) -> ConnectionId {
        self.advance(now);
        let peer = self.new_peer(Wire::WebSocket {
            secure: link.secure,
            protocol: link.subprotocol,
        });
        let mut connection = Connection::new(self.now, server_kind, link.local_host.into(), peer);
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

    /// Sets the ws port that front-end addresses name, once it is known.
    pub const fn set_front_end_ws_port(&mut self, port: u16) {
        self.config.front_end_ws_port = port;
    }

    /// Sets the wss port that front-end addresses name, once it is known.
    pub const fn set_front_end_wss_port(&mut self, port: u16) {
        self.config.front_end_wss_port = port;
    }
}

/// Returns the app id of a JSON client, which is its path.
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
}
