//! Scenario 39: clocks that wrap. Spec: udp.md 1.1, 10.

use crate::rig::{
    Bench, CHALLENGE, PEER_ID, Rig, RoundTripMs, Server, at, both, config, ms, request,
    server_config,
};
use crate::wire::{self, CONTROL, Cmd};
use photon_proto::udp::{Config, Connection, Delivery};

fn quiet() -> Bench {
    Bench::client(config(|config| config.ping_interval = ms(0)))
}

#[test]
fn u39_client_clock_wraps_past_2_31_and_2_32() {
    for wrap in [1_u64 << 31, 1 << 32] {
        let mut bench = quiet();
        bench.now = wrap - 100;
        bench.conn().send(0, Delivery::Reliable, b"before").unwrap();
        bench.poll();
        let (rtt, first) = (
            bench.conn().round_trip_ms(),
            bench.end.sent.last().unwrap().read().time,
        );
        assert_eq!(u64::from(first), wrap - 100);
        // Sent before the wrap, resent after it, answered after it: a sample of 30 to the second copy.
        let resent = bench.run_to(wrap + 97);
        assert_eq!(resent.len(), 1);
        let second = bench.end.sent.last().unwrap();
        assert_eq!(
            (second.at, second.read().time),
            (wrap + 97, u32::try_from((wrap + 97) & 0xFFFF_FFFF).unwrap())
        );
        let time = second.read().time;
        bench.now += 30;
        bench.feed(&[Cmd::ack(0, 1, time)]);
        assert_eq!(bench.conn().in_flight(), 0);
        assert_eq!(bench.conn().round_trip_ms(), rtt - 1, "(30 - 40) / 8");
        // An echo from before the wrap is a sample of 150.
        bench.now = wrap + 300;
        bench.conn().send(0, Delivery::Reliable, b"after").unwrap();
        bench.poll();
        bench.now += 110;
        let time = u32::try_from((wrap + 300) & 0xFFFF_FFFF).unwrap();
        bench.feed(&[Cmd::ack(0, 2, time)]);
        assert_eq!(bench.conn().round_trip_ms(), rtt - 1 + 8);
    }
}

/// The clock of the other end wraps: echoes are only echoed.
#[test]
fn u39_peer_clock_wraps() {
    for start in [u32::MAX - 150, (1 << 31) - 150] {
        both(|bench| {
            bench.peer_clock = start;
            for rseq in 1..10 {
                bench.now += 20;
                let data = Cmd::reliable(0, rseq, b"x");
                let time = bench.peer_time();
                assert_eq!(
                    bench.feed(std::slice::from_ref(&data)),
                    [bench.ack_at(&data, time)]
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
        // From 200 and 99 samples of 30; what a broken difference gives is far from that.
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
    let mut rig = Rig::new(config(off), server).losing(move |packet| {
        seen += 1;
        packet.at > 1 << 30 && seen % 5 == 0
    });
    rig.run_until(1000);
    rig.real().messages();
    rig.now = (1 << 31) - 2000;
    for number in 0..80_u8 {
        rig.send(Delivery::Reliable, &[number]);
        let until = rig.now + 50;
        rig.run_until(until);
    }
    let until = rig.now + 3000;
    rig.run_until(until);
    let taken: Vec<u8> = rig
        .real()
        .messages()
        .into_iter()
        .map(|(_, _, bytes)| bytes[0])
        .collect();
    assert_eq!(taken, (0..80).collect::<Vec<u8>>());
    assert!(rig.client.conn.stats().resent_commands > 3);
    assert!(
        (30..=60).contains(&rig.client.conn.round_trip_ms()),
        "{}",
        rig.client.conn.round_trip_ms()
    );
    assert_eq!(rig.client.end(), None);
}
