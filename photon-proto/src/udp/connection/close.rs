//! The end of a connection: by this end, by the peer, or by a timeout. Spec: udp.md 7.
//!
//! ```text
//!             shutdown              drained              acknowledged, or resends used up
//! Connected ───────────> Draining ───────────> Leaving ───────────> Closed
//!     │                      │                    │                   ▲
//!     └── close, disconnect from the peer, timeout ───────────────────┘
//! ```

use super::{Connection, Phase};
use crate::role::Role;
use crate::time::Timestamp;
use crate::udp::Cause;
use crate::udp::command::{Command, kind};
use crate::udp::config::{REASON_CLIENT, whole_millis};
use crate::udp::datagram;
use crate::udp::pool::Pool;
use core::time::Duration;

/// The disconnect reason of an end whose peer stopped acknowledging. Spec: udp.md 7.2.
const REASON_TIMEOUT: u8 = 2;
/// The disconnect reason of a server that closes a connection itself. Spec: udp.md 7.2.
const REASON_LOGIC: u8 = 1;

impl Connection {
    /// Closes the connection at once, as the official client does: drops queued and unacknowledged
    /// commands, sends one disconnect and does not wait for its ack. To lose nothing, use
    /// [`Connection::shutdown`]. Spec: udp.md 7.1.
    pub fn close(&mut self) {
        if self.phase == Phase::Closed {
            return;
        }
        let reason = match self.role {
            Role::Client => REASON_CLIENT,
            Role::Server => REASON_LOGIC,
        };
        let reliable = self.phase != Phase::Connecting;
        // A server that never received our connect has no state to release, so it gets no
        // disconnect.
        let peer_has_state = reliable || self.sender.in_flight() > 0 || self.role == Role::Server;
        self.end_keeping_acks(Cause::LocalClose);
        self.last_disconnect =
            peer_has_state.then(|| self.sender.disconnect_command(reason, reliable));
    }

    /// Closes the connection without loss: refuses new messages, waits until everything accepted is
    /// acknowledged, but no longer than `timeout` from `now`, then sends a reliable disconnect with
    /// `reason` and waits for its ack (at most two resends). A client's reason is
    /// [`REASON_CLIENT`]; udp.md 7.2 lists those of servers.
    pub fn shutdown(&mut self, now: Timestamp, timeout: Duration, reason: u8) {
        let now = self.advance(now);
        match self.phase {
            // No message was accepted yet, so there is nothing to wait for.
            Phase::Connecting => self.close(),
            Phase::Connected if self.sender.is_drained() => self.send_disconnect(reason),
            Phase::Connected => {
                self.phase = Phase::Draining { reason };
                self.deadline = Some(now.saturating_add(whole_millis(timeout)));
            }
            Phase::Draining { .. } | Phase::Leaving | Phase::Closed => {}
        }
    }

    /// Sends the disconnect of a shutdown if the last accepted command is acknowledged. Returns
    /// whether it did.
    pub(super) fn send_disconnect_if_drained(&mut self) -> bool {
        match self.phase {
            Phase::Draining { reason } if self.sender.is_drained() => {
                self.send_disconnect(reason);
                true
            }
            _ => false,
        }
    }

    /// Queues a reliable disconnect, whose ack ends the connection.
    pub(super) fn send_disconnect(&mut self, reason: u8) {
        debug_assert!(
            self.sender.is_drained(),
            "a disconnect must not overtake accepted data"
        );
        self.phase = Phase::Leaving;
        self.deadline = None;
        self.queue_control(kind::DISCONNECT, reason);
    }

