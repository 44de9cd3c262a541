//! [`Forgery`]: datagrams of an attacker who knows the format, and [`Observer`]: the knowledge of one
//! who has seen the datagrams of an end.

use crate::datagram::{repair, write_body};
use crate::script::{List, choices, script_types};
use photon_proto::udp::command::{Body, ConnectFields, Fragment, kind};
use photon_proto::udp::datagram::{CRC_HEADER_BYTES, NO_PEER_ID, decode};
use std::collections::VecDeque;

/// The number of reliable commands of an end that an observer remembers.
const MAX_RECENT: usize = 64;

script_types! {
    /// The choices of an attacker for one datagram. Its numbers become right or wrong values only
    /// when it is written, because the right ones depend on what the attacker has seen.
    pub struct Forgery {
        /// The peer id: right in half of all cases.
        pub peer_id: u8,
        /// Bit 7: whether bytes follow the last command. The rest: the flags, modulo 10, and whether
        /// the checksum is wrong, which every third number makes it.
        pub crc: u8,
        /// The command count: right up to 199, then off by one, then anything.
        pub count: u8,
        /// The sent time: the last one of the peer, or a constant.
        pub sent_time: u8,
        /// The first command.
        pub first: ForgedCommand,
        /// The other commands.
        pub more: List<ForgedCommand, 3>,
    }

    /// The choices of an attacker for one command. Small numbers are the usual values; above 200
    /// begin the wrong ones.
    #[derive(Copy, Eq)]
    pub struct ForgedCommand {
        /// The command type.
        pub kind: CommandKind,
        /// The channel.
        pub channel: u8,
        /// The flags.
        pub flags: u8,
        /// The reliable number, relative to the last one.
        pub number: u8,
        /// Another number of the body.
        pub other: u8,
        /// The error in the body or in the size.
        pub twist: u8,
        /// A quarter of the payload length.
        pub length: u8,
    }
}

choices! {
    /// All command types, the most important ones twice, and some unknown ones. Spec: udp.md 3
    #[derive(Eq)]
    pub struct CommandKind(u8) = [
        kind::RELIABLE,
        kind::ACK,
        kind::FRAGMENT,
        kind::CONNECT,
        kind::VERIFY_CONNECT,
        kind::UNRELIABLE,
        kind::UNSEQUENCED,
        kind::RELIABLE_UNSEQUENCED,
        kind::FRAGMENT_UNSEQUENCED,
        kind::ACK_UNSEQUENCED,
        kind::PING,
        kind::SERVER_TIME,
        kind::RELIABLE,
        kind::FRAGMENT,
        kind::DISCONNECT,
        9,
        13,
        17,
        18,
        19,
        0,
        200,
    ];
}

/// The knowledge of an attacker about one end: what it has sent, and what was forged toward it.
#[derive(Debug, Default)]
pub(super) struct Observer {
    pub(super) challenge: u32,
    /// The assigned peer id.
    peer_id: Option<u16>,
    /// Reliable commands: channel, whether unsequenced, number, sent time.
    recent: VecDeque<(u8, bool, u32, u32)>,
    /// The last number used toward it, by channel (of four) and whether unsequenced.
    used: [u32; 8],
    unreliable: u32,
    /// The fragments that are being sent: first number, how many, bytes of each.
    fragments: (u32, u32, usize),
}

impl Observer {
    pub(super) fn new(challenge: u32) -> Self {
        Self {
            challenge,
            ..Self::default()
        }
    }

    /// Observes a datagram that this end has sent.
    pub(super) fn observe(&mut self, bytes: &[u8]) {
        let Ok(datagram) = decode(bytes) else { return };
        for command in datagram.commands() {
            if let Body::VerifyConnect(fields) = command.body {
                self.peer_id = Some(fields.id);
            }
            if command.is_reliable() {
                let time = datagram.header.sent_time;
                self.recent.push_front((
                    command.channel,
                    command.is_unsequenced(),
                    command.rseq,
                    time,
                ));
                self.recent.truncate(MAX_RECENT);
            }
        }
    }

