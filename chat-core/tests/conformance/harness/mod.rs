//! The harness: one client, virtual time, and a scripted server side.
//!
//! The server side is a raw endpoint on purpose. A checker must be able to send what the server role
//! of `photon_proto::peer::Peer` forbids: messages out of order, half frames, a second login response.
//! It shares the codecs with the client, so it does not verify the wire format: captures and vectors do.
//!
//! [`Harness::pump`] is a driver with the documented drain order. It also checks the contract that
//! every test relies on: events announce every state change; an `Error` follows a change to
//! [`State::Error`] and nothing else; `transmit` is stable; links are opened and closed once; no
//! wake-up is busy; and a time before the latest counts as the latest.

mod carrier;
pub(crate) mod datagram;
mod driver;
mod expect;
mod json;
mod log_capture;
mod passed_time;
mod seen;
mod server;
mod table;

use chat_core::{
    AuthValues, ChatClient, ChatConfig, ConnectOptions, DisconnectCause, Encryption, Event,
    LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, PeerErrorCode, PublishOptions,
    RequestError, RequestId, State, SubscribeOptions,
};
use photon_proto::{Protocol, Timestamp, Value};
use std::collections::VecDeque;

pub(crate) use carrier::{PEER_ID, SERVER_CLOCK};
pub(crate) use expect::{error, exactly_after_ms};
pub(crate) use log_capture::{lines as log_lines, warnings};
use passed_time::PassedTime;
pub(crate) use seen::{Line, Seen, outcomes};
pub(crate) use server::{Received, Sent, ServerLink, framed};
pub(crate) use table::{
    Carrier, Row, TABLE, each, each_with, not_in_json, not_over_datagrams, not_over_datagrams_with,
    over_datagrams, over_datagrams_with, over_messages_with, over_streams, over_streams_with,
    where_keys_are_exchanged, where_no_keys_are_exchanged,
};

pub(crate) const APP_ID: &str = "c0ffee00-1111-2222-3333-444455556666";
pub(crate) const APP_VERSION: &str = "1.0";
pub(crate) const NAME_SERVER: &str = "tcp://ns.example:4533";
pub(crate) const FRONT_END: &str = "fe.example:5070";
pub(crate) const TOKEN: &str = "token-of-the-name-server";

/// The default ping interval. chat.md 6.4.
pub(crate) const PING_MS: u64 = 3_000;
/// The default silence timeout. chat.md 6.4.
const SILENCE_MS: u64 = 10_000;

/// The states of a successful connection, in order.
pub(crate) const CONNECT_STATES: [State; 4] = [
    State::ConnectingToNameServer,
    State::ConnectedToNameServer,
    State::ConnectingToFrontEnd,
    State::ConnectedToFrontEnd,
];

pub(crate) const ALL_STATES: [State; 7] = [
    State::Error,
    State::Uninitialized,
    State::ConnectingToNameServer,
    State::ConnectedToNameServer,
    State::ConnectingToFrontEnd,
    State::ConnectedToFrontEnd,
    State::Disconnected,
];

pub(crate) fn encryption_off(config: ChatConfig) -> ChatConfig {
    config.encryption(Encryption::Off)
}

/// A string array.
pub(crate) fn strings(texts: &[&str]) -> Value {
    Value::from(
        texts
            .iter()
            .map(|&text| text.into())
            .collect::<Vec<photon_proto::Text>>(),
    )
}

pub(crate) fn bools(flags: &[bool]) -> Value {
    Value::from(flags.to_vec())
}

/// An object array.
pub(crate) fn objects(values: &[Value]) -> Value {
    Value::from(values.to_vec())
}

/// A call that the client may reject.
pub(crate) type Call = fn(&mut ChatClient) -> Result<(), RequestError>;
/// The last digits of a documented code, or the whole code, and the action that causes it.
pub(crate) type End = (i32, fn(&mut Harness));

