//! Target [`peer()`].

use crate::script::{List, OneIn, choices, script_types};
use dev_server::Transport;
use photon_proto::crypto::KeyExchange;
use photon_proto::message::{Init, MessageWriter};
use photon_proto::peer::{
    Encryption, End, Inbound, KeyAnswer, Peer, PeerConfig, SendError, SendOptions, SubProtocol,
    Wire,
};
use photon_proto::tcp::{self, Delivery};
use photon_proto::udp::{self, Acceptor, AcceptorConfig, ConnectionHandle};
use photon_proto::{Limits, Protocol, Random, Timestamp, internal};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A whole script.
pub type Script = crate::script::Script<Setup, Step>;

script_types! {
    /// How the two peers are set up.
    #[derive(Copy, Default, Eq)]
    pub struct Setup {
        /// The transport between the peers; over UDP the server is above an acceptor.
        pub transport: AnyTransport,
        /// The sub-protocol; GpBinary 1.8 in place of JSON where the transport cannot carry it.
        pub protocol: AnyProtocol,
        /// Whether the client does without keys.
        pub is_plain: bool,
        /// Whether the caps are so small that a script reaches them.
        pub is_tight: bool,
        /// Whether the links are not open yet.
        pub is_closed: OneIn<8>,
    }

    /// One of the two peers.
    #[derive(Copy, Eq)]
    pub enum Side {
        /// The client.
        Client,
        /// The server.
        Server,
    }

    /// One step.
    pub enum Step {
        /// The transport takes bytes of a peer, and they arrive at the other.
        Carry {
            /// The sender.
            from: Side,
            /// How many bytes of a stream, or messages; 255 is all.
            count: u8,
        },
        /// An owner takes what was received, and the server's owner answers everything.
        Receive {
            /// Whose owner.
            side: Side,
            /// At most so often.
            times: u8,
        },
        /// An owner sends.
        Send {
            /// Whose owner.
            side: Side,
            /// The contents, and how they are sent.
            sending: Sending,
        },
        /// A quarter of the square of this many milliseconds pass, then the timers run.
        Wait(u8),
        /// Something that honest peers and owners do not do.
        Disturb(Disturbance),
    }

    /// A message of an owner.
    #[derive(Copy, Eq)]
    pub struct Sending {
        /// The length of the text in it.
        pub length: u16,
        /// Encrypted, if there are keys.
        pub encrypt: bool,
        /// Whether the cap is ignored.
        pub uncapped: bool,
        /// Whether the writer fails in the end.
        pub fails: OneIn<8>,
    }

    /// Something that honest peers and owners do not do.
    pub enum Disturbance {
        /// A peer receives something that the other did not send.
        Arrive {
            /// The receiver.
            side: Side,
            /// The disturbance.
            arrival: Arrival,
        },
        /// The server answers, asked or not.
        Answer(Answer),
        /// A peer sends bytes as they are.
        Raw {
            /// Which peer.
            side: Side,
            /// The bytes.
            bytes: List<u8, 40>,
        },
        /// The link or the connection begins or ends.
        Link {
            /// On which side.
            side: Side,
            /// The change.
            event: Link,
        },
    }

    /// Something that arrives.
    pub enum Arrival {
        /// Any bytes, as they are.
        Bytes(List<u8, 40>),
        /// Any message in a frame, where the wire has frames.
        Framed(List<u8, 40>),
        /// A message of a handshake.
        Handshake(Handshake),
    }

    /// A message of a handshake.
    #[derive(Copy, Eq)]
    pub enum Handshake {
        /// The client's init.
        Init,
        /// The answer to it.
        InitResponse,
        /// The client's key.
        KeyRequest,
        /// The server's key.
        KeyResponse,
        /// A ping as a message.
        Ping,
        /// Its answer.
        PingAnswer,
        /// A ping of the TCP framing.
        BarePing,
        /// Its answer.
        BarePingAnswer,
        /// JSON: the session id.
        Session,
    }

    /// An answer of the server.
    #[derive(Copy, Eq)]
    pub enum Answer {
        /// To the init.
        Init,
        /// To the key request.
        Agree,
        /// To the key request, with a bad key.
        BadKey,
        /// To the key request.
        Refuse,
        /// To the ping.
        Ping,
    }

    /// A change of a link or a connection.
    #[derive(Copy, Eq)]
    pub enum Link {
        /// The link opens, again perhaps.
        Open,
        /// The link ends.
        Close,
        /// `shutdown`.
        ShutDown,
        /// `abort`.
        Abort,
    }
}

