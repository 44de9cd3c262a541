//! State that outlives the program. chat.md 10.3.

use crate::harness::{Harness, bools, each_with, objects, strings};
use chat_core::{
    ChatConfig, Event, Kept, RequestError, Restore, State, StatusMessage, SubscribeOptions,
    UserStatus, Value,
};

fn restoring(config: ChatConfig) -> ChatConfig {
    config.user_id("alice").restore(Restore::new())
}

/// Messages of bob in "lobby", the last one with this id.
fn messages(harness: &mut Harness, texts: &[&str], last_id: i32) {
    let contents: Vec<Value> = texts.iter().map(|text| (*text).into()).collect();
    let parameters = [
        (1, "lobby".into()),
        (4, strings(&vec!["bob"; texts.len()])),
        (2, objects(&contents)),
        (8, Value::Int(last_id)),
    ];
    harness.raise(0, &parameters);
}

/// What a client kept that has read messages 1 to 3 of "lobby", and has friends and a status.
fn kept_by(mut harness: Harness) -> Kept {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["lobby"]);
    harness.client.add_friends(["bob"]).unwrap();
    harness
        .client
        .set_user_status(UserStatus::AWAY, StatusMessage::Set("brb"))
        .unwrap();
    harness.pump();
    messages(&mut harness, &["one", "two", "three"], 3);
    let _events = harness.take_events();
    harness.client.keep()
}

/// Each row, with what a client on it kept.
fn each_with_kept(test: impl Fn(Harness, Kept)) {
    each_with(restoring, |harness| {
        let row = harness.row;
        let kept = kept_by(harness);
        let config = row.configure(restoring(row.config())).resume(kept.clone());
        test(Harness::on_row(row, config), kept);
    });
}

#[test]
fn s20_the_next_run_restores_what_was_kept() {
    each_with_kept(|mut harness, kept| {
        assert_eq!((kept.channels(), kept.region().as_str()), (1, "eu"));
        let lobby = harness.client.channel("lobby").expect("remembered");
        assert!(lobby.last_id() == 3 && !lobby.is_subscribed());
        harness.connect(Some("EU/*"));
        harness.complete_login();
        harness.pump();
        let requests: Vec<_> = harness.server().requests.drain(..).collect();
        let codes: Vec<u8> = requests.iter().map(|sent| sent.code).collect();
        assert_eq!(codes[codes.len() - 3..], [0, 6, 5]);
        harness.raise(5, &[(0, strings(&["lobby"])), (15, bools(&[true]))]);
        let _events = harness.take_events();
        // The history repeats what was read, and nothing of it is delivered again.
        messages(&mut harness, &["one", "two", "three", "four"], 4);
        let delivered: Vec<_> = harness
            .take_events()
            .into_iter()
            .filter_map(|event| match event {
                Event::ChatMessages { messages, .. } => Some(messages.len()),
                Event::Gap { .. } => Some(1_000),
                _ => None,
            })
            .collect();
        assert_eq!(delivered, [1]);
        assert_eq!(harness.client.channel("lobby").unwrap().last_id(), 4);
    });
}

#[test]
fn s20_another_life_is_found_by_the_hashes_that_were_kept() {
    each_with_kept(|mut harness, _| {
        harness.connect(Some("eu"));
        harness.complete_login();
        harness.raise(5, &[(0, strings(&["lobby"])), (15, bools(&[true]))]);
        messages(&mut harness, &["uno", "dos", "tres", "cuatro"], 4);
        let events = harness.take_events();
        let is_new_life = |event: &Event| matches!(event, Event::Gap { new_life: true, .. });
        assert!(events.iter().any(is_new_life), "{events:?}");
    });
}

#[test]
fn s20_the_state_of_another_login_is_refused_and_nothing_changes() {
    each_with(restoring, |harness| {
        let row = harness.row;
        let kept = kept_by(harness);
        let base = || row.configure(restoring(row.config()));
        for (config, region, what) in [
            (base().user_id("bob"), "eu", "user id"),
            (base(), "us", "region"),
        ] {
            let mut other = Harness::on_row(row, config.resume(kept.clone()));
            let refused = other.client.connect_to_region_front_end(region);
            assert_eq!(refused, Err(RequestError::KeptByOther(what)));
            assert_eq!(other.client.state(), State::Uninitialized);
            other.expect_nothing();
        }
    });
}

#[test]
fn s20_messages_that_were_not_taken_are_not_in_the_kept_state() {
    each_with(restoring, |mut harness| {
        let row = harness.row;
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["lobby"]);
        messages(&mut harness, &["one"], 1);
        let _events = harness.take_events();
        let framed = harness.event(
            0,
            &[
                (1, "lobby".into()),
                (4, strings(&["bob"])),
                (2, objects(&["two".into()])),
                (8, Value::Int(2)),
            ],
        );
        let link = harness.link();
        harness.deliver_without_pump(link, &framed);
        let now = harness.now;
        let _serviced = harness.client.service(now);
        assert_eq!(harness.client.channel("lobby").unwrap().last_id(), 2);
        let config = row.configure(restoring(row.config()));
        let next = Harness::on_row(row, config.resume(harness.client.keep()));
        assert_eq!(next.client.channel("lobby").unwrap().last_id(), 1);
    });
}

#[test]
fn s20_without_restore_positions_are_kept_and_nothing_is_asked() {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            let row = harness.row;
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["lobby"]);
            messages(&mut harness, &["one"], 1);
            let config = row.configure(row.config().user_id("alice"));
            let mut next = Harness::on_row(row, config.resume(harness.client.keep()));
            next.go_to(State::ConnectedToFrontEnd);
            assert_eq!(next.client.channel("lobby").unwrap().last_id(), 1);
            next.expect_no_request();
            next.client
                .subscribe(["lobby"], &SubscribeOptions::new())
                .unwrap();
        },
    );
}
