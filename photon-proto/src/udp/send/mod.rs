//! The sending half of a connection: sequence numbers, queues, commands in flight, resends.
//! Spec: udp.md 4.1, 5.4, 5.8, 5.9, 6.

mod builder;
mod count;
mod datagrams;
mod queue;
mod ring;
mod timers;

use super::command::{CONTROL_CHANNEL, FLAG_RELIABLE, FLAG_UNSEQUENCED};
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use ring::{InFlight, Ring};
use timers::Check;

pub(crate) use builder::DatagramBuilder;
pub(crate) use datagrams::Backoff;

/// The last sequence number: numbers are signed on the wire. Spec: udp.md 4.1.
pub(crate) const LAST_NUMBER: u32 = i32::MAX as u32;

/// The first sequence number of a channel, except the control channel of a server.
/// Spec: udp.md 4.1.
const FIRST_NUMBER: u32 = 1;

/// Identifies a reliable command in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandId {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
}

/// The sequence numbers and queues of one channel.
struct Channel {
    id: u8,
    /// Commands that were not sent yet, in order of creation. Their numbers are assigned.
    queue: VecDeque<Vec<u8>>,
    first_rseq: u32,
    next_rseq: u32,
    next_unreliable: u32,
    next_unsequenced: u32,
    sequenced: Ring,
    unsequenced: Ring,
    /// The first numbers of the reliable messages that do not count as the owner's. There are few:
    /// those of a handshake.
    excluded: Vec<u32>,
}

impl Channel {
    fn new(id: u8, first_rseq: u32) -> Self {
        Self {
            id,
            queue: VecDeque::new(),
            first_rseq,
            next_rseq: first_rseq,
            next_unreliable: 1,
            next_unsequenced: 1,
            sequenced: Ring::new(first_rseq),
            unsequenced: Ring::new(1),
            excluded: Vec::new(),
        }
    }

    fn ring(&self, unsequenced: bool) -> &Ring {
        if unsequenced {
            &self.unsequenced
        } else {
            &self.sequenced
        }
    }

    fn ring_mut(&mut self, unsequenced: bool) -> &mut Ring {
        if unsequenced {
            &mut self.unsequenced
        } else {
            &mut self.sequenced
        }
    }

    /// Whether the send window admits the next command of the queue. Spec: udp.md 5.9.
    fn window_admits(&self, flags: u8, rseq: u32, window: u32) -> bool {
        if window == 0 || self.id == CONTROL_CHANNEL || flags & FLAG_RELIABLE == 0 {
            // Unreliable commands need no window of their own: the queue keeps the order of
            // creation, so they wait behind a reliable one that the window holds back.
            true
        } else if flags & FLAG_UNSEQUENCED != 0 {
            self.unsequenced.live() < window as usize
        } else {
            rseq < self.sequenced.base() + window.min(LAST_NUMBER)
        }
    }
}

/// An acknowledged command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) kind: u8,
    pub(crate) first_sent: u64,
}

/// The outcome of a received ack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AckOutcome {
    Acked(Acked),
    /// The command was acknowledged before.
    Duplicate,
    /// No command with this number was ever sent.
    NeverSent,
}

/// The outcome of checking the commands that are due.
pub(crate) enum Overdue {
    /// They wait to be sent again.
    Resend,
    /// One of them was sent too often or too long ago.
    TimedOut,
}

pub(crate) struct Sender {
    control: Channel,
    channel_count: u8,
    /// Those on which something was sent, and the ones below: most connections use only the first.
    data: Vec<Channel>,
    /// The reserved byte of our commands. Spec: udp.md 2.1.
    reserved: u8,
    next_group: u32,
    /// The number of commands in all queues.
    queued: usize,
    /// The number of commands in all rings.
    in_flight: usize,
    /// The bytes of both.
    bytes: usize,
    /// The time since which a command has been in flight without interruption. Without meaning
    /// while none is.
    busy_since: u64,
    next_order: u64,
    /// When commands have to be checked. An entry is outdated if its command was acknowledged or
    /// has another due time.
    timers: BinaryHeap<Check>,
    /// The commands to send again, in the order of their first transmission.
    resends: BinaryHeap<Reverse<(u64, CommandId)>>,
    /// The reliable commands in the datagram that was built last.
    built: Vec<CommandId>,
}

