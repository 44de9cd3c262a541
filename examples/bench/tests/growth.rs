//! With many channels, friends, messages and requests, an item costs what it costs among few, and the
//! memory is released afterwards. `photon-bench longest` counts the longest calls.

use allocation_counter::measure;
use chat_core::codes::parameter;
use chat_core::{Restore, SubscribeOptions};
use photon_bench::cases::growth::GROWTH;
use photon_bench::client::CHANNEL;
use photon_bench::measure::allocations;
use photon_bench::server::Served;
use photon_proto::message::MessageWriter;
use photon_proto::{Limits, Protocol};

const MANY: usize = 10_000;
/// How many names go into one request.
const AT_A_TIME: usize = 500;
/// How much an item among many may cost more than one among few, in percent.
const TOLERANCE: f64 = 5.0;
/// What a client may keep after it had many of something, however many: the last requests that were
/// settled, whose responses may still come, know their names.
const KEPT_BYTES: i64 = 128 * 1024;

#[test]
fn allocations_of_an_item_do_not_grow_with_their_number() {
    for growth in &GROWTH {
        let (few, _) = allocations(&growth.case(growth.few));
        let (many, _) = allocations(&growth.case(growth.many));
        let most = few * (1.0 + TOLERANCE / 100.0) + 0.05;
        assert!(
            many <= most,
            "{}: {few} allocations among {}, {many} among {}",
            growth.name,
            growth.few,
            growth.many
        );
    }
}

#[test]
fn the_work_of_an_item_does_not_grow_with_their_number() {
    let each = |count: usize| {
        let mut served = Served::connected(|config| config);
        let names = names(count);
        let before = served.chat.stats().work;
        subscribe(&mut served, &names);
        for name in &names {
            message(&mut served, name, 1);
        }
        (served.chat.stats().work - before) as f64 / count as f64
    };
    let (few, many) = (each(1_000), each(MANY));
    assert!(
        many <= few * (1.0 + TOLERANCE / 100.0),
        "{few} among 1,000, {many} among {MANY}"
    );
}

#[test]
fn channels_and_their_messages_leave_no_memory() {
    let mut served = Served::connected(|config| config);
    let names = names(MANY);
    released("channels", &mut served, |served| {
        subscribe(served, &names);
        for name in &names {
            message(served, name, 1);
        }
        leave(served, &names);
    });
}

#[test]
fn subscribe_calls_leave_no_memory() {
    let mut served = Served::connected(|config| config);
    let names = names(MANY);
    released("subscribe calls", &mut served, |served| {
        for name in &names {
            let sent = served.chat.subscribe([name], &SubscribeOptions::new());
            assert!(sent.is_ok(), "{sent:?}");
            served.settle();
        }
        leave(served, &names);
    });
}

#[test]
fn messages_leave_no_memory() {
    let mut served = Served::connected(|config| config);
    let joined = served.chat.subscribe([CHANNEL], &SubscribeOptions::new());
    assert!(joined.is_ok(), "{joined:?}");
    served.settle();
    released("messages", &mut served, |served| {
        for number in 1..=100_000 {
            message(served, CHANNEL, number);
        }
        assert!(served.chat.clear_messages(CHANNEL));
    });
}

#[test]
fn friends_leave_no_memory() {
    let mut served = Served::connected(|config| config.restore(Restore::new()));
    let names = names(MANY);
    released("friends", &mut served, |served| {
        for some in names.chunks(AT_A_TIME) {
            assert_eq!(served.chat.add_friends(some), Ok(()));
            served.settle();
        }
        for some in names.chunks(AT_A_TIME) {
            assert_eq!(served.chat.remove_friends(some), Ok(()));
            served.settle();
        }
    });
}

#[test]
fn restored_channels_leave_no_memory() {
    let mut served = Served::connected(|config| config.restore(Restore::new()));
    let names = names(MANY);
    released("restored channels", &mut served, |served| {
        subscribe(served, &names);
        served.lose();
        for _ in 0..10 {
            served.wait();
        }
        assert_eq!(served.chat.stats().restores, 1);
        leave(served, &names);
    });
}

fn names(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("channel{number}"))
        .collect()
}

fn subscribe(served: &mut Served, names: &[String]) {
    for some in names.chunks(AT_A_TIME) {
        let sent = served.chat.subscribe(some, &SubscribeOptions::new());
        assert!(sent.is_ok(), "{sent:?}");
        served.settle();
    }
    assert_eq!(served.chat.public_channels().count(), names.len());
}

fn leave(served: &mut Served, names: &[String]) {
    for some in names.chunks(AT_A_TIME) {
        let sent = served.chat.unsubscribe(some);
        assert!(sent.is_ok(), "{sent:?}");
        served.settle();
    }
    assert_eq!(served.chat.public_channels().count(), 0);
    served.chat.forget_channels();
    served.settle();
}

fn message(served: &mut Served, channel: &str, id: i32) {
    served.deliver(|buffer| {
        let event = MessageWriter::event(buffer, Protocol::V18, &Limits::DEFAULT, 0);
        let mut event = event.expect("fits");
        event.put(parameter::CHANNEL, channel).expect("fits");
        event
            .put_with(parameter::SENDERS, |out| out.strings(["bob"].iter()))
            .expect("fits");
        event
            .put_with(parameter::MESSAGES, |out| out.objects(["hello"].iter()))
            .expect("fits");
        event.put(parameter::MESSAGE_ID, &id).expect("fits");
        event.finish().expect("fits");
    });
}

/// Asserts that the client keeps no memory.
#[track_caller]
fn released(what: &str, served: &mut Served, many: impl FnOnce(&mut Served)) {
    let info = measure(|| {
        many(served);
        // Timers release what buffers keep.
        for _ in 0..3 {
            served.wait();
        }
    });
    let kept = info.bytes_current;
    assert!(kept <= KEPT_BYTES, "{what}: {kept} bytes are kept");
}
