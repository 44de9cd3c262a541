//! [`ServerConfig`]: the settings of the server.

use photon_proto::Limits;
use photon_proto::udp::AcceptorConfig;

use crate::auth_rules::AuthRule;
use crate::faults::Faults;
use crate::history_order::HistoryOrder;
use crate::netem::Conditions;
use crate::requests::MAX_STRING_BYTES;

/// The settings of a [`ServerCore`](crate::ServerCore). All fields are public: change those that
/// you need in [`ServerConfig::new`].
///
/// All may change while the server runs; a change applies to everything that begins later. Spec:
/// chat.md 12.
///
/// ```
/// use dev_server::ServerConfig;
///
/// let config = ServerConfig::new().with(|config| config.app_ids = vec!["my-app".to_owned()]);
/// assert_eq!(config.regions, ["eu", "us", "asia"]);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The app ids that are accepted; empty accepts all. Default empty.
    pub app_ids: Vec<String>,
    /// The region codes that get-regions lists and authenticate accepts. Default `eu`, `us`,
    /// `asia`.
    pub regions: Vec<String>,
    /// The rules of custom authentication: the first that matches decides, and a user that matches
    /// none is refused. Default empty, which accepts all users unchecked.
    pub authentication: Vec<AuthRule>,
    /// Whether users without custom authentication are accepted. Default true.
    pub allow_anonymous: bool,
    /// The validity of a token of the name server, in milliseconds. Default 1 h; with 0, tokens
    /// have expired when they arrive.
    pub token_lifetime_ms: u64,
    /// Whether tokens are byte arrays, as newer servers send them. Default false: strings.
    pub token_as_bytes: bool,
    /// Whether the front end's response to authenticate contains a new token. Default false.
    pub renew_token: bool,
    /// The host in front-end addresses. Default `None`: the host that the client used for the name
    /// server.
    pub public_host: Option<String>,
    /// The TCP port in front-end addresses. Default 4534.
    pub front_end_port: u16,
    /// The port in front-end addresses for UDP clients. Default 5055.
    pub front_end_udp_port: u16,
    /// The port in front-end addresses for ws clients. Default 9094.
    pub front_end_ws_port: u16,
    /// The port in front-end addresses for wss clients. Default 19094.
    pub front_end_wss_port: u16,
    /// Whether front-end addresses for WebSocket clients begin with `ws://` or `wss://`. Default
    /// true. Spec: chat.md 2.1.
    pub web_socket_prefix: bool,
    /// The configuration of UDP connections, and the limit of their number on each of the two
    /// servers. It is read once, when the core is made. Default: the default of the type, with
    /// messages as long as a client accepts, and 8,192 half-open connections.
    pub udp: AcceptorConfig,

    /// The limits of one message. Default: [`Limits::DEFAULT`], except that the server sends
    /// messages as long as a client accepts.
    pub limits: Limits,
    /// The maximum encoded length of an event with a published or private message, in bytes; a
    /// longer one is refused with -2. Default `None`: limited by `limits` only.
    pub max_message_bytes: Option<usize>,
    /// The maximum length of a name or another text in an operation's parameters, in bytes, content
    /// excepted; a longer one is refused with -2. Default 32,767. More has no effect: GpBinary 1.6
    /// cannot express longer strings, so 1.6 clients could not receive them.
    pub max_string_bytes: usize,
    /// The maximum of unsent bytes of a connection, over UDP of unacknowledged bytes; beyond it the
    /// connection ends. Default 4 MiB.
    pub max_outgoing_bytes: usize,
    /// The same for all connections together; beyond it those with most end, until an eighth is
    /// free. Default 256 MiB.
    pub max_total_outgoing_bytes: usize,
    /// The maximum number of connections that have not logged in; one more ends the oldest. Default
    /// 16,384.
    pub max_connections_before_login: usize,
    /// The maximum of bytes of an unfinished message on a connection that has not logged in; beyond
    /// it the connection ends. Default 64 KiB.
    pub max_unfinished_bytes: usize,
    /// The same for all such connections together; beyond it those with most end, until an eighth
    /// is free. Default 16 MiB.
    pub max_total_unfinished_bytes: usize,
    /// The maximum length of a user id, app id and app version, in bytes. Default 4,096.
    pub max_id_bytes: usize,
    /// The messages that a channel or private conversation keeps, and the most that a subscription
    /// can request. Default 100.
    pub history_length: usize,
    /// The same for single channels, by name, in place of
    /// [`history_length`](Self::history_length). Default none.
    pub history_lengths: Vec<(String, usize)>,
    /// When the history follows after a subscription. Default [`HistoryOrder::After`].
    pub history_order: HistoryOrder,
    /// The delay of what [`history_order`](Self::history_order) sends or does later, in
    /// milliseconds. Default 100.
    pub history_delay_ms: u64,
    /// Whether the last ids in a subscription are ignored. Default false.
    pub ignore_last_ids: bool,
    /// The difference between the ids of two messages of a channel. Default 1. With another step
    /// each message of a history is an event of its own, because an event carries one id.
    pub message_id_step: i32,
    /// The memory for these messages, for each channel or conversation, in bytes; the oldest are
    /// dropped first. Default 1 MiB, about the content of one event.
    pub max_history_bytes: usize,
    /// The memory for all messages of all channels and conversations together, in bytes. Beyond it,
    /// the histories that were inactive for longest are dropped, whole, until an eighth is free;
    /// message ids continue. Default 256 MiB.
    pub max_total_history_bytes: usize,
    /// The maximum number of users at one time; more are refused with 32757. Default `None`.
    pub max_users: Option<usize>,
    /// The maximum number of users in any channel, whatever the channel's own limit; a subscription
    /// beyond it has the outcome false. Default `None`.
    pub max_subscribers: Option<usize>,
    /// The maximum number of channels of all apps together, including empty ones that still linger;
    /// a subscription that would create one more has the outcome false. Default 100,000.
    pub max_channels: usize,
    /// The maximum number of channels of one user; a subscription beyond it has the outcome false.
    /// Default 10,000.
    pub max_subscriptions: usize,
    /// The private conversations of one user that are kept; the one that was inactive for longest
    /// is dropped first. Default 1,000.
    pub max_conversations: usize,
    /// The maximum number of friends in one request; more are refused with -2. Default 512.
    pub max_friends_per_request: usize,
    /// The maximum number of friends of one user; more are ignored. Default 10,000.
    pub max_friends: usize,
    /// The memory for the properties of a channel, or of a user in a channel, in bytes. Default 64
    /// KiB.
    pub max_property_bytes: usize,
    /// The chat operations that a connection may send each second; more are refused with 32743.
    /// Default `None`.
    pub max_operations_per_second: Option<u32>,
    /// Whether exceeding that rate ends the connection instead. Default false.
    pub disconnect_over_rate: bool,

    /// The time without input after which a front-end connection ends, in milliseconds; 0 is never.
    /// Default 30 s. UDP connections have deadlines of their own, in [`udp`](Self::udp).
    pub silence_timeout_ms: u64,
    /// The same for name-server connections. Default 30 s.
    pub name_server_idle_ms: u64,
    /// The time that a connection to the front end has for its login, in milliseconds; 0 is
    /// unlimited. Default 60 s.
    pub login_timeout_ms: u64,
    /// The time that the server waits for its last bytes to be sent when it ends a connection, in
    /// milliseconds. Default 5 s.
    pub linger_ms: u64,
    /// The time that a user's session outlives its last connection, in milliseconds, unless the
    /// client closed it. Default 10 s.
    pub grace_ms: u64,
    /// Whether a [state](crate::ServerCore::load_state) that is loaded brings channels, and with them
    /// sessions. Default true.
    pub keep_channels: bool,
    /// Whether a state that is loaded brings the sessions of users, and private conversations.
    /// Default true.
    pub keep_sessions: bool,
    /// The time that a channel outlives its last subscriber, in milliseconds. Default 5 s.
    pub channel_linger_ms: u64,

    /// Whether everything is encrypted once a connection has keys, as real servers do. Default
    /// false: a response is encrypted if its request was, an event never. Spec: wire.md 8.2.
    pub encrypt_answers: bool,
    /// Whether successful chat operations get an empty response beside their events. Default true.
    pub empty_responses: bool,
    /// Whether event 5 names one channel each. Default false: one event for all.
    pub split_event_5: bool,
    /// Whether a login to a session that has channels gets event 5 for them. Default true.
    pub event_5_on_login: bool,
    /// A text that is not UTF-8 in any event: wherever it occurs, its first byte is 0xFF on the wire.
    /// Default `None`. It spoils one message in a history, say.
    pub spoiled_text: Option<String>,
    /// Whether a login disconnects the other connections of the same user, with the reason "server
    /// logic" (1). Default false: they share one session.
    pub single_login: bool,
    /// Whether a new session is online. Default false: its status is 0 until the user sets one.
    pub status_on_login: bool,
    /// Whether the server reports status 0 when a user adds a friend who is not visible. Default
    /// true.
    pub report_offline_friends: bool,
    /// Whether operation 8 exists. Default false.
    pub properties: bool,
    /// The messages of a channel that are collected into one event. Default 1: no message waits.
    pub batch_messages: usize,
    /// The maximum time that a collected message waits, in milliseconds. Default 100.
    pub batch_ms: u64,
    /// The time that everything sent is held back, in milliseconds. Default 0.
    pub delay_ms: u64,
    /// The server's clock at time 0, in milliseconds. It wraps. Spec: wire.md 11.
    pub server_time_at_zero: i32,

    /// The network conditions of UDP datagrams, in both directions. The core ignores them: its
    /// driver applies them. Default: none.
    pub conditions: Conditions,
    /// The faults that are on. Default: none.
    pub faults: Faults,
}

