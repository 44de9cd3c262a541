//! [`Listener`]: callbacks as in the documented API, instead of a `match` on [`Event`].

use crate::client::ChatClient;
use crate::error::{RegionsError, ServerError};
use crate::event::{
    Authenticated, BadMessage, ChannelOutcome, ErrorInfo, Event, MessageToken, PropertiesChange,
    Region, StatusChange, SubscriberChange,
};
use crate::messages::{Messages, PrivateMessage};
use crate::state::{DisconnectCause, PeerErrorCode, State};
use crate::status::UserStatus;
use core::time::Duration;
use photon_proto::{Parameters, Text};

/// One method for each event, named like the documented callbacks. Every method has an empty
/// default.
///
/// Every method receives a context. That is the client, so that a callback can call it, or whatever
/// the caller of [`Event::deliver`] passes: the whole game, or `()` for bindings. The events of a
/// request that a callback makes follow after the current one, in order.
///
/// May grow: a new event adds a method with an empty default.
///
/// ```
/// use chat_core::{ChatClient, Event, Listener, State, SubscribeOptions, dispatch};
///
/// struct Lobby;
///
/// impl Listener for Lobby {
///     fn on_state_change(&mut self, chat: &mut ChatClient, _from: State, to: State) {
///         if to == State::ConnectedToFrontEnd {
///             let _request = chat.subscribe(["lobby"], &SubscribeOptions::new());
///         }
///     }
/// }
///
/// # fn frame(chat: &mut ChatClient) {
/// dispatch(chat, &mut Lobby);
/// # }
/// ```
#[expect(unused_variables, reason = "the parameters' names are documentation")]
pub trait Listener<C = ChatClient> {
    /// See [`Event::StateChanged`].
    fn on_state_change(&mut self, context: &mut C, from: State, to: State) {}

    /// See [`Event::Error`].
    fn on_error(
        &mut self,
        context: &mut C,
        code: PeerErrorCode,
        cause: &DisconnectCause,
        message: &str,
    ) {
    }

    /// See [`Event::RegionsResult`].
    fn on_get_regions_result(&mut self, context: &mut C, result: Result<&[Region], &RegionsError>) {
    }

    /// See [`Event::Authenticated`].
    fn on_authenticated(&mut self, context: &mut C, authenticated: &Authenticated) {}

    /// See [`Event::SubscribeResult`].
    fn on_subscribe_result(&mut self, context: &mut C, channels: &[ChannelOutcome]) {}

    /// See [`Event::UnsubscribeResult`].
    fn on_unsubscribe_result(&mut self, context: &mut C, channels: &[ChannelOutcome]) {}

    /// See [`Event::ChatMessages`].
    fn on_chat_messages(&mut self, context: &mut C, channel: &Text, messages: &Messages) {}

    /// See [`Event::PrivateMessage`].
    fn on_private_message(&mut self, context: &mut C, channel: &Text, message: &PrivateMessage) {}

    /// See [`Event::ConversationForgotten`].
    fn on_conversation_forgotten(&mut self, context: &mut C, user: &Text) {}

    /// See [`Event::UserStatusUpdate`].
    fn on_user_status_update(
        &mut self,
        context: &mut C,
        user: &Text,
        status: UserStatus,
        message: &StatusChange,
    ) {
    }

    /// See [`Event::UserSubscribed`].
    fn on_user_subscribe(&mut self, context: &mut C, change: &SubscriberChange) {}

    /// See [`Event::UserUnsubscribed`].
    fn on_user_unsubscribe(&mut self, context: &mut C, change: &SubscriberChange) {}

    /// See [`Event::PropertiesChanged`].
    fn on_properties_changed(&mut self, context: &mut C, change: &PropertiesChange) {}

    /// See [`Event::ErrorInfo`].
    fn on_error_info(&mut self, context: &mut C, info: &ErrorInfo) {}

    /// See [`Event::OperationResponse`].
    fn on_operation_response(
        &mut self,
        context: &mut C,
        operation: u8,
        return_code: i16,
        message: &str,
        parameters: &[(u8, photon_proto::Value)],
    ) {
    }

    /// See [`Event::Other`].
    fn on_event(&mut self, context: &mut C, code: u8, parameters: &Parameters) {}

    /// See [`Event::Gap`].
    fn on_gap(
        &mut self,
        context: &mut C,
        channel: &Text,
        after: i32,
        missing: Option<u32>,
        verified: bool,
        new_life: bool,
    ) {
    }

    /// See [`Event::ReconnectScheduled`].
    fn on_reconnect_scheduled(&mut self, context: &mut C, attempt: u32, after: Duration) {}

    /// See [`Event::Restored`].
    fn on_restored(&mut self, context: &mut C, channels: usize, failed: &[ChannelOutcome]) {}

    /// See [`Event::ReconnectGaveUp`].
    fn on_reconnect_gave_up(&mut self, context: &mut C, cause: &DisconnectCause) {}

