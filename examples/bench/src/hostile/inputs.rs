//! The hostile inputs: messages that are small for a server to send and that a naive client would
//! pay much for.

use super::shapes::{self, Named};
use crate::client::{CHANNEL, Carrier};
use photon_proto::message::MessageWriter;
use photon_proto::{
    Array, Dictionary, EncodeError, Hashtable, Limits, Protocol, Type, Value, ValueWriter, Written,
};

/// One hostile input.
pub struct Input {
    /// The name in the table.
    pub name: String,
    /// The way in which it reaches the client.
    pub carrier: Carrier,
    /// The serialization protocol.
    pub protocol: Protocol,
    /// The bytes.
    pub content: Content,
}

/// The bytes of an input.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// Messages, which the carrier frames.
    Messages(Vec<Vec<u8>>),
    /// What arrives on the link, as it is.
    Raw(Vec<Vec<u8>>),
}

/// Stands for the challenge of the connection, which is not known before it is open.
pub(super) const CHALLENGE: [u8; 4] = [0xC4; 4];

/// The limits of a server that has none.
const NONE: Limits = Limits {
    max_received_bytes: usize::MAX,
    max_sent_bytes: usize::MAX,
    max_depth: u32::MAX,
    max_values: u32::MAX,
    max_memory_bytes: usize::MAX,
};
/// The number of values in a message that is just not too large for a client.
const MANY: usize = 16_000;
/// Nearly as many bytes as a message may have.
const MEGABYTE: usize = 1_000_000;
/// More values than a client takes.
const TOO_MANY: usize = 64_000;

/// Returns all inputs, generated.
#[must_use]
pub fn all() -> Vec<Input> {
    let mut inputs = Vec::new();
    for protocol in [Protocol::V16, Protocol::V18] {
        for (name, messages) in messages(protocol)
            .into_iter()
            .chain(shapes::messages(protocol))
        {
            inputs.push(Input {
                name: format!("{}, {name}", version(protocol)),
                carrier: Carrier::Stream,
                protocol,
                content: Content::Messages(messages),
            });
        }
    }
    // The layers above a carrier are the same, so a few messages over each show the difference.
    for carrier in [Carrier::Messages, Carrier::Json, Carrier::Datagrams] {
        for (name, messages) in messages(Protocol::V18) {
            if [
                "tiny containers",
                "8,000 properties",
                "a storm of statuses",
                "8,000 messages",
            ]
            .contains(&name)
            {
                inputs.push(Input {
                    name: format!("{}, {name}", carrier.name()),
                    carrier,
                    protocol: Protocol::V18,
                    content: Content::Messages(messages),
                });
            }
        }
    }
    for (name, text) in megabytes() {
        inputs.push(Input {
            name: format!("ws json, {name}"),
            carrier: Carrier::Json,
            protocol: Protocol::V18,
            content: Content::Raw(vec![text]),
        });
    }
    for (name, carrier, raw) in raw() {
        inputs.push(Input {
            name: format!("{}, {name}", carrier.name()),
            carrier,
            protocol: Protocol::V18,
            content: Content::Raw(raw),
        });
    }
    inputs
}

const fn version(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V16 => "1.6",
        _ => "1.8",
    }
}

