//! A byte stream with frames. Spec: wire.md 6.

use super::Carried;
use crate::config::ChatConfig;
use crate::error::RequestError;
use alloc::vec::Vec;
use core::ops::Range;
use photon_proto::tcp::{self, Delivery, Item, Role, Splitter};

/// A chunk that the driver hands over although no more input was wanted is kept up to this much above the cap.
const OVERRUN_BYTES: usize = 64 * 1024;
/// An emptied buffer of more than this is given back.
const KEPT_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Stream {
    splitter: Splitter,
    outgoing: Outgoing,
    incoming_cap: usize,
}

impl Stream {
    pub(super) fn new(config: &ChatConfig) -> Self {
        Self {
            splitter: Splitter::new(Role::Client, config.limits.max_received_bytes),
            outgoing: Outgoing::default(),
            incoming_cap: config.incoming_cap(),
        }
    }

    /// False if there is far too much of it.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> bool {
        let most = self.incoming_cap.saturating_add(OVERRUN_BYTES);
        let fits = self.splitter.buffered_bytes().saturating_add(bytes.len()) <= most;
        if fits {
            self.splitter.push(bytes);
        }
        fits
    }

    pub(super) fn has_room(&self) -> bool {
        self.splitter.buffered_bytes() < self.incoming_cap
    }

    pub(super) fn has_next(&self) -> bool {
        self.splitter.has_item()
    }

    pub(super) fn next(&mut self) -> Carried {
        match self.splitter.next() {
            Ok(Some(Item::Frame { message, .. })) => Carried::Message(message),
            Ok(Some(Item::PingResponse {
                server_time,
                client_time,
            })) => Carried::Ping {
                server_time,
                client_time,
            },
            // A client's splitter gives no requests.
            Ok(Some(Item::PingRequest { .. }) | None) => Carried::Nothing,
            Err(error) => Carried::Broken(error),
        }
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.splitter.message_mut(range)
    }

    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let buffer = &mut self.outgoing.bytes;
        let frame = tcp::begin_frame(buffer, 0, Delivery::Reliable);
        let written = write(buffer, frame.message_position());
        match written {
            Ok(()) => tcp::end_frame(buffer, frame),
            Err(_) => tcp::cancel_frame(buffer, frame),
        }
        written
    }

    pub(super) fn write_ping(&mut self, client_time: i32) {
        tcp::encode_ping_request(&mut self.outgoing.bytes, client_time);
    }

    pub(super) fn unsent(&self) -> &[u8] {
        self.outgoing.unsent()
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.outgoing.consume(bytes);
    }

    pub(super) fn discard(&mut self) {
        self.outgoing = Outgoing::default();
    }

    pub(super) fn discard_input(&mut self) {
        self.splitter = Splitter::new(Role::Client, 0);
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.splitter
            .buffered_bytes()
            .saturating_add(self.outgoing.unsent().len())
    }
}

/// Bytes that wait to be sent. Not to be printed: some are credentials.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl core::fmt::Debug for Outgoing {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Outgoing({} bytes)", self.unsent().len())
    }
}

impl Outgoing {
    fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.sent = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
        } else if self.sent > KEPT_BYTES && self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}
