//! Converts messages from and to the notation.

use super::NotationError;
use super::read::{self, Result, boolean, byte, bytes, field, optional, short, text};
use super::write::{parameters, renamed, value_to_json, written};
use crate::hex;
use crate::message::{InitBody, Message};
use photon_proto::Protocol;
use photon_proto::crypto::Key;
use photon_proto::message::Init;
use serde_json::{Value as Json, json};

/// Converts a message.
///
/// | `t` | other keys |
/// | --- | --- |
/// | `request`, `internal_request` | `op`, `params` |
/// | `response`, `internal_response` | `op`, `ret`, `msg` (text or null), `params` |
/// | `event` | `code`, `params` |
/// | `disconnect` | `code`, `msg`, `params` |
/// | `init` | `protocol` (two numbers), `sdk_id`, `release_flag` (0 or 1), `ipv6`, `client_version` (four numbers), `app_id` |
/// | `init_response` | nothing for the usual single zero byte; else `trailing_value`, the value after that byte, or `hex`, the whole body |
/// | `http_init` | `app_id`, `client_version`, `protocol_name`, `sid`, `host`, `token`, `ipv6` if true; it is decoded but not encoded |
/// | `value_message` | `v`: the value |
/// | `raw` | `hex` |
/// | `encrypted`, without a key | `message_type`, `cipher_len`, `hex` |
/// | `encrypted`, with one | `message_type`, `plaintext`, `inner`: the decrypted message |
#[must_use]
pub fn message_to_json(message: &Message) -> Json {
    match message {
        Message::Init(init) => json!({
            "t": "init", "protocol": init.protocol, "sdk_id": init.sdk >> 1, "release_flag": init.sdk & 1,
            "ipv6": init.ipv6, "client_version": init.version, "app_id": init.application.as_str(),
        }),
        Message::HttpInit(init) => {
            let mut json = json!({
                "t": "http_init", "app_id": init.application.as_str(), "client_version": init.version.as_str(),
                "protocol_name": init.protocol.name(), "sid": init.sdk, "host": init.host.as_str(),
                "token": value_to_json(&init.token),
            });
            if init.ipv6 {
                json["ipv6"] = true.into();
            }
            json
        }
        Message::InitResponse(InitBody::Usual) => json!({"t": "init_response"}),
        Message::InitResponse(InitBody::Value(value)) => {
            json!({"t": "init_response", "trailing_value": value_to_json(value)})
        }
        Message::InitResponse(InitBody::Other(body)) => {
            json!({"t": "init_response", "hex": hex::encode(body)})
        }
        Message::Request {
            internal,
            request: message,
        } => renamed(
            message,
            if *internal {
                "internal_request"
            } else {
                "request"
            },
        ),
        Message::Response {
            internal,
            response: message,
        } => renamed(
            message,
            if *internal {
                "internal_response"
            } else {
                "response"
            },
        ),
        Message::Event(message) => written(message),
        Message::Disconnect {
            code,
            debug_message,
            parameters: all,
        } => {
            json!({"t": "disconnect", "code": code, "msg": debug_message.as_deref(), "params": parameters(all)})
        }
        Message::Value(value) => json!({"t": "value_message", "v": value_to_json(value)}),
        Message::Raw(body) => json!({"t": "raw", "hex": hex::encode(body)}),
        Message::Encrypted {
            message_type,
            ciphertext,
        } => json!({
            "t": "encrypted", "message_type": message_type, "cipher_len": ciphertext.len(),
            "hex": hex::encode(ciphertext),
        }),
        Message::Sealed {
            inner, plaintext, ..
        } => json!({
            "t": "encrypted", "message_type": inner.message_type(), "plaintext": hex::encode(plaintext),
            "inner": message_to_json(inner),
        }),
    }
}

/// Converts JSON to a message.
///
/// An `encrypted` message with `inner` is encrypted when it is encoded, with the key in its
/// `aes_key` if it has one. Without `inner` its `hex` is used unchanged. An `init` without
/// `protocol` has the protocol that is given here.
///
/// # Errors
/// As [`value_from_json`](super::value_from_json).
pub fn message_from_json(
    json: &Json,
    protocol: Protocol,
) -> core::result::Result<Message, NotationError> {
    message(json, protocol).map_err(NotationError::rooted)
}

