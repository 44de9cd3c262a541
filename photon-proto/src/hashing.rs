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

    /// The key, to be stored with hashes that are compared later.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.0) << 64 | u128::from(self.1)).to_be_bytes()
    }

    /// The key that [`HashKeys::to_bytes`] returned.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self((both >> 64) as u64, both as u64)
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
