//! The vectors of `wire-vectors.json`, and small tools for the tests that use them.
#![allow(dead_code, reason = "each test program uses a part of it")]

use photon_inspect::message::Message;
use photon_inspect::notation::{message_from_json, message_to_json, value_from_json};
use photon_proto::crypto::Cipher;
use photon_proto::message::{self, HttpInit, Message as ParsedMessage};
use photon_proto::tcp::{Item, Splitter};
use photon_proto::{
    Array, DecodeError, DecodeErrorKind, Dictionary, EventData, Hashtable, Limits, Parameters,
    Params, Protocol, Request, Response, Role, Type, Value, codec,
};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use serde_json::Value as Json;

pub(crate) const LIMITS: Limits = Limits::DEFAULT;
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::V16, Protocol::V18];

/// The settings of property tests. Every run uses the same cases, so that a test never fails by
/// accident. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` select others.
pub(crate) fn properties(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

pub(crate) struct Vector {
    pub(crate) name: String,
    /// `None` for the JSON sub-protocol.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) kind: String,
    pub(crate) direction: String,
    pub(crate) value: Json,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let all: Json = serde_json::from_str(include_str!("../vectors/wire-vectors.json")).unwrap();
    all["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(vector)
        .collect()
}

fn vector(json: &Json) -> Vector {
    let text = |key: &str| String::from(json[key].as_str().unwrap());
    Vector {
        name: text("name"),
        protocol: match json["protocol"].as_str().unwrap() {
            "1.6" => Some(Protocol::V16),
            "1.8" => Some(Protocol::V18),
            "json" => None,
            other => panic!("protocol {other}"),
        },
        kind: text("kind"),
        direction: text("direction"),
        value: json["value"].clone(),
        bytes: unhex(json["hex"].as_str().unwrap()),
    }
}

impl Vector {
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol.expect("a binary protocol")
    }

    pub(crate) fn label(&self) -> String {
        format!("{} ({:?}, {})", self.name, self.protocol, self.direction)
    }

    /// Whether it is written exactly like this.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.direction.as_str(), "both" | "encode")
    }

    /// Whether it reads as its value.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.direction.as_str(), "both" | "decode")
    }

    /// The `t` of a frame, and of the message in it.
    pub(crate) fn frame(&self) -> (&str, &str) {
        (
            self.value["t"].as_str().unwrap(),
            self.value["message"]["t"].as_str().unwrap_or_default(),
        )
    }

    pub(crate) fn value(&self) -> Value {
        value_from_json(&self.value).unwrap()
    }

    /// The expected result of decoding, including the advice of wire.md; `None` for an error.
    pub(crate) fn reads_as(&self) -> Option<Value> {
        match self.direction.as_str() {
            "both" | "decode" => Some(self.value()),
            "decode-error" => None,
            "official-error" | "official-quirk" => advised(&self.name),
            other => panic!("values have no direction {other}"),
        }
    }
}

