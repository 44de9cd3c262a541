//! Stand-in without the `encryption` feature: there are no ciphers, so nothing is ever encrypted or decrypted.

use crate::error::DecodeError;
use alloc::vec::Vec;

/// A cipher that cannot exist.
#[derive(Debug)]
pub enum Cipher {}

impl Cipher {
    /// Never called: there is no cipher to call it on.
    pub fn encrypt_in_place(&self, _buffer: &mut Vec<u8>, _from: usize) {
        match *self {}
    }

    /// Never called: there is no cipher to call it on.
    ///
    /// # Errors
    /// None.
    pub fn decrypt_in_place<'a>(&self, _body: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
        match *self {}
    }
}
