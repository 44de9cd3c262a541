//! Values, messages, frames and datagrams as JSON that keeps every type: each is an object whose `t` names its type.
//!
//! | `t` | other keys |
//! | --- | --- |
//! | `null` | |
//! | `bool` | `v`: true or false |
//! | `byte`, `short`, `int` | `v`: a number |
//! | `long` | `v`: a decimal string (a number is read too) |
//! | `float`, `double` | `v`: a decimal string, `NaN`, `Infinity`, `-Infinity` (a number is read too); `bits`: the IEEE 754 bits in hex, which win over `v` when both are there |
//! | `string` | `v` |
//! | `bytes` | `hex` |
//! | `array` | `of`: the element type, `object` for mixed values; `v`: the elements |
//! | `hashtable` | `v`: pairs, each `[key, value]` |
//! | `dict` | `k`, `val`: the declared types, `object` for untyped; `v`: pairs |
//! | `custom` | `code`, `hex` |
//! | `request` | `op`, `params` |
//! | `response` | `op`, `ret`, `msg` (text or null), `params` |
//! | `event` | `code`, `params` |
//!
//! Type names: those above, `array<TYPE>`, `dict<TYPE,TYPE>`, and `custom:CODE` for the elements of an array. An array of
//! `byte` is read as `bytes`. `params` is a list of `[code, value]`; an object with the codes as keys is read too. Keys
//! that mean nothing here are ignored.
//!
//! Messages are described at [`message_to_json`], frames at [`frame_to_json`], datagrams at [`datagram_to_json`].
//!
//! ```
//! use photon_inspect::notation::{value_from_json, value_to_json};
//! use photon_proto::Value;
//!
//! let json = serde_json::from_str(r#"{"t":"array","of":"int","v":[{"t":"int","v":7}]}"#)?;
//! let value = value_from_json(&json)?;
//! assert_eq!(value, Value::from(vec![7]));
//! assert_eq!(value_to_json(&value), json);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod datagram;
mod frame;
mod message;
mod read;
mod types;
mod write;

use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;

pub use datagram::{command_to_json, datagram_to_json};
pub use frame::{frame_from_json, frame_to_json};
pub use message::{message_from_json, message_to_json};
pub use write::value_to_json;

/// How many values, messages and type names may stand inside each other: more than any protocol limit, and few enough
/// for any stack.
pub const MAX_DEPTH: u32 = 64;

/// JSON that is not in the notation: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}")]
pub struct NotationError {
    /// Where, from the outermost object `$`, e.g. `$.params[0][1].v`.
    pub path: String,
    /// What was expected there.
    pub expected: Cow<'static, str>,
}

impl NotationError {
    fn new(expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: String::new(),
            expected: expected.into(),
        }
    }

    /// The same error, seen from one step further out.
    fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        self.path.insert_str(0, &step.to_string());
        self
    }

    fn rooted(self) -> Self {
        self.within(format_args!("$"))
    }
}

/// The value that is written as `json`.
///
/// # Errors
/// [`NotationError`] for anything that is not exactly one value: a number out of range, hex that is none, an element
/// that is not of its array's type, more than [`MAX_DEPTH`] levels. Whether a protocol can express the value shows when
/// it is encoded.
pub fn value_from_json(json: &Json) -> Result<photon_proto::Value, NotationError> {
    read::value(json, MAX_DEPTH).map_err(NotationError::rooted)
}

#[cfg(test)]
mod tests;
