//! The table of serialization protocols and transports, and functions that run a test for its rows.

use super::{APP_ID, APP_VERSION, Harness};
use chat_core::{CauseKind, ChatConfig, Protocol, Step, SubProtocol, Wire};

/// The kind of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Stream,
    Datagrams,
    /// WebSocket messages.
    Messages,
}

/// One combination of protocol and transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) protocol: Protocol,
    pub(crate) carrier: Carrier,
    /// The scheme of its addresses.
    pub(crate) scheme: &'static str,
    /// Whether messages are JSON on the wire. The harness converts them to and from 1.8, as the
    /// client does.
    pub(crate) json: bool,
}

/// The scheme of addresses whose transport encrypts.
const SECURE: &str = "wss://";

pub(crate) const TABLE: [Row; 11] = [
    row(Protocol::V16, Carrier::Stream, "tcp://"),
    row(Protocol::V18, Carrier::Stream, "tcp://"),
    row(Protocol::V16, Carrier::Datagrams, "udp://"),
    row(Protocol::V18, Carrier::Datagrams, "udp://"),
    // chat.md 2.1: an address without a scheme means UDP.
    row(Protocol::V16, Carrier::Datagrams, ""),
    row(Protocol::V18, Carrier::Datagrams, ""),
    row(Protocol::V16, Carrier::Messages, "ws://"),
    row(Protocol::V18, Carrier::Messages, "ws://"),
    row(Protocol::V16, Carrier::Messages, SECURE),
    row(Protocol::V18, Carrier::Messages, SECURE),
    Row {
        json: true,
        ..row(Protocol::V18, Carrier::Messages, SECURE)
    },
];

const fn row(protocol: Protocol, carrier: Carrier, scheme: &'static str) -> Row {
    Row {
        protocol,
        carrier,
        scheme,
        json: false,
    }
}

impl Row {
    pub(crate) fn address(&self, host_and_port: &str) -> String {
        format!("{}{host_and_port}", self.scheme)
    }

    /// The configuration with the name server of all tests.
    pub(crate) fn config(&self) -> ChatConfig {
        self.configure(ChatConfig::new(
            self.address("ns.example:4533"),
            APP_ID,
            APP_VERSION,
        ))
    }

    /// The configuration with the protocol of this row.
    pub(crate) fn configure(&self, config: ChatConfig) -> ChatConfig {
        let config = config.protocol(self.protocol);
        if self.json { config.json() } else { config }
    }

    pub(crate) fn wire(&self) -> Wire {
        match self.carrier {
            Carrier::Stream => Wire::Stream,
            Carrier::Datagrams => Wire::Datagram,
            Carrier::Messages => Wire::WebSocket {
                secure: self.is_secure(),
                protocol: if self.json {
                    SubProtocol::Json
                } else {
                    self.protocol.into()
                },
            },
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.carrier == Carrier::Stream
    }

    pub(crate) fn is_datagrams(&self) -> bool {
        self.carrier == Carrier::Datagrams
    }

    pub(crate) fn is_messages(&self) -> bool {
        self.carrier == Carrier::Messages
    }

    /// Whether the client begins with an init message. Over WebSocket the path replaces it, and the
    /// server sends first. wire.md 7.1.
    pub(crate) fn has_init(&self) -> bool {
        !self.is_messages()
    }

    /// Whether client and server exchange keys by default. They do not if the transport encrypts.
    /// chat.md 2.3.
    pub(crate) fn exchanges_keys(&self) -> bool {
        !self.is_secure()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == SECURE
    }

    /// The last digit of the code, and the cause, if the driver has not opened a link before the
    /// deadline. chat.md 6.4: ConnectFailed for a transport with connections, otherwise Timeout.
    pub(crate) const fn never_opened(&self) -> (i32, CauseKind) {
        match self.carrier {
            Carrier::Stream | Carrier::Messages => (2, CauseKind::NeverOpened),
            Carrier::Datagrams => (4, CauseKind::Deadline(Step::Connect)),
        }
    }
}

/// Runs a test for each row.
pub(crate) fn each(test: impl Fn(Harness)) {
    each_with(|config| config, test);
}

/// Runs a test for each row, with a changed configuration.
pub(crate) fn each_with(configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Harness)) {
    run(|_| true, configure, test);
}

/// Runs a test of something that only streams have.
pub(crate) fn over_streams(test: impl Fn(Harness)) {
    over_streams_with(|config| config, test);
}

pub(crate) fn over_streams_with(
    configure: impl Fn(ChatConfig) -> ChatConfig,
    test: impl Fn(Harness),
) {
    run(Row::is_stream, configure, test);
}

/// Runs a test of something that only datagrams have.
pub(crate) fn over_datagrams(test: impl Fn(Harness)) {
    over_datagrams_with(|config| config, test);
}

pub(crate) fn over_datagrams_with(
    configure: impl Fn(ChatConfig) -> ChatConfig,
    test: impl Fn(Harness),
) {
    run(Row::is_datagrams, configure, test);
}

/// Runs a test of something that only WebSocket has.
pub(crate) fn over_messages_with(
    configure: impl Fn(ChatConfig) -> ChatConfig,
    test: impl Fn(Harness),
) {
    run(Row::is_messages, configure, test);
}

/// Runs a test of the key exchange: not on transports that encrypt.
pub(crate) fn where_keys_are_exchanged(test: impl Fn(Harness)) {
    run(Row::exchanges_keys, |config| config, test);
}

/// Runs a test of something that JSON cannot express, or encodes in other bytes.
pub(crate) fn not_in_json(test: impl Fn(Harness)) {
    run(|row| !row.json, |config| config, test);
}

/// Runs a test on transports that encrypt.
pub(crate) fn where_no_keys_are_exchanged(test: impl Fn(Harness)) {
    run(|row| !row.exchanges_keys(), |config| config, test);
}

/// Runs a test of ping messages and silence: not over datagrams, where the connection handles them.
pub(crate) fn not_over_datagrams(test: impl Fn(Harness)) {
    not_over_datagrams_with(|config| config, test);
}

pub(crate) fn not_over_datagrams_with(
    configure: impl Fn(ChatConfig) -> ChatConfig,
    test: impl Fn(Harness),
) {
    run(|row| !row.is_datagrams(), configure, test);
}

fn run(
    applies: impl Fn(&Row) -> bool,
    configure: impl Fn(ChatConfig) -> ChatConfig,
    test: impl Fn(Harness),
) {
    for row in TABLE.into_iter().filter(applies) {
        println!(
            "in {} over {:?} ({:?})",
            if row.json {
                "JSON"
            } else {
                row.protocol.name()
            },
            row.carrier,
            row.scheme
        );
        test(Harness::on_row(row, configure(row.config())));
    }
}
