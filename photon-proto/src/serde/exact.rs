//! The form of a value in formats that are not human-readable: its protocol, and its bytes.

use super::MAX_DEPTH;
use crate::codec::{self, Protocol};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::limits::Limits;
use crate::value::Value;
use alloc::vec::Vec;

/// Stored values may be larger than messages, but not without a limit: the bytes may come from
/// anywhere.
const LIMITS: Limits = Limits {
    max_received_bytes: usize::MAX,
    max_sent_bytes: usize::MAX,
    max_depth: MAX_DEPTH,
    max_values: 1024 * 1024,
    max_memory_bytes: 64 * 1024 * 1024,
};

const PROTOCOLS: [(u8, Protocol); 2] = [(18, Protocol::V18), (16, Protocol::V16)];

/// Encodes in GpBinary 1.8, or in 1.6, which alone has arrays of messages.
pub(super) fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let encode = |(code, protocol)| {
        let mut bytes = alloc::vec![code];
        bytes.extend(codec::encode_value(protocol, &LIMITS, value)?);
        Ok(bytes)
    };
    let [newer, older] = PROTOCOLS;
    encode(newer).or_else(|error: EncodeError| {
        // 1.6 changes the type of some arrays (wire.md 4.1). A stored value must be the same later.
        let bytes = encode(older).ok();
        bytes
            .filter(|bytes| decode(bytes).as_ref() == Ok(value))
            .ok_or(error)
    })
}

pub(super) fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let Some((&code, value)) = bytes.split_first() else {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, 0, "protocol"));
    };
    match PROTOCOLS.iter().find(|(known, _)| *known == code) {
        Some((_, protocol)) => {
            codec::decode_value(*protocol, &LIMITS, value).map_err(|error| error.shifted(1))
        }
        None => Err(DecodeError::new(
            DecodeErrorKind::UnknownType(code),
            0,
            "protocol",
        )),
    }
}
