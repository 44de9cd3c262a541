//! Restoring the wanted state after a login, and requests without a connection.
//! [`Resubscription`](crate::restore::Resubscription) decides, this file sends. Spec: chat.md 10 (R1).

use super::ChatClient;
use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::event::{ChannelOutcome, Event, RequestId};
use crate::link::LinkErrorKind;
use crate::model::Channel;
use crate::operation::names::check_names;
use crate::operation::pending::RequestKind;
use crate::operation::{friends, status, subscribe, unsubscribe};
use crate::options::{StatusMessage, SubscribeOptions};
use crate::restore::{
    AfterLoss, Finished, Reports, Request, Resubscription, Subscription, WantedMessage,
};
use crate::state::{CauseKind, DisconnectCause, DisconnectReason, State};
use crate::status::UserStatus;
use alloc::boxed::Box;
use alloc::vec::Vec;
use photon_proto::message::{Header, Message, MessageKind};
use photon_proto::{Encode, Limits, Text, Timestamp, Value};

/// The requests and queued messages that one call of `service` sends. The next call continues.
const MAX_SENT_PER_SERVICE: usize = 64;

/// How long a server resends a command that nobody acknowledges: 10 s, and the rest of the interval of
/// the last resend. Spec: udp.md 5.6.
const UNACKNOWLEDGED_MS: u64 = 15_000;

/// The result of sending the next request or message.
enum SentNext {
    Sent,
    Nothing,
    QueueFull,
    /// A request with too many or too long names.
    TooLong(Request),
    /// The next message can never be sent on this connection.
    Unsendable(RequestError),
}

impl ChatClient {
    // Requests without a connection.

    /// Whether a request is sent at once; otherwise it changes the wanted state only.
    ///
    /// # Errors
    /// [`RequestError::WrongState`] if there is no connection and nothing restores.
    pub(super) fn sends_at_once(&self) -> Result<bool, RequestError> {
        match (self.check_chatting(), &self.resubscription) {
            (Ok(()), _) => Ok(true),
            (Err(_), Some(_)) => Ok(false),
            (Err(error), None) => Err(error),
        }
    }

    pub(super) fn subscribe_later(
        &mut self,
        channels: impl Iterator<Item: AsRef<str>> + Clone,
        options: &SubscribeOptions,
    ) -> Result<RequestId, RequestError> {
        self.touch();
        let count = check_names(channels.clone(), "list of channels", "channel name")?;
        let checked = subscribe::check(options, count)?;
        self.check_encodes(|buffer, config| {
            Ok(subscribe::write(
                buffer,
                config,
                channels.clone(),
                &checked,
            )?)
        })?;
        // It may withdraw requests, which is an event.
        self.check_event_space()?;
        let id = self.pending.next_id();
        if let Some(restore) = &mut self.resubscription {
            let withdrawn = restore.subscribe_later(id, channels, options);
            self.report([Reports::new(), withdrawn]);
        }
        Ok(id)
    }

    pub(super) fn unsubscribe_later(
        &mut self,
        channels: impl Iterator<Item: AsRef<str>> + Clone,
    ) -> Result<RequestId, RequestError> {
        self.touch();
        check_names(channels.clone(), "list of channels", "channel name")?;
        self.check_encodes(|buffer, config| {
            Ok(unsubscribe::write(buffer, config, channels.clone())?)
        })?;
        self.check_event_space()?;
        let id = self.pending.next_id();
        if let Some(restore) = &mut self.resubscription {
            let withdrawn = restore.unsubscribe_later(id, channels);
            self.report([withdrawn, Reports::new()]);
        }
        Ok(id)
    }

