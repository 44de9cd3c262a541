//! [`ChannelHandle`]: the userdata behind each `Channel`.

use crate::client::Client;
use crate::values::content_to_lua;
use crate::view::SharedChannel;
use mlua::{MultiValue, UserData, UserDataMethods, Value as LuaValue};
use std::cell::RefCell;
use std::rc::Weak;

/// How many messages cross into Lua in one call: each takes places on the stack, which is limited.
pub(crate) const MESSAGES_AT_A_TIME: usize = 64;

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
            let mut values = MultiValue::new();
            let channel = this.channel.borrow();
            channel.visit(skip, MESSAGES_AT_A_TIME, |message| -> mlua::Result<()> {
                values.push_back(LuaValue::String(lua.create_string(message.sender)?));
                values.push_back(content_to_lua(lua, &message.content)?);
                Ok(())
            })?;
            Ok(values)
        });
        methods.add_method("clear", |_, this, ()| {
            if let Some(client) = this.client.upgrade() {
                client.borrow_mut().clear_messages(&this.channel);
            }
            Ok(())
        });
    }
}
