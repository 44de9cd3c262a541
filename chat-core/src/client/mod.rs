//! [`ChatClient`]: its public methods, and nothing else.

mod front_end;
mod login;
mod name_server;
pub(crate) mod pump;

use crate::codes::operation;
use crate::config::{AuthValues, ChatConfig};
use crate::error::RequestError;
use crate::event::{Event, RequestId};
use crate::event_queue::EventQueue;
use crate::link::{LinkCommand, LinkId, LinkInput};
use crate::messages::MessagesBuilder;
use crate::model::{Channel, Model};
use crate::options::{
    ConnectOptions, PrivateOptions, PropertyOptions, PublishOptions, StatusMessage,
    SubscribeOptions,
};
use crate::peer::Peer;
use crate::secret::Secret;
use crate::state::State;
use crate::stats::Stats;
use crate::status::UserStatus;
use crate::timers::Timer;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use log::LevelFilter;
use login::LoginFlow;
use photon_proto::{Encode, Limits, Random, Text, Timestamp, Value};
use pump::{Requests, Retired};

pub(crate) use login::Action;
pub use pump::Serviced;

/// A Photon Chat client: a state machine without sockets, clock or threads.
///
/// The [crate documentation](crate) has the contract between a client, the driver that moves its bytes, and the
/// application. All methods act on memory only and return at once.
pub struct ChatClient {
    pub(crate) config: ChatConfig,
    pub(crate) random: Random,
    /// The last time that a call brought.
    pub(crate) now: Timestamp,
    /// Whether an intent has armed a timer that waits for the time.
    pub(crate) armed: bool,
    pub(crate) state: State,
    pub(crate) events: EventQueue,
    pub(crate) commands: VecDeque<LinkCommand>,
    pub(crate) next_link: u64,
    /// The connection to the current server.
    pub(crate) peer: Option<Peer>,
    /// Links of the servers before, still sending.
    pub(crate) retired: Vec<Retired>,
    pub(crate) login: LoginFlow,
    pub(crate) requests: Requests,
    /// Deadlines of the get-regions requests that wait for their answer, oldest first.
    pub(crate) regions: VecDeque<Timer>,
    pub(crate) model: Model,
    pub(crate) builder: MessagesBuilder,
    pub(crate) stats: Stats,
}

