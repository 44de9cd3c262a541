//! [`Element`] and [`Decoded`]: the elements of a list of [`Params`], one by one.

use super::Params;
use crate::codec::{self, RawValue, ValueRef};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::value::Value;
use alloc::vec::Vec;

/// One element of an array of mixed values. Exhaustive: text and anything else are all there is.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// Text whose UTF-8 is not checked, so that a caller can check many texts at once.
    Text(&'a [u8]),
    /// Any other value.
    Other(ValueRef<'a>),
}

/// One value, decoded. Exhaustive, as [`Element`] is.
#[derive(Clone, Debug)]
pub enum Decoded<'a> {
    /// Text whose UTF-8 is not checked, so that a caller can check many texts at once.
    Text(&'a [u8]),
    /// Any other value.
    Value {
        /// The value.
        value: Value,
        /// The memory that was charged for it, with the value itself.
        bytes: usize,
    },
    /// A value that cannot be decoded, from [tolerant](Params::set_tolerant) parameters only.
    Undecodable {
        /// The encoded value.
        raw: RawValue<'a>,
        /// The first error in it. Its offset counts from the start of the message.
        error: DecodeError,
    },
}

/// Takes the elements of a list. A closure for all of them would be called for each; with a method
/// of its own, a text costs no more than what is done with it.
///
/// `E` is [`Element`] or [`Decoded`].
pub trait ElementSink<'a, E> {
    /// Takes a text in a common form, as nearly all are. Its UTF-8 is not checked.
    fn text(&mut self, text: &'a [u8]);

    /// Takes any other element. It may be a text, too.
    fn element(&mut self, element: E);
}

/// Passes every element to a closure.
struct Each<F>(F);

impl<'a, F: FnMut(Element<'a>)> ElementSink<'a, Element<'a>> for Each<F> {
    #[inline]
    fn text(&mut self, text: &'a [u8]) {
        (self.0)(Element::Text(text));
    }

    #[inline]
    fn element(&mut self, element: Element<'a>) {
        (self.0)(element);
    }
}

impl<'a, F: FnMut(Decoded<'a>)> ElementSink<'a, Decoded<'a>> for Each<F> {
    #[inline]
    fn text(&mut self, text: &'a [u8]) {
        (self.0)(Decoded::Text(text));
    }

    #[inline]
    fn element(&mut self, element: Decoded<'a>) {
        (self.0)(element);
    }
}

impl<'a> Params<'a> {
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
        each: impl FnMut(Element<'a>),
    ) -> Result<(), DecodeError> {
        self.elements_to(field, &mut Each(each))
    }

    /// Like [`Params::elements`], into a sink.
    ///
    /// # Errors
    /// The same as [`Params::elements`].
    pub fn elements_to(
        &mut self,
        field: &'static str,
        sink: &mut impl ElementSink<'a, Element<'a>>,
    ) -> Result<(), DecodeError> {
        self.each_element(
            field,
            sink,
            |params| {
                codec::decode_charged_element(
                    params.protocol,
                    &mut params.reader,
                    &mut params.budget,
                )
            },
            |raw, _| Element::Other(ValueRef::Undecodable(raw)),
        )
    }

