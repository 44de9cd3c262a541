//! The contract with a driver: timers, order of calls, imperfect clocks. Spec: udp.md 9, 11.

use crate::harness::{Harness, PEER_ID, Rng, RoundTripMs, at, both, config, ms, server_config};
use crate::wire::{self, CONNECT, CONTROL, Cmd, DISCONNECT, PING, RELIABLE};
use photon_proto::Timestamp;
use photon_proto::udp::{Cause, Config, Connection, Delivery, State};

fn quiet() -> Harness {
    Harness::client(config(|config| config.ping_interval = ms(0)))
}

/// The same datagram until it is reported as sent, with the time of each call; the timer counts
/// from the last of them.
#[test]
fn a_datagram_that_waits_for_the_socket_is_restamped_and_its_timer_counts_from_then() {
    let mut conn = Connection::connect(Config::client(), 7, at(0));
    let mut first = conn.transmit(at(0)).unwrap().to_vec();
    for now in [1, 50, 500] {
        let again = conn.transmit(at(now)).unwrap().to_vec();
        first[4..8].copy_from_slice(&u32::try_from(now).unwrap().to_be_bytes());
        assert_eq!(again, first, "only the time is new");
    }
    conn.transmitted();
    assert_eq!(conn.transmit(at(500)), None);
    // 220 and 1 after the moment at which it left.
    assert_eq!(conn.poll_timeout(), Some(at(721)));
    conn.handle_timeout(at(720));
    assert_eq!(conn.transmit(at(720)), None);
    conn.handle_timeout(at(721));
    let resent = wire::read(conn.transmit(at(721)).unwrap());
    assert_eq!((resent.time, resent.commands[0].kind), (721, CONNECT));
}

/// The disconnect timeout counts from the moment at which it left, too.
#[test]
fn a_delayed_datagram_times_out_by_the_time_at_which_it_was_sent() {
    let settings = config(|config| {
        config.quick_resends = 0;
        config.connect_timeout = ms(0);
    });
    let mut conn = Connection::connect(settings, 7, at(0));
    for now in [0, 2000, 5000] {
        conn.transmit(at(now)).unwrap();
    }
    conn.transmitted();
    let mut times = Vec::new();
    while let Some(due) = conn.poll_timeout() {
        conn.handle_timeout(due);
        times.push(due.millis_since(at(5000)));
        if conn.transmit(due).is_some() {
            conn.transmitted();
        }
    }
    // The row of quick 0 and 220, its end included. Spec: udp.md 5.4.
    assert_eq!(times, [221, 662, 1543, 3304, 6825, 13_866]);
}

/// The same for a resend, with a checksum.
#[test]
fn a_resend_that_waits_is_restamped_too() {
    let mut conn = Connection::connect(config(|config| config.crc = true), 7, at(0));
    conn.transmit(at(0)).unwrap();
    conn.transmitted();
    conn.handle_timeout(at(221));
    for now in [221, 230, 300] {
        // Decoding verifies the checksum.
        assert_eq!(
            u64::from(wire::read(conn.transmit(at(now)).unwrap()).time),
            now
        );
    }
    conn.transmitted();
    assert_eq!(conn.poll_timeout(), Some(at(521)));
}

/// A blocked socket is no reason to wake up: the deadline is not "now", and no timer runs for
/// unsent commands.
#[test]
fn a_full_socket_does_not_make_the_driver_busy() {
    let mut harness = quiet();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"stuck")
        .unwrap();
    for now in [100, 200, 5000, 20_000] {
        assert!(harness.conn().transmit(at(now)).is_some());
        if harness
            .conn()
            .poll_timeout()
            .is_some_and(|next| next <= at(now))
        {
            harness.conn().handle_timeout(at(now));
        }
        let next = harness.conn().poll_timeout();
        assert!(next.is_none_or(|next| next > at(now)), "{next:?} at {now}");
    }
    assert_eq!(harness.conn().stats().resent_commands, 0);
    harness.now = 20_000;
    assert_eq!(harness.poll().len(), 1);
    assert_eq!(harness.conn().state(), State::Connected);
}

#[test]
fn poll_timeout_is_exact_and_handle_timeout_before_it_changes_nothing() {
    let mut conn = Connection::connect(Config::client(), 7, at(0));
    conn.transmit(at(0)).unwrap();
    conn.transmitted();
    for due in [221, 442, 663, 1104, 1985, 3746, 7267] {
        assert_eq!(conn.poll_timeout(), Some(at(due)));
        conn.handle_timeout(at(due - 1));
        assert_eq!(conn.transmit(at(due - 1)), None);
        // Not by asking either: only handle_timeout makes it due.
        assert_eq!(conn.transmit(at(due)), None);
        conn.handle_timeout(at(due));
        assert!(conn.transmit(at(due)).is_some());
        conn.transmitted();
    }
    assert_eq!(conn.poll_timeout(), Some(at(14_308)));
    conn.handle_timeout(at(14_307));
    assert_eq!(conn.state(), State::Connecting);
    conn.handle_timeout(at(14_308));
    assert_eq!(conn.state(), State::Disconnected);
}

