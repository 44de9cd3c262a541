//! The operations of the client: one file per operation writes the request and, where the response
//! holds data, reads it. Spec: chat.md 3.
//!
//! The functions are pure: `write` appends one encoded request to a buffer and returns an error if
//! an argument cannot be sent; the caller then removes what was appended. Which operation may be
//! sent when is decided in `client`, and `pending` remembers requests that wait for an outcome.

pub(crate) mod authenticate;
mod content;
pub(crate) mod friends;
pub(crate) mod names;
pub(crate) mod pending;
pub(crate) mod private;
pub(crate) mod properties;
pub(crate) mod publish;
pub(crate) mod raw;
pub(crate) mod regions;
pub(crate) mod status;
pub(crate) mod subscribe;
pub(crate) mod unsubscribe;