impl ServerConfig {
    /// Returns the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            app_ids: Vec::new(),
            regions: ["eu", "us", "asia"].map(str::to_owned).to_vec(),
            authentication: Vec::new(),
            allow_anonymous: true,
            token_lifetime_ms: 3_600_000,
            token_as_bytes: false,
            renew_token: false,
            public_host: None,
            front_end_port: 4534,
            front_end_udp_port: 5055,
            front_end_ws_port: 9094,
            front_end_wss_port: 19094,
            web_socket_prefix: true,
            udp: AcceptorConfig::default().with(|udp| {
                udp.max_half_open = 8192;
                udp.connection.max_message_bytes = Limits::DEFAULT.max_received_bytes;
                udp.connection.max_received_message_bytes = Limits::DEFAULT.max_received_bytes;
            }),
            limits: Limits {
                max_sent_bytes: Limits::DEFAULT.max_received_bytes,
                ..Limits::DEFAULT
            },
            max_message_bytes: None,
            max_string_bytes: MAX_STRING_BYTES,
            max_outgoing_bytes: 4 * 1024 * 1024,
            max_total_outgoing_bytes: 256 * 1024 * 1024,
            max_connections_before_login: 16_384,
            max_unfinished_bytes: 64 * 1024,
            max_total_unfinished_bytes: 16 * 1024 * 1024,
            max_id_bytes: 4096,
            history_length: 100,
            history_lengths: Vec::new(),
            history_order: HistoryOrder::After,
            history_delay_ms: 100,
            ignore_last_ids: false,
            message_id_step: 1,
            max_history_bytes: 1024 * 1024,
            max_total_history_bytes: 256 * 1024 * 1024,
            max_users: None,
            max_subscribers: None,
            max_channels: 100_000,
            max_subscriptions: 10_000,
            max_conversations: 1000,
            max_friends_per_request: 512,
            max_friends: 10_000,
            max_property_bytes: 64 * 1024,
            max_operations_per_second: None,
            disconnect_over_rate: false,
            silence_timeout_ms: 30_000,
            name_server_idle_ms: 30_000,
            login_timeout_ms: 60_000,
            linger_ms: 5_000,
            grace_ms: 10_000,
            keep_channels: true,
            keep_sessions: true,
            channel_linger_ms: 5_000,
            encrypt_answers: false,
            empty_responses: true,
            split_event_5: false,
            event_5_on_login: true,
            spoiled_text: None,
            single_login: false,
            status_on_login: false,
            report_offline_friends: true,
            properties: false,
            batch_messages: 1,
            batch_ms: 100,
            delay_ms: 0,
            server_time_at_zero: 86_400_000,
            conditions: Conditions::default(),
            faults: Faults::new(),
        }
    }

    /// Returns the configuration with changes, for use in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The number of messages that a channel keeps.
    pub(crate) fn history_length_of(&self, channel: &str) -> usize {
        let own = self.history_lengths.iter();
        own.rev()
            .find(|(name, _)| name == channel)
            .map_or(self.history_length, |(_, length)| *length)
    }

    /// Limits for encoding an event with a client's content.
    pub(crate) fn message_limits(&self) -> Limits {
        let limits = self.write_limits();
        let most = self.max_message_bytes.unwrap_or(usize::MAX);
        Limits {
            max_sent_bytes: limits.max_sent_bytes.min(most),
            ..limits
        }
    }

    /// Limits for encoding. The server sends content inside one more array, so a client's content
    /// at the depth limit needs one level more.
    pub(crate) fn write_limits(&self) -> Limits {
        Limits {
            max_depth: self.limits.max_depth.saturating_add(1),
            ..self.limits.clone()
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self::new()
    }
}
