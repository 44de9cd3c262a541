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
//! - Opening: one detached thread for each link, 64 in the process at most (more wait their turn), resolves the name and
//!   tries its addresses in the resolver's order, 5 s each. A link that is given up is forgotten; what its thread still
//!   brings is dropped.
//! - Reading: only while the client wants input, at most [`MAX_READ_BYTES`] of each link in one pass; what is left
//!   waits in the system and slows the server down. What arrived before an end is handed over before the end.
//! - Writing: what the system takes. The rest stays in the client, whose calls say `QueueFull` in the end.
//! - Closing: the end is announced, and the socket kept for up to a second until the server has ended its side too.
//!   A socket that is closed at once answers whatever is still under way to it with a reset, which on some systems
//!   makes the other side lose the last bytes that were sent.
//! - Errors of the system reach the application as events, in the cause of [`Event::Error`].
//!
//! Nothing is allocated by reading, writing or an idle pass. Time on the session's clock is the system's monotonic time;
//! on some systems that stands still while the machine sleeps.
//!
//! # Transports
//!
//! TCP (`tcp://`). Connecting over another fails at once with the kind `Unsupported`, and words that say what to use.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod links;
mod resolve;
mod session;
mod tcp;

pub use chat_core;
pub use chat_core::{
    AuthValues, ChatClient, ChatConfig, ConnectOptions, Event, Listener, Message, Messages, Outcome, PeerErrorCode,
    PrivateOptions, PublishOptions, RequestError, RequestId, Serviced, State, SubscribeOptions,
};
pub use links::MAX_READ_BYTES;
pub use session::{CloseOutcome, IoStats, Session, SessionError};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
