//! Events as the prelude takes them: the name of the callback, then its arguments.

use crate::channel::{MESSAGES_AT_A_TIME, Part, push_message};
use crate::client::Step;
use crate::handle::Handle;
use crate::values::{content_to_lua, map_to_lua, to_lua};
use chat_core::codes::parameter;
use chat_core::{ChannelOutcome, Event, Outcome, Region, RegionsError, StatusChange, Value};
use mlua::{IntoLua, IntoLuaMulti, Lua, MultiValue, Table, Value as LuaValue, Variadic};

/// Takes the next event; nothing if there is none.
pub(crate) fn next(lua: &Lua, handle: &Handle) -> mlua::Result<MultiValue> {
    let step = handle.client.borrow_mut().next_step();
    match step {
        None => Ok(MultiValue::new()),
        Some(Step::Reset) => "reset".into_lua_multi(lua),
        Some(Step::Event(event)) => arguments(lua, handle, event),
    }
}

fn arguments(lua: &Lua, handle: &Handle, event: Event) -> mlua::Result<MultiValue> {
    match event {
        Event::StateChanged { to, .. } => ("onStateChange", to.code()).into_lua_multi(lua),
        Event::Error { code, message, .. } => {
            ("onError", code.code(), &*message).into_lua_multi(lua)
        }
        Event::RegionsResult(result) => regions(lua, result),
        Event::SubscribeResult(outcomes) => {
            ("onSubscribeResult", results(lua, &outcomes)?).into_lua_multi(lua)
        }
        Event::UnsubscribeResult(outcomes) => {
            ("onUnsubscribeResult", results(lua, &outcomes)?).into_lua_multi(lua)
        }
        Event::ChatMessages { channel, messages } => {
            let count = messages.len();
            *handle.rest.borrow_mut() = Some((messages, 0));
            ("onChatMessages", &*channel, count).into_lua_multi(lua)
        }
        Event::PrivateMessage { channel, message } => {
            let message = message.get();
            let content = content_to_lua(lua, &message.content)?;
            ("onPrivateMessage", &*channel, message.sender, content).into_lua_multi(lua)
        }
        Event::UserStatusUpdate {
            user,
            status,
            message,
        } => {
            let (got_message, message) = match message {
                StatusChange::Kept => (false, LuaValue::Nil),
                StatusChange::Cleared => (true, LuaValue::Nil),
                StatusChange::Set(value) => (true, to_lua(lua, &value)?),
            };
            (
                "onUserStatusUpdate",
                &*user,
                status.code(),
                got_message,
                message,
            )
                .into_lua_multi(lua)
        }
        Event::OperationResponse {
            operation,
            return_code,
            message,
            parameters,
        } => {
            let parameters = coded(lua, parameters.as_deref().map_or(&[], |all| all))?;
            (
                "onOperationResponse",
                return_code,
                &*message,
                operation,
                parameters,
            )
                .into_lua_multi(lua)
        }
        Event::Other { code, parameters } => other(lua, code, &parameters),
        // The prelude has to know the name of the user.
        Event::Authenticated(_) => "authenticated".into_lua_multi(lua),
        other => {
            let name = format!("on{}", other.name());
            ("native", name, native(lua, &other)?).into_lua_multi(lua)
        }
    }
}

/// Takes sender and content of the next messages of the present event, side by side.
pub(crate) fn more(lua: &Lua, handle: &Handle) -> mlua::Result<Variadic<Part>> {
    let mut rest = handle.rest.borrow_mut();
    let mut parts = Variadic::new();
    let Some((messages, taken)) = &mut *rest else {
        return Ok(parts);
    };
    let to = messages.len().min(*taken + MESSAGES_AT_A_TIME);
    parts.reserve(2 * (to - *taken));
    for message in (*taken..to).filter_map(|index| messages.get(index)) {
        push_message(lua, &message, &mut parts)?;
    }
    *taken = to;
    if *taken >= messages.len() {
        *rest = None;
    }
    Ok(parts)
}

fn results(lua: &Lua, outcomes: &[ChannelOutcome]) -> mlua::Result<Table> {
    let results = lua.create_table()?;
    for one in outcomes {
        results.raw_set(&*one.channel, one.outcome == Outcome::Done)?;
    }
    Ok(results)
}

