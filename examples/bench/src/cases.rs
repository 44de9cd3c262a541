//! The measured cases: a publish, and chat events of 1, 10 and 100 messages, in both protocols; and
//! messages over reliable UDP.

use crate::udp::{self, Library};
use photon_proto::message::{self, Message, MessageWriter};
use photon_proto::{Element, Limits, Protocol, Timestamp};
use std::hint::black_box;

use chat_core::{ChatClient, LinkId, LinkInput, SubscribeOptions};
use photon_bench::client::{CHANNEL, Carrier, Connected, frame, subscribed};

/// The text of every message: 100 characters.
const LINE: &str = "The quick brown fox jumps over the lazy dog, then sits down and has a long think about chat systems.";

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) operation: Box<dyn FnMut()>,
    /// How many messages one operation delivers. The counts are divided by it.
    pub(crate) messages: u64,
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, operation: Box<dyn FnMut()>| {
        cases.push(Case {
            name,
            operation,
            messages: 1,
        })
    };
    for protocol in [Protocol::V16, Protocol::V18] {
        let version = if protocol == Protocol::V16 {
            "1.6"
        } else {
            "1.8"
        };
        add(
            format!("{version} encode publish"),
            encode(move |buffer| publish(buffer, protocol)),
        );
        let mut bytes = Vec::new();
        publish(&mut bytes, protocol);
        add(
            format!("{version} decode publish, borrowed"),
            borrowed_publish(protocol, bytes.clone()),
        );
        add(
            format!("{version} decode publish, owned values"),
            owned(protocol, bytes),
        );
        for lines in [1, 10, 100] {
            add(
                format!("{version} encode event of {lines}"),
                encode(move |buffer| event(buffer, protocol, lines, 1_000)),
            );
            let mut bytes = Vec::new();
            event(&mut bytes, protocol, lines, 1_000);
            add(
                format!("{version} decode event of {lines}, borrowed"),
                borrowed_event(protocol, bytes.clone()),
            );
            add(
                format!("{version} decode event of {lines}, owned values"),
                owned(protocol, bytes.clone()),
            );
            add(
                format!("{version} bytes to polled event, {lines}"),
                path(protocol, lines),
            );
        }
    }
    for open in [1, 4_000] {
        add(
            format!("subscribe, response, outcome; {open} open"),
            settle(open),
        );
    }
    add("idle service() and poll_timeout()".to_owned(), idle());
    for (loss, library) in UDP {
        let (name, operation) = (udp_name(loss, library), udp::delivery(library, loss));
        cases.push(Case {
            name,
            operation,
            messages: udp::MESSAGES,
        });
    }
    cases
}

/// The loss in percent and the library of each row.
pub(crate) const UDP: [(u32, Library); 4] = [
    (0, Library::Ours),
    (0, Library::Enet),
    (5, Library::Ours),
    (5, Library::Enet),
];

pub(crate) fn udp_name(loss: u32, library: Library) -> String {
    let with = if library == Library::Ours {
        ""
    } else {
        ", rusty_enet"
    };
    format!("delivered 100-byte reliable message, {loss} % loss{with}")
}

/// More events than one run of a case takes.
const EVENTS: usize = 2_000;

fn publish(buffer: &mut Vec<u8>, protocol: Protocol) {
    let mut request = MessageWriter::request(buffer, protocol, &Limits::DEFAULT, 2).expect("fits");
    request.put(1, CHANNEL).expect("fits");
    request.put(3, LINE).expect("fits");
    request.finish().expect("fits");
}

