//! Scenarios 1 to 6: connecting. Spec: udp.md 3, 10.

use crate::harness::{
    CHALLENGE, INIT, INIT_RESPONSE, NetworkHarness, PEER_CLOCK, PEER_ID, RoundTripMs, Side, What,
    config, server_datagram,
};
use crate::wire::{
    ACK, CONNECT, CONNECT_BODY, CONTROL, Cmd, DISCONNECT, RELIABLE, SERVER_TIME, VERIFY, hex, unhex,
};
use photon_proto::udp::{Cause, Config, Delivery, State};

/// The connect datagram of the specification with another time and challenge. Spec: udp.md 3.2,
/// step 1.
fn connect_datagram(time: u32) -> String {
    format!("ffff0001{time:08x}{CHALLENGE:08x}02ff01040000002c00000001{CONNECT_BODY}")
}

#[test]
fn u01_connecting_takes_three_datagrams_and_is_done_at_80() {
    let mut harness = NetworkHarness::script();
    harness.run_until(119);
    let sent: Vec<(u64, String)> = harness
        .client
        .sent
        .iter()
        .map(|sent| (sent.at, hex(&sent.bytes)))
        .collect();
    let header = |count: u8, time: u32| format!("004200{count:02x}{time:08x}{CHALLENGE:08x}");
    let expected = [
        (0, connect_datagram(0)),
        // The acknowledgement of verify-connect echoes the server's header time, then init on
        // channel 0, number 1.
        (
            40,
            format!(
                "{}01ff0004000000140000000000000000{:08x}060001040000003500000001{INIT}",
                header(2, 40),
                PEER_CLOCK + 20
            ),
        ),
        (
            80,
            format!(
                "{}01000004000000140000000000000001{:08x}0cff01040000000c00000002",
                header(2, 80),
                PEER_CLOCK + 60
            ),
        ),
    ];
    assert_eq!(sent, expected);
    assert_eq!(harness.client.sent[0].bytes.len(), 56);
    let message = What::Message {
        channel: 0,
        delivery: Delivery::Reliable,
        bytes: INIT_RESPONSE.to_vec(),
    };
    assert_eq!(harness.client.log, [(40, What::Connected), (80, message)]);
    assert_eq!(harness.client.conn.peer_id(), PEER_ID);
    assert_eq!(harness.client.conn.challenge(), CHALLENGE);

    // The acknowledgement of server-time at 120 changes no round trip time; then nothing until the
    // ping.
    let before = (
        harness.client.conn.round_trip_ms(),
        harness.client.conn.round_trip_variance_ms(),
    );
    assert_eq!(before, (40, 30));
    assert_eq!(
        harness.client.conn.server_time(crate::harness::at(119)),
        None
    );
    harness.run_until(200);
    assert_eq!(
        (
            harness.client.conn.round_trip_ms(),
            harness.client.conn.round_trip_variance_ms()
        ),
        before
    );
    assert_eq!(harness.client.sent.len(), 3);
    assert_eq!(harness.client.conn.in_flight(), 0);
    // Exact, because both directions take equally long.
    assert_eq!(
        harness.client.conn.server_time(crate::harness::at(200)),
        Some(PEER_CLOCK + 200)
    );
}

#[test]
fn u01_round_trip_time_is_40_and_39_after_connect_then_40_and_30() {
    let mut harness = NetworkHarness::script();
    let rtt = |harness: &NetworkHarness| {
        (
            harness.client.conn.round_trip_ms(),
            harness.client.conn.round_trip_variance_ms(),
        )
    };
    harness.run_until(39);
    assert_eq!(
        (rtt(&harness), harness.client.conn.state()),
        ((200, 5), State::Connecting)
    );
    harness.run_until(40);
    assert_eq!(
        (rtt(&harness), harness.client.conn.state()),
        ((40, 39), State::Connected)
    );
    harness.run_until(80);
    assert_eq!(rtt(&harness), (40, 30));
}

#[test]
fn u01_both_roles_of_the_crate_connect_to_each_other() {
    let mut harness = NetworkHarness::pair();
    harness.run_until(200);
    assert_eq!(harness.client.connected_at(), Some(40));
    assert_eq!(harness.real().connected_at(), Some(60));
    assert_eq!(
        harness.real().messages(),
        [(0, Delivery::Reliable, unhex(INIT))]
    );
    harness
        .real()
        .conn
        .send(0, Delivery::Reliable, &INIT_RESPONSE)
        .unwrap();
    harness.run_until(260);
    assert_eq!(
        harness.client.messages(),
        [(0, Delivery::Reliable, INIT_RESPONSE.to_vec())]
    );
    harness.run_until(400);
    assert!(
        harness
            .client
            .conn
            .server_time(crate::harness::at(400))
            .is_some()
    );
    assert_eq!(
        (
            harness.client.conn.in_flight(),
            harness.real().conn.in_flight()
        ),
        (0, 0)
    );
    assert_eq!(
        (harness.client.conn.peer_id(), harness.real().conn.peer_id()),
        (PEER_ID, PEER_ID)
    );
}

