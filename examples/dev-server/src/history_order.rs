//! [`HistoryOrder`]: when a subscriber gets the history, the confirmation and the first live message.

use std::fmt::{self, Display, Formatter};

/// The order in which the server answers a subscription: event 5, the history, and the moment at
/// which the user is in the channel and receives live messages.
///
/// The protocol promises no order, and real servers build the parts in different places. A client
/// has to cope with each of them. "Later" is after
/// [`history_delay_ms`](crate::ServerConfig::history_delay_ms). Spec: chat.md 12, history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistoryOrder {
    /// Event 5, then the history. As text: `after`.
    #[default]
    After,
    /// The history, then event 5. As text: `first`.
    First,
    /// As [`After`](Self::After), in up to three events. As text: `split`.
    Split,
    /// As [`Split`](Self::Split), the newest part first. As text: `backwards`.
    Backwards,
    /// As [`After`](Self::After), and the same event once more. As text: `twice`.
    Twice,
    /// Event 5 at once; the history is built and sent later, so that it also contains messages that
    /// the client has received live. As text: `late`.
    Late,
    /// Event 5 at once; the history is copied at once and sent later, so that live messages overtake
    /// it. As text: `copied-early`.
    CopiedEarly,
    /// Event 5 and the history at once; the user enters the channel later, so that messages in
    /// between are in neither. As text: `race`.
    Race,
}

impl HistoryOrder {
    /// All orders.
    pub const ALL: [Self; 8] = [
        Self::After,
        Self::First,
        Self::Split,
        Self::Backwards,
        Self::Twice,
        Self::Late,
        Self::CopiedEarly,
        Self::Race,
    ];

    /// The name of the order in a setting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::First => "first",
            Self::Split => "split",
            Self::Backwards => "backwards",
            Self::Twice => "twice",
            Self::Late => "late",
            Self::CopiedEarly => "copied-early",
            Self::Race => "race",
        }
    }

    /// How many events carry one history, at most.
    pub(crate) const fn parts(self) -> usize {
        match self {
            Self::Split | Self::Backwards => 3,
            _ => 1,
        }
    }
}

impl Display for HistoryOrder {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
