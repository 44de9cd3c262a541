//! What carries a connection's messages: a stream, datagrams, or a link that takes them whole.

use photon_proto::crypto::Cipher;
use photon_proto::tcp::{self, Delivery, Splitter};
use photon_proto::{Limits, Timestamp, message, udp};

use crate::acceptors::Side;
use crate::delayed::Delayed;
use crate::messages::MessageCarrier;
use crate::outgoing::Outgoing;

pub(crate) enum Carrier {
    Stream(Box<StreamCarrier>),
    Datagram(DatagramCarrier),
    Messages(Box<MessageCarrier>),
}

/// Something to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Parcel<'a> {
    pub(crate) bytes: &'a [u8],
    /// Encrypted with this.
    pub(crate) cipher: Option<&'a Cipher>,
    /// On a stream it goes into a frame. Others have none.
    pub(crate) framed: bool,
}

impl Parcel<'_> {
    /// Writes the message, encrypted if it is to be, behind what is there.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(self.bytes);
        if let Some(cipher) = self.cipher {
            message::encrypt(buffer, start, cipher);
        }
    }
}

pub(crate) struct StreamCarrier {
    pub(crate) splitter: Splitter,
    pub(crate) out: Outgoing,
}

/// Its messages are kept by the table of datagram connections, except for those that are held back.
pub(crate) struct DatagramCarrier {
    pub(crate) key: udp::ConnectionHandle,
    held: Delayed,
}

impl Carrier {
    pub(crate) fn stream(limits: &Limits) -> Self {
        let splitter = Splitter::new(tcp::Role::Server, limits.max_received_bytes);
        Self::Stream(Box::new(StreamCarrier {
            splitter,
            out: Outgoing::default(),
        }))
    }

    pub(crate) fn datagram(key: udp::ConnectionHandle) -> Self {
        Self::Datagram(DatagramCarrier {
            key,
            held: Delayed::default(),
        })
    }

    pub(crate) fn as_stream_mut(&mut self) -> Option<&mut StreamCarrier> {
        if let Self::Stream(stream) = self {
            Some(stream)
        } else {
            None
        }
    }

    pub(crate) const fn as_datagram(&self) -> Option<&DatagramCarrier> {
        if let Self::Datagram(datagram) = self {
            Some(datagram)
        } else {
            None
        }
    }

    /// What the driver may send now, on a stream or as one whole message.
    pub(crate) fn unsent(&self) -> &[u8] {
        match self {
            Self::Stream(stream) => stream.out.unsent(),
            Self::Messages(messages) => messages.unsent(),
            Self::Datagram(_) => &[],
        }
    }

    /// The driver has sent so many bytes, or the whole message.
    pub(crate) fn sent(&mut self, bytes: usize) {
        match self {
            Self::Stream(stream) => stream.out.sent(bytes),
            Self::Messages(messages) => messages.sent(),
            Self::Datagram(_) => {}
        }
    }

    /// Sends a message, held back until `due` if that is later than `now`.
    pub(crate) fn send(
        &mut self,
        side: &mut Side,
        now: Timestamp,
        due: Timestamp,
        parcel: Parcel<'_>,
    ) {
        match self {
            Self::Stream(stream) if parcel.framed => stream.out.write(now, due, |buffer| {
                let frame = tcp::begin_frame(buffer, 0, Delivery::Reliable);
                parcel.write(buffer);
                tcp::end_frame(buffer, frame);
            }),
            Self::Stream(stream) => stream.out.write(now, due, |buffer| parcel.write(buffer)),
            Self::Datagram(datagram) if datagram.held.holds(now, due) => {
                let mut bytes = Vec::new();
                parcel.write(&mut bytes);
                datagram.held.push(due, bytes);
            }
            Self::Datagram(datagram) => side.send(datagram.key, parcel),
            Self::Messages(messages) => {
                let mut bytes = Vec::new();
                parcel.write(&mut bytes);
                messages.send(now, due, bytes);
            }
        }
    }

    /// Lets go what is due.
    pub(crate) fn release(&mut self, side: &mut Side, now: Timestamp) {
        match self {
            Self::Stream(stream) => {
                stream.out.release(now);
            }
            Self::Messages(messages) => messages.release(now),
            Self::Datagram(datagram) => {
                while let Some(bytes) = datagram.held.pop(now) {
                    side.send(
                        datagram.key,
                        Parcel {
                            bytes: &bytes,
                            cipher: None,
                            framed: true,
                        },
                    );
                }
            }
        }
    }

    /// When something held back is due next.
    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        match self {
            Self::Stream(stream) => stream.out.next_release(),
            Self::Messages(messages) => messages.next_release(),
            Self::Datagram(datagram) => datagram.held.next_release(),
        }
    }

    /// Everything that has not been sent, or on datagrams not been acknowledged, in bytes.
    pub(crate) fn waiting(&self, side: &Side) -> usize {
        match self {
            Self::Stream(stream) => stream.out.len(),
            Self::Messages(messages) => messages.len(),
            Self::Datagram(datagram) => datagram
                .held
                .bytes()
                .saturating_add(side.queued_bytes(datagram.key)),
        }
    }

    /// Whether nothing is left that has to be done here before the connection can end.
    pub(crate) fn is_drained(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.out.len() == 0,
            Self::Messages(messages) => messages.len() == 0,
            Self::Datagram(datagram) => datagram.held.is_empty(),
        }
    }

    /// Gives up what has not been sent; a datagram connection is over thereby.
    pub(crate) fn abort(&mut self, side: &mut Side) {
        match self {
            Self::Stream(stream) => stream.out.clear(),
            Self::Messages(messages) => messages.clear(),
            Self::Datagram(datagram) => {
                datagram.held = Delayed::default();
                side.close(datagram.key);
            }
        }
    }

    /// From now on a datagram connection is silent as if nobody were there.
    pub(crate) fn vanish(&mut self, side: &mut Side) {
        if let Self::Datagram(datagram) = self {
            datagram.held = Delayed::default();
            side.forget(datagram.key);
        }
    }
}
