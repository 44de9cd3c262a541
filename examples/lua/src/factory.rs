//! The function behind `ChatClient.new`.

use crate::client::{Client, Refusal};
use crate::handle::{Handle, text};
use crate::messages::Builder;
use crate::time::LiveClients;
use chat_core::{Encryption, Restore};
use chat_std_io::ChatConfig;
use mlua::{Function, IntoLuaMulti, Lua, Table, Value as LuaValue};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub(crate) fn add(lua: &Lua, rust: &Table) -> mlua::Result<()> {
    rust.raw_set(
        "new_client",
        lua.create_function(
            |lua, (options, append): (Table, Function)| match config(&options) {
                Ok((config, restores)) => match Client::new(config, restores) {
                    Ok(client) => {
                        let client = Rc::new(RefCell::new(client));
                        LiveClients::add(lua, &client);
                        Handle::new(client, Builder { append }).into_lua_multi(lua)
                    }
                    Err(error) => (LuaValue::Nil, error.to_string()).into_lua_multi(lua),
                },
                Err(Refusal::Wrong(why) | Refusal::Refused(why)) => {
                    (LuaValue::Nil, why).into_lua_multi(lua)
                }
            },
        )?,
    )
}

/// Reads the table that the prelude made.
fn config(options: &Table) -> Result<(ChatConfig, bool), Refusal> {
    let wrong = |error: mlua::Error| Refusal::Wrong(error.to_string());
    let string = |name: &str| -> Result<String, Refusal> {
        text(name, &options.raw_get::<mlua::String>(name).map_err(wrong)?)
    };
    let addresses: Vec<mlua::String> = options.raw_get("serverAddress").map_err(wrong)?;
    let addresses = addresses.iter().map(|one| text("serverAddress", one));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let mut config = ChatConfig::new(addresses, string("appId")?, string("appVersion")?);
    if options.raw_get("encryptionOff").map_err(wrong)? {
        config = config.encryption(Encryption::Off);
    }
    config = config.crc(options.raw_get("crc").map_err(wrong)?);
    let native: Option<Table> = options.raw_get("native").map_err(wrong)?;
    let Some(native) = native else {
        return Ok((config, false));
    };
    if native.get("confirmMessages").map_err(wrong)? {
        config = config.confirm_messages(true);
    }
    if let Some(seconds) = native.get::<Option<f64>>("silenceTimeout").map_err(wrong)?
        && let Ok(timeout) = Duration::try_from_secs_f64(seconds)
    {
        config = config.silence_timeout(timeout);
    }
    let restores: bool = native.get("restore").map_err(wrong)?;
    if restores {
        let mut restore = Restore::new();
        if let Some(bytes) = native.get::<Option<usize>>("queueBytes").map_err(wrong)? {
            restore = restore.queue_cap_bytes(bytes);
        }
        if let Some(attempts) = native.get::<Option<u32>>("attempts").map_err(wrong)? {
            restore = restore.attempts(attempts);
        }
        config = config.restore(restore);
    }
    Ok((config, restores))
}
