//! Buffers that grew return their memory.

use allocation_counter::measure;
use chat_core::{ChatConfig, Restore, SubscribeOptions};
use photon_bench::client::{CHANNEL, Carrier, Connected};
use photon_bench::server::Served;
use photon_proto::message::MessageWriter;
use photon_proto::{Limits, Protocol};

const CARRIERS: [Carrier; 4] = [
    Carrier::Stream,
    Carrier::Messages,
    Carrier::Json,
    Carrier::Datagrams,
];
/// What a client may keep after traffic of any kind.
const KEPT_BYTES: i64 = 8 * 1024;

/// Event 0 with so many messages, for a channel that the client does not cache: nothing but buffers
/// keeps memory of it. The last of them has the id 0, which stands for none: with another the client
/// would drop what it has seen.
fn event(texts: impl ExactSizeIterator<Item = String> + Clone) -> Vec<u8> {
    event_with_id(texts, 0)
}

fn event_with_id(texts: impl ExactSizeIterator<Item = String> + Clone, last_id: i32) -> Vec<u8> {
    let limits = Limits {
        max_sent_bytes: usize::MAX,
        ..Limits::DEFAULT
    };
    let mut bytes = Vec::new();
    let mut event = MessageWriter::event(&mut bytes, Protocol::V18, &limits, 0).expect("fits");
    event.put(1, CHANNEL).expect("fits");
    event
        .put_with(4, |out| out.strings(texts.clone().map(|_| "bob")))
        .expect("fits");
    event.put_with(2, |out| out.objects(texts)).expect("fits");
    event.put(8, &last_id).expect("fits");
    event.finish().expect("fits");
    bytes
}

/// Asserts that traffic leaves no more memory than the client needs at rest.
#[track_caller]
fn returns(what: &str, traffic: impl Fn(&mut Connected)) {
    for carrier in CARRIERS {
        let mut connected = Connected::without_cache(carrier, Protocol::V18);
        let info = measure(|| {
            traffic(&mut connected);
            connected.idle();
        });
        let kept = info.bytes_current;
        assert!(
            kept <= KEPT_BYTES,
            "{what} over {}: {kept} bytes",
            carrier.name()
        );
    }
}

#[test]
fn sound08_a_large_event_leaves_nothing() {
    let large = event((0..30).map(|_| "x".repeat(30_000)));
    returns("900 KB", |connected| connected.deliver(&large));
}

#[test]
fn sound08_a_history_leaves_nothing() {
    let history = event((0..100).map(|number| format!("{number:0100}")));
    returns("a history", |connected| connected.deliver(&history));
}

#[test]
fn sound08_a_backlog_of_events_leaves_nothing() {
    let short = event((0..1).map(|_| "x".to_owned()));
    returns("27,000 events", |connected| {
        connected.take_events = false;
        for _ in 0..27_000 {
            connected.deliver(&short);
        }
        assert!(connected.chat.queued_events() > 10_000);
        while connected.chat.poll_event().is_some() {}
        // The input that waited for space, and the rest of its events.
        connected.take_events = true;
        connected.deliver(&short);
    });
}

#[test]
fn sound08_sent_data_leaves_nothing() {
    returns("sent data", |connected| {
        let text = "x".repeat(10_000);
        for _ in 0..20 {
            let sent = connected.chat.publish_message(
                CHANNEL,
                text.as_str(),
                &chat_core::PublishOptions::new(),
            );
            assert!(sent.is_ok(), "{sent:?}");
        }
        connected.deliver(&event((0..1).map(|_| "x".to_owned())));
        connected.flush();
    });
}

