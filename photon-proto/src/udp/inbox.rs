//! What was received and not taken yet, and how much of it there may be. Spec: udp.md 9, item 9.
//!
//! Everything is charged with the buffer that it is in and what keeping it costs. At most there is: out of order, the cap;
//! ready, the cap, what has become ready with the last command, and that command; and for each channel one message of
//! either kind of fragments that everything else waits for.

use super::Message;
use super::assembler::{Assembled, Assembler};
use super::command::Fragment;
use super::config::Config;
use super::pool::Pool;
use super::reject::Reject;
use crate::tcp::Delivery;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How many messages of a connection may be incomplete. Spec: udp.md 9, item 19.
const MAX_OPEN_MESSAGES: usize = 64;
/// What a message that is kept costs beside its buffer.
const OVERHEAD_BYTES: usize = 64;

/// What a buffer that is kept is charged with: it may be larger than what is in it.
const fn charge(buffer: &Vec<u8>) -> usize {
    buffer.capacity() + OVERHEAD_BYTES
}

/// The messages that the application may take, and what is charged for those that it may not yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) ready: VecDeque<Message>,
    ready_bytes: usize,
    pub(crate) held_bytes: usize,
    pub(crate) open_messages: usize,
}

impl Inbox {
    pub(crate) const fn bytes(&self) -> usize {
        self.ready_bytes.saturating_add(self.held_bytes)
    }

    pub(crate) fn next(&mut self) -> Option<Message> {
        let message = self.ready.pop_front()?;
        self.ready_bytes = self.ready_bytes.saturating_sub(charge(&message.bytes));
        Some(message)
    }
}

/// The inbox as one command of one channel sees it.
pub(crate) struct ChannelInbox<'a> {
    pub(crate) id: u8,
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) config: &'a Config,
    pub(crate) pool: &'a mut Pool,
}

impl ChannelInbox<'_> {
    /// Whether what everything else waits for may be kept. That depends on what the application leaves lying, and on
    /// nothing that is held: it can only become deliverable by this.
    pub(crate) const fn has_room_in_order(&self) -> bool {
        self.inbox.ready_bytes < self.config.incoming_cap_bytes
    }

    pub(crate) fn has_room_out_of_order(&self, bytes: usize) -> bool {
        self.inbox
            .bytes()
            .saturating_add(bytes)
            .saturating_add(OVERHEAD_BYTES)
            <= self.config.incoming_cap_bytes
    }

    /// An empty message takes its number and delivers nothing. Spec: udp.md 4.2.
    pub(crate) fn deliver(&mut self, delivery: Delivery, bytes: Vec<u8>) {
        if bytes.is_empty() {
            self.pool.give(bytes);
        } else {
            self.inbox.ready_bytes += charge(&bytes);
            self.inbox.ready.push_back(Message {
                channel: self.id,
                delivery,
                bytes,
            });
        }
    }

    pub(crate) fn deliver_copy(&mut self, delivery: Delivery, bytes: &[u8]) {
        let bytes = self.pool.copy(bytes);
        self.deliver(delivery, bytes);
    }

    /// Delivers a message whose parts were held.
    pub(crate) fn deliver_whole(&mut self, delivery: Delivery, whole: Assembled) {
        self.inbox.open_messages = self.inbox.open_messages.saturating_sub(1);
        let charged = whole.held_bytes + OVERHEAD_BYTES * whole.count as usize;
        self.inbox.held_bytes = self.inbox.held_bytes.saturating_sub(charged);
        self.deliver(delivery, whole.bytes);
    }

    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Vec<u8> {
        let buffer = self.pool.copy(bytes);
        self.inbox.held_bytes += charge(&buffer);
        buffer
    }

    /// No longer holds what is in this buffer.
    pub(crate) fn release(&mut self, buffer: &Vec<u8>) {
        self.inbox.held_bytes = self.inbox.held_bytes.saturating_sub(charge(buffer));
    }

    /// Whether there is room for a fragment of a message that is `open` already or not. The one that everything else
    /// waits for is let in whatever else is held or open: there is one of each kind in a channel, and
    /// [`Assembler::insert`] ends the connection when it is longer than it says.
    pub(crate) fn has_room_for(&self, it: &Fragment<'_>, open: bool, awaited: bool) -> bool {
        if awaited {
            self.has_room_in_order()
        } else {
            self.has_room_out_of_order(it.part.len())
                && (open || self.inbox.open_messages < MAX_OPEN_MESSAGES)
        }
    }

    /// Keeps a fragment of a message that is `open` already or not. True if its message is complete now.
    pub(crate) fn keep_fragment(
        &mut self,
        to: &mut Assembler,
        open: bool,
        it: &Fragment<'_>,
    ) -> Result<bool, Reject> {
        self.inbox.open_messages += usize::from(!open);
        let part = self.hold(it.part);
        to.insert(it, part)
    }
}