    /// Encodes a request that is sent later, so that the call reports what can never be sent.
    pub(super) fn check_encodes(
        &self,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<Vec<u8>, RequestError> {
        let mut encoded = Vec::new();
        write(&mut encoded, &self.config)?;
        let max_bytes = self.config.peer.outgoing_cap_bytes;
        if encoded.len() > max_bytes {
            return Err(RequestError::TooLong { max_bytes });
        }
        Ok(encoded)
    }

    /// Notes the status that the application set, for the next login.
    pub(super) fn want_status(
        &mut self,
        status: UserStatus,
        message: StatusMessage<'_>,
        sent: bool,
    ) {
        let message = match message {
            StatusMessage::Clear => WantedMessage::Clear,
            StatusMessage::Keep => WantedMessage::Keep,
            StatusMessage::Set(text) => WantedMessage::Set(Box::new(text.into())),
            StatusMessage::SetValue(value) => {
                self.to_value(value).map_or(WantedMessage::Keep, |value| {
                    WantedMessage::Set(Box::new(value))
                })
            }
        };
        if let Some(restore) = &mut self.resubscription {
            restore.wanted.set_status(status, message);
            restore.wanted.status_is_unsent = !sent;
        }
    }

    /// Converts the application's value into one that can be kept: encodes it, and decodes that.
    fn to_value(&self, value: &dyn Encode) -> Option<Value> {
        let mut encoded = Vec::new();
        let message = StatusMessage::SetValue(value);
        status::write(&mut encoded, &self.config, UserStatus::ONLINE, message).ok()?;
        let body = encoded.get(Header::LENGTH..)?;
        // The limits are for what servers send. This is what the application may send, and it was
        // checked as that.
        let limits = Limits {
            max_received_bytes: usize::MAX,
            max_memory_bytes: usize::MAX,
            ..self.config.peer.limits
        };
        let decoded = Message::decode_tolerant(
            MessageKind::Request,
            self.config.binary_protocol(),
            &limits,
            body,
        );
        let Ok(Message::Request { mut params, .. }) = decoded else {
            debug_assert!(false, "what was encoded can be decoded");
            return None;
        };
        let [value] = params.pick([parameter::MESSAGE]).ok()?;
        value?.to_value(&limits).ok()
    }

    // A connection.

    /// Begins to restore. The first `service` after the login sends, so that the application can make
    /// its own requests before.
    pub(super) fn begin_restore(&mut self) {
        if let Some(restore) = &mut self.resubscription {
            restore.on_login();
        }
    }

    /// Whether there may be something to restore, and space for the events that it causes.
    pub(super) fn can_restore(&self) -> bool {
        let restore = self.resubscription.as_ref();
        restore.is_some_and(|restore| restore.is_due())
            && !self.events.is_full()
            && !self.has_deferred()
    }

    /// Whether the rest of a large event waits: the outcomes of a long list of channels come before
    /// [`Event::Restored`].
    fn has_deferred(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.deferred.is_some())
    }

    pub(super) fn restore_deadline(&self) -> Option<Timestamp> {
        self.resubscription.as_ref()?.deadline()
    }

    /// Settles requests whose time has passed.
    pub(super) fn time_out_restore(&mut self, now: Timestamp) {
        if let Some(restore) = &mut self.resubscription {
            let outcomes = restore.time_out(now);
            self.report_subscribes(outcomes);
        }
    }

    /// Sends what the plan and the outbox have for now.
    pub(super) fn restore_state(&mut self, now: Timestamp) {
        // Taken out, because sending borrows the rest of the client.
        let Some(mut restore) = self.resubscription.take() else {
            return;
        };
        let sent = self.send_restore(now, &mut restore);
        self.resubscription = Some(restore);
        if let Some(Finished { channels, failed }) = sent {
            self.stats.rare().restores += 1;
            self.log(
                log::Level::Info,
                format_args!("restored {channels} channels, {} failed", failed.len()),
            );
            self.events.push(Event::Restored { channels, failed });
        }
    }

    fn send_restore(&mut self, now: Timestamp, restore: &mut Resubscription) -> Option<Finished> {
        debug_assert_eq!(self.state, State::ConnectedToFrontEnd, "restoring");
        for _ in 0..MAX_SENT_PER_SERVICE {
            match self.send_next(now, restore) {
                SentNext::Sent => {}
                SentNext::Nothing => {
                    restore.pause(false);
                    return restore.finish();
                }
                SentNext::QueueFull => {
                    restore.pause(true);
                    return restore.finish();
                }
                SentNext::TooLong(request) => {
                    let outcomes = restore.on_request_too_long(now, &request);
                    self.report_subscribes(outcomes);
                }
                SentNext::Unsendable(error) => {
                    if let Some(message) = restore.outbox.pop() {
                        self.on_unsendable(&error, &message);
                    }
                }
            }
        }
        None
    }

