//! Scripts for `chat_script`: an ordinary chat, and everything that gets in its way.

mod builder;
mod parts;
mod transports;

use builder::Builder;
use chat_core::SubProtocol;
use dev_server::Transport;
use parts::{
    ARRAY, CONNECT, CONNECT_TO_NAME_SERVER, FAILED, NULL, framed, garbage, messages_of, moved,
    names, pong, private, properties_changed, publish, response, send_private, set_status, sleep,
    status, subscribe, subscribe_publishing, subscribed, subscribed_with,
};
use photon_fuzz::chat_script::{
    AddressError, CarriedOver, ChannelCall, ChatEvent, Code, ConnectionCall, Content, Damage,
    Depth, Drive, Fault, Handshake, History, JumpTo, KeyError, LastIds, MaxSubscribers,
    MessagesPerService, Name, Names, Odd, OldLinkEvent, Other, Parameter, Pass, Plain,
    PresenceEvent, Properties, Property, RequestTimeout, Script, SerializedAs, Setup, Start,
    StatusText, SubscriberLimit, UserCall,
};
use photon_fuzz::script::{List, OneIn, Seldom, UpTo};

/// The return code of a token that is no longer valid. Spec: chat.md 1.5
const EXPIRED: i16 = 32_753;

/// A setup with one address, the usual caps and no encryption.
fn setup(transport: Transport, subprotocol: SubProtocol, start: Start) -> Setup {
    Setup {
        transport: CarriedOver::of(transport),
        subprotocol: SerializedAs::of(subprotocol),
        start,
        ..Setup::default()
    }
}

/// A setup for scripts that do not depend on the transport.
fn tcp(start: Start) -> Setup {
    setup(Transport::Tcp, SubProtocol::GpBinaryV18, start)
}

/// The transports, serializations and kinds of encryption that a client can have, by name.
fn variants() -> Vec<(&'static str, Setup)> {
    use SubProtocol::{GpBinaryV16, GpBinaryV18, Json};
    use Transport::{Tcp, Udp, Ws, Wss};
    let plain = |transport, subprotocol| setup(transport, subprotocol, Start::FrontEnd);
    let encrypted = |transport, subprotocol| Setup {
        encrypted: true,
        ..plain(transport, subprotocol)
    };
    let twice = |transport, subprotocol| Setup {
        twice: OneIn(true),
        ..encrypted(transport, subprotocol)
    };
    let udp_encrypted = Setup {
        crc: true,
        ..twice(Udp, GpBinaryV18)
    };
    vec![
        ("v16", plain(Tcp, GpBinaryV16)),
        ("v18", plain(Tcp, GpBinaryV18)),
        ("v16-encrypted", encrypted(Tcp, GpBinaryV16)),
        ("v18-encrypted", twice(Tcp, GpBinaryV18)),
        ("ws-v16", plain(Ws, GpBinaryV16)),
        ("ws-v18-encrypted", encrypted(Ws, GpBinaryV18)),
        ("wss-v18", twice(Wss, GpBinaryV18)),
        ("json", twice(Wss, Json)),
        ("json-over-ws", plain(Ws, Json)),
        ("udp-v16", plain(Udp, GpBinaryV16)),
        ("udp-v18-encrypted", udp_encrypted),
    ]
}

/// Messages on the front end, one after the other; those that are too long are left out.
pub(super) fn messages(new: bool, messages: &[&[u8]]) -> Script {
    let subprotocol = if new {
        SubProtocol::GpBinaryV18
    } else {
        SubProtocol::GpBinaryV16
    };
    let mut script = Builder::new(setup(Transport::Tcp, subprotocol, Start::FrontEnd));
    for message in messages {
        if let [_, kind, body @ ..] = message
            && body.len() <= 120
        {
            script = script.receive(framed(*kind, body)).turn();
        }
    }
    script.build()
}

