//! Properties of any value, any stream and any bytes.
#![cfg(feature = "encryption")]

mod harness;

use harness::{
    LIMITS, PROTOCOLS, as_written, check_http_init, check_message, check_stream, check_value,
    properties,
};
use photon_proto::message::{Header, Message, MessageKind, MessageWriter};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{
    Array, Custom, Dictionary, EncodeErrorKind, EventData, Hashtable, Protocol, Request, Response,
    Role, Text, Type, Value, codec,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> BoxedStrategy<Text> {
    prop_oneof![".{0,6}", "[a-z]{0,3}"]
        .prop_map(Text::from)
        .boxed()
}

fn bytes() -> BoxedStrategy<bytes::Bytes> {
    vec(any::<u8>(), 0..6).prop_map(Into::into).boxed()
}

/// Numbers at the limits of one and two bytes, and others.
fn long() -> BoxedStrategy<i64> {
    let edges = vec![
        0,
        1,
        -1,
        255,
        -255,
        256,
        -256,
        65_535,
        -65_535,
        65_536,
        -65_536,
        i64::MIN,
        i64::MAX,
    ];
    prop_oneof![
        prop::sample::select(edges),
        any::<i64>(),
        any::<i32>().prop_map(i64::from)
    ]
    .boxed()
}

fn int() -> BoxedStrategy<i32> {
    long().prop_map(|number| number as i32).boxed()
}

fn float() -> BoxedStrategy<f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        Just(0.0),
        Just(-0.0),
        Just(f32::NAN)
    ]
    .boxed()
}

fn double() -> BoxedStrategy<f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN)
    ]
    .boxed()
}

fn custom() -> BoxedStrategy<Custom> {
    (
        prop_oneof![Just(99), Just(100), Just(101), any::<u8>()],
        bytes(),
    )
        .prop_map(|(code, data)| Custom { code, data })
        .boxed()
}

/// Any type at all.
fn any_type() -> BoxedStrategy<Type> {
    let flat = prop_oneof![
        4 => prop::sample::select(vec![
            Type::Object, Type::Int, Type::String, Type::Byte, Type::Bytes, Type::Long,
        ]),
        3 => prop::sample::select(vec![
            Type::Bool, Type::Short, Type::Float, Type::Double, Type::Hashtable, Type::Custom(None), Type::Request,
            Type::Response, Type::Event,
        ]),
        1 => any::<u8>().prop_map(|code| Type::Custom(Some(code))),
    ];
    flat.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            3 => inner.clone().prop_map(|element| Type::Array(Box::new(element))),
            1 => (inner.clone(), inner).prop_map(|sides| Type::Dictionary(Box::new(sides))),
        ]
    })
    .boxed()
}

/// A strategy for values of a type. `depth` bounds the content of `Object`.
fn value_of(of: &Type, depth: u32) -> BoxedStrategy<Value> {
    match of {
        Type::Object => any_value(depth),
        Type::Bool => any::<bool>().prop_map(Into::into).boxed(),
        Type::Byte => any::<u8>().prop_map(Into::into).boxed(),
        Type::Short => long()
            .prop_map(|number| Value::Short(number as i16))
            .boxed(),
        Type::Int => int().prop_map(Into::into).boxed(),
        Type::Long => long().prop_map(Into::into).boxed(),
        Type::Float => float().prop_map(Into::into).boxed(),
        Type::Double => double().prop_map(Into::into).boxed(),
        Type::String => text().prop_map(Into::into).boxed(),
        Type::Bytes => bytes().prop_map(Into::into).boxed(),
        Type::Custom(None) => custom().prop_map(Into::into).boxed(),
        &Type::Custom(Some(code)) => bytes()
            .prop_map(move |data| Custom { code, data }.into())
            .boxed(),
        Type::Hashtable => hashtable(depth).prop_map(Into::into).boxed(),
        Type::Dictionary(sides) => dictionary(sides.0.clone(), sides.1.clone(), depth)
            .prop_map(Into::into)
            .boxed(),
        Type::Array(element) => array(element, depth).prop_map(Into::into).boxed(),
        Type::Request => request(depth).prop_map(Into::into).boxed(),
        Type::Response => response(depth).prop_map(Into::into).boxed(),
        Type::Event => event(depth).prop_map(Into::into).boxed(),
    }
}

