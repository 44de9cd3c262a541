//! [`Setup`]: the configuration of the client, and its state when the script begins.

use crate::script::{OneIn, choices, script_types};
use chat_core::{ChatConfig, Encryption, Limits, Protocol, Restore, SubProtocol};
use dev_server::Transport;
use std::time::Duration;

script_types! {
    /// The configuration of the client, and its state when the script begins.
    #[derive(Default)]
    pub struct Setup {
        /// The carrier of the messages.
        pub transport: CarriedOver,
        /// The serialization of the messages; JSON without WebSocket counts as 1.8.
        pub subprotocol: SerializedAs,
        /// The client's state when the script begins.
        pub start: Start,
        /// Whether keys are exchanged, if the transport does not encrypt.
        pub encrypted: bool,
        /// Whether the client has a second address to try.
        pub two_addresses: bool,
        /// Whether the script is played twice, to compare all bytes and events.
        pub twice: OneIn<8>,
        /// Whether received messages are limited to 4 KiB.
        pub small_messages: OneIn<8>,
        /// Messages that the client handles in one `service`.
        pub messages_per_service: MessagesPerService,
        /// How long the client waits for the result of a request.
        pub request_timeout_ms: RequestTimeout,
        /// Whether outgoing bytes are limited so far that calls fail with `QueueFull`.
        pub small_outgoing_cap: OneIn<4>,
        /// Whether queued events are limited so far that input has to wait.
        pub small_event_cap: OneIn<4>,
        /// Whether channels keep no messages.
        pub no_cache: OneIn<4>,
        /// Whether presence data is limited so far that some is dropped.
        pub small_presence_cap: OneIn<4>,
        /// Whether datagrams carry a checksum.
        pub crc: bool,
        /// Whether the client comes back by itself, and how.
        pub restore: Option<Restoring>,
        /// Whether the client reports what becomes of messages. One that comes back always does.
        pub confirms: bool,
        /// Whether the client does not ask for missing messages.
        pub no_repair: OneIn<4>,
    }

    /// How a client comes back by itself.
    #[derive(Eq, Default)]
    pub struct Restoring {
        /// Messages that are queued without a connection, in bytes.
        pub queue_bytes: QueueBytes,
        /// Channels in one request.
        pub at_a_time: ChannelsAtATime,
        /// Whether there are no more than two attempts.
        pub two_attempts: OneIn<4>,
        /// Whether the client asks for credentials before it goes to the name server.
        pub asks_for_credentials: OneIn<4>,
        /// Whether the status stays as it was.
        pub without_status: OneIn<8>,
    }

    /// The client's state when the script begins.
    #[derive(Copy, Eq, Default)]
    pub enum Start {
        /// Not connected.
        #[default]
        Disconnected,
        /// Connected to the name server.
        NameServer,
        /// Connected to the front end.
        FrontEnd,
    }
}

choices! {
    /// The carriers.
    #[derive(Eq)]
    pub struct CarriedOver(Transport) =
        [Transport::Tcp, Transport::Ws, Transport::Wss, Transport::Udp];

    /// The serializations.
    #[derive(Eq)]
    pub struct SerializedAs(SubProtocol) = SubProtocol::ALL;

    /// Messages in one `service`: a few, one, and more than there are.
    #[derive(Eq)]
    pub struct MessagesPerService(u32) = [3, 1, 1_000];

    /// Caps of the queue of messages: none, a few messages, and all.
    #[derive(Eq)]
    pub struct QueueBytes(usize) = [0, 200, 50_000];

    /// Channels in one request: as usual, and fewer than there are names.
    #[derive(Eq)]
    pub struct ChannelsAtATime(usize) = [32, 1, 2];

    /// Request timeouts in milliseconds: the default, none, and a short one.
    #[derive(Eq)]
    pub struct RequestTimeout(u64) = [15_000, 0, 500];
}

impl Setup {
    /// The cap of the message cache in bytes: small, so that scripts reach it.
    pub(super) const CACHE_BYTES: usize = 2_000;

    pub(super) fn transport(&self) -> Transport {
        self.transport.get()
    }

