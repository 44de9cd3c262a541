//! GpBinary 1.6: big endian, 16 bit counts. Spec: wire.md 4.

mod bounds;
mod decode;
mod encode;
mod skip;

pub(super) use bounds::{begin_container, begin_map, carries_code};
pub(super) use decode::{
    decode_container, decode_fixed, decode_slice, element_count, hashtable, objects,
    parameter_count, string_bytes,
};
pub(super) use encode::{
    encode_bools, encode_bytes, encode_count, encode_custom, encode_ints, encode_tagged,
};
pub(super) use skip::{fixed_width, skip, skip_scalar};

/// Type codes. Spec: wire.md 4.
pub(super) mod code {
    pub(in crate::codec) const UNKNOWN: u8 = 0x00;
    pub(in crate::codec) const NULL: u8 = b'*';
    pub(in crate::codec) const BOOL: u8 = b'o';
    pub(in crate::codec) const BYTE: u8 = b'b';
    pub(in crate::codec) const SHORT: u8 = b'k';
    pub(in crate::codec) const INT: u8 = b'i';
    pub(in crate::codec) const LONG: u8 = b'l';
    pub(in crate::codec) const FLOAT: u8 = b'f';
    pub(in crate::codec) const DOUBLE: u8 = b'd';
    pub(in crate::codec) const STRING: u8 = b's';
    pub(in crate::codec) const BYTES: u8 = b'x';
    pub(in crate::codec) const INT_ARRAY: u8 = b'n';
    pub(in crate::codec) const STRING_ARRAY: u8 = b'a';
    pub(in crate::codec) const ARRAY: u8 = b'y';
    pub(in crate::codec) const OBJECT_ARRAY: u8 = b'z';
    pub(in crate::codec) const HASHTABLE: u8 = b'h';
    pub(in crate::codec) const DICTIONARY: u8 = b'D';
    pub(in crate::codec) const CUSTOM: u8 = b'c';
    pub(in crate::codec) const EVENT: u8 = b'e';
    pub(in crate::codec) const REQUEST: u8 = b'q';
    pub(in crate::codec) const RESPONSE: u8 = b'p';
}
