//! A server core and its clients in one process, in virtual time.

use std::collections::BTreeMap;

use dev_server::{ConnectionId, ServerConfig, ServerCore, ServerKind};
use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::message::{self, Header, Init, Message, MessageWriter};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{Limits, Parameters, Protocol, Random, Text, Timestamp, Value, internal};

pub(crate) const APP: &str = "app-1";
pub(crate) const HOST: &str = "127.0.0.1";
pub(crate) const BOTH: [Protocol; 2] = [Protocol::V16, Protocol::V18];

/// A message from the server, or an event of the connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    InitResponse,
    Key {
        code: i16,
        key: Option<Vec<u8>>,
    },
    Pong {
        server_time: i32,
        client_time: i32,
    },
    Response {
        code: u8,
        return_code: i16,
        text: String,
        parameters: Parameters,
        encrypted: bool,
    },
    Event {
        code: u8,
        parameters: BTreeMap<u8, Value>,
        encrypted: bool,
    },
    Disconnect {
        code: i16,
        text: String,
    },
    Undecodable,
    /// Bytes that are not a frame.
    BadFrame,
    Closed,
}

pub(crate) struct Harness {
    pub(crate) core: ServerCore,
    pub(crate) now: Timestamp,
    random: Random,
    closed: Vec<ConnectionId>,
}

/// The connection of one client.
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) protocol: Protocol,
    pub(crate) cipher: Option<Cipher>,
    splitter: Splitter,
    /// Whether requests are encrypted.
    pub(crate) encrypt: bool,
    closed: bool,
}

