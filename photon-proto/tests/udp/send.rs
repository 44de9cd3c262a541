//! Scenarios 17, 20, 25 and 26: sending, fragments, packing, windows. Spec: udp.md 4.1, 5.8, 5.9,
//! 6, 10.

use crate::harness::{Harness, NetworkHarness, Sent, Side, config, ms, server_config};
use crate::wire::{
    CONTROL, Cmd, FRAGMENT, FRAGMENT_UNSEQUENCED, PING, RELIABLE, UNRELIABLE, hex, u32_at,
};
use photon_proto::udp::{Config, Delivery, SendError};

/// The init message has number 1.
const FIRST: u32 = 2;

fn message(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn quiet(change: impl FnOnce(&mut Config)) -> Harness {
    Harness::client(config(|config| {
        config.ping_interval = ms(0);
        change(config);
    }))
}

fn lengths(sent: &[Sent]) -> Vec<usize> {
    sent.iter().map(|sent| sent.bytes.len()).collect()
}

#[test]
fn u17_only_the_lost_fragment_is_repeated_and_the_server_sees_one_message() {
    let mut harness = NetworkHarness::pair().losing(|packet| {
        packet.from == Side::Client
            && packet.at == 200
            && packet.has(|cmd| cmd.kind == FRAGMENT && cmd.rseq == FIRST + 1)
    });
    harness.run_until(200);
    harness.real().messages();
    let before = harness.client.sent.len();
    let whole = message(3011);
    harness.send(Delivery::Reliable, &whole);
    harness.settle();
    assert_eq!(lengths(&harness.client.sent[before..]), [1196, 1196, 751]);
    // The three commands of the specification, but for the numbers: start 2 here. Spec: udp.md 6.
    let heads: Vec<String> = harness.client.sent[before..]
        .iter()
        .map(|sent| hex(&sent.bytes[12..12 + 32]))
        .collect();
    assert_eq!(
        heads,
        [
            "08000104000004a000000002000000020000000300000000 00000bc300000000".replace(' ', ""),
            "08000104000004a000000003000000020000000300000001 00000bc300000480".replace(' ', ""),
            "08000104000002e300000004000000020000000300000002 00000bc300000900".replace(' ', ""),
        ]
    );
    harness.run_until(3000);
    let fragments: Vec<(u64, u32)> = harness
        .client
        .commands()
        .iter()
        .filter(|(_, cmd)| cmd.kind == FRAGMENT)
        .map(|(at, cmd)| (*at, cmd.rseq))
        .collect();
    assert_eq!(fragments, [(200, 2), (200, 3), (200, 4), (361, 3)]);
    assert_eq!(harness.real().messages(), [(0, Delivery::Reliable, whole)]);
    assert_eq!(harness.client.conn.in_flight(), 0);
}

/// The length of the message, the settings of the sender, the fragments of each delivery mode.
fn cut(harness: &mut Harness, delivery: Delivery, length: usize) -> Vec<(u8, u8, u32, usize)> {
    let whole = message(length);
    harness.conn().send(0, delivery, &whole).unwrap();
    let commands = harness.poll();
    let joined: Vec<u8> = commands
        .iter()
        .flat_map(|cmd| cmd.payload().to_vec())
        .collect();
    assert_eq!(joined, whole, "{delivery:?}, {length}");
    commands
        .iter()
        .map(|cmd| (cmd.kind, cmd.flags, cmd.rseq, cmd.payload().len()))
        .collect()
}

#[test]
fn u20_1152_bytes_are_one_command_and_1153_are_two_fragments() {
    let mut harness = quiet(|_| ());
    assert_eq!(
        cut(&mut harness, Delivery::Reliable, 1152),
        [(6, 1, 1, 1152)]
    );
    assert_eq!(lengths(&harness.end.sent), [1176]);
    assert_eq!(
        cut(&mut harness, Delivery::Reliable, 1153),
        [(8, 1, 2, 1152), (8, 1, 3, 1)]
    );
    assert_eq!(lengths(&harness.end.sent[1..]), [1196, 45]);
}

/// Unreliable sends become type 8, unsequenced ones type 15. Spec: udp.md 6.
#[test]
fn u20_fragments_of_every_delivery_mode_are_reliable() {
    let mut harness = quiet(|_| ());
    assert_eq!(
        cut(&mut harness, Delivery::Unreliable, 1152),
        [(7, 0, 0, 1152)]
    );
    assert_eq!(
        cut(&mut harness, Delivery::Unreliable, 1153),
        [(8, 1, 1, 1152), (8, 1, 2, 1)]
    );
    assert_eq!(
        cut(&mut harness, Delivery::UnreliableUnsequenced, 1152),
        [(11, 2, 0, 1152)]
    );
    assert_eq!(
        cut(&mut harness, Delivery::UnreliableUnsequenced, 1153),
        [(15, 3, 1, 1152), (15, 3, 2, 1)]
    );
    assert_eq!(
        cut(&mut harness, Delivery::ReliableUnsequenced, 1152),
        [(14, 3, 3, 1152)]
    );
    assert_eq!(
        cut(&mut harness, Delivery::ReliableUnsequenced, 1153),
        [(15, 3, 4, 1152), (15, 3, 5, 1)]
    );
    // Fragments of an unreliable message took two reliable numbers.
    assert_eq!(cut(&mut harness, Delivery::Reliable, 10), [(6, 1, 3, 10)]);
}

#[test]
fn u20_with_a_check_sum_a_full_fragment_fills_1200_bytes() {
    let mut harness = quiet(|config| config.crc = true);
    let whole = message(2000);
    harness.conn().send(0, Delivery::Reliable, &whole).unwrap();
    harness.poll();
    assert_eq!(lengths(&harness.end.sent), [1200, 16 + 32 + 848]);
    assert!(
        harness
            .end
            .sent
            .iter()
            .all(|sent| sent.read().flags == 0xCC)
    );
}

#[test]
fn u20_mtu_576_cuts_at_528_and_no_datagram_is_longer() {
    for crc in [false, true] {
        let mut harness = quiet(|config| {
            config.mtu = 576;
            config.crc = crc;
        });
        assert_eq!(cut(&mut harness, Delivery::Reliable, 528), [(6, 1, 1, 528)]);
        assert_eq!(
            cut(&mut harness, Delivery::Reliable, 611),
            [(8, 1, 2, 528), (8, 1, 3, 83)]
        );
        let header = if crc { 16 } else { 12 };
        assert_eq!(
            lengths(&harness.end.sent),
            [header + 540, header + 560, header + 115]
        );
        for _ in 0..60 {
            harness
                .conn()
                .send(1, Delivery::Unreliable, &message(97))
                .unwrap();
        }
        harness.poll();
        assert!(
            lengths(&harness.end.sent)
                .into_iter()
                .all(|length| length <= 576)
        );
    }
}

/// Raised to 576 if lower; announced in connect. Spec: udp.md 2.4, 5.5.
#[test]
fn u20_connect_announces_mtu_and_channels() {
    for (mtu, announced) in [(100, 576), (576, 576), (1000, 1000), (1200, 1200)] {
        let mut harness = Harness::new_client(config(|config| {
            config.mtu = mtu;
            config.channels = 4;
        }));
        let connect = harness.poll().remove(0);
        assert_eq!(connect.size, 44);
        assert_eq!(
            u32_at(&connect.body, 0),
            announced,
            "peer id slot 0, then the MTU"
        );
        let rest =
            "00008000 00000004 00000000 00000000 00001388 00000002 00000002".replace(' ', "");
        assert_eq!(hex(&connect.body[4..]), rest);
    }
}

#[test]
fn u25_120_reliables_go_out_as_50_50_20() {
    let mut harness = NetworkHarness::script();
    harness.run_until(200);
    for _ in 0..120 {
        harness.send(Delivery::Reliable, &message(15));
    }
    let mut most = 0;
    for now in 200..=400 {
        harness.run_until(now);
        most = most.max(harness.client.conn.in_flight());
    }
    assert_eq!(most, 50);
    let data = harness
        .client_sent(RELIABLE)
        .into_iter()
        .filter(|(at, _)| *at >= 200);
    let batches: Vec<(u64, usize)> = data
        .map(|(at, datagram)| (at, datagram.commands.len()))
        .collect();
    // 44 and 6 because of the MTU, as in session `send_window`.
    assert_eq!(
        batches,
        [(200, 44), (200, 6), (240, 44), (240, 6), (280, 20)]
    );
    let numbers: Vec<u32> = harness
        .client
        .commands()
        .iter()
        .filter(|(_, cmd)| cmd.kind == RELIABLE)
        .map(|(_, cmd)| cmd.rseq)
        .collect();
    assert_eq!(numbers, (1..=121).collect::<Vec<u32>>());
    assert_eq!(harness.client.conn.in_flight(), 0);
}

#[test]
fn u25_window_of_0_sends_everything_at_once() {
    let mut harness = NetworkHarness::script_with(config(|config| config.send_window = 0));
    harness.run_until(200);
    for _ in 0..120 {
        harness.send(Delivery::Reliable, &message(15));
    }
    harness.settle();
    assert_eq!(harness.client.times_of_kind(RELIABLE)[1..], [200; 120]);
}

#[test]
fn u26_nothing_beyond_first_plus_49_until_the_first_is_repeated_and_acked() {
    // One command in each datagram, so that only the first of the 50 is lost.
    let mut harness = NetworkHarness::script().losing(|packet| {
        packet.from == Side::Client
            && packet.at == 200
            && packet.has(|cmd| cmd.kind == RELIABLE && cmd.rseq == FIRST)
    });
    harness.run_until(200);
    for _ in 0..120 {
        harness.send(Delivery::Reliable, &message(1100));
    }
    harness.run_until(400);
    let sent = |harness: &NetworkHarness| -> Vec<(u64, u32)> {
        let all = harness.client.commands();
        all.iter()
            .filter(|(at, cmd)| cmd.kind == RELIABLE && *at >= 200)
            .map(|(at, cmd)| (*at, cmd.rseq))
            .collect()
    };
    let mut expected: Vec<(u64, u32)> = (FIRST..FIRST + 50).map(|rseq| (200, rseq)).collect();
    expected.push((361, FIRST));
    assert_eq!(sent(&harness), expected);
    assert_eq!(harness.client.conn.in_flight(), 1);
    harness.run_until(401);
    expected.extend((FIRST + 50..FIRST + 100).map(|rseq| (401, rseq)));
    assert_eq!(sent(&harness), expected);
    harness.run_until(1000);
    expected.extend((FIRST + 100..FIRST + 120).map(|rseq| (441, rseq)));
    assert_eq!(sent(&harness), expected);
}

/// The first blocked command blocks the rest of its channel's queue, unreliable ones included;
/// other channels and channel 255 go on. Spec: udp.md 5.9.
#[test]
fn u26_full_window_blocks_its_channel_only() {
    let mut harness = quiet(|_| ());
    for _ in 0..51 {
        harness
            .conn()
            .send(0, Delivery::Reliable, b"reliable")
            .unwrap();
    }
    harness
        .conn()
        .send(0, Delivery::Unreliable, b"behind")
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::Reliable, b"other")
        .unwrap();
    harness.conn().fetch_server_time();
    let commands = harness.poll();
    let count = |kind: u8, channel: u8| {
        commands
            .iter()
            .filter(|cmd| (cmd.kind, cmd.channel) == (kind, channel))
            .count()
    };
    assert_eq!(
        (count(6, 0), count(7, 0), count(6, 1), count(12, CONTROL)),
        (50, 0, 1, 1)
    );
    // Not the first: the window does not move.
    let time = u32::try_from(harness.now).unwrap();
    harness.now += 40;
    let second = harness.feed(&[Cmd::ack(0, 2, time)]);
    assert_eq!(second, []);
    let behind = harness.feed(&[Cmd::ack(0, 1, time)]);
    // The oldest in flight is 3 now, so up to 52.
    let behind: Vec<(u8, u32)> = behind.iter().map(|cmd| (cmd.kind, cmd.rseq)).collect();
    assert_eq!(behind, [(RELIABLE, 51), (UNRELIABLE, 51)]);
}

