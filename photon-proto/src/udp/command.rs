//! Commands: the content of datagrams. Spec: udp.md 2.

use alloc::vec::Vec;

/// Length of the header of every command, in bytes. Spec: udp.md 2.1.
pub const HEADER_BYTES: usize = 12;
/// Length of the complete header of a fragment, in bytes. Spec: udp.md 6.
pub const FRAGMENT_HEADER_BYTES: usize = 32;
/// Length of a connect or verify-connect command, in bytes. Spec: udp.md 2.4.
pub const CONNECT_BYTES: usize = 44;
/// Length of an ack, in bytes. Spec: udp.md 5.1.
pub const ACK_BYTES: usize = 20;
/// Length of the header of unreliable and unsequenced commands, in bytes. Spec: udp.md 2.2.
pub const NUMBERED_HEADER_BYTES: usize = 16;

/// The channel of commands about the connection itself. Spec: udp.md 2.1.
pub const CONTROL_CHANNEL: u8 = 0xFF;
/// Flag: the receiver must acknowledge the command. Spec: udp.md 2.1.
pub const FLAG_RELIABLE: u8 = 1;
/// Flag: the command is numbered separately from the sequence. Spec: udp.md 2.1.
pub const FLAG_UNSEQUENCED: u8 = 2;

/// Command types. Spec: udp.md 2.2.
pub mod kind {
    /// Acknowledges a sequenced command.
    pub const ACK: u8 = 1;
    /// A client requests a connection.
    pub const CONNECT: u8 = 2;
    /// The server accepts the connection.
    pub const VERIFY_CONNECT: u8 = 3;
    /// The sender ends the connection; the reserved byte is the reason.
    pub const DISCONNECT: u8 = 4;
    /// Requests nothing but an ack.
    pub const PING: u8 = 5;
    /// A message: reliable and in order.
    pub const RELIABLE: u8 = 6;
    /// A message that may be lost, and is dropped if a newer one was delivered.
    pub const UNRELIABLE: u8 = 7;
    /// A part of a reliable message.
    pub const FRAGMENT: u8 = 8;
    /// A message that may be lost, and is delivered in any order.
    pub const UNSEQUENCED: u8 = 11;
    /// A ping whose ack carries the server's time.
    pub const SERVER_TIME: u8 = 12;
    /// A message: reliable, delivered in any order.
    pub const RELIABLE_UNSEQUENCED: u8 = 14;
    /// A part of a reliable unsequenced message.
    pub const FRAGMENT_UNSEQUENCED: u8 = 15;
    /// Acknowledges an unsequenced command.
    pub const ACK_UNSEQUENCED: u8 = 16;
    /// Acks of newer clients, which are never negotiated: skipped without an ack.
    /// Spec: udp.md 2.6.
    pub const ACK2: core::ops::RangeInclusive<u8> = 17..=19;
}

/// The specification's name of a command type; `None` for types that it does not define.
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

/// The minimum length of a command of this type.
pub(crate) const fn min_bytes(kind: u8) -> usize {
    match kind {
        kind::ACK | kind::ACK_UNSEQUENCED => ACK_BYTES,
        kind::CONNECT | kind::VERIFY_CONNECT => CONNECT_BYTES,
        kind::UNRELIABLE | kind::UNSEQUENCED => NUMBERED_HEADER_BYTES,
        kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED => FRAGMENT_HEADER_BYTES,
        _ => HEADER_BYTES,
    }
}

/// A command, borrowed from its datagram. Exhaustive, like the header that it decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// The type, as in [`kind`].
    pub kind: u8,
    /// The channel; [`CONTROL_CHANNEL`] for commands about the connection.
    pub channel: u8,
    /// [`FLAG_RELIABLE`], [`FLAG_UNSEQUENCED`].
    pub flags: u8,
    /// The reason of a disconnect; without meaning in other commands.
    pub reserved: u8,
    /// The length of the complete command, in bytes.
    pub size: u32,
    /// The reliable sequence number.
    pub rseq: u32,
    /// The content behind the header.
    pub body: Body<'a>,
}

/// The content of a command behind its header. Exhaustive: every type has one of these forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Types 1 and 16.
    Ack {
        /// The number of the acknowledged command.
        rseq: u32,
        /// The sent time of the datagram that carried it, in milliseconds of its sender's clock.
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
        /// The unreliable number, or the unsequenced group.
        number: u32,
        /// The message.
        payload: &'a [u8],
    },
    /// Types 8 and 15.
    Fragment(Fragment<'a>),
    /// Types 4, 5 and 12, and unknown types: surplus bytes.
    Other(&'a [u8]),
}

/// The 32 bytes of connect and verify-connect. Spec: udp.md 2.4, 2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectFields {
    /// 0 from a client; the assigned peer id from a server.
    pub id: u16,
    /// The maximum length of a datagram, in bytes.
    pub mtu: u16,
    /// The receive window, in bytes.
    pub window_size: u32,
    /// The number of channels besides the control channel.
    pub channel_count: u32,
    /// The incoming bandwidth; clients send 0. Neither end uses this field or the following ones.
    pub bandwidth_in: u32,
    /// The outgoing bandwidth; clients send 0.
    pub bandwidth_out: u32,
    /// The throttle interval of ENet; clients send 5000.
    pub throttle_interval: u32,
    /// The throttle acceleration of ENet; clients send 2.
    pub throttle_acceleration: u32,
    /// The throttle deceleration of ENet; clients send 2.
    pub throttle_deceleration: u32,
}

impl ConnectFields {
    /// The fields of a client's connect, with the constants of the official client.
    /// Spec: udp.md 2.4.
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

    /// The fields of a server's answer: those of the client without the options that newer clients
    /// offer in two upper halves. Spec: udp.md 2.6, 12.
    pub(crate) const fn verified(self, peer_id: u16) -> Self {
        let (window_size, bandwidth_in) = (self.window_size & 0xFFFF, self.bandwidth_in & 0xFFFF);
        Self {
            id: peer_id,
            window_size,
            bandwidth_in,
            ..self
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
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

    fn decode(body: &[u8]) -> Option<Self> {
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
    /// The sequence number of the first part.
    pub start: u32,
    /// The number of parts.
    pub count: u32,
    /// The index of this part, from 0.
    pub number: u32,
    /// The length of the complete message, in bytes.
    pub total: u32,
    /// The position of this part in the message.
    pub offset: u32,
    /// The content of this part.
    pub part: &'a [u8],
}

impl<'a> Command<'a> {
    /// Decodes a command from exactly its bytes; `None` if its type needs more.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
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
            kind::CONNECT => Body::Connect(ConnectFields::decode(body)?),
            kind::VERIFY_CONNECT => Body::VerifyConnect(ConnectFields::decode(body)?),
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

    /// Whether the receiver must acknowledge it. Acks of newer clients never are, whatever their
    /// flags.
    #[must_use]
    pub const fn is_reliable(&self) -> bool {
        self.flags & FLAG_RELIABLE != 0 && !matches!(self.kind, 17..=19)
    }

    /// Whether its number belongs to the unsequenced ones.
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

/// The header of a command to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) channel: u8,
    pub(crate) flags: u8,
    pub(crate) reserved: u8,
    pub(crate) rseq: u32,
}

impl Header {
    /// Encodes the header of a command that is `size` bytes long.
    pub(crate) fn bytes(&self, size: usize) -> [u8; HEADER_BYTES] {
        debug_assert!(
            u32::try_from(size).is_ok(),
            "a command fits into a datagram"
        );
        let [s0, s1, s2, s3] = (size as u32).to_be_bytes();
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
