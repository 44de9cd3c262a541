//! [`Entry`]: one message or notice, and the rows that it takes.

use super::text::{cut, width, wrap};

/// In front of each row of an entry but the first one.
pub(crate) const INDENT: &str = "  ";

/// One message or notice. All its texts are clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Message {
        sender: String,
        text: String,
        is_own: bool,
        /// It was in the history, or arrived late.
        is_old: bool,
    },
    /// Something happened.
    Notice(String),
    /// Something failed, or messages are missing.
    Problem(String),
}

impl Entry {
    /// The memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Message { sender, text, .. } => sender.len() + text.len(),
                Self::Notice(text) | Self::Problem(text) => text.len(),
            }
    }

    /// The text in front of the first row, and the rows of the text in so many columns. The rows
    /// after the first one are indented.
    pub(crate) fn rows(&self, columns: usize) -> (String, Vec<String>) {
        let (head, text) = match self {
            // A long name leaves half of the row to the message.
            Self::Message { sender, text, .. } => {
                (format!("{}: ", cut(sender, (columns / 2).max(1))), text)
            }
            Self::Notice(text) => ("- ".to_owned(), text),
            Self::Problem(text) => ("! ".to_owned(), text),
        };
        let first = columns.saturating_sub(width(&head));
        let others = columns.saturating_sub(INDENT.len());
        let rows = wrap(text, first, others);
        (head, rows)
    }
}
