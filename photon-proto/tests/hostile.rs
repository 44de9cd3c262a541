//! Hostile bytes: every truncation and every bit flip of every vector, limits to the last one, and
//! lengths that do not match.
#![cfg(feature = "encryption")]

mod harness;

use harness::{
    LIMITS, PROTOCOLS, check_http_init, check_message, check_stream, check_value, unhex, vectors,
};
use photon_proto::message::{self, Header, Message, MessageKind, MessageWriter};
use photon_proto::{
    Array, Custom, DecodeErrorKind, Decoded, Dictionary, EncodeErrorKind, Hashtable, Limits,
    Protocol, Request, Role, Type, Value, codec,
};

/// The neighbours of these bytes: each truncation, each flipped bit, and one surplus byte.
fn neighbours(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let truncated = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    truncated.chain(flipped).chain([[bytes, &[0]].concat()])
}

#[test]
fn every_neighbour_of_every_vector_is_a_value_or_an_error() {
    let mut checked = 0;
    for vector in vectors() {
        for bytes in neighbours(&vector.bytes).chain([vector.bytes.clone()]) {
            for protocol in PROTOCOLS {
                if vector.kind == "value" {
                    check_value(protocol, &bytes);
                } else {
                    check_message(protocol, &bytes);
                }
            }
            if vector.kind == "frame" {
                check_stream(Role::Client, &bytes);
                check_stream(Role::Server, &bytes);
                check_http_init(&bytes);
            }
            checked += 1;
        }
    }
    assert!(checked > 60_000, "{checked}");
}

#[test]
fn every_short_input_is_a_value_or_an_error() {
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            for third in [
                &[][..],
                &[0],
                &[1],
                b"y",
                &[0xFF],
                &[0, 0],
                &[1, 8, 9],
                &[b'x', 0, 0, 0, 0],
            ] {
                for protocol in PROTOCOLS {
                    check_value(protocol, &[&[first, second], third].concat());
                    check_message(protocol, &[&[0xF3, first, second], third].concat());
                }
            }
        }
    }
}

#[test]
fn every_value_vector_as_a_parameter() {
    for vector in vectors()
        .into_iter()
        .filter(|vector| vector.kind == "value")
    {
        let header: &[u8] = match vector.protocol() {
            Protocol::V16 => &[0xF3, 4, 7, 0, 2, 1],
            _ => &[0xF3, 4, 7, 2, 1],
        };
        let null = if vector.protocol() == Protocol::V16 {
            0x2A
        } else {
            8
        };
        let message = [header, &vector.bytes, &[2, null]].concat();
        for bytes in neighbours(&message).chain([message.clone()]) {
            check_message(vector.protocol(), &bytes);
        }
    }
}

fn kind(protocol: Protocol, bytes: &[u8]) -> Option<DecodeErrorKind> {
    codec::decode_value(protocol, &LIMITS, bytes)
        .err()
        .map(|error| error.kind)
}

/// `levels` containers inside each other, in each way that they can be.
fn nests(protocol: Protocol, levels: usize) -> Vec<Value> {
    let nest =
        |wrap: &dyn Fn(Value) -> Value| (1..levels).fold(wrap(Value::Null), |inner, _| wrap(inner));
    let dictionary = |key, value, pairs| Value::Dictionary(Dictionary { key, value, pairs });
    let mut all = vec![
        nest(&|inner| Value::Array(Array::Object(vec![inner]))),
        nest(&|inner| Value::Hashtable(Hashtable(vec![(1.into(), inner)]))),
        nest(&|inner| dictionary(Type::Object, Type::Object, vec![(1.into(), inner)])),
        nest(&|inner| {
            Request {
                code: 1,
                parameters: vec![(1, inner)],
            }
            .into()
        }),
        // An array of Hashtables is two levels, its elements being containers themselves.
        (0..levels / 2).fold(
            if levels.is_multiple_of(2) {
                Value::Null
            } else {
                Value::from(vec![1])
            },
            |inner, _| Value::Array(Array::Hashtable(vec![Hashtable(vec![(1.into(), inner)])])),
        ),
        Value::Array((1..levels).fold(Array::Int(vec![1]), |inner, _| Array::Array(vec![inner]))),
        Value::Array((1..levels).fold(Array::Object(vec![]), |inner, _| Array::Array(vec![inner]))),
    ];
    if protocol == Protocol::V18 {
        let nested = |(key, value), pairs| dictionary(key, value, pairs);
        let mut map = ((Type::Int, Type::Int), vec![(1.into(), 1.into())]);
        for _ in 1..levels {
            let (key, value) = map.0.clone();
            let declared = Type::Dictionary(Box::new((key, value)));
            map = (
                (Type::Int, declared),
                vec![(1.into(), nested(map.0, map.1))],
            );
        }
        all.push(nested(map.0, map.1));
    }
    all
}

