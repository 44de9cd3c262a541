//! The methods of a [`Handle`]. They check nothing about their arguments' types: the prelude
//! (`lua/chat_client.lua`) does, and raises the errors, because an error that crosses from Rust into
//! Lua is a userdata and not a text with the script's line.

use crate::channel::ChannelHandle;
use crate::client::{Answer, Client, Refusal};
use crate::handle::{Handle, answer, text, with_number};
use chat_core::{
    AuthValues, PrivateOptions, PublishOptions, StatusMessage, SubscribeOptions, Value,
};
use mlua::{Table, UserData, UserDataMethods, Value as LuaValue};
use std::rc::Rc;
use std::time::Duration;

/// Reads a list of texts. The prelude checked that it is one.
fn texts(name: &str, list: &Table) -> Result<Vec<String>, Refusal> {
    let each = list.sequence_values::<mlua::String>().enumerate();
    each.map(|(index, one)| {
        let path = format!("{name}[{}]", index + 1);
        match one {
            Ok(one) => text(&path, &one),
            Err(_) => Err(Refusal::Wrong(format!("{path} is not a string"))),
        }
    })
    .collect()
}

impl UserData for Handle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("service", |_, this, ()| {
            let (has_events, more) = this.with(Client::service);
            Ok((has_events || this.waiting.borrow().is_some(), more))
        });
        methods.add_method("wait", |_, this, seconds: f64| {
            let at_most = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            this.with(|client| client.wait(at_most));
            Ok(())
        });
        methods.add_method("timeout", |_, this, ()| {
            let timeout = this.with(|client| client.timeout());
            Ok(timeout.map(|timeout| timeout.as_secs_f64()))
        });
        methods.add_method("next_event", |lua, this, ()| crate::events::next(lua, this));
        methods.add_method("user_id", |lua, this, ()| {
            let user = this.with(|client| client.view.user_id.clone());
            lua.create_string(&*user)
        });
        methods.add_method("set_user_id", |lua, this, user: mlua::String| {
            let user = text("id", &user);
            let set = user.and_then(|user| this.with(|client| client.set_user_id(&user)));
            answer(lua, set)
        });
        methods.add_method(
            "set_authentication",
            |lua, this, (parameters, kind, data): (Option<mlua::String>, u8, LuaValue)| {
                answer(lua, set_authentication(this, parameters, kind, &data))
            },
        );
        methods.add_method("set_log_level", |_, this, level: u8| {
            use log::LevelFilter;
            let level = match level {
                0 | 1 => LevelFilter::Error,
                2 => LevelFilter::Warn,
                3 => LevelFilter::Info,
                4 => LevelFilter::Debug,
                _ => LevelFilter::Trace,
            };
            this.with(|client| {
                if let Ok(session) = client.session() {
                    session.chat.set_log_level(level);
                }
            });
            Ok(())
        });
        add_connecting(methods);
        add_chat(methods);
        crate::native::add(methods);
    }
}

fn add_connecting<M: UserDataMethods<Handle>>(methods: &mut M) {
    methods.add_method(
        "connect_to_name_server",
        |lua, this, region: Option<mlua::String>| {
            let region = region
                .map(|region| text("options.region", &region))
                .transpose();
            let result = region.and_then(|region| {
                this.with(|client| client.connect_to_name_server(region.as_deref()))
            });
            answer(lua, result)
        },
    );
    methods.add_method(
        "connect_to_region_front_end",
        |lua, this, region: mlua::String| {
            let result = text("region", &region)
                .and_then(|region| this.with(|client| client.connect_to_region_front_end(&region)));
            answer(lua, result)
        },
    );
    methods.add_method("get_regions", |lua, this, ()| {
        let result = this.with(Client::get_regions);
        answer(lua, result)
    });
    methods.add_method("is_asking_for_regions", |_, this, ()| {
        Ok(this.with(|client| client.is_asking_for_regions()))
    });
    methods.add_method("disconnect", |_, this, ()| {
        this.with(Client::disconnect);
        Ok(())
    });
    methods.add_method("reset", |_, this, connect: bool| {
        Ok(this.with(|client| client.reset(connect)))
    });
}

