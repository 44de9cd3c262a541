//! The codecs alone: requests and events to bytes and back.

use super::LINE;
use crate::client::{CHANNEL, frame};
use crate::measure::{Case, counted};
use photon_proto::message::{self, Message, MessageWriter};
use photon_proto::{Limits, Protocol, ValueRef};
use std::hint::black_box;
use std::sync::LazyLock;

/// The users that send the messages of an event. Made once, because encoding is measured.
pub static SENDERS: LazyLock<[String; 100]> =
    LazyLock::new(|| std::array::from_fn(|number| format!("user{number}")));

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (protocol, version) in [(Protocol::V16, "1.6"), (Protocol::V18, "1.8")] {
        let mut bytes = Vec::new();
        publish(&mut bytes, protocol);
        cases.extend([
            Case::new(format!("{version} encode publish"), move || {
                encode(move |buffer| publish(buffer, protocol))
            }),
            Case::new(
                format!("{version} encode publish, with TCP frame"),
                move || encode(move |buffer| frame(buffer, |out| publish(out, protocol))),
            ),
            decode(
                format!("{version} decode publish, borrowed"),
                &bytes,
                move |bytes| borrowed_publish(protocol, bytes),
            ),
            decode(
                format!("{version} decode publish, owned values"),
                &bytes,
                move |bytes| owned(protocol, bytes),
            ),
        ]);
        for lines in [1, 10, 100] {
            let mut bytes = Vec::new();
            event(&mut bytes, protocol, lines, 123_456);
            let repetitions = (50, 200);
            cases.extend(
                [
                    Case::new(format!("{version} encode event of {lines}"), move || {
                        encode(move |buffer| event(buffer, protocol, lines, 123_456))
                    }),
                    decode(
                        format!("{version} decode event of {lines}, borrowed"),
                        &bytes,
                        move |bytes| borrowed_event(protocol, bytes),
                    ),
                    decode(
                        format!("{version} decode event of {lines}, owned values"),
                        &bytes,
                        move |bytes| owned(protocol, bytes),
                    ),
                ]
                .map(|case| case.repetitions(repetitions.0, repetitions.1)),
            );
        }
    }
    cases
}

fn publish(buffer: &mut Vec<u8>, protocol: Protocol) {
    let mut request = MessageWriter::request(buffer, protocol, &Limits::DEFAULT, 2).expect("fits");
    request.put(1, CHANNEL).expect("fits");
    request.put(3, LINE).expect("fits");
    request.finish().expect("fits");
}

/// Event 0 with so many messages, at most 100, for [`CHANNEL`].
///
/// # Panics
/// If it does not fit into a message.
pub fn event(buffer: &mut Vec<u8>, protocol: Protocol, lines: usize, last_id: i32) {
    event_for(buffer, protocol, CHANNEL, lines, last_id);
}

/// Event 0 with so many messages.
pub(super) fn event_for(
    buffer: &mut Vec<u8>,
    protocol: Protocol,
    channel: &str,
    lines: usize,
    last_id: i32,
) {
    let mut event = MessageWriter::event(buffer, protocol, &Limits::DEFAULT, 0).expect("fits");
    event.put(1, channel).expect("fits");
    event
        .put_with(4, |out| out.strings(SENDERS.iter().take(lines)))
        .expect("fits");
    event
        .put_with(2, |out| out.objects((0..lines).map(|_| LINE)))
        .expect("fits");
    event.put(8, &last_id).expect("fits");
    event.finish().expect("fits");
}

fn encode(write: impl Fn(&mut Vec<u8>) + 'static) -> Box<dyn FnMut()> {
    let mut buffer = Vec::new();
    Box::new(move || {
        buffer.clear();
        counted(|| write(&mut buffer));
        black_box(&buffer);
    })
}

fn decode(name: String, bytes: &[u8], read: impl Fn(&[u8]) + Copy + 'static) -> Case {
    let bytes = bytes.to_vec();
    Case::new(name, move || {
        let bytes = bytes.clone();
        Box::new(move || counted(|| read(black_box(&bytes))))
    })
}

fn parse(protocol: Protocol, bytes: &[u8]) -> Message<'_> {
    let header = message::Header::decode(bytes).expect("a header");
    Message::decode(
        header.kind,
        protocol,
        &Limits::DEFAULT,
        &bytes[message::Header::LENGTH..],
    )
    .expect("a message")
}

fn borrowed_publish(protocol: Protocol, bytes: &[u8]) {
    let Message::Request { mut params, .. } = parse(protocol, bytes) else {
        panic!("a request")
    };
    while let Some(key) = params.next_key().expect("a key") {
        match key {
            1 | 3 => drop(black_box(params.str("text").expect("text"))),
            _ => {}
        }
    }
}

fn borrowed_event(protocol: Protocol, bytes: &[u8]) {
    let Message::Event { mut params, .. } = parse(protocol, bytes) else {
        panic!("an event")
    };
    while let Some(key) = params.next_key().expect("a key") {
        match key {
            1 => drop(black_box(params.str("channel").expect("text"))),
            2 | 4 => params
                .value_refs("messages or senders", |element| {
                    if let ValueRef::String(text) = element {
                        let _text = black_box(text);
                    }
                })
                .expect("messages or senders"),
            8 => drop(black_box(params.int("id").expect("an id"))),
            _ => {}
        }
    }
}

/// Decodes the whole parameter table to owned values.
fn owned(protocol: Protocol, bytes: &[u8]) {
    match parse(protocol, bytes) {
        Message::Request { mut params, .. } | Message::Event { mut params, .. } => {
            black_box(params.to_parameters().expect("parameters"));
        }
        _ => panic!("a request or an event"),
    }
}
