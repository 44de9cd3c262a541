//! The receiving half: order, duplicates, what is kept and what is acknowledged. Spec: udp.md 4.2 to 4.6, 9.

use super::Message;
use super::command::{Body, Command, Fragment, kind};
use super::config::Config;
use super::fragment::{RECEIVE_WINDOW, Reassembly};
use super::pool::Pool;
use super::send::LAST_NUMBER;
use super::store::{Intake, Store};
use super::violation::Violation;
use crate::tcp::Delivery;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

/// How many acknowledgements may wait. Spec: udp.md 9, item 14.
const MOST_ACKS: usize = 4096;
/// How many unreliable messages of a channel may be held. Item 10.
const MOST_HELD_UNRELIABLE: usize = 256;
/// How many numbers above the complete ones are remembered. Item 10.
const MOST_BEYOND: usize = 4096;
/// An acknowledgement that waits to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
    pub(crate) sent_time: u32,
}

/// Why a command is not kept, and so not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Discard {
    Channel,
    Malformed,
    Window,
    Full,
}

/// What is wrong with a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Discard(Discard),
    End(Violation),
}

/// What became of a command that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Taken,
    Duplicate,
    Late,
}

#[derive(Debug, Default)]
struct Channel {
    /// The last delivered reliable number, and the last delivered unreliable one.
    delivered: u32,
    delivered_unreliable: u32,
    /// Messages that wait for the ones before them.
    held: BTreeMap<u32, Vec<u8>>,
    fragments: Reassembly,
    /// By the reliable number that they follow, and their own.
    held_unreliable: BTreeMap<(u32, u32), Vec<u8>>,
    /// Reliable unsequenced numbers that arrived: all up to this one, and these.
    complete: u32,
    beyond: BTreeSet<u32>,
    unsequenced_fragments: Reassembly,
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
    store: Store,
}

impl Receiver {
    pub(crate) fn new(channels: u8) -> Self {
        Self {
            channels: (0..channels).map(|_| Channel::default()).collect(),
            groups: Groups::default(),
            acks: VecDeque::new(),
            store: Store::default(),
        }
    }

    /// Received and not taken, with what keeping it costs.
    pub(crate) const fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Whether nothing is held and nothing is ready.
    pub(crate) const fn is_drained(&self) -> bool {
        self.store.bytes() == 0
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.store.ready.is_empty()
    }

    pub(crate) fn next_message(&mut self) -> Option<Message> {
        self.store.next()
    }

    /// Gives back the room that a burst took.
    pub(crate) fn shrink(&mut self) {
        self.acks.shrink_to_fit();
        self.store.ready.shrink_to_fit();
    }

    /// Forgets what can never be delivered any more; what is ready stays.
    pub(crate) fn end(&mut self) {
        self.channels = Vec::new();
        (self.store.held_bytes, self.store.open_messages) = (0, 0);
    }

    pub(crate) fn has_room_for_ack(&self) -> bool {
        self.acks.len() < MOST_ACKS
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
    ) -> Result<Kept, Refusal> {
        let (id, rseq) = (command.channel, command.rseq);
        let channel = self
            .channels
            .get_mut(usize::from(id))
            .ok_or(Refusal::Discard(Discard::Channel))?;
        let mut intake = Intake {
            id,
            store: &mut self.store,
            config,
            pool,
        };
        match (command.kind, command.body) {
            (kind::RELIABLE, Body::Message(payload)) => {
                numbered(rseq)?;
                channel.reliable(rseq, payload, &mut intake)
            }
            (kind::FRAGMENT, Body::Fragment(fragment)) => {
                numbered(rseq)?;
                Reassembly::check(rseq, &fragment, config.max_received_message_bytes)?;
                channel.fragment(rseq, &fragment, &mut intake)
            }
            (kind::UNRELIABLE, Body::Numbered { number, payload }) => {
                numbered(number)?;
                numbered(rseq.max(1))?;
                channel.unreliable((rseq, number), payload, &mut intake)
            }
            (kind::UNSEQUENCED, Body::Numbered { number, payload }) => {
                numbered(number.max(1))?;
                if !intake.has_room_in_order() {
                    return Err(Refusal::Discard(Discard::Full));
                }
                if !self.groups.admit(number) {
                    return Ok(Kept::Duplicate);
                }
                intake.deliver_copy(Delivery::UnreliableUnsequenced, payload);
                Ok(Kept::Taken)
            }
            (kind::RELIABLE_UNSEQUENCED, Body::Message(payload)) => {
                numbered(rseq)?;
                channel.reliable_unsequenced(rseq, payload, &mut intake)
            }
            (kind::FRAGMENT_UNSEQUENCED, Body::Fragment(fragment)) => {
                numbered(rseq)?;
                Reassembly::check(rseq, &fragment, config.max_received_message_bytes)?;
                channel.unsequenced_fragment(rseq, &fragment, &mut intake)
            }
            // Nothing else carries data.
            _ => Ok(Kept::Taken),
        }
    }
}

