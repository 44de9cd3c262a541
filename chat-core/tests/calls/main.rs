//! The calls of an application: which state allows them, which arguments they reject, and in which
//! order they check. `intents.rs` has the table of all calls; a new intent is added there only.

mod intents;
mod order;
mod refused;
