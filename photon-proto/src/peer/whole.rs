//! Whole messages: one Photon message in each, or a text of JSON frames. WebSockets carry them
//! (wire.md 7), and so do the datagram connections of a server, above a
//! [`udp::Acceptor`](crate::udp::Acceptor).

use super::inbound::{Overrun, decrypted};
#[cfg(feature = "json")]
use super::json::{self, Item};
use super::message_queue::MessageQueue;
use super::{Inbound, PeerClock, PeerConfig, SendError};
use crate::codec::Protocol;
use crate::crypto::Cipher;
use crate::internal;
use crate::limits::Limits;
use crate::role::Role;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// First byte of a ping answer without a message around it, which official clients accept over
/// WebSocket. Spec: wire.md 7.1.
const BARE_PING: u8 = 0xF0;
/// A message of JSON that has so many bytes in 1.8 is handed out by the call behind the one that has
/// transcoded it: both together may take longer than a call should.
#[cfg(feature = "json")]
const LARGE_BYTES: usize = 16 * 1024;
/// How many emptied buffers are kept for the next messages, and how large each may be.
const MAX_SPARE: usize = 8;
const MAX_SPARE_BYTES: usize = 16 * 1024;

pub(super) struct Whole {
    role: Role,
    /// Whether the messages are JSON text.
    text: bool,
    incoming: MessageQueue,
    incoming_cap: usize,
    max_received_bytes: usize,
    /// The rest of the text message that was taken last.
    #[cfg(feature = "json")]
    frames: json::Frames,
    /// The message of the frame that was taken last, or a bad text message.
    #[cfg(feature = "json")]
    message: Vec<u8>,
    /// Whether that message is large and was not handed out yet.
    #[cfg(feature = "json")]
    is_held: bool,
    /// Whether the next text is large, and the owner was given the chance to end its call before it.
    #[cfg(feature = "json")]
    is_announced: bool,
    /// None of them is empty.
    outgoing: VecDeque<Vec<u8>>,
    outgoing_bytes: usize,
    spare: Vec<Vec<u8>>,
    /// The message that is being written; otherwise empty.
    draft: Vec<u8>,
}

/// Counts only: messages are private.
impl fmt::Debug for Whole {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Whole")
            .field("text", &self.text)
            .field("incoming_bytes", &self.held_bytes())
            .field("outgoing_bytes", &self.outgoing_bytes)
            .finish_non_exhaustive()
    }
}

impl Whole {
    pub(super) fn new(role: Role, text: bool, config: &PeerConfig) -> Self {
        Self {
            role,
            text,
            incoming: MessageQueue::default(),
            incoming_cap: config.incoming_cap(),
            max_received_bytes: config.limits.max_received_bytes,
            #[cfg(feature = "json")]
            frames: json::Frames::default(),
            #[cfg(feature = "json")]
            message: Vec::new(),
            #[cfg(feature = "json")]
            is_held: false,
            #[cfg(feature = "json")]
            is_announced: false,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            spare: Vec::new(),
            draft: Vec::new(),
        }
    }

