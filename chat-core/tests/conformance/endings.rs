//! The ends of connections: every fault at every step, the order of the events, and the state
//! afterwards. chat.md 6.2.

use crate::harness::{
    Harness, Row, Seen, each, not_in_json, not_over_datagrams_with, outcomes, over_messages_with,
    over_streams_with, where_keys_are_exchanged,
};
use chat_core::{
    CauseKind, LinkErrorKind, LinkInput, Outcome, RequestId, Server, State, Step, SubscribeOptions,
};
use std::time::Duration;

/// The steps of a connection in which faults have different effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The link is being opened.
    Opening,
    /// The init was sent.
    Init,
    /// The client's key was sent.
    KeyExchange,
    /// Connected, with nothing pending. On the front end: logged in.
    Idle,
    /// The login was sent.
    Login,
}

impl At {
    /// Without a key exchange this step does not exist: the login takes its place.
    fn exists(self, over: Row) -> bool {
        self != Self::KeyExchange || over.exchanges_keys()
    }
}

const STEPS: [At; 5] = [At::Opening, At::Init, At::KeyExchange, At::Idle, At::Login];

fn go(harness: &mut Harness, server: Server, step: At) {
    match (server, step) {
        (Server::NameServer, At::Idle) => harness.go_to(State::ConnectedToNameServer),
        (Server::FrontEnd, At::Idle) => harness.go_to(State::ConnectedToFrontEnd),
        (Server::NameServer, At::Login) => {
            harness.go_to(State::ConnectedToNameServer);
            harness.choose_region();
        }
        (server, step) => {
            harness.go_to(match server {
                Server::NameServer => State::ConnectingToNameServer,
                Server::FrontEnd => State::ConnectingToFrontEnd,
            });
            if step != At::Opening {
                harness.accept();
            }
            if matches!(step, At::KeyExchange | At::Login) {
                harness.send_init_response();
            }
            if step == At::Login && harness.row.exchanges_keys() {
                harness.send_key_response();
            }
        }
    }
    harness.forget();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refuses,
    Closes,
    Resets,
    Breaks,
    /// Sends nothing.
    FallsSilent,
    /// Responds to pings, and to nothing else.
    AnswersOnlyPings,
    /// Sends bytes that are not a frame, not a message, or not a datagram of this connection.
    SendsNonsense,
    SendsDisconnect,
}

impl Fault {
    /// JSON has no disconnect message.
    fn exists(self, over: Row) -> bool {
        self != Self::SendsDisconnect || !over.json
    }
}

const FAULTS: [Fault; 8] = [
    Fault::Refuses,
    Fault::Closes,
    Fault::Resets,
    Fault::Breaks,
    Fault::FallsSilent,
    Fault::AnswersOnlyPings,
    Fault::SendsNonsense,
    Fault::SendsDisconnect,
];

/// The time until the fault ends the connection, the last digits of the code, and the cause. `None`
/// if it never ends the connection.
fn expected(
    over: Row,
    server: Server,
    step: At,
    fault: Fault,
    silent_ms: u64,
) -> Option<(u64, i32, CauseKind)> {
    let opening = step == At::Opening;
    let link = |kind, otherwise| {
        Some((
            0,
            if opening { 2 } else { otherwise },
            CauseKind::Link(kind),
        ))
    };
    match fault {
        Fault::Refuses => link(LinkErrorKind::Refused, 1),
        Fault::Breaks => link(LinkErrorKind::Io, 1),
        Fault::Resets => link(LinkErrorKind::Reset, 3),
        Fault::Closes => Some((0, if opening { 2 } else { 3 }, CauseKind::Closed)),
        Fault::SendsNonsense if over.is_stream() => {
            let error = photon_proto::DecodeError::new(
                photon_proto::DecodeErrorKind::BadFrame(0xAA),
                0,
                "",
            );
            Some((0, 1, CauseKind::BadStream(error)))
        }
        Fault::SendsDisconnect => Some((0, 3, CauseKind::ServerDisconnect)),
        // The silence timer runs from the init response on. Before that, the deadline of the step
        // counts.
        Fault::FallsSilent | Fault::AnswersOnlyPings if opening => {
            let (digit, kind) = over.never_opened();
            Some((15_000, digit, kind))
        }
        Fault::FallsSilent if over.is_datagrams() => {
            Some((silent_ms, 4, CauseKind::Unacknowledged))
        }
        Fault::FallsSilent | Fault::AnswersOnlyPings if step == At::Init => {
            Some((15_000, 4, CauseKind::Deadline(Step::Connect)))
        }
        Fault::FallsSilent => Some((
            10_000,
            4,
            CauseKind::Silent {
                elapsed: Duration::from_millis(10_000),
            },
        )),
        // Invalid datagrams are dropped, and invalid WebSocket messages are skipped.
        Fault::AnswersOnlyPings | Fault::SendsNonsense => match (server, step) {
            (_, At::Idle) => None,
            // On the front end both deadlines end at the same time; the client reports the more
            // exact one.
            (_, At::Login) => Some((15_000, 4, CauseKind::Deadline(Step::Authenticate))),
            _ => Some((15_000, 4, CauseKind::Deadline(Step::Connect))),
        },
    }
}

