//! The order of event 5, history and live messages, and the other ways in which servers differ.

use dev_server::{HistoryOrder, ServerConfig};
use photon_proto::{Protocol, Value};

use crate::harness::{APP, Got, Harness, Peer, event, messages, ok, subscribed, texts};

/// A channel "c" with the messages 1 to 6 of "x", which nobody is in.
fn filled(change: impl FnOnce(&mut ServerConfig)) -> (Harness, Peer) {
    let mut harness = Harness::with(|config| {
        config.channel_linger_ms = 60_000;
        change(config);
    });
    for _ in 1..=6 {
        live(&mut harness);
    }
    let alice = harness.enter("alice", Protocol::V18);
    (harness, alice)
}

/// Publishes the next message.
fn live(harness: &mut Harness) {
    let number = harness.last_id("c").unwrap_or_default() + 1;
    let now = harness.now;
    let id = harness.core.publish(now, (APP, "1.0"), "c", "x", number);
    assert_eq!(id, number);
}

fn ask(harness: &mut Harness, alice: &mut Peer, last_id: i32) -> Vec<Got> {
    let ids = Value::from(vec![last_id]);
    let asked = vec![(0, texts(&["c"])), (9, ids), (14, Value::Int(-1))];
    let mut got = harness.ask(alice, 0, asked);
    assert_eq!(got.remove(0), ok(0));
    got
}

/// Event 0 with these messages.
fn history(ids: std::ops::RangeInclusive<i32>) -> Got {
    let last = *ids.end();
    let all: Vec<(&str, Value)> = ids.map(|id| ("x", Value::Int(id))).collect();
    messages("c", &all, last)
}

fn event_5() -> Got {
    subscribed(&[("c", true)])
}

#[test]
fn the_order_of_event_5_and_history_can_be_set() {
    for (order, expected) in [
        (HistoryOrder::After, vec![event_5(), history(3..=6)]),
        (HistoryOrder::First, vec![history(3..=6), event_5()]),
        (
            HistoryOrder::Split,
            vec![event_5(), history(3..=4), history(5..=6)],
        ),
        (
            HistoryOrder::Backwards,
            vec![event_5(), history(5..=6), history(3..=4)],
        ),
        (
            HistoryOrder::Twice,
            vec![event_5(), history(3..=6), history(3..=6)],
        ),
        (HistoryOrder::Late, vec![event_5()]),
        (HistoryOrder::CopiedEarly, vec![event_5()]),
        (HistoryOrder::Race, vec![event_5(), history(3..=6)]),
    ] {
        let (mut harness, mut alice) = filled(|config| config.history_order = order);
        assert_eq!(ask(&mut harness, &mut alice, 2), expected, "{order}");
        live(&mut harness);
        let live_at_once = harness.drain(&mut alice);
        harness.wait(99);
        assert_eq!(harness.drain(&mut alice), [], "{order}");
        harness.wait(1);
        let later = harness.drain(&mut alice);
        let (expected, expected_later) = match order {
            HistoryOrder::Late => (vec![history(7..=7)], vec![history(3..=7)]),
            HistoryOrder::CopiedEarly => (vec![history(7..=7)], vec![history(3..=6)]),
            HistoryOrder::Race => (vec![], vec![]),
            _ => (vec![history(7..=7)], vec![]),
        };
        assert_eq!((live_at_once, later), (expected, expected_later), "{order}");
        live(&mut harness);
        assert_eq!(harness.drain(&mut alice), [history(8..=8)], "{order}");
    }
}

#[test]
fn late_answers_end_with_their_connection() {
    for order in HistoryOrder::ALL {
        let (mut harness, mut alice) = filled(|config| config.history_order = order);
        ask(&mut harness, &mut alice, 2);
        harness.hang_up(alice);
        harness.wait(200);
        assert_eq!(harness.core.users(), [], "{order}");
    }
}

#[test]
fn a_server_may_ignore_last_ids_or_keep_fewer_messages() {
    let (mut harness, mut alice) = filled(|config| config.ignore_last_ids = true);
    assert_eq!(
        ask(&mut harness, &mut alice, 5),
        [event_5(), history(1..=6)]
    );
    let (mut harness, mut alice) = filled(|config| config.history_length = 0);
    assert_eq!(ask(&mut harness, &mut alice, 0), [event_5()]);
    let (mut harness, mut alice) = filled(|config| {
        config.apply("history-lengths=other:9,c:2").unwrap();
    });
    assert_eq!(
        ask(&mut harness, &mut alice, 0),
        [event_5(), history(5..=6)]
    );
}

