//! The tokens that the name server issues for the front end. Spec: chat.md 12, name server.
//!
//! A token contains the identity, encrypted and authenticated under keys of this server, so the
//! server needs no table of tokens.

use bytes::Bytes;
use photon_proto::crypto::{Cipher, Key};
use photon_proto::{Random, Text, Timestamp, Value};
use siphasher::sip128::SipHasher24;

const MAC_BYTES: usize = 16;

/// The key of a user. Spec: chat.md 12, front end: session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) app_id: Text,
    pub(crate) app_version: Text,
    pub(crate) user_id: Text,
}

/// The reason for refusing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// The token was valid once.
    Expired,
    /// This server did not issue the token.
    Unknown,
}

pub(crate) struct Tokens {
    mac_key: [u8; 16],
    cipher_key: [u8; 32],
    cipher: Cipher,
    /// The clock of tokens minus that of the server, in microseconds: the clock of tokens continues
    /// that of an earlier server.
    clock_ahead_micros: i64,
}

impl Tokens {
    pub(crate) fn new(random: &mut Random) -> Self {
        let (mut mac_key, mut key) = ([0; 16], [0; 32]);
        random.fill("token authentication", &mut mac_key);
        random.fill("token encryption", &mut key);
        Self::from_keys(mac_key, key)
    }

    pub(crate) fn from_keys(mac_key: [u8; 16], cipher_key: [u8; 32]) -> Self {
        Self {
            mac_key,
            cipher_key,
            cipher: Cipher::new(&Key::from_bytes(cipher_key)),
            clock_ahead_micros: 0,
        }
    }

    pub(crate) const fn keys(&self) -> (&[u8; 16], &[u8; 32]) {
        (&self.mac_key, &self.cipher_key)
    }

    /// The clock of tokens.
    pub(crate) fn clock_micros(&self, now: Timestamp) -> i64 {
        now.as_micros()
            .cast_signed()
            .saturating_add(self.clock_ahead_micros)
    }

    /// Sets the clock of tokens.
    pub(crate) fn continue_at(&mut self, clock_micros: i64, now: Timestamp) {
        self.clock_ahead_micros = clock_micros.saturating_sub(now.as_micros().cast_signed());
    }

    /// Issues a token for `identity` that is valid until `expires`.
    pub(crate) fn issue(
        &self,
        random: &mut Random,
        identity: &Identity,
        expires: Timestamp,
        as_bytes: bool,
    ) -> Value {
        // The random prefix makes the tokens of equal logins differ; nothing else varies.
        let mut token = vec![0; 16];
        random.fill("token", &mut token);
        token.extend(self.clock_micros(expires).to_le_bytes());
        for text in [&identity.app_id, &identity.app_version, &identity.user_id] {
            token.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            token.extend(text.as_bytes());
        }
        token.extend(self.mac(&token));
        self.cipher.encrypt_in_place(&mut token, 0);
        if as_bytes {
            Value::Bytes(Bytes::from(token))
        } else {
            Value::String(hex(&token).into())
        }
    }

    /// Checks a token and returns the identity in it.
    pub(crate) fn check(&self, token: &Value, now: Timestamp) -> Result<Identity, BadToken> {
        let mut sealed = match token {
            Value::String(text) => unhex(text).ok_or(BadToken::Unknown)?,
            Value::Bytes(bytes) => bytes.to_vec(),
            _ => return Err(BadToken::Unknown),
        };
        let plain = self
            .cipher
            .decrypt_in_place(&mut sealed)
            .map_err(|_| BadToken::Unknown)?;
        let (content, mac) = plain
            .len()
            .checked_sub(MAC_BYTES)
            .and_then(|end| plain.split_at_checked(end))
            .ok_or(BadToken::Unknown)?;
        if mac != self.mac(content) {
            return Err(BadToken::Unknown);
        }
        let (expires, identity) = parse(content).ok_or(BadToken::Unknown)?;
        if self.clock_micros(now) >= expires {
            Err(BadToken::Expired)
        } else {
            Ok(identity)
        }
    }

    fn mac(&self, content: &[u8]) -> [u8; MAC_BYTES] {
        SipHasher24::new_with_key(&self.mac_key)
            .hash(content)
            .as_bytes()
    }
}

fn parse(content: &[u8]) -> Option<(i64, Identity)> {
    let (_random, rest) = content.split_first_chunk::<16>()?;
    let (expires, mut rest) = rest.split_first_chunk::<8>()?;
    let mut text = || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = tail;
        std::str::from_utf8(text).ok().map(Text::from)
    };
    let (app_id, app_version, user_id) = (text()?, text()?, text()?);
    Some((
        i64::from_le_bytes(*expires),
        Identity {
            app_id,
            app_version,
            user_id,
        },
    ))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            app_id: "app".into(),
            app_version: "1.0".into(),
            user_id: "älice".into(),
        }
    }

    #[test]
    fn a_token_identifies_its_user_until_it_expires() {
        let mut random = Random::new([1; 32]);
        let tokens = Tokens::new(&mut random);
        let expires = Timestamp::from_millis(1000);
        for as_bytes in [false, true] {
            let token = tokens.issue(&mut random, &identity(), expires, as_bytes);
            assert_eq!(matches!(token, Value::Bytes(_)), as_bytes);
            assert_eq!(
                tokens.check(&token, Timestamp::from_micros(999_999)),
                Ok(identity())
            );
            assert_eq!(tokens.check(&token, expires), Err(BadToken::Expired));
            assert_ne!(
                token,
                tokens.issue(&mut random, &identity(), expires, as_bytes)
            );
        }
    }

    #[test]
    fn other_tokens_are_unknown() {
        let mut random = Random::new([1; 32]);
        let tokens = Tokens::new(&mut random);
        let Value::Bytes(good) = tokens.issue(&mut random, &identity(), Timestamp::MAX, true)
        else {
            panic!()
        };
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 1;
            let checked = tokens.check(&Value::from(bad), Timestamp::ZERO);
            assert_eq!(checked, Err(BadToken::Unknown), "bit flip at {at}");
            let cut = Value::from(good.get(..at).unwrap());
            assert_eq!(
                tokens.check(&cut, Timestamp::ZERO),
                Err(BadToken::Unknown),
                "cut to {at}"
            );
        }
        let foreign = Tokens::new(&mut random);
        assert_eq!(
            foreign.check(&Value::Bytes(good), Timestamp::ZERO),
            Err(BadToken::Unknown)
        );
        for other in [
            Value::Null,
            Value::Int(3),
            "xy".into(),
            "abc".into(),
            "".into(),
        ] {
            assert_eq!(
                tokens.check(&other, Timestamp::ZERO),
                Err(BadToken::Unknown)
            );
        }
    }
}
