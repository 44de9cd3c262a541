//! The specification of the wire format, as rendered pages. The code cites them by page and section,
//! for example "udp.md 5.4".
// The pages are Markdown for people first; clippy's layout rules for doc comments do not apply.
#![allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]

#[doc = include_str!("../spec/udp.md")]
pub mod udp {}

#[doc = include_str!("../spec/wire.md")]
pub mod wire {}
