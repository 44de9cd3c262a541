//! A Photon Chat client as a poll-driven, runtime-agnostic, sans-IO state machine.
//!
//! [`ChatClient`] takes bytes and time, and gives bytes and [`Event`]s. It has no socket, thread, clock or environment,
//! so the same client runs in a game's frame loop, in an event loop of your own, in a fuzzer and in a simulated network
//! with virtual time. `photon-chat-std-io` is a ready driver for blocking `std::net` sockets.
//!
//! The protocol is described in `spec/chat.md` beside this crate and in `spec/wire.md` beside photon-proto; items refer
//! to them as `chat.md` and `wire.md`. This is an unofficial implementation, not affiliated with Exit Games.
//!
//! # Words
//!
//! - A **server** is the name server or the front end; the client talks to one at a time.
//! - A **link** is one transport connection to one server ([`LinkId`]). The **driver** opens it, moves its bytes and
//!   closes it, because core says so ([`LinkCommand`]); it tells core what happens ([`LinkInput`]).
//! - An **intent** is a call with which the application wants something: `connect_to_name_server`, `subscribe`, ...
//! - To **drain** is to take all events, all bytes of links that can be written to, and all commands.
//!
//! # An event loop of your own
//!
//! ```
//! use chat_core::{ChatClient, Event, LinkCommand, LinkId, LinkInput, Timestamp};
//!
//! # struct Sockets;
//! # impl Sockets {
//! #     fn ids(&self) -> Vec<LinkId> { Vec::new() }
//! #     fn write(&mut self, _: LinkId, bytes: &[u8]) -> Option<usize> { Some(bytes.len()) }
//! #     fn apply(&mut self, _: LinkCommand) {}
//! #     fn wait(&mut self, _: &ChatClient, _: Option<Timestamp>) -> Vec<(LinkId, Vec<u8>)> { Vec::new() }
//! # }
//! fn turn(
//!     chat: &mut ChatClient,
//!     sockets: &mut Sockets,
//!     clock: impl Fn() -> Timestamp,
//!     mut on_event: impl FnMut(&mut ChatClient, Event),
//! ) {
//!     chat.service(clock());
//!     while let Some(event) = chat.poll_event() {
//!         on_event(chat, event); // may call subscribe, publish_message, disconnect, ... on the client
//!     }
//!     for link in sockets.ids() {
//!         while let Some(bytes) = chat.transmit(clock(), link) {
//!             let Some(written) = sockets.write(link, bytes) else { break }; // the socket is full
//!             chat.transmitted(link, written);
//!         }
//!     }
//!     while let Some(command) = chat.poll_command() {
//!         sockets.apply(command);
//!     }
//!     // Sleep until something can be read from a link that `wants_input`, or until `poll_timeout`.
//!     for (link, bytes) in sockets.wait(chat, chat.poll_timeout()) {
//!         chat.handle_link(clock(), link, LinkInput::Received(&bytes));
//!     }
//! }
//! ```
//!
//! # The contract
//!
//! 1. **Time is an argument** ([`Timestamp`]). A time before the last one counts as the last. However far the clock
//!    jumps, each timer fires once.
//! 2. **Intents act at once, on memory only.** They check their arguments and the state, then encode into the link's
//!    buffer or change the state and queue its event. After an `Err` nothing has changed. I/O and timers wait: a timer
//!    that an intent arms starts at the time of the next [`service`](ChatClient::service),
//!    [`handle_link`](ChatClient::handle_link) or [`transmit`](ChatClient::transmit); until then
//!    [`poll_timeout`](ChatClient::poll_timeout) is "now".
//!
//!    What a link carries depends on its [`Wire`]: bytes of a stream; whole datagrams, built when they are pulled and
//!    stamped with that time; or whole WebSocket messages. For the last two, `transmitted` of any number above 0 means
//!    the whole. A datagram that the socket refuses may be reported as transmitted: it will be sent again if it matters.
//! 3. **Drain order** after any call: events, then bytes of writable links, then commands; then sleep until
//!    `poll_timeout`. Each step feeds only later ones, so one pass is complete. Any other order is legal: it delays work,
//!    and never corrupts state, loses an event, or panics.
//! 4. **`poll_timeout` is computed from the state**: "now" (the last time seen) while input is held that `service` could
//!    act on. It ignores commands, bytes and events that were not taken. After `service(t)` said `more == false` and a
//!    full drain, without new input and without an intent that armed a timer, the next deadline is later than `t`;
//!    except that taking events makes room for input that waited for it, which is then acted on "now".
//! 5. **Back-pressure by not pulling.** Intents get [`RequestError::QueueFull`] when too many encoded bytes wait. On the
//!    other side [`wants_input`](ChatClient::wants_input) turns false at the cap, and the silence timer stands still
//!    meanwhile; a chunk handed over anyway is kept up to 64 KiB above the cap (a WebSocket message: up to one of the
//!    greatest length), beyond that the link ends. A datagram link is always read: a client without room acknowledges
//!    no data, so that the server sends it again, and goes on with acknowledgements, pings and disconnects. Over UDP
//!    bytes that are not acknowledged count as waiting. When too many bytes of events wait, no more input is processed. Every buffer has a cap in [`ChatConfig`]; nothing is dropped
//!    silently.
//! 6. **Bounded work** in each `service` ([`ChatConfig::max_messages_per_service`]); the rest waits, and
//!    [`Serviced::more`] says so. `service` also stops at a state change, so that the application meets each state while
//!    it lasts.
//! 7. **Owned events** of at most 48 bytes: you can answer one while you hold it. The messages of one event share one
//!    text; cloning copies no text.
//! 8. **Order and endings.** Events come in the order of their causes; a state is announced before any data of it. An
//!    ending is announced in this order: failed results of everything pending, then [`Event::StateChanged`] to Error or
//!    Disconnected, then, for Error, exactly one [`Event::Error`]; after that nothing until the next connect or
//!    disconnect call.
//! 9. **Results.** `subscribe` and `unsubscribe` return a [`RequestId`], and every distinct name of a request gets
//!    exactly one [`Outcome`]. Events also come for channels that nobody asked for (another client of the same user, the
//!    server itself): their `request` is `None`. Each accepted `get_regions` ends in exactly one
//!    [`Event::RegionsResult`].
//! 10. **Cancellation** is `disconnect()` or drop, legal at any moment. `disconnect()` announces the end at once, goes on
//!     sending what was accepted before it for at most [`ChatConfig::flush_timeout`] (of more than eight links that
//!     end so, the oldest is cut short), over UDP until it is acknowledged, and the old link can touch nothing any more;
//!     connecting anew meanwhile is legal. [`Stats::closed_with_unsent_data`] counts what did not make it.
//! 11. **Determinism.** The same seed and the same calls give the same bytes and events.
//!
//! Answering an event with a call that the state no longer allows is normal: a connection can end while its last events
//! are still queued. [`RequestError::WrongState`] is an answer there, not a bug.
//!
//! # Which end gives which code
//!
//! `x` is 3 for the name server and 1 for the front end; see [`PeerErrorCode`], and [`DisconnectCause`] for details.
//!
//! | what ended | code |
//! | --- | --- |
//! | the link never opened: `Failed`, `Closed`, or, except over UDP, the connect deadline; an insecure front end after a secure name server | x002 |
//! | `Closed`, `Failed` of kind `Reset`, a disconnect message or command | x003 |
//! | any other `Failed`, bytes that are no frames, far more input than was wanted, datagrams beyond repair | x001 |
//! | silence, something unacknowledged over UDP (the wish to connect too), or a deadline after the link was open | x004 |
//! | the key exchange | x005 |
//! | a refused login, or an accepted one without address or token | x101 |
//!
//! [`documented_api`] lists the functions, callbacks, options and values of the documented Lua API and where they are here.
//!
//! # Features
//!
//! - `std` (default): conversions from std types. Without it the crate is `no_std` and needs `alloc`.
//! - `encryption` (default): key exchange and payload encryption. Without it connecting fails with x005 unless the
//!   configuration says [`Encryption::Off`]; nothing is ever sent in clear because a feature is missing.
//!
//! # Logging
//!
//! Through the `log` crate, targets `photon_chat::chat` and `photon_chat::net`. Message texts, tokens, keys and user ids
//! are never logged above `trace`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[doc = include_str!("../API.md")]
pub mod documented_api {
    #[expect(unused_imports, reason = "so that the table can link to them")]
    use crate::*;
}

