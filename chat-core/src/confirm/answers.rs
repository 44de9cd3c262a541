//! [`Answers`]: which message an answer of the server belongs to.

use crate::event::MessageToken;
use alloc::collections::VecDeque;

/// How many answers may be missing before the client concludes that there will be none.
const MAX_EXPECTED: usize = 1024;

/// The answers that are expected to one operation on one connection, in the order of the requests.
///
/// Servers may leave out answers with code 0 (chat.md 13.3). Then an answer with another code does
/// not show which request it belongs to. The first one to a message whose echo has arrived reveals
/// such a server: the server cannot have refused that message.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The requests without an answer; `None` for one without a token.
    expected: VecDeque<Option<MessageToken>>,
    /// Whether the server is known to leave answers out.
    incomplete: bool,
}

/// The message that a server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// This one.
    Message(MessageToken),
    /// None that has a token.
    NoMessage,
    /// The server does not answer every message, so this is not known.
    Unknown,
}

impl Answers {
    /// Notes a request.
    pub(super) fn add(&mut self, token: Option<MessageToken>) {
        if self.incomplete {
            return;
        }
        if self.expected.len() >= MAX_EXPECTED {
            self.give_up();
            return;
        }
        self.expected.push_back(token);
    }

    /// Whether no answer is expected. One that arrives anyway belongs to no message.
    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// Takes an answer with code 0. Returns its message, if it is known.
    pub(super) fn on_accepted(&mut self) -> Option<MessageToken> {
        self.next().flatten()
    }

    /// Takes an answer with another code. `is_open` knows the messages without a result.
    pub(super) fn on_refused(&mut self, is_open: impl Fn(MessageToken) -> bool) -> Refused {
        match self.next() {
            Some(Some(token)) if is_open(token) => Refused::Message(token),
            Some(None) => Refused::NoMessage,
            Some(Some(_)) => {
                self.give_up();
                Refused::Unknown
            }
            None => Refused::Unknown,
        }
    }

    fn next(&mut self) -> Option<Option<MessageToken>> {
        let next = self.expected.pop_front();
        if self.expected.is_empty() {
            self.expected = VecDeque::new();
        }
        next
    }

    fn give_up(&mut self) {
        self.expected = VecDeque::new();
        self.incomplete = true;
    }
}
