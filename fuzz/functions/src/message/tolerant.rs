//! The same messages, read tolerantly.

use super::{LIMITS, check_offset, read_owned};
use photon_proto::message::{Header, Message, MessageKind, MessageWriter};
use photon_proto::{
    Array, DecodeError, DecodeErrorKind, Element, Parameters, Params, Protocol, Value, ValueRef,
    codec,
};

/// Longer lists only take time, and need more than one byte for their count.
const MAX_ELEMENTS: usize = 100;

pub(super) fn check(
    kind: MessageKind,
    protocol: Protocol,
    body: &[u8],
    strict: &Result<Message<'_>, DecodeError>,
) {
    let end = Header::LENGTH + body.len();
    let tolerant = match Message::decode_tolerant(kind, protocol, &LIMITS, body) {
        Ok(tolerant) => tolerant,
        Err(error) => {
            assert!(strict.is_err(), "only tolerant reading fails: {error}");
            return check_offset(error, end);
        }
    };
    let Some(params) = params_of(&tolerant) else {
        return;
    };
    check_total(params, end);
    let Some(whole) = strict.as_ref().ok().and_then(params_of) else {
        return;
    };
    assert_eq!(codes(&tolerant), strict.as_ref().ok().and_then(codes));
    if let Ok((all, surplus)) = read_owned(whole) {
        let mut params = params.clone();
        assert_eq!(params.to_parameters().as_ref(), Ok(&all));
        assert_eq!(params.finish(), Ok(surplus));
        assert_eq!((params.undecodable(), params.damage()), (0, None));
        check_damaged_lists(protocol, &all, body.len());
    }
}

fn params_of<'p, 'a>(message: &'p Message<'a>) -> Option<&'p Params<'a>> {
    match message {
        Message::Request { params, .. }
        | Message::Response { params, .. }
        | Message::Event { params, .. }
        | Message::Disconnect { params, .. } => Some(params),
        _ => None,
    }
}

/// What is in front of the parameters.
fn codes(message: &Message<'_>) -> Option<(u8, i16, Option<String>)> {
    match message {
        Message::Request { code, .. } | Message::Event { code, .. } => Some((*code, 0, None)),
        Message::Response {
            code,
            return_code,
            debug_message,
            ..
        } => Some((
            *code,
            *return_code,
            debug_message.as_deref().map(Into::into),
        )),
        Message::Disconnect {
            code,
            debug_message,
            ..
        } => Some((0, *code, debug_message.as_deref().map(Into::into))),
        _ => None,
    }
}

