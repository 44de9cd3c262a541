//! [`ChatConfig`]: the configuration of a client.

mod addresses;
mod authentication;

pub use addresses::Addresses;
pub use authentication::{AuthData, AuthValues};

use crate::codes::{event, operation};
use crate::host::AllowedHosts;
use crate::restore::{Kept, Restore};
use crate::secret::Secret;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use log::LevelFilter;
pub use photon_proto::peer::Encryption;
use photon_proto::peer::PeerConfig;
#[cfg(feature = "json")]
use photon_proto::peer::SubProtocol;
use photon_proto::{Limits, Protocol, Text, udp};

/// The configuration of a client: servers, user, timeouts, caps.
///
/// A builder with private fields, so that it may grow. Every buffer of the client has a cap here.
///
/// ```
/// use chat_core::ChatConfig;
/// use core::time::Duration;
///
/// let config = ChatConfig::new("tcp://ns.photonengine.io:4533", "your-app-id", "1.0")
///     .user_id("alice")
///     .private_history(20)
///     .request_timeout(Duration::from_secs(5));
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct ChatConfig {
    pub(crate) addresses: Vec<Text>,
    pub(crate) app_id: Text,
    pub(crate) app_version: Text,
    pub(crate) user_id: Secret<Text>,
    /// `None` if there are none, as for most clients.
    pub(crate) authentication: Option<Box<AuthValues>>,
    /// The settings of each connection. Shared with them; a setter makes a copy if need be.
    pub(crate) peer: Arc<PeerConfig>,
    pub(crate) private_history: Option<i32>,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) authenticate_timeout_ms: u64,
    pub(crate) regions_timeout_ms: u64,
    pub(crate) request_timeout_ms: u64,
    pub(crate) flush_timeout_ms: u64,
    pub(crate) event_cap_bytes: usize,
    pub(crate) max_messages_per_service: u32,
    pub(crate) max_work_per_service: u64,
    pub(crate) channel_cache_messages: usize,
    pub(crate) cache_cap_bytes: usize,
    pub(crate) presence_cap_bytes: usize,
    pub(crate) unsolicited_cap_bytes: usize,
    pub(crate) allowed_front_ends: AllowedHosts,
    pub(crate) restore: Option<Box<Restore>>,
    pub(crate) repair: bool,
    pub(crate) confirm_messages: Option<bool>,
    pub(crate) resume: Option<Box<Kept>>,
    pub(crate) log_level: LevelFilter,
}

/// The limits of a message: a quarter of the values that a peer accepts by default, because a call
/// finishes its last message and must not take over 5 ms (10 million instructions).
const LIMITS: Limits = Limits {
    max_values: 16_384,
    ..Limits::DEFAULT
};
/// The smallest cap for outgoing bytes: a login must fit.
const MIN_OUTGOING_CAP_BYTES: usize = 4 * 1024;

impl ChatConfig {
    /// Makes a configuration with defaults for everything else.
    ///
    /// `addresses` is the address of the name server, or several; see
    /// [`ServerAddress`](crate::ServerAddress) for their form. The connect call parses them.
    /// `app_id` is the id of a Chat application, with hyphens, as the dashboard shows it. Users of
    /// different `app_version`s never meet.
    ///
    /// Spec: chat.md 2.1, 2.4 and 7.
    #[must_use]
    pub fn new(
        addresses: impl Addresses,
        app_id: impl Into<Text>,
        app_version: impl Into<Text>,
    ) -> Self {
        let mut peer = PeerConfig::default();
        peer.limits = LIMITS;
        Self {
            addresses: addresses.into_addresses(),
            app_id: app_id.into(),
            app_version: app_version.into(),
            user_id: Secret(Text::EMPTY),
            authentication: None,
            // wire.md 9, chat.md 6.4: its defaults are those of a chat client.
            peer: Arc::new(peer),
            private_history: None,
            // chat.md 6.4
            connect_timeout_ms: 15_000,
            authenticate_timeout_ms: 15_000,
            regions_timeout_ms: 15_000,
            request_timeout_ms: 15_000,
            flush_timeout_ms: 1_000,
            event_cap_bytes: 4 * 1024 * 1024,
            max_messages_per_service: 1_000,
            max_work_per_service: 4_000_000,
            channel_cache_messages: 100,
            cache_cap_bytes: 4 * 1024 * 1024,
            presence_cap_bytes: 4 * 1024 * 1024,
            unsolicited_cap_bytes: 1024 * 1024,
            allowed_front_ends: AllowedHosts::Any,
            restore: None,
            repair: true,
            confirm_messages: None,
            resume: None,
            log_level: LevelFilter::Trace,
        }
    }

