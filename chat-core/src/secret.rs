//! [`Secret`]: values that must not appear in logs.

use core::fmt;

/// Holds credentials and user ids. Its `Debug` output is `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret<T>(pub(crate) T);

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}
