//! Datagrams: a header and commands. Spec: udp.md 1, 9 (items 1 to 5).

use super::command::{self, Command};
use alloc::vec::Vec;

/// Length of the header without checksum, in bytes. Spec: udp.md 1.1.
pub const HEADER_BYTES: usize = 12;
/// Length of the header with checksum, in bytes. Spec: udp.md 1.2.
pub const CRC_HEADER_BYTES: usize = 16;
/// The maximum length of a datagram, in bytes; longer ones are dropped. Spec: udp.md 9, item 5.
pub const MAX_BYTES: usize = 2048;
/// The peer id of a client before the server has assigned one. Spec: udp.md 1.1.
pub const NO_PEER_ID: u16 = 0xFFFF;

/// The flags of a datagram without checksum. Spec: udp.md 1.1.
const FLAGS_PLAIN: u8 = 0x00;
/// The flags of a datagram with checksum. Spec: udp.md 1.2.
const FLAGS_CRC: u8 = 0xCC;

/// The header of a datagram. Exhaustive: the format is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// From a client [`NO_PEER_ID`] or the assigned id, from a server 0. Senders do not always
    /// follow this, so it must not be relied on.
    pub peer_id: u16,
    /// The checksum, if the datagram has one. [`decode`] has verified it.
    pub crc: Option<u32>,
    /// The number of commands.
    pub count: u8,
    /// The time at which the datagram was stamped, in milliseconds of its sender's clock; wraps.
    pub sent_time: u32,
    /// The number that the client chose for this connection.
    pub challenge: u32,
}

/// A datagram with its well-formed commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The header.
    pub header: Header,
    commands: &'a [u8],
    trailing: usize,
}

impl<'a> Datagram<'a> {
    /// Iterates over the commands in order.
    pub fn commands(&self) -> impl Iterator<Item = Command<'a>> + use<'a> {
        let mut rest = self.commands;
        core::iter::from_fn(move || {
            let size = command_size(rest)?;
            let (command, after) = rest.split_at_checked(size)?;
            rest = after;
            Command::decode(command)
        })
    }

    /// The number of bytes behind the last command. They have no meaning.
    #[must_use]
    pub const fn trailing_bytes(&self) -> usize {
        self.trailing
    }
}

/// The reason for dropping a datagram, as a whole or from a command on. Exhaustive: the rules of
/// udp.md 9 are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// The datagram is shorter than its header.
    #[error("the datagram has {0} bytes, less than a header")]
    TooShort(usize),
    /// The datagram is longer than [`MAX_BYTES`].
    #[error("the datagram has {0} bytes, more than 2048")]
    TooLong(usize),
    /// The flags mean "encrypted" (01), which is not supported, or are undefined.
    /// Spec: udp.md 1.3.
    #[error("the datagram has the unsupported flags {0:02x}")]
    Flags(u8),
    /// The checksum is wrong.
    #[error("the checksum is {got:08x}, but the content has {expected:08x}")]
    Crc {
        /// The checksum in the header.
        got: u32,
        /// The checksum of the content.
        expected: u32,
    },
    /// The datagram contains no command.
    #[error("the datagram contains no command")]
    Empty,
    /// A command is longer than the rest of the datagram, or shorter than its type requires. A
    /// [`Connection`](super::Connection) drops only this command and what follows it.
    #[error("command {index} at byte {offset} has a wrong size")]
    Command {
        /// The index of the command, from 0.
        index: u8,
        /// Its position in the datagram.
        offset: usize,
    },
}

/// Decodes a datagram and checks its length, flags, checksum and the shape of every command.
///
/// A [`Connection`](super::Connection) is less strict: it applies the commands before a malformed
/// one, as the official client does. Spec: udp.md 9, item 3.
///
/// # Errors
///
/// [`DatagramError`] if anything in the datagram is malformed.
pub fn decode(bytes: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    let (header, rest) = decode_header(bytes)?;
    match decode_commands(header, rest, bytes.len() - rest.len()) {
        (datagram, None) => Ok(datagram),
        (_, Some(error)) => Err(error),
    }
}

/// Finds the well-formed commands behind a header of `base` bytes: all of them, or those before the
/// first malformed one. The position of what follows that one is unknown.
pub(crate) fn decode_commands(
    header: Header,
    rest: &[u8],
    base: usize,
) -> (Datagram<'_>, Option<DatagramError>) {
    let mut error = (header.count == 0).then_some(DatagramError::Empty);
    let mut left = rest;
    for index in 0..header.count {
        let kind = left.first().copied().unwrap_or_default();
        let after = command_size(left)
            .filter(|size| *size >= command::min_bytes(kind))
            .and_then(|size| left.get(size..));
        let Some(after) = after else {
            let offset = base + (rest.len() - left.len());
            error = Some(DatagramError::Command { index, offset });
            break;
        };
        left = after;
    }
    let commands = rest.get(..rest.len() - left.len());
    debug_assert!(commands.is_some(), "what is left is a part of the rest");
    let datagram = Datagram {
        header,
        commands: commands.unwrap_or_default(),
        trailing: left.len(),
    };
    (datagram, error)
}

/// Decodes the header. Also returns the bytes behind it.
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
            let expected = checksum(head, rest);
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

/// The size field of the first command, if such a size is possible.
fn command_size(bytes: &[u8]) -> Option<usize> {
    let size = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    let size = usize::try_from(size).ok()?;
    (size >= command::HEADER_BYTES && size <= bytes.len()).then_some(size)
}

/// The reflected CRC-32 without the final inversion, over the header with a zero checksum and the
/// commands. Spec: udp.md 1.2.
fn checksum(head: &[u8; HEADER_BYTES], commands: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(&[0; 4]);
    crc.update(commands);
    !crc.finalize()
}

/// Begins a datagram in an empty buffer. [`finish`] completes the header.
pub(crate) fn begin(out: &mut Vec<u8>, peer_id: u16, challenge: u32, crc: bool) {
    let [p0, p1] = peer_id.to_be_bytes();
    let [c0, c1, c2, c3] = challenge.to_be_bytes();
    let flags = if crc { FLAGS_CRC } else { FLAGS_PLAIN };
    out.extend_from_slice(&[p0, p1, flags, 0, 0, 0, 0, 0, c0, c1, c2, c3]);
    if crc {
        out.extend_from_slice(&[0; 4]);
    }
}

/// Writes count, time and checksum into the header. Called again to restamp a datagram.
pub(crate) fn finish(datagram: &mut [u8], count: u8, sent_time: u32) {
    let Some((head, rest)) = datagram.split_first_chunk_mut::<HEADER_BYTES>() else {
        debug_assert!(false, "`begin` wrote a header");
        return;
    };
    let [_, _, flags, to, t0, t1, t2, t3, ..] = head;
    *to = count;
    [*t0, *t1, *t2, *t3] = sent_time.to_be_bytes();
    if *flags == FLAGS_CRC
        && let Some((crc, commands)) = rest.split_first_chunk_mut::<4>()
    {
        *crc = checksum(head, commands).to_be_bytes();
    }
}