mod address;
mod budget;
mod client;
pub mod codes;
mod config;
mod error;
mod event;
mod event_queue;
mod incoming;
mod link;
mod listener;
mod messages;
mod model;
mod operation;
mod options;
mod secret;
mod state;
mod stats;
mod status;
mod timers;

pub use address::{Scheme, ServerAddress};
pub use client::{ChatClient, NotAtRest, Serviced};
pub use config::{Addresses, AuthData, AuthValues, ChatConfig, Encryption};
pub use error::{AddressError, RegionsError, RequestError, ServerError};
pub use event::{
    Authenticated, BadMessage, ChannelOutcome, ErrorInfo, Event, Outcome, PropertiesChange, Region,
    RequestId, StatusChange, SubscriberChange,
};
pub use link::{LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Target, Wire};
pub use listener::{Listener, dispatch};
pub use messages::{Content, Message, Messages, OwnedMessage, PrivateMessage};
pub use model::Channel;
pub use options::{
    ConnectOptions, PrivateOptions, PropertyOptions, PublishOptions, StatusMessage,
    SubscribeOptions,
};
pub use photon_proto::peer::SubProtocol;
pub use photon_proto::{
    self, Array, Custom, DecodeError, Dictionary, Encode, EncodeError, Hashtable, Limits, Protocol,
    Text, Timestamp, Value, ValueWriter, Written,
};
pub use state::{
    CauseKind, DisconnectCause, DisconnectReason, KeyExchangeFailure, PeerErrorCode, Server, State,
    Step,
};
pub use stats::Stats;
pub use status::UserStatus;
