//! Ends that nobody wanted name the messages that were accepted and not handed to the driver, over
//! UDP not acknowledged.

use crate::harness::{Harness, datagram, each, over_datagrams, over_streams_with};
use chat_core::{
    CauseKind, ChatConfig, LinkErrorKind, LinkInput, PrivateOptions, PublishOptions, State,
};
use photon_proto::udp::command::{FLAG_RELIABLE, kind};

/// Publishes without moving any bytes.
#[track_caller]
fn publish(harness: &mut Harness, text: &str) {
    harness
        .client
        .publish_message("a", text, &PublishOptions::new())
        .expect("on the front end, with space in the queue");
}

#[track_caller]
fn expect_unsent(harness: &Harness, count: u64) {
    let (_, cause, text) = harness.error();
    assert_eq!(cause.unsent_messages, count, "{text}");
    assert_eq!(harness.client.stats().unsent_messages, count);
    let expected = match count {
        0 => None,
        1 => Some("; 1 accepted message was not sent or not acknowledged".to_owned()),
        count => Some(format!(
            "; {count} accepted messages were not sent or not acknowledged"
        )),
    };
    match expected {
        Some(expected) => assert!(text.contains(&expected), "{text}"),
        None => assert!(!text.contains("accepted message"), "{text}"),
    }
}

#[test]
fn sound04_the_cause_counts_exactly_the_messages_that_were_not_handed_out() {
    for count in [0, 1, 2, 300] {
        each(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            for _ in 0..3 {
                harness.publish("a", "handed out");
                harness.pump();
            }
            for number in 0..count {
                // Some of them are several fragments over UDP.
                let length = if number % 100 == 50 { 3_000 } else { 10 };
                publish(&mut harness, &"x".repeat(length));
            }
            harness.fail(LinkErrorKind::Reset, "connection reset");
            expect_unsent(&harness, count);
        });
    }
}

/// Private messages and other requests count as well; what the client sends by itself does not.
#[test]
fn sound04_every_intent_that_sends_counts_once() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness
            .client
            .send_private_message("bob", "hi", &PrivateOptions::new())
            .expect("connected");
        let options = chat_core::SubscribeOptions::new();
        let _request = harness.client.subscribe(["a", "b"], &options);
        publish(&mut harness, "hi");
        harness.close();
        expect_unsent(&harness, 3);
    });
}

/// Ends during the handshakes and logins, with everything on the way.
#[test]
fn sound04_logins_and_handshakes_do_not_count() {
    for state in [State::ConnectingToNameServer, State::ConnectingToFrontEnd] {
        each(|mut harness| {
            harness.go_to(state);
            harness.answers = false;
            harness.accept();
            harness.advance_ms(100);
            harness.fail(LinkErrorKind::Reset, "connection reset");
            expect_unsent(&harness, 0);
        });
    }
}

/// A server that stops reading: the queue fills up, and the server is silent until the limit.
#[test]
fn sound04_a_server_that_stops_reading_leaves_an_exact_number() {
    let large = |config: ChatConfig| config.outgoing_cap_bytes(4 << 20);
    over_streams_with(large, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (harness.link(), harness.now);
        for number in 0..5_000 {
            publish(&mut harness, &format!("message {number}"));
        }
        // 141 leave, and one byte of the next one.
        let bytes = harness.client.transmit(now, link).expect("bytes").len();
        let (mut left, mut frames) = (bytes, 0);
        while frames < 141 {
            let bytes = harness.client.transmit(now, link).expect("bytes");
            // wire.md 6.1: FB, and the length of the frame.
            let length = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes"));
            // In two parts.
            harness.client.transmitted(link, 3);
            harness.client.transmitted(link, length as usize - 3);
            left -= length as usize;
            frames += 1;
        }
        harness.client.transmitted(link, 1);
        assert_eq!(
            harness.client.transmit(now, link).map(<[u8]>::len),
            Some(left - 1)
        );
        harness.client.handle_link(now, link, LinkInput::Closed);
        // The application does not know yet, and these are accepted as well.
        publish(&mut harness, "too late");
        let _more = harness.client.service(now);
        let end = std::iter::from_fn(|| harness.client.poll_event()).last();
        let Some(chat_core::Event::Error { cause, .. }) = end else {
            panic!("{end:?}");
        };
        assert_eq!(cause.unsent_messages, 5_000 - 141 + 1);
    });
}

/// What was sent and is not acknowledged may have been lost.
#[test]
fn sound04_over_udp_unacknowledged_messages_count() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.publish("a", "acknowledged");
        harness.pump();
        let silent_ms = harness.fall_silent();
        for _ in 0..60 {
            publish(&mut harness, "sent, as far as the window allows");
        }
        publish(&mut harness, &"long".repeat(1_000));
        harness.pump();
        harness.advance_ms(silent_ms);
        assert_eq!(harness.error().1.kind, CauseKind::Unacknowledged);
        expect_unsent(&harness, 61);
    });
}

/// The connection has ended, the application does not know yet, and publishes.
#[test]
fn sound04_messages_after_the_end_of_a_udp_connection_count() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.answers = false;
        publish(&mut harness, "before");
        harness.pump();
        let (link, now) = (harness.link(), harness.now);
        let disconnect = datagram::control(kind::DISCONNECT, FLAG_RELIABLE, 1, 100);
        let disconnect = datagram::of(harness.server().udp().challenge(), [disconnect]);
        harness
            .client
            .handle_link(now, link, LinkInput::Received(&disconnect));
        publish(&mut harness, "after");
        publish(&mut harness, "after");
        harness.pump();
        expect_unsent(&harness, 3);
    });
}

/// A second connection begins at zero.
#[test]
fn sound04_each_end_counts_its_own() {
    each(|mut harness| {
        for count in [2, 1] {
            harness.go_to(State::ConnectedToFrontEnd);
            for _ in 0..count {
                publish(&mut harness, "x");
            }
            harness.close();
            assert_eq!(harness.error().1.unsent_messages, count);
        }
        assert_eq!(harness.client.stats().unsent_messages, 3);
    });
}
