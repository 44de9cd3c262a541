//! [`Unsequenced`]: reliable messages of one channel that arrive in any order. Spec: udp.md 4.5.

use super::assembler::Assembler;
use super::command::Fragment;
use super::inbox::ChannelInbox;
use super::reject::{Accepted, Discard, Reject};
use crate::tcp::Delivery;
use alloc::collections::BTreeSet;

/// The maximum number of remembered numbers above the contiguous ones. Spec: udp.md 9, item 10.
const MAX_OUT_OF_ORDER: usize = 4096;

/// The numbers that have arrived, and the messages that are not complete.
#[derive(Default)]
pub(super) struct Unsequenced {
    /// All numbers up to this one have arrived.
    contiguous: u32,
    /// The numbers above `contiguous + 1` that have arrived.
    out_of_order: BTreeSet<u32>,
    fragments: Assembler,
}

impl Unsequenced {
    /// Handles a reliable unsequenced message. Spec: udp.md 4.5.
    pub(super) fn message(
        &mut self,
        number: u32,
        payload: &[u8],
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if self.has(number) {
            return Ok(Accepted::Duplicate);
        }
        if self.fragments.covers(number) {
            return Err(Reject::Discard(Discard::Malformed));
        }
        if !inbox.has_space_in_order() || !self.can_remember(number) {
            return Err(Reject::Discard(Discard::Full));
        }
        self.remember(number);
        inbox.deliver_copy(Delivery::ReliableUnsequenced, payload);
        Ok(Accepted::New)
    }

    /// Handles a fragment of a reliable unsequenced message. Spec: udp.md 4.5, 6.
    pub(super) fn fragment(
        &mut self,
        number: u32,
        it: &Fragment<'_>,
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if self.has(number) {
            return Ok(Accepted::Duplicate);
        }
        let open = self.fragments.find(it)?.is_some();
        let range = it.start..it.start + it.count;
        // A new message must not use a number that another message uses. Spec: udp.md 9, item 17.
        if !open
            && (it.start <= self.contiguous
                || self.fragments.overlaps(it)
                || self.out_of_order.range(range.clone()).next().is_some())
        {
            return Err(Reject::Discard(Discard::Malformed));
        }
        // These messages do not wait for each other, but their numbers do: all numbers above a
        // missing one are remembered until it arrives, so the message with that number goes first.
        let awaited = range.contains(&(self.contiguous + 1));
        if !inbox.has_space_for(it, open, awaited) || !self.can_remember(number) {
            return Err(Reject::Discard(Discard::Full));
        }
        let complete = inbox.keep_fragment(&mut self.fragments, open, it)?;
        self.remember(number);
        if complete && let Some(message) = self.fragments.take(it.start, inbox.pool) {
            inbox.deliver_assembled(Delivery::ReliableUnsequenced, message);
        }
        Ok(Accepted::New)
    }

    fn has(&self, number: u32) -> bool {
        number <= self.contiguous || self.out_of_order.contains(&number)
    }

    /// Whether an unsequenced number can be remembered. The one that closes the gap always can.
    fn can_remember(&self, number: u32) -> bool {
        self.out_of_order.len() < MAX_OUT_OF_ORDER || number == self.contiguous + 1
    }

    /// Remembers that an unsequenced number has arrived.
    fn remember(&mut self, number: u32) {
        debug_assert!(
            !self.has(number) && self.can_remember(number),
            "a number is remembered once, and only if there is space for it"
        );
        if number != self.contiguous + 1 {
            self.out_of_order.insert(number);
            return;
        }
        self.contiguous = number;
        while self.out_of_order.first() == Some(&(self.contiguous + 1)) {
            self.out_of_order.pop_first();
            self.contiguous += 1;
        }
    }
}