/// The time until the client notices silence.
fn strike(harness: &mut Harness, fault: Fault) -> u64 {
    match fault {
        Fault::Refuses => harness.fail(LinkErrorKind::Refused, "refused"),
        Fault::Closes => harness.close(),
        Fault::Resets => harness.fail(LinkErrorKind::Reset, "reset"),
        Fault::Breaks => harness.fail(LinkErrorKind::Io, "broken"),
        Fault::FallsSilent => return harness.fall_silent(),
        Fault::AnswersOnlyPings => {}
        Fault::SendsNonsense => {
            let link = harness.link();
            harness.input(link, LinkInput::Received(&[0xAA]));
            if harness.row.is_messages() {
                // The transport delimits messages, so the client finds the next one.
                harness.expect(&[Seen::BadMessage(if harness.row.json {
                    "NotUtf8"
                } else {
                    "BadMagic"
                })]);
            }
        }
        Fault::SendsDisconnect => harness.send_disconnect(1, Some("go away")),
    }
    0
}

/// Offset and field of an invalid stream are tested with the splitter.
fn same_kind(one: CauseKind, other: CauseKind) -> bool {
    match (one, other) {
        (CauseKind::BadStream(one), CauseKind::BadStream(other)) => one.kind == other.kind,
        (one, other) => one == other,
    }
}

#[test]
fn every_fault_at_every_step_ends_as_specified_and_on_time() {
    for server in [Server::NameServer, Server::FrontEnd] {
        for step in STEPS {
            for fault in FAULTS {
                if step == At::Opening
                    && matches!(fault, Fault::SendsNonsense | Fault::SendsDisconnect)
                {
                    continue;
                }
                println!("{server}, {step:?}, {fault:?}");
                each(|mut harness| {
                    if step.exists(harness.row) && fault.exists(harness.row) {
                        check(&mut harness, server, step, fault);
                    }
                });
            }
        }
    }
}

fn check(harness: &mut Harness, server: Server, step: At, fault: Fault) {
    go(harness, server, step);
    let (state, link) = (harness.client.state(), harness.link());
    let silent_ms = strike(harness, fault);
    let Some((after_ms, digit, kind)) = expected(harness.row, server, step, fault, silent_ms)
    else {
        harness.advance_ms(24 * 3_600_000);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), state);
        return;
    };
    if after_ms > 0 {
        harness.advance_ms(after_ms - 1);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), state);
        harness.advance_ms(1);
    }
    let base = if server == Server::NameServer {
        3000
    } else {
        1000
    };
    harness.expect(&[Seen::State(State::Error), Seen::Error(base + digit)]);
    let (_, cause, _) = harness.error();
    assert_eq!((cause.server, &cause.earlier[..]), (server, &[][..]));
    assert!(
        same_kind(cause.kind, kind),
        "{:?} is not {kind:?}",
        cause.kind
    );
    // A link that the driver reported as gone is not closed; any other is closed once.
    if !matches!(kind, CauseKind::Link(_) | CauseKind::Closed) {
        harness.expect_close(link);
    }
    // No event follows, whatever late input arrives.
    assert!(harness.server().gone);
    harness
        .client
        .handle_link(harness.now, link, LinkInput::Received(&[0xFB; 64]));
    harness
        .client
        .handle_link(harness.now, link, LinkInput::Closed);
    harness.advance_ms(3_600_000);
    harness.expect_nothing();
    assert_eq!(
        (harness.client.state(), harness.client.poll_timeout()),
        (State::Error, None)
    );
    assert_eq!(harness.client.buffered_bytes(), 0);
    // The client works as before after it connects again.
    harness.answers = true;
    harness.connect(Some("eu"));
    harness.complete_login();
}

