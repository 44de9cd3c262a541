use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn both(text: &str) -> DatagramSettings {
    DatagramSettings::both(text.parse().unwrap())
}

/// Opens a link.
fn open(network: &mut Network, settings: &DatagramSettings) -> LinkKey {
    let link = network.open_datagrams(at(0), settings);
    let opened = Delivery {
        link,
        to: End::Client,
        event: LinkEvent::Opened,
    };
    assert_eq!(
        (
            network.next_time(),
            network.poll(at(0)),
            network.poll(at(0))
        ),
        (Some(at(0)), Some(opened), None)
    );
    link
}

/// All deliveries with their times in milliseconds.
fn run(network: &mut Network) -> Vec<(u64, End, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(now) = network.next_time() {
        while let Some(Delivery { to, event, .. }) = network.poll(now) {
            let LinkEvent::Bytes(bytes) = event else {
                panic!("{event:?}")
            };
            all.push((now.as_millis(), to, bytes));
        }
        assert!(
            network.next_time().is_none_or(|next| next > now),
            "poll left something"
        );
    }
    all
}

#[test]
fn datagrams_arrive_whole_and_the_server_has_no_other_event() {
    let mut network = Network::new(1);
    let link = open(
        &mut network,
        &DatagramSettings {
            max_datagram_bytes: 30,
            ..both("delay=20")
        },
    );
    for (from, bytes) in [
        (End::Client, &b"one"[..]),
        (End::Client, b""),
        (End::Server, b"three"),
    ] {
        assert_eq!(network.send(at(5), link, from, bytes), bytes.len());
    }
    network.send(at(6), link, End::Client, &[0; 30]);
    network.send(at(6), link, End::Client, &[0; 31]);
    let expected = [
        (25, End::Server, b"one".to_vec()),
        (25, End::Client, b"three".to_vec()),
        (25, End::Server, Vec::new()),
        (26, End::Server, vec![0; 30]),
    ];
    assert_eq!(run(&mut network), expected);
}

#[test]
fn each_direction_has_its_own_conditions_which_can_change() {
    let mut network = Network::new(1);
    let settings = DatagramSettings {
        to_server: "loss=100".parse().unwrap(),
        ..both("delay=10 duplicate=100")
    };
    let link = open(&mut network, &settings);
    network.send(at(0), link, End::Client, b"a");
    network.send(at(0), link, End::Server, b"b");
    assert_eq!(
        run(&mut network),
        [
            (10, End::Client, b"b".to_vec()),
            (10, End::Client, b"b".to_vec())
        ]
    );
    network.set_conditions(link, End::Server, Conditions::default());
    network.send(at(20), link, End::Client, b"c");
    assert_eq!(run(&mut network), [(20, End::Server, b"c".to_vec())]);
    let stats = network.datagram_stats();
    assert_eq!((stats.sent, stats.lost, stats.duplicated), (3, 1, 1));
}

#[test]
fn the_same_seed_gives_the_same_datagrams_and_jitter_reorders_them() {
    let story = |seed| {
        let mut network = Network::new(seed);
        let link = open(
            &mut network,
            &both("loss=20 duplicate=10 delay=5 jitter=30 corrupt=2"),
        );
        for number in 0..250_u8 {
            network.send(at(u64::from(number)), link, End::Client, &[number; 10]);
            network.send(at(u64::from(number)), link, End::Server, &[number; 10]);
        }
        (run(&mut network), network.datagram_stats())
    };
    let (seen, stats) = story(3);
    assert_eq!(
        seen.len() as u64,
        stats.sent - stats.lost + stats.duplicated
    );
    assert_eq!(story(3), (seen.clone(), stats));
    assert_ne!(story(4).0, seen);
    let there: Vec<u8> = seen
        .iter()
        .filter(|(_, to, _)| *to == End::Server)
        .map(|(.., bytes)| bytes[9])
        .collect();
    assert!(!there.is_sorted());
}

#[test]
fn a_closed_end_receives_nothing_and_its_earlier_datagrams_arrive() {
    let mut network = Network::new(1);
    let link = open(&mut network, &both("delay=10"));
    network.send(at(0), link, End::Client, b"last");
    network.send(at(0), link, End::Server, b"too late");
    network.close(at(1), link, End::Client);
    network.send(at(2), link, End::Client, b"no more");
    network.send(at(2), link, End::Server, b"no more");
    assert_eq!(run(&mut network), [(10, End::Server, b"last".to_vec())]);
    assert!(network.links.is_empty() && network.checks.is_empty());
    assert_eq!(network.datagram_stats().sent, 2);
    let unopened = network.open_datagrams(at(20), &DatagramSettings::default());
    network.close(at(20), unopened, End::Client);
    assert_eq!((network.next_time(), network.links.len()), (None, 0));
}

