//! The pump: links and time in, commands, bytes and events out. The contract stands at the top of the crate.

use super::login::{Action, LoginFlow};
use crate::address::ServerAddress;
use crate::client::ChatClient;
use crate::config::ChatConfig;
use crate::error::{RegionsError, RequestError};
use crate::event::{BadMessage, Event, RequestId};
use crate::event_queue::EventQueue;
use crate::incoming::Incoming;
use crate::link::{LinkCommand, LinkId, LinkInput};
use crate::messages::MessagesBuilder;
use crate::model::{Model, NameMap};
use crate::operation::pending::OpenRequests;
use crate::peer::carrier::Carrier;
use crate::peer::{Peer, Phase, Received};
use crate::state::{CauseKind, Server, State};
use crate::stats::Stats;
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use photon_proto::message::Header;
use photon_proto::{HashKeys, Protocol, Timestamp};

/// How many links may still be sending what was accepted before their end; beyond that the oldest is cut short.
const MAX_RETIRED_LINKS: usize = 8;

/// What `service` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serviced {
    /// Whether another call at the same time would do more: input is left, or a timer that is due had to wait because
    /// the state changed. Input that waits for events to be taken does not count. When to call next is [`ChatClient::poll_timeout`], and only that.
    pub more: bool,
}

/// Requests whose outcome is open.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) subscribe: OpenRequests,
    pub(crate) unsubscribe: OpenRequests,
    next: u64,
}

impl Requests {
    pub(crate) fn new(keys: HashKeys) -> Self {
        let open = || OpenRequests::new(NameMap::with_hasher(keys));
        Self {
            subscribe: open(),
            unsubscribe: open(),
            next: 1,
        }
    }

    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        earlier(self.subscribe.deadline(now), self.unsubscribe.deadline(now))
    }
}

/// A link that only goes on sending what was accepted before its end.
#[derive(Debug)]
pub(crate) struct Retired {
    link: LinkId,
    carrier: Carrier,
    flush: Timer,
    /// Whether it was ended on purpose, and not by what the peer or the link did.
    on_purpose: bool,
}

impl Retired {
    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        earlier(self.flush.deadline(now), self.carrier.deadline())
    }
}

impl ChatClient {
    // Time.