    /// Sends what waited for space in the outgoing buffer, now that there may be some. Raises no event,
    /// so that the driver may call it, by way of [`ChatClient::transmitted`], after it took the events.
    #[inline]
    pub(super) fn continue_restore(&mut self) {
        if self.resubscription.is_some() {
            self.send_blocked();
        }
    }

    #[inline(never)]
    fn send_blocked(&mut self) {
        let Some(mut restore) = self
            .resubscription
            .take_if(|restore| restore.is_blocked() && self.state == State::ConnectedToFrontEnd)
        else {
            return;
        };
        self.touch();
        for _ in 0..MAX_SENT_PER_SERVICE {
            match self.send_next(self.now, &mut restore) {
                SentNext::Sent => continue,
                SentNext::Nothing => restore.pause(false),
                SentNext::QueueFull => {}
                // They raise events, so `service` tries again.
                SentNext::TooLong(_) | SentNext::Unsendable(_) => restore.set_due(),
            }
            break;
        }
        self.resubscription = Some(restore);
    }

    /// Sends the next request of the plan, or else the next queued message.
    fn send_next(&mut self, now: Timestamp, restore: &mut Resubscription) -> SentNext {
        let public = &self.model.public;
        let has_presence = |name: &str| public.get(name).is_some_and(Channel::has_presence);
        if let Some(request) = restore.next_request(has_presence) {
            return match self.send_restoring(now, &request, restore) {
                Ok(()) => {
                    restore.on_request_sent(now, &request);
                    SentNext::Sent
                }
                Err(RequestError::QueueFull) => SentNext::QueueFull,
                Err(_) => SentNext::TooLong(request),
            };
        }
        let Some(message) = restore.next_message() else {
            return SentNext::Nothing;
        };
        match self.send_queued(message) {
            Ok(()) => {
                let _sent = restore.outbox.pop();
                SentNext::Sent
            }
            Err(RequestError::QueueFull) => SentNext::QueueFull,
            Err(error) => SentNext::Unsendable(error),
        }
    }

    /// Sends one request of the plan.
    fn send_restoring(
        &mut self,
        now: Timestamp,
        request: &Request,
        restore: &Resubscription,
    ) -> Result<(), RequestError> {
        match request {
            Request::Unsubscribe(names) => {
                self.send_chat(operation::UNSUBSCRIBE, false, |buffer, config| {
                    Ok(unsubscribe::write(buffer, config, names.iter())?)
                })?;
                let kind = RequestKind::Restore;
                let _id = self.expect_outcomes(|pending| &mut pending.unsubscribe, kind, names);
            }
            Request::Subscribe(subscription) => {
                let names = &subscription.names;
                let options = self.restoring_options(subscription, restore);
                let mut options = subscribe::check(&options, names.len())?;
                if subscription.is_new {
                    options.set_anchor();
                }
                let last_ids = options.last_ids().unwrap_or_default().to_vec();
                self.send_chat(operation::SUBSCRIBE, false, |buffer, config| {
                    Ok(subscribe::write(buffer, config, names.iter(), &options)?)
                })?;
                let history = options.requested_history();
                let kind = RequestKind::Restore;
                let id = self.expect_outcomes(|pending| &mut pending.subscribe, kind, names);
                if !subscription.is_new {
                    let is_limited = subscription.limits_history();
                    self.model.on_restore_asked(now, names, is_limited);
                } else if let Some(messages) = history {
                    self.note_history(id, messages, names.iter(), &last_ids);
                }
            }
            Request::RemoveFriends(names) => self.send_friends(operation::REMOVE_FRIENDS, names)?,
            Request::AddFriends(names) => self.send_friends(operation::ADD_FRIENDS, names)?,
            Request::Status => {
                let Some(wanted) = &restore.wanted.status else {
                    debug_assert!(false, "the plan restores a status that was set");
                    return Ok(());
                };
                self.send_chat(operation::UPDATE_STATUS, false, |buffer, config| {
                    let (status, message) = (wanted.status, wanted.message());
                    Ok(status::write(buffer, config, status, message)?)
                })?;
            }
        }
        Ok(())
    }

