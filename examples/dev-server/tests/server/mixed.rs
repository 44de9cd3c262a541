//! Clients of both protocols, encrypted and plain, in one channel.

use dev_server::ServerKind;
use photon_proto::{Array, Custom, Dictionary, EventData, Limits, Protocol, Type, Value};

use crate::harness::{BOTH, Got, Harness, Peer, credentials, messages, ok, private, texts};

fn dictionary(key: Type, value: Type, pairs: Vec<(Value, Value)>) -> Value {
    Value::Dictionary(Dictionary { key, value, pairs })
}

/// A client in channel "c".
fn join(harness: &mut Harness, user: &str, protocol: Protocol, encrypted: bool) -> Peer {
    let mut peer = match encrypted {
        true => harness.connect_encrypted(ServerKind::FrontEnd, protocol),
        false => harness.connect(ServerKind::FrontEnd, protocol),
    };
    harness.ask(&mut peer, 230, credentials(user));
    harness.ask(&mut peer, 0, vec![(0, texts(&["c"]))]);
    peer
}

fn content(got: &[Got]) -> Value {
    let [event] = got else { panic!("{got:?}") };
    match event.parameter(2) {
        Some(Value::Array(Array::Object(all))) if all.len() == 1 => all[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn content_keeps_its_type_between_the_protocols() {
    let contents = [
        Value::Null,
        Value::Byte(200),
        Value::Short(-3),
        Value::Long(1 << 40),
        Value::Float(0.0),
        Value::Double(-0.5),
        Value::from("äöü"),
        Value::from(vec![1_u8, 2, 3]),
        Value::from(vec![true, false]),
        Value::from(vec![1, -1]),
        Value::Array(Array::Array(vec![Array::Int(vec![1]), Array::Int(vec![])])),
        Value::from(Custom {
            code: 200,
            data: vec![1, 2].into(),
        }),
        dictionary(Type::String, Type::Int, vec![("a".into(), Value::Int(1))]),
        dictionary(
            Type::Object,
            Type::Object,
            vec![(Value::Byte(1), Value::Null)],
        ),
    ];
    for sender_protocol in BOTH {
        let mut harness = Harness::new();
        let mut sender = join(&mut harness, "sender", sender_protocol, false);
        let mut receivers: Vec<Peer> = [
            (Protocol::V16, false),
            (Protocol::V16, true),
            (Protocol::V18, true),
        ]
        .into_iter()
        .map(|(protocol, encrypted)| join(&mut harness, "receiver", protocol, encrypted))
        .collect();
        for receiver in &mut receivers {
            harness.drain(receiver);
        }
        for (at, sent) in contents.iter().enumerate() {
            let last_id = i32::try_from(at + 1).unwrap();
            let event = messages("c", &[("sender", sent.clone())], last_id);
            let got = harness.ask(&mut sender, 2, vec![(1, "c".into()), (3, sent.clone())]);
            assert_eq!(got, [ok(2), event.clone()]);
            for receiver in &mut receivers {
                assert_eq!(harness.drain(receiver), std::slice::from_ref(&event));
            }
            let got = harness.ask(
                &mut sender,
                3,
                vec![(225, "receiver".into()), (3, sent.clone())],
            );
            let event = private("sender", "receiver", sent.clone(), last_id);
            assert_eq!(got, [ok(3), event.clone()]);
            for receiver in &mut receivers {
                assert_eq!(harness.drain(receiver), std::slice::from_ref(&event));
            }
        }
        assert_eq!(harness.core.stats().downgraded, 0);
    }
}

#[test]
fn content_is_downgraded_only_for_receivers_that_cannot_express_it() {
    let numbers = Value::from(vec![1, 2]);
    let strange = |pairs| dictionary(Type::String, Type::Array(Box::new(Type::Int)), pairs);
    let sent = strange(vec![("a".into(), numbers.clone())]);
    let loose = dictionary(Type::Object, Type::Object, vec![("a".into(), numbers)]);
    let mut harness = Harness::new();
    let mut new = join(&mut harness, "new", Protocol::V18, false);
    let mut old = join(&mut harness, "old", Protocol::V16, false);
    let mut new_too = join(&mut harness, "new too", Protocol::V18, true);
    harness.ask(&mut new, 2, vec![(1, "c".into()), (3, sent.clone())]);
    assert_eq!(content(&harness.drain(&mut old)), loose);
    assert_eq!(content(&harness.drain(&mut new_too)), sent);
    assert_eq!(harness.core.stats().downgraded, 1);
    // Encryption applies per message: the next message of each side can be decrypted again.
    harness.ask(&mut new, 2, vec![(1, "c".into()), (3, "x".into())]);
    assert_eq!(content(&harness.drain(&mut old)), "x".into());
    let events = Value::Array(Array::Event(vec![EventData {
        code: 1,
        parameters: vec![],
    }]));
    let got = harness.ask(&mut old, 2, vec![(1, "c".into()), (3, events)]);
    assert_eq!(got[0], ok(2));
    harness.drain(&mut new);
    // History keeps the content as it was sent.
    let got = harness.ask(
        &mut new_too,
        0,
        vec![(0, texts(&["c"])), (14, Value::Int(3))],
    );
    let Some(Value::Array(Array::Object(kept))) = got.last().unwrap().parameter(2) else {
        panic!("{got:?}")
    };
    assert_eq!(kept[0], sent);
}

#[test]
fn inexpressible_content_is_null_for_that_receiver_only() {
    let mut harness = Harness::new();
    let mut new = join(&mut harness, "new", Protocol::V18, false);
    let mut old = join(&mut harness, "old", Protocol::V16, false);
    let long = Value::from(Custom {
        code: 1,
        data: vec![7; 40_000].into(),
    });
    let got = harness.ask(&mut new, 2, vec![(1, "c".into()), (3, long.clone())]);
    assert_eq!(content(&got[1..]), long);
    assert_eq!(content(&harness.drain(&mut old)), Value::Null);
    harness.ask(&mut new, 3, vec![(225, "old".into()), (3, long)]);
    assert_eq!(
        harness.drain(&mut old),
        [private("new", "old", Value::Null, 1)]
    );
}

#[test]
fn content_nested_to_the_limit_is_delivered_and_beyond_it_is_refused() {
    let nested = |depth: u32| (0..depth).fold(Value::Int(1), |inner, _| Value::from(vec![inner]));
    let limit = Limits::DEFAULT.max_depth;
    for protocol in BOTH {
        for receiver_protocol in BOTH {
            let mut harness = Harness::new();
            let mut sender = join(&mut harness, "sender", protocol, false);
            let mut receiver = join(&mut harness, "receiver", receiver_protocol, false);
            let got = harness.ask(&mut sender, 2, vec![(1, "c".into()), (3, nested(limit))]);
            assert_eq!(content(&got[1..]), nested(limit));
            assert_eq!(content(&harness.drain(&mut receiver)), nested(limit));
        }
    }
}

#[test]
fn content_that_its_sender_could_not_receive_is_refused() {
    let mut harness = Harness::new();
    let mut alice = join(&mut harness, "alice", Protocol::V18, false);
    // Decoders accept longer strings than encoders write: a string of 40,000 bytes, written by
    // hand.
    let write = |bytes: &mut Vec<u8>, code: u8, first: &[u8]| {
        bytes.extend([0xF3, 2, code, 2]);
        bytes.extend(first);
        bytes.extend([3, 0x07, 0xC0, 0xB8, 0x02]);
        bytes.extend(std::iter::repeat_n(b'x', 40_000));
    };
    harness.send_message(&alice, |bytes| write(bytes, 2, &[1, 0x07, 1, b'c']));
    let got = harness.drain(&mut alice);
    assert_eq!((got.len(), got[0].return_code(2)), (1, -2), "{got:?}");
    harness.send_message(&alice, |bytes| write(bytes, 3, &[225, 0x07, 1, b'b']));
    let got = harness.drain(&mut alice);
    assert_eq!((got.len(), got[0].return_code(3)), (1, -2), "{got:?}");
    assert_eq!(harness.last_id("c"), Some(0));
    assert_eq!(harness.core.stats().conversations, 0);
}

#[test]
fn a_history_longer_than_one_event_loses_its_oldest_messages() {
    let mut harness = Harness::new();
    let mut alice = join(&mut harness, "alice", Protocol::V18, false);
    for number in 0..100_u8 {
        let got = harness.ask(
            &mut alice,
            2,
            vec![(1, "c".into()), (3, Value::from(vec![number; 30_000]))],
        );
        assert_eq!(got.len(), 2);
    }
    for protocol in BOTH {
        let mut bob = harness.enter("bob", protocol);
        let got = harness.ask(&mut bob, 0, vec![(0, texts(&["c"])), (14, Value::Int(-1))]);
        let history = &got[2];
        assert_eq!(history.parameter(8), Some(&Value::Int(100)));
        let Some(Value::Array(Array::Object(all))) = history.parameter(2) else {
            panic!("{history:?}")
        };
        assert!((10..=34).contains(&all.len()), "{}", all.len());
        assert_eq!(all.last(), Some(&Value::from(vec![99_u8; 30_000])));
        assert_eq!(got.len(), 3);
        harness.hang_up(bob);
    }
}
