//! The server's end of each kind of link, up to whole messages: a raw endpoint, see the docs of the
//! harness.

use super::datagram::{self, SentDatagram};
use chat_core::{Timestamp, Wire};
use photon_proto::json::{self, Frame, Reader};
use photon_proto::tcp::{self, Item, Splitter};
use photon_proto::udp::{Cause, Config, ConnectRequest, Connection, Delivery, Event, State};
use photon_proto::{Limits, Protocol, Role, internal};
use std::time::Duration;

/// The server's clock at the start of a datagram connection.
pub(crate) const SERVER_CLOCK: u32 = 5_000_000;
/// The peer id that the server assigns.
pub(crate) const PEER_ID: u16 = 0x0042;

/// Input of a link.
pub(super) enum Arrived {
    Message {
        channel: u8,
        delivery: u8,
        raw: Vec<u8>,
    },
    /// A ping message.
    Ping { client_time: i32 },
}

#[derive(Debug)]
pub(crate) enum End {
    Stream(StreamEnd),
    Datagrams(Box<DatagramEnd>),
    Messages(MessageEnd),
}

impl End {
    pub(super) fn new(wire: Wire) -> Self {
        match wire {
            Wire::Stream => Self::Stream(StreamEnd::new()),
            Wire::Datagram => Self::Datagrams(Box::default()),
            Wire::WebSocket { protocol, .. } => Self::Messages(MessageEnd {
                json: protocol.is_text(),
                ..MessageEnd::new(protocol.binary())
            }),
            other => panic!("unknown: {other:?}"),
        }
    }

    /// Handles bytes that the client sent. A datagram that is not `answered` is lost.
    pub(super) fn take(&mut self, now: Timestamp, bytes: &[u8], answered: bool) -> Vec<Arrived> {
        match self {
            Self::Stream(stream) => stream.take(bytes),
            Self::Datagrams(datagrams) => datagrams.take(now, bytes, answered),
            // wire.md 7.1: WebSocket has no channels and delivery modes. These values stand for its
            // order and reliability.
            Self::Messages(messages) if messages.json => messages.take_json(bytes),
            Self::Messages(_) => vec![Arrived::Message {
                channel: 0,
                delivery: 1,
                raw: bytes.to_vec(),
            }],
        }
    }

    /// The driver's input when the server sends these frames.
    pub(super) fn input_for(&mut self, now: Timestamp, framed: &[u8]) -> Vec<Vec<u8>> {
        match self {
            // Unchanged: it may be half a frame, or not a frame.
            Self::Stream(_) => vec![framed.to_vec()],
            Self::Datagrams(datagrams) => datagrams.input_for(now, framed),
            Self::Messages(messages) => messages.input_for(framed),
        }
    }

    /// The bytes that the server's end sends by itself: ping responses if they are wanted,
    /// acknowledgements, and resends.
    pub(super) fn answer(&mut self, now: Timestamp, pings: bool) -> Vec<Vec<u8>> {
        match self {
            Self::Stream(stream) => stream.answer_pings(now, pings),
            Self::Datagrams(datagrams) => datagrams.outgoing(now),
            Self::Messages(messages) => messages.answer_pings(now, pings),
        }
    }

    /// Handles a ping that arrived as a message.
    #[track_caller]
    pub(super) fn on_ping_message(&mut self, client_time: i32) {
        match self {
            Self::Messages(messages) => messages.unanswered.push(client_time),
            other => panic!("only WebSocket has ping messages: {other:?}"),
        }
    }

    pub(super) const fn is_json(&self) -> bool {
        matches!(self, Self::Messages(messages) if messages.json)
    }

