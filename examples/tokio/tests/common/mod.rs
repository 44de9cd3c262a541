//! A development server that can be stopped and started again, and sessions with it.
#![allow(dead_code, reason = "each test program uses a part")]

use chat_core::{ChatConfig, Event, PublishOptions, SubscribeOptions};
use dev_server::server::{
    Addresses, Server as DevServer, ServerHandle, ServerOptions, UdpPorts, WsPorts, WssOptions,
};
use dev_server::{ServerConfig, Transport};
use photon_tokio::rustls::crypto::ring;
use photon_tokio::rustls::pki_types::{CertificateDer, pem::PemObject};
use photon_tokio::rustls::{ClientConfig, RootCertStore};
use photon_tokio::{AsyncSession, chat_core};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing here takes this long: a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const TRANSPORTS: [Transport; 4] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Ws,
    Transport::Wss,
];

/// A server on free ports, which stay the same when it starts again.
pub(crate) struct Server {
    options: ServerOptions,
    addresses: Addresses,
    certificate: String,
    running: Option<(ServerHandle, JoinHandle<io::Result<()>>)>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(ServerConfig::new())
    }

    pub(crate) fn with(config: ServerConfig) -> Self {
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: Some(UdpPorts::ANY),
            ws: Some(WsPorts::ANY),
            wss: Some(WssOptions {
                ports: WsPorts::ANY,
                ..WssOptions::default()
            }),
            config,
            ..ServerOptions::default()
        };
        let server = DevServer::bind(&options).unwrap();
        let (addresses, certificate) = (server.addresses(), server.certificate_pem().unwrap());
        let certificate = certificate.to_owned();
        let mut it = Self {
            options,
            addresses,
            certificate,
            running: None,
        };
        it.run(server);
        it
    }

    fn run(&mut self, server: DevServer) {
        let handle = server.handle();
        self.running = Some((handle, thread::spawn(move || server.run())));
    }

    pub(crate) fn stop(&mut self) {
        let (handle, thread) = self.running.take().unwrap();
        handle.stop();
        thread.join().unwrap().unwrap();
    }

    /// Starts it again, with the same ports and without the memory of the last run.
    pub(crate) fn start_again(&mut self) {
        let (udp, ws) = (self.addresses.udp.unwrap(), self.addresses.ws.unwrap());
        self.options.name_server_port = self.addresses.name_server.port();
        self.options.front_end_port = self.addresses.front_end.port();
        self.options.udp = Some(UdpPorts {
            name_server: udp.name_server.port(),
            front_end: udp.front_end.port(),
        });
        self.options.ws = Some(WsPorts {
            name_server: ws.name_server.port(),
            front_end: ws.front_end.port(),
        });
        let server = DevServer::bind(&self.options).unwrap();
        self.run(server);
    }

    pub(crate) fn handle(&self) -> &ServerHandle {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn url(&self, transport: Transport) -> String {
        self.addresses.name_server_url(transport).unwrap()
    }

    pub(crate) fn config(&self, transport: Transport, user: &str) -> ChatConfig {
        ChatConfig::new(self.url(transport), "app", "1.0").user_id(user)
    }

    /// A session that trusts the certificate of the server.
    pub(crate) fn session(&self, config: ChatConfig) -> AsyncSession {
        AsyncSession::with_tls(config, self.tls()).unwrap()
    }

    fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// A session in a channel, without events left.
    pub(crate) async fn join(&self, config: ChatConfig, channel: &str) -> AsyncSession {
        let mut session = self.session(config);
        session
            .call(|chat| chat.connect_to_region_front_end("eu"))
            .unwrap();
        let on_front_end =
            |session: &AsyncSession| session.call(|chat| chat.is_connected_to_front_end());
        while !on_front_end(&session) {
            let event = within(session.next_event()).await;
            assert!(!matches!(event, Event::Error { .. }), "{event:?}");
        }
        session
            .call(|chat| chat.subscribe([channel], &SubscribeOptions::new()))
            .unwrap();
        until(&mut session, |event| {
            matches!(event, Event::SubscribeResult(_))
        })
        .await;
        session
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running.is_some() && !thread::panicking() {
            self.stop();
        }
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future)
        .await
        .expect("this hangs")
}

/// Takes events until this is true for one, and returns that.
pub(crate) async fn until(
    session: &mut AsyncSession,
    mut is_it: impl FnMut(&Event) -> bool,
) -> Event {
    loop {
        let event = within(session.next_event()).await;
        if is_it(&event) {
            return event;
        }
    }
}

pub(crate) fn publish(session: &AsyncSession, channel: &str, text: &str) {
    session
        .call(|chat| chat.publish_message(channel, text, &PublishOptions::new()))
        .unwrap();
}

/// Takes events until so many messages have come, and returns their texts.
pub(crate) async fn messages(session: &mut AsyncSession, count: usize) -> Vec<String> {
    // Together, not each: a driver that misses input goes on at its next ping.
    within(async {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.extend(texts_of(&session.next_event().await));
        }
        texts
    })
    .await
}

pub(crate) fn texts_of(event: &Event) -> Vec<String> {
    match event {
        Event::ChatMessages { messages, .. } => messages
            .iter()
            .map(|message| message.content.to_string())
            .collect(),
        _ => Vec::new(),
    }
}
