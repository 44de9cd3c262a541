//! The sending half: numbers, queues, what is in flight, when it is sent again. Spec: udp.md 4.1, 5.4, 5.8, 5.9, 6.

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

/// Numbers are signed on the wire. Spec: udp.md 4.1.
pub(crate) const LAST_NUMBER: u32 = i32::MAX as u32;
/// The sweep of resends stops when fewer bytes than this are left in a datagram. Spec: udp.md 5.8.
const RESEND_ROOM_BYTES: usize = 80;
/// Outdated entries of the timer heap that are always put up with.
const MAX_STALE_ENTRIES: usize = 64;

/// Names a reliable command in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommandId {
    pub(crate) channel: u8,
    pub(crate) unsequenced: bool,
    pub(crate) rseq: u32,
}

/// One channel's numbers and queues.
#[derive(Debug)]
struct Channel {
    id: u8,
    /// Not sent yet, in order of creation, numbers assigned.
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

    /// Whether the window lets a new command out. Spec: udp.md 5.9.
    fn window_allows(&self, flags: u8, rseq: u32, window: u32) -> bool {
        if window == 0 || self.id == CONTROL_CHANNEL || flags & FLAG_RELIABLE == 0 {
            // A blocked command blocks all that follow it in its channel; this one is first.
            true
        } else if flags & FLAG_UNSEQUENCED != 0 {
            self.unsequenced.live() < window as usize
        } else {
            rseq < self.sequenced.base().saturating_add(window)
        }
    }
}

/// What an acknowledgement was for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) kind: u8,
    pub(crate) first_sent: u64,
}

/// What became of an acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AckOutcome {
    Acked(Acked),
    /// For a command that was acknowledged before.
    Again,
    /// For a number that was never sent.
    NeverSent,
}

/// What to do about commands that are due.
pub(crate) enum Overdue {
    /// They wait to be pulled.
    Resend,
    /// This one was sent too often, or too long ago.
    TimedOut,
}