/// The results that the specification advises where the official reader fails or behaves oddly.
fn advised(name: &str) -> Option<Value> {
    let map = |key, value, pairs| Some(Value::Dictionary(Dictionary { key, value, pairs }));
    match name {
        // wire.md 4.1 and 5.2: nothing more is read, and an empty list it is.
        "empty_array_of_array" | "array_in_array_empty" => {
            Some(Value::Array(Array::Object(vec![])))
        }
        // wire.md 4.2: accept `y` as a declared value type, refuse `D`.
        "dict_value_array_rejected" => map(
            Type::String,
            Type::Array(Box::new(Type::Int)),
            vec![("a".into(), vec![1].into())],
        ),
        "dict_value_dict_rejected" => None,
        // wire.md 5.3: bool keys are read, not written.
        "dict_bool_key_1.8" => map(Type::Bool, Type::Int, vec![(true.into(), 1.into())]),
        other => panic!("no advice for {other}"),
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    photon_inspect::hex::decode(text.as_bytes()).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    photon_inspect::hex::encode(bytes)
}

/// A message in its notation, without anything that the notation omits.
pub(crate) fn normal(json: &Json, protocol: Protocol) -> Json {
    message_to_json(&message_from_json(json, protocol).unwrap())
}

/// A message through `Message::decode` and `Params`.
pub(crate) fn parse(
    protocol: Protocol,
    cipher: Option<&Cipher>,
    bytes: &[u8],
) -> Result<(Json, usize), DecodeError> {
    Message::decode(protocol, &LIMITS, cipher, bytes)
        .map(|(message, surplus)| (message_to_json(&message), surplus))
}

/// A message through `MessageWriter`.
pub(crate) fn write(protocol: Protocol, json: &Json) -> Vec<u8> {
    message_from_json(json, protocol)
        .unwrap()
        .encode(protocol, &LIMITS, None)
        .unwrap()
}

/// A value as it comes back after it was written: 1.6 writes arrays of (arrays of) object arrays as
/// object arrays, as documented at the types.
pub(crate) fn as_written(protocol: Protocol, value: &Value) -> Value {
    let again = |value: &Value| as_written(protocol, value);
    let parameters = |all: &Parameters| {
        all.iter()
            .map(|(code, value)| (*code, again(value)))
            .collect()
    };
    match value {
        Value::Array(array) => Value::Array(array_as_written(protocol, array)),
        Value::Hashtable(map) => Value::Hashtable(map_as_written(protocol, map)),
        Value::Dictionary(map) => Value::Dictionary(Dictionary {
            key: map.key.clone(),
            value: map.value.clone(),
            pairs: pairs_as_written(protocol, &map.pairs),
        }),
        Value::Request(one) => Request {
            code: one.code,
            parameters: parameters(&one.parameters),
        }
        .into(),
        Value::Response(one) => response_as_written(protocol, one).into(),
        Value::Event(one) => EventData {
            code: one.code,
            parameters: parameters(&one.parameters),
        }
        .into(),
        plain => plain.clone(),
    }
}

fn pairs_as_written(protocol: Protocol, pairs: &[(Value, Value)]) -> Vec<(Value, Value)> {
    pairs
        .iter()
        .map(|(key, value)| (key.clone(), as_written(protocol, value)))
        .collect()
}

fn map_as_written(protocol: Protocol, map: &Hashtable) -> Hashtable {
    Hashtable(pairs_as_written(protocol, &map.0))
}

fn response_as_written(protocol: Protocol, one: &Response) -> Response {
    Response {
        code: one.code,
        return_code: one.return_code,
        debug_message: one.debug_message.clone(),
        parameters: one
            .parameters
            .iter()
            .map(|(code, value)| (*code, as_written(protocol, value)))
            .collect(),
    }
}

fn array_as_written(protocol: Protocol, array: &Array) -> Array {
    let again = |value: &Value| as_written(protocol, value);
    match array {
        Array::Object(all) => Array::Object(all.iter().map(again).collect()),
        Array::Array(all) if protocol == Protocol::V16 && holds_objects(array) => Array::Object(
            all.iter()
                .map(|one| Value::Array(array_as_written(protocol, one)))
                .collect(),
        ),
        Array::Array(all) => Array::Array(
            all.iter()
                .map(|one| array_as_written(protocol, one))
                .collect(),
        ),
        Array::Hashtable(all) => Array::Hashtable(
            all.iter()
                .map(|one| map_as_written(protocol, one))
                .collect(),
        ),
        Array::Dictionary {
            key,
            value,
            elements,
        } => Array::Dictionary {
            key: key.clone(),
            value: value.clone(),
            elements: elements
                .iter()
                .map(|pairs| pairs_as_written(protocol, pairs))
                .collect(),
        },
        Array::Request(all) => Array::Request(rewritten(protocol, all)),
        Array::Response(all) => Array::Response(
            all.iter()
                .map(|one| response_as_written(protocol, one))
                .collect(),
        ),
        Array::Event(all) => Array::Event(rewritten(protocol, all)),
        plain => plain.clone(),
    }
}

fn rewritten<T: Clone + Into<Value> + TryFrom<Value, Error = Value>>(
    protocol: Protocol,
    all: &[T],
) -> Vec<T> {
    all.iter()
        .map(|one| {
            as_written(protocol, &one.clone().into())
                .try_into()
                .unwrap()
        })
        .collect()
}

fn holds_objects(array: &Array) -> bool {
    match array {
        Array::Object(_) => true,
        Array::Array(all) => all.first().is_some_and(holds_objects),
        _ => false,
    }
}

/// Everything that has to hold for any bytes as a value: a value or a typed error, the same on
/// every path.
pub(crate) fn check_value(protocol: Protocol, bytes: &[u8]) {
    let owned = codec::decode_value(protocol, &LIMITS, bytes);
    let borrowed = codec::decode_value_ref(protocol, &LIMITS, bytes);
    let context = || format!("{protocol:?} {}", hex(bytes));
    for error in [owned.as_ref().err(), borrowed.as_ref().err()]
        .into_iter()
        .flatten()
    {
        assert!(error.offset <= bytes.len(), "{error}: {}", context());
    }
    match (&owned, borrowed.and_then(|value| value.to_value(&LIMITS))) {
        (Ok(value), Ok(other)) => {
            assert_eq!(*value, other, "{}", context());
            // A decoded value can be encoded again, unless it is one of the few that are only
            // decoded.
            if let Ok(again) = codec::encode_value(protocol, &LIMITS, value) {
                let read = codec::decode_value(protocol, &LIMITS, &again);
                assert_eq!(read, Ok(as_written(protocol, value)), "{}", context());
            }
        }
        (Err(_), Err(error)) => assert!(error.offset <= bytes.len(), "{error}: {}", context()),
        (one, other) => panic!("{one:?} {other:?}: {}", context()),
    }
    if let (Ok(_), Err(error)) = (codec::decode_value_ref(protocol, &LIMITS, bytes), &owned) {
        // Only errors that skipping does not detect.
        let unseen = matches!(
            error.kind,
            DecodeErrorKind::NotUtf8
                | DecodeErrorKind::ContainerAsKey
                | DecodeErrorKind::DuplicateKey
                | DecodeErrorKind::MixedTypes
                | DecodeErrorKind::TooMuchMemory
        );
        assert!(unseen, "{error}: {}", context());
    }
}

/// The same for any bytes as a message.
pub(crate) fn check_message(protocol: Protocol, bytes: &[u8]) {
    let mut copy = bytes.to_vec();
    let (kind, body) = match message::decrypt(&mut copy, None) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(error.offset <= bytes.len());
            return;
        }
    };
    let parsed = match ParsedMessage::decode(kind, protocol, &LIMITS, body) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}: {}", hex(bytes));
            return;
        }
    };
    match parsed {
        ParsedMessage::Request { params, .. }
        | ParsedMessage::Response { params, .. }
        | ParsedMessage::Event { params, .. }
        | ParsedMessage::Disconnect { params, .. } => check_params(&params, bytes),
        ParsedMessage::Value(value) => {
            if let Err(error) = value.to_value(&LIMITS) {
                assert!(error.offset <= bytes.len());
            }
        }
        _ => {}
    }
}

