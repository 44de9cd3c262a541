//! The application: calls of a client, and what they may change.

use super::Harness;
use crate::chat_script::samples::{Content, Properties};
use crate::chat_script::script::{Call, ChannelCall, ConnectionCall, StatusText, UserCall};
use crate::script::OneIn;
use chat_core::{
    AuthValues, ChatClient, ConnectOptions, Kept, MessageToken, OperationOptions, PrivateOptions,
    PropertyOptions, PublishOptions, RequestError, State, StatusMessage, SubscribeOptions,
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
                if self.connect(|chat| chat.connect_to_name_server(options)) {
                    self.expectations.changed_login();
                }
            }
            ConnectionCall::ConnectToRegion => {
                if self.connect(|chat| chat.connect_to_region_front_end("us")) {
                    self.expectations.changed_login();
                }
            }
            ConnectionCall::Reconnect => drop(self.connect(ChatClient::reconnect)),
            ConnectionCall::Disconnect => self.chat.disconnect(),
            ConnectionCall::Suspend => drop(self.intent(ChatClient::suspend)),
            ConnectionCall::Resume => drop(self.connect(ChatClient::resume)),
            ConnectionCall::NetworkChanged => drop(self.connect(ChatClient::network_changed)),
            ConnectionCall::Keep { restarts } => self.keep(*restarts),
            ConnectionCall::GetRegions => {
                if self.intent(ChatClient::get_regions).is_some() {
                    self.expectations.regions_requested += 1;
                }
            }
            ConnectionCall::SetUserId(user) => {
                if self
                    .intent(|chat| chat.set_user_id(user.as_str()))
                    .is_some()
                {
                    self.expectations.changed_login();
                }
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

    /// A call that connects. Returns whether it was accepted.
    fn connect(&mut self, call: impl FnOnce(&mut ChatClient) -> Result<(), RequestError>) -> bool {
        let is_accepted = self.intent(call).is_some();
        if is_accepted {
            self.expectations.coming_back.called();
        }
        is_accepted
    }

    /// The kept state survives its stored form. If the program restarts, everything else is gone.
    fn keep(&mut self, OneIn(restarts): OneIn<4>) {
        let kept = self.chat.keep();
        let stored = serde_json::to_vec(&kept).expect("kept state has a stored form");
        let read: Kept = serde_json::from_slice(&stored).expect("the stored form is read");
        assert!(kept == read, "{kept:?} is not {read:?}");
        if !restarts {
            return;
        }
        let config = self.setup.config().user_id(read.user_id().clone());
        self.chat = ChatClient::new(config.resume(read), [10; 32]);
        self.expectations.restarted(&self.setup);
        self.links.clear();
        self.opened_ever.clear();
        (self.newest, self.closed_newest) = (None, None);
    }

    fn channel_call(&mut self, call: &ChannelCall) {
        match call {
            ChannelCall::Subscribe {
                channels,
                history,
                last_ids,
                publish_subscribers,
                max_subscribers,
                or_plain,
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
                    options = options.last_ids(vec![ids.id.get(); count]);
                }
                if *or_plain {
                    options = options.or_plain();
                }
                if let Some(id) = self.wanting(|chat| chat.subscribe(&channels, &options)) {
                    self.expectations.requested(id, &channels);
                    let names = channels.iter().map(|name| name.as_str());
                    self.expectations.coming_back.wants(names);
                }
            }
            ChannelCall::Unsubscribe(channels) => {
                let channels = channels.to_vec();
                if let Some(id) = self.wanting(|chat| chat.unsubscribe(&channels)) {
                    self.expectations.requested(id, &channels);
                    let names = channels.iter().map(|name| name.as_str());
                    self.expectations.coming_back.leaves(names);
                }
            }
            ChannelCall::Publish {
                channel,
                content,
                web_forward,
            } => {
                let options = PublishOptions::new().web_forward(*web_forward);
                self.message(|chat| {
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
                self.message(|chat| {
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
                self.wanting(|chat| chat.set_user_status(i32::from(*status), message));
            }
            UserCall::AddFriends(users) => {
                let users = users.to_vec();
                self.wanting(|chat| chat.add_friends(&users));
            }
            UserCall::RemoveFriends(users) => {
                let users = users.to_vec();
                self.wanting(|chat| chat.remove_friends(&users));
            }
            UserCall::SetChannelProperties {
                channel,
                properties,
                expected,
            } => {
                let (pairs, options) = property_options(properties, *expected);
                self.properties(|chat| {
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
                self.properties(|chat| chat.set_user_properties(channel, user, &pairs, &options));
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

    /// A call that sends a message.
    fn message(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<MessageToken, RequestError>,
    ) {
        let queues = self.setup.queue_cap().is_some_and(|cap| cap > 0);
        // For its channel, also without a queue.
        let may_wait = self.setup.restore.is_some();
        if let Some(token) = self.send(queues, may_wait, call) {
            self.expectations.sent(token);
        }
    }

    /// A call that changes what a client which comes back wants, in any state.
    fn wanting<T>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        self.send(self.setup.restore.is_some(), false, call)
    }

    /// A call for a channel that waits for it, if the client comes back.
    fn properties(&mut self, call: impl FnOnce(&mut ChatClient) -> Result<(), RequestError>) {
        self.send(false, self.setup.restore.is_some(), call);
    }

    /// A call that sends a chat operation. It succeeds on the front end only, and buffers bytes.
    fn operation<T>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        self.send(false, false, call)
    }

    /// A call that sends a chat operation. `in_any_state`: it succeeds without a connection, too.
    /// `may_wait`: it may wait although there is one.
    fn send<T>(
        &mut self,
        in_any_state: bool,
        may_wait: bool,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> Option<T> {
        let before = self.chat.buffered_bytes();
        let accepted = self.intent(call)?;
        let is_connected = self.chat.state() == State::ConnectedToFrontEnd;
        assert!(is_connected || in_any_state, "in {:?}", self.chat.state());
        let is_sent = self.chat.buffered_bytes() > before;
        if !is_connected || may_wait && !is_sent {
            assert!(!is_sent, "something is sent without a connection");
            return Some(accepted);
        }
        // A UDP connection that has ended, and whose end is not announced yet, buffers nothing.
        let is_udp = self.setup.transport() == Transport::Udp;
        assert!(is_sent || is_udp);
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
