//! Scenarios 7 to 9 and 27 to 29, and the tables of round trip times and resends. Spec: udp.md 5.2
//! to 5.7, 10.

use crate::harness::{CHALLENGE, Harness, NetworkHarness, PEER_ID, RoundTripMs, Side, config, ms};
use crate::wire::{CONNECT, CONTROL, Cmd, DISCONNECT, PING, RELIABLE, SERVER_TIME, hex};
use photon_proto::udp::{Cause, Config, Delivery};

/// The init message has number 1.
const FIRST: u32 = 2;

#[test]
fn u07_reliable_lost_four_times_is_sent_at_200_361_522_683_1004() {
    let mut harness = NetworkHarness::script().losing(|packet| {
        packet.from == Side::Client
            && packet.at < 1004
            && packet.has(|cmd| cmd.kind == RELIABLE && cmd.rseq == FIRST)
    });
    harness.run_until(200);
    harness.send(Delivery::Reliable, b"once");
    harness.run_until(1043);
    assert_eq!(
        harness.client.times_of(0, FIRST),
        [200, 361, 522, 683, 1004]
    );
    assert_eq!(harness.client.conn.in_flight(), 1);
    harness.run_until(1044);
    assert_eq!(harness.client.conn.in_flight(), 0);
    // The sample is the 40 ms of the last transmission: 30 - 30 / 4 is the variance.
    assert_eq!(
        (
            harness.client.conn.round_trip_ms(),
            harness.client.conn.round_trip_variance_ms()
        ),
        (40, 23)
    );
    let copies: Vec<Cmd> = harness
        .client
        .commands()
        .into_iter()
        .map(|(_, cmd)| cmd)
        .filter(|cmd| cmd.rseq == FIRST && cmd.kind == 6)
        .collect();
    assert_eq!(copies.len(), 5);
    assert!(
        copies
            .iter()
            .all(|copy| *copy == Cmd::reliable(0, FIRST, b"once").by_client()),
        "{copies:?}"
    );
    let headers: Vec<u32> = harness.client_sent(RELIABLE)[1..]
        .iter()
        .map(|(_, datagram)| datagram.time)
        .collect();
    assert_eq!(headers, [200, 361, 522, 683, 1004]);
    harness.run_until(2000);
    assert_eq!(harness.client.times_of(0, FIRST).len(), 5);
    assert_eq!(harness.client.conn.stats().resent_commands, 4);
}

/// The settings of the official client, whose resends are limited by their number.
fn official() -> Config {
    config(|config| config.max_resends = 7)
}

/// The last command that was acknowledged is the server-time of 80.
#[test]
fn u08_reliable_never_acked_ends_10_seconds_after_the_last_acknowledged_transmission() {
    let mut harness =
        NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq == FIRST);
    harness.run_until(200);
    harness.send(Delivery::Reliable, b"never");
    harness.run_until(20_000);
    let mut times = vec![200, 361, 522, 683];
    times.extend((1004..10_080).step_by(401));
    assert_eq!(harness.client.times_of(0, FIRST), times);
    assert_eq!(harness.client.end(), Some((10_080, Cause::Timeout)));
}

#[test]
fn u08_with_the_official_allowance_it_ends_at_10608_by_count() {
    let mut harness = NetworkHarness::script_with(official())
        .ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq == FIRST);
    harness.run_until(200);
    harness.send(Delivery::Reliable, b"never");
    harness.run_until(20_000);
    assert_eq!(
        harness.client.times_of(0, FIRST),
        [200, 361, 522, 683, 1004, 1645, 2926, 5487]
    );
    assert_eq!(harness.client.end(), Some((10_608, Cause::Timeout)));
    let last = harness.client.sent.last().unwrap();
    assert_eq!(last.at, 10_608);
    // The unsequenced form, reserved 2, and the assigned peer id as in session
    // `established_timeout_30ms`.
    assert_eq!(
        hex(&last.bytes),
        format!(
            "{PEER_ID:04x}0001{:08x}{CHALLENGE:08x}04ff02020000000c00000001",
            10_608
        )
    );
    // With a reliable command in flight there are no pings. Spec: udp.md 5.7.
    assert!(harness.client.times_of_kind(PING).is_empty());
}

