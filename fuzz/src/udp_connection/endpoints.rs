//! [`Direct`] and [`Gate`]: a connection and an acceptor, and what always holds of them.

use super::invariants::{Snapshot, Told, check, nothing_is_due};
use photon_proto::Timestamp;
use photon_proto::udp::{
    Acceptor, AcceptorConfig, Config, Connection, ConnectionHandle, Delivery, Event, SendError,
    State,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// One connection.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) connection: Connection,
    pub(super) told: Told,
    config: Config,
    /// The latest time that it was told.
    latest: Timestamp,
}

impl Direct {
    pub(super) fn new(connection: Connection, config: Config, now: Timestamp) -> Self {
        let new = Self {
            connection,
            told: Told::default(),
            config,
            latest: now,
        };
        new.check();
        new
    }

    fn check(&self) {
        check(&self.connection, &self.told, &self.config, self.latest);
    }

    pub(super) fn handle_datagram(&mut self, now: Timestamp, bytes: &[u8]) {
        self.latest = self.latest.max(now);
        self.connection.handle_datagram(now, bytes);
        self.check();
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        self.connection.handle_timeout(now);
        nothing_is_due(self.connection.poll_timeout(), self.latest);
        self.check();
    }

    /// The next datagram, still to be reported as sent.
    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        self.latest = self.latest.max(now);
        let bytes = self.connection.transmit(now)?.to_vec();
        assert_eq!(
            self.connection.transmit(now),
            Some(&bytes[..]),
            "asked again, another datagram"
        );
        self.told
            .pulled(&bytes, &self.config, self.connection.challenge());
        self.check();
        Some(bytes)
    }

    pub(super) fn transmitted(&mut self) {
        self.connection.transmitted();
        self.check();
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        let announced = self.connection.has_event();
        let event = self.connection.poll_event();
        assert_eq!(announced, event.is_some());
        if let Some(event) = &event {
            self.told.event(event, &self.config);
        }
        self.check();
        event
    }

    pub(super) fn send(
        &mut self,
        channel: u8,
        delivery: Delivery,
        bytes: &[u8],
    ) -> Result<(), SendError> {
        let before = Snapshot::of(&self.connection);
        let sent = self.connection.send(channel, delivery, bytes);
        if sent.is_err() {
            assert_eq!(Snapshot::of(&self.connection), before, "{sent:?}");
        }
        self.check();
        sent
    }

    pub(super) fn close(&mut self) {
        self.connection.close();
        self.check();
    }

    pub(super) fn shutdown(&mut self, now: Timestamp, ms: u64, reason: u8) {
        self.latest = self.latest.max(now);
        self.connection
            .shutdown(now, Duration::from_millis(ms), reason);
        self.check();
    }
}

/// An acceptor. Addresses are single bytes; 0 is that of the client.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) acceptor: Acceptor<u8>,
    config: AcceptorConfig,
    latest: Timestamp,
    told: BTreeMap<ConnectionHandle, (u8, Told)>,
    /// The connection of the client, once it is one.
    pub(super) client: Option<ConnectionHandle>,
    /// How it ended.
    pub(super) ended: Option<Told>,
}

impl Gate {
    pub(super) fn new(config: AcceptorConfig) -> Self {
        let acceptor = Acceptor::new(config.clone(), [7; 32]);
        Self {
            acceptor,
            config,
            latest: Timestamp::ZERO,
            told: BTreeMap::new(),
            client: None,
            ended: None,
        }
    }

    fn check(&self) {
        for (key, (address, told)) in &self.told {
            if let Some(connection) = self.acceptor.connection(*key) {
                check(connection, told, &self.config.connection, self.latest);
                assert_eq!(self.acceptor.address(*key), Some(address));
            }
        }
        assert!(
            self.acceptor.half_open() <= self.config.max_half_open.max(1),
            "{} half-open",
            self.acceptor.half_open()
        );
        assert!(
            self.acceptor.len() <= self.config.max_connections,
            "{} clients",
            self.acceptor.len()
        );
    }

    pub(super) fn handle_datagram(&mut self, now: Timestamp, from: u8, bytes: &[u8]) {
        self.latest = self.latest.max(now);
        self.acceptor.handle_datagram(now, &from, bytes);
        self.check();
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        self.acceptor.handle_timeout(now);
        nothing_is_due(self.acceptor.poll_timeout(), now);
        self.check();
    }

    /// The next datagram and where it goes, still to be reported as sent.
    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<(u8, Vec<u8>)> {
        self.latest = self.latest.max(now);
        let (to, bytes) = self.acceptor.transmit(now)?;
        let pulled = (*to, bytes.to_vec());
        let again = self
            .acceptor
            .transmit(now)
            .map(|(to, bytes)| (*to, bytes.to_vec()));
        assert_eq!(
            again.as_ref(),
            Some(&pulled),
            "asked again, another datagram"
        );
        // Whose it is, nobody says: it is looked at as if it were the first of a new connection.
        let challenge = pulled
            .1
            .get(8..12)
            .and_then(|four| four.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        Told::default().pulled(&pulled.1, &self.config.connection, challenge);
        self.check();
        Some(pulled)
    }

    pub(super) fn transmitted(&mut self) {
        self.acceptor.transmitted();
        self.check();
    }

    /// An event, and whether it is of the client's connection.
    pub(super) fn poll_event(&mut self, challenge: u32) -> Option<(bool, Event)> {
        let (key, event) = self.acceptor.poll_event()?;
        if event == Event::Connected {
            let address = *self
                .acceptor
                .address(key)
                .expect("it is connected, so it has an address");
            let found = self.acceptor.connection(key).map(Connection::challenge);
            if address == 0 && found == Some(challenge) {
                // A connect that comes late, or is forged, may open another one behind the end of the first.
                let over = self
                    .connection()
                    .is_none_or(|first| first.state() == State::Disconnected);
                assert!(over, "the client has two connections");
                self.client.get_or_insert(key);
            }
            let twice = self.told.insert(key, (address, Told::default()));
            assert!(twice.is_none(), "{key:?} names two connections");
        }
        let (_, told) = self
            .told
            .get_mut(&key)
            .expect("the first event is that it is connected");
        told.event(&event, &self.config.connection);
        if Some(key) == self.client && told.ended.is_some() {
            self.ended = Some(*told);
        }
        self.check();
        Some((Some(key) == self.client, event))
    }

    pub(super) fn send(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        let Some(key) = self.client else {
            return Err(SendError::NotConnected);
        };
        let before = self.snapshot();
        let sent = self.acceptor.send_with(key, channel, delivery, |out, _| {
            out.extend_from_slice(message);
            Ok(())
        });
        if sent.is_err() {
            assert_eq!(self.snapshot(), before, "{sent:?}");
        }
        self.check();
        sent
    }

    pub(super) fn connection(&self) -> Option<&Connection> {
        self.acceptor.connection(self.client?)
    }

    /// The client's connection as it is.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.connection().map(Snapshot::of)
    }

    pub(super) fn close(&mut self) {
        if let Some(key) = self.client {
            self.acceptor.close(key);
        }
        self.check();
    }

    pub(super) fn shutdown(&mut self, now: Timestamp, ms: u64, reason: u8) {
        if let Some(key) = self.client {
            self.latest = self.latest.max(now);
            self.acceptor
                .shutdown(now, key, Duration::from_millis(ms), reason);
        }
        self.check();
    }

    pub(super) fn forget(&mut self) {
        if let Some(key) = self.client {
            self.acceptor.forget(key);
            assert!(self.acceptor.connection(key).is_none());
        }
        self.check();
    }
}