    /// The next deadline of the server's end.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Stream(_) | Self::Messages(_) => None,
            Self::Datagrams(datagrams) => datagrams.connection.as_ref()?.poll_timeout(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct StreamEnd {
    splitter: Splitter,
    unanswered: Vec<i32>,
}

impl StreamEnd {
    fn new() -> Self {
        Self {
            splitter: Splitter::new(Role::Server, Limits::DEFAULT.max_received_bytes),
            unanswered: Vec::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        self.splitter.push(bytes);
        while let Some(item) = self.splitter.next().expect("the client's frames are valid") {
            arrived.push(match item {
                Item::PingRequest { client_time } => {
                    self.unanswered.push(client_time);
                    Arrived::Ping { client_time }
                }
                Item::PingResponse { .. } => panic!("a client sends no ping responses"),
                Item::Frame {
                    channel,
                    delivery,
                    message,
                } => Arrived::Message {
                    channel,
                    delivery,
                    raw: self.splitter.message_mut(message).to_vec(),
                },
            });
        }
        assert_eq!(self.splitter.buffered_bytes(), 0, "half a frame");
        arrived
    }

    fn answer_pings(&mut self, now: Timestamp, wanted: bool) -> Vec<Vec<u8>> {
        if !wanted || self.unanswered.is_empty() {
            return Vec::new();
        }
        let mut answers = Vec::new();
        for client_time in self.unanswered.drain(..) {
            tcp::encode_ping_response(
                &mut answers,
                now.as_millis() as i32 + 1_000_000,
                client_time,
            );
        }
        vec![answers]
    }
}

/// Whole messages, without frames. Spec: wire.md 7.1.
#[derive(Debug)]
pub(crate) struct MessageEnd {
    protocol: Protocol,
    json: bool,
    /// Whether this end has sent the init response. Before that it answers no pings, because a ping
    /// response counts as init response, and tests decide when to send it. A server that never
    /// sends it is in `websocket`.
    sent_init_response: bool,
    unanswered: Vec<i32>,
}

impl MessageEnd {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            json: false,
            sent_init_response: false,
            unanswered: Vec::new(),
        }
    }

    fn input_for(&mut self, framed: &[u8]) -> Vec<Vec<u8>> {
        let messages = unframed(framed, true);
        self.sent_init_response |= messages.contains(&vec![0xF3, 1, 0]);
        if self.json {
            messages.iter().map(|message| in_json(message)).collect()
        } else {
            messages
        }
    }

    fn take_json(&mut self, text: &[u8]) -> Vec<Arrived> {
        let limits = Limits {
            max_received_bytes: usize::MAX,
            ..Limits::DEFAULT
        };
        let mut reader = Reader::new(Role::Server, &limits, text).expect("text");
        let (mut arrived, mut raw) = (Vec::new(), Vec::new());
        while let Some(frame) = reader
            .next(&mut raw)
            .expect("the client's frames are valid")
        {
            arrived.push(match frame {
                Frame::PingRequest { client_time } => {
                    self.unanswered.push(client_time);
                    Arrived::Ping { client_time }
                }
                Frame::Message(range) => Arrived::Message {
                    channel: 0,
                    delivery: 1,
                    raw: raw[range].to_vec(),
                },
                other => panic!("a client does not send {other:?}"),
            });
        }
        assert_eq!(arrived.len(), 1, "one frame in a message");
        arrived
    }

    fn answer_pings(&mut self, now: Timestamp, wanted: bool) -> Vec<Vec<u8>> {
        if !wanted || !self.sent_init_response {
            return Vec::new();
        }
        let answer = |client_time| {
            let (mut answer, server_time) = (Vec::new(), now.as_millis() as i32 + 1_000_000);
            if self.json {
                json::encode_ping_response(&mut answer, &Limits::DEFAULT, client_time, server_time)
                    .expect("fits");
                return answer;
            }
            internal::encode_ping_response(
                &mut answer,
                self.protocol,
                &Limits::DEFAULT,
                client_time,
                server_time,
            )
            .expect("fits");
            answer
        };
        self.unanswered.drain(..).map(answer).collect()
    }
}

/// Converts a message of 1.8, an init response or a bare ping response to JSON.
fn in_json(message: &[u8]) -> Vec<u8> {
    let (mut text, limits) = (
        Vec::new(),
        Limits {
            max_sent_bytes: usize::MAX,
            ..Limits::DEFAULT
        },
    );
    match *message {
        [0xF3, 1, 0] => json::encode_session(&mut text, &limits, "0123456789abcdef").expect("fits"),
        [0xF0, s0, s1, s2, s3, c0, c1, c2, c3] => {
            let (server_time, client_time) = (
                i32::from_be_bytes([s0, s1, s2, s3]),
                i32::from_be_bytes([c0, c1, c2, c3]),
            );
            json::encode_ping_response(&mut text, &limits, client_time, server_time).expect("fits");
        }
        _ => json::encode_message(&mut text, &limits, message).expect("JSON can express it"),
    }
    text
}

/// A message in which raw bytes replace the text `place`.
#[track_caller]
pub(super) fn spoiled(protocol: Protocol, message: &[u8], place: &str, raw: &[u8]) -> Vec<u8> {
    let at = find(message, place.as_bytes());
    let (code, length) = match protocol {
        Protocol::V16 => (b's', 2),
        _ => (7, 1),
    };
    let mut start = at - length;
    // Elements of a string array have no type code. In 1.6 the array has that of its elements.
    if message[start - 1] == code && !(length == 2 && message[start - 4] == b'y') {
        start -= 1;
    }
    [&message[..start], raw, &message[at + place.len()..]].concat()
}

/// The same in JSON.
#[track_caller]
pub(super) fn spoiled_json(framed: &[u8], place: &str, raw: &[u8]) -> Vec<u8> {
    let text = in_json(&framed[7..]);
    let quoted = format!("\"{place}\"");
    let at = find(&text, quoted.as_bytes());
    let payload = find(&text, b"~j~");
    let payload = [&text[payload..at], raw, &text[at + quoted.len()..]].concat();
    // Half a surrogate pair is one unit, whatever bytes it was written as.
    let units = payload.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    [format!("~m~{units}~m~").into_bytes(), payload].concat()
}

#[track_caller]
fn find(all: &[u8], part: &[u8]) -> usize {
    all.windows(part.len())
        .position(|window| window == part)
        .expect("it is there")
}

/// The messages in frames. With `pings`, bare ping responses count as messages.
fn unframed(framed: &[u8], pings: bool) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(Role::Client, Limits::DEFAULT.max_received_bytes);
    splitter.push(framed);
    let mut messages = Vec::new();
    while let Some(item) = splitter
        .next()
        .expect("whole frames: only streams carry anything else")
    {
        match item {
            Item::Frame { message, .. } => messages.push(splitter.message_mut(message).to_vec()),
            Item::PingResponse {
                server_time,
                client_time,
            } if pings => {
                let mut message = Vec::new();
                tcp::encode_ping_response(&mut message, server_time, client_time);
                messages.push(message);
            }
            other => panic!("only streams carry this: {other:?}"),
        }
    }
    assert_eq!(
        splitter.buffered_bytes(),
        0,
        "only streams carry half a frame"
    );
    messages
}

