//! Two peers and the transport between them.

use photon_proto::message::{MessageKind, MessageWriter};
use photon_proto::peer::{
    Encryption, Inbound, KeyAnswer, Peer, PeerConfig, SendError, SendOptions, SubProtocol, Wire,
};
use photon_proto::udp::{Acceptor, AcceptorConfig, ConnectionHandle, Delivery, Event};
use photon_proto::{Protocol, Random, Timestamp};
use std::sync::Arc;

pub(crate) type Log = Vec<Inbound<Vec<u8>>>;

/// Each wire with each sub-protocol that it carries.
pub(crate) const WIRES: [(Wire, SubProtocol); 10] = [
    (Wire::Stream, SubProtocol::GpBinaryV16),
    (Wire::Stream, SubProtocol::GpBinaryV18),
    (Wire::Datagram, SubProtocol::GpBinaryV16),
    (Wire::Datagram, SubProtocol::GpBinaryV18),
    web_socket(false, SubProtocol::GpBinaryV16),
    web_socket(false, SubProtocol::GpBinaryV18),
    web_socket(false, SubProtocol::Json),
    web_socket(true, SubProtocol::GpBinaryV16),
    web_socket(true, SubProtocol::GpBinaryV18),
    web_socket(true, SubProtocol::Json),
];

const fn web_socket(secure: bool, protocol: SubProtocol) -> (Wire, SubProtocol) {
    (Wire::WebSocket { secure, protocol }, protocol)
}

pub(crate) fn config(protocol: SubProtocol, encryption: Encryption) -> Arc<PeerConfig> {
    let mut config = PeerConfig::default();
    config.protocol = protocol;
    config.encryption = encryption;
    Arc::new(config)
}

/// JSON has no key exchange.
pub(crate) fn encryption_of(wire: Wire, protocol: SubProtocol) -> Encryption {
    let secure = matches!(wire, Wire::WebSocket { secure: true, .. });
    if protocol.is_text() && !secure {
        Encryption::Off
    } else {
        Encryption::On
    }
}

pub(crate) fn owned(inbound: Inbound<&[u8]>) -> Inbound<Vec<u8>> {
    inbound.map(<[u8]>::to_vec)
}

/// Takes everything that a peer has received.
pub(crate) fn drain(peer: &mut Peer, now: Timestamp, random: &mut Random) -> Log {
    let mut log = Log::new();
    while peer.has_input() {
        let inbound = owned(peer.receive(now, random));
        let ended = matches!(inbound, Inbound::Ended(_));
        if inbound != Inbound::Nothing {
            log.push(inbound);
        }
        if ended {
            break;
        }
    }
    log
}

/// What a transport does to the bytes on the way to the server and to the client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cuts {
    /// The stream is cut here.
    pub(crate) to_server: Option<usize>,
    pub(crate) to_client: Option<usize>,
    /// The datagram with this number arrives with only so many bytes, once.
    pub(crate) datagram: Option<(usize, usize)>,
}

pub(crate) struct Pair {
    pub(crate) client: Peer,
    pub(crate) server: Peer,
    pub(crate) now: Timestamp,
    pub(crate) client_log: Log,
    pub(crate) server_log: Log,
    /// Everything that was carried.
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
    pub(crate) datagrams: usize,
    cuts: Cuts,
    wire: Wire,
    pub(crate) acceptor: Acceptor<u8>,
    connection: Option<ConnectionHandle>,
    client_random: Random,
    server_random: Random,
}

impl Pair {
    /// A pair whose bytes arrive whole, encrypted where the transport does so.
    pub(crate) fn uncut(wire: Wire, protocol: SubProtocol) -> Self {
        let encryption = encryption_of(wire, protocol);
        Self::new(wire, protocol, encryption, Cuts::default())
    }