/// All ways over parameters agree.
fn check_params(params: &Params<'_>, bytes: &[u8]) {
    let context = || format!("{:?} {}", params.protocol(), hex(bytes));
    let checked =
        |error: DecodeError| assert!(error.offset <= bytes.len(), "{error}: {}", context());
    let owned = {
        let mut params = params.clone();
        params
            .to_parameters()
            .and_then(|all| Ok((all, params.finish()?)))
    };
    let skipped = params.clone().finish();
    match (&owned, skipped) {
        (Ok((_, surplus)), Ok(other)) => assert_eq!(*surplus, other, "{}", context()),
        (Err(error), Err(other)) => {
            checked(*error);
            checked(other);
        }
        // Skipping detects fewer errors.
        (Err(error), Ok(_)) => checked(*error),
        (Ok(_), Err(error)) => panic!("{error}: {}", context()),
    }

    // One by one, borrowed.
    let mut cursor = params.clone();
    let mut borrowed: Parameters = Vec::new();
    let one_by_one = loop {
        match cursor.next_key() {
            Ok(None) => break Ok(()),
            Ok(Some(key)) => match cursor.value_ref().and_then(|value| value.to_value(&LIMITS)) {
                Ok(value) => match borrowed.iter_mut().find(|known| known.0 == key) {
                    Some(known) => known.1 = value,
                    None => borrowed.push((key, value)),
                },
                Err(error) => break Err(error),
            },
            Err(error) => break Err(error),
        }
    };
    match (&owned, one_by_one) {
        (Ok((all, _)), Ok(())) => {
            assert_eq!(*all, borrowed, "{}", context());
            for (key, value) in all {
                let [picked] = params
                    .clone()
                    .pick([*key])
                    .unwrap_or_else(|error| panic!("{error}: {}", context()));
                assert_eq!(
                    picked.unwrap().to_value(&LIMITS).as_ref(),
                    Ok(value),
                    "{}",
                    context()
                );
            }
        }
        (Err(_), Err(error)) => checked(error),
        (one, other) => panic!("{one:?} {other:?}: {}", context()),
    }

    // The typed readers accept their type and reject all others.
    let each = |read: &dyn Fn(&mut Params<'_>) -> Result<(), DecodeError>| {
        let mut params = params.clone();
        while let Ok(Some(_)) = params.next_key() {
            if let Err(error) = read(&mut params) {
                checked(error);
                break;
            }
        }
    };
    each(&|params| params.str("field").map(drop));
    each(&|params| params.text_bytes("field").map(drop));
    each(&|params| params.int("field").map(drop));
    each(&|params| params.bool("field").map(drop));
    each(&|params| params.strings("field").map(drop));
    each(&|params| params.texts("field", |_| ()));
    each(&|params| params.elements("field", |_| ()));
    each(&|params| params.element().map(drop));
}