/// Types 14 and 15 count separately, and are bound by 50 in flight. Spec: udp.md 5.9.
#[test]
fn u26_unsequenced_reliables_are_bound_by_50_in_flight_of_their_own() {
    let mut harness = quiet(|_| ());
    for _ in 0..60 {
        harness
            .conn()
            .send(0, Delivery::ReliableUnsequenced, b"any order")
            .unwrap();
    }
    let first = harness.poll();
    assert_eq!(first.iter().filter(|cmd| cmd.kind == 14).count(), 50);
    let time = u32::try_from(harness.now).unwrap();
    harness.now += 40;
    // An ack in the middle frees space for one, unlike for sequenced messages.
    let next = harness.feed(&[Cmd::ack_unsequenced(0, 20, time)]);
    assert_eq!(
        next.iter()
            .map(|cmd| (cmd.kind, cmd.rseq))
            .collect::<Vec<_>>(),
        [(14, 51)]
    );
}

/// Spec: udp.md 4.1, 2.2: each mode counts for itself, and an unreliable one carries the number of
/// the last reliable.
#[test]
fn numbers_and_flags_of_every_delivery_mode() {
    let mut harness = quiet(|_| ());
    let modes = [
        Delivery::Unreliable,
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::UnreliableUnsequenced,
        Delivery::ReliableUnsequenced,
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::UnreliableUnsequenced,
        Delivery::ReliableUnsequenced,
    ];
    for mode in modes {
        harness.conn().send(0, mode, b"xy").unwrap();
    }
    harness.conn().send(1, Delivery::Reliable, b"xy").unwrap();
    let client = Cmd::by_client;
    let expected = [
        client(Cmd::unreliable(0, 0, 1, b"xy")),
        client(Cmd::reliable(0, 1, b"xy")),
        client(Cmd::unreliable(0, 1, 2, b"xy")),
        client(Cmd::unsequenced(0, 1, b"xy")),
        client(Cmd::reliable_unsequenced(0, 1, b"xy")),
        client(Cmd::reliable(0, 2, b"xy")),
        client(Cmd::unreliable(0, 2, 3, b"xy")),
        client(Cmd::unsequenced(0, 2, b"xy")),
        client(Cmd::reliable_unsequenced(0, 2, b"xy")),
        client(Cmd::reliable(1, 1, b"xy")),
    ];
    assert_eq!(harness.poll(), expected);
}

