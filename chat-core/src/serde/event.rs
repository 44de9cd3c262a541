//! Events.

use super::cause::{Milliseconds, ReturnCode, Shown};
use crate::error::RegionsError;
use crate::event::{
    Authenticated, BadMessage, ChannelOutcome, ErrorInfo, Event, Outcome, PropertiesChange, Region,
    StatusChange, SubscriberChange,
};
use crate::state::PeerErrorCode;
use ::serde::ser::{Serialize, Serializer};
use photon_proto::{Parameters, Value};

/// In the form that the [module](super) documents.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let name = self.name();
        match self {
            Self::StateChanged { from, to } => object!(s, "event": name, "from": from, "to": to),
            Self::Error {
                code,
                cause,
                message,
            } => object!(s, "event": name, "code": code, "cause": &**cause, "message": message),
            Self::RegionsResult(Ok(regions)) => object!(s, "event": name,
                "code": &PeerErrorCode::Ok, "regions": regions, "message": ""),
            Self::RegionsResult(Err(error)) => object!(s, "event": name,
                "code": &RegionsCode(error),
                "regions": &[(); 0],
                "message": &Shown(error)),
            Self::Authenticated(login) => {
                let Authenticated {
                    user_id,
                    nickname,
                    data,
                } = &**login;
                object!(s, "event": name,
                    "user_id": user_id, "nickname": nickname, "data": data)
            }
            Self::SubscribeResult(channels) | Self::UnsubscribeResult(channels) => {
                object!(s, "event": name, "channels": channels)
            }
            Self::ChatMessages { channel, messages } => {
                object!(s, "event": name,
                    "channel": channel,
                    "messages": messages,
                    "origin": &Shown(format_args!("{:?}", messages.origin())))
            }
            Self::PrivateMessage { channel, message } => {
                object!(s, "event": name, "channel": channel, "message": message)
            }
            Self::ConversationForgotten { user } => object!(s, "event": name, "user": user),
            Self::UserStatusUpdate {
                user,
                status,
                message,
            } => object!(s, "event": name, "user": user, "status": status, "message": message),
            Self::UserSubscribed(change) | Self::UserUnsubscribed(change) => {
                let SubscriberChange {
                    channel,
                    user,
                    properties,
                } = &**change;
                object!(s, "event": name,
                    "channel": channel, "user": user, "properties": properties)
            }
            Self::PropertiesChanged(change) => {
                let PropertiesChange {
                    channel,
                    user,
                    by,
                    properties,
                } = &**change;
                object!(s, "event": name,
                    "channel": channel, "user": user, "by": by, "properties": properties)
            }
            Self::ErrorInfo(info) => {
                let ErrorInfo {
                    channel,
                    message,
                    data,
                } = &**info;
                object!(s, "event": name, "channel": channel, "message": message, "data": data)
            }
            Self::OperationResponse {
                operation,
                return_code,
                message,
                parameters,
            } => object!(s, "event": name,
                "operation": operation,
                "return_code": &ReturnCode(*return_code),
                "message": message,
                "parameters": parameters.as_deref().unwrap_or(const { &Parameters::new() })),
            Self::Other { code, parameters } => {
                object!(s, "event": name, "code": code, "parameters": parameters)
            }
            Self::Gap {
                channel,
                after,
                missing,
                verified,
                new_life,
            } => object!(s, "event": name,
                "channel": channel,
                "after": after,
                "missing": missing,
                "verified": verified,
                "new_life": new_life),
            Self::ReconnectScheduled { attempt, after } => object!(s, "event": name,
                "attempt": attempt, "after_ms": &Milliseconds(*after)),
            Self::Restored { channels, failed } => {
                object!(s, "event": name, "channels": channels, "failed": failed)
            }
            Self::ReconnectGaveUp { cause } => object!(s, "event": name, "cause": &**cause),
            Self::CredentialsNeeded => object!(s, "event": name),
            Self::MessageSent { token, id } => object!(s, "event": name, "token": token, "id": id),
            Self::MessageRefused {
                token,
                error,
                guess,
            } => object!(s, "event": name, "token": token, "error": &**error, "guess": guess),
            Self::MessageUnconfirmed { token } => object!(s, "event": name, "token": token),
            Self::BadMessage(bad) => {
                let BadMessage { error, bytes } = &**bad;
                object!(s, "event": name,
                    "error": error, "bytes": &Value::Bytes(bytes.clone()))
            }
        }
    }
}

/// The number of a result without regions, and its name.
struct RegionsCode<'a>(&'a RegionsError);

impl Serialize for RegionsCode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self.0 {
            RegionsError::Server(error) => return ReturnCode(error.code).serialize(serializer),
            RegionsError::Malformed => "Malformed",
            RegionsError::TimedOut => "TimedOut",
            RegionsError::ConnectionLost => "ConnectionLost",
        };
        object!(serializer, "name": name, "code": &self.0.code())
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "code": &self.code, "address": &self.address)
    }
}

impl Serialize for ChannelOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, error) = match &self.outcome {
            Outcome::Done => ("Done", None),
            Outcome::Refused => ("Refused", None),
            Outcome::Failed(error) => ("Failed", Some(&**error)),
            Outcome::TimedOut => ("TimedOut", None),
            Outcome::ConnectionLost => ("ConnectionLost", None),
        };
        object!(serializer,
            "channel": &self.channel,
            "outcome": name,
            "error": &error,
            "request": &self.request)
    }
}

impl Serialize for StatusChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Kept => object!(serializer, "name": "Kept"),
            Self::Cleared => object!(serializer, "name": "Cleared"),
            Self::Set(value) => object!(serializer, "name": "Set", "value": &**value),
        }
    }
}
