//! One client's connection: its [`Peer`] in the server role, and the server's records about it.
//!
//! ```text
//! accepted --init--> open --authenticate--> authenticated --ended by the server--> closing --flushed--> gone
//! ```

use photon_proto::message::{Header, Message, MessageKind};
use photon_proto::peer::{End, Inbound, Peer, SendError, SendOptions, SubProtocol, Wire};
use photon_proto::tcp::{self, Delivery};
use photon_proto::{DecodeError, Limits, Parameters, Random, Text, Timestamp, udp};

use crate::acceptors::Side;
use crate::delay_queue::DelayQueue;
use crate::ids::{PartitionKey, ServerKind};
use crate::timers::TimerId;

/// The reason of a disconnect command unless there is a better one: server logic. Spec: udp.md 7.2.
const REASON_LOGIC: u8 = 1;

pub(crate) struct Connection {
    pub(crate) server_kind: ServerKind,
    pub(crate) local_host: Text,
    /// The client reports that it connected over IPv6. Spec: wire.md 2, 7.
    pub(crate) ipv6: bool,
    /// Path and query of a WebSocket; empty for other transports.
    pub(crate) path: Text,
    /// Code of the close frame that a WebSocket client sent.
    pub(crate) close_code: Option<u16>,
    /// Framing, init, keys, pings and the conversion of JSON.
    pub(crate) peer: Peer,
    /// The datagram connection below the peer, if it has one.
    pub(crate) handle: Option<udp::ConnectionHandle>,
    /// Bytes that a delay holds back.
    pub(crate) delayed: DelayQueue,
    /// The app id in the path of a JSON client, which its requests then need not repeat.
    pub(crate) app_id: Option<Text>,
    /// When it was accepted.
    pub(crate) accepted: Timestamp,
    /// Whether a key exchange was computed for it. There is one for each connection.
    pub(crate) keys_asked: bool,
    /// Its part of what waits to be sent on all connections, as counted last.
    pub(crate) counted_outgoing: usize,
    /// The reason why the server ends it; empty while it does not.
    pub(crate) end_reason: Text,
    /// Whose connection it is, once the front end has accepted the login.
    pub(crate) user: Option<(PartitionKey, Text)>,
    /// Set once the server wants to end it: until when its last bytes may leave.
    pub(crate) closing: Option<Timestamp>,
    /// The reason that the disconnect command of a datagram connection gives.
    pub(crate) reason: u8,
    /// The reminder to look at it.
    pub(crate) reminder: Option<TimerId>,
    /// Whether a fault has muted it: it sends nothing any more.
    pub(crate) muted: bool,
    /// Whether it is queued for `poll_writable`.
    pub(crate) announced: bool,
    /// The second in which operations are being counted, and how many there were.
    pub(crate) rate: (u64, u32),
}

/// Something that a client sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    Init {
        /// The client reports that it connected over IPv6.
        ipv6: bool,
    },
    Ping {
        client_time: i32,
    },
    KeyExchange,
    Request {
        code: u8,
        encrypted: bool,
        parameters: Result<Parameters, DecodeError>,
    },
    /// A message that cannot be decoded; it is skipped. Spec: wire.md 10.
    Bad(DecodeError),
    /// A message without a meaning for a server.
    Ignored,
}

impl Connection {
    /// A connection over a link that is open.
    pub(crate) fn new(
        now: Timestamp,
        server_kind: ServerKind,
        local_host: Text,
        peer: Peer,
    ) -> Self {
        Self {
            server_kind,
            local_host,
            ipv6: false,
            path: Text::default(),
            close_code: None,
            peer,
            handle: None,
            delayed: DelayQueue::default(),
            app_id: None,
            accepted: now,
            keys_asked: false,
            counted_outgoing: 0,
            end_reason: Text::default(),
            user: None,
            closing: None,
            reason: REASON_LOGIC,
            reminder: None,
            muted: false,
            announced: false,
            rate: (0, 0),
        }
    }

    // Messages in.

    /// The next thing that the client sent; an error ends the connection.
    pub(crate) fn next(
        &mut self,
        now: Timestamp,
        limits: &Limits,
        random: &mut Random,
    ) -> Result<Option<Incoming>, DecodeError> {
        while self.peer.has_input() {
            let protocol = self.peer.protocol();
            return match self.peer.receive(now, random) {
                Inbound::Nothing => continue,
                Inbound::Init(init) => Ok(Some(Incoming::Init { ipv6: init.ipv6 })),
                Inbound::Ping { client_time } => Ok(Some(Incoming::Ping { client_time })),
                Inbound::KeyRequest => Ok(Some(Incoming::KeyExchange)),
                Inbound::Message {
                    kind: MessageKind::Request,
                    encrypted,
                    message,
                } => Ok(Some(
                    request(protocol, limits, encrypted, message).unwrap_or_else(Incoming::Bad),
                )),
                Inbound::Bad { error, .. } => Ok(Some(Incoming::Bad(error))),
                Inbound::Ended(End::BadStream(error) | End::BadInit(error)) => Err(error),
                Inbound::Ended(end) => {
                    debug_assert!(false, "{end:?} ends a server's connection");
                    Ok(None)
                }
                _ => Ok(Some(Incoming::Ignored)),
            };
        }
        Ok(None)
    }

