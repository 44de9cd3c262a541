//! A server's table of connections. Spec: udp.md 12.

use crate::harness::{CHALLENGE, Rng, at, ms};
use crate::heap;
use crate::wire::{ACK, CONTROL, Cmd, DISCONNECT, SERVER_TIME, VERIFY, datagram, read};
use photon_proto::udp::{
    Acceptor, AcceptorConfig, Cause, ConnectionHandle, Delivery, Event, SendError,
};
use std::collections::BTreeMap;

/// Addresses are numbers here.
type Address = u32;

/// A server, and the clients' side of it by hand.
struct Harness {
    server: Acceptor<Address>,
    now: u64,
    /// The ids that were assigned, which clients write into their headers.
    ids: BTreeMap<(Address, u32), u16>,
}

impl Harness {
    fn new(change: impl FnOnce(&mut AcceptorConfig)) -> Self {
        let mut config = AcceptorConfig::default();
        config.connection.ping_interval = ms(0);
        change(&mut config);
        Self {
            server: Acceptor::new(config, [7; 32]),
            now: 0,
            ids: BTreeMap::new(),
        }
    }

    /// The datagrams that the server sends now: address, header time, challenge, commands.
    fn sent(&mut self) -> Vec<(Address, u32, u32, Vec<Cmd>)> {
        let now = at(self.now);
        if self.server.poll_timeout().is_some_and(|due| due <= now) {
            self.server.handle_timeout(now);
        }
        let mut sent = Vec::new();
        while let Some((to, bytes)) = self.server.transmit(now) {
            let datagram = read(bytes);
            assert_eq!(datagram.peer_id, 0);
            if let Some(verify) = datagram.commands.iter().find(|cmd| cmd.kind == VERIFY) {
                self.ids.insert(
                    (*to, datagram.challenge),
                    u16::from_be_bytes([verify.body[0], verify.body[1]]),
                );
            }
            sent.push((*to, datagram.time, datagram.challenge, datagram.commands));
            self.server.transmitted();
            assert!(sent.len() < 100_000);
        }
        let due = self.server.poll_timeout();
        assert!(
            due.is_none_or(|due| due > now),
            "busy: {due:?} at {}",
            self.now
        );
        sent
    }

    fn feed(
        &mut self,
        from: Address,
        challenge: u32,
        commands: &[Cmd],
    ) -> Vec<(Address, u32, u32, Vec<Cmd>)> {
        let time = u32::try_from(self.now).unwrap();
        let commands: Vec<Cmd> = commands.iter().cloned().map(Cmd::by_client).collect();
        let id = self.ids.get(&(from, challenge)).copied().unwrap_or(0xFFFF);
        let bytes = datagram(id, time, challenge, &commands);
        self.server.handle_datagram(at(self.now), &from, &bytes);
        self.sent()
    }

    /// A connect, and the two numbers that verify it: the assigned id and the header time.
    #[track_caller]
    fn knock(&mut self, from: Address, challenge: u32) -> (u16, u32) {
        let sent = self.feed(from, challenge, &[Cmd::connect()]);
        let answer = sent
            .iter()
            .find(|(to, _, for_challenge, _)| (*to, *for_challenge) == (from, challenge));
        let (_, time, _, commands) = answer.unwrap_or_else(|| panic!("no answer: {sent:?}"));
        let verify = commands
            .iter()
            .find(|cmd| cmd.kind == VERIFY)
            .expect("verify-connect");
        assert_eq!(
            (verify.channel, verify.flags, verify.reserved, verify.rseq),
            (CONTROL, 1, 0, 0)
        );
        (u16::from_be_bytes([verify.body[0], verify.body[1]]), *time)
    }

    #[track_caller]
    fn connect(&mut self, from: Address, challenge: u32) -> ConnectionHandle {
        let (_, time) = self.knock(from, challenge);
        self.feed(from, challenge, &[Cmd::ack(CONTROL, 0, time)]);
        let (key, event) = self.server.poll_event().expect("an event");
        assert_eq!(event, Event::Connected);
        assert_eq!(self.server.address(key), Some(&from));
        key
    }

