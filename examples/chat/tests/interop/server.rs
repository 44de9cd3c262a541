//! A development server with every transport.

use crate::APP;
use dev_server::ServerConfig;
use dev_server::server::{
    Addresses, Server, ServerHandle, ServerOptions, UdpPorts, WsPorts, WssOptions,
};
use std::thread::{self, JoinHandle};

/// A development server with every transport.
pub(crate) struct Served {
    pub(crate) addresses: Addresses,
    pub(crate) certificate: String,
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Served {
    pub(crate) fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: Some(UdpPorts::ANY),
            ws: Some(WsPorts::ANY),
            wss: Some(WssOptions {
                ports: WsPorts::ANY,
                ..WssOptions::default()
            }),
            ..ServerOptions::default()
        };
        options.config.app_ids = vec![APP.to_owned()];
        change(&mut options.config);
        let server = Server::bind(&options).unwrap();
        let (addresses, handle) = (server.addresses(), server.handle());
        let certificate = server.certificate_pem().unwrap().to_owned();
        Self {
            addresses,
            certificate,
            handle,
            thread: Some(thread::spawn(move || server.run())),
        }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        let port = match scheme {
            "tcp" => self.addresses.name_server,
            "udp" => self.addresses.udp.unwrap().name_server,
            "ws" => self.addresses.ws.unwrap().name_server,
            _ => self.addresses.wss.unwrap().name_server,
        }
        .port();
        // The certificate is for this name, and for the address too.
        let host = if scheme == "wss" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{scheme}://{host}:{port}")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.stop();
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}
