//! What the server is like: [`ServerConfig`].

use photon_proto::Limits;
use photon_proto::udp::AcceptorConfig;

use crate::authentication::AuthRule;
use crate::faults::Faults;
use crate::netem::Conditions;
use crate::requests::MAX_STRING_BYTES;

/// Settings of a [`ServerCore`](crate::ServerCore), all public: change what you need of [`ServerConfig::new`].
///
/// All may change while the server runs; a change counts for what begins after it. Spec: chat.md 12.
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
    /// App ids that exist; empty (the default) accepts any.
    pub app_ids: Vec<String>,
    /// Region codes, listed by get-regions and accepted by authenticate. Default `eu`, `us`, `asia`.
    pub regions: Vec<String>,
    /// Custom authentication: the first rule that fits decides, and a user that fits none is refused. Empty (the
    /// default) accepts everyone unchecked.
    pub authentication: Vec<AuthRule>,
    /// Whether users without custom authentication are let in. Default true.
    pub allow_anonymous: bool,
    /// How long a token of the name server is good for, in milliseconds. Default 1 h; 0 gives tokens that have expired
    /// when they arrive.
    pub token_lifetime_ms: u64,
    /// Tokens are byte arrays, as newer servers send them. Default false: strings.
    pub token_as_bytes: bool,
    /// The front end's answer to authenticate carries a new token. Default false.
    pub renew_token: bool,
    /// Host that front-end addresses name. Default `None`: the one that the client itself used.
    pub public_host: Option<String>,
    /// TCP port that front-end addresses name.
    pub front_end_port: u16,
    /// UDP port that front-end addresses name for clients that came over UDP. Default 5055.
    pub front_end_udp_port: u16,
    /// Port that front-end addresses name for clients that came over ws. Default 9094.
    pub front_end_ws_port: u16,
    /// Port that front-end addresses name for clients that came over wss. Default 19094.
    pub front_end_wss_port: u16,
    /// Whether front-end addresses of WebSocket clients begin with `ws://` or `wss://`. Default true. Spec: chat.md 2.1.
    pub web_socket_prefix: bool,
    /// How datagram connections behave, and how many there may be on each of the two servers. This does not change while
    /// the server runs. Default: as the default of its type, with messages as long as a client accepts, and 8,192
    /// connections whose client has not shown yet that its address is not false.
    pub udp: AcceptorConfig,

    /// What one message may cost. Default: [`Limits::DEFAULT`], except that messages as long as a client accepts are
    /// written.
    pub limits: Limits,
    /// Longest event that a published or private message may make, in bytes; more is refused with -2. Default `None`:
    /// what `limits` allows.
    pub max_message_bytes: Option<usize>,
    /// Longest name or other text that a parameter of an operation may be, in bytes, content excepted; more is refused
    /// with -2. Never more than 32,767, the default: not every client could be told of it.
    pub max_string_bytes: usize,
    /// A connection with more unsent bytes than this, over UDP more unacknowledged ones, is ended. Default 4 MiB.
    pub max_outgoing_bytes: usize,
    /// Longest user id, app id and app version, in bytes. Default 4,096.
    pub max_id_bytes: usize,
    /// Messages that a channel or private conversation keeps, and the most that a subscription can ask for. Default 100.
    pub history_length: usize,
    /// Memory that these messages may take for each channel or conversation, in bytes; the oldest go first. Default
    /// 1 MiB, which is about what one event can carry.
    pub max_history_bytes: usize,
    /// Memory that all messages of all channels and conversations may take together, in bytes. When they take more,
    /// the histories of those that were silent for longest go, whole, until an eighth is free; ids go on. Default
    /// 256 MiB.
    pub max_total_history_bytes: usize,
    /// Users at one time; more are refused with 32757. Default `None`.
    pub max_users: Option<usize>,
    /// Users that any channel takes, whatever its own limit; the outcome of more is false. Default `None`.
    pub max_subscribers: Option<usize>,
    /// Channels that one user can be in; the outcome of more is false. Default 10,000.
    pub max_subscriptions: usize,
    /// Private conversations of one user that are kept; the one that was silent for longest goes first. Default 1,000.
    pub max_conversations: usize,
    /// Friends in one request, more are refused with -2. Default 512.
    pub max_friends_per_request: usize,
    /// Friends that one user can have; those beyond are ignored. Default 10,000.
    pub max_friends: usize,
    /// Memory that the properties of a channel, or of a user in one, may take, in bytes. Default 64 KiB.
    pub max_property_bytes: usize,
    /// Chat operations that a connection may send each second; more are refused with 32743. Default `None`.
    pub max_operations_per_second: Option<u32>,
    /// More operations than that end the connection instead. Default false.
    pub disconnect_over_rate: bool,

    /// A front-end connection from which nothing arrives for this long, in milliseconds, is ended. Default 30 s, 0 for
    /// never. Connections over UDP have deadlines of their own, in [`udp`](Self::udp).
    pub silence_timeout_ms: u64,
    /// The same on the name server. Default 30 s.
    pub name_server_idle_ms: u64,
    /// How long the server waits for its last bytes to leave when it ends a connection, in milliseconds. Default 5 s.
    pub linger_ms: u64,
    /// How long the subscriptions of a user outlive its last connection, in milliseconds, unless the client closed it.
    /// Default 10 s.
    pub grace_ms: u64,
    /// How long a channel outlives its last subscriber, in milliseconds. Default 5 s.
    pub channel_linger_ms: u64,

    /// Everything is sent encrypted once a connection has keys, as real servers do. Default false: a response is
    /// encrypted if its request was, an event never. Spec: wire.md 8.2.
    pub encrypt_answers: bool,
    /// Chat operations that succeed are answered with an empty response beside their events. Default true.
    pub empty_responses: bool,
    /// A subscription is confirmed with one event for each channel. Default false: one for all.
    pub split_event_5: bool,
    /// A login ends the other connections of the same user, with the reason "server logic" (1). Default false: they share one session.
    pub single_login: bool,
    /// A fresh login counts as online. Default false: its status is 0 until it sets one.
    pub status_on_login: bool,
    /// Adding a friend who is not visible is answered with status 0. Default true.
    pub report_offline_friends: bool,
    /// Operation 8 is known. Default false.
    pub properties: bool,
    /// Messages of a channel are gathered into one event until there are this many. Default 1: none waits.
    pub batch_messages: usize,
    /// The longest that a gathered message waits, in milliseconds. Default 100.
    pub batch_ms: u64,
    /// Everything sent is held back for this long, in milliseconds. Default 0.
    pub delay_ms: u64,
    /// What the server's clock, in milliseconds, shows at time 0. It wraps. Spec: wire.md 11.
    pub server_time_at_zero: i32,

    /// What a bad line does to UDP datagrams, in both directions. The core does not look at this: its driver does.
    /// Default: nothing.
    pub conditions: Conditions,
    /// What the server does wrong on purpose. Default: nothing.
    pub faults: Faults,
}

impl ServerConfig {
    /// The defaults.
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
            max_id_bytes: 4096,
            history_length: 100,
            max_history_bytes: 1024 * 1024,
            max_total_history_bytes: 256 * 1024 * 1024,
            max_users: None,
            max_subscribers: None,
            max_subscriptions: 10_000,
            max_conversations: 1000,
            max_friends_per_request: 512,
            max_friends: 10_000,
            max_property_bytes: 64 * 1024,
            max_operations_per_second: None,
            disconnect_over_rate: false,
            silence_timeout_ms: 30_000,
            name_server_idle_ms: 30_000,
            linger_ms: 5_000,
            grace_ms: 10_000,
            channel_linger_ms: 5_000,
            encrypt_answers: false,
            empty_responses: true,
            split_event_5: false,
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

    /// The same with changes, for building one in an expression.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Limits for writing what a client wants to be delivered.
    pub(crate) fn message_limits(&self) -> Limits {
        let limits = self.write_limits();
        let most = self.max_message_bytes.unwrap_or(usize::MAX);
        Limits {
            max_sent_bytes: limits.max_sent_bytes.min(most),
            ..limits
        }
    }

    /// Limits for writing: content that a client nested as deeply as allowed is sent inside one array more.
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