pub(crate) struct Harness {
    pub(crate) client: ChatClient,
    pub(crate) now: Timestamp,
    passed: PassedTime,
    /// The server's end of every opened link, in order.
    pub(crate) links: Vec<ServerLink>,
    /// The protocol and transport of the client.
    pub(crate) row: Row,
    /// Whether the server's end answers at once: it responds to ping messages, and over datagrams
    /// it receives and acknowledges. Otherwise datagrams are lost.
    pub(crate) answers: bool,
    /// Whether the server encrypts its messages once it has a key.
    pub(crate) encrypt_answers: bool,
    /// Whether sockets are writable.
    pub(crate) writable: bool,
    commands: VecDeque<LinkCommand>,
    events: Vec<Event>,
    error: Option<(PeerErrorCode, DisconnectCause, String)>,
    /// The state that events announced last.
    announced: State,
}

impl Harness {
    /// Creates a client with this configuration, over a stream.
    pub(crate) fn new(config: ChatConfig) -> Self {
        Self::on_row(TABLE[1], config)
    }

    pub(crate) fn on_row(row: Row, config: ChatConfig) -> Self {
        log_capture::begin();
        Self {
            client: ChatClient::new(config, [7; 32]),
            now: Timestamp::from_millis(1_000),
            passed: PassedTime::new(),
            links: Vec::new(),
            row,
            answers: true,
            encrypt_answers: false,
            writable: true,
            commands: VecDeque::new(),
            events: Vec::new(),
            error: None,
            announced: State::Uninitialized,
        }
    }

    // Time.

