//! A program that stood still, and its connection. Spec: udp.md 5.6, wire.md 11.2.

use crate::harness::{Harness, at, config, ms};
use crate::wire::Cmd;
use photon_proto::udp::{Cause, Delivery, SLEEP_GRACE, State};
use std::time::Duration;

const GRACE_MS: u64 = SLEEP_GRACE.as_millis() as u64;

/// The program stands still for this long, and wakes.
fn sleep(harness: &mut Harness, sleep_ms: u64) {
    let now = harness.now + sleep_ms;
    harness.now = now;
    harness
        .conn()
        .wake(at(now), Duration::from_millis(sleep_ms));
    harness.poll();
}

fn in_flight() -> Harness {
    let mut harness = Harness::client(config(|_| {}));
    let sent = harness.conn().send(0, Delivery::Reliable, b"in flight");
    sent.expect("connected");
    harness.poll();
    harness
}

#[test]
fn case06_a_command_in_flight_is_sent_once_more_and_may_be_acknowledged_in_the_grace() {
    for sleep_ms in [5_001, 12_000, 25_000, 40_000, 3_600_000] {
        let mut harness = in_flight();
        let before = harness.conn().stats().resent_commands;
        sleep(&mut harness, sleep_ms);
        assert_eq!(harness.conn().stats().resent_commands, before + 1);
        harness.run_to(harness.now + GRACE_MS - 1);
        assert_eq!(harness.conn().state(), State::Connected, "{sleep_ms}");
        harness.feed(&[Cmd::ack(0, 1, 0)]);
        harness.run_to(harness.now + 2_000);
        assert_eq!(harness.conn().state(), State::Connected, "{sleep_ms}");
    }
}

#[test]
fn case06_a_peer_of_which_nothing_arrives_in_the_grace_ends_as_slept() {
    for sleep_ms in [5_001, 12_000, 3_600_000] {
        let mut harness = in_flight();
        sleep(&mut harness, sleep_ms);
        harness.run_to(harness.now + GRACE_MS - 1);
        assert_eq!(harness.conn().state(), State::Connected);
        harness.run_to(harness.now + 1);
        assert_eq!(harness.conn().state(), State::Disconnected);
        assert_eq!(
            harness.end.end().map(|(_, cause)| cause),
            Some(Cause::Slept)
        );
    }
}

/// With nothing in flight and without pings, silence means nothing.
#[test]
fn case06_without_pings_an_idle_connection_is_not_judged() {
    let mut harness = Harness::client(config(|config| config.ping_interval = ms(0)));
    sleep(&mut harness, 3_600_000);
    harness.run_to(harness.now + 100_000);
    assert_eq!(harness.conn().state(), State::Connected);
}

#[test]
fn case06_a_fourth_sleep_in_a_row_without_an_arrival_counts() {
    let mut harness = in_flight();
    for _ in 0..3 {
        sleep(&mut harness, 12_000);
        assert_eq!(harness.conn().state(), State::Connected);
    }
    sleep(&mut harness, 12_000);
    assert_eq!(harness.conn().state(), State::Disconnected);
}
