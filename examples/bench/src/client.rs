//! A client that is connected to the front end and subscribed to a channel, over each carrier, with
//! a server's end that sends whatever it is given.

use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Encryption, LinkCommand, LinkId, LinkInput,
    SubscribeOptions,
};
use photon_proto::message::MessageWriter;
use photon_proto::tcp::{self, Delivery};
use photon_proto::udp::{Acceptor, AcceptorConfig, ConnectionHandle, Event};
use photon_proto::{Limits, Protocol, Timestamp, json};

/// The channel to which the client is subscribed.
pub const CHANNEL: &str = "general";

/// The way in which messages reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Frames in a byte stream.
    Stream,
    /// Messages of WebSocket.
    Messages,
    /// Texts of WebSocket.
    Json,
    /// Reliable UDP.
    Datagrams,
}

impl Carrier {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "tcp",
            Self::Messages => "ws",
            Self::Json => "ws json",
            Self::Datagrams => "udp",
        }
    }

    const fn scheme(self) -> &'static str {
        match self {
            Self::Stream => "tcp",
            Self::Messages | Self::Json => "ws",
            Self::Datagrams => "udp",
        }
    }
}

/// The client and the server's end of its link.
pub struct Connected {
    /// The client.
    pub chat: ChatClient,
    /// Its current link.
    pub link: LinkId,
    /// The time of all calls.
    pub now: Timestamp,
    /// Whether events are taken after each call, as a frame loop does.
    pub take_events: bool,
    /// The bytes that the client has received, with what the carrier adds.
    pub received_bytes: u64,
    /// The challenge in its last datagram.
    pub challenge: [u8; 4],
    /// How often bytes were passed to it.
    pub received: u64,
    carrier: Carrier,
    protocol: Protocol,
    /// The other end of reliable UDP, one for each server.
    acceptor: Option<(Acceptor<()>, Option<ConnectionHandle>)>,
}

impl Connected {
    /// Connects to the front end and subscribes to [`CHANNEL`].
    ///
    /// # Panics
    /// If the client does not get there.
    #[must_use]
    pub fn new(carrier: Carrier, protocol: Protocol) -> Self {
        Self::with(carrier, protocol, |config| config)
    }

    /// As [`Connected::new`], with a client that caches no messages.
    ///
    /// # Panics
    /// As [`Connected::new`].
    #[must_use]
    pub fn without_cache(carrier: Carrier, protocol: Protocol) -> Self {
        Self::with(carrier, protocol, |config| config.channel_cache_messages(0))
    }

