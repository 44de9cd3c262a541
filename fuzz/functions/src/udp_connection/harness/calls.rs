//! The calls of both ends, and what they may return.

use super::Harness;
use crate::udp_connection::script::{Call, End, Outgoing};
use crate::udp_connection::server::Server;
use photon_proto::udp::{Connection, Delivery, SendError, State};

/// The payload of one command is the MTU without these header bytes. Spec: udp.md 6
const HEADER_BYTES: usize = 48;
/// The bytes that a burst may have in all: longer ones only take time.
const MAX_BURST_BYTES: usize = 100_000;

impl Harness {
    pub(super) fn call(&mut self, call: &Call) {
        match *call {
            Call::Send { end, message } => self.send(end, message),
            Call::Burst {
                end,
                message,
                count,
            } => {
                let max = 1 + MAX_BURST_BYTES / (message.length.bytes() + 1);
                for _ in 0..usize::from(count).min(max) {
                    self.send(end, message);
                }
            }
            Call::BreakOff(end) => self.break_off(end),
            Call::TakeEvents { end, max } => {
                for _ in 0..max {
                    if !self.take_event(end) {
                        break;
                    }
                }
            }
            Call::Close(end) => {
                self.was_closed[end as usize] = true;
                match end {
                    End::Client => self.client.close(),
                    End::Server => self.server.close(),
                }
            }
            Call::ShutDown {
                end,
                timeout_ms,
                reason,
            } => self.shut_down(end, timeout_ms.get(), reason.get()),
            Call::FetchTime => self.client.connection.fetch_server_time(),
            Call::Forget => {
                if let Server::Acceptor(acceptor) = &mut self.server {
                    self.was_closed[End::Server as usize] = true;
                    acceptor.forget();
                }
            }
        }
    }

    fn send(&mut self, end: End, message: Outgoing) {
        let (channel, delivery) = (message.channel.get(), message.delivery.get());
        let length = message.length.bytes();
        let expectations = match end {
            End::Client => &mut self.from_client,
            End::Server => &mut self.from_server,
        };
        let bytes = expectations.next_message(length);
        let (state, sent) = match end {
            End::Client => {
                let state = self.client.connection.state();
                (Some(state), self.client.send(channel, delivery, &bytes))
            }
            End::Server => {
                let state = self.server.connection().map(Connection::state);
                let Some(sent) = self.server.send(channel, delivery, &bytes) else {
                    return;
                };
                (state, sent)
            }
        };
        match sent {
            Ok(()) => {
                assert_eq!(state, Some(State::Connected));
                let limit = usize::from(self.setup.mtu.get()) - HEADER_BYTES;
                expectations.accepted(channel, delivery, length, limit);
            }
            Err(SendError::NotConnected) => assert_ne!(state, Some(State::Connected)),
            Err(SendError::Channel(refused)) => {
                // A forged connect may have announced fewer channels.
                let too_high = channel >= self.setup.channels.get() || self.forged;
                assert!(refused == channel && too_high);
            }
            Err(SendError::TooLong { max_bytes }) => {
                assert!(max_bytes == self.setup.max_message_bytes.get() && length > max_bytes);
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// A message whose encoder fails leaves no trace.
    fn break_off(&mut self, end: End) {
        #[derive(Debug, PartialEq)]
        struct BrokenOff;
        impl From<SendError> for BrokenOff {
            fn from(_: SendError) -> Self {
                Self
            }
        }
        let write = |out: &mut Vec<u8>, start: usize| {
            assert_eq!(out.len(), start);
            out.extend_from_slice(&[0xAB; 2000]);
            Err(BrokenOff)
        };
        let before = self.snapshots();
        let client = &mut self.client.connection;
        let sent = match end {
            End::Client => Some(client.send_with(0, Delivery::Reliable, write)),
            End::Server => self.server.send_with(write),
        };
        if let Some(sent) = sent {
            assert_eq!(sent, Err(BrokenOff));
            assert_eq!(self.snapshots(), before);
        }
    }

    pub(super) fn shut_down(&mut self, end: End, timeout_ms: u64, reason: u8) {
        self.was_closed[end as usize] = true;
        match end {
            End::Client => self.client.shut_down(self.now, timeout_ms, reason),
            End::Server => self.server.shut_down(self.now, timeout_ms, reason),
        }
    }
}
