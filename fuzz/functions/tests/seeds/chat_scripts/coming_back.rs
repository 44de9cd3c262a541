//! Clients that come back by themselves, and what random calls have found in them.

use super::builder::Builder;
use super::parts::{
    CONNECT, messages_of, names, private, publish, set_status, sleep, subscribe, subscribed,
};
use super::setup;
use chat_core::SubProtocol;
use dev_server::Transport;
use photon_fuzz::chat_script::{
    ChannelCall, ConnectionCall, Content, Fault, Name as N, QueueBytes, Restoring, Setup, Start,
    StatusText, UserCall,
};
use photon_fuzz::script::OneIn;

fn restoring(transport: Transport, start: Start) -> Setup {
    Setup {
        restore: Some(Restoring {
            queue_bytes: QueueBytes::of(50_000),
            ..Restoring::default()
        }),
        ..setup(transport, SubProtocol::GpBinaryV18, start)
    }
}

/// All of them by name.
pub(super) fn all() -> Vec<(&'static str, Builder)> {
    vec![
        ("comes-back", comes_back(Transport::Tcp)),
        ("comes-back-udp", comes_back(Transport::Udp)),
        ("comes-back-wss", comes_back(Transport::Wss)),
        ("asks-for-credentials", asks_for_credentials()),
        ("found-question", question()),
        ("found-unsubscribe-of-nothing", unsubscribe_of_nothing()),
        (
            "found-kept-names-that-are-empty",
            kept_names_that_are_empty(),
        ),
        (
            "found-message-of-a-suspended-client",
            message_of_a_suspended_client(),
        ),
        (
            "found-status-longer-than-a-message",
            status_longer_than_a_message(),
        ),
    ]
}

/// A loss, a pause, another network, and the next run of the program.
fn comes_back(transport: Transport) -> Builder {
    let restored = |script: Builder, last_id| {
        script
            .receive(subscribed(&[N::A, N::B]))
            .receive(messages_of(N::A, N::BOB, Content::Text, 4, last_id))
            .turn()
    };
    let script = Builder::new(restoring(transport, Start::FrontEnd))
        .then(subscribe(&[N::A, N::B]))
        .then(UserCall::AddFriends(names(&[N::BOB])))
        .turn();
    let script = restored(script, 4)
        .then(publish(N::A, Content::Text))
        .turn()
        .then(Fault::Failed { reset: true })
        .turn()
        .then(publish(N::B, Content::Text))
        .then(ChannelCall::Unsubscribe(names(&[N::B])))
        .then(sleep(1))
        .link()
        .login();
    let script = restored(script, 6)
        .then(ConnectionCall::Suspend)
        .turn()
        .then(ConnectionCall::Resume)
        .link()
        .login();
    let script = restored(script, 7)
        .then(ConnectionCall::NetworkChanged)
        .link()
        .login();
    let script = restored(script, 9)
        .then(ConnectionCall::Keep {
            restarts: OneIn(true),
        })
        .then(CONNECT)
        .link()
        .login()
        .link()
        .login();
    restored(script, 12)
}

fn asks_for_credentials() -> Builder {
    let setup = Setup {
        restore: Some(Restoring {
            asks_for_credentials: OneIn(true),
            ..Restoring::default()
        }),
        ..restoring(Transport::Tcp, Start::NameServer)
    };
    Builder::new(setup)
        .then(Fault::Closed)
        .turn()
        .then(sleep(1))
        .then(ConnectionCall::Resume)
        .then(ConnectionCall::SetAuthentication { custom: true })
        .then(ConnectionCall::Resume)
        .link()
        .then(Fault::Closed)
        .turn()
        .then(sleep(3))
}

/// The harness took the question for an operation that nobody had accepted.
fn question() -> Builder {
    Builder::new(setup(
        Transport::Tcp,
        SubProtocol::GpBinaryV18,
        Start::FrontEnd,
    ))
    .then(subscribe(&[N::A]))
    .receive(subscribed(&[N::A]))
    .receive(messages_of(N::A, N::BOB, Content::Text, 1, 1))
    .receive(messages_of(N::A, N::BOB, Content::Text, 1, 3))
    .turn()
}

/// Without a connection the call was accepted, and never had a result.
fn unsubscribe_of_nothing() -> Builder {
    Builder::new(restoring(Transport::Tcp, Start::Disconnected))
        .then(ChannelCall::Unsubscribe(names(&[])))
        .then(ChannelCall::Unsubscribe(names(&[N::A, N::EMPTY])))
        .then(CONNECT)
}

/// The stored form of the kept state was not read any more.
fn kept_names_that_are_empty() -> Builder {
    Builder::new(restoring(Transport::Tcp, Start::FrontEnd))
        .receive(subscribed(&[N::A, N::EMPTY]))
        .receive(private(N::EMPTY, N::ME, Content::Text, 1))
        .turn()
        .then(ConnectionCall::Keep {
            restarts: OneIn(true),
        })
}

/// It had no result after the disconnect.
fn message_of_a_suspended_client() -> Builder {
    Builder::new(restoring(Transport::Tcp, Start::FrontEnd))
        .then(publish(N::A, Content::Text))
        .then(ConnectionCall::Suspend)
        .then(ConnectionCall::Disconnect)
        .turn()
}

/// It was lost, because the limits for what servers send applied to it.
fn status_longer_than_a_message() -> Builder {
    let setup = Setup {
        small_messages: OneIn(true),
        ..restoring(Transport::Tcp, Start::Disconnected)
    };
    Builder::new(setup)
        .then(set_status(2, StatusText::Set(Content::bytes(9_000))))
        .then(CONNECT)
}