/// Times are microseconds, deadlines whole milliseconds after the start: a driver that wakes up
/// exactly then, or a part of a millisecond later, is never early.
#[test]
fn deadlines_are_exact_between_milliseconds_too() {
    for late in [0, 1, 400, 999] {
        let start = Timestamp::from_micros(1_234_567);
        let mut conn = Connection::connect(Config::client(), 7, start);
        conn.transmit(start).unwrap();
        conn.transmitted();
        let (mut times, mut headers) = (Vec::new(), Vec::new());
        while let Some(due) = conn.poll_timeout().filter(|_| times.len() < 7) {
            let now = due.plus_micros(late);
            conn.handle_timeout(now);
            assert!(conn.poll_timeout().is_none_or(|next| next > now), "{late}");
            headers.push(wire::read(conn.transmit(now).expect("due")).time);
            conn.transmitted();
            times.push(due.micros_since(start));
        }
        assert_eq!(
            times,
            [221, 442, 663, 1104, 1985, 3746, 7267].map(|ms| ms * 1000),
            "{late}"
        );
        assert_eq!(headers, [221, 442, 663, 1104, 1985, 3746, 7267], "{late}");
    }
}

/// A driver that was away for long finds one resend due, not one for each that it missed.
#[test]
fn a_late_driver_is_not_punished() {
    let mut harness = quiet();
    harness.conn().send(0, Delivery::Reliable, b"x").unwrap();
    harness.poll();
    harness.now = 9000;
    assert_eq!(harness.poll().len(), 1);
    assert_eq!(harness.conn().stats().resent_commands, 1);
    assert_eq!(harness.conn().state(), State::Connected);
    // After the disconnect timeout, the connection ends at the next check. Spec: udp.md 5.4.
    harness.now = 10_101;
    harness.poll();
    assert_eq!(
        harness.end.end().map(|(_, cause)| cause),
        Some(Cause::Timeout)
    );
}

/// Time that goes backwards: nothing panics, nothing is due too early, and the connection survives.
#[test]
fn time_may_go_backwards() {
    both(|harness| {
        harness.now = 5000;
        harness.conn().send(0, Delivery::Reliable, b"x").unwrap();
        harness.poll();
        let deadline = harness.end.deadline().unwrap();
        for earlier in [4999, 4000, 100, 0] {
            harness.conn().handle_timeout(at(earlier));
            assert_eq!(harness.conn().transmit(at(earlier)), None);
            let ping = wire::datagram(0, 1, crate::harness::CHALLENGE, &[Cmd::ping(1)]);
            harness.conn().handle_datagram(at(earlier), &ping);
            let sent = harness.conn().transmit(at(earlier)).map(<[u8]>::to_vec);
            assert!(sent.is_some());
            harness.conn().transmitted();
        }
        assert!(harness.end.deadline().unwrap() >= deadline.min(5001));
        // An ack that seems to come before its command was sent.
        let time = harness.end.sent.last().unwrap().read().time;
        let ack = wire::datagram(0, 1, crate::harness::CHALLENGE, &[Cmd::ack(0, 1, time)]);
        harness.conn().handle_datagram(at(4000), &ack);
        // Of 0 ms, or none.
        assert_eq!(harness.conn().in_flight(), 0);
        assert!((35..=40).contains(&harness.conn().round_trip_ms()));
        assert_eq!(harness.conn().state(), State::Connected);
    });
}

/// The ends of the time range.
#[test]
fn extreme_times_do_not_panic() {
    for start in [
        Timestamp::ZERO,
        Timestamp::MAX,
        Timestamp::from_micros(u64::MAX - 500_000),
    ] {
        let mut conn = Connection::connect(Config::client(), 7, start);
        for now in [start, Timestamp::MAX, Timestamp::ZERO, Timestamp::MAX] {
            conn.handle_timeout(now);
            let _ = conn.transmit(now);
            conn.transmitted();
            conn.handle_datagram(
                now,
                &wire::datagram(0, 0, 7, &[Cmd::ack(CONTROL, 1, 0), Cmd::verify(3)]),
            );
            let _ = conn.send(0, Delivery::Reliable, b"x");
            let _ = conn.transmit(now);
            conn.transmitted();
            while conn.poll_event().is_some() {}
            conn.fetch_server_time();
            let _ = (conn.poll_timeout(), conn.server_time(now));
        }
    }
}

