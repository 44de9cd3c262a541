//! Apps without a window against the development server.

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use photon_bevy::chat_std_io::{
    ChatConfig, Event, PublishOptions, Restore, State, SubscribeOptions,
};
use photon_bevy::{Chat, ChatEvent, ChatSystems, PhotonChatPlugin};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes this long: a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(30);

/// What a player has read, in order.
#[derive(Resource, Default)]
struct Read(Vec<String>);

/// What happened in which system of a frame.
#[derive(Resource, Default)]
struct Order(Vec<&'static str>);

fn server() -> LocalServer {
    LocalServer::start(ServerConfig::new()).unwrap()
}

fn app(server: &LocalServer, transport: Transport, user: &str) -> App {
    let config = ChatConfig::new(server.url(transport), "app", "1.0")
        .user_id(user)
        .restore(Restore::new().queue_cap_bytes(10_000));
    let mut app = App::new();
    app.add_plugins(PhotonChatPlugin::new(config))
        .init_resource::<Read>()
        .add_systems(Startup, join)
        .add_systems(Update, read);
    app
}

fn join(mut chat: ResMut<Chat>) -> Result {
    chat.connect_to_region_front_end("eu")?;
    chat.subscribe(["lobby"], &SubscribeOptions::new())?;
    Ok(())
}

fn read(mut events: MessageReader<ChatEvent>, mut read: ResMut<Read>) {
    for ChatEvent(event) in events.read() {
        if let Event::ChatMessages { messages, .. } = event {
            read.0
                .extend(messages.iter().map(|message| message.content.to_string()));
        }
    }
}

/// Runs frames of these apps until something is true.
#[track_caller]
fn frames_until<const N: usize>(
    mut apps: [&mut App; N],
    mut until: impl FnMut(&[&mut App; N]) -> bool,
) {
    let began = Instant::now();
    while !until(&apps) {
        assert!(began.elapsed() < LONG, "this hangs");
        for app in &mut apps {
            app.update();
        }
        thread::yield_now();
    }
}

fn is_in_lobby(app: &App) -> bool {
    app.world().resource::<Chat>().can_chat_in_channel("lobby")
}

fn read_of(app: &App) -> &[String] {
    &app.world().resource::<Read>().0
}

fn publish(app: &mut App, text: &str) {
    let mut chat = app.world_mut().resource_mut::<Chat>();
    chat.publish_message("lobby", text, &PublishOptions::new())
        .unwrap();
}

#[test]
fn two_apps_talk_over_each_transport() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Ws] {
        let server = server();
        let [mut alice, mut bob] = ["alice", "bob"].map(|user| app(&server, transport, user));
        frames_until([&mut alice, &mut bob], |apps| {
            apps.iter().all(|app| is_in_lobby(app))
        });
        publish(&mut alice, "hello");
        frames_until([&mut alice, &mut bob], |apps| {
            apps.iter().all(|app| !read_of(app).is_empty())
        });
        publish(&mut bob, "hello yourself");
        frames_until([&mut alice, &mut bob], |apps| {
            apps.iter().all(|app| read_of(app).len() >= 2)
        });
        for app in [&alice, &bob] {
            assert_eq!(read_of(app), ["hello", "hello yourself"], "{transport}");
        }
    }
}

#[test]
fn a_request_of_update_leaves_in_the_same_frame() {
    fn writes(app: &App) -> u64 {
        app.world().resource::<Chat>().session.io_stats().writes
    }
    let server = server();
    let mut alice = app(&server, Transport::Tcp, "alice");
    frames_until([&mut alice], |[app]| is_in_lobby(app));
    alice.add_systems(Update, |mut chat: ResMut<Chat>, mut done: Local<bool>| {
        if !std::mem::replace(&mut *done, true) {
            chat.publish_message("lobby", "now", &PublishOptions::new())
                .unwrap();
        }
    });
    let before = writes(&alice);
    alice.update();
    assert_eq!(writes(&alice), before + 1);
    assert_eq!(alice.world().resource::<Chat>().buffered_bytes(), 0);
}

#[test]
fn systems_of_the_game_can_run_between_those_of_the_plugin() {
    let note = |name: &'static str| move |mut order: ResMut<Order>| order.0.push(name);
    let server = server();
    let mut alice = app(&server, Transport::Udp, "alice");
    alice
        .init_resource::<Order>()
        .add_systems(
            PreUpdate,
            note("before receive").before(ChatSystems::Receive),
        )
        .add_systems(
            PreUpdate,
            (|mut events: MessageReader<ChatEvent>, mut order: ResMut<Order>| {
                if events.read().next().is_some() {
                    order.0.push("first event");
                }
            })
            .after(ChatSystems::Receive),
        )
        .add_systems(PostUpdate, note("before send").before(ChatSystems::Send));
    // The connect call of `Startup` raises an event in the same frame.
    alice.update();
    assert_eq!(
        alice.world().resource::<Order>().0,
        ["before receive", "first event", "before send"]
    );
}

#[test]
fn an_app_that_exits_sends_its_last_message_and_leaves() {
    let server = server();
    let [mut alice, mut bob] = ["alice", "bob"].map(|user| app(&server, Transport::Udp, user));
    frames_until([&mut alice, &mut bob], |apps| {
        apps.iter().all(|app| is_in_lobby(app))
    });
    publish(&mut alice, "goodbye");
    alice.world_mut().write_message(AppExit::Success);
    alice.update();
    assert!(!alice.world().contains_resource::<Chat>());
    alice.update(); // Does no harm.
    frames_until([&mut bob], |[bob]| !read_of(bob).is_empty());
    assert_eq!(read_of(&bob), ["goodbye"]);
    let users = server.handle().with_core(|core| core.users().len());
    assert_eq!(users, Some(1));
}

#[test]
fn an_app_goes_on_while_the_server_is_away() {
    let server = server();
    let mut alice = app(&server, Transport::Tcp, "alice");
    frames_until([&mut alice], |[app]| is_in_lobby(app));
    server.stop().unwrap();
    frames_until([&mut alice], |[app]| {
        app.world().resource::<Chat>().state() == State::Error
    });
    publish(&mut alice, "waits");
    alice.update();
}
