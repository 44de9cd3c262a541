//! The clock of the server. Spec: udp.md 8.

use crate::harness::{Harness, NetworkHarness, PEER_CLOCK, at, config, ms};
use crate::wire::{CONTROL, Cmd, SERVER_TIME};
use photon_proto::udp::Config;

fn quiet() -> Harness {
    Harness::client(config(|config| config.ping_interval = ms(0)))
}

/// Polls and returns the number of the server-time command that is sent.
#[track_caller]
fn asked(harness: &mut Harness) -> u32 {
    let commands = harness.poll();
    let [
        Cmd {
            kind: SERVER_TIME,
            channel: CONTROL,
            flags: 1,
            reserved: 4,
            size: 12,
            rseq,
            ..
        },
    ] = commands[..]
    else {
        panic!("{commands:?}");
    };
    rseq
}

/// Answers after `way` ms and returns the commands that are sent in return.
#[track_caller]
fn answer(harness: &mut Harness, rseq: u32, way: u64) -> Vec<Cmd> {
    let sent = u32::try_from(harness.now).unwrap();
    harness.now += way;
    harness.feed(&[Cmd::ack(CONTROL, rseq, sent)])
}

#[test]
fn unknown_until_the_first_success() {
    let mut harness = quiet();
    assert_eq!(harness.conn().server_time(at(100)), None);
    harness.conn().fetch_server_time();
    let rseq = asked(&mut harness);
    assert_eq!(rseq, 2);
    assert_eq!(harness.conn().server_time(at(100)), None);
    // Sample 40 <= rtt 40: header time of the answer + 20 is the server's clock at that moment.
    let replies = answer(&mut harness, rseq, 40);
    assert_eq!(replies, []);
    let (now, then) = (at(harness.now), at(harness.now + 1234));
    let clock = harness.peer_time() + 20;
    assert_eq!(harness.conn().server_time(now), Some(clock));
    assert_eq!(harness.conn().server_time(then), Some(clock + 1234));
}

/// Half of an odd sample is rounded down: `sample >> 1`.
#[test]
fn offset_is_header_time_plus_half_the_sample() {
    for sample in [1, 7, 39, 40] {
        let mut harness = quiet();
        harness.conn().fetch_server_time();
        let rseq = asked(&mut harness);
        answer(&mut harness, rseq, sample);
        let now = at(harness.now);
        let half = u32::try_from(sample / 2).unwrap();
        assert_eq!(
            harness.conn().server_time(now),
            Some(harness.peer_time() + half),
            "sample {sample}"
        );
    }
}

#[test]
fn a_slow_answer_is_not_accepted_and_requested_again() {
    let mut harness = quiet();
    harness.conn().fetch_server_time();
    let first = asked(&mut harness);
    // 41 > 40: asked again at once, in the same datagram round.
    let again = answer(&mut harness, first, 41);
    assert_eq!(
        again
            .iter()
            .map(|cmd| (cmd.kind, cmd.rseq))
            .collect::<Vec<_>>(),
        [(SERVER_TIME, first + 1)]
    );
    let now = at(harness.now);
    assert_eq!(harness.conn().server_time(now), None);
    let accepted = answer(&mut harness, first + 1, 40);
    assert_eq!(accepted, []);
    let now = at(harness.now);
    assert_eq!(
        harness.conn().server_time(now),
        Some(harness.peer_time() + 20)
    );
}