    pub(crate) fn new(
        wire: Wire,
        protocol: SubProtocol,
        encryption: Encryption,
        cuts: Cuts,
    ) -> Self {
        let config = config(protocol, encryption);
        let mut client_random = Random::new([1; 32]);
        let mut pair = Self {
            client: Peer::client(config.clone(), wire, "NameServer", &mut client_random),
            server: Peer::server(config, wire),
            now: Timestamp::from_millis(5),
            client_log: Log::new(),
            server_log: Log::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
            datagrams: 0,
            cuts,
            wire,
            acceptor: Acceptor::new(AcceptorConfig::default(), [2; 32]),
            connection: None,
            client_random,
            server_random: Random::new([3; 32]),
        };
        // Over datagrams the last family counts until one arrives, on other wires the first.
        let first = wire != Wire::Datagram;
        pair.client.link_opened(pair.now, first);
        pair.client.link_opened(pair.now, !first);
        if wire != Wire::Datagram {
            pair.open_server();
        }
        pair.run();
        pair
    }

    fn open_server(&mut self) {
        self.server.link_opened(self.now, false);
        if matches!(self.wire, Wire::WebSocket { .. }) {
            self.server.answer_init(&mut self.server_random);
        }
    }

    /// Carries bytes and takes messages until nothing moves, and waits for what is due.
    pub(crate) fn run(&mut self) {
        for _ in 0..10_000 {
            let moved = self.carry_to_server() | self.carry_to_client();
            let client = drain(&mut self.client, self.now, &mut self.client_random);
            self.client_log.extend(client);
            let server = self.serve();
            if !moved && !server {
                let due = [self.client.poll_timeout(), self.acceptor.poll_timeout()];
                // Pings are always due some time; only the losses of this run matter.
                match due.into_iter().flatten().min() {
                    Some(at) if self.is_unsettled() => {
                        self.now = self.now.max(at);
                        self.client.handle_timeout(self.now);
                        self.acceptor.handle_timeout(self.now);
                    }
                    _ => return,
                }
            }
        }
        panic!("the connection does not settle: {:?}", self.client_log);
    }

    fn is_unsettled(&self) -> bool {
        let server = self
            .connection
            .and_then(|handle| self.acceptor.connection(handle));
        self.wire == Wire::Datagram
            && (self.client.unsent_bytes() > 0
                || server.is_some_and(|connection| connection.queued_bytes() > 0)
                || !self.client_log.contains(&Inbound::Ready))
    }

    fn carry_to_server(&mut self) -> bool {
        let mut moved = false;
        while let Some(bytes) = self.client.transmit(self.now) {
            let bytes = bytes.to_vec();
            self.client.transmitted(bytes.len());
            self.arrive_at_server(&bytes);
            moved = true;
        }
        moved
    }

    fn arrive_at_server(&mut self, bytes: &[u8]) {
        let before = self.to_server.len();
        self.to_server.extend_from_slice(bytes);
        match self.wire {
            Wire::Datagram => {
                let cut = self.count_datagram(bytes);
                self.acceptor.handle_datagram(self.now, &1, cut);
                self.take_events();
            }
            Wire::Stream => {
                for chunk in cut_at(bytes, before, self.cuts.to_server) {
                    self.server.handle_bytes(self.now, chunk);
                    let served = self.serve();
                    assert!(served || self.cuts.to_server.is_some());
                }
            }
            _ => self.server.handle_bytes(self.now, bytes),
        }
    }

