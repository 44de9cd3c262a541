//! Ids as people paste them, and names twice in one request.

use crate::harness::{
    APP_ID, APP_VERSION, FRONT_END, Harness, NAME_SERVER, Seen, TOKEN, bools, each, outcomes,
    strings,
};
use chat_core::{ChatClient, ChatConfig, ConnectOptions, Outcome, RequestError, State};

const BAD: [&str; 14] = [
    " x",
    "x ",
    "x\n",
    "\tx",
    "x\r\n",
    "\u{A0}x",
    "x\u{FEFF}",
    "\u{200B}x",
    "x\u{0}y",
    // What pages and dialogs put around a text to fix its direction, a word joiner, a soft hyphen.
    "\u{200E}x",
    "x\u{202C}",
    "\u{2066}x\u{2069}",
    "\u{2060}x",
    "x\u{AD}",
];

fn is_invalid(result: Result<(), RequestError>, wanted: &str) -> bool {
    matches!(result, Err(RequestError::InvalidId { what, .. }) if what == wanted)
}

fn connect(config: ChatConfig) -> Result<(), RequestError> {
    ChatClient::new(config, [7; 32]).connect_to_name_server(ConnectOptions::new().region("eu"))
}

#[test]
fn case08_white_space_around_app_id_version_region_and_user_id_is_rejected_at_once() {
    for bad in BAD {
        let config = |app_id: &str, version: &str| {
            ChatConfig::new(NAME_SERVER, app_id.to_owned(), version.to_owned())
        };
        assert!(is_invalid(connect(config(bad, "1")), "app id"), "{bad:?}");
        assert!(
            is_invalid(connect(config(APP_ID, bad)), "app version"),
            "{bad:?}"
        );
        let user = config(APP_ID, APP_VERSION).user_id(bad);
        assert!(is_invalid(connect(user), "user id"), "{bad:?}");

        let mut client = ChatClient::new(config(APP_ID, APP_VERSION), [7; 32]);
        assert!(is_invalid(client.set_user_id(bad), "user id"), "{bad:?}");
        assert_eq!(client.user_id().as_str(), "");
        let options = ConnectOptions::new().region(bad);
        assert!(is_invalid(client.connect_to_name_server(options), "region"));
        assert!(is_invalid(
            client.connect_to_region_front_end(bad),
            "region"
        ));
        // Nothing has changed.
        assert_eq!(client.state(), State::Uninitialized);
        assert!(client.poll_command().is_none() && client.poll_event().is_none());
        assert_eq!(client.connect_to_region_front_end("eu"), Ok(()));
    }
    let error = RequestError::InvalidId {
        what: "app id",
        why: "ends with white space",
    };
    assert_eq!(
        error.to_string(),
        "the app id ends with white space: was it copied with something around it? trim it"
    );
}

#[test]
fn case08_an_empty_or_padded_region_is_rejected_in_every_state_that_takes_one() {
    each(|mut harness| {
        assert_eq!(
            harness.client.connect_to_region_front_end(""),
            Err(RequestError::Empty("region"))
        );
        let options = ConnectOptions::new().region("");
        assert_eq!(
            harness.client.connect_to_name_server(options),
            Err(RequestError::Empty("region"))
        );
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(
            harness.client.connect_to_region_front_end(""),
            Err(RequestError::Empty("region"))
        );
        assert!(is_invalid(
            harness.client.connect_to_region_front_end("eu "),
            "region"
        ));
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
    });
}

/// The region ends in front of the cluster.
#[test]
fn case08_a_region_in_front_of_a_cluster_is_checked() {
    let client = || ChatClient::new(ChatConfig::new(NAME_SERVER, APP_ID, APP_VERSION), [7; 32]);
    for empty in ["/", "/*", "/default"] {
        assert_eq!(
            client().connect_to_region_front_end(empty),
            Err(RequestError::Empty("region")),
            "{empty:?}"
        );
    }
    for bad in ["eu /*", " eu/*", "eu/* ", "eu\u{200E}/*"] {
        assert!(
            is_invalid(client().connect_to_region_front_end(bad), "region"),
            "{bad:?}"
        );
    }
    for good in ["eu/*", "EU/default", "eu/"] {
        assert_eq!(client().connect_to_region_front_end(good), Ok(()));
    }
}

/// Nobody pasted an id that an authentication service assigned, and nobody could correct it.
#[test]
fn case08_a_user_id_of_the_server_is_not_judged() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.choose_region();
        let parameters = [
            (230, FRONT_END.into()),
            (221, TOKEN.into()),
            (225, " John ".into()),
        ];
        harness.respond(230, 0, None, &parameters);
        harness.handshake();
        harness.respond(230, 0, None, &[]);
        assert_eq!(harness.client.user_id().as_str(), " John ");
        harness.client.disconnect();
        harness.pump();
        let options = ConnectOptions::new().region("eu");
        assert_eq!(harness.client.connect_to_name_server(options), Ok(()));
    });
}

#[test]
fn case08_legal_names_stay_legal() {
    each(|mut harness| {
        // An empty user id asks the server for one; white space inside is a matter of taste.
        assert_eq!(harness.client.set_user_id("John R. Doe"), Ok(()));
        // The flag of Scotland ends in a tag.
        let flag = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
        assert_eq!(harness.client.set_user_id(flag), Ok(()));
        assert_eq!(harness.client.set_user_id(""), Ok(()));
        harness.go_to(State::ConnectedToFrontEnd);
        // Others choose the names of channels and users.
        let _request = harness.subscribe(&[" room ", "a\nb"]);
        assert_eq!(harness.client.add_friends([" bob", "eve\t"]), Ok(()));
    });
}

#[test]
fn case09_a_name_twice_in_one_subscribe_has_one_outcome_with_the_request() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a", "b", "a"]);
        let later = harness.subscribe(&["a"]);
        harness.pump();
        harness.raise(
            5,
            &[
                (0, strings(&["a", "b", "a"])),
                (15, bools(&[true, true, true])),
            ],
        );
        harness.expect(&[Seen::Subscribed(outcomes(
            &["a", "b"],
            &Outcome::Done,
            Some(request),
        ))]);
        // The repetition has not settled the later request.
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        harness.expect(&[Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::Done,
            Some(later),
        ))]);
        assert_eq!(harness.client.public_channels().count(), 2);
    });
}

#[test]
fn case09_a_name_twice_in_one_unsubscribe_has_one_outcome_with_the_request() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let request = harness.unsubscribe(&["a", "a"]);
        harness.pump();
        harness.raise(6, &[(0, strings(&["a", "a"]))]);
        harness.expect(&[Seen::Unsubscribed(outcomes(
            &["a"],
            &Outcome::Done,
            Some(request),
        ))]);
    });
}

#[test]
fn case09_a_refused_or_lost_request_with_a_name_twice_has_one_outcome() {
    each(|mut harness: Harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a", "a"]);
        harness.pump();
        harness.close();
        let events = harness.take_events();
        let all: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                chat_core::Event::SubscribeResult(outcomes) => Some(outcomes.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(
            (all[0].request, &all[0].outcome),
            (Some(request), &Outcome::ConnectionLost)
        );
    });
}
