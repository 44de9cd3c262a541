//! [`World`]: a client, its driver and its application, and what they have been promised.

use super::ledger::Ledger;
use super::said::{Delivered, Way};
use super::script::{Message, Setup, Step};
use super::server::ServerLink;
use super::words::{Content, NAMES};
use chat_core::{
    AuthValues, ChatClient, ConnectOptions, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, PrivateOptions,
    PropertyOptions, PublishOptions, RequestError, State, Stats, StatusMessage, SubscribeOptions, Text, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash};

/// Ports from here on are front ends.
const FRONT_END_PORT: u16 = 5;
/// Links that may be open at once: the current one and those that are only flushing.
const MOST_LINKS: usize = 9;
/// What logins, pings and key exchanges may add to a link above the cap for what the application sends.
const ABOVE_CAP: usize = 2_000;
/// More than there can be messages in what a client keeps of its input.
const MOST_SERVICES: usize = 1_000_000;
/// A chunk may be kept that came although nothing was wanted any more.
const OVERRUN: usize = 64 * 1024;

pub(super) struct World {
    setup: Setup,
    chat: ChatClient,
    ledger: Ledger,
    now: Timestamp,
    /// The links that the driver has, each with its server.
    links: BTreeMap<LinkId, ServerLink>,
    newest: Option<LinkId>,
    opened_ever: BTreeSet<LinkId>,
    pub(super) reached_front_end: bool,
    /// Of all bytes and events, if that is asked for.
    pub(super) transcript: Option<DefaultHasher>,
    /// Whether steps and events are printed.
    told_aloud: bool,
}

