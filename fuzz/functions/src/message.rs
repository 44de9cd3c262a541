//! Target [`message`].

mod tolerant;

use crate::input::Input;
use crate::value::is_found_by_decoding;
use photon_proto::crypto::{Cipher, Key};
use photon_proto::message::{
    self, Header, HttpInit, Init, MAGIC, Message, MessageKind, MessageWriter,
};
use photon_proto::{
    Array, DecodeError, DecodeErrorKind, Element, EncodeError, Limits, Parameters, Params,
    Protocol, Value, ValueRef, internal,
};

const LIMITS: Limits = Limits::DEFAULT;
/// The number of parameters that are read with each reader: more of them only take time.
const MAX_PARAMETERS: usize = 15;

/// Decodes any bytes as a message.
///
/// The first byte chooses the protocol (bit 0), whether there is a key (bit 1), whether the rest is
/// encrypted with it first (bit 2), and in its upper half the kind of a header that is put in front of
/// the rest; above 9 the rest has its own header.
///
/// - The bytes decode or are an error whose offset lies in them.
/// - An encrypted message decrypts to the original, and only with a key.
/// - Parameters are the same in any order of reading and by any reader, and end at the same place.
/// - A decoded message, encoded again, decodes to the same.
/// - Tolerant reading gives the same, or reads on where strict reading stops: no value is an error. A
///   list with one damaged element has all others.
///
/// # Panics
/// If one of these does not hold.
pub fn message(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.u8();
    let protocol = if choices & 1 == 0 {
        Protocol::V16
    } else {
        Protocol::V18
    };
    let cipher = (choices & 2 != 0).then(|| Cipher::new(&Key::from_bytes([7; 32])));
    let mut whole = match choices >> 4 {
        kind @ 0..=9 => vec![MAGIC, kind],
        _ => Vec::new(),
    };
    whole.extend_from_slice(input.rest());

    http_init(&whole);
    if let (Some(cipher), true) = (&cipher, choices & 4 != 0 && whole.len() >= Header::LENGTH) {
        check_encryption(&whole, cipher);
        message::encrypt(&mut whole, 0, cipher);
    }
    let mut decrypted = whole.clone();
    match (
        message::decrypt(&mut decrypted, cipher.as_ref()),
        Header::decode(&whole),
    ) {
        (Ok((kind, body)), Ok(header)) => {
            assert_eq!(kind, header.kind);
            assert!(header.encrypted || body == &whole[Header::LENGTH..]);
            assert!(
                cipher.is_some() || !header.encrypted,
                "decrypted without a key"
            );
            check_body(kind, protocol, body);
        }
        (Err(error), Ok(header)) => {
            check_offset(error, whole.len());
            assert!(header.encrypted, "{error} in a message in clear");
            assert_eq!(
                error.kind == DecodeErrorKind::NoKey,
                cipher.is_none(),
                "{error}"
            );
        }
        (decrypted, header) => assert_eq!(decrypted.err(), header.err()),
    }
}

fn check_offset(error: DecodeError, length: usize) {
    assert!(
        error.offset <= length,
        "{error}: the offset is behind the end at {length}"
    );
}

/// An encrypted message decrypts to the original, except for the kinds that are never encrypted.
fn check_encryption(plain: &[u8], cipher: &Cipher) {
    let Ok(Header {
        kind,
        encrypted: false,
    }) = Header::decode(plain)
    else {
        return;
    };
    let mut encrypted = plain.to_vec();
    message::encrypt(&mut encrypted, 0, cipher);
    match message::decrypt(&mut encrypted, Some(cipher)) {
        Ok(decrypted) if kind != MessageKind::InitResponse => {
            assert_eq!(decrypted, (kind, &plain[Header::LENGTH..]))
        }
        Ok((kind, _)) => assert_eq!(
            kind,
            MessageKind::InitResponse,
            "only init responses stay as they are"
        ),
        Err(error) => assert_eq!(
            (kind, error.kind),
            (MessageKind::Init, DecodeErrorKind::NeverEncrypted)
        ),
    }
}

fn http_init(payload: &[u8]) {
    match HttpInit::decode(&LIMITS, payload) {
        Ok(_) => assert!(payload.starts_with(b"POST /?")),
        Err(error) => check_offset(error, payload.len()),
    }
}