/// All of them by name.
pub(super) fn all() -> Vec<(String, Script)> {
    let mut all = Vec::new();
    for (which, setup) in variants() {
        for (name, script) in [
            ("chat", chat(setup.clone())),
            ("presence", presence(setup.clone())),
            ("by-hand", by_hand(setup.clone())),
            ("pressure", pressure(setup.clone())),
            ("broken", broken(setup.clone())),
        ] {
            all.push((format!("{name}-{which}"), script.build()));
        }
    }
    for (name, script) in [
        ("regions", regions()),
        ("no-answer", no_answer()),
        ("refused", refused()),
        ("reconnect", reconnect(Transport::Tcp)),
        ("bad-calls", bad_calls()),
        ("bad-keys", bad_keys()),
        // Found by this target.
        (
            "found-causes-of-an-attempt-that-was-given-up",
            causes_of_an_attempt_that_was_given_up(),
        ),
        (
            "found-bytes-before-the-link-is-open",
            bytes_before_the_link_is_open(),
        ),
        (
            "found-input-that-waits-for-events-to-be-taken",
            input_that_waits_for_events_to_be_taken(),
        ),
    ]
    .into_iter()
    .chain(transports::all())
    {
        all.push((name.to_owned(), script.build()));
    }
    all
}

fn chat(setup: Setup) -> Builder {
    use Name as N;
    Builder::new(setup)
        .then(ChannelCall::Subscribe {
            channels: names(&[N::A, N::B]),
            history: Some(History::of(-1)),
            last_ids: Some(LastIds {
                id: 1,
                surplus: false,
            }),
            publish_subscribers: false,
            max_subscribers: SubscriberLimit::of(0),
        })
        .then(subscribe_publishing(N::B, 5))
        .turn()
        .receive(response(0, 0))
        .receive(subscribed(&[N::A, N::B]))
        .receive(subscribed_with(
            N::B,
            &[
                Property::PublishSubscribers(true),
                Property::MaxSubscribers(MaxSubscribers::of(1)),
            ],
            [N::ME, N::BOB],
        ))
        .turn()
        .then(publish(N::A, Content::Text))
        .then(ChannelCall::Publish {
            channel: N::A,
            content: Content::Odd(Odd::Nested(Depth::of(1))),
            web_forward: true,
        })
        .then(send_private(N::BOB, Content::Secret, true))
        .then(Pass::Transmit { max_bytes: 9 })
        .then(Pass::Transmit { max_bytes: 70 })
        .turn()
        .receive(messages_of(N::A, N::ME, Content::Text, 3, 7))
        .receive_sealed(messages_of(N::A, N::BOB, ARRAY, 4, 11))
        .receive(private(N::ME, N::BOB, Content::Text, 1))
        .receive_sealed(private(N::BOB, N::ME, ARRAY, 2))
        .receive(pong(0x0403_0201))
        .then(Pass::Events { max: UpTo::new(3) })
        .turn()
        .then(ChannelCall::Clear {
            private: false,
            name: N::A,
        })
        .then(ChannelCall::Clear {
            private: true,
            name: N::BOB,
        })
        .then(ChannelCall::Unsubscribe(names(&[N::A, N::B])))
        .receive(ChatEvent::Unsubscribed(names(&[N::A])))
        .turn()
        .then(ConnectionCall::Disconnect)
        .then(Fault::OldLink {
            which: 0,
            event: OldLinkEvent::FewBytes,
        })
        .turn()
        .then(Fault::LateInput { which: 0 })
        .turn()
}

