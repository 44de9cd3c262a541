//! The end of a script: the network loses nothing any more, and what was promised arrives.

use super::Harness;
use crate::udp_connection::script::End;
use photon_proto::Timestamp;
use photon_proto::udp::{Cause, Connection, REASON_CLIENT, State};

/// More deadlines than it takes two ends to deliver a burst.
const MAX_DEADLINES: usize = 20_000;
/// From this time on clocks stand still soon, and nothing is promised.
const LATE: Timestamp = Timestamp::from_micros(u64::MAX / 2);
/// The reason of a client that timed out. Spec: udp.md 7.1
const REASON_TIMEOUT: u8 = 2;
/// Progress may take this many times as long as everything before.
const SLOW: u64 = 8;
/// The shortest time in milliseconds to which [`SLOW`] applies.
const MIN_BEFORE_MS: u64 = 1000;

impl Harness {
    /// Whether honest ends can have ended with this cause.
    pub(super) fn check_cause(&self, end: End, cause: Cause) {
        let [client_closed, server_closed] = self.was_closed;
        let possible = match cause {
            Cause::LocalClose => self.was_closed[end as usize],
            Cause::Timeout | Cause::ConnectTimeout => true,
            // A server that times out sends a disconnect.
            Cause::ServerTimeout => end == End::Client,
            Cause::ServerLogic | Cause::ServerUserLimit | Cause::ServerUnknown(_) => {
                end == End::Client && server_closed
            }
            Cause::ClientLeft(REASON_TIMEOUT) => end == End::Server,
            // A client answers the disconnect of the server with its own.
            Cause::ClientLeft(_) => end == End::Server && (client_closed || server_closed),
            _ => false,
        };
        assert!(possible, "{end:?} ended: {cause:?}");
    }

    /// Lets both ends finish over a network without loss. All messages arrive if both ends are still
    /// connected, or if the client shuts down and succeeds.
    pub(in crate::udp_connection) fn finish(&mut self) {
        if self.now >= LATE {
            return self.turn();
        }
        let [client_closed, server_closed] = self.was_closed;
        let connected = self.client.connection.state() == State::Connected;
        let leaves = self.setup.shut_down && connected && !client_closed && !server_closed;
        if leaves {
            self.shut_down(End::Client, u64::MAX, REASON_CLIENT);
        }
        let last_progress = self.run_until_drained();
        if self.forged {
            return;
        }
        if self.both_connected() && self.now < LATE {
            let left = self
                .connections()
                .map(|one| one.map_or(0, Connection::queued_bytes));
            if left != [0, 0] && self.may_be_slow(last_progress) {
                return;
            }
            assert_eq!(left, [0, 0], "stuck");
            self.from_client.check_complete();
            self.from_server.check_complete();
            self.reached.complete = self.from_client.sent() + self.from_server.sent() > 0;
        }
        if leaves && self.client.announced.ended == Some(Cause::LocalClose) {
            self.from_client.check_complete();
            self.reached.complete = self.from_client.sent() > 0;
        }
    }

    /// An end whose incoming cap is below a datagram takes one message each time that all are sent
    /// again, and the time between doubles: that is slow and not stuck. But it does not suddenly take
    /// many times as long as everything before.
    fn may_be_slow(&self, last_progress: Timestamp) -> bool {
        let (_, start_micros) = self.setup.clocks.get();
        let before_ms = last_progress.millis_since(Timestamp::from_micros(start_micros));
        self.now.millis_since(last_progress) <= SLOW * before_ms.max(MIN_BEFORE_MS)
    }

    /// Runs both ends, deadline by deadline, until neither has anything to send, or one has ended.
    /// Returns the time at which the last message was received.
    fn run_until_drained(&mut self) -> Timestamp {
        let (mut received, mut last_progress) = (self.received_messages(), self.now);
        for _ in 0..MAX_DEADLINES {
            self.turn();
            if received != self.received_messages() {
                (received, last_progress) = (self.received_messages(), self.now);
            }
            let ends = self.connections();
            let over = ends
                .iter()
                .flatten()
                .any(|end| end.state() == State::Disconnected);
            let drained = ends
                .iter()
                .all(|end| end.is_some_and(|end| end.in_flight() == 0 && end.queued_bytes() == 0));
            if over || self.both_connected() && drained {
                break;
            }
            let deadlines = [End::Client, End::Server].map(|end| self.poll_timeout(end));
            let Some(next) = deadlines.into_iter().flatten().min() else {
                break;
            };
            if next >= LATE {
                break;
            }
            self.advance(next);
        }
        last_progress
    }

    fn connections(&self) -> [Option<&Connection>; 2] {
        [Some(&self.client.connection), self.server.connection()]
    }

    /// The number of messages that both ends have received.
    fn received_messages(&self) -> u64 {
        let ends = self.connections();
        ends.iter()
            .flatten()
            .map(|end| end.stats().received_messages)
            .sum()
    }
}