/// Spec: udp.md 5.8: acknowledgements oldest first, resends, new commands by channel, 255 last.
#[test]
fn a_datagram_holds_acks_then_resends_then_new_commands_by_channel() {
    let mut harness = quiet(|_| ());
    let start = harness.now;
    harness
        .conn()
        .send(1, Delivery::Reliable, b"to be resent")
        .unwrap();
    harness.poll();
    let due = harness.end.deadline().unwrap();
    assert!(due > start);
    harness.now = due;
    harness.conn().fetch_server_time();
    harness
        .conn()
        .send(1, Delivery::Unreliable, b"new 1")
        .unwrap();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"new 0")
        .unwrap();
    let (ping, data) = (Cmd::ping(1), Cmd::reliable(0, 1, b"in"));
    let commands = harness.feed(&[ping, data]);
    let order: Vec<(u8, u8)> = commands.iter().map(|cmd| (cmd.kind, cmd.channel)).collect();
    assert_eq!(
        order,
        [(1, CONTROL), (1, 0), (6, 1), (6, 0), (7, 1), (12, CONTROL)]
    );
    assert_eq!(harness.end.sent.last().unwrap().read().commands.len(), 6);
}

/// 59 acknowledgements fit in 1200 bytes. Spec: udp.md 5.8.
#[test]
fn acks_fill_datagrams_of_59() {
    let mut harness = quiet(|_| ());
    let commands: Vec<Cmd> = (1..=130).map(|rseq| Cmd::reliable(0, rseq, b"")).collect();
    harness.feed(&commands);
    let counts: Vec<usize> = harness
        .end
        .sent
        .iter()
        .map(|sent| sent.read().commands.len())
        .collect();
    assert_eq!(counts, [59, 59, 12]);
    let numbers: Vec<u32> = harness
        .end
        .commands()
        .iter()
        .map(|(_, cmd)| cmd.acked().0)
        .collect();
    assert_eq!(numbers, (1..=130).collect::<Vec<u32>>());
}

