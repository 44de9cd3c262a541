//! The specification of the wire format, as rendered pages. The code cites them by page and
//! section, for example "udp.md 5.4".
// The pages are Markdown for people first; clippy's layout rules for doc comments do not apply.
#![allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]
// `[C]` marks a confirmed fact and is no link.
#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    rustdoc::bare_urls,
    rustdoc::invalid_rust_codeblocks
)]

// Not in doc-tests: the code blocks of the pages are bytes and pseudo-code.
#[cfg_attr(not(doctest), doc = include_str!("../spec/udp.md"))]
pub mod udp {}

#[cfg_attr(not(doctest), doc = include_str!("../spec/wire.md"))]
pub mod wire {}
