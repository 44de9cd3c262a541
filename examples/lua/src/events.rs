//! Events as the prelude takes them: the name of the callback, then its arguments.

use crate::client::{Client, Step};
use crate::handle::Handle;
use crate::messages::{Part, content, text};
use crate::values::{map_to_lua, to_lua};
use chat_core::codes::parameter;
use chat_core::{ChannelOutcome, Event, Outcome, Region, RegionsError, StatusChange, Value};
use mlua::{Either, IntoLua, IntoLuaMulti, Lua, MultiValue, Table, Value as LuaValue, Variadic};

/// The kinds of events with messages, as `lua/dispatch.lua` knows them. The others have names, which
/// cost more.
const CHAT_MESSAGES: i32 = 1;
const CHAT_MESSAGE: i32 = 2;
const PRIVATE_MESSAGE: i32 = 3;

fn kind(kind: i32) -> Part {
    Either::Right(LuaValue::Integer(kind.into()))
}

/// Takes the next event; nothing if there is none.
///
/// An event that cannot become values of Lua, for example because there is no memory left, is an
/// error, and is taken again in the next call.
pub(crate) fn next(lua: &Lua, handle: &Handle) -> mlua::Result<Variadic<Part>> {
    let waiting = handle.waiting.take();
    let Some(step) = waiting.or_else(|| handle.with(Client::next_step)) else {
        return Ok(Variadic::new());
    };
    let arguments = match &step {
        Step::Reset => Ok([text("reset")].into_iter().collect()),
        Step::Event(event) => arguments(lua, handle, event),
    };
    if arguments.is_err() {
        handle.waiting.replace(Some(step));
    }
    arguments
}

fn arguments(lua: &Lua, handle: &Handle, event: &Event) -> mlua::Result<Variadic<Part>> {
    // Messages are frequent, so these do not become values of Lua first.
    let parts = match event {
        Event::ChatMessages { channel, messages } => match messages.get(0) {
            Some(message) if messages.len() == 1 => vec![
                kind(CHAT_MESSAGE),
                text(channel),
                text(message.sender),
                content(lua, &message.content)?,
            ],
            _ => {
                let list = handle.builder.list(lua, messages.len(), messages.iter())?;
                vec![
                    kind(CHAT_MESSAGES),
                    text(channel),
                    Either::Right(LuaValue::Table(list)),
                ]
            }
        },
        Event::PrivateMessage { channel, message } => {
            let message = message.get();
            vec![
                kind(PRIVATE_MESSAGE),
                text(channel),
                text(message.sender),
                content(lua, &message.content)?,
            ]
        }
        other => {
            let values = rare(lua, other)?;
            return Ok(values.into_iter().map(Either::Right).collect());
        }
    };
    Ok(parts.into_iter().collect())
}

fn rare(lua: &Lua, event: &Event) -> mlua::Result<MultiValue> {
    match event {
        Event::StateChanged { to, .. } => ("onStateChange", to.code()).into_lua_multi(lua),
        Event::Error { code, message, .. } => {
            ("onError", code.code(), &**message).into_lua_multi(lua)
        }
        Event::RegionsResult(result) => regions(lua, result),
        Event::SubscribeResult(outcomes) => {
            ("onSubscribeResult", results(lua, outcomes)?).into_lua_multi(lua)
        }
        Event::UnsubscribeResult(outcomes) => {
            ("onUnsubscribeResult", results(lua, outcomes)?).into_lua_multi(lua)
        }
        Event::UserStatusUpdate {
            user,
            status,
            message,
        } => {
            let (got_message, message) = match message {
                StatusChange::Kept => (false, LuaValue::Nil),
                StatusChange::Cleared => (true, LuaValue::Nil),
                StatusChange::Set(value) => (true, to_lua(lua, value)?),
            };
            (
                "onUserStatusUpdate",
                &**user,
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
                *return_code,
                &**message,
                *operation,
                parameters,
            )
                .into_lua_multi(lua)
        }
        Event::Other { code, parameters } => other(lua, *code, parameters),
        // The prelude has to know the name of the user.
        Event::Authenticated(_) => "authenticated".into_lua_multi(lua),
        other => {
            let name = format!("on{}", other.name());
            ("native", name, native(lua, other)?).into_lua_multi(lua)
        }
    }
}

fn results(lua: &Lua, outcomes: &[ChannelOutcome]) -> mlua::Result<Table> {
    let results = lua.create_table()?;
    for one in outcomes {
        results.raw_set(&*one.channel, one.outcome == Outcome::Done)?;
    }
    Ok(results)
}

fn regions(lua: &Lua, result: &Result<Vec<Region>, RegionsError>) -> mlua::Result<MultiValue> {
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