#[test]
fn depth_32_is_read_and_written_and_33_is_not() {
    let deeper = Limits {
        max_depth: 40,
        ..Limits::DEFAULT
    };
    for protocol in PROTOCOLS {
        for value in nests(protocol, 32) {
            let bytes = codec::encode_value(protocol, &LIMITS, &value).unwrap();
            assert_eq!(
                codec::decode_value(protocol, &LIMITS, &bytes),
                Ok(harness::as_written(protocol, &value))
            );
            assert!(codec::decode_value_ref(protocol, &LIMITS, &bytes).is_ok());
        }
        for value in nests(protocol, 33) {
            let error = codec::encode_value(protocol, &LIMITS, &value).unwrap_err();
            assert_eq!(error.kind, EncodeErrorKind::TooDeep);
            let bytes = codec::encode_value(protocol, &deeper, &value).unwrap();
            assert!(codec::decode_value(protocol, &deeper, &bytes).is_ok());
            assert_eq!(kind(protocol, &bytes), Some(DecodeErrorKind::TooDeep));
            let borrowed = codec::decode_value_ref(protocol, &LIMITS, &bytes).unwrap_err();
            assert_eq!(borrowed.kind, DecodeErrorKind::TooDeep);
        }
        // Values that are written without a `Value`.
        let flat = Limits {
            max_depth: 0,
            ..Limits::DEFAULT
        };
        let mut buffer = Vec::new();
        let mut writer = MessageWriter::event(&mut buffer, protocol, &flat, 1).unwrap();
        writer.put(1, "text").unwrap();
        let refused = [
            writer.put_with(2, |out| out.strings(["a"].iter())),
            writer.put_with(2, |out| out.ints(&[1])),
            writer.put_with(2, |out| out.bools(&[true])),
            writer.put_with(2, |out| out.objects([1].iter())),
            writer.put_with(2, |out| out.hashtable([(1, 1)].into_iter())),
            writer.put_with(2, |out| out.dictionary([(1, 1)].into_iter())),
            writer.put_with(2, |out| out.value(&vec![1].into())),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind, EncodeErrorKind::TooDeep);
        }
    }
}

#[test]
fn depth_without_end_is_refused_early() {
    for (protocol, step) in [
        (Protocol::V16, &b"\x7A\0\x01"[..]),
        (Protocol::V16, b"\x68\0\x01\x2A"),
        (Protocol::V16, b"\x44\0\0\0\x01\x2A"),
        (Protocol::V16, b"\x71\0\0\x01\0"),
        (Protocol::V18, b"\x17\x01"),
        (Protocol::V18, b"\x15\x01\x08"),
        (Protocol::V18, b"\x14\0\0\x01\x08"),
        (Protocol::V18, b"\x40\x01"),
        (Protocol::V18, b"\x18\0\x01\0"),
        (Protocol::V18, b"\x14\x09"),
    ] {
        assert_eq!(
            kind(protocol, &step.repeat(100_000)),
            Some(DecodeErrorKind::TooDeep),
            "{step:?}"
        );
    }
    // An array of arrays has a type code of its own, and so has each element.
    assert_eq!(
        kind(
            Protocol::V16,
            &[b"\x79", &b"\0\x01\x79".repeat(100_000)[..]].concat()
        ),
        Some(DecodeErrorKind::TooDeep)
    );
    // Types of dictionaries nest as well.
    let nested = |code: u8| [&[0x14, 9][..], &vec![code; 100_000]].concat();
    assert_eq!(
        kind(Protocol::V18, &nested(0x40)),
        Some(DecodeErrorKind::TooDeep)
    );
}

