//! Encryption of message bodies: AES-256-CBC, zero IV, PKCS#7 padding. Spec: wire.md 8.2.

use alloc::vec::Vec;
use core::fmt;

use aes::Aes256;
use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};

use super::Key;
use crate::error::{DecodeError, DecodeErrorKind};

/// The block length of AES, which is also the length of the IV. Spec: wire.md 8.2.
const BLOCK_BYTES: usize = 16;

/// Encrypts and decrypts message bodies with one [`Key`], whose schedule is computed once.
///
/// The protocol has two weaknesses: equal bodies give equal ciphertext, and a forged body is not
/// detected. Spec: wire.md 8.2.
pub struct Cipher {
    aes: Aes256,
}

impl Cipher {
    /// Creates a cipher with a copy of `key`.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self {
            aes: Aes256::new(key.as_bytes().into()),
        }
    }

    /// The length of the ciphertext of `plain_bytes` bytes: the next multiple of 16, never the same
    /// length.
    #[must_use]
    pub const fn encrypted_len(plain_bytes: usize) -> usize {
        plain_bytes.saturating_add(BLOCK_BYTES - plain_bytes % BLOCK_BYTES)
    }

    /// Encrypts `buffer[from..]` in place and appends the padding, 1 to 16 bytes. A `from` beyond
    /// the end counts as the end, so that one block of padding is appended.
    pub fn encrypt_in_place(&self, buffer: &mut Vec<u8>, from: usize) {
        let from = from.min(buffer.len());
        let plain_bytes = buffer.len() - from;
        let padding = BLOCK_BYTES - plain_bytes % BLOCK_BYTES;
        buffer.resize(buffer.len() + padding, padding as u8);
        let body = buffer.get_mut(from..).unwrap_or_default();
        let (blocks, _) = Array::slice_as_chunks_mut(body);
        cbc::Encryptor::inner_iv_init(&self.aes, &Array::default()).encrypt_blocks(blocks);
    }

    /// Decrypts `body` in place and returns it without its padding.
    ///
    /// # Errors
    ///
    /// [`DecodeErrorKind::BadCiphertext`], with an offset from the start of `body`, if the length
    /// is not a positive multiple of 16 (`body` is then unchanged) or the padding is wrong (most
    /// likely the key is).
    pub fn decrypt_in_place<'a>(&self, body: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
        let (blocks, rest) = Array::slice_as_chunks_mut(body);
        if blocks.is_empty() || !rest.is_empty() {
            let whole = blocks.len() * BLOCK_BYTES;
            return Err(DecodeError::new(
                DecodeErrorKind::BadCiphertext,
                whole,
                "ciphertext length",
            ));
        }
        cbc::Decryptor::inner_iv_init(&self.aes, &Array::default()).decrypt_blocks(blocks);
        unpad(body).ok_or(DecodeError::new(
            DecodeErrorKind::BadCiphertext,
            // The padding is at the end of the last block.
            body.len() - 1,
            "ciphertext padding",
        ))
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Cipher(***)")
    }
}

