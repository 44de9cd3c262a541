//! Scripts of `chat_script` in the old form, and their conversion.

mod inbound;
mod samples;
mod script;
mod server_message;
mod transport;

use chat_core::SubProtocol;
use chat_core::{Encryption, Protocol};
use dev_server::Transport;
use inbound::Way;
use photon_fuzz::chat_script as new;
use photon_fuzz::script::{List, OneIn, Seldom, UpTo};
use samples::{Content, NAMES, Name};
use script::{Message, Old, Step};
use server_message::{Front, Key, ServerMessage};
use transport::Transport as OldTransport;

/// The script in the new form, and the number of steps that are only nearly the same.
pub(crate) fn convert(bytes: &[u8]) -> (new::Script, usize) {
    let old = script::Script::read(bytes);
    let mut inexact = 0;
    let steps = old
        .steps
        .iter()
        .map(|step| convert_step(step, &mut inexact))
        .collect();
    (
        new::Script {
            setup: setup(&old.setup),
            steps,
        },
        inexact,
    )
}

fn setup(old: &script::Setup) -> new::Setup {
    let (transport, json) = match old.transport {
        OldTransport::Tcp => (Transport::Tcp, false),
        OldTransport::Ws => (Transport::Ws, false),
        OldTransport::Wss => (Transport::Wss, false),
        OldTransport::JsonOverWs => (Transport::Ws, true),
        OldTransport::JsonOverWss => (Transport::Wss, true),
        OldTransport::Udp => (Transport::Udp, false),
    };
    let subprotocol = match (json, old.protocol) {
        (true, _) => SubProtocol::Json,
        (false, Protocol::V16) => SubProtocol::GpBinaryV16,
        (false, _) => SubProtocol::GpBinaryV18,
    };
    new::Setup {
        transport: new::CarriedOver::of(transport),
        subprotocol: new::SerializedAs::of(subprotocol),
        start: match old.start {
            script::Start::Nowhere => new::Start::Disconnected,
            script::Start::NameServer => new::Start::NameServer,
            script::Start::FrontEnd => new::Start::FrontEnd,
        },
        encrypted: old.encryption == Encryption::On,
        two_addresses: old.addresses == 2,
        twice: OneIn(old.twice),
        small_messages: OneIn(old.small_messages),
        messages_per_service: new::MessagesPerService::of(old.messages_per_service),
        request_timeout_ms: new::RequestTimeout::of(old.request_timeout_ms),
        small_outgoing_cap: OneIn(old.outgoing_cap == 1_000),
        small_event_cap: OneIn(old.small_events),
        no_cache: OneIn(old.cache_messages == 0),
        small_presence_cap: OneIn(old.presence_cap == 400),
        crc: old.crc,
    }
}

fn name(old: Name) -> new::Name {
    let all = [
        new::Name::A,
        new::Name::B,
        new::Name::GENERAL,
        new::Name::UNICODE,
        new::Name::EMPTY,
        new::Name::ME,
        new::Name::BOB,
        new::Name::CONTROL,
    ];
    let place = NAMES.iter().position(|one| *one == old.as_str());
    place.map_or(new::Name::LONG, |place| all[place])
}

fn names(old: &[Name]) -> new::Names {
    match old {
        [first, ..] if old.len() > 5 => new::Names::too_many(name(*first)),
        few => new::Names::new(&few.iter().copied().map(name).collect::<Vec<_>>()),
    }
}

fn content(old: Content) -> new::Content {
    match old {
        Content::Text => new::Content::Text,
        Content::Secret => new::Content::Secret,
        Content::Int(number) => {
            new::Content::Plain(new::Plain::Int(number.try_into().expect("from a byte")))
        }
        Content::Bytes(count) => new::Content::bytes(count),
        Content::Array => new::Content::Plain(new::Plain::Array),
        Content::Null => new::Content::Plain(new::Plain::Null),
        Content::LongText => new::Content::Odd(new::Odd::LongText),
        Content::Nested(depth) => new::Content::Odd(new::Odd::Nested(new::Depth::of(depth))),
        Content::Twice => new::Content::Odd(new::Odd::DuplicateKey),
    }
}

fn properties(old: &samples::Properties) -> new::Properties {
    new::Properties::new(&old.0)
}