    fn events(&mut self) -> Vec<(ConnectionHandle, Event)> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// Time goes on, deadline by deadline.
    fn run_to(&mut self, end: u64) -> Vec<(Address, u32, u32, Vec<Cmd>)> {
        let mut sent = self.sent();
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= at(end)) {
            self.now += due.micros_since(at(self.now)).div_ceil(1000);
            sent.extend(self.sent());
        }
        self.now = end;
        sent.extend(self.sent());
        sent
    }
}

#[test]
fn connect_is_acked_and_verified_with_the_connect_payload_echoed() {
    let mut harness = Harness::new(|_| ());
    harness.now = 77;
    let mut connect = Cmd::connect();
    // Anything that a 4.x client may announce comes back as it is, but for the id. Spec: udp.md
    // 2.5.
    connect.body[4..].copy_from_slice(&[0xA5; 28]);
    connect.body[2..4].copy_from_slice(&1000_u16.to_be_bytes());
    for newer in [4..6, 12..14] {
        connect.body[newer].fill(0);
    }
    let sent = harness.feed(5, CHALLENGE, &[connect.clone()]);
    let [(5, _, CHALLENGE, commands)] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!(commands[0], Cmd::ack(CONTROL, 1, 77));
    assert_eq!(commands[1].kind, VERIFY);
    assert_eq!(commands[1].body[2..], connect.body[2..]);
    let id = u16::from_be_bytes([commands[1].body[0], commands[1].body[1]]);
    assert!(id < 0xFFFE, "{id:04x}");
    assert_eq!(
        (
            harness.server.half_open(),
            harness.server.len(),
            harness.events().len()
        ),
        (1, 0, 0)
    );
}

/// Spec: udp.md 9, item 8.
#[test]
fn a_connect_with_an_impossible_number_is_not_answered() {
    let mut harness = Harness::new(|_| ());
    for rseq in [0x8000_0000, u32::MAX] {
        assert_eq!(
            harness.feed(
                5,
                CHALLENGE,
                &[Cmd {
                    rseq,
                    ..Cmd::connect()
                }]
            ),
            []
        );
    }
    assert_eq!(
        (
            harness.server.half_open(),
            harness.server.stats().unknown_datagrams
        ),
        (0, 2)
    );
}

/// No extension of newer clients is accepted. Spec: udp.md 2.6, 12.
#[test]
fn the_feature_flags_of_newer_clients_are_not_echoed() {
    let mut harness = Harness::new(|_| ());
    let mut connect = Cmd::connect();
    connect.body[4..6].copy_from_slice(&2_u16.to_be_bytes());
    connect.body[12..14].fill(0xFF);
    let sent = harness.feed(5, CHALLENGE, &[connect]);
    assert_eq!(sent[0].3[1].body[2..], Cmd::connect().body[2..]);
}

#[test]
fn a_client_counts_once_it_has_echoed_the_header_time() {
    let mut harness = Harness::new(|_| ());
    let (_, time) = harness.knock(5, CHALLENGE);
    // Blind guesses from a forged address do not verify.
    for guess in [
        0,
        1,
        time ^ 1,
        time.wrapping_add(1),
        time.wrapping_sub(1),
        !time,
    ] {
        harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, guess)]);
        assert_eq!(
            (harness.server.len(), harness.events().len()),
            (0, 0),
            "guess {guess}"
        );
    }
    // The right time without the assigned id proves nothing either.
    let id = harness.ids.insert((5, CHALLENGE), 0xFFFF).unwrap();
    harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, time)]);
    assert_eq!((harness.server.len(), harness.events().len()), (0, 0));
    harness.ids.insert((5, CHALLENGE), id);
    harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, time)]);
    assert_eq!(
        (
            harness.server.half_open(),
            harness.server.len(),
            harness.events().len()
        ),
        (0, 1, 1)
    );
    assert_eq!(harness.server.stats().connected, 1);
}

