//! [`PhotonChatPlugin`]: a Photon Chat session as a resource of a Bevy app.
//!
//! ```no_run
//! use bevy_app::prelude::*;
//! use bevy_ecs::prelude::*;
//! use photon_bevy::chat_std_io::{ChatConfig, Event, PublishOptions, Restore, SubscribeOptions};
//! use photon_bevy::{Chat, ChatEvent, PhotonChatPlugin};
//!
//! fn main() {
//!     let config = ChatConfig::new("udp://127.0.0.1:5058", "app", "1.0")
//!         .user_id("alice")
//!         .restore(Restore::new());
//!     App::new()
//!         .add_plugins(PhotonChatPlugin::new(config)) // Beside DefaultPlugins.
//!         .add_systems(Startup, join)
//!         .add_systems(Update, show)
//!         .run();
//! }
//!
//! fn join(mut chat: ResMut<Chat>) -> Result {
//!     chat.connect_to_region_front_end("eu")?;
//!     chat.subscribe(["lobby"], &SubscribeOptions::new())?;
//!     Ok(())
//! }
//!
//! fn show(mut events: MessageReader<ChatEvent>, mut chat: ResMut<Chat>) -> Result {
//!     for ChatEvent(event) in events.read() {
//!         match event {
//!             Event::Restored { .. } => {
//!                 chat.publish_message("lobby", "hello", &PublishOptions::new())?;
//!             }
//!             Event::ChatMessages { messages, .. } => println!("{messages:?}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # A frame
//!
//! ```text
//!   PreUpdate   ChatSystems::Receive   read the sockets, write what happened as ChatEvent
//!   Update      your systems           read ChatEvent, make calls of Chat
//!   PostUpdate  ChatSystems::Send      send what the calls made, in the same frame
//!   Last        ChatSystems::Leave     disconnect when the app exits
//! ```
//!
//! None of them blocks, except that the last one waits for a moment until the last messages have left.
//! Order systems of your own in these schedules with `.after(ChatSystems::Receive)` or
//! `.before(ChatSystems::Send)`.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![deny(missing_docs)]

use bevy_app::{App, AppExit, Last, Plugin, PostUpdate, PreUpdate};
use bevy_ecs::prelude::*;
pub use chat_std_io;
use chat_std_io::{ChatClient, ChatConfig, Event, Session, SessionOptions};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// The time that an app which exits waits at most until its last messages have left.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Adds the resource [`Chat`], the message [`ChatEvent`], and the systems of [`ChatSystems`].
pub struct PhotonChatPlugin {
    config: ChatConfig,
    options: SessionOptions,
}

impl PhotonChatPlugin {
    /// A session with this configuration. It connects when a system of yours asks it to.
    #[must_use]
    pub fn new(config: ChatConfig) -> Self {
        Self::with_options(config, SessionOptions::new())
    }

    /// The same with options of the driver, such as other roots of trust for `wss://`.
    #[must_use]
    pub const fn with_options(config: ChatConfig, options: SessionOptions) -> Self {
        Self { config, options }
    }
}

/// The chat, for systems as `ResMut<Chat>`. It dereferences to the [`ChatClient`], which has all calls.
/// Removing it with [`Commands::remove_resource`] ends the connection at once.
#[derive(Resource)]
pub struct Chat {
    /// The session, for what the client alone cannot do: suspend, resume, statistics of sockets. The
    /// plugin calls its `service` and takes its events.
    pub session: Session,
}

/// Something that happened in the chat. Every system that reads it gets each event once.
#[derive(Message, Clone, Debug)]
pub struct ChatEvent(pub Event);

/// The systems of the plugin.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChatSystems {
    /// In `PreUpdate`: reads the sockets and writes the events as [`ChatEvent`].
    Receive,
    /// In `PostUpdate`: sends what the calls of this frame made.
    Send,
    /// In `Last`: disconnects if the app exits in this frame.
    Leave,
}

impl Plugin for PhotonChatPlugin {
    /// # Panics
    /// If the operating system returns no random numbers: without them, encryption would protect
    /// nothing.
    fn build(&self, app: &mut App) {
        let session = Session::with_options(self.config.clone(), self.options.clone());
        let session = session.unwrap_or_else(|error| panic!("photon chat: {error}"));
        app.insert_resource(Chat { session })
            .add_message::<ChatEvent>()
            .add_systems(PreUpdate, receive.in_set(ChatSystems::Receive))
            .add_systems(PostUpdate, send.in_set(ChatSystems::Send))
            .add_systems(Last, leave.in_set(ChatSystems::Leave));
    }
}

impl Deref for Chat {
    type Target = ChatClient;

    fn deref(&self) -> &ChatClient {
        &self.session.chat
    }
}

impl DerefMut for Chat {
    fn deref_mut(&mut self) -> &mut ChatClient {
        &mut self.session.chat
    }
}

fn receive(chat: Option<ResMut<Chat>>, mut events: MessageWriter<ChatEvent>) {
    // The app may have removed it.
    let Some(mut chat) = chat else { return };
    chat.session.service();
    while let Some(event) = chat.session.poll_event() {
        events.write(ChatEvent(event));
    }
}

fn send(chat: Option<ResMut<Chat>>) {
    if let Some(mut chat) = chat {
        chat.session.flush();
    }
}

fn leave(world: &mut World) {
    let is_exiting = world
        .get_resource::<Messages<AppExit>>()
        .is_some_and(|exits| !exits.is_empty());
    if is_exiting && let Some(chat) = world.remove_resource::<Chat>() {
        // The app is over: there is nobody to report lost messages to.
        let _outcome = chat.session.close(CLOSE_TIMEOUT);
    }
}
