//! [`ChannelHandle`]: the userdata behind each `Channel`.

use crate::client::Client;
use crate::values::content_to_lua;
use crate::view::SharedChannel;
use chat_core::{Content, Message};
use mlua::{Either, Lua, UserData, UserDataMethods, Value as LuaValue, Variadic};
use std::cell::RefCell;
use std::rc::Weak;

/// How many messages cross into Lua in one call: each takes places on the stack, which is limited.
pub(crate) const MESSAGES_AT_A_TIME: usize = 64;

/// A text goes to Lua's stack directly. As a value of Lua it would cost twice as much, because each
/// has a reference of its own.
pub(crate) type Part = Either<String, LuaValue>;

/// Appends the sender and the content of a message.
pub(crate) fn push_message(
    lua: &Lua,
    message: &Message<'_>,
    parts: &mut Variadic<Part>,
) -> mlua::Result<()> {
    parts.push(Either::Left(message.sender.to_owned()));
    parts.push(match message.content {
        Content::Text(text) => Either::Left(text.to_owned()),
        ref other => Either::Right(content_to_lua(lua, other)?),
    });
    Ok(())
}

pub(crate) struct ChannelHandle {
    pub(crate) channel: SharedChannel,
    pub(crate) client: Weak<RefCell<Client>>,
}

impl UserData for ChannelHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("last_id", |_, this, ()| Ok(this.channel.borrow().last_id));
        methods.add_method("is_subscribed", |_, this, ()| {
            Ok(this.channel.borrow().is_subscribed)
        });
        methods.add_method("count", |_, this, ()| Ok(this.channel.borrow().len()));
        // Sender and content of each message behind the first `skip` ones, side by side.
        methods.add_method("messages", |lua, this, skip: usize| {
            let mut parts = Variadic::new();
            let channel = this.channel.borrow();
            channel.visit(skip, MESSAGES_AT_A_TIME, |message| {
                push_message(lua, &message, &mut parts)
            })?;
            Ok(parts)
        });
        methods.add_method("clear", |_, this, ()| {
            if let Some(client) = this.client.upgrade() {
                client.borrow_mut().clear_messages(&this.channel);
            }
            Ok(())
        });
    }
}