fn presence(setup: Setup) -> Builder {
    use Name as N;
    let setup = Setup {
        small_presence_cap: OneIn(true),
        ..setup
    };
    Builder::new(setup)
        .then(set_status(2, StatusText::Set(Content::Text)))
        .then(set_status(3, StatusText::Clear))
        .then(set_status(6, StatusText::Keep))
        .then(UserCall::AddFriends(names(&[N::BOB, N::A])))
        .then(UserCall::RemoveFriends(names(&[N::A])))
        .turn()
        .receive(status(N::BOB, 2, Some(Content::Text)))
        .receive(status(N::BOB, 3, Some(NULL)))
        .receive_sealed(status(N::BOB, 0, None))
        .turn()
        .then(subscribe_publishing(N::A, 100))
        .receive(subscribed_with(
            N::A,
            &[
                Property::PublishSubscribers(true),
                Property::MaxSubscribers(MaxSubscribers::of(5)),
                Property::Colour,
            ],
            [N::ME, N::BOB],
        ))
        .receive(moved(true, N::GENERAL, &[Property::Colour]))
        .receive(moved(true, N::UNICODE, &[Property::Large]))
        .receive_sealed(moved(false, N::GENERAL, &[]))
        .turn()
        .then(UserCall::SetChannelProperties {
            channel: N::A,
            properties: Properties::new(&[
                Property::Colour,
                Property::ByteKey {
                    key: 1,
                    content: Content::Text,
                },
            ]),
            expected: true,
        })
        .then(UserCall::SetUserProperties {
            channel: N::A,
            user: N::ME,
            properties: Properties::new(&[Property::Colour]),
            expected: false,
        })
        .turn()
        .receive(properties_changed(
            N::A,
            None,
            &[
                Property::Colour,
                Property::MaxSubscribers(MaxSubscribers::of(5)),
                Property::Large,
            ],
        ))
        .receive(properties_changed(N::A, Some(N::BOB), &[Property::Colour]))
        .receive_sealed(properties_changed(N::B, None, &[Property::Colour]))
        .receive(response(8, -3))
        .receive(PresenceEvent::ErrorInfo {
            channel: Some(N::A),
            content: Some(ARRAY),
        })
        .receive_sealed(PresenceEvent::ErrorInfo {
            channel: None,
            content: None,
        })
        .receive(Other::Event(99))
        .receive(Other::Raw(List::new([1, 2, 3])))
        .then(UserCall::SendOperation {
            code: 44,
            parameters: List::new([
                Parameter {
                    key: 1,
                    content: Content::Text,
                },
                Parameter {
                    key: 2,
                    content: Content::Plain(Plain::Int(9)),
                },
            ]),
            encrypt: true,
        })
        .then(Drive::Service { ms: 0 })
        .then(ChannelCall::ForgetChannels)
        .turn()
        .receive(moved(true, N::GENERAL, &[]))
        .receive(Other::Disconnect(Code::OK))
        .then(Fault::Closed)
        .turn()
}

fn by_hand(setup: Setup) -> Builder {
    let setup = Setup {
        start: Start::Disconnected,
        messages_per_service: MessagesPerService::of(1),
        ..setup
    };
    Builder::new(setup)
        .then(ConnectionCall::SetUserId(Name::BOB))
        .then(ConnectionCall::SetAuthentication { custom: true })
        .then(CONNECT)
        .link()
        .login()
        .link()
        .receive(Handshake::Login {
            code: Code::OK,
            address_error: Seldom(None),
            without_token: OneIn(false),
            user: Some(Name::ME),
            data: true,
        })
        .turn()
        .then(subscribe(&[Name::A]))
        .receive(ChatEvent::Subscribed {
            channels: names(&[Name::A]),
            refused: OneIn(true),
            details: None,
        })
        .then(sleep(8))
}

fn regions() -> Builder {
    let result = |code, matching| Other::Regions {
        code: Code::of(code),
        matching,
    };
    Builder::new(tcp(Start::NameServer))
        .then(ConnectionCall::GetRegions)
        .then(ConnectionCall::GetRegions)
        .then(ConnectionCall::GetRegions)
        .turn()
        .receive(result(0, true))
        .receive(result(0, false))
        .receive(result(-3, true))
        .receive(result(0, true))
        .turn()
        .then(ConnectionCall::GetRegions)
        .then(ConnectionCall::ConnectToRegion)
        .login()
        .link()
        .login()
}

/// No server answers: neither the first address, the second, nor the front end; no request and no
/// ping has a result.
fn no_answer() -> Builder {
    let setup = Setup {
        two_addresses: true,
        request_timeout_ms: RequestTimeout::of(500),
        ..tcp(Start::Disconnected)
    };
    Builder::new(setup)
        .then(CONNECT)
        .then(Pass::Commands)
        .then(sleep(2))
        .then(Fault::Failed { reset: true })
        .turn()
        .then(CONNECT)
        .link()
        .login()
        .then(sleep(8))
        .then(CONNECT)
        .link()
        .login()
        .link()
        .login()
        .then(subscribe(&[Name::A, Name::B]))
        .then(ChannelCall::Unsubscribe(names(&[Name::A])))
        .then(sleep(2))
        .receive(subscribed(&[Name::A]))
        .then(sleep(8))
        .then(Fault::Jump(JumpTo::of(u64::MAX)))
}

