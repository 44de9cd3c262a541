//! Values in both directions. The rules are in the documentation of the crate.

use chat_core::{Array, Content, Custom, Hashtable, Value};
use mlua::{Lua, MetaMethod, Table, UserData, UserDataMethods, Value as LuaValue};
use std::ffi::c_void;
use std::fmt::Write;

/// The integers that a Lua number holds exactly.
const MAX_EXACT: i64 = 1 << 53;

/// A Photon value that Lua has no type for, or whose type a script forces.
pub(crate) struct Opaque(pub(crate) Value);

impl UserData for Opaque {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |lua, this, ()| match &this.0 {
            // The inverse of `photon.bytes`.
            Value::Bytes(bytes) => lua.create_string(bytes),
            other => lua.create_string(other.to_string()),
        });
        methods.add_meta_method(MetaMethod::Len, |_, this, ()| {
            Ok(match &this.0 {
                Value::Bytes(bytes) => bytes.len(),
                Value::Custom(custom) => custom.data.len(),
                _ => 1,
            })
        });
        methods.add_meta_method(MetaMethod::Eq, |_, this, other: mlua::UserDataRef<Self>| {
            Ok(this.0 == other.0)
        });
        methods.add_method("code", |_, this, ()| {
            Ok(match &this.0 {
                Value::Custom(custom) => Some(custom.code),
                _ => None,
            })
        });
        methods.add_method("data", |lua, this, ()| match &this.0 {
            Value::Bytes(data) | Value::Custom(Custom { data, .. }) => {
                Ok(Some(lua.create_string(data)?))
            }
            _ => Ok(None),
        });
    }
}

/// Why a Lua value cannot be sent.
#[derive(Debug)]
pub(crate) enum Unsendable {
    /// The script passed something that no value of the protocol expresses: a mistake in the script.
    Wrong(String),
    /// It is longer than a message may be.
    TooLong,
}

/// Converts one Lua value.
pub(crate) struct ToPhoton {
    path: String,
    /// The tables around the present value: one that occurs again is a cycle.
    around: Vec<*const c_void>,
    max_depth: usize,
    /// How many more bytes the message may have. Tables that share parts would otherwise grow
    /// without limit.
    left: usize,
}

impl ToPhoton {
    pub(crate) fn new(name: &str, max_depth: u32, max_bytes: usize) -> Self {
        Self {
            path: name.to_owned(),
            around: Vec::new(),
            // One level is the message itself.
            max_depth: (max_depth as usize).saturating_sub(1),
            left: max_bytes,
        }
    }

