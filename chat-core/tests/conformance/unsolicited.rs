//! Channels that the server adds on its own, and what becomes of them.

use crate::harness::{Harness, Seen, bools, each, outcomes, strings};
use chat_core::{Outcome, State};

/// How many the client keeps.
const MOST: usize = 1_024;

#[track_caller]
fn add(harness: &mut Harness, names: std::ops::Range<usize>) {
    for name in names {
        let name = format!("unsolicited{name}");
        harness.raise(5, &[(0, strings(&[&name])), (15, bools(&[true]))]);
    }
    let _reported = harness.take_events();
}

#[test]
fn sound05_a_channel_that_the_application_subscribes_to_later_is_not_unsolicited() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        add(&mut harness, 0..MOST);
        let full = harness.client.stats().channel_bytes;
        add(&mut harness, MOST..MOST + 1);
        assert_eq!(harness.client.public_channels().count(), MOST);
        assert_eq!(harness.client.stats().unkept_channels, 1);

        harness.join(&["unsolicited0"]);
        assert!(harness.client.stats().channel_bytes < full);
        // It has given its place to another one.
        add(&mut harness, MOST..MOST + 1);
        assert_eq!(harness.client.public_channels().count(), MOST + 1);
        // Once only, however often it is confirmed.
        harness.join(&["unsolicited0"]);
        harness.raise(5, &[(0, strings(&["unsolicited0"])), (15, bools(&[true]))]);
        add(&mut harness, MOST + 1..MOST + 2);
        assert_eq!(harness.client.public_channels().count(), MOST + 1);

        // Leaving it gives nothing back a second time.
        let full = harness.client.stats().channel_bytes;
        let request = harness.unsubscribe(&["unsolicited0"]);
        harness.pump();
        harness.raise(6, &[(0, strings(&["unsolicited0"]))]);
        let left = outcomes(&["unsolicited0"], &Outcome::Done, Some(request));
        harness.expect(&[Seen::Unsubscribed(left)]);
        assert_eq!(harness.client.stats().channel_bytes, full);
        harness.client.disconnect();
        harness.client.forget_channels();
        assert_eq!(harness.client.stats().channel_bytes, 0);
    });
}

#[test]
fn sound05_a_refused_subscription_leaves_the_channel_unsolicited() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        add(&mut harness, 0..1);
        let before = harness.client.stats().channel_bytes;
        let _request = harness.subscribe(&["unsolicited0"]);
        harness.pump();
        harness.raise(5, &[(0, strings(&["unsolicited0"])), (15, bools(&[false]))]);
        let _reported = harness.take_events();
        assert_eq!(harness.client.stats().channel_bytes, before);
    });
}
