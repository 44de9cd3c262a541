//! [`ChannelHandle`]: the userdata behind each `Channel`.

use crate::client::Client;
use crate::messages::Builder;
use crate::view::{HeldMessages, SharedChannel};
use mlua::{UserData, UserDataMethods};
use std::cell::RefCell;
use std::rc::Weak;

pub(crate) struct ChannelHandle {
    pub(crate) channel: SharedChannel,
    pub(crate) client: Weak<RefCell<Client>>,
    pub(crate) builder: Builder,
}

impl UserData for ChannelHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("last_id", |_, this, ()| Ok(this.channel.borrow().last_id));
        methods.add_method("messages", |lua, this, ()| {
            // A copy, because a finalizer of the script may clear the channel meanwhile.
            let held = this.channel.borrow().held();
            let count = held.iter().map(HeldMessages::len).sum();
            let messages = held.iter().flat_map(HeldMessages::iter);
            this.builder.list(lua, count, messages)
        });
        methods.add_method("clear", |_, this, ()| {
            if let Some(client) = this.client.upgrade() {
                client.borrow_mut().clear_messages(&this.channel);
            }
            Ok(())
        });
    }
}
