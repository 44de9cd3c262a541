//! A link from the client's side: what transports need of core, and no more.

use chat_core::{ChatClient, LinkId, LinkInput, Timestamp};

/// One link, as the client sees it.
pub(crate) trait ClientSide {
    /// Whether the client has room for input. Datagrams are handed over regardless.
    fn wants_input(&self) -> bool;
    /// Tells the client what happened.
    fn handle(&mut self, input: LinkInput<'_>);
    /// What is to be sent next, the same until it is reported: bytes, or one datagram or message.
    fn transmit(&mut self) -> Option<&[u8]>;
    /// Reports what was sent.
    fn transmitted(&mut self, bytes: usize);
}

/// One link of a client.
pub(crate) struct LinkOf<'a> {
    pub(crate) chat: &'a mut ChatClient,
    pub(crate) now: Timestamp,
    pub(crate) id: LinkId,
}

impl ClientSide for LinkOf<'_> {
    fn wants_input(&self) -> bool {
        self.chat.wants_input(self.id)
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        self.chat.handle_link(self.now, self.id, input);
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        self.chat.transmit(self.now, self.id)
    }

    fn transmitted(&mut self, bytes: usize) {
        self.chat.transmitted(self.id, bytes);
    }
}