/// Messages that every binary carrier takes.
fn messages(protocol: Protocol) -> Vec<Named> {
    let event = |code: u8, parameters: &[(u8, Value)]| event(protocol, code, parameters);
    // An int has four bytes.
    let is_long = protocol == Protocol::V16;
    let chat = |channel: &str, contents: Value| {
        let senders = match &contents {
            Value::Array(Array::Object(all)) => vec![""; all.len()],
            Value::Array(Array::String(all)) => vec![""; all.len()],
            _ => vec![""],
        };
        event(
            0,
            &[
                (1, channel.into()),
                (4, texts(senders)),
                (2, contents),
                (8, 1.into()),
            ],
        )
    };
    let containers = || objects(vec![Value::Hashtable(Hashtable::default()); MANY / 2]);
    let properties = |pairs: Vec<(Value, Value)>| {
        let table = Value::Hashtable(Hashtable(pairs));
        event(7, &[(1, CHANNEL.into()), (22, table), (5, "eve".into())])
    };
    let shorts = |from: i16, count: i16| {
        (from..from + count)
            .map(|key| (Value::Short(key), Value::Bool(true)))
            .collect::<Vec<_>>()
    };
    // Keys that agree in their first letters, in no order.
    let named = |count: u32| {
        (0..count)
            .map(|number| {
                let key = format!("property{:08x}", number.wrapping_mul(0x9E37_79B1));
                (Value::from(key), Value::Int(1))
            })
            .collect::<Vec<_>>()
    };
    let names = |count: usize| {
        (0..count)
            .map(|number| format!("{number:x}"))
            .collect::<Vec<_>>()
    };
    let subscribed_channels = |names: Vec<String>| {
        let results = Value::from(vec![true; names.len()]);
        event(5, &[(0, texts(names)), (15, results)])
    };
    let presence = |key: u8, value: Value| {
        event(
            5,
            &[
                (0, texts([CHANNEL])),
                (15, Value::from(vec![true])),
                (
                    22,
                    Value::Hashtable(Hashtable(vec![(Value::Byte(254), true.into())])),
                ),
                (key, value),
            ],
        )
    };
    vec![
        (
            "tiny containers",
            vec![chat(CHANNEL, objects(vec![containers()])); 4],
        ),
        (
            "tiny containers as messages",
            vec![
                chat(CHANNEL, objects(vec![containers(); 1])),
                chat(CHANNEL, containers()),
            ],
        ),
        (
            "8,000 messages",
            vec![chat(CHANNEL, texts(vec![""; MANY / 2]))],
        ),
        (
            "mixed messages",
            vec![chat(CHANNEL, objects(vec![Value::Byte(0); MANY / 2]))],
        ),
        (
            "for an unknown channel",
            vec![chat("nowhere", objects(vec![containers()])); 4],
        ),
        (
            "deep containers",
            vec![chat(CHANNEL, objects(vec![deep(30); MANY / 32]))],
        ),
        ("too deep", vec![chat(CHANNEL, deep(40)); 2_000]),
        (
            "an int array",
            vec![chat(CHANNEL, objects(vec![vec![-1; 32_000].into(); 8]))],
        ),
        (
            "a bool array",
            vec![chat(CHANNEL, objects(vec![vec![true; 32_000].into(); 16]))],
        ),
        (
            "one long text",
            vec![chat(CHANNEL, texts(vec!["\u{20ac}".repeat(10_900); 25]))],
        ),
        ("8,000 properties", vec![properties(shorts(0, 8_000))]),
        (
            "8,000 properties, twice",
            vec![properties(shorts(-100, 8_000)); 2],
        ),
        ("named properties", vec![properties(named(8_000))]),
        (
            "the same property 8,000 times",
            vec![properties(vec![(Value::Byte(7), Value::Bool(true)); 8_000]); 2],
        ),
        (
            "properties in pairs",
            vec![properties([shorts(0, 4_000), shorts(0, 4_000)].concat())],
        ),
        (
            "one property at a time",
            named(10_000)
                .into_iter()
                .map(|pair| properties(vec![pair]))
                .collect(),
        ),
        (
            "properties of containers",
            vec![properties(
                (0..8_000_i16)
                    .map(|key| (Value::Short(key), objects(vec![])))
                    .collect(),
            )],
        ),
        (
            "a dictionary of properties",
            vec![event(
                7,
                &[
                    (1, CHANNEL.into()),
                    (
                        22,
                        Value::Dictionary(Dictionary {
                            key: Type::Short,
                            value: Type::Bool,
                            pairs: shorts(0, 8_000),
                        }),
                    ),
                ],
            )],
        ),
        (
            "properties of an unknown channel",
            vec![
                event(
                    7,
                    &[
                        (1, "nowhere".into()),
                        (22, Value::Hashtable(Hashtable(shorts(0, 8_000))))
                    ],
                );
                4
            ],
        ),
        ("16,000 channels", vec![subscribed_channels(names(MANY))]),
        (
            "one channel 16,000 times",
            vec![subscribed_channels(vec![CHANNEL.into(); MANY])],
        ),
        (
            "16,000 channels left",
            vec![event(6, &[(0, texts(names(MANY)))])],
        ),
        (
            "16,000 subscribers",
            vec![presence(23, texts(names(MANY))); 2],
        ),
        (
            "properties of 4,000 users",
            vec![presence(
                28,
                Value::Hashtable(Hashtable(
                    names(4_000)
                        .into_iter()
                        .map(|user| {
                            let of_user = vec![(Value::Byte(1), Value::Byte(1))];
                            (user.into(), Value::Hashtable(Hashtable(of_user)))
                        })
                        .collect(),
                )),
            )],
        ),
        (
            "20,000 users enter",
            names(20_000)
                .into_iter()
                .map(|user| event(8, &[(1, CHANNEL.into()), (225, user.into())]))
                .collect(),
        ),
        (
            "a storm of statuses",
            vec![event(4, &[(5, "eve".into()), (10, 2.into())]); 20_000],
        ),
        (
            "statuses of containers",
            vec![event(4, &[(5, "eve".into()), (10, 2.into()), (3, containers())]); 2],
        ),
        (
            "5,000 strangers",
            names(5_000)
                .into_iter()
                .map(|user| event(2, &[(5, user.into()), (3, "".into())]))
                .collect(),
        ),
        (
            "5 strangers with long ids",
            (0..5)
                .map(|number| event(2, &[(5, format!("{number:030000}").into()), (3, "".into())]))
                .collect(),
        ),
        (
            "error infos of containers",
            vec![event(10, &[(1, CHANNEL.into()), (234, containers())]); 2],
        ),
        (
            "an unknown event",
            vec![event(
                99,
                &(0..=254)
                    .map(|key| (key, objects(vec![Value::Byte(0); 62])))
                    .collect::<Vec<_>>(),
            )],
        ),
        (
            "the same parameter 200 times",
            vec![event(
                99,
                &vec![(1, objects(vec![Value::Byte(0); 78])); 200],
            )],
        ),
        ("20,000 responses", vec![response(protocol, None); 20_000]),
        (
            "responses with a long text",
            vec![response(protocol, Some(&"x".repeat(30_000))); 20],
        ),
        ("undecodable messages", vec![vec![0xF3, 4, 0, 9, 9]; 20_000]),
        (
            "long undecodable messages",
            vec![[&[0xF3, 4, 0][..], &[255; 60_000]].concat(); 8],
        ),
        ("raw messages", vec![vec![0xF3, 9, 1]; 20_000]),
        (
            "too many messages",
            vec![chat(CHANNEL, objects(vec![Value::Byte(0); TOO_MANY / 2]))],
        ),
        (
            "too many containers",
            vec![chat(
                CHANNEL,
                objects(vec![objects(vec![
                    Value::Hashtable(Hashtable::default());
                    TOO_MANY / 2
                ])]),
            )],
        ),
        (
            "too many deep containers",
            vec![chat(CHANNEL, objects(vec![deep(30); TOO_MANY / 32]))],
        ),
        (
            "a megabyte of deep containers",
            vec![chat(CHANNEL, objects(vec![deep(30); MEGABYTE / 126]))],
        ),
        (
            "a megabyte of flat containers",
            vec![chat(
                CHANNEL,
                objects(vec![objects(vec![Value::Bool(true); 100]); MEGABYTE / 206]),
            )],
        ),
        (
            "a megabyte of small numbers",
            vec![chat(
                CHANNEL,
                objects(vec![vec![1; 30_000].into(); if is_long { 8 } else { 32 }]),
            )],
        ),
        (
            "messages of short texts",
            vec![chat(CHANNEL, texts(vec!["\u{20ac}".repeat(16); MANY / 2]))],
        ),
        ("too many properties", vec![properties(shorts(0, 32_000))]),
        (
            "too many channels",
            vec![subscribed_channels(names(32_000))],
        ),
    ]
}