    /// Writes a datagram for this end. Its right peer id is the observed one, or else `known`.
    pub(super) fn forge(&mut self, forgery: &Forgery, known: u16) -> Vec<u8> {
        let right = self.peer_id.unwrap_or(known);
        let peer_id =
            [right, right, right, 0, NO_PEER_ID, 0xFFFE][usize::from(forgery.peer_id) % 6];
        let flags =
            [0, 0, 0, 0, 0xCC, 0xCC, 0xCC, 1, 0x77, 0][usize::from(forgery.crc & 0x7F) % 10];
        let real = 1 + u8::try_from(forgery.more.len()).expect("a short list");
        let count = match forgery.count {
            0..=199 => real,
            200..=219 => real + 1,
            220..=239 => real.saturating_sub(1),
            other => other,
        };
        let last_time = self.recent.front().map_or(0, |recent| recent.3);
        let sent_time = [last_time, 0, 0x8000_0000, u32::MAX][usize::from(forgery.sent_time) % 4];
        let mut out = Vec::new();
        out.extend(peer_id.to_be_bytes());
        out.extend([flags, count]);
        out.extend(sent_time.to_be_bytes());
        out.extend(self.challenge.to_be_bytes());
        if flags == 0xCC {
            out.extend([0; CRC_HEADER_BYTES - 12]);
        }
        for choice in std::iter::once(&forgery.first).chain(forgery.more.iter()) {
            self.command(choice, &mut out);
        }
        if forgery.crc & 0x80 != 0 {
            out.extend([0xEE; 3]);
        }
        if !forgery.crc.is_multiple_of(3) {
            repair(&mut out);
        }
        out
    }

