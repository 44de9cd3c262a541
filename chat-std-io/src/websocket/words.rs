//! What an end of a WebSocket is to core, to the other side and in words.

use crate::line::Turn;
use chat_core::{LinkError, LinkErrorKind, LinkInput};
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

/// What is left to say to the other side; if it is still there.
pub(super) enum Leave {
    /// The answer to its close, which is queued already.
    Answering,
    /// That it broke a rule.
    Accusing(CloseCode, &'static str),
}

type Ending = (Option<Leave>, LinkInput<'static>);

/// The other side has closed. Only 1000 is a normal end; the others are kept in words.
pub(super) fn closed(frame: Option<&CloseFrame>) -> Ending {
    let end = match frame {
        None => LinkInput::Closed,
        Some(frame) => {
            let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
            // Its words may name a user.
            log::debug!(target: "photon_chat::net", "the server closed the WebSocket with code {code} ({})", name(code));
            match frame.code {
                CloseCode::Normal => LinkInput::Closed,
                _ => {
                    let text = format!(
                        "the server closed the WebSocket with code {code} ({}): {reason:?}",
                        name(code)
                    );
                    LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, text))
                }
            }
        }
    };
    (Some(Leave::Answering), end)
}

/// RFC 6455 section 7.4.1, and the registry of IANA.
fn name(code: u16) -> &'static str {
    match code {
        1001 => "it is going away",
        1002 => "a broken rule",
        1003 => "data of a kind that it does not take",
        1007 => "data that is not what it says",
        1008 => "against its policy",
        1009 => "a message that is too long",
        1010 => "an extension is missing",
        1011 => "an error of its own",
        1012 => "it restarts",
        1013 => "try again later",
        _ => "a code of its own",
    }
}

/// A text where only binary messages are spoken, or the reverse.
pub(super) fn other_kind(text: bool) -> Ending {
    let words = match text {
        true => "the server sent a binary message where only text is spoken",
        false => "the server sent a text where only binary messages are spoken",
    };
    accuse(CloseCode::Unsupported, "wrong kind of message", words)
}

/// Reading ended.
pub(super) fn ended(error: &Error, turn: &mut Turn) -> Ending {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => (None, LinkInput::Closed),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => cut(),
        // TLS says it this way if the other side has not said goodbye to it either.
        Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => cut(),
        Error::Io(error) => (None, LinkInput::Failed(turn.reason(error))),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let words = format!(
                "the server sent a message of {size} bytes or more; {max_size} are allowed"
            );
            accuse(CloseCode::Size, "message too long", words)
        }
        Error::Utf8(_) => accuse(
            CloseCode::Invalid,
            "invalid text",
            "the server sent text that is not UTF-8",
        ),
        error => accuse(
            CloseCode::Protocol,
            "protocol error",
            format!("the server broke a rule: {error}"),
        ),
    }
}

fn cut() -> Ending {
    let text = "the server ended the connection without closing the WebSocket";
    (
        None,
        LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, text)),
    )
}

fn accuse(code: CloseCode, reason: &'static str, words: impl Into<chat_core::Text>) -> Ending {
    let error = LinkError::new(LinkErrorKind::Protocol, words);
    (
        Some(Leave::Accusing(code, reason)),
        LinkInput::Failed(error),
    )
}
