//! Calls of a connected client: requests, and a frame in which nothing happens.

use super::LINE;
use super::path::FORMS;
use crate::client::{CHANNEL, Carrier, Connected, frame, subscribed};
use crate::measure::{Case, counted};
use chat_core::{ChatClient, LinkId, LinkInput, PublishOptions, SubscribeOptions};
use photon_proto::message::MessageWriter;
use photon_proto::{Limits, Protocol, Timestamp};
use std::hint::black_box;

/// The idle frames of an operation: alone, the costs of the measurement would be part of the count.
const FRAMES: u64 = 50;

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (form, carrier, protocol) in FORMS {
        cases.push(Case::new(
            format!("{form} publish through the client"),
            move || publish(carrier, protocol, false),
        ));
        cases.push(Case::new(
            format!("{form} publish through the client, and transmit"),
            move || publish(carrier, protocol, true),
        ));
    }
    for open in [1, 4_000] {
        let name = format!("subscribe, response, outcome; {open} open");
        cases.push(Case::new(name, move || settle(open)));
    }
    for channels in [1, 10, 10_000] {
        let name = format!("idle service() and poll_timeout(), {channels} channels");
        cases.push(
            Case::new(name, move || idle(channels))
                .items(FRAMES)
                .repetitions(5, 10),
        );
    }
    cases
}

fn publish(carrier: Carrier, protocol: Protocol, transmits: bool) -> Box<dyn FnMut()> {
    let mut connected = Connected::new(carrier, protocol);
    let options = PublishOptions::new();
    Box::new(move || {
        let (now, link, chat) = (connected.now, connected.link, &mut connected.chat);
        let sent = counted(|| {
            let sent = chat.publish_message(CHANNEL, black_box(LINE), &options);
            if transmits {
                transmit(chat, now, link);
            }
            sent
        });
        black_box(sent).expect("there is space");
        transmit(chat, now, link);
    })
}

fn transmit(chat: &mut ChatClient, now: Timestamp, link: LinkId) {
    while let Some(bytes) = chat.transmit(now, link).map(<[u8]>::len) {
        chat.transmitted(link, bytes);
    }
}

/// One more subscribe request, its response, and the event with the outcome of the oldest request.
/// The others have their response and wait for their outcome.
fn settle(open: usize) -> Box<dyn FnMut()> {
    let Connected { mut chat, link, .. } = Connected::new(Carrier::Stream, Protocol::V18);
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
        transmit(chat, now, link);
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
        counted(|| {
            subscribe(&mut chat, &names[(next + open) % names.len()]);
            answer(&mut chat, &response);
            answer(&mut chat, &outcomes[next]);
        });
        next = (next + 1) % names.len();
    })
}

/// Event 5 for one channel, in a frame.
fn outcome(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, |out| {
        out.extend(subscribed(Protocol::V18, &[name]));
    });
    bytes
}

fn idle(channels: usize) -> Box<dyn FnMut()> {
    let mut connected = Connected::new(Carrier::Stream, Protocol::V18);
    let _names = connected.join(channels - 1);
    let now = connected.now;
    Box::new(move || {
        counted(|| {
            for _ in 0..FRAMES {
                let _serviced = connected.chat.service(black_box(now));
                black_box(connected.chat.poll_timeout());
            }
        });
    })
}