fn unpad(body: &[u8]) -> Option<&[u8]> {
    let count = *body.last()?;
    if !(1..=BLOCK_BYTES).contains(&usize::from(count)) {
        return None;
    }
    let (plain, padding) = body.split_at_checked(body.len().checked_sub(count.into())?)?;
    padding.iter().all(|byte| *byte == count).then_some(plain)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::Cipher;
    use crate::crypto::{Key, unhex};
    use crate::error::DecodeErrorKind;

    const KEY_16: &str = "b931258422a561405dda236f92ebc4b306ad9adafc19a8333831ea9bb85b8ff4";
    const KEY_18: &str = "157c1002622626e322d8a82db3e1fda81f2f6eb93533599b8dbb3e94919a1a68";

    fn cipher(key: &str) -> Cipher {
        Cipher::new(&Key::from_bytes(unhex(key).try_into().unwrap()))
    }

    #[test]
    fn vectors_in_both_directions() {
        for (key, plain, encrypted) in [
            // tcp_encrypted_request_16, tcp_encrypted_response_16, then the same of 18
            (
                KEY_16,
                "e60002e0730003617070e173000475736572",
                "3ca7beb1979e718f2cd37b2d43e5fef303c083ba513b273d54adcb98375f0261",
            ),
            (
                KEY_16,
                "e600002a000105730002796f",
                "d6878ffa484b685bc45ac6651ab10c5d",
            ),
            (
                KEY_18,
                "e602e00703617070e1070475736572",
                "ea036e65a2de2692d8109993ef221ba7",
            ),
            (
                KEY_18,
                "e600000801050702796f",
                "f51f3069db2044287bede4418259e9b5",
            ),
        ] {
            let cipher = cipher(key);
            let mut buffer = unhex("f382");
            buffer.extend(unhex(plain));
            cipher.encrypt_in_place(&mut buffer, 2);
            assert_eq!(buffer[..2], [0xF3, 0x82]);
            assert_eq!(buffer[2..], unhex(encrypted));
            assert_eq!(
                cipher.decrypt_in_place(&mut buffer[2..]).unwrap(),
                unhex(plain)
            );
        }
    }

    #[test]
    fn every_length_round_trips() {
        let cipher = cipher(KEY_16);
        for length in 0..300_usize {
            let plain: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
            let mut buffer = plain.clone();
            cipher.encrypt_in_place(&mut buffer, 0);
            assert_eq!(buffer.len(), Cipher::encrypted_len(length));
            assert_eq!(cipher.decrypt_in_place(&mut buffer).unwrap(), plain);
        }
        assert_eq!(Cipher::encrypted_len(15), 16);
        assert_eq!(Cipher::encrypted_len(16), 32);
        assert_eq!(Cipher::encrypted_len(usize::MAX), usize::MAX);
    }

    #[test]
    fn start_beyond_the_end_is_the_end() {
        let cipher = cipher(KEY_16);
        let mut buffer = unhex("0102");
        cipher.encrypt_in_place(&mut buffer, 99);
        assert_eq!((buffer.len(), &buffer[..2]), (18, [1, 2].as_slice()));
        assert_eq!(cipher.decrypt_in_place(&mut buffer[2..]).unwrap(), []);
    }

    #[test]
    fn lengths_that_are_no_positive_multiple_of_16_are_refused_unchanged() {
        let cipher = cipher(KEY_16);
        for length in (0..100_usize).filter(|length| *length == 0 || length % 16 != 0) {
            let mut body = alloc::vec![0x5A; length];
            let error = cipher.decrypt_in_place(&mut body).unwrap_err();
            assert_eq!(
                (error.kind, error.offset),
                (DecodeErrorKind::BadCiphertext, length / 16 * 16)
            );
            assert!(body.iter().all(|byte| *byte == 0x5A));
        }
    }

    /// Encrypts one block as it is, without padding it.
    fn raw(cipher: &Cipher, block: [u8; 16]) -> Vec<u8> {
        let mut buffer = block.to_vec();
        cipher.encrypt_in_place(&mut buffer, 0);
        buffer.truncate(16);
        buffer
    }

    #[test]
    fn wrong_padding_is_refused() {
        let cipher = cipher(KEY_16);
        for last in 0..=255_u8 {
            let mut block = [0xEE; 16];
            block[15] = last;
            let result = cipher
                .decrypt_in_place(&mut raw(&cipher, block))
                .map(<[u8]>::len);
            if last == 1 {
                assert_eq!(result, Ok(15));
            } else {
                let error = result.unwrap_err();
                assert_eq!(
                    (error.kind, error.offset),
                    (DecodeErrorKind::BadCiphertext, 15)
                );
            }
        }
        for count in 2..=16_usize {
            let mut block = [0xEE; 16];
            block[16 - count..].fill(count as u8);
            assert_eq!(
                cipher
                    .decrypt_in_place(&mut raw(&cipher, block))
                    .map(<[u8]>::len),
                Ok(16 - count)
            );
            block[16 - count] ^= 1;
            assert!(cipher.decrypt_in_place(&mut raw(&cipher, block)).is_err());
        }
    }

    #[test]
    fn padding_of_more_than_a_block_is_refused() {
        let cipher = cipher(KEY_16);
        let mut body = alloc::vec![17; 32];
        cipher.encrypt_in_place(&mut body, 0);
        assert!(cipher.decrypt_in_place(&mut body[..32]).is_err());
    }

    #[test]
    fn wrong_key_is_noticed_by_the_padding() {
        let mut body = Vec::new();
        cipher(KEY_16).encrypt_in_place(&mut body, 0);
        assert_eq!(
            cipher(KEY_18).decrypt_in_place(&mut body).unwrap_err().kind,
            DecodeErrorKind::BadCiphertext
        );
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?} {:#?}", cipher(KEY_16), cipher(KEY_16)),
            "Cipher(***) Cipher(***)"
        );
    }
}
