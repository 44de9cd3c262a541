//! Received data that the application has not taken yet, and its upper bound.
//! Spec: udp.md 9, item 9.
//!
//! Each message is charged with the capacity of its buffer plus a fixed overhead. The cap
//! ([`Rules::incoming_cap_bytes`]) bounds two sums separately:
//!
//! - out of order: the cap;
//! - ready: the cap, plus the command that reached it and everything that this command made ready;
//! - besides, for each channel and kind of fragment, the one message that all others wait for.
//!
//! If one sum covered both, held data could fill it, and the command that would make the held data
//! deliverable could no longer enter: the connection would block for ever.

use super::Message;
use super::assembler::{Assembled, Assembler};
use super::command::Fragment;
use super::config::Rules;
use super::pool::Pool;
use super::reject::Reject;
use crate::tcp::Delivery;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The maximum number of incomplete messages of one connection. Spec: udp.md 9, item 19.
const MAX_OPEN_MESSAGES: usize = 64;
/// The cost of a held message besides its buffer: about a map entry with its share of the nodes.
const OVERHEAD_BYTES: usize = 64;

/// The charge for a held buffer. It counts the capacity, because that is the memory in use.
const fn charge(buffer: &Vec<u8>) -> usize {
    buffer.capacity() + OVERHEAD_BYTES
}

/// The messages that the application may take, and the charges of those that it may not take yet.
#[derive(Default)]
pub(crate) struct Inbox {
    ready: VecDeque<Message>,
    ready_bytes: usize,
    held_bytes: usize,
    open_messages: usize,
}

impl Inbox {
    pub(crate) const fn bytes(&self) -> usize {
        self.ready_bytes + self.held_bytes
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn next(&mut self) -> Option<Message> {
        let Some(message) = self.ready.pop_front() else {
            debug_assert_eq!(self.ready_bytes, 0, "an empty queue costs nothing");
            return None;
        };
        self.ready_bytes -= charge(&message.bytes);
        Some(message)
    }

    /// Returns the memory of a burst to the allocator.
    pub(crate) fn shrink(&mut self) {
        self.ready.shrink_to_fit();
    }

    /// Drops the charges of everything held, which its owner drops as well.
    pub(crate) fn drop_held(&mut self) {
        (self.held_bytes, self.open_messages) = (0, 0);
    }
}

/// The inbox as one command of one channel uses it.
pub(crate) struct ChannelInbox<'a> {
    pub(crate) channel: u8,
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) rules: &'a Rules,
    pub(crate) pool: &'a mut Pool,
}

impl ChannelInbox<'_> {
    /// Whether a command may be kept that all others wait for.
    ///
    /// Only messages that the application has not taken count. Held ones do not: they become
    /// deliverable only through this command.
    pub(crate) const fn has_space_in_order(&self) -> bool {
        self.inbox.ready_bytes < self.rules.incoming_cap_bytes
    }

    pub(crate) fn has_space_out_of_order(&self, bytes: usize) -> bool {
        self.inbox.bytes() + bytes + OVERHEAD_BYTES <= self.rules.incoming_cap_bytes
    }

    /// Makes a message ready. An empty one uses its number and delivers nothing.
    /// Spec: udp.md 4.2.
    pub(crate) fn deliver(&mut self, delivery: Delivery, bytes: Vec<u8>) {
        if bytes.is_empty() {
            self.pool.give(bytes);
        } else {
            self.inbox.ready_bytes += charge(&bytes);
            self.inbox.ready.push_back(Message {
                channel: self.channel,
                delivery,
                bytes,
            });
        }
    }

    pub(crate) fn deliver_copy(&mut self, delivery: Delivery, bytes: &[u8]) {
        let bytes = self.pool.copy(bytes);
        self.deliver(delivery, bytes);
    }

    /// Makes a message ready whose fragments were held.
    pub(crate) fn deliver_assembled(&mut self, delivery: Delivery, message: Assembled) {
        let charged = message.held_bytes + OVERHEAD_BYTES * message.count as usize;
        debug_assert!(
            self.inbox.open_messages > 0 && self.inbox.held_bytes >= charged,
            "each fragment was charged when it was held"
        );
        self.inbox.open_messages -= 1;
        self.inbox.held_bytes -= charged;
        self.deliver(delivery, message.bytes);
    }

    /// Copies a payload and charges for it.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Vec<u8> {
        let buffer = self.pool.copy(bytes);
        self.inbox.held_bytes += charge(&buffer);
        buffer
    }

    /// Ends the charge for a buffer of [`ChannelInbox::hold`].
    pub(crate) fn release(&mut self, buffer: &Vec<u8>) {
        debug_assert!(
            self.inbox.held_bytes >= charge(buffer),
            "a buffer is released at most once"
        );
        self.inbox.held_bytes -= charge(buffer);
    }

    /// Whether there is space for a fragment. `open`: other fragments of its message are held.
    /// `awaited`: all other messages of the channel wait for this one.
    ///
    /// An awaited fragment enters whatever else is held or open. There is at most one such message
    /// of each kind in a channel, and [`Assembler::insert`] ends the connection if it is longer
    /// than announced.
    pub(crate) fn has_space_for(&self, it: &Fragment<'_>, open: bool, awaited: bool) -> bool {
        if awaited {
            self.has_space_in_order()
        } else {
            self.has_space_out_of_order(it.part.len())
                && (open || self.inbox.open_messages < MAX_OPEN_MESSAGES)
        }
    }

    /// Keeps a fragment. Returns whether its message is now complete.
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
