//! The conversation that shows whether this client works against a service: by every transport, with
//! two users, history, and a return after a loss of the connection.
//!
//! It runs against the development server in each test run, so that it is correct when somebody runs
//! it against the Photon cloud:
//!
//! ```sh
//! PHOTON_APP_ID=.. cargo test -p photon-chat-std-io --test cloud -- --ignored --nocapture
//! ```
//!
//! `PHOTON_SERVER` (default `ns.photonengine.io`) and `PHOTON_REGION` (default `eu`) are optional.
#![cfg(feature = "tls")]

use chat_std_io::{
    ChatConfig, CloseOutcome, Event, Outcome, PrivateOptions, PublishOptions, Restore, Session,
    SessionOptions, SubscribeOptions, Tls,
};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Real networks are slow, and the first attempt to come back may wait.
const PATIENCE: Duration = Duration::from_secs(30);

struct Service {
    app_id: String,
    region: String,
    options: SessionOptions,
    address: Box<dyn Fn(Transport) -> String>,
}

struct User {
    session: Session,
    name: String,
    /// The texts of the channel's messages, in order.
    heard: Vec<String>,
    /// Sender and text of private messages.
    private: Vec<(String, String)>,
    subscribed: bool,
    losses: u32,
    restored: u32,
    /// Every event, for a report.
    trace: String,
}

impl User {
    fn connect(service: &Service, transport: Transport, name: &str, channel: &str) -> Self {
        let config = ChatConfig::new((service.address)(transport), &*service.app_id, "test")
            .user_id(name)
            .restore(Restore::new());
        let options = service.options.clone();
        let mut session = Session::with_options(config, options).expect("the system has a seed");
        session
            .chat
            .connect_to_region_front_end(&service.region)
            .expect("a valid address and region");
        let options = SubscribeOptions::new().history(-1);
        let _request = session
            .chat
            .subscribe([channel], &options)
            .expect("restore is on");
        Self {
            session,
            name: name.to_owned(),
            heard: Vec::new(),
            private: Vec::new(),
            subscribed: false,
            losses: 0,
            restored: 0,
            trace: String::new(),
        }
    }

    fn pass(&mut self) {
        self.session.wait(Duration::from_millis(5));
        while let Some(event) = self.session.poll_event() {
            writeln!(self.trace, "{}: {event:?}", self.name).expect("a String takes it");
            match event {
                Event::ChatMessages { messages, .. } => {
                    let texts = messages.iter().map(|message| message.content.to_string());
                    self.heard.extend(texts);
                }
                Event::PrivateMessage { message, .. } => self
                    .private
                    .push((message.sender().to_owned(), message.content().to_string())),
                Event::SubscribeResult(channels) => {
                    let mut outcomes = channels.iter().map(|channel| &channel.outcome);
                    self.subscribed |= outcomes.all(|outcome| *outcome == Outcome::Done);
                }
                Event::Error { .. } => self.losses += 1,
                Event::Restored { .. } => self.restored += 1,
                _ => {}
            }
        }
    }

    fn publish(&mut self, channel: &str, text: &str) {
        self.session
            .chat
            .publish_message(channel, text, &PublishOptions::new())
            .expect("connected");
    }
}

/// Services all users until something is so.
#[track_caller]
fn until<const N: usize>(users: &mut [User; N], what: &str, is_so: impl Fn(&[User; N]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so(users) {
        users.iter_mut().for_each(User::pass);
        let trace = || users.iter().map(|user| &*user.trace).collect::<String>();
        assert!(Instant::now() < end, "not in time: {what}\n{}", trace());
    }
}

/// A name that no other run has: users of the same id would receive each other's messages, and a
/// channel keeps its history for a time.
fn unique(name: &str) -> String {
    let mut random = [0; 6];
    getrandom::fill(&mut random).expect("the system has random numbers");
    random.iter().fold(format!("{name}-"), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes it");
        text
    })
}

fn conversation(service: &Service, transport: Transport) {
    let channel = &*unique("photon-chat-test");
    let names = [unique("alice"), unique("bob")];
    let mut users = names
        .each_ref()
        .map(|name| User::connect(service, transport, name, channel));
    until(&mut users, "both are in the channel", |users| {
        users.iter().all(|user| user.subscribed)
    });

    let texts = ["one", "two", "three"];
    for text in texts {
        users[0].publish(channel, text);
    }
    until(&mut users, "both have the messages", |users| {
        users.iter().all(|user| user.heard.len() >= texts.len())
    });
    assert!(users.iter().all(|user| user.heard == texts));

    let [alice, bob] = &mut users;
    bob.session
        .chat
        .send_private_message(&alice.name, "psst", &PrivateOptions::new())
        .expect("connected");
    until(&mut users, "a private message", |users| {
        users.iter().all(|user| !user.private.is_empty())
    });
    assert_eq!(users[0].private, [(names[1].clone(), "psst".to_owned())]);

    let restored = users[1].restored;
    users[1].session.simulate_connection_loss();
    until(&mut users, "bob notices", |users| users[1].losses == 1);
    users[0].publish(channel, "meanwhile");
    until(
        &mut users,
        "bob comes back and has what he missed",
        |users| users[1].restored > restored && users[1].heard.len() > texts.len(),
    );
    assert_eq!(users[1].heard, ["one", "two", "three", "meanwhile"]);

    let mut carol = [User::connect(service, transport, &unique("carol"), channel)];
    until(&mut carol, "the history", |carol| carol[0].heard.len() >= 4);
    assert_eq!(carol[0].heard, users[1].heard);

    for user in users.into_iter().chain(carol) {
        let outcome = user.session.close(Duration::from_secs(5));
        assert_ne!(outcome, CloseOutcome::Unsent, "{}", user.name);
    }
}

#[test]
fn the_conversation_for_the_cloud_works_with_the_development_server() {
    let server = LocalServer::start(ServerConfig::new()).expect("free ports");
    let tls = Tls::with_root(server.certificate_pem().as_bytes()).expect("a certificate");
    let urls = Transport::ALL.map(|transport| (transport, server.url(transport)));
    let service = Service {
        app_id: "app".into(),
        region: "eu".into(),
        options: SessionOptions::new().tls(tls),
        address: Box::new(move |transport| {
            let found = urls.iter().find(|(one, _)| *one == transport);
            found.expect("every transport").1.clone()
        }),
    };
    for transport in Transport::ALL {
        conversation(&service, transport);
    }
}

#[test]
#[ignore = "needs PHOTON_APP_ID, and a network"]
fn cloud() {
    let or = |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let app_id = std::env::var("PHOTON_APP_ID");
    let host = or("PHOTON_SERVER", "ns.photonengine.io");
    let service = Service {
        app_id: app_id.expect("PHOTON_APP_ID is the app id of a Chat application"),
        region: or("PHOTON_REGION", "eu"),
        options: SessionOptions::new(),
        address: Box::new(move |transport| format!("{transport}://{host}")),
    };
    for transport in Transport::ALL {
        println!("{transport}");
        conversation(&service, transport);
    }
}
