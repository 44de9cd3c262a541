//! [`World`]: a client, its driver and its application, and what they have been promised.

use super::expectations::Expectations;
use super::inbound::Inbound;
use super::samples::NAMES;
use super::script::{Old, Setup, Step};
use super::server::ServerLink;
use super::transport::{Carriage, Transport};
use chat_core::{
    ChatClient, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, State, Stats, Text,
    Timestamp, Wire,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash};

/// Ports from here on are front ends.
const FRONT_END_PORT: u16 = 5;
/// Links that may be open at once: the current one and those that are only flushing.
const MAX_LINKS: usize = 9;
/// What logins, pings and key exchanges may add to a link above the cap for what the application sends.
const ABOVE_CAP: usize = 2_000;
/// More than there can be messages in what a client keeps of its input.
const MAX_SERVICES: usize = 1_000_000;
/// A chunk may be kept that came although nothing was wanted any more.
const OVERRUN: usize = 64 * 1024;
/// What datagrams may add to what is kept of the input: one, and what a command costs beside its bytes.
const DATAGRAM: usize = 4 * 1024;
/// More than there can be datagrams or WebSocket messages that wait to be sent.
const MAX_UNITS: usize = 100_000;
/// More than there can be deadlines while a link is flushed.
const MAX_FLUSHES: usize = 1_000;

pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) chat: ChatClient,
    pub(super) ledger: Expectations,
    now: Timestamp,
    /// The links that the driver has, each with its server.
    pub(super) links: BTreeMap<LinkId, ServerLink>,
    pub(super) newest: Option<LinkId>,
    /// The server of the newest link once the client has closed it.
    left: Option<ServerLink>,
    opened_ever: BTreeSet<LinkId>,
    pub(super) reached_front_end: bool,
    /// Of all bytes and events, if that is asked for.
    pub(super) transcript: Option<DefaultHasher>,
    /// Whether steps and events are printed.
    told_aloud: bool,
}

/// What an intent may change.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    state: State,
    queued_events: usize,
    timeout: Option<Timestamp>,
    stats: Stats,
    user_id: Text,
    channels: Vec<Option<(bool, bool, i32, usize)>>,
}

impl World {
    pub(super) fn new(setup: &Setup, told_aloud: bool) -> Self {
        Self {
            chat: ChatClient::new(setup.config(), [9; 32]),
            ledger: Expectations::new(setup),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            newest: None,
            left: None,
            opened_ever: BTreeSet::new(),
            reached_front_end: false,
            transcript: setup.twice.then(DefaultHasher::new),
            told_aloud,
            setup: setup.clone(),
        }
    }

    pub(super) fn step(&mut self, step: &Step<'_>) {
        if self.told_aloud {
            println!("{step:?}");
        }
        self.act(step);
        self.reached_front_end |= self.chat.state() == State::ConnectedToFrontEnd;
        let stats = self.chat.stats();
        assert_eq!(stats.buffered_bytes, self.chat.buffered_bytes());
        let outgoing = MAX_LINKS * (self.setup.outgoing_cap + ABOVE_CAP);
        assert!(
            stats.buffered_bytes
                <= outgoing + self.setup.incoming_cap() + self.most_at_once() + DATAGRAM,
            "{} bytes",
            stats.buffered_bytes
        );
        assert!(
            stats.cached_bytes <= Setup::CACHE_BYTES,
            "{} bytes cached",
            stats.cached_bytes
        );
    }