#[derive(Debug, Default)]
pub(crate) struct DatagramEnd {
    /// The datagrams that the client sent, arrived or not.
    pub(crate) sent_datagrams: Vec<SentDatagram>,
    /// The end of the connection from the server's view.
    pub(crate) ended: Option<Cause>,
    challenge: Option<u32>,
    /// `None` until the client's connect command arrived.
    connection: Option<Connection>,
    /// The last sequence number that the server used on channel 0.
    last_rseq: u32,
}

impl DatagramEnd {
    fn take(&mut self, now: Timestamp, bytes: &[u8], answered: bool) -> Vec<Arrived> {
        let sent_datagrams = SentDatagram::read(now, bytes);
        assert_eq!(
            *self
                .challenge
                .get_or_insert(sent_datagrams.header.challenge),
            sent_datagrams.header.challenge
        );
        self.sent_datagrams.push(sent_datagrams);
        if !answered {
            return Vec::new();
        }
        match &mut self.connection {
            Some(connection) => connection.handle_datagram(now, bytes),
            None => {
                let Some(request) = ConnectRequest::decode(bytes) else {
                    return Vec::new();
                };
                // It sends nothing by itself, never times out, and has no send window: tests decide
                // what the server does.
                let config = Config::server().with(|config| {
                    config.ping_interval = Duration::ZERO;
                    config.connect_timeout = Duration::ZERO;
                    config.disconnect_timeout = Duration::from_millis(u64::MAX / 4);
                    config.max_resends = u32::MAX;
                    config.send_window = 0;
                });
                self.connection = Some(Connection::accept(
                    config,
                    &request,
                    PEER_ID,
                    SERVER_CLOCK,
                    now,
                ));
            }
        }
        let mut arrived = Vec::new();
        while let Some(event) = self.connection.as_mut().and_then(Connection::poll_event) {
            match event {
                Event::Connected => {}
                Event::Message(message) => arrived.push(Arrived::Message {
                    channel: message.channel,
                    delivery: message.delivery.code(),
                    raw: message.bytes,
                }),
                Event::Disconnected(cause) => self.ended = Some(cause),
            }
        }
        arrived
    }

    pub(crate) fn input_for(&mut self, now: Timestamp, framed: &[u8]) -> Vec<Vec<u8>> {
        let messages = unframed(framed, false);
        let (challenge, connection) = (self.challenge(), self.connection());
        if connection.state() == State::Connected {
            for message in messages {
                connection
                    .send(0, Delivery::Reliable, &message)
                    .expect("connected");
            }
            return self.outgoing(now);
        }
        // Messages of a server that has not noticed yet that the client left.
        let numbers = self.last_rseq + 1..;
        let late = numbers
            .zip(&messages)
            .map(|(rseq, message)| datagram::reliable(rseq, message));
        vec![datagram::of(challenge, late.collect::<Vec<_>>())]
    }

    /// Returns the datagrams that the server's end sends now.
    pub(crate) fn outgoing(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        let Some(connection) = &mut self.connection else {
            return datagrams;
        };
        connection.handle_timeout(now);
        while let Some(datagram) = connection.transmit(now) {
            datagrams.push(datagram.to_vec());
            connection.transmitted();
            let sent_datagrams = datagrams
                .last()
                .map(|datagram| SentDatagram::read(now, datagram))
                .expect("just pushed");
            let numbers = sent_datagrams
                .commands
                .iter()
                .filter(|command| command.channel == 0)
                .map(|command| command.rseq);
            self.last_rseq = numbers.max().unwrap_or_default().max(self.last_rseq);
        }
        datagrams
    }

    /// The server's end of the connection.
    #[track_caller]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("the connect command arrived")
    }

    #[track_caller]
    pub(crate) fn challenge(&self) -> u32 {
        self.challenge.expect("the client has sent something")
    }

    pub(super) fn forget(&mut self) {
        self.sent_datagrams.clear();
    }
}