    /// See [`Event::CredentialsNeeded`].
    fn on_credentials_needed(&mut self, context: &mut C) {}

    /// See [`Event::MessageSent`].
    fn on_message_sent(&mut self, context: &mut C, token: MessageToken, id: i32) {}

    /// See [`Event::MessageRefused`].
    fn on_message_refused(
        &mut self,
        context: &mut C,
        token: MessageToken,
        error: &ServerError,
        guess: bool,
    ) {
    }

    /// See [`Event::MessageUnconfirmed`].
    fn on_message_unconfirmed(&mut self, context: &mut C, token: MessageToken) {}

    /// See [`Event::BadMessage`].
    fn on_bad_message(&mut self, context: &mut C, bad: &BadMessage) {}
}

impl Event {
    /// Calls the method of the listener for this event.
    pub fn deliver<C, L: Listener<C> + ?Sized>(&self, context: &mut C, listener: &mut L) {
        match self {
            Self::StateChanged { from, to } => listener.on_state_change(context, *from, *to),
            Self::Error {
                code,
                cause,
                message,
            } => listener.on_error(context, *code, cause, message),
            Self::RegionsResult(result) => {
                listener.on_get_regions_result(context, result.as_deref())
            }
            Self::Authenticated(authenticated) => listener.on_authenticated(context, authenticated),
            Self::SubscribeResult(channels) => listener.on_subscribe_result(context, channels),
            Self::UnsubscribeResult(channels) => listener.on_unsubscribe_result(context, channels),
            Self::ChatMessages { channel, messages } => {
                listener.on_chat_messages(context, channel, messages)
            }
            Self::PrivateMessage { channel, message } => {
                listener.on_private_message(context, channel, message)
            }
            Self::ConversationForgotten { user } => {
                listener.on_conversation_forgotten(context, user);
            }
            Self::UserStatusUpdate {
                user,
                status,
                message,
            } => {
                listener.on_user_status_update(context, user, *status, message);
            }
            Self::UserSubscribed(change) => listener.on_user_subscribe(context, change),
            Self::UserUnsubscribed(change) => listener.on_user_unsubscribe(context, change),
            Self::PropertiesChanged(change) => listener.on_properties_changed(context, change),
            Self::ErrorInfo(info) => listener.on_error_info(context, info),
            Self::OperationResponse {
                operation,
                return_code,
                message,
                parameters,
            } => {
                let parameters = parameters.as_deref().map_or(&[][..], |all| all.as_slice());
                listener.on_operation_response(
                    context,
                    *operation,
                    *return_code,
                    message,
                    parameters,
                );
            }
            Self::Other { code, parameters } => listener.on_event(context, *code, parameters),
            Self::Gap {
                channel,
                after,
                missing,
                verified,
                new_life,
            } => listener.on_gap(context, channel, *after, *missing, *verified, *new_life),
            Self::ReconnectScheduled { attempt, after } => {
                listener.on_reconnect_scheduled(context, *attempt, *after);
            }
            Self::Restored { channels, failed } => {
                listener.on_restored(context, *channels, failed);
            }
            Self::ReconnectGaveUp { cause } => listener.on_reconnect_gave_up(context, cause),
            Self::CredentialsNeeded => listener.on_credentials_needed(context),
            Self::MessageSent { token, id } => listener.on_message_sent(context, *token, *id),
            Self::MessageRefused {
                token,
                error,
                guess,
            } => listener.on_message_refused(context, *token, error, *guess),
            Self::MessageUnconfirmed { token } => {
                listener.on_message_unconfirmed(context, *token);
            }
            Self::BadMessage(bad) => listener.on_bad_message(context, bad),
        }
    }
}

/// Delivers the events that are queued on entry. Events that the callbacks cause wait for the next
/// call, so that a callback that causes its own event cannot block the frame.
///
/// ```
/// use chat_core::{ChatClient, ChatConfig, ConnectOptions, Listener, State, dispatch};
///
/// struct Log(Vec<State>);
///
/// impl Listener for Log {
///     fn on_state_change(&mut self, _chat: &mut ChatClient, _from: State, to: State) {
///         self.0.push(to);
///     }
/// }
///
/// let mut chat = ChatClient::new(ChatConfig::new("ns.example", "app", "1.0"), [7; 32]);
/// chat.connect_to_name_server(ConnectOptions::new())?;
/// let mut log = Log(Vec::new());
/// dispatch(&mut chat, &mut log);
/// assert_eq!(log.0, [State::ConnectingToNameServer]);
/// # Ok::<(), chat_core::RequestError>(())
/// ```
pub fn dispatch<L: Listener + ?Sized>(client: &mut ChatClient, listener: &mut L) {
    for _ in 0..client.queued_events() {
        let Some(event) = client.poll_event() else {
            break;
        };
        event.deliver(client, listener);
    }
}