    /// Sets the user id. Without one the server or the authentication service assigns one.
    /// Spec: chat.md 2.4.
    #[must_use]
    pub fn user_id(mut self, user_id: impl Into<Text>) -> Self {
        self.user_id = Secret(user_id.into());
        self
    }

    /// Sets the credentials for the authentication service.
    /// Spec: chat.md 7, `setCustomAuthentication`.
    #[must_use]
    pub fn authentication(mut self, values: AuthValues) -> Self {
        self.set_authentication(values);
        self
    }

    /// Lists the hosts to which a name server may send the client, with its token. Without a call of
    /// this method it may be any host; with an empty list it is none.
    ///
    /// An entry is a host name or an IP address, or a suffix of names that begins with a dot:
    /// `.photonengine.io` allows all hosts below that domain, but not the domain itself. Another
    /// front end ends the attempt with code 1002 and
    /// [`CauseKind::FrontEndNotAllowed`](crate::CauseKind::FrontEndNotAllowed).
    ///
    /// ```
    /// use chat_core::ChatConfig;
    ///
    /// let config = ChatConfig::new("wss://ns.photonengine.io", "your-app-id", "1.0")
    ///     .allowed_front_ends([".photonengine.io", ".exitgames.com"]);
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn allowed_front_ends(mut self, hosts: impl IntoIterator<Item: Into<Text>>) -> Self {
        let hosts = hosts.into_iter().map(Into::into);
        self.allowed_front_ends = AllowedHosts::Listed(hosts.collect());
        self
    }

