//! Settings of a connection and of a table of connections.

use core::time::Duration;

/// The reserved byte of a client's commands, and therefore the reason of its disconnect.
/// Spec: udp.md 2.1.
pub const REASON_CLIENT: u8 = 4;

/// Settings of a connection. Spec: udp.md 5.5.
///
/// Times are rounded up to whole milliseconds, the unit of the protocol.
///
/// Non-exhaustive: a setting can be added in any version. Begin with [`Config::client`] or
/// [`Config::server`] and change what differs in [`Config::with`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Longest datagram that is sent, in bytes; below 576 counts as 576, above 2048 as 2048.
    /// Default 1200.
    pub mtu: u16,
    /// Channels besides the control channel, 1 to 254. Default 2.
    pub channels: u8,
    /// How long the peer may acknowledge nothing before an established connection ends. Counted
    /// from the last transmission that it acknowledged, while a reliable command is unacknowledged;
    /// pings make sure that one is. A single command that stays unacknowledged for twice as long,
    /// although others are acknowledged, ends the connection too. Default 10 seconds. Spec: udp.md
    /// 5.6.
    pub disconnect_timeout: Duration,
    /// How long connecting may take; zero means no limit. Default 15 seconds.
    pub connect_timeout: Duration,
    /// A ping is sent when nothing was acknowledged for this long; zero means never. Default 3
    /// seconds (as the official Chat client), 1 second for servers.
    pub ping_interval: Duration,
    /// How often a command may be sent again before the connection ends, whatever the disconnect
    /// timeout. Default `u32::MAX`: no limit, the timeout alone decides. With a limit, which the
    /// official client has (7), resends are as its own: see [`Config::resend_max`]. Connect
    /// commands are sent again 7 times at most. Spec: udp.md 5.4, 5.6.
    pub max_resends: u32,
    /// How often a command is sent again before its timeout doubles with each resend. Default 2 (as
    /// the official Chat client).
    pub quick_resends: u32,
    /// With this many reliable commands in flight the timeout doubles from the first resend on.
    /// Default 25.
    pub quick_resend_in_flight: usize,
    /// Upper bound on the timeout of a first transmission. It rises to four thirds of the measured
    /// round trip where that is longer. Default 400 milliseconds. Spec: udp.md 5.4.
    pub initial_resend_max: Duration,
    /// Upper bound on the timeout of the lowest unacknowledged command of each channel, to which
    /// the timeout grows with the resends. It rises to the timeout of a first transmission where
    /// that is longer. Without effect if [`Config::max_resends`] is a limit, which would be reached
    /// within seconds. Default 400 milliseconds. Spec: udp.md 5.4.
    pub resend_max: Duration,
    /// How many numbers of one channel may be in flight; 0 means no limit. Default 50, as in the
    /// official client. More raises the throughput over long round trips. Spec: udp.md 5.9.
    pub send_window: u32,
    /// Whether sent datagrams carry a checksum. Received ones may or may not. Default off.
    pub crc: bool,
    /// Longest message that is sent, in bytes. Default 512,000.
    pub max_message_bytes: usize,
    /// Longest message that is assembled from fragments, in bytes. Default 1 MiB.
    pub max_received_message_bytes: usize,
    /// Upper bound on received data that the application has not taken yet, in bytes, buffers
    /// included. Default 4 MiB. As much again may be held out of order, and besides that, for each
    /// channel, the fragments of the message that all others wait for. Spec: udp.md 9, item 9.
    pub incoming_cap_bytes: usize,
    /// How many violations of the protocol the peer may commit before the connection ends. Default
    /// 1000. Spec: udp.md 9.
    pub max_violations: u32,
}

impl Config {
    /// The settings of the official Chat client.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            mtu: 1200,
            channels: 2,
            disconnect_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(15),
            ping_interval: Duration::from_secs(3),
            max_resends: u32::MAX,
            quick_resends: 2,
            quick_resend_in_flight: 25,
            initial_resend_max: Duration::from_millis(400),
            resend_max: Duration::from_millis(400),
            send_window: 50,
            crc: false,
            max_message_bytes: 512_000,
            max_received_message_bytes: 1 << 20,
            incoming_cap_bytes: 4 << 20,
            max_violations: 1000,
        }
    }

    /// The settings of a server, which pings after a second. Spec: udp.md 12.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            ping_interval: Duration::from_secs(1),
            ..Self::client()
        }
    }

    /// These settings with changes.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn channel_count(&self) -> u8 {
        self.channels.clamp(1, 254)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::client()
    }
}

