//! The counters of the server, and the snapshots for tests.

use photon_proto::udp::Cause;
use photon_proto::{Text, Value};

use crate::ids::ServerKind;

/// Sizes at this moment, and counters since the server was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections, including those that are being closed.
    pub connections: usize,
    /// Users with a session on the front end.
    pub users: usize,
    /// Channels, including empty ones that still linger.
    pub channels: usize,
    /// Private conversations.
    pub conversations: usize,
    /// Memory of the messages that channels and conversations keep, in bytes.
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
    /// Events sent, counted once per connection.
    pub events: u64,
    /// Messages from clients that could not be decoded.
    pub bad_messages: u64,
    /// Connections ended because of bytes that are not frames, or messages in an impossible order.
    pub bad_connections: u64,
    /// Connections ended because the client did not read.
    pub overrun_connections: u64,
    /// Connections ended because the client sent nothing, or did not log in.
    pub silent_connections: u64,
    /// Connections ended because of an unfinished message before their login.
    pub oversized_connections: u64,
    /// Connections ended before their login in favour of newer ones.
    pub displaced_connections: u64,
    /// Key exchanges computed, which cost far more than anything else that a client can request.
    /// Repeated ones are refused without.
    pub key_exchanges: u64,
    /// Connections that have not logged in.
    pub before_login: usize,
    /// Bytes of their unfinished messages.
    pub unfinished_bytes: usize,
    /// UDP connections whose client has not yet proved its address.
    pub half_open: usize,
    /// Half-open connections ended by their timeout.
    pub expired: u64,
    /// Half-open connections ended in favour of newer ones.
    pub displaced: u64,
    /// Datagrams that belong to no connection and do not open one.
    pub strangers: u64,
    /// UDP connections ended because their client connected again from the same address.
    pub replaced: u64,
    /// UDP connects without a response because there were too many connections.
    pub refused: u64,
    /// Events whose content was downgraded, or replaced by null, for a receiver's protocol.
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
    /// The server that the client connected to.
    pub server: ServerKind,
    /// The client reported that it connected over IPv6, in its init or in the WebSocket's query. Spec:
    /// wire.md 2, 7.
    pub ipv6: bool,
    /// Path and query of a WebSocket; empty for other transports.
    pub path: Text,
    /// How it ended.
    pub end: ConnectionEnd,
    /// The reason why the server ended it; empty if the client did.
    pub reason: Text,
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

/// A channel with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelSnapshot {
    /// The app id of its users.
    pub app_id: Text,
    /// The app version of its users.
    pub app_version: Text,
    /// The name.
    pub name: Text,
    /// The users in it, sorted.
    pub subscribers: Vec<Text>,
    /// The id of the last message, 0 before the first.
    pub last_id: i32,
    /// The number of messages kept.
    pub history: usize,
}

/// A message that a channel keeps.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// Its id.
    pub id: i32,
    /// The user who sent it.
    pub sender: Text,
    /// Its content.
    pub content: Value,
}

/// A user session with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserSnapshot {
    /// The app id.
    pub app_id: Text,
    /// The app version.
    pub app_version: Text,
    /// The user id.
    pub user_id: Text,
    /// The number of its connections; 0 during its grace period.
    pub connections: usize,
    /// The number of channels that it is in.
    pub channels: usize,
    /// The number of its friends.
    pub friends: usize,
    /// The status.
    pub status: i32,
}