    /// Whether messages are JSON texts. There are no keys in JSON, so that a client with encryption
    /// gets nowhere over an insecure WebSocket.
    pub(super) fn is_json(&self) -> bool {
        self.subprotocol.get().is_text() && self.transport().is_websocket()
    }

    /// The binary protocol of the messages. JSON is transcoded to and from 1.8.
    pub(super) fn protocol(&self) -> Protocol {
        self.subprotocol.get().binary()
    }

    pub(super) const fn encryption(&self) -> Encryption {
        if self.encrypted {
            Encryption::On
        } else {
            Encryption::Off
        }
    }

    /// Whether the client asks for keys.
    pub(super) fn exchanges_keys(&self) -> bool {
        self.encrypted && !self.transport().is_secure()
    }

    /// The addresses of the name servers.
    pub(super) fn addresses(&self) -> Vec<String> {
        let scheme = self.transport().scheme();
        let first = format!("{scheme}://127.0.0.1:1");
        let second = self.two_addresses.then(|| format!("{scheme}://[::1]:2"));
        [first].into_iter().chain(second).collect()
    }

    /// The number of messages that a channel keeps.
    pub(super) const fn cache_messages(&self) -> usize {
        if self.no_cache.0 { 0 } else { 3 }
    }

    pub(super) fn limits(&self) -> Limits {
        let max_received_bytes = if self.small_messages.0 {
            4_096
        } else {
            Limits::DEFAULT.max_received_bytes
        };
        Limits {
            max_received_bytes,
            max_sent_bytes: 50_000,
            ..Limits::DEFAULT
        }
    }

    /// Unprocessed input in bytes at which the client wants no more.
    pub(super) fn incoming_cap(&self) -> usize {
        self.limits().max_received_bytes * 2
    }

    /// Unsent bytes of the application at which its calls fail.
    pub(super) const fn outgoing_cap(&self) -> usize {
        if self.small_outgoing_cap.0 {
            1_000
        } else {
            100_000
        }
    }

    /// The cap of the queue of messages in bytes; `None` if the client does not come back.
    pub(super) fn queue_cap(&self) -> Option<usize> {
        self.restore
            .as_ref()
            .map(|restore| restore.queue_bytes.get())
    }

    /// Whether the client reports what becomes of messages.
    pub(super) const fn confirms(&self) -> bool {
        self.confirms || self.restore.is_some()
    }

    pub(super) fn config(&self) -> ChatConfig {
        let config = ChatConfig::new(self.addresses(), "app", "1");
        let config = if self.is_json() {
            config.json()
        } else {
            config
        };
        let config = match &self.restore {
            Some(restore) => config.restore(restore.options()),
            None => config,
        };
        config
            .confirm_messages(self.confirms())
            .repair(!self.no_repair.0)
            .crc(self.crc)
            .user_id("me")
            .protocol(self.protocol())
            .encryption(self.encryption())
            .limits(self.limits())
            .max_messages_per_service(self.messages_per_service.get())
            .request_timeout(Duration::from_millis(self.request_timeout_ms.get()))
            .outgoing_cap_bytes(self.outgoing_cap())
            .incoming_cap_bytes(self.incoming_cap())
            .event_cap_bytes(if self.small_event_cap.0 {
                2_000
            } else {
                4 << 20
            })
            .channel_cache_messages(self.cache_messages())
            .cache_cap_bytes(Self::CACHE_BYTES)
            .presence_cap_bytes(if self.small_presence_cap.0 {
                400
            } else {
                4 << 20
            })
            .private_history(5)
    }
}

impl Restoring {
    /// The most attempts in a row, if their number is limited.
    pub(super) const MAX_ATTEMPTS: u32 = 2;

    fn options(&self) -> Restore {
        let options = Restore::new()
            .queue_cap_bytes(self.queue_bytes.get())
            .channels_at_a_time(self.at_a_time.get())
            .ask_for_credentials(self.asks_for_credentials.0)
            .restore_status(!self.without_status.0);
        if self.two_attempts.0 {
            options.attempts(Self::MAX_ATTEMPTS)
        } else {
            options
        }
    }
}
