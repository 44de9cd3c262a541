//! Target [`datagram()`].

use crate::input::Input;
use photon_proto::udp::ConnectRequest;
use photon_proto::udp::command::{self, Body, Command, ConnectFields, kind, kind_name};
use photon_proto::udp::datagram::{
    self, CRC_HEADER_BYTES, Datagram, DatagramError, HEADER_BYTES, MAX_BYTES, decode,
};

/// Decodes any bytes as a UDP datagram.
///
/// The lowest bit of the first byte decides whether the checksum is corrected, so that changed
/// datagrams pass that check. The rest is the datagram.
///
/// - Decoding never panics. An error names the fault and its place.
/// - The header and the commands, encoded again, are the datagram without its trailing bytes.
/// - Without trailing bytes the datagram decodes to the same. With fewer bytes it is an error, and so is
///   a changed bit under a checksum.
/// - A datagram with a connect command that has a valid number is a connect request, whatever is malformed
///   behind that command.
///
/// # Panics
/// If one of these does not hold.
pub fn datagram(data: &[u8]) {
    let mut input = Input::new(data);
    let repaired = input.flag();
    let mut bytes = input.rest().to_vec();
    if repaired {
        repair(&mut bytes);
    }
    match decode(&bytes) {
        Ok(datagram) => check_decoded(&bytes, &datagram),
        Err(error) => {
            check_error(&bytes, error);
            // The commands before a malformed one count. Spec: udp.md 9, item 3.
            let before = match error {
                DatagramError::Command { index, offset } => well_formed_part(&bytes, index, offset),
                _ => Vec::new(),
            };
            assert_eq!(
                ConnectRequest::decode(&bytes),
                ConnectRequest::decode(&before)
            );
        }
    }
}

/// The datagram without what begins at `offset`: its first `count` commands.
fn well_formed_part(bytes: &[u8], count: u8, offset: usize) -> Vec<u8> {
    let mut part = bytes[..offset].to_vec();
    part[3] = count;
    repair(&mut part);
    assert_eq!(decode(&part).is_ok(), count > 0, "all of it is well-formed");
    part
}

fn check_decoded(bytes: &[u8], datagram: &Datagram<'_>) {
    let commands: Vec<Command<'_>> = datagram.commands().collect();
    assert_eq!(commands.len(), usize::from(datagram.header.count));
    assert!(!commands.is_empty());
    let written = encode(bytes, datagram);
    let trailing = datagram.trailing_bytes();
    let (whole, _) = bytes.split_at(bytes.len() - trailing);
    assert_eq!(written, whole);

    for command in &commands {
        assert_eq!(command.is_unsequenced(), command.flags & 2 != 0);
        assert!(!command.is_reliable() || command.flags & 1 != 0);
        assert!(kind_name(command.kind).is_some() || !matches!(command.kind, 1..=8 | 11..=19));
    }

    // Trailing bytes have no meaning, but the checksum covers them.
    let mut short = whole.to_vec();
    repair(&mut short);
    let again = decode(&short).expect("the same without trailing bytes");
    assert_eq!(again.trailing_bytes(), 0);
    assert!(again.commands().eq(commands.iter().copied()));
    let without_crc = |header: datagram::Header| datagram::Header {
        crc: header.crc.map(|_| 0),
        ..header
    };
    assert_eq!(without_crc(again.header), without_crc(datagram.header));
    // The header counts the commands, so that none may be missing.
    for cut in [1, 5, command::HEADER_BYTES] {
        let mut cut = short[..short.len().saturating_sub(cut)].to_vec();
        repair(&mut cut);
        let error = decode(&cut).expect_err("not all commands");
        check_error(&cut, error);
    }
    if datagram.header.crc.is_some() {
        let mut changed = bytes.to_vec();
        let at = bytes.iter().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add((*byte).into())
        });
        changed[at / 8 % bytes.len()] ^= 1 << (at % 8);
        assert!(
            decode(&changed).is_err(),
            "bit {} of byte {} has no effect",
            at % 8,
            at / 8 % bytes.len()
        );
    }

    let connect = commands.iter().find_map(|command| match command.body {
        // Numbers end at 2^31 - 1. Spec: udp.md 9, item 8.
        Body::Connect(fields)
            if command.channel == command::CONTROL_CHANNEL && command.rseq >> 31 == 0 =>
        {
            Some(fields)
        }
        _ => None,
    });
    let request = ConnectRequest::decode(bytes);
    assert_eq!(request.map(|request| request.fields), connect);
    if let Some(request) = request {
        assert_eq!(request.challenge, datagram.header.challenge);
        assert_eq!(request.crc, datagram.header.crc.is_some());
    }
}

