//! The connection to one server, from `Open` to "messages in clear".
//!
//! ```text
//! Opening ──Opened──> Greeting ──init response──> Keying ──server key──> Ready
//!                     (init sent)                 (skipped with encryption off)
//! ```
//!
//! Over datagrams the init is sent once the server has granted the connection; over WebSocket there is none, and an
//! answered ping is as good as an init response. Over secure links no keys are exchanged.

pub(crate) mod carrier;
mod clock;
mod handshake;

use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::link::{LinkId, LinkInput, Wire};
use crate::state::Server;
use crate::timers::{Timer, earlier};
use alloc::vec::Vec;
use carrier::{Carried, Carrier, LinkEnd};
use clock::PeerClock;
use core::time::Duration;
use photon_proto::crypto::Cipher;
use photon_proto::message::{self, Init, MessageKind};
use photon_proto::{DecodeError, Protocol, Random, Text, Timestamp, udp};

pub(crate) use handshake::Handshake;

/// How long a WebSocket server has to greet before it is pinged, and how often it is, in milliseconds. Spec: wire.md 7.1.
const GREETING_PING_MS: u64 = 1000;

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The driver is opening the link.
    Opening,
    /// The init was sent, or will be as soon as the carrier lets messages through.
    Greeting,
    /// The init was answered; the client's key was sent.
    Keying,
    /// Operations can be sent.
    Ready,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) server: Server,
    pub(crate) link: LinkId,
    pub(crate) phase: Phase,
    protocol: Protocol,
    carrier: Carrier,
    ipv6: bool,
    #[cfg_attr(
        not(feature = "encryption"),
        expect(dead_code, reason = "no key exchange without the feature")
    )]
    handshake: Handshake,
    cipher: Option<Cipher>,
    clock: PeerClock,
    ping: Timer,
    silence: Timer,
    silence_ms: u64,
    ping_ms: u64,
    outgoing_cap: usize,
}

/// What came from the server.
pub(crate) enum Received<'a> {
    Nothing,
    /// What is as good as an answer to the init.
    Greeted,
    /// A message from its first byte on, its body in clear.
    Message {
        kind: MessageKind,
        message: &'a [u8],
    },
    /// A message that cannot be opened.
    Bad {
        error: DecodeError,
        message: &'a [u8],
    },
    /// The bytes cannot be followed any more.
    Broken(DecodeError),
    /// The link ended, and everything that came before was taken.
    Ended(LinkEnd),
}

impl Peer {
    pub(crate) fn new(
        server: Server,
        link: LinkId,
        wire: Wire,
        random: &mut Random,
        config: &ChatConfig,
    ) -> Self {
        Self {
            server,
            link,
            phase: Phase::Opening,
            protocol: config.protocol,
            carrier: Carrier::new(wire, || random.u32("udp challenge"), config),
            ipv6: false,
            handshake: Handshake::default(),
            cipher: None,
            clock: PeerClock::new(Timestamp::ZERO),
            ping: Timer::Off,
            silence: Timer::Off,
            silence_ms: config.silence_timeout_ms,
            ping_ms: config.ping_interval_ms,
            outgoing_cap: config.outgoing_cap_bytes,
        }
    }

    // The link.

    /// Takes what the driver says about this link.
    pub(crate) fn handle(&mut self, now: Timestamp, input: LinkInput<'_>, config: &ChatConfig) {
        match input {
            LinkInput::Opened { ipv6 } => {
                if self.phase == Phase::Opening && !self.carrier.has_ended() {
                    self.phase = Phase::Greeting;
                    self.clock = PeerClock::new(now);
                    self.ipv6 = ipv6;
                    if !self.carrier.needs_init() {
                        self.carrier.open(now);
                        // wire.md 7.1: a server that has not greeted by then is asked.
                        self.ping = Timer::At(now.plus_millis(GREETING_PING_MS));
                    } else if self.carrier.open(now) {
                        self.send_init(config);
                    }
                }
            }
            // A link carries nothing before it is open.
            LinkInput::Received(_) if self.phase == Phase::Opening => {}
            LinkInput::Received(bytes) => {
                self.heard(now);
                if self.carrier.receive(now, bytes) {
                    self.send_init(config);
                }
                if !self.carrier.wants_input() {
                    // Silence cannot be judged while nobody listens.
                    self.silence = Timer::Off;
                }
            }
            LinkInput::Closed => self.link_ended(LinkEnd::Closed),
            LinkInput::Failed(error) => self.link_ended(LinkEnd::Failed(error)),
        }
    }

