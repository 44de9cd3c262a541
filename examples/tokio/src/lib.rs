//! [`AsyncSession`]: a Photon Chat client for tokio.
//!
//! A driver of [`chat_core`], the sans-IO client, over tokio's sockets: UDP, TCP, and WebSocket by
//! tokio-tungstenite. Copy it, or depend on it by path.
//!
//! ```no_run
//! use chat_core::{ChatConfig, Event, PublishOptions, Restore, SubscribeOptions};
//! use photon_tokio::AsyncSession;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ChatConfig::new("udp://127.0.0.1:5058", "app", "1.0").restore(Restore::new());
//! let mut session = AsyncSession::new(config.user_id("alice"))?;
//! session.call(|chat| chat.connect_to_region_front_end("eu"))?;
//! session.call(|chat| chat.subscribe(["lobby"], &SubscribeOptions::new()))?;
//! loop {
//!     match session.next_event().await {
//!         Event::Restored { .. } => {
//!             session.call(|chat| chat.publish_message("lobby", "hello", &PublishOptions::new()))?;
//!         }
//!         Event::ChatMessages { messages, .. } => println!("{messages:?}"),
//!         Event::ReconnectGaveUp { cause } => return Err(cause.to_string().into()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! # How it works
//!
//! ```text
//!   your tasks                          one task of the session (driver.rs)
//!     call ── lock, make the call, wake ──>  receive ──> service ──> send ──> open, close
//!     next_event <── lock, take an event ──     │ each link: transport.rs
//!                                               v
//!                                            sockets, timer
//! ```
//!
//! The client is in a mutex that is locked for the length of one call or one pass, never across an
//! `await`. The driver polls all sockets, one timer, and nothing else: an idle session wakes up for
//! pings only. It runs in a task of its own, so that a handler of yours that takes a minute loses no
//! connection. Events wait in the client, within [`ChatConfig::event_cap_bytes`]; beyond that the
//! client reads no more, and the server slows down.
//!
//! [`ChatConfig::event_cap_bytes`]: chat_core::ChatConfig::event_cap_bytes
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![deny(missing_docs)]

mod driver;
mod error;
mod session;
mod transport;

pub use chat_core;
pub use rustls;
pub use session::{AsyncSession, ChatHandle, NoSeed};
