//! Texts and addresses of servers: errors shorten them, and a front-end address must be valid and
//! allowed.

use crate::harness::{Harness, Seen, TOKEN, each, each_with};
use chat_core::{CauseKind, ChatConfig, Event, LinkErrorKind, Outcome, State, SubscribeOptions};

/// The longest text in an error.
const MAX_TEXT_BYTES: usize = 1_024;

/// A text that is nearly as long as 1.6 can express, in characters of two bytes.
fn long_text() -> String {
    "\u{e9}".repeat(15_000)
}

/// Asserts that the text is the beginning of `long_text`, marked.
#[track_caller]
fn assert_short(text: &str) {
    assert!(text.len() <= MAX_TEXT_BYTES, "{} bytes", text.len());
    assert!(text.len() > MAX_TEXT_BYTES - 4, "{} bytes", text.len());
    let kept = text.strip_suffix('…').expect("the mark");
    assert!(long_text().starts_with(kept));
}

/// Asserts that the client has ended with a cause of this text, and a message not much longer.
#[track_caller]
fn assert_short_cause(harness: &Harness) {
    let (_, cause, message) = harness.error();
    assert_short(&cause.text);
    assert!(message.len() < MAX_TEXT_BYTES + 200, "{}", message.len());
}

/// Logs in on the name server, which assigns this front end.
#[track_caller]
fn assign_front_end(harness: &mut Harness, address: &str) {
    harness.go_to(State::ConnectedToNameServer);
    harness.choose_region();
    harness.respond(230, 0, None, &[(230, address.into()), (221, TOKEN.into())]);
}

#[test]
fn sound09_the_text_of_a_refused_login_is_shortened() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.choose_region();
        harness.respond(230, 32_755, Some(&long_text()), &[]);
        assert_short_cause(&harness);
    });
}

#[test]
fn sound09_the_text_of_a_disconnect_is_shortened() {
    each(|mut harness| {
        if harness.row.json {
            return;
        }
        harness.go_to(State::ConnectedToFrontEnd);
        harness.send_disconnect(1, Some(&long_text()));
        assert_short_cause(&harness);
    });
}

#[test]
fn sound09_the_text_of_a_refused_request_is_shortened() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let _request = harness
            .client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        harness.pump();
        let _before = harness.take_events();
        harness.respond(0, -1, Some(&long_text()), &[]);
        let events = harness.take_events();
        let Some(Event::SubscribeResult(outcomes)) = events.first() else {
            panic!("{events:?}");
        };
        let Outcome::Failed(error) = &outcomes[0].outcome else {
            panic!("{outcomes:?}");
        };
        assert_short(&error.message);
    });
}

#[test]
fn sound09_the_text_of_refused_regions_is_shortened() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.client.get_regions().expect("on the name server");
        harness.pump();
        let _before = harness.take_events();
        harness.respond(220, -1, Some(&long_text()), &[]);
        let events = harness.take_events();
        let [Event::RegionsResult(Err(chat_core::RegionsError::Server(error)))] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_short(&error.message);
    });
}

#[test]
fn sound09_the_text_of_a_failed_link_is_shortened() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.fail(LinkErrorKind::Io, &long_text().repeat(40));
        assert_short_cause(&harness);
    });
}

#[test]
fn sound09_invalid_front_end_addresses_are_refused_and_shortened() {
    let long = [
        "a".repeat(254),
        long_text(),
        "\u{202e}".repeat(9_000),
        "\"\\\u{7}".repeat(9_000),
        format!("{}.example", "a".repeat(64)),
    ];
    let short = [
        "a b",
        "a\u{202e}b",
        "a\u{7}b",
        "[zz\"]",
        "[::1",
        "a..b",
        "1.2.3",
        "0x7f.0.0.1",
        "user@host",
        "host/path\u{7f}",
        "b\u{fc}cher.example",
        "\u{feff}host",
    ];
    let hosts = long.iter().map(String::as_str).chain(short);
    let addresses = hosts.map(|host| format!("{host}:5055")).chain(
        [
            "host:+1",
            "host:-1",
            "host:0",
            "host:65536",
            "host:",
            "host:1x",
        ]
        .map(Into::into),
    );
    for address in addresses {
        each(|mut harness| {
            assign_front_end(&mut harness, &address);
            let (code, cause, message) = harness.error();
            assert_eq!(
                (code, cause.kind),
                (1002, CauseKind::BadAddress),
                "{address}"
            );
            assert!(cause.text.len() <= MAX_TEXT_BYTES, "{}", cause.text.len());
            assert!(message.len() < MAX_TEXT_BYTES + 200, "{}", message.len());
            let hidden = |character: char| {
                character.is_control() || ('\u{202a}'..='\u{202e}').contains(&character)
            };
            assert!(!message.contains(hidden), "{message:?}");
        });
    }
}

fn listed(config: ChatConfig) -> ChatConfig {
    config.allowed_front_ends(["fe.example", ".photon.example", "[2001:db8::1]", "10.0.0.1"])
}

#[test]
fn sound09_a_listed_front_end_is_connected() {
    for (address, host) in [
        ("fe.example:5070", "fe.example"),
        ("FE.example:5070", "FE.example"),
        ("a.photon.example:5070", "a.photon.example"),
        ("[2001:db8:0::1]:5070", "2001:db8:0::1"),
        ("10.0.0.1:5070", "10.0.0.1"),
    ] {
        each_with(listed, |mut harness| {
            assign_front_end(&mut harness, address);
            assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
            assert_eq!(&*harness.server().target.host, host);
        });
    }
}

#[test]
fn sound09_a_front_end_that_is_not_listed_is_refused_with_its_own_cause() {
    for address in [
        "evil.example:5070",
        "a.fe.example:5070",
        "photon.example:5070",
        "evilphoton.example:5070",
        "a.photon.example.evil:5070",
        "[2001:db8::2]:5070",
        "[::ffff:10.0.0.1]:5070",
        "10.0.0.2:5070",
    ] {
        each_with(listed, |mut harness| {
            assign_front_end(&mut harness, address);
            let (code, cause, message) = harness.error();
            assert_eq!((code, cause.kind), (1002, CauseKind::FrontEndNotAllowed));
            assert!(message.contains("allowed_front_ends"), "{message}");
            assert_eq!(harness.links.len(), 1, "no link to it is opened");
            // The token is gone, too: it is of no use elsewhere.
            assert!(harness.client.reconnect().is_err());
            assert_eq!(harness.client.state(), State::Error);
        });
    }
}

#[test]
fn sound09_an_empty_list_allows_no_front_end() {
    each_with(
        |config| config.allowed_front_ends([""; 0]),
        |mut harness| {
            assign_front_end(&mut harness, "fe.example:5070");
            assert_eq!(harness.error().1.kind, CauseKind::FrontEndNotAllowed);
            harness.expect(&[
                Seen::authenticated(""),
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::Error),
                Seen::Error(1002),
            ]);
        },
    );
}
