//! The building blocks of script types: lists, rare values, bounded numbers, and the macros that
//! define enums, structs and tables with both directions.

use super::Encode;
use arbitrary::{Arbitrary, Result, Unstructured};
use std::fmt;

/// At most `MAX` values, with their number in front.
///
/// `Vec::arbitrary` asks before each element whether there is one more, which makes half of all
/// lists empty; and bytes would take two bytes each.
#[derive(Clone, PartialEq)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// A list of these values.
    ///
    /// # Panics
    /// If there are more than `MAX`.
    #[must_use]
    pub fn new(values: impl Into<Vec<T>>) -> Self {
        let values = values.into();
        assert!(values.len() <= MAX, "a list of at most {MAX} values");
        Self(values)
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<'a, T: Arbitrary<'a>, const MAX: usize> Arbitrary<'a> for List<T, MAX> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = usize::from(u8::arbitrary(u)?) % (MAX + 1);
        (0..count)
            .map(|_| u.arbitrary())
            .collect::<Result<_>>()
            .map(Self)
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.len()).expect("a list of less than 256 values"));
        for value in &self.0 {
            value.encode(out);
        }
    }
}

/// A flag that one in `N` byte values sets: for what ends most of a script when it happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneIn<const N: u8>(pub bool);

impl<'a, const N: u8> Arbitrary<'a> for OneIn<N> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(u8::arbitrary(u)? % N == N - 1))
    }
}

impl<const N: u8> Encode for OneIn<N> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(if self.0 { N - 1 } else { 0 });
    }
}

/// A value that is there in one of eight cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seldom<T>(pub Option<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Seldom<T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let OneIn(there) = OneIn::<8>::arbitrary(u)?;
        let value = if there { Some(u.arbitrary()?) } else { None };
        Ok(Self(value))
    }
}

impl<T: Encode> Encode for Seldom<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        OneIn::<8>(self.0.is_some()).encode(out);
        if let Some(value) = &self.0 {
            value.encode(out);
        }
    }
}

/// A number from 0 to `MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpTo<const MAX: u8>(u8);

impl<const MAX: u8> UpTo<MAX> {
    /// This number.
    ///
    /// # Panics
    /// If it is larger than `MAX`.
    #[must_use]
    pub fn new(number: u8) -> Self {
        assert!(number <= MAX, "a number up to {MAX}");
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl<'a, const MAX: u8> Arbitrary<'a> for UpTo<MAX> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(u8::arbitrary(u)? % (MAX + 1)))
    }
}

impl<const MAX: u8> Encode for UpTo<MAX> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

/// Defines enums and structs with `Arbitrary` and [`Encode`].
///
/// A macro and not two derives, because a derive of our own would need a package of its own. The
/// variants of an enum are equally likely: nest enums so that what scripts are made of comes often.
macro_rules! script_types {
    () => {};
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident
                $( ( $inner:ty ) )?
                $( { $( $(#[$field_meta:meta])* $field:ident: $type:ty ),* $(,)? } )?
            ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, arbitrary::Arbitrary)]
        pub enum $name {
            $(
                $(#[$variant_meta])*
                $variant
                $( ( $inner ) )?
                $( { $( $(#[$field_meta])* $field: $type ),* } )?
            ),*
        }

        impl $crate::script::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                const NAMES: &[&str] = &[$(stringify!($variant)),*];
                match self {
                    $(
                        Self::$variant
                        $( ($crate::script::second!($inner, inner)) )?
                        $( { $($field),* } )?
                        => {
                            $crate::script::encode_variant(stringify!($variant), NAMES, out);
                            $( <$inner as $crate::script::Encode>::encode(inner, out); )?
                            $( $( $crate::script::Encode::encode($field, out); )* )?
                        }
                    )*
                }
            }
        }

        $crate::script::script_types! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, arbitrary::Arbitrary)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type ),*
        }

        impl $crate::script::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $( $crate::script::Encode::encode(&self.$field, out); )*
            }
        }

        $crate::script::script_types! { $($rest)* }
    };
}
pub(crate) use script_types;

/// The second of two: lets a macro bind a name for a field whose type it repeats over.
macro_rules! second {
    ($first:ty, $second:ident) => {
        $second
    };
}
pub(crate) use second;

/// Defines types that hold one of a few values, which are chosen by the remainder of a byte. A value
/// that is in a table several times comes up more often.
macro_rules! choices {
    ($( $(#[$meta:meta])* pub struct $name:ident($type:ty) = $table:expr; )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq)]
            pub struct $name($type);

            impl $name {
                /// All values, in the order of the bytes that choose them.
                pub const TABLE: &'static [$type] = &$table;

                /// This value.
                ///
                /// # Panics
                /// If it is not in the table.
                #[must_use]
                pub fn of(value: $type) -> Self {
                    assert!(Self::TABLE.contains(&value), "{value:?} is not in the table");
                    Self(value)
                }

                /// The value.
                #[must_use]
                pub const fn get(self) -> $type {
                    self.0
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self(Self::TABLE[0])
                }
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(out)
                }
            }

            impl<'a> arbitrary::Arbitrary<'a> for $name {
                fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
                    let choice = usize::from(u8::arbitrary(u)?);
                    Ok(Self(Self::TABLE[choice % Self::TABLE.len()]))
                }
            }

            impl $crate::script::Encode for $name {
                fn encode(&self, out: &mut Vec<u8>) {
                    let place = Self::TABLE.iter().position(|value| *value == self.0);
                    let place = place.expect("a value of the table");
                    out.push(u8::try_from(place).expect("tables of less than 256 values"));
                }
            }
        )*
    };
}
pub(crate) use choices;
