//! What is different over WebSocket: no init, no keys where the link is secure, addresses, pings. Spec: wire.md 7.

use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Encryption, Event, LinkCommand, LinkId, LinkInput, PeerErrorCode,
    PrivateOptions, Protocol, RequestError, State, Target, Timestamp, Value, Wire,
};
use photon_proto::message::{self, Message, MessageKind, MessageWriter};
use photon_proto::{Limits, internal};

const LIMITS: Limits = Limits::DEFAULT;

/// A client and the server's end of its newest link.
struct Duo {
    client: ChatClient,
    now: Timestamp,
    link: Option<LinkId>,
    target: Option<Target>,
    wire: Option<Wire>,
    events: Vec<Event>,
    protocol: Protocol,
}

impl Duo {
    fn new(address: &str, change: impl FnOnce(ChatConfig) -> ChatConfig) -> Self {
        let config = change(ChatConfig::new(address, "app/id", "1.0").user_id("alice"));
        let client = ChatClient::new(config, [9; 32]);
        let now = Timestamp::from_millis(5_000);
        Self { client, now, link: None, target: None, wire: None, events: Vec::new(), protocol: Protocol::V18 }
    }

    fn connect(&mut self) {
        self.client.connect_to_name_server(ConnectOptions::new().region("eu")).expect("may connect");
        self.pump();
    }

    /// A turn of the driver: what the client sends, whole messages.
    fn pump(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            let more = self.client.service(self.now).more;
            while let Some(event) = self.client.poll_event() {
                self.events.push(event);
            }
            if let Some(link) = self.link {
                while let Some(bytes) = self.client.transmit(self.now, link).map(<[u8]>::to_vec) {
                    assert_eq!(self.client.transmit(self.now, link), Some(&*bytes), "transmit is stable");
                    self.client.transmitted(link, 1);
                    sent.push(bytes);
                }
            }
            while let Some(command) = self.client.poll_command() {
                if let LinkCommand::Open { link, target, wire } = command {
                    (self.link, self.target, self.wire) = (Some(link), Some(target), Some(wire));
                }
            }
            if !more {
                assert!(self.client.poll_timeout().is_none_or(|at| at > self.now), "busy");
                return sent;
            }
        }
    }

    fn input(&mut self, input: LinkInput<'_>) -> Vec<Vec<u8>> {
        self.client.handle_link(self.now, self.link.expect("a link"), input);
        self.pump()
    }

    fn deliver(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        self.input(LinkInput::Received(message))
    }

    fn pass(&mut self, ms: u64) -> Vec<Vec<u8>> {
        let until = self.now.plus_millis(ms);
        let mut sent = Vec::new();
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            sent.extend(self.pump());
        }
        self.now = until;
        sent
    }

    fn states(&mut self) -> Vec<State> {
        let told = self.events.drain(..);
        told.filter_map(|event| if let Event::StateChanged { to, .. } = event { Some(to) } else { None }).collect()
    }

    fn response(&self, code: u8, parameters: &[(u8, Value)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::response(&mut bytes, self.protocol, &LIMITS, code, 0, None).expect("fits");
        for (key, value) in parameters {
            writer.put(*key, value).expect("fits");
        }
        writer.finish().expect("fits");
        bytes
    }

    fn login(&self, address: &str) -> Vec<u8> {
        self.response(230, &[(230, address.into()), (221, "token".into())])
    }

    /// Kind, code of the operation, and whether it is encrypted.
    fn kinds(&self, sent: &[Vec<u8>]) -> Vec<(MessageKind, Option<u8>, bool)> {
        sent.iter()
            .map(|bytes| {
                let header = message::Header::parse(bytes).expect("a message without a frame");
                let code = match (!header.encrypted)
                    .then(|| Message::parse(header.kind, self.protocol, &LIMITS, &bytes[2..]).expect("good"))
                {
                    Some(Message::Request { code, .. }) => Some(code),
                    _ => None,
                };
                (header.kind, code, header.encrypted)
            })
            .collect()
    }
}