fn convert_step(old: &Step<'_>, inexact: &mut usize) -> new::Step {
    match old {
        Step::Connect { region } => new::ConnectionCall::Connect { region: *region }.into(),
        Step::Region => new::ConnectionCall::ConnectToRegion.into(),
        Step::Reconnect => new::ConnectionCall::Reconnect.into(),
        Step::Disconnect => new::ConnectionCall::Disconnect.into(),
        Step::GetRegions => new::ConnectionCall::GetRegions.into(),
        Step::Subscribe {
            channels,
            history,
            last_ids,
            publish,
            most,
        } => new::ChannelCall::Subscribe {
            channels: names(channels),
            history: history.map(new::History::of),
            last_ids: last_ids.as_ref().map(|ids| new::LastIds {
                id: ids.first().copied().unwrap_or(0),
                surplus: ids.len() > channels.len(),
            }),
            publish_subscribers: *publish,
            max_subscribers: new::SubscriberLimit::of(*most),
        }
        .into(),
        Step::Unsubscribe(all) => new::ChannelCall::Unsubscribe(names(all)).into(),
        Step::Publish {
            channel,
            content: what,
            web,
        } => new::ChannelCall::Publish {
            channel: name(*channel),
            content: content(*what),
            web_forward: *web,
        }
        .into(),
        Step::Private {
            user,
            content: what,
            encrypt,
            web,
        } => new::ChannelCall::SendPrivate {
            user: name(*user),
            content: content(*what),
            encrypt: *encrypt,
            web_forward: *web,
        }
        .into(),
        Step::Status { status, message } => new::UserCall::SetStatus {
            status: u8::try_from(*status).expect("from a byte"),
            message: match message {
                Message::Keep => new::StatusText::Keep,
                Message::Clear => new::StatusText::Clear,
                Message::Set(what) => new::StatusText::Set(content(*what)),
            },
        }
        .into(),
        Step::AddFriends(all) => new::UserCall::AddFriends(names(all)).into(),
        Step::RemoveFriends(all) => new::UserCall::RemoveFriends(names(all)).into(),
        Step::ChannelProperties {
            channel,
            properties: all,
            expected,
        } => new::UserCall::SetChannelProperties {
            channel: name(*channel),
            properties: properties(all),
            expected: *expected,
        }
        .into(),
        Step::UserProperties {
            channel,
            user,
            properties: all,
            expected,
        } => new::UserCall::SetUserProperties {
            channel: name(*channel),
            user: name(*user),
            properties: properties(all),
            expected: *expected,
        }
        .into(),
        Step::Operation {
            code,
            parameters,
            encrypt,
        } => new::UserCall::SendOperation {
            code: *code,
            parameters: List::new(
                parameters
                    .iter()
                    .map(|(key, what)| new::Parameter {
                        key: *key,
                        content: content(*what),
                    })
                    .collect::<Vec<_>>(),
            ),
            encrypt: *encrypt,
        }
        .into(),
        Step::SetUserId(user) => new::ConnectionCall::SetUserId(name(*user)).into(),
        Step::SetAuthentication { custom } => {
            new::ConnectionCall::SetAuthentication { custom: *custom }.into()
        }
        Step::Clear { private, name: of } => new::ChannelCall::Clear {
            private: *private,
            name: name(*of),
        }
        .into(),
        Step::Forget => new::ChannelCall::ForgetChannels.into(),
        Step::Opened => new::Drive::Opened.into(),
        Step::Received(inbound) => new::Inbound::new(
            message(&inbound.said),
            match inbound.way {
                Way::Whole => None,
                Way::Split(at) => Some(new::Damage::Split(at)),
                Way::Flipped { at, bits } => Some(new::Damage::Flip { at, bits }),
                Way::Cut(count) => Some(new::Damage::Cut(count)),
            },
            inbound.encrypted,
        )
        .into(),
        Step::Closed => new::Fault::Closed.into(),
        Step::Failed { reset } => new::Fault::Failed { reset: *reset }.into(),
        Step::Old { which, what } => new::Fault::OldLink {
            which: *which,
            event: match what {
                Old::Closed => new::OldLinkEvent::Closed,
                Old::Little => new::OldLinkEvent::FewBytes,
                Old::Much => new::OldLinkEvent::ManyBytes,
            },
        }
        .into(),
        Step::Late { which } => new::Fault::LateInput { which: *which }.into(),
        Step::Service { ms } => new::Drive::Service {
            ms: u8::try_from(*ms).expect("from a byte"),
        }
        .into(),
        Step::Jump { ms } => new::Fault::Jump(new::JumpTo::of(*ms)).into(),
        Step::Sleep { turns } => new::Pass::Sleep {
            turns: UpTo::new(*turns),
        }
        .into(),
        Step::Transmit { most } => new::Pass::Transmit {
            max_bytes: u8::try_from(*most).expect("from a byte"),
        }
        .into(),
        Step::TransmittedTooMuch => new::Fault::TransmittedTooMuch.into(),
        Step::Commands => new::Pass::Commands.into(),
        Step::Events { most } => {
            let max = UpTo::new(u8::try_from(*most).expect("from a byte"));
            new::Pass::Events { max }.into()
        }
        Step::Turn { ms } => {
            let root = (0..=u8::MAX).find(|root| u64::from(*root).pow(2) / 4 == *ms);
            *inexact += usize::from(root.is_none());
            new::Drive::Turn {
                root: root.unwrap_or(u8::MAX),
            }
            .into()
        }
    }
}

