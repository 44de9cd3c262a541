//! One file for each operation: build the request, settle the answer. Spec: chat.md 3.

pub(crate) mod authenticate;
pub(crate) mod open;
mod private;
mod publish;
pub(crate) mod regions;
mod subscribe;