    fn act(&mut self, step: &Step<'_>) {
        match step {
            Step::Opened => self.newest_hears(LinkInput::Opened { ipv6: false }),
            Step::Received(delivered) => self.received(delivered),
            Step::Closed => self.newest_hears(LinkInput::Closed),
            Step::Failed { reset } => {
                let kind = if *reset {
                    LinkErrorKind::Reset
                } else {
                    LinkErrorKind::Io
                };
                self.newest_hears(LinkInput::Failed(LinkError::new(kind, "broken")));
            }
            Step::Old { which, what } => {
                let old: Vec<LinkId> = self
                    .links
                    .keys()
                    .copied()
                    .filter(|link| Some(*link) != self.newest)
                    .collect();
                if let Some(link) = old.get(usize::from(*which) % old.len().max(1)) {
                    let much = vec![0; self.most_at_once()];
                    self.hears(
                        *link,
                        match what {
                            Old::Closed => LinkInput::Closed,
                            Old::Little => LinkInput::Received(b"\xF0 old"),
                            Old::Much => LinkInput::Received(&much),
                        },
                    );
                }
            }
            Step::Late { which } => {
                let gone: Vec<LinkId> = self
                    .opened_ever
                    .iter()
                    .copied()
                    .filter(|link| !self.links.contains_key(link))
                    .collect();
                if let Some(&link) = gone.get(usize::from(*which) % gone.len().max(1)) {
                    // Time goes on, and timers that waited for it start.
                    let _ = self.chat.transmit(self.now, link);
                    let before = self.snapshot();
                    self.chat
                        .handle_link(self.now, link, LinkInput::Received(&[0; 9]));
                    if Some(link) != self.newest {
                        self.chat
                            .handle_link(self.now, link, LinkInput::Opened { ipv6: true });
                    }
                    self.chat.handle_link(self.now, link, LinkInput::Closed);
                    assert!(!self.chat.wants_input(link));
                    assert_eq!(before, self.snapshot());
                }
            }
            Step::Service { ms } => {
                self.now = self.now.plus_millis(*ms);
                self.chat.service(self.now);
            }
            Step::Jump { ms } => {
                let to = Timestamp::from_millis(*ms);
                self.chat.service(to);
                self.now = self.now.max(to);
            }
            Step::Sleep { turns } => {
                for _ in 0..*turns {
                    let Some(deadline) = self.chat.poll_timeout() else {
                        break;
                    };
                    self.now = self.now.max(deadline);
                    self.turn();
                }
            }
            Step::Transmit { most } => self.transmit(*most),
            Step::TransmittedTooMuch => self.transmitted_too_much(),
            Step::Commands => self.commands(),
            Step::Events { most } => self.events(*most),
            Step::Turn { ms } => {
                self.now = self.now.plus_millis(*ms);
                self.turn();
            }
            intent => self.intend(intent),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let channel = |name: &&str| {
            self.chat.channel(name).map(|channel| {
                let can_chat = self.chat.can_chat_in_channel(name);
                (
                    channel.is_subscribed(),
                    can_chat,
                    channel.last_id(),
                    channel.cached_messages(),
                )
            })
        };
        Snapshot {
            state: self.chat.state(),
            queued_events: self.chat.queued_events(),
            timeout: self.chat.poll_timeout(),
            stats: self.chat.stats(),
            user_id: self.chat.user_id().clone(),
            channels: NAMES.iter().map(channel).collect(),
        }
    }

    // The driver.

    fn hears(&mut self, link: LinkId, input: LinkInput<'_>) {
        if matches!(input, LinkInput::Closed | LinkInput::Failed(_)) {
            self.links.remove(&link);
        }
        self.chat.handle_link(self.now, link, input);
        assert!(
            self.links.contains_key(&link) || !self.chat.wants_input(link),
            "wants input of a link that is gone"
        );
    }

    fn newest_hears(&mut self, input: LinkInput<'_>) {
        if let Some(link) = self.newest.filter(|link| self.links.contains_key(link)) {
            self.hears(link, input);
        }
    }

    /// How many bytes a client takes at once however much it has.
    fn most_at_once(&self) -> usize {
        let limit = self.setup.limits().max_received_bytes;
        if self.setup.transport == Transport::Tcp {
            OVERRUN
        } else {
            limit
        }
    }

    fn received(&mut self, delivered: &Inbound<'_>) {
        let Some(link) = self.newest else { return };
        let Some(server) = self.links.get_mut(&link) else {
            return;
        };
        let datagrams = server.carriage() == Carriage::Datagrams;
        for chunk in delivered.chunks(server, self.setup.transport, self.setup.protocol, self.now) {
            let too_much = !self.chat.wants_input(link) || chunk.len() > self.most_at_once();
            self.ledger.overran |= too_much && !datagrams;
            self.newest_hears(LinkInput::Received(&chunk));
        }
    }

    /// Delivers the datagrams of the servers. False if there were none.
    fn deliver(&mut self) -> bool {
        let mut any = false;
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let datagrams = self
                .links
                .get_mut(&link)
                .map(|server| server.say_in_datagrams(&[], self.now));
            for datagram in datagrams.unwrap_or_default() {
                any = true;
                self.hears(link, LinkInput::Received(&datagram));
            }
        }
        any
    }

