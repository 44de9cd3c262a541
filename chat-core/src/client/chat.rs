//! The chat operations. Spec: chat.md 3.
//!
//! Every call checks in the same order: the state, then its arguments, then free space. So an
//! application that sees `QueueFull` knows that the same call succeeds later.

use super::ChatClient;
use super::deadline::NextWork;
use crate::codes::operation;
use crate::config::ChatConfig;
use crate::confirm::{Fingerprint, Receiver};
use crate::error::RequestError;
use crate::event::{MessageToken, RequestId};
use crate::operation::names::check_names;
use crate::operation::pending::{ChannelRequests, PendingRequests, RequestKind, RequestedHistory};
use crate::operation::{
    friends, private, properties, publish, raw, status, subscribe, unsubscribe,
};
use crate::options::{
    OperationOptions, PrivateOptions, PropertyOptions, PublishOptions, StatusMessage,
    SubscribeOptions,
};
use crate::restore::Reports;
use crate::state::State;
use crate::status::UserStatus;
use crate::timers::Timer;
use alloc::vec::Vec;
use photon_proto::peer::SendOptions;
use photon_proto::{Encode, Value};

impl ChatClient {
    /// Subscribes to channels (`subscribe`). The outcome for each distinct name comes in
    /// [`Event::SubscribeResult`](crate::Event::SubscribeResult). Spec: chat.md 3.1.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::SubscribeOptions;
    ///
    /// // Two channels, with up to ten older messages of each:
    /// chat.subscribe(["team", "trade"], &SubscribeOptions::new().history(10))?;
    /// # simulation.run_for(1_000);
    /// # let chat = simulation.chat(0);
    /// // Once the server has confirmed:
    /// assert!(chat.can_chat_in_channel("team"));
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any state but ConnectedToFrontEnd. With
    ///   [`ChatConfig::restore`](crate::ChatConfig::restore) the call succeeds in every state: the
    ///   client subscribes after the next login, and the outcome comes then;
    /// - [`RequestError::Empty`] for an empty list or name;
    /// - [`RequestError::LastIds`], [`RequestError::CreationOptions`] for options that do not fit
    ///   the list;
    /// - [`RequestError::TooLong`], [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn subscribe<N>(
        &mut self,
        channels: N,
        options: &SubscribeOptions,
    ) -> Result<RequestId, RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        let channels = channels.into_iter();
        if !self.sends_at_once()? {
            return self.subscribe_later(channels, options);
        }
        let count = check_names(channels.clone(), "list of channels", "channel name")?;
        let wanted = options;
        let passed_ids = options.last_ids.as_deref().unwrap_or_default();
        let mut options = subscribe::check(options, count)?;
        if options.last_ids().is_some() {
            let pairs = channels.clone().zip(passed_ids);
            let ids = pairs.map(|(name, id)| self.model.last_id_for(name.as_ref(), *id));
            options.set_last_ids(ids.collect());
        }
        // Without a position, a hole after a loss could not be noticed. Spec: chat.md 4.1.
        if self.resubscription.is_some() {
            options.set_anchor();
        }
        let space = self.pending.subscribe.check_space();
        self.send_chat(operation::SUBSCRIBE, false, |buffer, config| {
            subscribe::write(buffer, config, channels.clone(), &options)?;
            // Reported last: an error in the arguments takes precedence over a lack of space.
            space
        })?;
        if options.history_was_clamped {
            self.log(
                log::Level::Warn,
                format_args!(
                    "a history length outside of -1 to {} was limited to that range",
                    subscribe::MAX_HISTORY
                ),
            );
        }
        let kind = RequestKind::Application;
        let id = self.expect_outcomes(|pending| &mut pending.subscribe, kind, channels.clone());
        if let Some(messages) = options.requested_history() {
            self.note_history(id, messages, channels.clone(), passed_ids);
        }
        if let Some(restore) = &mut self.resubscription {
            let withdrawn = restore.on_subscribe_sent(channels, wanted);
            self.report([Reports::new(), withdrawn]);
        }
        Ok(id)
    }

    /// Notes that the application asks for history: that counts as a question for known channels.
    /// The others begin with the ids that it passes once they are subscribed. Spec: chat.md 4.1.
    pub(super) fn note_history(
        &mut self,
        id: RequestId,
        messages: i32,
        channels: impl Iterator<Item: AsRef<str>>,
        passed_ids: &[i32],
    ) {
        let last_ids = passed_ids.iter().copied().chain(core::iter::repeat(0));
        let pairs: Vec<_> = channels.zip(last_ids).collect();
        for (name, last_id) in &pairs {
            let last_id = *last_id;
            let asked = None;
            let history = RequestedHistory {
                messages,
                last_id,
                asked,
            };
            self.model.on_application_asked(name.as_ref(), history);
        }
        let pairs = pairs.iter().map(|(name, id)| (name.as_ref(), *id));
        self.pending.subscribe.note_history(id, messages, pairs);
    }

    /// Leaves channels (`unsubscribe`). The outcome comes in
    /// [`Event::UnsubscribeResult`](crate::Event::UnsubscribeResult). Spec: chat.md 3.2.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// chat.unsubscribe(["lobby"])?;
    /// // At once, so that no message follows the request:
    /// assert!(!chat.can_chat_in_channel("lobby"));
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::subscribe`].
    pub fn unsubscribe<N>(&mut self, channels: N) -> Result<RequestId, RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        let channels = channels.into_iter();
        if !self.sends_at_once()? {
            return self.unsubscribe_later(channels);
        }
        check_names(channels.clone(), "list of channels", "channel name")?;
        let space = self.pending.unsubscribe.check_space();
        self.send_chat(operation::UNSUBSCRIBE, false, |buffer, config| {
            unsubscribe::write(buffer, config, channels.clone())?;
            // Reported last, as in `subscribe`.
            space
        })?;
        let kind = RequestKind::Application;
        let id = self.expect_outcomes(|pending| &mut pending.unsubscribe, kind, channels.clone());
        if let Some(restore) = &mut self.resubscription {
            let subscribe = &self.pending.subscribe;
            let is_asked = |name: &str| subscribe.is_waiting_for(name);
            let withdrawn = restore.on_unsubscribe_sent(self.now, channels, is_asked);
            self.report([withdrawn, Reports::new()]);
        }
        Ok(id)
    }

    /// Publishes a message in a channel (`publishMessage`). There is no local echo: the server
    /// sends the message back with the others. The server decides whether the channel must be
    /// subscribed. Spec: chat.md 3.3.
    ///
    /// With [`ChatConfig::restore`](crate::ChatConfig::restore), a message to a channel that the client
    /// is about to subscribe by itself waits until that has its outcome, so that a program may publish
    /// as soon as the state is ConnectedToFrontEnd. Later messages wait behind it. If the connection
    /// ends before, they are lost with it, unless there is a queue.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PublishOptions;
    ///
    /// chat.publish_message("lobby", "hello", &PublishOptions::new())?;
    /// // Content may be of any type that Photon can serialize:
    /// chat.publish_message("lobby", &42, &PublishOptions::new())?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any state but ConnectedToFrontEnd. With
    ///   [`Restore::queue_cap_bytes`](crate::Restore::queue_cap_bytes) the message is queued in every
    ///   state, and sent once its channel is subscribed again;
    /// - [`RequestError::Empty`] for an empty name, or content that is null;
    /// - [`RequestError::TooLong`], [`RequestError::Unencodable`], [`RequestError::QueueFull`]. The
    ///   last one also while 1,024 messages wait for their result
    ///   ([`ChatConfig::confirm_messages`](crate::ChatConfig::confirm_messages)).
    pub fn publish_message<C>(
        &mut self,
        channel: &str,
        content: &C,
        options: &PublishOptions,
    ) -> Result<MessageToken, RequestError>
    where
        C: Encode + ?Sized,
    {
        let is_queued = self.queues_messages(Some(channel))?;
        check_name(channel, "channel name")?;
        let fingerprint = self.fingerprint(content);
        let receiver = || Receiver::Channel(channel.into());
        if is_queued {
            return self.queue_message(receiver(), false, fingerprint, |buffer, config| {
                publish::write(buffer, config, channel, content, options)
            });
        }
        self.send_message(
            operation::PUBLISH,
            receiver,
            false,
            fingerprint,
            |buffer, config| publish::write(buffer, config, channel, content, options),
        )
    }

    /// Sends a private message (`sendPrivateMessage`). The server sends it back to this user, too.
    /// Spec: chat.md 3.4.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PrivateOptions;
    ///
    /// let options = PrivateOptions::new().encrypt(true);
    /// chat.send_private_message("bob", "for you alone", &options)?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::publish_message`], and [`RequestError::EncryptionUnavailable`] if the
    /// options ask for encryption on a connection without keys.
    pub fn send_private_message<C>(
        &mut self,
        user: &str,
        content: &C,
        options: &PrivateOptions,
    ) -> Result<MessageToken, RequestError>
    where
        C: Encode + ?Sized,
    {
        let is_queued = self.queues_messages(None)?;
        check_name(user, "user id")?;
        let fingerprint = self.fingerprint(content);
        let receiver = || Receiver::User(user.into());
        if is_queued {
            let encrypt = options.encrypt;
            return self.queue_message(receiver(), encrypt, fingerprint, |buffer, config| {
                private::write(buffer, config, user, content, options)
            });
        }
        let token = self.send_message(
            operation::SEND_PRIVATE,
            receiver,
            options.encrypt,
            fingerprint,
            |buffer, config| private::write(buffer, config, user, content, options),
        )?;
        self.model.on_private_message_sent(user);
        Ok(token)
    }

    /// Sends a message at once.
    // The caller writes it in two places, here and where it is queued, so that the compiler can build
    // this one into the call.
    #[inline]
    fn send_message(
        &mut self,
        code: u8,
        receiver: impl FnOnce() -> Receiver,
        encrypt: bool,
        fingerprint: Option<Fingerprint>,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<MessageToken, RequestError> {
        let has_space = self.has_space_for_result();
        self.send_chat(code, encrypt, |buffer, config| {
            write(buffer, config)?;
            // Reported last, as in `subscribe`.
            if has_space {
                Ok(())
            } else {
                Err(RequestError::QueueFull)
            }
        })?;
        let token = self.next_message_token();
        self.expect_result(token, receiver, fingerprint, None);
        Ok(token)
    }

    #[inline]
    pub(super) fn next_message_token(&mut self) -> MessageToken {
        self.accepted_messages += 1;
        MessageToken(self.accepted_messages)
    }

    /// Sets this user's status (`setUserStatus`). The server informs friends; the caller gets no
    /// event. Spec: chat.md 3.6.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::{StatusMessage, UserStatus};
    ///
    /// chat.set_user_status(UserStatus::ONLINE, StatusMessage::Set("looking for a team"))?;
    /// chat.set_user_status(UserStatus::AWAY, StatusMessage::Keep)?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any state but ConnectedToFrontEnd. With
    ///   [`ChatConfig::restore`](crate::ChatConfig::restore) the call succeeds in every state, and is
    ///   applied after the next login;
    /// - [`RequestError::TooLong`], [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn set_user_status(
        &mut self,
        status: impl Into<UserStatus>,
        message: StatusMessage<'_>,
    ) -> Result<(), RequestError> {
        let status = status.into();
        let write = |buffer: &mut Vec<u8>, config: &ChatConfig| {
            Ok(status::write(buffer, config, status, message)?)
        };
        let sends = self.sends_at_once()?;
        if sends {
            self.send_chat(operation::UPDATE_STATUS, false, write)?;
        } else {
            self.check_encodes(write)?;
        }
        if self.resubscription.is_some() {
            self.want_status(status, message, sends);
        }
        Ok(())
    }

    /// Watches the status of other users (`addFriends`): each change is an
    /// [`Event::UserStatusUpdate`](crate::Event::UserStatusUpdate). The vendor documents 512 names
    /// for one request. Servers forget friends when the connection ends; with
    /// [`ChatConfig::restore`](crate::ChatConfig::restore) the client adds them again. Spec: chat.md
    /// 3.7.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// chat.add_friends(["bob", "carol"])?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::set_user_status`]; [`RequestError::Empty`] for an empty list or id;
    /// [`RequestError::TooMany`] for more than 1,024 names.
    pub fn add_friends<N>(&mut self, users: N) -> Result<(), RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.change_friends(operation::ADD_FRIENDS, users.into_iter())
    }

    /// Stops watching the status of other users (`removeFriends`). Spec: chat.md 3.7.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// chat.remove_friends(["bob"])?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::add_friends`].
    pub fn remove_friends<N>(&mut self, users: N) -> Result<(), RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.change_friends(operation::REMOVE_FRIENDS, users.into_iter())
    }

    fn change_friends<I>(&mut self, operation: u8, users: I) -> Result<(), RequestError>
    where
        I: Iterator<Item: AsRef<str>> + Clone,
    {
        let sends = self.sends_at_once()?;
        friends::check_count(check_names(users.clone(), "list of users", "user id")?)?;
        let write = |buffer: &mut Vec<u8>, config: &ChatConfig| {
            Ok(friends::write(buffer, config, operation, users.clone())?)
        };
        if sends {
            self.send_chat(operation, false, write)?;
        } else {
            self.check_encodes(write)?;
        }
        if let Some(restore) = &mut self.resubscription {
            restore.change_friends(operation == operation::ADD_FRIENDS, users);
        }
        Ok(())
    }

    /// Sets properties of a channel; null removes one. Everyone in the channel gets
    /// [`Event::PropertiesChanged`](crate::Event::PropertiesChanged). A failed compare-and-swap is
    /// an [`Event::OperationResponse`](crate::Event::OperationResponse) with a code other than 0.
    /// Not every server has this operation. A channel that the client is about to subscribe by itself is
    /// waited for, as in [`ChatClient::publish_message`]. Spec: chat.md 3.8.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PropertyOptions;
    ///
    /// let properties = [("topic".into(), "trade".into())];
    /// chat.set_channel_properties("lobby", &properties, &PropertyOptions::new())?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::set_user_status`]; [`RequestError::Empty`] for an empty name or list.
    pub fn set_channel_properties(
        &mut self,
        channel: &str,
        properties: &[(Value, Value)],
        options: &PropertyOptions,
    ) -> Result<(), RequestError> {
        self.set_properties(channel, None, properties, options)
    }

    /// Sets properties of a user in a channel, as [`ChatClient::set_channel_properties`] does for
    /// the channel.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PropertyOptions;
    ///
    /// let properties = [("level".into(), 7.into())];
    /// chat.set_user_properties("lobby", "alice", &properties, &PropertyOptions::new())?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ChatClient::set_channel_properties`].
    pub fn set_user_properties(
        &mut self,
        channel: &str,
        user: &str,
        properties: &[(Value, Value)],
        options: &PropertyOptions,
    ) -> Result<(), RequestError> {
        self.set_properties(channel, Some(user), properties, options)
    }

    fn set_properties(
        &mut self,
        channel: &str,
        user: Option<&str>,
        properties: &[(Value, Value)],
        options: &PropertyOptions,
    ) -> Result<(), RequestError> {
        self.check_chatting()?;
        // Behind what waits already: a later value must not be overwritten by an earlier one.
        let is_queued = self.queues_messages(Some(channel))?;
        check_name(channel, "channel name")?;
        if let Some(user) = user {
            check_name(user, "user id")?;
        }
        if properties.is_empty() {
            return Err(RequestError::Empty("list of properties"));
        }
        let write = |buffer: &mut Vec<u8>, config: &ChatConfig| {
            Ok(properties::write(
                buffer, config, channel, user, properties, options,
            )?)
        };
        if is_queued {
            return self.queue_properties(channel, write);
        }
        self.send_chat(operation::SET_PROPERTIES, false, write)
    }

    /// Sends an operation of any code with its parameters unchanged and in the order given: for
    /// servers with operations that this library does not know, and for tests. A response is an
    /// [`Event::OperationResponse`](crate::Event::OperationResponse).
    ///
    /// The client keeps no account of it. Codes of operations that have a method of their own are
    /// sent, too, without the checks and the bookkeeping of that method. In particular a response
    /// with the code of [`ChatClient::subscribe`] or [`ChatClient::unsubscribe`] counts for the
    /// oldest pending request of that kind.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::OperationOptions;
    ///
    /// // Operation 199 of a server of the future: a channel and a number of messages.
    /// let parameters = [(1, "lobby".into()), (14, 20.into())];
    /// chat.send_operation(199, &parameters, &OperationOptions::new())?;
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any state but ConnectedToFrontEnd;
    /// - [`RequestError::ReservedOperation`] for Authenticate (230);
    /// - [`RequestError::EncryptionUnavailable`] as in [`ChatClient::send_private_message`];
    /// - [`RequestError::TooLong`], [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn send_operation(
        &mut self,
        code: u8,
        parameters: &[(u8, Value)],
        options: &OperationOptions,
    ) -> Result<(), RequestError> {
        self.check_chatting()?;
        if code == operation::AUTHENTICATE {
            // Its responses would be taken for those to the client's own login.
            return Err(RequestError::ReservedOperation(code));
        }
        self.send_chat(code, options.encrypt, |buffer, config| {
            Ok(raw::write(buffer, config, code, parameters)?)
        })?;
        if let Some(confirm) = &mut self.confirm {
            confirm.on_raw_request(code);
        }
        Ok(())
    }

    /// # Errors
    /// [`RequestError::WrongState`] unless the state allows chat operations.
    #[inline]
    pub(super) fn check_chatting(&self) -> Result<(), RequestError> {
        if self.state == State::ConnectedToFrontEnd {
            Ok(())
        } else {
            Err(RequestError::WrongState(self.state))
        }
    }

    /// Encodes a request into the outgoing buffer. Nothing remains of it if `write` fails.
    #[inline]
    pub(super) fn send_chat(
        &mut self,
        code: u8,
        encrypt: bool,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        debug_assert_eq!(
            self.state,
            State::ConnectedToFrontEnd,
            "an intent checks the state before it encodes"
        );
        let Some(connection) = &mut self.connection else {
            debug_assert!(false, "a connected client has a connection");
            return Err(RequestError::WrongState(self.state));
        };
        self.next_work = NextWork::Unknown;
        let options = SendOptions::PLAIN.encrypt(encrypt);
        connection
            .peer
            .send(options, |buffer, _, _| write(buffer, &self.config))?;
        self.config.log_request(code);
        Ok(())
    }

    /// Notes a request for channels that was sent.
    pub(super) fn expect_outcomes(
        &mut self,
        operation: impl FnOnce(&mut PendingRequests) -> &mut ChannelRequests,
        kind: RequestKind,
        names: impl IntoIterator<Item: AsRef<str>>,
    ) -> RequestId {
        let (id, timer) = (self.pending.next_id(), self.request_timer());
        operation(&mut self.pending).push(id, kind, names, timer);
        id
    }

    /// Arms the timer of a request.
    pub(super) fn request_timer(&mut self) -> Timer {
        self.armed = true;
        match self.config.request_timeout_ms {
            0 => Timer::Off,
            after_ms => Timer::Armed { after_ms },
        }
    }
}

/// # Errors
/// [`RequestError::Empty`] with `what` if the name is empty.
fn check_name(name: &str, what: &'static str) -> Result<(), RequestError> {
    if name.is_empty() {
        Err(RequestError::Empty(what))
    } else {
        Ok(())
    }
}