    fn count_datagram<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let number = self.datagrams;
        self.datagrams += 1;
        match self.cuts.datagram {
            Some((which, length)) if which == number => &bytes[..length.min(bytes.len())],
            _ => bytes,
        }
    }

    fn take_events(&mut self) {
        while let Some((handle, event)) = self.acceptor.poll_event() {
            match event {
                Event::Connected => {
                    self.connection = Some(handle);
                    self.open_server();
                }
                Event::Message(message) => self.server.handle_bytes(self.now, &message.bytes),
                Event::Disconnected(_) => self.server.link_closed(),
            }
        }
    }

    fn carry_to_client(&mut self) -> bool {
        let mut moved = false;
        while let Some(bytes) = self.server.transmit(self.now) {
            let bytes = bytes.to_vec();
            self.server.transmitted(bytes.len());
            moved = true;
            if let Some(handle) = self.connection {
                self.acceptor
                    .send_with(handle, 0, Delivery::Reliable, |buffer, _| {
                        buffer.extend_from_slice(&bytes);
                        Ok::<(), SendError>(())
                    })
                    .expect("the connection stands");
                continue;
            }
            let before = self.to_client.len();
            self.to_client.extend_from_slice(&bytes);
            let cut = match self.wire {
                Wire::Stream => self.cuts.to_client,
                _ => None,
            };
            for chunk in cut_at(&bytes, before, cut) {
                self.client.handle_bytes(self.now, chunk);
                let taken = drain(&mut self.client, self.now, &mut self.client_random);
                self.client_log.extend(taken);
            }
        }
        while let Some((_, bytes)) = self.acceptor.transmit(self.now) {
            let bytes = bytes.to_vec();
            self.acceptor.transmitted();
            let cut = self.count_datagram(&bytes).to_vec();
            self.client.handle_bytes(self.now, &cut);
            moved = true;
        }
        moved
    }

    /// The owner of the server: answers everything at once.
    fn serve(&mut self) -> bool {
        let mut any = false;
        // An end is repeated for ever.
        let ended = |log: &Log| matches!(log.last(), Some(Inbound::Ended(_)));
        while self.server.has_input() && !ended(&self.server_log) {
            let inbound = owned(self.server.receive(self.now, &mut self.server_random));
            match &inbound {
                Inbound::Nothing => continue,
                Inbound::Init(_) => self.server.answer_init(&mut self.server_random),
                Inbound::KeyRequest => self
                    .server
                    .answer_keys(KeyAnswer::Agree, &mut self.server_random)
                    .expect("a good key"),
                Inbound::Ping { client_time } => self.server.answer_ping(7_000_000, *client_time),
                _ => {}
            }
            any = true;
            self.server_log.push(inbound);
        }
        any
    }
}

/// `bytes` lie at `at` in a stream that is cut at one position.
fn cut_at(bytes: &[u8], at: usize, cut: Option<usize>) -> Vec<&[u8]> {
    match cut.and_then(|cut| cut.checked_sub(at)) {
        Some(position) if position > 0 && position < bytes.len() => {
            let (one, other) = bytes.split_at(position);
            vec![one, other]
        }
        _ => vec![bytes],
    }
}

/// Sends a request (client) or an event (server) with this code and text.
pub(crate) fn send(peer: &mut Peer, kind: MessageKind, code: u8, text: &str, encrypt: bool) {
    let options = SendOptions::PLAIN.encrypt(encrypt);
    peer.send(options, |buffer, protocol, limits| {
        let mut writer = match kind {
            MessageKind::Request => MessageWriter::request(buffer, protocol, limits, code)?,
            _ => MessageWriter::event(buffer, protocol, limits, code)?,
        };
        writer.put(1, text)?;
        writer.finish().map_err(SendError::from)
    })
    .expect("the connection is ready");
}

/// The same message as its receiver gets it.
pub(crate) fn message(
    protocol: Protocol,
    kind: MessageKind,
    code: u8,
    text: &str,
    encrypted: bool,
) -> Inbound<Vec<u8>> {
    let limits = photon_proto::Limits::DEFAULT;
    let mut buffer = Vec::new();
    let mut writer = match kind {
        MessageKind::Request => MessageWriter::request(&mut buffer, protocol, &limits, code),
        _ => MessageWriter::event(&mut buffer, protocol, &limits, code),
    }
    .unwrap();
    writer.put(1, text).unwrap();
    writer.finish().unwrap();
    Inbound::Message {
        kind,
        encrypted,
        message: buffer,
    }
}