#[derive(Debug)]
pub(crate) struct Sender {
    control: Channel,
    data: Vec<Channel>,
    /// The reserved byte of what we write: 4 from clients, 0 from servers.
    reserved: u8,
    next_group: u32,
    queued: usize,
    in_flight: usize,
    bytes: usize,
    next_order: u64,
    /// When commands are looked at; entries of commands that are gone or were sent again since are outdated.
    due: BinaryHeap<Reverse<(u64, CommandId)>>,
    /// What is to be sent again, in the order of original sending.
    waiting: BinaryHeap<Reverse<(u64, CommandId)>>,
    /// Commands in the datagram that was built last.
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
            due: BinaryHeap::new(),
            waiting: BinaryHeap::new(),
            built: Vec::new(),
        }
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

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether anything waits to be sent, for the first time or again.
    pub(crate) fn has_output(&self) -> bool {
        self.queued > 0 || !self.waiting.is_empty()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many commands are not sent or not acknowledged.
    pub(crate) const fn outstanding(&self) -> usize {
        self.in_flight + self.queued
    }

    /// Whether everything was sent and acknowledged.
    pub(crate) const fn is_drained(&self) -> bool {
        self.outstanding() == 0
    }

    // Queueing.

    /// Queues a command about the connection; false if its numbers are used up.
    pub(crate) fn control(&mut self, kind: u8, reserved: u8, pool: &mut Pool) -> bool {
        self.control_with(kind, reserved, pool, |_| ())
    }

    /// The same with a body.
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

    /// A disconnect outside of all queues: sent once and never awaited. Spec: udp.md 7.1.
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

    /// Queues a message; `write` appends it and is told where it begins. Nothing is queued on an error.
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
            Delivery::Reliable => (
                kind::RELIABLE,
                FLAG_RELIABLE,
                next(&mut to.next_rseq, 1)?,
                None,
            ),
            Delivery::ReliableUnsequenced => {
                let flags = FLAG_RELIABLE | FLAG_UNSEQUENCED;
                (
                    kind::RELIABLE_UNSEQUENCED,
                    flags,
                    next(&mut to.next_unsequenced, 1)?,
                    None,
                )
            }
            Delivery::Unreliable => (
                kind::UNRELIABLE,
                0,
                to.next_rseq.saturating_sub(1),
                Some(next(&mut to.next_unreliable, 1)?),
            ),
            Delivery::UnreliableUnsequenced => (
                kind::UNSEQUENCED,
                FLAG_UNSEQUENCED,
                0,
                Some(next(group, 1)?),
            ),
        };
        if let (Some(number), Some(place)) = (
            number,
            bytes
                .get_mut(command::HEADER_BYTES..)
                .and_then(<[u8]>::first_chunk_mut),
        ) {
            *place = number.to_be_bytes();
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

    /// Queues a message in parts; they are always reliable. Spec: udp.md 6.
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
        let count = u32::try_from(message.len().div_ceil(limit)).unwrap_or(u32::MAX);
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
        let start = next(counter, count)?;
        let total = u32::try_from(message.len()).unwrap_or(u32::MAX);
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
                    rseq: start.saturating_add(number),
                },
            );
            offset = offset.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
            self.queued += 1;
            self.bytes += bytes.len();
            to.queue.push_back(bytes);
        }
        Ok(())
    }

    /// Drops everything. Spec: udp.md 7.1.
    pub(crate) fn clear(&mut self) {
        for channel in self.data.iter_mut().chain([&mut self.control]) {
            channel.queue = VecDeque::new();
            // What is queued from now on has the numbers that follow.
            channel.sequenced = Ring::new(channel.next_rseq);
            channel.unsequenced = Ring::new(channel.next_unsequenced);
        }
        (self.due, self.waiting, self.built) = (BinaryHeap::new(), BinaryHeap::new(), Vec::new());
        (self.queued, self.in_flight, self.bytes) = (0, 0, 0);
    }

    /// Gives back the room that a burst took.
    pub(crate) fn shrink(&mut self) {
        for channel in self.data.iter_mut().chain([&mut self.control]) {
            channel.queue.shrink_to_fit();
            channel.sequenced.shrink();
            channel.unsequenced.shrink();
        }
        self.due.shrink_to_fit();
        self.waiting.shrink_to_fit();
        self.built.shrink_to_fit();
    }

    /// Every counter goes on from here.
    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, number: u32) {
        for channel in self.data.iter_mut().chain([&mut self.control]) {
            (
                channel.next_rseq,
                channel.next_unreliable,
                channel.next_unsequenced,
            ) = (number, number, number);
            (channel.sequenced, channel.unsequenced) = (Ring::new(number), Ring::new(number));
        }
        self.next_group = number;
    }

    // Acknowledgements and time.

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
                AckOutcome::Again
            } else {
                AckOutcome::NeverSent
            };
        };
        self.in_flight -= 1;
        self.bytes -= command.bytes.len();
        let kind = command.bytes.first().copied().unwrap_or_default();
        pool.give(command.bytes);
        self.tidy_due();
        AckOutcome::Acked(Acked {
            kind,
            first_sent: command.first_sent,
        })
    }

    /// When the command with this name was sent first, if it is in flight.
    pub(crate) fn first_sent(&self, id: CommandId) -> Option<u64> {
        self.command(id).map(|command| command.first_sent)
    }

    /// When commands are to be looked at next.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Looks at the commands that are due. Spec: udp.md 5.4.
    pub(crate) fn run_due(&mut self, now: u64, max_resends: u32, timeout_ms: u64) -> Overdue {
        while let Some(&Reverse((due, id))) =
            self.due.peek().filter(|Reverse((due, _))| *due <= now)
        {
            self.due.pop();
            let Some(channel) = self.channel_mut(id.channel) else {
                continue;
            };
            let Some(command) = channel
                .ring_mut(id.unsequenced)
                .get_mut(id.rseq)
                .filter(|it| it.due == due)
            else {
                continue;
            };
            let deadline = command.first_sent.saturating_add(timeout_ms);
            if command.waits || command.sent_count > max_resends || now > deadline {
                return Overdue::TimedOut;
            }
            command.waits = true;
            // If nobody pulls it until then, it counts as lost for good.
            command.due = deadline.saturating_add(1);
            let (order, again) = (command.order, command.due);
            self.waiting.push(Reverse((order, id)));
            self.due.push(Reverse((again, id)));
        }
        self.tidy_due();
        Overdue::Resend
    }

    /// Lets a command that is in flight go out again before it is due.
    pub(crate) fn resend(&mut self, id: CommandId) {
        let command = self
            .channel_mut(id.channel)
            .and_then(|it| it.ring_mut(id.unsequenced).get_mut(id.rseq));
        if let Some(command) = command.filter(|command| !command.waits) {
            command.waits = true;
            let order = command.order;
            self.waiting.push(Reverse((order, id)));
        }
    }

    /// Takes outdated entries off the top, so that the next deadline is exact, and all of them when there are many.
    fn tidy_due(&mut self) {
        if self.due.len() > MAX_STALE_ENTRIES + 4 * self.in_flight {
            let all = core::mem::take(&mut self.due);
            self.due = all
                .into_iter()
                .filter(|entry| self.is_current(entry))
                .collect();
        }
        while self.due.peek().is_some_and(|top| !self.is_current(top)) {
            self.due.pop();
        }
    }

    fn is_current(&self, Reverse((due, id)): &Reverse<(u64, CommandId)>) -> bool {
        self.command(*id).is_some_and(|command| command.due == *due)
    }

    // Building datagrams.

    /// Begins a new datagram: what was built before has gone out.
    pub(crate) fn begin_datagram(&mut self) {
        self.built.clear();
    }

    /// Appends what is to be sent again. Spec: udp.md 5.8, step 2.
    pub(crate) fn write_resends(
        &mut self,
        out: &mut DatagramBuilder<'_>,
        now: u64,
        config: &Config,
    ) -> u64 {
        let mut resent = 0;
        while let Some(&Reverse((order, id))) = self.waiting.peek() {
            let many = self.in_flight >= config.quick_resend_in_flight;
            let channel = self.channel_mut(id.channel);
            let command =
                channel.and_then(|channel| channel.ring_mut(id.unsequenced).get_mut(id.rseq));
            let Some(command) = command.filter(|command| command.waits && command.order == order)
            else {
                self.waiting.pop();
                continue;
            };
            if out.room() < RESEND_ROOM_BYTES || !out.push(&command.bytes) {
                break;
            }
            if many || command.sent_count > config.quick_resends {
                command.timeout = command.timeout.saturating_mul(2);
            }
            command.sent_count = command.sent_count.saturating_add(1);
            command.waits = false;
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.waiting.pop();
            self.due.push(Reverse((due, id)));
            self.built.push(id);
            resent += 1;
        }
        if resent > 0 {
            self.tidy_due();
        }
        resent
    }

    /// Appends new commands: data channels, then the control channel. Spec: udp.md 5.8, step 4.
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
                let Some(&[kind, _, flags, ..]) = bytes.first_chunk::<4>() else {
                    break;
                };
                let rseq = bytes
                    .get(8..)
                    .and_then(<[u8]>::first_chunk)
                    .map_or(0, |rseq| u32::from_be_bytes(*rseq));
                if !channel.window_allows(flags, rseq, config.send_window) || !out.push(bytes) {
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
                let due = now.saturating_add(timeout).saturating_add(1);
                channel.ring_mut(unsequenced).push(InFlight {
                    bytes,
                    order: self.next_order,
                    first_sent: now,
                    timeout,
                    sent_count: 1,
                    due,
                    waits: false,
                });
                self.next_order += 1;
                self.in_flight += 1;
                self.due.push(Reverse((due, id)));
                self.built.push(id);
            }
        }
    }

    /// The datagram that was built last goes out only now: its commands' timers begin anew.
    pub(crate) fn restamp(&mut self, now: u64) {
        for index in 0..self.built.len() {
            let Some(&id) = self.built.get(index) else {
                break;
            };
            let Some(channel) = self.channel_mut(id.channel) else {
                continue;
            };
            let Some(command) = channel.ring_mut(id.unsequenced).get_mut(id.rseq) else {
                continue;
            };
            if command.waits {
                continue;
            }
            if command.sent_count == 1 {
                command.first_sent = now;
            }
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.due.push(Reverse((due, id)));
        }
        self.tidy_due();
    }
}

/// Takes `count` numbers, and gives the first.
fn next(counter: &mut u32, count: u32) -> Result<u32, SendError> {
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
    if let Some(place) = command.first_chunk_mut() {
        *place = header.bytes(size);
    }
}

/// A datagram that is being filled.
pub(crate) struct DatagramBuilder<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) mtu: usize,
    pub(crate) count: u8,
}

impl DatagramBuilder<'_> {
    pub(crate) fn room(&self) -> usize {
        if self.count == u8::MAX {
            0
        } else {
            self.mtu.saturating_sub(self.out.len())
        }
    }

    /// Appends a command if it fits.
    pub(crate) fn push(&mut self, command: &[u8]) -> bool {
        let fits = command.len() <= self.room();
        if fits {
            self.out.extend_from_slice(command);
            self.count += 1;
        }
        fits
    }
}