fn any_value(depth: u32) -> BoxedStrategy<Value> {
    let scalars = [
        Type::Bool,
        Type::Byte,
        Type::Short,
        Type::Int,
        Type::Long,
        Type::Float,
        Type::Double,
        Type::String,
        Type::Bytes,
        Type::Custom(None),
    ];
    let scalar = prop::sample::select(scalars.to_vec()).prop_flat_map(move |of| value_of(&of, 0));
    if depth == 0 {
        return prop_oneof![1 => Just(Value::Null), 8 => scalar].boxed();
    }
    prop_oneof![
        1 => Just(Value::Null),
        5 => scalar,
        9 => any_type().prop_flat_map(move |of| value_of(&of, depth - 1)),
    ]
    .boxed()
}

/// Pairs with keys that differ as a rule, and are nothing but keys as a rule.
fn pairs(key: Type, value: Type, depth: u32) -> BoxedStrategy<Vec<(Value, Value)>> {
    let key = if key == Type::Object {
        prop_oneof![40 => any_value(0), 1 => prop::sample::select(containers())].boxed()
    } else {
        value_of(&key, 0)
    };
    (vec((key, value_of(&value, depth)), 0..5), 0..20_u8)
        .prop_map(|(mut pairs, dice)| {
            if dice > 0 {
                let mut known: Vec<Value> = vec![Value::Null];
                pairs.retain(|pair| {
                    let new = !known.contains(&pair.0);
                    known.push(pair.0.clone());
                    new
                });
            }
            pairs
        })
        .boxed()
}

/// One of each kind of value that cannot be a key.
fn containers() -> Vec<Value> {
    vec![
        vec![1].into(),
        vec![Value::Null].into(),
        Hashtable(vec![]).into(),
        Dictionary {
            key: Type::Int,
            value: Type::Int,
            pairs: vec![],
        }
        .into(),
        Request {
            code: 1,
            parameters: vec![],
        }
        .into(),
        Response {
            code: 1,
            return_code: 0,
            debug_message: None,
            parameters: vec![],
        }
        .into(),
        EventData {
            code: 1,
            parameters: vec![],
        }
        .into(),
    ]
}

fn hashtable(depth: u32) -> BoxedStrategy<Hashtable> {
    pairs(Type::Object, Type::Object, depth)
        .prop_map(Hashtable)
        .boxed()
}

/// A dictionary whose values have the declared types as a rule.
fn dictionary(key: Type, value: Type, depth: u32) -> BoxedStrategy<Dictionary> {
    let (declared_key, declared_value) = (key.clone(), value.clone());
    let lying = (0..30_u8, any_value(0));
    (pairs(key, value, depth), lying)
        .prop_map(move |(mut pairs, (dice, other))| {
            if let (0, Some(pair)) = (dice, pairs.first_mut()) {
                pair.1 = other;
            }
            Dictionary {
                key: declared_key.clone(),
                value: declared_value.clone(),
                pairs,
            }
        })
        .boxed()
}

fn parameters(depth: u32) -> BoxedStrategy<Vec<(u8, Value)>> {
    (vec((any::<u8>(), any_value(depth)), 0..4)).boxed()
}

fn request(depth: u32) -> BoxedStrategy<Request> {
    (any::<u8>(), parameters(depth))
        .prop_map(|(code, parameters)| Request { code, parameters })
        .boxed()
}

fn response(depth: u32) -> BoxedStrategy<Response> {
    (
        any::<u8>(),
        any::<i16>(),
        prop::option::of(text()),
        parameters(depth),
    )
        .prop_map(|(code, return_code, debug_message, parameters)| Response {
            code,
            return_code,
            debug_message,
            parameters,
        })
        .boxed()
}

fn event(depth: u32) -> BoxedStrategy<EventData> {
    (any::<u8>(), parameters(depth))
        .prop_map(|(code, parameters)| EventData { code, parameters })
        .boxed()
}

/// Arrays to mix among others.
fn others() -> Vec<Array> {
    vec![
        Array::Int(vec![1]),
        Array::String(vec![]),
        Array::Object(vec![]),
        Array::Object(vec![Value::Null]),
        Array::Bytes(vec![bytes::Bytes::new()]),
        Array::Array(vec![]),
        Array::Array(vec![Array::Object(vec![])]),
        Array::Array(vec![Array::Long(vec![])]),
    ]
}

