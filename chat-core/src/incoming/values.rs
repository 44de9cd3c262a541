//! Conversions of parameters that more than one event uses.

use super::Incoming;
use alloc::string::String;
use alloc::vec::Vec;
use photon_proto::{
    Array, DecodeError, DecodeErrorKind, Element, ElementSink, Params, Repair, Text, Value,
    ValueRef,
};

impl Incoming<'_> {
    /// Copies a value. What cannot be decoded in it is replaced and counted.
    pub(super) fn value(&mut self, value: &ValueRef<'_>) -> Value {
        let (copy, replaced) = value.to_value_lossy(&self.config.peer.limits);
        // The parameters have counted the value if not even its bounds could be checked.
        if !matches!(value, ValueRef::Undecodable(_)) {
            self.stats
                .add(u64::from(replaced), |rare| &mut rare.undecodable_elements);
        }
        copy
    }
}

/// The text of a parameter, with U+FFFD in place of what is not UTF-8; `None` if it is missing or no
/// text.
pub(super) fn text(value: Option<ValueRef<'_>>) -> Option<Text> {
    value.and_then(|value| value.text_lossy()).map(Text::from)
}

/// The names of a list, in one shared text: one allocation for any number.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Text,
    /// The end of each name in the text.
    ends: Vec<usize>,
    /// Whether each name is what the server sent; empty if all are.
    whole: Vec<bool>,
}

impl Names {
    /// The names behind the first `done` ones.
    pub(super) fn rest(&self, done: usize) -> impl Iterator<Item = Name<'_>> {
        let mut start = match done {
            0 => 0,
            _ => self.ends.get(done - 1).copied().unwrap_or_default(),
        };
        let ends = self.ends.get(done..).unwrap_or_default();
        let text = self.all.as_str();
        ends.iter().map(move |&end| {
            let start = core::mem::replace(&mut start, end);
            let name = text.get(start..end);
            debug_assert!(name.is_some(), "names are joined at character boundaries");
            Name {
                all: &self.all,
                start,
                name: name.unwrap_or_default(),
            }
        })
    }

    /// The names as parts of the shared text.
    pub(super) fn texts(&self) -> impl Iterator<Item = Text> {
        self.rest(0).map(|name| name.text())
    }

    /// The names, borrowed.
    pub(super) fn strs(&self) -> Vec<&str> {
        self.rest(0).map(|name| name.name).collect()
    }

    /// The bytes of all names.
    pub(super) const fn bytes(&self) -> usize {
        self.all.len()
    }

    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether this name is what the server sent. Any other was no text, or not UTF-8.
    pub(super) fn is_whole(&self, index: usize) -> bool {
        self.whole.get(index).copied().unwrap_or(true)
    }
}

/// One of [`Names`].
#[derive(Clone, Copy)]
pub(super) struct Name<'n> {
    all: &'n Text,
    start: usize,
    /// The name, borrowed.
    pub(super) name: &'n str,
}

impl Name<'_> {
    /// The name as part of the shared text.
    #[inline]
    pub(super) fn text(&self) -> Text {
        let part = self.all.slice(self.start, self.start + self.name.len());
        debug_assert!(part.is_some(), "names are joined at character boundaries");
        part.unwrap_or_default()
    }
}

/// Takes the names of a list as they are on the wire.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Up to the last name that is no text.
    whole: Vec<bool>,
}

impl Joined {
    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }
}

impl<'a> ElementSink<'a, Element<'a>> for Joined {
    #[inline(always)]
    fn text(&mut self, text: &'a [u8]) {
        self.push(text);
    }

    fn element(&mut self, element: Element<'a>) {
        let value = match element {
            Element::Text(text) => return self.push(text),
            Element::Other(value) => value,
        };
        self.whole.resize(self.ends.len(), true);
        self.whole.push(false);
        match value.text_lossy() {
            Some(text) => self.push(text.as_bytes()),
            None => self.push("\u{FFFD}".as_bytes()),
        }
    }
}

/// The names in a list of texts. One that is not UTF-8 has U+FFFD in place of what is not, one that
/// is no text is U+FFFD: results follow in the order of the names, so each keeps its place.
///
/// # Errors
/// The same as [`Params::elements`].
pub(super) fn names(params: &mut Params<'_>, field: &'static str) -> Result<Names, DecodeError> {
    let mut joined = Joined::default();
    params.elements_to(field, &mut joined)?;
    let Joined {
        bytes,
        mut ends,
        mut whole,
    } = joined;
    // One check of all, and one of each end, as for messages. A name that was cut inside a character
    // would be valid only together with its neighbour.
    if let Ok(all) = core::str::from_utf8(&bytes)
        && ends.iter().all(|end| all.is_char_boundary(*end))
    {
        let all = Text::from(all);
        return Ok(Names { all, ends, whole });
    }
    whole.resize(ends.len(), true);
    let (mut repair, mut all, mut start) = (Repair::new(), String::new(), 0);
    for (end, whole) in ends.iter_mut().zip(&mut whole) {
        let name = bytes.get(start..*end).unwrap_or_default();
        if repair.each(name, |part| all.push_str(part)) {
            *whole = false;
        }
        start = core::mem::replace(end, all.len());
    }
    let all = Text::from(all);
    Ok(Names { all, ends, whole })
}

/// The pairs of a map of either kind; none of anything else.
pub(super) fn pairs(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Dictionary(map) => map.pairs,
        Value::Hashtable(map) => map.0,
        _ => Vec::new(),
    }
}

/// The booleans of an array. JSON and old servers send them as objects; what is no boolean is
/// false.
pub(super) fn bools(value: Value) -> Vec<bool> {
    match value {
        Value::Array(Array::Bool(results)) => results,
        Value::Array(Array::Object(values)) => values
            .into_iter()
            .map(|value| matches!(value, Value::Bool(true)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The error for a known event that lacks a required parameter.
pub(super) fn missing(field: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Missing, 0, field)
}