    /// What was received before is still to be processed, however long that takes: nothing more can be heard.
    fn link_ended(&mut self, end: LinkEnd) {
        self.carrier.end(end);
        (self.ping, self.silence) = (Timer::Off, Timer::Off);
    }

    fn heard(&mut self, now: Timestamp) {
        // Over datagrams a silent server is noticed by what it does not acknowledge. Spec: udp.md 5.6.
        let judged = self.carrier.needs_pings() && !self.carrier.has_ended();
        if judged && matches!(self.phase, Phase::Keying | Phase::Ready) {
            self.silence = Timer::At(now.plus_millis(self.silence_ms));
        }
    }

    fn send_init(&mut self, config: &ChatConfig) {
        let init = Init {
            protocol: self.protocol.version(),
            sdk: config.sdk,
            ipv6: self.ipv6,
            version: config.client_version,
            application: Text::from_static(self.server.application()),
        };
        let _always_fits = self.carrier.write(usize::MAX, |buffer, _| {
            init.encode(buffer);
            Ok(())
        });
    }

    pub(crate) fn opened(&self) -> bool {
        self.phase != Phase::Opening
    }

    /// Whether the link counts as there once the driver has it: nobody has answered anything on a datagram link then.
    pub(crate) fn is_connectionless(&self) -> bool {
        self.carrier.is_connectionless()
    }

    pub(crate) fn link_is_gone(&self) -> bool {
        self.carrier.link_is_gone()
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.carrier.wants_input()
    }

