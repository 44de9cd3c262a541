//! Scripts for each transport: ordinary chats, full buffers, and broken messages.

use super::builder::Builder;
use super::parts::{
    ARRAY, CONNECT, NULL, framed, garbage, messages_of, moved, names, pong, private,
    properties_changed, publish, response, send_private, set_status, sleep, status, subscribe,
    subscribe_publishing, subscribed, subscribed_with,
};
use photon_fuzz::chat_script::{
    ChannelCall, ChatEvent, Code, ConnectionCall, Content, Damage, Depth, Drive, Fault, Handshake,
    History, LastIds, MaxSubscribers, MessageId, MessagesPerService, Name, Odd, OldLinkEvent,
    Other, Parameter, Pass, Plain, PresenceEvent, Properties, Property, Setup, Start, StatusText,
    SubscriberLimit, UserCall,
};
use photon_fuzz::script::{List, OneIn, Seldom, UpTo};
pub(super) fn chat(setup: Setup) -> Builder {
    use Name as N;
    Builder::new(setup)
        .then(ChannelCall::Subscribe {
            channels: names(&[N::A, N::B]),
            history: Some(History::of(-1)),
            last_ids: Some(LastIds {
                id: MessageId::of(1),
                surplus: false,
            }),
            publish_subscribers: false,
            max_subscribers: SubscriberLimit::of(0),
            or_plain: false,
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
        .receive(pong(0x0403_0201, 5))
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

pub(super) fn presence(setup: Setup) -> Builder {
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

pub(super) fn by_hand(setup: Setup) -> Builder {
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

/// All buffers are full: output, input, events and caches.
pub(super) fn pressure(setup: Setup) -> Builder {
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
pub(super) fn broken(setup: Setup) -> Builder {
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
