//! [`Handle`]: the userdata behind each `ChatClient`, and the answers of its methods.

use crate::client::{Answer, Client, Refusal, Step};
use crate::messages::Builder;
use crate::values::{ToPhoton, Unsendable};
use chat_core::{Limits, Value};
use mlua::{IntoLuaMulti, Lua, MultiValue, Value as LuaValue};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

pub(crate) type SharedClient = Rc<RefCell<Client>>;

pub(crate) struct Handle {
    client: SharedClient,
    /// What has been taken from the client and not yet by the prelude.
    pub(crate) waiting: RefCell<Option<Step>>,
    pub(crate) builder: Builder,
}

impl Handle {
    pub(crate) fn new(client: SharedClient, builder: Builder) -> Self {
        Self {
            client,
            waiting: RefCell::new(None),
            builder,
        }
    }

    /// Uses the client. Whatever allocates in Lua must wait until it returns: the collector can run a
    /// finalizer of the script there, which uses the client, too.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Client) -> R) -> R {
        run(&mut self.client.borrow_mut())
    }

    pub(crate) fn downgrade(&self) -> Weak<RefCell<Client>> {
        Rc::downgrade(&self.client)
    }

    fn limits(&self) -> Limits {
        self.with(|client| {
            let session = client.session_ref();
            session.map_or(Limits::DEFAULT, |session| session.chat.limits().clone())
        })
    }

    /// Converts what a script passes as `name`, within the limits of the client.
    pub(crate) fn value(&self, name: &str, value: &LuaValue) -> Result<Value, Refusal> {
        let limits = self.limits();
        to_photon(name, value, &limits)
    }
}

/// Converts what a script passes as `name`.
pub(crate) fn to_photon(name: &str, value: &LuaValue, limits: &Limits) -> Result<Value, Refusal> {
    let mut converter = ToPhoton::new(name, limits.max_depth, limits.max_sent_bytes);
    converter.value(value).map_err(|error| match error {
        Unsendable::Wrong(why) => Refusal::Wrong(why),
        Unsendable::TooLong => chat_core::RequestError::TooLong {
            max_bytes: limits.max_sent_bytes,
        }
        .into(),
    })
}

/// Reads a text that the script passed as `name`.
pub(crate) fn text(name: &str, text: &mlua::String) -> Result<String, Refusal> {
    match text.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Refusal::Wrong(format!("{name} is not UTF-8"))),
    }
}

/// True, or false with a text to log, or nil with a text to raise.
pub(crate) fn answer(lua: &Lua, answer: Answer) -> mlua::Result<MultiValue> {
    with_number(lua, answer.map(|()| None))
}

pub(crate) fn with_number(
    lua: &Lua,
    answer: Result<Option<u64>, Refusal>,
) -> mlua::Result<MultiValue> {
    match answer {
        Ok(None) => true.into_lua_multi(lua),
        Ok(Some(number)) => (true, number as f64).into_lua_multi(lua),
        Err(Refusal::Refused(why)) => (false, why).into_lua_multi(lua),
        Err(Refusal::Wrong(why)) => (LuaValue::Nil, why).into_lua_multi(lua),
    }
}