    fn command(&mut self, it: &ForgedCommand, out: &mut Vec<u8>) {
        let kind = it.kind.get();
        let length = usize::from(it.length) * 4;
        let usual = match kind {
            kind::ACK | kind::ACK_UNSEQUENCED | kind::UNRELIABLE | 17..=19 => 0,
            kind::UNSEQUENCED => 2,
            kind::RELIABLE_UNSEQUENCED | kind::FRAGMENT_UNSEQUENCED => 3,
            _ => 1,
        };
        let flags = if it.flags < 200 { usual } else { it.flags };
        let data = matches!(kind, 6..=8 | 11 | 14 | 15);
        let channel = match (data, it.channel) {
            (true, 0..=199) => it.channel % 2,
            (false, 0..=199) => 255,
            (_, other) => other % 56 + 200,
        };
        let unsequenced = matches!(
            kind,
            kind::RELIABLE_UNSEQUENCED | kind::FRAGMENT_UNSEQUENCED
        );
        let mut number = self.number(channel, unsequenced, it.number);
        let payload = vec![0xF3; length];
        let (mut acked, part_size);
        let body = match kind {
            kind::ACK | kind::ACK_UNSEQUENCED => {
                acked = self
                    .recent
                    .get(usize::from(it.number) % MAX_RECENT)
                    .copied()
                    .unwrap_or((255, false, 1, 0));
                if it.twist >= 200 {
                    acked.3 = [0, 0x7FFF_FFFF, 0x8000_0000, u32::MAX][usize::from(it.other) % 4];
                }
                if it.twist % 16 == 1 {
                    acked.2 = acked.2.wrapping_add(it.other.into());
                }
                number = 0;
                Body::Ack {
                    rseq: acked.2,
                    sent_time: acked.3,
                }
            }
            kind::CONNECT | kind::VERIFY_CONNECT => {
                let odd = it.twist >= 200;
                Body::Connect(ConnectFields {
                    id: if kind == kind::CONNECT {
                        0
                    } else {
                        [0x42, 0xFFFF, 0xFFFE, 0][usize::from(it.other) % 4]
                    },
                    mtu: if odd { u16::from(it.other) * 257 } else { 1200 },
                    window_size: 0x8000,
                    channel_count: if odd {
                        u32::from(it.twist) << 24 | u32::from(it.other)
                    } else {
                        2
                    },
                    bandwidth_in: 0,
                    bandwidth_out: 0,
                    throttle_interval: 5000,
                    throttle_acceleration: 2,
                    throttle_deceleration: 2,
                })
            }
            kind::UNRELIABLE | kind::UNSEQUENCED => {
                self.unreliable = self.unreliable.wrapping_add(u32::from(it.other % 4));
                let edges = [0, 127, 128, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
                let other = if it.twist < 200 {
                    self.unreliable
                } else {
                    edges[usize::from(it.other) % edges.len()]
                };
                if kind == kind::UNRELIABLE && it.twist.is_multiple_of(2) {
                    number = self.used[slot(channel, false)];
                }
                Body::Numbered {
                    number: other,
                    payload: &payload,
                }
            }
            kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED => {
                if it.other < 100 || self.fragments.1 == 0 {
                    let count = [2, 1, 3, 5, 64, 4096][usize::from(it.other) % 6];
                    self.fragments = (number, count, length.max(1));
                    // The numbers behind the first are taken as well.
                    let used = &mut self.used[slot(channel, unsequenced)];
                    *used = used.wrapping_add(count - 1);
                }
                let (start, count, size) = self.fragments;
                part_size = size;
                let which = u32::from(it.number) % count;
                let size = u32::try_from(part_size).unwrap_or(u32::MAX);
                number = start.wrapping_add(which);
                let mut fragment = Fragment {
                    start,
                    count,
                    number: which,
                    total: count.wrapping_mul(size),
                    offset: which.wrapping_mul(size),
                    part: if part_size <= payload.len() {
                        &payload[..part_size]
                    } else {
                        &payload
                    },
                };
                let edges = [
                    0,
                    1,
                    count,
                    0x7FFF_FFFF,
                    u32::MAX,
                    fragment.total,
                    fragment.offset,
                    4097,
                ];
                let edge = edges[usize::from(it.twist) % edges.len()];
                match it.twist {
                    200..=207 => fragment.start = edge,
                    208..=215 => fragment.count = edge,
                    216..=223 => fragment.number = edge,
                    224..=231 => fragment.total = edge,
                    232..=239 => fragment.offset = edge,
                    240..=247 => fragment.part = &[],
                    _ => {}
                }
                Body::Fragment(fragment)
            }
            kind::RELIABLE | kind::RELIABLE_UNSEQUENCED => Body::Message(&payload),
            _ => Body::Other(&payload[..payload.len().min(8)]),
        };
        let (channel, reserved) = match body {
            Body::Ack { .. } if it.channel < 200 => (
                self.recent
                    .get(usize::from(it.number) % MAX_RECENT)
                    .map_or(255, |recent| recent.0),
                4,
            ),
            _ => (channel, it.other % 6),
        };
        let start = out.len();
        out.extend([kind, channel, flags, reserved]);
        out.extend([0; 4]);
        out.extend(number.to_be_bytes());
        write_body(out, &body);
        let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        let size = match it.twist {
            248..=249 => size.wrapping_add(1),
            250..=251 => size - 1,
            252 => [0, 11, 12, 0x7FFF_FFFF][usize::from(it.other) % 4],
            _ => size,
        };
        out[start + 4..start + 8].copy_from_slice(&size.to_be_bytes());
    }

    /// A reliable number toward this end: mostly the next one.
    fn number(&mut self, channel: u8, unsequenced: bool, choice: u8) -> u32 {
        let used = &mut self.used[slot(channel, unsequenced)];
        let ahead = used.wrapping_add(u32::from(choice));
        match choice {
            0..=159 => {
                *used = used.wrapping_add(1);
                *used
            }
            160..=199 => ahead.wrapping_sub(150),
            200..=219 => ahead.wrapping_sub(220),
            220..=229 => used
                .wrapping_add(4090)
                .wrapping_add(u32::from(choice) - 220),
            230..=239 => 0,
            240..=244 => 0x7FFF_FFFF,
            245..=249 => 0x8000_0000,
            250..=252 => u32::MAX,
            _ => 1,
        }
    }
}

fn slot(channel: u8, unsequenced: bool) -> usize {
    usize::from(channel % 4) * 2 + usize::from(unsequenced)
}
