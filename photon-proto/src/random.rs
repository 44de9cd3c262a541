//! Random numbers from one seed. The caller supplies the entropy; every draw from it can be
//! reproduced.

use core::fmt;

use sha2::{Digest, Sha256};

/// A deterministic stream of random bytes: SHA-256 over the seed, the label of the use, and a
/// counter.
///
/// The same seed and the same order of draws give the same bytes. The stream is only as
/// unpredictable as its seed, and the secrets of the key exchange come from it: take the seed from
/// the operating system. It is not `Clone`, because two copies would return the same numbers.
pub struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    /// Creates the stream of `seed`.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// Fills `out`. `label` names the use, for example `"key exchange"`. Different uses never share
    /// a hash input, so that a number that the peer sees reveals nothing about a secret.
    pub fn fill(&mut self, label: &'static str, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let mut block = self.block(label);
            for (to, from) in chunk.iter_mut().zip(&block) {
                *to = *from;
            }
            wipe(&mut block);
        }
    }

    /// Draws a number. Every value of `u32` has the same probability.
    #[must_use]
    pub fn u32(&mut self, label: &'static str) -> u32 {
        let mut bytes = [0; 4];
        self.fill(label, &mut bytes);
        u32::from_be_bytes(bytes)
    }

    fn block(&mut self, label: &'static str) -> [u8; 32] {
        let hash = Sha256::new()
            .chain_update(self.seed)
            // The length separates the label from the counter behind it.
            .chain_update((label.len() as u64).to_be_bytes())
            .chain_update(label)
            .chain_update(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        hash.finalize().into()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Random(***)")
    }
}

#[cfg(feature = "encryption")]
fn wipe(bytes: &mut [u8; 32]) {
    zeroize::Zeroize::zeroize(bytes);
}

/// Without the key exchange no draw is secret.
#[cfg(not(feature = "encryption"))]
fn wipe(_: &mut [u8; 32]) {}

#[cfg(feature = "encryption")]
impl Drop for Random {
    fn drop(&mut self) {
        wipe(&mut self.seed);
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use sha2::{Digest, Sha256};

    use super::Random;

    fn draw<const N: usize>(random: &mut Random, label: &'static str) -> [u8; N] {
        let mut out = [0; N];
        random.fill(label, &mut out);
        out
    }

    #[test]
    fn same_seed_and_draws_give_the_same_bytes() {
        let (mut one, mut two) = (Random::new([7; 32]), Random::new([7; 32]));
        for _ in 0..3 {
            assert_eq!(draw::<40>(&mut one, "a"), draw::<40>(&mut two, "a"));
            assert_eq!(one.u32("b"), two.u32("b"));
        }
    }

    #[test]
    fn seed_label_and_position_all_count() {
        let first: [u8; 32] = draw(&mut Random::new([7; 32]), "a");
        assert_ne!(first, draw(&mut Random::new([8; 32]), "a"));
        assert_ne!(first, draw(&mut Random::new([7; 32]), "b"));
        let mut random = Random::new([7; 32]);
        assert_eq!(first, draw(&mut random, "a"));
        assert_ne!(first, draw(&mut random, "a"));
    }

    #[test]
    fn the_stream_is_the_documented_hash() {
        let mut out = [0; 33];
        Random::new([9; 32]).fill("xy", &mut out);
        for (counter, chunk) in out.chunks(32).enumerate() {
            let mut input = alloc::vec![9_u8; 32];
            input.extend([0, 0, 0, 0, 0, 0, 0, 2, b'x', b'y', 0, 0, 0, 0, 0, 0, 0]);
            input.push(u8::try_from(counter).unwrap());
            assert_eq!(chunk, &Sha256::digest(&input)[..chunk.len()]);
        }
    }

    #[test]
    fn nothing_to_fill_draws_nothing() {
        let (mut one, mut two) = (Random::new([7; 32]), Random::new([7; 32]));
        one.fill("a", &mut []);
        assert_eq!(one.u32("a"), two.u32("a"));
    }

    #[test]
    fn debug_hides_the_seed() {
        assert_eq!(format!("{:?}", Random::new([7; 32])), "Random(***)");
    }
}
