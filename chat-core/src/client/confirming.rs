//! The results of sent messages. [`Confirmations`] decides them; this file passes on what happens.
//! Spec: chat.md 10.2.

use super::ChatClient;
use super::deadline::NextWork;
use crate::confirm::{Confirmations, Fingerprint, Receiver};
use crate::event::{Event, MessageToken};
use crate::model::Channel;
use alloc::vec::Vec;
use photon_proto::{Encode, Timestamp};

impl ChatClient {
    // Sending.

    /// Whether one more message may wait for its result. Those that wait to be sent count, too.
    #[inline]
    pub(super) fn has_space_for_result(&self) -> bool {
        let Some(confirm) = &self.confirm else {
            return true;
        };
        let restore = self.resubscription.as_ref();
        confirm.has_space(restore.map_or(0, |restore| restore.outbox.len()))
    }

    /// The part of a content that is kept to know its echo; `None` when nothing is confirmed.
    pub(super) fn fingerprint<C: Encode + ?Sized>(&self, content: &C) -> Option<Fingerprint> {
        let confirm = self.confirm.as_ref()?;
        Some(Fingerprint::of_sent(confirm.keys(), content))
    }

    /// Notes a message that was sent, to report what becomes of it. An intent arms the timer; `now`
    /// is given where a message is sent later.
    #[inline]
    pub(super) fn expect_result(
        &mut self,
        token: MessageToken,
        receiver: impl FnOnce() -> Receiver,
        content: Option<Fingerprint>,
        now: Option<Timestamp>,
    ) {
        let (Some(confirm), Some(content)) = (&mut self.confirm, content) else {
            return;
        };
        let receiver = receiver();
        let channel = match &receiver {
            Receiver::Channel(name) => self.model.public.get(name),
            Receiver::User(user) => self.model.private_channel(user),
        };
        let after = channel.map_or(0, Channel::last_id);
        confirm.on_sent(token, receiver, after, content);
        match now {
            Some(now) => confirm.start_timers(now),
            None => self.armed = true,
        }
    }

    // Results.

    /// Reports the results that the events from this one on bring.
    #[inline]
    pub(super) fn report_results(&mut self, first_event: usize) {
        // Most messages arrive while nothing waits.
        if self.confirm.as_ref().is_some_and(|it| !it.is_idle()) {
            self.read_if_concerned(first_event);
        }
    }

    // Apart from the call above, which is part of the way of every message, and from the one below,
    // which saves many registers.
    #[inline(never)]
    fn read_if_concerned(&mut self, first_event: usize) {
        // Most messages are from others.
        if self.events.any_from(first_event, Confirmations::concerns) {
            self.read_events(first_event);
        }
    }

    #[inline(never)]
    fn read_events(&mut self, first_event: usize) {
        self.next_work = NextWork::Unknown;
        let Some(confirm) = &mut self.confirm else {
            return;
        };
        let me = &*self.config.user_id.0;
        let public = &self.model.public;
        let is_subscribed = |name: &str| public.get(name).is_some_and(Channel::is_subscribed);
        let mut results = Vec::new();
        for event in self.events.iter_from(first_event) {
            confirm.on_event(event, me, is_subscribed, &mut results);
        }
        self.push_results(results);
    }

    /// Reports the messages whose time has passed.
    pub(super) fn time_out_messages(&mut self, now: Timestamp) {
        self.end_messages(|confirm, results| confirm.time_out(now, results));
    }

    /// Reports the messages that a restored history does not have.
    pub(super) fn check_histories(&mut self, now: Timestamp) {
        let Some(confirm) = self
            .confirm
            .as_mut()
            .filter(|confirm| confirm.waits_for_history())
        else {
            return;
        };
        self.next_work = NextWork::Unknown;
        let public = &self.model.public;
        let has_arrived = |name: &str| public.get(name).is_some_and(Channel::has_history);
        let mut results = Vec::new();
        confirm.check_histories(now, has_arrived, &mut results);
        self.push_results(results);
    }

    /// Reports the messages whose result is lost with the connection.
    pub(super) fn lose_messages(&mut self) {
        let comes_back = self.restore.is_some();
        self.end_messages(|confirm, results| confirm.on_connection_lost(comes_back, results));
    }

    /// Reports that nothing will be known of any message.
    pub(super) fn give_up_messages(&mut self) {
        self.end_messages(Confirmations::give_up);
    }

    fn end_messages(&mut self, end: impl FnOnce(&mut Confirmations, &mut Vec<Event>)) {
        if let Some(confirm) = &mut self.confirm {
            let mut results = Vec::new();
            end(confirm, &mut results);
            self.push_results(results);
        }
    }

    fn push_results(&mut self, results: Vec<Event>) {
        for result in results {
            self.events.push(result);
        }
    }

    // Measurements.

    /// When the oldest message without a result has waited too long.
    pub(super) fn confirm_deadline(&self) -> Option<Timestamp> {
        self.confirm.as_ref()?.deadline(self.now)
    }

    /// How many messages wait for their result.
    pub(super) fn unconfirmed_messages(&self) -> usize {
        self.confirm.as_ref().map_or(0, |confirm| confirm.len())
    }
}