    /// Handles a disconnect command of the peer. Spec: udp.md 7.2.
    pub(super) fn on_disconnect(&mut self, command: &Command<'_>, header: &datagram::Header) {
        // Whether our answering disconnect is reliable. If both ends close at once, a client that
        // has sent its own disconnect stays silent, as the official client does. A server answers:
        // the client may have missed its disconnect.
        let reliable = match self.phase {
            Phase::Connecting => false,
            Phase::Connected => true,
            Phase::Draining { .. } | Phase::Leaving if self.role == Role::Server => true,
            Phase::Draining { .. } | Phase::Leaving | Phase::Closed => return,
        };
        let cause = match (self.role, self.phase) {
            (Role::Server, Phase::Leaving) => Cause::LocalClose,
            (Role::Server, _) => Cause::ClientLeft(command.reserved),
            (Role::Client, _) => Cause::of_server(command.reserved),
        };
        self.acknowledge_disconnect(command, header);
        self.end_keeping_acks(cause);
        if self.role == Role::Client {
            self.last_disconnect = Some(self.sender.disconnect_command(REASON_CLIENT, reliable));
        }
    }

    /// Queues the ack of the peer's disconnect so that it cannot be displaced: only one more
    /// datagram is sent, and a peer that misses this ack resends its disconnect to a closed
    /// connection until it times out.
    fn acknowledge_disconnect(&mut self, command: &Command<'_>, header: &datagram::Header) {
        if !self.receiver.has_space_for_ack() {
            self.receiver.acks.pop_back();
        }
        debug_assert!(
            self.receiver.has_space_for_ack(),
            "an ack was removed if there were too many"
        );
        self.receiver.acknowledge(command, header.sent_time);
        if self.role == Role::Client && command.is_reliable() {
            // To the front, where the size limit of the datagram cannot cut it off.
            // Spec: udp.md 7.2.
            self.receiver.acks.rotate_right(1);
        }
    }

    /// Ends the connection because a command was not acknowledged in time. Spec: udp.md 5.6.
    pub(super) fn time_out(&mut self) {
        match self.phase {
            // The client is not verified: a disconnect would go to an address that may be forged.
            Phase::Connecting if self.role == Role::Server => {
                return self.end(Cause::ConnectTimeout);
            }
            // Only our disconnect is unacknowledged. All data arrived, so this is an ordinary
            // close.
            Phase::Leaving => return self.end(Cause::LocalClose),
            Phase::Connecting => self.end(Cause::ConnectTimeout),
            Phase::Connected | Phase::Draining { .. } if self.unanswered_grace().is_some() => {
                self.end(Cause::Slept);
            }
            Phase::Connected | Phase::Draining { .. } | Phase::Closed => self.end(Cause::Timeout),
        }
        self.last_disconnect = Some(self.sender.disconnect_command(REASON_TIMEOUT, false));
    }

    /// Ends the connection because the client opened a new one from the same address.
    pub(crate) fn on_replaced(&mut self) {
        if self.phase != Phase::Closed {
            self.end(Cause::Replaced);
        }
    }

    /// Ends the connection and sends nothing more.
    pub(super) fn end(&mut self, cause: Cause) {
        self.end_keeping_acks(cause);
        self.receiver.acks.clear();
    }

    /// Ends the connection. Pending acks may leave in one last datagram.
    fn end_keeping_acks(&mut self, cause: Cause) {
        debug_assert!(
            self.phase != Phase::Closed && self.ended.is_none(),
            "a connection ends once"
        );
        if self.phase == Phase::Leaving {
            // All data was acknowledged. The disconnect itself must not count as abandoned.
            self.sender.clear();
        }
        self.abandon_outstanding();
        self.phase = Phase::Closed;
        self.deadline = None;
        self.receiver.end();
        self.pool = Pool::default();
        self.ended = Some(cause);
        debug_assert!(
            self.poll_timeout().is_none(),
            "a closed connection has no deadline"
        );
    }

    /// Drops every queued and unacknowledged command, and counts them in
    /// [`Stats::abandoned_commands`](crate::udp::Stats::abandoned_commands).
    pub(super) fn abandon_outstanding(&mut self) {
        self.stats.abandoned_commands += self.sender.outstanding() as u64;
        self.stats.abandoned_messages += self.sender.unacknowledged_messages();
        self.sender.clear();
        // The datagram that was built and not reported contains dropped commands.
        self.stamped = None;
        debug_assert!(
            self.sender.is_drained() && self.sender.bytes() == 0,
            "a cleared sender holds nothing"
        );
    }
}
