//! [`Kept`]: what a program stores, so that the next run goes on where this one ended.

use super::continuity::{Fingerprint, Recent};
use super::wanted::{WantedChannel, WantedStatus};
use crate::options::SubscribeOptions;
use alloc::vec::Vec;
use core::fmt;
use photon_proto::Text;

/// The memory of a client beyond the end of its program: the channels with their positions, and
/// with [`ChatConfig::restore`](crate::ChatConfig::restore) also the wanted channels with their
/// options, the friends and the status, and which channels and friends the application has left
/// without a confirmation. It holds no token, no credentials and no messages, only keyed hashes: of
/// the last four messages of each channel, and of the last 100 of each private conversation.
///
/// [`ChatClient::keep`](crate::ChatClient::keep) makes it, and
/// [`ChatConfig::resume`](crate::ChatConfig::resume) gives it to the client of the next run. With the
/// feature `serde` it can be serialized and deserialized. The stored form has a version; what is
/// damaged, or of another version, is an error of the deserializer.
///
/// A position counts what [`ChatClient::poll_event`](crate::ChatClient::poll_event) has returned, so
/// after a crash the next run repeats at most what the application had not taken.
///
/// ```
/// # let mut simulation = soak::Simulation::with_one_connected_client();
/// # let chat = simulation.chat(0);
/// use chat_core::{ChatClient, ChatConfig};
///
/// let kept = chat.keep();
/// let config = ChatConfig::new("127.0.0.1", "app", "1")
///     .user_id(kept.user_id().clone())
///     .resume(kept);
/// let mut next = ChatClient::new(config, [7; 32]);
/// // The same app id, app version, user id and region:
/// next.connect_to_region_front_end("eu")?;
/// # Ok::<(), chat_core::RequestError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Kept {
    pub(crate) app_id: Text,
    pub(crate) app_version: Text,
    pub(crate) region: Text,
    pub(crate) user_id: Text,
    /// The keys of the fingerprints, without which they mean nothing.
    pub(crate) keys: [u8; 16],
    pub(crate) channels: Vec<KeptChannel>,
    /// Channels whose unsubscribe no event 6 has confirmed.
    pub(crate) leaving: Vec<Text>,
    pub(crate) friends: Vec<Text>,
    /// Friends that were removed since the last login.
    pub(crate) former_friends: Vec<Text>,
    pub(crate) status: Option<WantedStatus>,
    /// Whether the status was set without a connection.
    pub(crate) status_is_unsent: bool,
    pub(crate) conversations: Vec<KeptConversation>,
}

/// The messages of one private conversation, which a server may send again after the next login.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptConversation {
    /// The other user.
    pub(crate) name: Text,
    /// Ids and fingerprints, oldest first.
    pub(crate) seen: Vec<(i32, Fingerprint)>,
}

/// One channel of a [`Kept`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptChannel {
    pub(crate) name: Text,
    /// The id of the last message that was handed out, 0 if there was none.
    pub(crate) position: i32,
    /// Fingerprints of the last messages up to it, which show whether the channel is in the same
    /// life later.
    pub(crate) recent: Recent,
    /// The options of the application's request, if the channel is wanted.
    pub(crate) wanted: Option<KeptOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptOptions {
    pub(crate) history: i32,
    /// The last id that the application passed, 0 if it passed none.
    pub(crate) last_id: i32,
    pub(crate) max_subscribers: i32,
    pub(crate) publish_subscribers: bool,
    pub(crate) or_plain: bool,
    /// Whether the server has not confirmed the channel yet.
    pub(crate) is_new: bool,
}

impl KeptOptions {
    pub(crate) fn of(channel: &WantedChannel) -> Self {
        let creation = channel.creation_options(0);
        Self {
            history: channel.history(),
            last_id: channel.last_id(),
            max_subscribers: creation.max_subscribers,
            publish_subscribers: creation.publish_subscribers,
            or_plain: channel.or_plain,
            is_new: channel.is_new,
        }
    }

    pub(crate) fn options(&self) -> SubscribeOptions {
        let options = SubscribeOptions::new()
            .history(self.history)
            .publish_subscribers(self.publish_subscribers)
            .max_subscribers(self.max_subscribers);
        let options = if self.last_id == 0 {
            options
        } else {
            options.last_ids([self.last_id])
        };
        if self.or_plain {
            options.or_plain()
        } else {
            options
        }
    }
}

impl Kept {
    /// Returns the user id that the state belongs to.
    #[must_use]
    pub const fn user_id(&self) -> &Text {
        &self.user_id
    }

    /// Returns the region that the state belongs to, in lower case; empty if there was none.
    #[must_use]
    pub const fn region(&self) -> &Text {
        &self.region
    }

    /// Returns the number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.len()
    }
}

impl fmt::Debug for Kept {
    /// Without names: a log must not contain user ids.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kept")
            .field("channels", &self.channels.len())
            .field("friends", &self.friends.len())
            .finish_non_exhaustive()
    }
}
