//! `Serialize` and `Deserialize` for [`Value`], its parts, and [`Text`].

use super::{EXACT, exact, notation};
use crate::error::DecodeError;
use crate::text::Text;
use crate::value::{Array, Custom, Dictionary, EventData, Hashtable, Request, Response, Value};
use ::serde::de::{self, Deserialize, Deserializer, Visitor};
use ::serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use core::fmt;

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// The bytes of a value, for formats that are not human-readable.
struct Encoded<'b>(&'b [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// In the form that the [module](super) documents.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return notation::Tagged::new(self).serialize(serializer);
        }
        let encoded = exact::encode(self).map_err(S::Error::custom)?;
        serializer.serialize_newtype_struct(EXACT, &Encoded(&encoded))
    }
}

/// Reads the bytes of a value.
struct EncodedVisitor;

impl<'de> Visitor<'de> for EncodedVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the bytes of a value")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Value, E> {
        exact::decode(bytes).map_err(E::custom)
    }

    /// Some formats have no byte arrays.
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut bytes = alloc::vec::Vec::new();
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Value, D::Error> {
        content.deserialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return notation::read(deserializer);
        }
        deserializer.deserialize_newtype_struct(EXACT, EncodedVisitor)
    }
}

/// The parts of a value have the form of the value that they are.
macro_rules! parts {
    ($($part:ident $variant:literal: $name:literal),* $(,)?) => {$(
        #[doc = concat!("In the form of [`Value::", $variant, "`].")]
        impl Serialize for $part {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Value::from(self.clone()).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $part {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(Value::deserialize(deserializer)?)
                    .map_err(|_| de::Error::custom(concat!("the value is not ", $name)))
            }
        }
    )*};
}

parts! {
    Array "Array": "an array",
    Hashtable "Hashtable": "a Hashtable",
    Dictionary "Dictionary": "a Dictionary",
    Custom "Custom": "an application-defined value",
    Request "Request": "an operation request",
    Response "Response": "an operation response",
    EventData "Event": "event data",
}

/// As an object with the name of the `kind`, `offset` and `field`.
impl Serialize for DecodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("kind", self.kind.name())?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("field", self.field)?;
        map.end()
    }
}
