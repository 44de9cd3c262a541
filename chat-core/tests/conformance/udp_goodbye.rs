//! Leaving a server over UDP: what was accepted is sent and acknowledged, then the goodbye. Contract 10; udp.md 7.1.

use crate::rig::{FRONT_END, Rig, Seen, TOKEN, over_datagrams, over_datagrams_with};
use chat_core::{ChatClient, ConnectOptions, LinkId, PublishOptions, State};
use photon_proto::udp::command::kind;
use photon_proto::udp::{Cause, REASON_CLIENT};
use std::time::Duration;

const LEFT: Option<Cause> = Some(Cause::ClientLeft(REASON_CLIENT));

fn publish(client: &mut ChatClient, text: &str) {
    client
        .publish_message("a", text, &PublishOptions::new())
        .expect("on the front end");
}

/// The texts that the last server got, in order.
fn published(rig: &mut Rig) -> Vec<String> {
    let requests = std::mem::take(&mut rig.server().requests);
    let text = |sent: crate::rig::Sent| match sent.parameters.as_slice() {
        [(1, _), (3, text)] => text.as_str().expect("a text").to_owned(),
        other => panic!("{other:?}"),
    };
    requests.into_iter().map(text).collect()
}

#[test]
fn disconnect_over_udp_sends_what_was_accepted_and_then_the_goodbye() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (rig.link(), rig.now);
        publish(&mut rig.client, "bye");
        rig.client.disconnect();
        assert_eq!(rig.client.state(), State::Disconnected);
        rig.pump();
        rig.expect(&[Seen::State(State::Disconnected)]);
        assert_eq!(published(&mut rig), ["bye"]);
        // The goodbye waits for the acknowledgement.
        rig.expect_flown(now, &[(0, "send_reliable"), (0, "disconnect 4")]);
        assert_eq!(rig.server().udp().ended, LEFT);
        rig.expect_close(link);
        rig.advance_ms(3_600_000);
        rig.expect_nothing();
        assert_eq!(
            (rig.client.poll_timeout(), rig.client.buffered_bytes()),
            (None, 0)
        );
        assert_eq!(rig.client.stats().closed_with_unsent_data, 0);
    });
    // Nothing waits.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (rig.link(), rig.now);
        rig.client.disconnect();
        rig.pump();
        rig.expect_flown(now, &[(0, "disconnect 4")]);
        assert_eq!(rig.server().udp().ended, LEFT);
        rig.expect_close(link);
    });
    // More than a window, and more than a datagram.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let texts: Vec<String> = (0..200)
            .map(|number| format!("{number} {}", "x".repeat(number * 20)))
            .collect();
        texts.iter().for_each(|text| publish(&mut rig.client, text));
        rig.client.disconnect();
        rig.pump();
        assert_eq!(published(&mut rig), texts);
        assert_eq!(rig.server().udp().ended, LEFT);
    });
}

/// Contract 2: what an intent starts begins with the next call that brings a time, however long ago the last one was.
#[test]
fn disconnect_after_an_idle_time_still_sends_what_was_accepted() {
    for idle_ms in [1, 749, 750, 751, 2_000, 2_999] {
        over_datagrams(|mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            // The application sleeps until the next deadline, and is woken up by its user.
            rig.now = rig.now.plus_millis(idle_ms);
            publish(&mut rig.client, "bye");
            rig.client.disconnect();
            rig.pump();
            assert_eq!(published(&mut rig), ["bye"], "after {idle_ms} ms");
            assert_eq!(rig.server().udp().ended, LEFT);
        });
    }
}

