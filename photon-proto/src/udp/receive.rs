//! The receiving half of a connection: order, duplicates, held messages, acks.
//! Spec: udp.md 4.2 to 4.6, 9.

use super::Message;
use super::assembler::{Assembler, RECEIVE_WINDOW};
use super::command::{Body, Command, Fragment, kind};
use super::config::Rules;
use super::inbox::{ChannelInbox, Inbox};
use super::pool::Pool;
use super::reject::{Accepted, Discard, Reject};
use super::send::LAST_NUMBER;
use super::unsequenced::Unsequenced;
use crate::tcp::Delivery;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// The maximum number of acks that wait to be sent. Spec: udp.md 9, item 14.
const MAX_ACKS: usize = 4096;
/// The maximum number of held unreliable messages of one channel. Item 10.
const MAX_HELD_UNRELIABLE: usize = 256;

/// An ack that waits to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
    /// The sent time of the datagram that carried the command, which the peer uses to measure the
    /// round trip.
    pub(crate) sent_time: u32,
}

#[derive(Default)]
struct Channel {
    /// The last delivered reliable number.
    delivered: u32,
    /// The last delivered unreliable number.
    delivered_unreliable: u32,
    /// Reliable messages that wait for earlier ones, by number.
    held: BTreeMap<u32, Vec<u8>>,
    fragments: Assembler,
    /// Unreliable messages that wait for reliable ones, by the reliable number that they follow and
    /// their own.
    held_unreliable: BTreeMap<(u32, u32), Vec<u8>>,
    /// The reliable unsequenced messages, if the peer sends any.
    unsequenced: Option<Box<Unsequenced>>,
}

/// The window of unsequenced groups, which finds duplicates. Spec: udp.md 4.4.
#[derive(Debug, Default)]
struct Groups {
    base: u32,
    seen: u128,
}

impl Groups {
    const SIZE: u32 = 128; // udp.md 4.4

    /// Whether a group is new. A group below the window counts as seen.
    fn admit(&mut self, group: u32) -> bool {
        debug_assert_eq!(self.base % Self::SIZE, 0, "the window moves in whole steps");
        if group >= self.base + Self::SIZE {
            self.base = group - group % Self::SIZE;
            self.seen = 0;
        }
        let bit = 1_u128 << (group % Self::SIZE);
        let new = group >= self.base && self.seen & bit == 0;
        if new {
            self.seen |= bit;
        }
        new
    }
}

pub(crate) struct Receiver {
    channel_count: u8,
    /// Those on which something arrived, and the ones below: most connections use only the first.
    channels: Vec<Channel>,
    /// The groups of unreliable unsequenced messages, if the peer sends any.
    groups: Option<Box<Groups>>,
    /// In the order of arrival.
    pub(crate) acks: VecDeque<Ack>,
    inbox: Inbox,
}

impl Receiver {
    pub(crate) fn new(channels: u8) -> Self {
        Self {
            channel_count: channels,
            channels: Vec::new(),
            groups: None,
            acks: VecDeque::new(),
            inbox: Inbox::default(),
        }
    }

