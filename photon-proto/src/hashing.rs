//! Keyed hashing for maps whose keys come from a peer.

use core::fmt;
use core::hash::BuildHasher;

use siphasher::sip::SipHasher13;

use crate::random::Random;

/// The secret SipHash key of hash maps whose keys a peer chooses.
///
/// Without a secret key a peer could choose keys with equal hashes, and every access would search a
/// list.
#[derive(Clone, Copy)]
pub struct HashKeys(u64, u64);

impl HashKeys {
    /// Draws a key from `random`.
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        let mut halves = [[0; 8]; 2];
        for half in &mut halves {
            random.fill("hash keys", half);
        }
        let [first, second] = halves.map(u64::from_le_bytes);
        Self(first, second)
    }
}

impl fmt::Debug for HashKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HashKeys(***)")
    }
}

impl BuildHasher for HashKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