fn message(old: &ServerMessage<'_>) -> new::ServerMessage {
    let code = new::Code::of;
    match old {
        ServerMessage::InitResponse => new::Handshake::InitResponse.into(),
        ServerMessage::Key { code, key } => new::Handshake::Key {
            error: Seldom(match (code, key) {
                (0, Key::Good) => None,
                (_, Key::Good) => Some(new::KeyError::Refused),
                (_, Key::Degenerate) => Some(new::KeyError::Degenerate),
                (_, Key::Missing) => Some(new::KeyError::Missing),
            }),
        }
        .into(),
        ServerMessage::Login {
            code: of,
            address,
            token,
            user,
            data,
        } => new::Handshake::Login {
            code: code(*of),
            address_error: Seldom(match address {
                Some(Front::Good) => None,
                None => Some(new::AddressError::Missing),
                Some(Front::Bad) => Some(new::AddressError::Unparsable),
                Some(Front::Elsewhere) => Some(new::AddressError::OtherTransport),
            }),
            without_token: OneIn(!token),
            user: user.map(name),
            data: *data,
        }
        .into(),
        ServerMessage::Regions { code: of, equal } => new::Other::Regions {
            code: code(*of),
            matching: *equal,
        }
        .into(),
        ServerMessage::Subscribed {
            channels,
            yes,
            details,
        } => new::ChatEvent::Subscribed {
            channels: names(channels),
            refused: OneIn(!yes),
            details: details
                .as_ref()
                .map(|(all, first, second)| new::ChannelDetails {
                    properties: properties(all),
                    first: name(*first),
                    second: name(*second),
                }),
        }
        .into(),
        ServerMessage::Unsubscribed(all) => new::ChatEvent::Unsubscribed(names(all)).into(),
        ServerMessage::Messages {
            channel,
            sender,
            content: what,
            count,
            id,
        } => new::ChatEvent::Messages {
            channel: name(*channel),
            sender: name(*sender),
            content: content(*what),
            count: UpTo::new(*count),
            last_id: *id,
        }
        .into(),
        ServerMessage::Private {
            sender,
            target,
            content: what,
            id,
        } => new::ChatEvent::Private {
            sender: name(*sender),
            target: name(*target),
            content: content(*what),
            id: *id,
        }
        .into(),
        ServerMessage::Status {
            user,
            status,
            message,
        } => new::PresenceEvent::Status {
            user: name(*user),
            status: u8::try_from(*status).expect("from a byte"),
            message: message.map(content),
        }
        .into(),
        ServerMessage::Properties {
            channel,
            user,
            properties: all,
        } => new::PresenceEvent::PropertiesChanged {
            channel: name(*channel),
            user: user.map(name),
            properties: properties(all),
        }
        .into(),
        ServerMessage::Moved {
            entered,
            channel,
            user,
            properties: all,
        } => new::PresenceEvent::Moved {
            entered: *entered,
            channel: name(*channel),
            user: name(*user),
            properties: properties(all),
        }
        .into(),
        ServerMessage::ErrorInfo {
            channel,
            content: what,
        } => new::PresenceEvent::ErrorInfo {
            channel: channel.map(name),
            content: what.map(content),
        }
        .into(),
        ServerMessage::Response {
            operation,
            code: of,
        } => new::Other::Response {
            operation: UpTo::new(*operation),
            code: code(*of),
        }
        .into(),
        ServerMessage::Event(code) => new::Other::Event(*code).into(),
        ServerMessage::Disconnect(of) => new::Other::Disconnect(code(*of)).into(),
        ServerMessage::Pong {
            server_time,
            client_time,
        } => new::Other::Pong {
            server_time: *server_time,
            client_time: u16::try_from(*client_time).expect("from two bytes"),
        }
        .into(),
        ServerMessage::Raw(bytes) => new::Other::Raw(List::new(*bytes)).into(),
        ServerMessage::Flood { events } => new::Other::Flood { pairs: *events }.into(),
        ServerMessage::Framed { kind, body } => new::Other::Framed {
            kind: *kind,
            body: List::new(*body),
        }
        .into(),
        ServerMessage::Garbage(bytes) => new::Other::Garbage(List::new(*bytes)).into(),
    }
}
