//! [`Converter`]: the serializer that makes a [`Value`].

use super::EXACT;
use super::allowance::Allowance;
use super::collect::Elements;
use super::exact;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use crate::text::Text;
use crate::value::{Hashtable, KeyOrder, Value};
use ::serde::Serialize;
use ::serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use alloc::vec::Vec;
use bytes::Bytes;

type Result<T> = core::result::Result<T, EncodeError>;

/// The most calls inside each other. A type may contain itself without a container in between
/// (`struct List(Option<Box<List>>)`), which no limit on containers ends.
const MAX_FRAMES: u32 = 256;

/// Makes a value of what it is given.
pub(super) struct Converter {
    allowance: Allowance,
    /// How many levels of containers remain.
    depth: u32,
    /// How many calls inside each other remain.
    frames: u32,
}

impl Converter {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            allowance: Allowance::new(limits),
            depth: limits.max_depth,
            frames: MAX_FRAMES,
        }
    }

    fn text(&mut self, text: &str) -> Result<Value> {
        self.allowance.memory(Text::memory_bytes(text.len()))?;
        Ok(Value::String(text.into()))
    }

    /// A whole number of more bits than Photon has, in a long.
    fn wide(number: impl TryInto<i64>) -> Result<Value> {
        let number = number.try_into();
        Ok(Value::Long(
            number.map_err(|_| EncodeErrorKind::NumberTooLarge)?,
        ))
    }

    /// Makes a value inside a wrapper that leaves no trace.
    fn inside<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<Value> {
        let outside = self.frames;
        self.frames = outside.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        let value = content.serialize(&mut *self);
        self.frames = outside;
        value
    }

    /// Begins a container.
    fn container<C>(&mut self, content: C) -> Result<Container<'_, C>> {
        let outside = (self.depth, self.frames);
        self.depth = self.depth.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        self.frames = self.frames.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        Ok(Container {
            converter: self,
            outside,
            variant: None,
            count: 0,
            content,
        })
    }

    /// Begins the content of a variant: a container in a Hashtable of one pair.
    fn variant<C>(&mut self, variant: &'static str, content: C) -> Result<Container<'_, C>> {
        let outside = (self.depth, self.frames);
        self.depth = self.depth.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        self.allowance.element(2 * size_of::<Value>(), true)?;
        let mut container = self.container(content)?;
        container.outside = outside;
        container.variant = Some(variant);
        Ok(container)
    }
}

/// The Hashtable of a variant with content.
fn tagged(variant: &'static str, content: Value) -> Value {
    let name = Value::String(Text::from_static(variant));
    Value::Hashtable(Hashtable(alloc::vec![(name, content)]))
}

/// A container that is being filled.
pub(super) struct Container<'c, C> {
    converter: &'c mut Converter,
    /// The rest of the allowance, outside of a container: its levels, and calls.
    outside: (u32, u32),
    /// The variant whose content it is.
    variant: Option<&'static str>,
    /// The elements or pairs so far.
    count: usize,
    content: C,
}

impl<C> Container<'_, C> {
    fn close(self, make: impl FnOnce(C) -> Result<Value>) -> Result<Value> {
        (self.converter.depth, self.converter.frames) = self.outside;
        let value = make(self.content)?;
        Ok(match self.variant {
            Some(variant) => tagged(variant, value),
            None => value,
        })
    }
}

impl Container<'_, Elements> {
    fn element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
        let index = self.count;
        self.count += 1;
        let value = element.serialize(&mut *self.converter);
        let value = value.map_err(|error| error.within(format_args!("[{index}]")))?;
        Ok(self.content.push(value, &mut self.converter.allowance)?)
    }

    fn finish(self) -> Result<Value> {
        self.close(|elements| Ok(elements.into_value()))
    }
}

/// The pairs of a map, and a key that waits for its value.
#[derive(Default)]
pub(super) struct Pairs {
    all: Vec<(Value, Value)>,
    key: Option<Value>,
}

impl Container<'_, Pairs> {
    fn charge_pair(&mut self) -> Result<()> {
        self.count += 1;
        let allowance = &mut self.converter.allowance;
        allowance.element(size_of::<Value>(), true)?;
        Ok(allowance.element(size_of::<Value>(), true)?)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.charge_pair()?;
        let value = value.serialize(&mut *self.converter);
        let value = value.map_err(|error| error.within(format_args!(".{name}")))?;
        let key = Value::String(Text::from_static(name));
        self.content.all.push((key, value));
        Ok(())
    }

    /// A struct has each field once, so nothing is left to check.
    fn finish(self) -> Result<Value> {
        self.close(|pairs| Ok(Value::Hashtable(Hashtable(pairs.all))))
    }
}