/// At most 5 tries, then the best sample: the third here, of 50 ms.
#[test]
fn after_five_answers_the_best_sample_is_used() {
    let mut harness = quiet();
    harness.conn().fetch_server_time();
    let mut rseq = asked(&mut harness);
    let mut best = 0;
    for (tries, sample) in (1..).zip([90, 80, 50, 70, 60]) {
        let again = answer(&mut harness, rseq, sample);
        if sample == 50 {
            best = harness.peer_time() + 25;
        } else if best != 0 {
            best += u32::try_from(sample).unwrap();
        }
        let now = at(harness.now);
        if tries < 5 {
            assert_eq!(again.len(), 1, "try {tries}");
            assert_eq!(harness.conn().server_time(now), None, "try {tries}");
            rseq = again[0].rseq;
        } else {
            assert_eq!(again, []);
            assert_eq!(harness.conn().server_time(now), Some(best));
        }
    }
    // A later fetch has five tries of its own.
    harness.conn().fetch_server_time();
    let mut rseq = asked(&mut harness);
    for _ in 0..4 {
        rseq = answer(&mut harness, rseq, 200)[0].rseq;
    }
    assert_eq!(answer(&mut harness, rseq, 200), []);
}

/// The fifth answer may still be a good one.
#[test]
fn a_good_sample_ends_the_fetch_early() {
    let mut harness = quiet();
    harness.conn().fetch_server_time();
    let first = asked(&mut harness);
    let second = answer(&mut harness, first, 45)[0].rseq;
    assert_eq!(answer(&mut harness, second, 30), []);
    let now = at(harness.now);
    assert_eq!(
        harness.conn().server_time(now),
        Some(harness.peer_time() + 15)
    );
}

#[test]
fn a_fetch_is_refused_unless_connected() {
    let mut harness = Harness::new_client(Config::client());
    harness.conn().fetch_server_time();
    let sent = harness.poll();
    assert_eq!(sent.len(), 1, "only connect: {sent:?}");
    harness.now = 40;
    harness.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(1)]);
    assert!(harness.end.times_of_kind(SERVER_TIME).is_empty());
    harness.conn().close();
    harness.conn().fetch_server_time();
    harness.run_to(1000);
    assert!(harness.end.times_of_kind(SERVER_TIME).is_empty());
    assert_eq!(harness.conn().server_time(at(1000)), None);
}

/// Later fetches happen only on request.
#[test]
fn one_fetch_is_one_command_on_a_good_network() {
    let mut harness = NetworkHarness::script();
    harness.run_until(60_000);
    assert_eq!(harness.client.times_of_kind(SERVER_TIME), [80]);
    harness.client.conn.fetch_server_time();
    harness.run_until(61_000);
    assert_eq!(harness.client.times_of_kind(SERVER_TIME), [80, 60_000]);
    assert_eq!(
        harness.client.conn.server_time(at(61_000)),
        Some(PEER_CLOCK + 61_000)
    );
}

/// A lost one is resent like any reliable command, and its echo makes the sample unambiguous.
#[test]
fn a_lost_server_time_is_resent_and_its_sample_is_of_the_last_copy() {
    let mut seen = 0;
    let mut harness = NetworkHarness::script().losing(move |packet| {
        let asks = packet.from == crate::harness::Side::Client
            && packet.has(|cmd| cmd.kind == SERVER_TIME);
        seen += usize::from(asks);
        asks && seen == 1
    });
    harness.run_until(1000);
    // The acknowledgement of init in the same datagram is lost with it. Timeout: 40 + 4 x 30.
    assert_eq!(harness.client.times_of_kind(SERVER_TIME), [80, 241]);
    assert_eq!(
        harness.client.conn.server_time(at(1000)),
        Some(PEER_CLOCK + 1000)
    );
}

/// 32 bits that wrap.
#[test]
fn the_servers_clock_may_wrap() {
    let mut harness = Harness::new_client(config(|config| config.ping_interval = ms(0)));
    harness.peer_clock = u32::MAX - 130;
    harness.poll();
    harness.now = 40;
    harness.feed(&[Cmd::ack(CONTROL, 1, 0), Cmd::verify(1)]);
    harness.now = 100;
    harness.conn().fetch_server_time();
    let rseq = asked(&mut harness);
    answer(&mut harness, rseq, 40);
    // u32::MAX - 130 + 140 + 20.
    assert_eq!(harness.conn().server_time(at(140)), Some(29));
    assert_eq!(harness.conn().server_time(at(1140)), Some(1029));
}