#[test]
fn declared_types_nest_as_deep_when_written_as_when_read() {
    let map = |depth: usize, innermost: Type| {
        let value = (0..depth).fold(innermost, |inner, _| Type::Array(Box::new(inner)));
        Value::Dictionary(Dictionary {
            key: Type::Int,
            value,
            pairs: vec![],
        })
    };
    for innermost in [Type::Int, Type::Bytes] {
        let mut written = 0;
        for depth in 1..40 {
            match codec::encode_value(Protocol::V18, &LIMITS, &map(depth, innermost.clone())) {
                Ok(bytes) => {
                    written = depth;
                    let read = codec::decode_value(Protocol::V18, &LIMITS, &bytes);
                    assert_eq!(read, Ok(map(depth, innermost.clone())), "{depth}");
                }
                Err(error) => assert_eq!(error.kind, EncodeErrorKind::TooDeep),
            }
        }
        assert!(written >= 31, "{written}");
    }
}

/// An object array with so many values in it, itself included; 1.6 cannot count that far in one
/// array.
fn crowd(values: usize) -> Value {
    let mut left = values - 1;
    let mut inner = Vec::new();
    while left > 0 {
        let nulls = (left - 1).min(20_000);
        inner.push(Value::Array(Array::Object(vec![Value::Null; nulls])));
        left -= nulls + 1;
    }
    Value::Array(Array::Object(inner))
}

#[test]
fn values_are_counted_the_same_when_written_and_read() {
    let more = Limits {
        max_values: 100_000,
        ..Limits::DEFAULT
    };
    for protocol in PROTOCOLS {
        let bytes = codec::encode_value(protocol, &LIMITS, &crowd(65_536)).unwrap();
        assert_eq!(
            codec::decode_value(protocol, &LIMITS, &bytes),
            Ok(crowd(65_536))
        );
        let borrowed = codec::decode_value_ref(protocol, &LIMITS, &bytes).unwrap();
        assert_eq!(borrowed.to_value(&LIMITS), Ok(crowd(65_536)));

        let error = codec::encode_value(protocol, &LIMITS, &crowd(65_537)).unwrap_err();
        assert_eq!(error.kind, EncodeErrorKind::TooManyValues);
        let bytes = codec::encode_value(protocol, &more, &crowd(65_537)).unwrap();
        assert_eq!(kind(protocol, &bytes), Some(DecodeErrorKind::TooManyValues));
        let borrowed = codec::decode_value_ref(protocol, &LIMITS, &bytes).unwrap_err();
        assert_eq!(borrowed.kind, DecodeErrorKind::TooManyValues);
    }
    // Every kind of element that counts, against a limit that it just fits or just does not.
    for protocol in PROTOCOLS {
        for (value, counted) in [
            (Value::Null, 1),
            (Value::from(vec![1_u8; 100]), 1),
            (Value::from(vec![1; 100]), 1),
            (Value::from(vec![true; 100]), 1),
            (Value::from(vec![1.0; 100]), 1),
            (Value::from(vec![photon_proto::Text::from("a"); 100]), 101),
            (
                Value::Array(Array::Custom {
                    code: 1,
                    elements: vec![vec![].into(); 100],
                }),
                101,
            ),
            (Value::Array(Array::Bytes(vec![vec![].into(); 100])), 101),
            (
                Value::Array(Array::Array(vec![Array::Int(vec![1; 9]); 100])),
                101,
            ),
            (
                Value::Array(Array::Hashtable(vec![
                    Hashtable(vec![(1.into(), 2.into())]);
                    10
                ])),
                31,
            ),
            (
                Value::Hashtable((0..100).map(|key| (key, key)).collect()),
                201,
            ),
            (
                Value::Array(Array::Dictionary {
                    key: Type::Int,
                    value: Type::Int,
                    elements: vec![vec![(1.into(), 1.into())]; 10],
                }),
                31,
            ),
            (
                Request {
                    code: 1,
                    parameters: (0..100).map(|key| (key, Value::Null)).collect(),
                }
                .into(),
                101,
            ),
            (
                photon_proto::Response {
                    code: 1,
                    return_code: 0,
                    debug_message: Some("text".into()),
                    parameters: vec![(1, Value::Null)],
                }
                .into(),
                2,
            ),
        ] {
            let limits = |max_values| Limits {
                max_values,
                ..Limits::DEFAULT
            };
            let bytes = codec::encode_value(protocol, &limits(counted), &value).unwrap();
            let tight = codec::encode_value(protocol, &limits(counted - 1), &value).unwrap_err();
            assert_eq!(tight.kind, EncodeErrorKind::TooManyValues, "{value:?}");
            assert_eq!(
                codec::decode_value(protocol, &limits(counted), &bytes),
                Ok(value.clone())
            );
            assert!(
                codec::decode_value_ref(protocol, &limits(counted), &bytes).is_ok(),
                "{value:?}"
            );
            for error in [
                codec::decode_value(protocol, &limits(counted - 1), &bytes).unwrap_err(),
                codec::decode_value_ref(protocol, &limits(counted - 1), &bytes).unwrap_err(),
            ] {
                assert_eq!(error.kind, DecodeErrorKind::TooManyValues, "{value:?}");
            }
        }
    }
}

