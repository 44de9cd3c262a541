//! [`Server`]: the server's end of the script, which is one accepted connection or an acceptor.

use super::endpoints::{CheckedAcceptor, CheckedConnection};
use super::setup::Setup;
use super::{CHALLENGE, CLIENT_ADDRESS, PEER_ID};
use photon_proto::Timestamp;
use photon_proto::udp::{ConnectRequest, Connection, Delivery, Event, SendError};

pub(super) enum Server {
    /// One connection, which the first connect of the client creates.
    Connection(Option<Box<CheckedConnection>>),
    Acceptor(Box<CheckedAcceptor>),
}

impl Server {
    pub(super) fn new(setup: &Setup) -> Self {
        if setup.acceptor {
            Self::Acceptor(Box::new(CheckedAcceptor::new(setup.server())))
        } else {
            Self::Connection(None)
        }
    }

    /// The connection with the client, once there is one.
    pub(super) fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Connection(server) => server.as_ref().map(|server| &server.connection),
            Self::Acceptor(acceptor) => acceptor.connection(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Connection(server) => server.as_ref()?.connection.poll_timeout(),
            Self::Acceptor(acceptor) => acceptor.acceptor.poll_timeout(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        match self {
            Self::Connection(None) => {}
            Self::Connection(Some(server)) => server.handle_timeout(now),
            Self::Acceptor(acceptor) => acceptor.handle_timeout(now),
        }
    }

    /// Handles a datagram from the client's address.
    pub(super) fn handle_datagram(&mut self, now: Timestamp, setup: &Setup, bytes: &[u8]) {
        match self {
            Self::Connection(Some(server)) => server.handle_datagram(now, bytes),
            Self::Connection(empty) => {
                let request =
                    ConnectRequest::decode(bytes).filter(|request| request.challenge == CHALLENGE);
                if let Some(request) = request {
                    let config = setup.server().connection;
                    let (clock, _) = setup.clocks.get();
                    let connection =
                        Connection::accept(config.clone(), &request, PEER_ID, clock, now);
                    let server = CheckedConnection::new(connection, config, now);
                    *empty = Some(Box::new(server));
                }
            }
            Self::Acceptor(acceptor) => acceptor.handle_datagram(now, CLIENT_ADDRESS, bytes),
        }
    }

    /// `None` if there is no connection.
    pub(super) fn send(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
    ) -> Option<Result<(), SendError>> {
        match self {
            Self::Connection(None) => None,
            Self::Connection(Some(server)) => Some(server.send(channel, delivery, message)),
            Self::Acceptor(acceptor) => Some(acceptor.send(channel, delivery, message)),
        }
    }

    /// `None` if there is no connection.
    pub(super) fn send_with<E: From<SendError>>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        match self {
            Self::Connection(server) => {
                let connection = &mut server.as_mut()?.connection;
                Some(connection.send_with(0, Delivery::Reliable, write))
            }
            Self::Acceptor(acceptor) => {
                let handle = acceptor.client?;
                let acceptor = &mut acceptor.acceptor;
                Some(acceptor.send_with(handle, 0, Delivery::Reliable, write))
            }
        }
    }

    /// The next datagram and the address that it goes to.
    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<(u8, Vec<u8>)> {
        match self {
            Self::Connection(server) => {
                let bytes = server.as_mut()?.transmit(now)?;
                Some((CLIENT_ADDRESS, bytes))
            }
            Self::Acceptor(acceptor) => acceptor.transmit(now),
        }
    }

    pub(super) fn transmitted(&mut self) {
        match self {
            Self::Connection(None) => {}
            Self::Connection(Some(server)) => server.transmitted(),
            Self::Acceptor(acceptor) => acceptor.transmitted(),
        }
    }

    /// The next event, and whether it is of the client's connection.
    pub(super) fn poll_event(&mut self) -> Option<(bool, Event)> {
        match self {
            Self::Connection(server) => {
                let event = server.as_mut()?.poll_event()?;
                Some((true, event))
            }
            Self::Acceptor(acceptor) => acceptor.poll_event(CHALLENGE),
        }
    }

    /// Gives the buffer of a message back.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        match self {
            Self::Connection(None) => {}
            Self::Connection(Some(server)) => server.connection.recycle(buffer),
            Self::Acceptor(acceptor) => {
                if let Some(handle) = acceptor.client {
                    acceptor.acceptor.recycle(handle, buffer);
                }
            }
        }
    }

    pub(super) fn close(&mut self) {
        match self {
            Self::Connection(None) => {}
            Self::Connection(Some(server)) => server.close(),
            Self::Acceptor(acceptor) => acceptor.close(),
        }
    }

    pub(super) fn shut_down(&mut self, now: Timestamp, timeout_ms: u64, reason: u8) {
        match self {
            Self::Connection(None) => {}
            Self::Connection(Some(server)) => server.shut_down(now, timeout_ms, reason),
            Self::Acceptor(acceptor) => acceptor.shut_down(now, timeout_ms, reason),
        }
    }
}