#[test]
fn disconnect_over_udp_takes_no_longer_than_the_flush_time() {
    for flush_ms in [1_000, 250] {
        over_datagrams_with(
            |config| config.flush_timeout(Duration::from_millis(flush_ms)),
            |mut rig| {
                rig.go_to(State::ConnectedToFrontEnd);
                rig.answers = false;
                let (link, now, again) = (rig.link(), rig.now, rig.resend_ms() + 1);
                publish(&mut rig.client, "bye");
                rig.client.disconnect();
                rig.pump();
                rig.expect(&[Seen::State(State::Disconnected)]);
                rig.expect_no_command();
                let gone_ms = gone_after_ms(&mut rig, link);
                rig.expect_close(link);
                let flown = rig.flown(link);
                let when = |kind| -> Vec<u64> {
                    flown
                        .iter()
                        .filter(|one| one.has(kind))
                        .map(|one| one.at_ms - now.as_millis())
                        .collect()
                };
                let (sent, goodbyes) = (when(kind::RELIABLE), when(kind::DISCONNECT));
                assert_eq!(sent[..3], [0, again, 2 * again]);
                // The server is told all the same, in time.
                assert!(
                    !goodbyes.is_empty() && gone_ms <= flush_ms,
                    "{goodbyes:?}, {gone_ms}"
                );
                // udp.md 7.1: two resends of it are waited for, if there is time.
                assert_eq!(
                    gone_ms,
                    (goodbyes[0] + 3 * again).min(flush_ms),
                    "{goodbyes:?}"
                );
                assert!(
                    sent.iter().all(|ms| *ms <= goodbyes[0]),
                    "{sent:?} {goodbyes:?}"
                );
                rig.advance_ms(3_600_000);
                rig.expect_nothing();
                rig.expect_flown(now, &[]);
                assert_eq!(
                    (rig.client.poll_timeout(), rig.client.buffered_bytes()),
                    (None, 0)
                );
                assert_eq!(rig.client.stats().closed_with_unsent_data, 1);
            },
        );
    }
    // The socket takes nothing.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let link = rig.link();
        rig.writable = false;
        publish(&mut rig.client, "bye");
        rig.client.disconnect();
        rig.pump();
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
    // Acknowledged in the last moment.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, again) = (rig.link(), rig.resend_ms() + 1);
        rig.answers = false;
        publish(&mut rig.client, "bye");
        rig.client.disconnect();
        rig.pump();
        let now = rig.now;
        rig.advance_ms(again + 1);
        rig.answers = true;
        rig.advance_ms(again - 2);
        rig.expect_no_command();
        rig.advance_ms(1);
        rig.expect_close(link);
        assert_eq!(published(&mut rig), ["bye"]);
        let expected = [
            (0, "send_reliable"),
            (again, "send_reliable"),
            (2 * again, "send_reliable"),
            (2 * again, "disconnect 4"),
        ];
        rig.expect_flown(now, &expected);
    });
}

#[test]
fn disconnect_while_udp_is_connecting_says_goodbye_to_nobody_in_particular() {
    // The connect was sent, and not answered.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        rig.answers = false;
        rig.accept();
        let (link, now) = (rig.link(), rig.now);
        rig.client.disconnect();
        rig.pump();
        rig.expect(&[Seen::State(State::Disconnected)]);
        rig.expect_flown(now, &[(0, "connect"), (0, "disconnect 4 unsequenced")]);
        rig.expect_close(link);
        rig.advance_ms(60_000);
        rig.expect_nothing();
    });
    // It was not even sent.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        rig.writable = false;
        rig.accept();
        let (link, now) = (rig.link(), rig.now);
        rig.client.disconnect();
        rig.writable = true;
        rig.pump();
        rig.expect_flown(now, &[]);
        rig.expect_close(link);
    });
    // The key exchange is under way.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        rig.accept();
        rig.greet();
        rig.forget();
        let (link, now) = (rig.link(), rig.now);
        rig.client.disconnect();
        rig.pump();
        rig.expect_flown(now, &[(0, "disconnect 4")]);
        rig.expect_close(link);
        assert_eq!(rig.server().udp().ended, LEFT);
    });
}

/// How long it takes from now until the client closes this link.
#[track_caller]
fn gone_after_ms(rig: &mut Rig, link: LinkId) -> u64 {
    let start = rig.now;
    while rig
        .links
        .iter()
        .any(|known| known.id == link && !known.gone)
    {
        assert!(rig.now < start.plus_millis(10_000), "it stays open");
        rig.advance_ms(1);
    }
    rig.now.millis_since(start)
}

/// A client on the name server that gets its answer to the login, with nothing of its own acknowledged from now on.
fn moves(rig: &mut Rig, answered_before: bool) {
    rig.go_to(State::ConnectedToNameServer);
    rig.answers = answered_before;
    rig.client
        .connect_to_region_front_end("eu")
        .expect("may go on");
    rig.pump();
    rig.answers = false;
    rig.accept_login();
    rig.expect(&[
        Seen::authenticated(""),
        Seen::State(State::ConnectingToFrontEnd),
    ]);
    rig.expect_open("fe.example", 5070);
}

