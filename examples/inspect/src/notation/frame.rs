//! Converts frames from and to the notation.

use super::NotationError;
use super::message::{message, message_to_json};
use super::read::{self, Result, byte, field, int, text};
use crate::frame::Frame;
use photon_proto::Protocol;
use photon_proto::tcp::Delivery;
use serde_json::{Value as Json, json};

/// Converts a frame.
///
/// | `t` | other keys |
/// | --- | --- |
/// | `tcp` | `channel`, `reliability` (the delivery byte), `message` |
/// | `tcp_ping_request` | `client_time` |
/// | `tcp_ping_response` | `server_time`, `client_time` |
/// | `ws_message` | `message`, without a header |
#[must_use]
pub fn frame_to_json(frame: &Frame) -> Json {
    match frame {
        Frame::Tcp {
            channel,
            delivery,
            message,
        } => {
            json!({"t": "tcp", "channel": channel, "reliability": delivery, "message": message_to_json(message)})
        }
        Frame::PingRequest { client_time } => {
            json!({"t": "tcp_ping_request", "client_time": client_time})
        }
        Frame::PingResponse {
            server_time,
            client_time,
        } => {
            json!({"t": "tcp_ping_response", "server_time": server_time, "client_time": client_time})
        }
        Frame::WebSocket(message) => {
            json!({"t": "ws_message", "message": message_to_json(message)})
        }
    }
}

/// Converts JSON to a frame.
///
/// # Errors
/// As [`message_from_json`](super::message_from_json).
pub fn frame_from_json(
    json: &Json,
    protocol: Protocol,
) -> core::result::Result<Frame, NotationError> {
    frame(json, protocol).map_err(NotationError::rooted)
}

fn frame(json: &Json, protocol: Protocol) -> Result<Frame> {
    let map = read::object(json)?;
    let message = || field(map, "message", |json| message(json, protocol));
    Ok(match field(map, "t", text)? {
        "tcp" => Frame::Tcp {
            channel: field(map, "channel", byte)?,
            delivery: field(map, "reliability", |json| {
                let delivery = byte(json)
                    .ok()
                    .filter(|&code| Delivery::from_code(code).is_some());
                delivery.ok_or_else(|| NotationError::new("an integer from 0 to 3"))
            })?,
            message: message()?,
        },
        "tcp_ping_request" => Frame::PingRequest {
            client_time: field(map, "client_time", int)?,
        },
        "tcp_ping_response" => Frame::PingResponse {
            server_time: field(map, "server_time", int)?,
            client_time: field(map, "client_time", int)?,
        },
        "ws_message" => Frame::WebSocket(message()?),
        _ => return Err(NotationError::new("the name of a frame type").within(format_args!(".t"))),
    })
}