/// wire.md 10: at every step the client reports and skips what it cannot decode.
#[test]
fn invalid_messages_in_valid_frames_are_skipped_at_every_step() {
    let nonsense: [(&[u8], &str); 6] = [
        (&[0xAA, 0xBB], "BadMagic"),
        (&[0xF3, 0x0A], "UnknownMessage"),
        (&[0xF3, 4], "Truncated"),
        (&[0xF3, 3, 230, 0], "Truncated"),
        (&[0xF3, 5, 0], "Truncated"),
        (&[0xF3, 0x80], "NeverEncrypted"),
    ];
    let in_json: [(&[u8], &str); 6] = [
        (&[0xAA, 0xBB], "NotUtf8"),
        (b"nonsense", "BadFrame"),
        (b"~m~x~m~", "BadLength"),
        (b"~m~9~m~~j~{}", "Truncated"),
        (b"~m~5~m~~j~{}", "Missing"),
        (b"~m~5~m~~j~{]", "UnknownType"),
    ];
    for server in [Server::NameServer, Server::FrontEnd] {
        for step in STEPS.into_iter().filter(|&step| step != At::Opening) {
            for ((message, kind), in_json) in nonsense.into_iter().zip(in_json) {
                each(|mut harness| {
                    if !step.exists(harness.row) {
                        return;
                    }
                    go(&mut harness, server, step);
                    let state = harness.client.state();
                    let before = harness.client.stats().bad_messages;
                    let link = harness.link();
                    let (message, kind) = if harness.row.json {
                        in_json
                    } else {
                        (message, kind)
                    };
                    if harness.row.json {
                        harness.input(link, LinkInput::Received(message));
                    } else {
                        harness.deliver_message(message);
                    }
                    match harness.take_events().as_slice() {
                        [chat_core::Event::BadMessage(bad)] => {
                            assert_eq!((bad.error.kind.name(), &bad.bytes[..]), (kind, message));
                        }
                        other => panic!("{other:?}"),
                    }
                    harness.expect_nothing();
                    assert_eq!(harness.client.state(), state);
                    assert_eq!(harness.client.stats().bad_messages, before + 1);
                });
            }
        }
    }
}

/// Ciphertext without a key, and ciphertext that does not decrypt. JSON has no ciphertext.
#[test]
fn ciphertext_that_cannot_be_decrypted_is_skipped() {
    let encrypted = [&[0xF3, 0x84][..], &[0x55; 16]].concat();
    for (step, kind) in [
        (At::Init, "NoKey"),
        (At::KeyExchange, "NoKey"),
        (At::Idle, "BadCiphertext"),
    ] {
        not_in_json(|mut harness| {
            if !step.exists(harness.row) {
                return;
            }
            // Without a key exchange there is never a key.
            let kind = if harness.row.exchanges_keys() {
                kind
            } else {
                "NoKey"
            };
            go(&mut harness, Server::FrontEnd, step);
            harness.deliver_message(&encrypted);
            harness.expect(&[Seen::BadMessage(kind)]);
            harness.expect_nothing();
        });
    }
    // Half a cipher block.
    where_keys_are_exchanged(|mut harness| {
        go(&mut harness, Server::FrontEnd, At::Idle);
        harness.deliver_message(&encrypted[..10]);
        harness.expect(&[Seen::BadMessage("BadCiphertext")]);
    });
}

/// A client on the front end with three open requests, in the order in which they must fail.
fn with_open_requests(harness: &mut Harness) -> [RequestId; 3] {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["d"]);
    let options = SubscribeOptions::new();
    let first = harness
        .client
        .subscribe(["a", "b"], &options)
        .expect("on the front end");
    let gone = harness.unsubscribe(&["d"]);
    let second = harness
        .client
        .subscribe(["c"], &options)
        .expect("on the front end");
    harness.pump();
    harness.forget();
    [first, second, gone]
}

/// The failed results of [`with_open_requests`].
fn lost([first, second, gone]: [RequestId; 3]) -> Vec<Seen> {
    let lost = Outcome::ConnectionLost;
    vec![
        Seen::Subscribed(outcomes(&["a", "b"], &lost, Some(first))),
        Seen::Subscribed(outcomes(&["c"], &lost, Some(second))),
        Seen::Unsubscribed(outcomes(&["d"], &lost, Some(gone))),
    ]
}

