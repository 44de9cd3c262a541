//! [`Params`]: a cursor over the parameters of a message, which builds no table of values.

mod elements;

use crate::codec::message_value::ParameterTable;
use crate::codec::{self, Protocol, RawValue, ValueRef};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{Budget, Spent};
use crate::reader::Reader;
use crate::value::{Parameters, Value};
use alloc::borrow::Cow;
use alloc::boxed::Box;
pub use elements::{Decoded, Element, ElementSink};

/// A cursor over the parameters of a message, in wire order.
///
/// [`Params::next_key`] moves to the next parameter, and one of the typed readers decodes its
/// value. An unread value is skipped. Where speed does not matter, [`Params::pick`] collects the
/// values of a few keys.
///
/// # Tolerance
///
/// A server relays what users send, so one bad value should not cost the others. After
/// [`Params::set_tolerant`], a value that cannot be decoded is marked, and reading goes on behind
/// it:
///
/// * [`Params::value_ref`], [`Params::element`], [`Params::elements`] and [`Params::pick`] return
///   [`ValueRef::Undecodable`], [`Params::value`] and [`Params::to_parameters`] a replacement as
///   [`ValueRef::to_value_lossy`] does.
/// * A value that is not read may violate any rule and limit.
/// * If even the end of a value cannot be found, the rest of the message is lost: the value and
///   the elements behind it are marked, [`Params::next_key`] returns `None`, and
///   [`Params::damage`] the reason. This happens if a length exceeds the input or is impossible,
///   if the protocol does not define a type code (its payload has an unknown length), if a value
///   has 65,536 open containers, each with further elements, or if so many values could not be decoded
///   that finding their ends would take longer than a message may take.
///
/// * What a value that exceeds a limit has used is given back to the others. Once four times as many
///   values, or four times as much memory, were given back as are left, no further container of the
///   message is decoded; texts, numbers and the like still are.
/// * The work is limited as well, given back or not. A message may have
///   [`Limits::max_values`](crate::Limits::max_values) values without memory of their own, or a map with
///   half as many texts as keys. A value with memory of its own, such as a list or a text inside of one,
///   is as much work as four others: about half of `max_values` can be decoded, and once that is
///   reached, no further container is.
///
/// A list with more elements than [`Limits::max_values`](crate::Limits::max_values) allows is an
/// error in either case.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    protocol: Protocol,
    reader: Reader<'a>,
    budget: Budget,
    left: usize,
    unread: bool,
    tolerant: bool,
    /// Boxed, because it is rare and large: parameters are moved for each message.
    damage: Option<Box<Damage<'a>>>,
}

/// The work of passing a value that cannot be decoded, in steps: also that of the caller, who keeps
/// something of each.
const STEPS_PER_MARK: u32 = 64;

/// The reader and budget in front of a value.
#[derive(Clone, Copy)]
struct Start<'a> {
    reader: Reader<'a>,
    spent: Spent,
}

/// The reason why the end of a value was not found, and what is lost with it.
#[derive(Clone, Debug)]
struct Damage<'a> {
    error: DecodeError,
    /// The bytes from the value on.
    rest: &'a [u8],
    /// The number of parameters behind the value.
    parameters: usize,
}

impl<'a> Params<'a> {
    /// Parameters from their count on, of which what cannot be decoded is an error.
    #[inline]
    pub(crate) fn read(
        protocol: Protocol,
        mut reader: Reader<'a>,
        budget: Budget,
    ) -> Result<Self, DecodeError> {
        // Built only once nothing can fail: it is large, and would be moved into the result.
        let left = codec::parameter_count(protocol, &mut reader)?;
        Ok(Self::new(protocol, reader, budget, left))
    }

    /// Like [`Params::read`], of [tolerant](Params#tolerance) parameters. They are
    /// [lost](Params::lost) without their count: the codes in front of them are of use alone, because
    /// they settle a request.
    #[inline]
    pub(crate) fn read_tolerant(
        protocol: Protocol,
        mut reader: Reader<'a>,
        budget: Budget,
    ) -> Self {
        match codec::parameter_count(protocol, &mut reader) {
            Ok(left) => {
                let mut params = Self::new(protocol, reader, budget, left);
                params.set_tolerant();
                params
            }
            Err(error) => Self::lost(protocol, budget, error),
        }
    }

