//! [`Racing`]: the sockets of a link until one of them receives a datagram.
//!
//! A connect over UDP exchanges nothing, so only an answer shows which address works. Each datagram
//! of the client, which is its connect command, leaves on every open socket. Servers that receive
//! it in vain forget it, because nothing follows.

use super::channel::{Channel, Received, send_batch};
use crate::connect::race::{Race, Step};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use crate::transport::{MAX_READ_DATAGRAMS, Visit, io_error::local_error};
use chat_core::{LinkError, LinkInput, Timestamp};
use std::net::SocketAddr;

pub(super) struct Racing {
    race: Race,
    channels: Vec<Candidate>,
    /// The family that the client was given with `Opened`.
    announced_ipv6: bool,
}

struct Candidate {
    index: usize,
    address: SocketAddr,
    channel: Channel,
}

/// State of a race after some steps.
pub(super) enum Progress {
    Racing,
    /// A socket received a datagram; the others are closed.
    Won(Channel),
    /// No address is left.
    Failed(LinkError),
}

impl Racing {
    /// Opens a socket to the first address that the system accepts.
    pub(super) fn open(
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> Result<(Self, SocketAddr), LinkError> {
        let mut racing = Self {
            race: Race::udp(addresses, now),
            channels: Vec::new(),
            announced_ipv6: false,
        };
        if let Progress::Failed(error) = racing.advance(now, |_| {}) {
            return Err(error);
        }
        match racing.channels.first().map(|first| first.address) {
            Some(address) => {
                racing.announced_ipv6 = address.is_ipv6();
                Ok((racing, address))
            }
            None => {
                debug_assert!(false, "a race that goes on has an open socket");
                Err(local_error(&std::io::ErrorKind::AddrNotAvailable.into()))
            }
        }
    }

    /// Opens and closes sockets as the race asks. Calls `opened` with each new address.
    fn advance(&mut self, now: Timestamp, mut opened: impl FnMut(SocketAddr)) -> Progress {
        while let Some(step) = self.race.next_step(now) {
            match step {
                Step::Open(index, address) => match Channel::open(address) {
                    Ok(channel) => {
                        log::debug!(target: "photon_chat::net", "trying {address}");
                        self.channels.push(Candidate {
                            index,
                            address,
                            channel,
                        });
                        opened(address);
                    }
                    Err(error) => self.race.failed(index, &local_error(&error), now),
                },
                Step::Close(index) => self.channels.retain(|one| one.index != index),
                Step::Won(index) => {
                    let winner = self.channels.iter().position(|one| one.index == index);
                    debug_assert_eq!(winner, Some(0), "the race closed the others");
                    if let Some(winner) = winner {
                        return Progress::Won(self.channels.swap_remove(winner).channel);
                    }
                }
                Step::Failed(error) => return Progress::Failed(error),
            }
        }
        debug_assert_eq!(self.race.open(), self.channels.len(), "one socket each");
        Progress::Racing
    }

    /// The same, and reports to the client over which family the link is open now. The client uses
    /// the last one in its init message.
    fn advance_for(&mut self, client: &mut impl LinkHandle) -> Progress {
        let mut ipv6 = self.announced_ipv6;
        let progress = self.advance(client.now(), |address| ipv6 = address.is_ipv6());
        self.announce(client, ipv6);
        progress
    }

    fn announce(&mut self, client: &mut impl LinkHandle, ipv6: bool) {
        if self.announced_ipv6 != ipv6 {
            self.announced_ipv6 = ipv6;
            client.handle(LinkInput::Opened { ipv6 });
        }
    }

    /// Receives until a socket has a datagram, which it passes on: that socket has won.
    pub(super) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Progress {
        let now = client.now();
        let mut winner = None;
        let mut reads = 0;
        self.channels.retain_mut(|one| {
            while winner.is_none() && reads < MAX_READ_DATAGRAMS {
                reads += 1;
                match one.channel.receive(buffer, stats) {
                    Received::Datagram(bytes) => winner = Some((one.index, one.address, bytes)),
                    // Nothing listens there, or a router has no way to it. The client's next
                    // datagram may still find a server that has just started.
                    Received::Ignored => self.race.hurry(now),
                    Received::Nothing => break,
                    Received::End(error) => {
                        self.race.failed(one.index, &error, now);
                        return false;
                    }
                }
            }
            true
        });
        let Some((index, address, bytes)) = winner else {
            return self.advance_for(client);
        };
        log::debug!(target: "photon_chat::net", "{address} answered");
        self.announce(client, address.is_ipv6());
        match buffer.get(..bytes) {
            Some(datagram) => client.handle(LinkInput::Received(datagram)),
            None => debug_assert!(false, "a datagram fills at most the buffer"),
        }
        self.race.won(index);
        self.advance(now, |_| {})
    }

    /// Sends the client's datagrams on all sockets. Returns whether the client has no more output.
    ///
    /// A socket that cannot send is closed, and the next address takes its place at once. A
    /// datagram that no socket took stays in the client.
    pub(super) fn send(
        &mut self,
        client: &mut impl LinkHandle,
        stats: &mut IoStats,
    ) -> (bool, Progress) {
        let now = client.now();
        loop {
            let sent = send_batch(client, |datagram| {
                let mut taken = false;
                for one in &mut self.channels {
                    taken |= one.channel.send(datagram, now, stats);
                }
                taken
            });
            let before = self.channels.len();
            self.channels
                .retain_mut(|one| match one.channel.broken.take() {
                    Some(error) => {
                        self.race.failed(one.index, &error, now);
                        false
                    }
                    None => true,
                });
            if self.channels.len() == before {
                return (sent, Progress::Racing);
            }
            // At most as often as there are addresses.
            match self.advance_for(client) {
                Progress::Racing if !sent => {}
                progress => return (sent, progress),
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.race.deadline()
    }

    /// Visits all open sockets.
    pub(super) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        for one in &self.channels {
            one.channel.visit_sources(wants_input, visit);
        }
    }
}
