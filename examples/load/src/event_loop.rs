//! [`EventLoop`]: drives any number of clients with one thread, one poll and one heap of deadlines.
//!
//! A client needs processor time only if one of its sockets is ready, its deadline is due, or the
//! application has called it ([`EventLoop::client`]). Then it gets a *pass*, the steps that the
//! contract of `chat_core` requires of a driver:
//!
//! ```text
//!   sockets ready ──┐
//!   deadlines due ──┼─> ready queue ──> handle_link, service ──> events ──> bytes ──> commands ──> next deadline
//!   application ────┘        ^                                                                        │
//!                            └────────────── if work remains ──────────────────────┘
//! ```
//!
//! A deadline that moves to a later time leaves its old entry in the heap. When the old entry is
//! due the client has no work, and is queued again for the new deadline. So each client has one
//! valid entry, and moving a deadline costs nothing.

use crate::socket::{BUFFER_BYTES, Fate, Link, Traffic, failed};
use chat_core::{
    ChatClient, Event, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Target, Timestamp,
    Wire,
};
use mio::{Events, Poll, Registry, Token};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The most sockets that one wait reports.
const MAX_EVENTS_PER_POLL: usize = 1_024;

/// Drives clients over their sockets.
#[derive(Debug)]
pub(crate) struct EventLoop {
    poll: Poll,
    events: Events,
    clock: Instant,
    clients: Vec<Client>,
    /// The next deadline of each client. An entry that differs from its client's `wake_at` is
    /// obsolete.
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The clients with work to do now.
    ready: VecDeque<usize>,
    shared: Shared,
}

/// State that the clients share.
#[derive(Debug)]
struct Shared {
    buffer: Box<[u8]>,
    /// Resolved addresses of both servers.
    addresses: Vec<(Target, SocketAddr)>,
    counts: Counts,
}

/// Counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Traffic of all sockets.
    pub(crate) traffic: Traffic,
    /// Passes of all clients.
    pub(crate) passes: u64,
    /// Sockets that are open at present.
    pub(crate) sockets: usize,
}

/// A client with its sockets: one, and briefly two while it changes from the name server to the
/// front end.
#[derive(Debug)]
struct Client {
    chat: ChatClient,
    links: Vec<Link>,
    /// The time of its valid entry in the heap.
    wake_at: Option<Timestamp>,
    /// Whether it is in the ready queue.
    queued: bool,
}

/// The memory that the event loop needs for each client, without the `ChatClient`.
pub(crate) const RECORD_BYTES: usize = size_of::<Client>() - size_of::<ChatClient>()
    + size_of::<Link>()
    + size_of::<Reverse<(Timestamp, usize)>>();

impl EventLoop {
    /// Creates an event loop without clients, with capacity for `clients`.
    ///
    /// # Errors
    /// [`io::Error`] if the system does not provide a poll.
    pub(crate) fn new(clients: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(MAX_EVENTS_PER_POLL),
            clock: Instant::now(),
            // A growing vector would need up to twice the memory, which would distort the result.
            clients: Vec::with_capacity(clients),
            deadlines: BinaryHeap::new(),
            ready: VecDeque::new(),
            shared: Shared {
                buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
                addresses: Vec::new(),
                counts: Counts::default(),
            },
        })
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.elapsed().into()
    }

    /// The counters so far.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts
    }

    /// All clients.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &ChatClient> {
        self.clients.iter().map(|client| &client.chat)
    }

    /// Adds a client. Clients are numbered from 0.
    pub(crate) fn add(&mut self, chat: ChatClient) {
        self.clients.push(Client {
            chat,
            links: Vec::new(),
            wake_at: None,
            queued: false,
        });
    }

    /// A client for the application to call. The next poll does what the call requires.
    pub(crate) fn client(&mut self, index: usize) -> Option<&mut ChatClient> {
        self.make_ready(index);
        self.clients.get_mut(index).map(|client| &mut client.chat)
    }

    /// Waits for work until this time at the latest, and does it. `on_event` receives each event
    /// with the number of its client, and may call the client.
    ///
    /// # Errors
    /// [`io::Error`] if waiting fails. An error of a socket is passed to its client instead.
    pub(crate) fn poll(
        &mut self,
        until: Timestamp,
        mut on_event: impl FnMut(usize, Timestamp, &mut ChatClient, Event),
    ) -> io::Result<()> {
        let wait = if self.ready.is_empty() {
            let next = self
                .deadlines
                .peek()
                .map_or(until, |Reverse((at, _))| until.min(*at));
            Duration::from_micros(next.micros_since(self.now()))
        } else {
            Duration::ZERO
        };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            other => other?,
        }
        for event in &self.events {
            let Token(index) = event.token();
            let Some(client) = self.clients.get_mut(index) else {
                continue;
            };
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            for link in &mut client.links {
                link.wake(readable, event.is_writable());
            }
            queue(&mut self.ready, client, index);
        }
        self.queue_due();
        // Only those that are queued now: further ones get their pass after the sockets were
        // polled.
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else {
                debug_assert!(false, "a pass removes nothing from the queue");
                break;
            };
            self.pass(index, &mut on_event);
        }
        Ok(())
    }

    /// Queues the clients whose deadline has come.
    fn queue_due(&mut self) {
        let now = self.now();
        while let Some(Reverse((at, index))) = self
            .deadlines
            .peek()
            .copied()
            .filter(|Reverse((at, _))| *at <= now)
        {
            self.deadlines.pop();
            let Some(client) = self
                .clients
                .get_mut(index)
                .filter(|client| client.wake_at == Some(at))
            else {
                continue;
            };
            client.wake_at = None;
            match client.deadline() {
                Some(later) if later > now => self.wake_at(index, later),
                Some(_) => self.make_ready(index),
                None => {}
            }
        }
    }

    /// Does the present work of one client.
    fn pass(
        &mut self,
        index: usize,
        on_event: &mut impl FnMut(usize, Timestamp, &mut ChatClient, Event),
    ) {
        let now = self.now();
        let registry = self.poll.registry();
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        debug_assert!(client.queued, "only queued clients get a pass");
        client.queued = false;
        self.shared.counts.passes += 1;
        let Shared { buffer, counts, .. } = &mut self.shared;
        let Client { chat, links, .. } = client;
        links.retain_mut(|link| {
            let alive = link.progress(chat, now, buffer, &mut counts.traffic) == Fate::Alive;
            counts.sockets -= usize::from(!alive);
            alive
        });
        let mut again = chat.service(now).more;
        while let Some(event) = chat.poll_event() {
            on_event(index, now, chat, event);
        }
        for link in links {
            again |= link.send(chat, now, registry, Token(index), &mut counts.traffic);
        }
        while let Some(command) = client.chat.poll_command() {
            // An opened or failed link is reported to the client at once, which may produce bytes.
            again |= client.apply(command, now, registry, Token(index), &mut self.shared);
        }
        again |= client.links.iter().any(|link| link.has_work(&client.chat));
        match client.deadline() {
            Some(later) if later > now && !again => self.wake_at(index, later),
            None if !again => {}
            _ => self.make_ready(index),
        }
    }

    fn make_ready(&mut self, index: usize) {
        if let Some(client) = self.clients.get_mut(index) {
            queue(&mut self.ready, client, index);
        }
    }

    /// Makes sure that a client gets a pass at this time at the latest.
    fn wake_at(&mut self, index: usize, at: Timestamp) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        if client.wake_at.is_none_or(|earlier| at < earlier) {
            client.wake_at = Some(at);
            self.deadlines.push(Reverse((at, index)));
        }
    }
}