    /// Sets the serialization protocol. Default 1.8.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        // JSON takes the place of either, in whatever order the two are set.
        if !self.is_json() {
            self.peer_mut().protocol = protocol.into();
        }
        self
    }

    /// Uses JSON instead of the serialization protocol, as browsers do; over WebSocket only. JSON
    /// has fewer types, see the table in [`photon_proto::json`]. It has no key exchange either:
    /// over `ws://` connecting fails with x005 unless encryption is off. Spec: wire.md 7.2.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(mut self) -> Self {
        self.peer_mut().protocol = SubProtocol::Json;
        self
    }

    /// Sets whether the client exchanges keys. Default [`Encryption::On`].
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.peer_mut().encryption = encryption;
        self
    }

    /// Sets how many earlier private messages the server sends after connecting, at most. Below 0
    /// the server uses its default. Spec: chat.md 2.9.
    #[must_use]
    pub fn private_history(mut self, messages: i32) -> Self {
        self.private_history = (messages >= 0).then_some(messages);
        self
    }

    /// Sets the client id that servers see: the SDK byte (SDK id shifted left by one, plus the
    /// release flag) and four version numbers. Default `1F`, 4.1.8.20. Spec: wire.md 9.
    #[must_use]
    pub fn announced_client(mut self, sdk: u8, version: [u8; 4]) -> Self {
        let peer = self.peer_mut();
        (peer.sdk, peer.version) = (sdk, version);
        self
    }

    /// Sets the deadline for connecting. It limits the time from the connect call to the
    /// connection, for each address, and the time from the name server's response to the login on
    /// the front end. Zero means at once. Default 15 s. Spec: chat.md 6.4.
    ///
    /// Like all durations of this configuration it is rounded up to whole milliseconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout_ms = whole_millis(timeout);
        self
    }

    /// Sets the deadline for the response to a login. Default 15 s. Spec: chat.md 6.4.
    #[must_use]
    pub fn authenticate_timeout(mut self, timeout: Duration) -> Self {
        self.authenticate_timeout_ms = whole_millis(timeout);
        self
    }

    /// Sets the deadline for the response to `get_regions`. Default 15 s. Spec: chat.md 6.4.
    #[must_use]
    pub fn regions_timeout(mut self, timeout: Duration) -> Self {
        self.regions_timeout_ms = whole_millis(timeout);
        self
    }

    /// Sets the deadline for the outcome of a subscribe or unsubscribe request; zero means no
    /// deadline. Default 15 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout_ms = whole_millis(timeout);
        self
    }

    /// Sets how long a connected server may stay silent before the connection ends. A server
    /// answers pings, so keep this well above the ping interval plus a round trip. At least 1 ms,
    /// default 10 s. Over UDP missing acknowledgements decide instead: the setting is
    /// [`disconnect_timeout`](udp::Config::disconnect_timeout) of [`ChatConfig::udp`]. Spec: chat.md
    /// 6.4.
    #[must_use]
    pub fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.peer_mut().silence_timeout = Duration::from_millis(whole_millis(timeout).max(1));
        self
    }

    /// Sets how long `disconnect` continues to send previously accepted data. Default 1 s.
    #[must_use]
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout_ms = whole_millis(timeout);
        self
    }

    /// Sets the time between two pings, limited to 1 s to 8 s. Default 3 s. In JSON the interval
    /// counts from the last message sent, unless nothing was received for half of the silence
    /// timeout. Spec: chat.md 6.4.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.peer_mut().ping_interval =
            interval.clamp(Duration::from_secs(1), Duration::from_secs(8));
        self
    }

    /// Sets whether datagrams have a checksum; UDP only. Default no. Spec: udp.md 1.2.
    #[must_use]
    pub fn crc(mut self, crc: bool) -> Self {
        self.peer_mut().udp.crc = crc;
        self
    }

    /// Changes the settings of UDP connections, such as resends, for unusual networks. The connect
    /// timeout, ping interval, caps and message lengths of this configuration take precedence.
    /// Spec: udp.md 5.5.
    #[must_use]
    pub fn udp(mut self, change: impl FnOnce(&mut udp::Config)) -> Self {
        change(&mut self.peer_mut().udp);
        self
    }

    /// Sets the cap for encoded bytes that are not sent yet, over UDP also for bytes that are not
    /// acknowledged. At the cap, calls return `QueueFull`; a single message above it returns
    /// `TooLong`. At least 4 KiB, default 1 MiB.
    #[must_use]
    pub fn outgoing_cap_bytes(mut self, bytes: usize) -> Self {
        self.peer_mut().outgoing_cap_bytes = bytes.max(MIN_OUTGOING_CAP_BYTES);
        self
    }

    /// Sets the cap for received bytes that are not processed yet. At the cap, `wants_input`
    /// returns false. Never below twice the longest message, default 4 MiB.
    #[must_use]
    pub fn incoming_cap_bytes(mut self, bytes: usize) -> Self {
        self.peer_mut().incoming_cap_bytes = bytes;
        self
    }

    /// Sets the cap for the bytes of events that the application has not taken yet. At the cap the
    /// client processes no more input. Default 4 MiB.
    #[must_use]
    pub fn event_cap_bytes(mut self, bytes: usize) -> Self {
        self.event_cap_bytes = bytes;
        self
    }

    /// Sets how many messages one `service` call processes at most. The others wait for the next
    /// call. At least 1, default 1,000.
    #[must_use]
    pub fn max_messages_per_service(mut self, messages: u32) -> Self {
        self.max_messages_per_service = messages.max(1);
        self
    }

    /// Sets how much work one `service` call does at most, in addition to its last message. The
    /// others wait for the next call. A unit is about one instruction: the client estimates it from
    /// the messages, bytes and values that it decodes ([`Stats::work`](crate::Stats::work)), so that
    /// no input holds up a frame for long. At least 1, default 4,000,000, which is about 2 ms.
    #[must_use]
    pub fn max_work_per_service(mut self, work: u64) -> Self {
        self.max_work_per_service = work.max(1);
        self
    }

    /// Sets how many messages each channel caches; 0 for none. Default 100, as many as the server
    /// keeps. Spec: chat.md 5.
    #[must_use]
    pub fn channel_cache_messages(mut self, messages: usize) -> Self {
        self.channel_cache_messages = messages;
        self
    }

    /// Sets the cap for the bytes that the caches of all channels keep alive. At the cap the oldest
    /// messages are dropped. Default 4 MiB.
    #[must_use]
    pub fn cache_cap_bytes(mut self, bytes: usize) -> Self {
        self.cache_cap_bytes = bytes;
        self
    }

    /// Sets the cap for the bytes that the subscribers and properties of all channels take. Above
    /// the cap they are reported in events, but not stored. Default 4 MiB.
    #[must_use]
    pub fn presence_cap_bytes(mut self, bytes: usize) -> Self {
        self.presence_cap_bytes = bytes;
        self
    }

    /// Sets the cap for the bytes of channels that the application did not ask for, because others
    /// choose their names: one for private conversations, and an equal one for public channels that
    /// the server subscribed on its own. Each channel counts with its name and a few hundred bytes,
    /// and there are at most 1,024 of a kind. Above the cap, the least recently used conversation is
    /// forgotten ([`Event::ConversationForgotten`](crate::Event::ConversationForgotten)), and a
    /// public channel is reported, but not kept. Messages, subscribers and properties have caps of
    /// their own. Default 1 MiB.
    #[must_use]
    pub fn unsolicited_cap_bytes(mut self, bytes: usize) -> Self {
        self.unsolicited_cap_bytes = bytes;
        self
    }

    /// Sets the limits on the size and the cost of one message. Spec: wire.md 4.4.
    ///
    /// The default is [`Limits::DEFAULT`] with at most 16,384 values, a quarter as many: a call of
    /// [`ChatClient::service`](crate::ChatClient::service) finishes each message that it begins, and
    /// takes at most 5 ms for one with so many values, whatever they are. Greater limits make longer
    /// calls possible.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.peer_mut().limits = limits;
        self
    }

    /// Makes the client come back by itself after any unwanted end of a connection, to all channels,
    /// friends and its status. Default no. Spec: chat.md 10.
    ///
    /// ```
    /// use chat_core::{ChatConfig, Restore};
    ///
    /// let config = ChatConfig::new("ns.photonengine.io", "your-app-id", "1.0").restore(Restore::new());
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn restore(mut self, restore: Restore) -> Self {
        self.restore = Some(Box::new(restore));
        self
    }

    /// Sets whether the client asks the server for messages that are missing in a channel, without
    /// [`ChatConfig::restore`]; with it, it always does. Default yes. Spec: chat.md 4.1.
    #[must_use]
    pub fn repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Sets whether the client reports what became of each message that it sends, by the
    /// [`MessageToken`](crate::MessageToken) that the call returned. Default no, with
    /// [`ChatConfig::restore`] yes. Each token ends in exactly one of three events:
    ///
    /// - [`Event::MessageSent`](crate::Event::MessageSent): the server sent the message back. A
    ///   text has to be equal; any other content counts as the oldest message of that channel, or to
    ///   that user, that is no text.
    /// - [`Event::MessageRefused`](crate::Event::MessageRefused): the server answered with an error.
    /// - [`Event::MessageUnconfirmed`](crate::Event::MessageUnconfirmed): the result is unknown. The
    ///   connection ended, and the restored history, if there is one, does not have the message;
    ///   messages of the channel are missing, or the user left it; the server accepted a message to
    ///   a channel that the user is not in; or 30 s have passed.
    ///
    /// At most 1,024 messages wait for their result: further calls return
    /// [`RequestError::QueueFull`](crate::RequestError::QueueFull). The client sends nothing twice
    /// by itself, so an unconfirmed message may or may not have arrived. Spec: chat.md 10.2.
    ///
    /// ```
    /// use chat_core::{ChatClient, Event, MessageToken, PublishOptions, RequestError};
    ///
    /// struct Line { text: String, token: MessageToken, sent: bool }
    ///
    /// fn say(chat: &mut ChatClient, text: &str) -> Result<Line, RequestError> {
    ///     let token = chat.publish_message("lobby", text, &PublishOptions::new())?;
    ///     Ok(Line { text: text.to_owned(), token, sent: false })
    /// }
    ///
    /// fn on_event(lines: &mut [Line], event: &Event) {
    ///     if let Event::MessageSent { token, .. } = event {
    ///         let line = lines.iter_mut().find(|line| line.token == *token);
    ///         line.into_iter().for_each(|line| line.sent = true);
    ///     }
    /// }
    /// # let _ = (say, on_event);
    /// ```
    #[must_use]
    pub fn confirm_messages(mut self, confirm: bool) -> Self {
        self.confirm_messages = Some(confirm);
        self
    }

    /// Goes on where an earlier run of the program ended: with its channels and their positions, and
    /// with [`ChatConfig::restore`] also with the wanted channels, friends and status, which are
    /// restored after the first login.
    ///
    /// The state belongs to one app id, app version, region and user id. A connect call with another
    /// one returns [`RequestError::KeptByOther`](crate::RequestError::KeptByOther): use
    /// [`Kept::user_id`] and [`Kept::region`], or a client without the state. If the server assigns
    /// the user id, configure the assigned one. Spec: chat.md 10.3.
    #[must_use]
    pub fn resume(mut self, kept: Kept) -> Self {
        self.resume = Some(Box::new(kept));
        self
    }

    pub(crate) fn set_authentication(&mut self, values: AuthValues) {
        self.authentication = (values != AuthValues::none()).then(|| Box::new(values));
    }

    pub(crate) fn confirms_messages(&self) -> bool {
        self.confirm_messages.unwrap_or(self.restore.is_some())
    }

    /// Sets the most verbose level that this client logs. The level of the logger applies as well.
    /// `info` shows changes of the state, `debug` also requests, responses, events and links, by
    /// names and codes. Default `Trace`. Spec: chat.md 1.12.
    ///
    /// Libraries below a driver log by themselves, whatever this level is: where tungstenite carries
    /// messages, it logs them at `trace`, credentials included. Silence the targets
    /// `tungstenite`, `rustls` and `mio` in the logger; `SECURITY.md` of the project shows how.
    #[must_use]
    pub fn log_level(mut self, level: LevelFilter) -> Self {
        self.log_level = level;
        self
    }

    fn peer_mut(&mut self) -> &mut PeerConfig {
        Arc::make_mut(&mut self.peer)
    }

    /// Whether messages are JSON on the wire.
    pub(crate) fn is_json(&self) -> bool {
        self.peer.protocol.is_text()
    }

    /// The format in which the client encodes and decodes messages. JSON is converted at the edge
    /// of the connection.
    pub(crate) fn binary_protocol(&self) -> Protocol {
        self.peer.protocol.binary()
    }

    /// Logs one line about the client, if its level allows it.
    pub(crate) fn log(&self, level: log::Level, line: core::fmt::Arguments<'_>) {
        if level <= self.log_level {
            log::log!(target: "photon_chat::chat", level, "{line}");
        }
    }

    /// Logs that a request was accepted for sending. Its arguments are not for a log.
    #[inline]
    pub(crate) fn log_request(&self, code: u8) {
        if self.logs_details() {
            let name = operation::name(code).unwrap_or("operation");
            self.log(log::Level::Debug, format_args!("request {name} ({code})"));
        }
    }

    /// Logs that an event was handled.
    #[inline]
    pub(crate) fn log_event(&self, code: u8) {
        if self.logs_details() {
            let name = event::name(code).unwrap_or("unknown");
            self.log(log::Level::Debug, format_args!("event {name} ({code})"));
        }
    }

    /// Whether each request and event is logged. Most programs do not, and then no name is looked up.
    #[inline]
    fn logs_details(&self) -> bool {
        log::Level::Debug <= self.log_level.min(log::max_level())
    }

    /// Logs one line about links and bytes, if the client's level allows it.
    pub(crate) fn log_net(&self, level: log::Level, line: core::fmt::Arguments<'_>) {
        if level <= self.log_level {
            log::log!(target: "photon_chat::net", level, "{line}");
        }
    }
}

/// Rounds up, because 0 ms has a meaning of its own ("never" or "at once") that a short duration
/// must not take on. `Duration::MAX` becomes the longest time that the timers know.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{ChatConfig, Duration, whole_millis};

    #[test]
    fn durations_are_rounded_up_to_whole_milliseconds() {
        for (duration, millis) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(7), 7),
            (Duration::from_micros(7_001), 8),
            (Duration::MAX, u64::MAX),
        ] {
            assert_eq!(whole_millis(duration), millis, "{duration:?}");
        }
    }

    #[test]
    fn a_short_request_timeout_does_not_become_no_timeout() {
        let config = ChatConfig::new("tcp://ns.example:4533", "app", "1.0");
        let config = config.request_timeout(Duration::from_micros(1));
        assert_eq!(config.request_timeout_ms, 1);
    }
}