fn check_body(kind: MessageKind, protocol: Protocol, body: &[u8]) {
    let end = Header::LENGTH + body.len();
    let parsed = Message::decode(kind, protocol, &LIMITS, body);
    tolerant::check(kind, protocol, body, &parsed);
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return check_offset(error, end),
    };
    let own = match &parsed {
        Message::Init(init) => return check_init(init),
        Message::InitResponse => return assert_eq!(kind, MessageKind::InitResponse),
        Message::Value(value) => {
            return drop(
                value
                    .to_value(&LIMITS)
                    .map_err(|error| check_offset(error, end)),
            );
        }
        Message::Raw(bytes) => return assert_eq!(*bytes, body),
        Message::Request { params, .. }
        | Message::Response { params, .. }
        | Message::Event { params, .. }
        | Message::Disconnect { params, .. } => params,
        other => panic!("{other:?}"),
    };
    let owned = read_owned(own);
    check_orders(own, &owned, end);
    check_readers(own, end);
    if let Ok((parameters, _)) = owned {
        check_encoding(kind, protocol, &parsed, &parameters);
    }
}

fn check_init(init: &Init) {
    let mut written = Vec::new();
    init.encode(&mut written);
    let again = Message::decode(
        MessageKind::Init,
        Protocol::V18,
        &LIMITS,
        &written[Header::LENGTH..],
    );
    assert!(
        matches!(&again, Ok(Message::Init(again)) if again == init),
        "{init:?}, {again:?}"
    );
}

/// All parameters, and the number of bytes behind them.
fn read_owned(params: &Params<'_>) -> Result<(Parameters, usize), DecodeError> {
    let mut cursor = params.clone();
    let all = cursor.to_parameters()?;
    Ok((all, cursor.finish()?))
}

fn check_orders(params: &Params<'_>, owned: &Result<(Parameters, usize), DecodeError>, end: usize) {
    let skipped = params.clone().finish();
    // Two passes: each reads every second value and skips the others.
    let [even, odd] = [0, 1].map(|remainder| {
        let (mut cursor, mut values, mut index) = (params.clone(), Vec::new(), 0);
        while let Some(key) = cursor.next_key()? {
            if index % 2 == remainder {
                values.push((index, key, cursor.value_ref()?.to_value(&LIMITS)?));
            }
            index += 1;
        }
        Ok((values, cursor.finish()?))
    });
    let Ok((all, surplus)) = owned else {
        let errors = [
            owned.as_ref().err(),
            skipped.as_ref().err(),
            even.as_ref().err(),
            odd.as_ref().err(),
        ];
        errors
            .into_iter()
            .flatten()
            .for_each(|error: &DecodeError| check_offset(*error, end));
        assert!(even.is_err() || odd.is_err() || charged(owned), "{owned:?}");
        assert!(
            skipped.is_err()
                || owned
                    .as_ref()
                    .is_err_and(|error| is_found_by_decoding(error.kind)),
            "{owned:?}"
        );
        return;
    };
    assert_eq!(skipped, Ok(*surplus));
    assert!(*surplus <= end);
    let (even, odd) = (
        even.expect("all parameters decode"),
        odd.expect("all parameters decode"),
    );
    assert_eq!((even.1, odd.1), (*surplus, *surplus));
    let mut values = [even.0, odd.0].concat();
    values.sort_by_key(|(index, _, _)| *index);
    let mut once = Parameters::new();
    for (_, key, value) in values {
        match once.iter_mut().find(|known| known.0 == key) {
            Some(known) => known.1 = value,
            None => once.push((key, value)),
        }
    }
    assert_eq!(once, *all);

    let value = |key: u8| all.iter().find(|one| one.0 == key).map(|one| one.1.clone());
    for key in all.iter().map(|one| one.0).take(8).chain([0, 1, 255]) {
        let picked = params
            .clone()
            .pick([key, key.wrapping_add(1)])
            .expect("all parameters decode");
        let picked = picked.map(|value| {
            value.map(|value| value.to_value(&LIMITS).expect("all parameters decode"))
        });
        assert_eq!(picked, [value(key), value(key.wrapping_add(1))]);
    }
    let key = internal::public_key(&mut params.clone())
        .expect("all parameters decode")
        .map(<[u8]>::to_vec);
    assert_eq!(
        key.map(Value::from),
        value(1).filter(|value| matches!(value, Value::Bytes(_)))
    );
    let times = internal::ping_times(&mut params.clone()).expect("all parameters decode");
    let int = |key| {
        value(key).and_then(|value| {
            if let Value::Int(time) = value {
                Some(time)
            } else {
                None
            }
        })
    };
    assert_eq!(times, (int(1), int(2)));
}

/// Whether decoding failed because of the costs of all values together: half of them cost less.
fn charged<T>(read: &Result<T, DecodeError>) -> bool {
    let kind = read.as_ref().err().map(|error| error.kind);
    matches!(
        kind,
        Some(DecodeErrorKind::TooMuchMemory | DecodeErrorKind::TooManyValues)
    )
}

