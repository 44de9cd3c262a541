//! Messages and changes of properties that wait in the outbox: without a connection, or until the
//! request for their channel has its outcome. Spec: chat.md 10.1.

use super::ChatClient;
use crate::codes::operation;
use crate::config::ChatConfig;
use crate::confirm::{Fingerprint, Receiver};
use crate::error::RequestError;
use crate::event::{Event, MessageToken};
use crate::restore::{QueuedMessage, Resubscription};
use alloc::vec::Vec;

impl ChatClient {
    /// Whether a message is queued instead of sent: there is no connection, others wait before it, or
    /// the request for its channel has not left yet. The client could send that request here instead,
    /// but then hundreds of such messages would ask for more channels at a time than it may.
    ///
    /// # Errors
    /// [`RequestError::WrongState`] if there is no connection and nothing may be queued.
    #[inline]
    pub(super) fn queues_messages(&self, channel: Option<&str>) -> Result<bool, RequestError> {
        let is_held = |restore: &Resubscription| {
            !restore.outbox.is_empty() || channel.is_some_and(|channel| restore.asks_later(channel))
        };
        match (self.check_chatting(), self.resubscription.as_deref()) {
            (Ok(()), restore) => Ok(restore.is_some_and(is_held)),
            (Err(_), Some(restore)) if restore.outbox.is_enabled() => Ok(true),
            (Err(error), _) => Err(error),
        }
    }

    pub(super) fn queue_message(
        &mut self,
        receiver: Receiver,
        encrypt: bool,
        content: Option<Fingerprint>,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<MessageToken, RequestError> {
        let bytes = self.encode_queued(write)?;
        if !self.has_space_for_result() {
            return Err(RequestError::QueueFull);
        }
        let token = self.next_message_token();
        self.queue(QueuedMessage {
            token: Some(token),
            operation: receiver.operation(),
            receiver,
            encrypt,
            content,
            bytes,
        });
        Ok(token)
    }

    /// Queues a change of properties, which the server refuses before the channel is subscribed, as it
    /// does messages.
    pub(super) fn queue_properties(
        &mut self,
        channel: &str,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let bytes = self.encode_queued(write)?;
        self.queue(QueuedMessage {
            token: None,
            operation: operation::SET_PROPERTIES,
            receiver: Receiver::Channel(channel.into()),
            encrypt: false,
            content: None,
            bytes,
        });
        Ok(())
    }

    /// Encodes what is queued, if the outbox has space for it.
    fn encode_queued(
        &self,
        write: impl FnOnce(&mut Vec<u8>, &ChatConfig) -> Result<(), RequestError>,
    ) -> Result<Vec<u8>, RequestError> {
        let bytes = self.check_encodes(write)?;
        let Some(restore) = &self.resubscription else {
            debug_assert!(false, "only a client that restores has an outbox");
            return Err(RequestError::WrongState(self.state));
        };
        restore.check_space(bytes.len())?;
        Ok(bytes)
    }

    fn queue(&mut self, message: QueuedMessage) {
        self.touch();
        if let Some(restore) = &mut self.resubscription {
            restore.outbox.push(message);
        }
    }

    /// Sends a queued message.
    pub(super) fn send_queued(&mut self, message: &QueuedMessage) -> Result<(), RequestError> {
        self.send_chat(message.operation, message.encrypt, |buffer, _| {
            buffer.extend_from_slice(&message.bytes);
            Ok(())
        })?;
        if let Receiver::User(user) = &message.receiver {
            self.model.on_private_message_sent(user);
        }
        if let Some(token) = message.token {
            let receiver = || message.receiver.clone();
            self.expect_result(token, receiver, message.content, Some(self.now));
        }
        Ok(())
    }

    /// Drops a queued message that this connection cannot send: it has no keys to encrypt with, or a
    /// smaller buffer than the outbox.
    pub(super) fn on_unsendable(&mut self, error: &RequestError, message: &QueuedMessage) {
        self.log(
            log::Level::Warn,
            format_args!("a queued message was not sent: {error}"),
        );
        self.lose_queued(message);
    }

    /// Counts and reports a queued message that is not sent any more.
    fn lose_queued(&mut self, message: &QueuedMessage) {
        self.stats.rare().unsent_messages += 1;
        if let (Some(_), Some(token)) = (&self.confirm, message.token) {
            self.events.push(Event::MessageUnconfirmed { token });
        }
    }

    // Ends.

    /// How many messages that wait for their channel the end of the connection will drop.
    pub(super) fn held_messages(&self) -> u64 {
        let restore = self.resubscription.as_ref();
        restore.map_or(0, |restore| restore.held_messages() as u64)
    }

    /// Drops the messages that wait, counts and reports them.
    pub(super) fn drop_queue(&mut self) {
        while let Some(message) = self
            .resubscription
            .as_mut()
            .and_then(|restore| restore.outbox.pop())
        {
            self.lose_queued(&message);
        }
    }
}
