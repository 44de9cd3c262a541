//! Target [`json`].

use crate::input::Input;
use photon_proto::json::{Frame, Part, Reader, WriteError, encode_message};
use photon_proto::message::{Header, Message};
use photon_proto::{DecodeError, EncodeErrorKind, Limits, Protocol, Role};

const LIMITS: Limits = Limits::DEFAULT;
/// Limits that small inputs reach.
const TIGHT: Limits = Limits {
    max_depth: 4,
    max_received_bytes: 300,
    ..Limits::DEFAULT
};

/// Decodes any bytes as a text message of the JSON sub-protocol.
///
/// The lowest bit of the first byte decides whether a server reads it.
///
/// - Each frame decodes or is an error whose offset lies in the text. Only messages change the buffer.
/// - A decoded message is one of GpBinary 1.8, in clear.
/// - Read in parts, it gives the same frames and errors as at once.
/// - A tolerant reader finds the same, and more where the other one stops. Its messages are within the
///   limits too.
/// - Encoded as JSON, decoded and encoded again, it is the same text: values that JSON cannot express
///   are changed by the first encoding only.
///
/// # Panics
/// If one of these does not hold.
pub fn json(data: &[u8]) {
    let mut input = Input::new(data);
    let role = if input.flag() {
        Role::Server
    } else {
        Role::Client
    };
    let text = input.rest();
    check_tolerant(role, &LIMITS, text);
    check_tolerant(role, &TIGHT, text);
    let mut reader = match Reader::new(role, &LIMITS, text) {
        Ok(reader) => reader,
        Err(error) => return assert!(error.offset <= text.len(), "{error}"),
    };
    let (mut out, mut frames) = (Vec::new(), 0);
    loop {
        let before = out.len();
        let message = match reader.next(&mut out) {
            Ok(None) => break,
            Ok(Some(Frame::Message(range))) => Some(range),
            Ok(Some(_)) => None,
            Err(error) => {
                assert!(error.offset <= text.len(), "{error}");
                None
            }
        };
        if let Some(range) = message {
            assert_eq!(range, before..out.len());
            let message = out[range].to_vec();
            check_transcoded(role, &message);
        } else {
            assert_eq!(out.len(), before);
        }
        frames += 1;
        assert!(frames <= text.len(), "more frames than bytes");
    }
}

/// Compares both readers, frame by frame.
fn check_tolerant(role: Role, limits: &Limits, text: &[u8]) {
    let tolerant = Reader::tolerant(role, limits, text.to_vec());
    let strict = Reader::owned(role, limits, text.to_vec());
    let (mut tolerant, mut strict) = match (tolerant, strict) {
        (Ok(tolerant), strict) => (tolerant, strict.ok()),
        (Err((error, returned)), strict) => {
            assert!(strict.is_err() && returned == text, "{error}");
            return;
        }
    };
    let share = 1 + text.len() % 61;
    let (mut tolerant_parts, mut strict_parts) = (tolerant.clone(), strict.clone());
    for frames in 0.. {
        // Half of a surrogate pair may be one unit in three bytes.
        assert!(frames <= text.len(), "more frames than bytes");
        let (mut message, mut expected) = (Vec::new(), Vec::new());
        let read = tolerant.next(&mut message);
        check_parts(&mut tolerant_parts, share, &read, &message);
        if let Ok(Some(Frame::Message(range))) = &read {
            assert_eq!(*range, 0..message.len());
        }
        if let (Some(strict), Some(parts)) = (&mut strict, &mut strict_parts) {
            let strictly_read = strict.next(&mut expected);
            check_parts(parts, share, &strictly_read, &expected);
            if strictly_read.is_ok() {
                assert_eq!(read, strictly_read, "both readers agree on what is good");
            }
        }
        match read {
            Ok(None) => return,
            Ok(Some(Frame::Message(_))) => {
                let header = Header::decode(&message).expect("a header");
                let body = &message[Header::LENGTH..];
                let parsed = Message::decode_tolerant(header.kind, Protocol::V18, limits, body);
                assert!(parsed.is_ok(), "{parsed:?}");
                assert!(expected.is_empty() || message == expected);
            }
            Ok(Some(_)) | Err(_) => assert!(message.is_empty()),
        }
    }
}

/// Reads a frame in parts that was `read` at once, with this message.
fn check_parts(
    reader: &mut Reader<'_>,
    share: usize,
    read: &Result<Option<Frame<'_>>, DecodeError>,
    message: &[u8],
) {
    let mut out = Vec::new();
    loop {
        let parsed = reader.parsed_bytes();
        let frame = match reader.next_part(share, &mut out) {
            Ok(Part::Unfinished) => None,
            Ok(Part::End) => Some(Ok(None)),
            Ok(Part::Frame(frame)) => Some(Ok(Some(frame))),
            Err(error) => Some(Err(error)),
        };
        if let Some(frame) = frame {
            assert_eq!(&frame, read, "the same in parts");
            assert_eq!(out, message, "the same message in parts");
            return;
        }
        assert!(reader.parsed_bytes() > parsed, "a part without progress");
    }
}

fn check_transcoded(role: Role, message: &[u8]) {
    let header = Header::decode(message).expect("a header");
    assert!(!header.encrypted);
    let parsed = Message::decode(
        header.kind,
        Protocol::V18,
        &LIMITS,
        &message[Header::LENGTH..],
    );
    assert!(parsed.is_ok(), "{parsed:?}");
    let Some(text) = encoded(message) else { return };
    let mut once = Vec::new();
    let mut reader = Reader::new(role, &LIMITS, &text).expect("a text within the limits");
    let frame = reader
        .next(&mut once)
        .expect("a text that was encoded here");
    assert!(matches!(frame, Some(Frame::Message(_))), "{frame:?}");
    assert_eq!(encoded(&once).as_ref(), Some(&text));
}

/// `None` if the text would exceed the limit for sending.
fn encoded(message: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    match encode_message(&mut text, &LIMITS, message) {
        Ok(()) => Some(text),
        Err(WriteError::Encode(error))
            if matches!(error.kind, EncodeErrorKind::MessageTooLong(_)) =>
        {
            None
        }
        Err(error) => panic!("{error}"),
    }
}
