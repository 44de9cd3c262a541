//! Commands: what a datagram carries. Spec: udp.md 2.

use alloc::vec::Vec;

/// Bytes of the header in front of every command. Spec: udp.md 2.1.
pub const HEADER_BYTES: usize = 12;
/// Bytes of a fragment's whole header. Spec: udp.md 6.
pub const FRAGMENT_HEADER_BYTES: usize = 32;
/// Bytes of a connect or verify-connect command. Spec: udp.md 2.4.
pub const CONNECT_BYTES: usize = 44;
/// Bytes of an acknowledgement.
pub const ACK_BYTES: usize = 20;
/// Bytes of the header of unreliable and unsequenced commands.
pub const NUMBERED_HEADER_BYTES: usize = 16;

/// The channel of commands about the connection itself.
pub const CONTROL_CHANNEL: u8 = 0xFF;
/// Flag: must be acknowledged.
pub const FLAG_RELIABLE: u8 = 1;
/// Flag: numbered apart from the sequence.
pub const FLAG_UNSEQUENCED: u8 = 2;

/// Command types. Spec: udp.md 2.2.
pub mod kind {
    /// Acknowledges a sequenced command.
    pub const ACK: u8 = 1;
    /// A client asks for a connection.
    pub const CONNECT: u8 = 2;
    /// The server grants it.
    pub const VERIFY_CONNECT: u8 = 3;
    /// The end; the reserved byte is the reason.
    pub const DISCONNECT: u8 = 4;
    /// Asks for nothing but its acknowledgement.
    pub const PING: u8 = 5;
    /// A message, reliable and in order.
    pub const RELIABLE: u8 = 6;
    /// A message that may be lost, never overtaken by an older one.
    pub const UNRELIABLE: u8 = 7;
    /// A part of a reliable message.
    pub const FRAGMENT: u8 = 8;
    /// A message that may be lost and come in any order.
    pub const UNSEQUENCED: u8 = 11;
    /// Its acknowledgement tells the server's time.
    pub const SERVER_TIME: u8 = 12;
    /// A message, reliable, in any order.
    pub const RELIABLE_UNSEQUENCED: u8 = 14;
    /// A part of a reliable message outside of the order.
    pub const FRAGMENT_UNSEQUENCED: u8 = 15;
    /// Acknowledges an unsequenced command.
    pub const ACK_UNSEQUENCED: u8 = 16;
    /// Newer acknowledgements, never negotiated: skipped, never acknowledged. Spec: udp.md 2.6.
    pub const ACK2: core::ops::RangeInclusive<u8> = 17..=19;
}

/// The spec's name of a command type; `None` for types that it does not define.
#[must_use]
pub const fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::ACK => "ack",
        kind::CONNECT => "connect",
        kind::VERIFY_CONNECT => "verify_connect",
        kind::DISCONNECT => "disconnect",
        kind::PING => "ping",
        kind::RELIABLE => "send_reliable",
        kind::UNRELIABLE => "send_unreliable",
        kind::FRAGMENT => "send_fragment",
        kind::UNSEQUENCED => "send_unsequenced",
        kind::SERVER_TIME => "server_time",
        13 => "unreliable_processed",
        kind::RELIABLE_UNSEQUENCED => "send_reliable_unsequenced",
        kind::FRAGMENT_UNSEQUENCED => "send_fragment_unsequenced",
        kind::ACK_UNSEQUENCED => "ack_unsequenced",
        17 => "ack2",
        18 => "ack2_unsequenced",
        19 => "ack2_null",
        _ => return None,
    })
}

/// The fewest bytes that a command of this type has.
pub(crate) const fn min_bytes(kind: u8) -> usize {
    match kind {
        kind::ACK | kind::ACK_UNSEQUENCED => ACK_BYTES,
        kind::CONNECT | kind::VERIFY_CONNECT => CONNECT_BYTES,
        kind::UNRELIABLE | kind::UNSEQUENCED => NUMBERED_HEADER_BYTES,
        kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED => FRAGMENT_HEADER_BYTES,
        _ => HEADER_BYTES,
    }
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Type, as in [`kind`].
    pub kind: u8,
    /// Channel; [`CONTROL_CHANNEL`] for commands about the connection.
    pub channel: u8,
    /// [`FLAG_RELIABLE`], [`FLAG_UNSEQUENCED`].
    pub flags: u8,
    /// Reason of a disconnect; without meaning elsewhere.
    pub reserved: u8,
    /// Bytes of the whole command.
    pub size: u32,
    /// Reliable sequence number.
    pub rseq: u32,
    /// What stands after the header.
    pub body: Body<'a>,
}

