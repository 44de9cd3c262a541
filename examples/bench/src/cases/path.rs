//! The whole path of a received message: bytes in, deframe, decode, state, and the event polled with
//! every text read.

use super::codec::{event, event_for};
use crate::client::{CHANNEL, Carrier, Connected, on_the_wire};
use crate::measure::{Case, counted};
use chat_core::{ChatConfig, Event, LinkInput, PublishOptions, Restore};
use photon_proto::Protocol;
use std::hint::black_box;

/// The id of the first message.
const FIRST_ID: i32 = 123_456;

/// The serialization protocols, with the carriers that have them.
pub(super) const FORMS: [(&str, Carrier, Protocol); 3] = [
    ("1.6", Carrier::Stream, Protocol::V16),
    ("1.8", Carrier::Stream, Protocol::V18),
    ("JSON", Carrier::Json, Protocol::V18),
];

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (form, carrier, protocol) in FORMS {
        for lines in [1, 10, 100] {
            let mut add = |how: &str, reads, change: fn(ChatConfig) -> ChatConfig| {
                let make = move || path((carrier, protocol), lines, reads, change);
                let name = format!("{form} {how}, {lines}");
                // Once the cache holds 100 messages, each new one replaces another.
                cases.push(Case::new(name, make).repetitions(150, 200));
            };
            add("bytes to polled event", false, |config| config);
            add("whole path", true, |config| config);
            add("whole path with restore", true, |config| {
                config.restore(Restore::new())
            });
            add("whole path without cache", true, |config| {
                config.channel_cache_messages(0)
            });
        }
        let name = format!("{form} whole path with restore, a message waits, 1");
        let make = move || waiting((carrier, protocol), 1);
        cases.push(Case::new(name, make).repetitions(150, 200));
    }
    for channels in CHANNELS {
        let name = format!("1.8 whole path, {channels} channels joined");
        cases.push(Case::new(name, move || to_some(channels, 10)).repetitions(1_500, 1_000));
    }
    for channels in CHANNELS {
        let name = format!("1.8 whole path, to each of {channels} channels");
        // So many messages fill the cache of all channels: of 10,000 it holds a few messages each.
        let make = move || to_some(channels, channels);
        cases.push(Case::new(name, make).repetitions(30_000, 1_000));
    }
    cases
}

/// The numbers of joined channels.
pub const CHANNELS: [usize; 4] = [10, 100, 1_000, 10_000];

fn path(
    (carrier, protocol): (Carrier, Protocol),
    lines: usize,
    reads: bool,
    change: fn(ChatConfig) -> ChatConfig,
) -> Box<dyn FnMut()> {
    let mut connected = Connected::with(carrier, protocol, change);
    let mut last_id = FIRST_ID;
    Box::new(move || {
        // Each with the next ids: the client drops what comes twice.
        let mut message = Vec::new();
        event(&mut message, protocol, lines, last_id);
        last_id += lines as i32;
        receive(&mut connected, &on_the_wire(carrier, &message), reads);
    })
}

/// The same while a sent message waits for its confirmation.
fn waiting((carrier, protocol): (Carrier, Protocol), lines: usize) -> Box<dyn FnMut()> {
    let mut connected = Connected::with(carrier, protocol, |config| config.restore(Restore::new()));
    let sent = connected
        .chat
        .publish_message(CHANNEL, "hello", &PublishOptions::new());
    let _token = sent.expect("the client is subscribed");
    // What is not sent yet costs by itself: the peer watches whether the server takes it.
    connected.flush();
    let mut last_id = FIRST_ID;
    Box::new(move || {
        let mut message = Vec::new();
        event(&mut message, protocol, lines, last_id);
        last_id += lines as i32;
        receive(&mut connected, &on_the_wire(carrier, &message), true);
    })
}

/// One message to each of `active` channels in turn, of those that are joined.
fn to_some(joined: usize, active: usize) -> Box<dyn FnMut()> {
    let mut connected = Connected::new(Carrier::Stream, Protocol::V18);
    let names = connected.join(joined);
    let mut next = 0;
    Box::new(move || {
        let mut message = Vec::new();
        let (name, round) = (&names[next % active], next / active);
        event_for(
            &mut message,
            Protocol::V18,
            name,
            1,
            FIRST_ID + round as i32,
        );
        next += 1;
        receive(
            &mut connected,
            &on_the_wire(Carrier::Stream, &message),
            true,
        );
    })
}

/// Passes a message to the client and takes its event; `reads` its texts, too.
///
/// # Panics
/// If the event does not come.
pub fn receive(connected: &mut Connected, bytes: &[u8], reads: bool) {
    let (now, link, chat) = (connected.now, connected.link, &mut connected.chat);
    counted(|| {
        chat.handle_link(now, link, LinkInput::Received(black_box(bytes)));
        let _serviced = chat.service(now);
        let event = black_box(chat.poll_event().expect("an event"));
        let Event::ChatMessages { messages, .. } = &event else {
            panic!("messages")
        };
        if reads {
            for message in messages.iter() {
                black_box((message.sender, message.content.as_str()));
            }
        }
    });
}
