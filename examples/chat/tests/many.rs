//! Hundreds of clients in one thread, and one server in another. `PHOTON_MANY=1000` makes it as many; the system has to
//! allow twice as many open files.

mod harness;

use chat_std_io::{
    ChatConfig, Event, PrivateOptions, PublishOptions, Session, SessionOptions, State,
    SubscribeOptions, Tls,
};
use dev_server::ServerConfig;
use harness::LocalServer;
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;
const MESSAGES: usize = 5;
/// How many log in at a time, so that the sockets of both servers together stay few.
const BATCH: usize = 25;
/// Nothing here takes this long; a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(60);

struct Client {
    session: Session,
    subscribed: bool,
    /// Its private message to itself has come back.
    ended: bool,
    heard: Vec<(i32, String)>,
}

impl Client {
    fn new(server: &str, options: &SessionOptions, number: usize) -> Self {
        let config = ChatConfig::new(server, "test", "1.0").user_id(format!("user {number}"));
        let mut session = Session::with_options(config, options.clone()).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        Self {
            session,
            subscribed: false,
            ended: false,
            heard: Vec::new(),
        }
    }

    /// One frame; whether anything happened.
    fn frame(&mut self) -> bool {
        let _more = self.session.service();
        let mut any = false;
        while let Some(event) = self.session.poll_event() {
            any = true;
            match event {
                Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                } => {
                    self.session
                        .chat
                        .subscribe(["all"], &SubscribeOptions::new())
                        .unwrap();
                }
                Event::SubscribeResult(_) => self.subscribed = true,
                Event::ChatMessages { channel, messages } => {
                    assert_eq!(channel, "all");
                    for message in messages.iter() {
                        let text = message.content.as_str().unwrap();
                        assert_eq!(text.split(": ").next(), Some(message.sender));
                        self.heard.push((message.id.unwrap(), text.to_owned()));
                    }
                }
                Event::PrivateMessage { .. } => self.ended = true,
                Event::Error { message, .. } => panic!("{message}"),
                _ => {}
            }
        }
        any
    }
}

/// Runs frames of all clients until they are as they should be.
fn run_until(clients: &mut [Client], done: impl Fn(&Client) -> bool) {
    let started = Instant::now();
    loop {
        let mut any = false;
        for client in &mut *clients {
            any |= client.frame();
        }
        if clients.iter().all(&done) {
            return;
        }
        assert!(started.elapsed() < LONG, "it takes too long");
        if !any {
            // Nothing to do for anybody: one of them waits for all.
            clients[0].session.wait(Duration::from_millis(1));
        }
    }
}

#[test]
fn two_hundred_clients_miss_nothing_and_hear_nothing_twice() {
    let server = LocalServer::start(ServerConfig::new());
    miss_nothing_and_hear_nothing_twice(&server.url(), &SessionOptions::new());
}

#[test]
fn over_udp_neither() {
    let server = LocalServer::start(ServerConfig::new());
    let udp = server.addresses.udp.unwrap().name_server;
    miss_nothing_and_hear_nothing_twice(&format!("udp://{udp}"), &SessionOptions::new());
}

#[test]
fn over_wss_neither() {
    let server = LocalServer::start(ServerConfig::new());
    let wss = server.addresses.wss.unwrap().name_server;
    let tls = Tls::with_root(server.certificate.as_bytes()).unwrap();
    miss_nothing_and_hear_nothing_twice(&format!("wss://{wss}"), &SessionOptions::new().tls(tls));
}

fn miss_nothing_and_hear_nothing_twice(url: &str, options: &SessionOptions) {
    let many = std::env::var("PHOTON_MANY")
        .ok()
        .and_then(|many| many.parse().ok())
        .unwrap_or(CLIENTS);
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < many {
        let first = clients.len();
        clients.extend(
            (first..many.min(first + BATCH)).map(|number| Client::new(url, options, number)),
        );
        run_until(&mut clients, |client| client.subscribed);
    }
    for number in 0..MESSAGES {
        for (user, client) in clients.iter_mut().enumerate() {
            let text = format!("user {user}: {number}");
            client
                .session
                .chat
                .publish_message("all", text.as_str(), &PublishOptions::new())
                .unwrap();
        }
    }
    run_until(&mut clients, |client| client.heard.len() >= many * MESSAGES);
    // What a user says to itself comes after all that was on its way to it.
    for client in &mut clients {
        let user = client.session.chat.user_id().clone();
        client
            .session
            .chat
            .send_private_message(&user, "end", &PrivateOptions::new())
            .unwrap();
    }
    run_until(&mut clients, |client| client.ended);
    // All hear the same, each message once, those of one user in their order.
    let ids: Vec<i32> = clients[0].heard.iter().map(|(id, _)| *id).collect();
    assert!(ids.iter().copied().eq(1..=(many * MESSAGES) as i32));
    for (user, client) in clients.iter().enumerate() {
        assert!(
            client.heard == clients[0].heard,
            "user {user} heard something else"
        );
        let own = clients[0]
            .heard
            .iter()
            .filter(|(_, text)| text.starts_with(&format!("user {user}: ")));
        assert!(
            own.map(|(_, text)| text.clone())
                .eq((0..MESSAGES).map(|number| format!("user {user}: {number}")))
        );
    }
}
