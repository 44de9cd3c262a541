//! The bridge bot between two servers, one of which is killed and comes back.

mod common;

#[path = "../src/bridge_bot/bridge.rs"]
mod bridge;

use bridge::{Side, bridge};
use chat_core::{Event, Restore};
use common::{Server, messages, publish, until, within};
use dev_server::Transport;
use photon_tokio::chat_core;
use tokio::sync::oneshot;

#[tokio::test]
async fn messages_pass_in_both_directions_and_wait_for_a_server_that_is_away() {
    let (left, mut right) = (Server::start(), Server::start());
    let mut alice = left
        .join(left.config(Transport::Udp, "alice"), "lobby")
        .await;
    let config = right.config(Transport::Tcp, "bob").restore(Restore::new());
    let mut bob = right.join(config, "trade").await;

    let sides = [
        left.url(Transport::Udp) + "/lobby",
        right.url(Transport::Tcp) + "/trade",
    ];
    let [lobby, trade] = sides.map(|side| Side::connect(&side, "app").unwrap());
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.unwrap_or_default() };
    let scenario = async {
        // Until the bridge is in both channels, nobody forwards anything: its own messages show it.
        for (server, channel) in [(&left, "lobby"), (&right, "trade")] {
            let is_member = move |core: &mut dev_server::ServerCore| {
                core.channel("app", "1.0", channel)
                    .is_some_and(|channel| channel.subscribers.len() == 2)
            };
            within(async {
                while server.handle().with_core(is_member) != Some(true) {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        publish(&alice, "lobby", "hello");
        assert_eq!(messages(&mut bob, 1).await, ["alice: hello"]);
        publish(&bob, "trade", "hello yourself");
        assert_eq!(
            messages(&mut alice, 2).await,
            ["hello", "bob: hello yourself"]
        );

        right.stop();
        until(&mut bob, |event| {
            matches!(event, Event::ReconnectScheduled { .. })
        })
        .await;
        publish(&alice, "lobby", "are you there?");
        right.start_again();
        until(&mut bob, |event| matches!(event, Event::Restored { .. })).await;
        publish(&alice, "lobby", "and now?");
        let mut received = Vec::new();
        while received.last().is_none_or(|last| last != "alice: and now?") {
            received.extend(messages(&mut bob, 1).await);
        }
        stop.send(()).unwrap();
    };
    let (result, ()) =
        within(async { tokio::join!(bridge(lobby, trade, stopped), scenario) }).await;
    result.unwrap();
}
