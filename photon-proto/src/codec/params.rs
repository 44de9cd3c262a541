//! [`Params`]: a cursor over the parameters of a message, which builds no table of values.

use crate::codec::ValueRef;
use crate::codec::message_value::keep_last;
use crate::codec::{self, Protocol};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::{Parameters, Value};
use alloc::vec::Vec;

/// A cursor over the parameters of a message, in wire order.
///
/// [`Params::next_key`] moves to the next parameter, and one of the typed readers decodes its
/// value. An unread value is skipped. Where speed does not matter, [`Params::pick`] collects the
/// values of a few keys.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    protocol: Protocol,
    reader: Reader<'a>,
    budget: Budget,
    left: usize,
    unread: bool,
}

/// One element of an array of mixed values. Exhaustive: text and anything else are all there is.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// Text whose UTF-8 is not checked, so that a caller can check many texts at once.
    Text(&'a [u8]),
    /// Any other value.
    Other(ValueRef<'a>),
}

impl<'a> Params<'a> {
    pub(crate) fn read(
        protocol: Protocol,
        mut reader: Reader<'a>,
        budget: Budget,
    ) -> Result<Self, DecodeError> {
        let left = codec::parameter_count(protocol, &mut reader)?;
        Ok(Self {
            protocol,
            reader,
            budget,
            left,
            unread: false,
        })
    }

    /// The serialization protocol of the message.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// How many more values the limits of the message allow: it counts down from
    /// [`Limits::max_values`](crate::Limits::max_values) with each value that is decoded or skipped.
    #[must_use]
    pub const fn values_left(&self) -> u32 {
        self.budget.values_left()
    }

    /// Moves to the next parameter and returns its key; `None` after the last one.
    ///
    /// # Errors
    /// [`DecodeError`] if the skipped value or the key is malformed.
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.unread {
            self.unread = false;
            codec::skip_value(self.protocol, &mut self.reader, &mut self.budget)?;
        }
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let key = self.reader.u8("parameter key")?;
        self.unread = true;
        Ok(Some(key))
    }

    /// Decodes the current value without copying.
    ///
    /// # Errors
    /// [`DecodeError`] if the value is malformed, or was read before.
    pub fn value_ref(&mut self) -> Result<ValueRef<'a>, DecodeError> {
        self.unread = false;
        codec::decode_ref(self.protocol, &mut self.reader, &mut self.budget)
    }

    /// Decodes the current value into an owned one.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.unread = false;
        codec::decode_tagged(self.protocol, &mut self.reader, &mut self.budget)
    }

    /// The error for the value at `at`, which has another type than expected.
    fn wrong_type(&self, at: usize, field: &'static str) -> DecodeError {
        let code = self.reader.since(at).first().copied().unwrap_or_default();
        DecodeError::new(DecodeErrorKind::WrongType(code), at, field)
    }

    /// Decodes the current value, which must be text. `field` names it in errors.
    ///
    /// # Errors
    /// [`DecodeError`]: `WrongType` if it has another type.
    #[inline]
    pub fn str(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::String(text) => Ok(text),
            _ => Err(self.wrong_type(at, field)),
        }
    }

    /// Decodes the current value, which must be text, without checking its UTF-8.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    #[inline]
    pub fn text_bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let at = self.reader.offset();
        match self.element()? {
            Element::Text(bytes) => Ok(bytes),
            Element::Other(_) => Err(self.wrong_type(at, field)),
        }
    }

    /// Decodes the current value without copying and without checking the UTF-8 of a text.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DecodeError> {
        self.unread = false;
        codec::decode_element(self.protocol, &mut self.reader, &mut self.budget)
    }

    /// Decodes the current value, which must be an int, short or byte.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    #[inline]
    pub fn int(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::Int(value) => Ok(value),
            ValueRef::Short(value) => Ok(i32::from(value)),
            ValueRef::Byte(value) => Ok(i32::from(value)),
            _ => Err(self.wrong_type(at, field)),
        }
    }

    /// Decodes the current value, which must be a bool.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    pub fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::Bool(value) => Ok(value),
            _ => Err(self.wrong_type(at, field)),
        }
    }

    /// Passes each text of the current value to `each`, without checking its UTF-8. The value must
    /// be an array of strings, or of mixed values that are all text.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    pub fn texts(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(&'a [u8]),
    ) -> Result<(), DecodeError> {
        let at = self.reader.offset();
        let mut other = false;
        self.elements(field, |element| match element {
            Element::Text(text) => each(text),
            Element::Other(_) => other = true,
        })?;
        if other {
            Err(self.wrong_type(at, field))
        } else {
            Ok(())
        }
    }

    /// Collects the texts of the current value and checks their UTF-8.
    ///
    /// # Errors
    /// The same as [`Params::texts`], and `NotUtf8`.
    pub fn strings(&mut self, field: &'static str) -> Result<Vec<&'a str>, DecodeError> {
        let at = self.reader.offset();
        let mut all = Vec::new();
        let mut bad = None;
        self.texts(field, |bytes| match codec::utf8(bytes, at, field) {
            Ok(text) => all.push(text),
            Err(error) => bad = Some(error),
        })?;
        match bad {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }

    /// Passes each element of the current value to `each`. The value must be an array of mixed
    /// values or of strings.
    ///
    /// The array itself does not count towards the depth: the server delivers messages in such an
    /// array, and content that was nested up to the limit when it was sent must be readable.
    ///
    /// # Errors
    /// As [`Params::str`], and the error of a malformed element.
    pub fn elements(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(Element<'a>),
    ) -> Result<(), DecodeError> {
        self.unread = false;
        let at = self.reader.offset();
        let r = &mut self.reader;
        let (count, texts) =
            codec::element_count(self.protocol, r)?.ok_or_else(|| self.wrong_type(at, field))?;
        if texts {
            self.budget.values(count, at, field)?;
        }
        for _ in 0..count {
            each(if texts {
                Element::Text(codec::string_bytes(self.protocol, &mut self.reader)?)
            } else {
                codec::decode_element(self.protocol, &mut self.reader, &mut self.budget)?
            });
        }
        Ok(())
    }

    /// Reads all remaining parameters and returns the values of these keys. A key that occurs twice
    /// gives its last value.
    ///
    /// # Errors
    /// [`DecodeError`] if any parameter is malformed.
    pub fn pick<const N: usize>(
        &mut self,
        keys: [u8; N],
    ) -> Result<[Option<ValueRef<'a>>; N], DecodeError> {
        let mut picked = [None; N];
        while let Some(key) = self.next_key()? {
            if let Some((_, slot)) = keys
                .iter()
                .zip(&mut picked)
                .find(|(wanted, _)| **wanted == key)
            {
                *slot = Some(self.value_ref()?);
            }
        }
        Ok(picked)
    }

    /// Decodes all remaining parameters into a table. A key that occurs twice keeps its last value.
    ///
    /// # Errors
    /// [`DecodeError`] if any of them is malformed.
    pub fn to_parameters(&mut self) -> Result<Parameters, DecodeError> {
        let mut all = Parameters::new();
        while let Some(key) = self.next_key()? {
            let value = self.value()?;
            keep_last(&mut all, key, value);
        }
        Ok(all)
    }

    /// Skips all remaining parameters and returns the number of surplus bytes behind the last one.
    /// Spec: wire.md 10.
    ///
    /// # Errors
    /// [`DecodeError`] if a skipped parameter is malformed.
    pub fn finish(&mut self) -> Result<usize, DecodeError> {
        while self.next_key()?.is_some() {}
        Ok(self.reader.left())
    }
}