/// What an intent may change.
#[derive(Debug, PartialEq)]
struct Snapshot {
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
            ledger: Ledger::new(setup),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            newest: None,
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
        let outgoing = MOST_LINKS * (self.setup.outgoing_cap + ABOVE_CAP);
        assert!(
            stats.buffered_bytes <= outgoing + self.setup.incoming_cap() + OVERRUN,
            "{} bytes",
            stats.buffered_bytes
        );
        assert!(stats.cached_bytes <= Setup::CACHE_BYTES, "{} bytes cached", stats.cached_bytes);
    }

    fn act(&mut self, step: &Step<'_>) {
        match step {
            Step::Opened => self.newest_hears(LinkInput::Opened { ipv6: false }),
            Step::Received(delivered) => self.received(delivered),
            Step::Closed => self.newest_hears(LinkInput::Closed),
            Step::Failed { reset } => {
                let kind = if *reset { LinkErrorKind::Reset } else { LinkErrorKind::Io };
                self.newest_hears(LinkInput::Failed(LinkError::new(kind, "broken")));
            }
            Step::Old { which, closed } => {
                let old: Vec<LinkId> = self.links.keys().copied().filter(|link| Some(*link) != self.newest).collect();
                if let Some(link) = old.get(usize::from(*which) % old.len().max(1)) {
                    self.hears(*link, if *closed { LinkInput::Closed } else { LinkInput::Received(b"\xF0 old") });
                }
            }
            Step::Late { which } => {
                let gone: Vec<LinkId> =
                    self.opened_ever.iter().copied().filter(|link| !self.links.contains_key(link)).collect();
                if let Some(&link) = gone.get(usize::from(*which) % gone.len().max(1)) {
                    let before = self.snapshot();
                    self.chat.handle_link(self.now, link, LinkInput::Received(&[0; 9]));
                    if Some(link) != self.newest {
                        self.chat.handle_link(self.now, link, LinkInput::Opened { ipv6: true });
                    }
                    self.chat.handle_link(self.now, link, LinkInput::Closed);
                    assert!(!self.chat.wants_input(link));
                    let after = self.snapshot();
                    // Time goes on, and timers that waited for it start.
                    assert_eq!(Snapshot { timeout: None, ..before }, Snapshot { timeout: None, ..after });
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
                    let Some(deadline) = self.chat.poll_timeout() else { break };
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

    // The application.

    fn intend(&mut self, intent: &Step<'_>) {
        match intent {
            Step::Connect { region } => {
                let options = if *region { ConnectOptions::new().region("eu") } else { ConnectOptions::new() };
                self.intent(|chat| chat.connect_to_name_server(options));
            }
            Step::Region => drop(self.intent(|chat| chat.connect_to_region_front_end("us"))),
            Step::Reconnect => drop(self.intent(ChatClient::reconnect)),
            Step::Disconnect => self.chat.disconnect(),
            Step::GetRegions => {
                self.ledger.regions_asked += 1;
                self.chat.get_regions();
            }
            Step::Subscribe { channels, history, last_ids, publish, most } => {
                let mut options = SubscribeOptions::new().publish_subscribers(*publish).max_subscribers(*most);
                if let Some(history) = history {
                    options = options.history(*history);
                }
                if let Some(ids) = last_ids {
                    options = options.last_ids(ids.clone());
                }
                if let Some(id) = self.operation(|chat| chat.subscribe(channels, &options)) {
                    self.ledger.asked(id, channels);
                }
            }
            Step::Unsubscribe(channels) => {
                if let Some(id) = self.operation(|chat| chat.unsubscribe(channels)) {
                    self.ledger.asked(id, channels);
                }
            }
            Step::Publish { channel, content, web } => {
                let options = PublishOptions::new().web_forward(*web);
                self.operation(|chat| chat.publish_message(channel.as_str(), &content.value(), &options));
            }
            Step::Private { user, content, encrypt, web } => {
                let options = PrivateOptions::new().web_forward(*web).encrypt(*encrypt || *content == Content::Secret);
                self.operation(|chat| chat.send_private_message(user.as_str(), &content.value(), &options));
            }
            Step::Status { status, message } => {
                let content = if let Message::Set(content) = message { content.value() } else { 0.into() };
                let message = match message {
                    Message::Set(_) => StatusMessage::Set(&content),
                    Message::Clear => StatusMessage::Clear,
                    Message::Keep => StatusMessage::Keep,
                };
                self.operation(|chat| chat.set_user_status(*status, message));
            }
            Step::AddFriends(users) => drop(self.operation(|chat| chat.add_friends(users))),
            Step::RemoveFriends(users) => drop(self.operation(|chat| chat.remove_friends(users))),
            Step::ChannelProperties { channel, properties, expected } => {
                let options = property_options(*expected, &properties.0);
                self.operation(|chat| chat.set_channel_properties(channel.as_str(), &properties.0, &options));
            }
            Step::UserProperties { channel, user, properties, expected } => {
                let options = property_options(*expected, &properties.0);
                self.operation(|chat| {
                    chat.set_user_properties(channel.as_str(), user.as_str(), &properties.0, &options)
                });
            }
            Step::Operation { code, parameters, encrypt } => {
                let secret = parameters.iter().any(|(_, content)| *content == Content::Secret);
                let parameters: Vec<_> = parameters.iter().map(|(key, content)| (*key, content.value())).collect();
                self.operation(|chat| chat.send_operation(*code, &parameters, *encrypt || secret));
            }
            Step::SetUserId(user) => drop(self.intent(|chat| chat.set_user_id(user.as_str()))),
            Step::SetAuthentication { custom } => {
                let values = if *custom { AuthValues::new("user=me") } else { AuthValues::none() };
                self.chat.set_custom_authentication(values);
            }
            Step::Clear { private: true, name } => {
                let cleared = self.chat.clear_private_messages(name.as_str());
                let channel = self.chat.private_channel(name.as_str());
                assert_eq!(cleared, channel.is_some_and(|channel| channel.cached_messages() == 0));
            }
            Step::Clear { private: false, name } => {
                let cleared = self.chat.clear_messages(name.as_str());
                let channel = self.chat.channel(name.as_str());
                assert_eq!(cleared, channel.is_some_and(|channel| channel.cached_messages() == 0));
            }
            Step::Forget => {
                // What is told is told before.
                self.events(usize::MAX);
                self.chat.forget_channels();
                self.ledger.forget_channels();
                assert_eq!(self.chat.stats().cached_bytes, 0);
            }
            other => unreachable!("{other:?} is no intent"),
        }
    }

    /// An intent: after an error nothing has changed.
    fn intent<T>(&mut self, call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>) -> Option<T> {
        let before = self.snapshot();
        let result = call(&mut self.chat);
        if let Err(error) = &result {
            assert_eq!(before, self.snapshot(), "changed after {error:?}");
        }
        result.ok()
    }

    /// A chat operation: possible on the front end only, and on its way once it is accepted.
    fn operation<T>(&mut self, call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>) -> Option<T> {
        let before = self.chat.buffered_bytes();
        let accepted = self.intent(call)?;
        assert_eq!(self.chat.state(), State::ConnectedToFrontEnd);
        assert!(self.chat.buffered_bytes() > before);
        let link = self.newest.and_then(|link| self.links.get_mut(&link));
        // A driver that knows of the link's end may know it before the client acts on it.
        if let Some(link) = link {
            link.accepted += 1;
        }
        Some(accepted)
    }

    fn snapshot(&self) -> Snapshot {
        let channel = |name: &&str| {
            self.chat.channel(name).map(|channel| {
                let can_chat = self.chat.can_chat_in_channel(name);
                (channel.is_subscribed(), can_chat, channel.last_id(), channel.cached_messages())
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
        assert!(self.links.contains_key(&link) || !self.chat.wants_input(link), "wants input of a link that is gone");
    }

    fn newest_hears(&mut self, input: LinkInput<'_>) {
        if let Some(link) = self.newest.filter(|link| self.links.contains_key(link)) {
            self.hears(link, input);
        }
    }

    fn received(&mut self, delivered: &Delivered<'_>) {
        let Some(link) = self.newest else { return };
        let Some(server) = self.links.get_mut(&link) else { return };
        server.astray |= delivered.said.is_arbitrary() || matches!(delivered.way, Way::Flipped { .. } | Way::Cut(_));
        let cipher = if delivered.encrypted { server.cipher() } else { None };
        let mut bytes = delivered.said.bytes(self.setup.protocol, cipher);
        let mut second = Vec::new();
        match delivered.way {
            Way::Whole => {}
            Way::Split(at) => second = bytes.split_off(bytes.len().min(at.into())),
            Way::Flipped { at, bits } => {
                let index = usize::from(at) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(index) {
                    *byte ^= bits;
                }
            }
            Way::Cut(count) => bytes.truncate(bytes.len().saturating_sub(count.into())),
        }
        for chunk in [bytes, second] {
            self.ledger.overran |= !self.chat.wants_input(link) || chunk.len() > OVERRUN;
            self.newest_hears(LinkInput::Received(&chunk));
        }
    }

    fn commands(&mut self) {
        while let Some(command) = self.chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, .. } => {
                    assert!(self.opened_ever.insert(link), "a link was reused");
                    assert!(target.port > 0 && !target.host.is_empty());
                    let front_end = target.port >= FRONT_END_PORT;
                    let server = ServerLink::new(self.setup.protocol, self.setup.encryption, front_end);
                    self.links.insert(link, server);
                    self.newest = Some(link);
                }
                LinkCommand::Close { link } => {
                    assert!(self.links.remove(&link).is_some(), "closed a link that is not there");
                    assert!(!self.chat.wants_input(link), "wants input of a link that it closes");
                }
            }
        }
        assert!(self.links.len() <= MOST_LINKS, "{} links", self.links.len());
    }

    /// Each link takes up to so many bytes.
    fn transmit(&mut self, most: usize) {
        for (&link, server) in &mut self.links {
            let Some(bytes) = self.chat.transmit(self.now, link) else { continue };
            assert!(!bytes.is_empty());
            let first = bytes.to_vec();
            let sent = &first[..first.len().min(most)];
            assert_eq!(self.chat.transmit(self.now, link), Some(&first[..]), "not the same bytes again");
            self.chat.transmitted(link, sent.len());
            server.take(sent);
            if let Some(transcript) = &mut self.transcript {
                (link, sent).hash(transcript);
            }
        }
    }

    fn transmitted_too_much(&mut self) {
        let Some(link) = self.newest else { return };
        if let Some(bytes) = self.chat.transmit(self.now, link) {
            let bytes = bytes.to_vec();
            if let Some(server) = self.links.get_mut(&link) {
                server.take(&bytes);
            }
        }
        self.chat.transmitted(link, usize::MAX);
        assert_eq!(self.chat.transmit(self.now, link), None);
    }

    fn events(&mut self, most: usize) {
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
        for _ in 0..MOST_SERVICES {
            let serviced = self.chat.service(self.now);
            // Input waits while too many events do.
            let held_up = self.setup.small_events && self.chat.queued_events() > 0;
            self.events(usize::MAX);
            self.transmit(usize::MAX);
            self.commands();
            if serviced.more {
                continue;
            }
            let deadline = self.chat.poll_timeout();
            let due = deadline.is_some_and(|at| at <= self.now) && self.now != Timestamp::MAX;
            assert!(!due || held_up, "a busy deadline: {deadline:?} at {:?}", self.now);
            if !due {
                return self.at_rest();
            }
        }
        panic!("service never has enough");
    }

    /// All is told, sent and taken.
    fn at_rest(&self) {
        assert_eq!((self.chat.state(), self.chat.queued_events()), (self.ledger.told, 0));
        if let Some(link) = self.newest.and_then(|link| self.links.get(&link)) {
            assert_eq!(link.arrived, link.accepted, "of what was accepted, and what was sent");
        }
        let channels: BTreeSet<&str> = self.chat.public_channels().map(|channel| channel.name().as_str()).collect();
        self.ledger.is_in(&channels);
        let connected = self.chat.state() == State::ConnectedToFrontEnd;
        for name in NAMES {
            let can = self.chat.can_chat_in_channel(name);
            assert!(!can || connected && channels.contains(name), "can chat in {name:?}");
        }
        for channel in self.chat.public_channels().chain(self.chat.private_channels()) {
            assert_eq!(channel.messages().count(), channel.cached_messages());
            assert!(channel.cached_messages() <= self.setup.cache_messages);
        }
    }

    /// Everything that was asked has its outcome in the end.
    pub(super) fn finish(&mut self) {
        self.chat.disconnect();
        self.events(usize::MAX);
        self.ledger.finish();
        assert_eq!(self.ledger.told, self.chat.state());
        self.now = self.now.plus_millis(2_000);
        self.turn();
        assert!(self.links.is_empty(), "links left open: {:?}", self.links.keys());
        assert_eq!((self.chat.buffered_bytes(), self.chat.poll_timeout()), (0, None));
        assert_eq!(self.chat.poll_event(), None);
    }
}

fn property_options(expected: bool, properties: &[(chat_core::Value, chat_core::Value)]) -> PropertyOptions {
    let options = PropertyOptions::new().web_forward(expected);
    if expected { options.expected(properties) } else { options }
}
