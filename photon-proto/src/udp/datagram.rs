//! Datagrams: a header and commands. Spec: udp.md 1, 9 (items 1 to 5).

use super::command::{self, Command};
use alloc::vec::Vec;

/// Bytes of the plain header. Spec: udp.md 1.1.
pub const HEADER_BYTES: usize = 12;
/// Bytes of the header with a check sum. Spec: udp.md 1.2.
pub const CRC_HEADER_BYTES: usize = 16;
/// Longer datagrams are dropped: we announce an MTU of 1200. Spec: udp.md 9, item 5.
pub const MAX_BYTES: usize = 2048;
/// The peer id of a client that was not given one yet.
pub const NO_PEER_ID: u16 = 0xFFFF;

const FLAGS_PLAIN: u8 = 0x00;
const FLAGS_CRC: u8 = 0xCC;

/// The header of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`NO_PEER_ID`] or the assigned one from clients, 0 from servers; not to be relied on.
    pub peer_id: u16,
    /// The check sum, if the datagram carries one. [`decode`] has checked it.
    pub crc: Option<u32>,
    /// How many commands follow.
    pub count: u8,
    /// When the datagram was built, in milliseconds of its sender's clock; wraps.
    pub sent_time: u32,
    /// The number that the client chose for this connection.
    pub challenge: u32,
}

/// A datagram whose commands are all well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The header.
    pub header: Header,
    commands: &'a [u8],
    trailing: usize,
}

impl<'a> Datagram<'a> {
    /// The commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = Command<'a>> + use<'a> {
        let mut rest = self.commands;
        core::iter::from_fn(move || {
            let size = command_size(rest)?;
            let (command, after) = rest.split_at_checked(size)?;
            rest = after;
            Command::read(command)
        })
    }

    /// Bytes after the last command; they mean nothing.
    #[must_use]
    pub const fn trailing_bytes(&self) -> usize {
        self.trailing
    }
}

/// Why a datagram is dropped whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// Shorter than its header.
    #[error("{0} bytes are less than a datagram's header")]
    TooShort(usize),
    /// Longer than [`MAX_BYTES`].
    #[error("{0} bytes are more than any datagram has")]
    TooLong(usize),
    /// Encrypted (01), or a flags byte that the protocol does not define. Spec: udp.md 1.3.
    #[error("a datagram with flags {0:02x}")]
    Flags(u8),
    /// The check sum is wrong.
    #[error("the check sum is {got:08x}, and should be {expected:08x}")]
    Crc {
        /// The one in the header.
        got: u32,
        /// The one over the bytes.
        expected: u32,
    },
    /// No commands.
    #[error("a datagram without commands")]
    Empty,
    /// A command that does not fit: fewer bytes left than its header or its size, or a size below what its type needs.
    #[error("command {index} at byte {offset} does not fit")]
    Command {
        /// Which command, from 0.
        index: u8,
        /// Where it begins in the datagram.
        offset: usize,
    },
}

/// Reads a datagram: checks length, flags, check sum and the shape of every command.
///
/// # Errors
///
/// [`DatagramError`]: what makes the whole datagram worthless.
pub fn decode(bytes: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    let (header, rest) = decode_header(bytes)?;
    decode_commands(header, rest, bytes.len().saturating_sub(rest.len()))
}

/// Checks the commands that follow a header of `base` bytes.
pub(crate) fn decode_commands(
    header: Header,
    rest: &[u8],
    base: usize,
) -> Result<Datagram<'_>, DatagramError> {
    if header.count == 0 {
        return Err(DatagramError::Empty);
    }
    let mut left = rest;
    for index in 0..header.count {
        let kind = left.first().copied().unwrap_or_default();
        let after = command_size(left)
            .filter(|size| *size >= command::min_bytes(kind))
            .and_then(|size| left.get(size..));
        let offset = base.saturating_add(rest.len().saturating_sub(left.len()));
        left = after.ok_or(DatagramError::Command { index, offset })?;
    }
    let commands = rest
        .get(..rest.len().saturating_sub(left.len()))
        .unwrap_or_default();
    Ok(Datagram {
        header,
        commands,
        trailing: left.len(),
    })
}

/// Reads the header alone; also gives what follows it.
pub(crate) fn decode_header(bytes: &[u8]) -> Result<(Header, &[u8]), DatagramError> {
    if bytes.len() > MAX_BYTES {
        return Err(DatagramError::TooLong(bytes.len()));
    }
    let short = DatagramError::TooShort(bytes.len());
    let (head, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(short)?;
    let [p0, p1, flags, count, t0, t1, t2, t3, c0, c1, c2, c3] = *head;
    let (crc, rest) = match flags {
        FLAGS_PLAIN => (None, rest),
        FLAGS_CRC => {
            let (crc, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
            let got = u32::from_be_bytes(*crc);
            let expected = check_sum(head, rest);
            if got != expected {
                return Err(DatagramError::Crc { got, expected });
            }
            (Some(got), rest)
        }
        other => return Err(DatagramError::Flags(other)),
    };
    let header = Header {
        peer_id: u16::from_be_bytes([p0, p1]),
        crc,
        count,
        sent_time: u32::from_be_bytes([t0, t1, t2, t3]),
        challenge: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    Ok((header, rest))
}

/// The size that the first command claims, if it is a possible one.
fn command_size(bytes: &[u8]) -> Option<usize> {
    let size = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    let size = usize::try_from(size).ok()?;
    (size >= command::HEADER_BYTES && size <= bytes.len()).then_some(size)
}

/// Reflected CRC-32 without the final inversion, over the header with a zero check sum and the commands.
fn check_sum(head: &[u8; HEADER_BYTES], commands: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(&[0; 4]);
    crc.update(commands);
    !crc.finalize()
}

/// Begins a datagram in an empty buffer; [`finish`] fills in the rest.
pub(crate) fn begin(out: &mut Vec<u8>, peer_id: u16, challenge: u32, crc: bool) {
    let [p0, p1] = peer_id.to_be_bytes();
    let [c0, c1, c2, c3] = challenge.to_be_bytes();
    let flags = if crc { FLAGS_CRC } else { FLAGS_PLAIN };
    out.extend_from_slice(&[p0, p1, flags, 0, 0, 0, 0, 0, c0, c1, c2, c3]);
    if crc {
        out.extend_from_slice(&[0; 4]);
    }
}

/// Writes count, time and check sum into a datagram; also to stamp one anew.
pub(crate) fn finish(datagram: &mut [u8], count: u8, sent_time: u32) {
    let Some((head, rest)) = datagram.split_first_chunk_mut::<HEADER_BYTES>() else {
        return;
    };
    let [_, _, flags, to, t0, t1, t2, t3, ..] = head;
    *to = count;
    [*t0, *t1, *t2, *t3] = sent_time.to_be_bytes();
    if *flags == FLAGS_CRC
        && let Some((crc, commands)) = rest.split_first_chunk_mut::<4>()
    {
        *crc = check_sum(head, commands).to_be_bytes();
    }
}
