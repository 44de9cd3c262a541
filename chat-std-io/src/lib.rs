//! A Photon Chat client with sockets: [`chat_core`] driven over `std::net`, for game loops and for plain programs.
//!
//! A [`Session`] owns a [`ChatClient`], its connections and its clock. There are two ways to use it.
//!
//! # In a game loop
//!
//! Once a frame, [`Session::service`] and then all events. Neither blocks: names are resolved and connections opened on a
//! thread of their own, sockets are read and written as far as the system goes along.
//!
//! ```no_run
//! use chat_std_io::{ChatConfig, Event, PublishOptions, Session, State, SubscribeOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut session = Session::new(ChatConfig::new("tcp://ns.photonengine.io:4533", "YOUR-APP-ID", "1.0"))?;
//!     session.chat.connect_to_region_front_end("eu")?;
//!     loop {
//!         session.service();
//!         while let Some(event) = session.poll_event() {
//!             match event {
//!                 Event::StateChanged { to: State::ConnectedToFrontEnd, .. } => {
//!                     session.chat.subscribe(["lobby"], &SubscribeOptions::new())?;
//!                     session.chat.publish_message("lobby", "hello", &PublishOptions::new())?;
//!                 }
//!                 Event::ChatMessages { channel, messages } => println!("{channel}: {messages:?}"),
//!                 Event::Error { message, .. } => return Err(message.to_string().into()),
//!                 _ => {}
//!             }
//!         }
//!         // Update the game and draw it.
//!     }
//! }
//! ```
//!
//! An answer given to an event leaves in the same frame: the `poll_event` that finds no further event sends it. Those
//! who prefer callbacks implement [`Listener`] and call [`Session::dispatch`] instead of the inner loop.
//!
//! # In a program without a loop of its own
//!
//! Replace `service()` with [`session.wait(timeout)`](Session::wait): it sleeps in the kernel until there is input,
//! something to do by time, or the timeout is over, services once and returns. An idle connection wakes up for a
//! ping and for its answer, every few seconds ([`Session::io_stats`] counts).
//!
//! Whoever does neither for ten seconds is dropped by the server. A program that ends calls [`Session::close`], so that
//! its last message arrives.
//!
//! # What happens where
//!
//! This crate knows sockets and nothing of chat; everything a client can do, and the contract that it keeps, is
//! in [`chat_core`]. A link is one connection to one server.
//!
//! - Opening: one detached thread for each link, 64 in the process at most (more wait their turn), resolves the name. For
//!   TCP and WebSocket it then tries the addresses in the resolver's order, 5 s each; for UDP it takes the first, IPv4
//!   before IPv6. A link that is given up is forgotten; what its thread still brings is dropped. An IP address over UDP
//!   needs no thread and is open at once. The handshakes of TLS and WebSocket are no matter of that thread: they go on in
//!   each pass, without blocking.
//! - Reading: at most [`MAX_READ_BYTES`] or [`MAX_READ_DATAGRAMS`] of each link in one pass. A stream is read only while
//!   the client wants input: what is left waits in the system and slows the server down, and what arrived before an
//!   end is handed over before the end. Datagrams are always received, and only those from the server's address; the
//!   client leaves unacknowledged what it has no room for.
//! - Writing: what the system takes. The rest stays in the client, whose calls say `QueueFull` in the end; over WebSocket
//!   that of one message, or a few short ones, stays in the link. A datagram
//!   that the system will not send at all is lost like any other that gets lost on its way, and the client sends again
//!   what was in it; the same if nobody listens yet. [`IoStats`] counts these.
//! - Closing: over TCP the end is announced, and the socket kept for up to a second until the server has ended its side
//!   too. A socket that is closed at once answers whatever is still under way to it with a reset, which on some systems
//!   makes the other side lose the last bytes that were sent. Over WebSocket the end is a close frame with code 1000, and
//!   the answer to it is awaited as long. Over UDP the client takes leave before it has the link closed.
//! - Errors of the system reach the application as events, in the cause of [`Event::Error`].
//!
//! Nothing is allocated by reading, writing or an idle pass, except that WebSocket copies each message. Time on the
//! session's clock is the system's monotonic time; on some systems that stands still while the machine sleeps.
//!
//! # Transports
//!
//! UDP (`udp://`), TCP (`tcp://`), WebSocket (`ws://`) and WebSocket over TLS (`wss://`), each over IPv4 and IPv6.
//! Connecting over one that is left out fails at once with the kind `Unsupported`, and words that say what to enable.
//!
//! What a WebSocket server says is checked to the letter, and no compression is offered. An idle connection keeps about
//! 5 KiB over `ws://` and 14 KiB over `wss://`, beside 21 KiB for whom to trust, which sessions share that are built
//! with clones of one [`SessionOptions`]. Buffers that had to grow for a long message stay: up to twice the longest
//! message that came, and once the longest that was sent.
//!
//! | what went wrong | [`LinkErrorKind`](chat_core::LinkErrorKind) |
//! | --- | --- |
//! | the certificate is for another host, has expired, is not valid yet, or not signed by someone trusted; the server speaks no TLS, or only TLS 1.1 and older; it refused | `Tls` |
//! | another answer than the right one to the request: a status such as 404 or 301, a wrong key, another sub-protocol or none, no HTTP at all, an end (a reset is `Reset`) | `Handshake` |
//! | afterwards, a frame against the rules, a message that is too long or of the wrong kind, a broken TLS record | `Protocol` |
//! | a close frame with another code than 1000, or an end without one | `Reset` |
//!
//! Whom `wss://` trusts is for `SessionOptions::tls` to say; there is no way from it to an insecure connection.
//!
//! # A WebSocket of your own
//!
//! Where the platform brings one (a browser, a console, an engine), use [`chat_core`] without this crate, or this crate
//! with `default-features = false`, and write the loop around it. The client only sees whole messages, so that there is
//! nothing else to it than this. If the platform queues without end, stop taking messages from `transmit` while it has
//! much to send: the client's calls then say `QueueFull`.
//!
//! ```
//! use chat_std_io::chat_core::{ChatClient, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Timestamp, Wire};
//!
//! /// What platforms have, by whatever names.
//! trait WebSocket: Sized {
//!     /// What is sent is text, or else binary.
//!     fn open(url: &str, subprotocol: &str, text: bool) -> Self;
//!     fn send(&mut self, message: &[u8]);
//!     fn queued_bytes(&self) -> usize;
//!     fn next(&mut self) -> Option<Heard>;
//!     fn close(self, code: u16);
//! }
//!
//! enum Heard {
//!     Open,
//!     Message(Vec<u8>),
//!     Close { code: u16, reason: String },
//! }
//!
//! fn turn<W: WebSocket>(chat: &mut ChatClient, now: Timestamp, links: &mut Vec<(LinkId, W)>) {
//!     links.retain_mut(|(id, socket)| {
//!         while chat.wants_input(*id) && let Some(heard) = socket.next() {
//!             let gone = !matches!(heard, Heard::Open | Heard::Message(_));
//!             chat.handle_link(now, *id, match &heard {
//!                 Heard::Open => LinkInput::Opened { ipv6: false },
//!                 Heard::Message(message) => LinkInput::Received(message),
//!                 Heard::Close { code: 1000, .. } => LinkInput::Closed,
//!                 Heard::Close { reason, .. } => {
//!                     LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, reason.as_str()))
//!                 }
//!             });
//!             if gone {
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
//!             LinkCommand::Open { link, target, wire: Wire::WebSocket { secure, text, subprotocol } } => {
//!                 let scheme = if secure { "wss" } else { "ws" };
//!                 let url = format!("{scheme}://{target}{}", target.path);
//!                 links.push((link, W::open(&url, subprotocol, text)));
//!             }
//!             LinkCommand::Open { link, .. } => {
//!                 let error = LinkError::new(LinkErrorKind::Unsupported, "use an address that begins with wss://");
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
//! - `websocket` (default): `ws://`, with tungstenite.
//! - `tls` (default): `wss://`, with rustls and ring. Brings `websocket`.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod client;
mod clock;
#[cfg(feature = "websocket")]
mod line;
mod links;
mod options;
mod resolve;
mod session;
mod sleep;
mod socket;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod udp;
#[cfg(feature = "websocket")]
mod websocket;

pub use chat_core;
pub use chat_core::{
    AuthValues, ChatClient, ChatConfig, ConnectOptions, Event, Listener, Message, Messages,
    Outcome, PeerErrorCode, PrivateOptions, PublishOptions, RequestError, RequestId, Serviced,
    State, SubscribeOptions,
};
pub use options::SessionOptions;
#[cfg(feature = "tls")]
pub use rustls;
pub use session::{CloseOutcome, IoStats, Session, SessionError};
pub use socket::{MAX_READ_BYTES, MAX_READ_DATAGRAMS};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
