//! [`LocalServer`]: a server in a thread, for programs and tests that embed one.

use std::io;
use std::thread::{self, JoinHandle};

use super::{Addresses, Server, ServerHandle, ServerOptions, UdpPorts, WsPorts, WssOptions};
use crate::config::ServerConfig;
use crate::transport::Transport;

/// A [`Server`] that runs in a thread of its own, on free ports and over every transport, until it
/// is dropped.
///
/// ```
/// use dev_server::server::LocalServer;
/// use dev_server::{ServerConfig, Transport};
///
/// let server = LocalServer::start(ServerConfig::new())?;
/// assert!(server.url(Transport::Udp).starts_with("udp://127.0.0.1:"));
/// // Clients connect to this address now.
/// server.stop()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalServer {
    addresses: Addresses,
    certificate: String,
    handle: ServerHandle,
    /// `None` after [`LocalServer::stop`].
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl LocalServer {
    /// Starts a server with this configuration.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        Self::start_with(ServerOptions {
            config,
            ..ServerOptions::default()
        })
    }

    /// Starts a server with these options, except that it listens on free ports over every transport.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn start_with(options: ServerOptions) -> io::Result<Self> {
        let wss = options.wss.unwrap_or_default();
        let server = Server::bind(&ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: Some(UdpPorts::ANY),
            ws: Some(WsPorts::ANY),
            wss: Some(WssOptions {
                ports: WsPorts::ANY,
                ..wss
            }),
            ..options
        })?;
        let certificate = server.certificate_pem().unwrap_or_default().to_owned();
        debug_assert!(!certificate.is_empty(), "a server with wss has one");
        Ok(Self {
            addresses: server.addresses(),
            certificate,
            handle: server.handle(),
            thread: Some(thread::spawn(move || server.run())),
        })
    }

    /// The addresses that the server listens on.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The name server's address with its scheme, as a client takes it.
    #[must_use]
    pub fn url(&self, transport: Transport) -> String {
        let url = self.addresses.name_server_url(transport);
        debug_assert!(url.is_some(), "it listens over every transport");
        url.unwrap_or_default()
    }

    /// The certificate that clients must trust over [`Transport::Wss`], as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Controls the running server.
    #[must_use]
    pub const fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    /// The error that ended the server, or that its thread panicked.
    pub fn stop(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.handle.stop();
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the server's thread panicked")))
    }
}

impl Drop for LocalServer {
    /// Stops the server.
    ///
    /// # Panics
    /// If the server ended with an error, so that a test does not miss it. Call
    /// [`LocalServer::stop`] to handle the error instead.
    fn drop(&mut self) {
        let result = self.join();
        // A second panic would abort the process and hide the first one.
        if let (Err(error), false) = (result, thread::panicking()) {
            panic!("the development server failed: {error}");
        }
    }
}