    /// Keeps an emptied buffer. All of them together stay below what the owner wants to keep.
    fn recycle(&mut self, mut buffer: Vec<u8>, kept_bytes: usize) {
        let max_bytes = MAX_SPARE_BYTES.min(kept_bytes / MAX_SPARE);
        if self.spare.len() < MAX_SPARE && buffer.capacity() <= max_bytes {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// The latest message counts as taken: its owner is done with it.
    pub(super) fn release_memory(&mut self, kept_bytes: usize) {
        #[cfg(feature = "json")]
        if self.message.capacity() > kept_bytes && !self.is_held && !self.frames.is_unfinished() {
            self.message = Vec::new();
        }
        self.incoming.release_memory(kept_bytes);
        if self.outgoing.is_empty() && self.outgoing.capacity() * size_of::<Vec<u8>>() > kept_bytes
        {
            self.outgoing = VecDeque::new();
        }
        if kept_bytes == 0 {
            self.spare = Vec::new();
            // A ping may wait in the large buffer of an earlier message, which would be kept again.
            self.outgoing.iter_mut().for_each(Vec::shrink_to_fit);
        }
    }

    /// Returns an empty buffer. A message begins at its first byte.
    fn take_spare(&mut self) -> Vec<u8> {
        let buffer = self.spare.pop().unwrap_or_default();
        debug_assert!(
            buffer.is_empty(),
            "buffers are cleared before they are kept"
        );
        buffer
    }

    // Messages in.

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Overrun> {
        let max_bytes = self.incoming_cap.saturating_add(self.max_received_bytes);
        let after = self
            .held_bytes()
            .saturating_add(MessageQueue::cost(bytes.len()));
        if after > max_bytes || !self.incoming.push(bytes) {
            return Err(Overrun);
        }
        Ok(())
    }

    /// Bytes that were received and not taken, with what a message costs besides its own.
    const fn held_bytes(&self) -> usize {
        #[cfg(feature = "json")]
        return self.incoming.held_bytes() + self.frames.bytes();
        #[cfg(not(feature = "json"))]
        self.incoming.held_bytes()
    }

    pub(super) fn has_capacity(&self) -> bool {
        self.held_bytes() < self.incoming_cap
    }

    pub(super) fn has_next(&self) -> bool {
        #[cfg(feature = "json")]
        if !self.frames.is_empty() || self.is_held {
            return true;
        }
        !self.incoming.is_empty()
    }

    #[cfg_attr(not(feature = "json"), expect(unused_variables))]
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        clock: &mut PeerClock,
        cipher: Option<&Cipher>,
        config: &PeerConfig,
    ) -> Option<Inbound<Range<usize>>> {
        #[cfg(feature = "json")]
        if self.text {
            return self.next_frame(now, clock, config);
        }
        let range = self.incoming.next()?;
        let message = self.incoming.message_mut(range.clone());
        if let (Role::Client, &mut [BARE_PING, s0, s1, s2, s3, c0, c1, c2, c3]) =
            (self.role, &mut *message)
        {
            let server_time = i32::from_be_bytes([s0, s1, s2, s3]);
            let client_time = i32::from_be_bytes([c0, c1, c2, c3]);
            return Some(on_ping_answer(clock, now, server_time, client_time));
        }
        Some(decrypted(message, range, cipher))
    }

    /// See [`Peer::is_unfinished`](super::Peer::is_unfinished).
    #[cfg(feature = "json")]
    pub(super) const fn is_unfinished(&self) -> bool {
        self.is_announced || self.is_held || self.frames.is_unfinished()
    }

    /// See [`Peer::parsed_text_bytes`](super::Peer::parsed_text_bytes).
    #[cfg(feature = "json")]
    pub(super) const fn parsed_text_bytes(&self) -> u64 {
        self.frames.parsed_bytes()
    }

    /// One frame in each call, or one text message without frames: a peer can send very many of
    /// both, and the owner bounds its work by the number of calls. A large text takes several calls: one
    /// before it, one to check it, one for each share of it, and one to hand out its message.
    #[cfg(feature = "json")]
    fn next_frame(
        &mut self,
        now: Timestamp,
        clock: &mut PeerClock,
        config: &PeerConfig,
    ) -> Option<Inbound<Range<usize>>> {
        if core::mem::take(&mut self.is_held) {
            let message = 0..self.message.len();
            return Some(decrypted(&mut self.message, message, None));
        }
        let item = if self.frames.is_empty() {
            if self.message.capacity() > MAX_SPARE_BYTES {
                self.message = Vec::new();
            }
            let is_large = self.incoming.next_bytes()? > json::LARGE_TEXT_BYTES;
            self.is_announced = is_large && !self.is_announced;
            if self.is_announced {
                return Some(Inbound::Nothing);
            }
            let range = self.incoming.next()?;
            let text = self.incoming.message_mut(range);
            let item = self
                .frames
                .begin(self.role, &config.limits, text, &mut self.message);
            if !self.frames.is_empty() {
                // The frames have a copy of it.
                self.incoming.reclaim();
            }
            item
        } else {
            self.frames
                .next(self.role, &config.limits, &mut self.message)
        };
        let Some(item) = item else {
            // A text message without frames means nothing.
            return Some(Inbound::Ignored);
        };
        let message = 0..self.message.len();
        Some(match item {
            Item::Unfinished => Inbound::Nothing,
            Item::Session => match self.role {
                Role::Client => Inbound::Handshake,
                Role::Server => Inbound::Ignored,
            },
            Item::PingAnswer {
                server_time,
                client_time,
            } => on_ping_answer(clock, now, server_time, client_time),
            Item::Ping { client_time } => Inbound::Ping { client_time },
            Item::Message if message.len() >= LARGE_BYTES => {
                self.is_held = true;
                Inbound::Nothing
            }
            Item::Message => decrypted(&mut self.message, message, None),
            Item::Bad(error) => Inbound::Bad { error, message },
        })
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        #[cfg(feature = "json")]
        if self.text {
            debug_assert!(range.end <= self.message.len(), "the latest message");
            return self.message.get_mut(range).unwrap_or_default();
        }
        self.incoming.message_mut(range)
    }

    pub(super) fn discard_input(&mut self) {
        self.incoming = MessageQueue::default();
        #[cfg(feature = "json")]
        {
            self.frames.discard();
            self.is_held = false;
            self.is_announced = false;
        }
    }

    // Messages out.

    /// Returns the buffer for a message, for [`Whole::end_message`].
    pub(super) fn begin_message(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.draft.is_empty(), "every message ends or is canceled");
        self.draft = self.take_spare();
        &mut self.draft
    }

