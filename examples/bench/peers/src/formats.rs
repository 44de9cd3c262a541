//! Other formats, with the contents of a publish request and of event 0: protocol buffers by `prost`,
//! MessagePack by `rmp-serde`, the JSON of the service by `serde_json` with types, and GpBinary 1.6
//! by `photon_decode`.
//!
//! What they decode to owns its texts, except for MessagePack, which also has rows with borrowed
//! ones: those compare with our "borrowed" rows.

use photon_bench::cases::{LINE, SENDERS, event};
use photon_bench::client::{CHANNEL, Carrier, on_the_wire};
use photon_bench::measure::{Case, counted};
use photon_decode::{Decode, EventData};
use photon_proto::Protocol;
use prost::Message;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::io::Cursor;

#[derive(Clone, PartialEq, Message)]
struct ProstPublish {
    #[prost(string, tag = "1")]
    channel: String,
    #[prost(string, tag = "3")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct ProstEvent {
    #[prost(string, tag = "1")]
    channel: String,
    #[prost(string, repeated, tag = "4")]
    senders: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    messages: Vec<String>,
    #[prost(int32, tag = "8")]
    last_id: i32,
}

#[derive(Deserialize, Serialize)]
struct Publish<'a> {
    channel: &'a str,
    text: &'a str,
}

#[derive(Deserialize, Serialize)]
struct Borrowed<'a> {
    channel: &'a str,
    #[serde(borrow)]
    senders: Vec<&'a str>,
    messages: Vec<&'a str>,
    last_id: i32,
}

#[derive(Deserialize)]
struct Owned {
    channel: String,
    senders: Vec<String>,
    messages: Vec<String>,
    last_id: i32,
}

/// `{"evt":0,"vals":[1,CHANNEL,4,[SENDER,..],2,[TEXT,..],8,ID]}`
#[derive(Deserialize)]
struct JsonEvent {
    evt: u8,
    vals: (u8, String, u8, Vec<String>, u8, Vec<String>, u8, i32),
}

const LAST_ID: i32 = 123_456;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let publish = ProstPublish {
        channel: CHANNEL.to_owned(),
        text: LINE.to_owned(),
    };
    cases.push(encode("prost encode publish".to_owned(), move |out| {
        black_box(&publish).encode(out).expect("fits");
    }));
    cases.push(encode("rmp-serde encode publish".to_owned(), |out| {
        let publish = Publish {
            channel: black_box(CHANNEL),
            text: black_box(LINE),
        };
        rmp_serde::encode::write(out, &publish).expect("fits");
    }));
    for lines in [1, 10, 100] {
        events(&mut cases, lines);
    }
    cases
}

fn events(cases: &mut Vec<Case>, lines: usize) {
    let repeated = |case: Case| case.repetitions(50, 200);
    let senders: Vec<String> = SENDERS.iter().take(lines).cloned().collect();
    let message = ProstEvent {
        channel: CHANNEL.to_owned(),
        senders: senders.clone(),
        messages: vec![LINE.to_owned(); lines],
        last_id: LAST_ID,
    };
    let bytes = message.encode_to_vec();
    cases.push(repeated(encode(
        format!("prost encode event of {lines}"),
        move |out| black_box(&message).encode(out).expect("fits"),
    )));
    cases.push(repeated(decode(
        format!("prost decode event of {lines}, owned"),
        bytes,
        |bytes| drop(black_box(ProstEvent::decode(bytes).expect("an event"))),
    )));

    let borrowed = Borrowed {
        channel: CHANNEL,
        senders: senders.iter().map(String::as_str).collect(),
        messages: vec![LINE; lines],
        last_id: LAST_ID,
    };
    let bytes = rmp_serde::to_vec(&borrowed).expect("fits");
    cases.push(repeated(decode(
        format!("rmp-serde decode event of {lines}, borrowed"),
        bytes.clone(),
        |bytes| {
            let event: Borrowed<'_> = rmp_serde::from_slice(bytes).expect("an event");
            black_box((event.channel, event.senders, event.messages, event.last_id));
        },
    )));
    cases.push(repeated(decode(
        format!("rmp-serde decode event of {lines}, owned"),
        bytes,
        |bytes| {
            let event: Owned = rmp_serde::from_slice(bytes).expect("an event");
            black_box((event.channel, event.senders, event.messages, event.last_id));
        },
    )));

    let mut binary = Vec::new();
    event(&mut binary, Protocol::V18, lines, LAST_ID);
    let text = on_the_wire(Carrier::Json, &binary);
    let start = text.iter().position(|byte| *byte == b'{');
    let text = text[start.expect("an object")..].to_vec();
    cases.push(repeated(decode(
        format!("serde_json decode event of {lines}, typed"),
        text,
        |bytes| {
            let event: JsonEvent = serde_json::from_slice(bytes).expect("an event");
            black_box((event.evt, event.vals));
        },
    )));

    let mut binary = Vec::new();
    event(&mut binary, Protocol::V16, lines, LAST_ID);
    cases.push(repeated(decode(
        format!("photon_decode decode event of {lines}, owned values"),
        // Without the two bytes in front of every message.
        binary[2..].to_vec(),
        |bytes| {
            let event: EventData = Cursor::new(bytes).decode().expect("an event");
            black_box(event);
        },
    )));
}

fn encode(name: String, write: impl Fn(&mut Vec<u8>) + Clone + 'static) -> Case {
    Case::new(name, move || {
        let (mut buffer, write) = (Vec::new(), write.clone());
        Box::new(move || {
            buffer.clear();
            counted(|| write(&mut buffer));
            black_box(&buffer);
        })
    })
}

fn decode(name: String, bytes: Vec<u8>, read: fn(&[u8])) -> Case {
    Case::new(name, move || {
        let bytes = bytes.clone();
        Box::new(move || counted(|| read(black_box(&bytes))))
    })
}
