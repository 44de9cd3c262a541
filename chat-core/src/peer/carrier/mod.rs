//! What carries messages over a link: framing or reliable datagrams, and the buffers on both sides.

mod datagram;
#[cfg(feature = "json")]
mod json;
mod messages;
mod stream;

use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::link::{LinkError, Wire};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use datagram::Datagram;
use messages::Messages;
use photon_proto::{DecodeError, Timestamp, udp};
use stream::Stream;

/// Where messages come from and go to, and how it ended.
#[derive(Debug)]
pub(crate) struct Carrier {
    kind: Kind,
    /// The first thing that ended it.
    end: Option<LinkEnd>,
    /// Whether the driver has said that the link is no more.
    gone: bool,
    /// Whether the link is secure by itself.
    secure: bool,
    /// Whether nothing that the server says is of interest any more.
    deaf: bool,
}

/// One variant per kind of link.
#[derive(Debug)]
enum Kind {
    Stream(Stream),
    Datagram(Box<Datagram>),
    Messages(Box<Messages>),
}

/// What the carrier gives next.
#[cfg_attr(
    not(feature = "json"),
    expect(dead_code, reason = "some of it only JSON gives")
)]
pub(crate) enum Carried {
    Nothing,
    /// A message that lies here.
    Message(Range<usize>),
    /// The server is there, in the words of JSON.
    Greeting,
    /// A message that cannot be read, and lies here.
    Bad(DecodeError, Range<usize>),
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
    /// What ran over the link ended, not the link.
    Udp(udp::Cause),
}

impl Carrier {
    /// `challenge` is what a datagram connection is known by.
    pub(crate) fn new(wire: Wire, challenge: impl FnOnce() -> u32, config: &ChatConfig) -> Self {
        let kind = match wire {
            Wire::Datagram => Kind::Datagram(Box::new(Datagram::new(challenge(), config))),
            Wire::Stream => Kind::Stream(Stream::new(config)),
            _ => Kind::Messages(Box::new(Messages::new(config))),
        };
        let secure = matches!(wire, Wire::WebSocket { secure: true, .. });
        Self {
            kind,
            end: None,
            gone: false,
            secure,
            deaf: false,
        }
    }

    // The link.

