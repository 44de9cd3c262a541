//! [`Element`] and [`Decoded`]: the elements of a list of [`Params`], one by one.

use super::Params;
use crate::codec::{self, Protocol, RawValue, ValueRef};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::reader::Reader;
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

/// Passes every element to a closure, as a [`ValueRef`].
struct EachRef<F>(F);

/// Takes the elements of a list whose texts are of type `T`.
trait Sink<T, E> {
    fn text(&mut self, text: T);

    fn element(&mut self, element: E);
}

impl<'a, E, S: ElementSink<'a, E>> Sink<&'a [u8], E> for S {
    #[inline(always)]
    fn text(&mut self, text: &'a [u8]) {
        ElementSink::text(self, text);
    }

    #[inline]
    fn element(&mut self, element: E) {
        ElementSink::element(self, element);
    }
}

impl<'a, F: FnMut(ValueRef<'a>)> Sink<&'a str, ValueRef<'a>> for EachRef<F> {
    #[inline]
    fn text(&mut self, text: &'a str) {
        (self.0)(ValueRef::String(text));
    }

    #[inline]
    fn element(&mut self, element: ValueRef<'a>) {
        (self.0)(element);
    }
}

/// A text of a list: its bytes, or with its UTF-8 checked.
trait ListText<'a>: Sized {
    /// Takes at most `count` texts, passes each to `each` and returns how many there were. `singly` is
    /// kept between the calls for a list, and 0 at first.
    fn row<const TAGGED: bool>(
        protocol: Protocol,
        r: &mut Reader<'a>,
        count: usize,
        singly: &mut usize,
        each: impl FnMut(Self),
    ) -> usize;

    /// The text with these bytes, which `r` has read last.
    fn read(bytes: &'a [u8], r: &Reader<'a>) -> Result<Self, DecodeError>;
}

impl<'a> ListText<'a> for &'a [u8] {
    #[inline(always)]
    fn row<const TAGGED: bool>(
        protocol: Protocol,
        r: &mut Reader<'a>,
        count: usize,
        _singly: &mut usize,
        each: impl FnMut(Self),
    ) -> usize {
        codec::row::<TAGGED>(protocol, r, count, each)
    }

    #[inline]
    fn read(bytes: &'a [u8], _: &Reader<'a>) -> Result<Self, DecodeError> {
        Ok(bytes)
    }
}

impl<'a> ListText<'a> for &'a str {
    #[inline(always)]
    fn row<const TAGGED: bool>(
        protocol: Protocol,
        r: &mut Reader<'a>,
        count: usize,
        singly: &mut usize,
        each: impl FnMut(Self),
    ) -> usize {
        codec::checked_row::<TAGGED>(protocol, r, count, singly, each)
    }

    #[inline]
    fn read(bytes: &'a [u8], r: &Reader<'a>) -> Result<Self, DecodeError> {
        codec::utf8(bytes, r.offset() - bytes.len(), "string")
    }
}

