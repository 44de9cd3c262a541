//! [`Transport`]: what carries messages between a client and its servers.

use chat_core::Wire;

/// What carries messages between a client and its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A byte stream with frames.
    Tcp,
    /// WebSocket, a message of GpBinary in each of its own.
    Ws,
    /// The same over TLS.
    Wss,
    /// WebSocket with JSON in it; there are no keys, so that only with encryption off anything is said.
    JsonOverWs,
    /// The same over TLS.
    JsonOverWss,
    /// Reliable datagrams.
    Udp,
}

impl Transport {
    /// By the bits of the setup that choose it.
    pub(super) const fn of(bits: u8) -> Self {
        match bits {
            0 => Self::Tcp,
            1 => Self::Ws,
            2 => Self::Wss,
            3 | 6 => Self::JsonOverWss,
            5 => Self::JsonOverWs,
            _ => Self::Udp,
        }
    }

    /// Two name servers.
    pub(super) const fn addresses(self) -> [&'static str; 2] {
        match self {
            Self::Tcp => ["tcp://127.0.0.1:1", "tcp://[::1]:2"],
            Self::Ws | Self::JsonOverWs => ["ws://127.0.0.1:1", "ws://[::1]:2"],
            Self::Wss | Self::JsonOverWss => ["wss://127.0.0.1:1", "wss://[::1]:2"],
            Self::Udp => ["udp://127.0.0.1:1", "udp://[::1]:2"],
        }
    }

    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::JsonOverWs | Self::JsonOverWss)
    }

    /// Whether links are secure by themselves, so that no keys are exchanged.
    pub(super) const fn is_secure(self) -> bool {
        matches!(self, Self::Wss | Self::JsonOverWss)
    }
}

/// How a link carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carriage {
    Stream,
    Messages,
    Json,
    Datagrams,
}

impl Carriage {
    pub(super) fn of(wire: Wire) -> Self {
        match wire {
            Wire::Stream => Self::Stream,
            Wire::Datagram => Self::Datagrams,
            Wire::WebSocket { protocol, .. } if protocol.is_text() => Self::Json,
            Wire::WebSocket { .. } => Self::Messages,
            other => panic!("an unknown wire: {other:?}"),
        }
    }
}
