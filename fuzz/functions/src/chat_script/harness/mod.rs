//! [`Harness`]: a client with its application, its driver and its servers, and the checks of the
//! contract after each step.

mod application;
mod at_rest;
mod driver;

use super::expectations::Expectations;
use super::samples::NAMES;
use super::script::Step;
use super::server::ServerLink;
use super::setup::Setup;
use chat_core::{ChatClient, LinkId, State, Stats, Text, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The maximum of open links: the current one and those that send their last bytes.
const MAX_LINKS: usize = 9;
/// Bytes that logins, pings and key exchanges may add to a link beyond the application's cap.
const ABOVE_OUTGOING_CAP: usize = 2_000;
/// Bytes of a chunk that a stream client accepts although it wants no input. See the contract in the
/// docs of `chat_core`, item 5.
const OVERRUN: usize = 64 * 1024;
/// Bytes that the UDP receiver may keep beyond the incoming cap: a datagram, and the costs of the
/// commands in it.
const DATAGRAM: usize = 4 * 1024;

pub(super) struct Harness {
    setup: Setup,
    chat: ChatClient,
    expectations: Expectations,
    now: Timestamp,
    /// The links that the driver has, each with its server.
    links: BTreeMap<LinkId, ServerLink>,
    newest: Option<LinkId>,
    /// The server of the newest link, once the client has closed this link.
    closed_newest: Option<ServerLink>,
    opened_ever: BTreeSet<LinkId>,
    reached_front_end: bool,
    /// A hash of all bytes and events, if the script is played twice.
    transcript: Option<DefaultHasher>,
    /// Whether steps and events are printed.
    is_verbose: bool,
}

/// The state that a failed call must not change.
#[derive(Debug, PartialEq)]
struct Snapshot {
    state: State,
    queued_events: usize,
    timeout: Option<Timestamp>,
    stats: Stats,
    user_id: Text,
    /// Of each sample name: subscribed, can chat, last id, cached messages.
    channels: Vec<Option<(bool, bool, i32, usize)>>,
}

impl Harness {
    pub(super) fn new(setup: &Setup, is_verbose: bool) -> Self {
        Self {
            chat: ChatClient::new(setup.config(), [9; 32]),
            expectations: Expectations::new(setup),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            newest: None,
            closed_newest: None,
            opened_ever: BTreeSet::new(),
            reached_front_end: false,
            transcript: setup.twice.0.then(DefaultHasher::new),
            is_verbose,
            setup: setup.clone(),
        }
    }

    /// Whether the client was ever connected to the front end.
    pub(super) const fn reached_front_end(&self) -> bool {
        self.reached_front_end
    }

    pub(super) fn transcript(&self) -> Option<u64> {
        self.transcript.as_ref().map(DefaultHasher::finish)
    }

    pub(super) fn step(&mut self, step: &Step) {
        if self.is_verbose {
            println!("{step:?}");
        }
        match step {
            Step::Call(call) => self.call(call),
            Step::Receive(inbound) => self.receive(inbound),
            Step::Drive(drive) => self.drive(drive),
        }
        self.reached_front_end |= self.chat.state() == State::ConnectedToFrontEnd;
        self.check_caps();
    }

    fn check_caps(&self) {
        let stats = self.chat.stats();
        assert_eq!(stats.buffered_bytes, self.chat.buffered_bytes());
        let outgoing = MAX_LINKS * (self.setup.outgoing_cap() + ABOVE_OUTGOING_CAP);
        let incoming = self.setup.incoming_cap() + self.max_chunk_bytes() + DATAGRAM;
        assert!(
            stats.buffered_bytes <= outgoing + incoming,
            "{} bytes buffered",
            stats.buffered_bytes
        );
        assert!(
            stats.cached_bytes <= Setup::CACHE_BYTES,
            "{} bytes cached",
            stats.cached_bytes
        );
        // On a connection, messages wait for their channel up to the other cap.
        let queue_cap = self
            .setup
            .queue_cap()
            .map_or(0, |cap| cap.max(self.setup.outgoing_cap()));
        assert!(
            stats.queued_bytes <= queue_cap,
            "{} bytes queued",
            stats.queued_bytes
        );
    }

    fn snapshot(&self) -> Snapshot {
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

    /// The application takes up to so many events.
    fn take_events(&mut self, max: usize) {
        for _ in 0..max {
            let queued = self.chat.queued_events();
            let Some(event) = self.chat.poll_event() else {
                assert_eq!(queued, 0);
                break;
            };
            assert_eq!(self.chat.queued_events(), queued - 1);
            if self.is_verbose {
                println!("    {event:?}");
            }
            self.expectations.event(&event);
            if let Some(transcript) = &mut self.transcript {
                format!("{event:?}").hash(transcript);
            }
        }
    }
}
