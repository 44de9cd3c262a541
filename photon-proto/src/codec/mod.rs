//! Values to bytes and back, in GpBinary 1.6 and 1.8.

pub(crate) mod v16;
pub(crate) mod v18;
mod writer;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use crate::value::{Array, Value};
use crate::value_ref::ValueRef;
use alloc::vec::Vec;

pub(crate) use writer::Output;
pub use writer::{Encode, ValueWriter, Written};

/// The serialization protocol of a connection, chosen by the client. Spec: wire.md 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// GpBinary 1.6.
    V16,
    /// GpBinary 1.8.
    V18,
}

impl Protocol {
    /// The name used as WebSocket sub-protocol and in text inits: `GpBinaryV16`, `GpBinaryV18`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V16 => "GpBinaryV16",
            Self::V18 => "GpBinaryV18",
        }
    }

    /// Major and minor version as the binary init announces them.
    #[must_use]
    pub const fn version(self) -> [u8; 2] {
        match self {
            Self::V16 => [1, 6],
            Self::V18 => [1, 8],
        }
    }

    /// The protocol with this major and minor version.
    #[must_use]
    pub const fn from_version(version: [u8; 2]) -> Option<Self> {
        match version {
            [1, 6] => Some(Self::V16),
            [1, 8] => Some(Self::V18),
            _ => None,
        }
    }
}

/// Decodes one value with its type code; the input must end with it.
///
/// # Errors
/// [`DecodeError`] for anything that is not exactly one value within `limits`.
pub fn decode_value(protocol: Protocol, limits: &Limits, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = read_value(protocol, &mut reader, &mut Budget::new(limits))?;
    ended(&reader)?;
    Ok(value)
}

/// Decodes one value without copying; containers stay encoded (see [`RawValue`](crate::RawValue)), checked for bounds,
/// type codes and limits, but not yet for UTF-8 and keys inside them.
///
/// # Errors
/// [`DecodeError`] as for [`decode_value`].
pub fn decode_value_ref<'a>(protocol: Protocol, limits: &Limits, bytes: &'a [u8]) -> Result<ValueRef<'a>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = read_ref(protocol, &mut reader, &mut Budget::new(limits))?;
    ended(&reader)?;
    Ok(value)
}

/// Encodes one value with its type code.
///
/// # Errors
/// [`EncodeError`] if the protocol cannot express it, or it exceeds `limits`.
pub fn encode_value<T: Encode + ?Sized>(
    protocol: Protocol,
    limits: &Limits,
    value: &T,
) -> Result<Vec<u8>, EncodeError> {
    let mut output = Output::new(Vec::new(), protocol, limits);
    let _written = value.encode(ValueWriter::new(&mut output))?;
    output.check_length()?;
    Ok(output.into_buffer())
}

fn ended(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.left() == 0 { Ok(()) } else { Err(reader.error(DecodeErrorKind::TrailingBytes, "end of value")) }
}

#[inline]
pub(crate) fn read_value(protocol: Protocol, r: &mut Reader<'_>, b: &mut Budget) -> Result<Value, DecodeError> {
    match protocol {
        Protocol::V16 => v16::value(r, b),
        Protocol::V18 => v18::value(r, b),
    }
}

#[inline]
pub(crate) fn read_ref<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<ValueRef<'a>, DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    b.values(1, at, "value")?;
    ref_payload(protocol, r, b, code, at)
}

pub(crate) fn ref_payload<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<ValueRef<'a>, DecodeError> {
    let scalar = match protocol {
        Protocol::V16 => v16::scalar(r, code)?,
        Protocol::V18 => v18::scalar(r, code)?,
    };
    if let Some(scalar) = scalar {
        return Ok(scalar);
    }
    let start = r.offset();
    skip_payload(protocol, r, b, code, at)?;
    Ok(ValueRef::Container(crate::value_ref::RawValue::new(protocol, code, r.since(start), start)))
}

