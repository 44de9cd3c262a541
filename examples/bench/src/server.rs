//! A client with name server and front end: [`Peer`]s over TCP that answer logins and requests. Only
//! the calls of the client are [`counted`], and only its memory.

use crate::client::subscribed;
use crate::measure::counted;
use allocation_counter::opt_out;
use chat_core::codes::{event, operation, parameter, return_code};
use chat_core::{ChatClient, ChatConfig, ConnectOptions, Event, LinkCommand, LinkId, LinkInput};
use photon_proto::message::{Header, Message, MessageKind, MessageWriter};
use photon_proto::peer::{Inbound, KeyAnswer, Peer, PeerConfig, SendError, SendOptions, Wire};
use photon_proto::{Limits, Protocol, Random, Timestamp};
use std::sync::Arc;

/// The client and the server's end of its link.
pub struct Served {
    /// The client.
    pub chat: ChatClient,
    /// The time of the next call.
    pub now: Timestamp,
    link: Option<(LinkId, Peer)>,
    random: Random,
    config: Arc<PeerConfig>,
}

impl Served {
    /// A client that has begun to connect over TCP.
    ///
    /// # Panics
    /// If the client refuses to connect.
    #[must_use]
    pub fn connecting(change: impl FnOnce(ChatConfig) -> ChatConfig) -> Self {
        let config = ChatConfig::new("tcp://127.0.0.1:1", "app", "1").user_id("alice");
        let config = change(config);
        let chat = counted(|| {
            let mut chat = ChatClient::new(config, [7; 32]);
            chat.connect_to_name_server(ConnectOptions::new().region("eu"))
                .expect("connecting");
            chat
        });
        let mut peer = PeerConfig::default();
        // It answers with as many channels as it was asked for.
        peer.outgoing_cap_bytes = usize::MAX;
        Self {
            chat,
            now: Timestamp::from_millis(1),
            link: None,
            random: Random::new([3; 32]),
            config: Arc::new(peer),
        }
    }

    /// A client that is connected to the front end.
    ///
    /// # Panics
    /// If it does not get there.
    #[must_use]
    pub fn connected(change: impl FnOnce(ChatConfig) -> ChatConfig) -> Self {
        let mut served = Self::connecting(change);
        served.settle();
        let is_connected = served.chat.is_connected_to_front_end();
        assert!(is_connected, "the client is {:?}", served.chat.state());
        served
    }

    /// Exchanges data until both ends are silent. Returns the last event, and how many there were.
    pub fn settle(&mut self) -> (Option<Event>, usize) {
        let (mut last, mut count) = (None, 0);
        loop {
            let mut is_idle = true;
            while let Some(command) = counted(|| self.chat.poll_command()) {
                is_idle = false;
                if let LinkCommand::Open { link, .. } = command {
                    opt_out(|| {
                        let mut peer = Peer::server(Arc::clone(&self.config), Wire::Stream);
                        peer.link_opened(self.now, false);
                        self.link = Some((link, peer));
                    });
                    self.input(link, LinkInput::Opened { ipv6: false });
                }
            }
            if let Some((link, _)) = self.link {
                is_idle &= !self.transmit(link);
                let mut received = Vec::new();
                opt_out(|| self.answer(&mut received));
                for bytes in &received {
                    is_idle = false;
                    self.input(link, LinkInput::Received(bytes));
                }
                opt_out(|| drop(received));
            }
            loop {
                let more = counted(|| self.chat.service(self.now).more);
                while let Some(event) = counted(|| self.chat.poll_event()) {
                    count += 1;
                    last = Some(event);
                }
                if !more {
                    break;
                }
            }
            if is_idle {
                return (last, count);
            }
        }
    }

    /// Loses the connection. A client that comes back by itself is connected again afterwards.
    pub fn lose(&mut self) {
        if let Some((link, peer)) = self.link.take() {
            opt_out(|| drop(peer));
            self.input(link, LinkInput::Closed);
        }
        self.settle();
    }

    /// Advances the time to the next deadline of the client. Returns the same as
    /// [`Served::settle`].
    pub fn wait(&mut self) -> (Option<Event>, usize) {
        self.now = self.chat.poll_timeout().unwrap_or(self.now).max(self.now);
        self.settle()
    }

