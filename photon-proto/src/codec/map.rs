//! The pairs of maps: rejected keys, dropped keys and duplicates.
//! Spec: wire.md 4.2.

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::{Type, Value, repeated};
use alloc::vec::Vec;

use super::tolerant::REPLACEMENT;
use super::{Encoder, encode_tagged};

/// The pairs of a map while it is decoded. Null keys are dropped, container keys rejected.
pub(super) struct Pairs(Vec<(Value, Value)>);

impl Pairs {
    /// Charges and reserves the memory for `count` pairs.
    pub(super) fn reserve(
        r: &Reader<'_>,
        b: &mut Budget,
        count: usize,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        b.values(count.saturating_mul(2), r.offset(), field)?;
        b.memory(count, size_of::<(Value, Value)>(), r.offset(), field)?;
        Ok(Self(Vec::with_capacity(count)))
    }

    /// Adds a pair. In tolerant decoding, a pair that no map can hold is dropped.
    #[inline(always)]
    fn push(
        &mut self,
        b: &mut Budget,
        key: Value,
        value: Value,
        key_at: usize,
    ) -> Result<(), DecodeError> {
        if key.is_container() {
            return container_as_key(b, key_at);
        }
        // wire.md 4.2: readers drop a pair with a null key.
        if !matches!(key, Value::Null) {
            self.0.push((key, value));
        }
        Ok(())
    }

    /// Decodes `count` pairs. `is_untyped` is whether a value may have any type.
    #[inline(always)]
    pub(super) fn decode(
        &mut self,
        r: &mut Reader<'_>,
        b: &mut Budget,
        (count, is_untyped): (usize, bool),
        decode_key: impl Fn(&mut Reader<'_>, &mut Budget) -> Result<Value, DecodeError>,
        decode_value: impl Fn(&mut Reader<'_>, &mut Budget) -> Result<Value, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..count {
            let key_at = r.offset();
            let key = match decode_key(r, b) {
                Ok(key) => key,
                Err(error) => return self.end(b, None, error),
            };
            match decode_value(r, b) {
                Ok(value) => self.push(b, key, value, key_at)?,
                Err(error) => return self.end(b, Some(key).filter(|_| is_untyped), error),
            }
        }
        Ok(())
    }

    /// Ends a map of which only the pairs so far, and perhaps a last key, are legible. The value of that
    /// key is marked.
    ///
    /// # Errors
    /// `error`, unless such a map is kept.
    #[cold]
    fn end(
        &mut self,
        b: &Budget,
        key: Option<Value>,
        error: DecodeError,
    ) -> Result<(), DecodeError> {
        if !b.ends_map() {
            return Err(error);
        }
        if let Some(key) = key.filter(|key| !key.is_container() && !matches!(key, Value::Null)) {
            self.0.push((key, REPLACEMENT));
        }
        Ok(())
    }

    /// Completes a Hashtable. A key that occurs twice keeps its first position and its last value,
    /// as in the official reader.
    pub(super) fn last_wins(self) -> Vec<(Value, Value)> {
        let repeated = repeated(&self.0, |pair| &pair.0);
        self.without(&repeated)
    }

    /// Moves the value of each repeated key to its first place.
    fn without(mut self, repeated: &[(usize, usize)]) -> Vec<(Value, Value)> {
        if repeated.is_empty() {
            return self.0;
        }
        // Those of one key are in order, so the last one wins.
        for (index, first) in repeated {
            debug_assert!(first < index, "an earlier pair has the key");
            let Some((earlier, [later, ..])) = self.0.split_at_mut_checked(*index) else {
                continue;
            };
            later.0 = Value::Null;
            if let Some(target) = earlier.get_mut(*first) {
                core::mem::swap(&mut target.1, &mut later.1);
            }
        }
        // No other key is null.
        self.0.retain(|(key, _)| !matches!(key, Value::Null));
        debug_assert!(
            self::repeated(&self.0, |pair| &pair.0).is_empty(),
            "no key is left twice"
        );
        self.0
    }

    /// Completes a Dictionary, in which a key that occurs twice is an error. Spec: wire.md 4.2.
    /// Tolerant decoding keeps its last value, as in a Hashtable.
    pub(super) fn unique(
        self,
        b: &mut Budget,
        at: usize,
    ) -> Result<Vec<(Value, Value)>, DecodeError> {
        let repeated = repeated(&self.0, |pair| &pair.0);
        if !repeated.is_empty() && !b.replaces_part() {
            return Err(DecodeError::new(
                DecodeErrorKind::DuplicateKey,
                at,
                "dictionary key",
            ));
        }
        Ok(self.without(&repeated))
    }
}

/// Drops a pair with a container as its key, or returns the error. Nearly no message has one.
#[cold]
fn container_as_key(b: &mut Budget, key_at: usize) -> Result<(), DecodeError> {
    if b.replaces_part() {
        return Ok(());
    }
    let kind = DecodeErrorKind::ContainerAsKey;
    Err(DecodeError::new(kind, key_at, "map key"))
}

/// Checks that a map can be encoded: no key is null, a container or a duplicate.
fn check_keys(pairs: &[(Value, Value)]) -> Result<(), EncodeError> {
    for (index, (key, _)) in pairs.iter().enumerate() {
        let kind = match key {
            Value::Null => EncodeErrorKind::NullKey,
            key if key.is_container() => EncodeErrorKind::ContainerAsKey,
            _ => continue,
        };
        return Err(EncodeError::from(kind).within(format_args!("{{{index}}}")));
    }
    let repeated = repeated(pairs, |pair| &pair.0);
    match repeated.iter().map(|(index, _)| index).min() {
        Some(index) => {
            Err(EncodeError::from(EncodeErrorKind::DuplicateKey)
                .within(format_args!("{{{index}}}")))
        }
        None => Ok(()),
    }
}

/// Encodes the count and the pairs of a map with these declared types. `declared` encodes a value
/// without its type code.
pub(super) fn encode_pairs(
    out: &mut Encoder<'_>,
    pairs: &[(Value, Value)],
    (key, value): (&Type, &Type),
    declared: impl Fn(&mut Encoder<'_>, &Value) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let key_or_value = |out: &mut Encoder<'_>, one: &Value, of: &Type| {
        if *of == Type::Object {
            return encode_tagged(out, one);
        }
        if one.type_of() != *of {
            return Err(EncodeErrorKind::TypeMismatch.into());
        }
        out.value()?;
        declared(out, one)
    };
    check_keys(pairs)?;
    out.count(pairs.len())?;
    for (index, pair) in pairs.iter().enumerate() {
        key_or_value(out, &pair.0, key)
            .and_then(|()| key_or_value(out, &pair.1, value))
            .map_err(|error| error.within(format_args!("{{{index}}}")))?;
    }
    Ok(())
}