#[test]
fn u09_lost_ack_makes_a_repeat_at_361_one_delivery_and_two_acks() {
    let mut lost = 0;
    let mut harness = NetworkHarness::pair().losing(move |packet| {
        let acks = packet.from == Side::Server
            && packet.has(|cmd| cmd.kind == 1 && cmd.channel == 0 && cmd.acked().0 == FIRST);
        lost += usize::from(acks);
        acks && lost == 1
    });
    harness.run_until(200);
    harness.real().messages();
    harness.send(Delivery::Reliable, b"once");
    harness.run_until(1000);
    assert_eq!(harness.client.times_of(0, FIRST), [200, 361]);
    assert_eq!(harness.client.conn.in_flight(), 0);
    assert_eq!(
        harness.real().messages(),
        [(0, Delivery::Reliable, b"once".to_vec())]
    );
    let acks: Vec<(u64, (u32, u32))> = harness
        .real()
        .commands()
        .into_iter()
        .filter(|(_, cmd)| cmd.is_ack() && cmd.channel == 0 && cmd.acked().0 == FIRST)
        .map(|(at, cmd)| (at, cmd.acked()))
        .collect();
    assert_eq!(acks, [(220, (FIRST, 200)), (381, (FIRST, 361))]);
    assert_eq!(harness.real().conn.stats().duplicates, 1);
}

/// Only the first of them, for which the others wait, keeps below 400 ms.
#[test]
fn u27_with_30_in_flight_the_timeout_doubles_from_the_first_resend_on() {
    let by_time: Vec<u64> = [200, 361]
        .into_iter()
        .chain((682..10_080).step_by(401))
        .collect();
    let doubling = vec![200, 361, 682, 1323, 2604, 5165];
    for (settings, first, end) in [
        (Config::client(), &by_time, 10_080),
        // 160 as in the table's row of quick 0.
        (official(), &doubling, 200 + 10_086),
    ] {
        let mut harness = NetworkHarness::script_with(settings)
            .ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq >= FIRST);
        harness.run_until(200);
        for _ in 0..30 {
            harness.send(Delivery::Reliable, b"thirty");
        }
        harness.run_until(20_000);
        assert_eq!(harness.client.times_of(0, FIRST), *first);
        for rseq in FIRST + 1..FIRST + 30 {
            assert_eq!(harness.client.times_of(0, rseq), doubling);
        }
        assert_eq!(harness.client.end(), Some((end, Cause::Timeout)));
    }
}

#[test]
fn u27_with_24_in_flight_it_does_not_and_with_25_it_does() {
    for (count, second) in [(24, 522), (25, 682)] {
        let mut harness =
            NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq >= FIRST);
        harness.run_until(200);
        for _ in 0..count {
            harness.send(Delivery::Reliable, b"some");
        }
        harness.run_until(700);
        assert_eq!(harness.client.times_of(0, FIRST)[..3], [200, 361, second]);
    }
}

/// The sweep of resends stops when less than 80 bytes are left, also where one more would fit.
/// Spec: udp.md 5.8.
#[test]
fn u27_resends_stop_when_less_than_80_bytes_are_left() {
    let mut harness =
        NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq >= FIRST);
    harness.run_until(200);
    for _ in 0..50 {
        harness.send(Delivery::Reliable, &[7; 15]);
    }
    harness.run_until(400);
    let sent = harness
        .client_sent(RELIABLE)
        .into_iter()
        .filter(|(at, _)| *at >= 200);
    let counts: Vec<(u64, usize)> = sent
        .map(|(at, datagram)| (at, datagram.commands.len()))
        .collect();
    // 27 bytes each: 44 fit for the first time, but 42 leave 54 bytes.
    assert_eq!(counts, [(200, 44), (200, 6), (361, 42), (361, 8)]);
}

