//! [`Encode`] for the caller's types, and [`ValueWriter`], which encodes exactly one value.

use super::{Encoder, Protocol, v16, v18};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::value::{Custom, Hashtable, Value};
use alloc::vec::Vec;

/// A type that encodes itself as one Photon value, without an intermediate [`Value`].
///
/// ```
/// use photon_proto::{Encode, EncodeError, ValueWriter, Written};
///
/// struct Position { x: f32, y: f32 }
///
/// impl Encode for Position {
///     fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
///         out.objects([self.x, self.y].iter())
///     }
/// }
/// ```
pub trait Encode {
    /// Encodes the value with one of the methods of [`ValueWriter`], whose [`Written`] it returns.
    ///
    /// # Errors
    /// [`EncodeError`] if the protocol cannot express the value.
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError>;
}

/// The proof that one value was encoded.
#[derive(Debug)]
pub struct Written(Kind);

#[derive(Debug)]
enum Kind {
    Null,
    Plain,
    Container,
}

impl Written {
    const PLAIN: Self = Self(Kind::Plain);
    const CONTAINER: Self = Self(Kind::Container);

    /// Whether the value was null.
    #[must_use]
    #[inline]
    pub const fn is_null(&self) -> bool {
        matches!(self.0, Kind::Null)
    }

    /// Checks that the encoded value can be a key.
    const fn check_key(&self) -> Result<(), EncodeErrorKind> {
        match self.0 {
            Kind::Null => Err(EncodeErrorKind::NullKey),
            Kind::Plain => Ok(()),
            Kind::Container => Err(EncodeErrorKind::ContainerAsKey),
        }
    }
}

/// The place for exactly one value. Every method encodes a value and consumes the place, so that an
/// implementation of
/// [`Encode`] cannot encode none or two.
#[derive(Debug)]
pub struct ValueWriter<'a> {
    out: Encoder<'a>,
    /// The key of a parameter, which is written in front of its value.
    key: Option<u8>,
}

impl<'a> ValueWriter<'a> {
    #[inline]
    pub(crate) const fn new(output: &'a mut Encoder<'_>) -> Self {
        Self {
            out: output.reborrow(),
            key: None,
        }
    }

    /// The place for the value of a parameter.
    #[inline]
    pub(crate) const fn behind_key(key: u8, output: &'a mut Encoder<'_>) -> Self {
        Self {
            key: Some(key),
            ..Self::new(output)
        }
    }

    /// Writes the key, if there is one.
    #[inline]
    fn key(&mut self) -> Result<(), EncodeError> {
        self.key.map_or(Ok(()), |key| self.out.put(&[key]))
    }

    /// Writes the key, and charges the value.
    #[inline]
    fn begin(&mut self) -> Result<(), EncodeError> {
        self.key()?;
        self.out.value()
    }

