//! Scenarios 31 and 32, and every other way to end. Spec: udp.md 5.6, 7, 10.

use crate::harness::{
    Harness, NetworkHarness, PEER_ID, Side, What, at, both, both_with, config, ms, server_config,
};
use crate::wire::{ACK, CONTROL, Cmd, DISCONNECT, RELIABLE, UNRELIABLE, hex};
use photon_proto::udp::{Cause, Config, Delivery, REASON_CLIENT, SendError, State};

fn quiet() -> Harness {
    Harness::client(config(|config| config.ping_interval = ms(0)))
}

/// The end is final: no datagram, event or deadline follows, whatever arrives.
#[track_caller]
fn assert_over(harness: &mut Harness) {
    let (sent, log) = (harness.end.sent.len(), harness.end.log.len());
    assert_eq!(harness.end.conn.state(), State::Disconnected);
    for _ in 0..3 {
        harness.now += 700;
        harness.feed(&[
            Cmd::reliable(0, 1, b"late"),
            Cmd::disconnect(9, 1),
            Cmd::ping(8),
            Cmd::verify(PEER_ID),
        ]);
    }
    harness.run_to(harness.now + 100_000);
    assert_eq!(
        (harness.end.sent.len(), harness.end.log.len()),
        (sent, log),
        "{:?}",
        harness.end.log
    );
    assert_eq!(harness.end.deadline(), None);
    let refused = harness.conn().send(0, Delivery::Reliable, b"late");
    assert!(
        matches!(refused, Err(SendError::NotConnected)),
        "{refused:?}"
    );
    assert_eq!(harness.end.conn.in_flight(), 0);
}

#[test]
fn u31_a_server_disconnect_is_acked_with_our_own_and_its_reason_is_reported() {
    let causes = [
        (0, Cause::ServerUnknown(0)),
        (1, Cause::ServerLogic),
        (2, Cause::ServerTimeout),
        (3, Cause::ServerUserLimit),
        (4, Cause::ServerUnknown(4)),
        (255, Cause::ServerUnknown(255)),
    ];
    for (reason, cause) in causes {
        let mut harness = quiet();
        harness
            .conn()
            .send(0, Delivery::Reliable, b"in flight")
            .unwrap();
        harness.poll();
        harness.now += 10;
        let disconnect = Cmd::disconnect(2, reason);
        let replies = harness.feed(std::slice::from_ref(&disconnect));
        // Number 2 on channel 255, after connect. Spec: udp.md 7.2.
        let own = Cmd {
            reserved: 4,
            ..Cmd::disconnect(2, 0)
        };
        assert_eq!(
            replies,
            [harness.ack_of(&disconnect), own],
            "reason {reason}"
        );
        let last = harness.end.sent.last().unwrap().read();
        assert_eq!((last.commands.len(), last.peer_id), (2, PEER_ID));
        assert_eq!(harness.end.log, [(harness.now, What::Ended(cause))]);
        assert_over(&mut harness);
    }
}

/// If it comes with flags bit 0 clear it is not acknowledged. Spec: udp.md 7.2.
#[test]
fn u31_disconnect_without_the_reliable_flag_is_not_acked() {
    let mut harness = quiet();
    let replies = harness.feed(&[Cmd {
        flags: 2,
        ..Cmd::disconnect(1, 1)
    }]);
    assert_eq!(replies.iter().filter(|cmd| cmd.is_ack()).count(), 0);
    assert_eq!(harness.end.log, [(100, What::Ended(Cause::ServerLogic))]);
    assert_over(&mut harness);
}

/// Honoured in Connecting too: the unsequenced form, because it is not Connected. Spec: udp.md 7.1,
/// 9 item 13.
#[test]
fn u31_server_disconnect_while_connecting_ends_it() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    harness.now = 40;
    let disconnect = Cmd::disconnect(0, 3);
    let replies = harness.feed(std::slice::from_ref(&disconnect));
    assert_eq!(replies[0], harness.ack_of(&disconnect));
    assert_eq!(harness.end.log, [(40, What::Ended(Cause::ServerUserLimit))]);
    assert_over(&mut harness);
}

