//! What messages cost in Lua, beyond the events of the Rust client: counts of instructions.
//!
//!   CARGO_INCREMENTAL=0 cargo build --release --example cost
//!   valgrind --tool=callgrind --callgrind-out-file=/tmp/cost.out target/release/examples/cost lua live 500 1
//!
//! The arguments are `lua`, `unread` or `rust`, a workload, how many times it is done, and a number of
//! messages; the difference of two runs is the cost. The server is another process, which is not
//! counted. Workloads:
//!
//! - `live`: one event for each message, many in a call of `service`.
//! - `history`: events with this number of messages: the client subscribes again and again.
//! - `idle`: calls of `service` without anything to do.
//!
//! `unread` is `lua` with a script that counts the messages and does not read them. `floor` is the
//! share of Lua itself: a script that makes and reads objects of prepared texts, without a client.

use chat_core::{ConnectOptions, Event, PublishOptions, State, SubscribeOptions};
use chat_std_io::{ChatConfig, Session};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use mlua::Lua;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

const SCRIPT: &str = r#"
local url, mode, workload, times, messages = ...
local photon = require("photon")
local client = photon.chat.ChatClient.new(url, "app", "1.0")
client:setUserId("user")
client:connectToRegionFrontEnd("eu")
photon.run(client, function() return client.state == 4 end)
local subscribed, received, seen = false, 0, 0
function client:onSubscribeResult() subscribed = true end
function client:onUnsubscribeResult() subscribed = false end
if mode == "unread" then
    function client:onChatMessages(_, list)
        received, seen = received + 1, seen + #list
    end
else
    function client:onChatMessages(_, list)
        received = received + 1
        for i = 1, #list do
            if list[i]:getSender() == "friend" and list[i]:getContent() then seen = seen + 1 end
        end
    end
end
local function ask(count)
    local before = seen
    client:sendPrivateMessage("friend", count)
    client:service()
    -- All of them wait in the socket then.
    photon.sleep(0.3)
    photon.run(client, function() return seen >= before + count end)
end
client:subscribe({ "room" })
photon.run(client, function() return subscribed end)
if workload == "live" then
    ask(times)
elseif workload == "idle" then
    for _ = 1, times do client:service() end
else
    ask(messages)
    for _ = 1, times do
        local before = received
        client:unsubscribe({ "room" })
        photon.run(client, function() return not subscribed end)
        client:subscribe({ "room" }, { historyLength = messages })
        photon.run(client, function() return subscribed and received > before end)
    end
end
"#;

const FLOOR: &str = r#"
local _, _, workload, times, messages = ...
local setmetatable = setmetatable
local Message = {}
Message.__index = Message
function Message:getSender() return self[1] end
function Message:getContent() return self[2] end
local senders, contents, seen = {}, {}, 0
for i = 1, messages do
    senders[i], contents[i] = "friend", "a text of some length"
end
for _ = 1, times do
    local list = {}
    for i = 1, messages do
        list[i] = setmetatable({ senders[i], contents[i] }, Message)
    end
    if workload == "read" then
        for i = 1, messages do
            if list[i]:getSender() == "friend" and list[i]:getContent() then seen = seen + 1 end
        end
    end
end
"#;

type Failure = Box<dyn std::error::Error>;

/// What is measured.
struct Workload {
    name: String,
    times: usize,
    messages: usize,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    if mode == "serve" {
        return serve();
    }
    let workload = Workload {
        name: arguments.next().unwrap_or_default(),
        times: arguments.next().unwrap_or_default().parse()?,
        messages: arguments.next().unwrap_or_default().parse()?,
    };
    if mode == "floor" {
        return script(FLOOR, "", &mode, &workload);
    }
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut url = String::new();
    let output = server.stdout.take().ok_or("the server has no output")?;
    BufReader::new(output).read_line(&mut url)?;
    let url = url.trim();
    if mode == "rust" {
        rust(url, &workload)?;
    } else {
        script(SCRIPT, url, &mode, &workload)?;
    }
    // The end of its input ends the server.
    drop(server.stdin.take());
    server.wait()?;
    Ok(())
}

