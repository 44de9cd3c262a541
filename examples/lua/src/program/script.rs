//! One run of a script.

use mlua::{Lua, MultiValue, Table, Value};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long the program waits at its end for servers to receive what was sent.
const MAX_END: Duration = Duration::from_secs(2);

pub(crate) fn run(script: &OsStr, arguments: Vec<OsString>) -> ExitCode {
    let lua = Lua::new();
    match prepare_and_run(&lua, script, arguments) {
        Ok(None) => {
            end(&lua);
            ExitCode::SUCCESS
        }
        Ok(Some(text)) => {
            end(&lua);
            eprintln!("photon-lua: {text}");
            ExitCode::FAILURE
        }
        Err(error) => {
            end(&lua);
            eprintln!("photon-lua: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Disconnects the clients, and lets Lua write what it holds back.
fn end(lua: &Lua) {
    flush(lua);
    photon_lua::disconnect_all(lua, MAX_END);
}

fn flush(lua: &Lua) {
    // The script may have replaced or closed it, which is no reason to fail.
    let flush = lua.load("io.stdout:flush()").set_name("=photon-lua");
    let _ignored = flush.exec();
    let _ignored = std::io::stdout().flush();
}

/// Returns the text of an uncaught error.
fn prepare_and_run(
    lua: &Lua,
    script: &OsStr,
    arguments: Vec<OsString>,
) -> mlua::Result<Option<String>> {
    photon_lua::register(lua)?;
    crate::debug_library::add(lua)?;
    let name = Path::new(script).display().to_string();
    let source = match std::fs::read(script) {
        Ok(source) => source,
        Err(error) => return Ok(Some(outside(&format!("cannot read {name}: {error}")))),
    };
    set_globals(lua, script, &arguments)?;
    let chunk = lua
        .load(without_shebang(&source))
        .set_name(format!("@{name}"));
    // A script is text: bytecode could break the safety of Lua.
    let chunk = chunk.set_mode(mlua::ChunkMode::Text);
    let main = match chunk.into_function() {
        Ok(main) => main,
        Err(mlua::Error::SyntaxError { message, .. }) => {
            return Ok(Some(outside(&message)));
        }
        Err(error) => return Err(error),
    };
    let mut all = MultiValue::new();
    all.push_back(Value::Function(main));
    for argument in arguments {
        all.push_back(Value::String(
            lua.create_string(argument.as_encoded_bytes())?,
        ));
    }
    let (ok, error, trace): (bool, Value, Option<mlua::String>) =
        photon_lua::runner(lua)?.call(all)?;
    if ok {
        return Ok(None);
    }
    let text = text_of(lua, &error)?;
    let trace = trace
        .map(|trace| trace.to_string_lossy())
        .unwrap_or_default();
    Ok(Some(format!("{text}\n{trace}")))
}

/// An error outside of all functions, with the traceback that Lua shows then.
fn outside(text: &str) -> String {
    format!("{text}\nstack traceback:\n\t[C]: in ?")
}

/// The first line of a script may name its interpreter. The line stays, so that the others keep
/// their numbers.
fn without_shebang(source: &[u8]) -> &[u8] {
    if !source.starts_with(b"#") {
        return source;
    }
    let end = source.iter().position(|&byte| byte == b'\n');
    &source[end.unwrap_or(source.len())..]
}

/// The text of an error value, as the stand-alone interpreter shows it.
fn text_of(lua: &Lua, error: &Value) -> mlua::Result<String> {
    let is_text = matches!(
        error,
        Value::String(_) | Value::Number(_) | Value::Integer(_)
    );
    let has_text = match error {
        Value::Table(table) => {
            let meta = table.metatable();
            meta.is_some_and(|meta| meta.contains_key("__tostring").unwrap_or(false))
        }
        Value::UserData(_) | Value::Error(_) => true,
        _ => is_text,
    };
    if !has_text {
        return Ok(format!("(error object is a {} value)", error.type_name()));
    }
    let tostring: mlua::Function = lua.globals().get("tostring")?;
    match tostring.call::<mlua::String>(error.clone()) {
        Ok(text) => Ok(text.to_string_lossy()),
        Err(_) => Ok(format!("(error object is a {} value)", error.type_name())),
    }
}

fn set_globals(lua: &Lua, script: &OsStr, arguments: &[OsString]) -> mlua::Result<()> {
    let globals = lua.globals();
    let arg = lua.create_table()?;
    arg.raw_set(0, lua.create_string(script.as_encoded_bytes())?)?;
    for (index, argument) in arguments.iter().enumerate() {
        arg.raw_set(index + 1, lua.create_string(argument.as_encoded_bytes())?)?;
    }
    globals.set("arg", arg)?;
    let package: Table = globals.get("package")?;
    let folder = match Path::new(script).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut path = folder.join("?.lua;").into_os_string().into_encoded_bytes();
    path.extend(
        folder
            .join("?/init.lua;")
            .into_os_string()
            .into_encoded_bytes(),
    );
    path.extend_from_slice(&package.get::<mlua::String>("path")?.as_bytes());
    package.set("path", lua.create_string(path)?)?;
    // Someone may read the output while the script runs.
    lua.load("io.stdout:setvbuf('line')")
        .set_name("=photon-lua")
        .exec()?;
    let os: Table = globals.get("os")?;
    os.set("exit", lua.create_function(exit)?)
}

fn exit(lua: &Lua, code: Value) -> mlua::Result<()> {
    let code = match code {
        Value::Nil | Value::Boolean(true) => 0,
        Value::Boolean(false) => 1,
        Value::Integer(code) => code as i32,
        Value::Number(code) => code as i32,
        other => {
            let kind = other.type_name();
            let text = format!("os.exit: code must be a number or a boolean, got {kind}");
            return Err(mlua::Error::runtime(text));
        }
    };
    end(lua);
    std::process::exit(code)
}