choices! {
    /// A transport.
    #[derive(Eq)]
    pub struct AnyTransport(Transport) =
        [Transport::Tcp, Transport::Udp, Transport::Ws, Transport::Wss];

    /// A sub-protocol.
    #[derive(Eq)]
    pub struct AnyProtocol(SubProtocol) =
        [SubProtocol::GpBinaryV18, SubProtocol::GpBinaryV16, SubProtocol::Json];
}

/// The longest message that is received.
const MAX_RECEIVED_BYTES: usize = 2_000;
/// Above the incoming cap a stream accepts one chunk.
const OVERRUN_BYTES: usize = 64 * 1024;
/// So long may a script over UDP wait without consequences.
const MAX_UDP_WAIT_MS: u64 = 1_000;
/// The time after which a UDP connection resends at the end of a script, and how often that is tried.
const RESEND_WAIT_MS: u64 = 400;
const MAX_RESEND_WAITS: usize = 100;
/// So many rounds without an end mean that two honest peers talk for ever.
const MAX_ROUNDS: usize = 10_000;

/// A client and a server, and bytes, calls and times in any order.
///
/// - Nothing panics, and buffers keep their bounds.
/// - A refused [`Peer::send`] changes nothing.
/// - [`Peer::receive`] returns something only while [`Peer::has_input`]; an end is repeated.
/// - After [`Peer::handle_timeout`] the next deadline is later, unless the other end is overdue.
/// - If nothing was disturbed, both complete the handshake and take every message of the other, in
///   order, encrypted as it was sent.
///
/// # Panics
/// If one of these does not hold.
pub fn peer(data: &[u8]) {
    play(&Script::decode(data));
}

/// The progress that a script made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether the client completed the handshake.
    pub is_ready: bool,
    /// Whether keys were agreed on.
    pub is_encrypted: bool,
    /// How many messages arrived.
    pub messages: usize,
    /// Whether a connection ended.
    pub is_ended: bool,
    /// Whether something was disturbed.
    pub is_disturbed: bool,
}

/// Plays a script as [`peer()`] does. Returns how far it got.
///
/// # Panics
/// As [`peer()`].
#[expect(
    clippy::must_use_candidate,
    reason = "most callers want the assertions"
)]
pub fn play(script: &Script) -> Reached {
    let mut harness = Harness::new(script.setup);
    for step in &script.steps {
        harness.step(step);
        harness.check();
    }
    harness.finish();
    harness.check();
    harness.reached
}

/// A message that an owner sent and the other has not taken: its length, and whether encrypted.
type Expected = VecDeque<(u16, bool)>;

/// One peer, and what its owner knows.
struct Half {
    peer: Peer,
    /// Messages on the way to it.
    expected: Expected,
    end: Option<End>,
}

struct Harness {
    client: Half,
    server: Half,
    wire: Wire,
    protocol: SubProtocol,
    acceptor: Acceptor<u8>,
    handle: Option<ConnectionHandle>,
    client_random: Random,
    server_random: Random,
    now: Timestamp,
    incoming_cap: usize,
    /// How long a script waited.
    waited_ms: u64,
    /// Whether the handshake cannot succeed.
    is_hopeless: bool,
    reached: Reached,
}

impl Harness {
    fn new(setup: Setup) -> Self {
        let transport = setup.transport.get();
        let protocol = Some(setup.protocol.get())
            .filter(|protocol| transport.carries(*protocol))
            .unwrap_or(SubProtocol::GpBinaryV18);
        let wire = match transport {
            Transport::Tcp => Wire::Stream,
            Transport::Udp => Wire::Datagram,
            Transport::Ws | Transport::Wss => Wire::WebSocket {
                secure: transport.is_secure(),
                protocol,
            },
        };
        let mut config = PeerConfig::default();
        config.protocol = protocol;
        config.encryption = if setup.is_plain {
            Encryption::Off
        } else {
            Encryption::On
        };
        config.limits.max_received_bytes = MAX_RECEIVED_BYTES;
        if setup.is_tight {
            config.incoming_cap_bytes = 0;
            config.outgoing_cap_bytes = 600;
            config.kept_bytes = 100;
        }
        // The cap is never less than two of the longest messages.
        let incoming_cap = config.incoming_cap_bytes.max(2 * MAX_RECEIVED_BYTES);
        let config = Arc::new(config);
        let half = |peer| Half {
            peer,
            expected: Expected::new(),
            end: None,
        };
        let mut client_random = Random::new([7; 32]);
        let client = Peer::client(config.clone(), wire, "Chat", &mut client_random);
        let mut harness = Self {
            client: half(client),
            server: half(Peer::server(config, wire)),
            wire,
            protocol,
            acceptor: Acceptor::new(AcceptorConfig::default(), [8; 32]),
            handle: None,
            client_random,
            server_random: Random::new([9; 32]),
            now: Timestamp::from_millis(1),
            incoming_cap,
            waited_ms: 0,
            // JSON has no key exchange.
            is_hopeless: protocol.is_text() && !setup.is_plain && !transport.is_secure(),
            reached: Reached::default(),
        };
        if setup.is_closed.0 {
            harness.reached.is_disturbed = true;
        } else {
            harness.client.peer.link_opened(harness.now, false);
            if wire != Wire::Datagram {
                harness.open_server();
            }
        }
        harness
    }

