//! The end of a WebSocket: its meaning for the client, and the answer for the server.

use crate::transport::LinkEnd;
use crate::transport::io_error::to_link_error;
use chat_core::{LinkError, LinkErrorKind, Text};
use std::borrow::Cow;
use std::io::{self, ErrorKind};

/// Close codes that this end sends. RFC 6455, 7.4.1.
pub(super) mod code {
    pub(in super::super) const NORMAL: u16 = 1000;
    pub(super) const PROTOCOL: u16 = 1002;
    pub(super) const UNSUPPORTED: u16 = 1003;
    pub(super) const INVALID: u16 = 1007;
    pub(super) const TOO_LONG: u16 = 1009;
}

/// The end for the client, and the payload of the close frame that the server is owed, if it is
/// still there.
pub(super) type Ending = (Option<Vec<u8>>, LinkEnd);

/// A rule that the server broke.
#[derive(Debug)]
pub(super) struct Violation {
    code: u16,
    reason: &'static str,
    cause: Text,
}

impl Violation {
    /// A broken rule of RFC 6455.
    pub(super) fn protocol(rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: code::PROTOCOL,
            reason: "protocol error",
            cause: format!("the server broke the WebSocket protocol: {}", rule.into()).into(),
        }
    }

    pub(super) fn too_long(bytes: u64, max_bytes: usize) -> Self {
        let cause = format!(
            "the server sent a message of {bytes} bytes or more, but {max_bytes} are allowed: \
             raise the limit in ChatConfig::limits if it is right"
        );
        Self {
            code: code::TOO_LONG,
            reason: "message too long",
            cause: cause.into(),
        }
    }

    /// A text message on a binary link, or the reverse.
    pub(super) fn wrong_kind(text: bool) -> Self {
        let cause = match text {
            true => "the server sent a binary message on a text link: check the sub-protocol",
            false => {
                "the server sent a text message on a link that carries binary messages only: check \
                 the sub-protocol"
            }
        };
        Self {
            code: code::UNSUPPORTED,
            reason: "wrong kind of message",
            cause: cause.into(),
        }
    }

    pub(super) fn invalid_text(cause: &'static str) -> Self {
        Self {
            code: code::INVALID,
            reason: "invalid text",
            cause: cause.into(),
        }
    }
}

impl From<Violation> for Ending {
    fn from(violation: Violation) -> Self {
        let error = LinkError::new(LinkErrorKind::Protocol, violation.cause);
        let answer = payload(violation.code, violation.reason);
        (Some(answer), LinkEnd::Failed(error))
    }
}

/// The payload of a close frame. RFC 6455, 5.5.1.
pub(super) fn payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// The server closed. Only code 1000 is a normal end; for others the error text keeps the code.
pub(super) fn on_close_frame(payload: &[u8]) -> Ending {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => (Some(Vec::new()), LinkEnd::Closed),
            _ => Violation::protocol("a close frame has half of a code").into(),
        };
    };
    let code = u16::from_be_bytes(*code);
    if is_illegal(code) {
        let rule = format!("it closed with code {code}, which no close frame may contain");
        return Violation::protocol(rule).into();
    }
    let Ok(reason) = std::str::from_utf8(reason) else {
        let cause = "the server closed the WebSocket with a reason that is not UTF-8";
        return Violation::invalid_text(cause).into();
    };
    let meaning = meaning(code);
    // The reason is not logged: it is the server's text and may contain a user id.
    log::debug!(
        target: "photon_chat::net",
        "the server closed the WebSocket with code {code} ({meaning})"
    );
    let end = match code {
        code::NORMAL => LinkEnd::Closed,
        _ => {
            // `{reason:?}` escapes what could disturb a terminal or a log.
            let text =
                format!("the server closed the WebSocket with code {code} ({meaning}): {reason:?}");
            LinkEnd::Failed(LinkError::new(LinkErrorKind::Reset, text))
        }
    };
    // The echo of its close. RFC 6455, 5.5.1.
    (Some(payload.to_vec()), end)
}

/// Whether no close frame may contain this code: those below 1000 are not used, and 1005, 1006 and
/// 1015 only report ends without a frame (RFC 6455, 7.4). Not 1004 and others without a meaning: a
/// later standard may give them one.
const fn is_illegal(code: u16) -> bool {
    matches!(code, ..1000 | 1005 | 1006 | 1015)
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
        1014 => "bad gateway",
        _ => "not registered",
    }
}

/// Reading failed. `Ok(0)` of a read is an end without an error.
pub(super) fn on_read_error(error: io::Error) -> Ending {
    // TLS reports an end without `close_notify` this way.
    if error.kind() == ErrorKind::UnexpectedEof {
        return ended_without_close();
    }
    (None, LinkEnd::Failed(to_link_error(error)))
}

pub(super) fn ended_without_close() -> Ending {
    let text = "the server ended the connection without closing the WebSocket";
    let error = LinkError::new(LinkErrorKind::Reset, text);
    (None, LinkEnd::Failed(error))
}