impl Drop for Harness {
    /// Every test ends with a check of the server's tables.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.core.check_at_rest(), Ok(()));
        }
    }
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut core = ServerCore::new(ServerConfig::new().with(change), [7; 32]);
        core.set_front_end_port(5000);
        Self {
            core,
            now: Timestamp::from_millis(1000),
            random: Random::new([8; 32]),
            closed: Vec::new(),
        }
    }

    /// Opens a connection without sending anything.
    pub(crate) fn accept(&mut self, server_kind: ServerKind, protocol: Protocol) -> Peer {
        let id = self.core.accept_stream(self.now, server_kind, HOST);
        let splitter = Splitter::new(
            photon_proto::Role::Client,
            Limits::DEFAULT.max_received_bytes,
        );
        Peer {
            id,
            protocol,
            cipher: None,
            splitter,
            encrypt: false,
            closed: false,
        }
    }

    /// Opens a connection and completes the init.
    pub(crate) fn connect(&mut self, server_kind: ServerKind, protocol: Protocol) -> Peer {
        let mut peer = self.accept(server_kind, protocol);
        self.send_init(&peer);
        assert_eq!(self.drain(&mut peer), [Got::InitResponse]);
        peer
    }

    pub(crate) fn send_init(&mut self, peer: &Peer) {
        let init = Init {
            protocol: peer.protocol.version(),
            sdk: 31,
            ipv6: false,
            version: [4, 1, 8, 20],
            application: Text::from("NameServer"),
        };
        self.send_message(peer, |bytes| init.encode(bytes));
    }

    /// Opens a connection, completes the init and exchanges keys. Requests are encrypted from then
    /// on.
    pub(crate) fn connect_encrypted(
        &mut self,
        server_kind: ServerKind,
        protocol: Protocol,
    ) -> Peer {
        let mut peer = self.connect(server_kind, protocol);
        let exchange = self.send_key(&peer);
        let got = self.drain(&mut peer);
        let [
            Got::Key {
                code: 0,
                key: Some(key),
            },
        ] = got.as_slice()
        else {
            panic!("{got:?}")
        };
        peer.cipher = Some(Cipher::new(&exchange.agree(key).unwrap()));
        peer.encrypt = true;
        peer
    }

    pub(crate) fn send_key(&mut self, peer: &Peer) -> KeyExchange {
        let exchange = KeyExchange::new(&mut self.random);
        self.send_message(peer, |bytes| {
            internal::encode_key_request(
                bytes,
                peer.protocol,
                &Limits::DEFAULT,
                exchange.public_key(),
            )
            .unwrap();
        });
        exchange
    }

    /// Connects a user to the front end, logs it in with full credentials, and discards the
    /// responses.
    pub(crate) fn enter(&mut self, user: &str, protocol: Protocol) -> Peer {
        let mut peer = self.connect(ServerKind::FrontEnd, protocol);
        let got = self.ask(&mut peer, 230, credentials(user));
        assert!(
            matches!(
                got.first(),
                Some(Got::Response {
                    code: 230,
                    return_code: 0,
                    ..
                })
            ),
            "{got:?}"
        );
        peer
    }

    pub(crate) fn send_message(&mut self, peer: &Peer, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
        let start = frame.message_position();
        write(&mut bytes);
        if let (true, Some(cipher)) = (peer.encrypt, &peer.cipher) {
            message::encrypt(&mut bytes, start, cipher);
        }
        tcp::end_frame(&mut bytes, frame);
        self.send_bytes(peer, &bytes);
    }

    pub(crate) fn send_bytes(&mut self, peer: &Peer, bytes: &[u8]) {
        self.core.received(self.now, peer.id, bytes);
    }

    pub(crate) fn request(&mut self, peer: &Peer, code: u8, parameters: Vec<(u8, Value)>) {
        self.send_message(peer, |bytes| {
            let mut writer =
                MessageWriter::request(bytes, peer.protocol, &Limits::DEFAULT, code).unwrap();
            for (key, value) in &parameters {
                writer.put(*key, value).unwrap();
            }
            writer.finish().unwrap();
        });
    }

    /// Sends a request, and returns everything that the server sends to this connection at once.
    pub(crate) fn ask(
        &mut self,
        peer: &mut Peer,
        code: u8,
        parameters: Vec<(u8, Value)>,
    ) -> Vec<Got> {
        self.request(peer, code, parameters);
        self.drain(peer)
    }

    /// Advances the time from deadline to deadline.
    pub(crate) fn wait(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        let mut steps = 0;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            assert!(
                at > self.now || steps == 0,
                "a deadline that service does not move"
            );
            self.now = self.now.max(at);
            self.core.service(self.now);
            steps += 1;
            assert!(steps < 10_000, "busy");
        }
        self.now = end;
        self.core.service(self.now);
    }

    /// Closes a client's connection.
    pub(crate) fn hang_up(&mut self, peer: Peer) {
        self.core.closed(self.now, peer.id);
    }

    /// Returns everything that was sent to this connection since the last call.
    pub(crate) fn drain(&mut self, peer: &mut Peer) -> Vec<Got> {
        while let Some(bytes) = self.core.transmit(peer.id) {
            // In chunks, as a socket takes them.
            let count = bytes.len().min(1000);
            peer.splitter.push(&bytes[..count]);
            self.core.transmitted(peer.id, count);
        }
        while let Some(id) = self.core.poll_close() {
            self.closed.push(id);
        }
        let mut all = Vec::new();
        loop {
            match peer.splitter.next() {
                Ok(None) => break,
                Ok(Some(Item::PingResponse {
                    server_time,
                    client_time,
                })) => {
                    all.push(Got::Pong {
                        server_time,
                        client_time,
                    });
                }
                Ok(Some(Item::Frame { message, .. })) => {
                    let message = peer.splitter.message_mut(message);
                    all.push(
                        decode(message, peer.protocol, peer.cipher.as_ref())
                            .unwrap_or(Got::Undecodable),
                    );
                }
                Ok(Some(other)) => panic!("{other:?}"),
                Err(_) => {
                    all.push(Got::BadFrame);
                    break;
                }
            }
        }
        if !peer.closed && self.closed.contains(&peer.id) {
            peer.closed = true;
            all.push(Got::Closed);
        }
        all
    }

    pub(crate) fn last_id(&self, channel: &str) -> Option<i32> {
        self.core.channel_last_id(APP, "1.0", channel)
    }
}

