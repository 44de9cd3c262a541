//! Options of single calls. Each is a builder with private fields, so that it may grow.

use alloc::vec::Vec;
use photon_proto::{Encode, Text, Value};

/// Options of [`ChatClient::connect_to_name_server`](crate::ChatClient::connect_to_name_server).
///
/// ```
/// use chat_core::ConnectOptions;
///
/// let stop_at_name_server = ConnectOptions::new();
/// let go_to_front_end = ConnectOptions::new().region("eu");
/// # let _ = (stop_at_name_server, go_to_front_end);
/// ```
///
/// Spec: chat.md 2.6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    pub(crate) region: Option<Text>,
}

impl ConnectOptions {
    /// Connects to the name server only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues to the front end of this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<Text>) -> Self {
        self.region = Some(region.into());
        self
    }
}

/// Options of [`ChatClient::subscribe`](crate::ChatClient::subscribe).
///
/// ```
/// use chat_core::SubscribeOptions;
///
/// // The last 20 messages of each channel.
/// let options = SubscribeOptions::new().history(20);
/// // The messages after those that the application stored, for two channels.
/// let options = SubscribeOptions::new().last_ids([17, 4]);
/// # let _ = options;
/// ```
///
/// Spec: chat.md 3.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeOptions {
    pub(crate) history: Option<i32>,
    pub(crate) last_ids: Option<Vec<i32>>,
    pub(crate) publish_subscribers: bool,
    pub(crate) max_subscribers: i32,
    pub(crate) or_plain: bool,
}

impl SubscribeOptions {
    /// Subscribes without history and without creation options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many earlier messages the server sends for each channel, the newest ones: 0 for
    /// none, -1 for all that it keeps (at most 100). Values below -1 count as -1, values above 100
    /// as 100.
    #[must_use]
    pub fn history(mut self, messages: i32) -> Self {
        self.history = Some(messages);
        self
    }

    /// Sets, for each channel in order, the id of the last message that the application already
    /// has (0 for none). The server then sends only messages with higher ids, at most the 100 that
    /// it keeps. Has no effect with a history of 0.
    ///
    /// For a channel without a position ([`Channel::last_id`](crate::Channel::last_id)) the id becomes
    /// it. Otherwise the greater of both applies, and where that is the position the client asks for
    /// four messages more, which it does not deliver again: they show whether the channel is still in
    /// the same life. A channel that was destroyed meanwhile numbers its messages from 1 again, so that
    /// an id of its old life hides the first messages of the new one. The client recognises that by
    /// the next message, reports a [`Event::Gap`](crate::Event::Gap), and asks for what was hidden.
    /// With [`ChatConfig::restore`](crate::ChatConfig::restore) it subscribes by itself after a loss
    /// of the connection. Spec: chat.md 4.1.
    #[must_use]
    pub fn last_ids(mut self, ids: impl Into<Vec<i32>>) -> Self {
        self.last_ids = Some(ids.into());
        self
    }

    /// Sets whether the channel reports its subscribers to each other. This is a creation option:
    /// it is for one channel, and only the subscription that creates the channel applies it. A
    /// server may refuse a subscription with creation options that it would accept without them.
    #[must_use]
    pub fn publish_subscribers(mut self, publish: bool) -> Self {
        self.publish_subscribers = publish;
        self
    }

    /// Sets the largest number of subscribers; 0 means unlimited. At most 100 for a channel that
    /// publishes its subscribers. A creation option, like
    /// [`SubscribeOptions::publish_subscribers`].
    #[must_use]
    pub fn max_subscribers(mut self, subscribers: i32) -> Self {
        self.max_subscribers = subscribers;
        self
    }

    /// Subscribes once more without the creation options if the server refuses them. The request then
    /// has the outcome of the second attempt. Needs
    /// [`ChatConfig::restore`](crate::ChatConfig::restore); without it, it has no effect. Spec:
    /// chat.md 10 (R12).
    #[must_use]
    pub fn or_plain(mut self) -> Self {
        self.or_plain = true;
        self
    }
}

/// A plain number is the history length, as in the documented API.
impl From<i32> for SubscribeOptions {
    fn from(messages: i32) -> Self {
        Self::new().history(messages)
    }
}

/// Options of [`ChatClient::publish_message`](crate::ChatClient::publish_message). Spec: chat.md
/// 3.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    pub(crate) web_forward: bool,
}

impl PublishOptions {
    /// Publishes to the channel only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the server also forwards the message to the application's web hook. The sender
    /// decides, so a web hook for moderation must not rely on it.
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }
}

/// Options of [`ChatClient::send_private_message`](crate::ChatClient::send_private_message).
/// Spec: chat.md 3.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivateOptions {
    pub(crate) web_forward: bool,
    pub(crate) encrypt: bool,
}

impl PrivateOptions {
    /// Sends the message unencrypted, to its recipient only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the server also forwards the message to the application's web hook, as
    /// [`PublishOptions::web_forward`] does.
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }

    /// Sets whether the client encrypts the message for the server. This is not end-to-end
    /// encryption: the server decrypts the message and may send it to its recipient in clear.
    #[must_use]
    pub fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = encrypt;
        self
    }
}

/// Options of [`ChatClient::send_operation`](crate::ChatClient::send_operation).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationOptions {
    pub(crate) encrypt: bool,
}

impl OperationOptions {
    /// Sends the operation without encryption.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the operation is encrypted on its way to the server.
    #[must_use]
    pub fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = encrypt;
        self
    }
}

/// The status message in [`ChatClient::set_user_status`](crate::ChatClient::set_user_status).
///
/// Non-exhaustive: an application only makes values of it, so new ones break nobody.
///
/// Spec: chat.md 3.6.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum StatusMessage<'a> {
    /// Sets the status message to a text.
    Set(&'a str),
    /// Sets the status message to any value that Photon can serialize.
    SetValue(&'a dyn Encode),
    /// Removes the status message.
    Clear,
    /// Keeps the current status message.
    Keep,
}

/// Prints no content: a status message is private data of the user.
impl core::fmt::Debug for StatusMessage<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            Self::Set(_) => "Set(***)",
            Self::SetValue(_) => "SetValue(***)",
            Self::Clear => "Clear",
            Self::Keep => "Keep",
        })
    }
}

/// Options of [`ChatClient::set_channel_properties`](crate::ChatClient::set_channel_properties) and
/// [`ChatClient::set_user_properties`](crate::ChatClient::set_user_properties).
///
/// ```
/// use chat_core::{PropertyOptions, Value};
///
/// // Changes the properties only while nobody else has claimed "owner".
/// let options = PropertyOptions::new().expected([("owner".into(), Value::Null)]);
/// # let _ = options;
/// ```
///
/// Spec: chat.md 3.8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyOptions {
    pub(crate) expected: Vec<(Value, Value)>,
    pub(crate) web_forward: bool,
}

impl PropertyOptions {
    /// Sets the properties unconditionally.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the call a compare-and-swap: the server changes nothing unless each of these
    /// properties has this value. Null means a missing property.
    #[must_use]
    pub fn expected(mut self, properties: impl Into<Vec<(Value, Value)>>) -> Self {
        self.expected = properties.into();
        self
    }

    /// Sets whether the server also forwards the change to the application's web hook, as
    /// [`PublishOptions::web_forward`] does.
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }
}
