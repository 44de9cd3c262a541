//! Datagrams by hand: a writer and a reader of the tests' own, so that no mistake of the crate can
//! hide itself. Spec: udp.md 1 and 2.

use std::fmt;

pub(crate) const ACK: u8 = 1;
pub(crate) const CONNECT: u8 = 2;
pub(crate) const VERIFY: u8 = 3;
pub(crate) const DISCONNECT: u8 = 4;
pub(crate) const PING: u8 = 5;
pub(crate) const RELIABLE: u8 = 6;
pub(crate) const UNRELIABLE: u8 = 7;
pub(crate) const FRAGMENT: u8 = 8;
pub(crate) const UNSEQUENCED: u8 = 11;
pub(crate) const SERVER_TIME: u8 = 12;
pub(crate) const RELIABLE_UNSEQUENCED: u8 = 14;
pub(crate) const FRAGMENT_UNSEQUENCED: u8 = 15;
pub(crate) const ACK_UNSEQUENCED: u8 = 16;

/// The control channel.
pub(crate) const CONTROL: u8 = 0xFF;

/// The content of a connect command with the default settings, peer id slot first. Spec: udp.md
/// 2.4.
pub(crate) const CONNECT_BODY: &str =
    "000004b000008000000000020000000000000000000013880000000200000002";

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2));
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// A command: its header fields and everything after them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cmd {
    pub(crate) kind: u8,
    pub(crate) channel: u8,
    pub(crate) flags: u8,
    pub(crate) reserved: u8,
    pub(crate) size: u32,
    pub(crate) rseq: u32,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Cmd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            channel,
            flags,
            reserved,
            size,
            rseq,
            body,
        } = self;
        let shown = hex(&body[..body.len().min(20)]);
        write!(
            out,
            "{kind}/{channel} flags {flags} reserved {reserved} size {size} #{rseq} {shown}"
        )?;
        if body.len() > 20 {
            write!(out, "..")
        } else {
            Ok(())
        }
    }
}

impl Cmd {
    /// A command as servers write it: reserved byte 0.
    pub(crate) fn new(kind: u8, channel: u8, flags: u8, rseq: u32, body: &[u8]) -> Self {
        let size = 12 + u32::try_from(body.len()).unwrap();
        Self {
            kind,
            channel,
            flags,
            reserved: 0,
            size,
            rseq,
            body: body.to_vec(),
        }
    }

    pub(crate) fn ack(channel: u8, rseq: u32, sent_time: u32) -> Self {
        Self::new(ACK, channel, 0, 0, &words(&[rseq, sent_time]))
    }

    pub(crate) fn ack_unsequenced(channel: u8, number: u32, sent_time: u32) -> Self {
        Self::new(ACK_UNSEQUENCED, channel, 0, 0, &words(&[number, sent_time]))
    }

    pub(crate) fn connect() -> Self {
        Self::new(CONNECT, CONTROL, 1, 1, &unhex(CONNECT_BODY))
    }

    /// With the number of real servers, 0. Spec: udp.md 3.2.
    pub(crate) fn verify(peer_id: u16) -> Self {
        let mut body = unhex(CONNECT_BODY);
        body[..2].copy_from_slice(&peer_id.to_be_bytes());
        Self::new(VERIFY, CONTROL, 1, 0, &body)
    }

    pub(crate) fn disconnect(rseq: u32, reason: u8) -> Self {
        Self {
            reserved: reason,
            ..Self::new(DISCONNECT, CONTROL, 1, rseq, &[])
        }
    }

    pub(crate) fn ping(rseq: u32) -> Self {
        Self::new(PING, CONTROL, 1, rseq, &[])
    }

    pub(crate) fn reliable(channel: u8, rseq: u32, payload: &[u8]) -> Self {
        Self::new(RELIABLE, channel, 1, rseq, payload)
    }

    pub(crate) fn unreliable(channel: u8, rseq: u32, number: u32, payload: &[u8]) -> Self {
        Self::new(
            UNRELIABLE,
            channel,
            0,
            rseq,
            &[&words(&[number]), payload].concat(),
        )
    }

    pub(crate) fn unsequenced(channel: u8, group: u32, payload: &[u8]) -> Self {
        Self::new(
            UNSEQUENCED,
            channel,
            2,
            0,
            &[&words(&[group]), payload].concat(),
        )
    }

    pub(crate) fn reliable_unsequenced(channel: u8, number: u32, payload: &[u8]) -> Self {
        Self::new(RELIABLE_UNSEQUENCED, channel, 3, number, payload)
    }

    pub(crate) fn fragment(
        channel: u8,
        of: Fragments,
        number: u32,
        offset: u32,
        part: &[u8],
    ) -> Self {
        Self::new(
            FRAGMENT,
            channel,
            1,
            of.start.wrapping_add(number),
            &of.body(number, offset, part),
        )
    }

    pub(crate) fn fragment_unsequenced(
        channel: u8,
        of: Fragments,
        number: u32,
        offset: u32,
        part: &[u8],
    ) -> Self {
        Self::new(
            FRAGMENT_UNSEQUENCED,
            channel,
            3,
            of.start.wrapping_add(number),
            &of.body(number, offset, part),
        )
    }