/// Any call at any moment, before, during and after: nothing panics, and the end comes at most once
/// and last.
#[test]
fn calls_in_any_order_keep_the_contract() {
    for seed in 0..3000 {
        let mut rng = Rng(seed);
        let is_client = rng.percent(50);
        let mut harness = if is_client {
            Harness::new_client(Config::client())
        } else {
            Harness::new_server(Config::server())
        };
        let (mut ended, mut connected) = (false, false);
        for _ in 0..60 {
            let now = at(harness.now);
            match rng.below(16) {
                0 => harness.now += rng.below(30),
                1 => harness.now += rng.below(5000),
                2 => {
                    let delivery = Delivery::from_code(rng.byte() % 4).unwrap();
                    let message = vec![7; usize::try_from(rng.below(3000)).unwrap()];
                    let _ = harness.conn().send(rng.byte() % 3, delivery, &message);
                }
                3 => harness.conn().handle_timeout(now),
                4 => drop(harness.conn().transmit(now).map(<[u8]>::to_vec)),
                5 => harness.conn().transmitted(),
                6 | 7 => {
                    if harness.conn().transmit(now).is_some() {
                        harness.conn().transmitted();
                    }
                }
                8 => harness.conn().fetch_server_time(),
                9 if rng.percent(20) => harness.conn().close(),
                10 if rng.percent(30) => {
                    harness
                        .conn()
                        .shutdown(now, ms(rng.below(2000)), rng.byte())
                }
                11 => {
                    let rseq = u32::from(rng.byte() % 4);
                    let commands = [
                        Cmd::ack(CONTROL, rseq, 0),
                        Cmd::ack(0, rseq, 0),
                        Cmd::verify(PEER_ID),
                        Cmd::reliable(0, rseq, b"in"),
                        Cmd::ping(rseq),
                    ];
                    let datagram = harness.datagram(&commands);
                    harness.conn().handle_datagram(now, &datagram);
                }
                12 if rng.percent(10) => {
                    let datagram = harness.datagram(&[Cmd::disconnect(3, rng.byte() % 5)]);
                    harness.conn().handle_datagram(now, &datagram);
                }
                13 => harness.conn().recycle(vec![0; 100]),
                14 => {
                    let conn = harness.conn();
                    let _ = (
                        conn.stats().violations,
                        conn.queued_bytes(),
                        conn.received_bytes(),
                        conn.in_flight(),
                    );
                    let _ = (
                        conn.has_event(),
                        conn.server_time(now),
                        conn.round_trip_variance_ms(),
                    );
                }
                _ => {
                    let conn = harness.conn();
                    assert_eq!(conn.has_event(), {
                        let event = conn.poll_event();
                        let is_some = event.is_some();
                        match event {
                            Some(photon_proto::udp::Event::Connected) => {
                                assert!(!connected && !ended, "seed {seed}");
                                connected = true;
                            }
                            Some(photon_proto::udp::Event::Message(_)) => {
                                assert!(connected && !ended, "seed {seed}")
                            }
                            Some(photon_proto::udp::Event::Disconnected(_)) => {
                                assert!(!ended, "seed {seed}");
                                ended = true;
                            }
                            _ => {}
                        }
                        is_some
                    });
                }
            }
        }
        // Whatever happened, a driver can continue, and the connection comes to an end.
        let mut rest = harness;
        rest.end.taking = true;
        rest.end.conn.handle_timeout(at(rest.now));
        rest.run_to(rest.now + 100_000);
        let ends = rest
            .end
            .log
            .iter()
            .filter(|(_, what)| matches!(what, crate::harness::What::Ended(_)))
            .count();
        let state = (
            rest.is_client,
            rest.end.conn.state(),
            rest.end.deadline(),
            rest.end.conn.in_flight(),
        );
        assert_eq!(
            ends + usize::from(ended),
            1,
            "seed {seed}: {state:?}, {:?}",
            rest.end.log
        );
        assert_eq!(rest.end.deadline(), None, "seed {seed}");
    }
}

/// With a close, before anything was sent.
#[test]
fn closing_an_unused_connection_works() {
    let mut conn = Connection::connect(Config::client(), 7, at(0));
    conn.close();
    conn.close();
    conn.shutdown(at(0), ms(100), 4);
    let mut commands = Vec::new();
    while let Some(bytes) = conn.transmit(at(0)) {
        commands.extend(wire::read(bytes).commands);
        conn.transmitted();
    }
    assert!(
        commands.iter().all(|cmd| cmd.kind == DISCONNECT),
        "{commands:?}"
    );
    assert!(commands.len() <= 1);
    let mut events = Vec::new();
    while let Some(event) = conn.poll_event() {
        events.push(event);
    }
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (conn.state(), conn.poll_timeout(), conn.transmit(at(0))),
        (State::Disconnected, None, None)
    );
}