fn array(element: &Type, depth: u32) -> BoxedStrategy<Array> {
    let few = 0..4_usize;
    match element {
        // There is no such array: bytes are a type of their own.
        Type::Byte => vec(any::<i16>(), few).prop_map(Array::Short).boxed(),
        Type::Bool => vec(any::<bool>(), 0..20_usize)
            .prop_map(Array::Bool)
            .boxed(),
        Type::Short => vec(any::<i16>(), few).prop_map(Array::Short).boxed(),
        Type::Int => vec(int(), few).prop_map(Array::Int).boxed(),
        Type::Long => vec(long(), few).prop_map(Array::Long).boxed(),
        Type::Float => vec(float(), few).prop_map(Array::Float).boxed(),
        Type::Double => vec(double(), few).prop_map(Array::Double).boxed(),
        Type::String => vec(text(), few).prop_map(Array::String).boxed(),
        Type::Bytes => vec(bytes(), few).prop_map(Array::Bytes).boxed(),
        Type::Object => vec(any_value(depth), few).prop_map(Array::Object).boxed(),
        Type::Hashtable => vec(hashtable(depth), few)
            .prop_map(Array::Hashtable)
            .boxed(),
        Type::Request => vec(request(depth), few).prop_map(Array::Request).boxed(),
        Type::Response => vec(response(depth), few).prop_map(Array::Response).boxed(),
        Type::Event => vec(event(depth), few).prop_map(Array::Event).boxed(),
        Type::Custom(code) => {
            let code = code.unwrap_or(87);
            vec(bytes(), few)
                .prop_map(move |elements| Array::Custom { code, elements })
                .boxed()
        }
        Type::Dictionary(sides) => {
            let (key, value) = (sides.0.clone(), sides.1.clone());
            vec(pairs(key.clone(), value.clone(), depth), few)
                .prop_map(move |elements| Array::Dictionary {
                    key: key.clone(),
                    value: value.clone(),
                    elements,
                })
                .boxed()
        }
        Type::Array(inner) => {
            let (same, other) = (array(inner, depth), prop::sample::select(others()));
            // Seldom empty, seldom mixed: neither can be written.
            (vec(same, 0..4), 0..20_u8, other)
                .prop_map(|(mut all, dice, other)| {
                    if dice == 0 {
                        all.push(other);
                    }
                    Array::Array(all)
                })
                .boxed()
        }
    }
}

/// Whether a protocol can express a value, according to wire.md 3 to 5 and its advice, regardless
/// of lengths and limits.
mod expressible {
    use super::*;

    pub(super) fn value(protocol: Protocol, value: &Value) -> bool {
        match value {
            Value::Array(all) => array(protocol, all),
            Value::Hashtable(map) => pairs(protocol, &map.0, &Type::Object, &Type::Object),
            Value::Dictionary(map) => {
                declared(protocol, &map.key, &map.value)
                    && pairs(protocol, &map.pairs, &map.key, &map.value)
            }
            Value::Request(one) => parameters(protocol, &one.parameters),
            Value::Response(one) => parameters(protocol, &one.parameters),
            Value::Event(one) => parameters(protocol, &one.parameters),
            _ => true,
        }
    }

    fn parameters(protocol: Protocol, all: &[(u8, Value)]) -> bool {
        all.iter().enumerate().all(|(index, (code, one))| {
            value(protocol, one) && all.iter().take(index).all(|(earlier, _)| earlier != code)
        })
    }

    fn array(protocol: Protocol, array: &Array) -> bool {
        let old = protocol == Protocol::V16;
        match array {
            Array::Object(all) => all.iter().all(|one| value(protocol, one)),
            Array::Hashtable(all) => all
                .iter()
                .all(|one| pairs(protocol, &one.0, &Type::Object, &Type::Object)),
            Array::Dictionary {
                key,
                value,
                elements,
            } => {
                declared(protocol, key, value)
                    && elements.iter().all(|one| pairs(protocol, one, key, value))
            }
            Array::Request(all) => {
                old && all.iter().all(|one| parameters(protocol, &one.parameters))
            }
            Array::Response(all) => {
                old && all.iter().all(|one| parameters(protocol, &one.parameters))
            }
            Array::Event(all) => old && all.iter().all(|one| parameters(protocol, &one.parameters)),
            // In 1.8 an array of byte arrays is an array of arrays.
            Array::Bytes(all) => old || !all.is_empty(),
            Array::Array(all) => {
                let same =
                    |one: &Array| kind(one).is_some() && kind(one) == all.first().and_then(kind);
                !all.is_empty()
                    && all
                        .iter()
                        .all(|one| same(one) && self::array(protocol, one))
            }
            _ => true,
        }
    }

