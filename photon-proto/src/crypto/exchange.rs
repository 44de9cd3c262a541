//! Diffie-Hellman over Oakley group 1 with generator 22. Spec: wire.md 8.1.

use core::fmt;

use crypto_bigint::U768;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::group::{self, NUMBER_BYTES, SECRET_BYTES};
use super::montgomery::PRIME;
use crate::random::Random;

/// One end of a key exchange: a secret exponent and its public key.
///
/// Client and server do the same: each sends its [`public_key`](Self::public_key) and calls
/// [`agree`](Self::agree) with the peer's. Create a new one for every connection. The secret is
/// wiped when it is dropped. Spec: wire.md 8.1.
pub struct KeyExchange {
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    public: Minimal,
}

impl KeyExchange {
    /// Draws a secret between 2 and 2^159 - 1 from `random` (label `"key exchange"`).
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
        loop {
            random.fill("key exchange", bytes.as_mut_slice());
            if acceptable(&bytes) {
                return Self::from_secret(&bytes);
            }
        }
    }

    /// Creates the exchange of a known secret exponent, 20 bytes big endian, for test vectors and
    /// for tools that decode recorded traffic. Every number is accepted, even those that
    /// [`new`](Self::new) never draws.
    #[must_use]
    pub fn from_secret(secret: &[u8; SECRET_BYTES]) -> Self {
        let public = Minimal::new(&group::power_of_generator(secret));
        let secret = Zeroizing::new(*secret);
        Self { secret, public }
    }

    /// The public key for the peer: 1 to 96 bytes, big endian, without leading zero bytes.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.public.as_slice()
    }

    /// Computes the shared key: SHA-256 of the shared value as minimal big-endian bytes.
    ///
    /// `other_public` is the peer's public key, big endian. Leading zero bytes are ignored.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`], whose variants list the rejected keys. There is no key then: end the
    /// connection.
    pub fn agree(&self, other_public: &[u8]) -> Result<Key, ExchangeError> {
        let other = parse_public(other_public)?;
        let shared = group::power(&other, &self.secret);
        if is_degenerate(&shared) {
            return Err(ExchangeError::DegenerateResult);
        }
        let shared = Zeroizing::new(Minimal::new(&shared));
        Ok(Key(Sha256::digest(shared.as_slice()).into()))
    }
}

impl fmt::Debug for KeyExchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyExchange(***)")
    }
}

/// The reason for rejecting a public key. Non-exhaustive: later versions may check more.
/// Spec: wire.md 8.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The key is empty: the peer does not take part in the exchange.
    #[error("the peer's public key is empty")]
    Empty,
    /// The key has more than 96 bytes after its leading zeroes; carries their number.
    #[error("a public key of {0} bytes is longer than 96")]
    TooLong(usize),
    /// The key is not below the prime of the group.
    #[error("the public key is not below the prime")]
    OutOfRange,
    /// The key is 0, 1 or the prime minus 1: every listener could compute the shared value.
    #[error("the public key is degenerate")]
    Degenerate,
    /// The key is valid, but the shared value is 0, 1 or the prime minus 1. Only a secret of
    /// [`KeyExchange::from_secret`] can cause this.
    #[error("the shared value is degenerate")]
    DegenerateResult,
}

/// The AES-256 key of one connection. Never printed; wiped when dropped.
pub struct Key([u8; 32]);

impl Key {
    /// Creates a key that is already known (test vectors, recorded traffic).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key. Keep them out of logs.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(***)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An element of the group as big-endian bytes without leading zeroes.
struct Minimal {
    bytes: [u8; NUMBER_BYTES],
    zeroes: usize,
}

impl Minimal {
    fn new(number: &U768) -> Self {
        let mut encoded = number.to_be_bytes();
        let mut bytes = [0; NUMBER_BYTES];
        for (to, from) in bytes.iter_mut().zip(encoded.as_slice()) {
            *to = *from;
        }
        encoded.zeroize();
        let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
        Self { bytes, zeroes }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.zeroes..).unwrap_or_default()
    }
}