/// `transmitted` without a datagram does nothing.
#[test]
fn transmitted_without_transmit_reports_nothing() {
    let mut harness = quiet();
    harness.conn().send(0, Delivery::Reliable, b"x").unwrap();
    harness.conn().transmitted();
    harness.conn().transmitted();
    assert_eq!(
        harness
            .poll()
            .iter()
            .map(|cmd| cmd.kind)
            .collect::<Vec<_>>(),
        [RELIABLE]
    );
    assert_eq!(harness.conn().in_flight(), 1);
}

/// Queued and unacknowledged bytes go up with sending and come back to 0 with the acknowledgement.
#[test]
fn queued_bytes_count_until_the_ack() {
    both(|harness| {
        assert_eq!(harness.end.conn.queued_bytes(), 0);
        harness
            .conn()
            .send(0, Delivery::Reliable, &[1; 1000])
            .unwrap();
        assert!(harness.end.conn.queued_bytes() >= 1000);
        harness.poll();
        assert!(harness.end.conn.queued_bytes() >= 1000);
        let time = harness.end.sent.last().unwrap().read().time;
        harness.now += 40;
        harness.feed(&[Cmd::ack(0, 1, time)]);
        assert_eq!(harness.end.conn.queued_bytes(), 0);
        harness
            .conn()
            .send(0, Delivery::Unreliable, &[1; 1000])
            .unwrap();
        assert!(harness.end.conn.queued_bytes() >= 1000);
        harness.poll();
        assert_eq!(harness.end.conn.queued_bytes(), 0, "sent once, forgotten");
    });
}

/// Its own datagrams suffice, whatever they contain and whether they are acknowledged. Spec: udp.md
/// 12.
#[test]
fn a_server_that_sends_does_not_ping() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    // All it does is to acknowledge.
    for rseq in 1..=20 {
        harness.run_to(harness.now + 500);
        harness.feed(&[Cmd::reliable(0, rseq, b"client data")]);
    }
    assert_eq!(harness.end.times_of_kind(PING), [0; 0]);
    // The client falls silent: a ping one second after the last ack, and a timeout without an
    // answer.
    let last = harness.now;
    harness.run_to(last + 60_000);
    assert_eq!(harness.end.times_of_kind(PING)[0], last + 1001);
    assert_eq!(
        harness.end.end().map(|(_, cause)| cause),
        Some(Cause::Timeout)
    );
}

/// A server that sends only unreliable messages notices that its client is gone. Spec: udp.md 12.
#[test]
fn a_server_that_sends_and_receives_nothing_still_pings() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    while harness.now < 30_000 && harness.end.end().is_none() {
        harness
            .conn()
            .send(0, Delivery::Unreliable, b"to nobody")
            .unwrap();
        harness.run_to(harness.now + 100);
    }
    // The last datagram of the client arrived at 40.
    assert_eq!(harness.end.times_of_kind(PING)[0], 40 + 10_001);
    assert_eq!(
        harness.end.end().map(|(_, cause)| cause),
        Some(Cause::Timeout)
    );
}

/// A datagram that waits for the socket counts once it is reported as sent. Spec: udp.md 12.
#[test]
fn the_ping_of_the_server_role_waits_from_the_reported_datagram_on() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    harness.conn().send(0, Delivery::Unreliable, b"x").unwrap();
    let datagram = |harness: &mut Harness, now| harness.conn().transmit(at(now)).is_some();
    assert!(datagram(&mut harness, 100) && datagram(&mut harness, 150));
    harness.conn().transmitted();
    assert_eq!(harness.end.deadline(), Some(1151));
    assert!(!datagram(&mut harness, 200));
    assert_eq!(harness.end.deadline(), Some(1151));
}

/// Pings about a second after its own last datagram. Spec: udp.md 5.7, 12.
#[test]
fn the_server_role_pings_about_a_second_after_its_own_last_datagram() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    harness.conn().send(0, Delivery::Reliable, b"last").unwrap();
    let sent = harness.now;
    harness.run_acked(sent + 3500, 40);
    let pings = harness.end.times_of_kind(PING);
    // "About 1000 ms": 984 to 1015 in the captures. From the datagram, not from its acknowledgement
    // 40 ms later.
    assert_eq!(pings, [sent + 1001, sent + 2002, sent + 3003]);
    let ping = harness
        .end
        .commands()
        .into_iter()
        .find(|(_, cmd)| cmd.kind == PING)
        .unwrap()
        .1;
    // Verify-connect was 0, so the first ping is 1.
    assert_eq!(ping, Cmd::ping(1));
}