const INIT_RESPONSE: [u8; 3] = [0xF3, 1, 0];
const PING: (MessageKind, Option<u8>, bool) = (MessageKind::InternalRequest, Some(internal::PING), false);
const LOGIN: (MessageKind, Option<u8>, bool) = (MessageKind::Request, Some(230), false);

#[test]
fn path_and_query_say_what_the_init_says_elsewhere() {
    for (address, host, port, secure, before) in [
        ("wss://ns.example", "ns.example", 443, true, ""),
        ("ws://ns.example:9093", "ns.example", 9093, false, ""),
        ("wss://proxy.example:1/photon/ns/", "proxy.example", 1, true, "/photon/ns"),
    ] {
        for (protocol, subprotocol) in [(Protocol::V16, "GpBinaryV16"), (Protocol::V18, "GpBinaryV18")] {
            let mut duo = Duo::new(address, |config| config.protocol(protocol));
            duo.connect();
            let path = format!("{before}/?libversion=4.1.8.20&sid=31&app=NameServer&IPv6");
            assert_eq!(duo.target, Some(Target { host: host.into(), port, path: path.as_str().into() }));
            assert_eq!(duo.wire, Some(Wire::WebSocket { secure, text: false, subprotocol }));
        }
    }
}

#[test]
fn c008_over_secure_links_no_keys_are_exchanged_and_state_2_comes_with_the_init_response() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.connect();
    assert_eq!(duo.input(LinkInput::Opened { ipv6: false }), Vec::<Vec<u8>>::new(), "the server speaks first");
    assert_eq!(duo.states(), [State::ConnectingToNameServer]);
    let sent = duo.deliver(&INIT_RESPONSE);
    assert_eq!(duo.states(), [State::ConnectedToNameServer]);
    assert_eq!(duo.kinds(&sent), [PING, LOGIN], "nothing is encrypted, and no key is sent");
    // The front end without a scheme: over what was used to ask.
    duo.deliver(&duo.login("fe.example:19090"));
    let target = duo.target.clone().expect("the front end");
    assert_eq!(
        (target.to_string().as_str(), &*target.path),
        ("fe.example:19090", "/?libversion=4.1.8.20&sid=31&app=chat&IPv6")
    );
    assert!(matches!(duo.wire, Some(Wire::WebSocket { secure: true, .. })));
    duo.input(LinkInput::Opened { ipv6: false });
    let sent = duo.deliver(&INIT_RESPONSE);
    assert_eq!(duo.kinds(&sent), [PING, LOGIN]);
    duo.deliver(&duo.response(230, &[]));
    assert_eq!(duo.states().last(), Some(&State::ConnectedToFrontEnd));
    // c091: the flag is accepted and has no effect, the link does it.
    let encrypt = PrivateOptions::new().encrypt(true);
    duo.client.send_private_message("bob", "hi", &encrypt).expect("secure by itself");
    let sent = duo.pump();
    assert_eq!(duo.kinds(&sent), [(MessageKind::Request, Some(3), false)]);
}

#[test]
fn over_plain_links_keys_are_exchanged() {
    let mut duo = Duo::new("ws://ns.example", |config| config);
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    let sent = duo.deliver(&INIT_RESPONSE);
    let key = (MessageKind::InternalRequest, Some(internal::INIT_ENCRYPTION), false);
    assert_eq!(duo.kinds(&sent), [PING, key]);
    assert_eq!(duo.states(), [State::ConnectingToNameServer]);
    let mut off = Duo::new("ws://ns.example", |config| config.encryption(Encryption::Off));
    off.connect();
    off.input(LinkInput::Opened { ipv6: false });
    let sent = off.deliver(&INIT_RESPONSE);
    assert_eq!(off.kinds(&sent), [PING, LOGIN]);
}

