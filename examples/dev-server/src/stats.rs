//! What the server counts, and what it shows to tests.

use photon_proto::Text;
use photon_proto::udp::Cause;

use crate::connections::ServerKind;

/// What the server holds now, and what it has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections, those that are being ended included.
    pub connections: usize,
    /// Users with a session on the front end.
    pub users: usize,
    /// Channels, empty ones that have not been destroyed yet included.
    pub channels: usize,
    /// Private conversations.
    pub conversations: usize,
    /// Memory that the messages kept in channels and conversations take, in bytes.
    pub history_bytes: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Successful logins on the name server.
    pub logins: u64,
    /// Successful logins on the front end.
    pub sessions: u64,
    /// Messages published.
    pub messages: u64,
    /// Private messages sent.
    pub private_messages: u64,
    /// Events sent, counted once for each connection.
    pub events: u64,
    /// Messages from clients that could not be decoded.
    pub bad_messages: u64,
    /// Connections ended because of bytes that are no frames, or messages in an impossible order.
    pub bad_connections: u64,
    /// Connections ended because they did not read.
    pub overrun_connections: u64,
    /// Connections ended because they were silent.
    pub silent_connections: u64,
    /// Datagram connections whose client has not shown yet that its address is not false.
    pub half_open: usize,
    /// Of those, ended because they took too long.
    pub expired: u64,
    /// Of those, ended because there were too many.
    pub displaced: u64,
    /// Datagrams of no connection, which did not ask for one either.
    pub strangers: u64,
    /// Datagram connections ended because their client connected anew from the same address.
    pub replaced: u64,
    /// Clients that got no answer because there are too many datagram connections.
    pub refused: u64,
    /// Events whose content was downgraded or replaced by null for a receiver's protocol.
    pub downgraded: u64,
}

impl ServerStats {
    /// The position of the next message among all messages.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.messages.saturating_add(self.private_messages)
    }
}

/// A connection that has ended, as [`ServerCore::ended_connections`] shows it.
///
/// [`ServerCore::ended_connections`]: crate::ServerCore::ended_connections
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedConnection {
    /// Server that it was made to.
    pub server: ServerKind,
    /// The client reported that it connected over IPv6, in its init or in the WebSocket's query. Spec:
    /// wire.md 2, 7.
    pub ipv6: bool,
    /// Path and query of a WebSocket; empty for other transports.
    pub path: Text,
    /// How it ended.
    pub end: ConnectionEnd,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// The server ended it.
    Server,
    /// The client ended or reset its stream, or a WebSocket without a close frame.
    Client,
    /// The client closed its WebSocket with this code. Spec: RFC 6455, 7.4.
    WebSocketClose(u16),
    /// A datagram connection ended for this cause. Spec: udp.md 7.
    Datagrams(Cause),
}

/// A channel as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelSnapshot {
    /// App id of its users.
    pub app_id: Text,
    /// App version of its users.
    pub app_version: Text,
    /// Name.
    pub name: Text,
    /// Users in it, sorted.
    pub subscribers: Vec<Text>,
    /// Id of the last message, 0 before the first.
    pub last_id: i32,
    /// Messages kept.
    pub history: usize,
}

/// A user session as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserSnapshot {
    /// App id.
    pub app_id: Text,
    /// App version.
    pub app_version: Text,
    /// User id.
    pub user_id: Text,
    /// Its connections; 0 while it only lives on for its grace.
    pub connections: usize,
    /// Channels it is in.
    pub channels: usize,
    /// Friends it has.
    pub friends: usize,
    /// Its status.
    pub status: i32,
}