#[test]
fn one_message_has_one_budget() {
    for protocol in PROTOCOLS {
        let limits = Limits {
            max_values: 10,
            ..Limits::DEFAULT
        };
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
        for key in 0..3 {
            writer
                .put(key, &Value::Array(Array::Object(vec![Value::Null; 3])))
                .unwrap();
        }
        writer.finish().unwrap();
        let body = &bytes[Header::LENGTH..];
        let params = || match Message::decode(MessageKind::Event, protocol, &limits, body) {
            Ok(Message::Event { params, .. }) => params,
            other => panic!("{other:?}"),
        };
        let errors = [
            params().to_parameters().unwrap_err(),
            params().finish().unwrap_err(),
            params().pick([0, 1, 2]).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind, DecodeErrorKind::TooManyValues);
        }
        // And so when it is written.
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::event(&mut bytes, protocol, &limits, 1).unwrap();
        let value = Value::Array(Array::Object(vec![Value::Null; 3]));
        writer.put(0, &value).unwrap();
        writer.put(1, &value).unwrap();
        assert_eq!(
            writer.put(2, &value).unwrap_err().kind,
            EncodeErrorKind::TooManyValues
        );
        // A failed value is not charged.
        writer.put(2, &Value::Null).unwrap();
    }
}

#[test]
fn memory_is_bounded_to_the_last_byte() {
    let memory = LIMITS.max_memory_bytes;
    let varint = |mut count: usize| {
        let mut bytes = Vec::new();
        while count >= 0x80 {
            bytes.push((count & 0x7F) as u8 | 0x80);
            count >>= 7;
        }
        bytes.push(count as u8);
        bytes
    };
    // Code, bytes of memory and bits on the wire of an element.
    for (code, size, bits) in [
        (0x42, 1, 1),
        (0x43, 1, 8),
        (0x44, 2, 16),
        (0x45, 4, 32),
        (0x46, 8, 64),
        (0x49, 4, 8),
        (0x4A, 8, 8),
    ] {
        let array = |count: usize| {
            [
                vec![code],
                varint(count),
                vec![0; (count * bits).div_ceil(8)],
            ]
            .concat()
        };
        assert_eq!(kind(Protocol::V18, &array(memory / size)), None, "{code:x}");
        assert_eq!(
            kind(Protocol::V18, &array(memory / size + 1)),
            Some(DecodeErrorKind::TooMuchMemory),
            "{code:x}"
        );
    }
    let array = |count: usize| {
        [
            &[0x78][..],
            &u32::try_from(count).unwrap().to_be_bytes(),
            &vec![0; count],
        ]
        .concat()
    };
    assert_eq!(kind(Protocol::V16, &array(memory)), None);
    assert_eq!(
        kind(Protocol::V16, &array(memory + 1)),
        Some(DecodeErrorKind::TooMuchMemory)
    );
    let ints = |count: usize| {
        [
            &[0x6E][..],
            &u32::try_from(count).unwrap().to_be_bytes(),
            &vec![0; count * 4],
        ]
        .concat()
    };
    assert_eq!(kind(Protocol::V16, &ints(memory / 4)), None);
    assert_eq!(
        kind(Protocol::V16, &ints(memory / 4 + 1)),
        Some(DecodeErrorKind::TooMuchMemory)
    );
}