/// Elements of which a message of JSON can have a megabyte.
const ELEMENTS: [(&str, &str); 17] = [
    ("numbers in arrays", "[1]"),
    ("digits in arrays", "[1,1,1,1,1,1,1,1]"),
    (
        "escapes",
        "\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"",
    ),
    ("escapes as arrays", "[\"\\n\"]"),
    (
        "surrogate pairs",
        "\"\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\"",
    ),
    ("arrays", "[]"),
    ("arrays in arrays", "[[[[[[]]]]]]"),
    ("pairs of arrays", "[[],[]]"),
    ("keys", "{\"\":0}"),
    ("nested keys", "{\"\":{\"\":{\"\":0}}}"),
    (
        "long numbers",
        "9007199254740993.00000000000000000000000000000000000000000001",
    ),
    ("short doubles", "1e9"),
    ("zeros", "-0.0"),
    ("literals", "null"),
    ("mixed arrays", "[\"\",\"\",0]"),
    (
        "long mixed arrays",
        "[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",0]",
    ),
    ("white space", "[ 1 , 2 ]"),
];

/// Messages of JSON that are a megabyte of the same.
fn megabytes() -> Vec<(String, Vec<u8>)> {
    let event = |list: &str| {
        let json = format!("~j~{{\"evt\":0,\"vals\":[1,\"{CHANNEL}\",4,[\"\"],2,[{list}]]}}");
        format!("~m~{}~m~{json}", json.len()).into_bytes()
    };
    let list = |element: &str| vec![element; MEGABYTE / (element.len() + 1)].join(",");
    let mut all = Vec::new();
    for (name, element) in ELEMENTS {
        all.push((
            format!("a megabyte of {name}"),
            event(&format!("[{}]", list(element))),
        ));
    }
    for (name, element) in [
        ("numbers", "1"),
        ("literals", "true"),
        ("short texts", "\"a\""),
    ] {
        all.push((
            format!("a megabyte of {name} as messages"),
            event(&list(element)),
        ));
    }
    let deep = |open: &str, close: &str| {
        let levels = MEGABYTE / (open.len() + close.len());
        format!("{}0{}", open.repeat(levels), close.repeat(levels))
    };
    all.push(("a megabyte of brackets".into(), event(&deep("[", "]"))));
    all.push(("a megabyte of braces".into(), event(&deep("{\"\":", "}"))));
    all.push((
        "a megabyte of braces in brackets".into(),
        event(&deep("[{\"\":", "}]")),
    ));
    let texts = vec!["\"a\""; MEGABYTE / 4].join(",");
    all.push((
        "a megabyte of texts and a number".into(),
        event(&format!("[{texts},0]")),
    ));
    all
}

