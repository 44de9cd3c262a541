//! A Photon Chat client with sockets: [`chat_core`] over `std::net`, for game loops and plain
//! programs.
//!
//! New here? Begin with the [first client](guide::first_client). The [guide] has a chapter for each kind
//! of program, and one for [errors](guide::troubleshooting).
//!
//! A [`Session`] owns a [`ChatClient`], its connections and its clock. There are three ways to use
//! it.
//!
//! # Quick start
//!
//! ```no_run
//! use chat_std_io::{ChatConfig, Event, PublishOptions, Restore, Session, State, SubscribeOptions};
//! use std::{env, error::Error, time::Duration};
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let server = env::var("PHOTON_SERVER").unwrap_or("udp://127.0.0.1:5058".into());
//!     let user = env::args().nth(1).unwrap_or("alice".into());
//!     let config = ChatConfig::new(server, "any-app-id", "1.0").user_id(user);
//!     let mut session = Session::new(config.restore(Restore::new()))?;
//!     session.chat.connect_to_region_front_end("eu")?;
//!     session.chat.subscribe(["lobby"], &SubscribeOptions::new().history(10))?;
//!     loop {
//!         session.wait(Duration::MAX); // A game calls session.service() once per frame instead.
//!         while let Some(event) = session.poll_event() {
//!             match event {
//!                 // Now, and each time the client comes back.
//!                 Event::StateChanged { to: State::ConnectedToFrontEnd, .. } => {
//!                     session.chat.publish_message("lobby", "hello", &PublishOptions::new())?;
//!                 }
//!                 Event::ChatMessages { channel, messages } => {
//!                     for message in messages.iter() {
//!                         println!("[{channel}] {}: {}", message.sender, message.content);
//!                     }
//!                 }
//!                 Event::Error { message, .. } => eprintln!("{message}"),
//!                 _ => {}
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! `cargo run -p photon-dev-server` in the repository starts the server that it talks to. The guide
//! [explains](guide::first_client) the program. Everything that it names is in this crate. The docs of
//! types that come from [`chat_core`] name that crate in their examples: write `chat_std_io` instead,
//! or `chat_std_io::chat_core` for what is rarely needed. Your `Cargo.toml` needs this crate alone.
//!
//! # In a game loop
//!
//! Replace `wait` by one call of [`Session::service`] per frame, and then take all events. Neither
//! blocks: only name resolution would, and it has threads of its own. The [guide](guide::game_loop) has
//! the program.
//!
//! A request that answers an event leaves in the same frame: the `poll_event` that finds no further
//! event sends it. If you prefer callbacks, implement [`Listener`] and call [`Session::dispatch`]
//! instead of the inner loop.
//!
//! # In a program without a loop of its own
//!
//! [`session.wait(timeout)`](Session::wait), as above, sleeps in the kernel until
//! a socket is ready, a deadline comes, another thread wakes it by a [`Waker`], or the timeout ends;
//! then it services once, and returns. An idle connection wakes up only for a ping and its answer,
//! every few seconds ([`Session::io_stats`] counts).
//!
//! The server ends a connection whose program does neither for ten seconds. A program that ends
//! calls [`Session::close`], so that its last message arrives.
//!
//! # In an event loop of your own
//!
//! A loop that waits for many sessions, or for a window and other sockets too, watches
//! [`Session::sockets`] with its own poller (epoll, kqueue, mio, glib, the loop of an engine) and
//! calls [`Session::service`] when a socket is ready or [`Session::timeout`] has passed:
//!
//! ```no_run
//! # #[cfg(unix)]
//! # fn main() -> std::io::Result<()> {
//! # let mut sessions: Vec<chat_std_io::Session> = Vec::new();
//! use chat_std_io::Session;
//! use mio::unix::SourceFd;
//! use mio::{Events, Interest, Poll, Registry, Token};
//! use std::os::fd::AsRawFd;
//!
//! fn watch(registry: &Registry, token: Token, session: &Session) -> std::io::Result<()> {
//!     for open in session.sockets() {
//!         let fd = open.socket.as_raw_fd();
//!         let interest = match (open.readable, open.writable) {
//!             (true, true) => Interest::READABLE | Interest::WRITABLE,
//!             (true, false) => Interest::READABLE,
//!             (false, true) => Interest::WRITABLE,
//!             (false, false) => {
//!                 let _ = registry.deregister(&mut SourceFd(&fd)); // Fails if it was not watched.
//!                 continue;
//!             }
//!         };
//!         // A new socket may have the number of one that was closed, so no list of yours shows
//!         // which are new.
//!         if registry.reregister(&mut SourceFd(&fd), token, interest).is_err() {
//!             registry.register(&mut SourceFd(&fd), token, interest)?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1_024));
//! let mut ready: Vec<usize> = (0..sessions.len()).collect();
//! loop {
//!     for index in ready.drain(..) {
//!         let session = &mut sessions[index];
//!         session.service();
//!         while let Some(event) = session.poll_event() {
//!             println!("{index}: {event:?}");
//!         }
//!         watch(poll.registry(), Token(index), session)?;
//!     }
//!     poll.poll(&mut events, sessions.iter().filter_map(Session::timeout).min())?;
//!     ready.extend(events.iter().map(|event| event.token().0));
//!     let is_due = |(index, session): (usize, &Session)| {
//!         session.timeout().is_some_and(|left| left.is_zero()).then_some(index)
//!     };
//!     ready.extend(sessions.iter().enumerate().filter_map(is_due));
//!     ready.sort_unstable();
//!     ready.dedup();
//! }
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! - **When**: the sockets and their interests change only in `service`, `wait`, `flush`,
//!   `dispatch` and `poll_event`, so watch them anew after each pass. A request of yours at another
//!   time leaves with the next of these calls: [`Session::flush`] is the cheapest.
//! - **Closed sockets** leave epoll and kqueue by themselves. Where yours keeps a list, remove what
//!   `sockets` no longer lists.
//! - **Edge-triggered** pollers (mio, and epoll with `EPOLLET`) report a socket once for each
//!   arrival, but a pass may leave input in the system: beyond its limits (then `timeout` is zero),
//!   or because the client wanted none. The watch above makes up for that, because it sets the
//!   interest again after *every* pass (`EPOLL_CTL_MOD`), which reports what is there once more.
//!   Level-triggered pollers may skip it while the interest is the same.
//! - **Name resolution** runs on a thread that no socket reports, so `timeout` is at most 10 ms
//!   meanwhile. [`Session::wait`] needs no such limit.
//! - A [`Waker`] wakes only [`Session::wait`]. Wake your loop by its own means.
//!
//! # Content
//!
//! A message contains a text, or any value that Photon can serialize: numbers, bytes, arrays, maps. With
//! the feature `serde` that includes types of your own:
//!
#![cfg_attr(feature = "serde", doc = "```")]
#![cfg_attr(not(feature = "serde"), doc = "```ignore")]
//! use chat_std_io::{ChatClient, Message, PublishOptions, RequestError, to_value};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Move {
//!     unit: String,
//!     to: (f32, f32),
//! }
//!
//! fn publish(chat: &mut ChatClient, step: &Move) -> Result<(), RequestError> {
//!     chat.publish_message("match-7", &to_value(step)?, &PublishOptions::new())?;
//!     Ok(())
//! }
//!
//! fn receive(message: &Message<'_>) {
//!     match message.content.to::<Move>() {
//!         Ok(step) => println!("{} goes to {:?}", step.unit, step.to),
//!         // Others may send anything.
//!         Err(error) => eprintln!("{}: {error}", message.sender),
//!     }
//! }
//! # let _ = (publish, receive);
//! ```
//!
//! Without it, a map is a [`Hashtable`] with `&str` keys and getters:
//!
//! ```
//! use chat_std_io::{Content, Hashtable, Message, Value};
//!
//! let step: Hashtable = [("unit", Value::from("tank")), ("x", Value::from(1.5_f32))].into_iter().collect();
//! // chat.publish_message("match-7", &step, &PublishOptions::new())?;
//!
//! fn x(message: &Message<'_>) -> Option<f64> {
//!     match message.content {
//!         Content::Value(Value::Hashtable(step)) => step.get("x")?.as_f64(),
//!         _ => None,
//!     }
//! }
//! # let _ = (step, x);
//! ```
//!
//! A message also has its `sender` ([`ChatClient::is_mine`]), its `id` ([`Channel::unread_since`]), and
//! the time at which it was received here ([`Message::received`]): the protocol has no time of sending.
//!
//! # Values, states, errors, and coming back
//!
//! The front page of [`chat_core`] has the [states](chat_core#states), the
//! [error codes](chat_core#error-codes), and what [restores](chat_core#when-the-line-breaks) a session
//! after a loss of the connection: one call, [`ChatConfig::restore`].
//!
//! # Platforms
//!
//! | Platform | This crate | [`chat_core`] |
//! | --- | --- | --- |
//! | Linux (x86-64) | all tests run | all tests run |
//! | Windows (x86-64, GNU) | its tests run under wine | with `.ci/run --full` its tests run under wine |
//! | macOS, Windows (MSVC) | never run; a workflow for their tests is in the repository | never run |
//! | iOS, Android, BSD | never built | never built |
//! | browsers (wasm32) | does not compile: no sockets | never run: write the driver, [as below](#your-platforms-websocket) |
//! | `no_std` with `alloc` | - | linked for x86-64 as a library without `std` in each test run; never run on a device |
//!
//! # Division of work
//!
//! This crate knows sockets and nothing of chat. Everything that a client can do, and the contract
//! that it keeps, is in [`chat_core`]. A link is one connection to one server.
//!
//! - **Connecting** proceeds in the passes, without blocking. A thread exists only while a name is
//!   resolved: at most 64 in the process, shared fairly between sessions
//!   ([`SessionOptions::resolver`]). The addresses of a name are raced as RFC 8305 describes:
//!   families alternate, each attempt begins 250 ms after the last or as soon as that fails, and
//!   the first to connect wins. Over UDP the next address joins after a second without an answer,
//!   or at once if the system refuses one; all send until the first datagram arrives. If all fail,
//!   the error lists each address with its failure. The TLS and WebSocket handshakes follow.
//! - **Waiting**: [`Session::wait`] sleeps in one poller on all sockets, whose descriptors it
//!   duplicates for that time. The first `wait` or [`Session::waker`] makes the poller (two
//!   descriptors), so a program that only calls `service` has none.
//! - **Reading**: at most [`MAX_READ_BYTES`] or [`MAX_READ_DATAGRAMS`] of each link per pass. A
//!   stream is read only while the client wants input: the rest waits in the system and slows the
//!   server down. Input that arrived before an end is passed on before the end. Datagrams are
//!   always received, and only from the server's address; the client leaves unacknowledged what it
//!   has no space for.
//! - **Writing**: as much as the system takes. The rest stays in the client, whose requests finally
//!   fail with `QueueFull`; over WebSocket the rest of one message, or of a few short ones, stays
//!   in the link. A datagram that the system refuses to send counts as lost, and the client resends
//!   its reliable contents; so does one that nothing listened for. [`IoStats`] counts these.
//! - **Closing**: over TCP this side announces its end, and keeps the socket for up to a second
//!   until the server has ended its side. A socket that is closed at once answers input with a
//!   reset, which on some systems discards the last bytes that the server has not read. Over
//!   WebSocket this side sends a close frame with code 1000 and awaits the answer for as long. Over
//!   UDP the client sends its disconnect before it closes the link.
//! - **Errors** of the system reach the application as events, in the cause of [`Event::Error`].
//! - **Faults of this machine** have a kind of their own, [`LinkErrorKind::Local`]: no network, no
//!   route, an address that has vanished, a firewall. While connecting they end an address at once.
//!   An established link over UDP ends if a datagram meets a fault, and another one does at least a
//!   second later, with none sent in between: a machine that changes its network has no route for a
//!   moment. Over TCP no system reports them; the client notices silence. An IPv4
//!   address as text without a route is first looked up for NAT64 ([`SessionOptions::resolver`]).
//!
//! Reading, writing and idle passes allocate nothing, except that WebSocket copies each message. A
//! thread keeps one receive buffer of 64 KiB for all its sessions. An idle session keeps about 9 KiB
//! over UDP, 6 KiB over TCP, 7 KiB over `ws://` and 16 KiB over `wss://`, with the `Session` itself.
//!
//! # Pause, sleep, change of the network
//!
//! A program that stood still, because it was frozen or its machine slept, stays connected if the
//! server waited for it: the client notices the gap, sends a ping, and ends the connection only if
//! nothing arrives within two seconds ([`CauseKind::Slept`]). The
//! session's clock has to go on meanwhile. On Linux and Android it includes the sleep of the machine
//! (`CLOCK_BOOTTIME`). On other systems it is the clock of [`Instant`](std::time::Instant), which
//! stops there while the machine sleeps on some: call [`Session::resume`] when it wakes, or the
//! client notices a dead connection only after the silence timeout.
//!
//! A phone that pauses the program for long calls [`Session::suspend`] before and [`Session::resume`]
//! after, so that others see the user leave and return. [`Session::network_changed`], from the
//! system's callback, moves to the new network at once instead of after a timeout.
//!
//! # Transports
//!
//! UDP (`udp://`), TCP (`tcp://`), WebSocket (`ws://`) and WebSocket over TLS (`wss://`), each over
//! IPv4 and IPv6. A connect over a transport that the program was built without fails at once with
//! the kind `Unsupported`, and its text names the feature to enable.
//!
//! The client checks a WebSocket server strictly and offers no compression. An idle connection
//! keeps about 1 KiB more over `ws://` than over TCP and 10 KiB more over `wss://`, and 21 KiB for
//! the trusted roots, which sessions share if they are built with clones of one [`SessionOptions`].
//! Buffers that grew for a long message are released once they are empty.
//!
//! | Cause | [`LinkErrorKind`] |
//! | --- | --- |
//! | The certificate is for another host, has expired, is not valid yet, or no trusted root signed it; the server speaks no TLS, or only TLS 1.1 and older; it refused the handshake | `Tls` |
//! | The response to the opening request is wrong: a status such as 404 or 301, a wrong key, another sub-protocol or none, no HTTP at all, an end (a reset is `Reset`) | `Handshake` |
//! | Later: a frame that breaks the protocol, a message that is too long or of the wrong kind, a broken TLS record | `Protocol` |
//! | A close frame with another code than 1000, or an end without one | `Reset` |
//!
//! `SessionOptions::tls` decides which servers `wss://` trusts. Nothing turns a secure connection
//! into an insecure one.
//!
//! # Your platform's WebSocket
//!
//! Where the platform has its own (a browser, a console, an engine), use [`chat_core`] without this
//! crate, or this crate with `default-features = false`, and write the loop around it. The client
//! only needs whole messages, so this is all of it. If the platform's queue has no limit, stop
//! taking messages from `transmit` while it is long: the client's requests then fail with
//! `QueueFull`.
//!
//! ```
//! use chat_std_io::chat_core::{
//!     ChatClient, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Timestamp, Wire,
//! };
//!
//! /// The interface of the platform, whatever its names are.
//! trait WebSocket: Sized {
//!     /// Messages are sent as text, or else as binary.
//!     fn open(url: &str, subprotocol: &str, text: bool) -> Self;
//!     fn send(&mut self, message: &[u8]);
//!     fn queued_bytes(&self) -> usize;
//!     fn next(&mut self) -> Option<Received>;
//!     fn close(self, code: u16);
//! }
//!
//! enum Received {
//!     Open,
//!     Message(Vec<u8>),
//!     Close { code: u16, reason: String },
//! }
//!
//! fn pass<W: WebSocket>(chat: &mut ChatClient, now: Timestamp, links: &mut Vec<(LinkId, W)>) {
//!     links.retain_mut(|(id, socket)| {
//!         while chat.wants_input(*id) && let Some(received) = socket.next() {
//!             let ended = !matches!(received, Received::Open | Received::Message(_));
//!             chat.handle_link(now, *id, match &received {
//!                 Received::Open => LinkInput::Opened { ipv6: false },
//!                 Received::Message(message) => LinkInput::Received(message),
//!                 Received::Close { code: 1000, .. } => LinkInput::Closed,
//!                 Received::Close { reason, .. } => {
//!                     LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, reason.as_str()))
//!                 }
//!             });
//!             if ended {
//!                 return false;
//!             }
//!         }
//!         true
//!     });
//!     chat.service(now);
//!     // Take the events here.
//!     for (id, socket) in &mut *links {
//!         while socket.queued_bytes() < 65_536 && let Some(message) = chat.transmit(now, *id) {
//!             socket.send(message);
//!             chat.transmitted(*id, 1); // The whole message.
//!         }
//!     }
//!     while let Some(command) = chat.poll_command() {
//!         match command {
//!             LinkCommand::Open {
//!                 link,
//!                 target,
//!                 wire: Wire::WebSocket { secure, protocol },
//!             } => {
//!                 let scheme = if secure { "wss" } else { "ws" };
//!                 let url = format!("{scheme}://{target}{}", target.path);
//!                 links.push((link, W::open(&url, protocol.name(), protocol.is_text())));
//!             }
//!             LinkCommand::Open { link, .. } => {
//!                 let text = "use an address that begins with wss://";
//!                 let error = LinkError::new(LinkErrorKind::Unsupported, text);
//!                 chat.handle_link(now, link, LinkInput::Failed(error));
//!             }
//!             LinkCommand::Close { link } => {
//!                 if let Some(index) = links.iter().position(|(id, _)| *id == link) {
//!                     links.swap_remove(index).1.close(1000);
//!                 }
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! # Features
//!
//! - `websocket` (default): `ws://`. tungstenite parses the response of its handshake.
//! - `tls` (default): `wss://`, with rustls and ring. Enables `websocket`.
//! - `serde`: [content of your own types](#content), events and kept state in any format.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
// Marks what needs a feature, on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