impl Zeroize for Minimal {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

/// Whether 20 bytes, as a signed big-endian number, are at least 2.
fn acceptable(secret: &[u8; SECRET_BYTES]) -> bool {
    let [first, middle @ .., last] = secret;
    *first < 0x80 && (*first > 0 || middle.iter().any(|byte| *byte > 0) || *last >= 2)
}

fn parse_public(bytes: &[u8]) -> Result<U768, ExchangeError> {
    if bytes.is_empty() {
        return Err(ExchangeError::Empty);
    }
    let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeroes..).unwrap_or_default();
    if digits.len() > NUMBER_BYTES {
        return Err(ExchangeError::TooLong(digits.len()));
    }
    let mut padded = [0_u8; NUMBER_BYTES];
    for (to, from) in padded.iter_mut().rev().zip(digits.iter().rev()) {
        *to = *from;
    }
    let number = U768::from_be_slice(&padded);
    if number >= *PRIME.as_ref() {
        return Err(ExchangeError::OutOfRange);
    }
    if is_degenerate(&number) {
        return Err(ExchangeError::Degenerate);
    }
    Ok(number)
}

/// Whether a number is 0 or has order 1 or 2. No other element lies in a small subgroup, because
/// (prime - 1) / 2 is prime.
fn is_degenerate(number: &U768) -> bool {
    *number <= U768::ONE || *number == PRIME.as_ref().wrapping_sub(&U768::ONE)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use alloc::{format, string::String};

    use crypto_bigint::U768;

    use super::{ExchangeError, Key, KeyExchange, NUMBER_BYTES, PRIME, acceptable};
    use crate::crypto::unhex;
    use crate::random::Random;

    fn secret(text: &str) -> [u8; 20] {
        unhex(&format!("{text:0>40}")).try_into().unwrap()
    }

    fn error(exchange: &KeyExchange, public: &[u8]) -> Option<ExchangeError> {
        exchange.agree(public).err()
    }

    fn bytes(number: U768) -> Vec<u8> {
        number.to_be_bytes().as_slice().to_vec()
    }

    struct Vector {
        client_secret: &'static str,
        client_public: &'static str,
        key: &'static str,
    }

    // 123456789123456789, in both vectors
    const SERVER_SECRET: &str = "1b69b4bacd05f15";
    const SERVER_PUBLIC: &str = "7a8385876b28964b021a6e93edb41159f8681feddfe7494b13e858f72411d7c8f1595b5d0fa5ba004903e050ae5ad49236dde6d7afe142989195fe658515e0a8b5d296b83a4a30acefd1d6524307eb95ada6ad6d0bb78da555879cad261d072e";
    const VECTORS: [Vector; 2] = [
        // tcp_encrypted_request_16
        Vector {
            client_secret: "57c073f44143aff3e59ad6a305f96154b351c9a5",
            client_public: "1f2e8b302b20b1111c02a3ae4343093c031db6018fd63c4255fe5223fff0aedbfab84bf26cdf106d5fafcc8c07dc4cbb26050abe975d266036dc1e55e1c44726f0e6a1edccd9b152cef47057c52c36e16c4616350e88c3c8eb9826f814b9b07a",
            key: "b931258422a561405dda236f92ebc4b306ad9adafc19a8333831ea9bb85b8ff4",
        },
        // tcp_encrypted_request_18
        Vector {
            client_secret: "38528e3d9ac65c3493cfbb5911d27896cadbfdfc",
            client_public: "1776d6d2f4ee54aa6095e68a1999f0eb9f2e80075e1749e67d83b7b9dc12f4dcd7659ffd435aee229f80cdb2b4305010bfa03ba7ce4103c53ae3d5d448889f9e876685ea8d604e8e4562c08cd75f00e141708c3c3e16eab412f7eae2ba309ffb",
            key: "157c1002622626e322d8a82db3e1fda81f2f6eb93533599b8dbb3e94919a1a68",
        },
    ];

    #[test]
    fn vectors_agree_from_both_sides() {
        let server = KeyExchange::from_secret(&secret(SERVER_SECRET));
        assert_eq!(server.public_key(), unhex(SERVER_PUBLIC));
        for vector in VECTORS {
            let client = KeyExchange::from_secret(&secret(vector.client_secret));
            assert_eq!(client.public_key(), unhex(vector.client_public));
            assert_eq!(
                client
                    .agree(server.public_key())
                    .unwrap()
                    .as_bytes()
                    .as_slice(),
                unhex(vector.key)
            );
            assert_eq!(
                server
                    .agree(client.public_key())
                    .unwrap()
                    .as_bytes()
                    .as_slice(),
                unhex(vector.key)
            );
        }
    }

    #[test]
    fn short_public_key_and_short_shared_value() {
        // Found and computed with Python's integers: 95 bytes both.
        let one = KeyExchange::from_secret(&secret("123456789abcdef0123456789abcdef0123008e"));
        let two = KeyExchange::from_secret(&secret("163456789abcdef0123456789abcdef01230267"));
        let key = unhex("72c1777ac7842c876d079be155a5356f0dae7f0d53b0caf5786ad4859d4da2ab");
        assert_eq!(one.public_key().len(), NUMBER_BYTES - 1);
        assert_ne!(one.public_key()[0], 0);
        assert_eq!(
            one.agree(two.public_key()).unwrap().as_bytes().as_slice(),
            key
        );
        for zeroes in [0, 1, 5] {
            let mut padded = alloc::vec![0; zeroes];
            padded.extend(one.public_key());
            assert_eq!(two.agree(&padded).unwrap().as_bytes().as_slice(), key);
        }
    }

    #[test]
    fn drawn_secrets_agree_and_differ() {
        let mut random = Random::new([5; 32]);
        let (one, two) = (KeyExchange::new(&mut random), KeyExchange::new(&mut random));
        assert_ne!(one.public_key(), two.public_key());
        let key = one.agree(two.public_key()).unwrap();
        assert_eq!(
            key.as_bytes(),
            two.agree(one.public_key()).unwrap().as_bytes()
        );
        assert_eq!(
            one.public_key(),
            KeyExchange::new(&mut Random::new([5; 32])).public_key()
        );
    }

    #[test]
    fn secrets_are_at_least_two_and_positive() {
        for (text, good) in [
            ("0", false),
            ("1", false),
            ("2", true),
            ("100", true),
            ("7fffffffffffffffffffffffffffffffffffffff", true),
            ("8000000000000000000000000000000000000000", false),
            ("ffffffffffffffffffffffffffffffffffffffff", false),
            ("0100000000000000000000000000000000000000", true),
        ] {
            assert_eq!(acceptable(&secret(text)), good, "{text}");
        }
    }

    #[test]
    fn degenerate_keys_are_refused() {
        let prime = *PRIME.as_ref();
        let exchange = KeyExchange::from_secret(&secret(SERVER_SECRET));
        assert_eq!(error(&exchange, &[]), Some(ExchangeError::Empty));
        assert_eq!(error(&exchange, &[0]), Some(ExchangeError::Degenerate));
        assert_eq!(error(&exchange, &[0; 500]), Some(ExchangeError::Degenerate));
        assert_eq!(error(&exchange, &[1]), Some(ExchangeError::Degenerate));
        assert_eq!(error(&exchange, &[0, 1]), Some(ExchangeError::Degenerate));
        assert_eq!(
            error(&exchange, &bytes(prime.wrapping_sub(&U768::ONE))),
            Some(ExchangeError::Degenerate)
        );
        assert_eq!(
            error(&exchange, &bytes(prime)),
            Some(ExchangeError::OutOfRange)
        );
        assert_eq!(
            error(&exchange, &bytes(prime.wrapping_add(&U768::ONE))),
            Some(ExchangeError::OutOfRange)
        );
        assert_eq!(
            error(&exchange, &[0xFF; 96]),
            Some(ExchangeError::OutOfRange)
        );
        assert_eq!(
            error(&exchange, &[0xFF; 97]),
            Some(ExchangeError::TooLong(97))
        );
        assert_eq!(
            error(&exchange, &[1; 100_000]),
            Some(ExchangeError::TooLong(100_000))
        );
        assert_eq!(error(&exchange, &[2]), None);
        assert_eq!(
            error(&exchange, &bytes(prime.wrapping_sub(&U768::from_u8(2)))),
            None
        );
    }

    #[test]
    fn degenerate_shared_value_is_refused() {
        let exchange = KeyExchange::from_secret(&[0; 20]);
        assert_eq!(exchange.public_key(), [1]);
        assert_eq!(
            error(&exchange, &[2]),
            Some(ExchangeError::DegenerateResult)
        );
    }

    #[test]
    fn all_bits_of_the_largest_secret_are_used() {
        // Computed with Python's integers.
        let public = unhex(
            "c7195e0c74fe5b897d86e15d1e34582955f979169a6434dd4958a4866a21719ff2a932a776cdb9be26f406c0b8239276bf0211d6c5b5038287ab08e48c674133494f84253d519d6d403abce23c4ff54d6c5a23360c68cc3af1ebd708390e8a66",
        );
        assert_eq!(KeyExchange::from_secret(&[0xFF; 20]).public_key(), public);
    }

    #[test]
    fn debug_shows_no_secret() {
        let exchange = KeyExchange::from_secret(&[0xAB; 20]);
        let shown = [
            format!("{exchange:?}"),
            format!("{:?}", Key::from_bytes([0xAB; 32])),
        ];
        assert_eq!(
            shown,
            [String::from("KeyExchange(***)"), String::from("Key(***)")]
        );
    }
}
