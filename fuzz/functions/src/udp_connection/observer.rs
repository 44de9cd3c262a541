//! [`Observer`]: the knowledge of an attacker who has seen the datagrams of an end, and the datagrams
//! that it makes of [`Forgery`].

use super::forge::{ForgedCommand, Forgery};
use crate::datagram::{repair, write_body};
use photon_proto::udp::command::{Body, CONTROL_CHANNEL, ConnectFields, Fragment, kind};
use photon_proto::udp::datagram::{CRC_HEADER_BYTES, HEADER_BYTES, NO_PEER_ID, decode};
use std::collections::VecDeque;

/// The number of reliable commands of an end that an observer remembers.
const MAX_RECENT: usize = 64;
/// The flags of a datagram with a checksum. Spec: udp.md 1.2
const CRC_FLAGS: u8 = 0xCC;
/// From this choice on a command has an error.
const ODD: u8 = 200;

/// A reliable command that an end has sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    channel: u8,
    number: u32,
    time: u32,
}

/// The message whose fragments an attacker is sending.
#[derive(Clone, Copy, Debug, Default)]
struct Fragments {
    start: u32,
    count: u32,
    /// The bytes of each fragment.
    size: usize,
}

/// The knowledge of an attacker about one end: its commands, and the numbers that were forged toward
/// it.
#[derive(Debug, Default)]
pub(super) struct Observer {
    challenge: u32,
    /// The assigned peer id.
    peer_id: Option<u16>,
    /// The last reliable commands of the end, the newest first.
    recent: VecDeque<Sent>,
    /// The last reliable number that was forged, by channel (modulo 4) and whether unsequenced.
    used: [u32; 8],
    /// The last unreliable number that was forged.
    unreliable: u32,
    fragments: Fragments,
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
                self.recent.push_front(Sent {
                    channel: command.channel,
                    number: command.rseq,
                    time: datagram.header.sent_time,
                });
                self.recent.truncate(MAX_RECENT);
            }
        }
    }

    /// Writes a datagram for this end. Its right peer id is the observed one, or else `known`.
    pub(super) fn forge(&mut self, forgery: &Forgery, known: u16) -> Vec<u8> {
        let right = self.peer_id.unwrap_or(known);
        let peer_ids = [right, right, right, 0, NO_PEER_ID, 0xFFFE];
        let peer_id = peer_ids[usize::from(forgery.peer_id) % peer_ids.len()];
        let all_flags = [0, 0, 0, 0, CRC_FLAGS, CRC_FLAGS, CRC_FLAGS, 1, 0x77, 0];
        let flags = all_flags[usize::from(forgery.crc & 0x7F) % all_flags.len()];
        let commands = 1 + u8::try_from(forgery.more.len()).expect("a short list");
        let count = match forgery.count {
            0..=199 => commands,
            200..=219 => commands + 1,
            220..=239 => commands - 1,
            other => other,
        };
        let last_time = self.recent.front().map_or(0, |sent| sent.time);
        let times = [last_time, 0, 0x8000_0000, u32::MAX];
        let sent_time = times[usize::from(forgery.sent_time) % times.len()];
        let mut out = Vec::new();
        out.extend(peer_id.to_be_bytes());
        out.extend([flags, count]);
        out.extend(sent_time.to_be_bytes());
        out.extend(self.challenge.to_be_bytes());
        if flags == CRC_FLAGS {
            out.extend([0; CRC_HEADER_BYTES - HEADER_BYTES]);
        }
        for command in std::iter::once(&forgery.first).chain(forgery.more.iter()) {
            self.command(command, &mut out);
        }
        if forgery.crc & 0x80 != 0 {
            out.extend([0xEE; 3]);
        }
        // One in three checksums is wrong.
        if !forgery.crc.is_multiple_of(3) {
            repair(&mut out);
        }
        out
    }

    /// Appends a command.
    fn command(&mut self, it: &ForgedCommand, out: &mut Vec<u8>) {
        let kind = it.kind.get();
        let channel = channel(it);
        let unsequenced = matches!(
            kind,
            kind::RELIABLE_UNSEQUENCED | kind::FRAGMENT_UNSEQUENCED
        );
        let number = self.number(channel, unsequenced, it.number);
        let payload = vec![0xF3; usize::from(it.length) * 4];
        let mut header = (channel, it.other % 6, number);
        let body = match kind {
            kind::ACK | kind::ACK_UNSEQUENCED => {
                let acked = self.acked(it);
                header.2 = 0;
                if it.channel < ODD {
                    header = (acked.channel, 4, 0);
                }
                Body::Ack {
                    rseq: acked.number,
                    sent_time: acked.time,
                }
            }
            kind::CONNECT | kind::VERIFY_CONNECT => Body::Connect(connect_fields(it)),
            kind::UNRELIABLE | kind::UNSEQUENCED => {
                if kind == kind::UNRELIABLE && it.twist.is_multiple_of(2) {
                    header.2 = self.used[slot(channel, false)];
                }
                Body::Numbered {
                    number: self.unreliable_number(it),
                    payload: &payload,
                }
            }
            kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED => {
                let slot = slot(channel, unsequenced);
                let fragment = self.fragment(it, slot, number, &payload);
                header.2 = self
                    .fragments
                    .start
                    .wrapping_add(which_fragment(it, &self.fragments));
                Body::Fragment(fragment)
            }
            kind::RELIABLE | kind::RELIABLE_UNSEQUENCED => Body::Message(&payload),
            _ => Body::Other(&payload[..payload.len().min(8)]),
        };
        let (channel, reserved, number) = header;
        let start = out.len();
        out.extend([kind, channel, flags(it), reserved]);
        out.extend([0; 4]);
        out.extend(number.to_be_bytes());
        write_body(out, &body);
        let size = u32::try_from(out.len() - start).expect("a short command");
        let size = match it.twist {
            248..=249 => size + 1,
            250..=251 => size - 1,
            252 => [0, 11, 12, 0x7FFF_FFFF][usize::from(it.other) % 4],
            _ => size,
        };
        out[start + 4..start + 8].copy_from_slice(&size.to_be_bytes());
    }

    /// The command that an acknowledgement names: one that the end has sent, or nearly.
    fn acked(&self, it: &ForgedCommand) -> Sent {
        let recent = self.recent.get(usize::from(it.number) % MAX_RECENT);
        let mut acked = recent.copied().unwrap_or(Sent {
            channel: CONTROL_CHANNEL,
            number: 1,
            time: 0,
        });
        if it.twist >= ODD {
            acked.time = [0, 0x7FFF_FFFF, 0x8000_0000, u32::MAX][usize::from(it.other) % 4];
        }
        if it.twist % 16 == 1 {
            acked.number = acked.number.wrapping_add(it.other.into());
        }
        acked
    }

    /// The number of an unreliable command: at most three above the last one, or an edge.
    fn unreliable_number(&mut self, it: &ForgedCommand) -> u32 {
        self.unreliable = self.unreliable.wrapping_add(u32::from(it.other % 4));
        let edges = [0, 127, 128, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
        if it.twist < ODD {
            self.unreliable
        } else {
            edges[usize::from(it.other) % edges.len()]
        }
    }

    /// A fragment of the current message or of a new one that begins with `number`.
    fn fragment<'a>(
        &mut self,
        it: &ForgedCommand,
        slot: usize,
        number: u32,
        payload: &'a [u8],
    ) -> Fragment<'a> {
        if it.other < 100 || self.fragments.count == 0 {
            let count = [2, 1, 3, 5, 64, 4096][usize::from(it.other) % 6];
            self.fragments = Fragments {
                start: number,
                count,
                size: payload.len().max(1),
            };
            // Each fragment has a number of its own.
            self.used[slot] = self.used[slot].wrapping_add(count - 1);
        }
        let Fragments { start, count, size } = self.fragments;
        let which = which_fragment(it, &self.fragments);
        let bytes = u32::try_from(size).expect("a short payload");
        let mut fragment = Fragment {
            start,
            count,
            number: which,
            total: count.wrapping_mul(bytes),
            offset: which.wrapping_mul(bytes),
            part: &payload[..size.min(payload.len())],
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
        fragment
    }

    /// A reliable number toward this end: mostly the next one; else one from before, one that leaves
    /// a gap, one at the edge of the window, or an edge of the numbers.
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
            220..=229 => ahead.wrapping_add(4090 - 220),
            230..=239 => 0,
            240..=244 => 0x7FFF_FFFF,
            245..=249 => 0x8000_0000,
            250..=252 => u32::MAX,
            _ => 1,
        }
    }
}

