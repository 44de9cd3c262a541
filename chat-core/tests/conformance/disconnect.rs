//! Links that the client leaves: flushed, closed, forgotten. Contract 10.

use crate::harness::{
    FRONT_END, Harness, Seen, TOKEN, each, not_over_datagrams, over_streams_with,
};
use chat_core::{ConnectOptions, LinkError, LinkErrorKind, LinkInput, State};
use std::time::Duration;

/// A client whose login waits for the response of the name server.
fn logging_in(harness: &mut Harness) {
    harness.go_to(State::ConnectedToNameServer);
    harness.choose_region();
    harness.forget();
}

/// Contract 10: core sends previously accepted data, for a second at most, and then closes the
/// link.
#[test]
fn disconnect_sends_previously_accepted_data() {
    // The socket takes the data: the link is closed immediately afterwards.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness.publish("a", "bye");
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.expect_request(2, false, &[(1, "a".into()), (3, "bye".into())]);
        harness.expect_close(link);
        harness.expect_nothing();
        assert_eq!(harness.client.poll_timeout(), None);
    });
    // The socket takes nothing: the link is closed after the flush timeout, to the millisecond. For
    // datagrams see `udp_flush`.
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness.writable = false;
        harness.publish("a", "bye");
        harness.client.disconnect();
        // The timer starts with the next call that passes a time.
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.now = harness.now.plus_millis(5_000);
        harness.pump();
        harness.expect_deadline_in_ms(1_000);
        harness.advance_ms(999);
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.expect_nothing();
        harness.advance_ms(1);
        harness.expect_close(link);
        harness.expect_nothing();
        assert_eq!(
            (
                harness.client.poll_timeout(),
                harness.client.buffered_bytes()
            ),
            (None, 0)
        );
    });
    // The socket takes half of the data in time, as streams do.
    over_streams_with(
        |config| config.flush_timeout(Duration::from_millis(250)),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (harness.link(), harness.now);
            harness.publish("a", "bye");
            harness.client.disconnect();
            let bytes = harness
                .client
                .transmit(now, link)
                .expect("something waits")
                .len();
            harness.client.transmitted(link, bytes - 1);
            assert_eq!(harness.client.transmit(now, link).map(<[u8]>::len), Some(1));
            harness.writable = false;
            harness.pump();
            harness.expect_no_command();
            harness.expect_deadline_in_ms(250);
            harness.client.transmitted(link, 1);
            harness.pump();
            harness.expect_close(link);
            harness.expect_no_command();
        },
    );
    // Nothing is queued: the link is closed at once.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness.client.disconnect();
        harness.pump();
        harness.expect_close(link);
        harness.expect_no_command();
    });
}

#[test]
fn a_link_that_is_not_open_yet_is_closed_at_once_or_never_opened() {
    each(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        let link = harness.link();
        harness.client.disconnect();
        harness.pump();
        harness.expect_close(link);
        harness.expect_no_command();
    });
    each(|mut harness| {
        harness
            .client
            .connect_to_name_server(ConnectOptions::new())
            .expect("connect is allowed");
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::Disconnected),
        ]);
        harness.expect_nothing();
        assert_eq!(harness.client.poll_timeout(), None);
    });
}

/// After `Closed` or `Failed` no `Close` follows, even if core decided to close the link just
/// before.
#[test]
fn a_link_that_ended_by_itself_is_not_closed() {
    let ends: [fn() -> LinkInput<'static>; 2] = [
        || LinkInput::Closed,
        || LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "reset")),
    ];
    for end in ends {
        // Directly after the response that makes the client leave.
        for return_code in [0, 32767] {
            each(|mut harness| {
                logging_in(&mut harness);
                let parameters = [(230, FRONT_END.into()), (221, TOKEN.into())];
                let (link, answer) = (
                    harness.link(),
                    harness.response(230, return_code, None, &parameters),
                );
                harness.deliver_without_pump(link, &answer);
                harness.input(link, end());
                if return_code == 0 {
                    harness.expect(&[
                        Seen::authenticated(""),
                        Seen::State(State::ConnectingToFrontEnd),
                    ]);
                    harness.expect_open("fe.example", 5070);
                } else {
                    harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
                }
                harness.expect_no_command();
            });
        }
        // While the link is flushed.
        each(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.writable = false;
            harness.publish("a", "bye");
            harness.client.disconnect();
            harness.pump();
            let link = harness.link();
            harness.input(link, end());
            harness.advance_ms(10_000);
            harness.expect(&[Seen::State(State::Disconnected)]);
            harness.expect_nothing();
            assert_eq!(harness.client.buffered_bytes(), 0);
        });
        // Before the driver has taken the command.
        each(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let link = harness.link();
            harness.client.disconnect();
            harness.input(link, end());
            harness.expect(&[Seen::State(State::Disconnected)]);
            harness.expect_nothing();
        });
    }
}

/// Contract 10: connecting again is legal while the old link still sends. It no longer affects the
/// client.
#[test]
fn connecting_again_while_the_old_link_is_flushed() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let old = harness.link();
        harness.writable = false;
        harness.publish("a", "bye");
        harness.client.disconnect();
        harness.connect(Some("eu"));
        harness.expect(&[
            Seen::State(State::Disconnected),
            Seen::State(State::ConnectingToNameServer),
        ]);
        harness.expect_open("ns.example", 4533);
        if !harness.row.is_datagrams() {
            // Over datagrams the disconnect contains its time.
            harness.expect_deadline_in_ms(1_000);
        }
        let old_end = harness
            .links
            .iter()
            .find(|link| link.id == old)
            .expect("known");
        // JSON has no disconnect message.
        let late = if harness.row.json {
            old_end.event(false, 77, &[])
        } else {
            old_end.disconnect(1, None)
        };
        harness.deliver_without_pump(old, &late);
        harness.advance_ms(999);
        harness.expect_nothing();
        harness.advance_ms(1);
        harness.expect_close(old);
        harness.writable = true;
        harness.complete_login();
    });
}

/// Contract 10: a retired link only sends, so core keeps none of its input.
#[test]
fn input_of_a_retired_link_is_not_buffered() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness.writable = false;
        harness.publish("a", "bye");
        let unsent = harness.client.buffered_bytes();
        let event = harness.event(77, &[]);
        harness
            .client
            .handle_link(harness.now, link, LinkInput::Received(&event));
        assert!(harness.client.buffered_bytes() > unsent);
        harness.client.disconnect();
        assert_eq!(harness.client.buffered_bytes(), unsent);
        harness
            .client
            .handle_link(harness.now, link, LinkInput::Received(&event));
        assert_eq!(harness.client.buffered_bytes(), unsent);
    });
}

/// The link to the name server continues to send after the client moved on. chat.md 2.3, 6.2.
#[test]
fn moving_to_the_front_end_does_not_wait_for_the_name_server() {
    each(|mut harness| {
        logging_in(&mut harness);
        let name_server = harness.link();
        harness.writable = false;
        harness.advance_ms(3_000);
        harness.accept_login();
        harness.expect_open("fe.example", 5070);
        harness.expect_no_command();
        harness.advance_ms(999);
        harness.expect_no_command();
        harness.advance_ms(1);
        harness.expect_close(name_server);
        harness.expect_no_command();
    });
}
