//! Lists of names, encoded without a copy.

use crate::error::RequestError;
use crate::host::is_invisible;
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
    let why = if id.starts_with(char::is_whitespace) {
        "begins with white space"
    } else if id.ends_with(char::is_whitespace) {
        "ends with white space"
    } else if id.contains(char::is_control) {
        "contains a control character"
    } else if id.starts_with(is_copied_unseen) {
        "begins with an invisible character"
    } else if id.ends_with(is_copied_unseen) {
        "ends with an invisible character"
    } else {
        return Ok(());
    };
    Err(RequestError::InvalidId { what, why })
}

/// Whether a character around an id is there by accident: a zero-width space, a byte order mark, a change
/// of the direction of text that a page or a dialog puts in front of what it shows. Those that join a
/// character to the one before it may end a name: a joiner, or a tag, as in the flag of Scotland.
fn is_copied_unseen(character: char) -> bool {
    is_invisible(character)
        && !matches!(
            character,
            '\u{200C}' | '\u{200D}' | '\u{E0000}'..='\u{E007F}'
        )
}

/// Checks the region of a call: it has a name, which ends at the `/` in front of a cluster.
///
/// # Errors
/// [`RequestError::Empty`], and as [`check_id`].
pub(crate) fn check_region(region: &str) -> Result<(), RequestError> {
    let name = region.split('/').next().unwrap_or_default();
    if name.is_empty() {
        return Err(RequestError::Empty("region"));
    }
    check_id(name, "region")?;
    check_id(region, "region")
}
