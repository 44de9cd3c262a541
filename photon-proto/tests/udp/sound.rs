//! Long runs over networks that lose datagrams, have long round trips, or fail: when a connection
//! ends, how often it sends everything, and what the send window costs. Spec: udp.md 5.4, 5.6, 5.9.
//!
//! `PHOTON_UDP_FULL=1` runs more seeds, and prints the table of send windows.

use crate::harness::{Harness, NetworkHarness, Rng, Server, Side, both, config};
use crate::wire::{CONTROL, Cmd, Fragments};
use photon_proto::udp::{Cause, Config, Delivery};

const HOUR_MS: u64 = 3_600_000;
/// A dead link has to be noticed within this time, in milliseconds.
const NOTICE_MS: u64 = 10_000;

fn full() -> bool {
    std::env::var_os("PHOTON_UDP_FULL").is_some_and(|value| value == "1")
}

/// Connects a client and a server of this crate over a perfect network with this delay.
fn connected(client: Config, delay_ms: u64) -> NetworkHarness {
    let server = Config::server().with(|it| it.send_window = client.send_window);
    let server = Server::Real {
        config: server,
        end: None,
    };
    let mut harness = NetworkHarness::new(client, server);
    harness.set_fate(move |packet| vec![packet.copy_after(delay_ms)]);
    harness.run_until(10 * delay_ms + 1_000);
    assert!(harness.client.connected_at().is_some());
    assert!(harness.real().connected_at().is_some());
    harness.client.keep_sent = false;
    harness.real().keep_sent = false;
    harness.client.messages();
    harness.real().messages();
    harness
}

/// Loses datagrams by chance, in both directions.
fn lose(harness: &mut NetworkHarness, seed: u64, percent: u64, delay_ms: u64) {
    let mut rng = Rng(seed);
    harness.set_fate(move |packet| {
        if rng.percent(percent) {
            vec![]
        } else {
            vec![packet.copy_after(delay_ms)]
        }
    });
}

/// Runs for an hour with one message every `gap_ms` in each direction (0: none).
fn survives(seed: u64, loss: u64, delay_ms: u64, gap_ms: u64) -> Result<(), String> {
    let mut harness = connected(Config::client(), delay_ms);
    lose(&mut harness, seed, loss, delay_ms);
    let (begin, mut sent, mut taken) = (harness.now, 0_u32, [0_u32; 2]);
    while harness.now < begin + HOUR_MS {
        if gap_ms > 0 {
            harness.send(Delivery::Reliable, &sent.to_be_bytes());
            let server = &mut harness.real().conn;
            server
                .send(0, Delivery::Reliable, &sent.to_be_bytes())
                .unwrap();
            sent += 1;
        }
        let until = harness.now + if gap_ms > 0 { gap_ms } else { 60_000 };
        harness.run_until(until);
        for (side, taken) in [Side::Client, Side::Server].into_iter().zip(&mut taken) {
            let end = match side {
                Side::Client => &mut harness.client,
                Side::Server => harness.real(),
            };
            for (_, _, bytes) in end.messages() {
                assert_eq!(bytes, taken.to_be_bytes(), "seed {seed}: in order, once");
                *taken += 1;
            }
            if let Some((at, cause)) = end.end() {
                let after = at - begin;
                return Err(format!(
                    "seed {seed}: {side:?} ends after {after} ms: {cause}"
                ));
            }
        }
    }
    assert!(
        taken.iter().all(|taken| sent - taken < 50),
        "{taken:?} of {sent}"
    );
    Ok(())
}

#[track_caller]
fn all_survive(loss: u64, gap_ms: u64, seeds: u64, max_failed: usize) {
    let failed: Vec<String> = (0..seeds)
        .filter_map(|seed| survives(seed, loss, 25, gap_ms).err())
        .collect();
    assert!(
        failed.len() <= max_failed,
        "{} of {seeds}: {failed:#?}",
        failed.len()
    );
}

#[test]
fn sound13_an_idle_connection_survives_an_hour_of_20_percent_loss() {
    all_survive(20, 0, if full() { 300 } else { 15 }, 0);
}

#[test]
fn sound13_a_busy_connection_survives_an_hour_of_20_percent_loss() {
    all_survive(20, 500, if full() { 100 } else { 15 }, 0);
}

#[test]
fn sound13_an_idle_connection_survives_an_hour_of_30_percent_loss() {
    // The pings are too few for certainty: each has about 20 transmissions.
    let (seeds, max_failed) = if full() { (300, 3) } else { (15, 0) };
    all_survive(30, 0, seeds, max_failed);
}

#[test]
fn sound13_a_busy_connection_survives_an_hour_of_30_percent_loss() {
    all_survive(30, 500, if full() { 100 } else { 15 }, 0);
}

