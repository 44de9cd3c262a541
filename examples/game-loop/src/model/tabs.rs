//! [`Tabs`]: the conversations beside the field.

use std::collections::VecDeque;

use super::text;

/// The most entries that a tab keeps.
const MAX_ENTRIES: usize = 100;
/// The most private conversations. The oldest one makes room.
const MAX_PRIVATE: usize = 8;

/// The other side of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The channel of all players.
    Meadow,
    /// One player, by user id.
    Private(String),
}

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Said,
    /// A text that was sent while we were cut off.
    Missed,
    /// A text of our own that the server has not sent back yet.
    Waiting,
    /// A text of our own of which nobody knows whether the server has it: the connection ended first.
    Unconfirmed,
    /// A text of our own that the server did not take.
    Refused,
    /// A report of the game.
    Notice,
    /// A report of a problem.
    Problem,
}

/// A line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its kind.
    pub kind: Kind,
    /// The name of the sender; empty for what the game reports.
    pub sender: String,
    /// The text.
    pub text: String,
    /// The number of the message, if it is our own.
    token: Option<u64>,
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Tab {
    /// The other side.
    pub target: Target,
    /// The lines, oldest first.
    pub entries: VecDeque<Entry>,
    /// The number of texts that came while another tab was in front.
    pub unread: u32,
}

/// The conversations. There is always that of the channel, and one is in front.
#[derive(Clone, Debug)]
pub struct Tabs {
    tabs: Vec<Tab>,
    current: usize,
}

impl Entry {
    /// A text of somebody.
    #[must_use]
    pub fn said(sender: &str, text: &str, kind: Kind) -> Self {
        Self {
            kind,
            sender: sender.to_owned(),
            text: text.to_owned(),
            token: None,
        }
    }

    /// A report of the game.
    #[must_use]
    pub fn report(text: &str, kind: Kind) -> Self {
        Self::said("", text, kind)
    }

    /// A text of our own, on its way.
    #[must_use]
    pub fn waiting(sender: &str, text: &str, token: u64) -> Self {
        Self {
            token: Some(token),
            ..Self::said(sender, text, Kind::Waiting)
        }
    }
}

impl Default for Tabs {
    fn default() -> Self {
        Self {
            tabs: vec![Tab::new(Target::Meadow)],
            current: 0,
        }
    }
}

impl Tabs {
    /// All conversations; the first one is that of the channel.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tab> {
        self.tabs.iter()
    }

    /// The one in front.
    #[must_use]
    pub fn current(&self) -> &Tab {
        &self.tabs[self.current]
    }

    /// Whether this is the one in front.
    #[must_use]
    pub fn is_current(&self, tab: &Tab) -> bool {
        self.current().target == tab.target
    }

    /// Shows the next one.
    pub(super) fn next(&mut self) {
        self.current = (self.current + 1) % self.tabs.len();
        self.tabs[self.current].unread = 0;
    }

    /// Begins a conversation, unless there is one.
    pub(super) fn open(&mut self, target: &Target) -> &mut Tab {
        let index = match self.tabs.iter().position(|tab| tab.target == *target) {
            Some(index) => index,
            None => {
                if self.tabs.len() > MAX_PRIVATE {
                    // Not the channel and not the one in front.
                    let oldest = if self.current == 1 { 2 } else { 1 };
                    self.tabs.remove(oldest);
                    self.current -= usize::from(self.current > oldest);
                }
                self.tabs.push(Tab::new(target.clone()));
                self.tabs.len() - 1
            }
        };
        debug_assert!(self.current < self.tabs.len(), "one is in front");
        &mut self.tabs[index]
    }

    /// Adds an entry. One that somebody has written counts as unread unless its tab is in front.
    pub(super) fn add(&mut self, target: &Target, entry: Entry) {
        let is_current = self.current().target == *target;
        let tab = self.open(target);
        if !is_current && matches!(entry.kind, Kind::Said | Kind::Missed) {
            tab.unread += 1;
        }
        if tab.entries.len() == MAX_ENTRIES {
            tab.entries.pop_front();
        }
        tab.entries.push_back(entry);
    }

    /// Settles the text with this number.
    pub(super) fn settle(&mut self, token: u64, kind: Kind) {
        let mut entries = self.tabs.iter_mut().flat_map(|tab| &mut tab.entries);
        if let Some(entry) = entries.find(|entry| entry.token == Some(token)) {
            entry.kind = kind;
            // Settled once: a number is never used again.
            entry.token = None;
        }
    }
}

impl Tab {
    fn new(target: Target) -> Self {
        Self {
            target,
            entries: VecDeque::new(),
            unread: 0,
        }
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.target {
            Target::Meadow => "Meadow".to_owned(),
            Target::Private(user) => text::name_of(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(user: &str) -> Target {
        Target::Private(user.into())
    }

    #[test]
    fn only_texts_behind_another_tab_count_as_unread() {
        let mut tabs = Tabs::default();
        tabs.add(&Target::Meadow, Entry::said("ada", "hi", Kind::Said));
        tabs.add(&private("ada"), Entry::said("ada", "psst", Kind::Said));
        tabs.add(&private("ada"), Entry::report("back", Kind::Notice));
        assert_eq!(
            tabs.iter().map(|tab| tab.unread).collect::<Vec<_>>(),
            [0, 1]
        );
        tabs.next();
        assert_eq!(
            (&*tabs.current().title(), tabs.current().unread),
            ("ada", 0)
        );
        tabs.next();
        assert_eq!(tabs.current().title(), "Meadow");
    }

    #[test]
    fn a_text_of_our_own_waits_until_it_is_settled() {
        let mut tabs = Tabs::default();
        tabs.add(&Target::Meadow, Entry::waiting("mia", "hi", 7));
        tabs.settle(8, Kind::Said);
        assert_eq!(tabs.current().entries[0].kind, Kind::Waiting);
        tabs.settle(7, Kind::Said);
        assert_eq!(tabs.current().entries[0].kind, Kind::Said);
    }

    #[test]
    fn tabs_and_entries_are_bounded_and_the_one_in_front_stays() {
        let mut tabs = Tabs::default();
        tabs.open(&private("0"));
        tabs.next();
        for user in 0..40 {
            tabs.add(
                &private(&user.to_string()),
                Entry::report("x", Kind::Notice),
            );
            assert_eq!(tabs.current().title(), "0");
        }
        for _ in 0..500 {
            tabs.add(&Target::Meadow, Entry::report("x", Kind::Notice));
        }
        assert_eq!(tabs.iter().len(), MAX_PRIVATE + 1);
        assert!(tabs.iter().all(|tab| tab.entries.len() <= MAX_ENTRIES));
    }
}
