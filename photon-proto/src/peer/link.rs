//! The link of a connection: opening, bytes in and out, closing.

use super::{Carrier, End, Exchange, Peer, PeerClock, Phase, datagram, inbound};
use crate::role::Role;
use crate::time::Timestamp;
use alloc::boxed::Box;
use core::time::Duration;

/// How long a WebSocket server has to greet before it is pinged, and the time between these pings,
/// in milliseconds. Spec: wire.md 7.1.
pub(super) const GREETING_PING_MS: u64 = 1000;

impl Peer {
    /// Handles the opening of the link. A client sends its init, which holds the flag `ipv6`.
    ///
    /// Over datagrams the call may be repeated until the first datagram was received, as a driver
    /// does that tries several addresses of a server: the init, which follows that datagram, holds
    /// the latest flag. Nothing else changes; the connect command goes on being resent. Every other
    /// repetition is ignored.
    pub fn link_opened(&mut self, now: Timestamp, ipv6: bool) {
        if self.end.is_some() {
            return;
        }
        if self.phase == Phase::AwaitInit && self.carrier.is_connecting() {
            self.ipv6 = ipv6;
        }
        if self.phase != Phase::Opening {
            return;
        }
        self.phase = Phase::AwaitInit;
        self.clock = PeerClock::new(now);
        self.last_received = now;
        self.ipv6 = ipv6;
        let can_send = self.carrier.open(now, &self.config);
        match self.role {
            Role::Client if self.is_web_socket() => {
                // wire.md 7.1: a server that has not greeted by then is pinged.
                self.ping = Some(now.plus_millis(GREETING_PING_MS));
            }
            Role::Client if can_send => self.send_init(),
            // Sent once the UDP connection is established.
            Role::Client => {}
            // wire.md 7.1: the handshake of the WebSocket has replaced the init.
            Role::Server if self.is_web_socket() => self.phase = Phase::Ready,
            Role::Server => {}
        }
    }

    /// Takes received bytes: a chunk of a stream, one datagram, or one WebSocket message. They are
    /// kept until [`Peer::receive`]. Before the link is open they are ignored, and after the end
    /// they are dropped.
    pub fn handle_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        if self.phase == Phase::Opening {
            return;
        }
        self.carrier.start_shutdown(now);
        if self.liveness.on_bytes(now, bytes.len()) {
            self.on_progress(now);
        }
        if self.end.is_none() {
            self.take_bytes(now, bytes);
            self.liveness.set_partial(now, self.carrier.partial_bytes());
        }
        if !self.wants_input() {
            // While nothing is read, silence is not the server's.
            self.liveness.silence = None;
        }
    }

    /// Notes that so many more bytes arrived of a WebSocket message that is not complete: the owner
    /// passes on whole messages, and a large one on a slow line is progress. Optional.
    pub fn note_partial_message(&mut self, now: Timestamp, bytes: usize) {
        // Streams and datagrams pass on everything, so a note could only count it twice.
        if self.is_web_socket()
            && self.phase != Phase::Opening
            && self.liveness.on_bytes(now, bytes)
            && self.wants_input()
        {
            self.on_progress(now);
        }
    }

    fn take_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        let closing = self.phase == Phase::Closing;
        if closing && !matches!(self.carrier, Carrier::Datagram(_)) {
            return;
        }
        match self.carrier.receive(now, bytes) {
            Ok(true) if !closing => self.send_init(),
            Ok(_) => {}
            Err(inbound::Overrun) => self.end = Some(Box::new(End::Overrun)),
        }
        if closing {
            // Acknowledgements were taken; messages have no receiver any more.
            self.carrier.discard_input();
        }
    }

    /// The driver reports that the link is gone. What was received before can still be taken.
    pub fn link_closed(&mut self) {
        self.link_gone = true;
        self.end.get_or_insert_with(|| Box::new(End::LinkClosed));
        self.stop_timers();
    }

    /// Whether the driver should read. False while enough is buffered, and after the end.
    #[must_use]
    #[inline]
    pub fn wants_input(&self) -> bool {
        self.end.is_none() && self.carrier.has_capacity()
    }

    /// The bytes to send next, never empty; the same again until [`Peer::transmitted`]. `None`
    /// before the link is open. A datagram is stamped with `now`.
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        if self.phase == Phase::Opening {
            return None;
        }
        self.carrier.start_shutdown(now);
        self.watch_output(now);
        self.last_transmit = now;
        let counts_as_ping = self.phase > Phase::AwaitInit && self.is_text();
        let bytes = self.carrier.transmit(now);
        if let (Some(_), true, Some(due)) = (&bytes, counts_as_ping, self.ping)
            && due > now
        {
            // wire.md 7.2: any send resets the timer. But the server need not answer a message,
            // and a client that never pings would take a quiet server for a dead one: half of the
            // time until then is enough.
            let silent_in_ms = self
                .liveness
                .silence
                .map_or(u64::MAX, |silent| silent.millis_since(now));
            let wait_ms = self
                .ping_ms
                .min(silent_in_ms.saturating_sub(self.silence_ms / 2));
            self.ping = Some(due.max(now.plus_millis(wait_ms)));
        }
        bytes
    }

    /// The driver sent this many of the bytes that [`Peer::transmit`] returned; more than there are
    /// count as all. Of a datagram or WebSocket message any number above 0 is the whole.
    pub fn transmitted(&mut self, bytes: usize) {
        let before = self.carrier.unsent_bytes();
        self.carrier.transmitted(bytes, &self.config);
        let left = self.carrier.unsent_bytes();
        let sent = before.saturating_sub(left);
        if sent == 0 || matches!(self.carrier, Carrier::Datagram(_)) {
            return;
        }
        self.unsent.on_sent(sent);
        self.sent_bytes += sent as u64;
        let now = self.last_transmit;
        self.clock.on_transmitted(now, self.sent_bytes);
        let is_message = matches!(self.carrier, Carrier::Whole(_));
        self.liveness
            .on_transmitted(now, sent, left > 0, is_message);
    }

    // Closing.

    /// Ends the connection without loss: goes on sending what was accepted, drops what is received.
    /// A UDP connection waits at most `flush` for acknowledgements, counted from the next call that
    /// has a time; on other wires the owner decides how long it waits for [`Peer::is_flushed`].
    pub fn shutdown(&mut self, flush: Duration) {
        if self.phase != Phase::Closing {
            self.close();
            self.carrier.shutdown(datagram::millis(flush));
        }
    }

    /// Ends the connection at once: drops what was not sent. A UDP connection sends one disconnect.
    pub fn abort(&mut self) {
        self.close();
        self.carrier.abort();
    }

    fn close(&mut self) {
        self.phase = Phase::Closing;
        self.stop_timers();
        // Nothing is encrypted or decrypted any more, so the keys need not outlive this.
        (self.exchange, self.cipher) = (Exchange::None, None);
        self.carrier.discard_input();
    }

    /// Whether the driver reported that the link is gone.
    #[must_use]
    pub const fn is_link_closed(&self) -> bool {
        self.link_gone
    }

    /// Whether a connection that was shut down or aborted has nothing left to do: the link can be
    /// closed.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.link_gone || self.carrier.is_flushed()
    }

    /// Whether something that was accepted was not sent, or over UDP not acknowledged.
    #[must_use]
    pub fn has_unsent_data(&self) -> bool {
        self.carrier.has_unsent_data()
    }
}
