//! A development server, and Lua states with the test scripts' modules.
#![allow(dead_code, reason = "each test binary uses a part")]

use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use mlua::{Lua, Table};
use std::path::{Path, PathBuf};

pub(crate) const TRANSPORTS: [(&str, Transport); 3] = [
    ("udp", Transport::Udp),
    ("tcp", Transport::Tcp),
    ("ws", Transport::Ws),
];

pub(crate) fn server() -> LocalServer {
    let mut config = ServerConfig::default();
    config.properties = true;
    LocalServer::start(config).expect("a development server starts")
}

/// The folder of the test scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api")
}

/// A Lua state with the modules, `SERVER` and `TRANSPORT`.
pub(crate) fn lua(server: &LocalServer, name: &str, transport: Transport) -> Lua {
    let lua = Lua::new();
    photon_lua::register(&lua).expect("the modules are registered");
    let globals = lua.globals();
    globals.set("SERVER", server.url(transport)).unwrap();
    globals.set("TRANSPORT", name).unwrap();
    let package: Table = globals.get("package").unwrap();
    let path = scripts().join("?.lua");
    package.set("path", path.display().to_string()).unwrap();
    lua
}

/// Runs a text as a script.
pub(crate) fn run(lua: &Lua, name: &str, source: &str) {
    if let Err(error) = lua.load(source).set_name(format!("@{name}")).exec() {
        panic!("{name}: {error}");
    }
}
