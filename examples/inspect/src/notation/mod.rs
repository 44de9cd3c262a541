//! The notation: values, messages, frames and datagrams as JSON without loss of types. Each is an
//! object whose `t` names its type.
//!
//! | `t` | other keys |
//! | --- | --- |
//! | `null` | |
//! | `bool` | `v`: true or false |
//! | `byte`, `short`, `int` | `v`: a number |
//! | `long` | `v`: a decimal string (a number is accepted) |
//! | `float`, `double` | `v`: a decimal string, `NaN`, `Infinity`, `-Infinity` (a number is accepted); `bits`: the IEEE 754 bits in hex, which take precedence over `v` |
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
//! Type names are those above, `array<TYPE>`, `dict<TYPE,TYPE>`, and `custom:CODE` for the elements
//! of an array. An array of `byte` is `bytes`. `params` is a list of `[code, value]`; an object
//! with the codes as keys is accepted. Unknown keys are ignored.
//!
//! [`message_to_json`] documents messages, [`frame_to_json`] frames, [`datagram_to_json`]
//! datagrams.
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
mod write;

use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;

pub use datagram::{command_to_json, datagram_to_json};
pub use frame::{frame_from_json, frame_to_json};
pub use message::{message_from_json, message_to_json};
pub use write::value_to_json;

/// An error in JSON that is not in the notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}")]
pub struct NotationError {
    /// The place, from the outermost object `$`, for example `$.params[0][1].v`.
    pub path: String,
    /// A description of what is accepted there.
    pub expected: Cow<'static, str>,
}

impl NotationError {
    fn new(expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: String::new(),
            expected: expected.into(),
        }
    }

    /// The error of the library, whose text begins with the place.
    fn from_text(text: &str) -> Self {
        let place = text
            .strip_prefix('$')
            .and_then(|text| text.split_once(": expected "));
        let (path, expected) = place.unwrap_or(("", text));
        Self {
            path: path.into(),
            expected: expected.to_owned().into(),
        }
    }

    /// Prepends a step to the path.
    fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        self.path.insert_str(0, &step.to_string());
        self
    }

    fn rooted(self) -> Self {
        self.within(format_args!("$"))
    }
}

/// Converts JSON to a value.
///
/// # Errors
/// [`NotationError`] unless the JSON is exactly one value, for example if a number is out of range,
/// an element is not of its array's type, or there are more than 64 levels. Whether a
/// protocol can express the value is checked when it is encoded.
pub fn value_from_json(json: &Json) -> Result<photon_proto::Value, NotationError> {
    read::value(json).map_err(NotationError::rooted)
}

#[cfg(test)]
mod tests;