    /// The element type of an array, all the way down; `None` for arrays of arrays without or with
    /// mixed elements.
    fn kind(array: &Array) -> Option<Type> {
        let Array::Array(all) = array else {
            return Some(array.element_type());
        };
        let first = kind(all.first()?)?;
        all.iter()
            .all(|one| kind(one).as_ref() == Some(&first))
            .then(|| Type::Array(Box::new(first)))
    }

    fn pairs(protocol: Protocol, pairs: &[(Value, Value)], key: &Type, of: &Type) -> bool {
        pairs.iter().enumerate().all(|(index, pair)| {
            !matches!(pair.0, Value::Null)
                && !pair.0.is_container()
                && pairs.iter().take(index).all(|earlier| earlier.0 != pair.0)
                && (*key == Type::Object || pair.0.type_of() == *key)
                && (*of == Type::Object || is(&pair.1, of))
                && value(protocol, &pair.0)
                && value(protocol, &pair.1)
        })
    }

    fn is(value: &Value, of: &Type) -> bool {
        match (value, of) {
            (Value::Null, _) => false,
            (Value::Array(array), Type::Array(element)) => kind(array).as_ref() == Some(&**element),
            (value, of) => value.type_of() == *of,
        }
    }

    fn declared(protocol: Protocol, key: &Type, value: &Type) -> bool {
        use Type::{
            Array, Bool, Byte, Bytes, Custom, Dictionary, Double, Event, Float, Hashtable, Int,
            Long, Object, Request, Response, Short, String,
        };
        let scalar = |of: &Type| {
            matches!(
                of,
                Object | Byte | Short | Int | Long | Float | Double | String
            )
        };
        match protocol {
            // wire.md 4.2
            Protocol::V16 => {
                let both = |of: &Type| scalar(of) || matches!(of, Bool | Bytes | Custom(None));
                let objects = matches!(value, Array(element) if **element == Object);
                both(key)
                    && (both(value)
                        || objects
                        || matches!(value, Hashtable | Request | Response | Event))
            }
            // wire.md 5.3
            _ => {
                fn of_value(scalar: &dyn Fn(&Type) -> bool, of: &Type, inside: bool) -> bool {
                    match of {
                        Array(element) => match &**element {
                            Object => !inside,
                            Bool | Short | Int | Long | Float | Double | String | Hashtable
                            | Bytes => true,
                            Array(_) => of_value(scalar, element, true),
                            _ => false,
                        },
                        _ if inside => false,
                        Dictionary(sides) => scalar(&sides.0) && of_value(scalar, &sides.1, false),
                        Bool | Bytes | Hashtable | Request | Response | Event => true,
                        of => scalar(of),
                    }
                }
                scalar(key) && of_value(&scalar, value, false)
            }
        }
    }
}

#[test]
fn any_value_survives_or_is_refused() {
    let (mut written, mut refused) = ([0; 2], [0; 2]);
    let mut runner = proptest::test_runner::TestRunner::new(properties(10_000));
    let counts = std::cell::RefCell::new((&mut written, &mut refused));
    runner
        .run(&any_value(4), |value| {
            for (index, protocol) in PROTOCOLS.into_iter().enumerate() {
                let encoded = codec::encode_value(protocol, &LIMITS, &value);
                let expected = expressible::value(protocol, &value);
                prop_assert_eq!(
                    encoded.is_ok(),
                    expected,
                    "{:?} {:?}",
                    protocol,
                    encoded.err()
                );
                let Ok(bytes) = encoded else {
                    counts.borrow_mut().1[index] += 1;
                    continue;
                };
                counts.borrow_mut().0[index] += 1;
                let read = codec::decode_value(protocol, &LIMITS, &bytes);
                prop_assert_eq!(
                    read.as_ref(),
                    Ok(&as_written(protocol, &value)),
                    "{:?} {:x?}",
                    protocol,
                    bytes
                );
                let again = codec::encode_value(protocol, &LIMITS, &read.unwrap());
                prop_assert_eq!(again.as_deref(), Ok(&bytes[..]));
                check_value(protocol, &bytes);
            }
            Ok(())
        })
        .unwrap();
    // Neither half of the property is empty.
    for index in [0, 1] {
        assert!(
            written[index] > 1000 && refused[index] > 300,
            "{written:?} {refused:?}"
        );
    }
}