    /// Takes the time of a call, and starts what an intent has armed.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Timestamp {
        // A time before the last one counts as the last.
        self.now = self.now.max(now);
        if core::mem::take(&mut self.armed) {
            let now = self.now;
            self.login.start_timers(now);
            self.requests.subscribe.start_timers(now);
            self.requests.unsubscribe.start_timers(now);
            self.regions.iter_mut().for_each(|timer| timer.start(now));
            for retired in &mut self.retired {
                retired.flush.start(now);
                retired.carrier.start_retiring(now);
            }
        }
        self.now
    }

    /// Arms a timer; it starts with the next call that brings a time.
    pub(crate) fn arm(&mut self, set: impl FnOnce(&mut Self, u64), after_ms: u64) {
        set(self, after_ms);
        self.armed = true;
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let now = self.now;
        let holds_input = self.holds_input();
        if self.armed || (holds_input && self.has_event_room()) {
            return Some(now);
        }
        let retired = self
            .retired
            .iter()
            .map(|retired| retired.deadline(now))
            .fold(None, earlier);
        let always = earlier(
            retired,
            self.peer
                .as_ref()
                .and_then(|peer| peer.upkeep_deadline(now)),
        );
        if holds_input {
            // What is waited for may lie in it: nothing is late until it is processed.
            return always;
        }
        let silence = self
            .peer
            .as_ref()
            .and_then(|peer| peer.silence_deadline(now));
        let regions = self.regions.front().and_then(|timer| timer.deadline(now));
        [
            silence,
            regions,
            self.requests.deadline(now),
            self.login.deadline(now),
        ]
        .into_iter()
        .fold(always, earlier)
    }

    fn holds_input(&self) -> bool {
        self.peer.as_ref().is_some_and(Peer::has_input)
    }

    /// Whether input is held that `service` could act on.
    fn can_process(&self) -> bool {
        self.holds_input() && self.has_event_room()
    }

    fn has_event_room(&self) -> bool {
        !self.events.is_full(self.config.event_cap_bytes)
    }

    // Driver side.

    pub(crate) fn take_input(&mut self, now: Timestamp, link: LinkId, input: LinkInput<'_>) {
        let now = self.advance(now);
        if let Some(peer) = self.peer.as_mut().filter(|peer| peer.link == link) {
            if matches!(
                input,
                LinkInput::Opened { .. } | LinkInput::Closed | LinkInput::Failed(_)
            ) {
                // Not the words: they may be a server's, and name a user.
                let what: &dyn core::fmt::Debug = if let LinkInput::Failed(error) = &input {
                    &error.kind
                } else {
                    &input
                };
                self.config
                    .log_net(log::Level::Debug, format_args!("{link}: {what:?}"));
            }
            peer.handle(now, input, &self.config);
        } else if let LinkInput::Received(bytes) = input {
            if let Some(retired) = self.retired.iter_mut().find(|retired| retired.link == link) {
                // Acknowledgements, perhaps; messages are of no interest any more.
                retired.carrier.receive(now, bytes);
                self.close_flushed();
            }
        } else if matches!(input, LinkInput::Closed | LinkInput::Failed(_)) {
            if let Some(index) = self.retired.iter().position(|retired| retired.link == link) {
                self.close_retired(index);
            }
            // The link is gone on both sides: a `Close` that was not taken yet has nothing left to close.
            self.commands
                .retain(|command| *command != LinkCommand::Close { link });
        }
    }

    pub(crate) fn run_service(&mut self, now: Timestamp) -> Serviced {
        let now = self.advance(now);
        if self.next_deadline().is_none_or(|at| at > now) {
            return Serviced { more: false };
        }
        if let Some(peer) = &mut self.peer {
            peer.run_carrier(now);
        }
        let state = self.state;
        let mut budget = self.config.max_messages_per_service;
        while budget > 0 && self.state == state && self.can_process() {
            budget -= 1;
            let next = self.process(now);
            self.apply(now, next);
        }
        if self.state == state {
            self.run_timers(now);
        }
        // What this call itself has armed starts in it.
        self.advance(now);
        Serviced {
            more: self.next_deadline().is_some_and(|at| at <= now),
        }
    }

    /// Processes one message, or the end of the link.
    fn process(&mut self, now: Timestamp) -> Action {
        let Some(peer) = &mut self.peer else {
            return Action::Nothing;
        };
        let (server, phase) = (peer.server, peer.phase);
        let received = match peer.receive(now) {
            Received::Nothing => return Action::Nothing,
            Received::Greeted => return Action::Greeted,
            Received::Broken(error) => {
                self.end_peer(CauseKind::BadStream(error), |cause| cause);
                return Action::Nothing;
            }
            Received::Ended(end) => {
                self.link_ended(end);
                return Action::Nothing;
            }
            Received::Bad { error, message } => Err((error, message)),
            Received::Message { kind, message } => Ok((kind, message)),
        };
        let (error, message) = match received {
            Ok((kind, message)) => {
                let mut incoming = Incoming {
                    config: &self.config,
                    state: self.state,
                    server,
                    greeted: matches!(phase, Phase::Keying | Phase::Ready),
                    expects_key: phase == Phase::Keying,
                    expects_login: self.login.expects_login(),
                    events: &mut self.events,
                    model: &mut self.model,
                    requests: &mut self.requests,
                    regions: &mut self.regions,
                    builder: &mut self.builder,
                    stats: &mut self.stats,
                };
                match incoming.message(kind, message.get(Header::LENGTH..).unwrap_or_default()) {
                    Ok(next) => {
                        self.stats.received_messages += 1;
                        return next;
                    }
                    Err(error) => (error, message),
                }
            }
            Err(bad) => bad,
        };
        self.stats.bad_messages += 1;
        self.config.log_net(
            log::Level::Warn,
            format_args!("{server}: a message was skipped: {error}"),
        );
        self.events.push(Event::BadMessage(Box::new(BadMessage {
            error,
            bytes: Bytes::copy_from_slice(message),
        })));
        Action::Nothing
    }

    fn run_timers(&mut self, now: Timestamp) {
        self.flush_retired(now);
        if let Some(peer) = &mut self.peer {
            peer.run_ping(now);
        }
        if self.holds_input() {
            // What is waited for may lie in it. But a server that floods a client does not keep it connecting for ever.
            if let (true, Some(step)) = (self.can_process(), self.login.overdue(now)) {
                self.deadline_passed(step);
            }
            return;
        }
        while self.regions.front().is_some_and(|timer| timer.is_due(now)) {
            self.regions.pop_front();
            self.events
                .push(Event::RegionsResult(Err(RegionsError::TimedOut)));
        }
        while let Some(outcomes) = self.requests.subscribe.time_out(now) {
            self.events.push(Event::SubscribeResult(outcomes));
        }
        while let Some(outcomes) = self.requests.unsubscribe.time_out(now) {
            self.events.push(Event::UnsubscribeResult(outcomes));
        }
        if let Some(step) = self.login.overdue(now) {
            self.deadline_passed(step);
        } else if let Some(silent_ms) = self.peer.as_ref().and_then(|peer| peer.silent_ms(now)) {
            self.end_peer(
                CauseKind::Silent {
                    elapsed: Duration::from_millis(silent_ms),
                },
                |cause| cause,
            );
        }
    }

    pub(crate) fn unsent(&mut self, now: Timestamp, link: LinkId) -> Option<&[u8]> {
        let now = self.advance(now);
        match &mut self.peer {
            Some(peer) if peer.link == link => peer.transmit(now),
            _ => self
                .retired
                .iter_mut()
                .find(|retired| retired.link == link)?
                .carrier
                .transmit(now),
        }
    }

    pub(crate) fn sent(&mut self, link: LinkId, bytes: usize) {
        if let Some(peer) = self.peer.as_mut().filter(|peer| peer.link == link) {
            peer.transmitted(bytes);
        } else if let Some(retired) = self.retired.iter_mut().find(|retired| retired.link == link) {
            retired.carrier.transmitted(bytes);
            self.close_flushed();
        }
    }

    pub(crate) fn link_wants_input(&self, link: LinkId) -> bool {
        match &self.peer {
            Some(peer) if peer.link == link => peer.wants_input(),
            // Input of a retired link is thrown away, but a driver that went on reading learns of its end.
            _ => self.retired.iter().any(|retired| retired.link == link),
        }
    }

    // Links.

    pub(crate) fn open_peer(&mut self, server: Server, address: &ServerAddress) {
        let link = LinkId(self.next_link);
        self.next_link = self.next_link.saturating_add(1);
        let (target, wire) = (
            address.target(server, &self.config),
            address.wire(&self.config),
        );
        self.config.log_net(
            log::Level::Debug,
            format_args!("{server}: {link} to {target}"),
        );
        self.commands
            .push_back(LinkCommand::Open { link, target, wire });
        self.peer = Some(Peer::new(
            server,
            link,
            wire,
            &mut self.random,
            &self.config,
        ));
    }

    /// Ends the current peer at once; nothing more is sent than what says so, where that has to be said.
    pub(crate) fn drop_peer(&mut self) {
        self.end_link(false, Carrier::cut);
    }

    /// Lets the current peer's link send what is left, then closes it.
    pub(crate) fn retire_peer(&mut self) {
        let flush_ms = self.config.flush_timeout_ms;
        self.end_link(true, |carrier| carrier.retire(flush_ms));
    }

    fn end_link(&mut self, on_purpose: bool, end: impl FnOnce(&mut Carrier)) {
        let Some(peer) = self.peer.take() else { return };
        if peer.link_is_gone() {
            return;
        }
        let (link, opened) = (peer.link, peer.opened());
        let mut carrier = peer.into_carrier();
        carrier.stop_listening();
        end(&mut carrier);
        if !opened || carrier.is_flushed() {
            return self.close(link);
        }
        if self.retired.len() >= MAX_RETIRED_LINKS {
            self.close_retired(0);
        }
        let flush = Timer::Armed {
            after_ms: self.config.flush_timeout_ms,
        };
        self.retired.push(Retired {
            link,
            carrier,
            flush,
            on_purpose,
        });
        self.armed = true;
    }

    fn close_retired(&mut self, index: usize) {
        let retired = self.retired.remove(index);
        if self.retired.is_empty() {
            // A move to the front end comes once, and a client lives long.
            self.retired = Vec::new();
        }
        self.stats.closed_with_unsent_data +=
            u64::from(retired.on_purpose && retired.carrier.lost_something());
        self.close(retired.link);
    }

    /// Closes retired links that have nothing left to send.
    fn close_flushed(&mut self) {
        while let Some(index) = self
            .retired
            .iter()
            .position(|retired| retired.carrier.is_flushed())
        {
            self.close_retired(index);
        }
    }

    /// A link that the driver has not heard of yet needs no closing.
    fn close(&mut self, link: LinkId) {
        let opening = |command: &LinkCommand| matches!(command, LinkCommand::Open { link: opened, .. } if *opened == link);
        if let Some(index) = self.commands.iter().position(opening) {
            self.commands.remove(index);
        } else {
            self.commands.push_back(LinkCommand::Close { link });
        }
    }

    fn flush_retired(&mut self, now: Timestamp) {
        for retired in &mut self.retired {
            retired.carrier.run_timers(now);
        }
        self.close_flushed();
        while let Some(index) = self
            .retired
            .iter()
            .position(|retired| retired.flush.is_due(now))
        {
            self.close_retired(index);
        }
    }

    // Endings and state.

    pub(crate) fn set_state(&mut self, to: State) {
        let from = core::mem::replace(&mut self.state, to);
        if from == State::ConnectedToFrontEnd {
            self.model.front_end_lost();
        }
        self.log(
            log::Level::Info,
            format_args!("{} -> {}", from.name(), to.name()),
        );
        self.events.push(Event::StateChanged { from, to });
    }

    /// The failed results of everything that is open on the connection that ends. Spec: chat.md 6.2.
    pub(crate) fn fail_open_requests(&mut self) {
        for _ in self.regions.drain(..) {
            self.events
                .push(Event::RegionsResult(Err(RegionsError::ConnectionLost)));
        }
        for outcomes in self.requests.subscribe.lose() {
            self.events.push(Event::SubscribeResult(outcomes));
        }
        for outcomes in self.requests.unsubscribe.lose() {
            self.events.push(Event::UnsubscribeResult(outcomes));
        }
    }

    pub(crate) fn end_by_application(&mut self) {
        match self.state {
            State::Uninitialized | State::Disconnected => return,
            _ => self.fail_open_requests(),
        }
        self.retire_peer();
        self.login.halt();
        self.set_state(State::Disconnected);
    }

    // For intents.

    /// Calls that raise an event are refused while too many wait.
    pub(crate) fn check_events(&self) -> Result<(), RequestError> {
        if self.has_event_room() {
            Ok(())
        } else {
            Err(RequestError::QueueFull)
        }
    }

    /// What a chat operation is written with, in the only state that allows it.
    pub(crate) fn chatting(&mut self) -> Result<(&ChatConfig, &mut Peer), RequestError> {
        match (self.state, &mut self.peer) {
            (State::ConnectedToFrontEnd, Some(peer)) => Ok((&self.config, peer)),
            (state, _) => Err(RequestError::WrongState(state)),
        }
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        let id = RequestId(self.requests.next);
        self.requests.next = self.requests.next.saturating_add(1);
        self.armed = true;
        id
    }

    pub(crate) fn log(&self, level: log::Level, words: fmt::Arguments<'_>) {
        self.config.log(level, words);
    }

    pub(crate) fn held_bytes(&self) -> usize {
        let retired = self
            .retired
            .iter()
            .map(|retired| retired.carrier.buffered_bytes())
            .sum::<usize>();
        retired.saturating_add(self.peer.as_ref().map_or(0, Peer::buffered_bytes))
    }

    pub(crate) fn current_stats(&self) -> Stats {
        let round_trip = self.peer.as_ref().and_then(Peer::round_trip_ms);
        let whole = |ms| Duration::from_millis(u64::from(ms));
        Stats {
            udp: self.peer.as_ref().and_then(Peer::udp_stats),
            round_trip: round_trip.map(|(round_trip, _)| whole(round_trip)),
            round_trip_variance: round_trip.map(|(_, variance)| whole(variance)),
            buffered_bytes: self.held_bytes(),
            cached_bytes: self.model.cached_bytes(),
            ..self.stats
        }
    }
}