pub(super) fn message(json: &Json, protocol: Protocol) -> Result<Message> {
    let map = read::object(json)?;
    let t = field(map, "t", text)?;
    Ok(match t {
        "request" | "internal_request" => Message::Request {
            internal: t == "internal_request",
            request: read::renamed(map, "request")?,
        },
        "response" | "internal_response" => Message::Response {
            internal: t == "internal_response",
            response: read::renamed(map, "response")?,
        },
        "event" => Message::Event(read::value(json)?),
        "disconnect" => Message::Disconnect {
            code: field(map, "code", short)?,
            debug_message: read::debug_message(map)?,
            parameters: read::parameters(map)?,
        },
        "init" => Message::Init(init(map, protocol)?),
        "init_response" => Message::InitResponse(
            if let Some(value) = optional(map, "trailing_value", read::value)? {
                InitBody::Value(value)
            } else if let Some(body) = optional(map, "hex", bytes)? {
                InitBody::Other(body)
            } else {
                InitBody::Usual
            },
        ),
        "value_message" => Message::Value(field(map, "v", read::value)?),
        "raw" => Message::Raw(field(map, "hex", bytes)?),
        "encrypted" => encrypted(map, protocol)?,
        "http_init" => {
            let error =
                NotationError::new("a message that can be encoded; http_init is only decoded");
            return Err(error.within(format_args!(".t")));
        }
        _ => {
            return Err(NotationError::new("the name of a message type").within(format_args!(".t")));
        }
    })
}

fn init(map: &read::Object, protocol: Protocol) -> Result<Init> {
    let sdk_id = field(map, "sdk_id", |json| {
        at_most(byte(json)?, 127, "an integer from 0 to 127")
    })?;
    let release = field(map, "release_flag", |json| match json {
        Json::Bool(flag) => Ok(u8::from(*flag)),
        json => at_most(byte(json)?, 1, "0 or 1"),
    })?;
    let version: [u8; 4] = field(map, "client_version", numbers)?;
    let [first, second, ..] = version;
    if first > 7 || second > 15 {
        let error = NotationError::new("a first number up to 7 and a second up to 15");
        return Err(error.within(format_args!(".client_version")));
    }
    Ok(Init {
        protocol: optional(map, "protocol", numbers)?.unwrap_or(protocol.version()),
        sdk: sdk_id << 1 | release,
        ipv6: optional(map, "ipv6", boolean)?.unwrap_or(false),
        version,
        application: field(map, "app_id", text)?.into(),
    })
}

fn at_most(number: u8, max: u8, expected: &'static str) -> Result<u8> {
    if number <= max {
        Ok(number)
    } else {
        Err(NotationError::new(expected))
    }
}

fn numbers<const N: usize>(json: &Json) -> Result<[u8; N]> {
    let all: Option<Vec<u8>> = json
        .as_array()
        .and_then(|all| all.iter().map(|one| byte(one).ok()).collect());
    all.and_then(|all| all.try_into().ok())
        .ok_or_else(|| NotationError::new(format!("a list of {N} integers from 0 to 255")))
}

fn encrypted(map: &read::Object, protocol: Protocol) -> Result<Message> {
    if map.contains_key("inner") {
        let inner = field(map, "inner", |json| {
            // Checked before the recursive call: encrypted messages could otherwise be nested
            // without limit.
            let inner = message_name(json)?;
            if matches!(
                inner,
                "encrypted" | "init" | "http_init" | "init_response" | "disconnect"
            ) {
                return Err(NotationError::new("a message that can be encrypted")
                    .within(format_args!(".t")));
            }
            message(json, protocol)
        })?;
        let key = optional(map, "aes_key", |json| {
            let key = <[u8; 32]>::try_from(bytes(json)?);
            key.map(Key::from_bytes)
                .map_err(|_| NotationError::new("64 hex digits"))
        })?;
        return Ok(Message::Sealed {
            inner: Box::new(inner),
            plaintext: Vec::new(),
            key,
        });
    }
    Ok(Message::Encrypted {
        message_type: field(map, "message_type", |json| {
            at_most(byte(json)?, 127, "an integer from 0 to 127")
        })?,
        ciphertext: field(map, "hex", bytes)?,
    })
}

fn message_name(json: &Json) -> Result<&str> {
    field(read::object(json)?, "t", text)
}
