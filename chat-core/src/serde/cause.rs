//! Numbers with names, and the causes of ended connections.

use crate::codes::return_code;
use crate::error::ServerError;
use crate::event::{MessageToken, RequestId};
use crate::link::LinkErrorKind;
use crate::state::{
    CauseKind, DisconnectCause, DisconnectReason, PeerErrorCode, Server, State, Step,
};
use crate::status::UserStatus;
use ::serde::ser::{Serialize, Serializer};
use core::fmt;
use core::time::Duration;

/// A return code of a server. The name of an unknown one is null.
pub(super) struct ReturnCode(pub(super) i16);

impl Serialize for ReturnCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "name": &return_code::name(self.0), "code": &self.0)
    }
}

/// A duration in whole milliseconds.
pub(super) struct Milliseconds(pub(super) Duration);

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Text that is formatted where it is written.
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The numbers that know their name.
macro_rules! named {
    ($($number:ty),*) => {$(
        #[doc = "As an object with `name` and `code`."]
        impl Serialize for $number {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                object!(serializer, "name": self.name(), "code": &self.code())
            }
        }
    )*};
}

named!(State, PeerErrorCode, UserStatus);

/// Enums without fields: the name of the variant is what `Debug` writes.
macro_rules! plain {
    ($($choice:ty),*) => {$(
        #[doc = "As the name of the variant."]
        impl Serialize for $choice {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{self:?}"))
            }
        }
    )*};
}

plain!(Server, LinkErrorKind, Step);

/// As the number of the request.
impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}

/// As the number of the message.
impl Serialize for MessageToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}

impl Serialize for ServerError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer,
            "operation": &self.operation,
            "code": &ReturnCode(self.code),
            "message": &self.message)
    }
}

impl Serialize for DisconnectReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, code) = match self {
            Self::Logic => ("Logic", 1),
            Self::Timeout => ("Timeout", 2),
            Self::UserLimit => ("UserLimit", 3),
            Self::Other(code) => ("Other", *code),
        };
        object!(serializer, "name": name, "code": &code)
    }
}

impl Serialize for CauseKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Link(kind) => object!(serializer, "name": "Link", "link": kind),
            Self::BadStream(error) => object!(serializer, "name": "BadStream", "error": error),
            Self::Silent { elapsed } => waited(serializer, "Silent", *elapsed),
            Self::IncompleteMessage { elapsed } => {
                waited(serializer, "IncompleteMessage", *elapsed)
            }
            Self::PingUnanswered { elapsed } => waited(serializer, "PingUnanswered", *elapsed),
            Self::SendStalled { elapsed } => waited(serializer, "SendStalled", *elapsed),
            Self::Deadline(step) => object!(serializer, "name": "Deadline", "step": step),
            Self::KeyExchange(failure) => {
                object!(serializer, "name": "KeyExchange", "failure": &Shown(format_args!("{failure:?}")))
            }
            Self::DisconnectCommand(reason) => {
                object!(serializer, "name": "DisconnectCommand", "reason": reason)
            }
            Self::BadDatagrams(violation) => {
                object!(serializer, "name": "BadDatagrams", "error": &Shown(violation))
            }
            Self::Slept { elapsed } => waited(serializer, "Slept", *elapsed),
            // These have no fields, and `Debug` writes their name. Listed, so that a new kind with
            // fields is not forgotten.
            plain @ (Self::NeverOpened
            | Self::Closed
            | Self::ServerDisconnect
            | Self::BadAddress
            | Self::FrontEndNotAllowed
            | Self::Unacknowledged
            | Self::InputOverrun
            | Self::NetworkChanged
            | Self::AuthenticationRefused
            | Self::LoginNotSent
            | Self::MissingAddress
            | Self::MissingToken) => object!(serializer, "name": &Shown(format_args!("{plain:?}"))),
        }
    }
}

fn waited<S: Serializer>(serializer: S, name: &str, elapsed: Duration) -> Result<S::Ok, S::Error> {
    object!(serializer, "name": name, "for_ms": &Milliseconds(elapsed))
}

impl Serialize for DisconnectCause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer,
            "server": &self.server,
            "kind": &self.kind,
            "return_code": &self.return_code.map(ReturnCode),
            "text": &self.text,
            "earlier": &self.earlier,
            "unsent_messages": &self.unsent_messages)
    }
}