    fn send_friends(&mut self, operation: u8, names: &[Text]) -> Result<(), RequestError> {
        self.send_chat(operation, false, |buffer, config| {
            Ok(friends::write(buffer, config, operation, names.iter())?)
        })
    }

    /// The options of a subscribe request of the plan.
    fn restoring_options(
        &self,
        subscription: &Subscription,
        restore: &Resubscription,
    ) -> SubscribeOptions {
        let Subscription {
            names,
            is_new,
            max_history,
        } = subscription;
        let wanted = |name: &Text| restore.wanted.channels.get(name);
        let first = names.first().and_then(wanted);
        // Only a request for one channel has creation options.
        let options = first.map_or_else(SubscribeOptions::new, |first| {
            first.creation_options(restore.connection())
        });
        let shorten = |history: i32| match history {
            -1 if *max_history >= subscribe::MAX_HISTORY => -1,
            -1 => *max_history,
            history => history.min(*max_history),
        };
        if !is_new {
            let last_ids = names.iter().map(|name| self.model.last_id_to_ask(name));
            return options
                .history(shorten(-1))
                .last_ids(last_ids.collect::<Vec<_>>());
        }
        let options = options.history(shorten(first.map_or(0, |first| first.history())));
        let last_ids: Vec<_> = names
            .iter()
            .map(|name| wanted(name).map_or(0, |channel| channel.last_id()))
            .collect();
        if last_ids.iter().any(|id| *id != 0) {
            options.last_ids(last_ids)
        } else {
            options
        }
    }

    // Ends.

    /// Notes the end of a connection to a front end, whatever the reason: what was sent on it for
    /// waiting requests is lost. What was not sent, and the queue if the application wants one, wait
    /// for the next one.
    pub(super) fn end_restore(&mut self) {
        if let Some(restore) = &mut self.resubscription {
            let lost = restore.on_connection_ended();
            let loses_messages = restore.held_messages() > 0;
            self.report(lost);
            if loses_messages {
                self.drop_queue();
            }
        }
    }

    /// Notes an end that the application did not cause. Returns what it means for the next connection.
    pub(super) fn learn_from_loss(&mut self, cause: &DisconnectCause) -> AfterLoss {
        let since = cause_since(cause, self.now);
        let Some(restore) = &mut self.resubscription else {
            return AfterLoss::TryAgain;
        };
        let after = restore.on_connection_lost(since, may_blame_requests(cause));
        self.end_restore();
        after
    }

    /// Stops restoring: settles what waits for a connection, and drops queued messages. The wanted
    /// state stays.
    pub(super) fn stop_restore(&mut self) {
        let Some(restore) = &mut self.resubscription else {
            return;
        };
        let lost = restore.stop();
        self.report(lost);
        self.drop_queue();
    }

    // Reports.

    /// Reports subscribes, then unsubscribes, that were settled without the server.
    pub(super) fn report(&mut self, [subscribes, unsubscribes]: [Reports; 2]) {
        for outcomes in subscribes {
            self.events.push(Event::SubscribeResult(outcomes));
        }
        for outcomes in unsubscribes {
            self.events.push(Event::UnsubscribeResult(outcomes));
        }
    }

    fn report_subscribes(&mut self, outcomes: Vec<ChannelOutcome>) {
        if !outcomes.is_empty() {
            self.events.push(Event::SubscribeResult(outcomes));
        }
    }
}

/// Returns since when there was a reason for the end of a connection. A history over the message limit
/// ends a stream at once. Over UDP its commands stay unacknowledged, and the server ends the connection
/// much later, when the restore is over.
fn cause_since(cause: &DisconnectCause, now: Timestamp) -> Timestamp {
    let late_ms = match cause.kind {
        CauseKind::DisconnectCommand(DisconnectReason::Timeout) => UNACKNOWLEDGED_MS,
        _ => 0,
    };
    Timestamp::from_millis(now.as_millis().saturating_sub(late_ms))
}

/// Whether a connection may have ended because of what the client asked for, such as a history over
/// the message limit.
fn may_blame_requests(cause: &DisconnectCause) -> bool {
    !matches!(
        cause.kind,
        CauseKind::Link(LinkErrorKind::Local) | CauseKind::NetworkChanged | CauseKind::Slept { .. }
    )
}
