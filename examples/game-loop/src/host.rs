//! [`Host`]: the embedded development server, with the switches that disturb the line.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::{env, fs, process};

use dev_server::netem::{Conditions, Percent};
use dev_server::server::{Addresses, Server, ServerHandle, ServerOptions, UdpPorts};
use dev_server::{ServerConfig, Transport};

use crate::model::Troubles;

/// A development server in this program, on free ports.
///
/// A thread applies the troubles, because stopping a server takes longer than a frame. Loss, delay and
/// the cut apply to UDP. A player over TCP goes on, which is how the bot has something to do while you
/// are cut off.
pub struct Host {
    addresses: Addresses,
    commands: Option<Sender<Troubles>>,
    control: Option<JoinHandle<()>>,
}

impl Host {
    /// Starts the server.
    ///
    /// # Errors
    /// As [`Server::bind`], and if the directory for the server's state cannot be made.
    pub fn start() -> io::Result<Self> {
        let directory = Directory::new()?;
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            udp: Some(UdpPorts::ANY),
            config: ServerConfig::new().with(|config| config.properties = true),
            // A server that is stopped and started again knows its channels and sessions.
            state_file: Some(directory.0.join("state")),
            ..ServerOptions::default()
        };
        let server = Server::bind(&options)?;
        let addresses = server.addresses();
        let (commands, received) = mpsc::channel();
        // Clients know the ports: a server that comes back needs the same ones.
        let options = ServerOptions {
            name_server_port: addresses.name_server.port(),
            front_end_port: addresses.front_end.port(),
            udp: addresses.udp.map(|udp| UdpPorts {
                name_server: udp.name_server.port(),
                front_end: udp.front_end.port(),
            }),
            ..options
        };
        let control = thread::spawn(move || {
            let mut running = Some(Running::new(server));
            control(&options, &mut running, &received);
            drop(running);
            drop(directory);
        });
        Ok(Self {
            addresses,
            commands: Some(commands),
            control: Some(control),
        })
    }

    /// The name server's address over UDP or TCP, as a client takes it.
    #[must_use]
    pub fn url(&self, transport: Transport) -> String {
        let url = self.addresses.name_server_url(transport);
        debug_assert!(url.is_some(), "it listens over UDP and TCP");
        url.unwrap_or_default()
    }

    /// Disturbs the line and the server in this way from now on. Does not wait for it.
    pub fn disturb(&self, troubles: Troubles) {
        if let Some(commands) = &self.commands {
            // The control thread lives as long as the host.
            let _ = commands.send(troubles);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(control) = self.control.take() {
            let _ = control.join();
        }
    }
}

/// Applies troubles until the host is dropped.
fn control(options: &ServerOptions, running: &mut Option<Running>, received: &Receiver<Troubles>) {
    while let Ok(troubles) = received.recv() {
        if troubles.stopped {
            // Its sockets close. Over UDP the client notices nothing but silence, as with a server that
            // lost its power.
            *running = None;
        } else if running.is_none() {
            match Server::bind(options) {
                Ok(server) => *running = Some(Running::new(server)),
                Err(error) => eprintln!("game-loop: the server does not start again: {error}"),
            }
        }
        if let Some(running) = running {
            let conditions = conditions(troubles);
            let _ = running
                .handle
                .with_core(move |core| core.config_mut().conditions = conditions);
        }
    }
}

/// The conditions of the line. The cut is a loss of everything.
fn conditions(troubles: Troubles) -> Conditions {
    let (delay_ms, jitter_ms) = if troubles.delay { (200, 80) } else { (0, 0) };
    Conditions {
        loss: match troubles {
            Troubles { cut: true, .. } => Percent::ALWAYS,
            Troubles { loss: true, .. } => Percent::new(30),
            _ => Percent::ZERO,
        },
        delay_ms,
        jitter_ms,
        ..Conditions::default()
    }
}

/// A server in its thread.
struct Running {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new(server: Server) -> Self {
        let handle = server.handle();
        let thread = thread::spawn(move || {
            if let Err(error) = server.run() {
                eprintln!("game-loop: the server has failed: {error}");
            }
        });
        Self {
            handle,
            thread: Some(thread),
        }
    }
}

impl Drop for Running {
    /// Stops the server and waits for its end, so that its ports are free.
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A directory for the state of the server, which holds keys: nobody else may put a file there before.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let name = format!("photon-game-loop-{}-{number}", process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // A program of the same number that was killed has left it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
