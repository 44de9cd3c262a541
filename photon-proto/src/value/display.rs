//! [`Display`](fmt::Display) of values: for logs and terminals, not for parsing.

use crate::value::{Array, Hashtable, Value};
use core::fmt;

/// The text of a string as it is; everything else in a short form such as `[1, 2]`, `{"name":
/// "Alice"}` or `<3 bytes>`.
///
/// ```
/// use photon_proto::Value;
///
/// assert_eq!(Value::from("hello").to_string(), "hello");
/// assert_eq!(Value::from(vec!["a", "b"]).to_string(), r#"["a", "b"]"#);
/// assert_eq!(Value::from(vec![1_u8, 2, 3]).to_string(), "<3 bytes>");
/// ```
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => fmt::Display::fmt(text, out),
            other => fmt::Display::fmt(&Nested(other), out),
        }
    }
}

/// A value inside another one: its text is quoted, so that the reader can see where it ends.
struct Nested<'a>(&'a Value);

impl fmt::Display for Nested<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => out.write_str("null"),
            Value::Bool(value) => fmt::Display::fmt(value, out),
            Value::Byte(value) => fmt::Display::fmt(value, out),
            Value::Short(value) => fmt::Display::fmt(value, out),
            Value::Int(value) => fmt::Display::fmt(value, out),
            Value::Long(value) => fmt::Display::fmt(value, out),
            Value::Float(value) => fmt::Display::fmt(value, out),
            Value::Double(value) => fmt::Display::fmt(value, out),
            Value::String(text) => fmt::Debug::fmt(text, out),
            Value::Bytes(bytes) => write_bytes(out, bytes),
            Value::Custom(custom) => {
                write!(out, "<custom {}: {} bytes>", custom.code, custom.data.len())
            }
            Value::Array(array) => fmt::Display::fmt(array, out),
            Value::Hashtable(map) => write_pairs(out, &map.0),
            Value::Dictionary(map) => write_pairs(out, &map.pairs),
            Value::Request(message) => write!(out, "<request {}>", message.code),
            Value::Response(message) => write!(out, "<response {}>", message.code),
            Value::Event(message) => write!(out, "<event {}>", message.code),
        }
    }
}

/// The elements in brackets, as in `[1, 2]`.
impl fmt::Display for Array {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Short(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Int(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Long(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Float(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Double(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::String(all) => write_list(out, all, |out, one| fmt::Debug::fmt(one, out)),
            Self::Bytes(all) => write_list(out, all, |out, one| write_bytes(out, one)),
            Self::Object(all) => {
                write_list(out, all, |out, one| fmt::Display::fmt(&Nested(one), out))
            }
            Self::Hashtable(all) => write_list(out, all, |out, one| write_pairs(out, &one.0)),
            Self::Dictionary { elements, .. } => {
                write_list(out, elements, |out, one| write_pairs(out, one))
            }
            Self::Custom { code, elements } => write_list(out, elements, |out, one| {
                write!(out, "<custom {code}: {} bytes>", one.len())
            }),
            Self::Array(all) => write_list(out, all, |out, one| fmt::Display::fmt(one, out)),
            Self::Request(all) => {
                write_list(out, all, |out, one| write!(out, "<request {}>", one.code))
            }
            Self::Response(all) => {
                write_list(out, all, |out, one| write!(out, "<response {}>", one.code))
            }
            Self::Event(all) => {
                write_list(out, all, |out, one| write!(out, "<event {}>", one.code))
            }
        }
    }
}

/// The pairs in braces, as in `{"name": "Alice"}`.
impl fmt::Display for Hashtable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pairs(out, &self.0)
    }
}

fn write_bytes(out: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    write!(out, "<{} bytes>", bytes.len())
}

fn write_list<T>(
    out: &mut fmt::Formatter<'_>,
    all: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    out.write_str("[")?;
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write(out, one)?;
    }
    out.write_str("]")
}

fn write_pairs(out: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)]) -> fmt::Result {
    out.write_str("{")?;
    for (index, (key, value)) in pairs.iter().enumerate() {
        let separator = if index > 0 { ", " } else { "" };
        write!(out, "{separator}{}: {}", Nested(key), Nested(value))?;
    }
    out.write_str("}")
}

#[cfg(test)]
mod tests {
    use super::{Array, Hashtable, Value};
    use crate::value::{Custom, Request};
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn strings_are_quoted_only_inside_other_values() {
        let pair = |key: &str, value: Value| (Value::from(key), value);
        let table = Hashtable(vec![
            pair("text", "a \"b\"".into()),
            pair(
                "list",
                Value::Array(Array::Object(vec![Value::Null, 1.into()])),
            ),
        ]);
        assert_eq!(Value::from("a \"b\"").to_string(), "a \"b\"");
        assert_eq!(
            Value::from(table).to_string(),
            r#"{"text": "a \"b\"", "list": [null, 1]}"#
        );
    }

    #[test]
    fn content_without_a_text_form_shows_its_kind_and_length() {
        let custom = Custom {
            code: 9,
            data: vec![1, 2].into(),
        };
        assert_eq!(Value::from(custom).to_string(), "<custom 9: 2 bytes>");
        let request = Request {
            code: 2,
            parameters: vec![],
        };
        assert_eq!(Value::from(request).to_string(), "<request 2>");
        let bytes = Array::Bytes(vec![vec![1].into(), vec![].into()]);
        assert_eq!(bytes.to_string(), "[<1 bytes>, <0 bytes>]");
    }
}