    /// The memory used by received data that was not taken, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.inbox.bytes()
    }

    /// Whether no message is held or ready.
    pub(crate) const fn is_drained(&self) -> bool {
        self.inbox.bytes() == 0
    }

    pub(crate) fn has_message(&self) -> bool {
        self.inbox.is_ready()
    }

    pub(crate) fn next_message(&mut self) -> Option<Message> {
        self.inbox.next()
    }

    /// Returns the memory of a burst to the allocator.
    pub(crate) fn shrink(&mut self) {
        self.acks.shrink_to_fit();
        self.inbox.shrink();
    }

    /// Drops what can no longer be delivered. Ready messages stay.
    pub(crate) fn end(&mut self) {
        (self.channel_count, self.channels) = (0, Vec::new());
        self.inbox.drop_held();
    }

    pub(crate) fn has_space_for_ack(&self) -> bool {
        self.acks.len() < MAX_ACKS
    }

    /// Queues the ack of a reliable command. When the queue is full nothing is queued: the peer
    /// sends its command again.
    pub(crate) fn acknowledge(&mut self, command: &Command<'_>, sent_time: u32) {
        if command.is_reliable() && self.has_space_for_ack() {
            self.acks.push_back(Ack {
                channel: command.channel,
                unsequenced: command.is_unsequenced(),
                rseq: command.rseq,
                sent_time,
            });
        }
    }

    /// Handles a command that carries data.
    pub(crate) fn on_data(
        &mut self,
        command: &Command<'_>,
        rules: &Rules,
        pool: &mut Pool,
    ) -> Result<Accepted, Reject> {
        let rseq = command.rseq;
        if command.channel >= self.channel_count {
            return Err(Reject::Discard(Discard::Channel));
        }
        let index = usize::from(command.channel);
        if self.channels.len() <= index {
            // Not more than needed: a connection keeps them until its end.
            self.channels.reserve_exact(index + 1 - self.channels.len());
            self.channels.resize_with(index + 1, Channel::default);
        }
        let Some(channel) = self.channels.get_mut(index) else {
            debug_assert!(false, "the channel was added");
            return Err(Reject::Discard(Discard::Channel));
        };
        let mut inbox = ChannelInbox {
            channel: command.channel,
            inbox: &mut self.inbox,
            rules,
            pool,
        };
        match (command.kind, command.body) {
            (kind::RELIABLE, Body::Message(payload)) => {
                check_number(rseq)?;
                channel.reliable(rseq, payload, &mut inbox)
            }
            (kind::FRAGMENT, Body::Fragment(fragment)) => {
                check_number(rseq)?;
                Assembler::check(rseq, &fragment, rules.max_received_message_bytes)?;
                channel.fragment(rseq, &fragment, &mut inbox)
            }
            (kind::UNRELIABLE, Body::Numbered { number, payload }) => {
                check_number(number)?;
                // 0 is allowed: the message follows no reliable one.
                check_number(rseq.max(1))?;
                channel.unreliable((rseq, number), payload, &mut inbox)
            }
            (kind::UNSEQUENCED, Body::Numbered { number, payload }) => {
                check_number(number.max(1))?;
                // Checked before the group is marked as seen: a resend of it must still be new.
                if !inbox.has_space_in_order() {
                    return Err(Reject::Discard(Discard::Full));
                }
                if !self.groups.get_or_insert_default().admit(number) {
                    return Ok(Accepted::Duplicate);
                }
                inbox.deliver_copy(Delivery::UnreliableUnsequenced, payload);
                Ok(Accepted::New)
            }
            (kind::RELIABLE_UNSEQUENCED, Body::Message(payload)) => {
                check_number(rseq)?;
                let unsequenced = channel.unsequenced.get_or_insert_default();
                unsequenced.message(rseq, payload, &mut inbox)
            }
            (kind::FRAGMENT_UNSEQUENCED, Body::Fragment(fragment)) => {
                check_number(rseq)?;
                Assembler::check(rseq, &fragment, rules.max_received_message_bytes)?;
                let unsequenced = channel.unsequenced.get_or_insert_default();
                unsequenced.fragment(rseq, &fragment, &mut inbox)
            }
            _ => {
                debug_assert!(false, "type {} carries no data", command.kind);
                Ok(Accepted::New)
            }
        }
    }
}

/// Checks that the number of a data command is in 1 to 2^31 - 1. Spec: udp.md 9, item 8.
fn check_number(number: u32) -> Result<(), Reject> {
    if (1..=LAST_NUMBER).contains(&number) {
        Ok(())
    } else {
        Err(Reject::Discard(Discard::Malformed))
    }
}

