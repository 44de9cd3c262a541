//! Tests of chat operations that need a state no server leads to.

use super::connection::Connection;
use crate::config::Encryption;
use crate::link::{LinkId, Wire};
use crate::state::{Server, State};
use crate::{ChatClient, ChatConfig, OperationOptions, RequestError};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use photon_proto::message::{self, Message};
use photon_proto::peer::{Inbound, Peer};
use photon_proto::tcp::{Item, Splitter};
use photon_proto::{
    EncodeErrorKind, Hashtable, Limits, Parameters, Protocol, Role, Timestamp, Value,
};

/// A client on the front end, over a connection without keys.
fn on_front_end(config: ChatConfig) -> ChatClient {
    let mut client = ChatClient::new(config, [0; 32]);
    let now = Timestamp::ZERO;
    // A real handshake: the server answers the init with its response.
    let mut peer_config = (*client.config.peer).clone();
    peer_config.encryption = Encryption::Off;
    let mut peer = Peer::client(
        Arc::new(peer_config),
        Wire::Stream,
        "Chat",
        &mut client.random,
    );
    peer.link_opened(now, false);
    peer.handle_bytes(now, &[0xFB, 0, 0, 0, 10, 0, 1, 0xF3, 1, 0]);
    assert_eq!(peer.receive(now, &mut client.random), Inbound::Ready);
    // The init and the first ping.
    let sent = peer.transmit(now).map_or(0, <[u8]>::len);
    peer.transmitted(sent);
    client.connection = Some(Connection::new(Server::FrontEnd, LinkId(1), peer));
    client.state = State::ConnectedToFrontEnd;
    client
}

fn config(protocol: Protocol) -> ChatConfig {
    ChatConfig::new("tcp://ns", "app", "1.0").protocol(protocol)
}

fn unsent(client: &mut ChatClient) -> Vec<u8> {
    client
        .connection
        .as_mut()
        .and_then(|connection| connection.peer.transmit(Timestamp::ZERO))
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

/// The requests that wait to be sent.
fn requests(client: &mut ChatClient, protocol: Protocol) -> Vec<(u8, Parameters)> {
    let mut splitter = Splitter::new(Role::Server, Limits::DEFAULT.max_received_bytes);
    splitter.push(&unsent(client));
    let mut all = Vec::new();
    while let Some(Item::Frame { message, .. }) = splitter.next().unwrap() {
        let (kind, body) = message::decrypt(splitter.message_mut(message), None).unwrap();
        match Message::decode(kind, protocol, &Limits::DEFAULT, body).unwrap() {
            Message::Request {
                code, mut params, ..
            } => all.push((code, params.to_parameters().unwrap())),
            other => panic!("{other:?}"),
        }
    }
    all
}

#[test]
fn codes_and_parameters_are_sent_as_they_are() {
    for protocol in [Protocol::V16, Protocol::V18] {
        let mut client = on_front_end(config(protocol));
        // Also codes that mean nothing: what that is, is for the server to say.
        let many = [
            (7, Value::Null),
            (255, Value::Short(-1)),
            (0, "x".into()),
            (8, Value::from(&[1, 2][..])),
        ];
        for (code, parameters) in [
            (0, &many[..0]),
            (199, &many),
            (220, &many[1..2]),
            (255, &many),
        ] {
            assert_eq!(
                client.send_operation(code, parameters, &OperationOptions::new()),
                Ok(())
            );
        }
        let sent = requests(&mut client, protocol);
        let expected = [
            (0, &many[..0]),
            (199, &many),
            (220, &many[1..2]),
            (255, &many),
        ];
        assert!(
            sent.iter()
                .map(|(code, sent)| (*code, sent.as_slice()))
                .eq(expected),
            "{sent:?}"
        );
    }
}

#[test]
fn a_parameter_that_is_there_twice_is_sent_twice() {
    let mut client = on_front_end(config(Protocol::V18));
    assert_eq!(
        client.send_operation(
            199,
            &[(1, Value::Null), (1, Value::Null)],
            &OperationOptions::new()
        ),
        Ok(())
    );
    assert!(unsent(&mut client).ends_with(&[0xF3, 2, 199, 2, 1, 8, 1, 8]));
}

#[test]
fn nothing_is_sent_of_what_is_refused() {
    let mut client = on_front_end(config(Protocol::V18));
    assert_eq!(
        client.send_operation(230, &[], &OperationOptions::new()),
        Err(RequestError::ReservedOperation(230))
    );
    assert_eq!(
        client.send_operation(199, &[], &OperationOptions::new().encrypt(true)),
        Err(RequestError::EncryptionUnavailable)
    );
    let limit = Limits::DEFAULT.max_sent_bytes;
    let long = [(1, Value::Bytes(vec![0; limit].into()))];
    assert_eq!(
        client.send_operation(199, &long, &OperationOptions::new()),
        Err(RequestError::TooLong { max_bytes: limit })
    );
    let many = vec![(1, Value::Null); 256];
    let null_key = [(
        1,
        Value::Hashtable(Hashtable(vec![(Value::Null, Value::Null)])),
    )];
    for (parameters, kind) in [
        (&many[..], EncodeErrorKind::TooManyParameters),
        (&null_key, EncodeErrorKind::NullKey),
    ] {
        let refused = client.send_operation(199, parameters, &OperationOptions::new());
        assert!(
            matches!(&refused, Err(RequestError::Unencodable(error)) if error.kind == kind),
            "{refused:?}"
        );
    }
    assert!(unsent(&mut client).is_empty());
}

#[test]
fn only_on_the_front_end() {
    for state in [
        State::Error,
        State::Uninitialized,
        State::ConnectingToNameServer,
        State::ConnectedToNameServer,
        State::ConnectingToFrontEnd,
        State::Disconnected,
    ] {
        let mut client = on_front_end(config(Protocol::V18));
        client.state = state;
        for code in [199, 230] {
            assert_eq!(
                client.send_operation(code, &[], &OperationOptions::new()),
                Err(RequestError::WrongState(state))
            );
        }
        assert!(unsent(&mut client).is_empty());
    }
}

#[test]
fn the_cap_holds() {
    let mut client = on_front_end(config(Protocol::V18).outgoing_cap_bytes(5_000));
    let (small, large) = (
        [(1, Value::Bytes(vec![0; 3_000].into()))],
        [(1, Value::Bytes(vec![0; 5_001].into()))],
    );
    assert_eq!(
        client.send_operation(199, &large, &OperationOptions::new()),
        Err(RequestError::TooLong { max_bytes: 5_000 })
    );
    assert_eq!(
        client.send_operation(199, &small, &OperationOptions::new()),
        Ok(())
    );
    assert_eq!(
        client.send_operation(199, &small, &OperationOptions::new()),
        Err(RequestError::QueueFull)
    );
    assert_eq!(requests(&mut client, Protocol::V18).len(), 1);
}
