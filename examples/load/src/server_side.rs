//! [`ServerSide`]: the server under test, in this process or elsewhere.

use crate::arguments::Options;
use crate::process::Process;
use chat_std_io::{SessionOptions, Tls};
use dev_server::ServerConfig;
use dev_server::server::LocalServer;
use std::error::Error;
use std::fs;

/// The server under test.
pub(crate) struct ServerSide {
    url: String,
    /// The certificate that clients must trust, as PEM; `None` for the usual roots.
    root: Option<Vec<u8>>,
    process: Option<Process>,
    /// The server in a thread of this process, if it is there.
    local: Option<LocalServer>,
}

/// What the server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerFigures {
    /// Users who are connected.
    pub(crate) users: u64,
    /// Messages that were published.
    pub(crate) messages: u64,
    /// Events that were sent, once for each receiver: deliveries, as long as nobody joins or leaves.
    pub(crate) events: u64,
}

impl ServerSide {
    /// Starts a server, if the options name none.
    ///
    /// # Errors
    /// The system does not let it listen, the certificate file cannot be read, or there is no process
    /// of the server's number.
    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let Some(url) = options.server.clone() else {
            return Self::start(options);
        };
        let root = match &options.root {
            Some(root) => Some(fs::read(root).map_err(|error| {
                format!("--root {root}: {error}: give the path of a certificate in PEM form")
            })?),
            None => None,
        };
        let process = options.server_pid.map(Process::other);
        // If the usage of this process is unknown too, there is no /proc. A later line reports that.
        if let (Some(process), Some(pid), Ok(_)) =
            (&process, options.server_pid, Process::own().usage())
        {
            process.usage().map_err(|error| {
                format!("--server-pid {pid}: {error}: give the id of the server's process, or omit the option")
            })?;
        }
        Ok(Self {
            url,
            root,
            process,
            local: None,
        })
    }

    fn start(options: &Options) -> Result<Self, Box<dyn Error>> {
        let local = LocalServer::start(ServerConfig::new())
            .map_err(|error| format!("a development server in this process: {error}"))?;
        let thread = local.handle().with_core(|_| Process::this_thread());
        Ok(Self {
            url: local.url(options.transport),
            root: Some(local.certificate_pem().as_bytes().to_vec()),
            process: thread.and_then(Result::ok),
            local: Some(local),
        })
    }

    /// The address of the name server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The options of all sessions, which share them, and so the trusted roots too.
    ///
    /// # Errors
    /// The file of `--root` is no certificate.
    pub(crate) fn session_options(&self) -> Result<SessionOptions, String> {
        match &self.root {
            Some(root) if self.url.starts_with("wss://") => {
                let tls = Tls::with_root(root).map_err(|error| format!("--root: {error}"))?;
                Ok(SessionOptions::new().tls(tls))
            }
            _ => Ok(SessionOptions::new()),
        }
    }

    /// The process or thread that runs the server, if it is known.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Whether the server runs in this process.
    pub(crate) fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// What the server counted so far; `None` if it is not in this process.
    pub(crate) fn figures(&self) -> Option<ServerFigures> {
        let stats = self
            .local
            .as_ref()?
            .handle()
            .with_core(|core| core.stats())?;
        Some(ServerFigures {
            users: stats.users as u64,
            messages: stats.messages,
            events: stats.events,
        })
    }

    /// Stops the server in this process.
    ///
    /// # Errors
    /// It ended with an error, or its thread panicked.
    pub(crate) fn stop(self) -> Result<(), String> {
        match self.local {
            Some(local) => local
                .stop()
                .map_err(|error| format!("the development server in this process failed: {error}")),
            None => Ok(()),
        }
    }
}