fn queue(ready: &mut VecDeque<usize>, client: &mut Client, index: usize) {
    if !std::mem::replace(&mut client.queued, true) {
        ready.push_back(index);
    }
}

impl Client {
    fn deadline(&self) -> Option<Timestamp> {
        self.links
            .iter()
            .filter_map(Link::deadline)
            .chain(self.chat.poll_timeout())
            .min()
    }

    /// Executes a link command. Returns whether the client received input from it.
    fn apply(
        &mut self,
        command: LinkCommand,
        now: Timestamp,
        registry: &Registry,
        token: Token,
        shared: &mut Shared,
    ) -> bool {
        match command {
            LinkCommand::Open { link, target, wire } => {
                let input = match shared.open(link, &target, wire, registry, token) {
                    Err(failed) => failed,
                    Ok((link, address)) => {
                        let open = link.is_open();
                        self.links.push(link);
                        if !open {
                            return false;
                        }
                        LinkInput::Opened {
                            ipv6: address.is_ipv6(),
                        }
                    }
                };
                self.chat.handle_link(now, link, input);
                true
            }
            LinkCommand::Close { link: id } => {
                self.links.retain_mut(|link| {
                    let alive = link.id != id || link.close(now) == Fate::Alive;
                    shared.counts.sockets -= usize::from(!alive);
                    alive
                });
                false
            }
        }
    }
}

impl Shared {
    /// Opens a link. On failure returns the input that reports it to the client.
    fn open(
        &mut self,
        id: LinkId,
        target: &Target,
        wire: Wire,
        registry: &Registry,
        token: Token,
    ) -> Result<(Link, SocketAddr), LinkInput<'static>> {
        let address = self.resolve(target)?;
        let link = Link::open(id, wire, address, registry, token)
            .map_err(|error| failed(&error, address))?;
        self.counts.sockets += 1;
        Ok((link, address))
    }

    /// Resolves the address of a server. This blocks, which is acceptable here: there are two
    /// servers, and each is resolved once. Other programs should use a thread, as `chat_std_io`
    /// does.
    fn resolve(&mut self, target: &Target) -> Result<SocketAddr, LinkInput<'static>> {
        if let Some((_, address)) = self.addresses.iter().find(|(known, _)| known == target) {
            return Ok(*address);
        }
        let text = match (&*target.host, target.port).to_socket_addrs() {
            Ok(addresses) => match addresses.min_by_key(SocketAddr::is_ipv6) {
                Some(address) => {
                    self.addresses.push((target.clone(), address));
                    return Ok(address);
                }
                None => format!("{}: the name has no addresses", target.host),
            },
            Err(error) => format!("{}: {error}", target.host),
        };
        Err(LinkInput::Failed(LinkError::new(
            LinkErrorKind::Resolve,
            text,
        )))
    }
}