/// Spec: wire.md 7.1, item 3.
#[test]
fn a_server_that_does_not_greet_is_pinged_after_a_second_and_its_answer_is_greeting_enough() {
    for bare in [false, true] {
        let mut duo = Duo::new("wss://ns.example", |config| config);
        duo.connect();
        duo.input(LinkInput::Opened { ipv6: true });
        assert_eq!(duo.pass(999), Vec::<Vec<u8>>::new());
        let sent = duo.pass(1);
        assert_eq!(duo.kinds(&sent), [PING]);
        let sent = duo.pass(1_000);
        assert_eq!(duo.kinds(&sent), [PING], "and again");
        duo.now = duo.now.plus_millis(40);
        let mut answer = Vec::new();
        if bare {
            answer = vec![0xF0, 0, 0, 0x30, 0x39, 0, 0, 0x07, 0xD0];
        } else {
            internal::write_ping_response(&mut answer, Protocol::V18, &LIMITS, 2_000, 12_345).expect("fits");
        }
        let sent = duo.deliver(&answer);
        assert_eq!(duo.kinds(&sent), [PING, LOGIN], "bare: {bare}");
        assert_eq!(duo.states(), [State::ConnectingToNameServer, State::ConnectedToNameServer]);
        assert_eq!(duo.client.server_time(), Some(12_345 + 20), "half of the 40 ms later");
        // The greeting after all: nothing happens.
        assert_eq!(duo.deliver(&INIT_RESPONSE), Vec::<Vec<u8>>::new());
        assert_eq!(duo.client.stats().ignored_messages, 1);
    }
}

#[test]
fn a_server_that_never_answers_is_a_timeout_and_one_that_falls_silent_too() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.pass(15_000);
    let codes = |events: &[Event]| {
        events
            .iter()
            .filter_map(|event| if let Event::Error { code, .. } = event { Some(*code) } else { None })
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(&duo.events), [PeerErrorCode::NameServerTimeout]);
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.client.connect_to_name_server(ConnectOptions::new()).expect("may connect");
    duo.pump();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    let sent = duo.pass(9_999);
    assert_eq!(duo.kinds(&sent), [PING; 3], "every 3 s");
    assert_eq!(codes(&duo.events), []);
    duo.pass(1);
    assert_eq!(codes(&duo.events), [PeerErrorCode::NameServerTimeout]);
}

#[test]
fn never_from_secure_to_insecure() {
    for insecure in ["ws://fe.example:9090", "tcp://fe.example:9090", "udp://fe.example:9090"] {
        let mut duo = Duo::new("wss://ns.example", |config| config);
        duo.connect();
        duo.input(LinkInput::Opened { ipv6: false });
        duo.deliver(&INIT_RESPONSE);
        let link = duo.link;
        duo.deliver(&duo.login(insecure));
        assert_eq!(duo.link, link, "nothing is opened");
        let Some(Event::Error { code, cause, .. }) = duo.events.last() else { panic!("{:?}", duo.events) };
        assert_eq!(*code, PeerErrorCode::FrontEndConnectFailed);
        let downgrade = chat_core::CauseKind::Link(chat_core::LinkErrorKind::Downgrade);
        assert_eq!(cause.kind, downgrade, "{insecure}");
        let mut list = ChatClient::new(ChatConfig::new(["wss://ns.example", insecure], "a", "1"), [1; 32]);
        let refused = list.connect_to_name_server(ConnectOptions::new());
        assert!(matches!(refused, Err(RequestError::Address { text, .. }) if text == insecure));
        let fallback = ChatConfig::new([insecure, "wss://ns.example"], "a", "1");
        assert_eq!(ChatClient::new(fallback, [1; 32]).connect_to_name_server(ConnectOptions::new()), Ok(()));
    }
    // The other way is welcome.
    let mut duo = Duo::new("ws://ns.example", |config| config.encryption(Encryption::Off));
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    duo.deliver(&duo.login("wss://fe.example:19090"));
    assert!(matches!(duo.wire, Some(Wire::WebSocket { secure: true, .. })));
}

