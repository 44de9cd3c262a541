//! A guide in nine chapters. Each begins with working code, and its examples are tests.
//!
//! | You have, or want | Chapter |
//! | --- | --- |
//! | nothing yet | [`first_client`] |
//! | a game that draws frames | [`game_loop`] |
//! | epoll, kqueue, mio, glib, a window's loop; or many clients | [`event_loop`] |
//! | threads that are taken | [`threads`] |
//! | tokio or another async runtime | [`asynchronous`] |
//! | tests of a game, without a server | [`testing`] |
//! | an error, or silence | [`troubleshooting`] |
//! | a program on the C#, JavaScript or Lua SDK | [`moving_over`] |
//! | an app id of the Photon cloud | [`cloud`] |
//!
//! The contract between client, driver and application is at the top of the [`chat_core`] docs.

#[doc = include_str!("first_client.md")]
pub mod first_client {}

#[doc = include_str!("game_loop.md")]
pub mod game_loop {}

#[doc = include_str!("event_loop.md")]
pub mod event_loop {}

#[doc = include_str!("threads.md")]
pub mod threads {}

#[doc = include_str!("asynchronous.md")]
pub mod asynchronous {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("moving_over.md")]
pub mod moving_over {}

#[doc = include_str!("cloud.md")]
pub mod cloud {}
