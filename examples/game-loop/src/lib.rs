//! A small game with a chat: the reference for a frame loop over [`chat_std_io::Session`].
//!
//! ```text
//!   keys ──> Input ──> model::Game ──> Intent ──> Chat ──> Session         one service() call per frame
//!   Session ──> Event ──> Chat ──> model::Game ──> the view of the program
//! ```
//!
//! [`model`] is the game without graphics, sockets or clock: movement, speech bubbles, tabs, and what an
//! event does to them. [`Chat`] is all that a game needs to write for the chat. [`Host`] is the embedded
//! development server with the switches that disturb the line, [`bot`] the second player. The program
//! adds a window.
//!
//! Two channels: people talk in [`MEADOW`], and positions travel in [`STEPS`], as messages of
//! [`Step`](model::Step): ten a second from a player who walks, none from one who stands. As messages,
//! and not as properties of the user, because a player who was cut off then gets the steps that were
//! missed, and the game shows the way that the others took meanwhile. The star is a property of that
//! channel: of two players who touch it at the same time, the server gives it to one.
//!
//! Ten messages a second are fine on a server of your own. The Photon cloud counts messages: for a game
//! with many players use one of Photon's real-time products for positions, and Chat for what people
//! write.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod bot;
mod chat;
mod host;
pub mod model;
mod pace;

pub use chat::Chat;
pub use host::Host;
pub use pace::Pace;

/// The channel in which people talk.
pub const MEADOW: &str = "meadow";
/// The channel in which positions travel.
pub const STEPS: &str = "steps";
