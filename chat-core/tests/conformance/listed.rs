//! Long lists of channels in events 5 and 6: their outcomes take several calls.

use crate::harness::{Carrier, Harness, Seen, bools, each_with, outcomes, strings};
use chat_core::{ChatConfig, Event, Outcome, RequestId, Restore, State};
use photon_proto::Value;

type Outcomes = Vec<(String, Outcome, Option<RequestId>)>;

/// More names than one call handles.
const MANY: usize = 7_000;

fn on_front_end(change: fn(ChatConfig) -> ChatConfig, test: impl Fn(Harness)) {
    each_with(change, |mut harness| {
        if harness.row.carrier == Carrier::Datagrams {
            // The same above the carrier, and the harness sends no fragments.
            return;
        }
        harness.go_to(State::ConnectedToFrontEnd);
        let _before = harness.take_events();
        test(harness);
    });
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Delivers an event without a call that handles it.
fn deliver(harness: &mut Harness, code: u8, parameters: &[(u8, Value)]) {
    let (link, bytes) = (harness.link(), harness.event(code, parameters));
    harness.deliver_without_pump(link, &bytes);
}

/// Delivers an event 5, or 6, for these names.
fn deliver_list(harness: &mut Harness, code: u8, names: &[&str]) {
    let results = bools(&vec![true; names.len()]);
    deliver(harness, code, &[(0, strings(names)), (15, results)]);
}

/// Calls `service` until nothing is left. Returns the number of calls, and the most work of one.
fn service(harness: &mut Harness) -> (u32, u64) {
    let (mut calls, mut longest) = (0, 0);
    loop {
        let before = harness.client.stats().work;
        let more = harness.client.service(harness.now).more;
        longest = longest.max(harness.client.stats().work - before);
        calls += 1;
        if !more {
            return (calls, longest);
        }
    }
}

fn seen(harness: &mut Harness) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(event) = harness.client.poll_event() {
        seen.push(Seen::from(&event));
    }
    seen
}

/// The outcomes of a client without restore, in which a list has one event.
#[track_caller]
fn expect_one_list(seen: &[Seen], entered: bool, expected: &Outcomes) {
    let list = match (seen, entered) {
        ([Seen::Subscribed(list)], true) | ([Seen::Unsubscribed(list)], false) => list,
        _ => panic!("{} events: {:?}", seen.len(), seen.first()),
    };
    assert_eq!(list.len(), expected.len());
    for (one, expected) in list.iter().zip(expected) {
        assert_eq!(one, expected);
    }
}

#[test]
fn sound07_a_long_list_of_channels_takes_several_calls_and_has_one_event() {
    on_front_end(
        |config| config,
        |mut harness| {
            for entered in [true, false, true, false] {
                let asked = ["first", "twice", "twice", "last"];
                let request = match entered {
                    true => harness.subscribe(&asked),
                    false => harness.unsubscribe(&asked),
                };
                harness.pump();
                let others = names("other", MANY);
                let (front, back) = others.split_at(MANY / 2);
                let list = [
                    &["first", "twice"],
                    &strs(front)[..],
                    // Repeated by the request, so it has one outcome, in a part of its own.
                    &["twice"],
                    &strs(back)[..],
                    &["last"],
                ]
                .concat();
                deliver_list(&mut harness, if entered { 5 } else { 6 }, &list);
                // What follows waits for the whole list.
                deliver(&mut harness, 99, &[]);
                let (calls, longest) = service(&mut harness);
                assert!(calls >= 3, "{calls} calls");
                assert!(longest <= 10_000_000, "{longest}");

                let of = |names: &[&str], request: Option<RequestId>| {
                    outcomes(names, &Outcome::Done, request)
                };
                let expected = [
                    of(&["first", "twice"], Some(request)),
                    of(&strs(&others), None),
                    of(&["last"], Some(request)),
                ]
                .concat();
                let mut seen = seen(&mut harness);
                let following = seen.pop();
                assert!(
                    matches!(following, Some(Seen::Other { .. })),
                    "{following:?}"
                );
                expect_one_list(&seen, entered, &expected);
                let known = harness.client.public_channels().count();
                assert_eq!(known, if entered { 1_024 + 3 } else { 0 });
                // Its response.
                harness.respond(u8::from(!entered), 0, None, &[]);
                let _response = harness.take_events();
            }
            let unkept = (MANY - 1_024) as u64 * 2;
            assert_eq!(harness.client.stats().unkept_channels, unkept);
        },
    );
}

