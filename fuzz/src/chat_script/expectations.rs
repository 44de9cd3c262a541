//! [`Expectations`]: what was asked and what has been told, event by event.

use super::samples::Name;
use super::script::Setup;
use chat_core::{
    CauseKind, ChannelOutcome, DisconnectCause, Event, Outcome, RegionsError, RequestId, Server,
    State,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Expectations {
    /// The state as the events tell it.
    pub(super) told: State,
    error_due: bool,
    /// The names of each request that wait for an outcome.
    open: BTreeMap<RequestId, BTreeSet<&'static str>>,
    latest: Option<RequestId>,
    pub(super) regions_asked: usize,
    regions_told: usize,
    /// The channels that the events tell the user to be in.
    channels: BTreeSet<String>,
    /// Whether the driver has ever handed over more than was wanted.
    pub(super) overran: bool,
    addresses: usize,
}

impl Expectations {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            told: State::Uninitialized,
            error_due: false,
            open: BTreeMap::new(),
            latest: None,
            regions_asked: 0,
            regions_told: 0,
            channels: BTreeSet::new(),
            overran: false,
            addresses: setup.addresses,
        }
    }

    /// A request was accepted.
    pub(super) fn asked(&mut self, id: RequestId, names: &[Name]) {
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
    }

    pub(super) fn event(&mut self, event: &Event) {
        let error_due = std::mem::take(&mut self.error_due);
        assert_eq!(
            error_due,
            matches!(event, Event::Error { .. }),
            "{event:?} after {:?}",
            self.told
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
                self.one_attempt(cause);
                assert!(
                    self.overran || cause.kind != CauseKind::InputOverrun,
                    "it was not too much"
                );
            }
            Event::RegionsResult(result) => {
                self.regions_told += 1;
                assert!(
                    self.regions_told <= self.regions_asked,
                    "a result that nobody asked for"
                );
                // Asked where there is no name server, it is answered at once; else while there is one.
                let nowhere = matches!(result, Err(RegionsError::NotConnected));
                assert!(
                    nowhere || self.told == State::ConnectedToNameServer,
                    "{result:?} in {:?}",
                    self.told
                );
            }
            Event::Authenticated(_) => {
                let logging_in = matches!(
                    self.told,
                    State::ConnectedToNameServer | State::ConnectingToFrontEnd
                );
                assert!(logging_in, "logged in in {:?}", self.told);
            }
            Event::BadMessage(bad) => assert!(bad.error.offset <= bad.bytes.len(), "{}", bad.error),
            chat => {
                assert_eq!(self.told, State::ConnectedToFrontEnd, "{chat:?}");
                self.chat_event(chat);
            }
        }
    }

    /// What went wrong at each address of the name server, once; before that perhaps on the short way of a `reconnect`.
    fn one_attempt(&self, cause: &DisconnectCause) {
        let servers: Vec<Server> = cause
            .earlier
            .iter()
            .chain([cause])
            .map(|cause| cause.server)
            .collect();
        let after_short_way = match &servers[..] {
            [Server::FrontEnd, others @ ..] => others,
            all => all,
        };
        assert!(after_short_way.len() <= self.addresses, "{cause:?}");
        assert!(
            after_short_way
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
        assert_eq!(from, self.told, "a state was skipped");
        assert_ne!(from, to);
        if from == State::ConnectedToFrontEnd {
            assert!(
                self.open.is_empty(),
                "requests without an outcome at the end: {:?}",
                self.open
            );
            self.channels.clear();
        }
        self.told = to;
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
                    }
                }
            }
            Event::ChatMessages { messages, .. } => {
                assert!(!messages.is_empty());
                assert_eq!(messages.iter().count(), messages.len());
                let last = messages.get(messages.len() - 1).expect("the last one");
                assert_eq!(last.id, messages.last_id().filter(|id| *id > 0));
            }
            Event::PrivateMessage { message, .. } => {
                assert_eq!(message.sender(), message.get().sender);
            }
            _ => {}
        }
    }

    fn settle(&mut self, outcome: &ChannelOutcome) {
        let Some(request) = outcome.request else {
            let by_server = matches!(outcome.outcome, Outcome::Done | Outcome::Refused);
            return assert!(by_server, "nobody asked: {outcome:?}");
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

    /// The channels that the client says it is in.
    pub(super) fn is_in(&self, channels: &BTreeSet<&str>) {
        assert!(
            self.channels
                .iter()
                .map(String::as_str)
                .eq(channels.iter().copied()),
            "{channels:?}"
        );
    }

    /// Nothing is open any more.
    pub(super) fn finish(&self) {
        assert!(!self.error_due, "the error never came");
        assert!(
            self.open.is_empty(),
            "requests without an outcome: {:?}",
            self.open
        );
        assert_eq!(self.regions_asked, self.regions_told);
    }
}
