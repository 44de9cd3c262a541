//! Type names: `int`, `array<int>`, `dict<string,object>`, `custom:87`.

use super::MAX_DEPTH;
use photon_proto::Type;

/// The name of a type, for the keys `of`, `k` and `val`.
pub(super) fn name(of: &Type) -> String {
    match of {
        Type::Object => "object".into(),
        Type::Bool => "bool".into(),
        Type::Byte => "byte".into(),
        Type::Short => "short".into(),
        Type::Int => "int".into(),
        Type::Long => "long".into(),
        Type::Float => "float".into(),
        Type::Double => "double".into(),
        Type::String => "string".into(),
        Type::Bytes => "bytes".into(),
        Type::Hashtable => "hashtable".into(),
        Type::Request => "request".into(),
        Type::Response => "response".into(),
        Type::Event => "event".into(),
        Type::Custom(None) => "custom".into(),
        Type::Custom(Some(code)) => format!("custom:{code}"),
        Type::Array(element) => format!("array<{}>", name(element)),
        Type::Dictionary(sides) => format!("dict<{},{}>", name(&sides.0), name(&sides.1)),
    }
}

/// Parses a type name. `array<byte>` is `bytes`.
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
            let rest = rest.strip_prefix('>')?;
            return Some((
                if element == Type::Byte {
                    Type::Bytes
                } else {
                    Type::Array(Box::new(element))
                },
                rest,
            ));
        }
        "dict" => {
            let (key, rest) = read(rest.strip_prefix('<')?, depth)?;
            let (value, rest) = read(rest.strip_prefix(',')?, depth)?;
            return Some((
                Type::Dictionary(Box::new((key, value))),
                rest.strip_prefix('>')?,
            ));
        }
        // `parse` would also accept a sign.
        custom => match custom.strip_prefix("custom:")? {
            code if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                Type::Custom(Some(code.parse().ok()?))
            }
            _ => return None,
        },
    };
    Some((plain, rest))
}

#[cfg(test)]
mod tests {
    use super::{name, parse};
    use photon_proto::Type;

    #[test]
    fn every_name_survives_the_round_trip() {
        for text in [
            "object",
            "bool",
            "byte",
            "short",
            "int",
            "long",
            "float",
            "double",
            "string",
            "bytes",
            "hashtable",
            "request",
            "response",
            "event",
            "custom",
            "custom:0",
            "custom:255",
            "array<int>",
            "array<array<object>>",
            "dict<string,int>",
            "dict<byte,dict<object,array<bytes>>>",
            "array<dict<int,custom>>",
        ] {
            assert_eq!(parse(text).as_ref().map(name).as_deref(), Some(text));
        }
        assert_eq!(parse("array<byte>"), Some(Type::Bytes));
        assert_eq!(
            parse("array<array<byte>>"),
            Some(Type::Array(Box::new(Type::Bytes)))
        );
    }

    #[test]
    fn other_names_are_rejected() {
        for text in [
            "",
            "Int",
            "int ",
            "int>",
            "array",
            "array<",
            "array<int",
            "array<int>>",
            "array<>",
            "dict<int>",
            "dict<int,int",
            "dict<int,int,int>",
            "custom:",
            "custom:256",
            "custom:-1",
            "custom:+1",
            "null",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let deep = |levels: usize| "array<".repeat(levels) + "int" + &">".repeat(levels);
        assert!(parse(&deep(63)).is_some());
        assert!(parse(&deep(64)).is_none());
        assert!(parse(&deep(1_000_000)).is_none());
    }
}
