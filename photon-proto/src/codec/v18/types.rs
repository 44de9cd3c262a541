//! The declared types of Dictionaries. Spec: wire.md 5.3.

use super::code;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::Type;
use alloc::boxed::Box;

/// The declared types of a Dictionary, checked, but still encoded: those of a value that is skipped are
/// not needed, and nested ones take an allocation for each level.
pub(super) struct DictionaryTypes<'a> {
    codes: [u8; 2],
    /// The value type, from its type code on.
    value: &'a [u8],
}

impl<'a> DictionaryTypes<'a> {
    /// Takes the declared types.
    pub(super) fn read(r: &mut Reader<'a>, b: &mut Budget) -> Result<Self, DecodeError> {
        let key = key_code(r)?;
        let start = *r;
        check_value_type(r, b)?;
        let value = r.since(&start);
        debug_assert!(!value.is_empty(), "a type has a code");
        Ok(Self {
            codes: [key, value.first().copied().unwrap_or_default()],
            value,
        })
    }

    pub(super) const fn codes(&self) -> [u8; 2] {
        self.codes
    }

    /// The types of keys and of values.
    pub(super) fn types(&self) -> (Type, Type) {
        let [key, _] = self.codes;
        let key = scalar_type(key).unwrap_or(Type::Object);
        (key, value_type(&mut self.value.iter()))
    }
}

/// The minimum length of a value of a declared type.
pub(super) const fn min_width(code: u8) -> usize {
    match code {
        code::BYTE_ZERO
        | code::SHORT_ZERO
        | code::INT_ZERO
        | code::LONG_ZERO
        | code::FLOAT_ZERO
        | code::DOUBLE_ZERO => 0,
        _ => 1,
    }
}

/// Takes the type code of keys.
fn key_code(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let at = r.offset();
    let code = r.u8("dictionary key type")?;
    if scalar_type(code).is_some() {
        return Ok(code);
    }
    let kind = match code {
        code::DICTIONARY
        | code::HASHTABLE
        | code::OBJECT_ARRAY
        | code::REQUEST
        | code::RESPONSE
        | code::EVENT
        | code::ARRAYS..=code::HASHTABLE_ARRAY => DecodeErrorKind::ContainerAsKey,
        _ => DecodeErrorKind::TypeNotAllowed(code),
    };
    Err(DecodeError::new(kind, at, "dictionary key type"))
}

/// Takes the type of values. Each level of it counts as a value and as a level of nesting: a Dictionary
/// without pairs can declare dozens of them.
fn check_value_type(r: &mut Reader<'_>, b: &mut Budget) -> Result<(), DecodeError> {
    const FIELD: &str = "dictionary value type";
    let mut levels_left = b.depth_left();
    // Only arrays are in an array of arrays.
    let mut in_arrays = false;
    loop {
        let at = r.offset();
        let code = r.u8(FIELD)?;
        let is_nested = matches!(code, code::DICTIONARY | code::ARRAYS);
        if is_nested {
            b.values(1, at, FIELD)?;
            levels_left = levels_left.checked_sub(1).ok_or(DecodeError::new(
                DecodeErrorKind::TooDeep,
                at,
                "container",
            ))?;
        }
        let bytes = if code == code::DICTIONARY {
            size_of::<(Type, Type)>()
        } else {
            size_of::<Type>()
        };
        b.memory(1, bytes, at, FIELD)?;
        let is_allowed = match code {
            code::ARRAYS | code::BYTES => true,
            code::DICTIONARY => !in_arrays,
            _ => array_element(code).is_some() || (!in_arrays && plain_type(code).is_some()),
        };
        if !is_allowed {
            let kind = DecodeErrorKind::TypeNotAllowed(code);
            return Err(DecodeError::new(kind, at, FIELD));
        }
        if !is_nested {
            return Ok(());
        }
        in_arrays = code == code::ARRAYS;
        if !in_arrays {
            key_code(r)?;
        }
    }
}

/// The type that begins with the next of these codes, which were checked.
fn value_type(codes: &mut core::slice::Iter<'_, u8>) -> Type {
    match codes.next() {
        Some(&code::DICTIONARY) => {
            let key = codes.next().and_then(|code| scalar_type(*code));
            debug_assert!(key.is_some(), "keys are checked");
            let types = (key.unwrap_or(Type::Object), value_type(codes));
            Type::Dictionary(Box::new(types))
        }
        Some(&code::ARRAYS) => Type::Array(Box::new(value_type(codes))),
        Some(&code) => match array_element(code) {
            Some(element) => Type::Array(Box::new(element)),
            None => {
                let plain = plain_type(code);
                debug_assert!(plain.is_some(), "values are checked");
                plain.unwrap_or(Type::Object)
            }
        },
        None => {
            debug_assert!(false, "a type ends with one that is not nested");
            Type::Object
        }
    }
}

/// The declared types that are allowed for keys and values. A variant of a type, such as "int
/// zero", means that type. Spec: wire.md 5.3.
fn scalar_type(code: u8) -> Option<Type> {
    Some(match code {
        code::UNTYPED => Type::Object,
        code::BOOL => Type::Bool,
        code::BYTE | code::BYTE_ZERO => Type::Byte,
        code::SHORT | code::SHORT_ZERO => Type::Short,
        code::FLOAT | code::FLOAT_ZERO => Type::Float,
        code::DOUBLE | code::DOUBLE_ZERO => Type::Double,
        code::STRING => Type::String,
        code::INT | code::INT_ZERO | code::INT_1..=code::INT_2_NEGATIVE => Type::Int,
        code::LONG | code::LONG_ZERO | code::LONG_1..=code::LONG_2_NEGATIVE => Type::Long,
        _ => return None,
    })
}

/// The declared value types without elements.
fn plain_type(code: u8) -> Option<Type> {
    match code {
        code::HASHTABLE => Some(Type::Hashtable),
        code::REQUEST => Some(Type::Request),
        code::RESPONSE => Some(Type::Response),
        code::EVENT => Some(Type::Event),
        code::BYTES => Some(Type::Bytes),
        code => scalar_type(code),
    }
}

/// The element type of a declared array that needs no further description.
fn array_element(code: u8) -> Option<Type> {
    Some(match code {
        code::OBJECT_ARRAY => Type::Object,
        code::BOOL_ARRAY => Type::Bool,
        code::SHORT_ARRAY => Type::Short,
        code::FLOAT_ARRAY => Type::Float,
        code::DOUBLE_ARRAY => Type::Double,
        code::STRING_ARRAY => Type::String,
        code::INT_ARRAY => Type::Int,
        code::LONG_ARRAY => Type::Long,
        code::HASHTABLE_ARRAY => Type::Hashtable,
        _ => return None,
    })
}