    /// As [`Connected::new`], with another configuration.
    ///
    /// # Panics
    /// As [`Connected::new`].
    #[must_use]
    pub fn with(
        carrier: Carrier,
        protocol: Protocol,
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> Self {
        let address = format!("{}://127.0.0.1:1", carrier.scheme());
        let config = ChatConfig::new(address, "app", "1")
            .protocol(protocol)
            .user_id("alice")
            .encryption(Encryption::Off);
        let config = if carrier == Carrier::Json {
            config.json()
        } else {
            config
        };
        let mut chat = ChatClient::new(change(config), [7; 32]);
        chat.connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("connecting");
        let mut connected = Self {
            link: opened_link(&mut chat).expect("a link to the name server"),
            chat,
            now: Timestamp::from_millis(1),
            take_events: true,
            received_bytes: 0,
            challenge: [0; 4],
            received: 0,
            carrier,
            protocol,
            acceptor: None,
        };
        connected.log_in(&[(221, "token"), (230, "127.0.0.1:2")]);
        connected.link = opened_link(&mut connected.chat).expect("a link to the front end");
        connected.log_in(&[]);
        let _request = connected
            .chat
            .subscribe([CHANNEL], &SubscribeOptions::new())
            .expect("on the front end");
        connected.flush();
        let event = subscribed(protocol, &[CHANNEL]);
        connected.deliver(&event);
        assert!(
            connected.chat.can_chat_in_channel(CHANNEL),
            "the client is not subscribed"
        );
        while connected.chat.poll_event().is_some() {}
        connected
    }

    /// Subscribes to so many channels more. Returns their names.
    ///
    /// # Panics
    /// If the client is not subscribed afterwards.
    pub fn join(&mut self, channels: usize) -> Vec<String> {
        /// As many as a request and its event have space for.
        const AT_A_TIME: usize = 500;
        let names: Vec<String> = (0..channels)
            .map(|number| format!("channel{number}"))
            .collect();
        let mut response = Vec::new();
        MessageWriter::response(&mut response, self.protocol, &Limits::DEFAULT, 0, 0, None)
            .and_then(MessageWriter::finish)
            .expect("fits");
        for some in names.chunks(AT_A_TIME) {
            let _request = self
                .chat
                .subscribe(some, &SubscribeOptions::new())
                .expect("there is space");
            self.flush();
            self.deliver(&response);
            self.deliver(&subscribed(self.protocol, some));
        }
        let is_in = |name: &String| self.chat.can_chat_in_channel(name);
        assert!(names.iter().all(is_in), "not subscribed to all");
        names
    }

    /// The serialization protocol.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn log_in(&mut self, parameters: &[(u8, &str)]) {
        let (now, link) = (self.now, self.link);
        if self.carrier == Carrier::Datagrams {
            allocation_counter::opt_out(|| {
                self.acceptor = Some((Acceptor::new(AcceptorConfig::default(), [3; 32]), None));
            });
        }
        self.chat
            .handle_link(now, link, LinkInput::Opened { ipv6: false });
        self.exchange(&mut Plain);
        match self.carrier {
            Carrier::Stream | Carrier::Datagrams | Carrier::Messages => {
                self.deliver(&[0xF3, 1, 0]);
            }
            // The session frame.
            Carrier::Json => self.input(b"~m~16~m~onopen0123456789"),
        }
        // The request that is answered: with unsent bytes, the link would stay after the redirect.
        self.flush();
        let mut answer = Vec::new();
        let mut response =
            MessageWriter::response(&mut answer, self.protocol, &Limits::DEFAULT, 230, 0, None)
                .expect("fits");
        for (key, value) in parameters {
            response.put(*key, *value).expect("fits");
        }
        response.finish().expect("fits");
        self.deliver(&answer);
    }

    /// Passes bytes of the link to the client, and processes them.
    pub fn input(&mut self, bytes: &[u8]) {
        self.input_with(&mut Plain, bytes);
    }

    /// As [`Connected::input`], through `calls`.
    pub fn input_with(&mut self, calls: &mut impl Calls, bytes: &[u8]) {
        let (now, link) = (self.now, self.link);
        self.received_bytes += bytes.len() as u64;
        self.received += 1;
        calls.call(&mut self.chat, |chat| {
            chat.handle_link(now, link, LinkInput::Received(bytes));
            false
        });
        self.service(calls);
    }

    /// Sends a message to the client, and processes it.
    pub fn deliver(&mut self, message: &[u8]) {
        self.deliver_with(&mut Plain, message);
    }

    /// As [`Connected::deliver`], through `calls`.
    pub fn deliver_with(&mut self, calls: &mut impl Calls, message: &[u8]) {
        if let Some((acceptor, handle)) = &mut self.acceptor {
            if let Some(handle) = *handle {
                allocation_counter::opt_out(|| {
                    let _sent = acceptor.send_with(handle, 0, Delivery::Reliable, |buffer, _| {
                        buffer.extend_from_slice(message);
                        Ok::<(), photon_proto::udp::SendError>(())
                    });
                });
            }
            self.exchange(calls);
            return;
        }
        let mut bytes = Vec::new();
        allocation_counter::opt_out(|| bytes = on_the_wire(self.carrier, message));
        self.input_with(calls, &bytes);
        allocation_counter::opt_out(|| drop(bytes));
    }

    /// Sends what the client has to send; over reliable UDP it is acknowledged.
    pub fn flush(&mut self) {
        self.exchange(&mut Plain);
    }

    /// The next calls for which a timer is due, with nothing received: twice a ping interval.
    pub fn idle(&mut self) {
        for seconds in 1..=2 {
            let now = Timestamp::from_millis(self.now.as_millis() + seconds * 4_000);
            let _serviced = self.chat.service(now);
            while let Some(bytes) = self.chat.transmit(now, self.link).map(<[u8]>::len) {
                self.chat.transmitted(self.link, bytes);
            }
        }
    }