    /// Sends a message to the client.
    pub fn deliver(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some((_, peer)) = &mut self.link {
            opt_out(|| send(peer, |buffer, _| write(buffer)));
        }
        self.settle();
    }

    fn input(&mut self, link: LinkId, input: LinkInput<'_>) {
        let (chat, now) = (&mut self.chat, self.now);
        counted(|| chat.handle_link(now, link, input));
    }

    /// Passes what the client sends to the server. Returns whether there was anything.
    fn transmit(&mut self, link: LinkId) -> bool {
        let (chat, now) = (&mut self.chat, self.now);
        let mut has_sent = false;
        while let Some(length) = counted(|| {
            let bytes = chat.transmit(now, link)?;
            opt_out(|| {
                if let Some((_, peer)) = &mut self.link {
                    peer.handle_bytes(now, bytes);
                }
            });
            let length = bytes.len();
            chat.transmitted(link, length);
            Some(length)
        }) {
            has_sent |= length > 0;
        }
        has_sent
    }

    /// Answers what the server has received. Appends what it sends, in parts.
    fn answer(&mut self, sent: &mut Vec<Vec<u8>>) {
        let Some((_, peer)) = &mut self.link else {
            return;
        };
        loop {
            let received = peer.receive(self.now, &mut self.random);
            match received.map(<[u8]>::to_vec) {
                Inbound::Init(_) => peer.answer_init(&mut self.random),
                Inbound::KeyRequest => peer
                    .answer_keys(KeyAnswer::Agree, &mut self.random)
                    .expect("a key"),
                Inbound::Ping { client_time } => peer.answer_ping(1, client_time),
                Inbound::Message { kind, message, .. } => respond(peer, kind, &message),
                Inbound::Ignored => {}
                Inbound::Nothing => break,
                other => panic!("the server received {other:?}"),
            }
        }
        while let Some(bytes) = peer.transmit(self.now).map(<[u8]>::to_vec) {
            peer.transmitted(bytes.len());
            sent.push(bytes);
        }
    }
}

/// Answers a request: a login with a token and an address, a subscribe or unsubscribe with its
/// outcome.
fn respond(peer: &mut Peer, kind: MessageKind, message: &[u8]) {
    let body = &message[Header::LENGTH..];
    let request = Message::decode(kind, Protocol::V18, &Limits::DEFAULT, body);
    let Ok(Message::Request {
        code, mut params, ..
    }) = request
    else {
        panic!("the server received {request:?}")
    };
    send(peer, |buffer, limits| {
        let response =
            MessageWriter::response(buffer, Protocol::V18, limits, code, return_code::OK, None);
        let mut response = response.expect("fits");
        if code == operation::AUTHENTICATE {
            response.put(parameter::SECRET, "token").expect("fits");
            response
                .put(parameter::ADDRESS, "tcp://127.0.0.1:2")
                .expect("fits");
        }
        response.finish().expect("fits");
    });
    let mut names = Vec::new();
    while let Some(key) = params.next_key().expect("a key") {
        if key == parameter::CHANNELS {
            names = params.strings("channels").expect("names");
        }
    }
    let outcome = match code {
        operation::SUBSCRIBE => subscribed(Protocol::V18, &names),
        operation::UNSUBSCRIBE => unsubscribed(&names),
        _ => return,
    };
    send(peer, |buffer, _| buffer.extend(outcome));
}

fn unsubscribed(names: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let code = event::UNSUBSCRIBE;
    let mut event =
        MessageWriter::event(&mut bytes, Protocol::V18, &Limits::DEFAULT, code).expect("fits");
    event
        .put_with(parameter::CHANNELS, |out| out.strings(names.iter()))
        .expect("fits");
    event.finish().expect("fits");
    bytes
}

fn send(peer: &mut Peer, write: impl FnOnce(&mut Vec<u8>, &Limits)) {
    peer.send::<SendError>(SendOptions::PLAIN, |buffer, _, limits| {
        write(buffer, limits);
        Ok(())
    })
    .expect("connected");
}
