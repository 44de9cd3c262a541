//! A chat server over UDP for a few clients, name server and front end in one, on a thread of its own.

use super::{LONG, chat_message, frame, message, parameter, subscribed};
use chat_core::codes::operation;
use chat_core::photon_proto::message::{Message, MessageWriter};
use chat_core::photon_proto::tcp::HEADER_BYTES;
use chat_core::photon_proto::udp::{
    Acceptor, AcceptorConfig, Cause, ConnectionHandle, Delivery, Event,
};
use chat_core::photon_proto::{Limits, Protocol, Timestamp};
use chat_std_io::chat_core;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a server has seen when it stops.
#[derive(Debug, Default)]
pub struct Seen {
    /// What each client said about its address family, in the order of their arrival.
    pub ipv6: Vec<bool>,
    /// How connections ended.
    pub ends: Vec<Cause>,
    /// Messages that were published.
    pub published: usize,
}

pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Server {
    pub fn start(ip: &str) -> Self {
        Self::on(UdpSocket::bind((ip, 0)).unwrap())
    }

    pub fn on(socket: UdpSocket) -> Self {
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            socket
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            let acceptor = Acceptor::new(AcceptorConfig::default(), [9; 32]);
            let mut running = Running {
                socket,
                acceptor,
                authenticated: 0,
                seen: Seen::default(),
            };
            let began = Instant::now();
            while !asked.load(Ordering::SeqCst) {
                assert!(began.elapsed() < 2 * LONG, "nobody stops the server");
                let micros = u64::try_from(began.elapsed().as_micros()).unwrap();
                running.step(Timestamp::ZERO.plus_micros(micros));
            }
            running.seen
        });
        Self {
            address,
            stop,
            thread,
        }
    }

    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

struct Running {
    socket: UdpSocket,
    acceptor: Acceptor<SocketAddr>,
    authenticated: usize,
    seen: Seen,
}

impl Running {
    fn step(&mut self, now: Timestamp) {
        let mut buffer = [0; 4_096];
        match self.socket.recv_from(&mut buffer) {
            Ok((bytes, from)) => self.acceptor.handle_datagram(now, &from, &buffer[..bytes]),
            // Some systems tell what became of an earlier datagram.
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionReset
                ),
                "{error}"
            ),
        }
        self.acceptor.handle_timeout(now);
        while let Some((key, event)) = self.acceptor.poll_event() {
            match event {
                Event::Connected => {}
                Event::Message(mut message) => self.answer(key, &mut message.bytes),
                Event::Disconnected(cause) => self.seen.ends.push(cause),
            }
        }
        while let Some((to, datagram)) = self.acceptor.transmit(now) {
            self.socket.send_to(datagram, to).unwrap();
            self.acceptor.transmitted();
        }
    }

    fn answer(&mut self, key: ConnectionHandle, bytes: &mut [u8]) {
        let (kind, body) = message::decrypt(bytes, None).unwrap();
        match Message::decode(kind, Protocol::V18, &Limits::DEFAULT, body).unwrap() {
            Message::Init(init) => {
                self.seen.ipv6.push(init.ipv6);
                let answer = [message::MAGIC, message::MessageKind::InitResponse as u8, 0];
                self.send(key, &answer);
            }
            Message::Request {
                code: operation::AUTHENTICATE,
                ..
            } => {
                self.authenticated += 1;
                // One after the other: first to the name server, then to the front end.
                let front_end = self.socket.local_addr().unwrap().to_string();
                let is_name_server = self.authenticated % 2 == 1;
                self.send_frame(
                    key,
                    &frame(|buffer| {
                        let code = operation::AUTHENTICATE;
                        let mut writer = MessageWriter::response(
                            buffer,
                            Protocol::V18,
                            &Limits::DEFAULT,
                            code,
                            0,
                            None,
                        )?;
                        if is_name_server {
                            writer.put(parameter::ADDRESS, front_end.as_str())?;
                            writer.put(parameter::SECRET, "token")?;
                            writer.put(parameter::USER_ID, "alice")?;
                        }
                        writer.finish()
                    }),
                );
            }
            Message::Request {
                code: operation::SUBSCRIBE,
                ..
            } => self.send_frame(key, &subscribed("lobby")),
            Message::Request {
                code: operation::PUBLISH,
                ..
            } => {
                self.seen.published += 1;
                let id = i32::try_from(self.seen.published).unwrap();
                self.send_frame(key, &chat_message("lobby", id, "heard"));
            }
            other => panic!("not expected here: {other:?}"),
        }
    }

    /// Over UDP a message is what a frame has in it.
    fn send_frame(&mut self, key: ConnectionHandle, frame: &[u8]) {
        self.send(key, &frame[HEADER_BYTES..]);
    }

    fn send(&mut self, key: ConnectionHandle, message: &[u8]) {
        let write = |out: &mut Vec<u8>, _| {
            out.extend_from_slice(message);
            Ok::<_, chat_core::photon_proto::udp::SendError>(())
        };
        self.acceptor
            .send_with(key, 0, Delivery::Reliable, write)
            .unwrap();
    }
}