fn add_chat<M: UserDataMethods<Handle>>(methods: &mut M) {
    methods.add_method(
        "subscribe",
        |lua, this, (names, history, ids): (Table, Option<i32>, Option<Vec<i32>>)| {
            let mut options = SubscribeOptions::new();
            if let Some(history) = history {
                options = options.history(history);
            }
            if let Some(ids) = ids {
                options = options.last_ids(ids);
            }
            let result = texts("channelNames", &names)
                .and_then(|names| this.with(|client| client.subscribe(&names, &options)));
            answer(lua, result)
        },
    );
    methods.add_method("unsubscribe", |lua, this, names: Table| {
        let result = texts("channelNames", &names)
            .and_then(|names| this.with(|client| client.unsubscribe(&names)));
        answer(lua, result)
    });
    methods.add_method(
        "publish",
        |lua, this, (channel, content, web_forward): (mlua::String, LuaValue, bool)| {
            let send = || {
                let channel = text("channelName", &channel)?;
                let content = this.value("content", &content)?;
                let options = PublishOptions::new().web_forward(web_forward);
                this.with(|client| client.publish(&channel, &content, &options))
                    .map(Some)
            };
            with_number(lua, send())
        },
    );
    methods.add_method(
        "send_private",
        |lua, this, (user, content, web_forward, encrypt): (mlua::String, LuaValue, bool, bool)| {
            let send = || {
                let user = text("userId", &user)?;
                let content = this.value("content", &content)?;
                let options = PrivateOptions::new()
                    .web_forward(web_forward)
                    .encrypt(encrypt);
                this.with(|client| client.send_private(&user, &content, &options))
                    .map(Some)
            };
            with_number(lua, send())
        },
    );
    methods.add_method(
        "set_user_status",
        |lua, this, (status, message, keep): (i32, LuaValue, bool)| {
            let set = || {
                let value = this.value("statusMessage", &message)?;
                let message = match &value {
                    _ if keep => StatusMessage::Keep,
                    Value::Null => StatusMessage::Clear,
                    Value::String(text) => StatusMessage::Set(text),
                    value => StatusMessage::SetValue(value),
                };
                this.with(|client| client.set_user_status(status, message))
            };
            answer(lua, set())
        },
    );
    methods.add_method(
        "change_friends",
        |lua, this, (users, add): (Table, bool)| {
            let result = texts("userIds", &users)
                .and_then(|users| this.with(|client| client.change_friends(&users, add)));
            answer(lua, result)
        },
    );
    methods.add_method("channel_names", |lua, this, private: bool| {
        let names: Vec<_> = this.with(|client| client.view.listed(private).collect());
        lua.create_sequence_from(names.iter().map(|name| &**name))
    });
    methods.add_method(
        "channel",
        |_, this, (name, private): (mlua::String, bool)| {
            let name = name.to_str()?;
            let channel = this.with(|client| client.view.channel(&name, private).map(Rc::clone));
            Ok(channel.map(|channel| ChannelHandle {
                channel,
                client: this.downgrade(),
                builder: this.builder.clone(),
            }))
        },
    );
}

fn set_authentication(
    handle: &Handle,
    parameters: Option<mlua::String>,
    kind: u8,
    data: &LuaValue,
) -> Answer {
    let parameters = parameters.map(|parameters| text("params", &parameters));
    let mut values = AuthValues::new(parameters.transpose()?.unwrap_or_default()).auth_type(kind);
    match data {
        LuaValue::Nil => {}
        // A script marks binary data as a list of bytes. Spec: chat.md 7.
        LuaValue::Table(list) if list.raw_len() > 0 => {
            let bytes: Result<Vec<u8>, _> = list.sequence_values::<u8>().collect();
            let Ok(bytes) = bytes else {
                let why = "data is a list, but not of bytes (numbers from 0 to 255)";
                return Err(Refusal::Wrong(why.into()));
            };
            values = values.data(bytes);
        }
        other => match handle.value("data", other)? {
            Value::String(data) => values = values.data(data),
            Value::Bytes(data) => values = values.data(data),
            Value::Hashtable(data) => values = values.data(data),
            Value::Array(_) => values = values.data(Vec::new()),
            _ => {
                let why = "data must be a string, a list of bytes, or a table with string keys";
                return Err(Refusal::Wrong(why.into()));
            }
        },
    }
    handle.with(|client| client.set_authentication(values))
}
