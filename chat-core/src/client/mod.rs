//! [`ChatClient`]: the owner of all state of a chat client.
//!
//! Its fields are visible to the files of this folder only. Each file adds one part of the client:
//! `pump` and `deadline` the driver's side, `connect`, `chat` and this file the application's side; `name_server`,
//! `front_end`, `login` and `endings` the transitions between states. Everything below this folder
//! takes what it needs as arguments.

mod chat;
mod confirming;
mod connect;
mod connection;
mod deadline;
mod endings;
mod front_end;
mod keeping;
mod login;
mod login_flow;
mod name_server;
mod pump;
mod questions;
mod queueing;
mod rest;
mod restoring;
mod resubscribing;
mod retired;
mod sleep;
mod suspend;

use crate::config::{AuthValues, ChatConfig};
use crate::confirm::Confirmations;
use crate::error::RequestError;
use crate::event::Event;
use crate::event_queue::EventQueue;
use crate::link::LinkCommand;
use crate::messages::{Message, MessagesBuilder};
use crate::model::{Channel, Model};
use crate::operation::names::check_id;
use crate::operation::pending::PendingRequests;
use crate::restore::{Restoration, Resubscription};
use crate::secret::Secret;
use crate::state::State;
use crate::stats::{Counters, Stats};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use connection::Connection;
use core::fmt;
use core::time::Duration;
use deadline::NextWork;
use log::LevelFilter;
use login_flow::LoginFlow;
use photon_proto::peer::Peer;
use photon_proto::{HashKeys, Limits, Random, Text, Timestamp};
use retired::RetiredLinks;
use sleep::Sleep;

pub use pump::Serviced;
pub use rest::NotAtRest;

/// A Photon Chat client: a state machine without sockets, clock or threads.
///
/// The [crate documentation](crate) has the contract between a client, the driver that moves its
/// bytes, and the application. All methods act on memory only and return at once.
pub struct ChatClient {
    config: ChatConfig,
    random: Random,
    /// The latest time that a call passed.
    now: Timestamp,
    sleep: Sleep,
    /// Whether the state is [`State::Disconnected`] only until the application resumes.
    is_suspended: bool,
    /// Whether an intent has armed a timer. Intents know no time: the timer starts with the next
    /// call that passes one.
    armed: bool,
    next_work: NextWork,
    state: State,
    events: EventQueue,
    commands: VecDeque<LinkCommand>,
    next_link: u64,
    /// The connection to the current server.
    connection: Option<Connection>,
    /// Links of earlier connections that still send what was accepted.
    retired: RetiredLinks,
    login: LoginFlow,
    /// The state of coming back by itself, if the client does.
    restore: Option<Box<Restoration>>,
    pending: PendingRequests,
    model: Model,
    /// The state to bring back on each connection, if the client restores.
    resubscription: Option<Box<Resubscription>>,
    /// The messages whose result is not known, if the application wants to know.
    confirm: Option<Box<Confirmations>>,
    /// Reused for each event with messages, so that decoding one allocates only its result.
    builder: MessagesBuilder,
    stats: Counters,
    /// How many messages were accepted for sending.
    accepted_messages: u64,
}

