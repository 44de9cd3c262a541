//! [`ValueDeserializer`]: the deserializer that reads a value.

use super::error::{FromValueError, FromValueErrorKind, short, wrong_type};
use super::node::Node;
use super::{EXACT, exact};
use crate::value::{Array, Value};
use ::serde::de::value::{BytesDeserializer, StrDeserializer};
use ::serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use ::serde::forward_to_deserialize_any;

type Result<T> = core::result::Result<T, FromValueError>;

/// The most calls inside each other. Values are nested by others, and a type may contain itself
/// without a container in between (`struct List(Option<Box<List>>)`).
const MAX_FRAMES: u32 = 128;

/// Reads one place of a value.
pub(super) struct ValueDeserializer<'v> {
    node: Node<'v>,
    /// How many calls inside each other remain.
    frames: u32,
}

impl<'v> ValueDeserializer<'v> {
    pub(super) const fn new(node: Node<'v>) -> Self {
        Self {
            node,
            frames: MAX_FRAMES,
        }
    }

    /// The same place, or one in it, for a call further in.
    fn inside(&self, node: Node<'v>) -> Result<Self> {
        let frames = self.frames.checked_sub(1);
        Ok(Self {
            node,
            frames: frames.ok_or(FromValueErrorKind::TooDeep)?,
        })
    }

    fn elements<V: Visitor<'v>>(&self, source: Source<'v>, visitor: V) -> Result<V::Value> {
        let mut elements = Elements {
            source,
            next: 0,
            outside: self.inside(self.node)?,
        };
        let value = visitor.visit_seq(&mut elements)?;
        // A tuple takes as many elements as it has, and would not miss the others.
        match elements.next.checked_sub(source.len()) {
            None => Err(FromValueError::invalid_length(
                source.len(),
                &"fewer elements",
            )),
            Some(_) => Ok(value),
        }
    }

    fn pairs<V: Visitor<'v>>(&self, pairs: &'v [(Value, Value)], visitor: V) -> Result<V::Value> {
        let mut access = Pairs {
            pairs,
            next: 0,
            outside: self.inside(self.node)?,
        };
        let value = visitor.visit_map(&mut access)?;
        if access.next < pairs.len() {
            return Err(FromValueError::invalid_length(pairs.len(), &"fewer pairs"));
        }
        Ok(value)
    }
}

impl<'v> Deserializer<'v> for ValueDeserializer<'v> {
    type Error = FromValueError;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Byte(value) => visitor.visit_u8(value),
            Node::Short(value) => visitor.visit_i16(value),
            Node::Int(value) => visitor.visit_i32(value),
            Node::Long(value) => visitor.visit_i64(value),
            Node::Float(value) => visitor.visit_f32(value),
            Node::Double(value) => visitor.visit_f64(value),
            Node::String(text) => visitor.visit_borrowed_str(text),
            Node::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Node::Array(array) => self.elements(Source::Array(array), visitor),
            Node::Map(pairs, _) => self.pairs(pairs, visitor),
            Node::Custom(code, data) => visitor.visit_map(CustomFields {
                code: Some(code),
                data: Some(data),
            }),
            Node::Request(_) => wrong_type("an operation request", &visitor),
            Node::Response(_) => wrong_type("an operation response", &visitor),
            Node::Event(_) => wrong_type("event data", &visitor),
        }
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        match self.node {
            Node::Null => visitor.visit_none(),
            node => visitor.visit_some(self.inside(node)?),
        }
    }

    fn deserialize_bytes<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        match self.node {
            Node::Custom(_, data) => visitor.visit_borrowed_bytes(data),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        match self.node {
            Node::Bytes(bytes) => self.elements(Source::Bytes(bytes), visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name != EXACT {
            return visitor.visit_newtype_struct(self.inside(self.node)?);
        }
        let encoded = exact::encode(&self.node.to_value()).map_err(FromValueError::custom)?;
        visitor.visit_newtype_struct(BytesDeserializer::new(&encoded))
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.node {
            Node::String(name) => visitor.visit_enum(Variant {
                name,
                content: None,
            }),
            Node::Map([(Value::String(name), content)], _) => visitor.visit_enum(Variant {
                name,
                content: Some(self.inside(Node::of(content))?),
            }),
            Node::Map(pairs, _) => Err(FromValueError::invalid_length(
                pairs.len(),
                &"one pair with the name of a variant as its key",
            )),
            _ => self.deserialize_any(visitor),
        }
    }

    /// Skipping costs nothing, whatever the size of the value.
    fn deserialize_ignored_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        <V: Visitor<'v>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct map
        struct identifier
    }
}

