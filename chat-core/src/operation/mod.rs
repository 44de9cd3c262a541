//! One file for each operation: build the request, settle the answer. Spec: chat.md 3.

pub(crate) mod authenticate;
mod friends;
mod names;
pub(crate) mod pending;
mod private;
mod properties;
mod publish;
mod raw;
pub(crate) mod regions;
mod status;
mod subscribe;
