//! Acknowledgements, and the timers of commands in flight. Spec: udp.md 5.4, 5.6.

use super::{AckOutcome, Acked, CommandId, Overdue, Sender};
use crate::udp::pool::Pool;
use core::cmp::{Ordering, Reverse};

/// Outdated entries of the timer heap that are always tolerated. Removing an entry from the middle
/// of a heap costs a rebuild, so outdated ones are removed together when there are many.
const MAX_STALE_ENTRIES: usize = 64;

/// A command, and the time at which it has to be checked. The earliest is the greatest, because a
/// binary heap returns that first.
///
/// Only times are compared. Which of two commands comes first that are due together makes no
/// difference, and comparing their ids would double the cost of each step through the heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) due: u64,
    pub(super) id: CommandId,
}

impl Ord for Check {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Check {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    // Written out: a heap compares with it, and an `Option` of an ordering costs twice as much.
    fn lt(&self, other: &Self) -> bool {
        other.due < self.due
    }

    fn le(&self, other: &Self) -> bool {
        other.due <= self.due
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Check {}

impl Sender {
    /// Removes the command that an ack names. Call [`Sender::prune_timers`] after the last of
    /// several acks. `front_max` returns the upper bound on the timeout of
    /// the command that becomes the first of its number space, if that was sent again.
    /// Spec: udp.md 5.4.
    #[inline]
    pub(crate) fn acknowledge(
        &mut self,
        id: CommandId,
        front_max: impl FnOnce() -> u64,
        pool: &mut Pool,
    ) -> AckOutcome {
        let Some(channel) = self.channel_mut(id.channel) else {
            return AckOutcome::NeverSent;
        };
        let first = if id.unsequenced {
            1
        } else {
            channel.first_rseq
        };
        let ring = channel.ring_mut(id.unsequenced);
        let was_front = ring.base() == id.rseq;
        let Some(command) = ring.remove(id.rseq) else {
            return if ring.was_sent(id.rseq, first) {
                AckOutcome::Duplicate
            } else {
                AckOutcome::NeverSent
            };
        };
        if was_front
            && let Some((rseq, front)) = ring.front_mut()
            && front.sent_count > 1
            && !front.awaits_resend
        {
            let max = front_max();
            if front.timeout > max {
                front.due -= front.timeout - max;
                front.timeout = max;
                let due = front.due;
                let id = CommandId { rseq, ..id };
                self.timers.push(Check { due, id });
            }
        }
        self.in_flight -= 1;
        self.bytes -= command.bytes.len();
        let kind = command.bytes.first().copied().unwrap_or_default();
        debug_assert_ne!(kind, 0, "a command has a header");
        pool.give(command.bytes);
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
        self.timers.peek().map(|check| check.due)
    }

    /// Whether a command is the first of its number space, for which all later ones wait.
    pub(super) fn is_front(&mut self, id: CommandId) -> bool {
        self.channel_mut(id.channel)
            .is_some_and(|channel| channel.ring(id.unsequenced).base() == id.rseq)
    }

    /// Checks the commands that are due: each has timed out or will be sent again. None times out
    /// before `judged_from`. Spec: udp.md 5.4, 5.6.
    pub(crate) fn run_due(
        &mut self,
        now: u64,
        max_resends: u32,
        timeout_ms: u64,
        judged_from: u64,
    ) -> Overdue {
        while let Some(&Check { due, id }) = self.timers.peek().filter(|check| check.due <= now) {
            let Some(command) = self.command_mut(id).filter(|it| it.due == due) else {
                self.timers.pop();
                continue;
            };
            // The timeout is a setting and may be the largest number.
            let deadline = command.first_sent.saturating_add(timeout_ms);
            let used_up = command.awaits_resend || command.sent_count > max_resends;
            if now >= judged_from && (used_up || now > deadline) {
                self.timers.pop();
                return Overdue::TimedOut;
            }
            // If no datagram is pulled until the deadline, the command times out without a resend.
            let checked_at = deadline.saturating_add(1).max(judged_from);
            debug_assert!(checked_at > now, "a command that is due again at once");
            command.due = checked_at;
            let order = command.order;
            if !core::mem::replace(&mut command.awaits_resend, true) {
                self.resends.push(Reverse((order, id)));
            }
            // In its place, which costs half of taking it and adding another.
            if let Some(mut check) = self.timers.peek_mut() {
                debug_assert!(check.id == id, "nothing was added before");
                check.due = checked_at;
            }
        }
        self.prune_timers();
        Overdue::Resend
    }

    /// Sends everything again, once, that is due until this time. Nothing times out by it.
    pub(crate) fn resend_due(&mut self, until: u64) {
        for Check { due, id } in core::mem::take(&mut self.timers) {
            // An outdated entry is dropped.
            let Some(command) = self.command_mut(id).filter(|command| command.due == due) else {
                continue;
            };
            let order = command.order;
            if due <= until && !core::mem::replace(&mut command.awaits_resend, true) {
                self.resends.push(Reverse((order, id)));
            }
            self.timers.push(Check { due, id });
        }
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
    pub(crate) fn prune_timers(&mut self) {
        while self.timers.peek().is_some_and(|top| !self.is_current(top)) {
            // Each command in flight has one current entry.
            let stale = self.timers.len().saturating_sub(self.in_flight);
            if stale > self.timers.len() / 4 {
                self.retain_current_timers();
                return;
            }
            self.timers.pop();
        }
        if self.timers.len() > MAX_STALE_ENTRIES + 4 * self.in_flight {
            self.retain_current_timers();
        }
    }

    fn retain_current_timers(&mut self) {
        let mut timers = core::mem::take(&mut self.timers);
        timers.retain(|entry| self.is_current(entry));
        self.timers = timers;
    }

    fn is_current(&self, check: &Check) -> bool {
        self.command(check.id)
            .is_some_and(|command| command.due == check.due)
    }
}