#[test]
fn open_requests_fail_before_the_state_changes() {
    for fault in FAULTS
        .into_iter()
        .filter(|&fault| fault != Fault::AnswersOnlyPings)
    {
        println!("{fault:?}");
        each(|mut harness| {
            if fault == Fault::SendsNonsense && !harness.row.is_stream()
                || !fault.exists(harness.row)
            {
                return; // This fault does not exist here, or does not end the connection.
            }
            let requests = with_open_requests(&mut harness);
            let silent_ms = strike(&mut harness, fault);
            let end = expected(harness.row, Server::FrontEnd, At::Idle, fault, silent_ms);
            let (after_ms, digit, _) = end.expect("it ends");
            harness.advance_ms(after_ms);
            let ending = [Seen::State(State::Error), Seen::Error(1000 + digit)];
            harness.expect(&[&lost(requests)[..], &ending[..]].concat());
            harness.advance_ms(60_000);
            harness.expect(&[]);
        });
    }
    each(|mut harness| {
        let requests = with_open_requests(&mut harness);
        harness.client.disconnect();
        assert_eq!(harness.client.queued_events(), 4);
        harness.pump();
        harness.expect(&[&lost(requests)[..], &[Seen::State(State::Disconnected)][..]].concat());
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

/// Ends of the name server's connection while the client waits for regions and for its login.
#[test]
fn open_get_regions_fail_before_the_state_changes() {
    let waiting = |harness: &mut Harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.choose_region();
        harness.forget();
    };
    let lost = [Seen::Regions(Err(3003)), Seen::Regions(Err(3003))];
    for fault in FAULTS
        .into_iter()
        .filter(|&fault| fault != Fault::AnswersOnlyPings)
    {
        println!("{fault:?}");
        each(|mut harness| {
            if fault == Fault::SendsNonsense && !harness.row.is_stream()
                || !fault.exists(harness.row)
            {
                return; // This fault does not exist here, or does not end the connection.
            }
            waiting(&mut harness);
            let silent_ms = strike(&mut harness, fault);
            let end = expected(harness.row, Server::NameServer, At::Login, fault, silent_ms);
            let (after_ms, digit, _) = end.expect("it ends");
            harness.advance_ms(after_ms);
            harness.expect(
                &[
                    &lost[..],
                    &[Seen::State(State::Error), Seen::Error(3000 + digit)],
                ]
                .concat(),
            );
        });
    }
    each(|mut harness| {
        waiting(&mut harness);
        harness.respond(230, 32756, Some("no such region"), &[]);
        harness.expect(&[&lost[..], &[Seen::State(State::Error), Seen::Error(3101)]].concat());
    });
    each(|mut harness| {
        waiting(&mut harness);
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[&lost[..], &[Seen::State(State::Disconnected)]].concat());
    });
    // The move to the front end ends the name server's connection, too.
    each(|mut harness| {
        waiting(&mut harness);
        harness.accept_login();
        let moved = [
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ];
        harness.expect(&[&lost[..], &moved].concat());
    });
}

/// Messages that were received before the end are reported before it.
#[test]
fn messages_before_the_end_are_reported_before_it() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        harness.forget();
        let link = harness.link();
        let message = [
            (1, "a".into()),
            (4, crate::harness::strings(&["bob"])),
            (2, crate::harness::objects(&["hi".into()])),
        ];
        let bytes = harness.event(0, &message);
        harness.deliver_without_pump(link, &bytes);
        harness.input(link, LinkInput::Closed);
        harness.expect(&[
            Seen::messages("a", [crate::harness::Line::new("bob", "hi", None)]),
            Seen::State(State::Error),
            Seen::Error(1003),
        ]);
    });
}

