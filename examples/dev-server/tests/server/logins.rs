//! The name server, and the login at the front end.

use dev_server::{AuthResult, AuthRule, ServerKind};
use photon_proto::{Protocol, Value};

use crate::harness::{APP, BOTH, Harness, credentials, texts};

fn login(user: &str, region: &str) -> Vec<(u8, Value)> {
    let mut all = credentials(user);
    all.push((210, region.into()));
    all
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).expect("text").to_owned()
}

#[test]
fn get_regions_lists_the_regions_with_this_servers_address() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let mut peer = harness.connect_encrypted(ServerKind::NameServer, protocol);
        let got = harness.ask(&mut peer, 220, vec![(224, APP.into())]);
        let [answer] = got.as_slice() else {
            panic!("{got:?}")
        };
        assert_eq!(answer.return_code(220), 0);
        assert!(answer.is_encrypted());
        assert_eq!(answer.parameter(210), Some(&texts(&["eu", "us", "asia"])));
        assert_eq!(answer.parameter(230), Some(&texts(&["127.0.0.1:5000"; 3])));
    }
}

#[test]
fn a_token_leads_from_the_name_server_to_the_front_end() {
    for protocol in BOTH {
        for region in ["eu", "EU", "us/*", "Asia/cluster/1"] {
            let mut harness = Harness::new();
            let mut peer = harness.connect_encrypted(ServerKind::NameServer, protocol);
            let got = harness.ask(&mut peer, 230, login("alice", region));
            let [answer] = got.as_slice() else {
                panic!("{got:?}")
            };
            assert_eq!(answer.return_code(230), 0, "{region}: {answer:?}");
            assert_eq!(text(answer.parameter(230)), "127.0.0.1:5000");
            assert_eq!(text(answer.parameter(225)), "alice");
            assert_eq!(text(answer.parameter(196)), "default");
            let token = answer.parameter(221).unwrap().clone();
            assert!(matches!(token, Value::String(_)));

            let mut front = harness.connect(ServerKind::FrontEnd, protocol);
            let got = harness.ask(&mut front, 230, vec![(221, token.clone())]);
            assert_eq!(got[0].return_code(230), 0);
            assert_eq!(text(got[0].parameter(225)), "alice");
            assert!(!got[0].is_encrypted());
            let second = harness.ask(&mut front, 230, vec![(221, token)]);
            assert_eq!(second[0].return_code(230), -3);
            assert_eq!(harness.core.stats().users, 1);
        }
    }
}

#[test]
fn wrong_credentials_have_their_codes() {
    let mut harness = Harness::with(|config| {
        config.app_ids = vec![APP.to_owned()];
        config.authentication = vec![AuthRule::any(AuthResult::accept()).parameter("pass", "1")];
    });
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    let mut code = |parameters| harness.ask(&mut peer, 230, parameters)[0].return_code(230);
    assert_eq!(code(login("a", "mars")), 32756);
    assert_eq!(code(login("a", "")), 32756);
    assert_eq!(code(credentials("a")), 32756);
    assert_eq!(code(vec![(224, "other".into()), (210, "eu".into())]), 32767);
    assert_eq!(code(vec![(210, "eu".into())]), 32767);
    assert_eq!(code(vec![(224, Value::Int(3)), (210, "eu".into())]), -2);
    let with = |parameters: &str| {
        let mut all = login("a", "eu");
        all.extend([(217, Value::Byte(0)), (216, parameters.into())]);
        all
    };
    assert_eq!(code(with("pass=2")), 32755);
    assert_eq!(code(with("x=y&pass=1")), 0);
    assert_eq!(
        harness.ask(&mut peer, 220, vec![(224, "other".into())])[0].return_code(220),
        32767
    );
    assert_eq!(
        harness.ask(&mut peer, 0, vec![(0, texts(&["c"]))])[0].return_code(0),
        -2
    );
    assert_eq!(harness.ask(&mut peer, 231, vec![])[0].return_code(231), -2);
}

#[test]
fn users_without_an_id_get_one_from_the_provider_or_the_server() {
    let mut harness = Harness::with(|config| {
        let result = AuthResult::Accept {
            user_id: Some("chosen".to_owned()),
            nickname: Some("Nick".to_owned()),
            data: vec![("k".to_owned(), Value::Int(1))],
        };
        config.authentication = vec![AuthRule::any(result)];
    });
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V16);
    let mut parameters = login("a", "eu");
    parameters.push((217, Value::Byte(1)));
    let got = harness.ask(&mut peer, 230, parameters);
    assert_eq!(text(got[0].parameter(225)), "chosen");
    assert_eq!(text(got[0].parameter(202)), "Nick");
    assert!(
        matches!(got[0].parameter(245), Some(Value::Dictionary(map)) if map.get("k") == Some(&Value::Int(1)))
    );
    let anonymous = harness.ask(&mut peer, 230, login("", "eu"));
    assert_eq!(text(anonymous[0].parameter(225)).len(), 36);
}

