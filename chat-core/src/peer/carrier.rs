//! What carries messages over a link: framing, and the buffers on both sides.

use crate::link::LinkError;
use alloc::vec::Vec;
use photon_proto::DecodeError;
use photon_proto::tcp::{self, Delivery, Item, Role, Splitter};

/// A chunk that the driver hands over although no more input was wanted is kept up to this much above the cap.
const OVERRUN_BYTES: usize = 64 * 1024;
/// An emptied buffer of more than this is given back.
const KEPT_BYTES: usize = 256 * 1024;

/// Where messages come from and go to; one variant per kind of link.
#[derive(Debug)]
pub(crate) enum Carrier {
    Stream(Stream),
}

/// What the carrier gives next.
pub(crate) enum Carried {
    Nothing,
    /// A message that lies here.
    Message(core::ops::Range<usize>),
    /// A round trip told.
    Ping {
        server_time: i32,
        client_time: i32,
    },
    /// The bytes cannot be followed any more.
    Broken(DecodeError),
    /// The link ended; everything that came before it has been taken.
    Ended(LinkEnd),
}

/// How a link ended.
#[derive(Clone, Debug)]
pub(crate) enum LinkEnd {
    Closed,
    Failed(LinkError),
    Overrun,
}

/// A byte stream with frames. Spec: wire.md 6.
#[derive(Debug)]
pub(crate) struct Stream {
    splitter: Splitter,
    outgoing: Outgoing,
    /// The first thing that ended it.
    end: Option<LinkEnd>,
    /// Whether the driver has said that the link is no more.
    gone: bool,
    incoming_cap: usize,
}

impl Carrier {
    pub(crate) fn stream(max_message_bytes: usize, incoming_cap: usize) -> Self {
        Self::Stream(Stream {
            splitter: Splitter::new(Role::Client, max_message_bytes),
            outgoing: Outgoing::default(),
            end: None,
            gone: false,
            incoming_cap,
        })
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let Self::Stream(stream) = self;
        if stream.end.is_some() {
            return;
        }
        if stream.splitter.buffered_bytes().saturating_add(bytes.len())
            > stream.incoming_cap.saturating_add(OVERRUN_BYTES)
        {
            stream.end = Some(LinkEnd::Overrun);
        } else {
            stream.splitter.push(bytes);
        }
    }

    pub(crate) fn end(&mut self, end: LinkEnd) {
        let Self::Stream(stream) = self;
        stream.gone |= !matches!(end, LinkEnd::Overrun);
        stream.end.get_or_insert(end);
    }

    pub(crate) fn has_ended(&self) -> bool {
        let Self::Stream(stream) = self;
        stream.end.is_some()
    }

    /// Whether the driver has said that the link is no more.
    pub(crate) fn link_is_gone(&self) -> bool {
        let Self::Stream(stream) = self;
        stream.gone
    }

    pub(crate) fn wants_input(&self) -> bool {
        let Self::Stream(stream) = self;
        stream.end.is_none() && stream.splitter.buffered_bytes() < stream.incoming_cap
    }

    /// Whether [`Carrier::next`] would give anything.
    pub(crate) fn has_next(&self) -> bool {
        let Self::Stream(stream) = self;
        stream.end.is_some() || stream.splitter.has_item()
    }

    pub(crate) fn next(&mut self) -> Carried {
        let Self::Stream(stream) = self;
        match stream.splitter.next() {
            Ok(Some(Item::Frame { message, .. })) => Carried::Message(message),
            Ok(Some(Item::PingResponse { server_time, client_time })) => Carried::Ping { server_time, client_time },
            // A client's splitter gives no requests.
            Ok(Some(Item::PingRequest { .. })) => Carried::Nothing,
            Ok(None) => stream.end.clone().map_or(Carried::Nothing, Carried::Ended),
            Err(error) => Carried::Broken(error),
        }
    }

    pub(crate) fn message_mut(&mut self, range: core::ops::Range<usize>) -> &mut [u8] {
        let Self::Stream(stream) = self;
        stream.splitter.message_mut(range)
    }

    /// Appends a message on channel 0, reliable; `write` is told where it begins. Undone if `write` fails.
    pub(crate) fn write<E>(&mut self, write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>) -> Result<(), E> {
        let Self::Stream(stream) = self;
        let buffer = &mut stream.outgoing.bytes;
        let frame = tcp::begin_frame(buffer, 0, Delivery::Reliable);
        match write(buffer, frame.message_position()) {
            Ok(()) => {
                tcp::end_frame(buffer, frame);
                Ok(())
            }
            Err(error) => {
                tcp::cancel_frame(buffer, frame);
                Err(error)
            }
        }
    }

    pub(crate) fn write_ping(&mut self, client_time: i32) {
        let Self::Stream(stream) = self;
        tcp::write_ping_request(&mut stream.outgoing.bytes, client_time);
    }

    pub(crate) fn outgoing(&mut self) -> &mut Outgoing {
        let Self::Stream(stream) = self;
        &mut stream.outgoing
    }

    pub(crate) fn into_outgoing(self) -> Outgoing {
        let Self::Stream(stream) = self;
        stream.outgoing
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        let Self::Stream(stream) = self;
        stream.splitter.buffered_bytes().saturating_add(stream.outgoing.unsent().len())
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        let Self::Stream(stream) = self;
        stream.outgoing.unsent().len()
    }
}

/// Bytes that wait to be sent. Not to be printed: some are credentials.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl core::fmt::Debug for Outgoing {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Outgoing({} bytes)", self.unsent().len())
    }
}

impl Outgoing {
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Takes off the end what was written last.
    pub(crate) fn undo(&mut self, bytes: usize) {
        let keep = self.bytes.len().saturating_sub(bytes).max(self.sent);
        self.bytes.truncate(keep);
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
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