/// The right flags of the command type, or wrong ones. Spec: udp.md 2.1
fn flags(it: &ForgedCommand) -> u8 {
    if it.flags >= ODD {
        return it.flags;
    }
    match it.kind.get() {
        kind::ACK | kind::ACK_UNSEQUENCED | kind::UNRELIABLE | 17..=19 => 0,
        kind::UNSEQUENCED => 2,
        kind::RELIABLE_UNSEQUENCED | kind::FRAGMENT_UNSEQUENCED => 3,
        _ => 1,
    }
}

/// One of the first two channels for commands with messages, the control channel for others; or one
/// that hardly any end has.
fn channel(it: &ForgedCommand) -> u8 {
    let has_message = matches!(
        it.kind.get(),
        kind::RELIABLE
            | kind::UNRELIABLE
            | kind::FRAGMENT
            | kind::UNSEQUENCED
            | kind::RELIABLE_UNSEQUENCED
            | kind::FRAGMENT_UNSEQUENCED
    );
    match it.channel {
        0..ODD if has_message => it.channel % 2,
        0..ODD => CONTROL_CHANNEL,
        other => other % 56 + ODD,
    }
}

fn connect_fields(it: &ForgedCommand) -> ConnectFields {
    let is_odd = it.twist >= ODD;
    let (mtu, channel_count) = if is_odd {
        let mtu = u16::from(it.other) * 257;
        (mtu, u32::from(it.twist) << 24 | u32::from(it.other))
    } else {
        (1200, 2)
    };
    ConnectFields {
        id: if it.kind.get() == kind::CONNECT {
            0
        } else {
            [0x42, 0xFFFF, 0xFFFE, 0][usize::from(it.other) % 4]
        },
        mtu,
        window_size: 0x8000,
        channel_count,
        bandwidth_in: 0,
        bandwidth_out: 0,
        throttle_interval: 5000,
        throttle_acceleration: 2,
        throttle_deceleration: 2,
    }
}

fn which_fragment(it: &ForgedCommand, fragments: &Fragments) -> u32 {
    u32::from(it.number) % fragments.count
}

fn slot(channel: u8, unsequenced: bool) -> usize {
    usize::from(channel % 4) * 2 + usize::from(unsequenced)
}