#[test]
fn sound07_few_long_names_take_several_calls_too() {
    on_front_end(
        |config| config,
        |mut harness| {
            let names: Vec<String> = (0..450).map(|number| format!("{number:01000}")).collect();
            for code in [5, 6] {
                deliver_list(&mut harness, code, &strs(&names));
                let (calls, _) = service(&mut harness);
                assert!(calls >= 3, "{calls} calls");
                let expected = outcomes(&strs(&names), &Outcome::Done, None);
                let seen = seen(&mut harness);
                expect_one_list(&seen, code == 5, &expected);
            }
        },
    );
}

/// Ends the connection in some way that does not wait for input.
type End = fn(&mut Harness);

#[test]
fn sound07_each_name_of_a_list_that_was_begun_has_one_outcome_when_the_connection_ends() {
    let ends: [End; 3] = [
        |harness| harness.client.disconnect(),
        |harness| harness.client.suspend().expect("connected"),
        |harness| harness.client.network_changed().expect("connected"),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        for entered in [true, false] {
            for is_restoring in [false, true] {
                let change = if is_restoring { restoring } else { same };
                on_front_end(change, |harness| {
                    is_reported_once(harness, entered, number, end, is_restoring)
                });
            }
        }
    }
}

fn same(config: ChatConfig) -> ChatConfig {
    config
}

fn restoring(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new())
}

#[track_caller]
fn is_reported_once(
    mut harness: Harness,
    entered: bool,
    number: usize,
    end: End,
    is_restoring: bool,
) {
    let all = names("channel", 4_000);
    let all = strs(&all);
    let mut requests = Vec::new();
    requests.extend(all.chunks(400).map(|some| harness.subscribe(some)));
    harness.pump();
    if !entered {
        deliver_list(&mut harness, 5, &all);
        harness.pump();
        requests.clear();
        requests.extend(all.chunks(400).map(|some| harness.unsubscribe(some)));
        harness.pump();
    }
    let _before = harness.take_events();
    // The list is decoded, and a part of it is handled.
    deliver_list(&mut harness, if entered { 5 } else { 6 }, &all);
    let before = harness.client.public_channels().count();
    while harness.client.public_channels().count() == before {
        assert!(
            harness.client.service(harness.now).more,
            "{number}, {entered}"
        );
    }
    assert_eq!(harness.client.poll_event(), None);
    end(&mut harness);
    harness.pump();

    let mut found: Outcomes = Vec::new();
    let mut is_ended = false;
    for event in harness.take_events() {
        match (Seen::from(&event), &event) {
            (Seen::Subscribed(list) | Seen::Unsubscribed(list), _) => {
                assert!(!is_ended, "results come before the state");
                found.extend(list);
            }
            (_, Event::StateChanged { .. }) => is_ended = true,
            _ => {}
        }
    }
    assert!(is_ended, "end {number}");
    let done = found
        .iter()
        .take_while(|one| one.1 == Outcome::Done)
        .count();
    assert!(
        (500..3_500).contains(&done),
        "{done} done, end {number}, {entered}"
    );
    // With restore, the others are still wanted when the connection is lost.
    if !is_restoring || number == 0 {
        assert_eq!(found.len(), all.len(), "end {number}");
    }
    for (index, one) in found.iter().enumerate() {
        let outcome = match index < done {
            true => Outcome::Done,
            false => Outcome::ConnectionLost,
        };
        let expected = (all[index].to_owned(), outcome, Some(requests[index / 400]));
        assert_eq!(*one, expected, "end {number}");
    }
}