/// What stands after a command's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Types 1 and 16.
    Ack {
        /// The number that arrived.
        rseq: u32,
        /// The sent time of the datagram in which it arrived, in milliseconds of its sender's clock.
        sent_time: u32,
    },
    /// Type 2.
    Connect(ConnectFields),
    /// Type 3; `id` is the assigned peer id.
    VerifyConnect(ConnectFields),
    /// Types 6 and 14: a message.
    Message(&'a [u8]),
    /// Types 7 and 11.
    Numbered {
        /// Unreliable number or unsequenced group.
        number: u32,
        /// The message.
        payload: &'a [u8],
    },
    /// Types 8 and 15.
    Fragment(Fragment<'a>),
    /// Types 4, 5 and 12, and those that are skipped: surplus bytes.
    Other(&'a [u8]),
}

/// The 32 bytes of connect and verify-connect. Spec: udp.md 2.4, 2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectFields {
    /// 0 from a client; the assigned peer id from a server.
    pub id: u16,
    /// Longest datagram, in bytes.
    pub mtu: u16,
    /// Receive window, in bytes.
    pub window_size: u32,
    /// Channels beside the control channel.
    pub channel_count: u32,
    /// Incoming bandwidth; no end acts on it, nor on the following.
    pub bandwidth_in: u32,
    /// Outgoing bandwidth.
    pub bandwidth_out: u32,
    /// Throttle interval.
    pub throttle_interval: u32,
    /// Throttle acceleration.
    pub throttle_acceleration: u32,
    /// Throttle deceleration.
    pub throttle_deceleration: u32,
}

impl ConnectFields {
    /// What a client announces.
    pub(crate) const fn client(mtu: u16, channels: u8) -> Self {
        Self {
            id: 0,
            mtu,
            window_size: 0x8000,
            channel_count: channels as u32,
            bandwidth_in: 0,
            bandwidth_out: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
        }
    }

    /// What a server answers: the same, but nothing of what newer clients offer in two upper halves. Spec: udp.md 2.6, 12.
    pub(crate) const fn verified(self, peer_id: u16) -> Self {
        let (window_size, bandwidth_in) = (self.window_size & 0xFFFF, self.bandwidth_in & 0xFFFF);
        Self {
            id: peer_id,
            window_size,
            bandwidth_in,
            ..self
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.mtu.to_be_bytes());
        for number in [
            self.window_size,
            self.channel_count,
            self.bandwidth_in,
            self.bandwidth_out,
            self.throttle_interval,
            self.throttle_acceleration,
            self.throttle_deceleration,
        ] {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<4>()?;
        let [id0, id1, mtu0, mtu1] = *head;
        let mut numbers = rest.chunks_exact(4).map(be32);
        Some(Self {
            id: u16::from_be_bytes([id0, id1]),
            mtu: u16::from_be_bytes([mtu0, mtu1]),
            window_size: numbers.next()?,
            channel_count: numbers.next()?,
            bandwidth_in: numbers.next()?,
            bandwidth_out: numbers.next()?,
            throttle_interval: numbers.next()?,
            throttle_acceleration: numbers.next()?,
            throttle_deceleration: numbers.next()?,
        })
    }
}

/// A part of a message. Spec: udp.md 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Number of the first part.
    pub start: u32,
    /// How many parts there are.
    pub count: u32,
    /// Which one this is, from 0.
    pub number: u32,
    /// Bytes of the whole message.
    pub total: u32,
    /// Where this part begins in it.
    pub offset: u32,
    /// The part.
    pub part: &'a [u8],
}

impl<'a> Command<'a> {
    /// Reads one command from exactly its bytes; `None` if its type needs more.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[kind, channel, flags, reserved, ..], body) =
            bytes.split_first_chunk::<HEADER_BYTES>()?;
        let (size, rseq) = (be32(bytes.get(4..8)?), be32(bytes.get(8..12)?));
        let body = match kind {
            kind::ACK | kind::ACK_UNSEQUENCED => {
                let (rseq, rest) = split_be32(body)?;
                Body::Ack {
                    rseq,
                    sent_time: split_be32(rest)?.0,
                }
            }
            kind::CONNECT => Body::Connect(ConnectFields::read(body)?),
            kind::VERIFY_CONNECT => Body::VerifyConnect(ConnectFields::read(body)?),
            kind::RELIABLE | kind::RELIABLE_UNSEQUENCED => Body::Message(body),
            kind::UNRELIABLE | kind::UNSEQUENCED => {
                let (number, payload) = split_be32(body)?;
                Body::Numbered { number, payload }
            }
            kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED => {
                let (start, rest) = split_be32(body)?;
                let (count, rest) = split_be32(rest)?;
                let (number, rest) = split_be32(rest)?;
                let (total, rest) = split_be32(rest)?;
                let (offset, part) = split_be32(rest)?;
                Body::Fragment(Fragment {
                    start,
                    count,
                    number,
                    total,
                    offset,
                    part,
                })
            }
            _ => Body::Other(body),
        };
        Some(Self {
            kind,
            channel,
            flags,
            reserved,
            size,
            rseq,
            body,
        })
    }

    /// Whether its sender wants it acknowledged.
    #[must_use]
    pub const fn is_reliable(&self) -> bool {
        self.flags & FLAG_RELIABLE != 0 && !matches!(self.kind, 17..=19)
    }

    /// Whether its number is one of the unsequenced ones.
    #[must_use]
    pub const fn is_unsequenced(&self) -> bool {
        self.flags & FLAG_UNSEQUENCED != 0
    }
}

fn be32(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

fn split_be32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes
        .split_first_chunk()
        .map(|(number, rest)| (u32::from_be_bytes(*number), rest))
}

/// A command header to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) channel: u8,
    pub(crate) flags: u8,
    pub(crate) reserved: u8,
    pub(crate) rseq: u32,
}

impl Header {
    /// The bytes of the header of a command that is `size` bytes long.
    pub(crate) fn bytes(&self, size: usize) -> [u8; HEADER_BYTES] {
        let [s0, s1, s2, s3] = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        let [r0, r1, r2, r3] = self.rseq.to_be_bytes();
        [
            self.kind,
            self.channel,
            self.flags,
            self.reserved,
            s0,
            s1,
            s2,
            s3,
            r0,
            r1,
            r2,
            r3,
        ]
    }
}

/// Appends an acknowledgement.
pub(crate) fn write_ack(out: &mut Vec<u8>, header: Header, rseq: u32, sent_time: u32) {
    out.extend_from_slice(&header.bytes(ACK_BYTES));
    out.extend_from_slice(&rseq.to_be_bytes());
    out.extend_from_slice(&sent_time.to_be_bytes());
}
