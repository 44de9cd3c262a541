//! Hash maps whose keys come from clients: hashed under a key that clients cannot know.

pub(crate) use photon_proto::HashKeys;

/// A hash map keyed by what clients send.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, HashKeys>;
