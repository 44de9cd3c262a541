//! The calls of an application: which state allows them, which arguments they reject, and in which
//! order they check.

mod order;
mod refused;