    /// Decodes the current value, and does not check the UTF-8 of a text. Faster than
    /// [`Params::element`] with [`ValueRef::to_value`], which look at a container twice. Unlike
    /// [`Params::value`], it replaces no part of a value that cannot be decoded.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    pub fn decoded(&mut self) -> Result<Decoded<'a>, DecodeError> {
        self.unread = false;
        let start = self.start();
        self.budget.values(1, start.at, "value")?;
        self.without_replacements(|params| {
            params.read_decoded().or_else(|error| {
                let raw = params.pass(start, error)?;
                Ok(Decoded::Undecodable { raw, error })
            })
        })
    }

    /// Like [`Params::elements`], with elements that are decoded as by [`Params::decoded`]. The limit
    /// on memory holds for all of them together.
    ///
    /// # Errors
    /// The same as [`Params::elements`].
    pub fn decoded_elements(
        &mut self,
        field: &'static str,
        each: impl FnMut(Decoded<'a>),
    ) -> Result<(), DecodeError> {
        self.decoded_elements_to(field, &mut Each(each))
    }

    /// Like [`Params::decoded_elements`], into a sink.
    ///
    /// # Errors
    /// The same as [`Params::elements`].
    pub fn decoded_elements_to(
        &mut self,
        field: &'static str,
        sink: &mut impl ElementSink<'a, Decoded<'a>>,
    ) -> Result<(), DecodeError> {
        self.without_replacements(|params| {
            let lost = |raw, error| Decoded::Undecodable { raw, error };
            params.each_element(field, sink, Self::read_decoded, lost)
        })
    }

    /// Runs `read`, in which a value with a part that cannot be decoded is an error.
    #[inline]
    fn without_replacements<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.budget.set_tolerant(false);
        let result = read(self);
        self.budget.set_tolerant(self.tolerant);
        result
    }

    /// Decodes a value that was charged to the budget.
    #[inline]
    fn read_decoded(&mut self) -> Result<Decoded<'a>, DecodeError> {
        let at = self.reader.offset();
        let code = self.reader.u8("type code")?;
        if code == codec::text_code(self.protocol) {
            return codec::string_bytes(self.protocol, &mut self.reader).map(Decoded::Text);
        }
        let before = self.budget.spent();
        self.budget.memory(1, size_of::<Value>(), at, "value")?;
        let value =
            codec::decode_payload(self.protocol, &mut self.reader, &mut self.budget, code, at)?;
        Ok(Decoded::Value {
            value,
            bytes: self.budget.memory_since(before),
        })
    }

    /// Passes each element of a list to a sink: a text as it is, any other as `read` does, one that
    /// cannot be decoded as `lost`.
    fn each_element<E>(
        &mut self,
        field: &'static str,
        sink: &mut impl ElementSink<'a, E>,
        read: impl Fn(&mut Self) -> Result<E, DecodeError>,
        lost: impl Fn(RawValue<'a>, DecodeError) -> E,
    ) -> Result<(), DecodeError> {
        self.unread = false;
        let start = self.start();
        let at = start.at;
        let (count, texts) = if let Some((count, texts, elements)) =
            codec::list(self.protocol, self.reader.rest())
        {
            self.reader.move_to(elements);
            (count, texts)
        } else {
            match codec::element_count(self.protocol, &mut self.reader) {
                Ok(Some(counted)) => counted,
                Ok(None) => {
                    let error = self.wrong_type(at, field);
                    // Only the type was looked at. The value is still there to be skipped.
                    self.reader.rewind(at);
                    self.unread = true;
                    return Err(error);
                }
                Err(error) => return self.pass(start, error).map(drop),
            }
        };
        // All elements are charged at once, so that one with too many values cannot use up what
        // the others need.
        self.budget.values(count, at, field)?;
        if texts {
            let mut left = count;
            loop {
                left -= codec::row::<false>(self.protocol, &mut self.reader, left, |bytes| {
                    sink.text(bytes);
                });
                if left == 0 {
                    return Ok(());
                }
                let at = self.reader.offset();
                match codec::string_bytes(self.protocol, &mut self.reader) {
                    Ok(bytes) => sink.text(bytes),
                    Err(error) => {
                        return self.lose_elements(at, error, left, |raw, error| {
                            sink.element(lost(raw, error));
                        });
                    }
                }
                left -= 1;
            }
        }
        let mut left = count;
        loop {
            left -= codec::row::<true>(self.protocol, &mut self.reader, left, |bytes| {
                sink.text(bytes);
            });
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            let start = self.start();
            match read(self) {
                Ok(element) => sink.element(element),
                Err(error) => {
                    sink.element(lost(self.pass(start, error)?, error));
                    if let Some(damage) = self.damage() {
                        return self.lose_elements(start.at, damage, left, |raw, error| {
                            sink.element(lost(raw, error));
                        });
                    }
                }
            }
        }
    }

    /// Marks the last `count` elements of an array, because the end of the one at `at` cannot be
    /// found.
    #[cold]
    fn lose_elements(
        &mut self,
        at: usize,
        error: DecodeError,
        count: usize,
        mut each: impl FnMut(RawValue<'a>, DecodeError),
    ) -> Result<(), DecodeError> {
        if !self.tolerant {
            return Err(error);
        }
        if self.damage.is_none() {
            self.lose(at, error);
        }
        let nothing = self.nothing(at);
        // The reason is not theirs: of them nothing is left.
        let lost = DecodeError::new(DecodeErrorKind::Truncated, at, "value");
        for _ in 0..count {
            self.undecodable = self.undecodable.saturating_add(1);
            each(nothing, lost);
        }
        Ok(())
    }
}
