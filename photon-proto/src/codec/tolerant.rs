//! Replacements for what cannot be decoded, when only that is to be lost.

use super::common::lossy;
use super::{Protocol, decode_scalar, find_end, string_bytes, v16, v18};
use crate::codec::ValueRef;
use crate::error::DecodeError;
use crate::limits::Budget;
use crate::reader::Reader;
use crate::text::Text;
use crate::value::Value;
use alloc::borrow::Cow;
use alloc::string::ToString;

/// Stands for a value of which nothing is legible.
pub(crate) const REPLACEMENT: Value = Value::String(Text::from_static("\u{FFFD}"));

/// The type code of a text.
#[inline]
pub(crate) const fn text_code(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::V16 => v16::code::STRING,
        Protocol::V18 => v18::code::STRING,
    }
}

/// Moves behind the payload of a value that cannot be decoded and returns its replacement: of a
/// text, the text with U+FFFD in place of what is not UTF-8; of any other value, U+FFFD.
///
/// # Errors
/// The same as [`find_end`].
pub(super) fn replacement(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
) -> Result<Value, DecodeError> {
    if code == text_code(protocol) {
        let bytes = string_bytes(protocol, r)?;
        // A text for which no memory is left is replaced completely.
        return Ok(lossy(bytes, b, r.offset()).map_or(REPLACEMENT, Value::String));
    }
    find_end(protocol, r, b, code)?;
    Ok(REPLACEMENT)
}

/// Like [`replacement`], of the text `bytes` at the beginning, in which `error` was found. `behind` is
/// what follows it. It takes a shorter way than other values, because maps can have thousands.
///
/// # Errors
/// `error`, unless what cannot be decoded is replaced.
#[cold]
pub(super) fn text_or<'a>(
    r: &mut Reader<'a>,
    b: &mut Budget,
    (bytes, behind): (&'a [u8], &'a [u8]),
    error: DecodeError,
) -> Result<Value, DecodeError> {
    if !b.replaces_value(error.kind) {
        return Err(error);
    }
    // Nothing was spent, but it depends on what is left whether a container may still begin.
    b.refund(b.spent());
    r.move_to(behind);
    Ok(lossy(bytes, b, r.offset()).map_or(REPLACEMENT, Value::String))
}

/// Decodes the debug message of a response, whatever it is. A number or bool is converted to text;
/// any other type counts as no message.
///
/// # Errors
/// The same as [`find_end`].
pub(crate) fn debug_message_lossy<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<Option<Cow<'a, str>>, DecodeError> {
    let code = r.u8("debug message type")?;
    if code == text_code(protocol) {
        return Ok(Some(b.repair().text(string_bytes(protocol, r)?)));
    }
    let text = match decode_scalar(protocol, r, code)? {
        Some(ValueRef::Bool(value)) => value.to_string(),
        Some(ValueRef::Byte(value)) => value.to_string(),
        Some(ValueRef::Short(value)) => value.to_string(),
        Some(ValueRef::Int(value)) => value.to_string(),
        Some(ValueRef::Long(value)) => value.to_string(),
        Some(ValueRef::Float(value)) => value.to_string(),
        Some(ValueRef::Double(value)) => value.to_string(),
        Some(_) => return Ok(None),
        None => {
            find_end(protocol, r, b, code)?;
            return Ok(None);
        }
    };
    Ok(Some(Cow::Owned(text)))
}
