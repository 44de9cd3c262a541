//! The documented Photon Chat API in Lua, for engines that embed Lua through `mlua`.
//!
//! [`register`] makes the modules available to `require`: `photon`, `photon.chat.ChatClient` and so
//! on. It changes nothing else. The program `photon-lua` runs scripts with it; the page
//! `docs/photon-chat-from-lua.md` describes both.
//!
//! ```
//! let lua = mlua::Lua::new();
//! photon_lua::register(&lua)?;
//! lua.load(
//!     r#"
//!     local ChatClient = require("photon.chat.ChatClient")
//!     client = ChatClient.new("udp://127.0.0.1:5058", "app", "1.0")
//!     function client:onStateChange(state)
//!         print(ChatClient.StateToName(state))
//!     end
//!     "#,
//! )
//! .exec()?;
//! // Once per frame:
//! lua.load("client:service()").exec()?;
//! // Before the engine ends:
//! photon_lua::disconnect_all(&lua, std::time::Duration::from_secs(1));
//! # Ok::<(), mlua::Error>(())
//! ```
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![deny(missing_docs)]

mod channel;
mod client;
mod events;
mod factory;
mod forced;
mod handle;
mod messages;
mod methods;
mod native;
mod statistics;
mod time;
mod values;
mod view;

pub use time::disconnect_all;

use mlua::{Function, Lua, Table};

/// The files of the prelude, in the order in which they need each other. Each is a function of the
/// table of what Rust provides, and of the modules so far, by name.
const PRELUDE: [(&str, &str); 12] = [
    ("photon.common.Logger", include_str!("lua/logger.lua")),
    (
        "photon.common.util.tableutil",
        include_str!("lua/tableutil.lua"),
    ),
    ("photon.chat.constants", include_str!("lua/constants.lua")),
    ("photon.chat.Message", include_str!("lua/message.lua")),
    ("photon.chat.Channel", include_str!("lua/channel.lua")),
    ("photon.channels", include_str!("lua/channels.lua")),
    ("photon.dispatch", include_str!("lua/dispatch.lua")),
    ("photon.arguments", include_str!("lua/arguments.lua")),
    ("photon.native", include_str!("lua/native.lua")),
    (
        "photon.chat.ChatClient",
        include_str!("lua/chat_client.lua"),
    ),
    ("photon", include_str!("lua/photon.lua")),
    ("socket", include_str!("lua/socket.lua")),
];

/// The parts of the prelude that are no modules for scripts.
const INTERNAL: [&str; 4] = [
    "photon.channels",
    DISPATCH,
    "photon.arguments",
    "photon.native",
];

/// The part that runs callbacks.
const DISPATCH: &str = "photon.dispatch";

/// Makes the modules of the documented API available to `require` in this Lua state.
///
/// A `socket` module that is already loaded or preloaded stays.
///
/// # Errors
///
/// Those of Lua: it has no memory left, or no `package` library.
pub fn register(lua: &Lua) -> mlua::Result<()> {
    let rust = lua.create_table()?;
    factory::add(lua, &rust)?;
    forced::add(lua, &rust)?;
    time::add(lua, &rust)?;
    let modules = lua.create_table()?;
    for (name, source) in PRELUDE {
        let chunk = lua.load(source).set_name(format!("={name}"));
        let module: Table = chunk.call((&rust, &modules))?;
        modules.raw_set(name, module)?;
    }
    // The name under which the plugin of the game engine loads.
    modules.raw_set("plugin.photon", modules.raw_get::<Table>("photon")?)?;
    let package: Table = lua.globals().get("package")?;
    let preload: Table = package.get("preload")?;
    let loaded: Table = package.get("loaded")?;
    for name in PRELUDE
        .iter()
        .map(|(name, _)| *name)
        .chain(["plugin.photon"])
    {
        let is_present = loaded.contains_key(name)? || preload.contains_key(name)?;
        if INTERNAL.contains(&name) || (name == "socket" && is_present) {
            continue;
        }
        let module: Table = modules.raw_get(name)?;
        let loader = lua.create_function(move |_, ()| Ok(module.clone()))?;
        preload.set(name, loader)?;
    }
    let internal: Table = modules.raw_get(DISPATCH)?;
    lua.set_named_registry_value(REGISTRY, internal)
}

/// The name under which the registry holds the table of [`DISPATCH`].
const REGISTRY: &str = "photon_lua";

/// Returns the function that runs another one, and gives the errors that it raises in callbacks
/// their own tracebacks: `run(function, ...)` returns true, or false, the error and the traceback.
///
/// # Errors
///
/// [`register`] was not called.
pub fn runner(lua: &Lua) -> mlua::Result<Function> {
    let internal: Table = lua.named_registry_value(REGISTRY)?;
    internal.get("run_program")
}

/// Returns the function that returns the traceback of an error that was raised in a callback, or
/// nil: the error of another place.
///
/// # Errors
///
/// [`register`] was not called.
pub fn traceback_of(lua: &Lua) -> mlua::Result<Function> {
    let internal: Table = lua.named_registry_value(REGISTRY)?;
    internal.get("traceback_of")
}