#[test]
fn data_before_the_verification_is_not_acked_and_in_its_datagram_it_is() {
    let mut harness = Harness::new(|_| ());
    let (_, time) = harness.knock(5, CHALLENGE);
    let data = Cmd::reliable(0, 1, b"hello");
    let sent = harness.feed(5, CHALLENGE, std::slice::from_ref(&data));
    assert!(
        sent.iter()
            .flat_map(|(_, _, _, commands)| commands)
            .all(|cmd| !cmd.is_ack()),
        "{sent:?}"
    );
    harness.now = 40;
    // As the official client does: the acknowledgement and init in one datagram.
    let sent = harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, time), data]);
    assert_eq!(sent[0].3, [Cmd::ack(0, 1, 40)]);
    let events = harness.events();
    assert!(
        matches!(&events[..], [(_, Event::Connected), (_, Event::Message(message))] if message.bytes == b"hello")
    );
}

#[test]
fn a_repeated_connect_is_acked_and_keeps_its_id() {
    let mut harness = Harness::new(|_| ());
    let (id, mut time) = harness.knock(5, CHALLENGE);
    for now in [221, 442] {
        harness.now = now;
        let sent = harness.feed(5, CHALLENGE, &[Cmd::connect()]);
        let [(5, header_time, _, commands)] = &sent[..] else {
            panic!("{sent:?}")
        };
        let [ack, verify] = &commands[..] else {
            panic!("{commands:?}")
        };
        assert_eq!(
            (ack, verify.kind),
            (&Cmd::ack(CONTROL, 1, u32::try_from(now).unwrap()), VERIFY)
        );
        assert_eq!(verify.body[..2], id.to_be_bytes());
        time = *header_time;
    }
    assert_eq!(harness.server.half_open(), 1);
    // The same once it is connected.
    harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, time)]);
    harness.events();
    let sent = harness.feed(5, CHALLENGE, &[Cmd::connect()]);
    assert_eq!(sent[0].3[0].kind, ACK);
    assert_eq!(
        (
            harness.server.len(),
            harness.server.half_open(),
            harness.events().len()
        ),
        (1, 0, 0)
    );
}

/// A forged address receives little more than was sent in its name, so that the server amplifies no
/// attack. Spec: udp.md 12.
#[test]
fn an_address_that_is_not_verified_gets_three_verify_connects_and_one_ack() {
    let mut harness = Harness::new(|_| ());
    let mut sent = harness.feed(5, CHALLENGE, &[Cmd::connect()]);
    sent.extend(harness.run_to(30_000));
    let commands: Vec<Cmd> = sent
        .into_iter()
        .flat_map(|(_, _, _, commands)| commands)
        .collect();
    let kinds: Vec<u8> = commands.iter().map(|cmd| cmd.kind).collect();
    assert_eq!(kinds, [ACK, VERIFY, VERIFY, VERIFY]);
    assert_eq!(
        (harness.server.half_open(), harness.server.stats().expired),
        (0, 1)
    );
}

/// Before the verification only connect and disconnect are acknowledged. Spec: udp.md 12.
#[test]
fn before_the_verification_pings_are_not_acked() {
    let mut harness = Harness::new(|_| ());
    let (id, time) = harness.knock(5, CHALLENGE);
    harness.ids.insert((5, CHALLENGE), 0xFFFF);
    let others = [
        Cmd::ping(2),
        Cmd::new(SERVER_TIME, CONTROL, 1, 3, &[]),
        Cmd::new(9, 0, 1, 4, &[]),
        Cmd::verify(id),
    ];
    for command in &others {
        assert_eq!(
            harness.feed(5, CHALLENGE, std::slice::from_ref(command)),
            [],
            "{command:?}"
        );
    }
    harness.ids.insert((5, CHALLENGE), id);
    let sent = harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, time), Cmd::ping(2)]);
    assert_eq!(sent[0].3, [Cmd::ack(CONTROL, 2, 0)]);
}

