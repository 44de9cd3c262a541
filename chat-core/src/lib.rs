//! A Photon Chat client as a poll-driven, runtime-agnostic, sans-IO state machine.
//!
//! [`ChatClient`] takes bytes and time, and returns bytes and [`Event`]s. It has no socket, thread,
//! clock or environment. The same client runs in a game's frame loop, in a custom event loop, in a
//! fuzzer, and in a simulated network with virtual time. The crate `photon-chat-std-io` is a driver
//! for `std::net` sockets: most programs begin there, with its `Session` and its guide. Use this crate
//! alone where you have sockets of your own, or none.
//!
//! # Quick start
//!
//! Is `photon-chat-std-io` in your `Cargo.toml`? Then begin on the front page of its docs, and write
//! `chat_std_io` where the examples here have `chat_core`: it exports what an application needs, and
//! the rest as `chat_std_io::chat_core`. This is its first program without the sockets:
//!
//! ```
//! use chat_core::{ChatClient, ChatConfig, Event, PublishOptions, RequestError, Restore, State, SubscribeOptions};
//!
//! let config = ChatConfig::new("udp://127.0.0.1:5058", "any-app-id", "1.0").user_id("alice");
//! // Not zeros: 32 random bytes of the system.
//! let mut chat = ChatClient::new(config.restore(Restore::new()), [0; 32]);
//! chat.connect_to_region_front_end("eu")?;
//! chat.subscribe(["lobby"], &SubscribeOptions::new().history(10))?;
//!
//! // For each event that `chat.poll_event()` returns, see the event loop below:
//! fn on_event(chat: &mut ChatClient, event: Event) -> Result<(), RequestError> {
//!     match event {
//!         // Now, and each time the client comes back.
//!         Event::StateChanged { to: State::ConnectedToFrontEnd, .. } => {
//!             chat.publish_message("lobby", "hello", &PublishOptions::new())?;
//!         }
//!         Event::ChatMessages { channel, messages } => {
//!             for message in messages.iter() {
//!                 println!("[{channel}] {}: {}", message.sender, message.content);
//!             }
//!         }
//!         Event::Error { message, .. } => eprintln!("{message}"),
//!         _ => {}
//!     }
//!     Ok(())
//! }
//! # let _ = on_event;
//! # Ok::<(), RequestError>(())
//! ```
//!
//! The protocol is described in `spec/chat.md` of this crate and in `spec/wire.md` and
//! `spec/udp.md` of photon-proto. The docs cite them as `chat.md`, `wire.md` and `udp.md`. This is
//! an unofficial implementation, not affiliated with Exit Games.
//!
//! # Terms
//!
//! - **core** is this crate; the **application** is its caller.
//! - A **server** is the name server or the front end. The client is connected to one at a time.
//! - A **link** is one transport connection to one server ([`LinkId`]). The **driver** opens and
//!   closes links on command ([`LinkCommand`]), moves their bytes, and reports what happens to them
//!   ([`LinkInput`]).
//! - An **intent** is a call by which the application requests something: `connect_to_name_server`,
//!   `subscribe`, and so on.
//! - To **drain** is to take all events, all bytes of writable links, and all commands.
//!
//! # The pump
//!
//! ```text
//!   application     calls: subscribe, publish_message, ...       ^ poll_event: Event
//!       v                                                        |
//!   ChatClient      which server, which step is next; channels, friends, coming back
//!       |                                                        ^
//!       v  transmit: bytes; poll_command: open, close            |  handle_link: bytes, opened, closed
//!   driver          sockets, TLS, the clock: `service(now)`, then sleep until `poll_timeout`
//! ```
//!
//! # An event loop
//!
//! ```
//! use chat_core::{ChatClient, Event, LinkCommand, LinkId, LinkInput, Timestamp};
//!
//! # struct Sockets;
//! # impl Sockets {
//! #     fn ids(&self) -> Vec<LinkId> { Vec::new() }
//! #     fn write(&mut self, _: LinkId, bytes: &[u8]) -> Option<usize> { Some(bytes.len()) }
//! #     fn apply(&mut self, _: LinkCommand) {}
//! #     fn wait(&mut self, _: &ChatClient, _: Option<Timestamp>) -> Vec<(LinkId, Vec<u8>)> {
//! #         Vec::new()
//! #     }
//! # }
//! fn run_once(
//!     chat: &mut ChatClient,
//!     sockets: &mut Sockets,
//!     clock: impl Fn() -> Timestamp,
//!     mut on_event: impl FnMut(&mut ChatClient, Event),
//! ) {
//!     chat.service(clock());
//!     while let Some(event) = chat.poll_event() {
//!         on_event(chat, event); // may call any intent of the client
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
//!     // Sleep until a link that `wants_input` can be read, or until `poll_timeout`.
//!     for (link, bytes) in sockets.wait(chat, chat.poll_timeout()) {
//!         chat.handle_link(clock(), link, LinkInput::Received(&bytes));
//!     }
//! }
//! ```
//!
//! # The contract
//!
//! 1. **Time is an argument** ([`Timestamp`]). A time before the last one counts as the last one. A
//!    gap between two calls of more than half the silence timeout is sleep: the program was frozen, or
//!    its machine asleep. No deadline passes because of it. The client pings, and ends the connection
//!    ([`CauseKind::Slept`]) if nothing of the server arrives within two seconds. Spec: chat.md 6.4.
//! 2. **Intents act at once, on memory only.** They check state, arguments and free space, in this
//!    order. Then they encode into the buffer of the link, or change the state and queue its event.
//!    After an `Err` nothing has changed. I/O and timers are deferred: a timer that an intent arms
//!    starts at the time of the next [`service`](ChatClient::service),
//!    [`handle_link`](ChatClient::handle_link) or [`transmit`](ChatClient::transmit). Until then
//!    [`poll_timeout`](ChatClient::poll_timeout) is "now".
//!
//!    The contents of a link depend on its [`Wire`]: a stream of bytes; whole datagrams, which core
//!    builds when the driver pulls them and stamps with that time; or whole WebSocket messages. For
//!    datagrams and messages, `transmitted` with any number above 0 means the whole. If the socket
//!    refuses a datagram, the driver may report it as transmitted: core resends what matters. Over
//!    datagrams the driver may send each one to several addresses of the server, and repeat
//!    [`Opened`](LinkInput::Opened) with the family of the latest, until the first datagram arrives
//!    from one of them: from then on that is the server.
//! 3. **Drain order** after any call: events, then bytes of writable links, then commands; then
//!    sleep until `poll_timeout`. Each step feeds only later ones, so one pass is complete. Any
//!    other order is legal: it delays work, but never corrupts state, loses an event, or panics.
//! 4. **`poll_timeout` is computed from the state.** It is "now" (the last time seen) while core
//!    holds input that `service` could process. It ignores commands, bytes and events that were not
//!    taken. After `service(t)` with `more == false` and a full drain, without new input and
//!    without an intent that armed a timer, the next deadline is later than `t`. There is one
//!    exception: taking events can free space for input that waited for it, and that input is due
//!    "now". The same goes for an attempt to connect again ([`ChatConfig::restore`]).
//! 5. **Back-pressure by not pulling.** Outgoing: intents return [`RequestError::QueueFull`] when
//!    too many encoded bytes are queued; over UDP, unacknowledged bytes count as queued. Incoming:
//!    [`wants_input`](ChatClient::wants_input) returns false at the cap, and the silence timer is
//!    paused meanwhile. Core still keeps a chunk that the driver passes anyway, up to 64 KiB above
//!    the cap (WebSocket: up to one message of the greatest length); beyond that the link ends. A
//!    datagram link is always read: a client without free space does not acknowledge data, so that
//!    the server resends it, and continues to process acknowledgements, pings and disconnects. When
//!    too many bytes of events are queued, core processes no more input. Every buffer has a cap in
//!    [`ChatConfig`]; nothing is dropped silently.
//! 6. **Bounded work** in each `service` call ([`ChatConfig::max_messages_per_service`]). Remaining
//!    work waits, and [`Serviced::more`] is then true. `service` also stops at a state change, so
//!    that the application observes each state while it lasts.
//! 7. **Owned events** of at most 48 bytes: the application can call the client while it holds one.
//!    The messages of one event share one text, and a clone copies no text.
//! 8. **Order and endings.** Events come in causal order; a state is announced before any data of
//!    it. The end of a connection is announced in this order: failed results of everything pending,
//!    then [`Event::StateChanged`] to Error or Disconnected, then, for Error, exactly one
//!    [`Event::Error`]. No event follows until the next connect, reconnect or disconnect call. With
//!    [`ChatConfig::restore`] one more follows, and later an attempt of the client itself:
//!    [`Event::ReconnectScheduled`], [`Event::ReconnectGaveUp`] or [`Event::CredentialsNeeded`].
//! 9. **Results.** `subscribe` and `unsubscribe` return a [`RequestId`], and every distinct name of
//!    a request gets exactly one [`Outcome`]. There are also unsolicited outcomes, whose `request`
//!    is `None`: another client of the same user, or the server itself, subscribed or unsubscribed.
//!    Each accepted `get_regions` call ends in exactly one [`Event::RegionsResult`].
//! 10. **Cancellation** is `disconnect()` or drop, legal at any moment. `disconnect()` announces
//!     the end at once. It continues to send previously accepted data for at most
//!     [`ChatConfig::flush_timeout`], over UDP until that data is acknowledged. At most eight links
//!     end this way at the same time; one more closes the oldest. The old link no longer affects
//!     the client, and connecting again meanwhile is legal. [`Stats::closed_with_unsent_data`]
//!     counts the connections whose data was not all sent.
//! 11. **Determinism.** The same seed and the same calls give the same bytes and events.
//!
//! An intent in response to an event can return [`RequestError::WrongState`]: the connection may
//! have ended while its last events were still queued. That is a normal result, not a bug.
//!
//! # States
//!
//! ```text
//!  0 Uninitialized
//!    │ connect_to_name_server, connect_to_region_front_end
//!    v
//!  1 ConnectingToNameServer ───> 2 ConnectedToNameServer       get_regions; choose a region, or have it
//!                                  │                           in the options of the connect call
//!                                  v
//!                                3 ConnectingToFrontEnd
//!                                  │ login accepted
//!                                  v
//!                                4 ConnectedToFrontEnd         subscribe, publish, ...
//!
//!  any ── disconnect() ───────────────────> 10 Disconnected    connect again, if you like
//!  1 to 4 ── any other end ───────────────> -1 Error           ... or the client does: `restore`
//! ```
//!
//! [`State`] has the complete diagram. [`Event::StateChanged`] announces each change.
//!
//! # Values
//!
//! Contents, properties and status messages are values. What you pass implements [`Encode`]: text,
//! numbers, bytes, lists, [`Hashtable`], [`Value`], or a type of your own. What you receive is a
//! [`Content`]: a text, a [`Value`] with getters, or something that cannot be decoded. With the feature
//! `serde`, `to_value` and `Content::to` convert types that implement its traits.
//!
//! ```
//! use chat_core::{Hashtable, Value};
//!
//! let shot: Hashtable = [("x", Value::from(3)), ("by", Value::from("alice"))].into_iter().collect();
//! assert_eq!(shot.get("x").and_then(Value::as_i32), Some(3));
//! assert_eq!(shot.get("by").and_then(Value::as_str), Some("alice"));
//! ```
//!
//! # Errors
//!
//! The party at fault decides the type. [`RequestError`]: a call of yours was not accepted, and nothing
//! has happened. [`Outcome`] and [`ServerError`]: the server refused a request. [`Event::Error`] with a
//! [`DisconnectCause`]: the connection ended. Nothing panics.
//!
//! # Error codes
//!
//! The end of a connection decides the code in [`Event::Error`]; see [`PeerErrorCode`], and
//! [`DisconnectCause`] for details. `x` is 3 for the name server and 1 for the front end.
//!
//! | The connection ended because of | Code |
//! | --- | --- |
//! | `Failed` or `Closed` before `Opened`, or, except over UDP, the connect deadline; an insecure front end after a secure name server | x002 |
//! | `Closed`, `Failed` of kind `Reset`, a disconnect message or command | x003 |
//! | any other `Failed` (of kind `Local`, too: this machine cannot send), an invalid frame, far more input than wanted, a violation of the UDP protocol | x001 |
//! | silence, a command without acknowledgement over UDP (including the connect command), or any other deadline after `Opened` | x004 |
//! | a failed key exchange | x005 |
//! | a rejected login, or an accepted one without address or token | x101 |
//!
//! [`documented_api`] lists the functions, callbacks, options and values of the documented Lua API
//! with their names in this crate.
//!
//! # When the line breaks
//!
//! Mobile networks fail, servers restart, laptops sleep. Without [`ChatConfig::restore`] the client
//! reports the end of the connection, and the application connects again. With it, one call makes
//! the client come back by itself, to all channels, friends and the last status:
//!
//! ```
//! use chat_core::{ChatConfig, Restore};
//!
//! let config = ChatConfig::new("ns.photonengine.io", "your-app-id", "1.0").restore(Restore::new());
//! # let _ = config;
//! ```
//!
//! The application needs no code for it. What it may show to its user comes in this order:
//!
//! ```text
//!  connected
//!    │  the connection ends, and the application did not end it
//!    v
//!  SubscribeResult, UnsubscribeResult, ...   every pending request fails: ConnectionLost
//!  StateChanged { to: Error }
//!  Error { code, cause }
//!    │
//!    ├─> ReconnectGaveUp { cause }           for reasons that waiting does not change; the end
//!    │
//!    ├─> CredentialsNeeded                   only if asked for: the token was refused, see below
//!    v
//!  ReconnectScheduled { attempt, after }
//!    ┊  `after` passes
//!    ├─> CredentialsNeeded                   only if asked for, and only before the name server
//!    │     ┊  set_custom_authentication      (60 s without it: ReconnectGaveUp)
//!    v     v
//!  StateChanged { to: ConnectingToFrontEnd }                      with the kept token, or ...
//!  StateChanged { to: ConnectingToNameServer }, ... ToNameServer, ... ToFrontEnd
//!    │                                       an attempt that fails: again from the top
//!    v
//!  StateChanged { to: ConnectedToFrontEnd }
//!    │  the client asks for the wanted channels, some at a time, then for friends and status
//!    │        ChatMessages, Gap              as histories arrive, each channel in its order
//!    │        SubscribeResult                of requests made meanwhile; unsolicited ones
//!    │                                       (`request: None`) if the server kept the session
//!    v
//!  Restored { channels, failed }             each channel has its outcome; no event if none is wanted
//!    ┊        ChatMessages, Gap              histories may still arrive
//! ```
//!
//! - [`disconnect`](ChatClient::disconnect) at any of these points ends it: only
//!   `StateChanged { to: Disconnected }` follows. A connect call replaces the attempt.
//! - [`Restore`] describes when attempts begin, and when the client gives up.
//! - `subscribe`, `unsubscribe` and the calls for friends and status succeed without a connection, and
//!   take effect on the next one. A message is refused with [`RequestError::WrongState`], or waits for
//!   the connection with [`Restore::queue_cap_bytes`]; the client never sends one twice.
//! - [`suspend`](ChatClient::suspend) and [`resume`](ChatClient::resume) are for a program that is
//!   paused, and [`network_changed`](ChatClient::network_changed) for a device that moves to another
//!   network: the attempt begins at once.
//!
//! **Promised:** every message that the server still held when the channel was last asked for, in a
//! life of the channel that can be recognised, is delivered exactly once and in order, except messages
//! marked [`Origin::Late`], which belong to a gap that was reported before. Wherever ids show a hole
//! that the server cannot fill, there is one [`Event::Gap`]. No message waits for missing ones longer
//! than [`Restore::waiting_time`], and usually none waits at all. This holds without
//! [`ChatConfig::restore`], too, for channels to which the application subscribes again with all
//! their history (`SubscribeOptions::new().history(-1)`).
//!
//! **Not promised:** a server keeps about 100 messages of a channel; older ones are lost, and the gap
//! reports it. A server that restarts counts messages from 1 again. The client detects this new life of
//! a channel by the contents of the last four messages, so it cannot detect one that has outgrown the
//! old position by a whole history, or whose last four messages are the same. A message that was sent
//! when the connection ended may have reached the server or not:
//! [`ChatConfig::confirm_messages`] reports which.
//!
//! # Features
//!
//! - `std` (default): conversions from types of `std`. Without it the crate is `no_std` and needs
//!   `alloc`.
//! - `encryption` (default): key exchange and payload encryption. Without it connecting fails with
//!   x005 unless the configuration sets [`Encryption::Off`]. A missing feature never causes data to
//!   be sent in clear.
//! - `json` (default): JSON over WebSocket ([`ChatConfig::json`]).
//! - `serde`: contents of your own types; events and [`Kept`] state in any format.
//!
//! # Logging
//!
//! The client logs through the `log` crate, with the targets `photon_chat::chat` and
//! `photon_chat::net`: changes of the state at `info`; requests, responses, events and links by names
//! and codes at `debug`. It never logs message texts, tokens, keys or user ids above `trace`. A
//! library in which a driver carries its bytes may: tungstenite logs whole messages at `trace`, which
//! only the logger can silence (`SECURITY.md` of the project).
#![no_std]
// Marks what needs a feature, on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The library never panics, whatever the input and the order of calls. Assertions about its own
// state are `debug_assert!`s.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[doc = include_str!("../API.md")]
pub mod documented_api {
    #[expect(unused_imports, reason = "so that the table can link to them")]
    use crate::*;
}