    // Messages out.

    /// Sends a message, encrypted if that is asked for and there are keys.
    pub(crate) fn send(&mut self, message: &[u8], encrypt: bool) -> Result<(), SendError> {
        if self.peer.protocol().is_none() {
            // Before the init only faults send something.
            self.send_without_protocol(message);
            return Ok(());
        }
        let options = SendOptions::PLAIN.encrypt(encrypt && self.peer.is_encrypted());
        self.peer.send(options, |buffer, _, _| {
            buffer.extend_from_slice(message);
            Ok(())
        })
    }

    fn send_without_protocol(&mut self, message: &[u8]) {
        if !self.is_stream() {
            return self.peer.send_raw(message);
        }
        let mut bytes = Vec::new();
        let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
        bytes.extend_from_slice(message);
        tcp::end_frame(&mut bytes, frame);
        self.peer.send_raw(&bytes);
    }

    fn is_stream(&self) -> bool {
        self.peer.wire() == Wire::Stream
    }

    /// Moves what the peer has to send on its way: to the datagram connection, or into the delay
    /// queue if it is due later. Otherwise it stays in the peer until the driver takes it.
    pub(crate) fn forward(&mut self, side: &mut Side, now: Timestamp, due: Timestamp) {
        let held = self.delayed.holds(now, due);
        if !held && self.handle.is_none() {
            return;
        }
        while let Some(bytes) = self.peer.transmit(now) {
            match self.handle {
                Some(handle) if !held => side.send(handle, bytes),
                _ => self.delayed.push(due, bytes.to_vec()),
            }
            self.peer.transmitted(usize::MAX);
        }
    }

    /// Lets go what is due.
    pub(crate) fn release(&mut self, side: &mut Side, now: Timestamp) {
        self.delayed.release(now, self.is_stream());
        if let Some(handle) = self.handle {
            while let Some(message) = self.delayed.pop() {
                side.send(handle, &message);
            }
        }
    }

    /// The bytes that the driver can send now, or one message. Those of a datagram connection are
    /// sent by its table.
    pub(crate) fn unsent(&mut self, now: Timestamp) -> Option<&[u8]> {
        if self.delayed.unsent().is_some() {
            return self.delayed.unsent();
        }
        self.peer.transmit(now)
    }

    /// Whether [`unsent`](Self::unsent) gives anything.
    pub(crate) fn has_unsent(&self) -> bool {
        self.delayed.unsent().is_some() || self.peer.unsent_bytes() > 0
    }

    /// The driver has sent so many bytes, or the whole message.
    pub(crate) fn transmitted(&mut self, bytes: usize) {
        // A message counts as sent whatever the number.
        let bytes = if self.is_stream() { bytes } else { usize::MAX };
        if self.delayed.unsent().is_some() {
            self.delayed.consume(bytes);
        } else {
            self.peer.transmitted(bytes);
        }
    }

    /// Everything that has not been sent, or on datagrams not been acknowledged, in bytes.
    pub(crate) fn waiting(&self, side: &Side) -> usize {
        let below = self.handle.map_or(0, |handle| side.queued_bytes(handle));
        self.delayed.bytes() + self.peer.unsent_bytes() + below
    }

    /// The bytes of a message that was received in part.
    pub(crate) fn unfinished_bytes(&self, side: &Side) -> usize {
        let below = self.handle.map_or(0, |handle| side.received_bytes(handle));
        let above = self.peer.buffered_bytes() - self.peer.unsent_bytes();
        above + below
    }

    /// Whether nothing is left that has to be done here before the connection can end.
    pub(crate) fn is_drained(&self) -> bool {
        self.delayed.is_empty() && self.peer.unsent_bytes() == 0
    }

    /// Gives up what has not been sent; a datagram connection ends thereby.
    pub(crate) fn abort(&mut self, side: &mut Side) {
        self.delayed = DelayQueue::default();
        self.peer.abort();
        if let Some(handle) = self.handle {
            side.close(handle);
        }
    }

    /// From now on a datagram connection is silent, as if the server had crashed.
    pub(crate) fn vanish(&mut self, side: &mut Side) {
        if let Some(handle) = self.handle {
            self.delayed = DelayQueue::default();
            side.forget(handle);
        }
    }
}

fn request(
    protocol: Option<SubProtocol>,
    limits: &Limits,
    encrypted: bool,
    message: &[u8],
) -> Result<Incoming, DecodeError> {
    let Some(protocol) = protocol else {
        debug_assert!(false, "requests come after the init");
        return Ok(Incoming::Ignored);
    };
    let body = message.get(Header::LENGTH..).unwrap_or_default();
    match Message::decode(MessageKind::Request, protocol.binary(), limits, body)? {
        Message::Request {
            code, mut params, ..
        } => Ok(Incoming::Request {
            code,
            encrypted,
            parameters: params.to_parameters(),
        }),
        _ => Ok(Incoming::Ignored),
    }
}