/// With 80 bytes of space the next command is sent along, with 79 it is not.
#[test]
fn u27_80_bytes_left_are_enough_for_one_more() {
    for (first, together) in [(265, 5), (266, 4)] {
        let mut harness =
            NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq >= FIRST);
        harness.run_until(200);
        // 12 of the header and 4 x 277 leave 80.
        for length in [first, 265, 265, 265, 15] {
            harness.send(Delivery::Reliable, &vec![7; length]);
        }
        harness.run_until(361);
        let resent = harness
            .client_sent(RELIABLE)
            .into_iter()
            .find(|(at, _)| *at == 361)
            .unwrap();
        assert_eq!(
            resent.1.commands.len(),
            together,
            "the first with {first} bytes"
        );
    }
}

/// In the order of the first transmission, regardless of the channel. Spec: udp.md 5.8.
#[test]
fn resends_come_in_the_order_of_original_sending() {
    let mut harness = Harness::client(config(|config| config.ping_interval = ms(0)));
    for (channel, delivery) in [
        (1, Delivery::Reliable),
        (0, Delivery::ReliableUnsequenced),
        (1, Delivery::Reliable),
        (0, Delivery::Reliable),
    ] {
        harness.conn().send(channel, delivery, b"x").unwrap();
        harness.poll();
    }
    let resent = harness.run_to(500);
    let order: Vec<(u8, u8, u32)> = resent[..4]
        .iter()
        .map(|cmd| (cmd.channel, cmd.kind, cmd.rseq))
        .collect();
    assert_eq!(order, [(1, 6, 1), (0, 14, 1), (1, 6, 2), (0, 6, 1)]);
}

#[test]
fn u28_idle_for_10_s_pings_every_3041_ms() {
    let mut harness = NetworkHarness::script();
    harness.run_until(10_000);
    // 3000 after the last acknowledgement (120), and 1.
    assert_eq!(harness.client.times_of_kind(PING), [3121, 6162, 9203]);
    assert_eq!(harness.client.conn.in_flight(), 0);
    let (_, datagram) = &harness.client_sent(PING)[0];
    // Connect was 1 and server-time 2 on channel 255. Spec: udp.md 5.7.
    assert_eq!(datagram.commands, [Cmd::ping(3).by_client()]);
    assert_eq!(datagram.peer_id, PEER_ID);
    assert_eq!(harness.client.conn.stats().pings, 3);
    assert_eq!(harness.client.sent.len(), 6);
}