fn refused() -> Builder {
    let without_token = Handshake::Login {
        code: Code::OK,
        address_error: Seldom(None),
        without_token: OneIn(true),
        user: None,
        data: true,
    };
    let subprotocol = SubProtocol::GpBinaryV16;
    let mut script = Builder::new(setup(Transport::Tcp, subprotocol, Start::NameServer));
    for login in [
        Handshake::login(Code::of(EXPIRED), None),
        Handshake::login(Code::OK, Some(AddressError::Missing)),
        Handshake::login(Code::OK, Some(AddressError::Unparsable)),
        Handshake::login(Code::OK, Some(AddressError::OtherTransport)),
        without_token,
    ] {
        script = script
            .then(ConnectionCall::ConnectToRegion)
            .then(ConnectionCall::ConnectToRegion)
            .turn()
            .receive(login)
            .then(ConnectionCall::GetRegions)
            .turn()
            .then(CONNECT_TO_NAME_SERVER)
            .link();
    }
    script
        .then(ConnectionCall::ConnectToRegion)
        .login()
        .link()
        .receive(Handshake::login(Code::of(-3), None))
        .turn()
}

fn reconnect(transport: Transport) -> Builder {
    let setup = Setup {
        two_addresses: true,
        ..setup(transport, SubProtocol::GpBinaryV18, Start::FrontEnd)
    };
    Builder::new(setup)
        .then(subscribe(&[Name::A]))
        .receive(subscribed(&[Name::A]))
        .turn()
        .then(Fault::Closed)
        .turn()
        .then(ConnectionCall::Reconnect)
        .link()
        .login()
        .then(Fault::Failed { reset: true })
        .turn()
        .then(ConnectionCall::Reconnect)
        .link()
        .receive(Handshake::login(Code::of(EXPIRED), None))
        .turn()
        .link()
        .login()
        .then(ConnectionCall::Disconnect)
        .then(ConnectionCall::Reconnect)
        .then(Pass::Commands)
        .then(FAILED)
        .turn()
        .link()
        .login()
        .link()
        .login()
}

/// All buffers are full: output, input, events and caches.
fn pressure(setup: Setup) -> Builder {
    let setup = Setup {
        small_messages: OneIn(true),
        small_outgoing_cap: OneIn(true),
        small_event_cap: OneIn(true),
        no_cache: OneIn(true),
        small_presence_cap: OneIn(true),
        ..setup
    };
    let mut script = Builder::new(setup).then(subscribe(&[Name::A]));
    for (few, many) in [
        (0, 9_000),
        (40, 40_000),
        (900, 60_000),
        (900, 60_000),
        (900, 60_000),
    ] {
        script = script
            .then(publish(Name::A, Content::bytes(few)))
            .then(publish(Name::A, Content::bytes(many)));
    }
    script = script
        .then(Pass::Transmit { max_bytes: 50 })
        .receive(subscribed(&[Name::A]))
        .then(Drive::Service { ms: 1 });
    for id in 1..5 {
        script = script
            .receive(messages_of(Name::A, Name::BOB, Content::bytes(900), 4, id))
            .receive(Other::Flood { pairs: 30 });
    }
    script = script
        .then(Pass::Events { max: UpTo::new(2) })
        .then(Fault::TransmittedTooMuch)
        .turn();
    for _ in 0..4 {
        script = script.receive(Other::Flood { pairs: 255 });
    }
    script.turn()
}

/// Bytes that are not frames, not messages, or not those that were sent.
fn broken(setup: Setup) -> Builder {
    let sealed: Vec<u8> = (1..=16).collect();
    Builder::new(setup)
        .receive(framed(4, &[0, 1, 1]))
        .receive(framed(0x84, &sealed))
        .receive(framed(77, &[0]))
        .receive(framed(8, &[0x2A, 0]))
        .receive(framed(2, &[0, 0]))
        .turn()
        .receive_damaged(
            messages_of(Name::A, Name::BOB, Content::Text, 2, 1),
            Damage::Flip { at: 15, bits: 0x10 },
        )
        .receive_damaged(
            private(Name::BOB, Name::ME, Content::Text, 1),
            Damage::Cut(2),
        )
        .receive(garbage(&[0xFB, 0, 0, 0]))
        .turn()
        .receive(garbage(&[9, 9, 9]))
        .turn()
}

