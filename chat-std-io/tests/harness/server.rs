//! The development server, on a thread of its own.

use super::{LONG, user};
use chat_std_io::{ChatConfig, SessionOptions};
use dev_server::server::{Addresses, Server as DevServer, ServerHandle, ServerOptions};
use dev_server::server::{UdpPorts, WsPorts, WssOptions};
use dev_server::{ConnectionEnd, EndedConnection, Fault, ServerCore, ServerStats, Step, Transport};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Instant;

thread_local! {
    /// Whether this thread is the server's, whose memory is not the session's.
    pub static IS_SERVER: Cell<bool> = const { Cell::new(false) };
}

/// A development server, with TCP and at most one other transport.
pub struct Server {
    pub addresses: Addresses,
    transport: Transport,
    options: SessionOptions,
    handle: ServerHandle,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    pub fn start() -> Self {
        Self::over(Transport::Tcp)
    }

    pub fn over(transport: Transport) -> Self {
        Self::with(transport, |_| {})
    }

    pub fn with(transport: Transport, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let secure = WssOptions {
            ports: WsPorts::ANY,
            ..WssOptions::default()
        };
        let mut options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: (transport == Transport::Udp).then_some(UdpPorts::ANY),
            ws: (transport == Transport::Ws).then_some(WsPorts::ANY),
            wss: (transport == Transport::Wss).then_some(secure),
            seed: Some([9; 32]),
            ..ServerOptions::default()
        };
        change(&mut options);
        let server = DevServer::bind(&options).unwrap();
        let (addresses, handle) = (server.addresses(), server.handle());
        let options = trusting(server.certificate_pem());
        let thread = thread::spawn(move || {
            IS_SERVER.set(true);
            server.run()
        });
        Self {
            addresses,
            transport,
            options,
            handle,
            thread,
        }
    }

    /// Configuration of a client of this server.
    pub fn config(&self) -> ChatConfig {
        user(
            &self.addresses.name_server_url(self.transport).unwrap(),
            "alice",
        )
    }

    /// The same for another user.
    pub fn config_of(&self, name: &str) -> ChatConfig {
        self.config().user_id(name)
    }

    /// Options of a session with this server: they trust its certificate.
    pub fn options(&self) -> SessionOptions {
        self.options.clone()
    }

    /// Sets the front-end port that clients are told.
    pub fn redirect_to_front_end(&self, port: u16) {
        self.act(move |core| core.set_front_end_port(port));
    }

    pub fn fault(&self, step: Step, fault: Fault) {
        self.handle.with_faults(move |faults| {
            faults.on(step, fault);
        });
    }

    /// Runs `act` in the server's thread.
    pub fn act<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut ServerCore) -> R + Send + 'static,
    ) -> R {
        self.handle.with_core(act).unwrap()
    }

    /// Waits until the server has noticed something.
    pub fn wait_until(&self, until: impl Fn(&mut ServerCore) -> bool + Clone + Send + 'static) {
        let began = Instant::now();
        while !self.act(until.clone()) {
            assert!(began.elapsed() < LONG, "it takes too long");
            thread::yield_now();
        }
    }

    pub fn stats(&self) -> ServerStats {
        self.act(|core| core.stats())
    }

    /// The connections that have ended.
    pub fn ended(&self) -> Vec<EndedConnection> {
        self.act(|core| core.ended_connections())
    }

    /// How they ended.
    pub fn ends(&self) -> Vec<ConnectionEnd> {
        self.ended().iter().map(|ended| ended.end).collect()
    }

    pub fn udp_address(&self) -> SocketAddr {
        self.addresses.udp.unwrap().name_server
    }

    pub fn stop(self) {
        self.handle.stop();
        self.thread.join().unwrap().unwrap();
    }
}

#[cfg(feature = "tls")]
fn trusting(certificate: Option<&str>) -> SessionOptions {
    let options = SessionOptions::new().seed([1; 32]);
    match certificate {
        Some(pem) => options.tls(chat_std_io::Tls::with_root(pem.as_bytes()).unwrap()),
        None => options,
    }
}

#[cfg(not(feature = "tls"))]
fn trusting(certificate: Option<&str>) -> SessionOptions {
    assert_eq!(certificate, None, "this build has no TLS");
    SessionOptions::new().seed([1; 32])
}