#[test]
fn what_was_accepted_before_disconnect_is_sent_before_the_link_is_closed() {
    let mut duo = Duo::new("wss://ns.example", |config| config);
    duo.client.connect_to_name_server(ConnectOptions::new()).expect("may connect");
    duo.pump();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(&INIT_RESPONSE);
    duo.client.get_regions();
    duo.client.disconnect();
    let link = duo.link.expect("a link");
    assert_eq!(duo.client.poll_command(), None);
    let bytes = duo.client.transmit(duo.now, link).expect("the request").to_vec();
    assert_eq!(duo.kinds(&[bytes]), [(MessageKind::Request, Some(220), false)]);
    duo.client.transmitted(link, 1);
    assert_eq!(duo.client.poll_command(), Some(LinkCommand::Close { link }));
    assert_eq!(duo.client.stats().cut_short, 0);
}

/// A frame of JSON.
fn json(object: &str) -> Vec<u8> {
    format!("~m~{}~m~~j~{object}", 3 + object.encode_utf16().count()).into_bytes()
}

fn texts(sent: Vec<Vec<u8>>) -> Vec<String> {
    sent.into_iter().map(|text| String::from_utf8(text).expect("text")).collect()
}

/// A client on the front end, in JSON over a secure link.
fn json_on_front_end() -> Duo {
    let mut duo = Duo::new("wss://ns.example", |config| config.json());
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(b"~m~16~m~0123456789abcdef");
    duo.deliver(&json(r#"{"res":230,"err":0,"msg":null,"vals":[230,"fe.example:19090",221,"token"]}"#));
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(b"~m~4~m~abcd");
    duo.deliver(&json(r#"{"res":230,"err":0,"vals":[]}"#));
    duo.pump();
    assert_eq!(duo.client.state(), State::ConnectedToFrontEnd);
    duo.events.clear();
    duo
}

/// Spec: wire.md 7.2.
#[test]
fn json_is_spoken_as_browsers_speak_it() {
    let mut duo = Duo::new("wss://ns.example", |config| config.json().protocol(Protocol::V16));
    duo.connect();
    assert_eq!(duo.wire, Some(Wire::WebSocket { secure: true, text: true, subprotocol: "Json" }));
    assert_eq!(duo.target.as_ref().map(|target| &*target.path), Some("/app%2Fid?libversion=4.1.8.20"));
    assert_eq!(duo.input(LinkInput::Opened { ipv6: false }), Vec::<Vec<u8>>::new(), "the server speaks first");
    // The session: the first operation, and then a ping.
    let mut sent = duo.deliver(b"~m~16~m~0123456789abcdef");
    sent.extend(duo.pump());
    let sent = texts(sent);
    let [login, ping] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(login.contains(r#"{"req":230,"vals":["#) && login.contains(r#"210,"eu""#), "{login}");
    assert!(ping.contains(r#"~j~{"irq":1,"vals":[1,"#), "{ping}");
    assert_eq!(duo.states(), [State::ConnectingToNameServer, State::ConnectedToNameServer]);
    // A session later has no meaning, nor has what is no JSON in this protocol.
    assert_eq!(duo.deliver(b"~m~4~m~abcd"), Vec::<Vec<u8>>::new());
    // 3 s after the last send, whatever that was.
    duo.now = duo.now.plus_millis(1_000);
    duo.client.get_regions();
    assert_eq!(texts(duo.pump()).len(), 1);
    assert_eq!(duo.pass(2_999), Vec::<Vec<u8>>::new());
    assert_eq!(duo.pass(1).len(), 1, "the ping");
    duo.deliver(&json(r#"{"irs":1,"vals":[1,3946077,2,-1223828109]}"#));
    // The front end has the app id in its path too.
    duo.deliver(&json(r#"{"res":230,"err":0,"msg":null,"vals":[230,"wss://fe.example:19090",221,"token"]}"#));
    assert_eq!(duo.target.as_ref().map(|target| &*target.path), Some("/app%2Fid?libversion=4.1.8.20"));
}

#[test]
fn a_conversation_in_json() {
    let mut duo = json_on_front_end();
    let request = duo.client.subscribe(["a", "b"], &chat_core::SubscribeOptions::new()).expect("connected");
    assert_eq!(texts(duo.pump()), ["~m~33~m~~j~{\"req\":0,\"vals\":[0,[\"a\",\"b\"]]}"]);
    // Two frames in one message, and a bad one between two good ones.
    let mut both = json(r#"{"res":0,"err":0,"vals":[]}"#);
    both.extend(json(r#"{"evt":5,"vals":[0,["a","b"],15,[true,false]]}"#));
    both.extend(json(r#"{"evt":0,"vals":[1]}"#));
    both.extend(json(r#"{"evt":0,"vals":[1,"a",2,["hi \ud83d\ude00",{"k":[1,2.5,null]}],4,["bob","eve"],9,[1,2]]}"#));
    duo.deliver(&both);
    let outcomes = duo.events.iter().find_map(|event| match event {
        Event::SubscribeResult(all) => Some(all.clone()),
        _ => None,
    });
    let outcomes = outcomes.expect("an outcome");
    assert!(outcomes.iter().all(|one| one.request == Some(request)));
    assert_eq!(outcomes[0].outcome, chat_core::Outcome::Done);
    assert_eq!(outcomes[1].outcome, chat_core::Outcome::Refused);
    assert!(duo.events.iter().any(|event| matches!(event, Event::BadMessage(bad) if bad.bytes[..] == both[..])));
    let channel = duo.client.channel("a").expect("subscribed");
    let told: Vec<String> =
        channel.messages().map(|message| format!("{}: {:?}", message.sender, message.content)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("hi \u{1f600}") && told[0].starts_with("bob"), "{told:?}");
    // Well-known properties have text for keys here.
    duo.deliver(&json(r#"{"evt":5,"vals":[0,["p"],15,[true],22,{"254":true,"255":7},23,["alice","eve"]]}"#));
    let published = duo.client.channel("p").expect("subscribed");
    assert!(published.publishes_subscribers() && published.max_subscribers() == 7);
    duo.client.publish_message("a", "\u{fc}\u{1f600}", &chat_core::PublishOptions::new()).expect("connected");
    assert_eq!(texts(duo.pump()), ["~m~35~m~~j~{\"req\":2,\"vals\":[1,\"a\",3,\"\u{fc}\u{1f600}\"]}"]);
    let encrypt = PrivateOptions::new().encrypt(true);
    duo.client.send_private_message("bob", "hi", &encrypt).expect("secure by itself");
    assert_eq!(duo.pump().len(), 1);
}

/// Spec: chat.md 2.3.
#[test]
fn json_over_plain_links_needs_encryption_switched_off() {
    let mut duo = Duo::new("ws://ns.example", |config| config.json());
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(b"~m~4~m~abcd");
    let Some(Event::Error { code, message, .. }) = duo.events.last() else { panic!("{:?}", duo.events) };
    assert_eq!(*code, PeerErrorCode::NameServerEncryptionEstablishError);
    assert!(message.contains("wss://"), "{message}");
    let mut off = Duo::new("ws://ns.example", |config| config.json().encryption(Encryption::Off));
    off.connect();
    off.input(LinkInput::Opened { ipv6: false });
    off.deliver(b"~m~4~m~abcd");
    assert_eq!(off.client.state(), State::ConnectedToNameServer);
    // Not over anything but WebSocket.
    let mut tcp = Duo::new("tcp://ns.example", |config| config.json());
    let refused = tcp.client.connect_to_name_server(ConnectOptions::new());
    assert!(matches!(refused, Err(RequestError::Address { .. })));
}