/// A command that does not fit ends its channel's turn; other channels may still contribute. Spec:
/// udp.md 5.8.
#[test]
fn a_command_that_does_not_fit_ends_its_channels_turn() {
    let mut harness = quiet(|_| ());
    harness
        .conn()
        .send(0, Delivery::Reliable, &message(600))
        .unwrap();
    harness
        .conn()
        .send(0, Delivery::Reliable, &message(700))
        .unwrap();
    harness
        .conn()
        .send(0, Delivery::Reliable, &message(10))
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::Reliable, &message(20))
        .unwrap();
    harness.poll();
    let datagrams: Vec<Vec<(u8, u32)>> = harness
        .end
        .sent
        .iter()
        .map(|sent| {
            sent.read()
                .commands
                .iter()
                .map(|cmd| (cmd.channel, cmd.rseq))
                .collect()
        })
        .collect();
    assert_eq!(datagrams, [vec![(0, 1), (1, 1)], vec![(0, 2), (0, 3)]]);
}

#[test]
fn refused_messages_leave_nothing_behind() {
    let mut harness = quiet(|config| config.max_message_bytes = 5000);
    let queued = harness.conn().queued_bytes();
    let long = harness.conn().send(0, Delivery::Reliable, &message(5001));
    assert!(
        matches!(
            long,
            Err(SendError::TooLong {
                max_bytes: 5000,
                ..
            })
        ),
        "{long:?}"
    );
    for channel in [2, 254, 255] {
        let refused = harness.conn().send(channel, Delivery::Reliable, b"no");
        assert!(
            matches!(refused, Err(SendError::Channel(no)) if no == channel),
            "{refused:?}"
        );
    }
    assert_eq!(harness.conn().queued_bytes(), queued);
    let unmoved: [Cmd; 0] = [];
    assert_eq!(harness.poll(), unmoved);
    harness
        .conn()
        .send(0, Delivery::Reliable, &message(5000))
        .unwrap();
    assert_eq!(
        harness
            .poll()
            .iter()
            .map(|cmd| cmd.payload().len())
            .sum::<usize>(),
        5000
    );
}