impl Channel {
    /// Handles a reliable message. Spec: udp.md 4.2.
    fn reliable(
        &mut self,
        rseq: u32,
        payload: &[u8],
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if rseq <= self.delivered || self.held.contains_key(&rseq) {
            return Ok(Accepted::Duplicate);
        }
        if self.fragments.covers(rseq) {
            return Err(Reject::Discard(Discard::Malformed));
        }
        if rseq == self.delivered + 1 {
            if !inbox.has_space_in_order() {
                return Err(Reject::Discard(Discard::Full));
            }
            self.delivered = rseq;
            inbox.deliver_copy(Delivery::Reliable, payload);
            self.deliver_held(inbox);
            return Ok(Accepted::New);
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        if !inbox.has_space_out_of_order(payload.len()) {
            return Err(Reject::Discard(Discard::Full));
        }
        self.held.insert(rseq, inbox.hold(payload));
        Ok(Accepted::New)
    }

    /// Handles a fragment of a reliable message. Spec: udp.md 6.
    fn fragment(
        &mut self,
        rseq: u32,
        it: &Fragment<'_>,
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if rseq <= self.delivered || self.held.contains_key(&rseq) {
            return Ok(Accepted::Duplicate);
        }
        let open = match self.fragments.find(it)? {
            Some(true) => return Ok(Accepted::Duplicate),
            Some(false) => true,
            None => false,
        };
        let end = it.start + it.count;
        // A new message must not use a number that another message uses. Spec: udp.md 9, item 17.
        if !open
            && (it.start <= self.delivered
                || self.fragments.overlaps(it)
                || self.held.range(it.start..end).next().is_some())
        {
            return Err(Reject::Discard(Discard::Malformed));
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        let awaited = it.start == self.delivered + 1;
        if !inbox.has_space_for(it, open, awaited) {
            return Err(Reject::Discard(Discard::Full));
        }
        if inbox.keep_fragment(&mut self.fragments, open, it)? && awaited {
            self.deliver_held(inbox);
        }
        Ok(Accepted::New)
    }

    /// Delivers every reliable message whose turn it is, and the unreliable ones between them.
    #[inline]
    fn deliver_held(&mut self, inbox: &mut ChannelInbox<'_>) {
        // Usually nothing is missing, so nothing waits.
        if !self.held.is_empty() || !self.fragments.is_empty() || !self.held_unreliable.is_empty() {
            self.deliver_what_waited(inbox);
        }
    }

    fn deliver_what_waited(&mut self, inbox: &mut ChannelInbox<'_>) {
        loop {
            self.deliver_unreliable(inbox);
            let next = self.delivered + 1;
            let is_next = |(rseq, _): (&u32, &Vec<u8>)| *rseq == next;
            if self.held.first_key_value().is_some_and(is_next)
                && let Some((_, bytes)) = self.held.pop_first()
            {
                self.delivered = next;
                inbox.release(&bytes);
                inbox.deliver(Delivery::Reliable, bytes);
            } else if let Some(message) = self.fragments.take(next, inbox.pool) {
                self.delivered += message.count;
                inbox.deliver_assembled(Delivery::Reliable, message);
            } else {
                debug_assert!(
                    self.held.keys().next().is_none_or(|first| *first > next),
                    "no delivered message is held"
                );
                return;
            }
        }
    }

    /// Handles an unreliable message. `after` is the reliable number that it follows.
    /// Spec: udp.md 4.3.
    fn unreliable(
        &mut self,
        (after, number): (u32, u32),
        payload: &[u8],
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if after < self.delivered || number <= self.delivered_unreliable {
            return Ok(Accepted::Late);
        }
        // A number is used once, whatever it follows. The scan covers at most 256 entries.
        if self.held_unreliable.keys().any(|(_, held)| *held == number) {
            return Ok(Accepted::Duplicate);
        }
        if after == self.delivered {
            if !inbox.has_space_in_order() {
                return Err(Reject::Discard(Discard::Full));
            }
            self.delivered_unreliable = number;
            inbox.deliver_copy(Delivery::Unreliable, payload);
            return Ok(Accepted::New);
        }
        if after - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        if !inbox.has_space_out_of_order(payload.len()) {
            return Err(Reject::Discard(Discard::Full));
        }
        if self.held_unreliable.len() >= MAX_HELD_UNRELIABLE {
            // The message with the lowest number goes: newer ones are worth more.
            let numbers = self.held_unreliable.keys().copied();
            if let Some(lowest) = numbers.min_by_key(|(_, number)| *number) {
                if number < lowest.1 {
                    return Ok(Accepted::Late);
                }
                if let Some(bytes) = self.held_unreliable.remove(&lowest) {
                    inbox.release(&bytes);
                    inbox.pool.give(bytes);
                }
            }
        }
        self.held_unreliable
            .insert((after, number), inbox.hold(payload));
        debug_assert!(
            self.held_unreliable.len() <= MAX_HELD_UNRELIABLE,
            "the lowest number made space"
        );
        Ok(Accepted::New)
    }

    /// Delivers the unreliable messages that follow the delivered ones, and drops those whose place
    /// has passed.
    fn deliver_unreliable(&mut self, inbox: &mut ChannelInbox<'_>) {
        while let Some((&(after, number), _)) = self.held_unreliable.first_key_value()
            && after <= self.delivered
            && let Some((_, bytes)) = self.held_unreliable.pop_first()
        {
            inbox.release(&bytes);
            if after == self.delivered && number > self.delivered_unreliable {
                self.delivered_unreliable = number;
                inbox.deliver(Delivery::Unreliable, bytes);
            } else {
                inbox.pool.give(bytes);
            }
        }
    }
}