/// Input that is not the same over each carrier.
fn raw() -> Vec<(&'static str, Carrier, Vec<Vec<u8>>)> {
    let json = |text: &str| format!("~m~{}~m~{text}", text.len()).into_bytes();
    let nested = [&"[".repeat(30)[..], &"]".repeat(30)].concat();
    let event = |content: &str| {
        json(&format!(
            "~j~{{\"evt\":0,\"vals\":[1,\"{CHANNEL}\",4,[\"\"],2,[{content}]]}}"
        ))
    };
    vec![
        (
            "pings",
            Carrier::Stream,
            vec![[0xF0, 0, 0, 0, 1, 0, 0, 0, 1].repeat(30_000)],
        ),
        ("one byte at a time", Carrier::Stream, {
            let frame = [0xFB, 0, 0, 0, 12, 0, 1, 0xF3, 4, 9, 0, 0];
            frame
                .repeat(2_000)
                .into_iter()
                .map(|byte| vec![byte])
                .collect()
        }),
        (
            "the smallest frames",
            Carrier::Stream,
            vec![[0xFB, 0, 0, 0, 9, 0, 1, 0xF3, 4].repeat(30_000)],
        ),
        (
            "messages of one byte",
            Carrier::Messages,
            vec![vec![0xF3]; 50_000],
        ),
        (
            "empty messages",
            Carrier::Messages,
            vec![Vec::new(); 50_000],
        ),
        ("empty texts", Carrier::Json, vec![Vec::new(); 50_000]),
        (
            "brackets",
            Carrier::Json,
            vec![json("~j~[]").repeat(20_000)],
        ),
        (
            "texts without frames",
            Carrier::Json,
            vec!["[]".repeat(100_000).into_bytes()],
        ),
        (
            "empty frames",
            Carrier::Json,
            vec![b"~m~0~m~".repeat(30_000)],
        ),
        (
            "white space",
            Carrier::Json,
            vec![json(&format!("~j~{}{{}}", " ".repeat(500_000)))],
        ),
        (
            "nested arrays",
            Carrier::Json,
            vec![event(&vec![nested; 4_000].join(","))],
        ),
        (
            "numbers",
            Carrier::Json,
            vec![event(&vec!["1e300"; MANY].join(","))],
        ),
        ("digits", Carrier::Json, vec![event(&"1".repeat(300_000))]),
        (
            "escapes",
            Carrier::Json,
            vec![event(&format!("\"{}\"", "\\u20ac".repeat(5_000)))],
        ),
        (
            "objects",
            Carrier::Json,
            vec![event(&vec!["{}"; MANY].join(","))],
        ),
        (
            "keys",
            Carrier::Json,
            vec![event(&format!(
                "{{{}}}",
                (0..MANY / 2)
                    .map(|key| format!("\"{key:x}\":0"))
                    .collect::<Vec<_>>()
                    .join(",")
            ))],
        ),
        (
            "a megabyte of line ends",
            Carrier::Json,
            vec![json(&format!("~j~{}{{}}", "\n".repeat(MEGABYTE)))],
        ),
        (
            "a megabyte that is not UTF-8",
            Carrier::Json,
            vec![[b"~m~990000~m~".to_vec(), vec![0xFF; 990_000]].concat()],
        ),
        (
            "a megabyte of NULs",
            Carrier::Json,
            vec![[json("~j~{}"), vec![0; MEGABYTE]].concat()],
        ),
        (
            "a megabyte of unknown keys",
            Carrier::Json,
            vec![json(&format!(
                "~j~{{{}}}",
                vec!["\"a\":1"; MEGABYTE / 6].join(",")
            ))],
        ),
        (
            "a megabyte of parameters that are none",
            Carrier::Json,
            vec![json(&format!(
                "~j~{{\"evt\":0,\"vals\":[{}]}}",
                vec!["256,0"; MEGABYTE / 6].join(",")
            ))],
        ),
        ("noise", Carrier::Datagrams, vec![vec![0x5A; 1_200]; 500]),
        (
            "datagrams of another connection",
            Carrier::Datagrams,
            vec![datagram([1; 4], |_| [0, 0, 0, 9]); 500],
        ),
        (
            "repeated commands",
            Carrier::Datagrams,
            vec![datagram(CHALLENGE, |_| [0, 0, 0, 9]); 500],
        ),
        (
            "commands in disorder",
            Carrier::Datagrams,
            (0..500)
                .map(|_| datagram(CHALLENGE, |number| [0, 0, 0, 120 - number]))
                .collect(),
        ),
        (
            "commands far ahead",
            Carrier::Datagrams,
            (0..=255)
                .map(|one| datagram(CHALLENGE, |number| [one, 1, number, 9]))
                .collect(),
        ),
    ]
}

