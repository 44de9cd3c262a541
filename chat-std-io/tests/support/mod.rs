//! A server by hand, on a thread of its own: blocking sockets, and bytes made and read by `photon_proto`.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

pub mod udp;
#[cfg(feature = "websocket")]
pub mod web;

use chat_core::codes::{operation, parameter};
use chat_core::photon_proto::message::{self, Message, MessageWriter};
use chat_core::photon_proto::tcp::{self, Delivery, Item, Role, Splitter};
use chat_core::photon_proto::{EncodeError, Limits, Protocol};
use chat_core::{Encryption, State};
use chat_std_io::{ChatConfig, Event, Session, chat_core};
use std::io::{Read, Write};
use std::iter::once;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing here takes this long; a test that hangs fails instead.
pub const LONG: Duration = Duration::from_secs(30);

const PROTOCOL: Protocol = Protocol::V18;

/// A session with nothing to do sleeps once, in the kernel, and for as long as it is told.
#[track_caller]
pub fn sleeps_once(session: &mut Session) {
    let (stats, began) = (session.io_stats(), session.now());
    session.wait(Duration::from_millis(250));
    let (after, ended) = (session.io_stats(), session.now());
    assert_eq!(after.wakeups - stats.wakeups, 1);
    assert!(
        ended.millis_since(began) >= 250,
        "it slept for as long as told"
    );
    // Once when the time was over, once in the service that follows.
    assert_eq!(
        (after.reads - stats.reads, after.writes - stats.writes),
        (2, 0)
    );
}

/// The time comes when nothing is due for a second.
#[track_caller]
pub fn comes_to_rest(session: &mut Session) {
    while session
        .timeout()
        .is_none_or(|timeout| timeout < Duration::from_secs(1))
    {
        session.wait(Duration::from_secs(1));
        assert_eq!(session.poll_event(), None);
    }
}

/// A connection, seen from the server.
pub struct Peer {
    pub socket: TcpStream,
    splitter: Splitter,
    /// Whether the client said that it is connected over IPv6.
    pub ipv6: bool,
}

#[derive(Debug, PartialEq)]
pub enum Request {
    Init,
    /// Operation code, and the parameters in the order of their keys, text only.
    Operation(u8, Vec<(u8, String)>),
}

impl Peer {
    fn new(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.set_write_timeout(Some(LONG)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            splitter: Splitter::new(Role::Server, Limits::DEFAULT.max_received_bytes),
            ipv6: false,
        }
    }

    /// The next request; `None` once the client has ended its side. Pings are answered on the way.
    pub fn next(&mut self) -> Option<Request> {
        loop {
            match self.splitter.next().expect("a client's stream is sound") {
                Some(Item::Frame { message, .. }) => {
                    let (kind, body) =
                        message::decrypt(self.splitter.message_mut(message), None).unwrap();
                    match Message::decode(kind, PROTOCOL, &Limits::DEFAULT, body).unwrap() {
                        Message::Init(init) => {
                            self.ipv6 = init.ipv6;
                            return Some(Request::Init);
                        }
                        Message::Request {
                            code, mut params, ..
                        } => {
                            let mut all = Vec::new();
                            for (key, value) in params.to_parameters().unwrap() {
                                all.push((key, value.as_str().unwrap_or_default().to_owned()));
                            }
                            all.sort();
                            return Some(Request::Operation(code, all));
                        }
                        other => panic!("a client does not send {other:?}"),
                    }
                }
                Some(Item::PingRequest { client_time }) => {
                    let mut out = Vec::new();
                    tcp::encode_ping_response(&mut out, 1, client_time);
                    self.socket.write_all(&out).unwrap();
                }
                Some(Item::PingResponse { .. }) => unreachable!(),
                None => {
                    let mut buffer = [0; 16 * 1024];
                    match self
                        .socket
                        .read(&mut buffer)
                        .expect("the client sends or ends in time")
                    {
                        0 => return None,
                        bytes => self.splitter.push(&buffer[..bytes]),
                    }
                }
            }
        }
    }

