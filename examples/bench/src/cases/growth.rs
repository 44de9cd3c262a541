//! The cost of an item when there are few and when there are many: it should be the same.

use super::codec::event;
use super::path::receive;
use crate::client::{Carrier, Connected, on_the_wire};
use crate::measure::{Case, counted};
use crate::server::Served;
use chat_core::codes::{event, parameter};
use chat_core::{Encryption, Event, Restore, SubscribeOptions};
use photon_proto::message::MessageWriter;
use photon_proto::{Limits, Protocol};

/// A kind of item that a client may have many of.
pub struct Growth {
    /// What is done with each, as part of the names.
    pub name: &'static str,
    /// The number in the rows of few.
    pub few: usize,
    /// The number in the rows of many.
    pub many: usize,
    make: fn(usize) -> Box<dyn FnMut()>,
    warm_up: fn(usize) -> u64,
    repetitions: u64,
}

/// All kinds.
pub const GROWTH: [Growth; 6] = [
    once("a channel, subscribed with 500 others", channels),
    once("a subscribe call", calls),
    once("a friend and its status", friends),
    Growth {
        name: "a message after others",
        few: 1_000,
        many: 100_000,
        make: |_| messages(),
        warm_up: |seen| seen as u64,
        repetitions: 1_000,
    },
    once("a channel restored", restore),
    once("a channel forgotten", forget),
];

const fn once(name: &'static str, make: fn(usize) -> Box<dyn FnMut()>) -> Growth {
    Growth {
        name,
        few: 1_000,
        many: 10_000,
        make,
        warm_up: |_| 0,
        repetitions: 1,
    }
}

impl Growth {
    /// The row for so many items.
    #[must_use]
    pub fn case(&self, items: usize) -> Case {
        let make = self.make;
        let case = Case::new(self.row_name(items), move || make(items));
        let case = case.repetitions((self.warm_up)(items), self.repetitions);
        if self.repetitions == 1 {
            case.items(items as u64)
        } else {
            case
        }
    }

    /// The name of that row.
    #[must_use]
    pub fn row_name(&self, items: usize) -> String {
        format!("growth, {}, of {items}", self.name)
    }
}

pub(super) fn all() -> Vec<Case> {
    GROWTH
        .iter()
        .flat_map(|growth| [growth.case(growth.few), growth.case(growth.many)])
        .collect()
}

/// The most names in one request.
const AT_A_TIME: usize = 500;

fn names(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("channel{number}"))
        .collect()
}

/// Subscribes to all channels, as many with each call.
fn subscribe(served: &mut Served, names: &[String], at_a_time: usize) {
    for some in names.chunks(at_a_time) {
        counted(|| served.chat.subscribe(some, &SubscribeOptions::new())).expect("there is space");
        served.settle();
    }
    let joined = served.chat.public_channels().count();
    assert_eq!(joined, names.len(), "channels");
}

fn channels(count: usize) -> Box<dyn FnMut()> {
    let mut served = Served::connected(|config| config);
    let names = names(count);
    Box::new(move || subscribe(&mut served, &names, AT_A_TIME))
}

fn calls(count: usize) -> Box<dyn FnMut()> {
    let mut served = Served::connected(|config| config);
    let names = names(count);
    Box::new(move || subscribe(&mut served, &names, 1))
}

fn forget(count: usize) -> Box<dyn FnMut()> {
    let mut served = Served::connected(|config| config);
    let names = names(count);
    subscribe(&mut served, &names, AT_A_TIME);
    served.chat.disconnect();
    served.settle();
    Box::new(move || counted(|| served.chat.forget_channels()))
}

fn friends(count: usize) -> Box<dyn FnMut()> {
    let mut served = Served::connected(|config| config.restore(Restore::new()));
    let names = names(count);
    Box::new(move || {
        for some in names.chunks(AT_A_TIME) {
            counted(|| served.chat.add_friends(some)).expect("there is space");
            served.settle();
        }
        for name in &names {
            served.deliver(|buffer| status(buffer, name));
        }
    })
}

fn status(buffer: &mut Vec<u8>, user: &str) {
    let code = event::STATUS_UPDATE;
    let mut event =
        MessageWriter::event(buffer, Protocol::V18, &Limits::DEFAULT, code).expect("fits");
    event.put(parameter::SENDER, user).expect("fits");
    event.put(parameter::STATUS, &2).expect("fits");
    event.put(parameter::MESSAGE, "at the desk").expect("fits");
    event.finish().expect("fits");
}

fn messages() -> Box<dyn FnMut()> {
    let mut connected = Connected::new(Carrier::Stream, Protocol::V18);
    let mut last_id = 1_000_000;
    Box::new(move || {
        let mut message = Vec::new();
        event(&mut message, Protocol::V18, 1, last_id);
        last_id += 1;
        receive(
            &mut connected,
            &on_the_wire(Carrier::Stream, &message),
            true,
        );
    })
}

fn restore(count: usize) -> Box<dyn FnMut()> {
    // With encryption, the login would be half of the costs of few.
    let mut served =
        Served::connected(|config| config.restore(Restore::new()).encryption(Encryption::Off));
    subscribe(&mut served, &names(count), AT_A_TIME);
    Box::new(move || {
        served.lose();
        let mut restored = None;
        for _ in 0..10 {
            let (last, _) = served.wait();
            if let Some(Event::Restored { channels, .. }) = last {
                restored = Some(channels);
                break;
            }
        }
        assert_eq!(restored, Some(count), "restored channels");
    })
}