impl Sender {
    pub(crate) fn new(channels: u8, reserved: u8, first_control_rseq: u32) -> Self {
        Self {
            control: Channel::new(CONTROL_CHANNEL, first_control_rseq),
            channel_count: channels,
            data: Vec::new(),
            reserved,
            next_group: 1,
            queued: 0,
            in_flight: 0,
            bytes: 0,
            busy_since: 0,
            next_order: 0,
            timers: BinaryHeap::new(),
            resends: BinaryHeap::new(),
            built: Vec::new(),
        }
    }

    /// Adds the channels up to this one.
    fn add_channels(&mut self, last: u8) {
        debug_assert!(last < self.channel_count, "the caller checked the channel");
        let count = usize::from(last) + 1;
        // Not more than needed: a connection keeps them until its end.
        self.data.reserve_exact(count - self.data.len());
        let missing = (0..=last).skip(self.data.len());
        self.data
            .extend(missing.map(|id| Channel::new(id, FIRST_NUMBER)));
    }

    fn channels_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.data.iter_mut().chain([&mut self.control])
    }

    fn channel_mut(&mut self, channel: u8) -> Option<&mut Channel> {
        if channel == CONTROL_CHANNEL {
            Some(&mut self.control)
        } else {
            self.data.get_mut(usize::from(channel))
        }
    }

    fn command(&self, id: CommandId) -> Option<&InFlight> {
        let channel = if id.channel == CONTROL_CHANNEL {
            &self.control
        } else {
            self.data.get(usize::from(id.channel))?
        };
        channel.ring(id.unsequenced).get(id.rseq)
    }

    fn command_mut(&mut self, id: CommandId) -> Option<&mut InFlight> {
        self.channel_mut(id.channel)?
            .ring_mut(id.unsequenced)
            .get_mut(id.rseq)
    }

    /// Asserts that the counters agree with the queues and rings.
    fn check_counters(&self) {
        if cfg!(debug_assertions) {
            let channels = || self.data.iter().chain([&self.control]);
            let queued = channels().map(|channel| channel.queue.len()).sum::<usize>();
            let in_flight = channels()
                .map(|channel| channel.sequenced.live() + channel.unsequenced.live())
                .sum::<usize>();
            debug_assert_eq!(
                (self.queued, self.in_flight),
                (queued, in_flight),
                "the counters agree with the queues and rings"
            );
            debug_assert!(
                !self.is_drained() || self.bytes == 0,
                "no commands, no bytes"
            );
        }
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The time since which a command has been in flight without interruption; `None` if none is.
    pub(crate) fn busy_since(&self) -> Option<u64> {
        (self.in_flight > 0).then_some(self.busy_since)
    }

    /// Whether a command waits to be sent, for the first time or again.
    pub(crate) fn has_output(&self) -> bool {
        self.queued > 0 || !self.resends.is_empty()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of commands that are unsent or unacknowledged.
    pub(crate) const fn outstanding(&self) -> usize {
        self.in_flight + self.queued
    }

    /// Whether every command was sent and acknowledged.
    pub(crate) const fn is_drained(&self) -> bool {
        self.outstanding() == 0
    }

    /// Drops all commands. Spec: udp.md 7.1.
    pub(crate) fn clear(&mut self) {
        for channel in self.channels_mut() {
            channel.queue = VecDeque::new();
            channel.excluded = Vec::new();
            // Later commands continue with the next numbers.
            channel.sequenced = Ring::new(channel.next_rseq);
            channel.unsequenced = Ring::new(channel.next_unsequenced);
        }
        (self.timers, self.resends) = (BinaryHeap::new(), BinaryHeap::new());
        self.built = Vec::new();
        (self.queued, self.in_flight, self.bytes) = (0, 0, 0);
    }

    /// Returns the memory of a burst to the allocator.
    pub(crate) fn shrink(&mut self) {
        for channel in self.channels_mut() {
            channel.queue.shrink_to_fit();
            channel.sequenced.shrink();
            channel.unsequenced.shrink();
        }
        self.timers.shrink_to_fit();
        self.resends.shrink_to_fit();
        self.built.shrink_to_fit();
    }

    /// Sets every counter to `number`.
    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, number: u32) {
        self.add_channels(self.channel_count - 1);
        for channel in self.channels_mut() {
            (
                channel.next_rseq,
                channel.next_unreliable,
                channel.next_unsequenced,
            ) = (number, number, number);
            (channel.sequenced, channel.unsequenced) = (Ring::new(number), Ring::new(number));
        }
        self.next_group = number;
    }
}
