//! Scripts that do not depend on the transport: servers that do not answer or refuse, and wrong calls.

use super::builder::Builder;
use super::parts::{
    CONNECT, CONNECT_TO_NAME_SERVER, FAILED, NULL, names, publish, send_private, set_status, sleep,
    subscribe, subscribed,
};
use super::{setup, tcp};
use chat_core::SubProtocol;
use dev_server::Transport;
use photon_fuzz::chat_script::{
    AddressError, ChannelCall, Code, ConnectionCall, Content, Depth, Drive, Fault, Handshake,
    JumpTo, KeyError, LastIds, MessageId, MessagesPerService, Name, Names, Odd, Other, Pass,
    Properties, Property, RequestTimeout, Setup, Start, StatusText, SubscriberLimit, UserCall,
};
use photon_fuzz::script::{List, OneIn, Seldom};

/// The return code of a token that is no longer valid. Spec: chat.md 1.5
const EXPIRED: i16 = 32_753;

pub(super) fn regions() -> Builder {
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
pub(super) fn no_answer() -> Builder {
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

pub(super) fn refused() -> Builder {
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

pub(super) fn reconnect(transport: Transport) -> Builder {
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

pub(super) fn bad_calls() -> Builder {
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
                or_plain: false,
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
            last_ids: surplus.then_some(LastIds {
                id: MessageId::of(0),
                surplus,
            }),
            publish_subscribers,
            max_subscribers: SubscriberLimit::of(max_subscribers),
            or_plain: false,
        });
    }
    script = script.then(ChannelCall::Subscribe {
        channels: names(&[N::A, N::B]),
        history: None,
        last_ids: None,
        publish_subscribers: true,
        max_subscribers: SubscriberLimit::of(0),
        or_plain: false,
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

pub(super) fn bad_keys() -> Builder {
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
pub(super) fn causes_of_an_abandoned_attempt() -> Builder {
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
pub(super) fn input_before_the_link_is_open() -> Builder {
    Builder::new(tcp(Start::Disconnected))
        .then(CONNECT_TO_NAME_SERVER)
        .then(Pass::Commands)
        .receive(Handshake::InitResponse)
        .turn()
        .then(Drive::Opened)
        .turn()
}

/// With a full event queue no input can be processed, and the deadline must not be busy.
pub(super) fn input_that_waits_for_event_space() -> Builder {
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
