//! [`Expectations`]: the events that the contract allows after those that have come.

use super::coming_back::ComingBack;
use super::samples::Name;
use super::setup::Setup;
use chat_core::{
    CauseKind, ChannelOutcome, DisconnectCause, Event, MessageToken, Messages, Outcome, RequestId,
    Server, State, Text,
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
    /// Whether the next login may be one of another user or region, which has other positions.
    is_other_login: bool,
    /// The user of the last `Authenticated`.
    user: Option<Text>,
    /// The user of the last login to the front end: the positions are this one's.
    positions_of: Option<Text>,
    /// What the client does by itself after an end.
    pub(super) coming_back: ComingBack,
    /// The latest message that was accepted.
    latest_token: Option<MessageToken>,
    /// The messages without a result, if results are reported.
    unconfirmed: Option<BTreeSet<MessageToken>>,
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
            is_other_login: true,
            user: None,
            positions_of: None,
            coming_back: ComingBack::new(setup),
            latest_token: None,
            unconfirmed: setup.confirms().then(BTreeSet::new),
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

    /// A message was accepted.
    pub(super) fn sent(&mut self, token: MessageToken) {
        assert!(
            self.latest_token.is_none_or(|latest| latest < token),
            "tokens count up"
        );
        self.latest_token = Some(token);
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.insert(token);
        }
    }

    fn confirmed(&mut self, token: MessageToken) {
        let was_open = self.unconfirmed.as_mut().map(|open| open.remove(&token));
        assert_eq!(was_open, Some(true), "a result of no message: {token:?}");
    }

    /// The user or the region of the next login may be another one.
    pub(super) fn changed_login(&mut self) {
        self.is_other_login = true;
    }

    pub(super) fn forget_channels(&mut self) {
        self.channels.clear();
        self.positions.clear();
        self.coming_back.forget_channels();
    }

    /// The program ended, and the next one has the kept state: what the events have shown of
    /// positions still holds.
    pub(super) fn restarted(&mut self, setup: &Setup) {
        let wanted = std::mem::replace(&mut self.coming_back, ComingBack::new(setup)).into_wanted();
        let before = std::mem::replace(self, Self::new(setup));
        self.positions = before.positions;
        self.is_other_login = before.is_other_login;
        (self.user, self.positions_of) = (before.user, before.positions_of);
        self.coming_back.wants(wanted.into_iter());
    }

    pub(super) fn event(&mut self, event: &Event) {
        let error_due = std::mem::take(&mut self.error_due);
        assert_eq!(
            error_due,
            matches!(event, Event::Error { .. }),
            "{event:?} after {:?}",
            self.state
        );
        self.coming_back.check_order(event);
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
                self.coming_back.ended();
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
            Event::Authenticated(login) => {
                let logging_in = matches!(
                    self.state,
                    State::ConnectedToNameServer | State::ConnectingToFrontEnd
                );
                assert!(logging_in, "logged in in {:?}", self.state);
                self.user = Some(login.user_id.clone());
            }
            Event::ReconnectScheduled { attempt, after } => {
                assert_eq!(self.state, State::Error, "{event:?}");
                self.coming_back.scheduled(*attempt, *after);
            }
            Event::CredentialsNeeded => self.coming_back.needs_credentials(self.state),
            Event::ReconnectGaveUp { .. } => self.coming_back.gave_up(self.state),
            Event::Restored { failed, .. } => self.coming_back.restored(self.state, failed),
            Event::MessageUnconfirmed { token } => self.confirmed(*token),
            // Requests without a connection are settled when something withdraws them.
            Event::SubscribeResult(_) | Event::UnsubscribeResult(_) if self.coming_back.is_on() => {
                self.chat_event(event);
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
        self.coming_back.state_changed(from, to);
        if from == State::ConnectedToFrontEnd {
            assert!(
                self.open.is_empty() || self.coming_back.is_on(),
                "requests without an outcome at the end: {:?}",
                self.open
            );
            self.channels.clear();
        }
        if to == State::ConnectedToFrontEnd {
            // The server decides who the user is. Spec: chat.md 10.3.
            let is_other_user = self.user != self.positions_of;
            if std::mem::take(&mut self.is_other_login) || is_other_user {
                self.positions.clear();
            }
            self.positions_of.clone_from(&self.user);
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
                        let name = outcome.channel.as_str();
                        let is_asked = self.open.values().any(|names| names.contains(name));
                        self.coming_back.left(name, is_asked);
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
            Event::MessageSent { token, .. } | Event::MessageRefused { token, .. } => {
                self.confirmed(*token);
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
        // A client that comes back reports only which channels have failed.
        let is_reported =
            |name: &&str| self.channels.contains(*name) || !self.coming_back.may_be_in(name);
        let known = channels
            .iter()
            .copied()
            .filter(comparable)
            .filter(is_reported);
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
        let unconfirmed = self.unconfirmed.as_ref().map_or(0, BTreeSet::len);
        assert_eq!(unconfirmed, 0, "messages without a result");
    }
}