    /// Queues the message, or drops it if more than `cap` bytes would wait. JSON is longer than the
    /// GpBinary that was written.
    pub(super) fn end_message(&mut self, cap: usize, config: &PeerConfig) -> Result<(), SendError> {
        #[cfg_attr(not(feature = "json"), expect(unused_mut))]
        let mut message = core::mem::take(&mut self.draft);
        #[cfg(feature = "json")]
        let converted = match self.text {
            true => self.convert(&mut message, config),
            false => Ok(()),
        };
        #[cfg(not(feature = "json"))]
        let converted = Ok(());
        let bytes = message.len();
        let admitted =
            converted.and_then(|()| SendError::admit(bytes, self.outgoing_bytes + bytes, cap));
        match admitted {
            Ok(()) => self.queue(message),
            Err(_) => self.recycle(message, config.kept_bytes),
        }
        admitted
    }

    /// Drops the message that was begun.
    pub(super) fn cancel_message(&mut self) {
        self.draft = Vec::new();
    }

    pub(super) fn write_raw(&mut self, bytes: &[u8]) {
        let mut message = self.take_spare();
        message.extend_from_slice(bytes);
        self.queue(message);
    }

    /// Appends a client's ping. The cap does not apply: without pings the server would time out.
    pub(super) fn write_ping(&mut self, protocol: Protocol, limits: &Limits, client_time: i32) {
        let mut message = self.take_spare();
        #[cfg(feature = "json")]
        let written = if self.text {
            crate::json::encode_ping_request(&mut message, limits, client_time)
        } else {
            internal::encode_ping_request(&mut message, protocol, limits, client_time)
        };
        #[cfg(not(feature = "json"))]
        let written = internal::encode_ping_request(&mut message, protocol, limits, client_time);
        // Fails only with limits that leave no space for a login either.
        if written.is_ok() {
            self.queue(message);
        }
    }

    #[cfg(feature = "json")]
    fn convert(&mut self, message: &mut Vec<u8>, config: &PeerConfig) -> Result<(), SendError> {
        let mut text = self.take_spare();
        let encoded = json::encode(message, &config.limits, &mut text);
        self.recycle(core::mem::replace(message, text), config.kept_bytes);
        encoded
    }

    fn queue(&mut self, message: Vec<u8>) {
        // `unsent` returns an empty slice for "nothing to send".
        if !message.is_empty() {
            self.outgoing_bytes += message.len();
            self.outgoing.push_back(message);
        }
    }

    /// The message that is sent next; empty if there is none.
    pub(super) fn unsent(&self) -> &[u8] {
        self.outgoing.front().map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) const fn unsent_bytes(&self) -> usize {
        self.outgoing_bytes
    }

    /// The next message was sent, whole.
    pub(super) fn transmitted(&mut self, kept_bytes: usize) {
        if let Some(message) = self.outgoing.pop_front() {
            self.outgoing_bytes -= message.len();
            self.recycle(message, kept_bytes);
        }
        debug_assert!(
            !self.outgoing.is_empty() || self.outgoing_bytes == 0,
            "an empty queue holds no bytes"
        );
    }

    pub(super) fn discard_output(&mut self) {
        self.outgoing = VecDeque::new();
        self.outgoing_bytes = 0;
    }

    pub(super) const fn buffered_bytes(&self) -> usize {
        self.held_bytes() + self.outgoing_bytes
    }
}

/// An answered ping is as good as a greeting (wire.md 7.1); other answers have no meaning.
fn on_ping_answer(
    clock: &mut PeerClock,
    now: Timestamp,
    server_time: i32,
    client_time: i32,
) -> Inbound<Range<usize>> {
    match clock.on_ping_answer(now, server_time, client_time) {
        true => Inbound::Handshake,
        false => Inbound::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::{PeerConfig, SendError, Whole};
    use crate::role::Role;

    #[test]
    fn messages_stay_whole_and_in_order() {
        let config = PeerConfig::default();
        let mut whole = Whole::new(Role::Server, false, &config);
        whole.write_raw(b"one");
        whole.write_raw(b"");
        whole.begin_message().extend_from_slice(b"two");
        assert_eq!(whole.end_message(6, &config), Ok(()));
        whole.begin_message().extend_from_slice(b"three");
        let refused = whole.end_message(6, &config);
        assert_eq!(refused, Err(SendError::QueueFull));
        whole.begin_message().extend_from_slice(b"a longer one");
        let refused = whole.end_message(6, &config);
        assert_eq!(refused, Err(SendError::TooLong { max_bytes: 6 }));
        whole.begin_message().extend_from_slice(b"canceled");
        whole.cancel_message();
        assert_eq!((whole.unsent(), whole.unsent_bytes()), (&b"one"[..], 6));
        whole.transmitted(config.kept_bytes);
        assert_eq!((whole.unsent(), whole.unsent_bytes()), (&b"two"[..], 3));
        whole.discard_output();
        assert_eq!((whole.unsent(), whole.unsent_bytes()), (&b""[..], 0));
    }
}
