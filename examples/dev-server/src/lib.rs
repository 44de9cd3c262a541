//! A Photon Chat name server and chat front end for development and tests, on loopback.
//!
//! It serves users without an app id, and every test of the client. [`ServerCore`] is sans-IO, so
//! client and server run in one process over a simulated network with virtual time ([`sim`]).
//! [`server`] puts the same core on real sockets (TCP, UDP and WebSocket) and can emulate bad
//! [network conditions](netem). The server behaves as `chat.md` section 12 specifies, and
//! misbehaves on request ([`Faults`]). It is not a production server: production is the Photon
//! cloud.
//!
//! # Driving the core
//!
//! A *connection* is one stream between a client and this server. The driver accepts it
//! ([`ServerCore::accept_stream`]), passes on the received bytes ([`ServerCore::received`],
//! [`ServerCore::closed`]) and calls [`ServerCore::service`] when [`ServerCore::poll_timeout`] is
//! due. A WebSocket is the same with whole messages in place of bytes
//! ([`ServerCore::accept_messages`]); the driver does the WebSocket framing and TLS. The core
//! itself distinguishes UDP clients by their addresses: the driver passes on every datagram that
//! its two sockets receive ([`ServerCore::received_datagram`]). After any of these calls the driver
//! drains, in this order:
//!
//! 1. [`ServerCore::transmit_datagram`] of each of the two servers, until it is `None`: report each
//!    datagram that the socket took with [`ServerCore::transmitted_datagram`];
//! 2. [`ServerCore::poll_writable`]: connections with new bytes; pull the bytes with
//!    [`ServerCore::transmit`], and report how many the transport took with
//!    [`ServerCore::transmitted`];
//! 3. [`ServerCore::poll_close`]: connections that the server ended; the core has already dropped
//!    them.
//!
//! Another order delays work and corrupts nothing. Time is an argument; a `now` before the last one
//! counts as the last. The same seed and the same calls give the same bytes. No input makes the
//! core panic, and every buffer has a cap in [`ServerConfig`].
//!
//! The core keeps content as typed values, and encodes it again for each receiver in the protocol
//! of its connection. Content that the receiver's protocol cannot express is downgraded: a
//! Dictionary with declared types becomes one without, an array of an inexpressible element type an
//! object array. A part that is still inexpressible becomes null, for that receiver only.
//! [`ServerStats::downgraded`] counts such events. JSON is converted at the connection, so that all
//! layers above see 1.8; [`photon_proto::json`] lists what JSON cannot express.
//!
//! # Changing it while it runs
//!
//! [`ServerCore::config_mut`] and [`ServerCore::faults_mut`] change everything from Rust. As text
//! there are settings ([`ServerConfig::apply`]: faults such as `publish=silent x2`, switches such
//! as `grace-ms=500`, and [aliases](Alias) such as `drop-auth-answer`), authentication rules
//! (`sent-user=alice result=ok`, [`AuthRule`]), and the commands that the program reads on standard
//! input ([`ServerCore::control`]).
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod acceptors;
mod auth_rules;
mod auth_text;
mod authentication;
mod before_login;
mod channel;
mod channel_count;
mod channel_events;
mod channels;
mod config;
mod connection;
mod connections;
mod context;
mod control;
mod conversations;
mod core;
mod datagrams;
mod delay_queue;
mod dispatch;
mod downgrade;
mod event;
mod faults;
mod front_end;
mod hashing;
mod history;
mod history_order;
mod ids;
mod journal;
mod late_answers;
mod late_parts;
mod link;
mod log_lines;
mod login_limits;
mod misbehave;
mod name_server;
pub mod netem;
mod operator;
mod partition;
mod presence;
mod private;
mod properties;
mod property_list;
mod publish;
mod requests;
mod rng;
pub mod server;
mod settings;
pub mod sim;
mod slow_readers;
mod snapshots;
mod state;
mod stats;
mod steps;
mod subscriptions;
mod timers;
mod tokens;
mod transport;
mod user;
mod users;
mod web_sockets;

pub use auth_rules::{AuthResult, AuthRule};
pub use auth_text::{AuthRuleError, AuthTableError};
pub use config::ServerConfig;
pub use control::ControlAnswer;
pub use core::ServerCore;
pub use faults::{Fault, Faults};
pub use history_order::HistoryOrder;
pub use ids::{ConnectionId, ServerKind};
pub use journal::{JournalEntry, JournalKind};
pub use photon_proto::peer::{SubProtocol, SubProtocolError};
pub use settings::{Alias, FaultSpec, Setting, SettingError, SwitchSpec, Times};
pub use state::StateError;
pub use stats::{
    ChannelSnapshot, ConnectionEnd, EndedConnection, ServerStats, StoredMessage, UserSnapshot,
};
pub use steps::Step;
pub use transport::{Transport, TransportError};
pub use web_sockets::MessageLink;