fn event(buffer: &mut Vec<u8>, protocol: Protocol, lines: usize, last_id: i32) {
    let mut event = MessageWriter::event(buffer, protocol, &Limits::DEFAULT, 0).expect("fits");
    event.put(1, CHANNEL).expect("fits");
    event
        .put_with(4, |out| out.strings((0..lines).map(|_| "alice")))
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
        write(&mut buffer);
        black_box(&buffer);
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

fn borrowed_publish(protocol: Protocol, bytes: Vec<u8>) -> Box<dyn FnMut()> {
    Box::new(move || {
        let Message::Request { mut params, .. } = parse(protocol, black_box(&bytes)) else {
            panic!("a request")
        };
        while let Some(key) = params.next_key().expect("a key") {
            match key {
                1 | 3 => drop(black_box(params.str("text").expect("text"))),
                _ => {}
            }
        }
    })
}

fn borrowed_event(protocol: Protocol, bytes: Vec<u8>) -> Box<dyn FnMut()> {
    Box::new(move || {
        let Message::Event { mut params, .. } = parse(protocol, black_box(&bytes)) else {
            panic!("an event")
        };
        while let Some(key) = params.next_key().expect("a key") {
            match key {
                1 => drop(black_box(params.str("channel").expect("text"))),
                2 => params
                    .elements("messages", |element| {
                        if let Element::Text(text) = element {
                            let _text = black_box(std::str::from_utf8(text));
                        }
                    })
                    .expect("messages"),
                4 => params
                    .texts("senders", |sender| {
                        let _sender = black_box(std::str::from_utf8(sender));
                    })
                    .expect("senders"),
                8 => drop(black_box(params.int("id").expect("an id"))),
                _ => {}
            }
        }
    })
}

/// Decodes the whole parameter table to owned values.
fn owned(protocol: Protocol, bytes: Vec<u8>) -> Box<dyn FnMut()> {
    Box::new(move || match parse(protocol, black_box(&bytes)) {
        Message::Request { mut params, .. } | Message::Event { mut params, .. } => {
            black_box(params.to_parameters().expect("parameters"));
        }
        _ => panic!("a request or an event"),
    })
}

fn connected(protocol: Protocol) -> (ChatClient, LinkId) {
    let Connected { chat, link, .. } = Connected::new(Carrier::Stream, protocol);
    (chat, link)
}

fn path(protocol: Protocol, lines: usize) -> Box<dyn FnMut()> {
    let (mut chat, link) = connected(protocol);
    // Each with the next ids: the client drops what comes twice.
    let make = move |number: usize| {
        let mut bytes = Vec::new();
        let last_id = (number * lines) as i32;
        frame(&mut bytes, |out| event(out, protocol, lines, last_id));
        bytes
    };
    let now = Timestamp::from_millis(2);
    let (mut events, mut next) = (Vec::new(), 0);
    Box::new(move || {
        // Once, in the first call: every run makes all cases, and uses one.
        if events.is_empty() {
            events.extend((1..=EVENTS).map(make));
        }
        let bytes = &events[next % EVENTS];
        next += 1;
        chat.handle_link(now, link, LinkInput::Received(black_box(bytes)));
        let _serviced = chat.service(now);
        black_box(chat.poll_event().expect("an event"));
    })
}

/// One more subscribe request, its response, and the event with the outcome of the oldest request.
/// The others have their response and wait for their outcome.
fn settle(open: usize) -> Box<dyn FnMut()> {
    let (mut chat, link) = connected(Protocol::V18);
    let now = Timestamp::from_millis(2);
    let names: Vec<String> = (0..=open)
        .map(|number| format!("channel{number}"))
        .collect();
    let outcomes: Vec<Vec<u8>> = names.iter().map(|name| outcome(name)).collect();
    let mut response = Vec::new();
    frame(&mut response, |out| {
        let response = MessageWriter::response(out, Protocol::V18, &Limits::DEFAULT, 0, 0, None);
        response.expect("fits").finish().expect("fits");
    });
    let subscribe = move |chat: &mut ChatClient, name: &str| {
        let _request = chat
            .subscribe([name], &SubscribeOptions::new())
            .expect("there is space");
        while let Some(bytes) = chat.transmit(now, link).map(<[u8]>::len) {
            chat.transmitted(link, bytes);
        }
    };
    let answer = move |chat: &mut ChatClient, bytes: &[u8]| {
        chat.handle_link(now, link, LinkInput::Received(bytes));
        while chat.service(now).more {}
        while chat.poll_event().is_some() {}
    };
    for name in names.iter().take(open) {
        subscribe(&mut chat, name);
        answer(&mut chat, &response);
    }
    let mut next = 0;
    Box::new(move || {
        subscribe(&mut chat, &names[(next + open) % names.len()]);
        answer(&mut chat, &response);
        answer(&mut chat, &outcomes[next]);
        next = (next + 1) % names.len();
    })
}

/// Event 5 for one channel, in a frame.
fn outcome(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, |out| {
        out.extend(subscribed(Protocol::V18, name))
    });
    bytes
}

fn idle() -> Box<dyn FnMut()> {
    let (mut chat, _link) = connected(Protocol::V18);
    let now = Timestamp::from_millis(2);
    Box::new(move || {
        let _serviced = chat.service(black_box(now));
        black_box(chat.poll_timeout());
    })
}
