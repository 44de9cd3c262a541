//! [`Setup`]: the configuration of both ends, and the promises that the script keeps.

use crate::script::{choices, script_types};
use photon_proto::udp::{AcceptorConfig, Config};
use std::time::Duration;

script_types! {
    /// The configuration of both ends, and the promises that the script keeps.
    #[derive(Default)]
    pub struct Setup {
        /// Whether the server is an acceptor, not one accepted connection.
        pub acceptor: bool,
        /// Whether the script begins before the client's connect is sent; else both ends are
        /// connected.
        pub unconnected: bool,
        /// Whether the client shuts down at the end, and everything that it has sent must arrive.
        pub shut_down: bool,
        /// Whether no attacker knows the challenge: steps that forge datagrams with it are skipped.
        pub honest: bool,
        /// Whether both ends stay until the end: steps that close a connection are skipped.
        pub stays: bool,
        /// Whether the client's datagrams carry a checksum.
        pub crc: bool,
        /// Channels of the client.
        pub channels: Channels,
        /// The send window of both ends.
        pub send_window: SendWindow,
        /// The maximum of bytes in a datagram.
        pub mtu: Mtu,
        /// Unread bytes at which an end accepts no more data.
        pub incoming_cap_bytes: IncomingCap,
        /// The maximum of bytes in a message.
        pub max_message_bytes: MaxMessage,
        /// Protocol violations that an end tolerates.
        pub max_violations: MaxViolations,
        /// Ping intervals.
        pub ping: PingIntervals,
        /// The disconnect timeout of both ends.
        pub disconnect_timeout_ms: DisconnectTimeout,
        /// The connect timeout of both ends.
        pub connect_timeout_ms: ConnectTimeout,
        /// Resends of a command.
        pub resends: Resends,
        /// Half-open connections of the acceptor.
        pub max_half_open: HalfOpen,
        /// The timeout of half-open connections.
        pub half_open_timeout_ms: HalfOpenTimeout,
        /// Connections of the acceptor.
        pub max_connections: MaxConnections,
        /// The clocks at the beginning.
        pub clocks: Clocks,
    }
}

choices! {
    /// The usual number of channels, and others.
    #[derive(Eq)]
    pub struct Channels(u8) = [2, 1, 3, 8];

    /// The usual window, a small one, no limit, and one command at a time.
    #[derive(Eq)]
    pub struct SendWindow(u32) = [50, 3, 0, 1];

    /// The usual MTU, the minimum, more than the maximum, and one that is not a multiple of 4.
    #[derive(Eq)]
    pub struct Mtu(u16) = [1200, 576, 2048, 1199];

    /// The usual cap, and smaller ones down to less than a datagram.
    #[derive(Eq)]
    pub struct IncomingCap(usize) = [4 << 20, 20_000, 3000, 100];

    /// The usual maximum, and smaller ones.
    #[derive(Eq)]
    pub struct MaxMessage(usize) = [512_000, 20_000, 3000, 100_000];

    /// Many, none, a few, and any number.
    #[derive(Eq)]
    pub struct MaxViolations(u32) = [1000, 0, 10, u32::MAX];

    /// Intervals of the client and of the server in milliseconds; 0 is no pings.
    #[derive(Eq)]
    pub struct PingIntervals((u64, u64)) = [(3000, 1000), (0, 0), (1, 3000), (500, 1)];

    /// The usual timeout, a short one, none, and an immediate one.
    #[derive(Eq)]
    pub struct DisconnectTimeout(u64) = [10_000, 1000, u64::MAX, 0];

    /// The usual timeout, an immediate one, a short one, and none.
    #[derive(Eq)]
    pub struct ConnectTimeout(u64) = [15_000, 0, 1000, u64::MAX];

    /// All resends and the quick ones among them: the usual ones, none quick, none, and no limit.
    #[derive(Eq)]
    pub struct Resends((u32, u32)) = [(7, 2), (7, 0), (0, 0), (u32::MAX, 3)];

    /// Many, one, two, and none.
    #[derive(Eq)]
    pub struct HalfOpen(usize) = [1024, 1, 2, 0];

    /// The usual timeout, an immediate one, a short one, and none.
    #[derive(Eq)]
    pub struct HalfOpenTimeout(u64) = [5000, 0, 50, u64::MAX];

    /// Many, one, two, and none.
    #[derive(Eq)]
    pub struct MaxConnections(usize) = [65_536, 1, 2, 0];

    /// The server's clock in milliseconds, for one accepted connection, and the time of both ends in
    /// microseconds: usual ones, a clock that wraps soon, one that changes its sign soon, and a time
    /// that is far in the future.
    #[derive(Eq)]
    pub struct Clocks((u32, u64)) =
        [(5_000_000, 86_400_000_000), (u32::MAX - 30, 0), (0x7FFF_FFF0, 999), (0, 1 << 62)];
}

impl Setup {
    pub(super) fn client(&self) -> Config {
        Config::client().with(|it| {
            it.crc = self.crc;
            it.channels = self.channels.get();
            it.send_window = self.send_window.get();
            it.mtu = self.mtu.get();
            it.incoming_cap_bytes = self.incoming_cap_bytes.get();
            it.max_message_bytes = self.max_message_bytes.get();
            it.max_received_message_bytes = self.max_message_bytes.get();
            it.max_violations = self.max_violations.get();
            it.ping_interval = Duration::from_millis(self.ping.get().0);
            it.disconnect_timeout = Duration::from_millis(self.disconnect_timeout_ms.get());
            it.connect_timeout = Duration::from_millis(self.connect_timeout_ms.get());
            (it.max_resends, it.quick_resends) = self.resends.get();
        })
    }

    pub(super) fn server(&self) -> AcceptorConfig {
        // Both ends have the same timeouts, so that the assertions need not know which one ends a
        // connection. The server takes the checksum and the channels from the client's connect.
        let connection = self.client().with(|it| {
            (it.crc, it.channels) = (false, 8);
            it.ping_interval = Duration::from_millis(self.ping.get().1);
        });
        AcceptorConfig::default().with(|it| {
            it.connection = connection;
            it.max_half_open = self.max_half_open.get();
            it.half_open_timeout = Duration::from_millis(self.half_open_timeout_ms.get());
            it.max_connections = self.max_connections.get();
        })
    }
}
