//! Clients that talk in datagrams: the way in, the way out, and how such connections begin and end.

use std::net::SocketAddr;

use photon_proto::peer::Wire;
use photon_proto::udp::{self, Cause, Event};
use photon_proto::{Text, Timestamp};

use crate::connection::Connection;
use crate::connections::ServerKind;
use crate::core::ServerCore;
use crate::stats::ConnectionEnd;

/// What the goodbye of a client says that gave up because the server did not acknowledge. Spec: udp.md 7.1.
const GAVE_UP: u8 = 2;

impl ServerCore {
    /// A datagram arrived at one of the two servers.
    ///
    /// `local_host` gives the host or IP address under which the client reached this server, as
    /// [`accept_stream`](Self::accept_stream) has it. It is asked only if this datagram is what makes a connection of a
    /// client: once its address is known not to be false.
    pub fn received_datagram(
        &mut self,
        now: Timestamp,
        server_kind: ServerKind,
        from: SocketAddr,
        local_host: impl FnOnce() -> String,
        datagram: &[u8],
    ) {
        self.advance(now);
        let side = self.acceptors.side_mut(server_kind);
        side.acceptor.handle_datagram(self.now, &from, datagram);
        self.take_datagram_events(server_kind, local_host);
    }

    /// The next datagram that one of the two servers has to send, and to whom; built for this `now`, and built again until
    /// [`transmitted_datagram`](Self::transmitted_datagram).
    pub fn transmit_datagram(
        &mut self,
        now: Timestamp,
        server_kind: ServerKind,
    ) -> Option<(SocketAddr, &[u8])> {
        self.advance(now);
        let side = self.acceptors.side_mut(server_kind);
        side.acceptor
            .transmit(self.now)
            .map(|(to, datagram)| (*to, datagram))
    }

    /// The transport took that datagram, or refused it for good: what matters is sent again anyway.
    pub fn transmitted_datagram(&mut self, server_kind: ServerKind) {
        self.acceptors.side_mut(server_kind).acceptor.transmitted();
    }

    /// Sets the UDP port that front-end addresses name, once it is known.
    pub const fn set_front_end_udp_port(&mut self, port: u16) {
        self.config.front_end_udp_port = port;
    }

    pub(crate) fn service_datagrams(&mut self) {
        for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
            let side = self.acceptors.side_mut(server_kind);
            if side
                .acceptor
                .poll_timeout()
                .is_some_and(|at| at <= self.now)
            {
                side.acceptor.handle_timeout(self.now);
                self.take_datagram_events(server_kind, String::new);
            }
        }
    }

    fn take_datagram_events(
        &mut self,
        server_kind: ServerKind,
        local_host: impl FnOnce() -> String,
    ) {
        let mut local_host = Some(local_host);
        while let Some((key, event)) = self.acceptors.side_mut(server_kind).acceptor.poll_event() {
            match event {
                Event::Connected => {
                    // One datagram verifies one connection.
                    let host = local_host.take().map(|ask| ask()).unwrap_or_default();
                    self.accept_datagrams(server_kind, key, &host);
                }
                Event::Message(message) => {
                    self.take_message(server_kind, key, &message.bytes);
                    self.acceptors
                        .side_mut(server_kind)
                        .acceptor
                        .recycle(key, message.bytes);
                }
                Event::Disconnected(cause) => self.lost_datagrams(server_kind, key, cause),
            }
        }
        self.settle();
    }

    /// A client has shown that it is where its datagrams say.
    fn accept_datagrams(
        &mut self,
        server_kind: ServerKind,
        key: udp::ConnectionHandle,
        local_host: &str,
    ) {
        let peer = self.new_peer(Wire::Datagram);
        let mut connection = Connection::new(server_kind, Text::from(local_host), peer);
        connection.handle = Some(key);
        let id = self.connections.insert(connection);
        self.acceptors.side_mut(server_kind).insert(key, id);
        self.accepted(id, server_kind);
    }

    fn take_message(
        &mut self,
        server_kind: ServerKind,
        key: udp::ConnectionHandle,
        message: &[u8],
    ) {
        let Some(id) = self.acceptors.side(server_kind).id(key) else {
            return;
        };
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|connection| connection.closing.is_none())
        else {
            return;
        };
        connection.peer.handle_bytes(self.now, message);
        self.process(id);
    }

    fn lost_datagrams(
        &mut self,
        server_kind: ServerKind,
        key: udp::ConnectionHandle,
        cause: Cause,
    ) {
        let Some(id) = self.acceptors.side_mut(server_kind).remove(key) else {
            return;
        };
        let clean = match cause {
            // Nothing that the server sent was acknowledged, or nothing that the client sent.
            Cause::Timeout | Cause::ClientLeft(GAVE_UP) => {
                self.stats.silent_connections = self.stats.silent_connections.saturating_add(1);
                false
            }
            Cause::ProtocolError(_) => {
                self.stats.bad_connections = self.stats.bad_connections.saturating_add(1);
                false
            }
            Cause::ClientLeft(_) => true,
            _ => false,
        };
        if !clean {
            log::info!("a UDP connection ended: {cause}");
        }
        let end = ConnectionEnd::Datagrams(cause);
        if let Some(connection) = self.connections.remove(id, &mut self.timers, end) {
            self.leave(id, connection.user, clean);
        }
    }
}
