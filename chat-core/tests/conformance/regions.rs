//! The list of regions: items 32 to 36.

use crate::harness::{ALL_STATES, APP_ID, Seen, each, each_with, encryption_off, strings};
use chat_core::{PeerErrorCode, RegionsError, RequestError, ServerError, State};

#[test]
fn c032_get_regions_sends_only_the_app_id() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        assert_eq!(harness.client.queued_events(), 0);
        harness.pump();
        // chat.md 2.5: encrypted if there is a key.
        harness.expect_request(220, true, &[(224, APP_ID.into())]);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
    });
    each_with(encryption_off, |mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        harness.expect_request(220, false, &[(224, APP_ID.into())]);
    });
}

fn regions(all: &[(&str, &str)]) -> Seen {
    Seen::Regions(Ok(all
        .iter()
        .map(|(code, address)| ((*code).into(), (*address).into()))
        .collect()))
}

#[test]
fn c033_the_regions_of_the_response_are_paired_by_index() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.respond(
            220,
            0,
            None,
            &[(210, strings(&["eu", "us"])), (230, strings(&["a", "b"]))],
        );
        harness.expect(&[regions(&[("eu", "a"), ("us", "b")])]);
        assert_eq!(PeerErrorCode::Ok.code(), 0);
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
        // chat.md 2.5: codes in lower case, without the cluster.
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.respond(
            220,
            0,
            None,
            &[
                (230, strings(&["a", ""])),
                (210, strings(&["EU/one/two", "aSia"])),
            ],
        );
        harness.expect(&[regions(&[("eu", "a"), ("asia", "")])]);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.respond(220, 0, None, &[(210, strings(&[])), (230, strings(&[]))]);
        harness.expect(&[regions(&[])]);
        // A response without a request.
        harness.respond(
            220,
            0,
            None,
            &[(210, strings(&["eu"])), (230, strings(&["a"]))],
        );
        harness.expect(&[]);
    });
}

#[test]
fn c034_a_rejected_get_regions_reports_the_code_and_keeps_the_state() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        harness.respond(220, 32767, Some("no such app"), &[]);
        let expected = RegionsError::Server(ServerError {
            operation: 220,
            code: 32767,
            message: "no such app".into(),
        });
        match harness.take_events().as_slice() {
            [chat_core::Event::RegionsResult(Err(error))] => {
                assert_eq!((error, error.code()), (&expected, 32767));
            }
            other => panic!("{other:?}"),
        }
        harness.advance_ms(60_000);
        harness.expect(&[]);
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
    });
}

#[test]
fn c035_get_regions_without_a_name_server_is_rejected() {
    for state in ALL_STATES
        .into_iter()
        .filter(|&state| state != State::ConnectedToNameServer)
    {
        each(|mut harness| {
            harness.go_to(state);
            // The documented API turns this error into `onGetRegionsResult(3001, ..)`.
            assert_eq!(
                harness.client.get_regions(),
                Err(RequestError::WrongState(state))
            );
            harness.pump();
            harness.expect(&[]);
            harness.expect_nothing();
            assert_eq!(harness.client.state(), state);
        });
    }
}

#[test]
fn c036_region_lists_of_different_length_are_reported_as_minus_1() {
    for answer in [
        vec![(210, strings(&["eu", "us"])), (230, strings(&["a"]))],
        vec![(210, strings(&["eu"])), (230, strings(&["a", "b"]))],
        vec![(210, strings(&["eu"]))],
        vec![(230, strings(&["a"]))],
        vec![],
        vec![(210, "eu".into()), (230, "a".into())],
    ] {
        each(|mut harness| {
            harness.go_to(State::ConnectedToNameServer);
            assert_eq!(harness.client.get_regions(), Ok(()));
            harness.respond(220, 0, None, &answer);
            harness.expect(&[Seen::Regions(Err(-1))]);
            assert_eq!(harness.client.state(), State::ConnectedToNameServer);
        });
    }
}
