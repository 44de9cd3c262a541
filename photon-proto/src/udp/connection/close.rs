//! How a connection ends. Spec: udp.md 7.

use super::{Connection, Phase, Role};
use crate::time::Timestamp;
use crate::udp::Cause;
use crate::udp::command::{Command, kind};
use crate::udp::config::{REASON_CLIENT, whole_millis};
use crate::udp::datagram;
use crate::udp::pool::Pool;
use core::time::Duration;

/// The reserved byte of a client that gave up, and the reason of a server that did.
const REASON_TIMEOUT: u8 = 2;
/// The reason of a server that closes.
const REASON_LOGIC: u8 = 1;

impl Connection {
    pub(super) fn on_disconnect(&mut self, command: &Command<'_>, header: &datagram::Header) {
        let reliable = match self.phase {
            Phase::Connecting => false,
            Phase::Connected => true,
            // A client that says goodbye acknowledges nothing any more; a server may not have heard ours yet.
            Phase::Draining { .. } | Phase::Leaving if self.role == Role::Server => true,
            Phase::Draining { .. } | Phase::Leaving | Phase::Closed => return,
        };
        let cause = match (self.role, self.phase) {
            (Role::Server, Phase::Leaving) => Cause::LocalClose,
            (Role::Server, _) => Cause::ClientLeft(command.reserved),
            (Role::Client, _) => Cause::of_server(command.reserved),
        };
        if !self.receiver.has_room_for_ack() {
            self.receiver.acks.pop_back();
        }
        self.receiver.acknowledge(command, header.sent_time);
        if self.role == Role::Client && command.is_reliable() {
            // Only one more datagram goes out, and this has to be in it. Spec: udp.md 7.2.
            self.receiver.acks.rotate_right(1);
        }
        self.end_keeping_acks(cause);
        if self.role == Role::Client {
            self.last_disconnect = Some(self.sender.disconnect_command(REASON_CLIENT, reliable));
        }
    }

    /// Ends the connection as the official client does: what is queued or unacknowledged is dropped, one last datagram
    /// says goodbye and is not awaited. [`Connection::shutdown`] loses nothing. Spec: udp.md 7.1.
    pub fn close(&mut self) {
        let reason = if self.role == Role::Client {
            REASON_CLIENT
        } else {
            REASON_LOGIC
        };
        let reliable = self.phase != Phase::Connecting;
        // Nobody has to be told of a connection that nobody has heard of.
        let known = reliable || self.sender.in_flight() > 0 || self.role == Role::Server;
        if self.phase != Phase::Closed {
            self.end_keeping_acks(Cause::LocalClose);
            self.last_disconnect = known.then(|| self.sender.disconnect_command(reason, reliable));
        }
    }

    /// Ends the connection without loss: nothing more is accepted for sending, and once all that was accepted is
    /// acknowledged, at the latest `timeout` from `now`, a disconnect with this reason
    /// ([`REASON_CLIENT`] for clients; udp.md 7.2 for servers) is sent and awaited, for at most two resends.
    pub fn shutdown(&mut self, now: Timestamp, timeout: Duration, reason: u8) {
        let now = self.advance(now);
        match self.phase {
            Phase::Connecting => self.close(),
            Phase::Connected if self.sender.is_drained() => self.send_disconnect(reason),
            Phase::Connected => {
                self.phase = Phase::Draining { reason };
                self.deadline = Some(now.saturating_add(whole_millis(timeout)));
            }
            Phase::Draining { .. } | Phase::Leaving | Phase::Closed => {}
        }
    }

    /// Says goodbye once everything that was accepted has arrived, if that is what is waited for.
    pub(super) fn send_disconnect_if_drained(&mut self) -> bool {
        match self.phase {
            Phase::Draining { reason } if self.sender.is_drained() => {
                self.send_disconnect(reason);
                true
            }
            _ => false,
        }
    }

    pub(super) fn send_disconnect(&mut self, reason: u8) {
        self.phase = Phase::Leaving;
        self.deadline = None;
        self.queue_control(kind::DISCONNECT, reason);
    }

    /// Something was not acknowledged in time. Spec: udp.md 5.6.
    pub(super) fn time_out(&mut self) {
        let cause = match self.phase {
            // Nobody has shown to be there.
            Phase::Connecting if self.role == Role::Server => {
                return self.end(Cause::ConnectTimeout);
            }
            Phase::Connecting => Cause::ConnectTimeout,
            Phase::Leaving => return self.end(Cause::LocalClose),
            _ => Cause::Timeout,
        };
        self.end(cause);
        self.last_disconnect = Some(self.sender.disconnect_command(REASON_TIMEOUT, false));
    }

    /// Another connection from the same address has taken the place of this one.
    pub(crate) fn on_replaced(&mut self) {
        if self.phase != Phase::Closed {
            self.end(Cause::Replaced);
        }
    }

    pub(super) fn end(&mut self, cause: Cause) {
        self.end_keeping_acks(cause);
        self.receiver.acks.clear();
    }

    fn end_keeping_acks(&mut self, cause: Cause) {
        // Of a goodbye that is not acknowledged nothing is lost.
        if self.phase == Phase::Leaving {
            self.sender.clear();
        }
        self.abandon_outstanding();
        self.phase = Phase::Closed;
        self.deadline = None;
        self.receiver.end();
        self.pool = Pool::default();
        self.ended = Some(cause);
    }

    /// Drops what was not sent or not acknowledged.
    pub(super) fn abandon_outstanding(&mut self) {
        self.stats.abandoned_commands += self.sender.outstanding() as u64;
        self.sender.clear();
        self.stamped = None;
    }
}