    /// As a client writes it: reserved byte 4.
    pub(crate) fn by_client(self) -> Self {
        Self {
            reserved: 4,
            ..self
        }
    }

    /// The number and the echoed time of an acknowledgement.
    #[track_caller]
    pub(crate) fn acked(&self) -> (u32, u32) {
        assert!(
            matches!(self.kind, ACK | ACK_UNSEQUENCED) && self.size == 20,
            "{self:?}"
        );
        (u32_at(&self.body, 0), u32_at(&self.body, 4))
    }

    /// The message bytes of a data command.
    pub(crate) fn payload(&self) -> &[u8] {
        match self.kind {
            RELIABLE | RELIABLE_UNSEQUENCED => &self.body,
            UNRELIABLE | UNSEQUENCED => &self.body[4..],
            FRAGMENT | FRAGMENT_UNSEQUENCED => &self.body[20..],
            _ => &[],
        }
    }

    pub(crate) fn is_ack(&self) -> bool {
        matches!(self.kind, ACK | ACK_UNSEQUENCED)
    }

    pub(crate) fn is_reliable(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The acknowledgement that this command asks for. Spec: udp.md 5.1.
    pub(crate) fn its_ack(&self, sent_time: u32) -> Self {
        if self.flags & 2 == 0 {
            Self::ack(self.channel, self.rseq, sent_time)
        } else {
            Self::ack_unsequenced(self.channel, self.rseq, sent_time)
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.kind, self.channel, self.flags, self.reserved]);
        out.extend(self.size.to_be_bytes());
        out.extend(self.rseq.to_be_bytes());
        out.extend(&self.body);
    }
}

/// The fields that all fragments of one message share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragments {
    pub(crate) start: u32,
    pub(crate) count: u32,
    pub(crate) total: u32,
}

impl Fragments {
    fn body(self, number: u32, offset: u32, part: &[u8]) -> Vec<u8> {
        [
            &words(&[self.start, self.count, number, self.total, offset]),
            part,
        ]
        .concat()
    }
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A datagram, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) peer_id: u16,
    pub(crate) flags: u8,
    pub(crate) time: u32,
    pub(crate) challenge: u32,
    pub(crate) commands: Vec<Cmd>,
    pub(crate) trailing: usize,
}

/// Decodes a datagram that must be valid, including its checksum.
#[track_caller]
pub(crate) fn read(bytes: &[u8]) -> Datagram {
    try_read(bytes).unwrap_or_else(|| panic!("malformed: {}", hex(bytes)))
}

/// The same, `None` if a command does not fit.
#[track_caller]
pub(crate) fn try_read(bytes: &[u8]) -> Option<Datagram> {
    let flags = bytes[2];
    let mut at = match flags {
        0 => 12,
        0xCC => {
            assert_eq!(u32_at(bytes, 12), crc(bytes), "checksum of {}", hex(bytes));
            16
        }
        other => panic!("flags {other}"),
    };
    let mut commands = Vec::new();
    for _ in 0..bytes[3] {
        let header = bytes.get(at..at + 12)?;
        let size = u32_at(header, 4);
        let body = bytes.get(at + 12..at + usize::try_from(size).unwrap())?;
        commands.push(Cmd {
            kind: header[0],
            channel: header[1],
            flags: header[2],
            reserved: header[3],
            size,
            rseq: u32_at(header, 8),
            body: body.to_vec(),
        });
        at += 12 + body.len();
    }
    Some(Datagram {
        peer_id: u16::from_be_bytes([bytes[0], bytes[1]]),
        flags,
        time: u32_at(bytes, 4),
        challenge: u32_at(bytes, 8),
        commands,
        trailing: bytes.len() - at,
    })
}

/// A plain datagram.
pub(crate) fn datagram(peer_id: u16, time: u32, challenge: u32, commands: &[Cmd]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(peer_id.to_be_bytes());
    out.extend([0, u8::try_from(commands.len()).unwrap()]);
    out.extend(time.to_be_bytes());
    out.extend(challenge.to_be_bytes());
    for command in commands {
        command.write(&mut out);
    }
    out
}

/// The same datagram with a checksum. Spec: udp.md 1.2.
pub(crate) fn with_crc(plain: &[u8]) -> Vec<u8> {
    let mut out = [&plain[..12], &[0; 4], &plain[12..]].concat();
    out[2] = 0xCC;
    let sum = crc(&out);
    out[12..16].copy_from_slice(&sum.to_be_bytes());
    out
}

/// Computes the checksum of a datagram, ignoring the present one: bit by bit, from the definition.
/// Spec: udp.md 1.2.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        sum ^= if (12..16).contains(&at) {
            0
        } else {
            u32::from(*byte)
        };
        for _ in 0..8 {
            sum = if sum & 1 == 0 {
                sum >> 1
            } else {
                sum >> 1 ^ 0xEDB8_8320
            };
        }
    }
    sum
}