/// Contract 5: the silence timer is paused while the driver does not read, and resumes afterwards.
/// Datagrams are always read.
#[test]
fn the_silence_timer_resumes_once_a_full_buffer_is_read() {
    let limits = photon_proto::Limits {
        max_received_bytes: 1_000,
        ..photon_proto::Limits::DEFAULT
    };
    let pong = [0xF0, 0, 0, 0, 0, 0, 0, 0, 0];
    // Only ping responses, and ping responses with a message before or after them.
    for message_at in [None, Some(0), Some(1)] {
        not_over_datagrams_with(
            |config| config.limits(limits.clone()).incoming_cap_bytes(0),
            |mut harness| {
                if harness.row.json {
                    return; // The test counts bytes, and JSON encodes ping responses differently.
                }
                harness.go_to(State::ConnectedToFrontEnd);
                harness.answers = false;
                let mut parts = vec![pong.repeat(2_000 / 9 + 1)];
                if let Some(at) = message_at {
                    parts.insert(at, harness.event(77, &[]));
                }
                let link = harness.link();
                harness.deliver_without_pump(link, &parts.concat());
                assert!(!harness.client.wants_input(link));
                // However long the application pauses, its data is still there.
                harness.now = harness.now.plus_millis(60_000);
                harness.pump();
                assert!(harness.client.wants_input(link));
                harness.take_events();
                harness.advance_ms(9_999);
                harness.expect(&[]);
                harness.advance_ms(1);
                harness.expect(&[Seen::State(State::Error), Seen::Error(1004)]);
            },
        );
    }
}

/// More input than wanted, on streams. Datagrams without free space are not acknowledged; for
/// messages see below.
#[test]
fn an_input_overrun_ends_the_link_with_an_error() {
    let limits = photon_proto::Limits {
        max_received_bytes: 1_000,
        ..photon_proto::Limits::DEFAULT
    };
    over_streams_with(
        |config| config.limits(limits.clone()).incoming_cap_bytes(0),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let link = harness.link();
            assert!(harness.client.wants_input(link));
            // Unprocessed ping responses. The cap is twice the message limit.
            let pong = [0xF0, 0, 0, 0, 0, 0, 0, 0, 0];
            harness.client.handle_link(
                harness.now,
                link,
                LinkInput::Received(&pong.repeat(2_000 / 9)),
            );
            assert!(harness.client.wants_input(link));
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Received(&pong));
            assert!(!harness.client.wants_input(link));
            harness.client.handle_link(
                harness.now,
                link,
                LinkInput::Received(&pong.repeat(64 * 1024 / 9 - 1)),
            );
            assert!(!harness.client.wants_input(link));
            // Each response counts as one message of work.
            let mut calls = 0;
            while harness.client.service(harness.now).more {
                calls += 1;
            }
            assert!(calls > 5, "{calls}");
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            assert!(harness.client.wants_input(link));
            harness.input(
                link,
                LinkInput::Received(&pong.repeat((64 * 1024 + 2_000) / 9 + 1)),
            );
            harness.expect(&[Seen::State(State::Error), Seen::Error(1001)]);
            assert_eq!(harness.error().1.kind, CauseKind::InputOverrun);
            harness.expect_close(link);
            harness.expect_nothing();
            assert!(!harness.client.wants_input(link));
        },
    );
}

/// The same over WebSocket, where the allowance above the cap is one message of the greatest
/// length.
#[test]
fn an_overrun_of_messages_ends_the_link_with_an_error() {
    let limits = photon_proto::Limits {
        max_received_bytes: 1_000,
        ..photon_proto::Limits::DEFAULT
    };
    over_messages_with(
        |config| config.limits(limits.clone()).incoming_cap_bytes(0),
        |mut harness| {
            if harness.row.json {
                return; // The test counts bytes, and JSON encodes ping responses differently.
            }
            harness.go_to(State::ConnectedToFrontEnd);
            let link = harness.link();
            let pong = [0xF0, 0, 0, 0, 0, 0, 0, 0, 0];
            // Each waits behind its length.
            let held = 9 + 4;
            harness.deliver_without_pump(link, &pong.repeat(2_000 / held));
            assert!(harness.client.wants_input(link));
            harness.deliver_without_pump(link, &pong);
            assert!(!harness.client.wants_input(link));
            harness.deliver_without_pump(link, &pong.repeat(3_000 / held - 2_000 / held - 1));
            harness.pump();
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            assert!(harness.client.wants_input(link));
            harness.deliver_without_pump(link, &pong.repeat(3_000 / held + 1));
            harness.pump();
            harness.expect(&[Seen::State(State::Error), Seen::Error(1001)]);
            assert_eq!(harness.error().1.kind, CauseKind::InputOverrun);
            harness.expect_close(link);
            harness.expect_nothing();
            assert!(!harness.client.wants_input(link));
        },
    );
}