    /// So many parameters.
    #[inline]
    pub(crate) const fn new(
        protocol: Protocol,
        reader: Reader<'a>,
        budget: Budget,
        left: usize,
    ) -> Self {
        Self {
            protocol,
            reader,
            budget,
            left,
            unread: false,
            tolerant: false,
            damage: None,
        }
    }

    /// No parameters, because they were not found for this reason.
    #[cold]
    pub(crate) fn lost(protocol: Protocol, mut budget: Budget, error: DecodeError) -> Self {
        budget.count_replaced();
        let damage = Damage {
            error,
            rest: &[],
            parameters: 0,
        };
        Self {
            tolerant: true,
            damage: Some(Box::new(damage)),
            ..Self::new(protocol, Reader::new(&[]), budget, 0)
        }
    }

    /// Makes the cursor tolerate what cannot be decoded. See [tolerance](Params#tolerance).
    pub const fn set_tolerant(&mut self) {
        self.tolerant = true;
        self.budget.set_tolerant(true);
    }

    /// How many values, or parts of values, could not be decoded so far.
    #[must_use]
    pub const fn undecodable(&self) -> u32 {
        self.budget.replaced()
    }

    /// The reason why the rest of a tolerant cursor's parameters is lost.
    #[must_use]
    pub fn damage(&self) -> Option<DecodeError> {
        self.damage.as_ref().map(|damage| damage.error)
    }

    /// Reads the last parameter from the end of a damaged message: an int above 0 with this key.
    /// `None` if the message is not damaged, or if not exactly one parameter is lost behind the
    /// damage.
    ///
    /// Read forwards, an int has a known length, so at most one of the possible lengths fits: in
    /// GpBinary 1.8 too, where the bytes of a longer form never begin like a shorter one.
    #[must_use]
    pub fn int_behind_damage(&self, key: u8) -> Option<i32> {
        let damage = self.damage.as_ref().filter(|one| one.parameters == 1)?;
        // Key, type code, and one to five bytes.
        let mut found = (3..=7).filter_map(|length: usize| {
            let start = damage.rest.len().checked_sub(length)?;
            let (found, value) = damage.rest.get(start..)?.split_first()?;
            let mut reader = Reader::new(value);
            let mut budget = self.budget.clone();
            match codec::decode_ref(self.protocol, &mut reader, &mut budget) {
                Ok(ValueRef::Int(value)) if reader.left() == 0 && *found == key => Some(value),
                _ => None,
            }
        });
        found.next().filter(|value| *value > 0)
    }