proptest! {
    #![proptest_config(properties(3000))]

    #[test]
    fn any_parameters_survive(code: u8, all in vec((any::<u8>(), any_value(3)), 0..12), wanted: u8) {
        for protocol in PROTOCOLS {
            let mut buffer = vec![0xAB];
            let mut writer = MessageWriter::request(&mut buffer, protocol, &LIMITS, code).unwrap();
            let mut kept: Vec<(u8, Value)> = Vec::new();
            for (key, value) in &all {
                let put = writer.put(*key, value);
                prop_assert_eq!(put.is_ok(), expressible::value(protocol, value));
                if put.is_ok() {
                    kept.push((*key, as_written(protocol, value)));
                }
            }
            writer.finish().unwrap();
            prop_assert_eq!(buffer[0], 0xAB);
            prop_assert_eq!(Header::decode(&buffer[1..]).unwrap().kind, MessageKind::Request);
            check_message(protocol, &buffer[1..]);

            let body = &buffer[1 + Header::LENGTH..];
            let parsed = Message::decode(MessageKind::Request, protocol, &LIMITS, body).unwrap();
            let Message::Request { internal: false, code: read, params } = parsed else { panic!("{parsed:?}") };
            prop_assert_eq!(read, code);
            // Of a code that comes twice the last value counts, at the place of the first.
            let mut expected: Vec<(u8, Value)> = Vec::new();
            for (key, value) in &kept {
                match expected.iter_mut().find(|known| known.0 == *key) {
                    Some(known) => known.1 = value.clone(),
                    None => expected.push((*key, value.clone())),
                }
            }
            let mut cursor = params.clone();
            prop_assert_eq!(cursor.to_parameters(), Ok(expected.clone()));
            prop_assert_eq!(cursor.finish(), Ok(0));
            let [picked] = params.clone().pick([wanted]).unwrap();
            let picked = picked.map(|value| value.to_value(&LIMITS).unwrap());
            prop_assert_eq!(picked.as_ref(), expected.iter().find(|one| one.0 == wanted).map(|one| &one.1));
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..80)) {
        for protocol in PROTOCOLS {
            check_value(protocol, &bytes);
            check_message(protocol, &bytes);
            check_message(protocol, &[&[0xF3, bytes.first().map_or(2, |byte| byte % 10)], &bytes[..]].concat());
        }
        check_stream(Role::Client, &bytes);
        check_http_init(&bytes);
        check_http_init(&[b"POST /?init=&", &bytes[..]].concat());
    }

    #[test]
    fn any_codes_are_a_value_or_an_error(
        old in vec(prop::sample::select(b"*obkilfdsxnayzhDceqp\0\0\0\0\x01\x02\x03".to_vec()), 0..60),
        new in vec(prop_oneof![0..=34_u8, prop::sample::select(vec![
            64_u8, 64, 66, 67, 68, 69, 70, 71, 73, 74, 83, 84, 85, 128, 228, 0, 1, 2, 3,
        ])], 0..60),
    ) {
        check_value(Protocol::V16, &old);
        check_value(Protocol::V18, &new);
        check_message(Protocol::V16, &[b"\xF3\x04\x01\0\x02", &old[..]].concat());
        check_message(Protocol::V18, &[b"\xF3\x04\x01\x02", &new[..]].concat());
    }

    #[test]
    fn a_changed_value_is_a_value_or_an_error(
        value in any_value(3),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for protocol in PROTOCOLS {
            let Ok(mut bytes) = codec::encode_value(protocol, &LIMITS, &value) else { continue };
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            check_value(protocol, &bytes);
        }
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_items(
        items in vec(prop_oneof![
            3 => (any::<u8>(), 0..4_u8, vec(any::<u8>(), 2..40)).prop_map(Ok),
            1 => any::<(i32, i32)>().prop_map(Err),
        ], 0..12),
        splits in vec(any::<prop::sample::Index>(), 0..12),
        server: bool,
    ) {
        let mut stream = Vec::new();
        for item in &items {
            match item {
                Ok((channel, delivery, message)) => {
                    let start = tcp::begin_frame(&mut stream, *channel, Delivery::from_code(*delivery).unwrap());
                    stream.extend_from_slice(message);
                    tcp::end_frame(&mut stream, start);
                }
                Err((_, client)) if server => tcp::encode_ping_request(&mut stream, *client),
                Err((server, client)) => tcp::encode_ping_response(&mut stream, *server, *client),
            }
        }
        let mut cuts: Vec<usize> = splits.iter().map(|split| split.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut splitter = Splitter::new(if server { Role::Server } else { Role::Client }, 1000);
        let mut found = Vec::new();
        for cut in cuts.windows(2) {
            splitter.push(&stream[cut[0]..cut[1]]);
            loop {
                let there = splitter.has_item();
                let item = splitter.next().unwrap();
                prop_assert_eq!(there, item.is_some());
                match item {
                    None => break,
                    Some(Item::Frame { channel, delivery, message }) => {
                        found.push(Ok((channel, delivery, splitter.message_mut(message).to_vec())));
                    }
                    Some(Item::PingRequest { client_time }) => found.push(Err((0, client_time))),
                    Some(Item::PingResponse { server_time, client_time }) => found.push(Err((server_time, client_time))),
                }
            }
        }
        let expected: Vec<_> = items
            .into_iter()
            .map(|item| item.map_err(|(time, client)| (if server { 0 } else { time }, client)))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(splitter.buffered_bytes(), 0);
    }
}

#[test]
fn texts_and_counts_up_to_their_limits() {
    for protocol in PROTOCOLS {
        let text = |length: usize| Value::from("x".repeat(length));
        let bytes = codec::encode_value(protocol, &LIMITS, &text(32_767)).unwrap();
        assert_eq!(
            codec::decode_value(protocol, &LIMITS, &bytes),
            Ok(text(32_767))
        );
        for (value, path) in [
            (text(32_768), ""),
            (
                Value::Array(Array::String(vec!["".into(), "x".repeat(32_768).into()])),
                "[1]",
            ),
            (
                Value::Hashtable(Hashtable(vec![
                    (1.into(), 2.into()),
                    (2.into(), text(32_768)),
                ])),
                "{1}",
            ),
            (
                Request {
                    code: 1,
                    parameters: vec![(7, Value::Array(Array::Object(vec![text(32_768)])))],
                }
                .into(),
                "(7)[0]",
            ),
        ] {
            let error = codec::encode_value(protocol, &LIMITS, &value).unwrap_err();
            assert_eq!(
                (error.kind, error.path.as_str()),
                (EncodeErrorKind::TextTooLong(32_768), path)
            );
        }
    }
    // 1.6 counts to 32,767; 1.8 as far as the message goes.
    for (fits, not) in [
        (Value::from(vec![1; 32_767]), Value::from(vec![1; 32_768])),
        (
            Value::from(vec![true; 32_767]),
            Value::from(vec![true; 32_768]),
        ),
        (
            Value::from(vec![Value::Null; 32_767]),
            Value::from(vec![Value::Null; 32_768]),
        ),
        (
            Value::Custom(Custom {
                code: 5,
                data: vec![0; 32_767].into(),
            }),
            Value::Custom(Custom {
                code: 5,
                data: vec![0; 32_768].into(),
            }),
        ),
        (
            Value::Hashtable((0..32_767).map(|key| (key, true)).collect()),
            Value::Hashtable((0..32_768).map(|key| (key, true)).collect()),
        ),
    ] {
        let limits = photon_proto::Limits {
            max_values: 100_000,
            ..LIMITS
        };
        for protocol in PROTOCOLS {
            let bytes = codec::encode_value(protocol, &limits, &fits).unwrap();
            assert_eq!(
                codec::decode_value(protocol, &limits, &bytes).as_ref(),
                Ok(&fits)
            );
        }
        let error = codec::encode_value(Protocol::V16, &limits, &not).unwrap_err();
        assert_eq!(error.kind, EncodeErrorKind::TooManyElements(32_768));
        let bytes = codec::encode_value(Protocol::V18, &limits, &not).unwrap();
        assert_eq!(codec::decode_value(Protocol::V18, &limits, &bytes), Ok(not));
    }
}

#[cfg(feature = "serde")]
mod serde {
    use super::*;
    use photon_inspect::notation::{value_from_json, value_to_json};
    use photon_proto::{from_value, to_value};

    proptest! {
        #![proptest_config(properties(2000))]

        #[test]
        fn any_value_has_one_form_in_json(value in any_value(3)) {
            let json = serde_json::to_value(&value).unwrap();
            prop_assert_eq!(&json, &value_to_json(&value));
            // Arrays of arrays of different types are no values, and cannot be read.
            let again = serde_json::from_value(json.clone());
            prop_assert_eq!(again.ok(), value_from_json(&json).ok());
        }

        #[test]
        fn any_value_passes_unchanged_or_cannot_be_encoded(value in any_value(3)) {
            let expressible = PROTOCOLS.iter().any(|protocol| {
                expressible::value(*protocol, &value) && as_written(*protocol, &value) == value
            });
            let found = to_value(&value);
            prop_assert_eq!(found.as_ref().ok(), expressible.then_some(&value));
            prop_assert_eq!(from_value(&value).ok(), expressible.then_some(value));
        }
    }
}

/// A key that is likely to occur twice, and to begin like another.
fn similar_key() -> BoxedStrategy<Value> {
    let text = || "(12345678){0,2}[ab]{0,2}";
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (0..4_u8).prop_map(Value::Byte),
        (-2..2_i16).prop_map(Value::Short),
        (-2..2).prop_map(Value::Int),
        (-2..2_i64).prop_map(|number| Value::Long(number << 50)),
        (0..3_u8).prop_map(|number| Value::Float(f32::from(number))),
        (0..3_u8).prop_map(|number| Value::Double(f64::from(number))),
        text().prop_map(Value::from),
        text().prop_map(|bytes| Value::Bytes(bytes.into_bytes().into())),
        (0..2_u8, text()).prop_map(|(code, data)| Value::Custom(Custom {
            code,
            data: data.into_bytes().into()
        })),
    ]
    .boxed()
}

/// The bytes of a map with these keys, which no encoder writes if a key occurs twice. The values
/// are the positions.
fn map_with(protocol: Protocol, keys: &[Value], head: &[u8]) -> Vec<u8> {
    let count = u8::try_from(keys.len()).expect("few keys");
    let mut bytes = head.to_vec();
    match protocol {
        Protocol::V16 => bytes.extend([0, count]),
        _ => bytes.push(count),
    }
    for (key, position) in keys.iter().zip(0..) {
        for value in [key, &Value::Int(position)] {
            bytes.extend(codec::encode_value(protocol, &LIMITS, value).expect("a scalar"));
        }
    }
    bytes
}

proptest! {
    #[test]
    fn sound07_a_key_that_occurs_twice_keeps_its_last_value_or_is_an_error(
        keys in vec(similar_key(), 0..100)
    ) {
        let mut expected: Vec<(Value, Value)> = Vec::new();
        let mut repeats = false;
        for (key, position) in keys.iter().zip(0..).filter(|(key, _)| **key != Value::Null) {
            match expected.iter_mut().find(|(known, _)| known == key) {
                Some((_, value)) => (repeats, *value) = (true, Value::Int(position)),
                None => expected.push((key.clone(), Value::Int(position))),
            }
        }
        for protocol in PROTOCOLS {
            let (hashtable, dictionary): (&[u8], &[u8]) = match protocol {
                Protocol::V16 => (b"h", b"D\0\0"),
                _ => (&[21], &[20, 0, 0]),
            };
            let table = map_with(protocol, &keys, hashtable);
            prop_assert_eq!(
                codec::decode_value(protocol, &LIMITS, &table),
                Ok(Value::Hashtable(Hashtable(expected.clone())))
            );
            let map = codec::decode_value(protocol, &LIMITS, &map_with(protocol, &keys, dictionary));
            match map {
                Ok(Value::Dictionary(map)) => {
                    prop_assert!(!repeats);
                    prop_assert_eq!(&map.pairs, &expected);
                }
                Err(error) => {
                    prop_assert!(repeats);
                    prop_assert_eq!(error.kind, photon_proto::DecodeErrorKind::DuplicateKey);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
