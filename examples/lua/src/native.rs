//! Methods behind `client.native`: what the client has and the page lacks. They show the client as
//! it is at this moment.

use crate::client::{Answer, Client, Refusal};
use crate::handle::{Handle, answer, text};
use crate::values::map_to_lua;
use chat_core::{
    Hashtable, OperationOptions, PropertyOptions, RequestError, SubscribeOptions, Value,
};
use chat_std_io::Session;
use mlua::{IntoLuaMulti, Lua, MultiValue, Table, UserDataMethods, Value as LuaValue};

pub(crate) fn add<M: UserDataMethods<Handle>>(methods: &mut M) {
    methods.add_method("native_reconnect", |lua, this, ()| {
        let result = this.with(Client::reconnect);
        answer(lua, result)
    });
    methods.add_method("native_suspend", |lua, this, ()| {
        on_session(lua, this, Session::suspend)
    });
    methods.add_method("native_resume", |lua, this, ()| {
        on_session(lua, this, Session::resume)
    });
    methods.add_method("native_network_changed", |lua, this, ()| {
        on_session(lua, this, Session::network_changed)
    });
    methods.add_method("native_simulate_loss", |_, this, ()| {
        this.with(|client| {
            if let Ok(session) = client.session() {
                session.simulate_connection_loss();
            }
        });
        Ok(())
    });
    methods.add_method("native_keep", keep);
    methods.add_method("native_subscribers", |lua, this, channel: mlua::String| {
        let channel = channel.to_str()?;
        let users: Vec<_> = this.with(|client| {
            let chat = client.session_ref().map(|session| &session.chat);
            let channel = chat.and_then(|chat| chat.channel(&channel));
            let users = channel.map(|channel| channel.subscribers().cloned().collect());
            users.unwrap_or_default()
        });
        lua.create_sequence_from(users.iter().map(|user| &**user))
    });
    methods.add_method(
        "native_properties",
        |lua, this, (channel, user): (mlua::String, Option<mlua::String>)| {
            let channel = channel.to_str()?;
            let user = user.as_ref().map(mlua::String::to_str).transpose()?;
            let pairs = this.with(|client| properties(client, &channel, user.as_deref()));
            pairs.map(|pairs| map_to_lua(lua, &pairs)).transpose()
        },
    );
    methods.add_method(
        "native_set_properties",
        |lua,
         this,
         (channel, user, changes, expected, web_forward): (
            mlua::String,
            Option<mlua::String>,
            LuaValue,
            LuaValue,
            bool,
        )| {
            let set = || {
                let channel = text("channelName", &channel)?;
                let user = user.as_ref().map(|user| text("userId", user)).transpose()?;
                let changes = named(this, "properties", &changes)?;
                let mut options = PropertyOptions::new().web_forward(web_forward);
                if expected != LuaValue::Nil {
                    options = options.expected(named(this, "options.expected", &expected)?.0);
                }
                this.with(|client| set_properties(client, &channel, user, &changes, &options))
            };
            answer(lua, set())
        },
    );
    methods.add_method(
        "native_subscribe",
        |lua,
         this,
         (channel, publish, most, history, last_id, or_plain): (
            mlua::String,
            bool,
            i32,
            Option<i32>,
            Option<i32>,
            bool,
        )| {
            let mut options = SubscribeOptions::new()
                .publish_subscribers(publish)
                .max_subscribers(most);
            if let Some(history) = history {
                options = options.history(history);
            }
            if let Some(last_id) = last_id {
                options = options.last_ids([last_id]);
            }
            if or_plain {
                options = options.or_plain();
            }
            let result = text("channelName", &channel)
                .and_then(|name| this.with(|client| client.subscribe(&[name], &options)));
            answer(lua, result)
        },
    );
    methods.add_method(
        "native_send_operation",
        |lua, this, (code, parameters, encrypt): (u8, Table, bool)| {
            let send = || {
                let parameters = coded(this, &parameters)?;
                let options = OperationOptions::new().encrypt(encrypt);
                this.with(|client| client.send_operation(code, &parameters, &options))
            };
            answer(lua, send())
        },
    );
    methods.add_method("native_statistics", |lua, this, ()| {
        crate::statistics::table(lua, this)
    });
}

fn on_session(
    lua: &Lua,
    handle: &Handle,
    call: impl FnOnce(&mut Session) -> Result<(), RequestError>,
) -> mlua::Result<MultiValue> {
    let result = handle.with(|client| Ok(call(client.session()?)?));
    answer(lua, result)
}

/// A text to store: what `options.native.kept` of the next run takes.
fn keep(lua: &Lua, handle: &Handle, (): ()) -> mlua::Result<MultiValue> {
    let kept = handle.with(|client| client.session_ref().map(|session| session.chat.keep()));
    match kept.as_ref().map(serde_json::to_string) {
        Some(Ok(text)) => text.into_lua_multi(lua),
        Some(Err(error)) => (LuaValue::Nil, error.to_string()).into_lua_multi(lua),
        None => LuaValue::Nil.into_lua_multi(lua),
    }
}

fn properties(client: &Client, channel: &str, user: Option<&str>) -> Option<Vec<(Value, Value)>> {
    let channel = client.session_ref()?.chat.channel(channel)?;
    let owned = |(key, value): (&Value, &Value)| (key.clone(), value.clone());
    Some(match user {
        Some(user) => channel.user_properties(user).map(owned).collect(),
        None => channel.properties().map(owned).collect(),
    })
}

/// Converts a table with names as keys.
fn named(handle: &Handle, name: &str, table: &LuaValue) -> Result<Hashtable, Refusal> {
    match handle.value(name, table)? {
        Value::Hashtable(named) => Ok(named),
        _ => {
            let why = format!("{name} must be a table with names as keys");
            Err(Refusal::Wrong(why))
        }
    }
}

fn set_properties(
    client: &mut Client,
    channel: &str,
    user: Option<String>,
    changes: &Hashtable,
    options: &PropertyOptions,
) -> Answer {
    let chat = &mut client.session()?.chat;
    match user {
        Some(user) => chat.set_user_properties(channel, &user, &changes.0, options)?,
        None => chat.set_channel_properties(channel, &changes.0, options)?,
    }
    Ok(())
}

/// Converts the parameters of an operation: values by their codes. The prelude checked the codes.
fn coded(handle: &Handle, parameters: &Table) -> Result<Vec<(u8, Value)>, Refusal> {
    let mut all = Vec::new();
    for pair in parameters.pairs::<u8, LuaValue>() {
        let (code, value) = pair.map_err(|error| Refusal::Wrong(error.to_string()))?;
        all.push((code, handle.value(&format!("parameters[{code}]"), &value)?));
    }
    // The order of a table is not known, and the same call must send the same bytes.
    all.sort_by_key(|(code, _)| *code);
    Ok(all)
}