impl SerializeMap for Container<'_, Pairs> {
    type Ok = Value;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let index = self.count;
        self.charge_pair()?;
        let key = key.serialize(&mut *self.converter);
        let key = key.and_then(|key| match key {
            Value::Null => Err(EncodeErrorKind::NullKey.into()),
            key if key.is_container() => Err(EncodeErrorKind::ContainerAsKey.into()),
            key => Ok(key),
        });
        self.content.key =
            Some(key.map_err(|error: EncodeError| error.within(format_args!("{{{index}}}")))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        // A `Serialize` that forgets the key is at fault, not the value.
        let key = self.content.key.take().ok_or(EncodeErrorKind::Refused)?;
        let value = value.serialize(&mut *self.converter);
        let index = self.count.saturating_sub(1);
        let value = value.map_err(|error| match key.as_str() {
            Some(name) => error.within(format_args!(".{name}")),
            None => error.within(format_args!("{{{index}}}")),
        })?;
        self.content.all.push((key, value));
        Ok(())
    }

    fn end(self) -> Result<Value> {
        self.close(|Pairs { all, key }| {
            if key.is_some() {
                return Err(EncodeErrorKind::Refused.into());
            }
            if let Some((twice, _)) = KeyOrder::new(&all, |pair| &pair.0).duplicates().next() {
                let error = EncodeError::from(EncodeErrorKind::DuplicateKey);
                return Err(error.within(format_args!("{{{twice}}}")));
            }
            Ok(Value::Hashtable(Hashtable(all)))
        })
    }
}

/// The traits that differ only in the name of their method.
macro_rules! elements {
    ($($interface:ident $method:ident),*) => {$(
        impl $interface for Container<'_, Elements> {
            type Ok = Value;
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
                self.element(element)
            }

            fn end(self) -> Result<Value> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

macro_rules! fields {
    ($($interface:ident),*) => {$(
        impl $interface for Container<'_, Pairs> {
            type Ok = Value;
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<Value> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct, SerializeStructVariant }

/// The numbers and other values that need no memory.
macro_rules! scalars {
    ($($method:ident $rust:ty => $variant:ident),* $(,)?) => {$(
        fn $method(self, value: $rust) -> Result<Value> {
            Ok(Value::$variant(value.into()))
        }
    )*};
}

impl<'c> Serializer for &'c mut Converter {
    type Ok = Value;
    type Error = EncodeError;
    type SerializeSeq = Container<'c, Elements>;
    type SerializeTuple = Container<'c, Elements>;
    type SerializeTupleStruct = Container<'c, Elements>;
    type SerializeTupleVariant = Container<'c, Elements>;
    type SerializeMap = Container<'c, Pairs>;
    type SerializeStruct = Container<'c, Pairs>;
    type SerializeStructVariant = Container<'c, Pairs>;

    scalars! {
        serialize_bool bool => Bool,
        serialize_u8 u8 => Byte,
        serialize_i8 i8 => Short,
        serialize_i16 i16 => Short,
        serialize_u16 u16 => Int,
        serialize_i32 i32 => Int,
        serialize_u32 u32 => Long,
        serialize_i64 i64 => Long,
        serialize_f32 f32 => Float,
        serialize_f64 f64 => Double,
    }

    fn serialize_u64(self, value: u64) -> Result<Value> {
        Converter::wide(value)
    }

    fn serialize_i128(self, value: i128) -> Result<Value> {
        Converter::wide(value)
    }

    fn serialize_u128(self, value: u128) -> Result<Value> {
        Converter::wide(value)
    }

    fn serialize_char(self, value: char) -> Result<Value> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Value> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value> {
        self.allowance.memory(value.len())?;
        Ok(Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn serialize_none(self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value> {
        self.inside(value)
    }

    fn serialize_unit(self) -> Result<Value> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value> {
        Ok(Value::String(Text::from_static(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value> {
        let value = self.inside(value)?;
        if name != EXACT {
            return Ok(value);
        }
        // `serialize_bytes` charged the encoded form. What it contains was limited when it was made.
        match value {
            Value::Bytes(encoded) => {
                exact::decode(&encoded).map_err(|_| EncodeErrorKind::Refused.into())
            }
            _ => Err(EncodeErrorKind::Refused.into()),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value> {
        self.allowance.element(2 * size_of::<Value>(), true)?;
        let container = self.container(())?;
        let value = value.serialize(&mut *container.converter);
        let value = value.map_err(|error| error.within(format_args!(".{variant}")))?;
        container.close(|()| Ok(tagged(variant, value)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq> {
        self.container(Elements::None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple> {
        self.container(Elements::None)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct> {
        self.container(Elements::None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        self.variant(variant, Elements::None)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap> {
        self.container(Pairs::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct> {
        self.container(Pairs::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant> {
        self.variant(variant, Pairs::default())
    }

    /// Photon's protocols are binary: a UUID or an address is sent in its compact form.
    fn is_human_readable(&self) -> bool {
        false
    }
}
