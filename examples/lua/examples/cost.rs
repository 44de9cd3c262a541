//! What a message costs in Lua, beyond the event of the Rust client: counts of instructions.
//!
//!   cargo build --release --example cost
//!   valgrind --tool=callgrind --callgrind-out-file=/tmp/cost.out target/release/examples/cost lua 500 1
//!
//! The arguments are `lua` or `rust`, the number of events, and the messages of each; the difference
//! of two runs is the cost. The server is another process, which is not counted. Events with many
//! messages are histories: the client subscribes again and again.

use chat_core::{ConnectOptions, Event, PublishOptions, State, SubscribeOptions};
use chat_std_io::{ChatConfig, Session};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use mlua::Lua;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const SCRIPT: &str = r#"
local url, events, messages = ...
local photon = require("photon")
local client = photon.chat.ChatClient.new(url, "app", "1.0")
client:setUserId("user")
client:connectToRegionFrontEnd("eu")
photon.run(client, function() return client.state == 4 end)
local subscribed, received, seen = false, 0, 0
function client:onSubscribeResult() subscribed = true end
function client:onUnsubscribeResult() subscribed = false end
function client:onChatMessages(_, list)
    received = received + 1
    for i = 1, #list do
        if list[i]:getSender() == "user" and list[i]:getContent() then seen = seen + 1 end
    end
end
client:subscribe({ "room" })
photon.run(client, function() return subscribed end)
for i = 1, messages do client:publishMessage("room", "a text of some length") end
photon.run(client, function() return seen == messages end)
for _ = 1, events do
    local before = received
    client:unsubscribe({ "room" })
    photon.run(client, function() return not subscribed end)
    client:subscribe({ "room" }, { historyLength = messages })
    photon.run(client, function() return subscribed and received > before end)
end
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    if mode == "serve" {
        return serve();
    }
    let events: usize = arguments.next().unwrap_or_default().parse()?;
    let messages: usize = arguments.next().unwrap_or_default().parse()?;
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut url = String::new();
    let output = server.stdout.take().ok_or("the server has no output")?;
    BufReader::new(output).read_line(&mut url)?;
    if mode == "lua" {
        let lua = Lua::new();
        photon_lua::register(&lua)?;
        lua.load(SCRIPT)
            .call::<()>((url.trim(), events, messages))?;
    } else {
        rust(url.trim(), events, messages)?;
    }
    // The end of its input ends the server.
    drop(server.stdin.take());
    server.wait()?;
    Ok(())
}

/// Runs the server until its input ends.
fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let server = LocalServer::start(ServerConfig::default())?;
    println!("{}", server.url(Transport::Tcp));
    std::io::stdin().read_line(&mut String::new())?;
    server.stop()?;
    Ok(())
}

/// What the Rust program has seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    is_subscribed: bool,
    events: usize,
    messages: usize,
}

/// The same with the Rust client.
fn rust(url: &str, events: usize, messages: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut session = Session::new(ChatConfig::new(url, "app", "1.0").user_id("user"))?;
    let region = ConnectOptions::new().region("eu");
    session.chat.connect_to_name_server(region)?;
    let mut seen = Seen::default();
    until(&mut session, &mut seen, |_, state| {
        state == State::ConnectedToFrontEnd
    });
    let options = SubscribeOptions::new();
    session.chat.subscribe(["room"], &options)?;
    until(&mut session, &mut seen, |seen, _| seen.is_subscribed);
    for _ in 0..messages {
        let options = PublishOptions::new();
        let text = "a text of some length";
        session.chat.publish_message("room", text, &options)?;
    }
    until(&mut session, &mut seen, |seen, _| seen.messages == messages);
    for _ in 0..events {
        let before = seen.events;
        session.chat.unsubscribe(["room"])?;
        until(&mut session, &mut seen, |seen, _| !seen.is_subscribed);
        let options = SubscribeOptions::new().history(i32::try_from(messages)?);
        session.chat.subscribe(["room"], &options)?;
        until(&mut session, &mut seen, |seen, _| {
            seen.is_subscribed && seen.events > before
        });
    }
    Ok(())
}

fn until(session: &mut Session, seen: &mut Seen, is_done: impl Fn(Seen, State) -> bool) {
    loop {
        while let Some(event) = session.poll_event() {
            match event {
                Event::SubscribeResult(_) => seen.is_subscribed = true,
                Event::UnsubscribeResult(_) => seen.is_subscribed = false,
                Event::ChatMessages { messages, .. } => {
                    seen.events += 1;
                    let own = messages.iter().filter(|one| one.sender == "user");
                    seen.messages += own.count();
                }
                _ => {}
            }
        }
        if is_done(*seen, session.chat.state()) {
            return;
        }
        session.wait(Duration::from_millis(20));
    }
}
