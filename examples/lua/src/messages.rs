//! Messages on their way into Lua.

use crate::values::content_to_lua;
use chat_core::{Content, Message};
use mlua::{Either, Function, Lua, Table, Value as LuaValue, Variadic};

/// How many messages `append` of `lua/message.lua` takes in one call.
const AT_A_TIME: usize = 8;

/// A value on its way to Lua's stack. A text goes there directly: as a value of Lua it would cost
/// twice as much, because each has a reference of its own.
pub(crate) type Part = Either<String, LuaValue>;

pub(crate) fn text(text: &str) -> Part {
    Either::Left(text.to_owned())
}

pub(crate) fn content(lua: &Lua, content: &Content<'_>) -> mlua::Result<Part> {
    match content {
        Content::Text(text) => Ok(self::text(text)),
        other => content_to_lua(lua, other).map(Either::Right),
    }
}

/// Builds arrays of the objects that scripts know as messages.
#[derive(Clone)]
pub(crate) struct Builder {
    /// Part of the prelude, because a table that Rust makes has a reference of its own, too.
    pub(crate) append: Function,
}

impl Builder {
    /// Makes an array of `count` messages.
    pub(crate) fn list<'a>(
        &self,
        lua: &Lua,
        count: usize,
        messages: impl Iterator<Item = Message<'a>>,
    ) -> mlua::Result<Table> {
        let list = lua.create_table_with_capacity(count, 0)?;
        let mut messages = messages.peekable();
        let mut at = 0;
        while messages.peek().is_some() {
            let mut parts = Vec::with_capacity(2 * AT_A_TIME);
            for message in messages.by_ref().take(AT_A_TIME) {
                parts.push(Either::Left(message.sender));
                parts.push(match message.content {
                    Content::Text(text) => Either::Left(text),
                    ref other => Either::Right(content_to_lua(lua, other)?),
                });
            }
            let added = parts.len() / 2;
            self.append.call::<()>((&list, at, Variadic::from(parts)))?;
            at += added;
        }
        debug_assert_eq!(at, count, "the caller counted its messages");
        Ok(list)
    }
}
