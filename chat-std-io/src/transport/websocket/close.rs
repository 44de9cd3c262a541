//! The end of a WebSocket: its meaning for the client, and the answer for the server.

use crate::transport::LinkEnd;
use crate::transport::io_error::to_link_error;
use chat_core::{LinkError, LinkErrorKind, Text};
use std::io::ErrorKind;
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

/// A close frame that the server is still owed.
pub(super) enum Answer {
    /// The echo of its own close, which tungstenite has queued.
    Echo,
    /// The rule that the server broke. RFC 6455, 7.1.7.
    Reject(CloseCode, &'static str),
}

/// The end for the client, and the answer for the server if it is still there.
type Ending = (Option<Answer>, LinkEnd);

/// The server closed. Only code 1000 is a normal end; for others the error text keeps the code.
pub(super) fn on_close_frame(frame: Option<&CloseFrame>) -> Ending {
    let Some(frame) = frame else {
        return (Some(Answer::Echo), LinkEnd::Closed);
    };
    let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
    let meaning = meaning(code);
    // The reason is not logged: it is the server's text and may contain a user id.
    log::debug!(
        target: "photon_chat::net",
        "the server closed the WebSocket with code {code} ({meaning})"
    );
    let end = match frame.code {
        CloseCode::Normal => LinkEnd::Closed,
        _ => {
            // `{reason:?}` escapes what could disturb a terminal or a log.
            let text =
                format!("the server closed the WebSocket with code {code} ({meaning}): {reason:?}");
            LinkEnd::Failed(LinkError::new(LinkErrorKind::Reset, text))
        }
    };
    (Some(Answer::Echo), end)
}

/// Meaning of a close code. RFC 6455, 7.4.1, and the IANA registry.
fn meaning(code: u16) -> &'static str {
    match code {
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "invalid data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "extension missing",
        1011 => "internal error",
        1012 => "restarting",
        1013 => "try again later",
        _ => "not registered",
    }
}

/// The server sent a text message on a binary link, or the reverse.
pub(super) fn on_wrong_kind(text: bool) -> Ending {
    let cause = match text {
        true => "the server sent a binary message on a text link: check the sub-protocol",
        false => {
            "the server sent a text message on a link that carries binary messages only: check the \
                  sub-protocol"
        }
    };
    reject(CloseCode::Unsupported, "wrong kind of message", cause)
}

/// Reading failed.
pub(super) fn on_read_error(error: Error) -> Ending {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => (None, LinkEnd::Closed),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => ended_without_close(),
        // TLS reports an end without `close_notify` this way.
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => ended_without_close(),
        Error::Io(error) => (None, LinkEnd::Failed(to_link_error(error))),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let cause = format!(
                "the server sent a message of {size} bytes or more, but {max_size} are allowed: \
                 raise the limit in ChatConfig::limits if it is right"
            );
            reject(CloseCode::Size, "message too long", cause)
        }
        Error::Utf8(_) => {
            let cause = "the server sent a text message that is not UTF-8";
            reject(CloseCode::Invalid, "invalid text", cause)
        }
        error => {
            let cause = format!("the server broke the WebSocket protocol: {error}");
            reject(CloseCode::Protocol, "protocol error", cause)
        }
    }
}

fn ended_without_close() -> Ending {
    let text = "the server ended the connection without closing the WebSocket";
    let error = LinkError::new(LinkErrorKind::Reset, text);
    (None, LinkEnd::Failed(error))
}

fn reject(code: CloseCode, reason: &'static str, cause: impl Into<Text>) -> Ending {
    let error = LinkError::new(LinkErrorKind::Protocol, cause);
    (Some(Answer::Reject(code, reason)), LinkEnd::Failed(error))
}
