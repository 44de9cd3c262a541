//! Section 9, rules 11 to 14, scenario 38 and the limit on violations. Spec: udp.md 5.2, 9, 10.

use crate::harness::{Harness, PEER_ID, RoundTripMs, at, both, both_with, config, ms};
use crate::wire::{CONNECT, CONTROL, Cmd, PING};
use photon_proto::udp::{Cause, Config, Delivery, State};

fn reliable(rseq: u32) -> Cmd {
    Cmd::reliable(0, rseq, format!("message {rseq}").as_bytes())
}

fn quiet() -> Harness {
    Harness::client(config(|config| config.ping_interval = ms(0)))
}

#[track_caller]
fn assert_acked(harness: &mut Harness, command: &Cmd) {
    let replies = harness.feed(std::slice::from_ref(command));
    assert_eq!(replies, [harness.ack_of(command)], "{command:?}");
}

#[test]
fn r11_reserved_ids_in_verify_connect_are_a_protocol_error() {
    for id in [0xFFFF, 0xFFFE] {
        let mut harness = Harness::new_client(Config::client());
        harness.poll();
        harness.now = 40;
        harness.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(id)]);
        let (when, cause) = harness.end.end().expect("an end");
        assert_eq!(when, 40);
        assert!(matches!(cause, Cause::ProtocolError(..)), "{cause:?}");
        assert_eq!(harness.end.connected_at(), None);
    }
    // 0 and 0xFFFD are ordinary.
    for id in [0, 0xFFFD] {
        let mut harness = Harness::new_client(Config::client());
        harness.poll();
        harness.now = 40;
        harness.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(id)]);
        assert_eq!(
            (harness.end.connected_at(), harness.end.conn.peer_id()),
            (Some(40), id)
        );
    }
}

#[test]
fn r11_verify_connect_after_connecting_is_acked_and_changes_nothing() {
    let mut harness = quiet();
    assert_acked(&mut harness, &Cmd::verify(0x1234));
    assert_acked(&mut harness, &Cmd::verify(0xFFFF));
    assert_eq!(harness.end.conn.peer_id(), PEER_ID);
    assert_eq!(harness.end.log, []);
}

/// Same channel, same number, same unsequenced bit.
#[test]
fn r12_acks_need_an_exact_match() {
    both(|harness| {
        harness
            .conn()
            .send(0, Delivery::Reliable, b"waits")
            .unwrap();
        harness.poll();
        let time = harness.end.sent.last().unwrap().read().time;
        harness.now += 40;
        let before = (
            harness.end.conn.round_trip_ms(),
            harness.end.conn.round_trip_variance_ms(),
        );
        let deadline = harness.end.deadline();
        let wrong = [
            Cmd::ack(1, 1, time),
            Cmd::ack(CONTROL, 9, time),
            Cmd::ack(0, 2, time),
            Cmd::ack(0, 0, time),
            Cmd::ack(0, 0xFFFF_FFFF, time),
            Cmd::ack(7, 1, time),
            Cmd::ack_unsequenced(0, 1, time),
        ];
        for ack in &wrong {
            let replies = harness.feed(std::slice::from_ref(ack));
            harness.assert_unmoved(&replies);
            assert_eq!(harness.end.conn.in_flight(), 1, "{ack:?}");
            assert_eq!(harness.end.deadline(), deadline, "{ack:?}");
        }
        assert_eq!(
            (
                harness.end.conn.round_trip_ms(),
                harness.end.conn.round_trip_variance_ms()
            ),
            before
        );
        assert_eq!(harness.end.conn.stats().unmatched_acks, 7);
        harness.feed(&[Cmd::ack(0, 1, time)]);
        assert_eq!(harness.end.conn.in_flight(), 0);
        // Once more is once too often.
        harness.feed(&[Cmd::ack(0, 1, time)]);
        assert_eq!(harness.end.conn.stats().unmatched_acks, 8);
    });
}

/// A command that is queued and not sent yet cannot have arrived.
#[test]
fn r12_ack_for_something_not_sent_yet_is_ignored() {
    both(|harness| {
        for _ in 0..60 {
            harness
                .conn()
                .send(0, Delivery::Reliable, b"window of 50")
                .unwrap();
        }
        harness.poll();
        harness.now += 10;
        harness.feed(&[Cmd::ack(0, 55, 0)]);
        assert_eq!(harness.end.conn.in_flight(), 50);
        let left = harness.run_acked(harness.now + 3000, 20);
        assert!(
            left.iter().any(|cmd| cmd.rseq == 55 && cmd.kind == 6),
            "number 55 still goes out"
        );
    });
}

