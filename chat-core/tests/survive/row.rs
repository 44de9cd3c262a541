//! The rows of the table: transports and serializations.

use chat_core::{ChatConfig, Encryption, Protocol};
use soak::Transport;

/// A transport with a serialization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) transport: Transport,
    serialization: Serialization,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serialization {
    V16,
    V18,
    Json,
}

const fn row(transport: Transport, serialization: Serialization) -> Row {
    Row {
        transport,
        serialization,
    }
}

/// Every transport with every serialization that it has. TLS happens below the client, so that wss
/// differs from ws in its scheme only.
pub(crate) const ROWS: [Row; 7] = [
    row(Transport::Udp, Serialization::V16),
    row(Transport::Udp, Serialization::V18),
    row(Transport::Tcp, Serialization::V16),
    row(Transport::Tcp, Serialization::V18),
    row(Transport::Ws, Serialization::V16),
    row(Transport::Ws, Serialization::V18),
    row(Transport::Ws, Serialization::Json),
];

impl Row {
    /// The row for a seed: all rows take turns.
    pub(crate) fn of(seed: u64) -> Self {
        ROWS[(seed % ROWS.len() as u64) as usize]
    }

    pub(crate) fn configure(self, config: ChatConfig) -> ChatConfig {
        match self.serialization {
            Serialization::V16 => config.protocol(Protocol::V16),
            Serialization::V18 => config.protocol(Protocol::V18),
            // JSON has no key exchange: TLS protects it, below the client.
            Serialization::Json => config.json().encryption(Encryption::Off),
        }
    }

    pub(crate) fn is_json(self) -> bool {
        self.serialization == Serialization::Json
    }

    pub(crate) const fn is_udp(self) -> bool {
        matches!(self.transport, Transport::Udp)
    }
}

/// Runs a scenario on every row. A failure names the row.
pub(crate) fn on_every_row(scenario: impl Fn(Row)) {
    for row in ROWS {
        println!("{row:?}");
        scenario(row);
    }
}