/// Numbers of data begin at 1 and end at the largest signed one. Spec: udp.md 9, item 8.
fn numbered(number: u32) -> Result<(), Refusal> {
    if (1..=LAST_NUMBER).contains(&number) {
        Ok(())
    } else {
        Err(Refusal::Discard(Discard::Malformed))
    }
}

impl Channel {
    fn has_unsequenced(&self, number: u32) -> bool {
        number <= self.complete || self.beyond.contains(&number)
    }

    /// Whether a number can be remembered: the one that closes the gap always can.
    fn has_room_to_note(&self, number: u32) -> bool {
        self.beyond.len() < MOST_BEYOND || number == self.complete.saturating_add(1)
    }

    fn note_unsequenced(&mut self, number: u32) {
        if number != self.complete.saturating_add(1) {
            self.beyond.insert(number);
            return;
        }
        self.complete = number;
        while self.beyond.first() == Some(&self.complete.saturating_add(1)) {
            self.beyond.pop_first();
            self.complete += 1;
        }
    }

    /// Spec: udp.md 4.2.
    fn reliable(
        &mut self,
        rseq: u32,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<Kept, Refusal> {
        if rseq <= self.delivered || self.held.contains_key(&rseq) {
            return Ok(Kept::Duplicate);
        }
        if self.fragments.covers(rseq) {
            return Err(Refusal::Discard(Discard::Malformed));
        }
        if rseq == self.delivered + 1 {
            if !intake.has_room_in_order() {
                return Err(Refusal::Discard(Discard::Full));
            }
            self.delivered = rseq;
            intake.deliver_copy(Delivery::Reliable, payload);
            self.advance(intake);
            return Ok(Kept::Taken);
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Refusal::Discard(Discard::Window));
        }
        if !intake.has_room_out_of_order(payload.len()) {
            return Err(Refusal::Discard(Discard::Full));
        }
        self.held.insert(rseq, intake.hold(payload));
        Ok(Kept::Taken)
    }

    /// Spec: udp.md 6.
    fn fragment(
        &mut self,
        rseq: u32,
        it: &Fragment<'_>,
        intake: &mut Intake<'_>,
    ) -> Result<Kept, Refusal> {
        if rseq <= self.delivered || self.held.contains_key(&rseq) {
            return Ok(Kept::Duplicate);
        }
        let open = match self.fragments.find(it)? {
            Some(true) => return Ok(Kept::Duplicate),
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
            return Err(Refusal::Discard(Discard::Malformed));
        }
        if rseq - self.delivered > RECEIVE_WINDOW {
            return Err(Refusal::Discard(Discard::Window));
        }
        let in_order = it.start == self.delivered + 1;
        if !intake.has_room_for(it, open, in_order) {
            return Err(Refusal::Discard(Discard::Full));
        }
        if intake.keep_fragment(&mut self.fragments, open, it)? && in_order {
            self.advance(intake);
        }
        Ok(Kept::Taken)
    }