fn bad_calls() -> Builder {
    use Name as N;
    let mut script = Builder::new(tcp(Start::FrontEnd));
    for all in [
        names(&[]),
        names(&[N::EMPTY]),
        names(&[N::A, N::EMPTY]),
        names(&[N::LONG]),
        Names::too_many(N::A),
    ] {
        script = script
            .then(ChannelCall::Subscribe {
                channels: all.clone(),
                history: None,
                last_ids: None,
                publish_subscribers: false,
                max_subscribers: SubscriberLimit::of(0),
            })
            .then(ChannelCall::Unsubscribe(all.clone()))
            .then(UserCall::AddFriends(all.clone()))
            .then(UserCall::RemoveFriends(all));
    }
    for (surplus, publish_subscribers, max_subscribers) in
        [(true, false, 0), (false, true, 101), (false, false, -1)]
    {
        script = script.then(ChannelCall::Subscribe {
            channels: names(&[N::A]),
            history: None,
            last_ids: surplus.then_some(LastIds { id: 0, surplus }),
            publish_subscribers,
            max_subscribers: SubscriberLimit::of(max_subscribers),
        });
    }
    script = script.then(ChannelCall::Subscribe {
        channels: names(&[N::A, N::B]),
        history: None,
        last_ids: None,
        publish_subscribers: true,
        max_subscribers: SubscriberLimit::of(0),
    });
    for content in [
        Content::bytes(60_000),
        NULL,
        Content::Odd(Odd::LongText),
        Content::Odd(Odd::Nested(Depth::of(33))),
        Content::Odd(Odd::Nested(Depth::of(60))),
        Content::Odd(Odd::DuplicateKey),
    ] {
        script = script
            .then(publish(N::A, content))
            .then(send_private(N::BOB, content, false))
            .then(set_status(2, StatusText::Set(content)));
    }
    let set_channel_properties =
        |channel, properties: &[Property]| UserCall::SetChannelProperties {
            channel,
            properties: Properties::new(properties),
            expected: false,
        };
    script
        .then(send_private(N::BOB, Content::Secret, true))
        .then(set_channel_properties(N::A, &[]))
        .then(set_channel_properties(N::A, &[Property::NullKey]))
        .then(set_channel_properties(N::EMPTY, &[Property::Colour]))
        .then(UserCall::SetUserProperties {
            channel: N::A,
            user: N::EMPTY,
            properties: Properties::new(&[Property::Colour]),
            expected: false,
        })
        .then(UserCall::SendOperation {
            code: 230,
            parameters: List::default(),
            encrypt: false,
        })
        .then(ConnectionCall::SetUserId(N::A))
        .then(CONNECT_TO_NAME_SERVER)
        .then(ConnectionCall::Reconnect)
        .turn()
}

fn bad_keys() -> Builder {
    let setup = Setup {
        encrypted: true,
        ..setup(
            Transport::Tcp,
            SubProtocol::GpBinaryV16,
            Start::Disconnected,
        )
    };
    let mut script = Builder::new(setup);
    for error in [KeyError::Degenerate, KeyError::Missing, KeyError::Refused] {
        script = script
            .then(CONNECT)
            .then(Pass::Commands)
            .then(Drive::Opened)
            .receive(Handshake::InitResponse)
            .then(Drive::Service { ms: 1 })
            .receive(Handshake::Key {
                error: Seldom(Some(error)),
            })
            .turn();
    }
    script
}

/// The causes of an attempt that `disconnect` ended were reported as those of a later `reconnect`.
fn causes_of_an_attempt_that_was_given_up() -> Builder {
    let setup = Setup {
        two_addresses: true,
        ..tcp(Start::FrontEnd)
    };
    Builder::new(setup)
        .then(Fault::Closed)
        .turn()
        .then(CONNECT_TO_NAME_SERVER)
        .then(Pass::Commands)
        .then(FAILED)
        .turn()
        .then(ConnectionCall::Disconnect)
        .then(ConnectionCall::Reconnect)
        .turn()
        .then(FAILED)
        .turn()
        .then(FAILED)
        .turn()
        .then(FAILED)
        .turn()
}

/// The client continued over a link that was not open, and sent a ping before its init.
fn bytes_before_the_link_is_open() -> Builder {
    Builder::new(tcp(Start::Disconnected))
        .then(CONNECT_TO_NAME_SERVER)
        .then(Pass::Commands)
        .receive(Handshake::InitResponse)
        .turn()
        .then(Drive::Opened)
        .turn()
}

/// With a full event queue no input can be processed, and the deadline must not be busy.
fn input_that_waits_for_events_to_be_taken() -> Builder {
    let setup = Setup {
        messages_per_service: MessagesPerService::of(1_000),
        small_event_cap: OneIn(true),
        ..tcp(Start::FrontEnd)
    };
    Builder::new(setup)
        .receive(Other::Flood { pairs: 40 })
        .then(Fault::Closed)
        .then(sleep(2))
}