#[test]
fn messages_are_bounded_both_ways() {
    for protocol in PROTOCOLS {
        let long = [0xF3, 9];
        let raw = |body: usize| {
            let mut bytes = [&long[..], &vec![0; body]].concat();
            let (kind, body) = message::decrypt(&mut bytes, None).unwrap();
            Message::decode(kind, protocol, &LIMITS, body)
                .map(drop)
                .map_err(|error| error.kind)
        };
        assert_eq!(raw(LIMITS.max_received_bytes), Ok(()));
        assert_eq!(
            raw(LIMITS.max_received_bytes + 1),
            Err(DecodeErrorKind::TooLong)
        );

        let write = |bytes: usize| {
            let mut buffer = vec![7; 100];
            let mut writer = MessageWriter::request(&mut buffer, protocol, &LIMITS, 1)?;
            writer.put(1, &vec![0_u8; bytes])?;
            writer.finish()?;
            Ok::<_, photon_proto::EncodeError>(buffer.len() - 100)
        };
        let header = write(400_000).unwrap() - 400_000;
        assert_eq!(
            write(LIMITS.max_sent_bytes - header),
            Ok(LIMITS.max_sent_bytes)
        );
        let error = write(LIMITS.max_sent_bytes - header + 1).unwrap_err();
        assert_eq!(
            error.kind,
            EncodeErrorKind::MessageTooLong(LIMITS.max_sent_bytes)
        );
        assert_eq!(error.path, "(1)");
    }
}

#[test]
fn counts_are_judged_before_they_are_believed() {
    let truncated = Some(DecodeErrorKind::Truncated);
    let negative = Some(DecodeErrorKind::BadLength);
    for code in *b"saynzhDx" {
        let dictionary: &[u8] = if code == b'D' { b"\0\0" } else { b"" };
        for (count, expected) in [
            (&b"\x7F\xFF\xFF\xFF"[..], truncated),
            (b"\x80\0\0\0", negative),
            (b"\xFF\xFF\xFF\xFF", negative),
        ] {
            // Element type long and as many bytes as are no element.
            let bytes = [&[code], dictionary, count, b"l123"].concat();
            assert_eq!(
                kind(Protocol::V16, &bytes),
                if code == b'y' && expected == truncated {
                    Some(DecodeErrorKind::UnknownType(0xFF))
                } else {
                    expected
                },
                "{code:x}"
            );
        }
    }
    for element in *b"obkilfdshzepqxy" {
        assert_eq!(
            kind(Protocol::V16, &[b'y', 0x7F, 0xFF, element, 0, 0]),
            truncated,
            "{element:x}"
        );
    }
    assert_eq!(kind(Protocol::V16, b"y\x7F\xFFc\x01\0\0"), truncated);
    assert_eq!(kind(Protocol::V16, b"y\x7F\xFFDss\0\0"), truncated);
    assert_eq!(kind(Protocol::V16, b"q\x01\x7F\xFF\x01*"), truncated);

    for code in [
        7, 0x15, 0x17, 0x40, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x49, 0x4A, 0x53, 0x55, 0x80, 0xE4,
    ] {
        assert_eq!(
            kind(Protocol::V18, &[code, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 0]),
            truncated,
            "{code:x}"
        );
        assert_eq!(
            kind(Protocol::V18, &[code, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0]),
            negative,
            "{code:x}"
        );
        assert_eq!(
            kind(Protocol::V18, &[code, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 0]),
            negative,
            "{code:x}"
        );
    }
    for head in [
        &[0x14, 9, 9][..],
        &[0x14, 0, 0],
        &[0x14, 9, 0x1E],
        &[0x14, 9, 0x14, 9, 9],
        &[0x54, 9, 9],
        &[0x13, 5],
    ] {
        assert_eq!(
            kind(
                Protocol::V18,
                &[head, &[0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0]].concat()
            ),
            truncated,
            "{head:?}"
        );
        assert_eq!(
            kind(
                Protocol::V18,
                &[head, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0]].concat()
            ),
            negative,
            "{head:?}"
        );
    }
    assert_eq!(kind(Protocol::V18, &[0x18, 1, 255, 1, 8]), truncated);
}

