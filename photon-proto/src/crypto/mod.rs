//! Key exchange and message encryption. Spec: wire.md 8.1, 8.2.
//!
//! The encryption protects against passive listeners only: the protocol authenticates neither the
//! peer nor the messages.

mod cipher;
mod exchange;
mod group;
mod montgomery;

pub use cipher::Cipher;
pub use exchange::{ExchangeError, Key, KeyExchange};

#[cfg(test)]
fn unhex(text: &str) -> alloc::vec::Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
