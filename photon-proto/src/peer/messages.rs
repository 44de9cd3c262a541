//! The messages of a connection, in and out.

use super::{Carrier, End, Exchange, Inbound, Peer, Phase, Received, SendError, SendOptions};
use crate::codec::Protocol;
use crate::limits::Limits;
use crate::message::{self, MessageKind};
use crate::random::Random;
use crate::role::Role;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

impl Peer {
    // Messages in.

    /// Whether [`Peer::receive`] would take anything.
    #[must_use]
    #[inline]
    pub fn has_input(&self) -> bool {
        self.end.is_some() || self.carrier.has_next()
    }

    /// Takes the next thing that was received: at most one message. A client draws the secret of
    /// its key exchange from `random`.
    #[inline(always)]
    pub fn receive(&mut self, now: Timestamp, random: &mut Random) -> Received<'_> {
        // Without the results of all others around it, which are moved several times.
        if let Some(kind) = self.next_plain(now) {
            return Inbound::Message {
                kind,
                encrypted: false,
                message: self.carrier.latest_message(),
            };
        }
        self.receive_other(now, random)
    }

    #[inline(never)]
    fn receive_other(&mut self, now: Timestamp, random: &mut Random) -> Received<'_> {
        let inbound = self.next(now, random);
        let carrier = &mut self.carrier;
        inbound.map(|range| &*carrier.message_mut(range))
    }

    /// Whether [`Peer::receive`] returned [`Inbound::Nothing`] because more would take long: a large text of JSON
    /// is parsed in parts, and the message in it is handed out by the call behind them. An owner whose calls
    /// are to be short ends its own call then, and calls [`Peer::receive`] again in the next one.
    #[must_use]
    #[inline]
    pub fn is_unfinished(&self) -> bool {
        self.carrier.is_unfinished()
    }

    /// How many bytes of JSON text were parsed so far, those that had to be parsed twice counted twice: a
    /// measure of the work. 0 on other wires.
    #[must_use]
    #[inline]
    pub fn parsed_text_bytes(&self) -> u64 {
        self.carrier.parsed_text_bytes()
    }

    /// Takes the next message if it needs nothing but to be passed on, as nearly all do.
    #[inline(always)]
    fn next_plain(&mut self, now: Timestamp) -> Option<MessageKind> {
        if self.end_taken || !matches!(self.phase, Phase::KeyExchange | Phase::Ready) {
            return None;
        }
        let plain = self.carrier.next_plain()?;
        self.resume_reading(now);
        self.note_taken(now, true);
        Some(plain)
    }

    /// Notes that something was taken, and whether it is progress of the other end.
    #[inline]
    fn note_taken(&mut self, now: Timestamp, is_progress: bool) {
        if is_progress {
            self.liveness.accept();
            self.on_progress(now);
        } else {
            self.liveness.reject();
        }
        self.liveness.set_partial(now, self.carrier.partial_bytes());
    }

    /// Restarts the silence timer if reading resumed.
    #[inline]
    fn resume_reading(&mut self, now: Timestamp) {
        if self.liveness.silence.is_none() && self.wants_input() {
            self.liveness.resume(now);
            self.restart_silence(now);
        }
    }

    fn next(&mut self, now: Timestamp, random: &mut Random) -> Inbound<Range<usize>> {
        if self.end_taken {
            return self.end_inbound();
        }
        let inbound = self
            .carrier
            .next(now, &mut self.clock, self.cipher.as_deref(), &self.config);
        self.resume_reading(now);
        // A part of a text is none yet: its frame decides.
        if let Some(inbound) = &inbound
            && !(matches!(inbound, Inbound::Nothing) && self.carrier.is_unfinished())
        {
            // What the other end may have meant to be progress and is none: see `liveness`.
            let is_progress = !matches!(
                inbound,
                Inbound::Ignored | Inbound::Bad { .. } | Inbound::Ended(_)
            );
            self.note_taken(now, is_progress);
        }
        match inbound {
            Some(Inbound::Message {
                kind,
                encrypted,
                message,
            }) => self.on_message(now, random, (kind, encrypted, message)),
            Some(Inbound::Bad { message, .. }) if self.awaits_first_message() => {
                // Perhaps a text init, which is no message. Spec: wire.md 2.3.
                self.on_first_message(message)
            }
            Some(Inbound::Handshake) if self.phase == Phase::AwaitInit => {
                self.on_greeting(now, random)
            }
            // wire.md 7.2: later session frames have no meaning, and ping answers are for the
            // clock.
            Some(Inbound::Handshake) => Inbound::Nothing,
            Some(Inbound::Ping { client_time }) => {
                self.bare_ping = true;
                Inbound::Ping { client_time }
            }
            Some(Inbound::Ended(end)) => self.fail(end),
            Some(other) => other,
            None => self.end_inbound(),
        }
    }

    fn awaits_first_message(&self) -> bool {
        self.role == Role::Server && self.phase == Phase::AwaitInit
    }

    #[inline]
    fn on_message(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        inbound: (MessageKind, bool, Range<usize>),
    ) -> Inbound<Range<usize>> {
        debug_assert!(
            self.phase != Phase::Opening,
            "nothing arrives before the link"
        );
        let (kind, encrypted, message) = inbound;
        match (self.role, kind) {
            (Role::Client, _) if self.phase == Phase::AwaitInit => {
                self.on_message_before_init_response(now, random, (kind, encrypted, message))
            }
            (Role::Client, MessageKind::InternalResponse) => {
                self.on_internal_response(now, encrypted, message)
            }
            (Role::Client, MessageKind::InitResponse) => Inbound::Ignored,
            (Role::Server, _) if self.phase == Phase::AwaitInit => self.on_first_message(message),
            (Role::Server, MessageKind::InternalRequest) => self.on_internal_request(message),
            // The protocol is chosen once.
            (Role::Server, MessageKind::Init) => Inbound::Ignored,
            _ => Inbound::Message {
                kind,
                encrypted,
                message,
            },
        }
    }

    /// The end, if there is one. It is the last thing: a UDP connection that times out later, for
    /// example, must not change what was reported.
    pub(super) fn end_inbound(&mut self) -> Inbound<Range<usize>> {
        match &self.end {
            Some(end) => {
                self.end_taken = true;
                Inbound::Ended(End::clone(end))
            }
            None => {
                debug_assert!(!self.end_taken, "an end stays");
                Inbound::Nothing
            }
        }
    }

    /// Ends the connection. Input that was not taken has no meaning any more.
    ///
    /// An end that is pending gives way: it came after the input that fails now.
    pub(super) fn fail(&mut self, end: End) -> Inbound<Range<usize>> {
        self.end = Some(Box::new(end));
        self.exchange = Exchange::None;
        self.stop_timers();
        self.carrier.discard_input();
        self.end_inbound()
    }

    // Messages out.

    /// Encodes a message into the send buffer with `write`, which appends to the buffer it gets.
    /// After an error nothing has changed. A message that is sent after the end of the connection,
    /// which its owner has not taken yet, is not sent any more and counts in
    /// [`Peer::unsent_messages`].
    ///
    /// # Errors
    /// Those of `write`; [`SendError::NotReady`] before [`Inbound::Ready`] (server:
    /// [`Inbound::Init`]) and after [`Peer::shutdown`]; [`SendError::NoKey`] if encryption is
    /// requested without a secure wire and without keys; [`SendError::QueueFull`] and
    /// [`SendError::TooLong`] at the cap; [`SendError::Encode`] and [`SendError::TooLong`] for a
    /// message that JSON cannot express.
    #[inline]
    pub fn send<E: From<SendError>>(
        &mut self,
        options: SendOptions,
        write: impl FnOnce(&mut Vec<u8>, Protocol, &Limits) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Phase::Ready, Some(protocol)) = (self.phase, self.protocol) else {
            return Err(SendError::NotReady.into());
        };
        let cipher = match (options.encrypt, self.cipher.as_deref()) {
            // wire.md 7.1: the TLS below encrypts.
            (true, None) if self.is_secure() => None,
            (true, None) => return Err(SendError::NoKey.into()),
            (true, cipher) => cipher,
            (false, _) => None,
        };
        let config = &*self.config;
        let cap = (!options.uncapped).then_some(config.outgoing_cap_bytes);
        self.carrier.write::<E>(cap, config, |buffer, start| {
            write(buffer, protocol.binary(), &config.limits)?;
            if let Some(cipher) = cipher {
                message::encrypt(buffer, start, cipher);
            }
            Ok(())
        })?;
        if cap.is_some() && !matches!(self.carrier, Carrier::Datagram(_)) {
            self.unsent.add(self.carrier.unsent_bytes());
        }
        Ok(())
    }

    /// Sends bytes as they are: on a stream without a frame, elsewhere as one message; never
    /// encrypted, and whatever waits already. For messages that were encoded once for many
    /// connections, and for tests of clients.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Opening | Phase::Closing) {
            self.carrier.write_raw(bytes);
        }
    }
}