fn regions(lua: &Lua, result: Result<Vec<Region>, RegionsError>) -> mlua::Result<MultiValue> {
    let addresses = lua.create_table()?;
    let (code, text) = match result {
        Ok(regions) => {
            for region in regions {
                addresses.raw_set(&*region.code, &*region.address)?;
            }
            (0, String::new())
        }
        Err(error) => (error.code(), error.to_string()),
    };
    ("onGetRegionsResult", code, text, addresses).into_lua_multi(lua)
}

/// Parameters by their codes.
fn coded(lua: &Lua, parameters: &[(u8, Value)]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (code, value) in parameters {
        table.raw_set(*code, to_lua(lua, value)?)?;
    }
    Ok(table)
}

/// An event that the client does not know: its content and the number of the actor, if it has the
/// parameters of an event of that SDK, else all its parameters.
fn other(lua: &Lua, code: u8, parameters: &[(u8, Value)]) -> mlua::Result<MultiValue> {
    /// Parameters of events of the Realtime SDK.
    const CONTENT: u8 = 245;
    const ACTOR: u8 = 254;
    let of = |wanted: u8| parameters.iter().find(|(code, _)| *code == wanted);
    debug_assert_ne!(CONTENT, parameter::CHANNELS, "chat has other codes");
    let content = match of(CONTENT) {
        Some((_, content)) => to_lua(lua, content)?,
        None => LuaValue::Table(coded(lua, parameters)?),
    };
    let actor = match of(ACTOR) {
        Some((_, actor)) => to_lua(lua, actor)?,
        None => LuaValue::Integer(0),
    };
    ("onEvent", code, content, actor).into_lua_multi(lua)
}

/// An event that the page does not have, as a table.
fn native(lua: &Lua, event: &Event) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let text = |text: &str| text.into_lua(lua);
    match event {
        Event::ConversationForgotten { user } => table.raw_set("user", text(user)?)?,
        Event::UserSubscribed(change) | Event::UserUnsubscribed(change) => {
            table.raw_set("channel", text(&change.channel)?)?;
            table.raw_set("user", text(&change.user)?)?;
            table.raw_set("properties", map_to_lua(lua, &change.properties)?)?;
        }
        Event::PropertiesChanged(change) => {
            table.raw_set("channel", text(&change.channel)?)?;
            table.raw_set("user", change.user.as_deref())?;
            table.raw_set("by", text(&change.by)?)?;
            table.raw_set("properties", map_to_lua(lua, &change.properties)?)?;
        }
        Event::ErrorInfo(info) => {
            table.raw_set("channel", info.channel.as_deref())?;
            table.raw_set("message", info.message.as_deref())?;
            if let Some(data) = &info.data {
                table.raw_set("data", to_lua(lua, data)?)?;
            }
        }
        Event::Gap {
            channel,
            after,
            missing,
            verified,
            new_life,
        } => {
            table.raw_set("channel", text(channel)?)?;
            table.raw_set("after", *after)?;
            table.raw_set("missing", *missing)?;
            table.raw_set("verified", *verified)?;
            table.raw_set("newLife", *new_life)?;
        }
        Event::ReconnectScheduled { attempt, after } => {
            table.raw_set("attempt", *attempt)?;
            table.raw_set("after", after.as_secs_f64())?;
        }
        Event::Restored { channels, failed } => {
            table.raw_set("channels", *channels)?;
            let names = failed.iter().map(|one| one.channel.to_string());
            table.raw_set("failed", names.collect::<Vec<_>>())?;
        }
        Event::ReconnectGaveUp { cause } => table.raw_set("cause", cause.to_string())?,
        Event::MessageSent { token, id } => {
            table.raw_set("message", token.number() as f64)?;
            table.raw_set("id", *id)?;
        }
        Event::MessageRefused {
            token,
            error,
            guess,
        } => {
            table.raw_set("message", token.number() as f64)?;
            table.raw_set("code", error.code)?;
            table.raw_set("error", text(&error.message)?)?;
            table.raw_set("guess", *guess)?;
        }
        Event::MessageUnconfirmed { token } => {
            table.raw_set("message", token.number() as f64)?;
        }
        Event::BadMessage(bad) => table.raw_set("error", bad.error.to_string())?,
        _ => {}
    }
    Ok(table)
}
