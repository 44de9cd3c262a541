//! Our client.

use crate::server::Served;
use crate::{APP, PATIENCE, ROOM};
use chat_core::{
    ChannelOutcome, ChatConfig, Encryption, Event, Outcome, PublishOptions, State, StatusChange,
    SubscribeOptions, UserStatus,
};
use chat_std_io::{Session, SessionOptions, Tls};
use photon_proto::{Protocol, Value};
use std::time::Instant;

/// Our client.
pub(crate) struct Ours(pub(crate) Session);

impl Ours {
    pub(crate) fn enter(server: &Served, scheme: &str, speak: Speak, user: &str) -> Self {
        let config = ChatConfig::new(server.url(scheme), APP, "1.0").user_id(user);
        let config = match speak {
            Speak::V16 => config.protocol(Protocol::V16),
            Speak::V18 => config.protocol(Protocol::V18),
            // There is no key exchange in JSON.
            Speak::Json if scheme == "ws" => config.json().encryption(Encryption::Off),
            Speak::Json => config.json(),
        };
        let tls = Tls::with_root(server.certificate.as_bytes()).unwrap();
        let mut session = Session::with_options(config, SessionOptions::new().tls(tls)).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        let mut ours = Self(session);
        ours.find("front end", |event| {
            matches!(
                event,
                Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                }
            )
            .then_some(())
        });
        ours
    }

    /// The next event that fits; those before it are gone.
    pub(crate) fn find<T>(&mut self, what: &str, fits: impl Fn(Event) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            while let Some(event) = self.0.poll_event() {
                let text = format!("{event:?}");
                assert!(
                    !matches!(event, Event::Error { .. } | Event::BadMessage(_)),
                    "{text} instead of {what}"
                );
                if let Some(found) = fits(event) {
                    return found;
                }
                seen.push(text);
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} after {seen:?}");
            self.0.wait(left);
        }
    }

    pub(crate) fn subscribe(&mut self) {
        let options = SubscribeOptions::new().publish_subscribers(true);
        self.0.chat.subscribe([ROOM], &options).unwrap();
        let outcomes = self.find("subscription", |event| match event {
            Event::SubscribeResult(outcomes) => Some(outcomes),
            _ => None,
        });
        assert!(
            matches!(
                &*outcomes,
                [ChannelOutcome {
                    outcome: Outcome::Done,
                    ..
                }]
            ),
            "{outcomes:?}"
        );
    }

    pub(crate) fn publish(&mut self, content: &Value) {
        self.0
            .chat
            .publish_message(ROOM, content, &PublishOptions::new())
            .unwrap();
    }

    /// The next message in the room.
    pub(crate) fn message(&mut self) -> (String, Value) {
        self.find("message", |event| match event {
            Event::ChatMessages { channel, messages } if channel == ROOM => {
                assert_eq!(messages.len(), 1);
                let message = messages.get(0)?;
                Some((message.sender.to_owned(), message.content.to_value()))
            }
            _ => None,
        })
    }

    pub(crate) fn private(&mut self) -> (String, String, Value) {
        self.find("private message", |event| match event {
            Event::PrivateMessage { channel, message } => Some((
                channel.to_string(),
                message.sender().to_owned(),
                message.content().to_value(),
            )),
            _ => None,
        })
    }

    pub(crate) fn status(&mut self) -> (String, UserStatus, StatusChange) {
        self.find("status", |event| match event {
            Event::UserStatusUpdate {
                user,
                status,
                message,
            } => Some((user.to_string(), status, message)),
            _ => None,
        })
    }

    pub(crate) fn user_event(&mut self, entered: bool) -> (String, String) {
        self.find("user event", |event| match event {
            Event::UserSubscribed(change) if entered => {
                Some((change.channel.to_string(), change.user.to_string()))
            }
            Event::UserUnsubscribed(change) if !entered => {
                Some((change.channel.to_string(), change.user.to_string()))
            }
            _ => None,
        })
    }
}

/// What our client's messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speak {
    V16,
    V18,
    Json,
}
