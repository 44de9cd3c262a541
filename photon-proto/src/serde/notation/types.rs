//! Type names: `int`, `array<int>`, `dict<string,object>`, `custom:87`.

use super::super::MAX_DEPTH;
use crate::value::Type;
use alloc::boxed::Box;
use core::fmt;

/// Writes the name of a type, for the keys `of`, `k` and `val`. A type nested deeper than any value
/// ends in `...`, which is no name.
pub(super) struct Name<'t>(pub(super) &'t Type, pub(super) u32);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(depth) = self.1.checked_sub(1) else {
            return out.write_str("...");
        };
        out.write_str(match self.0 {
            Type::Object => "object",
            Type::Bool => "bool",
            Type::Byte => "byte",
            Type::Short => "short",
            Type::Int => "int",
            Type::Long => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Hashtable => "hashtable",
            Type::Request => "request",
            Type::Response => "response",
            Type::Event => "event",
            Type::Custom(None) => "custom",
            Type::Custom(Some(code)) => return write!(out, "custom:{code}"),
            Type::Array(element) => return write!(out, "array<{}>", Name(element, depth)),
            Type::Dictionary(sides) => {
                let (key, value) = &**sides;
                return write!(out, "dict<{},{}>", Name(key, depth), Name(value, depth));
            }
        })
    }
}

/// Reads a type name. `array<byte>` is `bytes`.
pub(super) fn parse(text: &str) -> Option<Type> {
    match read(text, MAX_DEPTH)? {
        (of, "") => Some(of),
        _ => None,
    }
}

fn read(text: &str, depth: u32) -> Option<(Type, &str)> {
    let depth = depth.checked_sub(1)?;
    let (word, rest) = text.split_at(text.find(['<', '>', ',']).unwrap_or(text.len()));
    let plain = match word {
        "object" => Type::Object,
        "bool" => Type::Bool,
        "byte" => Type::Byte,
        "short" => Type::Short,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "hashtable" => Type::Hashtable,
        "request" => Type::Request,
        "response" => Type::Response,
        "event" => Type::Event,
        "custom" => Type::Custom(None),
        "array" => {
            let (element, rest) = read(rest.strip_prefix('<')?, depth)?;
            let array = match element {
                Type::Byte => Type::Bytes,
                other => Type::Array(Box::new(other)),
            };
            return Some((array, rest.strip_prefix('>')?));
        }
        "dict" => {
            let (key, rest) = read(rest.strip_prefix('<')?, depth)?;
            let (value, rest) = read(rest.strip_prefix(',')?, depth)?;
            let map = Type::Dictionary(Box::new((key, value)));
            return Some((map, rest.strip_prefix('>')?));
        }
        // Parsing a number would also accept a sign.
        custom => match custom.strip_prefix("custom:")? {
            code if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                Type::Custom(Some(code.parse().ok()?))
            }
            _ => return None,
        },
    };
    Some((plain, rest))
}
