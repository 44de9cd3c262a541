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
