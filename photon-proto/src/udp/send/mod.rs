//! The sending half of a connection: sequence numbers, queues, commands in flight, resends.
//! Spec: udp.md 4.1, 5.4, 5.8, 5.9, 6.

mod builder;
mod ring;

use super::SendError;
use super::command::{self, CONTROL_CHANNEL, FLAG_RELIABLE, FLAG_UNSEQUENCED, Header, kind};
use super::config::Config;
use super::pool::Pool;
use crate::tcp::Delivery;
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use ring::{InFlight, Ring};

pub(crate) use builder::DatagramBuilder;

/// The last sequence number: numbers are signed on the wire. Spec: udp.md 4.1.
pub(crate) const LAST_NUMBER: u32 = i32::MAX as u32;
/// Resends stop when a datagram has less space than this. Spec: udp.md 5.8.
const RESEND_SPACE_BYTES: usize = 80;
/// Outdated entries of the timer heap that are always tolerated. Removing an entry from the middle
/// of a heap costs a rebuild, so outdated ones are removed together when there are many.
const MAX_STALE_ENTRIES: usize = 64;

/// Identifies a reliable command in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandId {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
}

/// The sequence numbers and queues of one channel.
#[derive(Debug)]
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

#[derive(Debug)]
pub(crate) struct Sender {
    control: Channel,
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
    next_order: u64,
    /// When commands have to be checked. An entry is outdated if its command was acknowledged or
    /// has another due time.
    timers: BinaryHeap<Reverse<(u64, CommandId)>>,
    /// The commands to send again, in the order of their first transmission.
    resends: BinaryHeap<Reverse<(u64, CommandId)>>,
    /// The reliable commands in the datagram that was built last.
    built: Vec<CommandId>,
}

