//! Writing values: [`Encode`] for callers' types, [`ValueWriter`] to write exactly one value.

use super::{Protocol, v16, v18};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use crate::value::{Custom, Value};
use alloc::vec::Vec;

/// Something that can be written as one Photon value, without a [`Value`] in between.
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
    /// Writes the value; the [`Written`] to return comes from one of the methods of [`ValueWriter`].
    ///
    /// # Errors
    /// [`EncodeError`] if the protocol cannot express the value.
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError>;
}

/// Proof that one value was written.
#[derive(Debug)]
pub struct Written {
    null: bool,
}

impl Written {
    const VALUE: Self = Self { null: false };

    /// Whether the value was null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.null
    }
}

/// The place for exactly one value; every method writes it and consumes the place.
#[derive(Debug)]
pub struct ValueWriter<'a>(&'a mut Output);

/// Bytes being written, with what is left of the limits.
#[derive(Debug)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    protocol: Protocol,
    depth: u32,
    values: u32,
    /// Length that `buffer` must not exceed.
    end: usize,
    max_bytes: usize,
}

impl Output {
    /// Writes behind what `buffer` holds already.
    pub(crate) fn new(buffer: Vec<u8>, protocol: Protocol, limits: &Limits) -> Self {
        let end = buffer.len().saturating_add(limits.max_sent_bytes);
        Self {
            buffer,
            protocol,
            depth: limits.max_depth,
            values: limits.max_values,
            end,
            max_bytes: limits.max_sent_bytes,
        }
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(crate) fn check_length(&self) -> Result<(), EncodeError> {
        if self.buffer.len() > self.end {
            return Err(EncodeErrorKind::MessageTooLong(self.max_bytes).into());
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > self.end.saturating_sub(self.buffer.len()) {
            return Err(EncodeErrorKind::MessageTooLong(self.max_bytes).into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Charges one value.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<(), EncodeError> {
        self.values = self.values.checked_sub(1).ok_or(EncodeErrorKind::TooManyValues)?;
        Ok(())
    }

    /// Runs `write` one container deeper.
    pub(crate) fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.depth = self.depth.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        write(self)?;
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    /// Writes elements one after the other; an error names the index.
    pub(crate) fn each<T>(
        &mut self,
        all: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        for (index, one) in all.iter().enumerate() {
            write(self, one).map_err(|error| error.within(format_args!("[{index}]")))?;
        }
        Ok(())
    }

    /// As [`Output::each`], charging a value for each.
    pub(crate) fn each_value<T>(
        &mut self,
        all: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.each(all, |out, one| {
            out.value()?;
            write(out, one)
        })
    }

    pub(crate) fn return_code(&mut self, code: i16) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => self.put(&code.to_be_bytes()),
            Protocol::V18 => self.put(&code.to_le_bytes()),
        }
    }

    /// A response's text; an empty one is written as null. Spec: wire.md 3.2.
    pub(crate) fn debug_message(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        let writer = ValueWriter(self);
        match text {
            Some(text) if !text.is_empty() => writer.str(text),
            _ => writer.null(),
        }
        .map(drop)
    }

    fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => v16::write_text(self, text),
            Protocol::V18 => v18::write_text(self, text),
        }
    }

    fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => v16::write_count(self, count),
            Protocol::V18 => v18::write_count(self, count),
        }
    }

    fn codes(&mut self, v16: &[u8], v18: &[u8]) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => self.put(v16),
            Protocol::V18 => self.put(v18),
        }
    }
}

impl<'a> ValueWriter<'a> {
    pub(crate) const fn new(output: &'a mut Output) -> Self {
        Self(output)
    }