#[test]
fn u38_implausible_echoed_times_remove_the_command_and_give_no_sample() {
    both(|harness| {
        harness.run_to(20_000);
        for (rseq, wrong) in (1..).zip([
            1_i64,
            60_000,
            -10_001,
            -15_000,
            i64::from(i32::MIN),
            i64::from(i32::MAX),
        ]) {
            harness
                .conn()
                .send(0, Delivery::Reliable, b"sample")
                .unwrap();
            harness.poll();
            let time = harness.end.sent.last().unwrap().read().time;
            let before = (
                harness.end.conn.round_trip_ms(),
                harness.end.conn.round_trip_variance_ms(),
            );
            harness.now += 40;
            let now = time.wrapping_add(40);
            // In the future, older than 10 s, or before the first transmission: none is a sample.
            let echoed = now.wrapping_add_signed(i32::try_from(wrong).unwrap());
            harness.feed(&[Cmd::ack(0, rseq, echoed)]);
            assert_eq!(harness.end.conn.in_flight(), 0, "{wrong}");
            let after = (
                harness.end.conn.round_trip_ms(),
                harness.end.conn.round_trip_variance_ms(),
            );
            assert_eq!(after, before, "{wrong}");
        }
    });
}

/// The same for a command that really was on its way for so long.
#[test]
fn u38_an_echo_older_than_10_s_of_a_command_that_is_older_still_gives_no_sample() {
    let slow =
        |config: &mut Config| (config.disconnect_timeout, config.max_resends) = (ms(60_000), 100);
    both_with(slow, |harness| {
        for (rseq, older, counts) in [(1, 10_001, false), (2, 10_000, true)] {
            harness
                .conn()
                .send(0, Delivery::Reliable, b"sample")
                .unwrap();
            harness.poll();
            let time = harness.end.sent.last().unwrap().read().time;
            harness.run_to(harness.now + 11_000);
            let before = (
                harness.end.conn.round_trip_ms(),
                harness.end.conn.round_trip_variance_ms(),
            );
            harness.feed(&[Cmd::ack(0, rseq, time + 11_000 - older)]);
            assert_eq!(harness.end.conn.in_flight(), 0, "{older}");
            let after = (
                harness.end.conn.round_trip_ms(),
                harness.end.conn.round_trip_variance_ms(),
            );
            assert_eq!(after != before, counts, "{older}");
        }
    });
}

/// Spec: udp.md 9, item 12: between 0 and the time since the first transmission.
#[test]
fn r12_a_sample_cannot_be_longer_than_the_command_is_old() {
    let mut harness = quiet();
    for (rseq, older, counts) in [(1, 0, true), (2, 1, false), (3, 0, true)] {
        harness
            .conn()
            .send(0, Delivery::Reliable, b"sample")
            .unwrap();
        harness.poll();
        let sent = u32::try_from(harness.now).unwrap();
        harness.now += 80;
        let before = harness.end.conn.round_trip_ms();
        harness.feed(&[Cmd::ack(0, rseq, sent - older)]);
        assert_eq!(
            harness.end.conn.round_trip_ms() != before,
            counts,
            "number {rseq}"
        );
    }
}

#[test]
fn r13_disconnect_is_honoured_while_connecting_and_connected_only() {
    let mut closed = quiet();
    closed.conn().close();
    closed.poll();
    closed.feed(&[Cmd::disconnect(3, 2)]);
    assert_eq!(
        closed.end.log,
        [(100, crate::harness::What::Ended(Cause::LocalClose))]
    );
    assert_eq!(closed.end.sent.len(), 1);

    let mut twice = quiet();
    let first = twice.feed(&[Cmd::disconnect(3, 2)]);
    assert_eq!(first.len(), 2);
    assert_eq!(twice.feed(&[Cmd::disconnect(3, 1)]), []);
    assert_eq!(twice.end.log.len(), 1);
}

/// A draining connection is neither Connecting nor Connected: the disconnect does not end it, and
/// accepted messages are still sent.
#[test]
fn r13_disconnect_is_ignored_while_draining() {
    let mut harness = quiet();
    for _ in 0..60 {
        harness
            .conn()
            .send(0, Delivery::Reliable, b"accepted")
            .unwrap();
    }
    let now = at(harness.now);
    harness.conn().shutdown(now, ms(5000), 4);
    harness.poll();
    harness.now += 10;
    harness.feed(&[Cmd::disconnect(2, 3)]);
    assert_eq!(
        (harness.end.conn.state(), harness.end.log.len()),
        (State::Disconnecting, 0)
    );
}

