//! [`Relay`]: the line between the program and the server, which can be cut and mended.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Relays every connection to one address. Its threads end with the connections, and with the test.
///
/// Names with control characters, which neither the client nor the server lets pass, are made on the
/// way to the program: `^^` becomes the beginning of a control sequence, and `~~` a line end.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    is_cut: Mutex<bool>,
    mended: Condvar,
}

impl Relay {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(Line::default());
        let of_thread = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Without a server the program sees what it would see without the relay: an end.
                let Ok(server) = TcpStream::connect(target) else {
                    continue;
                };
                for (from, to, change) in [
                    (&client, &server, keep as fn(&mut [u8])),
                    (&server, &client, make_hostile),
                ] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let line = Arc::clone(&of_thread);
                    thread::spawn(move || line.forward(from, to, change));
                }
            }
        });
        Self { address, line }
    }

    /// From now on nothing passes, in either direction, and no connection ends.
    pub(crate) fn cut(&self) {
        *self.line.is_cut.lock().unwrap() = true;
    }

    /// What waits passes now.
    pub(crate) fn mend(&self) {
        *self.line.is_cut.lock().unwrap() = false;
        self.line.mended.notify_all();
    }
}

impl Line {
    fn forward(&self, mut from: TcpStream, mut to: TcpStream, change: fn(&mut [u8])) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            change(&mut buffer[..read]);
            let is_cut = self.is_cut.lock().unwrap();
            drop(self.mended.wait_while(is_cut, |is_cut| *is_cut).unwrap());
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

fn keep(_: &mut [u8]) {}

/// Of the same length, so that no frame changes.
fn make_hostile(bytes: &mut [u8]) {
    for at in 1..bytes.len() {
        match &bytes[at - 1..=at] {
            b"^^" => bytes[at - 1..=at].copy_from_slice(b"\x1b["),
            b"~~" => bytes[at - 1..=at].copy_from_slice(b"\r\n"),
            _ => {}
        }
    }
}
