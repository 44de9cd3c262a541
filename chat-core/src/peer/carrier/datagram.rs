//! Reliable datagrams. Spec: udp.md.

use super::{Carried, LinkEnd};
use crate::config::ChatConfig;
use crate::error::RequestError;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use photon_proto::Timestamp;
use photon_proto::udp::{Config, Connection, Delivery, Event, REASON_CLIENT, State};

/// The channel of everything that a chat client says. Spec: udp.md 4.7.
const CHANNEL: u8 = 0;

#[derive(Debug)]
pub(super) struct Datagram {
    config: Config,
    challenge: u32,
    /// `None` until the link is open.
    connection: Option<Connection>,
    /// The message that is being looked at.
    message: Vec<u8>,
    /// The client has no more use for it; for how long it may go on sending from the next time that is known.
    retired: Option<u64>,
}

impl Datagram {
    pub(super) fn new(challenge: u32, config: &ChatConfig) -> Self {
        let settings = config.udp.clone().with(|udp| {
            // The client has its own deadline for connecting, and limits for messages.
            udp.connect_timeout = Duration::ZERO;
            udp.ping_interval = Duration::from_millis(config.ping_interval_ms);
            udp.max_message_bytes = config.limits.max_sent_bytes;
            udp.max_received_message_bytes = config.limits.max_received_bytes;
            udp.incoming_cap_bytes = config.incoming_cap();
        });
        Self {
            config: settings,
            challenge,
            connection: None,
            message: Vec::new(),
            retired: None,
        }
    }

    pub(super) fn open(&mut self, now: Timestamp) {
        self.connection = Some(Connection::connect(
            self.config.clone(),
            self.challenge,
            now,
        ));
    }

    pub(super) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    fn is_connected(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state() == State::Connected)
    }

    /// True if the connection stands now and did not before.
    pub(super) fn receive(&mut self, now: Timestamp, bytes: &[u8]) -> bool {
        let before = self.is_connected();
        if let Some(connection) = &mut self.connection {
            connection.handle_datagram(now, bytes);
        }
        !before && self.is_connected()
    }

    pub(super) fn has_next(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_event)
    }

    pub(super) fn next(&mut self) -> Carried {
        let Some(connection) = &mut self.connection else {
            return Carried::Nothing;
        };
        loop {
            return match connection.poll_event() {
                Some(Event::Message(message)) => {
                    connection.recycle(core::mem::replace(&mut self.message, message.bytes));
                    Carried::Message(0..self.message.len())
                }
                Some(Event::Disconnected(cause)) => Carried::Ended(LinkEnd::Udp(cause)),
                // Acted on when it was received.
                Some(Event::Connected) => continue,
                None => Carried::Nothing,
            };
        }
    }

    pub(super) fn discard_input(&mut self) {
        if let Some(connection) = &mut self.connection {
            while let Some(event) = connection.poll_event() {
                if let Event::Message(message) = event {
                    connection.recycle(message.bytes);
                }
            }
        }
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.message.get_mut(range).unwrap_or_default()
    }

    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        match &mut self.connection {
            Some(connection) if connection.state() == State::Connected => {
                connection.send_with(CHANNEL, Delivery::Reliable, write)
            }
            // The end is not announced yet. Arguments are checked all the same.
            _ => write(&mut Vec::new(), 0),
        }
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.connection.as_ref().map_or(0, Connection::queued_bytes)
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.unsent_bytes().saturating_add(
            self.connection
                .as_ref()
                .map_or(0, Connection::received_bytes),
        )
    }

    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        self.connection.as_mut()?.transmit(now)
    }

    pub(super) fn transmitted(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.transmitted();
        }
    }

    pub(super) fn retire(&mut self, flush_ms: u64) {
        if self.is_connected() {
            self.retired = Some(flush_ms);
        } else {
            self.cut();
        }
    }

    /// Spec: udp.md 7.1. A quarter of the time is left for the goodbye and its acknowledgement.
    pub(super) fn start_retiring(&mut self, now: Timestamp) {
        if let (Some(flush_ms), Some(connection)) = (self.retired.take(), &mut self.connection) {
            let timeout = Duration::from_millis(flush_ms - flush_ms / 4);
            connection.shutdown(now, timeout, REASON_CLIENT);
        }
    }

    pub(super) fn cut(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close();
        }
    }

    pub(super) fn is_flushed(&self) -> bool {
        let over = |connection: &Connection| {
            connection.state() == State::Disconnected && !connection.has_output()
        };
        self.connection.as_ref().is_none_or(over)
    }

    pub(super) fn lost_something(&self) -> bool {
        let lost = |connection: &Connection| {
            connection.stats().abandoned_commands > 0 || connection.state() != State::Disconnected
        };
        self.connection.as_ref().is_some_and(lost)
    }

    /// Spec: udp.md 8.
    pub(super) fn greeted(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.fetch_server_time();
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.connection.as_ref()?.poll_timeout()
    }

    pub(super) fn run_timers(&mut self, now: Timestamp) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
    }
}