#[test]
fn ids_may_skip_and_each_message_has_its_own() {
    let mut harness = Harness::with(|config| {
        config.message_id_step = 2;
        config.batch_messages = 3;
    });
    let mut alice = harness.enter("alice", Protocol::V18);
    ask(&mut harness, &mut alice, 0);
    let now = harness.now;
    let one = |id| messages("c", &[("x", Value::Int(id))], id);
    for id in [2, 4, 6] {
        let published = harness.core.publish(now, (APP, "1.0"), "c", "x", id);
        assert_eq!(published, id);
    }
    assert_eq!(harness.drain(&mut alice), [one(2), one(4), one(6)]);
    assert_eq!(
        ask(&mut harness, &mut alice, 2),
        [event_5(), one(4), one(6)]
    );
    for id in [i32::MAX, -7] {
        let set = harness.core.set_channel_last_id((APP, "1.0"), "c", id - 2);
        assert!(set);
        assert_eq!(harness.core.publish(now, (APP, "1.0"), "c", "x", id), id);
    }
}

#[test]
fn event_5_of_a_login_can_be_split_or_left_out() {
    for (setting, expected) in [
        (
            "split-event-5=on",
            vec![subscribed(&[("a", true)]), subscribed(&[("b", true)])],
        ),
        (
            "split-event-5=off",
            vec![subscribed(&[("a", true), ("b", true)])],
        ),
        ("event-5-on-login=off", vec![]),
    ] {
        let mut harness = Harness::new();
        let mut alice = harness.enter("alice", Protocol::V18);
        harness.ask(&mut alice, 0, vec![(0, texts(&["a", "b"]))]);
        harness.core.config_mut().apply(setting).unwrap();
        let (now, id) = (harness.now, alice.id);
        harness.core.broken(now, id);
        assert_eq!(harness.core.users()[0].channels, 2, "in its grace time");
        let mut back = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V18);
        let got = harness.ask(&mut back, 230, crate::harness::credentials("alice"));
        assert_eq!(got[1..], expected, "{setting}");
    }
}

#[test]
fn one_text_can_be_spoiled_on_the_wire() {
    let (mut harness, mut alice) = filled(|config| config.spoiled_text = Some("bad".to_owned()));
    ask(&mut harness, &mut alice, 6);
    let now = harness.now;
    harness
        .core
        .publish(now, (APP, "1.0"), "c", "x", "a bad one");
    let bytes = harness.core.transmit(alice.id).expect("an event");
    let spoiled = b"a \xFFad one";
    assert!(bytes.windows(spoiled.len()).any(|part| part == spoiled));
}

#[test]
fn a_channel_begins_again_with_or_without_its_users() {
    for keep in [true, false] {
        let (mut harness, mut alice) = filled(|_| {});
        ask(&mut harness, &mut alice, 6);
        let now = harness.now;
        let core = &mut harness.core;
        assert!(!core.restart_channel(now, (APP, "1.0"), "other", keep));
        assert!(core.restart_channel(now, (APP, "1.0"), "c", keep));
        assert_eq!(harness.drain(&mut alice), []);
        live(&mut harness);
        let seen = harness.drain(&mut alice);
        assert_eq!(seen, if keep { vec![history(1..=1)] } else { vec![] });
        assert_eq!(ask(&mut harness, &mut alice, 0).len(), 2);
    }
}

#[test]
fn the_operator_publishes_and_restarts_by_command() {
    let (mut harness, mut alice) = filled(|_| {});
    ask(&mut harness, &mut alice, 6);
    let mut control = |line: &str| harness.core.control(line).line;
    assert_eq!(control("publish c a \"b c\""), "ok published in 1 channels");
    assert_eq!(
        control("restart-channel c keep"),
        "ok 1 channels begin again"
    );
    assert_eq!(control("publish c d"), "ok published in 1 channels");
    for (wrong, part) in [
        ("publish c", "write publish CHANNEL TEXT"),
        ("publish d e", "`channels` lists them"),
        ("restart-channel", "write restart-channel CHANNEL"),
        ("restart-channel c fast", "write restart-channel CHANNEL"),
    ] {
        let answer = control(wrong);
        assert!(
            answer.starts_with("error ") && answer.contains(part),
            "{answer}"
        );
    }
    let got = harness.drain(&mut alice);
    let by_operator = |text: &str, id| messages("c", &[("operator", text.into())], id);
    assert_eq!(got, [by_operator("a b c", 7), by_operator("d", 1)]);
    assert_ne!(got[0], event(0, []));
}
