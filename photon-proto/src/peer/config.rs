//! The settings of a connection.

use super::SubProtocol;
use crate::limits::Limits;
use crate::udp;
use core::time::Duration;

/// Settings of a [`Peer`](super::Peer). The peers of one owner share them.
///
/// A peer takes a snapshot when it is created: changing the settings later affects only new peers.
/// More fields may follow, so begin with [`PeerConfig::default`] and change what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerConfig {
    /// The sub-protocol that a client announces over streams and datagrams, where JSON counts as
    /// GpBinary 1.8. A WebSocket has its own in [`Wire`](super::Wire), and a server follows its
    /// client. Default GpBinary 1.8.
    pub protocol: SubProtocol,
    /// Whether a client exchanges keys over wires that are not secure by themselves. Default on.
    pub encryption: Encryption,
    /// Limits of a single message. Spec: wire.md 4.4.
    pub limits: Limits,
    /// Settings of a client's UDP connection. The connect timeout is off (the owner of a client has
    /// its own); ping interval, message lengths and incoming cap are taken from this structure.
    pub udp: udp::Config,
    /// Received bytes that may wait to be taken before
    /// [`Peer::wants_input`](super::Peer::wants_input) turns false; never less than twice the
    /// longest message. Default 4 MiB.
    pub incoming_cap_bytes: usize,
    /// Written bytes that may wait to be sent (over UDP: to be acknowledged) before
    /// [`Peer::send`](super::Peer::send) refuses more. Default 1 MiB.
    pub outgoing_cap_bytes: usize,
    /// Memory that an emptied send buffer keeps for the next message. Default 256 KiB; a server
    /// with many connections should choose less.
    pub kept_bytes: usize,
    /// Time from one ping of a client to the next. Default 3 seconds.
    pub ping_interval: Duration,
    /// How long the other end may make no progress before
    /// [`Peer::overdue`](super::Peer::overdue) reports it: a server that sends no message, one that
    /// does not answer a ping, either end that does not complete a message that it began or reads
    /// nothing. Each 1,024 bytes received are progress. Default 10 seconds.
    pub silence_timeout: Duration,
    /// The SDK byte of a client's init. Spec: wire.md 9.
    pub sdk: u8,
    /// The four version numbers of a client's init. Spec: wire.md 2.2.
    pub version: [u8; 4],
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            protocol: SubProtocol::GpBinaryV18,
            encryption: Encryption::On,
            limits: Limits::DEFAULT,
            udp: udp::Config::client(),
            incoming_cap_bytes: 4 * 1024 * 1024,
            outgoing_cap_bytes: 1024 * 1024,
            kept_bytes: 256 * 1024,
            ping_interval: Duration::from_secs(3),
            silence_timeout: Duration::from_secs(10),
            // wire.md 9: SDK id 15, release build; the newest chat client seen is 4.1.8.20.
            sdk: 0x1F,
            version: [4, 1, 8, 20],
        }
    }
}

impl PeerConfig {
    /// The incoming cap in force. With less than two of the longest messages, one message that is
    /// half here and one that is half taken could stop a connection for good.
    pub(super) fn incoming_cap(&self) -> usize {
        self.incoming_cap_bytes
            .max(self.limits.max_received_bytes.saturating_mul(2))
    }
}

/// Whether keys are exchanged with servers over wires that are not secure by themselves.
///
/// May grow, for example by a mode that refuses wires that are not secure by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// Keys are exchanged, so that messages can be encrypted.
    On,
    /// Everything is sent in clear, credentials and tokens too.
    Off,
}
