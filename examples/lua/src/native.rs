//! Methods behind `client.native`: what the client has and the page lacks. They show the client as
//! it is at this moment.

use crate::client::{Answer, Refusal};
use crate::handle::{Handle, answer, text, to_photon};
use crate::values::map_to_lua;
use chat_core::{Limits, PropertyOptions, Value};
use mlua::{Table, UserDataMethods, Value as LuaValue};

pub(crate) fn add<M: UserDataMethods<Handle>>(methods: &mut M) {
    methods.add_method("native_reconnect", |lua, this, ()| {
        answer(lua, this.client.borrow_mut().reconnect())
    });
    methods.add_method("native_suspend", |lua, this, ()| {
        let mut client = this.client.borrow_mut();
        answer(
            lua,
            client.session().and_then(|session| Ok(session.suspend()?)),
        )
    });
    methods.add_method("native_resume", |lua, this, ()| {
        let mut client = this.client.borrow_mut();
        answer(
            lua,
            client.session().and_then(|session| Ok(session.resume()?)),
        )
    });
    methods.add_method("native_network_changed", |lua, this, ()| {
        let mut client = this.client.borrow_mut();
        answer(
            lua,
            client
                .session()
                .and_then(|session| Ok(session.network_changed()?)),
        )
    });
    methods.add_method("native_simulate_loss", |_, this, ()| {
        if let Ok(session) = this.client.borrow_mut().session() {
            session.simulate_connection_loss();
        }
        Ok(())
    });
    methods.add_method("native_statistics", |lua, this, ()| {
        let table = lua.create_table()?;
        let client = this.client.borrow();
        if let Some(session) = client.session_ref() {
            let stats = session.chat.stats();
            let count = |number: u64| number as f64;
            table.raw_set("receivedMessages", count(stats.received_messages))?;
            table.raw_set("badMessages", count(stats.bad_messages))?;
            table.raw_set("gaps", count(stats.gaps))?;
            table.raw_set("missingMessages", count(stats.missing_messages))?;
            table.raw_set("reconnectAttempts", count(stats.reconnect_attempts))?;
            table.raw_set("restores", count(stats.restores))?;
            table.raw_set("unsentMessages", count(stats.unsent_messages))?;
            table.raw_set("bufferedBytes", stats.buffered_bytes)?;
            table.raw_set("queuedBytes", stats.queued_bytes)?;
            table.raw_set("cachedBytes", stats.cached_bytes)?;
            let round_trip = stats.round_trip.map(|time| time.as_secs_f64());
            table.raw_set("roundTrip", round_trip)?;
            table.raw_set("serverTime", session.chat.server_time())?;
        }
        Ok(table)
    });
    methods.add_method("native_subscribers", |lua, this, channel: mlua::String| {
        let names = lua.create_table()?;
        let client = this.client.borrow();
        let channel = channel.to_str()?;
        if let Some(channel) = client
            .session_ref()
            .and_then(|one| one.chat.channel(&channel))
        {
            for (index, user) in channel.subscribers().enumerate() {
                names.raw_set(index + 1, &**user)?;
            }
        }
        Ok(names)
    });
    methods.add_method(
        "native_properties",
        |lua, this, (channel, user): (mlua::String, Option<mlua::String>)| {
            let client = this.client.borrow();
            let channel = channel.to_str()?;
            let chat = client.session_ref().map(|session| &session.chat);
            let Some(channel) = chat.and_then(|chat| chat.channel(&channel)) else {
                return Ok(None);
            };
            let owned = |(key, value): (&Value, &Value)| (key.clone(), value.clone());
            let pairs: Vec<_> = match user {
                Some(user) => channel
                    .user_properties(&user.to_str()?)
                    .map(owned)
                    .collect(),
                None => channel.properties().map(owned).collect(),
            };
            Ok(Some(map_to_lua(lua, &pairs)?))
        },
    );
    methods.add_method(
        "native_set_properties",
        |lua, this, (channel, user, changes): (mlua::String, Option<mlua::String>, Table)| {
            answer(lua, set_properties(this, &channel, user.as_ref(), changes))
        },
    );
    methods.add_method(
        "native_subscribe",
        |lua, this, (channel, publish, most): (mlua::String, bool, i32)| {
            let mut client = this.client.borrow_mut();
            let name = text("channelName", &channel);
            let options = chat_core::SubscribeOptions::new();
            let options = options.publish_subscribers(publish).max_subscribers(most);
            answer(
                lua,
                name.and_then(|name| client.subscribe(&[name], &options)),
            )
        },
    );
}

fn set_properties(
    handle: &Handle,
    channel: &mlua::String,
    user: Option<&mlua::String>,
    changes: Table,
) -> Answer {
    let channel = text("channelName", channel)?;
    let user = user.map(|user| text("userId", user)).transpose()?;
    let changes = to_photon("properties", &LuaValue::Table(changes), &Limits::DEFAULT)?;
    let Value::Hashtable(changes) = changes else {
        let why = "properties must be a table with names as keys";
        return Err(Refusal::Wrong(why.into()));
    };
    let mut client = handle.client.borrow_mut();
    let chat = &mut client.session()?.chat;
    let options = PropertyOptions::new();
    match user {
        Some(user) => chat.set_user_properties(&channel, &user, &changes.0, &options)?,
        None => chat.set_channel_properties(&channel, &changes.0, &options)?,
    }
    Ok(())
}
