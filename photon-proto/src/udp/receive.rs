//! The receiving half: order, duplicates, what is kept and what is acknowledged. Spec: udp.md 4.2 to 4.6, 9.

use super::Message;
use super::assembler::{Assembler, RECEIVE_WINDOW};
use super::command::{Body, Command, Fragment, kind};
use super::config::Config;
use super::inbox::{ChannelInbox, Inbox};
use super::pool::Pool;
use super::reject::{Accepted, Discard, Reject};
use super::send::LAST_NUMBER;
use crate::tcp::Delivery;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// How many acknowledgements may wait. Spec: udp.md 9, item 14.
const MAX_ACKS: usize = 4096;
/// How many unreliable messages of a channel may be held. Item 10.
const MAX_HELD_UNRELIABLE: usize = 256;
/// How many numbers above the complete ones are remembered. Item 10.
const MAX_OUT_OF_ORDER: usize = 4096;
/// An acknowledgement that waits to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
    pub(crate) sent_time: u32,
}

#[derive(Debug, Default)]
struct Channel {
    /// The last delivered reliable number, and the last delivered unreliable one.
    delivered: u32,
    delivered_unreliable: u32,
    /// Messages that wait for the ones before them.
    held: BTreeMap<u32, Vec<u8>>,
    fragments: Assembler,
    /// By the reliable number that they follow, and their own.
    held_unreliable: BTreeMap<(u32, u32), Vec<u8>>,
    /// Reliable unsequenced numbers that arrived: all up to this one, and these.
    contiguous: u32,
    out_of_order: BTreeSet<u32>,
    unsequenced_fragments: Assembler,
}

/// The window of unsequenced groups. Spec: udp.md 4.4.
#[derive(Debug, Default)]
struct Groups {
    base: u32,
    seen: u128,
}

impl Groups {
    const SIZE: u32 = 128;

