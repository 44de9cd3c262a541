//! Binary messages over WebSocket. Spec: wire.md 7.1.

use super::{Duo, INIT_RESPONSE, LIMITS, LOGIN, PING};
use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Encryption, Event, LinkCommand, LinkError,
    LinkErrorKind, LinkInput, PeerErrorCode, PrivateOptions, Protocol, RequestError, State, Target,
    Wire,
};
use photon_proto::internal;
use photon_proto::message::MessageKind;

#[test]
fn path_and_query_contain_the_fields_of_the_init_message() {
    for (address, host, port, secure, before) in [
        ("wss://ns.example", "ns.example", 443, true, ""),
        ("ws://ns.example:9093", "ns.example", 9093, false, ""),
        (
            "wss://proxy.example:1/photon/ns/",
            "proxy.example",
            1,
            true,
            "/photon/ns",
        ),
    ] {
        for protocol in [Protocol::V16, Protocol::V18] {
            let mut duo = Duo::new(address, |config| config.protocol(protocol));
            duo.connect();
            let path = format!("{before}/?libversion=4.1.8.20&sid=31&app=NameServer&IPv6");
            assert_eq!(
                duo.target,
                Some(Target {
                    host: host.into(),
                    port,
                    path: path.as_str().into()
                })
            );
            assert_eq!(
                duo.wire,
                Some(Wire::WebSocket {
                    secure,
                    protocol: protocol.into()
                })
            );
        }
    }
}

#[test]
fn c008_over_secure_links_no_keys_are_exchanged_and_state_2_comes_with_the_init_response() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.connect();
    assert_eq!(
        duo.input(LinkInput::Opened { ipv6: false }),
        Vec::<Vec<u8>>::new(),
        "the server sends first"
    );
    assert_eq!(duo.states(), [State::ConnectingToNameServer]);
    let sent = duo.deliver(&INIT_RESPONSE);
    assert_eq!(duo.states(), [State::ConnectedToNameServer]);
    assert_eq!(
        duo.kinds(&sent),
        [PING, LOGIN],
        "nothing is encrypted, and no key is sent"
    );
    // A front end without a scheme: over the transport of the name server.
    duo.deliver(&duo.login("fe.example:19090"));
    let target = duo.target.clone().expect("the front end");
    assert_eq!(
        (target.to_string().as_str(), &*target.path),
        (
            "fe.example:19090",
            "/?libversion=4.1.8.20&sid=31&app=chat&IPv6"
        )
    );
    assert!(matches!(
        duo.wire,
        Some(Wire::WebSocket { secure: true, .. })
    ));
    duo.input(LinkInput::Opened { ipv6: false });
    let sent = duo.deliver(&INIT_RESPONSE);
    assert_eq!(duo.kinds(&sent), [PING, LOGIN]);
    duo.deliver(&duo.response(230, &[]));
    assert_eq!(duo.states().last(), Some(&State::ConnectedToFrontEnd));
    // c091: the flag is accepted and has no effect, because the transport encrypts.
    let encrypt = PrivateOptions::new().encrypt(true);
    duo.client
        .send_private_message("bob", "hi", &encrypt)
        .expect("secure by itself");
    let sent = duo.pump();
    assert_eq!(duo.kinds(&sent), [(MessageKind::Request, Some(3), false)]);
}

#[test]
fn over_insecure_links_keys_are_exchanged() {
    let mut duo = Duo::new("ws://ns.example", |config| config);
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    let sent = duo.deliver(&INIT_RESPONSE);
    let key = (
        MessageKind::InternalRequest,
        Some(internal::INIT_ENCRYPTION),
        false,
    );
    assert_eq!(duo.kinds(&sent), [PING, key]);
    assert_eq!(duo.states(), [State::ConnectingToNameServer]);
    let mut off = Duo::new("ws://ns.example", |config| {
        config.encryption(Encryption::Off)
    });
    off.connect();
    off.input(LinkInput::Opened { ipv6: false });
    let sent = off.deliver(&INIT_RESPONSE);
    assert_eq!(off.kinds(&sent), [PING, LOGIN]);
}

/// Spec: wire.md 7.1, item 3.
#[test]
fn without_an_init_response_the_client_pings_after_a_second_and_the_pong_counts_as_one() {
    for bare in [false, true] {
        let mut duo = Duo::new("wss://ns.example", |config| config);
        duo.connect();
        duo.input(LinkInput::Opened { ipv6: true });
        assert_eq!(duo.pass(999), Vec::<Vec<u8>>::new());
        let sent = duo.pass(1);
        assert_eq!(duo.kinds(&sent), [PING]);
        let sent = duo.pass(1_000);
        assert_eq!(duo.kinds(&sent), [PING], "and again");
        duo.now = duo.now.plus_millis(40);
        let mut answer = Vec::new();
        if bare {
            answer = vec![0xF0, 0, 0, 0x30, 0x39, 0, 0, 0x07, 0xD0];
        } else {
            internal::encode_ping_response(&mut answer, Protocol::V18, &LIMITS, 2_000, 12_345)
                .expect("fits");
        }
        let sent = duo.deliver(&answer);
        assert_eq!(duo.kinds(&sent), [PING, LOGIN], "bare: {bare}");
        assert_eq!(
            duo.states(),
            [State::ConnectingToNameServer, State::ConnectedToNameServer]
        );
        assert_eq!(
            duo.client.server_time(),
            Some(12_345 + 20),
            "half of the 40 ms later"
        );
        // A late init response has no effect.
        assert_eq!(duo.deliver(&INIT_RESPONSE), Vec::<Vec<u8>>::new());
        assert_eq!(duo.client.stats().ignored_messages, 1);
    }
}

