//! [`Expectations`]: the events that the contract allows after those that have come.

use super::samples::Name;
use super::setup::Setup;
use chat_core::{
    CauseKind, ChannelOutcome, DisconnectCause, Event, Messages, Outcome, RequestId, Server, State,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Expectations {
    /// The state after the last `StateChanged`.
    state: State,
    /// Whether the next event has to be `Error`.
    error_due: bool,
    /// The names of each request that have no outcome yet.
    open: BTreeMap<RequestId, BTreeSet<&'static str>>,
    latest: Option<RequestId>,
    /// Accepted calls of `get_regions`.
    pub(super) regions_requested: usize,
    /// Results of them.
    region_results: usize,
    /// The channels that the events report as subscribed.
    channels: BTreeSet<String>,
    /// The position of each channel in its present life, as the events show it.
    positions: BTreeMap<String, i32>,
    /// Whether the driver has ever passed more input than the client wanted.
    pub(super) overran: bool,
    /// The number of name server addresses.
    addresses: usize,
}

impl Expectations {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            state: State::Uninitialized,
            error_due: false,
            open: BTreeMap::new(),
            latest: None,
            regions_requested: 0,
            region_results: 0,
            channels: BTreeSet::new(),
            positions: BTreeMap::new(),
            overran: false,
            addresses: setup.addresses().len(),
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// A request was accepted.
    pub(super) fn requested(&mut self, id: RequestId, names: &[Name]) {
        assert!(
            self.latest.is_none_or(|latest| latest < id),
            "request ids count up"
        );
        self.latest = Some(id);
        self.open
            .insert(id, names.iter().map(|name| name.as_str()).collect());
    }

    pub(super) fn forget_channels(&mut self) {
        self.channels.clear();
        self.positions.clear();
    }

    pub(super) fn event(&mut self, event: &Event) {
        let error_due = std::mem::take(&mut self.error_due);
        assert_eq!(
            error_due,
            matches!(event, Event::Error { .. }),
            "{event:?} after {:?}",
            self.state
        );
        match event {
            Event::StateChanged { from, to } => self.state_changed(*from, *to),
            Event::Error {
                code,
                cause,
                message,
            } => {
                assert_ne!(code.code(), 0);
                assert!(!message.is_empty());
                self.check_attempt(cause);
                assert!(
                    self.overran || cause.kind != CauseKind::InputOverrun,
                    "overrun without too much input"
                );
            }
            Event::RegionsResult(result) => {
                self.region_results += 1;
                assert!(
                    self.region_results <= self.regions_requested,
                    "a result without a call"
                );
                assert_eq!(self.state, State::ConnectedToNameServer, "{result:?}");
            }
            Event::Authenticated(_) => {
                let logging_in = matches!(
                    self.state,
                    State::ConnectedToNameServer | State::ConnectingToFrontEnd
                );
                assert!(logging_in, "logged in in {:?}", self.state);
            }
            Event::BadMessage(bad) => assert!(bad.error.offset <= bad.bytes.len(), "{}", bad.error),
            chat => {
                assert_eq!(self.state, State::ConnectedToFrontEnd, "{chat:?}");
                self.chat_event(chat);
            }
        }
    }

    /// An attempt has one cause for each address of the name server. A `reconnect` tries the front
    /// end before, which is one more.
    fn check_attempt(&self, cause: &DisconnectCause) {
        let servers: Vec<Server> = cause
            .earlier
            .iter()
            .chain([cause])
            .map(|cause| cause.server)
            .collect();
        let name_servers = match &servers[..] {
            [Server::FrontEnd, others @ ..] => others,
            all => all,
        };
        assert!(name_servers.len() <= self.addresses, "{cause:?}");
        assert!(
            name_servers
                .iter()
                .all(|server| *server == Server::NameServer),
            "{cause:?}"
        );
        assert!(
            cause.earlier.iter().all(|cause| cause.earlier.is_empty()),
            "{cause:?}"
        );
    }

    fn state_changed(&mut self, from: State, to: State) {
        assert_eq!(from, self.state, "a state was skipped");
        assert_ne!(from, to);
        if from == State::ConnectedToFrontEnd {
            assert!(
                self.open.is_empty(),
                "requests without an outcome at the end: {:?}",
                self.open
            );
            self.channels.clear();
        }
        if to == State::ConnectedToFrontEnd {
            // Another user or region has other positions.
            self.positions.clear();
        }
        self.state = to;
        self.error_due = to == State::Error;
    }

    fn chat_event(&mut self, event: &Event) {
        match event {
            Event::SubscribeResult(outcomes) => {
                for outcome in outcomes {
                    self.settle(outcome);
                    if outcome.outcome == Outcome::Done {
                        self.channels.insert(outcome.channel.as_str().to_owned());
                    }
                }
            }
            Event::UnsubscribeResult(outcomes) => {
                for outcome in outcomes {
                    self.settle(outcome);
                    if outcome.outcome == Outcome::Done {
                        self.channels.remove(outcome.channel.as_str());
                        self.positions.remove(outcome.channel.as_str());
                    }
                }
            }
            Event::ChatMessages { channel, messages } => {
                self.check_position(channel, messages);
                assert!(!messages.is_empty());
                assert_eq!(messages.iter().count(), messages.len());
                let last = messages.get(messages.len() - 1).expect("the last one");
                assert_eq!(last.id, messages.last_id().filter(|id| *id > 0));
            }
            Event::Gap {
                channel,
                after,
                missing,
                new_life,
                ..
            } => {
                let position = self.positions.entry(channel.as_str().to_owned());
                let position = position.or_insert(0);
                assert!(*after >= *position, "a gap before the position: {event:?}");
                assert_ne!(*missing, Some(0), "a gap without messages: {event:?}");
                assert_eq!(missing.is_none(), *new_life, "{event:?}");
                *position = if *new_life { 0 } else { *after };
            }
            Event::PrivateMessage { message, .. } => {
                assert_eq!(message.sender(), message.get().sender);
            }
            _ => {}
        }
    }

    /// Within one life no message comes twice, and positions never go back.
    fn check_position(&mut self, channel: &str, messages: &Messages) {
        let ids: Vec<i32> = messages.iter().filter_map(|message| message.id).collect();
        // The highest id follows no rule.
        let (Some(&first), Some(&last)) = (ids.first(), ids.last().filter(|id| **id < i32::MAX))
        else {
            return;
        };
        let position = self.positions.entry(channel.to_owned()).or_insert(0);
        if messages.origin().moves_position() {
            assert!(*position < first, "{first} after {position} in {channel}");
            *position = last;
        }
    }

    fn settle(&mut self, outcome: &ChannelOutcome) {
        let Some(request) = outcome.request else {
            let by_server = matches!(outcome.outcome, Outcome::Done | Outcome::Refused);
            return assert!(
                by_server,
                "a client's outcome without a request: {outcome:?}"
            );
        };
        let names = self
            .open
            .get_mut(&request)
            .expect("an outcome of an open request");
        assert!(
            names.remove(outcome.channel.as_str()),
            "settled twice: {outcome:?}"
        );
        if names.is_empty() {
            self.open.remove(&request);
        }
    }

    /// The client knows as subscribed those channels that the events have reported.
    pub(super) fn check_channels(&self, channels: &BTreeSet<&str>) {
        // A name that the client could not decode is reported with U+FFFD in it, and not kept:
        // nobody could address such a channel. An event does not show which names these are.
        let comparable = |name: &&str| !name.contains(char::REPLACEMENT_CHARACTER);
        let reported = self.channels.iter().map(String::as_str).filter(comparable);
        let known = channels.iter().copied().filter(comparable);
        assert!(
            reported.eq(known),
            "the client knows {channels:?}, the events reported {:?}",
            self.channels
        );
    }

    /// After the last event each call has its result.
    pub(super) fn finish(&self) {
        assert!(!self.error_due, "an end in Error without the error");
        assert!(
            self.open.is_empty(),
            "requests without an outcome: {:?}",
            self.open
        );
        assert_eq!(self.regions_requested, self.region_results);
    }
}