/// Encodes the datagram again, without trailing bytes. Bytes of a command behind its fields have no
/// meaning and are not decoded, so they are copied from the original.
fn encode(original: &[u8], datagram: &Datagram<'_>) -> Vec<u8> {
    let header = &datagram.header;
    let mut out = Vec::new();
    out.extend(header.peer_id.to_be_bytes());
    out.extend([if header.crc.is_some() { 0xCC } else { 0 }, header.count]);
    out.extend(header.sent_time.to_be_bytes());
    out.extend(header.challenge.to_be_bytes());
    if let Some(crc) = header.crc {
        out.extend(crc.to_be_bytes());
    }
    for command in datagram.commands() {
        let start = out.len();
        out.extend([
            command.kind,
            command.channel,
            command.flags,
            command.reserved,
        ]);
        out.extend(command.size.to_be_bytes());
        out.extend(command.rseq.to_be_bytes());
        write_body(&mut out, &command.body);
        let end = start + command.size as usize;
        assert!(out.len() <= end, "{command:?} is longer than its size");
        assert!(
            out.len() == end || matches!(command.kind, 1..=3 | 16),
            "{command:?} is shorter than its size"
        );
        out.extend_from_slice(&original[out.len()..end]);
    }
    out
}

pub(crate) fn write_body(out: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::Ack { rseq, sent_time } => {
            out.extend(rseq.to_be_bytes());
            out.extend(sent_time.to_be_bytes());
        }
        Body::Connect(fields) | Body::VerifyConnect(fields) => {
            let ConnectFields {
                id,
                mtu,
                window_size,
                channel_count,
                bandwidth_in,
                bandwidth_out,
                ..
            } = *fields;
            out.extend(id.to_be_bytes());
            out.extend(mtu.to_be_bytes());
            let throttle = [
                fields.throttle_interval,
                fields.throttle_acceleration,
                fields.throttle_deceleration,
            ];
            for number in [window_size, channel_count, bandwidth_in, bandwidth_out]
                .into_iter()
                .chain(throttle)
            {
                out.extend(number.to_be_bytes());
            }
        }
        Body::Message(payload) | Body::Other(payload) => out.extend_from_slice(payload),
        Body::Numbered { number, payload } => {
            out.extend(number.to_be_bytes());
            out.extend_from_slice(payload);
        }
        Body::Fragment(it) => {
            for number in [it.start, it.count, it.number, it.total, it.offset] {
                out.extend(number.to_be_bytes());
            }
            out.extend_from_slice(it.part);
        }
    }
}

/// Checks that an error names a fault that the datagram has.
fn check_error(bytes: &[u8], error: DatagramError) {
    let flags = bytes.get(2).copied();
    let number = |at: usize| {
        bytes
            .get(at..at + 4)
            .map(|four| u32::from_be_bytes(four.try_into().expect("four")))
    };
    match error {
        DatagramError::TooShort(length) => {
            assert_eq!(length, bytes.len());
            assert!(length < HEADER_BYTES || flags == Some(0xCC) && length < CRC_HEADER_BYTES);
        }
        DatagramError::TooLong(length) => assert!(length == bytes.len() && length > MAX_BYTES),
        DatagramError::Flags(found) => assert!(flags == Some(found) && !matches!(found, 0 | 0xCC)),
        DatagramError::Crc { got, expected } => {
            assert_eq!((flags, number(12)), (Some(0xCC), Some(got)));
            assert_eq!(expected, checksum(bytes));
            assert_ne!(got, expected);
        }
        DatagramError::Empty => assert_eq!(bytes.get(3), Some(&0)),
        DatagramError::Command { index, offset } => {
            let mut at = if flags == Some(0xCC) {
                CRC_HEADER_BYTES
            } else {
                HEADER_BYTES
            };
            for _ in 0..index {
                at += number(at + 4).expect("a size") as usize;
            }
            assert_eq!(at, offset);
            assert!(index < bytes[3] && at <= bytes.len());
            let left = &bytes[at..];
            let min = match left.first() {
                Some(&(kind::ACK | kind::ACK_UNSEQUENCED)) => 20,
                Some(&(kind::CONNECT | kind::VERIFY_CONNECT)) => 44,
                Some(&(kind::UNRELIABLE | kind::UNSEQUENCED)) => 16,
                Some(&(kind::FRAGMENT | kind::FRAGMENT_UNSEQUENCED)) => 32,
                _ => 12,
            };
            let size = number(at + 4).unwrap_or(0) as usize;
            assert!(
                left.len() < 12 || size < min || size > left.len(),
                "a good command: {left:x?}"
            );
        }
    }
}

/// Corrects the checksum if there is one.
pub(crate) fn repair(datagram: &mut [u8]) {
    if datagram.get(2) == Some(&0xCC) && datagram.len() >= CRC_HEADER_BYTES {
        let sum = checksum(datagram).to_be_bytes();
        datagram[HEADER_BYTES..CRC_HEADER_BYTES].copy_from_slice(&sum);
    }
}

/// The checksum of a datagram, computed without the library. Spec: udp.md 1.2.
fn checksum(datagram: &[u8]) -> u32 {
    let byte = |(at, byte): (usize, &u8)| {
        if (HEADER_BYTES..CRC_HEADER_BYTES).contains(&at) {
            0
        } else {
            *byte
        }
    };
    datagram
        .iter()
        .enumerate()
        .map(byte)
        .fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| {
                if sum & 1 == 1 {
                    sum >> 1 ^ 0xEDB8_8320
                } else {
                    sum >> 1
                }
            })
        })
}
