//! The options of single calls.

use alloc::vec::Vec;
use photon_proto::{Encode, Text, Value};

/// Options of `connect_to_name_server`. Spec: chat.md 2.6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    pub(crate) region: Option<Text>,
}

impl ConnectOptions {
    /// Stop at the name server.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Go on to the front end of this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<Text>) -> Self {
        self.region = Some(region.into());
        self
    }
}

/// Options of `subscribe`. Spec: chat.md 3.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeOptions {
    pub(crate) history: Option<i32>,
    pub(crate) last_ids: Option<Vec<i32>>,
    pub(crate) publish_subscribers: bool,
    pub(crate) max_subscribers: i32,
}

impl SubscribeOptions {
    /// No history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many older messages to send: 0 none, -1 all that the server has (at most 100), else at most that many, the
    /// newest. Below -1 counts as -1, above 100 as 100.
    #[must_use]
    pub fn history(mut self, messages: i32) -> Self {
        self.history = Some(messages);
        self
    }

    /// For each channel, in order, the id of the last message already seen (0 for none): only newer ones are sent.
    /// Without effect if the history is set to 0.
    #[must_use]
    pub fn last_ids(mut self, ids: impl Into<Vec<i32>>) -> Self {
        self.last_ids = Some(ids.into());
        self
    }

    /// Creation option, for one channel: whether its users are told who is in it. Matters only to the subscription that
    /// creates the channel; a server may refuse it where it takes the plain form.
    #[must_use]
    pub fn publish_subscribers(mut self, publish: bool) -> Self {
        self.publish_subscribers = publish;
        self
    }

    /// Creation option, for one channel: how many users it takes; 0 is any number. At most 100 if it publishes them.
    #[must_use]
    pub fn max_subscribers(mut self, subscribers: i32) -> Self {
        self.max_subscribers = subscribers;
        self
    }
}

/// A plain number is the history length, as in the documented API.
impl From<i32> for SubscribeOptions {
    fn from(messages: i32) -> Self {
        Self::new().history(messages)
    }
}

/// Options of `publish_message`. Spec: chat.md 3.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    pub(crate) web_forward: bool,
}

impl PublishOptions {
    /// Nothing special.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the server forwards the message to the application's web hook. A client may leave this out, so a hook
    /// cannot rely on it for moderation.
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }
}

/// Options of `send_private_message`. Spec: chat.md 3.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivateOptions {
    pub(crate) web_forward: bool,
    pub(crate) encrypt: bool,
}

impl PrivateOptions {
    /// Nothing special.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`PublishOptions::web_forward`].
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }

    /// Whether the message is encrypted on its way to the server. Not end to end: the server decrypts it, and may send
    /// it on in clear.
    #[must_use]
    pub fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = encrypt;
        self
    }
}

/// What becomes of the status message in `set_user_status`. Spec: chat.md 3.6.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum StatusMessage<'a> {
    /// Set it to this text.
    Set(&'a str),
    /// Set it to anything that Photon can serialise.
    SetValue(&'a dyn Encode),
    /// None any more.
    Clear,
    /// It stays as it is.
    Keep,
}

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

/// Options of `set_channel_properties` and `set_user_properties`. Spec: chat.md 3.8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyOptions {
    pub(crate) expected: Vec<(Value, Value)>,
    pub(crate) web_forward: bool,
}

impl PropertyOptions {
    /// Unconditional.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compare and swap: nothing changes unless these properties have these values (null: are not there).
    #[must_use]
    pub fn expected(mut self, properties: impl Into<Vec<(Value, Value)>>) -> Self {
        self.expected = properties.into();
        self
    }

    /// As [`PublishOptions::web_forward`].
    #[must_use]
    pub fn web_forward(mut self, forward: bool) -> Self {
        self.web_forward = forward;
        self
    }
}