#[test]
fn u02_lost_connects_go_out_at_0_221_442_and_the_sample_is_40() {
    let mut harness =
        NetworkHarness::script().losing(|packet| packet.from == Side::Client && packet.index < 2);
    harness.run_until(482);
    let sent: Vec<(u64, String)> = harness.client.sent[..3]
        .iter()
        .map(|sent| (sent.at, hex(&sent.bytes)))
        .collect();
    // Nothing but the header time changes, and it is the time of this transmission.
    assert_eq!(
        sent,
        [
            (0, connect_datagram(0)),
            (221, connect_datagram(221)),
            (442, connect_datagram(442))
        ]
    );
    assert_eq!(harness.client.connected_at(), Some(482));
    assert_eq!(harness.client.conn.round_trip_ms(), 40);
    assert_eq!(harness.client.times_of_kind(CONNECT), [0, 221, 442]);
    assert_eq!(harness.client.conn.stats().resent_commands, 2);
}

#[test]
fn u03_silent_server_ends_at_14308_with_connect_timeout() {
    let mut harness = NetworkHarness::silent(Config::client());
    harness.run_until(30_000);
    assert_eq!(
        harness.client.times_of_kind(CONNECT),
        [0, 221, 442, 663, 1104, 1985, 3746, 7267]
    );
    assert_eq!(harness.client.end(), Some((14_308, Cause::ConnectTimeout)));
    let last = harness.client.sent.last().unwrap();
    assert_eq!((last.at, harness.client.sent.len()), (14_308, 9));
    // Peer id ffff; flags 2, reserved 2, number 1 of the unsequenced counter. Spec: udp.md 5.6.
    assert_eq!(
        hex(&last.bytes),
        format!(
            "ffff0001{:08x}{CHALLENGE:08x}04ff02020000000c00000001",
            14_308
        )
    );
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn u03_without_quick_resends_the_time_decides_at_13866() {
    let mut harness = NetworkHarness::silent(config(|config| config.quick_resends = 0));
    harness.run_until(30_000);
    assert_eq!(
        harness.client.times_of_kind(CONNECT),
        [0, 221, 662, 1543, 3304, 6825]
    );
    assert_eq!(harness.client.end(), Some((13_866, Cause::ConnectTimeout)));
}

#[test]
fn u04_a_lost_verify_connect_is_awaited_without_a_new_connect() {
    let mut harness = NetworkHarness::script()
        .losing(|packet| packet.from == Side::Server && packet.has(|cmd| cmd.kind == VERIFY));
    harness.written().split = true;
    // Real servers repeat it after about 516 ms. Spec: udp.md 5.7.
    harness.inject(556, &server_datagram(536, &[Cmd::verify(PEER_ID)]));
    harness.run_until(555);
    assert_eq!(harness.client.sent.len(), 1);
    assert_eq!(
        (harness.client.conn.state(), harness.client.conn.in_flight()),
        (State::Connecting, 0)
    );
    assert_eq!(harness.client.log, []);
    harness.run_until(556);
    assert_eq!(harness.client.connected_at(), Some(556));
    let init = harness.client.sent[1].read();
    assert_eq!((init.peer_id, init.time), (PEER_ID, 556));
    assert_eq!(init.commands[0].acked(), (0, PEER_CLOCK + 536));
    assert_eq!(hex(&init.commands[1].body), INIT);
    harness.run_until(700);
    assert_eq!(harness.client.times_of_kind(CONNECT), [0]);
}

#[test]
fn u04_a_missing_verify_connect_ends_the_connection_after_15_s() {
    let mut harness = NetworkHarness::script()
        .losing(|packet| packet.from == Side::Server && packet.has(|cmd| cmd.kind == VERIFY));
    harness.written().split = true;
    harness.run_until(14_999);
    assert_eq!((harness.client.end(), harness.client.sent.len()), (None, 1));
    harness.run_until(15_000);
    assert_eq!(harness.client.end(), Some((15_000, Cause::ConnectTimeout)));
    // As for every other end while connecting.
    let last = harness.client.sent.last().unwrap().read();
    assert_eq!((last.peer_id, last.commands.len()), (0xFFFF, 1));
    let Cmd {
        kind,
        flags,
        reserved,
        ..
    } = last.commands[0];
    assert_eq!((kind, flags, reserved), (DISCONNECT, 2, 2));
    harness.run_until(60_000);
    assert_eq!(harness.client.sent.len(), 2);
}

#[test]
fn u05_verify_connect_without_the_ack_suffices_and_connect_goes_on() {
    let mut harness =
        NetworkHarness::script().losing(|packet| packet.from == Side::Server && packet.index == 0);
    harness.written().split = true;
    harness.run_until(500);
    assert_eq!(harness.client.connected_at(), Some(40));
    assert_eq!(harness.client.times_of(0, 1), [40], "init");
    assert_eq!(harness.client.times_of_kind(CONNECT), [0, 221]);
    let again = &harness.client_sent(CONNECT)[1].1;
    assert_eq!((again.peer_id, again.time), (PEER_ID, 221));
    assert_eq!(
        again.commands[0],
        harness.client_sent(CONNECT)[0].1.commands[0]
    );
    // Acknowledged again, with a sample of its own; and connected only once.
    assert_eq!(harness.client.conn.in_flight(), 0);
    assert_eq!(harness.client.conn.round_trip_ms(), 40);
    let connected = harness
        .client
        .log
        .iter()
        .filter(|(_, what)| *what == What::Connected)
        .count();
    assert_eq!(connected, 1);
}

#[test]
fn u05_server_role_acknowledges_a_repeated_connect_and_keeps_the_connection() {
    let mut harness =
        NetworkHarness::pair().losing(|packet| packet.from == Side::Server && packet.index == 0);
    // The first answer holds acknowledgement and verify-connect, so both are lost; the second
    // connect brings them again.
    harness.run_until(1500);
    assert_eq!(harness.client.times_of_kind(CONNECT), [0, 221]);
    assert!(harness.client.connected_at().is_some());
    let verifies: Vec<Cmd> = harness
        .real()
        .commands()
        .into_iter()
        .map(|(_, cmd)| cmd)
        .filter(|cmd| cmd.kind == VERIFY)
        .collect();
    assert!(verifies.len() >= 2);
    assert!(
        verifies.iter().all(|verify| *verify == verifies[0]),
        "the same id again"
    );
    let server = harness.real();
    assert_eq!(
        server
            .log
            .iter()
            .filter(|(_, what)| *what == What::Connected)
            .count(),
        1
    );
    assert_eq!(server.messages().len(), 1);
}

#[test]
fn u06_duplicated_verify_connect_is_acked_twice_and_init_goes_out_once() {
    let mut harness = NetworkHarness::script();
    harness.inject(50, &server_datagram(25, &[Cmd::verify(PEER_ID)]));
    // A second one with another id changes nothing.
    harness.inject(60, &server_datagram(35, &[Cmd::verify(0x0777)]));
    harness.run_until(400);
    let acks: Vec<(u64, u32, u32)> = harness
        .client
        .commands()
        .into_iter()
        .filter(|(_, cmd)| cmd.kind == ACK && cmd.channel == CONTROL)
        .map(|(at, cmd)| (at, cmd.acked().0, cmd.acked().1))
        .collect();
    assert_eq!(
        acks,
        [
            (40, 0, PEER_CLOCK + 20),
            (50, 0, PEER_CLOCK + 25),
            (60, 0, PEER_CLOCK + 35)
        ]
    );
    assert_eq!(harness.client.times_of_kind(RELIABLE), [40]);
    assert_eq!(harness.client.times_of_kind(SERVER_TIME), [80]);
    assert_eq!(harness.client.conn.peer_id(), PEER_ID);
    assert!(
        harness.client.sent[1..]
            .iter()
            .all(|sent| sent.read().peer_id == PEER_ID)
    );
    assert_eq!(
        harness
            .client
            .log
            .iter()
            .filter(|(_, what)| *what == What::Connected)
            .count(),
        1
    );
}

#[test]
fn ack_and_verify_connect_arrive_in_either_order() {
    for verify_first in [false, true] {
        let mut harness = NetworkHarness::silent(Config::client());
        let ack = server_datagram(20, &[Cmd::ack(CONTROL, 1, 0)]);
        let verify = server_datagram(20, &[Cmd::verify(PEER_ID)]);
        let (first, second) = if verify_first {
            (verify, ack)
        } else {
            (ack, verify)
        };
        harness.inject(40, &first);
        harness.inject(43, &second);
        harness.run_until(100);
        assert_eq!(
            harness.client.connected_at(),
            Some(if verify_first { 40 } else { 43 })
        );
        assert_eq!(harness.client.times_of_kind(CONNECT), [0]);
        // Only init is in flight.
        assert_eq!(harness.client.conn.in_flight(), 1);
    }
}

/// Spec: udp.md 3.2, rules: not acknowledged, so that the server sends it again.
#[test]
fn data_before_verify_connect_is_not_acknowledged() {
    let mut harness = NetworkHarness::silent(Config::client());
    let early = Cmd::reliable(0, 1, b"early");
    harness.inject(30, &server_datagram(10, std::slice::from_ref(&early)));
    harness.run_until(35);
    assert_eq!(
        (harness.client.sent.len(), harness.client.log.len()),
        (1, 0)
    );
    harness.inject(
        40,
        &server_datagram(20, &[Cmd::ack(CONTROL, 1, 0), Cmd::verify(PEER_ID)]),
    );
    harness.inject(60, &server_datagram(40, &[early]));
    harness.run_until(100);
    assert_eq!(
        harness.client.messages(),
        [(0, Delivery::Reliable, b"early".to_vec())]
    );
    let acks: Vec<(u64, Cmd)> = harness
        .client
        .commands()
        .into_iter()
        .filter(|(_, cmd)| cmd.is_ack())
        .collect();
    assert_eq!(
        acks.iter()
            .map(|(at, cmd)| (*at, cmd.channel))
            .collect::<Vec<_>>(),
        [(40, CONTROL), (60, 0)]
    );
}
