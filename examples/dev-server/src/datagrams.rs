//! UDP clients: datagrams in and out, and how their connections begin and end.
//!
//! The table of UDP connections ([`Acceptors`](crate::acceptors::Acceptors)) sends and receives;
//! above it, a [`Connection`] with a peer exchanges whole messages.

use std::net::SocketAddr;

use photon_proto::peer::Wire;
use photon_proto::udp::{self, Cause, Event};
use photon_proto::{Text, Timestamp};

use crate::connection::Connection;
use crate::core::ServerCore;
use crate::ids::ServerKind;
use crate::stats::ConnectionEnd;

/// Disconnect reason of a client whose commands the server did not acknowledge. Spec: udp.md 7.1.
const REASON_TIMEOUT: u8 = 2;

impl ServerCore {
    /// Handles a datagram that arrived at one of the two servers.
    ///
    /// `local_host` returns the host or IP address under which the client reached this server, as in
    /// [`accept_stream`](Self::accept_stream). It is called only if this datagram verifies the
    /// client's address, which creates the connection.
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
        // Parts of a message give no event.
        if let Some(id) = self.acceptors.side(server_kind).id_at(&from) {
            self.count_unfinished(id);
            self.settle();
        }
    }

    /// Returns the next datagram that one of the two servers sends, and its receiver. It is stamped
    /// with `now`, and built again until [`transmitted_datagram`](Self::transmitted_datagram).
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

    /// Notes that the transport took that datagram, or refused it for good: UDP resends what
    /// matters.
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
        while let Some((handle, event)) = self.acceptors.side_mut(server_kind).acceptor.poll_event()
        {
            match event {
                Event::Connected => {
                    debug_assert!(local_host.is_some(), "one datagram verifies one connection");
                    let host = local_host.take().map(|ask| ask()).unwrap_or_default();
                    self.accept_datagrams(server_kind, handle, &host);
                }
                Event::Message(message) => {
                    self.take_message(server_kind, handle, &message.bytes);
                    self.acceptors
                        .side_mut(server_kind)
                        .acceptor
                        .recycle(handle, message.bytes);
                }
                Event::Disconnected(cause) => self.lost_datagrams(server_kind, handle, cause),
            }
        }
        self.settle();
    }

    /// Creates the connection of a client whose address is verified.
    fn accept_datagrams(
        &mut self,
        server_kind: ServerKind,
        handle: udp::ConnectionHandle,
        local_host: &str,
    ) {
        let peer = self.new_peer(Wire::Datagram);
        let mut connection = Connection::new(self.now, server_kind, Text::from(local_host), peer);
        connection.handle = Some(handle);
        let id = self.connections.insert(connection);
        self.acceptors.side_mut(server_kind).insert(handle, id);
        self.accepted(id, server_kind);
    }

    fn take_message(
        &mut self,
        server_kind: ServerKind,
        handle: udp::ConnectionHandle,
        message: &[u8],
    ) {
        let Some(id) = self.acceptors.side(server_kind).id(handle) else {
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
        handle: udp::ConnectionHandle,
        cause: Cause,
    ) {
        let Some(id) = self.acceptors.side_mut(server_kind).remove(handle) else {
            return;
        };
        let clean = match cause {
            // One end did not acknowledge the other's commands.
            Cause::Timeout | Cause::ClientLeft(REASON_TIMEOUT) => {
                self.stats.silent_connections += 1;
                false
            }
            Cause::ProtocolError(_) => {
                self.stats.bad_connections += 1;
                false
            }
            Cause::ClientLeft(_) => true,
            _ => false,
        };
        let end = ConnectionEnd::Datagrams(cause);
        if let Some(connection) = self.connections.remove(id, &mut self.timers, end) {
            self.leave(id, connection.user, clean);
        }
    }
}