pub(crate) fn skip_value(protocol: Protocol, r: &mut Reader<'_>, b: &mut Budget) -> Result<(), DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    b.values(1, at, "value")?;
    skip_payload(protocol, r, b, code, at)
}

pub(crate) fn skip_payload(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<(), DecodeError> {
    match protocol {
        Protocol::V16 => v16::skip(r, b, code, at),
        Protocol::V18 => v18::skip(r, b, code, at),
    }
}

pub(crate) fn utf8<'a>(bytes: &'a [u8], at: usize, field: &'static str) -> Result<&'a str, DecodeError> {
    core::str::from_utf8(bytes)
        .map_err(|error| DecodeError::new(DecodeErrorKind::NotUtf8, at.saturating_add(error.valid_up_to()), field))
}

/// Pairs of a map while it is read: null keys are dropped, container keys refused.
pub(crate) struct Pairs(Vec<(Value, Value)>);

impl Pairs {
    pub(crate) fn reserve(
        r: &Reader<'_>,
        b: &mut Budget,
        count: usize,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        b.values(count.saturating_mul(2), r.offset(), field)?;
        b.memory(count, size_of::<(Value, Value)>(), r.offset(), field)?;
        Ok(Self(Vec::with_capacity(count)))
    }

    pub(crate) fn push(&mut self, key: Value, value: Value, key_at: usize) -> Result<(), DecodeError> {
        if key.is_container() {
            return Err(DecodeError::new(DecodeErrorKind::ContainerAsKey, key_at, "map key"));
        }
        // wire.md 4.2: a pair with a null key is consumed and dropped.
        if !matches!(key, Value::Null) {
            self.0.push((key, value));
        }
        Ok(())
    }

    /// A Hashtable: the last value of a key that occurs twice wins, at the place of the first.
    pub(crate) fn last_wins(mut self) -> Vec<(Value, Value)> {
        if first_duplicate(&self.0, |pair| &pair.0).is_some() {
            let mut order: Vec<usize> = (0..self.0.len()).collect();
            order.sort_by(|&left, &right| match (self.0.get(left), self.0.get(right)) {
                (Some(one), Some(other)) => one.0.cmp(&other.0).then(left.cmp(&right)),
                _ => left.cmp(&right),
            });
            let mut dropped = alloc::vec![false; self.0.len()];
            let mut first = None::<usize>;
            for index in order {
                let same = first.filter(|&kept| {
                    matches!((self.0.get(kept), self.0.get(index)), (Some(one), Some(other)) if one.0 == other.0)
                });
                if let Some(kept) = same {
                    if kept != index {
                        let (value, target) = (self.0.get(index).map(|pair| pair.1.clone()), self.0.get_mut(kept));
                        if let (Some(value), Some(target)) = (value, target) {
                            target.1 = value;
                        }
                        if let Some(flag) = dropped.get_mut(index) {
                            *flag = true;
                        }
                    }
                } else {
                    first = Some(index);
                }
            }
            let mut flags = dropped.into_iter();
            self.0.retain(|_| !flags.next().unwrap_or(false));
        }
        self.0
    }

    /// A Dictionary: a key that occurs twice is an error. Spec: wire.md 4.2.
    pub(crate) fn unique(self, at: usize) -> Result<Vec<(Value, Value)>, DecodeError> {
        match first_duplicate(&self.0, |pair| &pair.0) {
            Some(_) => Err(DecodeError::new(DecodeErrorKind::DuplicateKey, at, "dictionary key")),
            None => Ok(self.0),
        }
    }
}

/// The index of an entry whose key stands again later or earlier, if any: pairwise while that is cheap, else by sorting.
pub(crate) fn first_duplicate<T>(entries: &[T], key: impl Fn(&T) -> &Value) -> Option<usize> {
    const PAIRWISE: usize = 12;
    if entries.len() <= PAIRWISE {
        return entries
            .iter()
            .enumerate()
            .find(|(index, entry)| entries.iter().take(*index).any(|earlier| key(earlier) == key(entry)))
            .map(|(index, _)| index);
    }
    let mut sorted: Vec<(usize, &T)> = entries.iter().enumerate().collect();
    sorted.sort_by(|(left_at, left), (right_at, right)| key(left).cmp(key(right)).then(left_at.cmp(right_at)));
    sorted
        .windows(2)
        .filter_map(|pair| match pair {
            [(_, left), (index, right)] if key(left) == key(right) => Some(*index),
            _ => None,
        })
        .min()
}

/// Elements of an array of arrays as they were read, gathered under one type.
///
/// An array of byte arrays is an array of its own kind; an empty array of arrays carries no element type, so it stands
/// as an empty object array and fits beside any array of arrays.
pub(crate) fn gather_arrays(elements: Vec<Value>, at: usize) -> Result<Value, DecodeError> {
    let mixed = || DecodeError::new(DecodeErrorKind::MixedTypes, at, "array of arrays");
    let array = match elements.first() {
        // wire.md 4.1 and 5.2: an empty array of arrays reads as an empty list.
        None => Array::Object(Vec::new()),
        Some(Value::Bytes(_)) => Array::Bytes(
            elements
                .into_iter()
                .map(|element| match element {
                    Value::Bytes(bytes) => Ok(bytes),
                    _ => Err(mixed()),
                })
                .collect::<Result<_, _>>()?,
        ),
        Some(_) => {
            let arrays = elements
                .into_iter()
                .map(|element| match element {
                    Value::Array(array) => Ok(array),
                    _ => Err(mixed()),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let nested = |array: &&Array| !matches!(array, Array::Object(all) if all.is_empty());
            if let Some(typed) = arrays.iter().find(nested).map(Array::element_type) {
                let open = matches!(typed, crate::value::Type::Array(_));
                let fits = |array: &Array| array.element_type() == typed || (open && !nested(&array));
                if !arrays.iter().all(fits) {
                    return Err(mixed());
                }
            }
            Array::Array(arrays)
        }
    };
    Ok(Value::Array(array))
}

/// Checks before writing that an array of arrays has elements, all of one type.
pub(crate) fn check_uniform(arrays: &[Array]) -> Result<(), EncodeError> {
    /// Whether two arrays have the same element type, looking no deeper than any limit on depth would let them be.
    fn same(left: &Array, right: &Array, fuel: u32) -> bool {
        match (left, right) {
            (Array::Array(left), Array::Array(right)) => match (left.first(), right.first(), fuel.checked_sub(1)) {
                (Some(left), Some(right), Some(fuel)) => same(left, right, fuel),
                _ => true, // empty, or too deep: refused as such when it is written
            },
            (Array::Array(_), _) | (_, Array::Array(_)) => false,
            _ => left.element_type() == right.element_type(),
        }
    }
    let Some((first, others)) = arrays.split_first() else {
        return Err(EncodeErrorKind::EmptyNestedArray.into());
    };
    match others.iter().position(|other| !same(first, other, 64)) {
        Some(index) => {
            Err(EncodeError::from(EncodeErrorKind::TypeMismatch).within(format_args!("[{}]", index.saturating_add(1))))
        }
        None => Ok(()),
    }
}

/// Checks before writing a map that no key is null, a container, or there twice.
pub(crate) fn check_keys(pairs: &[(Value, Value)]) -> Result<(), EncodeError> {
    for (index, (key, _)) in pairs.iter().enumerate() {
        let kind = match key {
            Value::Null => EncodeErrorKind::NullKey,
            key if key.is_container() => EncodeErrorKind::ContainerAsKey,
            _ => continue,
        };
        return Err(EncodeError::from(kind).within(format_args!("{{{index}}}")));
    }
    match first_duplicate(pairs, |pair| &pair.0) {
        Some(index) => Err(EncodeError::from(EncodeErrorKind::DuplicateKey).within(format_args!("{{{index}}}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
