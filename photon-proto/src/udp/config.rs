//! What a connection is made with.

/// The reserved byte of commands that a client writes, and so the reason of an ordinary goodbye. Spec: udp.md 2.1.
pub const REASON_CLIENT: u8 = 4;

/// Settings of a connection. Spec: udp.md 5.5.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Longest datagram that is built, in bytes; below 576 counts as 576, above 2048 as 2048. Default 1200.
    pub mtu: u16,
    /// Channels beside the control channel, 1 to 254. Default 2.
    pub channels: u8,
    /// How long a reliable command may stay unacknowledged, in milliseconds; looked at when it is due. Default 10,000.
    pub disconnect_timeout_ms: u64,
    /// How long connecting may take, in milliseconds; 0 = no limit. Default 15,000.
    pub connect_timeout_ms: u64,
    /// A ping goes out when nothing was acknowledged for this long, in milliseconds; 0 = never. Default 3000 (the Chat
    /// client), 1000 for servers.
    pub ping_interval_ms: u64,
    /// How often a command may be sent again. Default 7.
    pub max_resends: u32,
    /// How many times it is sent again before the timeout begins to double. Default 2 (the Chat client).
    pub quick_resends: u32,
    /// With this many reliable commands in flight it doubles from the first time on. Default 25.
    pub quick_resend_in_flight: usize,
    /// Longest timeout of a first transmission, in milliseconds. Default 400.
    pub initial_resend_max_ms: u64,
    /// How many numbers of a channel may be in flight; 0 = no limit. Default 50. Spec: udp.md 5.9.
    pub send_window: u32,
    /// Whether what is sent carries a check sum. What arrives may or may not. Default off.
    pub crc: bool,
    /// Longest message that is sent, in bytes. Default 512,000.
    pub max_message_bytes: usize,
    /// Longest message that is put together from fragments, in bytes. Default 1 MiB.
    pub max_received_message_bytes: usize,
    /// How much is kept of what was received and not taken, in bytes, buffers and all. Default 4 MiB. As much again may be
    /// kept out of order, and beside that for each channel the fragments of the message that all others wait for.
    /// Spec: udp.md 9, item 9.
    pub incoming_cap_bytes: usize,
    /// How many violations of the protocol the peer may commit. Default 1000. Spec: udp.md 9.
    pub max_violations: u32,
}

impl Config {
    /// What the Chat client sets.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            mtu: 1200,
            channels: 2,
            disconnect_timeout_ms: 10_000,
            connect_timeout_ms: 15_000,
            ping_interval_ms: 3000,
            max_resends: 7,
            quick_resends: 2,
            quick_resend_in_flight: 25,
            initial_resend_max_ms: 400,
            send_window: 50,
            crc: false,
            max_message_bytes: 512_000,
            max_received_message_bytes: 1 << 20,
            incoming_cap_bytes: 4 << 20,
            max_violations: 1000,
        }
    }

    /// What a server sets: it pings after a second. Spec: udp.md 12.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            ping_interval_ms: 1000,
            ..Self::client()
        }
    }

    /// These settings with changes.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn mtu_bytes(&self) -> usize {
        usize::from(self.mtu).clamp(576, super::datagram::MAX_BYTES)
    }

    /// The longest payload of one command. Spec: udp.md 6.
    pub(crate) fn payload_limit(&self) -> usize {
        self.mtu_bytes() - 12 - 36
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
