//! The specification of the chat service, as a rendered page. The code cites it by name and
//! section, for example "chat.md 2.10". [`photon_proto::spec`] has the pages about the layers
//! below.
// The page is Markdown for people first; clippy's layout rules for doc comments do not apply.
#![allow(clippy::doc_lazy_continuation, clippy::doc_markdown)]
// `[C]` marks a confirmed fact and is no link.
#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    rustdoc::bare_urls,
    rustdoc::invalid_rust_codeblocks
)]

// Not in doc-tests: the code blocks of the page are bytes and pseudo-code.
#[cfg_attr(not(doctest), doc = include_str!("../spec/chat.md"))]
#[cfg_attr(doctest, doc = "The chat service.")]
pub mod chat {}
