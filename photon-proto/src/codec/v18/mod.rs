//! GpBinary 1.8: little endian, varint counts, compact numbers. Spec: wire.md 5.

mod bounds;
mod decode;
mod encode;
mod skip;
mod types;

pub(super) use bounds::{begin_container, begin_map};
pub(super) use decode::{
    carries_codes, decode_container, decode_fixed, decode_slice, element_count, hashtable, objects,
    parameter_count, string_bytes, unzigzag32,
};
pub(super) use encode::{
    encode_bools, encode_bytes, encode_count, encode_custom, encode_ints, encode_tagged,
};
pub(super) use skip::{fixed_width, skip, skip_scalar};

/// Type codes. Spec: wire.md 5.
pub(super) mod code {
    pub(in crate::codec) const UNTYPED: u8 = 0;
    pub(in crate::codec) const BOOL: u8 = 2;
    pub(in crate::codec) const BYTE: u8 = 3;
    pub(in crate::codec) const SHORT: u8 = 4;
    pub(in crate::codec) const FLOAT: u8 = 5;
    pub(in crate::codec) const DOUBLE: u8 = 6;
    pub(in crate::codec) const STRING: u8 = 7;
    pub(in crate::codec) const NULL: u8 = 8;
    pub(in crate::codec) const INT: u8 = 9;
    pub(in crate::codec) const LONG: u8 = 10;
    pub(in crate::codec) const INT_1: u8 = 11;
    pub(in crate::codec) const INT_1_NEGATIVE: u8 = 12;
    pub(in crate::codec) const INT_2: u8 = 13;
    pub(in crate::codec) const INT_2_NEGATIVE: u8 = 14;
    pub(in crate::codec) const LONG_1: u8 = 15;
    pub(in crate::codec) const LONG_1_NEGATIVE: u8 = 16;
    pub(in crate::codec) const LONG_2: u8 = 17;
    pub(in crate::codec) const LONG_2_NEGATIVE: u8 = 18;
    pub(in crate::codec) const CUSTOM: u8 = 19;
    pub(in crate::codec) const DICTIONARY: u8 = 20;
    pub(in crate::codec) const HASHTABLE: u8 = 21;
    pub(in crate::codec) const OBJECT_ARRAY: u8 = 23;
    pub(in crate::codec) const REQUEST: u8 = 24;
    pub(in crate::codec) const RESPONSE: u8 = 25;
    pub(in crate::codec) const EVENT: u8 = 26;
    pub(in crate::codec) const FALSE: u8 = 27;
    pub(in crate::codec) const TRUE: u8 = 28;
    pub(in crate::codec) const SHORT_ZERO: u8 = 29;
    pub(in crate::codec) const INT_ZERO: u8 = 30;
    pub(in crate::codec) const LONG_ZERO: u8 = 31;
    pub(in crate::codec) const FLOAT_ZERO: u8 = 32;
    pub(in crate::codec) const DOUBLE_ZERO: u8 = 33;
    pub(in crate::codec) const BYTE_ZERO: u8 = 34;
    pub(in crate::codec) const ARRAYS: u8 = 64;
    pub(in crate::codec) const BOOL_ARRAY: u8 = 66;
    pub(in crate::codec) const BYTES: u8 = 67;
    pub(in crate::codec) const SHORT_ARRAY: u8 = 68;
    pub(in crate::codec) const FLOAT_ARRAY: u8 = 69;
    pub(in crate::codec) const DOUBLE_ARRAY: u8 = 70;
    pub(in crate::codec) const STRING_ARRAY: u8 = 71;
    pub(in crate::codec) const INT_ARRAY: u8 = 73;
    pub(in crate::codec) const LONG_ARRAY: u8 = 74;
    pub(in crate::codec) const CUSTOM_ARRAY: u8 = 83;
    pub(in crate::codec) const DICTIONARY_ARRAY: u8 = 84;
    pub(in crate::codec) const HASHTABLE_ARRAY: u8 = 85;
    pub(in crate::codec) const SLIM_FIRST: u8 = 128;
    pub(in crate::codec) const SLIM_LAST: u8 = 228;
}
