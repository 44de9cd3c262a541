//! An event loop for any number of clients: one thread, one poll, one heap of deadlines.
//!
//! A client costs nothing but memory until one of its sockets is ready, its deadline has come, or the application has
//! called it ([`EventLoop::client`]). Then it gets a *pass*, which is what the docs of `chat_core` ask of a driver:
//!
//! ```text
//!   sockets ready ──┐
//!   deadlines due ──┼─> ready queue ──> handle_link, service ──> events ──> bytes ──> commands ──> next deadline
//!   application ────┘        ^                                                                        │
//!                            └────────────── if something is left to do at once ──────────────────────┘
//! ```
//!
//! A deadline that moves to a later time leaves its entry in the heap: the client is looked at too early, found to have
//! nothing to do, and put back. So there is one entry that counts for each client, and moving a deadline is free.

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

/// How many sockets one wait reports at most.
const EVENTS_PER_TURN: usize = 1_024;

/// Clients, their sockets and their clock.
#[derive(Debug)]
pub(crate) struct EventLoop {
    poll: Poll,
    events: Events,
    clock: Instant,
    clients: Vec<Client>,
    /// Who is to be looked at when. An entry that is not its client's `wake_at` is outdated.
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Who has something to do now.
    ready: VecDeque<usize>,
    shared: Shared,
}

/// What the clients share.
#[derive(Debug)]
struct Shared {
    buffer: Box<[u8]>,
    /// What names were resolved to: the two servers.
    addresses: Vec<(Target, SocketAddr)>,
    counts: Counts,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// What went through the sockets.
    pub(crate) traffic: Traffic,
    /// Passes of single clients.
    pub(crate) passes: u64,
    /// Sockets that are open now.
    pub(crate) sockets: usize,
}

/// A client with its sockets: one, and for a moment two on the way from name server to front end.
#[derive(Debug)]
struct Client {
    chat: ChatClient,
    links: Vec<Link>,
    /// Its entry in the heap.
    wake_at: Option<Timestamp>,
    /// Whether it is in the ready queue.
    queued: bool,
}

/// What the event loop keeps for each client, the client itself aside, in bytes.
pub(crate) const RECORD_BYTES: usize = size_of::<Client>() - size_of::<ChatClient>()
    + size_of::<Link>()
    + size_of::<Reverse<(Timestamp, usize)>>();

impl EventLoop {
    /// An event loop without clients, and room for so many.
    ///
    /// # Errors
    /// [`io::Error`] if the system has no more polls to give.
    pub(crate) fn new(clients: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_TURN),
            clock: Instant::now(),
            // Growing would take up to twice the memory.
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

    /// The time, for core and for everything else.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.elapsed().into()
    }

    /// What has happened so far.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts
    }

    /// All clients, to look at.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &ChatClient> {
        self.clients.iter().map(|client| &client.chat)
    }

    /// Takes a client in; clients are numbered from 0.
    pub(crate) fn add(&mut self, chat: ChatClient) {
        self.clients.push(Client {
            chat,
            links: Vec::new(),
            wake_at: None,
            queued: false,
        });
    }

    /// A client, for the application to call. What it was called for is done in the next turn.
    pub(crate) fn client(&mut self, index: usize) -> Option<&mut ChatClient> {
        self.make_ready(index);
        self.clients.get_mut(index).map(|client| &mut client.chat)
    }

    /// Waits for something to do, at most until this time, and does it. `on_event` is told everything that happens to
    /// the clients, with the client's number, and may call the client.
    ///
    /// # Errors
    /// [`io::Error`] if waiting fails. What goes wrong with a socket only concerns its client, which is told.
    pub(crate) fn turn(
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
        self.take_due();
        // Those that are queued meanwhile have their turn after the sockets have had theirs.
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else {
                break;
            };
            self.pass(index, &mut on_event);
        }
        Ok(())
    }

    /// Queues the clients whose deadline has come.
    fn take_due(&mut self) {
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

    /// Everything that one client has to do now.
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
        client.queued = false;
        self.shared.counts.passes += 1;
        let Shared { buffer, counts, .. } = &mut self.shared;
        let Client { chat, links, .. } = client;
        links.retain_mut(|link| {
            let lives = link.progress(chat, now, buffer, &mut counts.traffic) == Fate::Lives;
            counts.sockets -= usize::from(!lives);
            lives
        });
        let mut again = chat.service(now).more;
        while let Some(event) = chat.poll_event() {
            on_event(index, now, chat, event);
        }
        for link in links {
            again |= link.send(chat, now, registry, Token(index), &mut counts.traffic);
        }
        while let Some(command) = client.chat.poll_command() {
            // Core is told of most links at once, and then has something to say.
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

    /// Has a client looked at no later than at this time.
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

    /// Opens or closes a link; whether core was told something.
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
                    let lives = link.id != id || link.close(now) == Fate::Lives;
                    shared.counts.sockets -= usize::from(!lives);
                    lives
                });
                false
            }
        }
    }
}

impl Shared {
    /// Opens a link, or says what core is to hear instead.
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

    /// The address of a server. Looking up a name blocks, but there are two servers, and each is looked up once; a
    /// program with something else to do meanwhile asks a thread.
    fn resolve(&mut self, target: &Target) -> Result<SocketAddr, LinkInput<'static>> {
        if let Some((_, address)) = self.addresses.iter().find(|(known, _)| known == target) {
            return Ok(*address);
        }
        let words = match (&*target.host, target.port).to_socket_addrs() {
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
            words,
        )))
    }
}