    pub fn expect_init(&mut self) {
        assert_eq!(self.next(), Some(Request::Init));
        self.send(&frame(|buffer| {
            buffer.extend_from_slice(&[
                message::MAGIC,
                message::MessageKind::InitResponse as u8,
                0,
            ]);
            Ok(())
        }));
    }

    pub fn expect(&mut self, operation: u8) -> Vec<(u8, String)> {
        match self.next() {
            Some(Request::Operation(code, parameters)) if code == operation => parameters,
            other => panic!("instead of operation {operation}: {other:?}"),
        }
    }

    pub fn expect_end(&mut self) {
        assert_eq!(self.next(), None);
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// As a name server: greets, and sends the client to a front end behind this port.
    pub fn name_server(&mut self, front_end: SocketAddr) {
        self.expect_init();
        self.expect(operation::AUTHENTICATE);
        self.send(&frame(|buffer| {
            let mut writer = MessageWriter::response(
                buffer,
                PROTOCOL,
                &Limits::DEFAULT,
                operation::AUTHENTICATE,
                0,
                None,
            )?;
            writer.put(parameter::ADDRESS, front_end.to_string().as_str())?;
            writer.put(parameter::SECRET, "token")?;
            writer.put(parameter::USER_ID, "alice")?;
            writer.finish()
        }));
        self.expect_end();
    }

    /// As a front end: greets, and lets the client in.
    pub fn front_end(&mut self) {
        self.expect_init();
        self.expect(operation::AUTHENTICATE);
        self.send(&frame(|buffer| {
            MessageWriter::response(
                buffer,
                PROTOCOL,
                &Limits::DEFAULT,
                operation::AUTHENTICATE,
                0,
                None,
            )?
            .finish()
        }));
    }

    /// As a front end: takes a subscription.
    pub fn subscription(&mut self, channel: &str) {
        self.expect(operation::SUBSCRIBE);
        self.send(&subscribed(channel));
    }

    /// Waits for something that is not read then: the client sees a reset, not an end, when the socket is closed.
    pub fn await_unread(&mut self) {
        assert_eq!(self.socket.peek(&mut [0]).unwrap(), 1);
    }
}

fn frame(write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) -> Vec<u8> {
    let mut out = Vec::new();
    let start = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
    write(&mut out).unwrap();
    tcp::end_frame(&mut out, start);
    out
}

/// Event 5: in this channel.
pub fn subscribed(channel: &str) -> Vec<u8> {
    frame(|buffer| {
        let mut writer = MessageWriter::event(
            buffer,
            PROTOCOL,
            &Limits::DEFAULT,
            chat_core::codes::event::SUBSCRIBE,
        )?;
        writer.put_with(parameter::CHANNELS, |out| out.strings(once(channel)))?;
        writer.put_with(parameter::SUBSCRIBE_RESULTS, |out| out.bools(&[true]))?;
        writer.finish()
    })
}

/// Event 0: one message.
pub fn chat_message(channel: &str, id: i32, content: &str) -> Vec<u8> {
    frame(|buffer| {
        let code = chat_core::codes::event::CHAT_MESSAGES;
        let mut writer = MessageWriter::event(buffer, PROTOCOL, &Limits::DEFAULT, code)?;
        writer.put(parameter::CHANNEL, channel)?;
        writer.put_with(parameter::SENDERS, |out| out.strings(once("bob")))?;
        writer.put_with(parameter::MESSAGES, |out| out.objects(once(content)))?;
        writer.put(parameter::MESSAGE_ID, &id)?;
        writer.finish()
    })
}

/// The server says why it ends the connection.
pub fn disconnect(reason: i16, words: &str) -> Vec<u8> {
    frame(|buffer| {
        MessageWriter::disconnect(buffer, PROTOCOL, &Limits::DEFAULT, reason, Some(words))?.finish()
    })
}

pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The next connection.
pub fn accept(listener: &TcpListener) -> Peer {
    Peer::new(listener.accept().unwrap().0)
}

/// A server for one client: what it does on its only connection.
pub fn serve_one<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let (listener, address) = listen();
    (address, thread::spawn(move || script(accept(&listener))))
}