    fn commands(&mut self) {
        while let Some(command) = self.chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    assert!(self.opened_ever.insert(link), "a link was reused");
                    assert!(target.port > 0 && !target.host.is_empty());
                    self.check_wire(wire);
                    let server = ServerLink::new(&self.setup, wire, target.port >= FRONT_END_PORT);
                    self.links.insert(link, server);
                    (self.newest, self.left) = (Some(link), None);
                }
                LinkCommand::Close { link } => {
                    let server = self
                        .links
                        .remove(&link)
                        .expect("closed a link that is not there");
                    assert!(
                        !self.chat.wants_input(link),
                        "wants input of a link that it closes"
                    );
                    if Some(link) == self.newest {
                        self.left = Some(server);
                    }
                }
            }
        }
        assert!(self.links.len() <= MAX_LINKS, "{} links", self.links.len());
    }

    /// Links are of the transport that was asked for, or more secure.
    fn check_wire(&self, wire: Wire) {
        let asked = self.setup.transport;
        match wire {
            Wire::Stream => assert_eq!(asked, Transport::Tcp),
            Wire::Datagram => assert_eq!(asked, Transport::Udp),
            Wire::WebSocket { secure, protocol } => {
                assert!(
                    !matches!(asked, Transport::Tcp | Transport::Udp),
                    "{wire:?} for {asked:?}"
                );
                assert_eq!(protocol.is_text(), asked.is_json());
                assert!(secure || !asked.is_secure(), "from secure to insecure");
            }
            other => panic!("{other:?} for {asked:?}"),
        }
    }

    /// Each link takes up to so many bytes; one datagram or WebSocket message, or all that there is.
    fn transmit(&mut self, most: usize) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let mut units = 0;
            while self.transmit_to(link, most) && most == usize::MAX {
                units += 1;
                assert!(units < MAX_UNITS, "there is always more to send");
            }
        }
    }

    fn transmit_to(&mut self, link: LinkId, most: usize) -> bool {
        let Some(server) = self.links.get_mut(&link) else {
            return false;
        };
        let Some(bytes) = self.chat.transmit(self.now, link) else {
            return false;
        };
        assert!(!bytes.is_empty());
        let first = bytes.to_vec();
        assert_eq!(
            self.chat.transmit(self.now, link),
            Some(&first[..]),
            "not the same bytes again"
        );
        let count = first.len().min(most);
        self.chat.transmitted(link, count);
        let (sent, times) = match server.carriage() {
            Carriage::Stream => (&first[..count], 1),
            _ if count == 0 => (&[][..], 0),
            Carriage::Datagrams if most % 4 == 3 && most != usize::MAX => (&first[..], 0),
            Carriage::Datagrams if most % 4 == 2 => (&first[..], 2),
            _ => (&first[..], 1),
        };
        server.impaired |= times == 0 && count > 0;
        for _ in 0..times {
            server.take(sent, self.now);
        }
        if let Some(transcript) = &mut self.transcript {
            (link, sent).hash(transcript);
        }
        true
    }

    fn transmitted_too_much(&mut self) {
        let Some(link) = self.newest else { return };
        let Some(server) = self.links.get_mut(&link) else {
            return;
        };
        let is_stream = server.carriage() == Carriage::Stream;
        if let Some(bytes) = self.chat.transmit(self.now, link) {
            server.take(bytes, self.now);
        }
        self.chat.transmitted(link, usize::MAX);
        assert!(!is_stream || self.chat.transmit(self.now, link).is_none());
    }

    pub(super) fn events(&mut self, most: usize) {
        for _ in 0..most {
            let queued = self.chat.queued_events();
            let Some(event) = self.chat.poll_event() else {
                assert_eq!(queued, 0);
                break;
            };
            assert_eq!(self.chat.queued_events(), queued - 1);
            if self.told_aloud {
                println!("    {event:?}");
            }
            self.ledger.event(&event);
            if let Some(transcript) = &mut self.transcript {
                format!("{event:?}").hash(transcript);
            }
        }
    }

    /// `service` until it has no more to do, each time with a full drain.
    fn turn(&mut self) {
        for _ in 0..MAX_SERVICES {
            let serviced = self.chat.service(self.now);
            // Input waits while too many events do; what is bytes elsewhere is in JSON many values.
            let held_up = (self.setup.small_events || self.setup.transport.is_json())
                && self.chat.queued_events() > 0;
            self.events(usize::MAX);
            self.transmit(usize::MAX);
            self.commands();
            if self.deliver() || serviced.more {
                continue;
            }
            let deadline = self.chat.poll_timeout();
            let due = deadline.is_some_and(|at| at <= self.now) && self.now != Timestamp::MAX;
            assert!(
                !due || held_up,
                "a busy deadline: {deadline:?} at {:?}",
                self.now
            );
            if !due {
                return self.at_rest();
            }
        }
        panic!("service never has enough");
    }

    /// All is told, sent and taken.
    fn at_rest(&self) {
        assert_eq!(
            (self.chat.state(), self.chat.queued_events()),
            (self.ledger.told, 0)
        );
        if let Some(link) = self.newest.and_then(|link| self.links.get(&link)) {
            let chatting = self.chat.state() == State::ConnectedToFrontEnd;
            assert!(
                link.arrived <= link.accepted,
                "{} arrived of {}",
                link.arrived,
                link.accepted
            );
            let awaited =
                link.carriage() != Carriage::Datagrams || chatting && link.gets_everything();
            assert!(
                !awaited || link.arrived == link.accepted,
                "{} arrived of {}",
                link.arrived,
                link.accepted
            );
            if let (true, Some(stats), Some(sent)) =
                (chatting, self.chat.stats().udp, link.sent_messages())
            {
                assert!(
                    stats.received_messages <= sent,
                    "{} received of {sent}",
                    stats.received_messages
                );
            }
        }
        let channels: BTreeSet<&str> = self
            .chat
            .public_channels()
            .map(|channel| channel.name().as_str())
            .collect();
        self.ledger.is_in(&channels);
        let connected = self.chat.state() == State::ConnectedToFrontEnd;
        for name in NAMES {
            let can = self.chat.can_chat_in_channel(name);
            assert!(
                !can || connected && channels.contains(name),
                "can chat in {name:?}"
            );
        }
        for channel in self
            .chat
            .public_channels()
            .chain(self.chat.private_channels())
        {
            assert_eq!(channel.messages().count(), channel.cached_messages());
            assert!(channel.cached_messages() <= self.setup.cache_messages);
        }
    }

    /// Everything that was asked has its outcome in the end.
    pub(super) fn finish(&mut self) {
        let chatting = self.chat.state() == State::ConnectedToFrontEnd;
        let cut_short = self.chat.stats().closed_with_unsent_data;
        self.chat.disconnect();
        self.events(usize::MAX);
        self.ledger.finish();
        assert_eq!(self.ledger.told, self.chat.state());
        if self.setup.transport == Transport::Udp {
            self.flush();
            let all = self.chat.stats().closed_with_unsent_data == cut_short;
            if let Some(server) = self
                .left
                .as_ref()
                .filter(|server| chatting && all && server.was_left())
            {
                assert_eq!(server.arrived, server.accepted, "it was not cut short");
            }
        }
        self.now = self.now.plus_millis(2_000);
        self.turn();
        assert!(
            self.links.is_empty(),
            "links left open: {:?}",
            self.links.keys()
        );
        assert_eq!(
            (self.chat.buffered_bytes(), self.chat.poll_timeout()),
            (0, None)
        );
        assert_eq!(self.chat.poll_event(), None);
    }

    /// Lets the links send what was accepted, as long as that takes.
    fn flush(&mut self) {
        for _ in 0..MAX_FLUSHES {
            self.turn();
            match self.chat.poll_timeout() {
                Some(deadline) => self.now = self.now.max(deadline),
                None => return,
            }
        }
        panic!("a link is flushed for ever");
    }
}
