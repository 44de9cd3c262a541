//! WebSocket: no init message, no keys on secure links, addresses, pings; and JSON. Spec: wire.md
//! 7.

mod binary;
mod json;

use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Event, LinkCommand, LinkId, LinkInput, PeerErrorCode,
    Protocol, State, Target, Timestamp, Value, Wire,
};
use photon_proto::message::{self, Message, MessageKind, MessageWriter};
use photon_proto::{Limits, internal};

const LIMITS: Limits = Limits::DEFAULT;

/// A client and the server's end of its newest link.
struct Duo {
    client: ChatClient,
    now: Timestamp,
    link: Option<LinkId>,
    target: Option<Target>,
    wire: Option<Wire>,
    events: Vec<Event>,
    protocol: Protocol,
}

impl Duo {
    fn new(address: &str, change: impl FnOnce(ChatConfig) -> ChatConfig) -> Self {
        Self::to([address], change)
    }

    fn to<const N: usize>(
        addresses: [&str; N],
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> Self {
        let config = change(ChatConfig::new(addresses, "app/id", "1.0").user_id("alice"));
        let client = ChatClient::new(config, [9; 32]);
        let now = Timestamp::from_millis(5_000);
        Self {
            client,
            now,
            link: None,
            target: None,
            wire: None,
            events: Vec::new(),
            protocol: Protocol::V18,
        }
    }

    fn connect(&mut self) {
        self.client
            .connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("connect is allowed");
        self.pump();
    }

    /// Runs the driver once. Returns the whole messages that the client sends.
    fn pump(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            let more = self.client.service(self.now).more;
            while let Some(event) = self.client.poll_event() {
                self.events.push(event);
            }
            if let Some(link) = self.link {
                while let Some(bytes) = self.client.transmit(self.now, link).map(<[u8]>::to_vec) {
                    assert_eq!(
                        self.client.transmit(self.now, link),
                        Some(&*bytes),
                        "transmit is stable"
                    );
                    self.client.transmitted(link, 1);
                    sent.push(bytes);
                }
            }
            while let Some(command) = self.client.poll_command() {
                if let LinkCommand::Open { link, target, wire } = command {
                    (self.link, self.target, self.wire) = (Some(link), Some(target), Some(wire));
                }
            }
            if !more {
                assert!(
                    self.client.poll_timeout().is_none_or(|at| at > self.now),
                    "busy"
                );
                return sent;
            }
        }
    }

    fn input(&mut self, input: LinkInput<'_>) -> Vec<Vec<u8>> {
        self.client
            .handle_link(self.now, self.link.expect("a link"), input);
        self.pump()
    }

    fn deliver(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        self.input(LinkInput::Received(message))
    }

    fn pass(&mut self, ms: u64) -> Vec<Vec<u8>> {
        let until = self.now.plus_millis(ms);
        let mut sent = Vec::new();
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            sent.extend(self.pump());
        }
        self.now = until;
        sent
    }

    fn states(&mut self) -> Vec<State> {
        let events = self.events.drain(..);
        events
            .filter_map(|event| {
                if let Event::StateChanged { to, .. } = event {
                    Some(to)
                } else {
                    None
                }
            })
            .collect()
    }

    fn response(&self, code: u8, parameters: &[(u8, Value)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::response(&mut bytes, self.protocol, &LIMITS, code, 0, None)
            .expect("fits");
        for (key, value) in parameters {
            writer.put(*key, value).expect("fits");
        }
        writer.finish().expect("fits");
        bytes
    }

    fn login(&self, address: &str) -> Vec<u8> {
        self.response(230, &[(230, address.into()), (221, "token".into())])
    }

    /// The codes of the errors so far.
    fn codes(&self) -> Vec<PeerErrorCode> {
        let events = self.events.iter();
        events
            .filter_map(|event| {
                if let Event::Error { code, .. } = event {
                    Some(*code)
                } else {
                    None
                }
            })
            .collect()
    }

    /// Kind, code of the operation, and whether it is encrypted.
    fn kinds(&self, sent: &[Vec<u8>]) -> Vec<(MessageKind, Option<u8>, bool)> {
        sent.iter()
            .map(|bytes| {
                let header = message::Header::decode(bytes).expect("a message without a frame");
                let code = match (!header.encrypted).then(|| {
                    Message::decode(header.kind, self.protocol, &LIMITS, &bytes[2..])
                        .expect("a valid message")
                }) {
                    Some(Message::Request { code, .. }) => Some(code),
                    _ => None,
                };
                (header.kind, code, header.encrypted)
            })
            .collect()
    }
}

const INIT_RESPONSE: [u8; 3] = [0xF3, 1, 0];
const PING: (MessageKind, Option<u8>, bool) =
    (MessageKind::InternalRequest, Some(internal::PING), false);
const LOGIN: (MessageKind, Option<u8>, bool) = (MessageKind::Request, Some(230), false);