/// A name server and a front end for one client: what the front end does once the client is in.
pub fn serve_chat<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        accept(&listener).name_server(address);
        let mut peer = accept(&listener);
        peer.front_end();
        script(peer)
    });
    (address, server)
}

pub fn config(server: SocketAddr) -> ChatConfig {
    config_for(&format!("tcp://{server}"))
}

pub fn config_for(address: &str) -> ChatConfig {
    ChatConfig::new(address, "app", "1.0")
        .user_id("alice")
        .encryption(Encryption::Off)
}

/// A session with a fixed seed.
pub fn session(config: ChatConfig) -> Session {
    let options = chat_std_io::SessionOptions::new().seed([1; 32]);
    Session::with_options(config, options).unwrap()
}

/// A session on the front end, and no event left.
pub fn chatting(config: ChatConfig) -> Session {
    let mut session = session(config);
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToFrontEnd)
    });
    session
}

/// The same in a channel.
pub fn in_channel(config: ChatConfig, channel: &str) -> Session {
    let mut session = chatting(config);
    session
        .chat
        .subscribe([channel], &chat_std_io::SubscribeOptions::new())
        .unwrap();
    drive(&mut session, |_, event| {
        matches!(event, Event::SubscribeResult(_))
    });
    session
}

/// A session on the name server, and no event left.
pub fn on_name_server(config: ChatConfig) -> Session {
    let mut session = session(config);
    session
        .chat
        .connect_to_name_server(chat_std_io::ConnectOptions::new())
        .unwrap();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session
}

pub fn entered(event: &Event, state: State) -> bool {
    matches!(event, Event::StateChanged { to, .. } if *to == state)
}

/// Waits and takes events until one is the last of those that are meant.
pub fn drive(session: &mut Session, until: impl FnMut(&mut Session, &Event) -> bool) {
    drive_with(session, |session| session.wait(LONG), until);
}

/// The same as a game does it.
pub fn drive_frames(session: &mut Session, until: impl FnMut(&mut Session, &Event) -> bool) {
    let frame = |session: &mut Session| {
        let _ = session.service();
        thread::yield_now();
    };
    drive_with(session, frame, until);
}

/// The same with steps of another kind.
pub fn drive_with(
    session: &mut Session,
    step: impl Fn(&mut Session),
    mut until: impl FnMut(&mut Session, &Event) -> bool,
) {
    let began = Instant::now();
    loop {
        while let Some(event) = session.poll_event() {
            if until(session, &event) {
                return;
            }
        }
        assert!(
            began.elapsed() < LONG,
            "hangs in state {:?}",
            session.chat.state()
        );
        step(session);
    }
}

/// Drives the session until it has heard so many chat messages.
pub fn hear(session: &mut Session, count: usize) {
    let mut heard = 0;
    drive(session, |_, event| {
        if let Event::ChatMessages { messages, .. } = event {
            heard += messages.len();
        }
        heard == count
    });
}

/// Events up to the end of the connection, which is the one expected here; its cause.
pub fn ending(session: &mut Session) -> (chat_core::PeerErrorCode, chat_core::DisconnectCause) {
    let mut states = Vec::new();
    let mut end = None;
    drive(session, |_, event| {
        match event {
            Event::StateChanged { to, .. } => states.push(*to),
            Event::Error { code, cause, .. } => end = Some((*code, (**cause).clone())),
            _ => {}
        }
        end.is_some()
    });
    assert_eq!(states.last(), Some(&State::Error));
    end.unwrap()
}
