//! Calls and messages with the usual arguments.

use photon_fuzz::chat_script::{
    ChannelCall, ChannelDetails, ChatEvent, Code, ConnectionCall, Content, Fault, Life, MessageId,
    Name, Names, Other, Pass, Plain, PresenceEvent, Properties, Property, StatusText,
    SubscriberLimit, UserCall,
};
use photon_fuzz::script::{List, OneIn, UpTo};

pub(super) fn names(names: &[Name]) -> Names {
    Names::new(names)
}

pub(super) fn subscribe(channels: &[Name]) -> ChannelCall {
    ChannelCall::Subscribe {
        channels: names(channels),
        history: None,
        last_ids: None,
        publish_subscribers: false,
        max_subscribers: SubscriberLimit::default(),
        or_plain: false,
    }
}

/// Subscribes to a channel that publishes up to so many subscribers.
pub(super) fn subscribe_publishing(channel: Name, max_subscribers: i32) -> ChannelCall {
    ChannelCall::Subscribe {
        channels: names(&[channel]),
        history: None,
        last_ids: None,
        publish_subscribers: true,
        max_subscribers: SubscriberLimit::of(max_subscribers),
        or_plain: false,
    }
}

pub(super) fn publish(channel: Name, content: Content) -> ChannelCall {
    ChannelCall::Publish {
        channel,
        content,
        web_forward: false,
    }
}

pub(super) fn send_private(user: Name, content: Content, encrypt: bool) -> ChannelCall {
    ChannelCall::SendPrivate {
        user,
        content,
        encrypt,
        web_forward: false,
    }
}

pub(super) fn set_status(status: u8, message: StatusText) -> UserCall {
    UserCall::SetStatus { status, message }
}

pub(super) fn subscribed(channels: &[Name]) -> ChatEvent {
    ChatEvent::Subscribed {
        channels: names(channels),
        refused: OneIn(false),
        details: None,
    }
}

pub(super) fn subscribed_with(
    channel: Name,
    properties: &[Property],
    [first, second]: [Name; 2],
) -> ChatEvent {
    ChatEvent::Subscribed {
        channels: names(&[channel]),
        refused: OneIn(false),
        details: Some(ChannelDetails {
            properties: Properties::new(properties),
            first,
            second,
        }),
    }
}

pub(super) fn messages_of(
    channel: Name,
    sender: Name,
    content: Content,
    count: u8,
    last_id: i32,
) -> ChatEvent {
    ChatEvent::Messages {
        channel,
        sender,
        content,
        count: UpTo::new(count),
        last_id: MessageId::of(last_id),
        life: Life::default(),
    }
}

pub(super) fn private(sender: Name, target: Name, content: Content, id: i32) -> ChatEvent {
    ChatEvent::Private {
        sender,
        target,
        content,
        id: MessageId::of(id),
    }
}

pub(super) fn moved(entered: bool, user: Name, properties: &[Property]) -> PresenceEvent {
    PresenceEvent::Moved {
        entered,
        channel: Name::A,
        user,
        properties: Properties::new(properties),
    }
}

pub(super) fn properties_changed(
    channel: Name,
    user: Option<Name>,
    properties: &[Property],
) -> PresenceEvent {
    PresenceEvent::PropertiesChanged {
        channel,
        user,
        properties: Properties::new(properties),
    }
}

pub(super) fn status(user: Name, status: u8, message: Option<Content>) -> PresenceEvent {
    PresenceEvent::Status {
        user,
        status,
        message,
    }
}

pub(super) fn response(operation: u8, code: i16) -> Other {
    Other::Response {
        operation: UpTo::new(operation),
        code: Code::of(code),
    }
}

/// The answer to the ping that the client sent `client_time` milliseconds after its link opened.
pub(super) fn pong(server_time: i32, client_time: u16) -> Other {
    Other::Pong {
        server_time,
        client_time,
    }
}

pub(super) fn framed(kind: u8, body: &[u8]) -> Other {
    Other::Framed {
        kind,
        body: List::new(body),
    }
}

pub(super) fn garbage(bytes: &[u8]) -> Other {
    Other::Garbage(List::new(bytes))
}

pub(super) fn sleep(turns: u8) -> Pass {
    Pass::Sleep {
        turns: UpTo::new(turns),
    }
}

pub(super) const CONNECT: ConnectionCall = ConnectionCall::Connect { region: true };
pub(super) const CONNECT_TO_NAME_SERVER: ConnectionCall = ConnectionCall::Connect { region: false };
pub(super) const FAILED: Fault = Fault::Failed { reset: false };
pub(super) const ARRAY: Content = Content::Plain(Plain::Array);
pub(super) const NULL: Content = Content::Plain(Plain::Null);
