//! [`LinkHandle`]: the part of the client that a transport may use.

use chat_core::{ChatClient, LinkId, LinkInput, Timestamp};

/// One link, seen from its transport. A trait, so that tests can stand in for the client.
pub(crate) trait LinkHandle {
    /// The time of the pass.
    fn now(&self) -> Timestamp;
    /// Whether the client has space for input. Datagrams are passed on regardless.
    fn wants_input(&self) -> bool;
    /// Passes input to the client.
    fn handle(&mut self, input: LinkInput<'_>);
    /// Notes that more bytes of a message arrived that is not complete.
    /// A stand-in for the client may ignore it.
    #[cfg_attr(
        not(feature = "websocket"),
        expect(dead_code, reason = "only messages of WebSocket arrive in parts")
    )]
    fn note_partial_message(&mut self, bytes: usize) {
        let _ = bytes;
    }
    /// The next output: bytes, or one datagram or message. The same until it is reported.
    fn transmit(&mut self) -> Option<&[u8]>;
    /// Reports how much of the output was sent.
    fn transmitted(&mut self, bytes: usize);
}

/// One link of a [`ChatClient`], at one moment.
pub(crate) struct ClientLink<'a> {
    pub(crate) chat: &'a mut ChatClient,
    pub(crate) now: Timestamp,
    pub(crate) id: LinkId,
}

impl LinkHandle for ClientLink<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn wants_input(&self) -> bool {
        self.chat.wants_input(self.id)
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        self.chat.handle_link(self.now, self.id, input);
    }

    fn note_partial_message(&mut self, bytes: usize) {
        self.chat.note_partial_message(self.now, self.id, bytes);
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        self.chat.transmit(self.now, self.id)
    }

    fn transmitted(&mut self, bytes: usize) {
        self.chat.transmitted(self.id, bytes);
    }
}

/// A link that the client has closed: what still arrives is discarded.
pub(crate) struct Discard {
    pub(crate) now: Timestamp,
}

impl LinkHandle for Discard {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn wants_input(&self) -> bool {
        true
    }

    fn handle(&mut self, _: LinkInput<'_>) {}

    fn transmit(&mut self) -> Option<&[u8]> {
        None
    }

    fn transmitted(&mut self, _: usize) {}
}
