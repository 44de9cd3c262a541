//! The program: exit statuses, arguments, output, and the end of clients.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of one test, with scripts.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, source: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, source).unwrap();
        path
    }

    /// Runs a script.
    fn run(&self, source: &str, arguments: &[&str]) -> Ended {
        let script = self.write("main.lua", source);
        Ended::of(Command::new(PROGRAM).arg(script).args(arguments))
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_photon-lua");

struct Ended {
    status: i32,
    out: String,
    err: String,
}

impl Ended {
    fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            status: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }
}

#[test]
fn a_script_has_its_arguments_and_its_folder() {
    let folder = Folder::new("arguments");
    folder.write("helper.lua", "return { name = 'helper' }");
    let ended = folder.run(
        "print(select('#', ...), ..., #arg, arg[1], arg[2])\n\
         print(arg[0]:match('main.lua$'), require('helper').name)",
        &["one", "-two"],
    );
    assert_eq!(ended.out, "2\tone\t2\tone\t-two\nmain.lua\thelper\n");
    assert_eq!((ended.status, ended.err.as_str()), (0, ""));
    // Without arguments, and without an end of the line.
    let ended = folder.run(
        "#!/usr/bin/env photon-lua\nio.write(select('#', ...), #arg)",
        &[],
    );
    assert_eq!((ended.status, ended.out.as_str()), (0, "00"));
}

#[test]
fn os_exit_ends_with_its_status_and_writes_the_output() {
    let folder = Folder::new("exit");
    for (call, status) in [
        ("os.exit(7)", 7),
        ("os.exit()", 0),
        ("os.exit(true)", 0),
        ("os.exit(false)", 1),
        ("coroutine.wrap(function() os.exit(3) end)()", 3),
    ] {
        let ended = folder.run(&format!("io.write('out') {call} print('never')"), &[]);
        assert_eq!(
            (ended.status, ended.out.as_str()),
            (status, "out"),
            "{call}"
        );
    }
}

#[test]
fn an_uncaught_error_has_a_traceback_and_status_1() {
    let folder = Folder::new("errors");
    let ended = folder.run(
        "io.write('before')\nlocal function inner() error('oops') end\nlocal function outer() inner() end\nouter()",
        &[],
    );
    assert_eq!((ended.status, ended.out.as_str()), (1, "before"));
    assert!(ended.err.contains("main.lua:2: oops\n"), "{}", ended.err);
    assert!(ended.err.contains("stack traceback:"), "{}", ended.err);
    assert!(ended.err.contains("main.lua:3: in "), "{}", ended.err);

    let ended = folder.run("x = = 1", &[]);
    assert_eq!(ended.status, 1);
    assert!(ended.err.contains("main.lua:1: "), "{}", ended.err);
    assert!(
        ended.err.contains("stack traceback:\n\t[C]:"),
        "{}",
        ended.err
    );

    let ended = folder.run("error({ code = 5 })", &[]);
    assert_eq!(ended.status, 1);
    assert!(
        ended.err.contains("(error object is a table value)"),
        "{}",
        ended.err
    );

    let ended = folder.run(
        "error(setmetatable({}, { __tostring = function() return 'mine' end }))",
        &[],
    );
    assert!(ended.err.contains("mine\n"), "{}", ended.err);

    let ended = folder.run("require('absent')", &[]);
    assert_eq!(ended.status, 1);
    assert!(
        ended.err.contains("module 'absent' not found"),
        "{}",
        ended.err
    );

    let ended = Ended::of(Command::new(PROGRAM).arg(folder.0.join("absent.lua")));
    assert_eq!(ended.status, 1);
    assert!(ended.err.contains("absent.lua"), "{}", ended.err);
    assert!(
        ended.err.contains("stack traceback:\n\t[C]:"),
        "{}",
        ended.err
    );
}

