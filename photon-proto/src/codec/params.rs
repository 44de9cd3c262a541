//! [`Params`]: a cursor over the parameters of a message, read in wire order without a table of values.

use crate::codec::ValueRef;
use crate::codec::message_value::keep_last;
use crate::codec::{self, Protocol};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::{Parameters, Value};
use alloc::vec::Vec;

/// A cursor over parameters.
///
/// [`Params::next_key`] moves to the next parameter, skipping the value of the one before if nobody read it; then one
/// of the typed readers takes the value. For cold paths [`Params::pick`] gathers a few keys at once.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    protocol: Protocol,
    reader: Reader<'a>,
    budget: Budget,
    left: usize,
    unread: bool,
}

/// One element of an array of mixed values.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// Text whose UTF-8 has not been checked yet, so that a caller can check many at once.
    Text(&'a [u8]),
    /// Anything else.
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

    /// Moves to the next parameter and returns its key; `None` after the last one.
    ///
    /// # Errors
    /// [`DecodeError`] if the skipped value or the key is bad.
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

    /// The value of the current parameter, borrowed.
    ///
    /// # Errors
    /// [`DecodeError`] if it is bad, or was read before.
    pub fn value_ref(&mut self) -> Result<ValueRef<'a>, DecodeError> {
        self.unread = false;
        codec::decode_ref(self.protocol, &mut self.reader, &mut self.budget)
    }

    /// The value of the current parameter, owned.
    ///
    /// # Errors
    /// As [`Params::value_ref`].
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.unread = false;
        codec::decode_tagged(self.protocol, &mut self.reader, &mut self.budget)
    }

    fn wrong(&self, at: usize, field: &'static str) -> DecodeError {
        let code = self.reader.since(at).first().copied().unwrap_or_default();
        DecodeError::new(DecodeErrorKind::WrongType(code), at, field)
    }

    /// The value of the current parameter, which must be text; `field` names it in errors.
    ///
    /// # Errors
    /// [`DecodeError`]: `WrongType` if it is something else.
    #[inline]
    pub fn str(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::String(text) => Ok(text),
            _ => Err(self.wrong(at, field)),
        }
    }

    /// The value of the current parameter, which must be text, its UTF-8 unchecked.
    ///
    /// # Errors
    /// As [`Params::str`].
    #[inline]
    pub fn text_bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let at = self.reader.offset();
        match self.element()? {
            Element::Text(bytes) => Ok(bytes),
            Element::Other(_) => Err(self.wrong(at, field)),
        }
    }

    /// The value of the current parameter, text unchecked.
    ///
    /// # Errors
    /// As [`Params::value_ref`].
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DecodeError> {
        self.unread = false;
        codec::decode_element(self.protocol, &mut self.reader, &mut self.budget)
    }

    /// The value of the current parameter, which must be an int (a byte or short is taken too).
    ///
    /// # Errors
    /// As [`Params::str`].
    #[inline]
    pub fn int(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::Int(value) => Ok(value),
            ValueRef::Short(value) => Ok(i32::from(value)),
            ValueRef::Byte(value) => Ok(i32::from(value)),
            _ => Err(self.wrong(at, field)),
        }
    }

    /// The value of the current parameter, which must be a bool.
    ///
    /// # Errors
    /// As [`Params::str`].
    pub fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let at = self.reader.offset();
        match self.value_ref()? {
            ValueRef::Bool(value) => Ok(value),
            _ => Err(self.wrong(at, field)),
        }
    }

    /// The texts of the current parameter, which must be an array of strings, UTF-8 unchecked. An array of mixed
    /// values that are all text is taken too.
    ///
    /// # Errors
    /// As [`Params::str`].
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
            Err(self.wrong(at, field))
        } else {
            Ok(())
        }
    }

    /// The texts of the current parameter, gathered and checked.
    ///
    /// # Errors
    /// As [`Params::texts`], and `NotUtf8`.
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

    /// The elements of the current parameter, which must be an array of mixed values or of strings. The array itself
    /// does not count towards the depth, so that content nested to the limit can be delivered in one.
    ///
    /// # Errors
    /// As [`Params::str`], and whatever is wrong with an element.
    pub fn elements(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(Element<'a>),
    ) -> Result<(), DecodeError> {
        self.unread = false;
        let at = self.reader.offset();
        let r = &mut self.reader;
        let (count, texts) =
            codec::element_count(self.protocol, r)?.ok_or_else(|| self.wrong(at, field))?;
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

    /// The values of some keys, each as it was sent last; the other parameters are skipped. Ends the cursor.
    ///
    /// # Errors
    /// [`DecodeError`] if any parameter is bad.
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

    /// All parameters from here on, owned; of a key that occurs twice the last value is kept.
    ///
    /// # Errors
    /// [`DecodeError`] if any of them is bad.
    pub fn to_parameters(&mut self) -> Result<Parameters, DecodeError> {
        let mut all = Parameters::new();
        while let Some(key) = self.next_key()? {
            let value = self.value()?;
            keep_last(&mut all, key, value);
        }
        Ok(all)
    }

    /// Skips what is left and returns how many surplus bytes follow the last parameter. Spec: wire.md 10.
    ///
    /// # Errors
    /// [`DecodeError`] if a skipped parameter is bad.
    pub fn finish(&mut self) -> Result<usize, DecodeError> {
        while self.next_key()?.is_some() {}
        Ok(self.reader.left())
    }
}