/// A datagram with 100 reliable commands without content. Spec: udp.md 2 and 3.
fn datagram(challenge: [u8; 4], sequence: impl Fn(u8) -> [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 100, 0, 0, 0, 7];
    bytes.extend(challenge);
    for number in 0..100 {
        bytes.extend([6, 0, 1, 0, 0, 0, 0, 12]);
        bytes.extend(sequence(number));
    }
    bytes
}

fn texts(all: impl IntoIterator<Item: Into<photon_proto::Text>>) -> Value {
    Value::from(
        all.into_iter()
            .map(Into::into)
            .collect::<Vec<photon_proto::Text>>(),
    )
}

fn objects(all: Vec<Value>) -> Value {
    Value::Array(Array::Object(all))
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(objects(vec![]), |inner, _| objects(vec![inner]))
}

fn event(protocol: Protocol, code: u8, parameters: &[(u8, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut event = MessageWriter::event(&mut bytes, protocol, &NONE, code).expect("no limits");
    for (key, value) in parameters {
        event
            .put_with(*key, |out| encode(out, value))
            .expect("the protocols can express it");
    }
    event.finish().expect("no limits");
    bytes
}

/// Encodes a map without looking for duplicate keys, which a server may send.
fn encode(out: ValueWriter<'_>, value: &Value) -> Result<Written, EncodeError> {
    match value {
        Value::Hashtable(Hashtable(pairs)) => {
            out.hashtable(pairs.iter().map(|(key, value)| (key, value)))
        }
        other => out.value(other),
    }
}

fn response(protocol: Protocol, text: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let response = MessageWriter::response(&mut bytes, protocol, &NONE, 2, 0, text);
    response.expect("no limits").finish().expect("no limits");
    bytes
}
