//! The others: a server that can be killed and come back, and a user who writes.

use super::pty::LONG;
use chat_core::{ChatConfig, Event, PrivateOptions, PublishOptions, SubscribeOptions};
use chat_std_io::Session;
use dev_server::ServerConfig;
use dev_server::server::{Addresses, Server, ServerHandle, ServerOptions};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// A development server on ports that it keeps.
pub(crate) struct Host {
    options: ServerOptions,
    addresses: Addresses,
    running: Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
}

impl Host {
    pub(crate) fn start() -> Self {
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            config: ServerConfig::new(),
            ..ServerOptions::default()
        };
        let server = Server::bind(&options).unwrap();
        let addresses = server.addresses();
        let mut host = Self {
            options: ServerOptions {
                name_server_port: addresses.name_server.port(),
                front_end_port: addresses.front_end.port(),
                ..options
            },
            addresses,
            running: None,
        };
        host.run(server);
        host
    }

    fn run(&mut self, server: Server) {
        self.running = Some((server.handle(), thread::spawn(move || server.run())));
    }

    /// Ends the server without a disconnect, and with all that it knew.
    pub(crate) fn kill(&mut self) {
        let (handle, thread) = self.running.take().unwrap();
        handle.stop();
        thread.join().unwrap().unwrap();
    }

    pub(crate) fn come_back(&mut self) {
        let server = Server::bind(&self.options).unwrap();
        self.run(server);
    }

    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    pub(crate) fn url(&self) -> String {
        format!("tcp://{}", self.addresses.name_server)
    }

    /// Clients are sent to this port for the front end.
    pub(crate) fn announce_front_end(&self, port: u16) {
        let (handle, _) = self.running.as_ref().unwrap();
        handle.with_core(move |core| core.config_mut().front_end_port = port);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.running.is_some() && !thread::panicking() {
            self.kill();
        }
    }
}

/// The arguments for a user of this server.
pub(crate) fn arguments<'a>(url: &'a str, user: &'a str) -> Vec<&'a str> {
    vec!["--server", url, "--app-id", "app", "--user", user]
}

/// Another user, in the channel `lobby`.
pub(crate) struct Other {
    session: Session,
}

impl Other {
    pub(crate) fn join(url: &str, name: &str) -> Self {
        let config = ChatConfig::new(url, "app", "1.0").user_id(name);
        let mut session = Session::new(config).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        let mut other = Self { session };
        other.drive(|session, _| session.chat.is_connected_to_front_end());
        let options = SubscribeOptions::new();
        other.session.chat.subscribe(["lobby"], &options).unwrap();
        other.drive(|_, event| matches!(event, Event::SubscribeResult(_)));
        other
    }

    /// Publishes messages, and waits until the server has sent the last one back.
    pub(crate) fn publish(&mut self, texts: impl IntoIterator<Item = String>) {
        let mut last = String::new();
        for (number, text) in texts.into_iter().enumerate() {
            let chat = &mut self.session.chat;
            chat.publish_message("lobby", text.as_str(), &PublishOptions::new())
                .unwrap();
            last = text;
            // Less than the client holds back at once.
            if number % 100 == 99 {
                self.wait_for_message(&last);
            }
        }
        self.wait_for_message(&last);
    }

    pub(crate) fn write_to(&mut self, user: &str, text: &str) {
        let chat = &mut self.session.chat;
        chat.send_private_message(user, text, &PrivateOptions::new())
            .unwrap();
        self.drive(|_, event| matches!(event, Event::PrivateMessage { .. }));
    }

    /// Waits for a message in the channel. It may have come already, as the last one.
    #[track_caller]
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        let is_there = |session: &Session| {
            let channel = session.chat.channel("lobby");
            let last = channel.and_then(|channel| channel.messages().last());
            last.is_some_and(|message| message.content.to_string() == text)
        };
        if !is_there(&self.session) {
            self.drive(|session, _| is_there(session));
        }
    }

    #[track_caller]
    fn drive(&mut self, mut until: impl FnMut(&Session, &Event) -> bool) {
        let began = Instant::now();
        loop {
            self.session.wait(LONG);
            while let Some(event) = self.session.poll_event() {
                if until(&self.session, &event) {
                    return;
                }
            }
            assert!(
                began.elapsed() < LONG,
                "nothing comes in {:?}",
                self.session.chat.state()
            );
        }
    }
}