    /// Advances the time like a driver that sleeps until each deadline.
    #[track_caller]
    pub(crate) fn advance_ms(&mut self, ms: u64) {
        let until = self.now.plus_millis(ms);
        while let Some(at) = self.next_deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.pump();
        }
        self.now = until;
        self.pump();
    }

    /// The next deadline of the client or of a server's end.
    fn next_deadline(&self) -> Option<Timestamp> {
        let servers = self
            .links
            .iter()
            .filter(|link| !link.gone)
            .filter_map(|link| link.end.deadline());
        servers.chain(self.client.poll_timeout()).min()
    }

    /// Makes the servers silent while nothing is in flight. Returns the time until the client
    /// notices without other traffic: over streams by the silence timer, over datagrams by a ping
    /// without acknowledgement.
    pub(crate) fn fall_silent(&mut self) -> u64 {
        self.answers = false;
        match self.row.carrier {
            Carrier::Stream | Carrier::Messages => SILENCE_MS,
            Carrier::Datagrams => datagram::GIVES_UP_MS,
        }
    }

    /// The resend timeout of a command that is sent now. udp.md 5.4.
    pub(crate) fn resend_ms(&self) -> u64 {
        let stats = self.client.stats();
        let measured = stats.round_trip.zip(stats.round_trip_variance);
        // Before the client reports them: connect and init were acknowledged at once. udp.md 5.3.
        let (round_trip, variance) = measured.map_or((14, 7), |(round_trip, variance)| {
            (round_trip.as_millis() as u64, variance.as_millis() as u64)
        });
        (round_trip + 4 * variance).min(400)
    }

    /// Asserts that the next deadline is exactly this far away.
    #[track_caller]
    pub(crate) fn expect_deadline_in_ms(&self, ms: u64) {
        assert_eq!(
            self.client.poll_timeout(),
            Some(self.now.plus_millis(ms)),
            "now is {:?}",
            self.now
        );
    }

    // Links.

    /// The server's end of the last link.
    #[track_caller]
    pub(crate) fn server(&mut self) -> &mut ServerLink {
        self.links.last_mut().expect("a link was opened")
    }

    #[track_caller]
    pub(crate) fn link(&mut self) -> LinkId {
        self.server().id
    }

    #[track_caller]
    pub(crate) fn input(&mut self, link: LinkId, input: LinkInput<'_>) {
        if let Some(known) = self.links.iter_mut().find(|known| known.id == link) {
            match input {
                LinkInput::Opened { .. } => known.opened = true,
                LinkInput::Closed | LinkInput::Failed(_) => known.gone = true,
                LinkInput::Received(_) => {}
            }
        }
        let now = self.passed.at(self.now);
        self.client.handle_link(now, link, input);
        self.pump();
    }

    /// The protocol of the last link.
    #[track_caller]
    pub(crate) fn protocol(&mut self) -> Protocol {
        self.server().protocol()
    }

    /// The driver reports that the transport is connected.
    #[track_caller]
    pub(crate) fn accept(&mut self) {
        let link = self.link();
        self.input(link, LinkInput::Opened { ipv6: false });
    }

    /// The driver reports that the server closed the link.
    #[track_caller]
    pub(crate) fn close(&mut self) {
        let link = self.link();
        self.input(link, LinkInput::Closed);
    }

    #[track_caller]
    pub(crate) fn fail(&mut self, kind: LinkErrorKind, text: &str) {
        let link = self.link();
        self.input(link, LinkInput::Failed(LinkError::new(kind, text)));
    }

    /// Delivers frames of the server, without running the driver afterwards.
    #[track_caller]
    pub(crate) fn deliver_without_pump(&mut self, link: LinkId, framed: &[u8]) {
        let known = self
            .links
            .iter_mut()
            .find(|known| known.id == link)
            .expect("a link that was opened");
        for input in known.end.input_for(self.now, framed) {
            self.client
                .handle_link(self.passed.at(self.now), link, LinkInput::Received(&input));
        }
    }

    /// Delivers frames of the server; over streams any bytes.
    #[track_caller]
    pub(crate) fn deliver(&mut self, framed: &[u8]) {
        let link = self.link();
        self.deliver_without_pump(link, framed);
        self.pump();
    }

    /// Delivers a message of the server in a frame.
    #[track_caller]
    pub(crate) fn deliver_message(&mut self, message: &[u8]) {
        self.deliver(&server::framed(message));
    }

    /// Delivers a frame of the server in which raw bytes replace the text `place`: an encoded value,
    /// or an element of a string array.
    #[track_caller]
    pub(crate) fn deliver_spoiled(&mut self, framed: &[u8], place: &str, raw: &[u8]) {
        if !self.row.json {
            let message = framed.get(7..).expect("behind the frame header");
            let spoiled = carrier::spoiled(self.row.protocol, message, place, raw);
            return self.deliver_message(&spoiled);
        }
        let link = self.link();
        let text = carrier::spoiled_json(framed, place, raw);
        self.client
            .handle_link(self.now, link, LinkInput::Received(&text));
        self.pump();
    }

    /// The server sends the init response.
    #[track_caller]
    pub(crate) fn send_init_response(&mut self) {
        self.deliver_message(&[0xF3, 1, 0]);
    }

    /// The server sends its half of the key exchange.
    #[track_caller]
    pub(crate) fn send_key_response(&mut self) {
        let answer = self.server().key_response();
        self.deliver(&answer);
    }

    /// Completes every step from the open command until operations can be sent.
    #[track_caller]
    pub(crate) fn handshake(&mut self) {
        self.accept();
        self.send_init_response();
        if self.server().client_key.is_some() {
            self.send_key_response();
        }
    }

    #[track_caller]
    pub(crate) fn respond(
        &mut self,
        code: u8,
        return_code: i16,
        text: Option<&str>,
        parameters: &[(u8, Value)],
    ) {
        let bytes = self.response(code, return_code, text, parameters);
        self.deliver(&bytes);
    }

    #[track_caller]
    pub(crate) fn response(
        &mut self,
        code: u8,
        return_code: i16,
        text: Option<&str>,
        parameters: &[(u8, Value)],
    ) -> Vec<u8> {
        let encrypt = self.encrypt_answers;
        self.server()
            .response(encrypt, code, return_code, text, parameters)
    }

    #[track_caller]
    pub(crate) fn raise(&mut self, code: u8, parameters: &[(u8, Value)]) {
        let bytes = self.event(code, parameters);
        self.deliver(&bytes);
    }

    #[track_caller]
    pub(crate) fn event(&mut self, code: u8, parameters: &[(u8, Value)]) -> Vec<u8> {
        let encrypt = self.encrypt_answers;
        self.server().event(encrypt, code, parameters)
    }

    #[track_caller]
    pub(crate) fn send_disconnect(&mut self, reason: i16, text: Option<&str>) {
        let bytes = self.server().disconnect(reason, text);
        self.deliver(&bytes);
    }

    /// JSON has no disconnect message: there the server closes the link.
    #[track_caller]
    pub(crate) fn send_disconnect_or_close(&mut self) {
        if self.row.json {
            self.close()
        } else {
            self.send_disconnect(1, None)
        }
    }

    /// The name server accepts the login.
    #[track_caller]
    pub(crate) fn accept_login(&mut self) {
        self.respond(
            230,
            0,
            None,
            &[(230, FRONT_END.into()), (221, TOKEN.into())],
        );
    }

    // The application.

    #[track_caller]
    pub(crate) fn connect(&mut self, region: Option<&str>) {
        let options = match region {
            Some(region) => ConnectOptions::new().region(region),
            None => ConnectOptions::new(),
        };
        self.client
            .connect_to_name_server(options)
            .expect("connect is allowed");
        self.pump();
    }

    #[track_caller]
    pub(crate) fn authentication(&mut self, values: AuthValues) {
        self.client.set_custom_authentication(values);
    }

    /// Completes every step from the open command of the name server to the front end.
    #[track_caller]
    pub(crate) fn complete_login(&mut self) {
        self.handshake();
        self.accept_login();
        self.handshake();
        self.respond(230, 0, None, &[]);
        assert_eq!(self.client.state(), State::ConnectedToFrontEnd);
    }

    /// Chooses region eu on the name server.
    #[track_caller]
    pub(crate) fn choose_region(&mut self) {
        self.client
            .connect_to_region_front_end("eu")
            .expect("a region can be chosen");
        self.pump();
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, channels: &[&str]) -> RequestId {
        self.client
            .subscribe(channels, &SubscribeOptions::new())
            .expect("on the front end")
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, channels: &[&str]) -> RequestId {
        self.client.unsubscribe(channels).expect("on the front end")
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, channel: &str, text: &str) {
        self.client
            .publish_message(channel, text, &PublishOptions::new())
            .expect("on the front end");
    }

    /// Subscribes, and the server confirms it.
    #[track_caller]
    pub(crate) fn join(&mut self, channels: &[&str]) {
        let _request = self.subscribe(channels);
        self.pump();
        let _sent = self.server().requests.pop_front().expect("the request");
        self.raise(
            5,
            &[
                (0, strings(channels)),
                (15, bools(&vec![true; channels.len()])),
            ],
        );
        assert!(matches!(
            self.take_events().as_slice(),
            [Event::SubscribeResult(_)]
        ));
    }

    /// Goes to a state, and drops the events and commands on the way.
    #[track_caller]
    pub(crate) fn go_to(&mut self, state: State) {
        let steps = match state {
            State::Uninitialized => 0,
            State::ConnectingToNameServer => 1,
            State::ConnectedToNameServer => 2,
            State::ConnectingToFrontEnd => 3,
            State::ConnectedToFrontEnd | State::Error | State::Disconnected => 4,
        };
        if steps >= 1 {
            self.connect(None);
        }
        if steps >= 2 {
            self.handshake();
        }
        if steps >= 3 {
            self.choose_region();
            self.accept_login();
        }
        if steps >= 4 {
            self.handshake();
            self.respond(230, 0, None, &[]);
        }
        match state {
            State::Disconnected => {
                self.client.disconnect();
                self.pump();
            }
            State::Error => self.close(),
            _ => {}
        }
        assert_eq!(self.client.state(), state);
        self.forget();
    }

    /// Drops the events, commands and requests so far.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
        self.commands.clear();
        self.error = None;
        for link in &mut self.links {
            link.forget();
        }
    }
}