fn script(source: &str, url: &str, mode: &str, workload: &Workload) -> Result<(), Failure> {
    let lua = Lua::new();
    photon_lua::register(&lua)?;
    let Workload {
        name,
        times,
        messages,
    } = workload;
    let chunk = lua.load(source);
    chunk.call::<()>((url, mode, name.as_str(), *times, *messages))?;
    Ok(())
}

/// Runs the server, with a user who publishes, until its input ends.
fn serve() -> Result<(), Failure> {
    let server = LocalServer::start(ServerConfig::default())?;
    let url = server.url(Transport::Tcp);
    let (ready, is_ready) = channel();
    let (end, is_over) = channel::<()>();
    let of_friend = url.clone();
    let friend = std::thread::spawn(move || {
        let is_ready = || _ = ready.send(());
        let done = publish(&of_friend, &is_over, is_ready);
        done.map_err(|error| error.to_string())
    });
    is_ready.recv()?;
    println!("{url}");
    std::io::stdin().read_line(&mut String::new())?;
    drop(end);
    let failed = friend.join().map_err(|_| "the publisher panicked")?;
    failed?;
    server.stop()?;
    Ok(())
}

/// Publishes as many messages as a private message asks for.
fn publish(url: &str, is_over: &Receiver<()>, ready: impl FnOnce()) -> Result<(), Failure> {
    let mut session = connected(url, "friend")?;
    ready();
    let options = PublishOptions::new();
    while is_over.try_recv() == Err(TryRecvError::Empty) {
        session.wait(Duration::from_millis(1));
        while let Some(event) = session.poll_event() {
            let Event::PrivateMessage { message, .. } = event else {
                continue;
            };
            let count: usize = message.get().content.to_string().parse()?;
            for _ in 0..count {
                let text = "a text of some length";
                while session
                    .chat
                    .publish_message("room", text, &options)
                    .is_err()
                {
                    session.wait(Duration::from_millis(1));
                }
            }
        }
    }
    Ok(())
}

/// What the Rust program has seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    is_subscribed: bool,
    events: usize,
    messages: usize,
}

fn connected(url: &str, user: &str) -> Result<Session, Failure> {
    let mut session = Session::new(ChatConfig::new(url, "app", "1.0").user_id(user))?;
    let region = ConnectOptions::new().region("eu");
    session.chat.connect_to_name_server(region)?;
    let mut seen = Seen::default();
    until(&mut session, &mut seen, |_, state| {
        state == State::ConnectedToFrontEnd
    });
    session.chat.subscribe(["room"], &SubscribeOptions::new())?;
    until(&mut session, &mut seen, |seen, _| seen.is_subscribed);
    Ok(session)
}

/// The same with the Rust client.
fn rust(url: &str, workload: &Workload) -> Result<(), Failure> {
    let mut session = connected(url, "user")?;
    let mut seen = Seen {
        is_subscribed: true,
        ..Seen::default()
    };
    match workload.name.as_str() {
        "live" => ask(&mut session, &mut seen, workload.times)?,
        "idle" => {
            for _ in 0..workload.times {
                let _more = session.service();
            }
        }
        _ => {
            ask(&mut session, &mut seen, workload.messages)?;
            for _ in 0..workload.times {
                let before = seen.events;
                session.chat.unsubscribe(["room"])?;
                until(&mut session, &mut seen, |seen, _| !seen.is_subscribed);
                let history = i32::try_from(workload.messages)?;
                let options = SubscribeOptions::new().history(history);
                session.chat.subscribe(["room"], &options)?;
                until(&mut session, &mut seen, |seen, _| {
                    seen.is_subscribed && seen.events > before
                });
            }
        }
    }
    Ok(())
}

fn ask(session: &mut Session, seen: &mut Seen, count: usize) -> Result<(), Failure> {
    let wanted = seen.messages + count;
    let options = chat_core::PrivateOptions::new();
    let number = i32::try_from(count)?;
    session
        .chat
        .send_private_message("friend", &number, &options)?;
    let _more = session.service();
    std::thread::sleep(Duration::from_millis(300));
    until(session, seen, |seen, _| seen.messages >= wanted);
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
                    let of_friend = messages.iter().filter(|one| one.sender == "friend");
                    seen.messages += of_friend.count();
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
