//! State that outlives the program. chat.md 10.3.

use crate::harness::{APP_ID, APP_VERSION, Harness, Sent, bools, each_with, objects, strings};
use chat_core::{
    ChatConfig, Event, Kept, RequestError, Restore, State, StatusMessage, SubscribeOptions,
    UserStatus, Value,
};

fn restoring(config: ChatConfig) -> ChatConfig {
    config.user_id("alice").restore(Restore::new())
}

/// What another process reads of the kept state: with the feature `serde` it goes through JSON.
fn stored(kept: Kept) -> Kept {
    #[cfg(feature = "serde")]
    {
        let json = serde_json::to_string(&kept).unwrap();
        serde_json::from_str(&json).unwrap()
    }
    #[cfg(not(feature = "serde"))]
    kept
}

/// The next run of the program, which begins with what this client keeps now.
fn next_run(harness: &Harness) -> Harness {
    let row = harness.row;
    let config = row.configure(restoring(row.config()));
    Harness::on_row(row, config.resume(stored(harness.client.keep())))
}

/// A private message of bob.
fn private(harness: &mut Harness, text: &str, id: i32) {
    let parameters = [
        (5, "bob".into()),
        (225, "alice".into()),
        (3, text.into()),
        (8, Value::Int(id)),
    ];
    harness.raise(2, &parameters);
}

/// A parameter of a request.
fn parameter(request: &Sent, key: u8) -> Option<Value> {
    let mut all = request.parameters.iter();
    all.find(|(code, _)| *code == key)
        .map(|(_, value)| value.clone())
}

/// The codes and the names of the requests after the login.
fn requests(harness: &mut Harness) -> Vec<(u8, Option<Value>)> {
    harness.pump();
    let all = harness.server().requests.drain(..);
    let names = |code| if code == 1 { 0 } else { 11 };
    all.filter(|request| request.code != 230)
        .map(|request| (request.code, parameter(&request, names(request.code))))
        .collect()
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
        let of_app = |id: &str, version: &str| {
            let config = ChatConfig::new(row.address("ns.example:4533"), id, version);
            row.configure(restoring(config))
        };
        for (config, region, what) in [
            (of_app("another app", APP_VERSION), "eu", "app id"),
            (of_app(APP_ID, "1.1"), "eu", "app version"),
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

#[test]
fn s20_what_the_application_left_is_left_again_in_the_next_run() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["lobby"]);
        harness.client.add_friends(["bob", "carol"]).unwrap();
        harness.client.remove_friends(["bob"]).unwrap();
        harness.client.unsubscribe(["lobby"]).unwrap();
        harness.pump();
        // The server confirms nothing before the program ends.
        let mut next = next_run(&harness);
        next.connect(Some("eu"));
        next.complete_login();
        let sent = requests(&mut next);
        assert_eq!(
            sent,
            [
                (1, Some(strings(&["lobby"]))),
                (7, Some(strings(&["bob"]))),
                (6, Some(strings(&["carol"])))
            ]
        );
    });
}

#[test]
fn s20_a_channel_that_no_server_confirmed_keeps_the_last_id_of_its_request() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let options = SubscribeOptions::new().history(5).last_ids([40]);
        harness.client.subscribe(["lobby"], &options).unwrap();
        harness.pump();
        let mut next = next_run(&harness);
        next.connect(Some("eu"));
        next.complete_login();
        next.pump();
        let request = next.server().requests.pop_back().unwrap();
        assert_eq!(request.code, 0);
        // JSON has one kind of array.
        let last_ids = if next.row.json {
            objects(&[Value::Int(40)])
        } else {
            vec![40].into()
        };
        assert_eq!(parameter(&request, 9), Some(last_ids));
        assert_eq!(parameter(&request, 14), Some(Value::Int(5)));
    });
}

#[test]
fn s20_private_messages_that_a_server_repeats_are_known_in_the_next_run() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for (text, id) in [("one", 1), ("two", 2)] {
            private(&mut harness, text, id);
        }
        let _events = harness.take_events();
        // The application does not take this one.
        let framed = harness.event(
            2,
            &[
                (5, "bob".into()),
                (225, "alice".into()),
                (3, "three".into()),
                (8, Value::Int(3)),
            ],
        );
        let link = harness.link();
        harness.deliver_without_pump(link, &framed);
        let now = harness.now;
        let _serviced = harness.client.service(now);
        let mut next = next_run(&harness);
        next.connect(Some("eu"));
        next.complete_login();
        let _events = next.take_events();
        // Another message may have the same id: the conversation died meanwhile.
        for (text, id) in [("one", 1), ("two", 2), ("three", 3), ("uno", 1)] {
            private(&mut next, text, id);
        }
        let ids: Vec<_> = next
            .take_events()
            .into_iter()
            .filter_map(|event| match event {
                Event::PrivateMessage { message, .. } => message.id(),
                _ => None,
            })
            .collect();
        assert_eq!(ids, [3, 1]);
    });
}

#[test]
fn s20_positions_of_another_user_are_not_kept() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["lobby"]);
        messages(&mut harness, &["one"], 1);
        private(&mut harness, "psst", 1);
        let _events = harness.take_events();
        harness.client.disconnect();
        harness.client.set_user_id("bob").unwrap();
        let kept = harness.client.keep();
        assert_eq!(kept.user_id().as_str(), "bob");
        let row = harness.row;
        let config = row.configure(restoring(row.config())).user_id("bob");
        let next = Harness::on_row(row, config.resume(stored(kept)));
        assert!(
            next.client
                .channel("lobby")
                .is_none_or(|lobby| lobby.last_id() == 0)
        );
        assert!(next.client.private_channel("bob").is_none());
    });
}

#[test]
fn s20_a_channel_without_a_name_does_not_spoil_the_kept_state() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.raise(
            5,
            &[(0, strings(&["", "lobby"])), (15, bools(&[true, true]))],
        );
        let kept = stored(harness.client.keep());
        assert_eq!(kept.channels(), 1);
    });
}