#[test]
fn send_with_writes_in_place_and_an_error_queues_nothing() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Own,
        Send(SendError),
    }
    impl From<SendError> for Mine {
        fn from(error: SendError) -> Self {
            Self::Send(error)
        }
    }
    let mut harness = quiet(|config| config.max_message_bytes = 2000);
    let failed = harness
        .conn()
        .send_with(0, Delivery::Reliable, |out, start| {
            assert_eq!(out.len(), start);
            out.extend(b"half a mess");
            Err(Mine::Own)
        });
    assert_eq!(failed, Err(Mine::Own));
    let long = harness.conn().send_with(0, Delivery::Reliable, |out, _| {
        out.extend([1; 2001]);
        Ok::<(), Mine>(())
    });
    assert!(
        matches!(
            long,
            Err(Mine::Send(SendError::TooLong {
                max_bytes: 2000,
                ..
            }))
        ),
        "{long:?}"
    );
    for length in [3, 1152, 1153, 2000] {
        let whole = message(length);
        let sent = harness.conn().send_with(0, Delivery::Reliable, |out, _| {
            out.extend(&whole);
            Ok::<(), Mine>(())
        });
        assert_eq!(sent, Ok(()));
        let joined: Vec<u8> = harness
            .poll()
            .iter()
            .flat_map(|cmd| cmd.payload().to_vec())
            .collect();
        assert_eq!(joined, whole);
    }
    // The numbers show that failed messages used none: 1, 2, 3 and 4, 5 and 6.
    assert_eq!(harness.end.commands().last().unwrap().1.rseq, 6);
}

/// Spec: udp.md 12: peer id 0, reserved 0, the client's challenge.
#[test]
fn the_server_role_writes_peer_id_0_and_reserved_0() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    harness
        .conn()
        .send(0, Delivery::Reliable, &message(3000))
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::Unreliable, b"one")
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::UnreliableUnsequenced, b"two")
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::ReliableUnsequenced, &message(1200))
        .unwrap();
    harness.feed(&[Cmd::ping(2).by_client()]);
    harness.run_acked(3000, 20);
    let kinds: Vec<u8> = harness
        .end
        .commands()
        .iter()
        .map(|(_, cmd)| cmd.kind)
        .collect();
    for kind in [FRAGMENT, UNRELIABLE, 11, FRAGMENT_UNSEQUENCED, 1, PING] {
        assert!(kinds.contains(&kind), "type {kind} in {kinds:?}");
    }
    for sent in &harness.end.sent {
        let datagram = sent.read();
        assert_eq!(
            (datagram.peer_id, datagram.flags, datagram.challenge),
            (0, 0, crate::harness::CHALLENGE)
        );
        assert!(
            datagram.commands.iter().all(|cmd| cmd.reserved == 0),
            "{datagram:?}"
        );
    }
}