/// Prints neither buffers nor caches: they hold messages and tokens.
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
    /// Creates a client in state [`State::Uninitialized`] that has sent nothing.
    ///
    /// `seed` must be unpredictable: the secrets of the key exchange are derived from it. The same
    /// seed and the same calls give the same bytes and events.
    ///
    /// Spec: chat.md 7, `new`; 11, item 1.
    ///
    /// ```
    /// use chat_core::{ChatClient, ChatConfig, State};
    ///
    /// let config = ChatConfig::new("tcp://127.0.0.1", "app-id", "1.0").user_id("alice");
    /// // chat_std_io draws the seed from the operating system.
    /// let chat = ChatClient::new(config, [0; 32]);
    /// assert_eq!(chat.state(), State::Uninitialized);
    /// ```
    #[must_use]
    pub fn new(config: ChatConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let own_keys = HashKeys::new(&mut random);
        // The fingerprints of an earlier run compare with its keys only.
        let kept = config.resume.as_ref();
        let keys = kept.map_or(own_keys, |kept| HashKeys::from_bytes(kept.keys));
        let mut client = Self {
            random,
            now: Timestamp::ZERO,
            sleep: Sleep::new(&config.peer),
            is_suspended: false,
            armed: false,
            next_work: NextWork::Unknown,
            state: State::Uninitialized,
            events: EventQueue::new(config.event_cap_bytes),
            commands: VecDeque::new(),
            next_link: 1,
            connection: None,
            retired: RetiredLinks::default(),
            login: LoginFlow::default(),
            restore: config
                .restore
                .as_ref()
                .map(|options| Box::new(Restoration::new(options))),
            pending: PendingRequests::new(keys),
            model: Model::new(keys, &config),
            resubscription: config.restore.as_ref().map(|options| {
                let held_cap_bytes = config.peer.outgoing_cap_bytes;
                Box::new(Resubscription::new(options, held_cap_bytes, keys))
            }),
            confirm: config
                .confirms_messages()
                .then(|| Box::new(Confirmations::new(keys))),
            builder: MessagesBuilder::default(),
            stats: Counters::default(),
            accepted_messages: 0,
            config,
        };
        client.resume_kept();
        client
    }

    // Settings.

    /// Returns the user id: the configured one until the server assigns another. Spec: chat.md 5.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// assert_eq!(chat.user_id().as_str(), "alice");
    /// ```
    #[must_use]
    pub fn user_id(&self) -> &Text {
        &self.config.user_id.0
    }

    /// Whether this client's user sent a message, from this or from another client: the server sends
    /// a user's own messages back to it. Of a private message it takes
    /// [`PrivateMessage::get`](crate::PrivateMessage::get).
    ///
    /// ```
    /// use chat_core::{ChatClient, Event};
    ///
    /// fn show(chat: &ChatClient, event: &Event) {
    ///     let Event::ChatMessages { messages, .. } = event else { return };
    ///     for message in messages.iter() {
    ///         let who = if chat.is_mine(&message) { "you" } else { message.sender };
    ///         println!("{who}: {}", message.content);
    ///     }
    /// }
    /// # let _ = show;
    /// ```
    #[must_use]
    pub fn is_mine(&self, message: &Message<'_>) -> bool {
        message.is_from(self.user_id())
    }

    /// Sets the user id for the next login. Drops the token that [`ChatClient::reconnect`] would
    /// use, because it belongs to the previous user.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// chat.set_user_id("bob")?;
    /// assert_eq!(chat.user_id().as_str(), "bob");
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// [`RequestError::WrongState`] while connected or connecting; [`RequestError::InvalidId`] for
    /// white space or invisible characters around the id or a control character in it. An empty id is
    /// legal: the server assigns one.
    pub fn set_user_id(&mut self, user_id: impl Into<Text>) -> Result<(), RequestError> {
        if !self.may_connect() {
            return Err(RequestError::WrongState(self.state));
        }
        let user_id = user_id.into();
        check_id(&user_id, "user id")?;
        self.config.user_id = Secret(user_id);
        self.login.forget_token();
        Ok(())
    }

    /// Sets the credentials for the next login on the name server. If the client waits for them
    /// ([`Event::CredentialsNeeded`]), it continues with the next `service`. Spec: chat.md 7.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::AuthValues;
    ///
    /// chat.set_custom_authentication(AuthValues::new("user=alice&ticket=4711"));
    /// ```
    pub fn set_custom_authentication(&mut self, values: AuthValues) {
        self.config.set_authentication(values);
        self.continue_with_credentials();
    }

    /// Sets the most verbose level that this client logs.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// chat.set_log_level(log::LevelFilter::Warn);
    /// ```
    pub fn set_log_level(&mut self, level: LevelFilter) {
        self.config.log_level = level;
    }

    /// Returns the limits of one message. A driver that assembles messages itself, such as one for
    /// WebSocket, applies them too.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.config.peer.limits
    }

    /// Returns the deadline for connecting ([`ChatConfig::connect_timeout`]). A driver that ends
    /// its own attempts shortly before can report why each of them failed.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.config.connect_timeout_ms)
    }

    // State.

    /// Returns the state. Spec: chat.md 6.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::State;
    ///
    /// assert_eq!(chat.state(), State::ConnectedToFrontEnd);
    /// assert_eq!(chat.state().name(), "ConnectedToFrontEnd");
    /// ```
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the state is [`State::ConnectedToNameServer`].
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(!chat.is_connected_to_name_server());
    /// ```
    #[must_use]
    pub fn is_connected_to_name_server(&self) -> bool {
        self.state == State::ConnectedToNameServer
    }

    /// Whether the state is [`State::ConnectedToFrontEnd`].
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(chat.is_connected_to_front_end());
    /// ```
    #[must_use]
    pub fn is_connected_to_front_end(&self) -> bool {
        self.state == State::ConnectedToFrontEnd
    }

    /// Whether the state allows to begin a connection. Spec: chat.md 6.2.
    fn may_connect(&self) -> bool {
        matches!(
            self.state,
            State::Uninitialized | State::Disconnected | State::Error
        )
    }

    // Events.

    /// Takes the next event, in causal order.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::{ConnectOptions, Event};
    ///
    /// chat.connect_to_name_server(ConnectOptions::new())?;
    /// while let Some(event) = chat.poll_event() {
    ///     match event {
    ///         Event::StateChanged { to, .. } => println!("now {}", to.name()),
    ///         Event::ChatMessages { channel, messages } => println!("{channel}: {messages:?}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Returns the number of events that wait to be taken.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// chat.connect_to_region_front_end("eu")?;
    /// assert_eq!(chat.queued_events(), 1); // the change of the state
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    #[must_use]
    pub fn queued_events(&self) -> usize {
        self.events.len()
    }

    // Channels.

    /// Returns the channels that the user is in, in order of first subscription. Spec: chat.md 5.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// let names: Vec<_> = chat.public_channels().map(|channel| channel.name().as_str()).collect();
    /// assert_eq!(names, ["lobby"]);
    /// ```
    pub fn public_channels(&self) -> impl Iterator<Item = &Channel> {
        self.model
            .public
            .iter()
            .filter(|channel| channel.is_subscribed())
    }

    /// Returns the public channels that the client remembers, in order of first subscription: those
    /// that the user is in, and those of earlier connections, with their messages and last ids. With
    /// [`ChatConfig::restore`] the client subscribes to them again by itself. Without it an
    /// application does so after a reconnect:
    ///
    /// ```
    /// use chat_core::{ChatClient, RequestError, SubscribeOptions};
    ///
    /// fn subscribe_again(chat: &mut ChatClient) -> Result<(), RequestError> {
    ///     let channels = chat.remembered_channels().filter(|channel| !channel.is_subscribed());
    ///     let names: Vec<_> = channels.map(|channel| channel.name().to_string()).collect();
    ///     if !names.is_empty() {
    ///         // All that the server keeps. What was delivered before does not come again.
    ///         chat.subscribe(&names, &SubscribeOptions::new().history(-1))?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = subscribe_again;
    /// ```
    ///
    /// If the server destroyed the channel meanwhile, an [`Event::Gap`](crate::Event::Gap) comes before
    /// the messages of its new life.
    pub fn remembered_channels(&self) -> impl Iterator<Item = &Channel> {
        self.model.public.iter()
    }

    /// Returns the private conversations, in order of first message. If there are too many (1,024,
    /// or [`ChatConfig::unsolicited_cap_bytes`]), the least recently used one is forgotten: the one
    /// with the oldest message in either direction. [`Event::ConversationForgotten`] reports it.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PrivateOptions;
    ///
    /// chat.send_private_message("bob", "hi", &PrivateOptions::new())?;
    /// # simulation.run_for(1_000);
    /// # let chat = simulation.chat(0);
    /// // Once the server has sent the message back:
    /// let channels = chat.private_channels();
    /// let users: Vec<_> = channels.map(|channel| channel.name().as_str()).collect();
    /// assert_eq!(users, ["bob"]);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    pub fn private_channels(&self) -> impl Iterator<Item = &Channel> {
        self.model.private_channels()
    }

    /// Finds a public channel by name. A channel that is not subscribed on the present connection
    /// is found too, for its last id.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// let lobby = chat.channel("lobby");
    /// assert_eq!(lobby.map(|lobby| lobby.messages().count()), Some(0));
    /// ```
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.model.public.get(name)
    }

    /// Finds the private conversation with a user.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(chat.private_channel("bob").is_none()); // no message yet
    /// ```
    #[must_use]
    pub fn private_channel(&self, user: &str) -> Option<&Channel> {
        self.model.private_channel(user)
    }

    /// Whether messages can be published in a channel: it is subscribed, and no unsubscribe is
    /// pending.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(chat.can_chat_in_channel("lobby"));
    /// assert!(!chat.can_chat_in_channel("elsewhere"));
    /// ```
    #[must_use]
    pub fn can_chat_in_channel(&self, channel: &str) -> bool {
        self.channel(channel).is_some_and(Channel::is_subscribed)
            && !self.pending.unsubscribe.is_waiting_for(channel)
    }

    /// Empties the message cache of a public channel. Its last id stays. Returns false if there is
    /// no such channel.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(chat.clear_messages("lobby"));
    /// assert!(!chat.clear_messages("elsewhere"));
    /// ```
    pub fn clear_messages(&mut self, channel: &str) -> bool {
        self.model.clear_messages(channel)
    }

    /// Empties the message cache of the private conversation with a user. Its last id stays.
    /// Returns false if there is no such conversation.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// assert!(!chat.clear_private_messages("bob")); // no message yet
    /// ```
    pub fn clear_private_messages(&mut self, user: &str) -> bool {
        self.model.clear_private_messages(user)
    }

    /// Forgets all channels, their messages and last ids, as if the client were new. Call it while
    /// not connected: the server keeps the subscriptions. With
    /// [`ChatConfig::restore`](crate::ChatConfig::restore) the client does not bring them back;
    /// requests that wait for a connection end in
    /// [`Outcome::ConnectionLost`](crate::Outcome::ConnectionLost).
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// chat.disconnect();
    /// chat.forget_channels();
    /// assert!(chat.channel("lobby").is_none());
    /// ```
    pub fn forget_channels(&mut self) {
        self.touch();
        self.model.forget_channels();
        self.give_up_messages();
        if let Some(restore) = &mut self.resubscription {
            let lost = restore.forget_channels();
            self.report(lost);
        }
    }

    // Measurements.

    /// Returns the server's clock in milliseconds. It runs freely and wraps. `None` until the first
    /// ping, or over UDP the first time request, was answered. Spec: wire.md 11, udp.md 8.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// // Two readings a minute apart differ by 60,000, also across the wrap:
    /// if let Some(time) = chat.server_time() {
    ///     let elapsed = chat.server_time().map(|later| later.wrapping_sub(time));
    ///     assert_eq!(elapsed, Some(0));
    /// }
    /// ```
    #[must_use]
    pub fn server_time(&self) -> Option<i32> {
        self.connection.as_ref()?.peer.server_time(self.now)
    }

    /// Returns the counters of this client and the measurements of its present connection.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// let stats = chat.stats();
    /// assert!(stats.received_messages > 0);
    /// assert_eq!(stats.bad_messages, 0);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let peer = self.connection.as_ref().map(|connection| &connection.peer);
        let round_trip = peer.and_then(Peer::round_trip);
        Stats {
            udp: peer.and_then(Peer::udp_stats),
            round_trip: round_trip.map(|(round_trip, _)| round_trip),
            round_trip_variance: round_trip.map(|(_, variance)| variance),
            buffered_bytes: self.buffered_bytes(),
            cached_bytes: self.model.cached_bytes(),
            channel_bytes: self.model.channel_bytes(),
            queued_bytes: self
                .resubscription
                .as_ref()
                .map_or(0, |restore| restore.outbox.queued_bytes()),
            repeated_messages: self.model.questions.repeated(),
            ..self.stats.stats()
        }
    }

    /// Returns the number of bytes that were received and not processed, or written and not sent.
    /// Over UDP, bytes that were sent and not acknowledged count too.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::PublishOptions;
    ///
    /// chat.publish_message("lobby", "hello", &PublishOptions::new())?;
    /// assert!(chat.buffered_bytes() > 0); // until the driver has sent the message
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        let connection = self.connection.as_ref();
        self.retired.buffered_bytes()
            + connection.map_or(0, |connection| connection.peer.buffered_bytes())
    }
}

const _: () = {
    const fn assert_send<T: Send>() {}
    assert_send::<ChatClient>();
};

#[cfg(test)]
mod tests;
