//! [`Elements`]: the array that a list of values becomes.

use super::allowance::Allowance;
use crate::error::EncodeErrorKind;
use crate::text::Text;
use crate::value::{Array, Value};
use alloc::vec::Vec;

/// The elements of an array so far. They stay typed while all are of one type.
pub(super) enum Elements {
    None,
    Byte(Vec<u8>),
    Bool(Vec<bool>),
    Short(Vec<i16>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    String(Vec<Text>),
    Mixed(Vec<Value>),
}

macro_rules! typed {
    ($($variant:ident),*) => {
        impl Elements {
            /// Appends an element. Elements of one type of number are charged by their memory only,
            /// as in an encoded message; others also as values.
            pub(super) fn push(
                &mut self,
                value: Value,
                allowance: &mut Allowance,
            ) -> Result<(), EncodeErrorKind> {
                let is_text = matches!(value, Value::String(_));
                match (&mut *self, value) {
                    $((Self::$variant(all), Value::$variant(one)) => {
                        allowance.element(size_of_val(&one), is_text)?;
                        all.push(one);
                    })*
                    $((Self::None, Value::$variant(one)) => {
                        allowance.element(size_of_val(&one), is_text)?;
                        *self = Self::$variant(alloc::vec![one]);
                    })*
                    (Self::Mixed(all), value) => {
                        allowance.element(size_of::<Value>(), true)?;
                        all.push(value);
                    }
                    (_, value) => {
                        let mut all = core::mem::replace(self, Self::None).into_values();
                        for _ in 0..=all.len() {
                            allowance.element(size_of::<Value>(), true)?;
                        }
                        all.push(value);
                        *self = Self::Mixed(all);
                    }
                }
                Ok(())
            }

            fn into_values(self) -> Vec<Value> {
                match self {
                    Self::None => Vec::new(),
                    $(Self::$variant(all) => all.into_iter().map(Value::$variant).collect(),)*
                    Self::Mixed(all) => all,
                }
            }
        }
    };
}

typed!(Byte, Bool, Short, Int, Long, Float, Double, String);

impl Elements {
    pub(super) fn into_value(self) -> Value {
        Value::Array(match self {
            Self::Byte(all) => return Value::Bytes(all.into()),
            Self::None => Array::Object(Vec::new()),
            Self::Bool(all) => Array::Bool(all),
            Self::Short(all) => Array::Short(all),
            Self::Int(all) => Array::Int(all),
            Self::Long(all) => Array::Long(all),
            Self::Float(all) => Array::Float(all),
            Self::Double(all) => Array::Double(all),
            Self::String(all) => Array::String(all),
            Self::Mixed(all) => Array::Object(all),
        })
    }
}
