//! Internal operations, about the connection itself: ping and key exchange. Spec: wire.md 8.

use crate::codec::Params;
use crate::codec::Protocol;
use crate::codec::ValueRef;
use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::message::MessageWriter;
use alloc::vec::Vec;

/// The operation code of the key exchange. Spec: wire.md 8.1.
pub const INIT_ENCRYPTION: u8 = 0;
/// The operation code of the ping, for carriers without a ping of their own. Spec: wire.md 8.4.
pub const PING: u8 = 1;

/// The parameter of the sender's public key (key exchange) or of the client's time (ping).
/// Spec: wire.md 8.
const FIRST: u8 = 1;
/// The parameter of the server's time (ping response). Spec: wire.md 8.
const SECOND: u8 = 2;

/// Appends a key exchange request with the client's public key. Spec: wire.md 8.1.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_key_request(
    buffer: &mut Vec<u8>,
    protocol: Protocol,
    limits: &Limits,
    public_key: &[u8],
) -> Result<(), EncodeError> {
    let mut writer = MessageWriter::internal_request(buffer, protocol, limits, INIT_ENCRYPTION)?;
    writer.put(FIRST, public_key)?;
    writer.finish()
}

/// Appends a key exchange response with the server's public key. A response without a key rejects
/// the exchange.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_key_response(
    buffer: &mut Vec<u8>,
    protocol: Protocol,
    limits: &Limits,
    return_code: i16,
    public_key: Option<&[u8]>,
) -> Result<(), EncodeError> {
    let mut writer = MessageWriter::internal_response(
        buffer,
        protocol,
        limits,
        INIT_ENCRYPTION,
        return_code,
        None,
    )?;
    if let Some(public_key) = public_key {
        writer.put(FIRST, public_key)?;
    }
    writer.finish()
}

/// Decodes the peer's public key in a key exchange message, if it has one.
///
/// # Errors
/// [`DecodeError`] if the parameters are malformed.
pub fn public_key<'a>(params: &mut Params<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    match params.pick([FIRST])? {
        [Some(ValueRef::Bytes(key))] => Ok(Some(key)),
        _ => Ok(None),
    }
}

/// Appends a ping with the client's time in milliseconds. Spec: wire.md 8.4.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_ping_request(
    buffer: &mut Vec<u8>,
    protocol: Protocol,
    limits: &Limits,
    client_time: i32,
) -> Result<(), EncodeError> {
    let mut writer = MessageWriter::internal_request(buffer, protocol, limits, PING)?;
    writer.put(FIRST, &client_time)?;
    writer.finish()
}

/// Appends the answer to a ping. Both times are in milliseconds.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_ping_response(
    buffer: &mut Vec<u8>,
    protocol: Protocol,
    limits: &Limits,
    client_time: i32,
    server_time: i32,
) -> Result<(), EncodeError> {
    let mut writer = MessageWriter::internal_response(buffer, protocol, limits, PING, 0, None)?;
    writer.put(FIRST, &client_time)?;
    writer.put(SECOND, &server_time)?;
    writer.finish()
}

/// Decodes the client's time and, in a response, the server's time of a ping.
///
/// # Errors
/// [`DecodeError`] if the parameters are malformed.
pub fn ping_times(params: &mut Params<'_>) -> Result<(Option<i32>, Option<i32>), DecodeError> {
    let [client, server] = params.pick([FIRST, SECOND])?;
    Ok((
        client.and_then(|time| time.as_int()),
        server.and_then(|time| time.as_int()),
    ))
}
