//! The application: calls of a client, and what they may change.

use super::Harness;
use crate::chat_script::samples::{Content, Properties};
use crate::chat_script::script::{Call, ChannelCall, ConnectionCall, StatusText, UserCall};
use chat_core::{
    AuthValues, ChatClient, ConnectOptions, OperationOptions, PrivateOptions, PropertyOptions,
    PublishOptions, RequestError, State, StatusMessage, SubscribeOptions,
};
use dev_server::Transport;

impl Harness {
    pub(super) fn call(&mut self, call: &Call) {
        match call {
            Call::Connection(call) => self.connection_call(call),
            Call::Channel(call) => self.channel_call(call),
            Call::User(call) => self.user_call(call),
        }
    }

    fn connection_call(&mut self, call: &ConnectionCall) {
        match call {
            ConnectionCall::Connect { region } => {
                let options = if *region {
                    ConnectOptions::new().region("eu")
                } else {
                    ConnectOptions::new()
                };
                self.intent(|chat| chat.connect_to_name_server(options));
            }
            ConnectionCall::ConnectToRegion => {
                self.intent(|chat| chat.connect_to_region_front_end("us"));
            }
            ConnectionCall::Reconnect => drop(self.intent(ChatClient::reconnect)),
            ConnectionCall::Disconnect => self.chat.disconnect(),
            ConnectionCall::Suspend => drop(self.intent(ChatClient::suspend)),
            ConnectionCall::Resume => drop(self.intent(ChatClient::resume)),
            ConnectionCall::NetworkChanged => drop(self.intent(ChatClient::network_changed)),
            ConnectionCall::GetRegions => {
                if self.intent(ChatClient::get_regions).is_some() {
                    self.expectations.regions_requested += 1;
                }
            }
            ConnectionCall::SetUserId(user) => {
                self.intent(|chat| chat.set_user_id(user.as_str()));
            }
            ConnectionCall::SetAuthentication { custom } => {
                let values = if *custom {
                    AuthValues::new("user=me")
                } else {
                    AuthValues::none()
                };
                self.chat.set_custom_authentication(values);
            }
        }
    }

    fn channel_call(&mut self, call: &ChannelCall) {
        match call {
            ChannelCall::Subscribe {
                channels,
                history,
                last_ids,
                publish_subscribers,
                max_subscribers,
            } => {
                let channels = channels.to_vec();
                let mut options = SubscribeOptions::new()
                    .publish_subscribers(*publish_subscribers)
                    .max_subscribers(max_subscribers.get());
                if let Some(history) = history {
                    options = options.history(history.get());
                }
                if let Some(ids) = last_ids {
                    let count = channels.len() + usize::from(ids.surplus);
                    options = options.last_ids(vec![ids.id; count]);
                }
                if let Some(id) = self.operation(|chat| chat.subscribe(&channels, &options)) {
                    self.expectations.requested(id, &channels);
                }
            }
            ChannelCall::Unsubscribe(channels) => {
                let channels = channels.to_vec();
                if let Some(id) = self.operation(|chat| chat.unsubscribe(&channels)) {
                    self.expectations.requested(id, &channels);
                }
            }
            ChannelCall::Publish {
                channel,
                content,
                web_forward,
            } => {
                let options = PublishOptions::new().web_forward(*web_forward);
                self.operation(|chat| {
                    chat.publish_message(channel.as_str(), &content.value(), &options)
                });
            }
            ChannelCall::SendPrivate {
                user,
                content,
                encrypt,
                web_forward,
            } => {
                let options = PrivateOptions::new()
                    .web_forward(*web_forward)
                    .encrypt(*encrypt || *content == Content::Secret);
                self.operation(|chat| {
                    chat.send_private_message(user.as_str(), &content.value(), &options)
                });
            }
            ChannelCall::Clear { private, name } => {
                let name = name.as_str();
                let (cleared, channel) = if *private {
                    let cleared = self.chat.clear_private_messages(name);
                    (cleared, self.chat.private_channel(name))
                } else {
                    let cleared = self.chat.clear_messages(name);
                    (cleared, self.chat.channel(name))
                };
                let empty = channel.is_some_and(|channel| channel.cached_messages() == 0);
                assert_eq!(cleared, empty);
            }
            ChannelCall::ForgetChannels => {
                // Queued events name channels that the client still knows.
                self.take_events(usize::MAX);
                self.chat.forget_channels();
                self.expectations.forget_channels();
                assert_eq!(self.chat.stats().cached_bytes, 0);
            }
        }
    }

