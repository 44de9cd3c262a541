//! What becomes of links that the client leaves: flushed, closed, forgotten. Contract 10.

use crate::rig::{FRONT_END, Rig, Seen, TOKEN, each, not_over_datagrams, over_streams_with};
use chat_core::{ConnectOptions, LinkError, LinkErrorKind, LinkInput, PublishOptions, State};
use std::time::Duration;

/// A client whose login waits for the name server's answer.
fn logging_in(rig: &mut Rig) {
    rig.go_to(State::ConnectedToNameServer);
    rig.client
        .connect_to_region_front_end("eu")
        .expect("may go on");
    rig.pump();
    rig.forget();
}

/// contract 10: what was accepted before is still sent, for a second at most, and then the link is closed.
#[test]
fn disconnect_sends_what_was_accepted_before() {
    // The socket takes it: closed as soon as it has.
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let link = rig.link();
        rig.client
            .publish_message("a", "bye", &PublishOptions::new())
            .expect("on the front end");
        rig.client.disconnect();
        rig.pump();
        rig.expect(&[Seen::State(State::Disconnected)]);
        rig.expect_request(2, false, &[(1, "a".into()), (3, "bye".into())]);
        rig.expect_close(link);
        rig.expect_nothing();
        assert_eq!(rig.client.poll_timeout(), None);
    });
    // The socket takes nothing: closed after the flush time, to the millisecond. Over datagrams: see `udp_endings`.
    not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let link = rig.link();
        rig.writable = false;
        rig.client
            .publish_message("a", "bye", &PublishOptions::new())
            .expect("on the front end");
        rig.client.disconnect();
        // The timer starts with the next call that brings the time.
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.now = rig.now.plus_millis(5_000);
        rig.pump();
        rig.expect_deadline_in_ms(1_000);
        rig.advance_ms(999);
        rig.expect(&[Seen::State(State::Disconnected)]);
        rig.expect_nothing();
        rig.advance_ms(1);
        rig.expect_close(link);
        rig.expect_nothing();
        assert_eq!(
            (rig.client.poll_timeout(), rig.client.buffered_bytes()),
            (None, 0)
        );
    });
    // Half of it is taken in time, as streams do.
    over_streams_with(
        |config| config.flush_timeout(Duration::from_millis(250)),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (rig.link(), rig.now);
            rig.client
                .publish_message("a", "bye", &PublishOptions::new())
                .expect("on the front end");
            rig.client.disconnect();
            let bytes = rig
                .client
                .transmit(now, link)
                .expect("something waits")
                .len();
            rig.client.transmitted(link, bytes - 1);
            assert_eq!(rig.client.transmit(now, link).map(<[u8]>::len), Some(1));
            rig.writable = false;
            rig.pump();
            rig.expect_no_command();
            rig.expect_deadline_in_ms(250);
            rig.client.transmitted(link, 1);
            rig.pump();
            rig.expect_close(link);
            rig.expect_no_command();
        },
    );
    // Nothing waits: closed at once.
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let link = rig.link();
        rig.client.disconnect();
        rig.pump();
        rig.expect_close(link);
        rig.expect_no_command();
    });
}

#[test]
fn a_link_that_is_not_open_yet_is_closed_at_once_or_never_opened() {
    each(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        let link = rig.link();
        rig.client.disconnect();
        rig.pump();
        rig.expect_close(link);
        rig.expect_no_command();
    });
    each(|mut rig| {
        rig.client
            .connect_to_name_server(ConnectOptions::new())
            .expect("may connect");
        rig.client.disconnect();
        rig.pump();
        rig.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::Disconnected),
        ]);
        rig.expect_nothing();
        assert_eq!(rig.client.poll_timeout(), None);
    });
}