#[test]
fn datagram_links_can_be_cut_stalled_and_left_unread() {
    let mut network = Network::new(1);
    let settings = DatagramSettings {
        max_queued_bytes: 1000,
        ..both("delay=10")
    };
    let link = open(&mut network, &settings);
    network.stall(link, at(500));
    network.send(at(0), link, End::Client, b"late");
    assert_eq!(run(&mut network), [(500, End::Server, b"late".to_vec())]);
    network.set_reading(link, End::Server, false);
    for _ in 0..100 {
        network.send(at(500), link, End::Client, &[1; 72]);
    }
    assert_eq!(
        (run(&mut network), network.datagram_stats().overrun),
        (Vec::new(), 95)
    );
    network.set_reading(link, End::Server, true);
    assert_eq!(run(&mut network).len(), 5);
    network.send(at(600), link, End::Client, b"lost");
    network.cut(link, End::Server);
    network.send(at(600), link, End::Client, b"lost");
    network.send(at(600), link, End::Server, b"arrives");
    assert_eq!(run(&mut network), [(610, End::Client, b"arrives".to_vec())]);
    network.send(at(700), link, End::Server, b"lost");
    network.reset(at(700), link);
    network.send(at(700), link, End::Server, b"lost");
    assert_eq!(run(&mut network), []);
}

#[test]
fn links_are_found_by_their_addresses() {
    let mut network = Network::new(1);
    let keys = [(); 3].map(|()| network.open_datagrams(at(0), &DatagramSettings::default()));
    for key in keys.into_iter().chain([LinkKey(u64::MAX)]) {
        assert_eq!(LinkKey::from_address(key.address()), Some(key));
    }
    assert_ne!(keys[0].address(), keys[1].address());
    for other in [
        "127.0.0.1:5000",
        "[fd00::1]:5001",
        "[fe00::1]:5000",
        "[fd00:1::1]:5000",
    ] {
        assert_eq!(
            LinkKey::from_address(other.parse().unwrap()),
            None,
            "{other}"
        );
    }
}

#[test]
fn a_fate_function_decides_on_each_datagram_of_both_ends() {
    let mut network = Network::new(1);
    let link = open(&mut network, &both("loss=100"));
    network.set_fate(link, |sent| {
        if sent.bytes == b"lost" {
            return Vec::new();
        }
        let mut changed = sent.copy_after_ms(20);
        changed.bytes.push(u8::try_from(sent.index).unwrap());
        vec![sent.copy_after_ms(30), changed]
    });
    for (from, bytes) in [
        (End::Client, &b"lost"[..]),
        (End::Client, b"a"),
        (End::Server, b"b"),
    ] {
        network.send(at(5), link, from, bytes);
    }
    let expected = [
        (25, End::Server, b"a\x01".to_vec()),
        (25, End::Client, b"b\x00".to_vec()),
        (35, End::Server, b"a".to_vec()),
        (35, End::Client, b"b".to_vec()),
    ];
    assert_eq!(run(&mut network), expected);
    let stats = network.datagram_stats();
    assert_eq!(
        (stats.sent, stats.lost, stats.duplicated, stats.corrupted),
        (3, 1, 2, 2)
    );
}

#[test]
fn a_datagram_written_by_hand_ignores_conditions_and_fate() {
    let mut network = Network::new(1);
    let link = open(&mut network, &both("loss=100"));
    network.set_fate(link, |_| Vec::new());
    network.send_after(at(10), link, End::Server, 5_000, b"a");
    network.send_after(at(10), link, End::Server, 0, b"b");
    let expected = [
        (10, End::Client, b"b".to_vec()),
        (15, End::Client, b"a".to_vec()),
    ];
    assert_eq!(run(&mut network), expected);
}

#[test]
fn datagrams_in_flight_can_be_read_and_removed_in_the_order_of_arrival() {
    let mut network = Network::new(1);
    let link = open(&mut network, &both("delay=10"));
    for bytes in [b"a", b"b", b"c"] {
        network.send(at(0), link, End::Client, bytes);
    }
    let to = End::Server;
    assert_eq!(
        (
            network.in_flight(link, to),
            network.in_flight(link, End::Client)
        ),
        (3, 0)
    );
    assert_eq!(network.peek_in_flight(link, to, 1), Some(&b"b"[..]));
    assert_eq!(network.remove_in_flight(link, to, 1), Some(b"b".to_vec()));
    assert_eq!(network.remove_in_flight(link, to, 2), None);
    let expected = [(10, to, b"a".to_vec()), (10, to, b"c".to_vec())];
    assert_eq!(run(&mut network), expected);
    assert_eq!(network.remove_in_flight(link, to, 0), None);
}
