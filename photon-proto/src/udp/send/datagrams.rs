//! Building datagrams out of resends and new commands. Spec: udp.md 5.8, 5.9.

use super::ring::InFlight;
use super::{Check, CommandId, DatagramBuilder, Sender};
use crate::udp::command::{FLAG_RELIABLE, kind};
use crate::udp::config::{Rules, Timing};
use crate::udp::pool::Pool;
use crate::udp::rtt::RoundTrip;
use core::cmp::Reverse;

/// How the timeout of a command grows with its resends. Spec: udp.md 5.4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The timeout of a command that is sent for the first time now.
    pub(crate) first_timeout: u64,
    /// The upper bound for the first command of each number space: all others wait for it.
    pub(crate) front_max: u64,
    /// The latest transmission of ours that the peer has acknowledged. A command that was sent
    /// before it does not back off.
    pub(crate) last_proof: u64,
}

impl Backoff {
    /// By time: the disconnect timeout decides when to give up. Otherwise timeouts double without
    /// bound, as in the official client.
    pub(crate) fn new(
        by_time: bool,
        last_proof: u64,
        round_trip: &RoundTrip,
        timing: &Timing,
    ) -> Self {
        let first_timeout = round_trip.resend_ms(timing.initial_resend_max_ms);
        let (front_max, last_proof) = if by_time {
            (timing.resend_max_ms.max(first_timeout), last_proof)
        } else {
            (u64::MAX, 0)
        };
        Self {
            first_timeout,
            front_max,
            last_proof,
        }
    }
}

/// Resends stop when a datagram has less space than this. Spec: udp.md 5.8.
const RESEND_SPACE_BYTES: usize = 80;

impl Sender {
    /// Begins a new datagram: the previous one was sent.
    pub(crate) fn begin_datagram(&mut self) {
        self.built.clear();
    }

    /// Appends the commands to send again and returns their number.
    /// Spec: udp.md 5.4; 5.8, step 2.
    pub(crate) fn write_resends(
        &mut self,
        out: &mut DatagramBuilder<'_>,
        now: u64,
        backoff: Backoff,
        rules: &Rules,
    ) -> u64 {
        let mut resent = 0;
        while let Some(&Reverse((order, id))) = self.resends.peek() {
            let many = self.in_flight >= rules.quick_resend_in_flight;
            let is_front = self.is_front(id);
            let command = self.command_mut(id);
            let Some(command) = command.filter(|it| it.awaits_resend && it.order == order) else {
                // Acknowledged while it waited.
                self.resends.pop();
                continue;
            };
            if out.space() < RESEND_SPACE_BYTES || !out.push(&command.bytes) {
                break;
            }
            if many || command.sent_count > rules.quick_resends {
                command.timeout = if command.last_sent < backoff.last_proof {
                    // The path works: this command was lost by chance, and waiting longer and
                    // longer would only hold up what comes after it.
                    backoff.first_timeout
                } else {
                    command.timeout.saturating_mul(2)
                };
            }
            if is_front {
                command.timeout = command.timeout.min(backoff.front_max);
            }
            command.last_sent = now;
            command.sent_count = command.sent_count.saturating_add(1);
            command.awaits_resend = false;
            // Due when *more* than the timeout has passed. Spec: udp.md 5.4.
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.resends.pop();
            self.timers.push(Check { due, id });
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
        rules: &Rules,
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
                if !channel.window_admits(flags, rseq, rules.send_window) || !out.push(bytes) {
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
                    last_sent: now,
                    timeout,
                    sent_count: 1,
                    due,
                    awaits_resend: false,
                };
                channel.ring_mut(unsequenced).push(rseq, command);
                if self.in_flight == 0 {
                    self.busy_since = now;
                }
                self.next_order += 1;
                self.in_flight += 1;
                self.timers.push(Check { due, id });
                self.built.push(id);
            }
        }
        self.check_counters();
    }

    /// Restarts the timers of the commands in the datagram that was built last, because it is sent
    /// only now.
    pub(crate) fn restamp(&mut self, now: u64) {
        let built = core::mem::take(&mut self.built);
        let mut first_sent = 0;
        for &id in &built {
            // Acknowledged or due in the meantime: its timer belongs to a later transmission.
            let Some(command) = self.command_mut(id).filter(|it| !it.awaits_resend) else {
                continue;
            };
            if command.sent_count == 1 {
                command.first_sent = now;
                first_sent += 1;
            }
            command.last_sent = now;
            command.due = now.saturating_add(command.timeout).saturating_add(1);
            let due = command.due;
            self.timers.push(Check { due, id });
        }
        self.built = built;
        if first_sent == self.in_flight {
            // Nothing was sent before this datagram.
            self.busy_since = now;
        }
        self.prune_timers();
    }
}