    /// The protocol of the connection.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.out.protocol()
    }

    /// Writes null.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn null(mut self) -> Result<Written, EncodeError> {
        self.begin()?;
        self.out.codes(&[v16::code::NULL], &[v18::code::NULL])?;
        Ok(Written(Kind::Null))
    }

    /// Writes text.
    ///
    /// # Errors
    /// [`EncodeError`] above 32,767 bytes of UTF-8, or at a limit.
    #[inline(always)]
    pub fn str(mut self, text: &str) -> Result<Written, EncodeError> {
        self.out.value()?;
        self.out.tagged_text(self.key, text)?;
        Ok(Written::PLAIN)
    }

    /// Writes a byte array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn bytes(mut self, bytes: &[u8]) -> Result<Written, EncodeError> {
        self.begin()?;
        match self.out.protocol() {
            Protocol::V16 => {
                self.out.put(&[v16::code::BYTES])?;
                v16::encode_bytes(&mut self.out, bytes)?;
            }
            Protocol::V18 => {
                self.out.put(&[v18::code::BYTES])?;
                v18::encode_bytes(&mut self.out, bytes)?;
            }
        }
        Ok(Written::PLAIN)
    }

    /// Writes an application-defined type.
    ///
    /// # Errors
    /// [`EncodeError`] above 32,767 bytes in 1.6, or at a limit.
    pub fn custom(mut self, code: u8, data: &[u8]) -> Result<Written, EncodeError> {
        self.begin()?;
        match self.out.protocol() {
            Protocol::V16 => {
                self.out.put(&[v16::code::CUSTOM])?;
                v16::encode_custom(&mut self.out, code, data)?;
            }
            Protocol::V18 => v18::encode_custom(&mut self.out, code, data)?,
        }
        Ok(Written::PLAIN)
    }

    /// Writes a string array.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`ValueWriter::str`] and for an iterator whose `len` is wrong.
    pub fn strings<I>(mut self, texts: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item: AsRef<str>>,
    {
        self.begin()?;
        let announced = texts.len();
        self.out
            .codes(&[v16::code::ARRAY], &[v18::code::STRING_ARRAY])?;
        self.out.count(announced)?;
        self.out.codes(&[v16::code::STRING], &[])?;
        let written = self.out.nested(|out| {
            out.counted(texts, |out, text| {
                out.value()?;
                out.text(text.as_ref())
            })
        })?;
        check_count(announced, written)
    }

    /// Writes an int array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn ints(mut self, numbers: &[i32]) -> Result<Written, EncodeError> {
        self.begin()?;
        self.out.nested(|out| match out.protocol() {
            Protocol::V16 => v16::encode_ints(out, numbers),
            Protocol::V18 => v18::encode_ints(out, numbers),
        })?;
        Ok(Written::CONTAINER)
    }

    /// Writes a bool array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn bools(mut self, flags: &[bool]) -> Result<Written, EncodeError> {
        self.begin()?;
        self.out.nested(|out| match out.protocol() {
            Protocol::V16 => v16::encode_bools(out, flags),
            Protocol::V18 => v18::encode_bools(out, flags),
        })?;
        Ok(Written::CONTAINER)
    }

    /// Writes an object array: mixed values, each with its own type.
    ///
    /// # Errors
    /// [`EncodeError`] of an element, at a limit, and for an iterator whose `len` is wrong.
    pub fn objects<I>(mut self, values: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item: Encode>,
    {
        self.begin()?;
        let announced = values.len();
        self.out
            .codes(&[v16::code::OBJECT_ARRAY], &[v18::code::OBJECT_ARRAY])?;
        let written = self.out.nested(|out| {
            out.count(announced)?;
            out.counted(values, |out, value| {
                value.encode(ValueWriter::new(out)).map(drop)
            })
        })?;
        check_count(announced, written)
    }

    /// Writes a Hashtable. For a key that occurs twice readers keep the last value.
    ///
    /// # Errors
    /// [`EncodeError`] of a key or value, for null or a container as a key, at a limit, and for an
    /// iterator whose `len` is wrong.
    pub fn hashtable<I, K, V>(self, pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.map(&[v16::code::HASHTABLE], &[v18::code::HASHTABLE], pairs)
    }

    /// Writes a Dictionary whose keys and values carry their own types (object to object). The
    /// caller must pass different keys: readers reject a Dictionary with a duplicate.
    ///
    /// # Errors
    /// The same as [`ValueWriter::hashtable`].
    pub fn dictionary<I, K, V>(self, pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.map(
            &[
                v16::code::DICTIONARY,
                v16::code::UNKNOWN,
                v16::code::UNKNOWN,
            ],
            &[
                v18::code::DICTIONARY,
                v18::code::UNTYPED,
                v18::code::UNTYPED,
            ],
            pairs,
        )
    }

    fn map<I, K, V>(mut self, v16: &[u8], v18: &[u8], pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.begin()?;
        let announced = pairs.len();
        self.out.codes(v16, v18)?;
        let written = self.out.nested(|out| {
            out.count(announced)?;
            let mut count = 0_usize;
            for (key, value) in pairs {
                out.pair(&key, &value)
                    .map_err(|error| error.within(format_args!("{{{count}}}")))?;
                count += 1;
            }
            Ok(count)
        })?;
        check_count(announced, written)
    }

    /// Writes an owned value.
    ///
    /// # Errors
    /// [`EncodeError`] if the protocol cannot express it, or at a limit.
    pub fn value(mut self, value: &Value) -> Result<Written, EncodeError> {
        self.key()?;
        match self.out.protocol() {
            Protocol::V16 => v16::encode_tagged(&mut self.out, value)?,
            Protocol::V18 => v18::encode_tagged(&mut self.out, value)?,
        }
        Ok(Written(match value {
            Value::Null => Kind::Null,
            value if value.is_container() => Kind::Container,
            _ => Kind::Plain,
        }))
    }
}

impl Encoder<'_> {
    fn pair(&mut self, key: &impl Encode, value: &impl Encode) -> Result<(), EncodeError> {
        key.encode(ValueWriter::new(self))?.check_key()?;
        value.encode(ValueWriter::new(self)).map(drop)
    }

    fn counted<T>(
        &mut self,
        all: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<usize, EncodeError> {
        let mut count = 0_usize;
        for one in all {
            write(self, one).map_err(|error| error.within(format_args!("[{count}]")))?;
            count += 1;
        }
        Ok(count)
    }
}

/// Checks that an iterator returned as many elements as its `len` announced.
///
/// The count is already encoded in front of the elements; a wrong one would make the message
/// unreadable.
fn check_count(announced: usize, written: usize) -> Result<Written, EncodeError> {
    if announced == written {
        Ok(Written::CONTAINER)
    } else {
        Err(EncodeErrorKind::WrongCount.into())
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    #[inline]
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        (**self).encode(out)
    }
}

impl Encode for Value {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.value(self)
    }
}

impl Encode for str {
    // Most of what is sent is text; as a call of its own, a short one costs half as much again.
    #[inline(always)]
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.str(self)
    }
}

impl Encode for [u8] {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.bytes(self)
    }
}

/// `None` is null.
impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        match self {
            Some(value) => value.encode(out),
            None => out.null(),
        }
    }
}

macro_rules! encode_text {
    ($($text:ty),*) => {$(
        impl Encode for $text {
            #[inline]
            fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
                out.str(self)
            }
        }
    )*};
}

encode_text!(alloc::string::String, crate::text::Text);

macro_rules! encode_bytes {
    ($($bytes:ty),*) => {$(
        impl Encode for $bytes {
            fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
                out.bytes(self)
            }
        }
    )*};
}

encode_bytes!(Vec<u8>, bytes::Bytes);

/// Scalars are encoded as the [`Value`] of their type, which allocates nothing.
macro_rules! encode_scalar {
    ($($scalar:ty => $variant:ident),*) => {$(
        impl Encode for $scalar {
            #[inline]
            fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
                out.value(&Value::$variant(*self))
            }
        }
    )*};
}

encode_scalar!(bool => Bool, u8 => Byte, i16 => Short, i32 => Int, i64 => Long, f32 => Float, f64 => Double);

/// As the [`Value`] that holds it.
impl Encode for Hashtable {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.hashtable(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Encode for Custom {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.custom(self.code, &self.data)
    }
}