#[test]
fn sides_without_width_hold_one_pair_at_most() {
    let map = |pairs: &[u8]| {
        codec::decode_value(
            Protocol::V18,
            &LIMITS,
            &[&[0x14, 0x1E, 0x22], pairs].concat(),
        )
    };
    assert!(map(&[0]).is_ok());
    assert!(map(&[1]).is_ok());
    for count in [&[2][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x07]] {
        assert_eq!(map(count).unwrap_err().kind, DecodeErrorKind::DuplicateKey);
        let bytes = [&[0x14, 0x1E, 0x22], count].concat();
        let borrowed = codec::decode_value_ref(Protocol::V18, &LIMITS, &bytes).unwrap_err();
        assert_eq!(borrowed.kind, DecodeErrorKind::DuplicateKey);
    }
    // Values may be empty while their keys are not.
    let bytes = unhex("1403220301 02 03");
    let value = codec::decode_value(Protocol::V18, &LIMITS, &bytes).unwrap();
    let Value::Dictionary(map) = value else {
        panic!("{value:?}")
    };
    assert_eq!(map.pairs.len(), 3);
}

#[test]
fn many_equal_keys_are_found_in_reasonable_time() {
    let mut hashtable = vec![0x15, 0xFF, 0xFF, 0x01];
    let mut dictionary = vec![0x14, 9, 3, 0xFF, 0xFF, 0x01];
    for key in 0..32_767_u32 {
        let key = key % 16_384;
        hashtable.extend([9, (key & 0x7F) as u8 | 0x80, (key >> 7) as u8, 3, 7]);
        dictionary.extend([(key & 0x7F) as u8 | 0x80, (key >> 7) as u8, 7]);
    }
    let value = codec::decode_value(Protocol::V18, &LIMITS, &hashtable).unwrap();
    let Value::Hashtable(map) = value else {
        panic!("no map")
    };
    assert_eq!(map.0.len(), 16_384);
    assert_eq!(
        kind(Protocol::V18, &dictionary),
        Some(DecodeErrorKind::DuplicateKey)
    );
}

/// A list that is tolerated, read element by element: which of them can be decoded, and why the rest of
/// the message is lost.
fn read_list(
    protocol: Protocol,
    limits: &Limits,
    elements: Vec<Value>,
) -> (Vec<bool>, Option<DecodeErrorKind>) {
    let mut bytes = Vec::new();
    let mut writer = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
    writer
        .put(2, &Value::Array(Array::Object(elements)))
        .unwrap();
    writer.put(8, &7).unwrap();
    writer.finish().unwrap();
    let body = &bytes[Header::LENGTH..];
    let message = Message::decode_tolerant(MessageKind::Event, protocol, limits, body).unwrap();
    let Message::Event { mut params, .. } = message else {
        panic!("an event");
    };
    assert_eq!(params.next_key().unwrap(), Some(2));
    let mut decoded = Vec::new();
    params
        .decoded_elements("list", |element| {
            decoded.push(!matches!(element, Decoded::Undecodable { .. }));
        })
        .unwrap();
    let damage = params.damage();
    assert_eq!(params.next_key(), Ok(damage.is_none().then_some(8)));
    assert_eq!(params.int_behind_damage(8), damage.map(|_| 7));
    if damage.is_none() {
        assert_eq!(params.int("number"), Ok(7));
    }
    (decoded, damage.map(|damage| damage.kind))
}

/// Which elements of a list can be decoded, of which the others cost only themselves.
fn decodable(protocol: Protocol, limits: &Limits, elements: Vec<Value>) -> Vec<bool> {
    let (decoded, damage) = read_list(protocol, limits, elements);
    assert_eq!(damage, None, "the rest is not lost");
    decoded
}

