//! Scenario 39: clocks that wrap. Spec: udp.md 1.1, 10.

use crate::harness::{
    CHALLENGE, Harness, NetworkHarness, PEER_ID, RoundTripMs, Server, at, both, config, ms,
    request, server_config,
};
use crate::wire::{self, CONTROL, Cmd};
use photon_proto::udp::{Config, Connection, Delivery};

fn quiet() -> Harness {
    Harness::client(config(|config| config.ping_interval = ms(0)))
}

#[test]
fn u39_client_clock_wraps_past_2_31_and_2_32() {
    for wrap in [1_u64 << 31, 1 << 32] {
        let mut harness = quiet();
        harness.now = wrap - 100;
        harness
            .conn()
            .send(0, Delivery::Reliable, b"before")
            .unwrap();
        harness.poll();
        let (rtt, first) = (
            harness.conn().round_trip_ms(),
            harness.end.sent.last().unwrap().read().time,
        );
        assert_eq!(u64::from(first), wrap - 100);
        // Sent before the wrap, resent after it, answered after it: a sample of 30 to the second
        // copy.
        let resent = harness.run_to(wrap + 97);
        assert_eq!(resent.len(), 1);
        let second = harness.end.sent.last().unwrap();
        assert_eq!(
            (second.at, second.read().time),
            (wrap + 97, u32::try_from((wrap + 97) & 0xFFFF_FFFF).unwrap())
        );
        let time = second.read().time;
        harness.now += 30;
        harness.feed(&[Cmd::ack(0, 1, time)]);
        assert_eq!(harness.conn().in_flight(), 0);
        assert_eq!(harness.conn().round_trip_ms(), rtt - 1, "(30 - 40) / 8");
        // An echo from before the wrap is a sample of 150.
        harness.now = wrap + 300;
        harness
            .conn()
            .send(0, Delivery::Reliable, b"after")
            .unwrap();
        harness.poll();
        harness.now += 110;
        let time = u32::try_from((wrap + 300) & 0xFFFF_FFFF).unwrap();
        harness.feed(&[Cmd::ack(0, 2, time)]);
        assert_eq!(harness.conn().round_trip_ms(), rtt - 1 + 8);
    }
}

/// The clock of the other end wraps: echoes are only echoed.
#[test]
fn u39_peer_clock_wraps() {
    for start in [u32::MAX - 150, (1 << 31) - 150] {
        both(|harness| {
            harness.peer_clock = start;
            for rseq in 1..10 {
                harness.now += 20;
                let data = Cmd::reliable(0, rseq, b"x");
                let time = harness.peer_time();
                assert_eq!(
                    harness.feed(std::slice::from_ref(&data)),
                    [harness.ack_at(&data, time)]
                );
            }
        });
    }
}

/// The server's clock base is near its end: header times wrap and round trip times go on.
#[test]
fn u39_server_clock_wraps() {
    for base in [u32::MAX - 500, (1 << 31) - 500] {
        let connect = wire::datagram(0xFFFF, 9, CHALLENGE, &[Cmd::connect().by_client()]);
        let mut conn = Connection::accept(
            server_config(|_| ()),
            &request(&connect),
            PEER_ID,
            base,
            at(0),
        );
        let first = wire::read(conn.transmit(at(0)).unwrap()).time;
        conn.transmitted();
        assert_eq!(first, base);
        let mut rseq = 0;
        for step in 0..100_u64 {
            let sent = step * 40;
            let time = if step == 0 {
                first
            } else {
                conn.send(0, Delivery::Reliable, b"x").unwrap();
                rseq += 1;
                let time = wire::read(conn.transmit(at(sent)).unwrap()).time;
                conn.transmitted();
                assert_eq!(time, base.wrapping_add(u32::try_from(sent).unwrap()));
                time
            };
            let ack = if step == 0 {
                Cmd::ack(CONTROL, 0, time)
            } else {
                Cmd::ack(0, rseq, time)
            };
            let answer = wire::datagram(PEER_ID, 10, CHALLENGE, &[ack]);
            conn.handle_datagram(at(sent + 30), &answer);
            assert_eq!(conn.in_flight(), 0);
        }
        // From 200 and 99 samples of 30. A wrong difference gives a value far from that.
        assert!(
            (30..=40).contains(&conn.round_trip_ms()),
            "{}",
            conn.round_trip_ms()
        );
    }
}

/// A whole connection whose client clock passes 2^31 with pings, resends and data, both ends real.
#[test]
fn u39_a_session_goes_on_over_the_wrap() {
    let off = |config: &mut Config| config.ping_interval = ms(0);
    let server = Server::Real {
        config: server_config(|_| ()),
        end: None,
    };
    let mut seen = 0;
    let mut harness = NetworkHarness::new(config(off), server).losing(move |packet| {
        seen += 1;
        packet.at > 1 << 30 && seen % 5 == 0
    });
    harness.run_until(1000);
    harness.real().messages();
    harness.now = (1 << 31) - 2000;
    for number in 0..80_u8 {
        harness.send(Delivery::Reliable, &[number]);
        let until = harness.now + 50;
        harness.run_until(until);
    }
    let until = harness.now + 3000;
    harness.run_until(until);
    let taken: Vec<u8> = harness
        .real()
        .messages()
        .into_iter()
        .map(|(_, _, bytes)| bytes[0])
        .collect();
    assert_eq!(taken, (0..80).collect::<Vec<u8>>());
    assert!(harness.client.conn.stats().resent_commands > 3);
    assert!(
        (30..=60).contains(&harness.client.conn.round_trip_ms()),
        "{}",
        harness.client.conn.round_trip_ms()
    );
    assert_eq!(harness.client.end(), None);
}