#[test]
fn tokens_expire_and_foreign_ones_are_unknown() {
    let mut harness = Harness::with(|config| {
        config.token_lifetime_ms = 5000;
        config.token_as_bytes = true;
        config.renew_token = true;
    });
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    let got = harness.ask(&mut peer, 230, login("alice", "eu"));
    let token = got[0].parameter(221).unwrap().clone();
    assert!(matches!(token, Value::Bytes(_)));
    harness.wait(4999);
    let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(&mut front, 230, vec![(221, token.clone())]);
    let renewed = got[0].parameter(221).unwrap().clone();
    harness.wait(1);
    let mut code = |token| {
        let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V16);
        harness.ask(&mut front, 230, vec![(221, token)])[0].return_code(230)
    };
    assert_eq!(code(token), 32753);
    assert_eq!(code(renewed), 0);
    assert_eq!(code("something".into()), 32767);
    assert_eq!(code(Value::Int(1)), 32767);
}

#[test]
fn operations_in_the_wrong_place_are_refused() {
    let mut harness = Harness::new();
    let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    for operation in [0, 1, 2, 3, 5, 6, 7, 8] {
        assert_eq!(
            harness.ask(&mut front, operation, vec![])[0].return_code(operation),
            -3
        );
    }
    for operation in [199, 220, 99] {
        assert_eq!(
            harness.ask(&mut front, operation, vec![])[0].return_code(operation),
            -2
        );
    }
    let mut inside = harness.enter("alice", Protocol::V18);
    for operation in [199, 8, 99, 220] {
        assert_eq!(
            harness.ask(&mut inside, operation, vec![])[0].return_code(operation),
            -2
        );
    }
}

#[test]
fn the_number_of_users_can_be_limited() {
    let mut harness = Harness::with(|config| config.max_users = Some(1));
    let _alice = harness.enter("alice", Protocol::V18);
    let _again = harness.enter("alice", Protocol::V18);
    let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    assert_eq!(
        harness.ask(&mut front, 230, credentials("bob"))[0].return_code(230),
        32757
    );
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    assert_eq!(
        harness.ask(&mut peer, 230, login("bob", "eu"))[0].return_code(230),
        32757
    );
    assert_eq!(
        harness.ask(&mut peer, 230, login("alice", "eu"))[0].return_code(230),
        0
    );
}

#[test]
fn front_end_addresses_contain_the_host_that_the_client_used() {
    let mut harness = Harness::new();
    let id = harness
        .core
        .accept_stream(harness.now, ServerKind::NameServer, "::1");
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    peer.id = id;
    harness.send_init(&peer);
    harness.drain(&mut peer);
    let got = harness.ask(&mut peer, 230, login("a", "eu"));
    assert_eq!(text(got[0].parameter(230)), "[::1]:5000");
    harness.core.config_mut().public_host = Some("chat.example".to_owned());
    let got = harness.ask(&mut peer, 230, login("a", "eu"));
    assert_eq!(text(got[0].parameter(230)), "chat.example:5000");
}

#[test]
fn responses_are_encrypted_like_their_request_or_always() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let mut front = harness.connect_encrypted(ServerKind::FrontEnd, protocol);
        front.encrypt = false;
        assert!(!harness.ask(&mut front, 230, credentials("alice"))[0].is_encrypted());
        front.encrypt = true;
        let got = harness.ask(&mut front, 0, vec![(0, texts(&["c"]))]);
        assert_eq!(
            got.iter()
                .map(crate::harness::Got::is_encrypted)
                .collect::<Vec<_>>(),
            [true, false]
        );
        harness.core.config_mut().encrypt_answers = true;
        front.encrypt = false;
        let got = harness.ask(&mut front, 2, vec![(1, "c".into()), (3, "x".into())]);
        assert_eq!(
            got.iter()
                .map(crate::harness::Got::is_encrypted)
                .collect::<Vec<_>>(),
            [true, true]
        );
        let mut plain = harness.enter("bob", protocol);
        assert!(!harness.ask(&mut plain, 1, vec![(0, texts(&["c"]))])[0].is_encrypted());
    }
}
