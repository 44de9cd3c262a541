//! [`Raw`]: what a human-readable format contains, before it is known which value it is.

use super::super::MAX_DEPTH;
use ::serde::de::{self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The most parts that are read: they need more memory than the text that they came from.
const MAX_PARTS: u32 = 1024 * 1024;

/// The most levels: a level of a value is an object in a pair in a list.
const MAX_LEVELS: u32 = 3 * MAX_DEPTH;

/// Anything that a human-readable format can contain. The keys of an object come in any order, so
/// that `t` may follow what it explains.
pub(super) enum Raw {
    Null,
    Bool(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Reads one part.
struct Part<'l> {
    levels: u32,
    parts: &'l mut u32,
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
    let mut parts = MAX_PARTS;
    let part = Part {
        levels: MAX_LEVELS,
        parts: &mut parts,
    };
    part.deserialize(deserializer)
}

impl Part<'_> {
    /// The parts of this one.
    fn inside<E: de::Error>(&mut self) -> Result<Part<'_>, E> {
        let left = (self.levels.checked_sub(1), self.parts.checked_sub(1));
        let (Some(levels), Some(parts)) = left else {
            return Err(E::custom("$: expected at most 64 levels and 1048576 parts"));
        };
        *self.parts = parts;
        Ok(Part {
            levels,
            parts: self.parts,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object whose `t` names the type of a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(mut self, content: D) -> Result<Raw, D::Error> {
        self.inside()?.deserialize(content)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        // No integer of a value is as large; only a float can be.
        Ok(i64::try_from(value).map_or(Raw::Fraction(value as f64), Raw::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Fraction(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = elements.next_element_seed(self.inside()?)? {
            all.push(one);
        }
        Ok(Raw::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all: Vec<(String, Raw)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inside()?)?;
            all.push((key, value));
        }
        // Which one of the two would count?
        let mut keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|two| two.first() == two.last()) {
            return Err(A::Error::custom("an object has the same key twice"));
        }
        Ok(Raw::Object(all))
    }
}
