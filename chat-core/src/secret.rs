//! Things that must not be seen in logs.

use core::fmt;

/// Prints `***` instead of what it holds.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret<T>(pub(crate) T);

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}