    pub(crate) fn value(&mut self, value: &LuaValue) -> Result<Value, Unsendable> {
        self.charge(1)?;
        match value {
            LuaValue::Nil => Ok(Value::Null),
            LuaValue::Boolean(value) => Ok(Value::Bool(*value)),
            LuaValue::Integer(number) => Ok(integer(*number)),
            LuaValue::Number(number) => Ok(of_number(*number)),
            LuaValue::String(text) => {
                self.charge(text.as_bytes().len())?;
                match text.to_str() {
                    Ok(text) => Ok(Value::String((&*text).into())),
                    Err(_) => self.wrong("is not UTF-8: use photon.bytes for binary data"),
                }
            }
            LuaValue::Table(table) => self.table(table),
            LuaValue::UserData(data) => match data.borrow::<Opaque>() {
                Ok(opaque) => {
                    if let Value::Bytes(data) | Value::Custom(Custom { data, .. }) = &opaque.0 {
                        self.charge(data.len())?;
                    }
                    Ok(opaque.0.clone())
                }
                Err(_) => self.wrong("is a userdata, which cannot be sent"),
            },
            other => self.wrong(&format!("is a {}, which cannot be sent", other.type_name())),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Unsendable> {
        self.left = self.left.checked_sub(bytes).ok_or(Unsendable::TooLong)?;
        Ok(())
    }

    fn wrong<T>(&self, why: &str) -> Result<T, Unsendable> {
        Err(Unsendable::Wrong(format!("{} {why}", self.path)))
    }

    fn table(&mut self, table: &Table) -> Result<Value, Unsendable> {
        let address = table.to_pointer();
        if self.around.contains(&address) {
            return self.wrong("is a table that contains itself");
        }
        if self.around.len() >= self.max_depth {
            let why = format!("is nested deeper than {} tables", self.max_depth);
            return self.wrong(&why);
        }
        self.around.push(address);
        let length = self.path.len();
        let converted = if let Some(length) = sequence(table) {
            self.sequence(table, length)
        } else {
            self.map(table)
        };
        self.path.truncate(length);
        self.around.pop();
        converted
    }

    fn sequence(&mut self, table: &Table, length: usize) -> Result<Value, Unsendable> {
        let mut elements = Vec::new();
        let path = self.path.len();
        for index in 1..=length {
            let element = table.raw_get(index).unwrap_or(LuaValue::Nil);
            let _infallible = write!(self.path, "[{index}]");
            elements.push(self.value(&element)?);
            self.path.truncate(path);
        }
        Ok(Value::Array(Array::Object(elements)))
    }

    fn map(&mut self, table: &Table) -> Result<Value, Unsendable> {
        let mut pairs = Vec::new();
        let path = self.path.len();
        for pair in table.pairs::<LuaValue, LuaValue>() {
            let Ok((key, value)) = pair else {
                return self.wrong("is a table that cannot be read");
            };
            match &key {
                LuaValue::String(text) => {
                    let _infallible = write!(self.path, ".{}", text.to_string_lossy());
                }
                LuaValue::Integer(number) => {
                    let _infallible = write!(self.path, "[{number}]");
                }
                LuaValue::Number(number) => {
                    let _infallible = write!(self.path, "[{number}]");
                }
                LuaValue::Boolean(value) => {
                    let _infallible = write!(self.path, "[{value}]");
                }
                other => {
                    let kind = other.type_name();
                    return self.wrong(&format!(
                        "has a {kind} as a key: keys are strings, numbers and booleans"
                    ));
                }
            }
            let key = self.value(&key)?;
            pairs.push((key, self.value(&value)?));
            self.path.truncate(path);
        }
        Ok(Value::Hashtable(Hashtable(pairs)))
    }
}

/// The length of a table whose keys are exactly 1 to n.
fn sequence(table: &Table) -> Option<usize> {
    let length = table.raw_len();
    let mut count = 0;
    for pair in table.pairs::<LuaValue, LuaValue>() {
        let (key, _) = pair.ok()?;
        let index = match key {
            LuaValue::Integer(number) => number,
            LuaValue::Number(number) if number.fract() == 0.0 => number as i64,
            _ => return None,
        };
        if index < 1 || index > length as i64 {
            return None;
        }
        count += 1;
    }
    (count == length).then_some(length)
}

fn integer(number: i64) -> Value {
    if let Ok(number) = i32::try_from(number) {
        Value::Int(number)
    } else if number.unsigned_abs() <= MAX_EXACT as u64 {
        Value::Long(number)
    } else {
        Value::Double(number as f64)
    }
}

fn of_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT as f64 {
        integer(number as i64)
    } else {
        Value::Double(number)
    }
}

/// Converts a value that arrived.
pub(crate) fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(value) => LuaValue::Boolean(*value),
        Value::Byte(number) => LuaValue::Integer((*number).into()),
        Value::Short(number) => LuaValue::Integer((*number).into()),
        Value::Int(number) => LuaValue::Integer((*number).into()),
        Value::Long(number) => long(lua, *number)?,
        Value::Float(number) => LuaValue::Number((*number).into()),
        Value::Double(number) => LuaValue::Number(*number),
        Value::String(text) => LuaValue::String(lua.create_string(&**text)?),
        Value::Array(array) => LuaValue::Table(list(lua, array)?),
        Value::Hashtable(map) => LuaValue::Table(map_to_lua(lua, &map.0)?),
        Value::Dictionary(map) => LuaValue::Table(map_to_lua(lua, &map.pairs)?),
        other => LuaValue::UserData(lua.create_userdata(Opaque(other.clone()))?),
    })
}