#[test]
fn sound07_elements_with_too_many_values_or_bytes_do_not_cost_those_behind_them() {
    let list = |count: usize| Value::Array(Array::Object(vec![Value::Null; count]));
    for protocol in PROTOCOLS {
        let values = Limits {
            max_values: 100,
            ..LIMITS
        };
        let bytes = Limits {
            max_memory_bytes: 100 * size_of::<Value>(),
            ..LIMITS
        };
        for limits in [values, bytes] {
            let large = [list(3), list(101), list(3), list(102), list(3), 7.into()];
            assert_eq!(
                decodable(protocol, &limits, large.to_vec()),
                [true, false, true, false, true, true]
            );
            // A thousand are not decoded again and again, but texts and numbers are still read.
            let many = [vec![list(60); 30], vec![7.into(), "text".into()]].concat();
            let decoded = decodable(protocol, &limits, many);
            assert_eq!(decoded.iter().filter(|decoded| **decoded).count(), 3);
            assert!(decoded[0] && decoded[30] && decoded[31]);
        }
    }
}

#[test]
fn sound07_many_elements_beyond_a_limit_cost_little_more_than_finding_their_ends() {
    let deep = (0..20).fold(Value::Null, |inside, _| {
        Value::Array(Array::Object(vec![inside]))
    });
    for protocol in PROTOCOLS {
        let work = |elements: usize| {
            let limits = Limits {
                max_memory_bytes: 1_000 * size_of::<Value>(),
                ..LIMITS
            };
            let mut bytes = Vec::new();
            let mut writer = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
            let elements = Value::Array(Array::Object(vec![deep.clone(); elements]));
            writer.put(2, &elements).unwrap();
            writer.finish().unwrap();
            let body = &bytes[Header::LENGTH..];
            let message =
                Message::decode_tolerant(MessageKind::Event, protocol, &limits, body).unwrap();
            let Message::Event { mut params, .. } = message else {
                panic!("an event");
            };
            assert_eq!(params.next_key().unwrap(), Some(2));
            params.decoded_elements("list", |_| {}).unwrap();
            params.values_left()
        };
        // Beyond the limit each element counts as one value, and no longer as all that are in it.
        assert_eq!(work(200) - work(300), 100, "{protocol:?}");
    }
}

#[test]
fn sound07_the_end_of_every_untyped_container_is_found_when_it_is_nested_too_deeply() {
    let list = |all: Vec<Value>| Value::Array(Array::Object(all));
    let map = |count: usize, value: &Value| {
        let pairs = (0..count).map(|key| (Value::Int(key as i32), value.clone()));
        Value::Hashtable(Hashtable(pairs.collect()))
    };
    let limits = Limits {
        max_depth: 1,
        ..LIMITS
    };
    let custom = |code, bytes: usize| {
        let data = vec![code; bytes].into();
        Value::Custom(Custom { code, data })
    };
    let mut shapes = vec![Value::Null, "text".into()];
    for bytes in [0, 1, 127, 128, 300] {
        // Codes below 100 have a shorter form in 1.8.
        for code in [0, 7, 99, 100, 200, 255] {
            shapes.push(custom(code, bytes));
            shapes.push(list(vec![custom(code, bytes), 7.into(), custom(code, 3)]));
        }
    }
    for count in [0, 1, 2, 3, 63, 64, 127, 128, 129, 300] {
        shapes.push(list(vec![Value::Null; count]));
        shapes.push(map(count, &"value".into()));
        shapes.push(list(vec![list(vec![]); count]));
        shapes.push(map(count, &map(1, &list(vec![Value::Byte(1)]))));
    }
    for protocol in PROTOCOLS {
        for shape in &shapes {
            for outer in [
                list(vec![list(vec![shape.clone()])]),
                list(vec![list(vec![]), shape.clone(), map(0, shape), 5.into()]),
                map(1, &map(2, shape)),
            ] {
                let decoded = decodable(protocol, &limits, vec![outer, 7.into()]);
                assert_eq!(decoded, [false, true], "{protocol:?} {shape:?}");
            }
        }
    }
}