    fn user_call(&mut self, call: &UserCall) {
        match call {
            UserCall::SetStatus { status, message } => {
                let content = match message {
                    StatusText::Set(content) => content.value(),
                    StatusText::Keep | StatusText::Clear => 0.into(),
                };
                let message = match message {
                    StatusText::Set(_) => StatusMessage::SetValue(&content),
                    StatusText::Clear => StatusMessage::Clear,
                    StatusText::Keep => StatusMessage::Keep,
                };
                self.operation(|chat| chat.set_user_status(i32::from(*status), message));
            }
            UserCall::AddFriends(users) => {
                let users = users.to_vec();
                self.operation(|chat| chat.add_friends(&users));
            }
            UserCall::RemoveFriends(users) => {
                let users = users.to_vec();
                self.operation(|chat| chat.remove_friends(&users));
            }
            UserCall::SetChannelProperties {
                channel,
                properties,
                expected,
            } => {
                let (pairs, options) = property_options(properties, *expected);
                self.operation(|chat| {
                    chat.set_channel_properties(channel.as_str(), &pairs, &options)
                });
            }
            UserCall::SetUserProperties {
                channel,
                user,
                properties,
                expected,
            } => {
                let (pairs, options) = property_options(properties, *expected);
                let (channel, user) = (channel.as_str(), user.as_str());
                self.operation(|chat| chat.set_user_properties(channel, user, &pairs, &options));
            }
            UserCall::SendOperation {
                code,
                parameters,
                encrypt,
            } => {
                let secret = parameters.iter().any(|one| one.content == Content::Secret);
                let parameters: Vec<_> = parameters
                    .iter()
                    .map(|one| (one.key, one.content.value()))
                    .collect();
                let options = OperationOptions::new().encrypt(*encrypt || secret);
                self.operation(|chat| chat.send_operation(*code, &parameters, &options));
            }
        }
    }

    /// A call that changes nothing if it fails.
    fn intent<T>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        let before = self.snapshot();
        let result = call(&mut self.chat);
        if let Err(error) = &result {
            assert_eq!(before, self.snapshot(), "changed after {error:?}");
        }
        result.ok()
    }

    /// A call that sends a chat operation. It succeeds on the front end only, and buffers bytes.
    fn operation<T>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        let before = self.chat.buffered_bytes();
        let accepted = self.intent(call)?;
        assert_eq!(self.chat.state(), State::ConnectedToFrontEnd);
        // A UDP connection that has ended, and whose end is not announced yet, buffers nothing.
        let is_udp = self.setup.transport() == Transport::Udp;
        assert!(self.chat.buffered_bytes() > before || is_udp);
        // The driver removes a failed link at once; the client acts on the failure later, and until
        // then accepts calls.
        if let Some(link) = self.newest.and_then(|link| self.links.get_mut(&link)) {
            link.accepted += 1;
        }
        Some(accepted)
    }
}

fn property_options(
    properties: &Properties,
    expected: bool,
) -> (Vec<(chat_core::Value, chat_core::Value)>, PropertyOptions) {
    let pairs = properties.pairs();
    let options = PropertyOptions::new().web_forward(expected);
    let options = if expected {
        options.expected(&pairs[..])
    } else {
        options
    };
    (pairs, options)
}
