//! Replacement of the module without the `encryption` feature: no cipher exists, so nothing is
//! encrypted or decrypted.

use crate::error::DecodeError;
use alloc::vec::Vec;

/// A cipher, of which none can exist.
#[derive(Debug)]
pub enum Cipher {}

impl Cipher {
    /// Never called, because no cipher exists.
    pub fn encrypt_in_place(&self, _buffer: &mut Vec<u8>, _from: usize) {
        match *self {}
    }

    /// Never called, because no cipher exists.
    ///
    /// # Errors
    /// None.
    pub fn decrypt_in_place<'a>(&self, _body: &'a mut [u8]) -> Result<&'a [u8], DecodeError> {
        match *self {}
    }
}
