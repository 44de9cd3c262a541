use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn settings(change: impl FnOnce(&mut StreamSettings)) -> StreamSettings {
    let mut settings = StreamSettings::default();
    change(&mut settings);
    settings
}

/// All events until `end`, with their times in milliseconds.
fn run(network: &mut Network, end: u64) -> Vec<(u64, End, LinkEvent)> {
    let mut all = Vec::new();
    while let Some(now) = network.next_time().filter(|now| *now <= at(end)) {
        while let Some(Delivery { to, event, .. }) = network.poll(now) {
            all.push((now.as_millis(), to, event));
        }
        assert!(
            network.next_time().is_none_or(|next| next > now),
            "poll left something"
        );
    }
    all
}

fn bytes(all: &[(u64, End, LinkEvent)], end: End) -> Vec<u8> {
    all.iter()
        .filter(|(_, to, _)| *to == end)
        .filter_map(|(_, _, event)| {
            if let LinkEvent::Bytes(bytes) = event {
                Some(bytes.clone())
            } else {
                None
            }
        })
        .flatten()
        .collect()
}

fn text(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

/// Opens a link.
fn open(network: &mut Network, settings: StreamSettings) -> LinkKey {
    let link = network.connect(Timestamp::ZERO, settings);
    let seen = run(network, 1_000_000);
    assert_eq!(
        seen.iter()
            .map(|(_, _, event)| event.clone())
            .collect::<Vec<_>>(),
        [LinkEvent::Accepted, LinkEvent::Opened]
    );
    link
}

#[test]
fn a_stream_keeps_its_bytes_in_order_with_any_chunks() {
    for seed in 0..200 {
        let mut network = Network::new(seed);
        let settings = settings(|settings| {
            (settings.delay_ms, settings.jitter_ms, settings.max_chunk) =
                (30, 100, 1 + seed as usize % 40);
        });
        let link = network.connect(at(0), settings);
        let sent = text(3000);
        for (step, part) in sent.chunks(70).enumerate() {
            assert_eq!(
                network.send(at(step as u64), link, End::Client, part),
                part.len()
            );
            assert_eq!(
                network.send(at(step as u64), link, End::Server, part),
                part.len()
            );
        }
        network.close(at(100), link, End::Client);
        let seen = run(&mut network, 100_000);
        assert_eq!(bytes(&seen, End::Server), sent, "seed {seed}");
        assert_eq!(
            seen.last().map(|(_, to, event)| (*to, event.clone())),
            Some((End::Server, LinkEvent::Closed))
        );
        assert_eq!(
            seen.iter().filter(|(_, to, _)| *to == End::Client).count(),
            0,
            "it had closed"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_deliveries() {
    let story = |seed| {
        let mut network = Network::new(seed);
        let settings = settings(|settings| (settings.jitter_ms, settings.max_chunk) = (50, 9));
        let link = network.connect(at(0), settings);
        network.send(at(0), link, End::Client, &text(100));
        run(&mut network, 10_000)
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}

#[test]
fn a_full_window_accepts_nothing_until_the_reader_reads() {
    let mut network = Network::new(1);
    let link = open(
        &mut network,
        settings(|settings| (settings.delay_ms, settings.window_bytes) = (10, 100)),
    );
    let start = network.now;
    network.set_reading(link, End::Server, false);
    assert_eq!(network.send(start, link, End::Client, &text(150)), 100);
    assert_eq!(network.send(start, link, End::Client, &text(1)), 0);
    assert_eq!(
        network.send(start, link, End::Server, &text(100)),
        100,
        "the other direction has its own"
    );
    let seen = run(&mut network, 1000);
    assert_eq!(bytes(&seen, End::Server), []);
    network.set_reading(link, End::Server, true);
    let seen = run(&mut network, 2000);
    let expected = [
        (End::Server, LinkEvent::Bytes(text(100))),
        (End::Client, LinkEvent::Writable),
    ];
    assert_eq!(
        seen.into_iter()
            .map(|(_, to, event)| (to, event))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(network.send(at(2000), link, End::Client, &text(150)), 100);
}

#[test]
fn bandwidth_delays_each_send() {
    let mut network = Network::new(1);
    let link = open(
        &mut network,
        settings(|settings| (settings.delay_ms, settings.bytes_per_second) = (5, 1000)),
    );
    let start = network.now.as_millis();
    for _ in 0..3 {
        network.send(network.now, link, End::Client, &text(100));
    }
    let times: Vec<u64> = run(&mut network, 10_000)
        .into_iter()
        .map(|(time, ..)| time - start)
        .collect();
    assert_eq!(times, [105, 205, 305]);
}

#[test]
fn a_stall_delays_and_loses_nothing() {
    let mut network = Network::new(1);
    let link = open(&mut network, settings(|settings| settings.delay_ms = 10));
    let start = network.now.as_millis();
    network.send(at(start), link, End::Client, b"a");
    network.stall(link, at(start + 500));
    network.send(at(start + 100), link, End::Server, b"b");
    network.send(at(start + 495), link, End::Client, b"c");
    let seen: Vec<_> = run(&mut network, 10_000)
        .into_iter()
        .map(|(time, to, event)| (time - start, to, event))
        .collect();
    let expected = [
        (500, End::Server, LinkEvent::Bytes(b"a".to_vec())),
        (500, End::Client, LinkEvent::Bytes(b"b".to_vec())),
        (505, End::Server, LinkEvent::Bytes(b"c".to_vec())),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_reset_reaches_both_ends_and_loses_bytes_in_flight() {
    let mut network = Network::new(1);
    let link = open(&mut network, settings(|settings| settings.delay_ms = 10));
    let start = network.now;
    network.send(start, link, End::Client, b"a");
    network.set_reading(link, End::Client, false);
    network.reset(start, link);
    let seen: Vec<_> = run(&mut network, 10_000)
        .into_iter()
        .map(|(_, to, event)| (to, event))
        .collect();
    assert_eq!(
        seen,
        [
            (End::Server, LinkEvent::Reset),
            (End::Client, LinkEvent::Reset)
        ]
    );
    assert_eq!(network.send(start, link, End::Client, b"abc"), 3);
    assert!(network.links.is_empty() && network.next_time().is_none());
}

#[test]
fn a_cut_is_silent_and_the_window_fills() {
    let mut network = Network::new(1);
    let link = open(
        &mut network,
        settings(|settings| settings.window_bytes = 10),
    );
    let start = network.now;
    network.send(start, link, End::Client, b"abc");
    network.cut(link, End::Server);
    assert_eq!(network.send(start, link, End::Client, &text(10)), 7);
    assert_eq!(network.send(start, link, End::Client, &text(10)), 0);
    network.send(start, link, End::Server, b"arrives");
    let seen: Vec<_> = run(&mut network, 10_000)
        .into_iter()
        .map(|(_, to, event)| (to, event))
        .collect();
    assert_eq!(seen, [(End::Client, LinkEvent::Bytes(b"arrives".to_vec()))]);
}

#[test]
fn connections_can_be_refused_or_ignored() {
    let mut network = Network::new(1);
    network.connect(
        at(0),
        settings(|settings| (settings.delay_ms, settings.refused) = (10, true)),
    );
    network.connect(at(0), settings(|settings| settings.unanswered = true));
    assert_eq!(
        run(&mut network, 1_000_000),
        [(20, End::Client, LinkEvent::Refused)]
    );
}

#[test]
fn both_closing_at_once_ends_the_link() {
    let mut network = Network::new(1);
    let link = open(&mut network, settings(|settings| settings.delay_ms = 10));
    let start = network.now;
    network.close(start, link, End::Client);
    network.close(start, link, End::Server);
    network.close(start, link, End::Server);
    assert_eq!(run(&mut network, 10_000), []);
    assert!(network.links.is_empty() && network.checks.is_empty());
}