/// After `Closed` or `Failed` no `Close` follows, also if it was decided just before..
#[test]
fn a_link_that_has_ended_by_itself_is_not_closed() {
    let ends: [fn() -> LinkInput<'static>; 2] = [
        || LinkInput::Closed,
        || LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "reset")),
    ];
    for end in ends {
        // Behind an answer that makes the client leave.
        for return_code in [0, 32767] {
            each(|mut rig| {
                logging_in(&mut rig);
                let parameters = [(230, FRONT_END.into()), (221, TOKEN.into())];
                let (link, answer) = (
                    rig.link(),
                    rig.response(230, return_code, None, &parameters),
                );
                rig.hand_over(link, &answer);
                rig.input(link, end());
                if return_code == 0 {
                    rig.expect(&[
                        Seen::authenticated(""),
                        Seen::State(State::ConnectingToFrontEnd),
                    ]);
                    rig.expect_open("fe.example", 5070);
                } else {
                    rig.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
                }
                rig.expect_no_command();
            });
        }
        // While it is being flushed.
        each(|mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.writable = false;
            rig.client
                .publish_message("a", "bye", &PublishOptions::new())
                .expect("on the front end");
            rig.client.disconnect();
            rig.pump();
            let link = rig.link();
            rig.input(link, end());
            rig.advance_ms(10_000);
            rig.expect(&[Seen::State(State::Disconnected)]);
            rig.expect_nothing();
            assert_eq!(rig.client.buffered_bytes(), 0);
        });
        // When the command has not been taken yet.
        each(|mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let link = rig.link();
            rig.client.disconnect();
            rig.input(link, end());
            rig.expect(&[Seen::State(State::Disconnected)]);
            rig.expect_nothing();
        });
    }
}

/// contract 10: connecting anew is legal while the old link is still sending, which touches nothing any more.
#[test]
fn connecting_anew_while_the_old_link_is_flushed() {
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let old = rig.link();
        rig.writable = false;
        rig.client
            .publish_message("a", "bye", &PublishOptions::new())
            .expect("on the front end");
        rig.client.disconnect();
        rig.connect(Some("eu"));
        rig.expect(&[
            Seen::State(State::Disconnected),
            Seen::State(State::ConnectingToNameServer),
        ]);
        rig.expect_open("ns.example", 4533);
        if !rig.over.is_datagrams() {
            // Over datagrams the goodbye has its time in it.
            rig.expect_deadline_in_ms(1_000);
        }
        let old_end = rig.links.iter().find(|link| link.id == old).expect("known");
        // JSON has no goodbye.
        let late = if rig.over.json {
            old_end.event(false, 77, &[])
        } else {
            old_end.disconnect(1, None)
        };
        rig.hand_over(old, &late);
        rig.advance_ms(999);
        rig.expect_nothing();
        rig.advance_ms(1);
        rig.expect_close(old);
        rig.writable = true;
        rig.handshake();
        rig.accept_login();
        rig.handshake();
        rig.respond(230, 0, None, &[]);
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
    });
}

/// contract 10: nobody reads what a link brings that only goes on sending, so none of it is kept.
#[test]
fn what_a_left_link_brings_is_not_kept() {
    not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let link = rig.link();
        rig.writable = false;
        rig.client
            .publish_message("a", "bye", &PublishOptions::new())
            .expect("on the front end");
        let unsent = rig.client.buffered_bytes();
        let event = rig.event(77, &[]);
        rig.client
            .handle_link(rig.now, link, LinkInput::Received(&event));
        assert!(rig.client.buffered_bytes() > unsent);
        rig.client.disconnect();
        assert_eq!(rig.client.buffered_bytes(), unsent);
        rig.client
            .handle_link(rig.now, link, LinkInput::Received(&event));
        assert_eq!(rig.client.buffered_bytes(), unsent);
    });
}

/// The name server's link goes on sending when the client moves on. chat.md 2.3, 6.2.
#[test]
fn moving_to_the_front_end_does_not_wait_for_the_name_server() {
    each(|mut rig| {
        logging_in(&mut rig);
        let name_server = rig.link();
        rig.writable = false;
        rig.advance_ms(3_000);
        rig.accept_login();
        rig.expect_open("fe.example", 5070);
        rig.expect_no_command();
        rig.advance_ms(999);
        rig.expect_no_command();
        rig.advance_ms(1);
        rig.expect_close(name_server);
        rig.expect_no_command();
    });
}
