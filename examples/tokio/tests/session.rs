//! Sessions against the development server, over each transport.

mod common;

use chat_core::{Event, LinkErrorKind, PeerErrorCode, PublishOptions, Restore, State};
use common::{LONG, Server, TRANSPORTS, messages, publish, texts_of, until, within};
use dev_server::Transport;
use photon_tokio::chat_core;
use std::time::Duration;
use tokio::task::{JoinSet, yield_now};

fn numbered(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("message {number}"))
        .collect()
}

#[tokio::test]
async fn messages_pass_over_each_transport() {
    let server = Server::start();
    for transport in TRANSPORTS {
        let mut alice = server
            .join(server.config(transport, "alice"), "lobby")
            .await;
        let mut bob = server.join(server.config(transport, "bob"), "lobby").await;
        publish(&alice, "lobby", "hello");
        assert_eq!(messages(&mut bob, 1).await, ["hello"], "{transport}");
        let long = "x".repeat(30_000);
        publish(&bob, "lobby", &long);
        assert!(messages(&mut alice, 2).await[1] == long, "{transport}");
        assert!(within(alice.close(LONG)).await, "{transport}");
        assert!(within(bob.close(LONG)).await, "{transport}");
    }
}

#[tokio::test]
async fn json_passes_as_text() {
    let server = Server::start();
    let config = server.config(Transport::Wss, "alice").json();
    let mut alice = server.join(config, "lobby").await;
    publish(&alice, "lobby", "hello");
    assert_eq!(messages(&mut alice, 1).await, ["hello"]);
}

/// Each round drops the future of `next_event`.
#[tokio::test]
async fn a_next_event_that_is_dropped_loses_nothing() {
    let server = Server::start();
    for transport in TRANSPORTS {
        let mut alice = server
            .join(server.config(transport, "alice"), "lobby")
            .await;
        let bob = server.join(server.config(transport, "bob"), "lobby").await;
        let (sent, mut received, mut dropped) = (numbered(200), Vec::new(), 0);
        for text in &sent {
            publish(&bob, "lobby", text);
        }
        within(async {
            while received.len() < sent.len() {
                tokio::select! {
                    event = alice.next_event() => received.extend(texts_of(&event)),
                    () = yield_now() => dropped += 1,
                }
            }
        })
        .await;
        assert!(received == sent, "{transport}");
        assert!(dropped > 0, "{transport}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_publish_through_handles() {
    const TASKS: usize = 8;
    const EACH: usize = 50;
    let server = Server::start();
    let mut alice = server
        .join(server.config(Transport::Tcp, "alice"), "lobby")
        .await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let handle = alice.handle();
        tasks.spawn(async move {
            for number in 0..EACH {
                let text = format!("{task} {number}");
                let options = PublishOptions::new();
                handle
                    .call(|chat| chat.publish_message("lobby", text.as_str(), &options))
                    .unwrap();
                yield_now().await;
            }
        });
    }
    let received = messages(&mut alice, TASKS * EACH).await;
    tasks.join_all().await;
    for task in 0..TASKS {
        let of_task = received
            .iter()
            .filter(|text| text.starts_with(&format!("{task} ")));
        let expected = (0..EACH).map(|number| format!("{task} {number}"));
        assert!(of_task.cloned().eq(expected), "task {task}");
    }
}

#[tokio::test]
async fn a_session_comes_back_over_udp_to_a_server_that_was_killed_and_started_again() {
    comes_back_over(Transport::Udp).await;
}

#[tokio::test]
async fn a_session_comes_back_over_tcp_to_a_server_that_was_killed_and_started_again() {
    comes_back_over(Transport::Tcp).await;
}

#[tokio::test]
async fn a_session_comes_back_over_ws_to_a_server_that_was_killed_and_started_again() {
    comes_back_over(Transport::Ws).await;
}

async fn comes_back_over(transport: Transport) {
    let mut server = Server::start();
    let config = |server: &Server, user| {
        // Over UDP only the time shows that a server is gone. The default is 10 s.
        let config = server.config(transport, user);
        let config = config.udp(|udp| udp.disconnect_timeout = Duration::from_secs(2));
        config.restore(Restore::new().queue_cap_bytes(10_000))
    };
    let mut alice = server.join(config(&server, "alice"), "lobby").await;
    let mut bob = server.join(config(&server, "bob"), "lobby").await;
    // Twice: what is not reset the first time shows the second time.
    for round in 0..2 {
        server.stop();
        for session in [&mut alice, &mut bob] {
            until(session, |event| {
                matches!(event, Event::ReconnectScheduled { .. })
            })
            .await;
        }
        let waits = format!("round {round}, published while the server was away");
        publish(&alice, "lobby", &waits);
        server.start_again();
        // Both receive it: the server counts it as history for the one who comes later. The messages
        // of the last run are gone.
        let mut received = [Vec::new(), Vec::new()];
        let mut restored = [false; 2];
        for (index, session) in [&mut alice, &mut bob].into_iter().enumerate() {
            until(session, |event| {
                restored[index] |= matches!(event, Event::Restored { .. });
                received[index].extend(texts_of(event));
                restored[index] && (index == 1 || !received[0].is_empty())
            })
            .await;
        }
        assert_eq!(received[0], [waits.as_str()]);
        let last = format!("round {round}, published after it");
        publish(&alice, "lobby", &last);
        assert_eq!(messages(&mut alice, 1).await, [last.as_str()]);
        while received[1].last() != Some(&last) {
            received[1].extend(messages(&mut bob, 1).await);
        }
        assert!(received[1] == [waits.as_str(), last.as_str()] || received[1] == [last.as_str()]);
    }
    assert!(within(alice.close(LONG)).await);
    assert!(within(bob.close(LONG)).await);
}

#[tokio::test]
async fn without_restore_the_application_connects_again_from_another_task() {
    let mut server = Server::start();
    let mut alice = server
        .join(server.config(Transport::Tcp, "alice"), "lobby")
        .await;
    server.stop();
    let end = until(&mut alice, |event| matches!(event, Event::Error { .. })).await;
    let Event::Error { code, .. } = end else {
        unreachable!()
    };
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    server.start_again();
    let handle = alice.handle();
    let task =
        tokio::spawn(async move { handle.call(|chat| chat.connect_to_region_front_end("eu")) });
    until(&mut alice, |event| {
        matches!(
            event,
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            }
        )
    })
    .await;
    task.await.unwrap().unwrap();
}