mod address;
mod age_queue;
mod budget;
mod client;
pub mod codes;
mod config;
mod confirm;
mod error;
mod event;
mod event_queue;
mod host;
mod incoming;
mod link;
mod listener;
mod messages;
mod model;
mod operation;
mod options;
mod restore;
mod secret;
#[cfg(feature = "serde")]
pub mod serde;
pub mod spec;
mod state;
mod stats;
mod status;
mod timers;

pub use address::{Scheme, ServerAddress};
pub use client::{ChatClient, NotAtRest, Serviced};
pub use config::{Addresses, AuthData, AuthValues, ChatConfig, Encryption};
pub use error::{AddressError, RegionsError, RequestError, ServerError};
pub use event::{
    Authenticated, BadMessage, ChannelOutcome, ErrorInfo, Event, MessageToken, Outcome,
    PropertiesChange, Region, RequestId, StatusChange, SubscriberChange,
};
pub use link::{LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Target, Wire};
pub use listener::{Listener, dispatch};
pub use messages::{
    Content, Message, Messages, Origin, OwnedContent, OwnedMessage, PrivateMessage,
};
pub use model::Channel;
pub use options::{
    ConnectOptions, OperationOptions, PrivateOptions, PropertyOptions, PublishOptions,
    StatusMessage, SubscribeOptions,
};
pub use photon_proto::peer::SubProtocol;
pub use photon_proto::{
    self, Array, Custom, DecodeError, DecodeErrorKind, Dictionary, Encode, EncodeError, Hashtable,
    Limits, Protocol, Text, Timestamp, Value, ValueWriter, Written,
};
#[cfg(feature = "serde")]
pub use photon_proto::{FromValueError, FromValueErrorKind, from_value, to_value};
pub use restore::{Kept, Restore};
pub use state::{
    CauseKind, DisconnectCause, DisconnectReason, KeyExchangeFailure, PeerErrorCode, Server, State,
    Step,
};
pub use stats::Stats;
pub use status::UserStatus;