    /// Whether this group is new.
    fn admit(&mut self, group: u32) -> bool {
        if group >= self.base.saturating_add(Self::SIZE) {
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

#[derive(Debug)]
pub(crate) struct Receiver {
    channels: Vec<Channel>,
    groups: Groups,
    pub(crate) acks: VecDeque<Ack>,
    inbox: Inbox,
}

impl Receiver {
    pub(crate) fn new(channels: u8) -> Self {
        Self {
            channels: (0..channels).map(|_| Channel::default()).collect(),
            groups: Groups::default(),
            acks: VecDeque::new(),
            inbox: Inbox::default(),
        }
    }

    /// Received and not taken, with what keeping it costs.
    pub(crate) const fn bytes(&self) -> usize {
        self.inbox.bytes()
    }

    /// Whether nothing is held and nothing is ready.
    pub(crate) const fn is_drained(&self) -> bool {
        self.inbox.bytes() == 0
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.inbox.ready.is_empty()
    }

    pub(crate) fn next_message(&mut self) -> Option<Message> {
        self.inbox.next()
    }

    /// Gives back the room that a burst took.
    pub(crate) fn shrink(&mut self) {
        self.acks.shrink_to_fit();
        self.inbox.ready.shrink_to_fit();
    }

    /// Forgets what can never be delivered any more; what is ready stays.
    pub(crate) fn end(&mut self) {
        self.channels = Vec::new();
        (self.inbox.held_bytes, self.inbox.open_messages) = (0, 0);
    }

    pub(crate) fn has_room_for_ack(&self) -> bool {
        self.acks.len() < MAX_ACKS
    }

    /// Queues the acknowledgement that a command asks for.
    pub(crate) fn acknowledge(&mut self, command: &Command<'_>, sent_time: u32) {
        if command.is_reliable() && self.has_room_for_ack() {
            let (channel, unsequenced, rseq) =
                (command.channel, command.is_unsequenced(), command.rseq);
            self.acks.push_back(Ack {
                channel,
                unsequenced,
                rseq,
                sent_time,
            });
        }
    }

    /// Takes a command that carries data.
    pub(crate) fn take(
        &mut self,
        command: &Command<'_>,
        config: &Config,
        pool: &mut Pool,
    ) -> Result<Accepted, Reject> {
        let (id, rseq) = (command.channel, command.rseq);
        let channel = self
            .channels
            .get_mut(usize::from(id))
            .ok_or(Reject::Discard(Discard::Channel))?;
        let mut inbox = ChannelInbox {
            id,
            inbox: &mut self.inbox,
            config,
            pool,
        };
        match (command.kind, command.body) {
            (kind::RELIABLE, Body::Message(payload)) => {
                numbered(rseq)?;
                channel.reliable(rseq, payload, &mut inbox)
            }
            (kind::FRAGMENT, Body::Fragment(fragment)) => {
                numbered(rseq)?;
                Assembler::check(rseq, &fragment, config.max_received_message_bytes)?;
                channel.fragment(rseq, &fragment, &mut inbox)
            }
            (kind::UNRELIABLE, Body::Numbered { number, payload }) => {
                numbered(number)?;
                numbered(rseq.max(1))?;
                channel.unreliable((rseq, number), payload, &mut inbox)
            }
            (kind::UNSEQUENCED, Body::Numbered { number, payload }) => {
                numbered(number.max(1))?;
                if !inbox.has_room_in_order() {
                    return Err(Reject::Discard(Discard::Full));
                }
                if !self.groups.admit(number) {
                    return Ok(Accepted::Duplicate);
                }
                inbox.deliver_copy(Delivery::UnreliableUnsequenced, payload);
                Ok(Accepted::New)
            }
            (kind::RELIABLE_UNSEQUENCED, Body::Message(payload)) => {
                numbered(rseq)?;
                channel.reliable_unsequenced(rseq, payload, &mut inbox)
            }
            (kind::FRAGMENT_UNSEQUENCED, Body::Fragment(fragment)) => {
                numbered(rseq)?;
                Assembler::check(rseq, &fragment, config.max_received_message_bytes)?;
                channel.unsequenced_fragment(rseq, &fragment, &mut inbox)
            }
            // Nothing else carries data.
            _ => Ok(Accepted::New),
        }
    }
}

/// Numbers of data begin at 1 and end at the largest signed one. Spec: udp.md 9, item 8.
fn numbered(number: u32) -> Result<(), Reject> {
    if (1..=LAST_NUMBER).contains(&number) {
        Ok(())
    } else {
        Err(Reject::Discard(Discard::Malformed))
    }
}

impl Channel {
    fn has_unsequenced(&self, number: u32) -> bool {
        number <= self.contiguous || self.out_of_order.contains(&number)
    }

    /// Whether a number can be remembered: the one that closes the gap always can.
    fn has_room_to_note(&self, number: u32) -> bool {
        self.out_of_order.len() < MAX_OUT_OF_ORDER || number == self.contiguous.saturating_add(1)
    }

    fn note_unsequenced(&mut self, number: u32) {
        if number != self.contiguous.saturating_add(1) {
            self.out_of_order.insert(number);
            return;
        }
        self.contiguous = number;
        while self.out_of_order.first() == Some(&self.contiguous.saturating_add(1)) {
            self.out_of_order.pop_first();
            self.contiguous += 1;
        }
    }

    /// Spec: udp.md 4.2.
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
            if !inbox.has_room_in_order() {
                return Err(Reject::Discard(Discard::Full));
            }
            self.delivered = rseq;
            inbox.deliver_copy(Delivery::Reliable, payload);
            self.advance(inbox);
            return Ok(Accepted::New);
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        if !inbox.has_room_out_of_order(payload.len()) {
            return Err(Reject::Discard(Discard::Full));
        }
        self.held.insert(rseq, inbox.hold(payload));
        Ok(Accepted::New)
    }

    /// Spec: udp.md 6.
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
        let end = it.start.saturating_add(it.count);
        if !open
            && (it.start <= self.delivered
                || self.fragments.overlaps(it)
                || self.held.range(it.start..end).next().is_some())
        {
            // Spec: udp.md 9, item 17.
            return Err(Reject::Discard(Discard::Malformed));
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        let in_order = it.start == self.delivered + 1;
        if !inbox.has_room_for(it, open, in_order) {
            return Err(Reject::Discard(Discard::Full));
        }
        if inbox.keep_fragment(&mut self.fragments, open, it)? && in_order {
            self.advance(inbox);
        }
        Ok(Accepted::New)
    }

    /// Spec: udp.md 4.5.
    fn reliable_unsequenced(
        &mut self,
        number: u32,
        payload: &[u8],
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if self.has_unsequenced(number) {
            return Ok(Accepted::Duplicate);
        }
        if self.unsequenced_fragments.covers(number) {
            return Err(Reject::Discard(Discard::Malformed));
        }
        if !inbox.has_room_in_order() || !self.has_room_to_note(number) {
            return Err(Reject::Discard(Discard::Full));
        }
        self.note_unsequenced(number);
        inbox.deliver_copy(Delivery::ReliableUnsequenced, payload);
        Ok(Accepted::New)
    }

    /// Spec: udp.md 4.5, 6.
    fn unsequenced_fragment(
        &mut self,
        number: u32,
        it: &Fragment<'_>,
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if self.has_unsequenced(number) {
            return Ok(Accepted::Duplicate);
        }
        let open = self.unsequenced_fragments.find(it)?.is_some();
        let range = it.start..it.start.saturating_add(it.count);
        if !open
            && (it.start <= self.contiguous
                || self.unsequenced_fragments.overlaps(it)
                || self.out_of_order.range(range.clone()).next().is_some())
        {
            // Spec: udp.md 9, item 17.
            return Err(Reject::Discard(Discard::Malformed));
        }
        // Nothing is delivered in order, but all that is kept is remembered until the lowest missing number comes.
        let awaited = range.contains(&self.contiguous.saturating_add(1));
        if !inbox.has_room_for(it, open, awaited) || !self.has_room_to_note(number) {
            return Err(Reject::Discard(Discard::Full));
        }
        let complete = inbox.keep_fragment(&mut self.unsequenced_fragments, open, it)?;
        self.note_unsequenced(number);
        if complete && let Some(whole) = self.unsequenced_fragments.take(it.start, inbox.pool) {
            inbox.deliver_whole(Delivery::ReliableUnsequenced, whole);
        }
        Ok(Accepted::New)
    }

    /// Delivers everything whose turn it is, after the last delivered number has moved or may move.
    fn advance(&mut self, inbox: &mut ChannelInbox<'_>) {
        loop {
            self.follow_up(inbox);
            let next = self.delivered + 1;
            if self
                .held
                .first_key_value()
                .is_some_and(|(rseq, _)| *rseq == next)
                && let Some((_, bytes)) = self.held.pop_first()
            {
                self.delivered = next;
                inbox.release(&bytes);
                inbox.deliver(Delivery::Reliable, bytes);
            } else if let Some(whole) = self.fragments.take(next, inbox.pool) {
                self.delivered = self.delivered.saturating_add(whole.count);
                inbox.deliver_whole(Delivery::Reliable, whole);
            } else {
                return;
            }
        }
    }

    /// `after` is the reliable number that the message follows. Spec: udp.md 4.3.
    fn unreliable(
        &mut self,
        (after, number): (u32, u32),
        payload: &[u8],
        inbox: &mut ChannelInbox<'_>,
    ) -> Result<Accepted, Reject> {
        if after < self.delivered || number <= self.delivered_unreliable {
            return Ok(Accepted::Late);
        }
        // Whatever it follows: a number is used once. At most 256 are looked at.
        if self.held_unreliable.keys().any(|(_, held)| *held == number) {
            return Ok(Accepted::Duplicate);
        }
        if after == self.delivered {
            if !inbox.has_room_in_order() {
                return Err(Reject::Discard(Discard::Full));
            }
            self.delivered_unreliable = number;
            inbox.deliver_copy(Delivery::Unreliable, payload);
            return Ok(Accepted::New);
        }
        if after - self.delivered > RECEIVE_WINDOW {
            return Err(Reject::Discard(Discard::Window));
        }
        if !inbox.has_room_out_of_order(payload.len()) {
            return Err(Reject::Discard(Discard::Full));
        }
        if self.held_unreliable.len() >= MAX_HELD_UNRELIABLE
            && let Some(lowest) = self
                .held_unreliable
                .keys()
                .copied()
                .min_by_key(|(_, number)| *number)
        {
            if number < lowest.1 {
                return Ok(Accepted::Late);
            }
            let bytes = self.held_unreliable.remove(&lowest).unwrap_or_default();
            inbox.release(&bytes);
            inbox.pool.give(bytes);
        }
        self.held_unreliable
            .insert((after, number), inbox.hold(payload));
        Ok(Accepted::New)
    }

    /// Delivers the unreliable messages that follow what was delivered, and drops those whose place has passed.
    fn follow_up(&mut self, inbox: &mut ChannelInbox<'_>) {
        while let Some((&(after, number), _)) = self.held_unreliable.first_key_value()
            && after <= self.delivered
        {
            let Some((_, bytes)) = self.held_unreliable.pop_first() else {
                return;
            };
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