    #[inline]
    fn start(&self) -> Start<'a> {
        Start {
            reader: self.reader,
            spent: self.budget.spent(),
        }
    }

    /// Moves behind the value at `start`, in which `error` was found.
    ///
    /// # Errors
    /// `error`, unless the cursor is tolerant.
    #[cold]
    fn pass(&mut self, start: Start<'a>, error: DecodeError) -> Result<RawValue<'a>, DecodeError> {
        if !self.tolerant {
            return Err(error);
        }
        let Start { reader, spent } = start;
        // What one value uses up is not missing for the others.
        self.budget.refund(spent);
        self.budget.count_replaced();
        self.budget.use_steps(STEPS_PER_MARK);
        self.reader = reader;
        let Ok(code) = self.reader.u8("type code") else {
            self.lose(reader, error);
            return Ok(self.nothing(reader.offset()));
        };
        let payload = self.reader;
        if let Err(error) = codec::find_end(self.protocol, &mut self.reader, &mut self.budget, code)
        {
            self.lose(reader, error);
        }
        // Of a value without an end this is the rest of the message.
        let bytes = self.reader.since(&payload);
        let at = payload.offset();
        Ok(RawValue::new(self.protocol, code, bytes, at))
    }

    /// Marks a value that is lost completely.
    const fn nothing(&self, at: usize) -> RawValue<'a> {
        // Decoding a text without a length fails, as it should.
        RawValue::new(self.protocol, codec::text_code(self.protocol), &[], at)
    }

    /// Notes that everything from the value that `start` reads on is lost.
    fn lose(&mut self, start: Reader<'a>, error: DecodeError) {
        self.damage = Some(Box::new(Damage {
            error,
            rest: start.rest(),
            parameters: self.left,
        }));
        self.left = 0;
        self.reader.skip_rest();
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
        // Inlined, so that the caller's loop gets the key in a register: a result has space for an
        // error, and is written to memory by a call.
        if !self.unread {
            if self.left == 0 {
                return Ok(None);
            }
            if let Some((&key, values)) = self.reader.rest().split_first() {
                self.left -= 1;
                self.reader.move_to(values);
                self.unread = true;
                return Ok(Some(key));
            }
        }
        self.next_key_behind_unread()
    }

    /// Skips the current value if it was not read, and moves to the next parameter.
    #[inline(never)]
    fn next_key_behind_unread(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.unread {
            self.unread = false;
            let start = self.start();
            if let Err(error) = codec::skip_value(self.protocol, &mut self.reader, &mut self.budget)
            {
                self.pass(start, error)?;
            }
        }
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let start = self.reader;
        let key = match self.reader.u8("parameter key") {
            Ok(key) => key,
            Err(error) if self.tolerant => {
                self.lose(start, error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.unread = true;
        Ok(Some(key))
    }

    /// Takes the current value, behind which `rest` begins, if the budget has a value left.
    #[inline]
    fn take(&mut self, rest: &'a [u8]) -> bool {
        let is_charged = self.budget.values(1, 0, "value").is_ok();
        if is_charged {
            self.unread = false;
            self.reader.move_to(rest);
        }
        is_charged
    }

    /// Decodes the current value if it is text in a common form. Its UTF-8 is not checked.
    #[inline]
    fn common_text(&mut self) -> Option<&'a [u8]> {
        let (text, rest) = codec::text::<true>(self.protocol, self.reader.rest())?;
        self.take(rest).then_some(text)
    }

    /// Decodes the current value if it is text in a common form, and UTF-8.
    #[inline]
    fn common_str(&mut self) -> Option<&'a str> {
        let (text, rest) = codec::text::<true>(self.protocol, self.reader.rest())?;
        let text = core::str::from_utf8(text).ok()?;
        self.take(rest).then_some(text)
    }

    /// Decodes the current value if it is an int in a common form.
    #[inline]
    fn common_int(&mut self) -> Option<i32> {
        let (int, rest) = codec::int(self.protocol, self.reader.rest())?;
        self.take(rest).then_some(int)
    }

    /// Moves behind the current value if it is exactly this text, and returns whether it is.
    /// Otherwise nothing changes. A comparison costs less than a check of UTF-8, which bytes that are
    /// equal to a text need not pass.
    #[inline]
    #[must_use]
    pub fn take_if(&mut self, expected: &str) -> bool {
        match codec::text::<true>(self.protocol, self.reader.rest()) {
            Some((text, rest)) => text == expected.as_bytes() && self.take(rest),
            None => false,
        }
    }

    /// Decodes the current value without copying.
    ///
    /// # Errors
    /// [`DecodeError`] if the value is malformed, or was read before.
    pub fn value_ref(&mut self) -> Result<ValueRef<'a>, DecodeError> {
        self.unread = false;
        let start = self.start();
        codec::decode_ref(self.protocol, &mut self.reader, &mut self.budget)
            .or_else(|error| self.pass(start, error).map(ValueRef::Undecodable))
    }

    /// Decodes the current value into an owned one. Of a map whose end cannot be found, a
    /// [tolerant](Params::set_tolerant) cursor returns the pairs in front of what cannot be decoded.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.unread = false;
        let start = self.start();
        codec::decode_tagged(self.protocol, &mut self.reader, &mut self.budget)
            .or_else(|error| self.replacement(start, error))
    }

    /// Moves behind the value at `start`, in which `error` was found, and returns what stands for it.
    ///
    /// # Errors
    /// The same as [`Params::pass`].
    #[cold]
    fn replacement(&mut self, start: Start<'a>, error: DecodeError) -> Result<Value, DecodeError> {
        let mut reader = start.reader;
        self.pass(start, error)?;
        if self.damage.is_none() {
            return Ok(codec::REPLACEMENT);
        }
        // This is the last parameter, and decoding it again costs no more than what is lost with it.
        self.budget.set_keeps_begun_map(true);
        let begun = codec::decode_tagged(self.protocol, &mut reader, &mut self.budget);
        self.budget.set_keeps_begun_map(false);
        Ok(begun.unwrap_or(codec::REPLACEMENT))
    }

    /// The error for the value that `start` reads, which has another type than expected.
    #[cold]
    fn wrong_type(start: Reader<'a>, field: &'static str) -> DecodeError {
        let code = start.rest().first().copied().unwrap_or_default();
        start.error(DecodeErrorKind::WrongType(code), field)
    }

    /// Decodes the current value, which must be text. `field` names it in errors.
    ///
    /// # Errors
    /// [`DecodeError`]: `WrongType` if it has another type.
    #[inline]
    pub fn str(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        match self.common_str() {
            Some(text) => Ok(text),
            None => self.uncommon_str(field),
        }
    }

    /// Not inlined, unlike the common path: where most are common, the caller would only grow.
    #[inline(never)]
    fn uncommon_str(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let start = self.reader;
        match self.value_ref()? {
            ValueRef::String(text) => Ok(text),
            ValueRef::Undecodable(raw) if raw.is_text() => {
                Err(start.error(DecodeErrorKind::NotUtf8, field))
            }
            _ => Err(Self::wrong_type(start, field)),
        }
    }

    /// Decodes the current value, which must be text. If the cursor is
    /// [tolerant](Params::set_tolerant), U+FFFD stands in place of what is not UTF-8.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    pub fn text_lossy(&mut self, field: &'static str) -> Result<Cow<'a, str>, DecodeError> {
        if let Some(text) = self.common_str() {
            return Ok(Cow::Borrowed(text));
        }
        let start = self.reader;
        let text = self.value_ref()?.text_lossy();
        text.ok_or_else(|| Self::wrong_type(start, field))
    }

    /// Decodes the current value, which must be text, without checking its UTF-8.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    #[inline]
    pub fn text_bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        if let Some(text) = self.common_text() {
            return Ok(text);
        }
        let start = self.reader;
        match self.element()? {
            Element::Text(bytes) => Ok(bytes),
            Element::Other(_) => Err(Self::wrong_type(start, field)),
        }
    }

    /// Decodes the current value without copying and without checking the UTF-8 of a text.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DecodeError> {
        if let Some(text) = self.common_text() {
            return Ok(Element::Text(text));
        }
        self.unread = false;
        let start = self.start();
        codec::decode_element(self.protocol, &mut self.reader, &mut self.budget).or_else(|error| {
            let raw = self.pass(start, error)?;
            Ok(Element::Other(ValueRef::Undecodable(raw)))
        })
    }

    /// Decodes the current value, which must be an int, short or byte.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    #[inline]
    pub fn int(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        match self.common_int() {
            Some(value) => Ok(value),
            None => self.uncommon_int(field),
        }
    }

    #[inline(never)]
    fn uncommon_int(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        let start = self.reader;
        match self.value_ref()? {
            ValueRef::Int(value) => Ok(value),
            ValueRef::Short(value) => Ok(i32::from(value)),
            ValueRef::Byte(value) => Ok(i32::from(value)),
            _ => Err(Self::wrong_type(start, field)),
        }
    }

    /// Decodes the current value as an int, short or byte, or a long in the range of an int; `None` for
    /// anything else, where the rest of the message is worth more than this number.
    ///
    /// # Errors
    /// The same as [`Params::value_ref`].
    #[inline]
    pub fn int_lossy(&mut self) -> Result<Option<i32>, DecodeError> {
        match self.common_int() {
            Some(value) => Ok(Some(value)),
            None => self.uncommon_int_lossy(),
        }
    }

    #[inline(never)]
    fn uncommon_int_lossy(&mut self) -> Result<Option<i32>, DecodeError> {
        Ok(match self.value_ref()? {
            ValueRef::Int(value) => Some(value),
            ValueRef::Short(value) => Some(i32::from(value)),
            ValueRef::Byte(value) => Some(i32::from(value)),
            ValueRef::Long(value) => i32::try_from(value).ok(),
            _ => None,
        })
    }

    /// Decodes the current value, which must be a bool.
    ///
    /// # Errors
    /// The same as [`Params::str`].
    pub fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let start = self.reader;
        match self.value_ref()? {
            ValueRef::Bool(value) => Ok(value),
            _ => Err(Self::wrong_type(start, field)),
        }
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
        if self.left == 0 && !self.unread {
            return Ok(Parameters::new());
        }
        let mut table = ParameterTable::with_capacity(0);
        while let Some(key) = self.next_key()? {
            let value = self.value()?;
            table.put(key, value);
        }
        Ok(table.all)
    }

    /// Skips all remaining parameters and returns the number of surplus bytes behind the last one.
    /// Spec: wire.md 10.
    ///
    /// # Errors
    /// [`DecodeError`] if a skipped parameter is malformed.
    #[inline]
    pub fn finish(&mut self) -> Result<usize, DecodeError> {
        while self.next_key()?.is_some() {}
        Ok(self.reader.left())
    }
}