#[test]
fn u28_interval_of_0_never_pings() {
    let mut harness = NetworkHarness::script_with(config(|config| config.ping_interval = ms(0)));
    harness.run_until(60_000);
    assert!(harness.client.times_of_kind(PING).is_empty());
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn u29_server_that_vanishes_is_noticed_by_a_ping() {
    // The first ping was answered at 3161, so the variance is 23 and the first timeout 40 + 92.
    let quick = [0, 133, 266, 399].map(|after| 6162 + after);
    let by_count = [664, 1193, 2250, 4363].map(|after| 6162 + after).to_vec();
    // That ping was sent at 3121, and nothing sent later was acknowledged.
    let by_time = (6162 + 664..13_121).step_by(401).collect();
    for (settings, slow, end) in [
        (Config::client(), by_time, 13_121),
        (official(), by_count, 6162 + 8588),
    ] {
        let mut harness = NetworkHarness::script_with(settings)
            .losing(|packet| packet.from == Side::Client && packet.at > 6000);
        harness.run_until(30_000);
        let sent_at: Vec<u64> = quick.into_iter().chain(slow).collect();
        assert_eq!(harness.client.times_of_kind(PING)[1..], sent_at);
        assert_eq!(harness.client.end(), Some((end, Cause::Timeout)));
        assert_eq!(harness.client_sent(DISCONNECT).len(), 1);
    }
}

/// Spec: udp.md 5.3. The first timeout is measured by leaving the next command without an answer.
#[test]
fn table_of_round_trip_times() {
    let rows = [
        (5, [(15, 5, 35), (14, 6, 38), (13, 7, 41)]),
        (16, [(16, 44, 192), (16, 33, 148), (16, 25, 116)]),
        (40, [(40, 39, 196), (40, 30, 160), (40, 23, 132)]),
        (100, [(100, 26, 204), (100, 20, 180), (100, 15, 160)]),
        (200, [(200, 4, 216), (200, 3, 212), (200, 3, 212)]),
        (300, [(300, 26, 400), (300, 20, 380), (300, 15, 360)]),
        // The last sample that counts as 15, and the one below it.
        (15, [(15, 5, 35), (15, 4, 31), (15, 3, 27)]),
    ];
    for (sample, row) in rows {
        for (samples, (rtt, var, first_timeout)) in row.into_iter().enumerate() {
            let mut harness = connected_with_sample(sample);
            for rseq in 1..=u32::try_from(samples).unwrap() {
                harness
                    .conn()
                    .send(0, Delivery::Reliable, b"sample")
                    .unwrap();
                let sent = harness.now;
                harness.poll();
                harness.run_to(sent + sample);
                harness.feed(&[Cmd::ack(0, rseq, u32::try_from(sent).unwrap())]);
            }
            let (got_rtt, got_var) = (
                harness.conn().round_trip_ms(),
                harness.conn().round_trip_variance_ms(),
            );
            assert_eq!(
                (got_rtt, got_var),
                (rtt, var),
                "sample {sample}, {samples} more"
            );
            harness
                .conn()
                .send(0, Delivery::Reliable, b"measured")
                .unwrap();
            harness.poll();
            let due = harness.end.deadline().unwrap() - harness.now;
            assert_eq!(due, first_timeout + 1, "sample {sample}, {samples} more");
        }
    }
}

/// A client whose connect was acknowledged after `sample` ms. No pings.
fn connected_with_sample(sample: u64) -> Harness {
    let mut harness = Harness::new_client(config(|config| config.ping_interval = ms(0)));
    harness.poll();
    let resent = harness.run_to(sample);
    // 300 ms are more than the first timeout: then the answer is to the copy of 221, whose sample
    // is wanted.
    let sent = if resent.is_empty() { 0 } else { 221 };
    harness.run_to(sent + sample);
    harness.feed(&[
        Cmd::ack(CONTROL, 1, u32::try_from(sent).unwrap()),
        Cmd::verify(PEER_ID),
    ]);
    assert_eq!(harness.end.log.len(), 1);
    harness
}

/// Spec: udp.md 5.4. All rows; a connect where the row says so, else a message.
#[test]
fn table_of_resends() {
    let rows: [(u32, u64, &[u64], u64); 9] = [
        (2, 220, &[0, 221, 442, 663, 1104, 1985, 3746, 7267], 14_308),
        (2, 160, &[0, 161, 322, 483, 804, 1445, 2726, 5287], 10_408),
        (2, 35, &[0, 36, 72, 108, 179, 320, 601, 1162], 2283),
        (2, 400, &[0, 401, 802, 1203, 2004, 3605, 6806], 13_207),
        (0, 220, &[0, 221, 662, 1543, 3304, 6825], 13_866),
        (0, 160, &[0, 161, 482, 1123, 2404, 4965], 10_086),
        (0, 35, &[0, 36, 107, 248, 529, 1090, 2211, 4452], 8933),
        // Not in the table, by the same rule: quick 1 and quick 4 with 35.
        (1, 35, &[0, 36, 72, 143, 284, 565, 1126, 2247], 4488),
        (4, 35, &[0, 36, 72, 108, 144, 180, 251, 392], 673),
    ];
    for (quick, first_timeout, expected, gives_up) in rows {
        let label = format!("quick {quick}, first timeout {first_timeout}");
        let settings = config(|config| {
            (config.max_resends, config.quick_resends) = (7, quick);
            config.ping_interval = ms(0);
        });
        let (sent_at, times, end) = if first_timeout == 220 {
            let mut harness = Harness::new_client(settings);
            harness.run_to(30_000);
            (0, harness.end.times_of_kind(CONNECT), harness.end.end())
        } else {
            let mut harness = Harness::new_client(settings);
            harness.poll();
            let sample = match first_timeout {
                160 => 40,
                35 => 5,
                _ => 300,
            };
            if sample == 300 {
                harness.run_to(221);
            }
            let connect = if sample == 300 { 221 } else { 0 };
            harness.run_to(connect + sample);
            harness.feed(&[
                Cmd::ack(CONTROL, 1, u32::try_from(connect).unwrap()),
                Cmd::verify(PEER_ID),
            ]);
            let mut rseq = 1;
            if sample == 40 {
                harness
                    .conn()
                    .send(0, Delivery::Reliable, b"second sample")
                    .unwrap();
                let sent = u32::try_from(harness.now).unwrap();
                harness.poll();
                harness.run_to(harness.now + 40);
                harness.feed(&[Cmd::ack(0, 1, sent)]);
                rseq = 2;
            }
            let sent = harness.now;
            harness
                .conn()
                .send(0, Delivery::Reliable, b"never acked")
                .unwrap();
            harness.run_to(sent + 30_000);
            (sent, harness.end.times_of(0, rseq), harness.end.end())
        };
        let expected: Vec<u64> = expected.iter().map(|after| sent_at + after).collect();
        assert_eq!(times, expected, "{label}");
        let cause = if first_timeout == 220 {
            Cause::ConnectTimeout
        } else {
            Cause::Timeout
        };
        assert_eq!(end, Some((sent_at + gives_up, cause)), "{label}");
    }
}

/// The timeout of a command is fixed by its first transmission: later samples do not change it.
/// Spec: udp.md 5.4.
#[test]
fn acks_of_others_do_not_change_a_timeout() {
    let mut harness =
        NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq == FIRST);
    harness.run_until(200);
    harness.send(Delivery::Reliable, b"never");
    for step in 1..8 {
        harness.run_until(200 + 40 * step);
        harness.send(Delivery::Reliable, b"answered");
    }
    harness.run_until(1100);
    assert!(harness.client.conn.round_trip_variance_ms() < 15);
    assert_eq!(
        harness.client.times_of(0, FIRST),
        [200, 361, 522, 683, 1004]
    );
}

/// Also for a server that only answers pings and nothing else: pings do not go out while something
/// is in flight.
#[test]
fn allowance_and_timeout_are_settings() {
    let settings = config(|config| {
        config.max_resends = 3;
        config.disconnect_timeout = ms(60_000);
        config.initial_resend_max = ms(100);
    });
    let mut harness = NetworkHarness::silent(settings);
    harness.run_until(30_000);
    assert_eq!(harness.client.times_of_kind(CONNECT), [0, 101, 202, 303]);
    // Sent four times, which is more than three: ended when it is due the next time, 201 later.
    assert_eq!(harness.client.end(), Some((504, Cause::ConnectTimeout)));
}

/// Spec: udp.md 5.2, item 4: the acknowledgement of server-time is no sample.
#[test]
fn server_time_takes_no_sample_and_a_ping_does() {
    let mut harness = NetworkHarness::script();
    harness.run_until(3160);
    assert_eq!(harness.client.times_of_kind(SERVER_TIME), [80]);
    assert_eq!(harness.client.conn.round_trip_variance_ms(), 30);
    harness.run_until(3161);
    assert_eq!(harness.client.conn.round_trip_variance_ms(), 23);
}
