//! Texts that help a person who pasted the wrong bytes, or too few.

use photon_proto::udp::command::{HEADER_BYTES as COMMAND_BYTES, kind_name};
use photon_proto::udp::datagram::{CRC_HEADER_BYTES, HEADER_BYTES, MAX_BYTES};
use photon_proto::{DecodeError, DecodeErrorKind, Limits};

/// The length that the bytes need at least, if `error` is that they end early.
///
/// The decoders do not report it, because no receiver needs it. It is found by trial: with zeros
/// behind the bytes, the error stays in its field until the field is whole.
pub(crate) fn needed(
    limits: &Limits,
    bytes: &[u8],
    error: &DecodeError,
    decode: impl Fn(&[u8]) -> Option<DecodeError>,
) -> Option<String> {
    let is_same = |found: &DecodeError, length: usize| {
        found.kind == DecodeErrorKind::Truncated
            && found.field == error.field
            && (found.offset == error.offset || found.offset == length)
    };
    let mut longer = bytes.to_vec();
    let mut ends_early = |length: usize| {
        longer.resize(length, 0);
        decode(&longer).is_some_and(|found| is_same(&found, length))
    };
    // Also false inside of an encrypted message, where more bytes change everything.
    if !ends_early(bytes.len()) {
        return None;
    }
    let (mut short, mut step) = (bytes.len(), 1);
    while ends_early(short + step) {
        short += step;
        // One by one at first: two kinds of ping differ in their length alone.
        if short >= bytes.len() + 16 {
            step *= 2;
        }
        if short > limits.max_received_bytes {
            return None;
        }
    }
    // `short` bytes are too few, `enough` are not.
    let mut enough = short + step;
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if ends_early(middle) {
            short = middle;
        } else {
            enough = middle;
        }
    }
    Some(too_short(enough, bytes.len()))
}

pub(crate) fn too_short(needed: usize, have: usize) -> String {
    format!("needed {needed} bytes, have {have}")
}

/// The forms in which the program reads bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Value,
    Message,
    Frame,
    Stream,
    Datagram,
}

/// Another form that these bytes seem to have, after they could not be read in the form `tried`.
pub(crate) fn looks_like(bytes: &[u8], tried: Form) -> Option<&'static str> {
    let text = match bytes.first()? {
        _ if tried != Form::Datagram && is_like_datagram(bytes) => {
            "this looks like a datagram: use `photon-inspect datagram`"
        }
        0xFB | 0xF0 if matches!(tried, Form::Value | Form::Message) => {
            "this looks like a TCP frame: use --kind frame, or `photon-inspect frames` for several"
        }
        0xFB | 0xF0 if tried == Form::Datagram => {
            "this looks like a TCP stream: use `photon-inspect frames`"
        }
        0xF3 if tried == Form::Value => "this looks like a message: use --kind message",
        0xF3 if matches!(tried, Form::Stream | Form::Datagram) => {
            "this looks like a message: use `photon-inspect decode --kind message`"
        }
        _ => return None,
    };
    Some(text)
}

/// Whether bytes begin like a datagram, even if they end early or their checksum is wrong.
/// Spec: udp.md 1.
fn is_like_datagram(bytes: &[u8]) -> bool {
    let Some((_, first)) = commands(bytes) else {
        return false;
    };
    let kind = first.first().copied().and_then(kind_name);
    let size = command_size(first);
    bytes.get(3).is_some_and(|&count| count > 0)
        && kind.is_some()
        && size.is_some_and(|size| (COMMAND_BYTES..=MAX_BYTES).contains(&size))
}

/// The length of the header, and what follows it.
fn commands(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let header = header_bytes(bytes);
    let rest = bytes.get(header..)?;
    matches!(bytes.get(2)?, 0 | 0xCC).then_some((header, rest))
}

/// The length of the header that these bytes begin.
pub(crate) fn header_bytes(bytes: &[u8]) -> usize {
    match bytes.get(2) {
        Some(0xCC) => CRC_HEADER_BYTES,
        _ => HEADER_BYTES,
    }
}

fn command_size(command: &[u8]) -> Option<usize> {
    let size: [u8; 4] = command.get(4..8)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(size)).ok()
}

/// Why the command at this offset is cut off, if it is.
pub(crate) fn cut_command(bytes: &[u8], offset: usize) -> Option<String> {
    let command = bytes.get(offset..)?;
    let needed = match command_size(command) {
        Some(size) if command.len() >= COMMAND_BYTES => size,
        _ => COMMAND_BYTES,
    };
    (needed > command.len()).then(|| too_short(needed, command.len()))
}

/// Divides a payload into its datagrams. Some programs that capture traffic join several that
/// arrived together. What follows a datagram and is no datagram stays with it.
pub(crate) fn datagrams(payload: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let mut left = payload;
    while let Some((one, rest)) = first_datagram(left) {
        all.push(one);
        left = rest;
    }
    all.push(left);
    all
}

/// The first datagram, if another one follows it. The contents of neither need be valid: errors are
/// reported for each.
fn first_datagram(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (one, rest) = bytes.split_at_checked(extent(bytes)?)?;
    (is_like_datagram(rest) && extent(rest).is_some()).then_some((one, rest))
}

/// The length of a datagram, whose commands have their sizes.
fn extent(bytes: &[u8]) -> Option<usize> {
    let (mut end, mut left) = commands(bytes)?;
    for _ in 0..*bytes.get(3)? {
        let size = command_size(left).filter(|&size| size >= COMMAND_BYTES)?;
        left = left.get(size..)?;
        end += size;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::datagrams;
    use crate::hex;

    const ONE: &str = "00000001000003e811223344060001000000001300000001f3040301fc0303";

    #[test]
    fn a_payload_is_divided_only_where_a_datagram_follows() {
        let one = hex::decode(ONE.as_bytes()).unwrap();
        let lengths = |payload: &[u8]| -> Vec<usize> {
            datagrams(payload).into_iter().map(<[u8]>::len).collect()
        };
        assert_eq!(lengths(&one), [31]);
        assert_eq!(lengths(&one.repeat(2)), [31, 31]);
        assert_eq!(lengths(&one.repeat(100)), [31; 100]);
        assert_eq!(lengths(&[&one[..], &[0; 5]].concat()), [36]);
        assert_eq!(lengths(&[&one.repeat(2)[..], &[7]].concat()), [31, 32]);
        assert_eq!(lengths(&one.repeat(2)[..61]), [61], "the second is cut off");
        assert_eq!(lengths(&[]), [0]);
    }
}