    fn open_server(&mut self) {
        self.server.peer.link_opened(self.now, false);
        if matches!(self.wire, Wire::WebSocket { .. }) {
            self.server.peer.answer_init(&mut self.server_random);
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn other(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.server,
            Side::Server => &mut self.client,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Carry { from, count } => {
                self.carry(*from, *count);
            }
            Step::Receive { side, times } => {
                for _ in 0..*times {
                    if !self.receive(*side) {
                        break;
                    }
                }
            }
            Step::Send { side, sending } => self.send(*side, *sending),
            Step::Wait(root) => self.wait(u64::from(*root) * u64::from(*root) / 4),
            Step::Disturb(disturbance) => {
                self.reached.is_disturbed = true;
                self.disturb(disturbance);
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_millis(ms);
        self.waited_ms += ms;
        // Both ends of a UDP connection give up a peer that nothing is carried from.
        self.reached.is_disturbed |=
            self.wire == Wire::Datagram && self.waited_ms > MAX_UDP_WAIT_MS;
        self.acceptor.handle_timeout(self.now);
        self.take_events();
        for half in [&mut self.client, &mut self.server] {
            half.peer.handle_timeout(self.now);
            let next = half.peer.poll_timeout();
            let is_overdue = half.peer.overdue(self.now).is_some();
            assert!(
                is_overdue || next.is_none_or(|at| at > self.now),
                "{next:?} at {:?}",
                self.now
            );
        }
    }

    /// Returns whether anything was carried.
    fn carry(&mut self, from: Side, count: u8) -> bool {
        let mut any = false;
        let mut left = if count == 255 {
            usize::MAX
        } else {
            usize::from(count)
        };
        while left > 0 && self.other(from).peer.wants_input() {
            let now = self.now;
            let half = self.half(from);
            let first = half.peer.transmit(now).map(<[u8]>::to_vec);
            let again = half.peer.transmit(now).map(<[u8]>::to_vec);
            assert_eq!(first, again, "the same again until it is transmitted");
            let Some(mut bytes) = first else { break };
            assert!(!bytes.is_empty());
            if self.wire == Wire::Stream {
                // A driver passes no more at once. Owners may send more than that, beyond the cap.
                bytes.truncate(left.min(OVERRUN_BYTES));
                left -= bytes.len();
            } else {
                left -= 1;
            }
            self.half(from).peer.transmitted(bytes.len());
            self.arrive(from, &bytes);
            any = true;
        }
        // What the acceptor has to send belongs to the server.
        if from == Side::Server {
            while let Some((_, datagram)) = self.acceptor.transmit(self.now) {
                let datagram = datagram.to_vec();
                self.acceptor.transmitted();
                self.client.peer.handle_bytes(self.now, &datagram);
                any = true;
            }
        }
        any
    }

    /// Bytes of this side arrive at the other.
    fn arrive(&mut self, from: Side, bytes: &[u8]) {
        match (from, self.handle) {
            (Side::Client, _) if self.wire == Wire::Datagram => {
                self.acceptor.handle_datagram(self.now, &1, bytes);
                self.take_events();
            }
            (Side::Client, _) => self.server.peer.handle_bytes(self.now, bytes),
            (Side::Server, Some(handle)) => {
                let delivery = udp::Delivery::Reliable;
                let sent = self.acceptor.send_with(handle, 0, delivery, |buffer, _| {
                    buffer.extend_from_slice(bytes);
                    Ok::<(), udp::SendError>(())
                });
                self.reached.is_disturbed |= sent.is_err();
            }
            (Side::Server, None) if self.wire == Wire::Datagram => {}
            (Side::Server, None) => self.client.peer.handle_bytes(self.now, bytes),
        }
    }

    fn take_events(&mut self) {
        while self.server.peer.wants_input()
            && let Some((handle, event)) = self.acceptor.poll_event()
        {
            match event {
                udp::Event::Connected => {
                    self.handle = Some(handle);
                    self.open_server();
                }
                udp::Event::Message(message) => {
                    self.server.peer.handle_bytes(self.now, &message.bytes);
                }
                // A timeout, where a script waits long without carrying anything.
                udp::Event::Disconnected(_) => {
                    self.reached.is_disturbed = true;
                    self.server.peer.link_closed();
                }
            }
        }
    }

    /// An owner takes what was received. Returns whether there was anything.
    fn receive(&mut self, side: Side) -> bool {
        let now = self.now;
        let random = match side {
            Side::Client => &mut self.client_random,
            Side::Server => &mut self.server_random,
        };
        let half = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let has_input = half.peer.has_input();
        let received = half.peer.receive(now, random);
        assert!(
            has_input || received == Inbound::Nothing,
            "{received:?} without input"
        );
        match received {
            Inbound::Message {
                encrypted, message, ..
            } => {
                self.reached.messages += 1;
                assert!(message.len() >= 2, "a message has a header");
                let expected = half.expected.pop_front();
                if !self.reached.is_disturbed {
                    let (length, encrypt) = expected.expect("nothing else was sent");
                    assert_eq!(encrypted, encrypt);
                    let text = message.len().checked_sub(length.into());
                    let text = text.and_then(|start| message.get(start..));
                    assert!(
                        text.is_some_and(|text| text.iter().all(|byte| *byte == b't')),
                        "{length} bytes of text: {message:?}"
                    );
                }
            }
            Inbound::Ready => self.reached.is_ready = true,
            Inbound::Init(_) => half.peer.answer_init(random),
            Inbound::KeyRequest => {
                // A key that was made up may be a bad one.
                let _ = half.peer.answer_keys(KeyAnswer::Agree, random);
            }
            Inbound::Ping { client_time } => half.peer.answer_ping(1_000, client_time),
            Inbound::Bad { error, .. } => {
                assert!(self.reached.is_disturbed, "{error}");
            }
            Inbound::Ended(end) => {
                self.reached.is_ended = true;
                assert!(
                    half.end.as_ref().is_none_or(|before| *before == end),
                    "{:?}, then {end:?}",
                    half.end
                );
                assert!(!half.peer.wants_input(), "nothing is read after the end");
                half.end = Some(end);
            }
            _ => {}
        }
        self.reached.is_encrypted |= half.peer.is_encrypted();
        has_input
    }

    fn send(&mut self, side: Side, sending: Sending) {
        let half = self.half(side);
        let before = half.peer.unsent_bytes();
        let mut options = SendOptions::PLAIN.encrypt(sending.encrypt);
        if sending.uncapped {
            options = options.uncapped();
        }
        let length = sending.length % 1_000;
        let text = "t".repeat(usize::from(length));
        let sent = half.peer.send(options, |buffer, protocol, limits| {
            let mut writer = match side {
                Side::Client => MessageWriter::request(buffer, protocol, limits, 3)?,
                Side::Server => MessageWriter::event(buffer, protocol, limits, 3)?,
            };
            writer.put(1, text.as_str())?;
            writer.finish()?;
            if sending.fails.0 {
                return Err(SendError::QueueFull);
            }
            Ok(())
        });
        if sent.is_err() {
            assert_eq!(half.peer.unsent_bytes(), before, "{sent:?}");
            return;
        }
        let encrypted = sending.encrypt && half.peer.is_encrypted();
        self.other(side).expected.push_back((length, encrypted));
    }

    fn disturb(&mut self, disturbance: &Disturbance) {
        let now = self.now;
        match disturbance {
            Disturbance::Arrive { side, arrival } => {
                let bytes = self.bytes_of(arrival);
                self.half(*side).peer.handle_bytes(now, &bytes);
            }
            Disturbance::Answer(answer) => self.answer(*answer),
            Disturbance::Raw { side, bytes } => self.half(*side).peer.send_raw(bytes),
            Disturbance::Link { side, event } => {
                let peer = &mut self.half(*side).peer;
                match event {
                    Link::Open => peer.link_opened(now, true),
                    Link::Close => peer.link_closed(),
                    Link::ShutDown => peer.shutdown(Duration::from_millis(500)),
                    Link::Abort => peer.abort(),
                }
            }
        }
    }

    fn bytes_of(&self, arrival: &Arrival) -> Vec<u8> {
        let mut out = Vec::new();
        match arrival {
            Arrival::Bytes(bytes) => out.extend_from_slice(bytes),
            Arrival::Framed(message) => return self.framed(message),
            Arrival::Handshake(Handshake::BarePing) => tcp::encode_ping_request(&mut out, 5),
            Arrival::Handshake(Handshake::BarePingAnswer) => {
                tcp::encode_ping_response(&mut out, 70, 0);
            }
            Arrival::Handshake(Handshake::Session) => out.extend_from_slice(b"~m~3~m~abc"),
            Arrival::Handshake(message) => {
                return self.framed(&handshake(*message, self.protocol.binary()));
            }
        }
        out
    }

    fn framed(&self, message: &[u8]) -> Vec<u8> {
        if self.wire != Wire::Stream {
            return message.to_vec();
        }
        let mut out = Vec::new();
        let frame = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
        out.extend_from_slice(message);
        tcp::end_frame(&mut out, frame);
        out
    }

    fn answer(&mut self, answer: Answer) {
        let (peer, random) = (&mut self.server.peer, &mut self.server_random);
        // The results are those of a server that is asked, or not.
        let _ = match answer {
            Answer::Init => {
                peer.answer_init(random);
                Ok(())
            }
            Answer::Agree => peer.answer_keys(KeyAnswer::Agree, random),
            Answer::BadKey => peer.answer_keys(KeyAnswer::Key(&[1]), random),
            Answer::Refuse => peer.answer_keys(KeyAnswer::Refuse(-2), random),
            Answer::Ping => {
                peer.answer_ping(1_000, 5);
                Ok(())
            }
        };
    }

    /// Carries everything, and checks that two honest peers took every message.
    fn finish(&mut self) {
        self.settle();
        let is_undisturbed = !self.reached.is_disturbed && !self.reached.is_ended;
        if self.wire == Wire::Datagram && is_undisturbed {
            // A full receiver leaves messages unacknowledged. The sender resends them, after a time.
            for _ in 0..MAX_RESEND_WAITS {
                if self.client.expected.is_empty() && self.server.expected.is_empty() {
                    break;
                }
                // All that was sent before was carried, so the limit of a script does not apply.
                self.waited_ms = 0;
                self.wait(RESEND_WAIT_MS);
                self.settle();
            }
        }
        if self.reached.is_disturbed || self.reached.is_ended {
            assert!(
                self.reached.is_disturbed || self.is_hopeless,
                "{:?}, {:?}",
                self.client.end,
                self.server.end
            );
            return;
        }
        assert!(self.reached.is_ready, "{:?}", self.client.peer);
        assert!(self.client.expected.is_empty() && self.server.expected.is_empty());
    }

    /// Carries and takes everything, without a change of the time.
    fn settle(&mut self) {
        let mut rounds = 0;
        while self.moves_in_a_round() {
            rounds += 1;
            assert!(rounds < MAX_ROUNDS, "two peers talk for ever");
        }
    }

    /// Carries and takes everything. Returns whether there was anything.
    fn moves_in_a_round(&mut self) -> bool {
        let mut any = false;
        for side in [Side::Client, Side::Server] {
            any |= self.carry(side, 255);
            self.take_events();
            while self.half(side).end.is_none() && self.receive(side) {
                any = true;
            }
        }
        any
    }

    fn check(&self) {
        for half in [&self.client, &self.server] {
            let peer = &half.peer;
            let held = peer.buffered_bytes() - peer.unsent_bytes();
            let most = self.incoming_cap + OVERRUN_BYTES;
            assert!(held <= most, "{held} bytes are held");
            assert!(half.end.is_none() || peer.has_input());
        }
    }
}

fn handshake(message: Handshake, protocol: Protocol) -> Vec<u8> {
    let limits = Limits::DEFAULT;
    let mut out = Vec::new();
    let key = KeyExchange::from_secret(&[9; 20]);
    let written = match message {
        Handshake::Init => {
            Init {
                protocol: protocol.version(),
                sdk: 0x1F,
                ipv6: false,
                version: [4, 1, 8, 20],
                application: "Chat".into(),
            }
            .encode(&mut out);
            Ok(())
        }
        Handshake::KeyRequest => {
            internal::encode_key_request(&mut out, protocol, &limits, key.public_key())
        }
        Handshake::KeyResponse => {
            internal::encode_key_response(&mut out, protocol, &limits, 0, Some(key.public_key()))
        }
        Handshake::Ping => internal::encode_ping_request(&mut out, protocol, &limits, 5),
        Handshake::PingAnswer => internal::encode_ping_response(&mut out, protocol, &limits, 0, 70),
        _ => {
            out.extend_from_slice(&[0xF3, 1, 0]);
            Ok(())
        }
    };
    written.expect("short messages fit into any limit");
    out
}