    /// The protocol of the connection that the value is written for.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// Writes null.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn null(self) -> Result<Written, EncodeError> {
        self.0.value()?;
        self.0.codes(&[v16::code::NULL], &[v18::code::NULL])?;
        Ok(Written { null: true })
    }

    /// Writes text.
    ///
    /// # Errors
    /// [`EncodeError`] above 32,767 bytes of UTF-8, or at a limit.
    #[inline]
    pub fn str(self, text: &str) -> Result<Written, EncodeError> {
        self.0.value()?;
        self.0.codes(&[v16::code::STRING], &[v18::code::STRING])?;
        self.0.text(text)?;
        Ok(Written::VALUE)
    }

    /// Writes a byte array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn bytes(self, bytes: &[u8]) -> Result<Written, EncodeError> {
        self.0.value()?;
        match self.0.protocol {
            Protocol::V16 => {
                self.0.put(&[v16::code::BYTES])?;
                v16::write_bytes(self.0, bytes)?;
            }
            Protocol::V18 => {
                self.0.put(&[v18::code::BYTES])?;
                v18::write_bytes(self.0, bytes)?;
            }
        }
        Ok(Written::VALUE)
    }

    /// Writes an application-defined type.
    ///
    /// # Errors
    /// [`EncodeError`] above 32,767 bytes in 1.6, or at a limit.
    pub fn custom(self, code: u8, data: &[u8]) -> Result<Written, EncodeError> {
        self.0.value()?;
        match self.0.protocol {
            Protocol::V16 => {
                self.0.put(&[v16::code::CUSTOM])?;
                v16::write_custom(self.0, code, data)?;
            }
            Protocol::V18 => v18::write_custom(self.0, code, data)?,
        }
        Ok(Written::VALUE)
    }

    /// Writes a string array.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`ValueWriter::str`] and for an iterator whose `len` is wrong.
    pub fn strings<I>(self, texts: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item: AsRef<str>>,
    {
        self.0.value()?;
        let announced = texts.len();
        self.0.codes(&[v16::code::ARRAY], &[v18::code::STRING_ARRAY])?;
        self.0.count(announced)?;
        self.0.codes(&[v16::code::STRING], &[])?;
        let written = self.0.counted(texts, |out, text| {
            out.value()?;
            out.text(text.as_ref())
        })?;
        exact(announced, written)
    }

    /// Writes an int array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn ints(self, numbers: &[i32]) -> Result<Written, EncodeError> {
        self.0.value()?;
        match self.0.protocol {
            Protocol::V16 => v16::write_ints(self.0, numbers)?,
            Protocol::V18 => v18::write_ints(self.0, numbers)?,
        }
        Ok(Written::VALUE)
    }

    /// Writes a bool array.
    ///
    /// # Errors
    /// [`EncodeError`] at a limit.
    pub fn bools(self, flags: &[bool]) -> Result<Written, EncodeError> {
        self.0.value()?;
        match self.0.protocol {
            Protocol::V16 => v16::write_bools(self.0, flags)?,
            Protocol::V18 => v18::write_bools(self.0, flags)?,
        }
        Ok(Written::VALUE)
    }

    /// Writes an object array: mixed values, each with its own type.
    ///
    /// # Errors
    /// [`EncodeError`] of an element, at a limit, and for an iterator whose `len` is wrong.
    pub fn objects<I>(self, values: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item: Encode>,
    {
        self.0.value()?;
        let announced = values.len();
        self.0.codes(&[v16::code::OBJECT_ARRAY], &[v18::code::OBJECT_ARRAY])?;
        let mut written = 0;
        self.0.nested(|out| {
            out.count(announced)?;
            written = out.counted(values, |out, value| value.encode(ValueWriter(out)).map(drop))?;
            Ok(())
        })?;
        exact(announced, written)
    }

    /// Writes a Hashtable. A key that comes twice reads as its last value; container and null keys are for the
    /// caller to avoid.
    ///
    /// # Errors
    /// [`EncodeError`] of a key or value, at a limit, and for an iterator whose `len` is wrong.
    pub fn hashtable<I, K, V>(self, pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.map(&[v16::code::HASHTABLE], &[v18::code::HASHTABLE], pairs)
    }

    /// Writes a Dictionary whose keys and values carry their own types (object to object). The keys must differ.
    ///
    /// # Errors
    /// [`EncodeError`] of a key or value, at a limit, and for an iterator whose `len` is wrong.
    pub fn dictionary<I, K, V>(self, pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.map(
            &[v16::code::DICTIONARY, v16::code::UNKNOWN, v16::code::UNKNOWN],
            &[v18::code::DICTIONARY, v18::code::UNTYPED, v18::code::UNTYPED],
            pairs,
        )
    }

    fn map<I, K, V>(self, v16: &[u8], v18: &[u8], pairs: I) -> Result<Written, EncodeError>
    where
        I: ExactSizeIterator<Item = (K, V)>,
        K: Encode,
        V: Encode,
    {
        self.0.value()?;
        let announced = pairs.len();
        self.0.codes(v16, v18)?;
        let mut written = 0;
        self.0.nested(|out| {
            out.count(announced)?;
            written = out.counted(pairs, |out, (key, value)| {
                let _key = key.encode(ValueWriter(out))?;
                value.encode(ValueWriter(out)).map(drop)
            })?;
            Ok(())
        })?;
        exact(announced, written)
    }

    /// Writes an owned value.
    ///
    /// # Errors
    /// [`EncodeError`] if the protocol cannot express it, or at a limit.
    pub fn value(self, value: &Value) -> Result<Written, EncodeError> {
        match self.0.protocol {
            Protocol::V16 => v16::write_value(self.0, value)?,
            Protocol::V18 => v18::write_value(self.0, value)?,
        }
        Ok(Written { null: matches!(value, Value::Null) })
    }
}

impl Output {
    fn counted<T>(
        &mut self,
        all: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<usize, EncodeError> {
        let mut count = 0_usize;
        for one in all {
            write(self, one).map_err(|error| error.within(format_args!("[{count}]")))?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }
}

fn exact(announced: usize, written: usize) -> Result<Written, EncodeError> {
    if announced == written { Ok(Written::VALUE) } else { Err(EncodeErrorKind::WrongCount.into()) }
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
    #[inline]
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

/// Scalars are written as the [`Value`] of their type, which allocates nothing.
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

impl Encode for Custom {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.custom(self.code, &self.data)
    }
}
