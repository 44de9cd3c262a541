//! Lists of names, encoded without a copy.

use crate::error::RequestError;
use photon_proto::{Encode, EncodeError, ValueWriter, Written};

/// A string array from an iterator that is walked twice: to count, then to encode. The format puts
/// the count first.
pub(super) struct NameList<I>(pub(super) I);

impl<I> Encode for NameList<I>
where
    I: Iterator<Item: AsRef<str>> + Clone,
{
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        /// An iterator and the number of items that remain.
        struct Counted<I>(I, usize);

        impl<I: Iterator> Iterator for Counted<I> {
            type Item = I::Item;

            fn next(&mut self) -> Option<I::Item> {
                // The iterator is the application's: its clone may yield more than it did.
                self.1 = self.1.saturating_sub(1);
                self.0.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.1, Some(self.1))
            }
        }

        impl<I: Iterator> ExactSizeIterator for Counted<I> {}

        out.strings(Counted(self.0.clone(), self.0.clone().count()))
    }
}

/// Counts the names. `list` and `name` are how an error calls them.
///
/// # Errors
/// [`RequestError::Empty`] for an empty list or name.
pub(crate) fn check_names(
    names: impl Iterator<Item: AsRef<str>>,
    list: &'static str,
    name: &'static str,
) -> Result<usize, RequestError> {
    let mut count = 0_usize;
    for one in names {
        if one.as_ref().is_empty() {
            return Err(RequestError::Empty(name));
        }
        count += 1;
    }
    if count == 0 {
        Err(RequestError::Empty(list))
    } else {
        Ok(count)
    }
}

/// Checks an id that people paste: app id, app version, region, user id. White space inside is legal,
/// and so is anything in the names of channels and users of other calls, which other users may have
/// chosen.
///
/// # Errors
/// [`RequestError::InvalidId`]; an empty id is for the caller to judge.
pub(crate) fn check_id(id: &str, what: &'static str) -> Result<(), RequestError> {
    // Neither a zero-width space nor a byte order mark is white space to Unicode, but both are
    // copied unseen.
    let is_blank =
        |character: char| character.is_whitespace() || matches!(character, '\u{200B}' | '\u{FEFF}');
    let why = if id.starts_with(is_blank) {
        "begins with white space"
    } else if id.ends_with(is_blank) {
        "ends with white space"
    } else if id.contains(char::is_control) {
        "contains a control character"
    } else {
        return Ok(());
    };
    Err(RequestError::InvalidId { what, why })
}

/// Checks the region of a call.
///
/// # Errors
/// [`RequestError::Empty`], and as [`check_id`].
pub(crate) fn check_region(region: &str) -> Result<(), RequestError> {
    if region.is_empty() {
        return Err(RequestError::Empty("region"));
    }
    check_id(region, "region")
}