#[test]
fn sound08_many_requests_leave_nothing() {
    returns("4,000 requests", |connected| {
        for number in 0..4_000 {
            let name = format!("channel{number}");
            let sent = connected.chat.unsubscribe([&name]);
            assert!(sent.is_ok(), "{sent:?}");
            connected.flush();
        }
        let names = (0..4_000).map(|number| format!("channel{number}"));
        let mut left = Vec::new();
        let mut event =
            MessageWriter::event(&mut left, Protocol::V18, &Limits::DEFAULT, 6).expect("fits");
        event.put_with(0, |out| out.strings(names)).expect("fits");
        event.finish().expect("fits");
        connected.deliver(&left);
        let mut answer = Vec::new();
        let response =
            MessageWriter::response(&mut answer, Protocol::V18, &Limits::DEFAULT, 1, 0, None);
        response.expect("fits").finish().expect("fits");
        for _ in 0..100 {
            connected.deliver(&answer);
        }
    });
}

#[test]
fn sound08_steady_traffic_allocates_as_before() {
    for carrier in [Carrier::Stream, Carrier::Messages] {
        for (count, most) in [(1, 5), (10, 6), (100, 6)] {
            let mut connected = Connected::without_cache(carrier, Protocol::V18);
            let texts = (0..count).map(|number| format!("{number:0100}"));
            let messages: Vec<Vec<u8>> = (1..=200)
                .map(|number| event_with_id(texts.clone(), number * count))
                .collect();
            let (first, then) = messages.split_at(100);
            for message in first {
                connected.deliver(message);
            }
            let seen = connected.chat.stats().repeated_messages;
            assert_eq!(seen, 0, "the client drops what is measured");
            let info = measure(|| {
                for message in then {
                    connected.deliver(message);
                }
            });
            let each = info.count_total / 100;
            assert!(
                each <= most,
                "{each} allocations for {count} over {}",
                carrier.name()
            );
        }
    }
}

/// The channels of a client whose memory is measured.
const CHANNELS: usize = 1_000;
/// What restore may add to a channel, beyond its name and options. Issue 12.
const RESTORE_BYTES: usize = 64;
/// The options of a wanted channel: the last id, the most subscribers, the length of the history and
/// two flags, with padding.
const OPTIONS_BYTES: usize = 12;

#[test]
fn a_channel_needs_64_bytes_more_with_restore_beyond_its_name_and_options() {
    let plain = SubscribeOptions::new();
    for (count, length) in [
        (CHANNELS, 10),
        (CHANNELS, 20),
        (CHANNELS, 50),
        (1_100, 10),
        (2_000, 10),
    ] {
        let names = names_of(count, length);
        let without = bytes_of_channels(&names, &plain, |config| config);
        let with = bytes_of_channels(&names, &plain, |config| config.restore(Restore::new()));
        let each = with.saturating_sub(without) / count;
        // The name is kept once, with restore or without.
        let most = RESTORE_BYTES + OPTIONS_BYTES;
        assert!(
            (1..=most).contains(&each),
            "{each} bytes for each of {count} channels with names of {length}"
        );
    }
}

#[test]
fn a_quiet_channel_keeps_nothing_of_its_request_for_history() {
    let names = names_of(CHANNELS, 10);
    let plain = bytes_of_channels(&names, &SubscribeOptions::new(), |config| config);
    let history = SubscribeOptions::new().history(-1);
    let asked = bytes_of_channels(&names, &history, |config| config);
    assert!(
        asked <= plain + KEPT_BYTES as usize,
        "{asked} bytes, {plain} without history"
    );
}

fn names_of(count: usize, length: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{number:0length$}"))
        .collect()
}

/// The memory of a client that is subscribed to these channels and waits for messages, without that
/// of a client without channels.
fn bytes_of_channels(
    names: &[String],
    options: &SubscribeOptions,
    change: fn(ChatConfig) -> ChatConfig,
) -> usize {
    let mut served = Served::connected(change);
    served.wait();
    let info = measure(|| {
        for some in names.chunks(500) {
            let sent = served.chat.subscribe(some, options);
            assert!(sent.is_ok(), "{sent:?}");
            served.settle();
        }
        // Calls without input release what buffers and late answers need.
        for _ in 0..20 {
            served.wait();
        }
    });
    assert_eq!(served.chat.public_channels().count(), names.len());
    usize::try_from(info.bytes_current).expect("channels need memory")
}