/// A number beyond 2^53 becomes text, because a Lua number would be another one.
fn long(lua: &Lua, number: i64) -> mlua::Result<LuaValue> {
    if number.unsigned_abs() > MAX_EXACT as u64 {
        return Ok(LuaValue::String(lua.create_string(number.to_string())?));
    }
    Ok(match mlua::Integer::try_from(number) {
        Ok(number) => LuaValue::Integer(number),
        Err(_) => LuaValue::Number(number as f64),
    })
}

fn list(lua: &Lua, array: &Array) -> mlua::Result<Table> {
    fn of<'a, T: 'a>(
        lua: &Lua,
        elements: impl IntoIterator<Item = T>,
        convert: impl Fn(T) -> mlua::Result<LuaValue>,
    ) -> mlua::Result<Table> {
        let table = lua.create_table()?;
        for (index, element) in elements.into_iter().enumerate() {
            table.raw_set(index + 1, convert(element)?)?;
        }
        Ok(table)
    }
    let opaque = |value: Value| Ok(LuaValue::UserData(lua.create_userdata(Opaque(value))?));
    match array {
        Array::Bool(all) => of(lua, all, |&value| Ok(LuaValue::Boolean(value))),
        Array::Short(all) => of(lua, all, |&number| Ok(LuaValue::Integer(number.into()))),
        Array::Int(all) => of(lua, all, |&number| Ok(LuaValue::Integer(number.into()))),
        Array::Long(all) => of(lua, all, |&number| long(lua, number)),
        Array::Float(all) => of(lua, all, |&number| Ok(LuaValue::Number(number.into()))),
        Array::Double(all) => of(lua, all, |&number| Ok(LuaValue::Number(number))),
        Array::String(all) => of(lua, all, |text| {
            Ok(LuaValue::String(lua.create_string(&**text)?))
        }),
        Array::Bytes(all) => of(lua, all, |bytes| opaque(Value::Bytes(bytes.clone()))),
        Array::Object(all) => of(lua, all, |value| to_lua(lua, value)),
        Array::Hashtable(all) => of(lua, all, |map| {
            Ok(LuaValue::Table(map_to_lua(lua, &map.0)?))
        }),
        Array::Dictionary { elements, .. } => of(lua, elements, |pairs| {
            Ok(LuaValue::Table(map_to_lua(lua, pairs)?))
        }),
        Array::Custom { code, elements } => of(lua, elements, |data| {
            opaque(Value::Custom(Custom {
                code: *code,
                data: data.clone(),
            }))
        }),
        Array::Array(all) => of(lua, all, |array| Ok(LuaValue::Table(list(lua, array)?))),
        Array::Request(all) => of(lua, all, |one| {
            opaque(Value::Request(Box::new(one.clone())))
        }),
        Array::Response(all) => of(lua, all, |one| {
            opaque(Value::Response(Box::new(one.clone())))
        }),
        Array::Event(all) => of(lua, all, |one| opaque(Value::Event(Box::new(one.clone())))),
    }
}

/// Keys that Lua does not allow (null and NaN) become their text.
pub(crate) fn map_to_lua(lua: &Lua, pairs: &[(Value, Value)]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (key, value) in pairs {
        let key = match to_lua(lua, key)? {
            LuaValue::Nil => LuaValue::String(lua.create_string("null")?),
            LuaValue::Number(number) if number.is_nan() => {
                LuaValue::String(lua.create_string("nan")?)
            }
            key => key,
        };
        table.raw_set(key, to_lua(lua, value)?)?;
    }
    Ok(table)
}

/// Converts the content of a message.
pub(crate) fn content_to_lua(lua: &Lua, content: &Content<'_>) -> mlua::Result<LuaValue> {
    match content {
        Content::Text(text) => Ok(LuaValue::String(lua.create_string(text)?)),
        Content::Value(value) => to_lua(lua, value),
        Content::Undecodable { .. } => to_lua(lua, &content.to_value()),
    }
}
