//! Hundreds of clients in one thread, and a server in another. `PHOTON_MANY=1000` runs a thousand
//! clients; the limit of open files must be twice as high.

mod harness;

use chat_std_io::{
    ChatConfig, Event, PrivateOptions, PublishOptions, Session, SessionOptions, State,
    SubscribeOptions, Tls,
};
use dev_server::{ServerConfig, Transport};
use harness::start_server;
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;
const MESSAGES: usize = 5;
/// The number of clients that log in at a time. Each has two sockets while it changes servers.
const BATCH: usize = 25;
/// A test that takes longer has failed.
const MAX_DURATION: Duration = Duration::from_secs(60);

struct Client {
    session: Session,
    subscribed: bool,
    /// It has received its private message to itself.
    ended: bool,
    received: Vec<(i32, String)>,
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
            received: Vec::new(),
        }
    }

    /// Runs one frame and returns whether there were events.
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
                        self.received.push((message.id.unwrap(), text.to_owned()));
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

/// Runs frames of all clients until `done` is true for each.
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
        assert!(started.elapsed() < MAX_DURATION, "the test takes too long");
        if !any {
            // No client has events, so this thread waits for a moment.
            clients[0].session.wait(Duration::from_millis(1));
        }
    }
}

#[test]
fn clients_receive_each_message_once_over_tcp() {
    let server = start_server(ServerConfig::new());
    receive_each_message_once(&server.url(Transport::Tcp), &SessionOptions::new());
}

#[test]
fn clients_receive_each_message_once_over_udp() {
    let server = start_server(ServerConfig::new());
    receive_each_message_once(&server.url(Transport::Udp), &SessionOptions::new());
}

#[test]
fn clients_receive_each_message_once_over_wss() {
    let server = start_server(ServerConfig::new());
    let tls = Tls::with_root(server.certificate_pem().as_bytes()).unwrap();
    let options = SessionOptions::new().tls(tls);
    receive_each_message_once(&server.url(Transport::Wss), &options);
}

fn receive_each_message_once(url: &str, options: &SessionOptions) {
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
    run_until(&mut clients, |client| {
        client.received.len() >= many * MESSAGES
    });
    // The server sends a message to oneself after everything that it has queued before.
    for client in &mut clients {
        let user = client.session.chat.user_id().clone();
        client
            .session
            .chat
            .send_private_message(&user, "end", &PrivateOptions::new())
            .unwrap();
    }
    run_until(&mut clients, |client| client.ended);
    // All clients receive the same messages, each once, those of one user in order.
    let ids: Vec<i32> = clients[0].received.iter().map(|(id, _)| *id).collect();
    assert!(ids.iter().copied().eq(1..=(many * MESSAGES) as i32));
    for (user, client) in clients.iter().enumerate() {
        assert!(
            client.received == clients[0].received,
            "user {user} received other messages"
        );
        let own = clients[0]
            .received
            .iter()
            .filter(|(_, text)| text.starts_with(&format!("user {user}: ")));
        assert!(
            own.map(|(_, text)| text.clone())
                .eq((0..MESSAGES).map(|number| format!("user {user}: {number}")))
        );
    }
}