#[test]
fn sound07_values_with_memory_of_their_own_are_more_work_than_others() {
    let limits = Limits {
        max_values: 1_000,
        ..LIMITS
    };
    let list = |all: Vec<Value>| Value::Array(Array::Object(all));
    let table = |count: i32| {
        let pairs = (0..count).map(|key| (key.to_string().into(), Value::Int(key)));
        Value::Hashtable(Hashtable(pairs.collect()))
    };
    for protocol in PROTOCOLS {
        // Whatever has little memory of its own may have as many values as the limit allows.
        for whole in [
            vec![list(vec![Value::Null; 990])],
            vec![list(vec!["text".into(); 990])],
            vec![list(vec![1.5.into(); 90]); 10],
            vec![table(480)],
            vec![7.into(); 990],
            vec!["text".into(); 990],
        ] {
            let decoded = decodable(protocol, &limits, whole);
            assert!(decoded.iter().all(|decoded| *decoded), "{protocol:?}");
        }
        // A table for every text takes an allocation for each of them.
        let pair = Value::Hashtable(Hashtable(vec![("key".into(), "value".into())]));
        let many = [vec![pair; 300], vec![7.into(), "text".into()]].concat();
        let decoded = decodable(protocol, &limits, many.clone());
        let whole = decoded.iter().take_while(|decoded| **decoded).count();
        assert!((200..300).contains(&whole), "{whole}");
        assert!(!decoded[whole..300].contains(&true), "none is tried again");
        assert_eq!(decoded[300..], [true, true], "no container");
        // The limit is that of a message of which the rest is kept. Any other is within its limits.
        let bytes = codec::encode_value(protocol, &LIMITS, &list(many.clone())).unwrap();
        let strict = codec::decode_value(protocol, &limits, &bytes);
        assert_eq!(strict, Ok(list(many)));
    }
}

#[test]
fn sound07_a_list_with_too_many_elements_is_refused_before_any_is_decoded() {
    let limits = Limits {
        max_values: 100,
        ..LIMITS
    };
    let list = |all: Vec<Value>| Value::Array(Array::Object(all));
    let large = list(vec!["text".into(); 101]);
    for protocol in PROTOCOLS {
        let bytes = codec::encode_value(protocol, &LIMITS, &large).unwrap();
        let decoded = codec::decode_value(protocol, &limits, &bytes).unwrap_err();
        let skipped = codec::decode_value_ref(protocol, &limits, &bytes).unwrap_err();
        assert_eq!(decoded, skipped);
        assert_eq!(
            (decoded.kind, decoded.offset),
            (
                DecodeErrorKind::TooManyValues,
                bytes.len() - 101 * text_bytes(protocol)
            )
        );
        // So several of them leave the values to what is behind them.
        let many = [vec![large.clone(); 5], vec![list(vec![7.into(); 50])]].concat();
        let decoded = decodable(protocol, &limits, many);
        assert_eq!(decoded.iter().position(|decoded| *decoded), Some(5));
    }
}

/// The bytes of the text "text" with its type code.
const fn text_bytes(protocol: Protocol) -> usize {
    match protocol {
        Protocol::V16 => 7,
        _ => 6,
    }
}

/// A megabyte of elements that exceed the limit: the first ones are decoded, the ends of the others are
/// found, and if that is too much, those behind are lost, but counted.
#[test]
fn sound07_finding_ends_is_bounded_and_loses_only_what_is_behind() {
    let limits = Limits {
        max_values: 100,
        ..LIMITS
    };
    let pair = |key: i32| (Value::Int(key), Value::Int(1));
    let map = |count: i32| Value::Hashtable(Hashtable((0..count).map(pair).collect()));
    let nested = |levels: usize| {
        (0..levels).fold(Value::Null, |inner, _| {
            Value::Array(Array::Object(vec![inner]))
        })
    };
    for protocol in PROTOCOLS {
        // A few, of any kind, cost only themselves.
        let texts = Value::Array(Array::String(vec!["text".into(); 300]));
        let numbers = Value::Array(Array::Object(vec![Value::Double(1.5); 300]));
        let large = [texts, map(200), numbers, nested(30)];
        let few = [&large[..], &[7.into()]].concat();
        let (decoded, damage) = read_list(protocol, &limits, few);
        assert_eq!(decoded, [false, false, false, true, true], "{protocol:?}");
        assert_eq!(damage, None);
        // Of very many the rest is lost, and each is counted.
        let maps: Vec<Value> = vec![map(60); 90];
        let (decoded, damage) = read_list(protocol, &limits, maps);
        assert_eq!(decoded.len(), 90);
        assert_eq!(damage, Some(DecodeErrorKind::TooManyValues));
    }
}