/// Where the elements of a seq are.
#[derive(Clone, Copy)]
enum Source<'v> {
    Array(&'v Array),
    Bytes(&'v [u8]),
}

impl<'v> Source<'v> {
    fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn get(&self, index: usize) -> Option<Node<'v>> {
        match self {
            Self::Array(array) => Node::element(array, index),
            Self::Bytes(bytes) => bytes.get(index).copied().map(Node::Byte),
        }
    }
}

struct Elements<'v> {
    source: Source<'v>,
    next: usize,
    /// The array, with the calls that remain for its elements.
    outside: ValueDeserializer<'v>,
}

impl<'v> SeqAccess<'v> for &mut Elements<'v> {
    type Error = FromValueError;

    fn next_element_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let index = self.next;
        let Some(node) = self.source.get(index) else {
            return Ok(None);
        };
        self.next += 1;
        let element = ValueDeserializer {
            node,
            frames: self.outside.frames,
        };
        let value = seed.deserialize(element);
        value
            .map(Some)
            .map_err(|error| error.within(format_args!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.source.len().saturating_sub(self.next))
    }
}

struct Pairs<'v> {
    pairs: &'v [(Value, Value)],
    next: usize,
    /// The map, with the calls that remain for its pairs.
    outside: ValueDeserializer<'v>,
}

impl<'v> MapAccess<'v> for &mut Pairs<'v> {
    type Error = FromValueError;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let index = self.next;
        let Some((key, _)) = self.pairs.get(index) else {
            return Ok(None);
        };
        let key = ValueDeserializer {
            node: Node::of(key),
            frames: self.outside.frames,
        };
        let key = seed.deserialize(key);
        key.map(Some)
            .map_err(|error| error.within(format_args!("{{{index}}}")))
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value> {
        let index = self.next;
        let Some((key, value)) = self.pairs.get(index) else {
            return Err(FromValueError::custom("a value was read before its key"));
        };
        self.next += 1;
        let value = ValueDeserializer {
            node: Node::of(value),
            frames: self.outside.frames,
        };
        seed.deserialize(value).map_err(|error| match key.as_str() {
            Some(name) => error.within(format_args!(".{}", short(name))),
            None => error.within(format_args!("{{{index}}}")),
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.pairs.len().saturating_sub(self.next))
    }
}

/// An application-defined value, read as a struct.
struct CustomFields<'v> {
    code: Option<u8>,
    data: Option<&'v [u8]>,
}

impl<'v> MapAccess<'v> for CustomFields<'v> {
    type Error = FromValueError;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let name = match self {
            Self { code: Some(_), .. } => "code",
            Self { data: Some(_), .. } => "data",
            _ => return Ok(None),
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value> {
        if let Some(code) = self.code.take() {
            return seed.deserialize(code.into_deserializer());
        }
        let data = self.data.take().unwrap_or_default();
        seed.deserialize(ValueDeserializer::new(Node::Bytes(data)))
    }
}

struct Variant<'v> {
    name: &'v str,
    content: Option<ValueDeserializer<'v>>,
}

impl<'v> EnumAccess<'v> for Variant<'v> {
    type Error = FromValueError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'v>>(self, seed: T) -> Result<(T::Value, Self)> {
        let name = seed.deserialize(ValueDeserializer::new(Node::String(self.name)))?;
        Ok((name, self))
    }
}

impl<'v> Variant<'v> {
    /// Reads the content of the variant, which a plain name does not have.
    fn read<T>(self, read: impl FnOnce(ValueDeserializer<'v>) -> Result<T>) -> Result<T> {
        let content = self.content.unwrap_or(ValueDeserializer::new(Node::Null));
        read(content).map_err(|error| error.within(format_args!(".{}", short(self.name))))
    }
}

impl<'v> VariantAccess<'v> for Variant<'v> {
    type Error = FromValueError;

    fn unit_variant(self) -> Result<()> {
        self.read(|content| match content.node {
            Node::Null => Ok(()),
            _ => wrong_type("the content of a variant", &"a variant without content"),
        })
    }

    fn newtype_variant_seed<T: DeserializeSeed<'v>>(self, seed: T) -> Result<T::Value> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.read(|content| content.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'v>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.read(|content| content.deserialize_any(visitor))
    }
}
