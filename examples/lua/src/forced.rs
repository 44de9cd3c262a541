//! `photon.bytes` and the functions that force the type of a number.

use crate::values::Opaque;
use chat_core::{Custom, Value};
use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Value as LuaValue};

type Convert = fn(f64) -> Option<Value>;

/// The functions by name. A number outside of the type, or with a fraction, is an error.
const NUMBERS: [(&str, Convert); 6] = [
    ("byte", |number| {
        Some(Value::Byte(whole(number)?.try_into().ok()?))
    }),
    ("short", |number| {
        Some(Value::Short(whole(number)?.try_into().ok()?))
    }),
    ("int", |number| {
        Some(Value::Int(whole(number)?.try_into().ok()?))
    }),
    ("long", |number| Some(Value::Long(whole(number)?))),
    ("float", |number| Some(Value::Float(number as f32))),
    ("double", |number| Some(Value::Double(number))),
];

fn whole(number: f64) -> Option<i64> {
    /// The first double that is no long.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number);
    is_whole.then_some(number as i64)
}

pub(crate) fn add(lua: &Lua, rust: &Table) -> mlua::Result<()> {
    let numbers = lua.create_table()?;
    for (name, convert) in NUMBERS {
        let convert = move |lua: &Lua, number: LuaValue| -> mlua::Result<MultiValue> {
            let value = match &number {
                LuaValue::Integer(number) => convert(*number as f64),
                LuaValue::Number(number) => convert(*number),
                // A long beyond 2^53, as it arrives.
                LuaValue::String(text) if name == "long" => {
                    text.to_str()?.parse().ok().map(Value::Long)
                }
                _ => None,
            };
            match value {
                Some(value) => Opaque(value).into_lua_multi(lua),
                None => (LuaValue::Nil, format!("it is not a {name}")).into_lua_multi(lua),
            }
        };
        numbers.raw_set(name, lua.create_function(convert)?)?;
    }
    rust.raw_set("numbers", numbers)?;
    let bytes =
        |_: &Lua, data: mlua::String| Ok(Opaque(Value::Bytes(data.as_bytes().to_vec().into())));
    rust.raw_set("bytes", lua.create_function(bytes)?)?;
    let custom = |_: &Lua, (code, data): (u8, mlua::String)| {
        let data = data.as_bytes().to_vec().into();
        Ok(Opaque(Value::Custom(Custom { code, data })))
    };
    rust.raw_set("custom", lua.create_function(custom)?)?;
    rust.raw_set("null", Opaque(Value::Null))
}