impl<'a> Params<'a> {
    /// Passes each text of the current value to `each`, without checking its UTF-8. The value must
    /// be an array of strings, or of mixed values that are all text. For checked texts,
    /// [`Params::value_refs`] takes less time than this with a check of each.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    pub fn texts(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(&'a [u8]),
    ) -> Result<(), DecodeError> {
        let start = self.reader;
        let mut other = false;
        self.elements(field, |element| match element {
            Element::Text(text) => each(text),
            Element::Other(_) => other = true,
        })?;
        if other {
            Err(Self::wrong_type(start, field))
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

    /// Passes each element of the current value to `each`, decoded as by [`Params::value_ref`]. The value
    /// must be an array of mixed values or of strings.
    ///
    /// This is the fastest way to read many texts without copying them: the UTF-8 of short ones that
    /// follow each other is checked at once. The depth is that of [`Params::elements`].
    ///
    /// ```
    /// use photon_proto::message::{Header, Message, MessageWriter};
    /// use photon_proto::{Limits, Protocol, ValueRef};
    ///
    /// let mut bytes = Vec::new();
    /// let mut event = MessageWriter::event(&mut bytes, Protocol::V18, &Limits::DEFAULT, 0)?;
    /// event.put_with(4, |out| out.strings(["alice", "bob"].iter()))?;
    /// event.finish()?;
    ///
    /// let (kind, body) = (Header::decode(&bytes)?.kind, &bytes[Header::LENGTH..]);
    /// let message = Message::decode(kind, Protocol::V18, &Limits::DEFAULT, body)?;
    /// let Message::Event { mut params, .. } = message else { panic!("an event") };
    /// let mut senders = Vec::new();
    /// while let Some(key) = params.next_key()? {
    ///     if key == 4 {
    ///         params.value_refs("senders", |sender| senders.extend(sender.as_str()))?;
    ///     }
    /// }
    /// assert_eq!(senders, ["alice", "bob"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as [`Params::elements`], and `NotUtf8`.
    #[inline]
    pub fn value_refs(
        &mut self,
        field: &'static str,
        each: impl FnMut(ValueRef<'a>),
    ) -> Result<(), DecodeError> {
        self.each_element(
            field,
            &mut EachRef(each),
            |params| {
                codec::decode_charged_ref(params.protocol, &mut params.reader, &mut params.budget)
            },
            |raw, _| ValueRef::Undecodable(raw),
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
        self.budget.values(1, start.reader.offset(), "value")?;
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
        self.budget
            .memory_of_others(1, size_of::<Value>(), at, "value")?;
        let value =
            codec::decode_payload(self.protocol, &mut self.reader, &mut self.budget, code, at)?;
        Ok(Decoded::Value {
            value,
            bytes: self.budget.memory_since(before),
        })
    }

    /// Passes each element of a list to a sink: a text as it is, any other as `read` does, one that
    /// cannot be decoded as `lost`.
    #[inline]
    fn each_element<T: ListText<'a>, E>(
        &mut self,
        field: &'static str,
        sink: &mut impl Sink<T, E>,
        read: impl Fn(&mut Self) -> Result<E, DecodeError>,
        lost: impl Fn(RawValue<'a>, DecodeError) -> E,
    ) -> Result<(), DecodeError> {
        self.unread = false;
        let at = self.reader.offset();
        let (count, texts) = match codec::list(self.protocol, self.reader.rest()) {
            Some((count, texts, elements)) => {
                self.reader.move_to(elements);
                (count, texts)
            }
            None => match self.uncommon_list(field)? {
                Some(counted) => counted,
                None => return Ok(()),
            },
        };
        // All elements are charged at once, so that one with too many values cannot use up what
        // the others need.
        self.budget.values(count, at, field)?;
        let (mut singly, r) = (0, &mut self.reader);
        let each = |text| sink.text(text);
        let found = match texts {
            true => T::row::<false>(self.protocol, r, count, &mut singly, each),
            false => T::row::<true>(self.protocol, r, count, &mut singly, each),
        };
        if found == count {
            return Ok(());
        }
        let left = count - found;
        match texts {
            true => self.each_text(left, singly, sink, lost),
            false => self.each_mixed(left, singly, sink, read, lost),
        }
    }

    /// The elements of an array of strings from the first one on that is not in a common form.
    // Not inlined, like `each_mixed`: nearly all lists have none, and would pay for its registers.
    #[inline(never)]
    fn each_text<T: ListText<'a>, E>(
        &mut self,
        mut left: usize,
        mut singly: usize,
        sink: &mut impl Sink<T, E>,
        lost: impl Fn(RawValue<'a>, DecodeError) -> E,
    ) -> Result<(), DecodeError> {
        while left > 0 {
            let start = self.reader;
            match codec::string_bytes(self.protocol, &mut self.reader) {
                Ok(bytes) => match T::read(bytes, &self.reader) {
                    Ok(text) => sink.text(text),
                    Err(error) => sink.element(lost(self.pass_text(start, error)?, error)),
                },
                Err(error) => {
                    return self.lose_elements(start, error, left, |raw, error| {
                        sink.element(lost(raw, error));
                    });
                }
            }
            left -= 1;
            let r = &mut self.reader;
            left -= T::row::<false>(self.protocol, r, left, &mut singly, |text| sink.text(text));
        }
        Ok(())
    }

    /// The elements of an array of mixed values from the first one on that is not a text in a common
    /// form.
    #[inline(never)]
    fn each_mixed<T: ListText<'a>, E>(
        &mut self,
        mut left: usize,
        mut singly: usize,
        sink: &mut impl Sink<T, E>,
        read: impl Fn(&mut Self) -> Result<E, DecodeError>,
        lost: impl Fn(RawValue<'a>, DecodeError) -> E,
    ) -> Result<(), DecodeError> {
        while left > 0 {
            left -= 1;
            let start = self.start();
            match read(self) {
                Ok(element) => sink.element(element),
                Err(error) => {
                    sink.element(lost(self.pass(start, error)?, error));
                    if let Some(damage) = self.damage() {
                        return self.lose_elements(start.reader, damage, left, |raw, error| {
                            sink.element(lost(raw, error));
                        });
                    }
                }
            }
            let r = &mut self.reader;
            left -= T::row::<true>(self.protocol, r, left, &mut singly, |text| sink.text(text));
        }
        Ok(())
    }

    /// The number of elements of a list that is not in a common form, and whether it is an array of
    /// strings. `None` if the list cannot be read, but is tolerated.
    #[inline(never)]
    fn uncommon_list(&mut self, field: &'static str) -> Result<Option<(usize, bool)>, DecodeError> {
        let start = self.start();
        match codec::element_count(self.protocol, &mut self.reader) {
            Ok(Some(counted)) => Ok(Some(counted)),
            Ok(None) => {
                // Only the type was looked at. The value is still there to be skipped.
                self.reader = start.reader;
                self.unread = true;
                Err(Self::wrong_type(start.reader, field))
            }
            Err(error) => self.pass(start, error).map(|_| None),
        }
    }

    /// The text without a type code that was read last, from `start` on, in which `error` was found.
    ///
    /// # Errors
    /// `error`, unless the cursor is tolerant.
    #[cold]
    fn pass_text(
        &mut self,
        start: Reader<'a>,
        error: DecodeError,
    ) -> Result<RawValue<'a>, DecodeError> {
        if !self.tolerant {
            return Err(error);
        }
        self.budget.count_replaced();
        let (code, bytes) = (codec::text_code(self.protocol), self.reader.since(&start));
        Ok(RawValue::new(self.protocol, code, bytes, start.offset()))
    }

    /// Marks the last `count` elements of an array, because the end of the one that `start` reads cannot
    /// be found.
    #[cold]
    fn lose_elements(
        &mut self,
        start: Reader<'a>,
        error: DecodeError,
        count: usize,
        mut each: impl FnMut(RawValue<'a>, DecodeError),
    ) -> Result<(), DecodeError> {
        if !self.tolerant {
            return Err(error);
        }
        if self.damage.is_none() {
            self.lose(start, error);
        }
        let at = start.offset();
        let nothing = self.nothing(at);
        // The reason is not theirs: of them nothing is left.
        let lost = DecodeError::new(DecodeErrorKind::Truncated, at, "value");
        for _ in 0..count {
            self.budget.count_replaced();
            each(nothing, lost);
        }
        Ok(())
    }
}
