//! Target [`json`].

use crate::input::Input;
use photon_proto::json::{Frame, Reader, WriteError, encode_message};
use photon_proto::message::{Header, Message};
use photon_proto::{EncodeErrorKind, Limits, Protocol, Role};

const LIMITS: Limits = Limits::DEFAULT;

/// Any bytes as a text message of the JSON sub-protocol.
///
/// The first byte chooses who reads (bit 0: the server).
///
/// - Every frame is read or an error whose offset lies in the text; nothing but a message changes the buffer.
/// - A message that was read is one of GpBinary 1.8, in clear.
/// - Written as JSON again and read once more it is the same text: what JSON cannot say is lost the first time.
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
            read_again(role, &message);
        } else {
            assert_eq!(out.len(), before);
        }
        frames += 1;
        assert!(frames <= text.len(), "more frames than bytes");
    }
}

fn read_again(role: Role, message: &[u8]) {
    let header = Header::decode(message).expect("a header");
    assert!(!header.encrypted);
    let parsed = Message::decode(
        header.kind,
        Protocol::V18,
        &LIMITS,
        &message[Header::LENGTH..],
    );
    assert!(parsed.is_ok(), "{parsed:?}");
    let Some(text) = written(message) else { return };
    let mut once = Vec::new();
    let mut reader = Reader::new(role, &LIMITS, &text).expect("as long as what may be read");
    let frame = reader.next(&mut once).expect("our own text");
    assert!(matches!(frame, Some(Frame::Message(_))), "{frame:?}");
    assert_eq!(written(&once).as_ref(), Some(&text));
}

/// `None` if it would be longer than what may be sent.
fn written(message: &[u8]) -> Option<Vec<u8>> {
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
