//! [`Told`]: what a connection has told, and what it may still tell.

use photon_proto::Timestamp;
use photon_proto::udp::datagram::{MAX_BYTES, NO_PEER_ID, decode};
use photon_proto::udp::{Cause, Config, Connection, Event, State};

/// What a kept command costs beside its buffer, and the smallest buffer.
const OVERHEAD_BYTES: usize = 64;
const SMALL_BYTES: usize = 64;
/// Parts that a message may have.
const MAX_PARTS: usize = 4096;
/// Datagrams that may follow the end: what was to be acknowledged, and a goodbye.
const MAX_AFTER_THE_END: u32 = 80;
/// Clocks do not come closer to their end than this, except to try just that.
const END_OF_TIME_MS: u64 = 1 << 40;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) connected: bool,
    pub(super) ended: Option<Cause>,
    pulled_after_the_end: u32,
}

impl Told {
    /// An event, in the order in which it was taken.
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

    /// A datagram that was pulled.
    pub(super) fn pulled(&mut self, bytes: &[u8], config: &Config, challenge: u32) {
        let datagram = decode(bytes).expect("what is sent can be read");
        assert_eq!(datagram.trailing_bytes(), 0);
        assert_eq!(datagram.header.challenge, challenge);
        assert!(
            bytes.len() <= usize::from(config.mtu).max(576),
            "{} bytes",
            bytes.len()
        );
        if self.ended.is_some() {
            self.pulled_after_the_end += 1;
            assert!(
                self.pulled_after_the_end <= MAX_AFTER_THE_END,
                "it goes on and on after the end"
            );
        }
    }
}

/// What always holds of a connection.
pub(super) fn check(connection: &Connection, told: &Told, config: &Config, latest: Timestamp) {
    // Ready, out of order, and on each channel a message of either fragment type. Spec: udp.md 9, item 9.
    let parts = MAX_PARTS.min(config.max_received_message_bytes) * (SMALL_BYTES + OVERHEAD_BYTES);
    let awaited =
        2 * usize::from(config.channels) * (2 * config.max_received_message_bytes + parts);
    let most = 2 * (config.incoming_cap_bytes + 2 * MAX_BYTES + OVERHEAD_BYTES) + awaited;
    assert!(
        connection.received_bytes() <= most,
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
        assert_eq!(told.ended, None, "it told of its end");
    }
    if told.ended.is_some() {
        assert!(!connection.has_event());
    }
    let awaits = connection.in_flight() == 0
        || connection.poll_timeout().is_some()
        || connection.has_output();
    // A server asks twice whether the client is there, then the client has to; for ever, if no timeout is set.
    let half_open = connection.state() == State::Connecting && connection.peer_id() != NO_PEER_ID;
    assert!(
        awaits || half_open || is_end_of_time(latest),
        "nothing will send it again"
    );
}

/// Whether deadlines may lie behind the end of time, where nothing is due any more.
fn is_end_of_time(at: Timestamp) -> bool {
    at.plus_millis(END_OF_TIME_MS) == Timestamp::MAX
}

/// After `handle_timeout`, nothing is due any more.
pub(super) fn nothing_is_due(next: Option<Timestamp>, at: Timestamp) {
    if let Some(next) = next {
        assert!(next > at, "due at {next:?}, which has passed at {at:?}");
    }
}

/// What nobody changes who has no business with a connection.
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
