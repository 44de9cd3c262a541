//! How channels are found: by name ([`NameMap`]) and by key ([`ChannelKey`]).

use hashbrown::HashMap;
use photon_proto::{HashKeys, Text};

/// A map from names to `V`. A secret keys its hashes, because a server that chooses the names could
/// otherwise choose ones that collide.
pub(crate) type NameMap<V> = HashMap<Text, V, HashKeys>;

/// Identifies a channel without its name. A key is never used again, so one that was kept too long
/// finds nothing rather than another channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelKey {
    pub(super) private: bool,
    /// The channel's place in the table. Another channel may get it later.
    pub(super) slot: u32,
    /// Ascends in the order of first subscription or first message.
    pub(super) number: u64,
}

#[cfg(test)]
impl ChannelKey {
    pub(crate) const fn for_tests() -> Self {
        Self {
            private: false,
            slot: 0,
            number: 0,
        }
    }
}
