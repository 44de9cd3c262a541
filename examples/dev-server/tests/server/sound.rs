//! Behaviour that tests with outside clients and with attackers asked for, one prefix for each item.

use dev_server::{AuthResult, AuthRule, ServerKind, SubProtocol};
use photon_proto::Value;

use crate::harness::{BOTH, Harness, credentials, ok, texts};
use crate::messages::{Web, open, request};

/// The text messages that the server sends in answer to a request.
fn texts_after(
    harness: &mut Harness,
    web: &Web,
    code: u8,
    parameters: Vec<(u8, Value)>,
) -> Vec<String> {
    let request = request(web.subprotocol, code, parameters);
    harness.core.received(harness.now, web.id, &request);
    let mut all = Vec::new();
    while let Some(message) = harness.core.transmit(web.id).map(<[u8]>::to_vec) {
        harness.core.transmitted(web.id, message.len());
        all.push(String::from_utf8(message).expect("text messages are UTF-8"));
    }
    all
}

fn framed(json: &str) -> String {
    let payload = format!("~j~{json}");
    assert!(payload.is_ascii());
    format!("~m~{}~m~{payload}", payload.len())
}

#[test]
fn sound15_json_has_the_order_and_the_escapes_of_real_servers() {
    let mut harness = Harness::new();
    let web = open(&mut harness, ServerKind::FrontEnd, SubProtocol::Json);
    assert_eq!(
        texts_after(&mut harness, &web, 230, credentials("\u{fc}ser")),
        [framed(
            "{\"vals\":[225,\"\\u00fcser\"],\"err\":0,\"msg\":null,\"res\":230}"
        )]
    );
    let subscribe = vec![(0, texts(&["\u{1f600}"]))];
    assert_eq!(
        texts_after(&mut harness, &web, 0, subscribe),
        [
            framed("{\"vals\":[],\"err\":0,\"msg\":null,\"res\":0}"),
            framed("{\"vals\":[0,[\"\\ud83d\\ude00\"],15,[true]],\"evt\":5}"),
        ]
    );
    let publish = vec![
        (1, "\u{1f600}".into()),
        (3, "a\u{7f}\u{20ac}\u{ffff}".into()),
    ];
    let published = texts_after(&mut harness, &web, 2, publish);
    assert_eq!(
        published[1],
        framed(
            "{\"vals\":[1,\"\\ud83d\\ude00\",4,[\"\\u00fcser\"],2,[\"a\u{7f}\\u20ac\\uffff\"],8,1],\"evt\":0}"
        )
    );
    // A refusal has its text.
    let unknown = texts_after(&mut harness, &web, 199, vec![]);
    assert_eq!(
        unknown,
        [framed(
            "{\"vals\":[],\"err\":-2,\"msg\":\"unknown operation\",\"res\":199}"
        )]
    );
}

#[test]
fn sound15_an_empty_debug_text_stays_empty() {
    let refuse = AuthResult::Refuse {
        code: 32755,
        text: String::new(),
    };
    let mut harness = Harness::with(|config| config.authentication.push(AuthRule::any(refuse)));
    let mut login = credentials("alice");
    login.extend([(217, Value::Byte(0)), (210, "eu".into())]);
    let web = open(&mut harness, ServerKind::NameServer, SubProtocol::Json);
    assert_eq!(
        texts_after(&mut harness, &web, 230, login.clone()),
        [framed(
            "{\"vals\":[],\"err\":32755,\"msg\":\"\",\"res\":230}"
        )]
    );
    for (protocol, answer) in BOTH.into_iter().zip([
        &[0xF3, 3, 230, 0x7F, 0xF3, 0x73, 0, 0, 0, 0][..],
        &[0xF3, 3, 230, 0xF3, 0x7F, 0x07, 0, 0],
    ]) {
        let peer = harness.connect(ServerKind::NameServer, protocol);
        harness.request(&peer, 230, login.clone());
        let sent = harness.core.transmit(peer.id).expect("an answer").to_vec();
        assert!(sent.ends_with(answer), "{sent:x?}");
        harness.core.transmitted(peer.id, sent.len());
    }
}

#[test]
fn sound15_properties_of_a_user_who_is_not_in_the_channel_are_refused_with_minus_3() {
    for protocol in BOTH {
        let mut harness = Harness::with(|config| config.properties = true);
        let mut alice = harness.enter("alice", protocol);
        harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
        let properties: photon_proto::Hashtable = [("k", 1)].into_iter().collect();
        let set = |channel: &str, user: &str| {
            vec![
                (1, channel.into()),
                (225, user.into()),
                (22, Value::from(properties.clone())),
            ]
        };
        for (channel, user) in [("c", "bob"), ("other", "alice"), ("other", "bob")] {
            let got = harness.ask(&mut alice, 8, set(channel, user));
            assert_eq!(got[0].return_code(8), -3, "{user} in {channel}");
            assert_eq!(got.len(), 1);
        }
        assert_eq!(harness.ask(&mut alice, 8, set("c", "alice")), [ok(8)]);
    }
}
