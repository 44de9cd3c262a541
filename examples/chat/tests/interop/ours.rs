//! [`Ours`]: our client.

use crate::{APP, CHANNEL, TIMEOUT, url};
use chat_core::{
    ChannelOutcome, ChatConfig, Encryption, Event, Outcome, PublishOptions, State, StatusChange,
    SubscribeOptions, UserStatus,
};
use chat_std_io::{Session, SessionOptions, Tls};
use dev_server::server::LocalServer;
use dev_server::{SubProtocol, Transport};
use photon_proto::Value;
use std::time::Instant;

/// Our client.
pub(crate) struct Ours(pub(crate) Session);

impl Ours {
    /// Connects to the front end.
    pub(crate) fn connect(
        server: &LocalServer,
        transport: Transport,
        protocol: SubProtocol,
        user: &str,
    ) -> Self {
        let config = ChatConfig::new(url(server, transport), APP, "1.0").user_id(user);
        let config = match protocol {
            // JSON has no key exchange.
            SubProtocol::Json if !transport.is_secure() => {
                config.json().encryption(Encryption::Off)
            }
            SubProtocol::Json => config.json(),
            binary => config.protocol(binary.binary()),
        };
        let tls = Tls::with_root(server.certificate_pem().as_bytes()).unwrap();
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

    /// Waits for an event that fits, and discards those before it.
    pub(crate) fn find<T>(&mut self, what: &str, fits: impl Fn(Event) -> Option<T>) -> T {
        let until = Instant::now() + TIMEOUT;
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
        self.0.chat.subscribe([CHANNEL], &options).unwrap();
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
            .publish_message(CHANNEL, content, &PublishOptions::new())
            .unwrap();
    }

    /// Waits for the next message in the channel.
    pub(crate) fn message(&mut self) -> (String, Value) {
        self.find("message", |event| match event {
            Event::ChatMessages { channel, messages } if channel == CHANNEL => {
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