/// The client reads no more, the server holds the rest, and nothing is lost.
#[tokio::test]
async fn a_task_that_takes_its_events_late_gets_them_all() {
    for transport in TRANSPORTS {
        let server = Server::start();
        let config = server
            .config(transport, "alice")
            .event_cap_bytes(2_000)
            .incoming_cap_bytes(1);
        let mut alice = server.join(config, "lobby").await;
        let mut bob = server.join(server.config(transport, "bob"), "lobby").await;
        let sent: Vec<String> = (0..300)
            .map(|number| format!("{number} {}", "x".repeat(1_000)))
            .collect();
        for text in &sent {
            publish(&bob, "lobby", text);
        }
        // Only then alice takes the first.
        assert!(messages(&mut bob, 300).await == sent);
        assert!(messages(&mut alice, 300).await == sent, "{transport}");
    }
}

#[tokio::test]
async fn a_close_sends_what_was_accepted_before() {
    let server = Server::start();
    for transport in TRANSPORTS {
        let mut bob = server.join(server.config(transport, "bob"), "lobby").await;
        let alice = server
            .join(server.config(transport, "alice"), "lobby")
            .await;
        let sent = numbered(100);
        for text in &sent {
            publish(&alice, "lobby", text);
        }
        assert!(within(alice.close(LONG)).await);
        assert!(messages(&mut bob, 100).await == sent, "{transport}");
    }
}

#[tokio::test]
async fn a_close_while_messages_wait_for_a_connection_loses_them() {
    let config = chat_core::ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0")
        .restore(Restore::new().queue_cap_bytes(1_000));
    let session = photon_tokio::AsyncSession::new(config).unwrap();
    session
        .call(|chat| chat.connect_to_region_front_end("eu"))
        .unwrap();
    publish(&session, "lobby", "to nobody");
    assert!(!within(session.close(LONG)).await);
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_the_server() {
    let server = Server::start();
    let alice = server
        .join(server.config(Transport::Tcp, "alice"), "lobby")
        .await;
    let handle = alice.handle();
    drop(alice);
    let users = || server.handle().with_core(|core| core.users().len());
    within(async {
        while users() != Some(0) {
            yield_now().await;
        }
    })
    .await;
    // A handle that is left does no harm.
    let _ = handle.call(|chat| chat.publish_message("lobby", "nowhere", &PublishOptions::new()));
}

#[tokio::test]
async fn errors_have_the_kinds_of_the_client() {
    let server = Server::start();
    let tcp = server.url(Transport::Tcp);
    for (url, expected) in [
        ("tcp://127.0.0.1:1".to_owned(), LinkErrorKind::Refused),
        (tcp.replace("tcp", "ws"), LinkErrorKind::Handshake),
        (tcp.replace("tcp", "wss"), LinkErrorKind::Tls),
        // A certificate that no trusted root signed.
        (server.url(Transport::Wss), LinkErrorKind::Tls),
    ] {
        let config = chat_core::ChatConfig::new(url.as_str(), "app", "1.0");
        let config = config.connect_timeout(Duration::from_secs(3));
        let mut session = photon_tokio::AsyncSession::new(config).unwrap();
        session
            .call(|chat| chat.connect_to_region_front_end("eu"))
            .unwrap();
        let end = until(&mut session, |event| matches!(event, Event::Error { .. })).await;
        let Event::Error { cause, .. } = end else {
            unreachable!()
        };
        assert_eq!(
            cause.kind,
            chat_core::CauseKind::Link(expected),
            "{url}: {cause}"
        );
    }
}