impl ChatConfig {
    /// One line of the client's log, if its level allows it.
    pub(crate) fn log(&self, level: log::Level, words: fmt::Arguments<'_>) {
        if level <= self.log_level {
            log::log!(target: "photon_chat::chat", level, "{words}");
        }
    }

    /// One line about links and bytes.
    pub(crate) fn log_net(&self, level: log::Level, words: fmt::Arguments<'_>) {
        if level <= self.log_level {
            log::log!(target: "photon_chat::net", level, "{words}");
        }
    }
}

/// The parts of a new client.
pub(crate) fn new_client(mut config: ChatConfig, seed: [u8; 32]) -> ChatClient {
    if config.json {
        // What everything above the carrier writes and reads.
        config.protocol = Protocol::V18;
    }
    let mut random = photon_proto::Random::new(seed);
    let keys = HashKeys::new(&mut random);
    let model = Model::new(keys, &config);
    ChatClient {
        config,
        random,
        now: Timestamp::ZERO,
        armed: false,
        state: State::Uninitialized,
        events: EventQueue::default(),
        commands: VecDeque::new(),
        next_link: 1,
        peer: None,
        retired: Vec::new(),
        login: LoginFlow::default(),
        requests: Requests::new(keys),
        regions: VecDeque::new(),
        model,
        builder: MessagesBuilder::default(),
        stats: Stats::default(),
    }
}