#[test]
fn an_error_in_a_callback_shows_the_place_that_raised_it() {
    let folder = Folder::new("callbacks");
    let ended = folder.run(
        "local ChatClient = require('photon.chat.ChatClient')\n\
         local client = ChatClient.new('udp://127.0.0.1:9', 'app', '1.0')\n\
         local function deep() error('in a callback') end\n\
         function client:onStateChange() deep() end\n\
         client:connectToRegionFrontEnd('eu')",
        &[],
    );
    assert_eq!(ended.status, 1);
    assert!(
        ended.err.contains("main.lua:3: in a callback\n"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("main.lua:4: in "), "{}", ended.err);
    assert!(
        ended.err.contains("main.lua:5: in main chunk"),
        "{}",
        ended.err
    );
    // debug.traceback shows it, too.
    let ended = folder.run(
        "local ChatClient = require('photon.chat.ChatClient')\n\
         local client = ChatClient.new('udp://127.0.0.1:9', 'app', '1.0')\n\
         local function deep() error('in a callback') end\n\
         function client:onStateChange() deep() end\n\
         local _, trace = xpcall(function() client:connectToRegionFrontEnd('eu') end, debug.traceback)\n\
         print(trace)",
        &[],
    );
    assert_eq!(ended.status, 0, "{}", ended.err);
    assert!(ended.out.contains("main.lua:4: in "), "{}", ended.out);
    // Also if a coroutine services the client. Lua 5.1 has no traceback of a coroutine that ended.
    let ended = folder.run(
        "local ChatClient = require('photon.chat.ChatClient')\n\
         local client = ChatClient.new('udp://127.0.0.1:9', 'app', '1.0')\n\
         local function deep() error('in a callback') end\n\
         function client:onStateChange() deep() end\n\
         local thread = coroutine.create(function() client:connectToRegionFrontEnd('eu') end)\n\
         local _, err = coroutine.resume(thread)\n\
         error(err, 0)",
        &[],
    );
    assert_eq!(ended.status, 1);
    assert!(
        ended.err.contains("main.lua:3: in a callback\n"),
        "{}",
        ended.err
    );
    if cfg!(not(feature = "lua51")) {
        assert!(ended.err.contains("main.lua:4: in "), "{}", ended.err);
    }
}

#[test]
fn a_bad_command_line_is_status_64() {
    let ended = Ended::of(&mut Command::new(PROGRAM));
    assert_eq!(ended.status, 64);
    assert!(ended.err.contains("photon-lua SCRIPT.lua"), "{}", ended.err);
    let ended = Ended::of(Command::new(PROGRAM).arg("--verbose"));
    assert_eq!(ended.status, 64);
    assert!(ended.err.contains("--verbose"), "{}", ended.err);
}

#[test]
fn debug_has_tracebacks_and_information() {
    let folder = Folder::new("debug");
    let ended = folder.run(
        "local function here() local info = debug.getinfo(1, 'nSl') return info end\n\
         local info = here()\n\
         print(info.name, info.currentline, info.short_src:match('main.lua$'), info.linedefined)\n\
         print(debug.getinfo(here).what, debug.getinfo(print).what, debug.getinfo(99))\n\
         print(debug.traceback('text'):match('^text\\nstack traceback:\\n'), debug.traceback({}) ~= nil)",
        &[],
    );
    assert_eq!((ended.status, ended.err.as_str()), (0, ""));
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines[0].ends_with("\t1\tmain.lua\t1"), "{}", ended.out);
    assert_eq!(lines[1], "Lua\tC\tnil");
    assert_eq!(lines[2], "text", "{}", ended.out);
}

#[test]
fn clients_disconnect_at_the_end_and_their_last_message_arrives() {
    let folder = Folder::new("end");
    for (_, transport) in common::TRANSPORTS {
        let server = common::server();
        let url = server.url(transport);
        let prelude = "local photon = require('photon')\n\
             local client = photon.chat.ChatClient.new(arg[1], 'app', '1.0')\n\
             client:setUserId(arg[2])\n\
             client:connectToRegionFrontEnd('eu')\n\
             photon.run(client, function() return client.state == 4 end)\n\
             client:subscribe({ 'room' }, { historyLength = -1 })\n\
             photon.run(client, function() return client:getPublicChannels().room end)\n";
        for end in ["", "os.exit(0)"] {
            let source = format!("{prelude}client:publishMessage('room', 'last') {end}");
            let ended = folder.run(&source, &[&url, "alice"]);
            assert_eq!((ended.status, ended.err.as_str()), (0, ""));
        }
        let source = format!(
            "{prelude}local channel = client:getPublicChannels().room\n\
             photon.run(client, function() return #channel:getMessages() == 2 end)\n\
             print(channel:getMessages()[2]:getContent())"
        );
        let ended = folder.run(&source, &[&url, "bob"]);
        assert_eq!(
            (ended.status, ended.out.as_str()),
            (0, "last\n"),
            "{}",
            ended.err
        );
    }
}
