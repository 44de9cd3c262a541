//! Hash maps with a secret key: clients choose the map keys and could otherwise make them collide.

pub(crate) use photon_proto::HashKeys;

/// A hash map whose keys come from clients.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, HashKeys>;
