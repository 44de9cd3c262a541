//! JSON over WebSocket. Spec: wire.md 7.2.

use super::Duo;
use chat_core::{
    ChatConfig, ConnectOptions, Encryption, Event, LinkInput, PeerErrorCode, PrivateOptions,
    Protocol, PublishOptions, RequestError, State, StatusMessage, SubProtocol, SubscribeOptions,
    UserStatus, Wire,
};
use std::time::Duration;

/// A frame of JSON.
fn json(object: &str) -> Vec<u8> {
    format!("~m~{}~m~~j~{object}", 3 + object.encode_utf16().count()).into_bytes()
}

fn texts(sent: Vec<Vec<u8>>) -> Vec<String> {
    sent.into_iter()
        .map(|text| String::from_utf8(text).expect("text"))
        .collect()
}

/// A client on the front end, in JSON over a secure link.
fn json_on_front_end() -> Duo {
    json_on_front_end_with(|config| config)
}

fn json_on_front_end_with(change: impl FnOnce(ChatConfig) -> ChatConfig) -> Duo {
    let mut duo = Duo::new("wss://ns.example", |config| change(config.json()));
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(b"~m~16~m~0123456789abcdef");
    duo.deliver(&json(
        r#"{"res":230,"err":0,"msg":null,"vals":[230,"fe.example:19090",221,"token"]}"#,
    ));
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
fn json_frames_are_those_of_a_browser() {
    let mut duo = Duo::new("wss://ns.example", |config| {
        config.json().protocol(Protocol::V16)
    });
    duo.connect();
    assert_eq!(
        duo.wire,
        Some(Wire::WebSocket {
            secure: true,
            protocol: SubProtocol::Json
        })
    );
    assert_eq!(
        duo.target.as_ref().map(|target| &*target.path),
        Some("/app%2Fid?libversion=4.1.8.20")
    );
    assert_eq!(
        duo.input(LinkInput::Opened { ipv6: false }),
        Vec::<Vec<u8>>::new(),
        "the server sends first"
    );
    // After the session: the first operation, and then a ping.
    let mut sent = duo.deliver(b"~m~16~m~0123456789abcdef");
    sent.extend(duo.pump());
    let sent = texts(sent);
    let [login, ping] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert!(
        login.contains(r#"{"req":230,"vals":["#) && login.contains(r#"210,"eu""#),
        "{login}"
    );
    assert!(ping.contains(r#"~j~{"irq":1,"vals":[1,"#), "{ping}");
    assert_eq!(
        duo.states(),
        [State::ConnectingToNameServer, State::ConnectedToNameServer]
    );
    // A second session message is ignored, and so is a frame that is not JSON.
    assert_eq!(duo.deliver(b"~m~4~m~abcd"), Vec::<Vec<u8>>::new());
    // 3 s after the last send of any message.
    duo.now = duo.now.plus_millis(1_000);
    assert_eq!(duo.client.get_regions(), Ok(()));
    assert_eq!(texts(duo.pump()).len(), 1);
    assert_eq!(duo.pass(2_999), Vec::<Vec<u8>>::new());
    assert_eq!(duo.pass(1).len(), 1, "the ping");
    duo.deliver(&json(r#"{"irs":1,"vals":[1,3946077,2,-1223828109]}"#));
    // The front end has the app id in its path too.
    duo.deliver(&json(
        r#"{"res":230,"err":0,"msg":null,"vals":[230,"wss://fe.example:19090",221,"token"]}"#,
    ));
    assert_eq!(
        duo.target.as_ref().map(|target| &*target.path),
        Some("/app%2Fid?libversion=4.1.8.20")
    );
}

#[test]
fn a_conversation_in_json() {
    let mut duo = json_on_front_end();
    let request = duo
        .client
        .subscribe(["a", "b"], &SubscribeOptions::new())
        .expect("connected");
    assert_eq!(
        texts(duo.pump()),
        ["~m~33~m~~j~{\"req\":0,\"vals\":[0,[\"a\",\"b\"]]}"]
    );
    // Two frames in one message, and an invalid frame between two valid ones.
    let mut both = json(r#"{"res":0,"err":0,"vals":[]}"#);
    both.extend(json(r#"{"evt":5,"vals":[0,["a","b"],15,[true,false]]}"#));
    let bad = json(r#"{"evt":0,"vals":[1]}"#);
    both.extend(&bad);
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
    let reported = |event: &Event| match event {
        // It is reported with its bytes, in the order of the frames.
        Event::BadMessage(reported) => {
            reported.bytes[..] == bad[..] && reported.error.offset < bad.len()
        }
        _ => false,
    };
    let [.., at, line] = duo.events.as_slice() else {
        panic!("{:?}", duo.events)
    };
    assert!(
        reported(at) && matches!(line, Event::ChatMessages { .. }),
        "{:?}",
        duo.events
    );
    let channel = duo.client.channel("a").expect("subscribed");
    let reported: Vec<String> = channel
        .messages()
        .map(|message| format!("{}: {:?}", message.sender, message.content))
        .collect();
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(
        reported[0].contains("hi \u{1f600}") && reported[0].starts_with("bob"),
        "{reported:?}"
    );
    // Well-known properties have text for keys here.
    duo.deliver(&json(
        r#"{"evt":5,"vals":[0,["p"],15,[true],22,{"254":true,"255":7},23,["alice","eve"]]}"#,
    ));
    let published = duo.client.channel("p").expect("subscribed");
    assert!(published.publishes_subscribers() && published.max_subscribers() == 7);
    duo.client
        .publish_message("a", "\u{fc}\u{1f600}", &PublishOptions::new())
        .expect("connected");
    assert_eq!(
        texts(duo.pump()),
        ["~m~35~m~~j~{\"req\":2,\"vals\":[1,\"a\",3,\"\u{fc}\u{1f600}\"]}"]
    );
    let encrypt = PrivateOptions::new().encrypt(true);
    duo.client
        .send_private_message("bob", "hi", &encrypt)
        .expect("secure by itself");
    assert_eq!(duo.pump().len(), 1);
}

/// Spec: chat.md 2.3.
#[test]
fn json_over_insecure_links_requires_encryption_off() {
    let mut duo = Duo::new("ws://ns.example", |config| config.json());
    duo.connect();
    duo.input(LinkInput::Opened { ipv6: false });
    duo.deliver(b"~m~4~m~abcd");
    let Some(Event::Error { code, message, .. }) = duo.events.last() else {
        panic!("{:?}", duo.events)
    };
    assert_eq!(*code, PeerErrorCode::NameServerEncryptionEstablishError);
    assert!(message.contains("wss://"), "{message}");
    let mut off = Duo::new("ws://ns.example", |config| {
        config.json().encryption(Encryption::Off)
    });
    off.connect();
    off.input(LinkInput::Opened { ipv6: false });
    off.deliver(b"~m~4~m~abcd");
    assert_eq!(off.client.state(), State::ConnectedToNameServer);
    // Only over WebSocket.
    let mut tcp = Duo::new("tcp://ns.example", |config| config.json());
    let refused = tcp.client.connect_to_name_server(ConnectOptions::new());
    assert!(matches!(refused, Err(RequestError::Address { .. })));
}

/// The answer to a ping, with its time.
fn ping_answer(ping: &str) -> Vec<u8> {
    let (_, time) = ping.split_once(r#""vals":[1,"#).expect("a ping");
    let time = time.trim_end_matches("]}");
    json(&format!(r#"{{"irs":1,"vals":[1,{time},2,2]}}"#))
}

/// Each send postpones the ping, and need not get a response (chat.md 3.6). The client still pings
/// a quiet server in time.
#[test]
fn a_client_that_sends_without_pause_still_notices_that_the_server_is_alive() {
    for (ping_ms, every_ms) in [(3_000, 2_000), (3_000, 500), (8_000, 2_000), (1_000, 999)] {
        let mut duo =
            json_on_front_end_with(|config| config.ping_interval(Duration::from_millis(ping_ms)));
        let mut pings = 0;
        for _ in 0..60_000 / every_ms {
            duo.client
                .set_user_status(UserStatus::ONLINE, StatusMessage::Keep)
                .expect("connected");
            duo.pump();
            for text in texts(duo.pass(every_ms)) {
                if text.contains("irq") {
                    pings += 1;
                    duo.deliver(&ping_answer(&text));
                }
            }
        }
        assert_eq!(
            duo.client.state(),
            State::ConnectedToFrontEnd,
            "{ping_ms}, {every_ms}: {:?}",
            duo.events
        );
        // At least one for each half of the silence timeout, and no more than without other
        // traffic.
        assert!(
            (60_000 / 10_000..=60_000 / 4_000).contains(&pings) || ping_ms == 8_000,
            "{ping_ms}: {pings} pings"
        );
        // A dead server is detected.
        for _ in 0..10_000 / every_ms + 1 {
            let _sent = duo
                .client
                .set_user_status(UserStatus::ONLINE, StatusMessage::Keep);
            duo.pump();
            duo.pass(every_ms);
        }
        assert_eq!(
            duo.codes(),
            [PeerErrorCode::FrontEndTimeout],
            "{ping_ms}, {every_ms}"
        );
    }
}

/// A text message may hold very many frames. They take no more memory than the text, and count as
/// work like other messages.
#[test]
fn the_frames_of_a_text_message_are_taken_one_at_a_time() {
    let mut duo = json_on_front_end_with(|config| config.max_messages_per_service(10));
    let frames = 5_000;
    for frame in [
        b"~m~0~m~".to_vec(),
        json(r#"{"evt":7}"#),
        json(r#"{"evt":0,"vals":[1]}"#),
    ] {
        let text = frame.repeat(frames);
        let link = duo.link.expect("a link");
        duo.client
            .handle_link(duo.now, link, LinkInput::Received(&text));
        let (mut calls, mut held) = (1, duo.client.buffered_bytes());
        // It waits behind its length.
        assert_eq!(held, text.len() + 4);
        while duo.client.service(duo.now).more {
            calls += 1;
            assert!(duo.client.buffered_bytes() <= held);
            held = duo.client.buffered_bytes();
            assert!(
                held == text.len() || held == 0,
                "the text is there until its last frame is taken"
            );
            while duo.client.poll_event().is_some() {}
        }
        assert_eq!((calls, duo.client.buffered_bytes()), (frames / 10, 0));
    }
    assert_eq!(duo.client.stats().bad_messages, frames as u64);
}

/// Contract 5: the cap counts encoded bytes, and a JSON escape turns one byte into six.
#[test]
fn the_outgoing_cap_counts_the_json_text() {
    let mut duo = json_on_front_end_with(|config| config.outgoing_cap_bytes(5_000));
    let refused =
        duo.client
            .publish_message("a", "\u{1}".repeat(4_000).as_str(), &PublishOptions::new());
    assert_eq!(refused, Err(RequestError::TooLong { max_bytes: 5_000 }));
    assert_eq!(duo.client.buffered_bytes(), 0);
    let line = "\u{1}".repeat(200);
    let mut sent = 0;
    while duo
        .client
        .publish_message("a", line.as_str(), &PublishOptions::new())
        .is_ok()
    {
        sent += 1;
        assert!(duo.client.buffered_bytes() <= 5_000);
    }
    assert_eq!(sent, 4, "of 1,200 bytes and a few");
    let refused = duo
        .client
        .publish_message("a", line.as_str(), &PublishOptions::new());
    assert_eq!(refused, Err(RequestError::QueueFull));
}
