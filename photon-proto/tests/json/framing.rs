//! Frames: lengths in UTF-16 units, several in one message, and lengths that lie.

use crate::harness::LIMITS;
use crate::{Read, framed, read, read_one, read_within};
use photon_proto::json::{encode_message, encode_session};
use photon_proto::{DecodeError, DecodeErrorKind, EncodeErrorKind, Limits, Role};

fn session(text: &str) -> Result<Read, DecodeError> {
    Ok(Read::Session(text.into()))
}

fn refusal(frame: &Result<Read, DecodeError>) -> &DecodeError {
    frame.as_ref().unwrap_err()
}

fn error(text: &str) -> (DecodeErrorKind, usize) {
    let error = read_one(Role::Client, text).unwrap_err();
    (error.kind, error.offset)
}

#[test]
fn lengths_count_utf16_units() {
    // One, two and three bytes are one unit each, four are two.
    for (text, units) in [
        ("a", 1),
        ("\u{e9}", 1),
        ("\u{20ac}", 1),
        ("\u{1f600}", 2),
        ("\u{10ffff}\u{10000}", 4),
    ] {
        let frame = format!("~m~{units}~m~{text}");
        assert_eq!(framed(text), frame);
        let mut written = Vec::new();
        encode_session(&mut written, &LIMITS, text).unwrap();
        assert_eq!(written, frame.as_bytes());
        // Alone, before and behind others.
        assert_eq!(read(Role::Client, &frame), [session(text)]);
        let twice = [frame.as_str(), "~m~1~m~x", &frame].concat();
        assert_eq!(
            read(Role::Client, &twice),
            [session(text), session("x"), session(text)]
        );
    }
}

#[test]
fn several_frames_in_one_message() {
    let ping = framed("~j~{\"irs\":1,\"vals\":[1,5,2,6]}");
    let event = framed("~j~{\"evt\":7,\"vals\":[1,\"\u{1f600}\"]}");
    let text = [framed("id").as_str(), &event, &ping, "~m~0~m~", &event].concat();
    let message = Ok(Read::Message(vec![
        0xF3, 4, 7, 1, 1, 7, 4, 0xF0, 0x9F, 0x98, 0x80,
    ]));
    let expected = [
        session("id"),
        message.clone(),
        Ok(Read::PingResponse(5, 6)),
        session(""),
        message,
    ];
    assert_eq!(read(Role::Client, &text), expected);
    assert_eq!(read(Role::Client, ""), []);
}

#[test]
fn a_malformed_object_does_not_affect_other_frames() {
    let good = framed("~j~{\"evt\":7}");
    let bad = framed("~j~{\"evt\":[]}");
    let found = read(Role::Client, &[good.as_str(), &bad, &good].concat());
    let message = Ok(Read::Message(vec![0xF3, 4, 7, 0]));
    let at = good.len() + "~m~12~m~~j~{\"evt\":".len();
    let error = DecodeError::new(
        DecodeErrorKind::WrongType(b'['),
        at,
        "operation or event code",
    );
    assert_eq!(found, [message.clone(), Err(error), message]);
}

#[test]
fn no_frame_follows_an_invalid_length() {
    let good = framed("~j~{\"evt\":7}");
    for bad in ["~m~99999~m~", "~m~x~m~", "~x~1~m~a", "x"] {
        let found = read(Role::Client, &[good.as_str(), bad, &good].concat());
        assert_eq!(found.len(), 2, "{bad}: {found:?}");
        assert!(found[0].is_ok() && found[1].is_err());
        assert!(refusal(&found[1]).offset >= good.len());
    }
}

#[test]
fn lengths_that_lie() {
    use DecodeErrorKind::{BadFrame, BadLength, Truncated};
    let most = usize::MAX.to_string();
    for (text, kind, offset) in [
        ("x", BadFrame(b'x'), 0),
        ("\u{e9}", BadFrame(0xC3), 0),
        ("~", Truncated, 1),
        ("~m", Truncated, 2),
        ("~n~1~m~a", BadFrame(b'~'), 0),
        ("~m~", Truncated, 3),
        ("~m~~m~a", BadLength, 3),
        ("~m~-1~m~a", BadLength, 3),
        ("~m~+1~m~a", BadLength, 3),
        ("~m~ 1~m~a", BadLength, 3),
        ("~m~0x1~m~a", BadLength, 4),
        ("~m~1.0~m~a", BadLength, 4),
        ("~m~\u{661}~m~a", BadLength, 3),
        ("~m~12", Truncated, 5),
        ("~m~12~", Truncated, 6),
        ("~m~12~m", Truncated, 7),
        ("~m~12~j~", BadLength, 5),
        ("~m~1~m~", Truncated, 7),
        ("~m~2~m~a", Truncated, 8),
        ("~m~2~m~\u{e9}", Truncated, 9),
        // Half of a pair.
        ("~m~1~m~\u{1f600}", BadLength, 7),
        ("~m~2~m~a\u{1f600}", BadLength, 8),
        (&format!("~m~{most}~m~a"), Truncated, 7 + most.len()),
        (&format!("~m~{most}0~m~a"), BadLength, 3),
        (&format!("~m~{}~m~a", "9".repeat(100_000)), BadLength, 3),
    ] {
        assert_eq!(
            error(text),
            (kind, offset),
            "{}",
            &text[..text.len().min(40)]
        );
    }
    // Of any form that is a number.
    assert_eq!(
        read(Role::Client, &format!("~m~{}1~m~a", "0".repeat(1000))),
        [session("a")]
    );
    // A surplus character of one frame is the mark of the next.
    let found = read(Role::Client, "~m~1~m~ab");
    assert_eq!(found[0], session("a"));
    assert_eq!(
        found[1],
        Err(DecodeError::new(BadFrame(b'b'), 8, "frame mark"))
    );
}

