//! What the application does: calls of a client, and what they may change.

use super::samples::Content;
use super::script::{Message, Step};
use super::transport::Transport;
use super::world::World;
use chat_core::{
    AuthValues, ChatClient, ConnectOptions, PrivateOptions, PropertyOptions, PublishOptions,
    RequestError, State, StatusMessage, SubscribeOptions,
};

impl World {
    pub(super) fn intend(&mut self, intent: &Step<'_>) {
        match intent {
            Step::Connect { region } => {
                let options = if *region {
                    ConnectOptions::new().region("eu")
                } else {
                    ConnectOptions::new()
                };
                self.intent(|chat| chat.connect_to_name_server(options));
            }
            Step::Region => drop(self.intent(|chat| chat.connect_to_region_front_end("us"))),
            Step::Reconnect => drop(self.intent(ChatClient::reconnect)),
            Step::Disconnect => self.chat.disconnect(),
            Step::GetRegions => {
                self.ledger.regions_asked += 1;
                self.chat.get_regions();
            }
            Step::Subscribe {
                channels,
                history,
                last_ids,
                publish,
                most,
            } => {
                let mut options = SubscribeOptions::new()
                    .publish_subscribers(*publish)
                    .max_subscribers(*most);
                if let Some(history) = history {
                    options = options.history(*history);
                }
                if let Some(ids) = last_ids {
                    options = options.last_ids(ids.clone());
                }
                if let Some(id) = self.operation(|chat| chat.subscribe(channels, &options)) {
                    self.ledger.asked(id, channels);
                }
            }
            Step::Unsubscribe(channels) => {
                if let Some(id) = self.operation(|chat| chat.unsubscribe(channels)) {
                    self.ledger.asked(id, channels);
                }
            }
            Step::Publish {
                channel,
                content,
                web,
            } => {
                let options = PublishOptions::new().web_forward(*web);
                self.operation(|chat| {
                    chat.publish_message(channel.as_str(), &content.value(), &options)
                });
            }
            Step::Private {
                user,
                content,
                encrypt,
                web,
            } => {
                let options = PrivateOptions::new()
                    .web_forward(*web)
                    .encrypt(*encrypt || *content == Content::Secret);
                self.operation(|chat| {
                    chat.send_private_message(user.as_str(), &content.value(), &options)
                });
            }
            Step::Status { status, message } => {
                let content = if let Message::Set(content) = message {
                    content.value()
                } else {
                    0.into()
                };
                let message = match message {
                    Message::Set(_) => StatusMessage::SetValue(&content),
                    Message::Clear => StatusMessage::Clear,
                    Message::Keep => StatusMessage::Keep,
                };
                self.operation(|chat| chat.set_user_status(*status, message));
            }
            Step::AddFriends(users) => drop(self.operation(|chat| chat.add_friends(users))),
            Step::RemoveFriends(users) => drop(self.operation(|chat| chat.remove_friends(users))),
            Step::ChannelProperties {
                channel,
                properties,
                expected,
            } => {
                let options = property_options(*expected, &properties.0);
                self.operation(|chat| {
                    chat.set_channel_properties(channel.as_str(), &properties.0, &options)
                });
            }
            Step::UserProperties {
                channel,
                user,
                properties,
                expected,
            } => {
                let options = property_options(*expected, &properties.0);
                self.operation(|chat| {
                    chat.set_user_properties(
                        channel.as_str(),
                        user.as_str(),
                        &properties.0,
                        &options,
                    )
                });
            }
            Step::Operation {
                code,
                parameters,
                encrypt,
            } => {
                let secret = parameters
                    .iter()
                    .any(|(_, content)| *content == Content::Secret);
                let parameters: Vec<_> = parameters
                    .iter()
                    .map(|(key, content)| (*key, content.value()))
                    .collect();
                self.operation(|chat| chat.send_operation(*code, &parameters, *encrypt || secret));
            }
            Step::SetUserId(user) => drop(self.intent(|chat| chat.set_user_id(user.as_str()))),
            Step::SetAuthentication { custom } => {
                let values = if *custom {
                    AuthValues::new("user=me")
                } else {
                    AuthValues::none()
                };
                self.chat.set_custom_authentication(values);
            }
            Step::Clear {
                private: true,
                name,
            } => {
                let cleared = self.chat.clear_private_messages(name.as_str());
                let channel = self.chat.private_channel(name.as_str());
                assert_eq!(
                    cleared,
                    channel.is_some_and(|channel| channel.cached_messages() == 0)
                );
            }
            Step::Clear {
                private: false,
                name,
            } => {
                let cleared = self.chat.clear_messages(name.as_str());
                let channel = self.chat.channel(name.as_str());
                assert_eq!(
                    cleared,
                    channel.is_some_and(|channel| channel.cached_messages() == 0)
                );
            }
            Step::Forget => {
                // What is told is told before.
                self.events(usize::MAX);
                self.chat.forget_channels();
                self.ledger.forget_channels();
                assert_eq!(self.chat.stats().cached_bytes, 0);
            }
            other => unreachable!("{other:?} is no intent"),
        }
    }

    /// An intent: after an error nothing has changed.
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

    /// A chat operation: possible on the front end only, and on its way once it is accepted.
    fn operation<T>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        let before = self.chat.buffered_bytes();
        let accepted = self.intent(call)?;
        assert_eq!(self.chat.state(), State::ConnectedToFrontEnd);
        // A connection whose end is not announced yet takes nothing.
        assert!(self.chat.buffered_bytes() > before || self.setup.transport == Transport::Udp);
        let link = self.newest.and_then(|link| self.links.get_mut(&link));
        // A driver that knows of the link's end may know it before the client acts on it.
        if let Some(link) = link {
            link.accepted += 1;
        }
        Some(accepted)
    }
}

fn property_options(
    expected: bool,
    properties: &[(chat_core::Value, chat_core::Value)],
) -> PropertyOptions {
    let options = PropertyOptions::new().web_forward(expected);
    if expected {
        options.expected(properties)
    } else {
        options
    }
}
