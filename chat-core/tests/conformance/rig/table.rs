//! What tests run over: one table of serialization protocols and transports, and what runs a test over its rows.

use super::{APP_ID, APP_VERSION, Rig};
use chat_core::{CauseKind, ChatConfig, Protocol, Step, Wire};

/// What carries messages over a link. WebSocket messages will be a third kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Stream,
    Datagrams,
}

/// One way to talk to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) protocol: Protocol,
    pub(crate) carrier: Carrier,
    /// What addresses begin with.
    pub(crate) scheme: &'static str,
}

pub(crate) const TABLE: [Row; 6] = [
    row(Protocol::V16, Carrier::Stream, "tcp://"),
    row(Protocol::V18, Carrier::Stream, "tcp://"),
    row(Protocol::V16, Carrier::Datagrams, "udp://"),
    row(Protocol::V18, Carrier::Datagrams, "udp://"),
    // chat.md 2.1: UDP is what an address without a scheme means.
    row(Protocol::V16, Carrier::Datagrams, ""),
    row(Protocol::V18, Carrier::Datagrams, ""),
];

const fn row(protocol: Protocol, carrier: Carrier, scheme: &'static str) -> Row {
    Row { protocol, carrier, scheme }
}

impl Row {
    pub(crate) fn address(&self, host_and_port: &str) -> String {
        format!("{}{host_and_port}", self.scheme)
    }

    /// With the name server of all tests.
    pub(crate) fn config(&self) -> ChatConfig {
        ChatConfig::new(self.address("ns.example:4533"), APP_ID, APP_VERSION).protocol(self.protocol)
    }

    pub(crate) const fn wire(&self) -> Wire {
        match self.carrier {
            Carrier::Stream => Wire::Stream,
            Carrier::Datagrams => Wire::Datagram,
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.carrier == Carrier::Stream
    }

    /// How the code ends, and why, if the driver has not opened a link when its deadline passes. chat.md 6.4:
    /// ConnectFailed for a link that is connected by its transport, else Timeout.
    pub(crate) const fn never_opened(&self) -> (i32, CauseKind) {
        match self.carrier {
            Carrier::Stream => (2, CauseKind::NeverOpened),
            Carrier::Datagrams => (4, CauseKind::Deadline(Step::Connect)),
        }
    }
}

/// Runs a test over each row.
pub(crate) fn each(test: impl Fn(Rig)) {
    each_with(|config| config, test);
}

/// Runs a test over each row, with a configuration of its own.
pub(crate) fn each_with(configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Rig)) {
    run(None, configure, test);
}

/// Runs a test that is about something that only streams have.
pub(crate) fn over_streams(test: impl Fn(Rig)) {
    over_streams_with(|config| config, test);
}

pub(crate) fn over_streams_with(configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Rig)) {
    run(Some(Carrier::Stream), configure, test);
}

/// Runs a test that is about something that only datagrams have.
pub(crate) fn over_datagrams(test: impl Fn(Rig)) {
    over_datagrams_with(|config| config, test);
}

pub(crate) fn over_datagrams_with(configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Rig)) {
    run(Some(Carrier::Datagrams), configure, test);
}

fn run(only: Option<Carrier>, configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Rig)) {
    for row in TABLE.into_iter().filter(|row| only.is_none_or(|only| row.carrier == only)) {
        println!("in {} over {:?} ({:?})", row.protocol.name(), row.carrier, row.scheme);
        test(Rig::over(row, configure(row.config())));
    }
}