/// Reads each parameter with each reader.
fn check_readers(params: &Params<'_>, end: usize) {
    let mut cursor = params.clone();
    for _ in 0..MAX_PARAMETERS {
        let Ok(Some(_)) = cursor.next_key() else {
            break;
        };
        let mut borrowed = cursor.clone();
        let Ok(value) = borrowed.value_ref() else {
            return;
        };
        let surplus = borrowed.finish().ok();
        read_by_type(&cursor, value, surplus);
        read_elements(&cursor, value, surplus, end);
    }
}

fn read_by_type(cursor: &Params<'_>, value: ValueRef<'_>, surplus: Option<usize>) {
    fn check<'a, T: PartialEq + std::fmt::Debug>(
        cursor: &Params<'a>,
        surplus: Option<usize>,
        expected: Option<T>,
        read: impl FnOnce(&mut Params<'a>) -> Result<T, DecodeError>,
    ) {
        let mut cursor = cursor.clone();
        match (read(&mut cursor), expected) {
            (Ok(read), Some(expected)) => assert_eq!(read, expected),
            (Err(error), None) => assert!(
                matches!(error.kind, DecodeErrorKind::WrongType(_)),
                "{error}"
            ),
            (read, expected) => panic!("{read:?} for {expected:?}"),
        }
        assert_eq!(
            cursor.finish().ok(),
            surplus,
            "a reader stops where the value ends"
        );
    }
    let int = match value {
        ValueRef::Byte(number) => Some(number.into()),
        ValueRef::Short(number) => Some(number.into()),
        ValueRef::Int(number) => Some(number),
        _ => None,
    };
    let bool = if let ValueRef::Bool(flag) = value {
        Some(flag)
    } else {
        None
    };
    check(cursor, surplus, value.as_str(), |params| {
        params.str("field")
    });
    check(
        cursor,
        surplus,
        value.as_str().map(str::as_bytes),
        |params| params.text_bytes("field"),
    );
    let mut taking = cursor.clone();
    let other = "not this text";
    assert!(value.as_str() == Some(other) || !taking.take_if(other));
    // A text in an uncommon form is not taken, and then it is still there.
    if value.as_str().is_some_and(|text| taking.take_if(text)) {
        assert_eq!(taking.finish().ok(), surplus);
    } else {
        assert_eq!(taking.str("field").ok(), value.as_str());
    }
    check(cursor, surplus, int, |params| params.int("field"));
    check(cursor, surplus, bool, |params| params.bool("field"));
    check(
        cursor,
        surplus,
        Some(value.as_str().map(str::as_bytes)),
        |params| {
            Ok(match params.element()? {
                Element::Text(bytes) => Some(bytes),
                Element::Other(_) => None,
            })
        },
    );
}

fn read_elements(cursor: &Params<'_>, value: ValueRef<'_>, surplus: Option<usize>, end: usize) {
    let (mut by_elements, mut elements) = (cursor.clone(), Vec::new());
    let read = by_elements.elements("field", |element| {
        elements.push(match element {
            Element::Text(bytes) => std::str::from_utf8(bytes).ok().map(Value::from),
            Element::Other(value) => value.to_value(&LIMITS).ok(),
        });
    });
    let mut by_refs = cursor.clone();
    let mut refs = Vec::new();
    let all_refs = by_refs.value_refs("field", |element| {
        refs.push(element.to_value(&LIMITS).ok());
    });
    // Texts that are checked together are those that are checked one by one.
    if all_refs.is_ok() {
        assert_eq!((&refs, read), (&elements, Ok(())));
        assert_eq!(by_refs.finish(), by_elements.clone().finish());
    } else {
        assert!(read.is_err() || elements.contains(&None));
        assert_eq!(elements.get(..refs.len()), Some(&refs[..]));
    }
    let mut by_strings = cursor.clone();
    let strings = by_strings.strings("field");
    for error in [read.err(), strings.as_ref().err().copied()]
        .into_iter()
        .flatten()
    {
        check_offset(error, end);
    }
    match value.to_value(&LIMITS) {
        Ok(Value::Array(Array::Object(values))) => {
            assert_eq!(
                elements,
                values.iter().cloned().map(Some).collect::<Vec<_>>()
            );
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            assert_eq!(strings.ok(), texts);
        }
        Ok(Value::Array(Array::String(texts))) => {
            assert_eq!(
                elements,
                texts
                    .iter()
                    .map(|text| Some(Value::from(&**text)))
                    .collect::<Vec<_>>()
            );
            assert_eq!(strings, Ok(texts.iter().map(|text| &**text).collect()));
        }
        // Texts that are not UTF-8, and other faults that only decoding finds.
        Err(_) => return,
        Ok(_) => {
            let wrong = |error: DecodeError| matches!(error.kind, DecodeErrorKind::WrongType(_));
            assert!(
                read.is_err_and(wrong) && strings.is_err_and(wrong),
                "{read:?}"
            );
            return;
        }
    }
    assert_eq!(
        by_elements.finish().ok(),
        surplus,
        "elements end where the value ends"
    );
}