#[test]
fn every_truncation_fails_cleanly() {
    let text = [
        framed("id").as_str(),
        &framed("~j~{\"evt\":7,\"vals\":[1,\"\\u00e9\u{1f600}\",2,[1.5e3,null]]}"),
    ]
    .concat();
    let whole = read(Role::Client, &text);
    for end in 1..text.len() {
        let found = read_within(&LIMITS, Role::Client, &text.as_bytes()[..end]);
        let last = found.last().unwrap();
        match text.is_char_boundary(end) {
            true if end == framed("id").len() => assert_eq!(found, [session("id")]),
            true => assert_eq!(refusal(last).kind, DecodeErrorKind::Truncated, "{end}"),
            false => assert_eq!(refusal(last).kind, DecodeErrorKind::NotUtf8, "{end}"),
        }
        assert_ne!(found, whole);
    }
}

#[test]
fn nuls_are_dropped_before_decoding() {
    // wire.md 7.2: the length does not count NULs, wherever they are.
    let clean = framed("~j~{\"evt\": 7,\"vals\":[]}");
    let message = [Ok(Read::Message(vec![0xF3, 4, 7, 0]))];
    for at in 0..=clean.len() {
        let (before, after) = clean.split_at(at);
        assert_eq!(
            read(Role::Client, &format!("{before}\0\0{after}")),
            message,
            "{at}"
        );
    }
    let everywhere: String = clean
        .chars()
        .flat_map(|character| ['\0', character])
        .collect();
    assert_eq!(read(Role::Client, &everywhere), message);
    let counted = format!("~m~{}~m~~j~\0{{\"evt\":7}}", "~j~\0{\"evt\":7}".len());
    assert_eq!(error(&counted).0, DecodeErrorKind::Truncated);
    assert_eq!(read(Role::Client, "\0\0"), []);
}

#[test]
fn bytes_that_are_no_text() {
    let found = read_within(&LIMITS, Role::Client, b"~m~2~m~a\xFF");
    assert_eq!(
        found,
        [Err(DecodeError::new(
            DecodeErrorKind::NotUtf8,
            8,
            "text message"
        ))]
    );
    // A lone surrogate, in the encoding that UTF-8 forbids.
    let found = read_within(&LIMITS, Role::Client, b"~m~1~m~\xED\xA0\x80");
    assert_eq!(
        found,
        [Err(DecodeError::new(
            DecodeErrorKind::NotUtf8,
            7,
            "text message"
        ))]
    );
}

#[test]
fn sessions_that_would_not_come_back() {
    for id in ["~j~", "~j~{}", "a\0"] {
        let mut text = vec![1];
        let error = encode_session(&mut text, &LIMITS, id).unwrap_err();
        assert_eq!(
            (error.kind, text),
            (EncodeErrorKind::TypeNotExpressible, vec![1])
        );
    }
}

#[test]
fn limits_apply_to_sent_and_received_messages() {
    let text = framed("~j~{\"evt\":7}");
    let limits = |bytes| Limits {
        max_received_bytes: bytes,
        max_sent_bytes: bytes,
        ..LIMITS
    };
    assert!(read_within(&limits(text.len()), Role::Client, text.as_bytes())[0].is_ok());
    let refused = &read_within(&limits(text.len() - 1), Role::Client, text.as_bytes())[0];
    assert_eq!(refusal(refused).kind, DecodeErrorKind::TooLong);

    let mut whole = Vec::new();
    encode_message(&mut whole, &LIMITS, &[0xF3, 4, 7, 0]).unwrap();
    for bytes in 0..whole.len() {
        let mut text = vec![9; 5];
        let error = encode_message(&mut text, &limits(bytes), &[0xF3, 4, 7, 0]);
        assert!(error.is_err(), "{bytes}");
        assert_eq!(text, [9; 5]);
    }
    let mut text = vec![9; 5];
    encode_message(&mut text, &limits(whole.len()), &[0xF3, 4, 7, 0]).unwrap();
    assert_eq!(text[5..], whole);
}