mod clock;
mod connect;
pub mod guide;
mod link_handle;
mod links;
#[cfg(any(unix, windows))]
mod open_socket;
mod options;
mod poller;
mod session;
mod stats;
mod transport;
mod waker;

pub use chat_core;
// Everything that an application handles, so that it needs one `use`. The driver side (links,
// commands, protocol values in detail) is in `chat_core`.
pub use chat_core::{
    AddressError, Addresses, Array, AuthData, AuthValues, Authenticated, BadMessage, CauseKind,
    Channel, ChannelOutcome, ChatClient, ChatConfig, ConnectOptions, Content, Dictionary,
    DisconnectCause, DisconnectReason, Encode, Encryption, ErrorInfo, Event, Hashtable, Kept,
    KeyExchangeFailure, Limits, LinkErrorKind, Listener, Message, MessageToken, Messages,
    OperationOptions, Origin, Outcome, OwnedContent, OwnedMessage, PeerErrorCode, PrivateMessage,
    PrivateOptions, PropertiesChange, PropertyOptions, Protocol, PublishOptions, Region,
    RegionsError, RequestError, RequestId, Restore, Scheme, Server, ServerAddress, ServerError,
    Serviced, State, Stats, StatusChange, StatusMessage, Step, SubscribeOptions, SubscriberChange,
    Text, Timestamp, UserStatus, Value, codes, dispatch,
};
#[cfg(feature = "serde")]
pub use chat_core::{FromValueError, from_value, to_value};
#[cfg(any(unix, windows))]
pub use open_socket::OpenSocket;
pub use options::SessionOptions;
#[cfg(feature = "tls")]
pub use rustls;
pub use session::{CloseOutcome, Session, SessionError};
pub use stats::IoStats;
#[cfg(feature = "tls")]
pub use transport::tls::{Tls, TlsError};
pub use transport::{MAX_READ_BYTES, MAX_READ_DATAGRAMS};
pub use waker::Waker;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