    /// Whether nobody on the way can read or change anything.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) const fn is_connectionless(&self) -> bool {
        matches!(self.kind, Kind::Datagram(_))
    }

    /// Who greets: the client with its init, unless it has done so already by what the link was opened with.
    /// Spec: wire.md 2, 7.1.
    pub(crate) const fn needs_init(&self) -> bool {
        !matches!(self.kind, Kind::Messages(_))
    }

    /// Whether the messages are JSON, which has no key exchange, and pings only when nothing else is sent.
    pub(crate) fn is_json(&self) -> bool {
        matches!(&self.kind, Kind::Messages(messages) if messages.is_json())
    }

    /// The link is open. True if messages can be sent at once; otherwise [`Carrier::receive`] says when.
    pub(crate) fn open(&mut self, now: Timestamp) -> bool {
        match &mut self.kind {
            Kind::Stream(_) | Kind::Messages(_) => true,
            Kind::Datagram(datagram) => {
                datagram.open(now);
                false
            }
        }
    }

    /// Takes what arrived. True if messages can be sent from now on, and could not before.
    pub(crate) fn receive(&mut self, now: Timestamp, bytes: &[u8]) -> bool {
        if self.end.is_some() {
            return false;
        }
        match &mut self.kind {
            Kind::Stream(_) | Kind::Messages(_) if self.deaf => false,
            Kind::Stream(stream) => {
                if !stream.receive(bytes) {
                    self.end = Some(LinkEnd::Overrun);
                }
                false
            }
            Kind::Messages(messages) => {
                if !messages.receive(bytes) {
                    self.end = Some(LinkEnd::Overrun);
                }
                false
            }
            Kind::Datagram(datagram) => {
                let connects = datagram.receive(now, bytes);
                if self.deaf {
                    datagram.discard_input();
                }
                connects
            }
        }
    }

    /// What the server has said and was not taken is forgotten, and so is whatever it says from now on.
    pub(crate) fn stop_listening(&mut self) {
        self.deaf = true;
        match &mut self.kind {
            Kind::Stream(stream) => stream.discard_input(),
            Kind::Messages(messages) => messages.discard_input(),
            Kind::Datagram(datagram) => datagram.discard_input(),
        }
    }

    pub(crate) fn end(&mut self, end: LinkEnd) {
        self.gone |= !matches!(end, LinkEnd::Overrun);
        self.end.get_or_insert(end);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the driver has said that the link is no more.
    pub(crate) fn link_is_gone(&self) -> bool {
        self.gone
    }

    /// Whether the driver should read. Datagrams are always read: they are not acknowledged while there is no room.
    pub(crate) fn wants_input(&self) -> bool {
        self.end.is_none()
            && match &self.kind {
                Kind::Stream(stream) => stream.has_room(),
                Kind::Messages(messages) => messages.has_room(),
                Kind::Datagram(_) => true,
            }
    }

    // Messages in.

    /// Whether [`Carrier::next`] would give anything.
    pub(crate) fn has_next(&self) -> bool {
        self.end.is_some()
            || match &self.kind {
                Kind::Stream(stream) => stream.has_next(),
                Kind::Messages(messages) => messages.has_next(),
                Kind::Datagram(datagram) => datagram.has_next(),
            }
    }

    pub(crate) fn next(&mut self) -> Carried {
        let next = match &mut self.kind {
            Kind::Stream(stream) => stream.next(),
            Kind::Messages(messages) => messages.next(),
            Kind::Datagram(datagram) => datagram.next(),
        };
        match (next, &self.end) {
            (Carried::Nothing, Some(end)) => Carried::Ended(end.clone()),
            (next, _) => next,
        }
    }

    pub(crate) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        match &mut self.kind {
            Kind::Stream(stream) => stream.message_mut(range),
            Kind::Messages(messages) => messages.message_mut(range),
            Kind::Datagram(datagram) => datagram.message_mut(range),
        }
    }

    // Messages out.

    /// Appends a message on channel 0, reliable, if no more than `cap` bytes then wait; `write` is told where it begins.
    /// Undone if `write` fails. What is written after the end goes nowhere.
    pub(crate) fn write(
        &mut self,
        cap: usize,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let (before, header) = (self.unsent_bytes(), self.header_bytes());
        if before >= cap {
            return Err(RequestError::QueueFull);
        }
        let admit = |message: usize| {
            let bytes = message.saturating_add(header);
            match before.saturating_add(bytes) {
                after if after <= cap => Ok(()),
                // Waiting makes room for others, not for one that is longer than all the room there is.
                _ if bytes > cap => Err(RequestError::TooLong { max_bytes: cap }),
                _ => Err(RequestError::QueueFull),
            }
        };
        match &mut self.kind {
            Kind::Stream(stream) => stream.write(admitted(write, admit)),
            Kind::Datagram(datagram) => datagram.write(admitted(write, admit)),
            Kind::Messages(messages) => messages.write(write, admit),
        }
    }

    /// Bytes that a message takes beside its own.
    const fn header_bytes(&self) -> usize {
        match &self.kind {
            Kind::Stream(_) => photon_proto::tcp::HEADER_BYTES,
            Kind::Datagram(_) => udp::command::HEADER_BYTES,
            Kind::Messages(_) => 0,
        }
    }

    /// Bytes that were not sent, or not acknowledged where that is awaited.
    pub(crate) fn unsent_bytes(&self) -> usize {
        match &self.kind {
            Kind::Stream(stream) => stream.unsent().len(),
            Kind::Messages(messages) => messages.unsent_bytes(),
            Kind::Datagram(datagram) => datagram.unsent_bytes(),
        }
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        match &self.kind {
            Kind::Stream(stream) => stream.buffered_bytes(),
            Kind::Messages(messages) => messages.buffered_bytes(),
            Kind::Datagram(datagram) => datagram.buffered_bytes(),
        }
    }

    /// What the driver is to send next, if anything.
    pub(crate) fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        match &mut self.kind {
            Kind::Stream(stream) => Some(stream.unsent()).filter(|bytes| !bytes.is_empty()),
            Kind::Messages(messages) => Some(messages.unsent()).filter(|bytes| !bytes.is_empty()),
            Kind::Datagram(datagram) => datagram.transmit(now),
        }
    }

    pub(crate) fn transmitted(&mut self, bytes: usize) {
        match &mut self.kind {
            Kind::Stream(stream) => stream.consume(bytes),
            Kind::Datagram(datagram) if bytes > 0 => datagram.transmitted(),
            Kind::Messages(messages) if bytes > 0 => messages.sent(),
            Kind::Datagram(_) | Kind::Messages(_) => {}
        }
    }

    // The end that the client wants.

    /// Nothing more is wanted from the server; what was accepted is still sent, as far as that takes no longer than
    /// this.
    pub(crate) fn retire(&mut self, flush_ms: u64) {
        match &mut self.kind {
            Kind::Stream(_) | Kind::Messages(_) => {}
            Kind::Datagram(datagram) => datagram.retire(flush_ms),
        }
    }

    /// The first time that is known after [`Carrier::retire`].
    pub(crate) fn start_retiring(&mut self, now: Timestamp) {
        if let Kind::Datagram(datagram) = &mut self.kind {
            datagram.start_retiring(now);
        }
    }

    /// Nothing more is wanted from the server, and nothing more is sent but what says so.
    pub(crate) fn cut(&mut self) {
        match &mut self.kind {
            Kind::Stream(stream) => stream.discard(),
            Kind::Messages(messages) => messages.discard(),
            Kind::Datagram(datagram) => datagram.cut(),
        }
    }

    /// Whether a retired carrier has nothing left to do.
    pub(crate) fn is_flushed(&self) -> bool {
        self.gone
            || match &self.kind {
                Kind::Stream(stream) => stream.unsent().is_empty(),
                Kind::Messages(messages) => messages.unsent().is_empty(),
                Kind::Datagram(datagram) => datagram.is_flushed(),
            }
    }

    /// Whether something that was accepted was not sent, or not acknowledged where that is awaited.
    pub(crate) fn lost_something(&self) -> bool {
        match &self.kind {
            Kind::Stream(stream) => !stream.unsent().is_empty(),
            Kind::Messages(messages) => !messages.unsent().is_empty(),
            Kind::Datagram(datagram) => datagram.lost_something(),
        }
    }

    // Time.

    /// Whether pings are messages that the client sends: otherwise the carrier looks after itself.
    pub(crate) const fn needs_pings(&self) -> bool {
        !matches!(self.kind, Kind::Datagram(_))
    }

    pub(crate) fn write_ping(&mut self, client_time: i32) {
        match &mut self.kind {
            Kind::Stream(stream) => stream.write_ping(client_time),
            Kind::Messages(messages) => messages.write_ping(client_time),
            Kind::Datagram(_) => {}
        }
    }

    /// The init was answered.
    pub(crate) fn greeted(&mut self) {
        if let Kind::Datagram(datagram) = &mut self.kind {
            datagram.greeted();
        }
    }

    /// When [`Carrier::run_timers`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.kind {
            Kind::Datagram(datagram) if !self.gone => datagram.deadline(),
            _ => None,
        }
    }

    pub(crate) fn run_timers(&mut self, now: Timestamp) {
        if let Kind::Datagram(datagram) = &mut self.kind {
            datagram.run_timers(now);
        }
    }

    /// The datagram connection, if there is one.
    pub(crate) fn udp(&self) -> Option<&udp::Connection> {
        match &self.kind {
            Kind::Stream(_) | Kind::Messages(_) => None,
            Kind::Datagram(datagram) => datagram.connection(),
        }
    }
}

/// Writes a message that goes out as it is written, if it is admitted.
fn admitted(
    write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError>,
    admit: impl FnOnce(usize) -> Result<(), RequestError>,
) -> impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError> {
    |buffer, start| {
        write(buffer, start)?;
        admit(buffer.len().saturating_sub(start))
    }
}