    /// What the driver is to send next, if anything; nothing before the link is open.
    pub(crate) fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        if !self.opened() {
            return None;
        }
        let json = self.carrier.is_json();
        let bytes = self.carrier.transmit(now);
        if let (Some(_), true, Timer::At(due)) =
            (&bytes, json && self.phase > Phase::Greeting, self.ping)
            && due > now
        {
            // wire.md 7.2: any send resets the timer. But what is sent need not be answered, and a client that never
            // pings would take a quiet server for a dead one: half of the time until then is enough.
            let unheard_ms = self
                .silence
                .deadline(now)
                .map_or(u64::MAX, |silent| silent.millis_since(now));
            let wait_ms = self
                .ping_ms
                .min(unheard_ms.saturating_sub(self.silence_ms / 2));
            self.ping = Timer::At(due.max(now.plus_millis(wait_ms)));
        }
        bytes
    }

    pub(crate) fn transmitted(&mut self, bytes: usize) {
        self.carrier.transmitted(bytes);
    }

    pub(crate) fn into_carrier(self) -> Carrier {
        self.carrier
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.carrier.buffered_bytes()
    }

    // Messages in.

    pub(crate) fn has_input(&self) -> bool {
        self.carrier.has_next()
    }

    pub(crate) fn receive(&mut self, now: Timestamp) -> Received<'_> {
        {
            let carried = self.carrier.next();
            // There is room again, be it by an answer to a ping: the server can be heard, and so be silent.
            if self.silence == Timer::Off && self.carrier.wants_input() {
                self.heard(now);
            }
            let range = match carried {
                Carried::Nothing => return Received::Nothing,
                Carried::Message(range) => range,
                Carried::Ping {
                    server_time,
                    client_time,
                } => {
                    self.clock.ping_answered(now, server_time, client_time);
                    let greets = self.phase == Phase::Greeting && !self.carrier.needs_init();
                    return if greets {
                        Received::Greeted
                    } else {
                        Received::Nothing
                    };
                }
                Carried::Greeting if self.phase == Phase::Greeting => return Received::Greeted,
                // wire.md 7.2: later ones have no meaning.
                Carried::Greeting => return Received::Nothing,
                Carried::Bad(error, range) => {
                    return Received::Bad {
                        error,
                        message: &*self.carrier.message_mut(range),
                    };
                }
                Carried::Broken(error) => return Received::Broken(error),
                Carried::Ended(end) => return Received::Ended(end),
            };
            let whole = self.carrier.message_mut(range.clone());
            let opened = message::decrypt(whole, self.cipher.as_ref())
                .map(|(kind, body)| (kind, body.len()));
            let message = &*self.carrier.message_mut(range);
            match opened {
                Ok((kind, body_bytes)) => {
                    let end = message::Header::LENGTH.saturating_add(body_bytes);
                    Received::Message {
                        kind,
                        message: message.get(..end).unwrap_or(message),
                    }
                }
                Err(error) => Received::Bad { error, message },
            }
        }
    }

    // Messages out.

    /// Appends a message; `capped` ones only while the cap allows. Nothing is appended on an error.
    pub(crate) fn send(
        &mut self,
        encrypt: bool,
        capped: bool,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let cipher = match (encrypt, &self.cipher) {
            // wire.md 7.1: the link does it.
            (true, None) if self.carrier.is_secure() => None,
            (true, None) => return Err(RequestError::EncryptionUnavailable),
            (true, cipher) => cipher.as_ref(),
            (false, _) => None,
        };
        let cap = if capped {
            self.outgoing_cap
        } else {
            usize::MAX
        };
        self.carrier.write(cap, |buffer, start| {
            write(buffer)?;
            if let Some(cipher) = cipher {
                message::encrypt(buffer, start, cipher);
            }
            Ok(())
        })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }

    // Time.

    /// The init was answered: time begins, pings and all.
    pub(crate) fn greeted(&mut self, now: Timestamp) {
        self.phase = Phase::Keying;
        self.carrier.greeted();
        self.ping = Timer::Off;
        // wire.md 6.2: the first ping goes out at once; 7.2: in JSON after the first operation.
        if self.carrier.needs_pings() && !self.carrier.has_ended() {
            self.ping = Timer::At(now);
            self.heard(now);
            if !self.carrier.is_json() {
                self.run_ping(now);
            }
        }
    }

    /// Sends the ping that is due.
    pub(crate) fn run_ping(&mut self, now: Timestamp) {
        if self.ping.is_due(now) {
            // A link that takes nothing needs no more pings.
            if self.carrier.unsent_bytes() < self.outgoing_cap {
                self.carrier.write_ping(self.clock.local(now));
            }
            // wire.md 6.4: from the last ping, whatever else was sent.
            let again_ms = if self.phase == Phase::Greeting {
                GREETING_PING_MS
            } else {
                self.ping_ms
            };
            self.ping = Timer::At(now.plus_millis(again_ms));
        }
    }

    /// For how long nothing was heard, if that is too long.
    pub(crate) fn silent_ms(&self, now: Timestamp) -> Option<u64> {
        self.silence.is_due(now).then_some(self.silence_ms)
    }

    /// Does what the carrier has to do by now.
    pub(crate) fn run_carrier(&mut self, now: Timestamp) {
        self.carrier.run_timers(now);
    }

    /// When a ping is due, or the carrier has something to do.
    pub(crate) fn upkeep_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        earlier(self.ping.deadline(now), self.carrier.deadline())
    }

    pub(crate) fn silence_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.silence.deadline(now)
    }

    pub(crate) fn server_time(&self, now: Timestamp) -> Option<i32> {
        match self.carrier.udp() {
            Some(connection) => connection.server_time(now).map(u32::cast_signed),
            None => self.clock.server_time(now),
        }
    }

    /// The smoothed round-trip time and its variance.
    pub(crate) fn round_trip(&self) -> Option<(Duration, Duration)> {
        match self.carrier.udp() {
            Some(connection) if self.phase >= Phase::Keying => {
                Some((connection.round_trip(), connection.round_trip_variance()))
            }
            Some(_) => None,
            None => self.clock.round_trip_ms().map(|(round_trip, variance)| {
                let millis = |ms| Duration::from_millis(u64::from(ms));
                (millis(round_trip), millis(variance))
            }),
        }
    }

    pub(crate) fn udp_stats(&self) -> Option<udp::Stats> {
        self.carrier.udp().map(|connection| *connection.stats())
    }
}
