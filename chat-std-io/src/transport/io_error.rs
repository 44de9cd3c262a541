//! [`LinkError`] from and inside of [`io::Error`].

use chat_core::{LinkError, LinkErrorKind};
#[cfg(feature = "websocket")]
use std::fmt;
use std::io::{self, ErrorKind};

/// The error of a call that this machine refused before it sent anything: opening a socket,
/// starting a connect, sending a datagram. "No route to the host" is then local too; in the answer
/// to a connect it may be a router's.
pub(crate) fn local_error(error: &io::Error) -> LinkError {
    let mut local = LinkError::from(error);
    if error.kind() == ErrorKind::HostUnreachable {
        local.kind = LinkErrorKind::Local;
    }
    local
}

/// A [`LinkError`] on its way through `io::Result`.
#[cfg(feature = "websocket")]
#[derive(Debug)]
struct Carried(LinkError);

#[cfg(feature = "websocket")]
impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.text)
    }
}

#[cfg(feature = "websocket")]
impl std::error::Error for Carried {}

/// Wraps an error for layers that only know `io::Error`. [`to_link_error`] unwraps it.
#[cfg(feature = "websocket")]
pub(crate) fn to_io_error(error: LinkError) -> io::Error {
    // The kind must be none that these layers act on, as on `WouldBlock` and `UnexpectedEof`.
    io::Error::new(ErrorKind::InvalidData, Carried(error))
}

/// The error that [`to_io_error`] wrapped, or the system's own.
#[cfg(feature = "websocket")]
pub(crate) fn to_link_error(error: io::Error) -> LinkError {
    match error.downcast::<Carried>() {
        Ok(carried) => carried.0,
        Err(error) => LinkError::from(&error),
    }
}