/// A client on a very lossy network can connect: each repeated connect gets a complete answer, and
/// a client that uses its assigned id has received one.
#[test]
fn a_repeated_connect_is_answered_again() {
    let mut harness = Harness::new(|config| config.half_open_timeout = ms(15_000));
    let (id, _) = harness.knock(5, CHALLENGE);
    harness.ids.insert((5, CHALLENGE), 0xFFFF);
    // Its own schedule. Spec: udp.md 5.4.
    for now in [221, 442, 663, 1104, 1985, 3746, 7267] {
        harness.run_to(now);
        let sent = harness.feed(5, CHALLENGE, &[Cmd::connect()]);
        let [(5, _, _, commands)] = &sent[..] else {
            panic!("{sent:?} at {now}")
        };
        assert_eq!(
            commands.iter().map(|cmd| cmd.kind).collect::<Vec<_>>(),
            [ACK, VERIFY],
            "at {now}"
        );
        harness.ids.insert((5, CHALLENGE), 0xFFFF);
        // Data without the id comes from an end that has received nothing.
        assert_eq!(
            harness.feed(5, CHALLENGE, &[Cmd::reliable(0, 1, b"init")]),
            []
        );
    }
    harness.run_to(9000);
    harness.ids.insert((5, CHALLENGE), id);
    let sent = harness.feed(5, CHALLENGE, &[Cmd::reliable(0, 1, b"init")]);
    let [(5, time, _, commands)] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!(
        commands.iter().map(|cmd| cmd.kind).collect::<Vec<_>>(),
        [VERIFY]
    );
    harness.now += 40;
    harness.feed(5, CHALLENGE, &[Cmd::ack(CONTROL, 0, *time)]);
    assert_eq!((harness.server.len(), harness.events().len()), (1, 1));
}