impl Sender {
    pub(crate) fn new(channels: u8, reserved: u8, first_control_rseq: u32) -> Self {
        Self {
            control: Channel::new(CONTROL_CHANNEL, first_control_rseq),
            data: (0..channels).map(|id| Channel::new(id, 1)).collect(),
            reserved,
            next_group: 1,
            queued: 0,
            in_flight: 0,
            bytes: 0,
            next_order: 0,
            timers: BinaryHeap::new(),
            resends: BinaryHeap::new(),
            built: Vec::new(),
        }
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

    // Queueing.

    /// Queues a control command. Returns false if the sequence numbers are used up.
    pub(crate) fn control(&mut self, kind: u8, reserved: u8, pool: &mut Pool) -> bool {
        self.control_with(kind, reserved, pool, |_| ())
    }

    /// Like [`Sender::control`], with a body.
    pub(crate) fn control_with(
        &mut self,
        kind: u8,
        reserved: u8,
        pool: &mut Pool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let rseq = self.control.next_rseq;
        if rseq > LAST_NUMBER {
            return false;
        }
        self.control.next_rseq += 1;
        let mut bytes = pool.buffer(command::CONNECT_BYTES);
        bytes.resize(command::HEADER_BYTES, 0);
        write(&mut bytes);
        put_header(
            &mut bytes,
            Header {
                kind,
                channel: CONTROL_CHANNEL,
                flags: FLAG_RELIABLE,
                reserved,
                rseq,
            },
        );
        self.queued += 1;
        self.bytes += bytes.len();
        self.control.queue.push_back(bytes);
        true
    }

    /// Encodes a disconnect that bypasses the queues: it is sent once and its ack is not awaited.
    /// Spec: udp.md 7.1.
    pub(crate) fn disconnect_command(
        &self,
        reserved: u8,
        reliable: bool,
    ) -> [u8; command::HEADER_BYTES] {
        let (flags, rseq) = if reliable {
            (FLAG_RELIABLE, self.control.next_rseq)
        } else {
            (FLAG_UNSEQUENCED, self.control.next_unsequenced)
        };
        Header {
            kind: kind::DISCONNECT,
            channel: CONTROL_CHANNEL,
            flags,
            reserved,
            rseq,
        }
        .bytes(command::HEADER_BYTES)
    }

    /// Queues a message. `write` appends it to a buffer and receives the position at which it
    /// begins. After an error nothing is queued.
    pub(crate) fn message<E: From<SendError>>(
        &mut self,
        channel: u8,
        delivery: Delivery,
        config: &Config,
        pool: &mut Pool,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if usize::from(channel) >= self.data.len() {
            return Err(SendError::Channel(channel).into());
        }
        let header_bytes = match delivery {
            Delivery::Reliable | Delivery::ReliableUnsequenced => command::HEADER_BYTES,
            Delivery::Unreliable | Delivery::UnreliableUnsequenced => {
                command::NUMBERED_HEADER_BYTES
            }
        };
        let mut bytes = pool.draft();
        bytes.resize(header_bytes, 0);
        let written = write(&mut bytes, header_bytes);
        // `write` comes from the application and may have cut the buffer.
        if bytes.len() < header_bytes {
            bytes.resize(header_bytes, 0);
        }
        let length = bytes.len() - header_bytes;
        let queued = written.and_then(|()| {
            if length > config.max_message_bytes {
                Err(SendError::TooLong {
                    max_bytes: config.max_message_bytes,
                }
                .into())
            } else if length > config.payload_limit() {
                let message = bytes.get(header_bytes..).unwrap_or_default();
                Ok(self.fragments(channel, delivery, message, config.payload_limit(), pool)?)
            } else {
                Ok(self.single(channel, delivery, &mut bytes, pool)?)
            }
        });
        pool.give_draft(bytes);
        queued
    }

    /// Queues a message that fits into one command.
    fn single(
        &mut self,
        channel: u8,
        delivery: Delivery,
        bytes: &mut [u8],
        pool: &mut Pool,
    ) -> Result<(), SendError> {
        let (reserved, group) = (self.reserved, &mut self.next_group);
        let Some(to) = self.data.get_mut(usize::from(channel)) else {
            return Err(SendError::Channel(channel));
        };
        let (kind, flags, rseq, number) = match delivery {
            Delivery::Reliable => {
                let rseq = take_numbers(&mut to.next_rseq, 1)?;
                (kind::RELIABLE, FLAG_RELIABLE, rseq, None)
            }
            Delivery::ReliableUnsequenced => {
                let flags = FLAG_RELIABLE | FLAG_UNSEQUENCED;
                let rseq = take_numbers(&mut to.next_unsequenced, 1)?;
                (kind::RELIABLE_UNSEQUENCED, flags, rseq, None)
            }
            Delivery::Unreliable => {
                // The reliable message that it follows; 0 for none, as numbers begin at 1.
                let after = to.next_rseq - 1;
                let number = take_numbers(&mut to.next_unreliable, 1)?;
                (kind::UNRELIABLE, 0, after, Some(number))
            }
            Delivery::UnreliableUnsequenced => {
                let number = take_numbers(group, 1)?;
                (kind::UNSEQUENCED, FLAG_UNSEQUENCED, 0, Some(number))
            }
        };
        if let Some(number) = number {
            put_number(bytes, number);
        }
        put_header(
            bytes,
            Header {
                kind,
                channel,
                flags,
                reserved,
                rseq,
            },
        );
        self.queued += 1;
        self.bytes += bytes.len();
        to.queue.push_back(pool.copy(bytes));
        Ok(())
    }

    /// Queues a message as fragments. They are always reliable: one lost fragment of an unreliable
    /// message would make the others useless. Spec: udp.md 6.
    fn fragments(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
        limit: usize,
        pool: &mut Pool,
    ) -> Result<(), SendError> {
        let reserved = self.reserved;
        let Some(to) = self.data.get_mut(usize::from(channel)) else {
            return Err(SendError::Channel(channel));
        };
        let (kind, flags, counter) = match delivery {
            Delivery::Reliable | Delivery::Unreliable => {
                (kind::FRAGMENT, FLAG_RELIABLE, &mut to.next_rseq)
            }
            Delivery::ReliableUnsequenced | Delivery::UnreliableUnsequenced => (
                kind::FRAGMENT_UNSEQUENCED,
                FLAG_RELIABLE | FLAG_UNSEQUENCED,
                &mut to.next_unsequenced,
            ),
        };
        let Ok(total) = u32::try_from(message.len()) else {
            // The header has 32 bits for the length. Spec: udp.md 6.
            let max_bytes = u32::MAX as usize;
            return Err(SendError::TooLong { max_bytes });
        };
        let count = message.len().div_ceil(limit) as u32;
        let start = take_numbers(counter, count)?;
        let mut offset = 0_u32;
        for (number, part) in (0_u32..).zip(message.chunks(limit)) {
            let mut bytes = pool.buffer(command::FRAGMENT_HEADER_BYTES + part.len());
            bytes.resize(command::HEADER_BYTES, 0);
            for field in [start, count, number, total, offset] {
                bytes.extend_from_slice(&field.to_be_bytes());
            }
            bytes.extend_from_slice(part);
            put_header(
                &mut bytes,
                Header {
                    kind,
                    channel,
                    flags,
                    reserved,
                    rseq: start + number,
                },
            );
            offset += part.len() as u32;
            self.queued += 1;
            self.bytes += bytes.len();
            to.queue.push_back(bytes);
        }
        debug_assert_eq!(offset, total, "the fragments make up the message");
        Ok(())
    }

    /// Drops all commands. Spec: udp.md 7.1.
    pub(crate) fn clear(&mut self) {
        for channel in self.channels_mut() {
            channel.queue = VecDeque::new();
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

    // Acks and timers.

    /// Removes the command that an ack names.
    pub(crate) fn acknowledge(&mut self, id: CommandId, pool: &mut Pool) -> AckOutcome {
        let Some(channel) = self.channel_mut(id.channel) else {
            return AckOutcome::NeverSent;
        };
        let first = if id.unsequenced {
            1
        } else {
            channel.first_rseq
        };
        let ring = channel.ring_mut(id.unsequenced);
        let Some(command) = ring.remove(id.rseq) else {
            return if ring.was_sent(id.rseq, first) {
                AckOutcome::Duplicate
            } else {
                AckOutcome::NeverSent
            };
        };
        self.in_flight -= 1;
        self.bytes -= command.bytes.len();
        let kind = command.bytes.first().copied().unwrap_or_default();
        debug_assert_ne!(kind, 0, "a command has a header");
        pool.give(command.bytes);
        self.prune_timers();
        self.check_counters();
        AckOutcome::Acked(Acked {
            kind,
            first_sent: command.first_sent,
        })
    }

    /// The time of the first transmission of a command in flight.
    pub(crate) fn first_sent(&self, id: CommandId) -> Option<u64> {
        self.command(id).map(|command| command.first_sent)
    }

    /// The time of the next check of a command.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    /// Checks the commands that are due: each has timed out or will be sent again.
    /// Spec: udp.md 5.4.
    pub(crate) fn run_due(&mut self, now: u64, max_resends: u32, timeout_ms: u64) -> Overdue {
        while let Some(&Reverse((due, id))) =
            self.timers.peek().filter(|Reverse((due, _))| *due <= now)
        {
            self.timers.pop();
            let Some(command) = self.command_mut(id).filter(|it| it.due == due) else {
                continue;
            };
            // The timeout is a setting and may be the largest number.
            let deadline = command.first_sent.saturating_add(timeout_ms);
            if command.awaits_resend || command.sent_count > max_resends || now > deadline {
                return Overdue::TimedOut;
            }
            command.awaits_resend = true;
            // If no datagram is pulled until the deadline, the command times out without a resend.
            command.due = deadline.saturating_add(1);
            let (order, due) = (command.order, command.due);
            self.resends.push(Reverse((order, id)));
            self.timers.push(Reverse((due, id)));
        }
        self.prune_timers();
        Overdue::Resend
    }

    /// Sends a command in flight again before it is due.
    pub(crate) fn resend(&mut self, id: CommandId) {
        if let Some(command) = self
            .command_mut(id)
            .filter(|command| !command.awaits_resend)
        {
            command.awaits_resend = true;
            let order = command.order;
            self.resends.push(Reverse((order, id)));
        }
    }

    /// Removes outdated entries from the top of the heap, so that the next deadline is exact, and
    /// all of them when there are many, so that the heap stays proportional to the commands.
    fn prune_timers(&mut self) {
        if self.timers.len() > MAX_STALE_ENTRIES + 4 * self.in_flight {
            let all = core::mem::take(&mut self.timers);
            self.timers = all
                .into_iter()
                .filter(|entry| self.is_current(entry))
                .collect();
        }
        while self.timers.peek().is_some_and(|top| !self.is_current(top)) {
            self.timers.pop();
        }
    }

    fn is_current(&self, Reverse((due, id)): &Reverse<(u64, CommandId)>) -> bool {
        self.command(*id).is_some_and(|command| command.due == *due)
    }

    // Building datagrams.

    /// Begins a new datagram: the previous one was sent.
    pub(crate) fn begin_datagram(&mut self) {
        self.built.clear();
    }

    /// Appends the commands to send again and returns their number. Spec: udp.md 5.8, step 2.
    pub(crate) fn write_resends(
        &mut self,
        out: &mut DatagramBuilder<'_>,
        now: u64,
        config: &Config,
    ) -> u64 {
        let mut resent = 0;
        while let Some(&Reverse((order, id))) = self.resends.peek() {
            let many = self.in_flight >= config.quick_resend_in_flight;
            let command = self.command_mut(id);
            let Some(command) = command.filter(|it| it.awaits_resend && it.order == order) else {
                // Acknowledged while it waited.
                self.resends.pop();
                continue;
            };
            if out.space() < RESEND_SPACE_BYTES || !out.push(&command.bytes) {
                break;
            }
            if many || command.sent_count > config.quick_resends {
                command.timeout = command.timeout.saturating_mul(2);
            }
            command.sent_count = command.sent_count.saturating_add(1);
            command.awaits_resend = false;
            // Due when *more* than the timeout has passed. Spec: udp.md 5.4.
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.resends.pop();
            self.timers.push(Reverse((due, id)));
            self.built.push(id);
            resent += 1;
        }
        if resent > 0 {
            self.prune_timers();
        }
        resent
    }

    /// Appends new commands, first those of the data channels, then those of the control channel.
    /// Spec: udp.md 5.8, step 4.
    pub(crate) fn write_new(
        &mut self,
        out: &mut DatagramBuilder<'_>,
        now: u64,
        timeout: u64,
        config: &Config,
        pool: &mut Pool,
    ) {
        if self.queued == 0 {
            return;
        }
        for channel in self.data.iter_mut().chain([&mut self.control]) {
            while let Some(bytes) = channel.queue.front() {
                let Some(&[kind, _, flags, _, _, _, _, _, r0, r1, r2, r3]) = bytes.first_chunk()
                else {
                    debug_assert!(false, "a queued command has a header");
                    break;
                };
                let rseq = u32::from_be_bytes([r0, r1, r2, r3]);
                if !channel.window_admits(flags, rseq, config.send_window) || !out.push(bytes) {
                    break;
                }
                let Some(bytes) = channel.queue.pop_front() else {
                    break;
                };
                self.queued -= 1;
                if flags & FLAG_RELIABLE == 0 {
                    self.bytes -= bytes.len();
                    pool.give(bytes);
                    continue;
                }
                let unsequenced = matches!(
                    kind,
                    kind::RELIABLE_UNSEQUENCED | kind::FRAGMENT_UNSEQUENCED
                );
                let id = CommandId {
                    channel: channel.id,
                    unsequenced,
                    rseq,
                };
                // Due when *more* than the timeout has passed. Spec: udp.md 5.4.
                let due = now.saturating_add(timeout).saturating_add(1);
                let command = InFlight {
                    bytes,
                    order: self.next_order,
                    first_sent: now,
                    timeout,
                    sent_count: 1,
                    due,
                    awaits_resend: false,
                };
                channel.ring_mut(unsequenced).push(rseq, command);
                self.next_order += 1;
                self.in_flight += 1;
                self.timers.push(Reverse((due, id)));
                self.built.push(id);
            }
        }
        self.check_counters();
    }

    /// Restarts the timers of the commands in the datagram that was built last, because it is sent
    /// only now.
    pub(crate) fn restamp(&mut self, now: u64) {
        let built = core::mem::take(&mut self.built);
        for &id in &built {
            // Acknowledged or due in the meantime: its timer belongs to a later transmission.
            let Some(command) = self.command_mut(id).filter(|it| !it.awaits_resend) else {
                continue;
            };
            if command.sent_count == 1 {
                command.first_sent = now;
            }
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.timers.push(Reverse((due, id)));
        }
        self.built = built;
        self.prune_timers();
    }
}

/// Takes `count` sequence numbers and returns the first.
fn take_numbers(counter: &mut u32, count: u32) -> Result<u32, SendError> {
    let first = *counter;
    match first.checked_add(count) {
        Some(after) if after <= LAST_NUMBER => {
            *counter = after;
            Ok(first)
        }
        _ => Err(SendError::NumbersExhausted),
    }
}

fn put_header(command: &mut [u8], header: Header) {
    let size = command.len();
    let Some(place) = command.first_chunk_mut() else {
        debug_assert!(false, "the buffer was made for a header");
        return;
    };
    *place = header.bytes(size);
}

/// Writes the number that follows the header of an unreliable command.
fn put_number(command: &mut [u8], number: u32) {
    let place = command
        .get_mut(command::HEADER_BYTES..)
        .and_then(<[u8]>::first_chunk_mut);
    let Some(place) = place else {
        debug_assert!(false, "the buffer was made for a header with a number");
        return;
    };
    *place = number.to_be_bytes();
}