/// Nothing that was said or sent: buffers and caches hold messages and tokens.
impl fmt::Debug for ChatClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChatClient")
            .field("state", &self.state)
            .field("queued_events", &self.queued_events())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl ChatClient {
    /// A client in state [`State::Uninitialized`] that has sent nothing.
    ///
    /// `seed` must be unpredictable: secrets of the key exchange are drawn from it. The same seed and the same calls
    /// give the same bytes and events.
    ///
    /// Spec: chat.md 7, `new`; 11, item 1.
    #[must_use]
    pub fn new(config: ChatConfig, seed: [u8; 32]) -> Self {
        pump::new_client(config, seed)
    }

    // Driver side.

    /// Takes what happened to a link. Transport level only: bytes are kept until [`ChatClient::service`].
    pub fn handle_link(&mut self, now: Timestamp, link: LinkId, input: LinkInput<'_>) {
        self.take_input(now, link, input);
    }

    /// The documented `service`: processes input, runs timers, changes the state and raises events.
    ///
    /// Stops at a state change, so that the application meets each state while it lasts, and after
    /// [`ChatConfig::max_messages_per_service`] messages; [`Serviced::more`] says so. An idle call does nothing.
    pub fn service(&mut self, now: Timestamp) -> Serviced {
        self.run_service(now)
    }

    /// The bytes that a link is to send next, never empty; the same again until [`ChatClient::transmitted`]. On a
    /// datagram link one datagram, stamped with `now`; on a WebSocket link one message.
    pub fn transmit(&mut self, now: Timestamp, link: LinkId) -> Option<&[u8]> {
        self.unsent(now, link)
    }

    /// Says how many of the bytes that [`ChatClient::transmit`] gave were sent; more than there are count as all. On
    /// datagram and WebSocket links any number above 0 is the whole.
    pub fn transmitted(&mut self, link: LinkId, bytes: usize) {
        self.sent(link, bytes);
    }

    /// What the driver is to do next.
    pub fn poll_command(&mut self) -> Option<LinkCommand> {
        self.commands.pop_front()
    }

    /// When [`ChatClient::service`] has something to do by time alone; "now" (the last time seen) while input is held
    /// that it could act on, or a timer armed by a call waits for the time. `None`: only when something comes in.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_deadline()
    }

    /// Whether the driver should read from this link. False while enough is buffered.
    #[must_use]
    pub fn wants_input(&self, link: LinkId) -> bool {
        self.link_wants_input(link)
    }

    // Application side.

    /// The next event, in the order of causes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// How many events wait.
    #[must_use]
    pub fn queued_events(&self) -> usize {
        self.events.len()
    }

    // Connecting.

    /// Connects to the name server (`connectToNameServer`), and on to the front end of a region if the options name one.
    /// From states 0, 10 and -1. Spec: chat.md 2.6.
    ///
    /// # Errors
    /// [`RequestError::WrongState`]; [`RequestError::Address`] for an address that cannot be used;
    /// [`RequestError::Empty`] for an empty app id, app version or list of addresses; [`RequestError::QueueFull`] if
    /// too many events wait.
    pub fn connect_to_name_server(&mut self, options: ConnectOptions) -> Result<(), RequestError> {
        self.connect(options)
    }

    /// Goes to the front end of a region (`connectToRegionFrontEnd`): at once from the name server, else by way of it.
    /// The region is sent as it is given. Spec: chat.md 2.7.
    ///
    /// # Errors
    /// [`RequestError::AlreadyInProgress`] while a login waits for its answer; on the name server
    /// [`RequestError::Unencodable`] or [`RequestError::TooLong`] if the login cannot be written (when it is written
    /// later, that ends the connection with [`CauseKind::LoginNotSent`](crate::CauseKind::LoginNotSent)); else as
    /// [`ChatClient::connect_to_name_server`].
    pub fn connect_to_region_front_end(
        &mut self,
        region: impl Into<Text>,
    ) -> Result<(), RequestError> {
        self.connect_to_region(region.into())
    }

    /// Goes straight back to the front end with the token of the last login, from states 10 and -1. If the token is no
    /// longer good, or the front end cannot be reached, the way leads by the name server, once. Spec: chat.md 2.10.
    ///
    /// # Errors
    /// [`RequestError::WrongState`]; [`RequestError::NothingToReconnectTo`] if there was no login yet;
    /// [`RequestError::QueueFull`] if too many events wait.
    pub fn reconnect(&mut self) -> Result<(), RequestError> {
        self.connect_again()
    }

    /// Ends the connection (`disconnect`): the state is Disconnected at once, what was accepted before goes on being
    /// sent for at most [`ChatConfig::flush_timeout`]. Nothing in states 0 and 10. Spec: chat.md 6.2.
    pub fn disconnect(&mut self) {
        self.end_by_application();
    }

    /// Asks the name server for its regions (`getRegions`). Every call ends in exactly one [`Event::RegionsResult`].
    /// Spec: chat.md 2.5.
    pub fn get_regions(&mut self) {
        self.request_regions();
    }

    // Chatting.

    /// Subscribes to channels (`subscribe`). The outcome comes for each distinct name in [`Event::SubscribeResult`].
    /// Spec: chat.md 3.1.
    ///
    /// # Errors
    /// [`RequestError::WrongState`] in any state but ConnectedToFrontEnd; [`RequestError::Empty`] for an empty list or
    /// name; [`RequestError::LastIds`]; [`RequestError::CreationOptions`]; [`RequestError::TooLong`],
    /// [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn subscribe<N>(
        &mut self,
        channels: N,
        options: &SubscribeOptions,
    ) -> Result<RequestId, RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.send_subscribe(channels.into_iter(), options)
    }

    /// Leaves channels (`unsubscribe`). The outcome comes in [`Event::UnsubscribeResult`]. Spec: chat.md 3.2.
    ///
    /// # Errors
    /// As [`ChatClient::subscribe`].
    pub fn unsubscribe<N>(&mut self, channels: N) -> Result<RequestId, RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.send_unsubscribe(channels.into_iter())
    }

    /// Publishes in a channel (`publishMessage`). There is no local echo: the message comes back from the server with
    /// the others. Whether the channel is subscribed is for the server to judge. Spec: chat.md 3.3.
    ///
    /// # Errors
    /// [`RequestError::WrongState`], [`RequestError::Empty`] for an empty name or null, [`RequestError::TooLong`],
    /// [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn publish_message<C>(
        &mut self,
        channel: &str,
        content: &C,
        options: &PublishOptions,
    ) -> Result<(), RequestError>
    where
        C: Encode + ?Sized,
    {
        self.publish(channel, content, options)
    }

    /// Sends a private message (`sendPrivateMessage`). It comes back from the server, too. Spec: chat.md 3.4.
    ///
    /// # Errors
    /// As [`ChatClient::publish_message`], and [`RequestError::EncryptionUnavailable`] if encryption is asked for on a
    /// connection without keys.
    pub fn send_private_message<C>(
        &mut self,
        user: &str,
        content: &C,
        options: &PrivateOptions,
    ) -> Result<(), RequestError>
    where
        C: Encode + ?Sized,
    {
        self.send_private(user, content, options)
    }

    /// Sets this user's status (`setUserStatus`). Friends are told; the caller gets no event. Spec: chat.md 3.6.
    ///
    /// # Errors
    /// [`RequestError::WrongState`], [`RequestError::TooLong`], [`RequestError::Unencodable`],
    /// [`RequestError::QueueFull`].
    pub fn set_user_status(
        &mut self,
        status: impl Into<UserStatus>,
        message: StatusMessage<'_>,
    ) -> Result<(), RequestError> {
        self.send_status(status.into(), message)
    }

    /// Watches the status of other users (`addFriends`): an [`Event::UserStatusUpdate`] for each. Servers are said to
    /// take 512 names in one request. They forget friends when the connection ends. Spec: chat.md 3.7.
    ///
    /// # Errors
    /// As [`ChatClient::set_user_status`]; [`RequestError::Empty`] for an empty list or id, [`RequestError::TooMany`]
    /// for more than 1,024.
    pub fn add_friends<N>(&mut self, users: N) -> Result<(), RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.send_friends(operation::ADD_FRIENDS, users.into_iter())
    }

    /// Stops watching other users (`removeFriends`). Spec: chat.md 3.7.
    ///
    /// # Errors
    /// As [`ChatClient::add_friends`].
    pub fn remove_friends<N>(&mut self, users: N) -> Result<(), RequestError>
    where
        N: IntoIterator<Item: AsRef<str>, IntoIter: Clone>,
    {
        self.send_friends(operation::REMOVE_FRIENDS, users.into_iter())
    }

    /// Sets properties of a channel; null removes one. All in the channel get [`Event::PropertiesChanged`]; a failed
    /// compare-and-swap is an [`Event::OperationResponse`] with a code that is not 0. Not every server has this
    /// operation. Spec: chat.md 3.8.
    ///
    /// # Errors
    /// As [`ChatClient::set_user_status`]; [`RequestError::Empty`] for an empty name or list.
    pub fn set_channel_properties(
        &mut self,
        channel: &str,
        properties: &[(Value, Value)],
        options: &PropertyOptions,
    ) -> Result<(), RequestError> {
        self.send_properties(channel, None, properties, options)
    }

    /// Sets properties of a user in a channel, as [`ChatClient::set_channel_properties`] does of the channel.
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
        self.send_properties(channel, Some(user), properties, options)
    }

    /// Sends an operation of any code, parameters in the order given and as they are: for servers that know more than
    /// this library does, and for tests. Its answer, if there is one, is an [`Event::OperationResponse`].
    ///
    /// Nothing else keeps account of it. The codes of operations that have a method of their own are sent, too, but what
    /// such a method checks or remembers is not; in particular an answer to the code of [`ChatClient::subscribe`] or
    /// [`ChatClient::unsubscribe`] counts for the oldest open request of that kind, if there is one.
    ///
    /// # Errors
    /// [`RequestError::WrongState`]; [`RequestError::ReservedOperation`] for Authenticate (230);
    /// [`RequestError::EncryptionUnavailable`] as in [`ChatClient::send_private_message`]; [`RequestError::TooLong`],
    /// [`RequestError::Unencodable`], [`RequestError::QueueFull`].
    pub fn send_operation(
        &mut self,
        code: u8,
        parameters: &[(u8, Value)],
        encrypt: bool,
    ) -> Result<(), RequestError> {
        self.send_raw(code, parameters, encrypt)
    }

    /// Whether messages can be published in a channel: on the front end, subscribed, and not about to leave.
    #[must_use]
    pub fn can_chat_in_channel(&self, channel: &str) -> bool {
        self.channel(channel).is_some_and(Channel::is_subscribed)
            && !self.requests.unsubscribe.is_waited_for(channel)
    }

    // What is known.

    /// The state. Spec: chat.md 6.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the state is ConnectedToNameServer.
    #[must_use]
    pub fn is_connected_to_name_server(&self) -> bool {
        self.state == State::ConnectedToNameServer
    }

    /// Whether the state is ConnectedToFrontEnd.
    #[must_use]
    pub fn is_connected_to_front_end(&self) -> bool {
        self.state == State::ConnectedToFrontEnd
    }

    /// The channels that the user is in, in order of first subscription. Spec: chat.md 5.
    pub fn public_channels(&self) -> impl Iterator<Item = &Channel> {
        self.model
            .public
            .iter()
            .filter(|channel| channel.is_subscribed())
    }

    /// The private conversations, in order of first message; of more than 1,024 the oldest is forgotten.
    pub fn private_channels(&self) -> impl Iterator<Item = &Channel> {
        self.model.private.iter()
    }

    /// A public channel by name; also one that is not subscribed on the present connection, for its last id.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.model.public.get(name)
    }

    /// The private conversation with a user.
    #[must_use]
    pub fn private_channel(&self, user: &str) -> Option<&Channel> {
        self.model.private.get(user)
    }

    /// Empties the message cache of a public channel; its last id stays. False if there is no such channel.
    pub fn clear_messages(&mut self, channel: &str) -> bool {
        self.model.clear_messages(false, channel)
    }

    /// Empties the message cache of the private conversation with a user; its last id stays.
    pub fn clear_private_messages(&mut self, user: &str) -> bool {
        self.model.clear_messages(true, user)
    }

    /// Forgets all channels, their messages and last ids, as if the client were new. Subscriptions on the server stay:
    /// for use while not connected.
    pub fn forget_channels(&mut self) {
        self.model.forget_channels(&self.config);
    }

    /// The user id: the configured one until the server gives another. Spec: chat.md 5.
    #[must_use]
    pub fn user_id(&self) -> &Text {
        &self.config.user_id.0
    }

    /// Sets the user id for the next login. A token kept for [`ChatClient::reconnect`] is dropped: it is the user's before.
    ///
    /// # Errors
    /// [`RequestError::WrongState`] while connected or connecting.
    pub fn set_user_id(&mut self, user_id: impl Into<Text>) -> Result<(), RequestError> {
        match self.state {
            State::Uninitialized | State::Disconnected | State::Error => {
                self.config.user_id = Secret(user_id.into());
                self.login.forget_token();
                Ok(())
            }
            state => Err(RequestError::WrongState(state)),
        }
    }

    /// Sets the credentials for the next login on the name server. Spec: chat.md 7.
    pub fn set_custom_authentication(&mut self, values: AuthValues) {
        self.config.authentication = values;
    }

    /// Sets what this client logs at most.
    pub fn set_log_level(&mut self, level: LevelFilter) {
        self.config.log_level = level;
    }

    /// The server's clock in milliseconds: free-running, wraps. `None` before the first ping, or over UDP
    /// the first question for it, was answered. Spec: wire.md 11, udp.md 8.
    #[must_use]
    pub fn server_time(&self) -> Option<i32> {
        self.peer.as_ref()?.server_time(self.now)
    }

    /// What one message may cost: a driver that puts messages together itself needs to know how long they may be.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.current_stats()
    }

    /// Bytes received and not processed, or written and not sent, over UDP not acknowledged.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.held_bytes()
    }
}

const _: () = {
    const fn assert_send<T: Send>() {}
    assert_send::<ChatClient>();
};