#[test]
fn a_server_that_never_responds_and_one_that_falls_silent_are_timeouts() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.pass(15_000);
    assert_eq!(duo.codes(), [PeerErrorCode::NameServerTimeout]);
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.client
        .connect_to_name_server(ConnectOptions::new())
        .expect("connect is allowed");
    duo.pump();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    let sent = duo.pass(9_999);
    assert_eq!(duo.kinds(&sent), [PING; 3], "every 3 s");
    assert_eq!(duo.codes(), []);
    duo.pass(1);
    assert_eq!(duo.codes(), [PeerErrorCode::NameServerTimeout]);
}

#[test]
fn the_client_never_moves_from_secure_to_insecure() {
    for insecure in [
        "ws://fe.example:9090",
        "tcp://fe.example:9090",
        "udp://fe.example:9090",
    ] {
        let mut duo = Duo::new("wss://ns.example", |config| config);
        duo.connect();
        duo.input(LinkInput::Opened { ipv6: false });
        duo.deliver(&INIT_RESPONSE);
        let link = duo.link;
        duo.deliver(&duo.login(insecure));
        assert_eq!(duo.link, link, "nothing is opened");
        let Some(Event::Error { code, cause, .. }) = duo.events.last() else {
            panic!("{:?}", duo.events)
        };
        assert_eq!(*code, PeerErrorCode::FrontEndConnectFailed);
        let downgrade = chat_core::CauseKind::Link(LinkErrorKind::Downgrade);
        assert_eq!(cause.kind, downgrade, "{insecure}");
        let mut list = ChatClient::new(
            ChatConfig::new(["wss://ns.example", insecure], "a", "1"),
            [1; 32],
        );
        let refused = list.connect_to_name_server(ConnectOptions::new());
        assert!(matches!(refused, Err(RequestError::Address { text, .. }) if text == insecure));
        let fallback = ChatConfig::new([insecure, "wss://ns.example"], "a", "1");
        assert_eq!(
            ChatClient::new(fallback, [1; 32]).connect_to_name_server(ConnectOptions::new()),
            Ok(())
        );
    }
    // From insecure to secure is allowed.
    let mut duo = Duo::new("ws://ns.example", |config| {
        config.encryption(Encryption::Off)
    });
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    duo.deliver(&duo.login("wss://fe.example:19090"));
    assert!(matches!(
        duo.wire,
        Some(Wire::WebSocket { secure: true, .. })
    ));
}

/// Nor when reconnecting by way of the name server: addresses before the secure one that worked are
/// not tried again.
#[test]
fn after_a_secure_front_end_reconnect_uses_only_secure_addresses() {
    let refused =
        || LinkInput::Failed(LinkError::new(LinkErrorKind::Refused, "connection refused"));
    for insecure in [
        "ws://ns.example:9093",
        "tcp://ns.example:4533",
        "ns.example:5058",
    ] {
        let mut duo = Duo::to([insecure, "wss://ns.example"], |config| config);
        duo.connect();
        duo.input(refused());
        assert!(
            matches!(duo.wire, Some(Wire::WebSocket { secure: true, .. })),
            "{:?}",
            duo.wire
        );
        duo.input(LinkInput::Opened { ipv6: false });
        duo.deliver(&INIT_RESPONSE);
        duo.deliver(&duo.login("fe.example:19090"));
        duo.input(LinkInput::Opened { ipv6: false });
        duo.deliver(&INIT_RESPONSE);
        duo.deliver(&duo.response(230, &[]));
        assert_eq!(duo.client.state(), State::ConnectedToFrontEnd);
        duo.input(LinkInput::Closed);
        assert_eq!(duo.client.reconnect(), Ok(()));
        duo.pump();
        duo.input(refused());
        assert_eq!(duo.client.state(), State::ConnectingToNameServer);
        let target = duo.target.as_ref().map(ToString::to_string);
        assert_eq!(target.as_deref(), Some("ns.example:443"), "{insecure}");
        assert!(
            matches!(duo.wire, Some(Wire::WebSocket { secure: true, .. })),
            "{:?}",
            duo.wire
        );
        // It was the last of the list.
        duo.input(refused());
        assert_eq!(duo.client.state(), State::Error);
        // A connect call of the application begins with the first address.
        duo.connect();
        assert!(
            !matches!(duo.wire, Some(Wire::WebSocket { secure: true, .. })),
            "{:?}",
            duo.wire
        );
    }
}

#[test]
fn previously_accepted_data_is_sent_before_the_link_is_closed() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.client
        .connect_to_name_server(ConnectOptions::new())
        .expect("connect is allowed");
    duo.pump();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    assert_eq!(duo.client.get_regions(), Ok(()));
    duo.client.disconnect();
    let link = duo.link.expect("a link");
    assert_eq!(duo.client.poll_command(), None);
    let bytes = duo
        .client
        .transmit(duo.now, link)
        .expect("the request")
        .to_vec();
    assert_eq!(
        duo.kinds(&[bytes]),
        [(MessageKind::Request, Some(220), false)]
    );
    duo.client.transmitted(link, 1);
    assert_eq!(duo.client.poll_command(), Some(LinkCommand::Close { link }));
    assert_eq!(duo.client.stats().closed_with_unsent_data, 0);
}
