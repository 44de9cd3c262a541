//! Contract 1: a time before the latest counts as the latest. The driver of the harness passes such
//! times in every test; here they are the only ones.

use crate::harness::{Harness, Seen, each, error, not_over_datagrams, outcomes};
use chat_core::{LinkErrorKind, LinkInput, Outcome, State, Timestamp};

/// The times before `now` that a driver with a bad clock might pass.
fn earlier(harness: &Harness) -> [Timestamp; 4] {
    let now = harness.now.as_millis();
    [now - 1, now / 2, 1, 0].map(Timestamp::from_millis)
}

/// Passes only earlier times, in each call that takes one.
fn pass_earlier_times(harness: &mut Harness) {
    let link = harness.link();
    for time in earlier(harness) {
        let _serviced = harness.client.service(time);
        let _bytes = harness.client.transmit(time, link);
        harness
            .client
            .handle_link(time, link, LinkInput::Opened { ipv6: false });
    }
}

#[test]
fn sound19_no_timer_starts_in_the_past() {
    // A request.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        // Whatever was due before is done at 100 s.
        harness.advance_ms(100_000);
        let request = harness.subscribe(&["a"]);
        pass_earlier_times(&mut harness);
        harness.advance_ms(14_999);
        harness.expect(&[]);
        harness.advance_ms(1);
        let timed_out = outcomes(&["a"], &Outcome::TimedOut, Some(request));
        harness.expect(&[Seen::Subscribed(timed_out)]);
    });
    // A connect.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(100_000);
        harness.fail(LinkErrorKind::Io, "");
        harness.forget();
        harness
            .client
            .connect_to_name_server(chat_core::ConnectOptions::new())
            .expect("connect is allowed");
        let _serviced = harness.client.service(Timestamp::ZERO);
        harness.pump();
        harness.forget();
        harness.advance_ms(14_999);
        harness.expect(&[]);
        harness.advance_ms(1);
        let (digit, _) = harness.row.never_opened();
        harness.expect(&error(3_000 + digit));
    });
    // The time to flush.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(100_000);
        harness.forget();
        let link = harness.link();
        harness.writable = false;
        harness.publish("a", "bye");
        harness.client.disconnect();
        for time in earlier(&harness) {
            let _serviced = harness.client.service(time);
        }
        harness.advance_ms(999);
        harness.expect_no_command();
        harness.advance_ms(1);
        harness.expect_close(link);
    });
}

/// Input that comes with an earlier time is a sign of life now.
#[test]
fn sound19_silence_counts_from_the_latest_time() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(100_000);
        harness.forget();
        harness.answers = false;
        harness.advance_ms(1);
        let link = harness.link();
        let event = harness.event(77, &[]);
        // JSON has no frames, so the bytes of this row are passed by the harness itself.
        if harness.row.is_stream() {
            for time in earlier(&harness) {
                harness
                    .client
                    .handle_link(time, link, LinkInput::Received(&event));
            }
        } else {
            harness.deliver_without_pump(link, &event);
        }
        harness.pump();
        harness.take_events();
        harness.advance_ms(9_999);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        harness.advance_ms(1);
        harness.expect(&error(1004));
    });
}

#[test]
fn sound19_no_deadline_lies_in_the_past() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for _ in 0..200 {
            harness.advance_ms(137);
            let _request = harness.subscribe(&["a"]);
            pass_earlier_times(&mut harness);
            harness.move_bytes();
            for time in earlier(&harness) {
                while harness.client.service(time).more {}
                let due = harness.client.poll_timeout();
                assert!(due.is_none_or(|due| due > harness.now), "{due:?}");
            }
        }
    });
}

#[test]
fn sound19_the_servers_time_never_goes_back() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(20_000);
        let time = harness.client.server_time();
        pass_earlier_times(&mut harness);
        assert_eq!(harness.client.server_time(), time);
        harness.advance_ms(1_000);
        let elapsed = |later: i32| time.map(|time| later.wrapping_sub(time));
        let later = harness.client.server_time();
        assert_eq!(later.and_then(elapsed), time.map(|_| 1_000));
    });
}
