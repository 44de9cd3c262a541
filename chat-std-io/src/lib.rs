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
//!   TCP it then tries the addresses in the resolver's order, 5 s each; for UDP it takes the first, IPv4 before IPv6. A
//!   link that is given up is forgotten; what its thread still brings is dropped. An IP address over UDP needs no
//!   thread and is open at once.
//! - Reading: at most [`MAX_READ_BYTES`] or [`MAX_READ_DATAGRAMS`] of each link in one pass. A stream is read only while
//!   the client wants input: what is left waits in the system and slows the server down, and what arrived before an
//!   end is handed over before the end. Datagrams are always received, and only those from the server's address; the
//!   client leaves unacknowledged what it has no room for.
//! - Writing: what the system takes. The rest stays in the client, whose calls say `QueueFull` in the end. A datagram
//!   that the system will not send at all is lost like any other that gets lost on its way, and the client sends again
//!   what was in it; the same if nobody listens yet. [`IoStats`] counts these.
//! - Closing: over TCP the end is announced, and the socket kept for up to a second until the server has ended its side
//!   too. A socket that is closed at once answers whatever is still under way to it with a reset, which on some systems
//!   makes the other side lose the last bytes that were sent. Over UDP the client takes leave before it has the link
//!   closed.
//! - Errors of the system reach the application as events, in the cause of [`Event::Error`].
//!
//! Nothing is allocated by reading, writing or an idle pass. Time on the session's clock is the system's monotonic time;
//! on some systems that stands still while the machine sleeps.
//!
//! # Transports
//!
//! UDP (`udp://`) and TCP (`tcp://`), each over IPv4 and IPv6. Connecting over another fails at once with the kind
//! `Unsupported`, and words that say what to use.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod links;
mod resolve;
mod session;
mod sleep;
mod socket;
mod tcp;
mod udp;

pub use chat_core;
pub use chat_core::{
    AuthValues, ChatClient, ChatConfig, ConnectOptions, Event, Listener, Message, Messages, Outcome, PeerErrorCode,
    PrivateOptions, PublishOptions, RequestError, RequestId, Serviced, State, SubscribeOptions,
};
pub use session::{CloseOutcome, IoStats, Session, SessionError};
pub use socket::{MAX_READ_BYTES, MAX_READ_DATAGRAMS};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
