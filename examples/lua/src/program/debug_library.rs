//! `debug.traceback` and `debug.getinfo`, which scripts use most, on the safe calls of mlua. The
//! library of Lua itself can break the safety of the state.

use mlua::{Function, Lua, MultiValue, Table, Value};

pub(crate) fn add(lua: &Lua) -> mlua::Result<()> {
    let debug = lua.create_table()?;
    debug.raw_set("traceback", lua.create_function(traceback)?)?;
    debug.raw_set("getinfo", lua.create_function(get_info)?)?;
    lua.globals().set("debug", &debug)?;
    let package: Table = lua.globals().get("package")?;
    package.get::<Table>("loaded")?.set("debug", debug)
}

/// `debug.traceback([thread,] [message [, level]])`. Of another coroutine only the message is known.
fn traceback(lua: &Lua, arguments: MultiValue) -> mlua::Result<Value> {
    let mut arguments: Vec<Value> = arguments.into_iter().collect();
    let is_thread = matches!(arguments.first(), Some(Value::Thread(_)));
    if is_thread {
        arguments.remove(0);
    }
    let message = arguments.first().cloned().unwrap_or(Value::Nil);
    let of_callback: Option<mlua::String> = photon_lua::traceback_of(lua)?.call(&message)?;
    let text = match &message {
        Value::Nil => None,
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Number(_) => Some(message.to_string()?.into_bytes()),
        // As in Lua: another value is returned unchanged.
        _ => return Ok(message),
    };
    let level = match arguments.get(1) {
        Some(Value::Integer(level)) => usize::try_from(*level).unwrap_or_default(),
        Some(Value::Number(level)) => *level as usize,
        _ => 1,
    };
    let trace = match of_callback {
        Some(trace) => trace,
        None if is_thread => lua.create_string("stack traceback:")?,
        None => lua.traceback(None, level)?,
    };
    let mut all = Vec::new();
    if let Some(text) = text {
        all.extend(text);
        all.push(b'\n');
    }
    all.extend_from_slice(&trace.as_bytes());
    Ok(Value::String(lua.create_string(all)?))
}

/// `debug.getinfo([thread,] function or level [, what])` with the fields of "nSl".
fn get_info(lua: &Lua, arguments: MultiValue) -> mlua::Result<Value> {
    let mut arguments: Vec<Value> = arguments.into_iter().collect();
    if matches!(arguments.first(), Some(Value::Thread(_))) {
        return Ok(Value::Nil);
    }
    arguments.resize(2, Value::Nil);
    let what = match &arguments[1] {
        Value::String(what) => what.to_string_lossy(),
        _ => "nSl".to_owned(),
    };
    let level = match &arguments[0] {
        Value::Function(function) => return info_of(lua, function, &what).map(Value::Table),
        Value::Integer(level) => usize::try_from(*level).ok(),
        Value::Number(level) if *level >= 0.0 => Some(*level as usize),
        Value::Number(_) => None,
        other => {
            let kind = other.type_name();
            let text = format!("debug.getinfo: a function or a level is expected, got {kind}");
            return Err(mlua::Error::runtime(text));
        }
    };
    let Some(level) = level else {
        return Ok(Value::Nil);
    };
    let table = lua.create_table()?;
    let found = lua.inspect_stack(level, |frame| -> mlua::Result<()> {
        if what.contains('n') {
            let names = frame.names();
            table.raw_set("name", names.name.as_deref())?;
            table.raw_set("namewhat", names.name_what.unwrap_or_default())?;
        }
        if what.contains('S') {
            let source = frame.source();
            table.raw_set("source", source.source.as_deref())?;
            table.raw_set("short_src", source.short_src.as_deref())?;
            table.raw_set("linedefined", line(source.line_defined))?;
            table.raw_set("lastlinedefined", line(source.last_line_defined))?;
            table.raw_set("what", source.what)?;
        }
        if what.contains('l') {
            table.raw_set("currentline", line(frame.current_line()))?;
        }
        if what.contains('f') {
            table.raw_set("func", frame.function())?;
        }
        Ok(())
    });
    match found {
        Some(result) => result.map(|()| Value::Table(table)),
        None => Ok(Value::Nil),
    }
}

/// Lua writes -1 where there is no line.
fn line(line: Option<usize>) -> i64 {
    line.and_then(|line| i64::try_from(line).ok()).unwrap_or(-1)
}

fn info_of(lua: &Lua, function: &Function, what: &str) -> mlua::Result<Table> {
    let info = function.info();
    let table = lua.create_table()?;
    if what.contains('n') {
        table.raw_set("name", info.name)?;
        table.raw_set("namewhat", info.name_what.unwrap_or_default())?;
    }
    if what.contains('S') {
        table.raw_set("source", info.source)?;
        table.raw_set("short_src", info.short_src)?;
        table.raw_set("linedefined", line(info.line_defined))?;
        table.raw_set("lastlinedefined", line(info.last_line_defined))?;
        table.raw_set("what", info.what)?;
    }
    if what.contains('l') {
        table.raw_set("currentline", -1)?;
    }
    if what.contains('f') {
        table.raw_set("func", function)?;
    }
    Ok(table)
}