/// The same for any bytes as a TCP stream, and for the messages in it.
pub(crate) fn check_stream(role: Role, bytes: &[u8]) {
    let run = |chunk: usize| {
        let mut splitter = Splitter::new(role, LIMITS.max_received_bytes);
        let mut found = Vec::new();
        for chunk in bytes.chunks(chunk.max(1)) {
            splitter.push(chunk);
            loop {
                match splitter.next() {
                    Ok(Some(Item::Frame {
                        channel,
                        delivery,
                        message,
                    })) => {
                        found.push(Ok((
                            channel,
                            delivery,
                            splitter.message_mut(message).to_vec(),
                        )));
                    }
                    Ok(Some(ping)) => found.push(Err(Ok(ping))),
                    Ok(None) => break,
                    Err(error) => {
                        assert!(error.offset <= bytes.len());
                        found.push(Err(Err(error)));
                        return found;
                    }
                }
            }
        }
        found
    };
    let whole = run(bytes.len());
    assert_eq!(whole, run(1));
    assert_eq!(whole, run(7));
    for (_, _, message) in whole.into_iter().flatten() {
        for protocol in PROTOCOLS {
            check_message(protocol, &message);
        }
        check_http_init(&message);
    }
}

pub(crate) fn check_http_init(payload: &[u8]) {
    let parsed = HttpInit::decode(&LIMITS, payload);
    if let Err(error) = &parsed {
        assert!(error.offset <= payload.len(), "{error}");
    }
    assert!(parsed.is_err() || payload.starts_with(b"POST /?"));
}
