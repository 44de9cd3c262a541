//! The function behind `ChatClient.new`.

use crate::client::{Client, Refusal};
use crate::handle::{Handle, text};
use crate::messages::Builder;
use crate::time::LiveClients;
use chat_core::{Encryption, Kept, Restore};
use chat_std_io::ChatConfig;
use mlua::{FromLua, Function, IntoLuaMulti, Lua, Table, Value as LuaValue};
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
    match native {
        Some(native) => beyond_the_page(config, &native),
        None => Ok((config, false)),
    }
}

/// Reads `options.native`, whose types the prelude checked.
fn beyond_the_page(mut config: ChatConfig, native: &Table) -> Result<(ChatConfig, bool), Refusal> {
    let flag = |name: &str| of::<bool>(native, name);
    let seconds = |name: &str| -> Result<Option<Duration>, Refusal> {
        let number: Option<f64> = of(native, name)?;
        let time = number.map(Duration::try_from_secs_f64).transpose();
        time.map_err(|error| Refusal::Wrong(format!("options.native.{name}: {error}")))
    };
    if flag("confirmMessages")? == Some(true) {
        config = config.confirm_messages(true);
    }
    if let Some(timeout) = seconds("silenceTimeout")? {
        config = config.silence_timeout(timeout);
    }
    if let Some(kept) = of::<mlua::String>(native, "kept")? {
        let kept: Kept = serde_json::from_slice(&kept.as_bytes()).map_err(|error| {
            let why = format!("options.native.kept is not what native:keep returned: {error}");
            Refusal::Wrong(why)
        })?;
        config = config.user_id(kept.user_id().clone()).resume(kept);
    }
    if flag("restore")? != Some(true) {
        return Ok((config, false));
    }
    let mut restore = Restore::new();
    if let Some(time) = seconds("waitingTime")? {
        restore = restore.waiting_time(time);
    }
    if let Some(channels) = of(native, "channelsAtATime")? {
        restore = restore.channels_at_a_time(channels);
    }
    if let Some(attempts) = of(native, "attempts")? {
        restore = restore.attempts(attempts);
    }
    if let Some(bytes) = of(native, "queueBytes")? {
        restore = restore.queue_cap_bytes(bytes);
    }
    if let Some(ask) = flag("askForCredentials")? {
        restore = restore.ask_for_credentials(ask);
    }
    if let Some(status) = flag("restoreStatus")? {
        restore = restore.restore_status(status);
    }
    Ok((config.restore(restore), true))
}

fn of<T: FromLua>(native: &Table, name: &str) -> Result<Option<T>, Refusal> {
    let value = native.raw_get(name);
    value.map_err(|error| Refusal::Wrong(format!("options.native.{name}: {error}")))
}
