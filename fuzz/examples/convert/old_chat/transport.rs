//! [`Transport`]: what carries messages between a client and its servers.

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

    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::JsonOverWs | Self::JsonOverWss)
    }

    /// Whether links are secure by themselves, so that no keys are exchanged.
    pub(super) const fn is_secure(self) -> bool {
        matches!(self, Self::Wss | Self::JsonOverWss)
    }
}