/// Whatever the bytes are, no value is an error, and each has a replacement within the limits.
fn check_total(params: &Params<'_>, end: usize) {
    let mut borrowed = params.clone();
    let mut keys = Vec::new();
    while let Some(key) = borrowed.next_key().expect("a tolerant cursor goes on") {
        keys.push(key);
        let value = borrowed.value_ref().expect("a tolerant cursor goes on");
        let (copy, replaced) = value.to_value_lossy(&LIMITS);
        assert!(copy.heap_bytes() <= LIMITS.max_memory_bytes);
        match value {
            ValueRef::Undecodable(raw) => {
                // Alone it may be within the limits that all values together exceed.
                assert!(raw.offset() <= end);
                let error = value.to_value(&LIMITS).err();
                error.into_iter().for_each(|error| check_offset(error, end));
            }
            _ => assert_eq!(replaced > 0, value.to_value(&LIMITS).is_err()),
        }
        assert!(
            value
                .as_str()
                .is_none_or(|text| value.text_lossy() == Some(text.into()))
        );
    }
    let surplus = borrowed.finish().expect("a tolerant cursor goes on");

    // Skipping, copying, and reading lists end at the same place. What is lost differs only where a
    // reader finds more faults than another: then it is the rest of the message.
    let mut skipped = params.clone();
    let end_of_skipped = skipped.finish().expect("a tolerant cursor goes on");
    let mut copied = params.clone();
    let all = copied.to_parameters().expect("a tolerant cursor goes on");
    if borrowed.damage().is_none() {
        assert_eq!(skipped.damage(), None);
        assert_eq!(copied.damage(), None);
        assert_eq!((end_of_skipped, copied.finish()), (surplus, Ok(surplus)));
    }
    assert!(all.iter().all(|(key, _)| keys.contains(key)));

    let mut lists = params.clone();
    while let Some(_key) = lists.next_key().expect("a tolerant cursor goes on") {
        let here = lists.clone();
        let mut elements = 0_usize;
        let read = lists.elements("field", |element| {
            elements += 1;
            if let Element::Other(value) = element {
                let _copy = value.to_value_lossy(&LIMITS);
            }
        });
        let (mut refs, mut texts) = (here.clone(), 0_usize);
        let by_refs = refs.value_refs("field", |value| {
            texts += 1;
            let _copy = value.to_value_lossy(&LIMITS);
        });
        assert_eq!((by_refs, texts), (read, elements));
        match read.map_err(|error| error.kind) {
            Ok(()) => {}
            Err(DecodeErrorKind::WrongType(_)) => assert_eq!(elements, 0),
            Err(DecodeErrorKind::TooManyValues) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Damages one element of each list, in the way that its bytes end where they seem to.
fn check_damaged_lists(protocol: Protocol, all: &Parameters, choice: usize) {
    for (key, value) in all {
        let elements: Vec<Value> = match value {
            Value::Array(Array::Object(values)) => values.clone(),
            Value::Array(Array::String(texts)) => texts.iter().cloned().map(Value::from).collect(),
            _ => continue,
        };
        if !(1..=MAX_ELEMENTS).contains(&elements.len()) {
            continue;
        }
        let at = choice % elements.len();
        let Some((message, expected)) = damaged(protocol, *key, &elements, at) else {
            continue;
        };
        let body = &message[Header::LENGTH..];
        let event = Message::decode_tolerant(MessageKind::Event, protocol, &LIMITS, body);
        let Ok(Message::Event { mut params, .. }) = event else {
            panic!("{event:?}");
        };
        assert_eq!(params.next_key(), Ok(Some(*key)));
        let (mut read, mut together) = (Vec::new(), params.clone());
        params
            .elements("field", |element| {
                read.push(match element {
                    Element::Text(bytes) => std::str::from_utf8(bytes).ok().map(Value::from),
                    Element::Other(value) => value.to_value(&LIMITS).ok(),
                });
            })
            .expect("a list within the limits");
        assert_eq!(read, expected, "one damaged element costs another");
        let mut refs = Vec::new();
        together
            .value_refs("field", |value| refs.push(value.to_value(&LIMITS).ok()))
            .expect("a list within the limits");
        assert_eq!(refs, expected, "one damaged element costs another");
        assert_eq!(params.damage(), None);
        assert_eq!(params.finish(), Ok(0));
    }
}

/// An event with a list of mixed values, one of which is replaced by a text that is not UTF-8, and
/// what a reader has to find. `None` if an element cannot be encoded.
fn damaged(
    protocol: Protocol,
    key: u8,
    elements: &[Value],
    at: usize,
) -> Option<(Vec<u8>, Vec<Option<Value>>)> {
    let mut message = Vec::new();
    let writer = MessageWriter::event(&mut message, protocol, &LIMITS, 0).ok()?;
    writer.finish().ok()?;
    // In place of the count of no parameters.
    let (count, list, bad): (&[u8], &[u8], &[u8]) = match protocol {
        Protocol::V16 => (&[0, 1], b"z\0", b"s\0\x02\xFFx"),
        _ => (&[1], &[0x17], &[0x07, 2, 0xFF, b'x']),
    };
    message.truncate(Header::LENGTH + 1);
    message.extend_from_slice(count);
    message.push(key);
    message.extend_from_slice(list);
    message.push(u8::try_from(elements.len()).ok()?);
    let mut expected = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        if index == at {
            message.extend_from_slice(bad);
            expected.push(None);
            continue;
        }
        let bytes = codec::encode_value(protocol, &LIMITS, element).ok()?;
        // Some values change by encoding: an array of object arrays in 1.6. Spec: wire.md 4.1
        expected.push(codec::decode_value(protocol, &LIMITS, &bytes).ok());
        message.extend(bytes);
    }
    Some((message, expected))
}