#[test]
fn r14_at_most_4096_acks_wait_for_sending() {
    both(|harness| {
        // The socket is full: nothing is sent, so acknowledgements pile up. Duplicates of one ping
        // are enough.
        let pings: Vec<Cmd> = vec![Cmd::ping(1); 100];
        let datagram = harness.datagram(&pings);
        let now = at(harness.now);
        for _ in 0..60 {
            harness.conn().handle_datagram(now, &datagram);
        }
        let data = harness.datagram(&[Cmd::reliable(0, 1, b"too much")]);
        harness.conn().handle_datagram(now, &data);
        let acks = harness.poll();
        assert!(
            acks.iter()
                .all(|cmd| cmd.is_ack() && cmd.channel == CONTROL),
            "the message is acked too"
        );
        assert_eq!(acks.len(), 4096);
        assert_eq!(
            harness.heard(),
            [""; 0],
            "what is not acknowledged is not delivered"
        );
        // The acks were sent, so there is space again.
        let again = Cmd::reliable(0, 1, b"welcome");
        assert_acked(harness, &again);
        assert_eq!(harness.heard(), ["welcome"]);
    });
}

/// A limit on violations ends the connection. Spec: udp.md 9, last paragraph.
#[test]
fn too_many_violations_end_the_connection() {
    both_with(
        |config| config.max_violations = 20,
        |harness| {
            let mut ended = None;
            for number in 1..=100 {
                let mut lie = harness.datagram(&[Cmd::ping(1)]);
                lie[3] = 9;
                harness.feed_bytes(&lie);
                if harness.end.end().is_some() {
                    ended = Some(number);
                    break;
                }
            }
            // "A limit of 20": the 20th or the first above it.
            assert!(matches!(ended, Some(20 | 21)), "{ended:?}");
            let (_, cause) = harness.end.end().unwrap();
            assert!(matches!(cause, Cause::ProtocolError(..)), "{cause:?}");
            assert!(harness.end.conn.stats().violations >= 20);
            let sent = harness.end.sent.len();
            harness.run_to(harness.now + 60_000);
            assert_eq!(harness.end.sent.len(), sent);
        },
    );
}

/// The default is 1000, so that nothing ordinary comes near it.
#[test]
fn the_default_limit_of_violations_is_1000() {
    both(|harness| {
        let lie = Cmd::reliable(7, 1, b"no such channel");
        for _ in 0..999 {
            harness.feed(std::slice::from_ref(&lie));
        }
        assert_eq!(harness.end.log, []);
        harness.feed(&[lie.clone(), lie]);
        assert!(
            matches!(harness.end.end(), Some((_, Cause::ProtocolError(..)))),
            "{:?}",
            harness.end.log
        );
    });
}

/// Late and lost datagrams of an honest peer are not violations. Spec: udp.md 9.
#[test]
fn duplicates_late_commands_and_unmatched_acks_are_not_violations() {
    both_with(
        |config| config.max_violations = 5,
        |harness| {
            for round in 0..50 {
                harness.now += 1;
                harness.feed(&[
                    reliable(1),
                    Cmd::unreliable(0, 0, 1, b"late"),
                    Cmd::unsequenced(0, 1, b"again"),
                ]);
                harness.feed(&[
                    Cmd::ack(0, round, 0),
                    Cmd::ping(round),
                    Cmd::reliable_unsequenced(0, 1, b"again"),
                ]);
            }
            assert_eq!(harness.end.conn.stats().violations, 0);
            assert_eq!(harness.end.conn.state(), State::Connected);
        },
    );
}

/// A server does not take orders that only clients get, and the other way round; nothing breaks.
#[test]
fn commands_of_the_other_role_change_nothing() {
    let mut client = quiet();
    client.feed(&[Cmd::connect()]);
    assert_eq!(
        (client.end.conn.peer_id(), client.end.conn.state()),
        (PEER_ID, State::Connected)
    );
    let mut server = Harness::server(crate::harness::server_config(|_| ()));
    server.feed(&[Cmd::verify(0x99)]);
    assert_eq!(
        (server.end.conn.peer_id(), server.end.conn.state()),
        (PEER_ID, State::Connected)
    );
    assert_eq!((client.end.log.len(), server.end.log.len()), (0, 0));
    assert_eq!(
        client.end.times_of_kind(CONNECT).len() + server.end.times_of_kind(PING).len(),
        0
    );
}