/// Both ends notice it, whatever they did before: idle at any point between two pings, or sending.
#[test]
fn sound13_a_dead_link_is_noticed_within_10_seconds() {
    for loss in [0, 20] {
        for gap_ms in [0, 700, 2_900] {
            for dies_after in [1, 999, 1_500, 2_999, 3_100, 4_000, 7_777] {
                for direction in [None, Some(Side::Client), Some(Side::Server)] {
                    let label = format!("{loss} %, every {gap_ms}, {dies_after}, {direction:?}");
                    let mut harness = connected(Config::client(), 25);
                    lose(&mut harness, dies_after, loss, 25);
                    let dead = harness.now + 20_000 + dies_after;
                    let mut rng = Rng(dies_after);
                    let step = |harness: &mut NetworkHarness, until: u64| {
                        while harness.now < until {
                            if gap_ms > 0 {
                                // Refused after the end.
                                let message = Delivery::Reliable;
                                let _ended = harness.client.conn.send(0, message, b"x");
                                let _ended = harness.real().conn.send(0, message, b"x");
                            }
                            let next = until.min(harness.now + gap_ms.max(1_000));
                            harness.run_until(next);
                        }
                    };
                    step(&mut harness, dead);
                    assert_eq!(
                        (harness.client.end(), harness.real().end()),
                        (None, None),
                        "{label}"
                    );
                    harness.set_fate(move |packet| {
                        let lost = direction.is_none_or(|dead| dead == packet.from);
                        if lost || rng.percent(loss) {
                            vec![]
                        } else {
                            vec![packet.copy_after(25)]
                        }
                    });
                    step(&mut harness, dead + NOTICE_MS);
                    let ends = [harness.client.end(), harness.real().end()];
                    assert!(
                        ends.iter()
                            .flatten()
                            .any(|(_, cause)| *cause == Cause::Timeout),
                        "{label}: {ends:?}"
                    );
                    assert!(ends.iter().all(Option::is_some), "{label}: {ends:?}");
                }
            }
        }
    }
}

/// Messages that are sent once each over a long round trip. The first commands of a connection
/// cannot know it, so the figures begin behind them.
#[test]
fn sound13_a_long_round_trip_sends_nothing_twice() {
    for delay_ms in [250, 500, 1_000] {
        for burst in [1, 20, 60] {
            let mut harness = connected(Config::client(), delay_ms);
            let before = *harness.client.conn.stats();
            for _ in 0..30 {
                for _ in 0..burst {
                    harness.send(Delivery::Reliable, &[7; 50]);
                }
                let until = harness.now + 4 * delay_ms + 100;
                harness.run_until(until);
            }
            let stats = *harness.client.conn.stats();
            assert_eq!(harness.real().messages().len(), 30 * burst);
            assert_eq!(
                stats.resent_commands - before.resent_commands,
                0,
                "{delay_ms} ms, {burst} at a time"
            );
        }
    }
}

/// What one setting of the send window does.
struct Measured {
    per_second: f64,
    datagrams_per_message: f64,
    mean_latency_ms: f64,
    max_latency_ms: u64,
}

/// Sends 2,000 messages of 100 bytes from the client to the server, as fast as the queue takes
/// them.
fn measure(window: u32, loss: u64, delay_ms: u64) -> Measured {
    const MESSAGES: u32 = 2_000;
    let mut harness = connected(config(|it| it.send_window = window), delay_ms);
    lose(&mut harness, 7, loss, delay_ms);
    let (begin, before) = (harness.now, *harness.client.conn.stats());
    let (mut sent, mut taken, mut at, mut latency) = (0_u32, 0_u32, Vec::new(), Vec::new());
    while taken < MESSAGES {
        while sent < MESSAGES && harness.client.conn.queued_bytes() < 112 * 300 {
            let mut message = sent.to_be_bytes().to_vec();
            message.resize(100, 7);
            harness.send(Delivery::Reliable, &message);
            at.push(harness.now);
            sent += 1;
        }
        let until = harness.now + 5;
        harness.run_until(until);
        let now = harness.now;
        for (_, _, bytes) in harness.real().messages() {
            assert_eq!(bytes[..4], taken.to_be_bytes());
            latency.push(now - at[taken as usize]);
            taken += 1;
        }
        assert_eq!(harness.client.end(), None, "window {window}, loss {loss}");
    }
    let took_ms = harness.now - begin;
    let datagrams = harness.client.conn.stats().sent_datagrams - before.sent_datagrams;
    Measured {
        per_second: f64::from(MESSAGES) * 1000.0 / took_ms as f64,
        datagrams_per_message: datagrams as f64 / f64::from(MESSAGES),
        mean_latency_ms: latency.iter().sum::<u64>() as f64 / f64::from(MESSAGES),
        max_latency_ms: latency.into_iter().max().unwrap(),
    }
}