/// Encodes the message again from its parts.
fn check_encoding(
    kind: MessageKind,
    protocol: Protocol,
    message: &Message<'_>,
    parameters: &Parameters,
) {
    let mut buffer = vec![1, 2, 3];
    let Ok(expected) = encode(&mut buffer, protocol, message, parameters) else {
        // Only a text that is too long to encode prevents the beginning of a message.
        return assert_eq!(buffer, [1, 2, 3]);
    };
    let (before, written) = buffer.split_at(3);
    assert_eq!(before, [1, 2, 3]);
    assert_eq!(
        Header::decode(written),
        Ok(Header {
            kind,
            encrypted: false
        })
    );
    let again = Message::decode(kind, protocol, &LIMITS, &written[Header::LENGTH..])
        .expect("an encoded message decodes");
    let read = match (message, again) {
        (
            Message::Request { internal, code, .. },
            Message::Request {
                internal: internal_again,
                code: code_again,
                params,
            },
        ) => {
            assert_eq!((*internal, *code), (internal_again, code_again));
            params
        }
        (
            Message::Response {
                internal,
                code,
                return_code,
                debug_message,
                ..
            },
            Message::Response {
                internal: internal_again,
                code: code_again,
                return_code: return_code_again,
                debug_message: text_again,
                params,
            },
        ) => {
            let result = (
                &internal_again,
                &code_again,
                &return_code_again,
                &text_again,
            );
            assert_eq!((internal, code, return_code, debug_message), result);
            params
        }
        (
            Message::Event { code, .. },
            Message::Event {
                code: code_again,
                params,
            },
        ) => {
            assert_eq!(*code, code_again);
            params
        }
        (
            Message::Disconnect {
                code,
                debug_message,
                ..
            },
            Message::Disconnect {
                code: code_again,
                debug_message: text_again,
                params,
            },
        ) => {
            assert_eq!((code, debug_message), (&code_again, &text_again));
            params
        }
        (message, again) => panic!("{message:?}, {again:?}"),
    };
    let (read, surplus) = read_owned(&read).expect("an encoded message decodes");
    assert_eq!(surplus, 0);
    // In 1.6 an array of object arrays becomes an object array. Spec: wire.md 4.1
    match protocol {
        Protocol::V16 => assert!(
            read.iter()
                .map(|one| one.0)
                .eq(expected.iter().map(|one| one.0))
        ),
        _ => assert_eq!(read, expected),
    }
}

/// Appends a message to the buffer, with those of its parameters that can be encoded.
fn encode(
    out: &mut Vec<u8>,
    protocol: Protocol,
    message: &Message<'_>,
    parameters: &Parameters,
) -> Result<Parameters, EncodeError> {
    let mut writer = match *message {
        Message::Request {
            internal: false,
            code,
            ..
        } => MessageWriter::request(out, protocol, &LIMITS, code),
        Message::Request {
            internal: true,
            code,
            ..
        } => MessageWriter::internal_request(out, protocol, &LIMITS, code),
        Message::Response {
            internal: false,
            code,
            return_code,
            ref debug_message,
            ..
        } => MessageWriter::response(
            out,
            protocol,
            &LIMITS,
            code,
            return_code,
            debug_message.as_deref(),
        ),
        Message::Response {
            internal: true,
            code,
            return_code,
            ref debug_message,
            ..
        } => MessageWriter::internal_response(
            out,
            protocol,
            &LIMITS,
            code,
            return_code,
            debug_message.as_deref(),
        ),
        Message::Event { code, .. } => MessageWriter::event(out, protocol, &LIMITS, code),
        Message::Disconnect {
            code,
            ref debug_message,
            ..
        } => MessageWriter::disconnect(out, protocol, &LIMITS, code, debug_message.as_deref()),
        ref other => panic!("{other:?} has no parameters"),
    }?;
    let mut written = parameters.clone();
    written.retain(|(key, value)| writer.put(*key, value).is_ok());
    writer.finish()?;
    Ok(written)
}
