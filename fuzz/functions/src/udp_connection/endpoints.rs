//! [`CheckedConnection`] and [`CheckedAcceptor`]: the endpoints of the script, with the checks that
//! follow each call.

use super::CLIENT_ADDRESS;
use super::invariants::{Announced, Snapshot, check, check_deadline};
use photon_proto::Timestamp;
use photon_proto::udp::{
    Acceptor, AcceptorConfig, Config, Connection, ConnectionHandle, Delivery, Event, SendError,
    State,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A connection whose invariants are checked after each call.
#[derive(Debug)]
pub(super) struct CheckedConnection {
    pub(super) connection: Connection,
    pub(super) announced: Announced,
    config: Config,
    /// The latest time of a call.
    latest: Timestamp,
}

impl CheckedConnection {
    pub(super) fn new(connection: Connection, config: Config, now: Timestamp) -> Self {
        let new = Self {
            connection,
            announced: Announced::default(),
            config,
            latest: now,
        };
        new.check();
        new
    }

    fn check(&self) {
        check(&self.connection, &self.announced, &self.config, self.latest);
    }

    pub(super) fn handle_datagram(&mut self, now: Timestamp, bytes: &[u8]) {
        self.latest = self.latest.max(now);
        self.connection.handle_datagram(now, bytes);
        self.check();
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        self.connection.handle_timeout(now);
        check_deadline(self.connection.poll_timeout(), self.latest);
        self.check();
    }

    /// The next datagram; the caller reports it with `transmitted`.
    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        self.latest = self.latest.max(now);
        let bytes = self.connection.transmit(now)?.to_vec();
        assert_eq!(
            self.connection.transmit(now),
            Some(&bytes[..]),
            "a different datagram before `transmitted`"
        );
        self.announced
            .transmitted(&bytes, &self.config, self.connection.challenge());
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
            self.announced.event(event, &self.config);
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

    pub(super) fn shut_down(&mut self, now: Timestamp, timeout_ms: u64, reason: u8) {
        self.latest = self.latest.max(now);
        self.connection
            .shutdown(now, Duration::from_millis(timeout_ms), reason);
        self.check();
    }
}

/// An acceptor whose invariants are checked after each call. Addresses are single bytes.
#[derive(Debug)]
pub(super) struct CheckedAcceptor {
    pub(super) acceptor: Acceptor<u8>,
    config: AcceptorConfig,
    latest: Timestamp,
    announced: BTreeMap<ConnectionHandle, (u8, Announced)>,
    /// The connection with the client, once it is announced.
    pub(super) client: Option<ConnectionHandle>,
    /// The announcements of that connection, once it has ended.
    pub(super) ended: Option<Announced>,
}

impl CheckedAcceptor {
    pub(super) fn new(config: AcceptorConfig) -> Self {
        let acceptor = Acceptor::new(config.clone(), [7; 32]);
        Self {
            acceptor,
            config,
            latest: Timestamp::ZERO,
            announced: BTreeMap::new(),
            client: None,
            ended: None,
        }
    }

    fn check(&self) {
        for (key, (address, announced)) in &self.announced {
            if let Some(connection) = self.acceptor.connection(*key) {
                check(connection, announced, &self.config.connection, self.latest);
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
        check_deadline(self.acceptor.poll_timeout(), now);
        self.check();
    }

    /// The next datagram and its receiver; the caller reports it with `transmitted`.
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
            "a different datagram before `transmitted`"
        );
        // The acceptor does not name the connection of a datagram, so that it is checked as if it were
        // the first one of a connection.
        let challenge = pulled
            .1
            .get(8..12)
            .and_then(|four| four.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        Announced::default().transmitted(&pulled.1, &self.config.connection, challenge);
        self.check();
        Some(pulled)
    }

    pub(super) fn transmitted(&mut self) {
        self.acceptor.transmitted();
        self.check();
    }

    /// The next event, and whether it is of the client's connection.
    pub(super) fn poll_event(&mut self, challenge: u32) -> Option<(bool, Event)> {
        let (key, event) = self.acceptor.poll_event()?;
        if event == Event::Connected {
            let address = *self
                .acceptor
                .address(key)
                .expect("a connected connection has an address");
            let found = self.acceptor.connection(key).map(Connection::challenge);
            if address == CLIENT_ADDRESS && found == Some(challenge) {
                // A late or forged connect may open another one after the end of the first.
                let over = self
                    .connection()
                    .is_none_or(|first| first.state() == State::Disconnected);
                assert!(over, "the client has two connections");
                self.client.get_or_insert(key);
            }
            let twice = self.announced.insert(key, (address, Announced::default()));
            assert!(twice.is_none(), "{key:?} names two connections");
        }
        let (_, announced) = self
            .announced
            .get_mut(&key)
            .expect("the first event of a connection is `Connected`");
        announced.event(&event, &self.config.connection);
        if Some(key) == self.client && announced.ended.is_some() {
            self.ended = Some(*announced);
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

    /// The state of the client's connection.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.connection().map(Snapshot::of)
    }

    pub(super) fn close(&mut self) {
        if let Some(key) = self.client {
            self.acceptor.close(key);
        }
        self.check();
    }

    pub(super) fn shut_down(&mut self, now: Timestamp, timeout_ms: u64, reason: u8) {
        if let Some(key) = self.client {
            self.latest = self.latest.max(now);
            self.acceptor
                .shutdown(now, key, Duration::from_millis(timeout_ms), reason);
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
