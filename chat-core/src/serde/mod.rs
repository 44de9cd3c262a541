//! Events and contents with [serde](https://serde.rs) (feature `serde`).
//!
//! # Content of your own types
//!
//! [`to_value`](photon_proto::to_value) makes a value of anything that implements `Serialize`, and
//! [`Content::to`] reads a content into anything that implements `Deserialize`. The
//! [module of photon-proto](photon_proto::serde) documents the mapping and its limits.
//!
//! ```
//! use chat_core::{ChatClient, Content, FromValueError, PublishOptions, RequestError, to_value};
//!
//! // Usually a struct of yours that derives both traits.
//! type Move = (String, [f32; 2]);
//!
//! fn publish(chat: &mut ChatClient, step: &Move) -> Result<(), RequestError> {
//!     chat.publish_message("match-7", &to_value(step)?, &PublishOptions::new())?;
//!     Ok(())
//! }
//!
//! fn receive(content: Content<'_>) -> Result<Move, FromValueError> {
//!     content.to()
//! }
//! # let _ = (publish, receive);
//! ```
//!
//! # Events
//!
//! [`Event`] and what it contains implement `Serialize`, for example to print one line of JSON for
//! each. The form is a promise: later versions may add keys and events, and change or remove none.
//! An event is an object whose `event` is [`Event::name`]:
//!
//! ```json
//! {"event":"ChatMessages","channel":"lobby","messages":[{"sender":"bob","content":{"t":"string","v":"hi"},"id":3}],"origin":"Live"}
//! ```
//!
//! | `event` | other keys |
//! | --- | --- |
//! | `StateChanged` | `from`, `to`: states |
//! | `Error` | `code`: a named number, `cause`: a cause, `message` |
//! | `RegionsResult` | `code`: a named number, 0 if there is a list; `regions`: each `code`, `address`; `message`: the error as text, else empty |
//! | `Authenticated` | `user_id`, `nickname`, `data`: a value or null |
//! | `SubscribeResult`, `UnsubscribeResult` | `channels`: outcomes |
//! | `ChatMessages` | `channel`, `messages`, `origin` (`Live`, `History`, `Older` or `Late`) |
//! | `PrivateMessage` | `channel`, `message` |
//! | `ConversationForgotten` | `user` |
//! | `UserStatusUpdate` | `user`, `status`: a named number; `message`: `name` (`Kept`, `Cleared` or `Set`), and for `Set` the `value` |
//! | `UserSubscribed`, `UserUnsubscribed` | `channel`, `user`, `properties`: pairs |
//! | `PropertiesChanged` | `channel`, `user` (null for the channel's own), `by`, `properties`: pairs |
//! | `ErrorInfo` | `channel`, `message`, `data`: a value or null |
//! | `OperationResponse` | `operation`, `return_code`: a named number, `message`, `parameters` |
//! | `Other` | `code`, `parameters` |
//! | `Gap` | `channel`, `after`, `missing` (or null), `verified`, `new_life` |
//! | `ReconnectScheduled` | `attempt`, `after_ms` |
//! | `Restored` | `channels`, `failed`: outcomes |
//! | `ReconnectGaveUp` | `cause` |
//! | `CredentialsNeeded` | none |
//! | `MessageSent` | `token`, `id` |
//! | `MessageRefused` | `token`, `error`: a refusal, `guess` |
//! | `MessageUnconfirmed` | `token` |
//! | `BadMessage` | `error`: a decoding error, `bytes`: a value |
//!
//! - A *state* or *named number* has `name` and `code`; the name of an unknown return code is null.
//! - A *message* has `sender`, `content` and `id` (or null). Its content is a value; one that cannot
//!   be decoded has `t` `undecodable`, `v` (what is legible), `error` and `bytes`.
//! - An *outcome* has `channel`, `outcome` (`Done`, `Refused`, `Failed`, `TimedOut`,
//!   `ConnectionLost`), `error` (a refusal, for `Failed`, else null), and `request`, the number of
//!   the [`RequestId`] or null.
//! - A *refusal* has `operation`, `code` (a named number) and `message`.
//! - A *cause* has `server`, `kind`, `return_code` (a named number or null), `text`, `earlier`
//!   (causes) and `unsent_messages`. Its kind has `name`, and what the [`CauseKind`] contains:
//!   `link`, `error`, `for_ms`, `step`, `failure` or `reason`.
//! - A *decoding error* has `kind`, `offset` and `field`.
//! - `parameters` and `properties` are lists of `[code, value]` and `[key, value]`. A *value* has the
//!   form that the [module of photon-proto](photon_proto::serde) documents.
//!
//! Events cannot be deserialized: nothing makes events but a client. [`Value`], [`Text`] and the
//! other parts of values can, and so can [`Kept`], in the form of a value.
//! [`AuthValues`], tokens and keys are never serialized.
//!
//! [`AuthValues`]: crate::AuthValues
//! [`Content::to`]: crate::Content::to
//! [`CauseKind`]: crate::CauseKind
//! [`Event`]: crate::Event
//! [`Event::name`]: crate::Event::name
//! [`Kept`]: crate::Kept
//! [`RequestId`]: crate::RequestId
//! [`Text`]: crate::Text
//! [`Value`]: crate::Value

/// Writes an object, in a `Serialize` implementation.
macro_rules! object {
    ($serializer:ident $(, $key:literal: $value:expr)* $(,)?) => {{
        let mut map = ::serde::Serializer::serialize_map($serializer, None)?;
        $(::serde::ser::SerializeMap::serialize_entry(&mut map, $key, $value)?;)*
        ::serde::ser::SerializeMap::end(map)
    }};
}

mod cause;
mod content;
mod event;
mod kept;

#[cfg(test)]
mod tests;