/// What a connection needs of a [`Config`] besides its channels and its [`Timing`]. A whole configuration would take
/// 136 bytes of each connection, three fifths of which nobody reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) mtu: u16,
    pub(crate) crc: bool,
    pub(crate) max_resends: u32,
    pub(crate) quick_resends: u32,
    pub(crate) quick_resend_in_flight: usize,
    pub(crate) send_window: u32,
    pub(crate) max_message_bytes: usize,
    pub(crate) max_received_message_bytes: usize,
    pub(crate) incoming_cap_bytes: usize,
    pub(crate) max_violations: u32,
}

impl Rules {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            mtu: config.mtu,
            crc: config.crc,
            max_resends: config.max_resends,
            quick_resends: config.quick_resends,
            quick_resend_in_flight: config.quick_resend_in_flight,
            send_window: config.send_window,
            max_message_bytes: config.max_message_bytes,
            max_received_message_bytes: config.max_received_message_bytes,
            incoming_cap_bytes: config.incoming_cap_bytes,
            max_violations: config.max_violations,
        }
    }

    pub(crate) fn mtu_bytes(&self) -> usize {
        usize::from(self.mtu).clamp(576, super::datagram::MAX_BYTES)
    }

    /// The longest payload of one command. Spec: udp.md 6.
    pub(crate) fn payload_limit(&self) -> usize {
        self.mtu_bytes() - 12 - 36
    }
}

/// The times of a [`Config`] in milliseconds. A connection converts them once: they are used for
/// every datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) disconnect_timeout_ms: u64,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) ping_interval_ms: u64,
    pub(crate) initial_resend_max_ms: u64,
    pub(crate) resend_max_ms: u64,
    /// How long a command is sent again at least before the connection counts as dead.
    pub(crate) patience_ms: u64,
}

impl Timing {
    pub(crate) fn new(config: &Config) -> Self {
        // Zero would end a connection in the millisecond in which it sends.
        let disconnect_timeout_ms = whole_millis(config.disconnect_timeout).max(1);
        let ping_interval_ms = whole_millis(config.ping_interval);
        // A ping is sent once the interval has passed since the last ack. What is left of the
        // timeout is enough for any other command as well: the link may have failed just after
        // that ack. Without pings, or with rare ones, every command gets the whole timeout.
        let pinged = ping_interval_ms.saturating_add(1);
        let pings_in_time = ping_interval_ms > 0 && pinged <= disconnect_timeout_ms / 2;
        Self {
            disconnect_timeout_ms,
            connect_timeout_ms: whole_millis(config.connect_timeout),
            ping_interval_ms,
            initial_resend_max_ms: whole_millis(config.initial_resend_max),
            resend_max_ms: whole_millis(config.resend_max),
            patience_ms: if pings_in_time {
                disconnect_timeout_ms - pinged
            } else {
                disconnect_timeout_ms
            },
        }
    }
}

/// A duration in milliseconds, rounded up: half a millisecond must not become zero, which means "no
/// limit".
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Settings of an [`Acceptor`](super::Acceptor). Non-exhaustive, for the reason given at [`Config`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptorConfig {
    /// Settings of every connection. MTU and channels are lowered to the client's, and checksums
    /// are sent to clients that send them.
    pub connection: Config,
    /// The maximum number of half-open connections. Another one displaces the oldest. Default 1024.
    pub max_half_open: usize,
    /// How long a half-open connection is kept. Default 5 seconds.
    pub half_open_timeout: Duration,
    /// The maximum number of connected clients. Others get no answer. Default 65,536.
    pub max_connections: usize,
}

impl Default for AcceptorConfig {
    fn default() -> Self {
        Self {
            connection: Config::server().with(|config| config.channels = 8),
            max_half_open: 1024,
            half_open_timeout: Duration::from_secs(5),
            max_connections: 65_536,
        }
    }
}

impl AcceptorConfig {
    /// Returns these settings with changes.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, whole_millis};

    #[test]
    fn durations_are_rounded_up_to_whole_milliseconds() {
        assert_eq!(whole_millis(Duration::ZERO), 0);
        assert_eq!(whole_millis(Duration::from_nanos(1)), 1);
        assert_eq!(whole_millis(Duration::from_micros(1500)), 2);
        assert_eq!(whole_millis(Duration::MAX), u64::MAX);
    }
}