    /// Services until nothing is left, and takes the events after each call, as a frame loop does.
    fn service(&mut self, calls: &mut impl Calls) {
        let now = self.now;
        loop {
            let more = calls.call(&mut self.chat, |chat| chat.service(now).more);
            while self.take_events && self.chat.poll_event().is_some() {}
            if !more || (!self.take_events && self.chat.queued_events() > 0) {
                return;
            }
        }
    }

    /// Moves datagrams in both directions until both ends are silent; over other carriers drops
    /// what the client sends.
    fn exchange(&mut self, calls: &mut impl Calls) {
        let (now, link) = (self.now, self.link);
        loop {
            let mut idle = true;
            while let Some(bytes) = self.chat.transmit(now, link).map(<[u8]>::to_vec) {
                self.chat.transmitted(link, bytes.len());
                idle = false;
                if let Some(challenge) = bytes.get(8..).and_then(<[u8]>::first_chunk) {
                    self.challenge = *challenge;
                }
                if let Some((acceptor, _)) = &mut self.acceptor {
                    allocation_counter::opt_out(|| acceptor.handle_datagram(now, &(), &bytes));
                }
            }
            let mut datagrams = Vec::new();
            if let Some((acceptor, handle)) = &mut self.acceptor {
                allocation_counter::opt_out(|| {
                    while let Some((connection, event)) = acceptor.poll_event() {
                        if event == Event::Connected {
                            *handle = Some(connection);
                        }
                    }
                    while let Some((_, bytes)) = acceptor.transmit(now) {
                        datagrams.push(bytes.to_vec());
                        acceptor.transmitted();
                    }
                });
            }
            for datagram in &datagrams {
                idle = false;
                self.received_bytes += datagram.len() as u64;
                self.received += 1;
                calls.call(&mut self.chat, |chat| {
                    chat.handle_link(now, link, LinkInput::Received(datagram));
                    false
                });
            }
            allocation_counter::opt_out(|| drop(datagrams));
            self.service(calls);
            if idle {
                return;
            }
        }
    }
}

/// Calls of the client, one at a time: a measurement goes between them.
pub trait Calls {
    /// Makes one call.
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool;
}

/// Only makes the calls.
struct Plain;

impl Calls for Plain {
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
        call(chat)
    }
}

/// The link that the client wants to open.
fn opened_link(chat: &mut ChatClient) -> Option<LinkId> {
    let mut link = None;
    while let Some(command) = chat.poll_command() {
        if let LinkCommand::Open { link: opened, .. } = command {
            link = Some(opened);
        }
    }
    link
}

/// Appends a frame of a stream.
pub fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = tcp::begin_frame(out, 0, Delivery::Reliable);
    write(out);
    tcp::end_frame(out, start);
}

/// A message as one input of the link. Reliable UDP needs a connection instead.
///
/// # Panics
/// If JSON cannot express it.
#[must_use]
pub fn on_the_wire(carrier: Carrier, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match carrier {
        Carrier::Stream | Carrier::Datagrams => {
            frame(&mut bytes, |out| out.extend_from_slice(message));
        }
        Carrier::Messages => bytes.extend_from_slice(message),
        Carrier::Json => {
            let limits = Limits {
                max_sent_bytes: usize::MAX,
                ..Limits::DEFAULT
            };
            json::encode_message(&mut bytes, &limits, message).expect("JSON can express it");
        }
    }
    bytes
}

/// Event 5: the client is subscribed to these channels.
///
/// # Panics
/// If the names do not fit into a message.
#[must_use]
pub fn subscribed<N: AsRef<str>>(protocol: Protocol, names: &[N]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut event = MessageWriter::event(&mut bytes, protocol, &Limits::DEFAULT, 5).expect("fits");
    event
        .put_with(0, |out| out.strings(names.iter()))
        .expect("fits");
    event
        .put_with(15, |out| out.bools(&vec![true; names.len()]))
        .expect("fits");
    event.finish().expect("fits");
    bytes
}