/// Messages that arrived before the disconnect, even in the same datagram, are delivered before the
/// end.
#[test]
fn u31_messages_received_before_the_end_come_before_it() {
    let mut harness = quiet();
    harness.end.taking = false;
    harness.feed(&[Cmd::reliable(0, 1, b"one"), Cmd::reliable(0, 2, b"two")]);
    harness.feed(&[
        Cmd::reliable(0, 3, b"three"),
        Cmd::disconnect(2, 1),
        Cmd::reliable(0, 4, b"after"),
    ]);
    harness.end.taking = true;
    harness.poll();
    let log: Vec<String> = harness
        .end
        .log
        .iter()
        .map(|(_, what)| match what {
            What::Message { bytes, .. } => String::from_utf8(bytes.clone()).unwrap(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(log, ["one", "two", "three", "Ended(ServerLogic)"]);
}

#[test]
fn u32_local_close_is_one_datagram_with_pending_acks_and_nothing_else() {
    let mut harness = quiet();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"in flight")
        .unwrap();
    harness.poll();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"queued")
        .unwrap();
    harness
        .conn()
        .send(1, Delivery::Unreliable, b"queued")
        .unwrap();
    harness.now += 5;
    let data = Cmd::reliable(0, 1, b"unacked yet");
    let datagram = harness.datagram(std::slice::from_ref(&data));
    let now = at(harness.now);
    harness.conn().handle_datagram(now, &datagram);
    harness.last_time = harness.peer_time();
    harness.conn().close();
    let replies = harness.poll();
    // The reliable form: next number on channel 255. Spec: udp.md 7.1.
    assert_eq!(
        replies,
        [
            harness.ack_of(&data),
            Cmd {
                reserved: 4,
                ..Cmd::disconnect(2, 0)
            }
        ]
    );
    assert_eq!(harness.end.end(), Some((105, Cause::LocalClose)));
    assert_over(&mut harness);
}

#[test]
fn u32_recorded_close_is_24_bytes() {
    let mut harness = NetworkHarness::script();
    harness.run_until(9488);
    let before = harness.client.sent.len();
    harness.client.conn.close();
    harness.run_until(20_000);
    let new = &harness.client.sent[before..];
    assert_eq!(new.len(), 1);
    // Three pings went out before, as in session `chat_settings_idle_session`, so the number is 6.
    assert_eq!(
        hex(&new[0].bytes),
        "0042000100002510672e043304ff01040000000c00000006"
    );
    assert_eq!(harness.client.end(), Some((9488, Cause::LocalClose)));
}

#[test]
fn u32_close_while_connecting_is_the_unsequenced_form() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    harness.now = 30;
    harness.conn().close();
    let replies = harness.poll();
    assert_eq!(
        replies,
        [Cmd {
            flags: 2,
            reserved: 4,
            ..Cmd::disconnect(1, 0)
        }]
    );
    assert_eq!(harness.end.sent.last().unwrap().read().peer_id, 0xFFFF);
    assert_eq!(harness.end.end(), Some((30, Cause::LocalClose)));
    assert_over(&mut harness);
}

/// The client's disconnect is acknowledged and reported with its reason. Spec: udp.md 12.
#[test]
fn u32_server_role_acks_the_clients_disconnect() {
    let mut harness = NetworkHarness::pair();
    harness.run_until(200);
    harness.client.conn.close();
    harness.run_until(3000);
    let server = harness.real();
    assert_eq!(server.end(), Some((220, Cause::ClientLeft(4))));
    let disconnect = server
        .commands()
        .into_iter()
        .filter(|(at, _)| *at >= 220)
        .collect::<Vec<_>>();
    // Connect was 1.
    assert_eq!(disconnect, [(220, Cmd::ack(CONTROL, 2, 200))]);
    assert_eq!(harness.client.end(), Some((200, Cause::LocalClose)));
}

