//! A [`LinkError`] inside an [`io::Error`], for the layers that only know the latter.

use chat_core::LinkError;
use std::fmt;
use std::io::{self, ErrorKind};

/// A [`LinkError`] on its way through `io::Result`.
#[derive(Debug)]
struct Carried(LinkError);

impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.text)
    }
}

impl std::error::Error for Carried {}

/// Wraps an error for layers that only know `io::Error`. [`to_link_error`] unwraps it.
pub(crate) fn to_io_error(error: LinkError) -> io::Error {
    // The kind must be none that these layers act on, as on `WouldBlock` and `UnexpectedEof`.
    io::Error::new(ErrorKind::InvalidData, Carried(error))
}

/// The error that [`to_io_error`] wrapped, or the system's own.
pub(crate) fn to_link_error(error: io::Error) -> LinkError {
    match error.downcast::<Carried>() {
        Ok(carried) => carried.0,
        Err(error) => LinkError::from(&error),
    }
}