#[test]
fn sound13_the_send_window_is_configurable() {
    let mut ok = true;
    let mut table = String::from("window loss   msg/s  datagrams/msg  latency mean    max\n");
    for delay_ms in [25, 100] {
        for loss in [0, 5, 20] {
            let mut slower = 0.0;
            for window in [50, 128, 256] {
                let it = measure(window, loss, delay_ms);
                table += &format!(
                    "{window:6} {loss:4} {:7.0} {:14.3} {:13.0} {:6}   ({delay_ms} ms)\n",
                    it.per_second, it.datagrams_per_message, it.mean_latency_ms, it.max_latency_ms
                );
                // At 20 % the queue of this test, 300 messages, limits a window of 256.
                ok &= it.per_second > slower * if loss == 20 { 0.9 } else { 1.5 };
                slower = it.per_second;
            }
        }
    }
    assert!(ok, "{table}");
    println!("{table}");
}

/// Messages in each place of a connection: queued behind the window, in flight, held out of order,
/// incomplete, and ready.
#[test]
fn sound18_a_connection_shows_neither_messages_nor_its_secrets() {
    const SECRET: &[u8] = b"hunter2-the-password";
    both(|harness| {
        for _ in 0..60 {
            harness.conn().send(0, Delivery::Reliable, SECRET).unwrap();
        }
        harness.poll();
        let of = Fragments {
            start: 5,
            count: 2,
            total: 40,
        };
        harness.end.taking = false;
        harness.feed(&[
            Cmd::reliable(0, 1, SECRET),
            Cmd::reliable(0, 3, SECRET),
            Cmd::fragment(0, of, 0, 0, SECRET),
        ]);
        for shown in [
            format!("{:?}", harness.end.conn),
            format!("{:#?}", harness.end.conn),
        ] {
            let numbers: Vec<String> = SECRET[..3].iter().map(u8::to_string).collect();
            let compact = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            for hidden in [
                "hunter".to_owned(),
                numbers.join(", "),
                harness.conn().challenge().to_string(),
            ] {
                assert!(!compact.contains(&hidden), "{shown}");
            }
            assert!(shown.contains("in_flight: 50"), "{shown}");
        }
    });
}

/// Acks that match nothing, that repeat, or whose time is false neither move the estimate, nor put
/// off a ping, nor keep a dead connection alive.
#[test]
fn sound12_udp_false_acks_change_nothing() {
    let mut harness = Harness::client(config(|_| ()));
    let before = (
        harness.conn().round_trip(),
        harness.conn().round_trip_variance(),
    );
    let begin = harness.now;
    let pings = harness.conn().stats().pings;
    let mut ended = None;
    // Every 100 ms, for half a minute: the ack of the connect again, and of numbers that were never
    // sent, with times of the past and of the future.
    for step in 1..300 {
        let now = begin + 100 * step;
        harness.run_to(now);
        let clock = u32::try_from(now).unwrap();
        for time in [
            0,
            clock,
            clock + 5_000,
            clock - 1,
            u32::MAX,
            i32::MAX as u32,
        ] {
            harness.feed(&[
                Cmd::ack(CONTROL, 1, time),
                Cmd::ack(CONTROL, 900, time),
                Cmd::ack(0, 1, time),
                Cmd::ack(0, 900, time),
                Cmd::ack(7, 1, time),
                Cmd::ack_unsequenced(0, 1, time),
            ]);
        }
        if ended.is_none() {
            ended = harness.end.end();
        }
    }
    let conn = harness.conn();
    assert_eq!((conn.round_trip(), conn.round_trip_variance()), before);
    assert_eq!(conn.stats().pings - pings, 1, "once, at its time");
    let (at, cause) = ended.expect("nobody acknowledges the ping");
    assert_eq!(cause, Cause::Timeout);
    assert!(at - begin <= NOTICE_MS, "{}", at - begin);
}

/// An ack of the right command with a false time removes the command and is no sample: in the
/// future, before the command was sent, or ten seconds old.
#[test]
fn sound12_udp_an_ack_with_a_false_time_is_no_sample() {
    for time_of in [
        (|now| now + 1) as fn(u32) -> u32,
        |now| now + 5_000,
        |now| now - 41,
        |_| 0,
        |now| now.wrapping_sub(10_001),
        |_| i32::MAX as u32,
        |_| u32::MAX,
    ] {
        let mut harness = Harness::client(config(|_| ()));
        harness.run_to(harness.now + 500);
        harness.conn().send(0, Delivery::Reliable, b"x").unwrap();
        harness.poll();
        harness.run_to(harness.now + 40);
        let before = (
            harness.conn().round_trip(),
            harness.conn().round_trip_variance(),
        );
        let time = time_of(u32::try_from(harness.now).unwrap());
        harness.feed(&[Cmd::ack(0, 1, time)]);
        let conn = harness.conn();
        assert_eq!(conn.in_flight(), 0, "{time}");
        assert_eq!(
            (conn.round_trip(), conn.round_trip_variance()),
            before,
            "{time}"
        );
    }
}