#[test]
fn a_server_that_shuts_down_sends_its_reason() {
    for (reason, cause) in [
        (1, Cause::ServerLogic),
        (3, Cause::ServerUserLimit),
        (9, Cause::ServerUnknown(9)),
    ] {
        let mut harness = NetworkHarness::pair();
        harness.run_until(200);
        harness.real().conn.shutdown(at(200), ms(1000), reason);
        harness.run_until(3000);
        assert_eq!(harness.client.end(), Some((220, cause)));
        assert_eq!(harness.real().end(), Some((240, Cause::LocalClose)));
    }
}

/// Spec: udp.md 7.1: drain, then disconnect, then wait for its acknowledgement.
#[test]
fn shutdown_sends_accepted_messages_and_waits_for_the_ack_of_its_disconnect() {
    let mut harness = NetworkHarness::pair();
    harness.run_until(200);
    harness.real().messages();
    for number in 0..120_u8 {
        harness.send(Delivery::Reliable, &[number]);
    }
    harness
        .client
        .conn
        .shutdown(at(200), ms(1000), REASON_CLIENT);
    assert_eq!(harness.client.conn.state(), State::Disconnecting);
    let refused = harness.client.conn.send(0, Delivery::Reliable, b"too late");
    assert!(
        matches!(refused, Err(SendError::NotConnected)),
        "{refused:?}"
    );
    harness.run_until(5000);
    // 50, 50, 20 at 200, 240 and 280; drained at 320; the disconnect is acknowledged at 360.
    assert_eq!(harness.client.times_of_kind(DISCONNECT), [320]);
    assert_eq!(harness.client.end(), Some((360, Cause::LocalClose)));
    let taken: Vec<u8> = harness
        .real()
        .messages()
        .into_iter()
        .map(|(_, _, bytes)| bytes[0])
        .collect();
    assert_eq!(taken, (0..120).collect::<Vec<u8>>());
    let disconnect = harness.client_sent(DISCONNECT).remove(0).1;
    assert_eq!(
        disconnect.commands.last().unwrap(),
        &Cmd {
            reserved: 4,
            ..Cmd::disconnect(2, 0)
        }
    );
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn shutdown_with_nothing_in_flight_disconnects_at_once() {
    let mut harness = NetworkHarness::script();
    harness.run_until(200);
    harness
        .client
        .conn
        .shutdown(at(200), ms(1000), REASON_CLIENT);
    harness.run_until(239);
    assert_eq!(
        (
            harness.client.times_of_kind(DISCONNECT),
            harness.client.end()
        ),
        (vec![200], None)
    );
    harness.run_until(240);
    assert_eq!(harness.client.end(), Some((240, Cause::LocalClose)));
}

/// An unreliable message is never acknowledged: pulling it completes it. Spec: udp.md 7.1.
#[test]
fn shutdown_with_unreliable_messages_last_does_not_wait_for_its_timeout() {
    both(|harness| {
        harness
            .conn()
            .send(0, Delivery::Unreliable, b"last words")
            .unwrap();
        let now = at(harness.now);
        harness.conn().shutdown(now, ms(5000), REASON_CLIENT);
        let sent: Vec<u8> = harness.poll().iter().map(|cmd| cmd.kind).collect();
        assert_eq!(sent, [UNRELIABLE, DISCONNECT]);
        // The resend of the disconnect, not the end of draining.
        assert!(
            harness.end.deadline().is_some_and(|due| due < 100 + 401),
            "{:?}",
            harness.end.deadline()
        );
        let disconnect = harness.end.sent.last().unwrap().read();
        harness.now += 40;
        harness.feed(&[disconnect.commands[1].its_ack(disconnect.time)]);
        assert_eq!(harness.end.end(), Some((140, Cause::LocalClose)));
    });
}

/// The same behind a window that opens with the last acknowledgement. Spec: udp.md 5.9.
#[test]
fn shutdown_with_unreliable_messages_behind_the_window_disconnects_when_they_are_sent() {
    both_with(
        |config| config.send_window = 1,
        |harness| {
            for delivery in [Delivery::Reliable, Delivery::Reliable, Delivery::Unreliable] {
                harness.conn().send(0, delivery, b"x").unwrap();
            }
            let now = at(harness.now);
            harness.conn().shutdown(now, ms(5000), REASON_CLIENT);
            harness.run_acked(20_000, 40);
            // With the second acknowledgement nothing is queued: the unreliable message left with
            // the second message.
            assert_eq!(harness.end.times_of_kind(UNRELIABLE), [140]);
            assert_eq!(harness.end.times_of_kind(DISCONNECT), [180]);
        },
    );
    both_with(
        |config| config.send_window = 1,
        |harness| {
            for delivery in [Delivery::Reliable, Delivery::Unreliable] {
                harness.conn().send(0, delivery, &[1; 1000]).unwrap();
            }
            let now = at(harness.now);
            // The window is full: the unreliable message is pulled only after the ack of the
            // commands before it.
            let first = harness.conn().transmit(now).map(crate::wire::read);
            let time = first.unwrap().time;
            harness.conn().transmitted();
            harness.conn().shutdown(now, ms(5000), REASON_CLIENT);
            harness.now += 40;
            let sent = harness.feed(&[Cmd::ack(0, 1, time)]);
            assert_eq!(
                sent.iter().map(|cmd| cmd.kind).collect::<Vec<_>>(),
                [UNRELIABLE, DISCONNECT]
            );
        },
    );
}

/// The ack of the server's disconnect is sent with our own, whatever waits before it. Spec: udp.md
/// 7.2.
#[test]
fn the_servers_disconnect_is_acked_before_everything_else() {
    for pings in [57, 58, 90] {
        let mut harness = quiet();
        let mut commands: Vec<Cmd> = (0..pings).map(Cmd::ping).collect();
        let disconnect = Cmd::disconnect(200, 1);
        commands.push(disconnect.clone());
        let replies = harness.feed(&commands);
        assert_eq!(harness.end.sent.len(), 1);
        assert!(
            replies.contains(&harness.ack_of(&disconnect)),
            "{pings} pings"
        );
        let own = Cmd {
            reserved: 4,
            ..Cmd::disconnect(2, 0)
        };
        assert_eq!(
            (replies.len(), replies.last()),
            (59.min(replies.len()), Some(&own))
        );
    }
    // Even if the queue of acks is full. Spec: udp.md 9, item 14.
    let mut harness = quiet();
    let datagram = harness.datagram(&vec![Cmd::ping(1); 100]);
    let now = at(harness.now);
    for _ in 0..42 {
        harness.conn().handle_datagram(now, &datagram);
    }
    let disconnect = Cmd::disconnect(200, 1);
    let replies = harness.feed(std::slice::from_ref(&disconnect));
    assert!(replies.contains(&harness.ack_of(&disconnect)));
}

/// A client's disconnect ends the connection while the server drains. Spec: udp.md 9, item 13.
#[test]
fn the_server_role_handles_a_disconnect_while_it_disconnects() {
    for in_flight in [true, false] {
        let mut harness = Harness::server(server_config(|_| ()));
        if in_flight {
            harness
                .conn()
                .send(0, Delivery::Reliable, b"never acked")
                .unwrap();
        }
        let now = at(harness.now);
        harness.conn().shutdown(now, ms(5000), 1);
        harness.poll();
        harness.now += 10;
        let disconnect = Cmd::disconnect(2, 4).by_client();
        assert_eq!(
            harness.feed(std::slice::from_ref(&disconnect)),
            [harness.ack_of(&disconnect)]
        );
        let cause = if in_flight {
            Cause::ClientLeft(4)
        } else {
            Cause::LocalClose
        };
        assert_eq!(harness.end.end(), Some((110, cause)));
        assert_over(&mut harness);
    }
}

#[test]
fn shutdown_without_an_answer_ends_after_two_resends_of_the_disconnect() {
    let mut harness =
        NetworkHarness::script().losing(|packet| packet.from == Side::Client && packet.at >= 200);
    harness.run_until(200);
    harness
        .client
        .conn
        .shutdown(at(200), ms(10_000), REASON_CLIENT);
    harness.run_until(30_000);
    // The timeout of that moment is 160; two resends, and it is over when a third would be due.
    assert_eq!(harness.client.times_of_kind(DISCONNECT), [200, 361, 522]);
    let (end, cause) = harness.client.end().unwrap();
    assert_eq!(cause, Cause::LocalClose);
    assert_eq!(end, 683);
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn shutdown_stops_draining_when_its_time_is_up() {
    let mut harness =
        NetworkHarness::script().ignoring(|_, cmd| cmd.kind == RELIABLE && cmd.rseq > 1);
    harness.run_until(200);
    harness.send(Delivery::Reliable, b"never acked");
    harness
        .client
        .conn
        .shutdown(at(200), ms(500), REASON_CLIENT);
    harness.run_until(30_000);
    // Sent again while it drains, but not afterwards. The disconnect is acknowledged.
    assert_eq!(harness.client.times_of(0, 2), [200, 361, 522, 683]);
    assert_eq!(harness.client.times_of_kind(DISCONNECT), [700]);
    assert_eq!(harness.client.end(), Some((740, Cause::LocalClose)));
}

/// The same with control commands among the dropped ones: the disconnect has a number after theirs,
/// is sent again, and its ack ends the connection.
#[test]
fn shutdown_after_dropped_control_commands_still_ends() {
    for answered in [false, true] {
        let mut harness = quiet();
        harness.conn().fetch_server_time();
        harness.poll();
        let now = at(harness.now);
        harness.conn().shutdown(now, ms(500), REASON_CLIENT);
        harness.run_to(600);
        let (sent, disconnect) = harness.end.commands().pop().unwrap();
        // Connect was 1, server-time 2.
        assert_eq!(
            (sent, &disconnect),
            (
                600,
                &Cmd {
                    reserved: 4,
                    ..Cmd::disconnect(3, 0)
                }
            )
        );
        if answered {
            harness.now += 40;
            harness.feed(&[Cmd::ack(CONTROL, 3, 600)]);
            assert_eq!(harness.end.end(), Some((640, Cause::LocalClose)));
        }
        harness.run_to(60_000);
        let goodbyes = if answered { 1 } else { 3 };
        assert_eq!(harness.end.times_of_kind(DISCONNECT).len(), goodbyes);
        assert_eq!(
            harness.end.end().map(|(_, cause)| cause),
            Some(Cause::LocalClose)
        );
        assert_over(&mut harness);
    }
}

/// Messages of the server are received while the client drains.
#[test]
fn shutdown_goes_on_receiving_while_it_drains() {
    let mut harness = quiet();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"draining")
        .unwrap();
    harness.poll();
    let now = at(harness.now);
    harness.conn().shutdown(now, ms(1000), REASON_CLIENT);
    harness.now += 10;
    let data = Cmd::reliable(0, 1, b"still heard");
    let replies = harness.feed(std::slice::from_ref(&data));
    assert_eq!(replies, [harness.ack_of(&data)]);
    assert_eq!(harness.heard(), ["still heard"]);
}

/// A disconnect that arrives while we are disconnecting is ignored. Spec: udp.md 7.2, 9 item 13.
#[test]
fn disconnect_while_disconnecting_does_not_change_the_cause() {
    let mut harness = quiet();
    let now = at(harness.now);
    harness.conn().shutdown(now, ms(1000), REASON_CLIENT);
    harness.poll();
    harness.now += 10;
    harness.feed(&[Cmd::disconnect(2, 3)]);
    harness.run_to(harness.now + 20_000);
    assert_eq!(
        harness.end.end().map(|(_, cause)| cause),
        Some(Cause::LocalClose)
    );
    assert_eq!(harness.end.log.len(), 1);
}

#[test]
fn close_ends_a_shutdown_at_once() {
    let mut harness = quiet();
    harness
        .conn()
        .send(0, Delivery::Reliable, b"never acked")
        .unwrap();
    let now = at(harness.now);
    harness.conn().shutdown(now, ms(5000), REASON_CLIENT);
    harness.poll();
    harness.now += 10;
    harness.conn().close();
    let replies = harness.poll();
    assert_eq!(
        replies.iter().map(|cmd| cmd.kind).collect::<Vec<_>>(),
        [DISCONNECT]
    );
    assert_eq!(harness.end.end(), Some((110, Cause::LocalClose)));
    assert_over(&mut harness);
}

#[test]
fn shutdown_while_connecting_ends_it() {
    let mut harness = Harness::new_client(Config::client());
    harness.poll();
    harness.now = 30;
    harness.conn().shutdown(at(30), ms(500), REASON_CLIENT);
    harness.run_to(60_000);
    assert_eq!(
        harness.end.end().map(|(_, cause)| cause),
        Some(Cause::LocalClose)
    );
    // At the latest after the drain timeout and two resends of a disconnect.
    assert!(
        harness.end.end().unwrap().0 <= 30 + 500 + 3 * 401,
        "{:?}",
        harness.end.end()
    );
    assert_over(&mut harness);
}

/// A client that stops answering: the resend schedule ends it on this side too. Spec: udp.md 5.4,
/// 12.
#[test]
fn the_server_role_times_out_and_sends_a_disconnect() {
    let mut harness = Harness::server(server_config(|config| config.ping_interval = ms(1000)));
    harness.run_to(60_000);
    let (_, cause) = harness.end.end().expect("an end");
    assert_eq!(cause, Cause::Timeout);
    let last = harness.end.sent.last().unwrap().read();
    let [
        Cmd {
            kind: DISCONNECT,
            flags: 2,
            ..
        },
    ] = last.commands[..]
    else {
        panic!("{last:?}")
    };
    assert_over(&mut harness);
}

/// A timeout drops queued messages and keeps received ones. Spec: udp.md 5.6.
#[test]
fn timeout_clears_the_queues_and_keeps_received_messages() {
    let mut harness = quiet();
    harness.end.taking = false;
    harness.feed(&[Cmd::reliable(0, 1, b"received")]);
    for _ in 0..200 {
        harness
            .conn()
            .send(0, Delivery::Reliable, b"never acked")
            .unwrap();
    }
    harness.run_to(60_000);
    assert_eq!(harness.end.conn.state(), State::Disconnected);
    assert_eq!(
        (
            harness.end.conn.queued_bytes(),
            harness.end.conn.in_flight()
        ),
        (0, 0)
    );
    harness.end.taking = true;
    harness.poll();
    assert_eq!(harness.end.log.len(), 2);
    assert!(matches!(harness.end.log[0].1, What::Message { .. }));
    assert_eq!(harness.end.log[1].1, What::Ended(Cause::Timeout));
}

/// Acknowledgements that were due go with the last datagram, however many: it is one datagram.
/// Spec: udp.md 7.1.
#[test]
fn close_with_many_pending_acks_is_still_one_datagram() {
    let mut harness = quiet();
    let commands: Vec<Cmd> = (1..=130).map(|rseq| Cmd::reliable(0, rseq, b"x")).collect();
    let datagram = harness.datagram(&commands);
    let now = at(harness.now);
    harness.conn().handle_datagram(now, &datagram);
    harness.conn().close();
    let replies = harness.poll();
    assert_eq!(harness.end.sent.len(), 1);
    let (disconnect, acks) = replies.split_last().unwrap();
    assert_eq!(disconnect.kind, DISCONNECT);
    assert!(!acks.is_empty() && acks.iter().all(|cmd| cmd.kind == ACK));
}
