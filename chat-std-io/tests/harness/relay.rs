//! A TCP relay between a session and the development server, for what that server never does: it
//! stops reading, leaves bytes unread, and ends a connection with a reset.

use super::LONG;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// A relay for one connection.
pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    to_client: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The client's bytes stay in the socket.
    paused: bool,
    /// Some of them have arrived.
    unread: bool,
    /// Everything from the server was forwarded, up to its end.
    server_ended: bool,
    reset: bool,
}

impl Relay {
    /// Relays the next connection to `target`.
    pub fn start(target: SocketAddr) -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), target)
    }

    pub fn on(listener: TcpListener, target: SocketAddr) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let client = prepared(listener.accept().unwrap().0);
                let server = prepared(TcpStream::connect(target).unwrap());
                thread::scope(|scope| {
                    scope.spawn(|| shared.forward_to_server(&client, &server));
                    shared.forward_to_client(&server, &client);
                });
                // Dropping the sockets closes them: with unread bytes, by a reset.
            })
        };
        Self {
            address,
            shared,
            thread,
        }
    }

    /// Stops reading from the client.
    pub fn pause(&self) {
        self.shared.state().paused = true;
    }

    /// Reads from the client again.
    pub fn resume(&self) {
        self.shared.state().paused = false;
        self.shared.changed.notify_all();
    }

    /// Waits, after [`Relay::pause`], until bytes of the client have arrived.
    pub fn wait_for_unread(&self) {
        self.shared.wait(|state| state.unread);
    }

    /// Waits until the server has ended the connection and everything before was forwarded.
    pub fn wait_for_server_end(&self) {
        self.shared.wait(|state| state.server_ended);
    }

    /// Resets the connection, after [`Relay::wait_for_unread`].
    pub fn reset(self) {
        self.shared.state().reset = true;
        self.shared.changed.notify_all();
        self.thread.join().unwrap();
    }

    /// Number of bytes that were forwarded to the client.
    pub fn to_client(&self) -> usize {
        self.shared.to_client.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), LONG, |state| !until(state));
        assert!(!waited.unwrap().1.timed_out(), "it takes too long");
    }

    fn forward_to_server(&self, mut client: &TcpStream, mut server: &TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // Without reading: what a paused relay has seen must stay in the socket.
            let peeked = client.peek(&mut [0]);
            let mut state = self.state();
            state.unread = true;
            self.changed.notify_all();
            let held = |state: &mut State| state.paused && !state.reset;
            state = self.changed.wait_while(state, held).unwrap();
            if state.reset {
                let _ = server.shutdown(Shutdown::Both);
                return;
            }
            drop(state);
            match peeked.and_then(|_| client.read(&mut buffer)) {
                Ok(0) | Err(_) => break,
                Ok(bytes) => {
                    if server.write_all(&buffer[..bytes]).is_err() {
                        break;
                    }
                }
            }
        }
        let _ = server.shutdown(Shutdown::Write);
    }

    fn forward_to_client(&self, mut server: &TcpStream, mut client: &TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match server.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => {
                    if client.write_all(&buffer[..bytes]).is_err() {
                        break;
                    }
                    self.to_client.fetch_add(bytes, Ordering::SeqCst);
                }
                Err(error) => {
                    let reset = error.kind() == ErrorKind::ConnectionReset;
                    assert!(reset || self.state().reset, "{error}");
                    break;
                }
            }
        }
        let mut state = self.state();
        state.server_ended = true;
        self.changed.notify_all();
        // A paused relay is going to reset the connection, which an end must not precede.
        if !state.paused {
            let _ = client.shutdown(Shutdown::Write);
        }
    }
}

fn prepared(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.set_write_timeout(Some(LONG)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}