/// The official client sends this when it disconnects as soon as it is verified. Spec: udp.md 12.
#[test]
fn a_client_verified_and_disconnected_by_one_datagram_emits_events_and_is_acked() {
    let mut harness = Harness::new(|_| ());
    let (_, time) = harness.knock(5, CHALLENGE);
    harness.now = 40;
    let all = [
        Cmd::ack(CONTROL, 0, time),
        Cmd::reliable(0, 1, b"message"),
        Cmd::disconnect(2, 4),
    ];
    let sent = harness.feed(5, CHALLENGE, &all);
    assert_eq!(sent[0].3, [Cmd::ack(0, 1, 40), Cmd::ack(CONTROL, 2, 40)]);
    let events: Vec<Event> = harness
        .events()
        .into_iter()
        .map(|(_, event)| event)
        .collect();
    let [
        Event::Connected,
        Event::Message(message),
        Event::Disconnected(Cause::ClientLeft(4)),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(message.bytes, b"message");
    assert_eq!(
        (
            harness.server.len(),
            harness.server.half_open(),
            harness.server.poll_timeout()
        ),
        (0, 0, None)
    );
    assert_eq!(harness.server.stats().connected, 1);
}

/// Spec: udp.md 12: the client's disconnect is acked, also of one that never counted.
#[test]
fn a_disconnect_before_the_verification_is_acked_without_an_event() {
    let mut harness = Harness::new(|_| ());
    harness.knock(5, CHALLENGE);
    harness.now = 40;
    let sent = harness.feed(
        5,
        CHALLENGE,
        &[Cmd::reliable(0, 1, b"message"), Cmd::disconnect(2, 4)],
    );
    assert_eq!(sent[0].3, [Cmd::ack(CONTROL, 2, 40)]);
    assert_eq!(
        (
            harness.events().len(),
            harness.server.half_open(),
            harness.server.poll_timeout()
        ),
        (0, 0, None)
    );
    // The address may come again.
    harness.connect(5, CHALLENGE + 1);
}

/// A blocked socket makes the table keep no more than the half-open connections.
#[test]
fn forged_connects_take_no_memory_while_nothing_is_sent() {
    let mut harness = Harness::new(|config| config.max_half_open = 16);
    let connect = datagram(0xFFFF, 0, CHALLENGE, &[Cmd::connect()]);
    let disconnect = datagram(
        0xFFFF,
        0,
        CHALLENGE,
        &[Cmd {
            flags: 2,
            ..Cmd::disconnect(1, 4)
        }],
    );
    let mut before = 0;
    for address in 0..50_000 {
        harness.server.handle_datagram(at(0), &address, &connect);
        // Half of them take it back, so that some are never displaced.
        if address >= 15 && address % 2 == 0 {
            harness.server.handle_datagram(at(0), &address, &disconnect);
        }
        if address == 1000 {
            before = heap::live();
        }
    }
    let grown = heap::live() - before;
    assert!(grown < 16 * 1024, "{grown} bytes");
    assert!(harness.sent().len() <= 16);
}

#[test]
fn another_challenge_ends_a_live_connection_only_once_verified() {
    let mut harness = Harness::new(|_| ());
    let old = harness.connect(5, 1);
    // A forged address does not affect the client.
    for challenge in 100..150 {
        harness.feed(5, challenge, &[Cmd::connect()]);
    }
    assert_eq!(harness.events(), []);
    let sent = harness.feed(5, 1, &[Cmd::reliable(0, 1, b"still here")]);
    assert!(
        sent.iter()
            .any(|(_, _, challenge, commands)| *challenge == 1 && commands[0].kind == ACK)
    );
    assert!(matches!(&harness.events()[..], [(key, Event::Message(_))] if *key == old));
    // The client itself, after a restart: it can echo.
    let (_, time) = harness.knock(5, 2);
    harness.feed(5, 2, &[Cmd::ack(CONTROL, 0, time)]);
    let events = harness.events();
    assert!(
        events
            .iter()
            .any(|(key, event)| *key == old && matches!(event, Event::Disconnected(_))),
        "{events:?}"
    );
    assert!(
        events
            .iter()
            .any(|(key, event)| *key != old && *event == Event::Connected),
        "{events:?}"
    );
    assert_eq!(
        (harness.server.len(), harness.server.stats().replaced),
        (1, 1)
    );
    assert_eq!(harness.server.connection(old).map(|_| ()), None);
}

#[test]
fn half_open_connections_are_capped_and_expire() {
    let mut harness = Harness::new(|config| {
        config.max_half_open = 10;
        config.half_open_timeout = ms(3000);
    });
    for address in 0..1000 {
        harness.feed(address, address, &[Cmd::connect()]);
        assert!(harness.server.half_open() <= 10);
    }
    assert_eq!((harness.server.half_open(), harness.server.len()), (10, 0));
    assert_eq!(harness.server.stats().displaced, 990);
    harness.run_to(2999);
    assert_eq!(harness.server.half_open(), 10);
    harness.run_to(3001);
    assert_eq!(harness.server.half_open(), 0);
    assert_eq!(harness.server.stats().expired, 10);
    // It was never connected, so there is no event and no deadline.
    assert_eq!(harness.events(), []);
    harness.run_to(100_000);
    assert_eq!(harness.server.poll_timeout(), None);
}

/// A flood of forged addresses does not keep a client out that answers at once.
#[test]
fn a_client_gets_in_through_a_flood() {
    let mut harness = Harness::new(|config| config.max_half_open = 10);
    for address in 0..500 {
        harness.feed(address, address, &[Cmd::connect()]);
    }
    harness.connect(10_000, 1);
    for address in 500..1000 {
        harness.feed(address, address, &[Cmd::connect()]);
    }
    assert_eq!(harness.server.len(), 1);
    let sent = harness.feed(10_000, 1, &[Cmd::ping(2)]);
    assert!(sent.iter().any(|(to, ..)| *to == 10_000));
}

#[test]
fn more_clients_than_allowed_are_not_answered() {
    let mut harness = Harness::new(|config| config.max_connections = 3);
    let keys: Vec<ConnectionHandle> = (0..3)
        .map(|address| harness.connect(address, address))
        .collect();
    assert_eq!(harness.feed(9, 9, &[Cmd::connect()]), []);
    assert_eq!(
        (harness.server.stats().refused, harness.server.len()),
        (1, 3)
    );
    harness.server.close(keys[1]);
    harness.sent();
    harness.events();
    harness.connect(9, 9);
    assert_eq!(harness.server.len(), 3);
}

/// Also if all of them knock before the first is verified.
#[test]
fn no_more_clients_than_allowed_are_connected_at_once() {
    let mut harness = Harness::new(|config| config.max_connections = 3);
    let times: Vec<u32> = (0..6)
        .map(|address| harness.knock(address, address).1)
        .collect();
    for (address, time) in (0..).zip(times) {
        harness.feed(address, address, &[Cmd::ack(CONTROL, 0, time)]);
        assert!(
            harness.server.len() <= 3,
            "{} are connected",
            harness.server.len()
        );
    }
}

#[test]
fn unknown_datagrams_are_counted_and_not_answered() {
    let mut harness = Harness::new(|_| ());
    let before = harness.feed(
        1,
        1,
        &[
            Cmd::reliable(0, 1, b"hello"),
            Cmd::ping(1),
            Cmd::disconnect(1, 4),
        ],
    );
    assert_eq!(before, []);
    harness.connect(1, 7);
    // The right address with a wrong challenge, the right challenge from another address.
    assert_eq!(harness.feed(1, 8, &[Cmd::ping(1)]), []);
    assert_eq!(harness.feed(2, 7, &[Cmd::ping(1)]), []);
    assert_eq!((harness.server.len(), harness.server.half_open()), (1, 0));
    for bytes in [&[][..], &[1, 2, 3], &[0xFF; 12], &[0; 2000]] {
        harness.server.handle_datagram(at(0), &3, bytes);
    }
    assert_eq!(harness.sent(), []);
    assert!(harness.server.stats().unknown_datagrams >= 2);
}

#[test]
fn messages_go_to_the_right_client_both_ways() {
    let mut harness = Harness::new(|_| ());
    let keys: Vec<ConnectionHandle> = (0..20)
        .map(|address| harness.connect(address, 1000 + address))
        .collect();
    for (address, key) in (0..).zip(&keys) {
        let text = format!("for {address}");
        let sent = harness
            .server
            .send_with(*key, 0, Delivery::Reliable, |out, _| {
                out.extend(text.bytes());
                Ok::<(), SendError>(())
            });
        assert_eq!(sent, Ok(()));
    }
    let sent = harness.sent();
    assert_eq!(sent.len(), 20);
    for (to, _, challenge, commands) in sent {
        assert_eq!(
            (challenge, &commands[0].body),
            (1000 + to, &format!("for {to}").into_bytes())
        );
    }
    for address in 0..20 {
        let text = format!("from {address}");
        harness.feed(
            address,
            1000 + address,
            &[Cmd::reliable(0, 1, text.as_bytes())],
        );
    }
    for (key, event) in harness.events() {
        let Event::Message(message) = event else {
            panic!("{event:?}")
        };
        let address = *harness.server.address(key).unwrap();
        assert_eq!(message.bytes, format!("from {address}").into_bytes());
        harness.server.recycle(key, message.bytes);
    }
}

#[test]
fn a_disconnect_is_acked_and_the_handle_is_gone() {
    let mut harness = Harness::new(|_| ());
    let key = harness.connect(5, 1);
    harness.now = 500;
    let sent = harness.feed(5, 1, &[Cmd::disconnect(9, 4)]);
    assert_eq!(sent[0].3, [Cmd::ack(CONTROL, 9, 500)]);
    let events = harness.events();
    assert!(
        matches!(events[..], [(gone, Event::Disconnected(Cause::ClientLeft(4)))] if gone == key),
        "{events:?}"
    );
    assert_eq!(
        (harness.server.len(), harness.server.address(key)),
        (0, None)
    );
    let refused = harness
        .server
        .send_with(key, 0, Delivery::Reliable, |_, _| Ok::<(), SendError>(()));
    assert_eq!(refused, Err(SendError::NotConnected));
    harness.server.close(key);
    harness.server.shutdown(at(500), key, ms(100), 1);
    assert_eq!(harness.sent(), []);
    // The same address may come again, and has another key.
    assert_ne!(harness.connect(5, 2), key);
}

/// Not even the entry of a connection that is over.
#[test]
fn a_message_that_is_refused_changes_nothing() {
    let mut harness = Harness::new(|_| ());
    let key = harness.connect(5, 1);
    harness.server.close(key);
    assert!(matches!(
        harness.events()[..],
        [(_, Event::Disconnected(Cause::LocalClose))]
    ));
    assert!(harness.server.transmit(at(0)).is_some());
    harness.server.transmitted();
    let state = |harness: &Harness| {
        harness
            .server
            .connection(key)
            .map(photon_proto::udp::Connection::state)
    };
    let before = state(&harness);
    let refused = harness
        .server
        .send_with(key, 0, Delivery::Reliable, |_, _| Ok::<(), SendError>(()));
    assert_eq!(
        (refused, state(&harness)),
        (Err(SendError::NotConnected), before)
    );
}

#[test]
fn shutdown_of_one_client_sends_its_reason_and_does_not_affect_others() {
    let mut harness = Harness::new(|_| ());
    let keys = [harness.connect(1, 1), harness.connect(2, 2)];
    harness.server.shutdown(at(0), keys[0], ms(1000), 3);
    let sent = harness.sent();
    let [(1, time, 1, commands)] = &sent[..] else {
        panic!("{sent:?}")
    };
    let [
        Cmd {
            kind: DISCONNECT,
            reserved: 3,
            flags: 1,
            rseq,
            ..
        },
    ] = commands[..]
    else {
        panic!("{commands:?}")
    };
    harness.now = 40;
    harness.feed(1, 1, &[Cmd::ack(CONTROL, rseq, *time)]);
    let events = harness.events();
    assert!(
        matches!(events[..], [(key, Event::Disconnected(Cause::LocalClose))] if key == keys[0]),
        "{events:?}"
    );
    assert_eq!(harness.server.len(), 1);
}

/// The ids and clocks of one client reveal nothing about those of others.
#[test]
fn ids_of_live_connections_differ() {
    let mut harness = Harness::new(|_| ());
    let mut ids: Vec<u16> = (0..500)
        .map(|address| harness.knock(address, address).0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() >= 495, "{} different ids of 500", ids.len());
}

/// Random datagrams from a few addresses, in time: no panic, no busy timer, the table within its
/// limits.
#[test]
fn hostile_datagrams_keep_the_table_within_its_limits() {
    let mut rng = Rng(12);
    let mut harness = Harness::new(|config| {
        config.max_half_open = 16;
        // Without pings an idle client that is gone would not be noticed.
        config.connection.ping_interval = ms(1000);
        // One for each address.
        config.max_connections = 40;
    });
    let mut connected = 0;
    let mut times = BTreeMap::new();
    for _ in 0..60_000 {
        let from = u32::from(rng.byte() % 40);
        let challenge = u32::from(rng.byte() % 3);
        let time = times.get(&(from, challenge)).copied().unwrap_or(0);
        let command = match rng.below(9) {
            0 | 1 => Cmd::connect(),
            2 | 3 => Cmd::ack(CONTROL, 0, time),
            4 => Cmd::reliable(rng.byte() % 3, u32::from(rng.byte() % 5), b"data"),
            5 => Cmd::disconnect(u32::from(rng.byte()), rng.byte()),
            6 => Cmd::ack(0, 1, time),
            7 => Cmd::ping(u32::from(rng.byte())),
            _ => Cmd::new(rng.byte(), rng.byte(), rng.byte(), 1, &[rng.byte(); 40]),
        };
        if rng.percent(10) {
            let next = harness.now + rng.below(200);
            harness.run_to(next);
        }
        for (to, time, challenge, commands) in harness.feed(from, challenge, &[command]) {
            if commands.iter().any(|cmd| cmd.kind == VERIFY) {
                times.insert((to, challenge), time);
            }
        }
        connected += harness
            .events()
            .iter()
            .filter(|(_, event)| *event == Event::Connected)
            .count();
        assert!(harness.server.half_open() <= 16 && harness.server.len() <= 40);
    }
    assert!(connected > 100, "{connected}");
    let end = harness.now + 100_000;
    harness.run_to(end);
    harness.events();
    assert_eq!(
        (
            harness.server.len(),
            harness.server.half_open(),
            harness.server.poll_timeout()
        ),
        (0, 0, None)
    );
}
