//! Hash maps whose keys come from clients: hashed with SipHash under a key that clients cannot know.

use std::hash::BuildHasher;

use photon_proto::Random;
use siphasher::sip::SipHasher13;

/// A hash map keyed by what clients send.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, HashKeys>;

/// The secret key of all maps of one server.
#[derive(Clone, Copy)]
pub(crate) struct HashKeys(u64, u64);

impl HashKeys {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut bytes = [[0; 8]; 2];
        for half in &mut bytes {
            random.fill("hash keys", half);
        }
        let [first, second] = bytes.map(u64::from_le_bytes);
        Self(first, second)
    }
}

impl BuildHasher for HashKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