    /// Spec: udp.md 4.5.
    fn reliable_unsequenced(
        &mut self,
        number: u32,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Result<Kept, Refusal> {
        if self.has_unsequenced(number) {
            return Ok(Kept::Duplicate);
        }
        if self.unsequenced_fragments.covers(number) {
            return Err(Refusal::Discard(Discard::Malformed));
        }
        if !intake.has_room_in_order() || !self.has_room_to_note(number) {
            return Err(Refusal::Discard(Discard::Full));
        }
        self.note_unsequenced(number);
        intake.deliver_copy(Delivery::ReliableUnsequenced, payload);
        Ok(Kept::Taken)
    }

    /// Spec: udp.md 4.5, 6.
    fn unsequenced_fragment(
        &mut self,
        number: u32,
        it: &Fragment<'_>,
        intake: &mut Intake<'_>,
    ) -> Result<Kept, Refusal> {
        if self.has_unsequenced(number) {
            return Ok(Kept::Duplicate);
        }
        let open = self.unsequenced_fragments.find(it)?.is_some();
        let range = it.start..it.start.saturating_add(it.count);
        if !open
            && (it.start <= self.complete
                || self.unsequenced_fragments.overlaps(it)
                || self.beyond.range(range.clone()).next().is_some())
        {
            // Spec: udp.md 9, item 17.
            return Err(Refusal::Discard(Discard::Malformed));
        }
        // Nothing is delivered in order, but all that is kept is remembered until the lowest missing number comes.
        let awaited = range.contains(&self.complete.saturating_add(1));
        if !intake.has_room_for(it, open, awaited) || !self.has_room_to_note(number) {
            return Err(Refusal::Discard(Discard::Full));
        }
        let complete = intake.keep_fragment(&mut self.unsequenced_fragments, open, it)?;
        self.note_unsequenced(number);
        if complete && let Some(whole) = self.unsequenced_fragments.take(it.start, intake.pool) {
            intake.deliver_whole(Delivery::ReliableUnsequenced, whole);
        }
        Ok(Kept::Taken)
    }

    /// Delivers everything whose turn it is, after the last delivered number has moved or may move.
    fn advance(&mut self, intake: &mut Intake<'_>) {
        loop {
            self.follow_up(intake);
            let next = self.delivered + 1;
            if self
                .held
                .first_key_value()
                .is_some_and(|(rseq, _)| *rseq == next)
                && let Some((_, bytes)) = self.held.pop_first()
            {
                self.delivered = next;
                intake.release(&bytes);
                intake.deliver(Delivery::Reliable, bytes);
            } else if let Some(whole) = self.fragments.take(next, intake.pool) {
                self.delivered = self.delivered.saturating_add(whole.count);
                intake.deliver_whole(Delivery::Reliable, whole);
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
        intake: &mut Intake<'_>,
    ) -> Result<Kept, Refusal> {
        if after < self.delivered || number <= self.delivered_unreliable {
            return Ok(Kept::Late);
        }
        // Whatever it follows: a number is used once. At most 256 are looked at.
        if self.held_unreliable.keys().any(|(_, held)| *held == number) {
            return Ok(Kept::Duplicate);
        }
        if after == self.delivered {
            if !intake.has_room_in_order() {
                return Err(Refusal::Discard(Discard::Full));
            }
            self.delivered_unreliable = number;
            intake.deliver_copy(Delivery::Unreliable, payload);
            return Ok(Kept::Taken);
        }
        if after - self.delivered > RECEIVE_WINDOW {
            return Err(Refusal::Discard(Discard::Window));
        }
        if !intake.has_room_out_of_order(payload.len()) {
            return Err(Refusal::Discard(Discard::Full));
        }
        if self.held_unreliable.len() >= MOST_HELD_UNRELIABLE
            && let Some(lowest) = self
                .held_unreliable
                .keys()
                .copied()
                .min_by_key(|(_, number)| *number)
        {
            if number < lowest.1 {
                return Ok(Kept::Late);
            }
            let bytes = self.held_unreliable.remove(&lowest).unwrap_or_default();
            intake.release(&bytes);
            intake.pool.give(bytes);
        }
        self.held_unreliable
            .insert((after, number), intake.hold(payload));
        Ok(Kept::Taken)
    }

    /// Delivers the unreliable messages that follow what was delivered, and drops those whose place has passed.
    fn follow_up(&mut self, intake: &mut Intake<'_>) {
        while let Some((&(after, number), _)) = self.held_unreliable.first_key_value()
            && after <= self.delivered
        {
            let Some((_, bytes)) = self.held_unreliable.pop_first() else {
                return;
            };
            intake.release(&bytes);
            if after == self.delivered && number > self.delivered_unreliable {
                self.delivered_unreliable = number;
                intake.deliver(Delivery::Unreliable, bytes);
            } else {
                intake.pool.give(bytes);
            }
        }
    }
}