pub(crate) fn decode(
    message: &mut [u8],
    protocol: Protocol,
    cipher: Option<&Cipher>,
) -> Option<Got> {
    let limits = Limits::DEFAULT;
    let encrypted = Header::decode(message).ok()?.encrypted;
    let (kind, body) = message::decrypt(message, cipher).ok()?;
    let text = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().into_owned();
    Some(match Message::decode(kind, protocol, &limits, body).ok()? {
        Message::InitResponse => Got::InitResponse,
        Message::Response {
            internal: true,
            code: 0,
            return_code,
            mut params,
            ..
        } => Got::Key {
            code: return_code,
            key: internal::public_key(&mut params).ok()?.map(<[u8]>::to_vec),
        },
        Message::Response {
            internal: true,
            code: 1,
            mut params,
            ..
        } => {
            let (client, server) = internal::ping_times(&mut params).ok()?;
            Got::Pong {
                server_time: server?,
                client_time: client?,
            }
        }
        Message::Response {
            internal: false,
            code,
            return_code,
            debug_message,
            mut params,
        } => Got::Response {
            code,
            return_code,
            text: text(debug_message),
            parameters: params.to_parameters().ok()?,
            encrypted,
        },
        Message::Event { code, mut params } => Got::Event {
            code,
            parameters: event_parameters(&mut params)?,
            encrypted,
        },
        Message::Disconnect {
            code,
            debug_message,
            ..
        } => Got::Disconnect {
            code,
            text: text(debug_message),
        },
        other => panic!("a server never sends {other:?}"),
    })
}

/// Decodes parameters as a client does: the messages of event 0 one by one, so that each of them
/// may have the maximum depth.
fn event_parameters(params: &mut photon_proto::Params<'_>) -> Option<BTreeMap<u8, Value>> {
    let mut all = BTreeMap::new();
    while let Some(key) = params.next_key().ok()? {
        let mut copy = params.clone();
        let value = match params.value() {
            Ok(value) => value,
            Err(_) => {
                let mut elements = Vec::new();
                let result = copy.elements("messages", |element| {
                    elements.push(match element {
                        photon_proto::Element::Text(text) => {
                            Value::from(std::str::from_utf8(text).unwrap())
                        }
                        photon_proto::Element::Other(value) => {
                            value.to_value(&Limits::DEFAULT).unwrap()
                        }
                    });
                });
                result.ok()?;
                *params = copy;
                Value::from(elements)
            }
        };
        all.insert(key, value);
    }
    Some(all)
}

pub(crate) fn credentials(user: &str) -> Vec<(u8, Value)> {
    vec![(224, APP.into()), (220, "1.0".into()), (225, user.into())]
}

pub(crate) fn texts(all: &[&str]) -> Value {
    Value::from(all.iter().map(|text| Text::from(*text)).collect::<Vec<_>>())
}

pub(crate) fn ok(code: u8) -> Got {
    response(code, 0, "")
}

pub(crate) fn response(code: u8, return_code: i16, text: &str) -> Got {
    Got::Response {
        code,
        return_code,
        text: text.to_owned(),
        parameters: Vec::new(),
        encrypted: false,
    }
}

pub(crate) fn event(code: u8, parameters: impl IntoIterator<Item = (u8, Value)>) -> Got {
    Got::Event {
        code,
        parameters: parameters.into_iter().collect(),
        encrypted: false,
    }
}

/// Event 5.
pub(crate) fn subscribed(channels: &[(&str, bool)]) -> Got {
    let (names, results): (Vec<&str>, Vec<bool>) = channels.iter().copied().unzip();
    event(5, [(0, texts(&names)), (15, Value::from(results))])
}

/// Event 0.
pub(crate) fn messages(channel: &str, all: &[(&str, Value)], last_id: i32) -> Got {
    let (senders, contents): (Vec<&str>, Vec<Value>) = all.iter().cloned().unzip();
    event(
        0,
        [
            (1, channel.into()),
            (4, texts(&senders)),
            (2, Value::from(contents)),
            (8, Value::Int(last_id)),
        ],
    )
}

/// Event 2.
pub(crate) fn private(sender: &str, target: &str, content: impl Into<Value>, id: i32) -> Got {
    event(
        2,
        [
            (5, sender.into()),
            (225, target.into()),
            (3, content.into()),
            (8, Value::Int(id)),
        ],
    )
}

impl Got {
    /// Returns the return code of a response to this operation.
    pub(crate) fn return_code(&self, operation: u8) -> i16 {
        match self {
            Self::Response {
                code, return_code, ..
            } if *code == operation => *return_code,
            other => panic!("not a response to {operation}: {other:?}"),
        }
    }

    pub(crate) fn parameter(&self, key: u8) -> Option<&Value> {
        match self {
            Self::Response { parameters, .. } => parameters
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, value)| value),
            Self::Event { parameters, .. } => parameters.get(&key),
            other => panic!("no parameters: {other:?}"),
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(
            self,
            Self::Response {
                encrypted: true,
                ..
            } | Self::Event {
                encrypted: true,
                ..
            }
        )
    }
}
