//! [`Announced`]: the events that a connection may still announce, and the bounds that hold in each
//! of its states.

use photon_proto::Timestamp;
use photon_proto::udp::datagram::{MAX_BYTES, NO_PEER_ID, decode};
use photon_proto::udp::{Cause, Config, Connection, Event, State};

/// The memory that a kept command costs beside its buffer.
const COMMAND_BYTES: usize = 64;
/// The smallest buffer.
const MIN_BUFFER_BYTES: usize = 64;
/// The maximum of fragments in a message. Spec: udp.md 9, item 15
const MAX_FRAGMENTS: usize = 4096;
/// The maximum of datagrams after the end: acknowledgements, and a disconnect.
const MAX_DATAGRAMS_AFTER_END: u32 = 80;
/// Closer to the end of time, deadlines may lie behind it.
const END_OF_TIME_MS: u64 = 1 << 40;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) connected: bool,
    pub(super) ended: Option<Cause>,
    datagrams_after_end: u32,
}

impl Announced {
    /// Checks an event, in the order in which they are taken.
    pub(super) fn event(&mut self, event: &Event, config: &Config) {
        assert_eq!(self.ended, None, "{event:?} after the end");
        match event {
            Event::Connected => assert!(
                !std::mem::replace(&mut self.connected, true),
                "connected twice"
            ),
            Event::Message(message) => {
                assert!(self.connected, "a message before the connection");
                let most = config.max_received_message_bytes.max(MAX_BYTES);
                assert!(
                    (1..=most).contains(&message.bytes.len()),
                    "{} bytes",
                    message.bytes.len()
                );
                assert!(
                    message.channel < config.channels,
                    "channel {}",
                    message.channel
                );
            }
            Event::Disconnected(cause) => self.ended = Some(*cause),
        }
    }

    /// Checks a datagram that leaves.
    pub(super) fn transmitted(&mut self, bytes: &[u8], config: &Config, challenge: u32) {
        let datagram = decode(bytes).expect("a sent datagram has no errors");
        assert_eq!(datagram.trailing_bytes(), 0);
        assert_eq!(datagram.header.challenge, challenge);
        assert!(
            bytes.len() <= usize::from(config.mtu).max(576),
            "{} bytes",
            bytes.len()
        );
        if self.ended.is_some() {
            self.datagrams_after_end += 1;
            assert!(
                self.datagrams_after_end <= MAX_DATAGRAMS_AFTER_END,
                "it sends for ever after the end"
            );
        }
    }
}

/// Checks what holds for a connection after each call.
pub(super) fn check(
    connection: &Connection,
    announced: &Announced,
    config: &Config,
    latest: Timestamp,
) {
    // Ready messages, messages out of order, and on each channel one incomplete message of either
    // fragment type. Spec: udp.md 9, item 9.
    let fragments =
        MAX_FRAGMENTS.min(config.max_received_message_bytes) * (MIN_BUFFER_BYTES + COMMAND_BYTES);
    let incomplete =
        2 * usize::from(config.channels) * (2 * config.max_received_message_bytes + fragments);
    let max = 2 * (config.incoming_cap_bytes + 2 * MAX_BYTES + COMMAND_BYTES) + incomplete;
    assert!(
        connection.received_bytes() <= max,
        "{} bytes received",
        connection.received_bytes()
    );
    if connection.state() == State::Disconnected {
        assert_eq!(
            (
                connection.poll_timeout(),
                connection.in_flight(),
                connection.queued_bytes()
            ),
            (None, 0, 0)
        );
    } else {
        assert_eq!(announced.ended, None, "it has announced its end");
    }
    if announced.ended.is_some() {
        assert!(!connection.has_event());
    }
    let has_deadline = connection.in_flight() == 0
        || connection.poll_timeout().is_some()
        || connection.has_output();
    // A half-open server verifies the client twice and then waits for it, for ever if there is no
    // timeout.
    let half_open = connection.state() == State::Connecting && connection.peer_id() != NO_PEER_ID;
    assert!(
        has_deadline || half_open || is_end_of_time(latest),
        "in flight without a deadline"
    );
}

/// Whether deadlines may lie behind the end of time, so that there are none.
fn is_end_of_time(at: Timestamp) -> bool {
    at.plus_millis(END_OF_TIME_MS) == Timestamp::MAX
}

/// After `handle_timeout` no deadline has passed.
pub(super) fn check_deadline(next: Option<Timestamp>, at: Timestamp) {
    if let Some(next) = next {
        assert!(next > at, "the deadline {next:?} has passed at {at:?}");
    }
}

/// The state that a failed call or a foreign datagram must not change.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    state: State,
    in_flight: usize,
    queued: usize,
    received: usize,
    timeout: Option<Timestamp>,
    has_event: bool,
    peer_id: u16,
    violations: u32,
}

impl Snapshot {
    pub(super) fn of(connection: &Connection) -> Self {
        Self {
            state: connection.state(),
            in_flight: connection.in_flight(),
            queued: connection.queued_bytes(),
            received: connection.received_bytes(),
            timeout: connection.poll_timeout(),
            has_event: connection.has_event(),
            peer_id: connection.peer_id(),
            violations: connection.stats().violations,
        }
    }
}
