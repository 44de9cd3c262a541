//! Content between clients of different serializations, over WebSocket. Spec: wire.md 7.2.

use dev_server::{ServerKind, SubProtocol};
use photon_proto::{Dictionary, Protocol, Type, Value};

use crate::harness::{Harness, credentials, event, messages, ok, private, subscribed, texts};
use crate::messages::{ask, drain, join, open};

#[test]
fn clients_of_all_serializations_share_a_channel() {
    let mut harness = Harness::new();
    let mut stream = harness.enter("stream", Protocol::V16);
    harness.ask(&mut stream, 0, vec![(0, texts(&["c"]))]);
    let binary = join(&mut harness, "binary", SubProtocol::GpBinaryV18);
    let text = join(&mut harness, "text", SubProtocol::Json);
    let table = |value| {
        Value::from(
            [("k", value)]
                .into_iter()
                .collect::<photon_proto::Hashtable>(),
        )
    };
    let dictionary = Value::Dictionary(Dictionary {
        key: Type::Int,
        value: Type::String,
        pairs: vec![(Value::Int(3), "x".into())],
    });
    // Content of a binary client, and the same content as a JSON client receives it.
    for (id, (sent, received)) in [
        (Value::from("héllo"), Value::from("héllo")),
        (Value::Byte(200), Value::Int(200)),
        (Value::Double(2.0), Value::Double(2.0)),
        (Value::Float(1.5), Value::Double(1.5)),
        (
            Value::from(vec![1_u8, 255]),
            Value::from(vec![Value::Int(1), Value::Int(255)]),
        ),
        (
            Value::from(vec![1_i32, 2]),
            Value::from(vec![Value::Int(1), Value::Int(2)]),
        ),
        (
            dictionary,
            Value::from(
                [("3", Value::from("x"))]
                    .into_iter()
                    .collect::<photon_proto::Hashtable>(),
            ),
        ),
        (table(Value::Null), table(Value::Null)),
    ]
    .into_iter()
    .enumerate()
    {
        let id = id as i32 + 1;
        let got = ask(
            &mut harness,
            &binary,
            2,
            vec![(1, "c".into()), (3, sent.clone())],
        );
        assert_eq!(got, [ok(2), messages("c", &[("binary", sent.clone())], id)]);
        assert_eq!(
            drain(&mut harness, &text),
            [messages("c", &[("binary", received)], id)]
        );
        assert_eq!(
            harness.drain(&mut stream),
            [messages("c", &[("binary", sent)], id)]
        );
    }
    // In the other direction nothing is lost.
    let sent = table(Value::from(vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(-1),
        Value::Double(0.5),
    ]));
    let got = ask(
        &mut harness,
        &text,
        2,
        vec![(1, "c".into()), (3, sent.clone())],
    );
    let event = messages("c", &[("text", sent)], 9);
    assert_eq!(got, [ok(2), event.clone()]);
    assert_eq!(
        (drain(&mut harness, &binary), harness.drain(&mut stream)),
        (vec![event.clone()], vec![event])
    );
    // The same with private messages.
    let got = ask(
        &mut harness,
        &text,
        3,
        vec![(225, "stream".into()), (3, "psst".into())],
    );
    let event = private("text", "stream", "psst", 1);
    assert_eq!(
        (got, harness.drain(&mut stream)),
        (vec![ok(3), event.clone()], vec![event])
    );
    // History arrives in the serialization of the receiver.
    let late = open(&mut harness, ServerKind::FrontEnd, SubProtocol::Json);
    ask(&mut harness, &late, 230, credentials("late"));
    let got = ask(
        &mut harness,
        &late,
        0,
        vec![(0, texts(&["c"])), (14, Value::Int(1))],
    );
    assert_eq!(got[2].parameter(8), Some(&Value::Int(9)));
}

#[test]
fn a_json_client_can_make_a_channel_that_publishes_its_subscribers() {
    let mut harness = Harness::new();
    let text = open(&mut harness, ServerKind::FrontEnd, SubProtocol::Json);
    ask(&mut harness, &text, 230, credentials("text"));
    let subscribe =
        br#"~m~67~m~~j~{"req":0,"vals":[0,["p"],22,{"254":true,"255":2,"own":1,"25":null}]}"#;
    let length = subscribe.len() - "~m~67~m~".len();
    harness.core.received(
        harness.now,
        text.id,
        &[format!("~m~{length}~m~").as_bytes(), &subscribe[8..]].concat(),
    );
    assert_eq!(drain(&mut harness, &text).len(), 2);
    let mut peer = harness.enter("peer", Protocol::V18);
    let got = harness.ask(&mut peer, 0, vec![(0, texts(&["p"]))]);
    assert_eq!(got[1].parameter(23), Some(&texts(&["text"])));
    let Some(Value::Dictionary(properties)) = got[1].parameter(22) else {
        panic!("{got:?}")
    };
    let mut pairs = properties.pairs.clone();
    pairs.sort();
    let expected = [
        (Value::Byte(254), Value::Bool(true)),
        (Value::Byte(255), Value::Int(2)),
        ("own".into(), Value::Int(1)),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(
        drain(&mut harness, &text),
        [event(8, [(1, "p".into()), (225, "peer".into())])]
    );
    let mut third = harness.enter("third", Protocol::V18);
    let got = harness.ask(&mut third, 0, vec![(0, texts(&["p"]))]);
    assert_eq!(got[1], subscribed(&[("p", false)]));
}

#[test]
fn content_too_long_as_json_is_null_for_json_receivers() {
    let mut harness = Harness::new();
    let text = join(&mut harness, "text", SubProtocol::Json);
    let binary = join(&mut harness, "binary", SubProtocol::GpBinaryV18);
    let bytes = Value::from(vec![255_u8; 400_000]);
    let got = ask(
        &mut harness,
        &binary,
        2,
        vec![(1, "c".into()), (3, bytes.clone())],
    );
    assert_eq!(got, [ok(2), messages("c", &[("binary", bytes)], 1)]);
    assert_eq!(
        drain(&mut harness, &text),
        [messages("c", &[("binary", Value::Null)], 1)]
    );
}