/// chat.md 2.3 and 6.2: the front end does not wait for the goodbye.
#[test]
fn the_name_server_is_left_with_a_goodbye_while_the_front_end_opens() {
    // The goodbye is never acknowledged: two resends, and the link is closed.
    over_datagrams(|mut rig| {
        let start = rig.now;
        moves(&mut rig, true);
        assert_eq!(rig.now, start);
        let name_server = rig.links[0].id;
        rig.expect_no_command();
        let flown = rig.flown(name_server);
        assert_eq!(
            flown.last().map(crate::rig::datagram::Flown::names),
            Some("ack + disconnect 4".into())
        );
        let gone_ms = gone_after_ms(&mut rig, name_server);
        rig.expect_close(name_server);
        let again = rig.flown_with(name_server, kind::DISCONNECT, start);
        let [first, second] = again[..] else {
            panic!("{again:?}")
        };
        assert_eq!((second, gone_ms), (2 * first, 3 * first));
        assert_eq!(rig.client.state(), State::ConnectingToFrontEnd);
    });
    // It is acknowledged, while the front end's link is still being opened.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        let (name_server, now) = (rig.link(), rig.now);
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        rig.pump();
        rig.accept_login();
        rig.expect_move(name_server, "fe.example", 5070);
        assert_eq!(rig.links[0].udp().ended, LEFT);
        rig.expect_flown_over(
            name_server,
            now,
            &[(0, "send_reliable"), (0, "ack + disconnect 4")],
        );
        assert!(!rig.server().opened);
    });
    // What was sent before is acknowledged first.
    over_datagrams(|mut rig| {
        let start = rig.now;
        moves(&mut rig, false);
        let name_server = rig.links[0].id;
        rig.advance_ms(100);
        let disconnects = rig.flown_with(name_server, kind::DISCONNECT, start);
        assert!(disconnects.is_empty(), "{disconnects:?}");
        rig.answers = true;
        rig.advance_ms(500);
        rig.expect_close(name_server);
        assert_eq!(rig.links[0].udp().ended, LEFT);
        let requests: Vec<_> = rig.links[0].requests.iter().map(|sent| sent.code).collect();
        assert_eq!(requests, [230]);
    });
    // Nothing is acknowledged: at most the flush time.
    over_datagrams(|mut rig| {
        moves(&mut rig, false);
        let name_server = rig.links[0].id;
        let gone_ms = gone_after_ms(&mut rig, name_server);
        assert!((500..=1_000).contains(&gone_ms), "{gone_ms}");
        rig.expect_close(name_server);
        // The way on is as if nothing had been.
        rig.answers = true;
        rig.handshake();
        rig.expect_request(230, false, &[(221, TOKEN.into())]);
        rig.respond(230, 0, None, &[]);
        rig.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
    });
}

/// What the name server says while it is being left is nobody's business.
#[test]
fn a_connection_that_is_being_left_touches_nothing() {
    over_datagrams(|mut rig| {
        moves(&mut rig, false);
        rig.forget();
        let name_server = rig.links[0].id;
        let parameters = [(230, FRONT_END.into()), (221, TOKEN.into())];
        for words in [
            rig.links[0].response(false, 230, 0, None, &parameters),
            rig.links[0].response(false, 230, 32767, Some("late"), &[]),
            rig.links[0].disconnect(1, Some("late")),
        ] {
            rig.hand_over(name_server, &words);
            rig.pump();
            rig.expect_nothing();
        }
        let now = rig.now;
        rig.links[0].udp().connection().shutdown(now, 0, 1);
        let goodbye = rig.links[0].udp().outgoing(now);
        rig.forget();
        for bytes in goodbye {
            rig.input(name_server, chat_core::LinkInput::Received(&bytes));
        }
        // udp.md 7.2: ignored by one who is leaving already.
        rig.expect_flown_over(name_server, now, &[]);
        rig.expect_nothing();
        rig.advance_ms(1_000);
        rig.expect_close(name_server);
        rig.expect_nothing();
        assert_eq!(rig.client.state(), State::ConnectingToFrontEnd);
    });
    // Eight may be leaving; then the oldest is cut short. Contract 10.
    over_datagrams(|mut rig| {
        rig.answers = false;
        for _ in 0..10 {
            rig.client
                .connect_to_name_server(ConnectOptions::new())
                .expect("may connect");
            rig.pump();
            rig.answers = true;
            rig.accept();
            rig.greet();
            rig.answers = false;
            rig.client.get_regions();
            rig.client.disconnect();
            rig.pump();
        }
        assert_eq!(rig.links.iter().filter(|link| !link.gone).count(), 8);
        rig.advance_ms(1_000);
        assert!(rig.links.iter().all(|link| link.gone));
        assert_eq!(rig.client.buffered_bytes(), 0);
    });
}
