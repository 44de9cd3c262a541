//! UDP: connected sockets for whole datagrams. Lost datagrams are the client's concern: it resends.
//!
//! ```text
//! Racing ──a socket receives a datagram──> Connected ──error, lasting fault──> (gone)
//!    └──no address is left──> (gone)
//! ```

mod channel;
mod racing;
#[cfg(test)]
mod tests;

use super::{LinkEnd, MAX_READ_DATAGRAMS, ReadOutcome, Visit};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use channel::{Channel, Received, send_batch};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Timestamp};
use racing::{Progress, Racing};
use std::net::SocketAddr;

/// The datagrams of one link. Never blocks.
pub(crate) struct Datagrams {
    state: State,
    /// Why the link has ended, until the next receive reports it.
    broken: Option<LinkError>,
    /// The last attempt left datagrams that the system did not take.
    pub(crate) unsent: bool,
}

enum State {
    Racing(Box<Racing>),
    Connected(Channel),
}

impl Datagrams {
    /// Opens a socket to the first address that the system accepts; that sends nothing. If there
    /// are more addresses, they are tried in turn until one answers.
    ///
    /// The link counts as open to the returned address. [`Datagrams::receive`] and
    /// [`Datagrams::send`] report when that changes.
    pub(crate) fn open(
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> Result<(Self, SocketAddr), LinkError> {
        let (racing, address) = Racing::open(addresses, now)?;
        let datagrams = Self {
            state: State::Racing(Box::new(racing)),
            broken: None,
            unsent: false,
        };
        Ok((datagrams, address))
    }

    /// Receives up to [`MAX_READ_DATAGRAMS`], including those that are not passed on. Does not ask
    /// whether the client wants input: acks are among them (item 5 of the client's contract).
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        if let Some(broken) = self.broken.take() {
            return Err(LinkEnd::Failed(broken));
        }
        let mut any = false;
        if let State::Racing(racing) = &mut self.state {
            match racing.receive(client, buffer, stats) {
                Progress::Racing => return Ok(ReadOutcome { any, more: false }),
                Progress::Failed(error) => return Err(LinkEnd::Failed(error)),
                Progress::Won(channel) => {
                    any = true;
                    self.state = State::Connected(channel);
                }
            }
        }
        let State::Connected(channel) = &mut self.state else {
            debug_assert!(false, "the race is over");
            return Ok(ReadOutcome { any, more: false });
        };
        // The race has received the first.
        for _ in usize::from(any)..MAX_READ_DATAGRAMS {
            match channel.receive(buffer, stats) {
                Received::Datagram(bytes) => {
                    any = true;
                    let Some(datagram) = buffer.get(..bytes) else {
                        debug_assert!(false, "a datagram fills at most the buffer");
                        continue;
                    };
                    client.handle(LinkInput::Received(datagram));
                }
                Received::Ignored => {}
                Received::Nothing => return Ok(ReadOutcome { any, more: false }),
                Received::End(error) => return Err(LinkEnd::Failed(error)),
            }
        }
        // `more` is a guess: only another receive would show whether a datagram is left, and the
        // next pass makes it.
        Ok(ReadOutcome { any, more: true })
    }

    /// Sends up to 128 datagrams. A datagram that the system does not take is not
    /// reported: the client builds it anew, with current contents, when it is asked again.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        if self.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        let sent = match &mut self.state {
            State::Connected(channel) => {
                let now = client.now();
                send_batch(client, |datagram| channel.send(datagram, now, stats))
            }
            State::Racing(racing) => {
                let (sent, progress) = racing.send(client, stats);
                if let Progress::Failed(error) = progress {
                    self.broken = Some(error);
                }
                sent
            }
        };
        self.unsent = !sent;
    }

    /// Whether the next attempt to receive reports the end.
    pub(crate) fn is_broken(&self) -> bool {
        let channel = match &self.state {
            State::Connected(channel) => channel.broken.is_some(),
            State::Racing(_) => false,
        };
        self.broken.is_some() || channel
    }

    /// When to receive although nothing arrives: the next address is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Racing(racing) => racing.deadline(),
            State::Connected(_) => None,
        }
    }

    /// Visits the open sockets.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        match &self.state {
            State::Racing(racing) => racing.visit_sources(wants_input, visit),
            State::Connected(channel) => channel.visit_sources(wants_input, visit),
        }
    }

    /// Ends the link as if the network had failed, whatever has arrived.
    pub(crate) fn simulate_connection_loss(&mut self) {
        self.broken = Some(LinkError::new(LinkErrorKind::Reset, super::SIMULATED_LOSS));
    }
}
