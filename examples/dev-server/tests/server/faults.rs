//! Every fault happens as documented, at its step only.

use dev_server::{Fault, ServerKind, Step};
use photon_proto::{Protocol, Value};

use crate::harness::{
    BOTH, Got, Harness, Peer, credentials, messages, ok, response, subscribed, texts,
};

/// The steps from the init to the first subscription, in order.
const STEPS: [Step; 6] = [
    Step::Init(ServerKind::NameServer),
    Step::KeyExchange(ServerKind::NameServer),
    Step::GetRegions,
    Step::Authenticate(ServerKind::NameServer),
    Step::Authenticate(ServerKind::FrontEnd),
    Step::Subscribe,
];

fn server_kind(step: Step) -> ServerKind {
    match step {
        Step::Authenticate(server_kind)
        | Step::Init(server_kind)
        | Step::KeyExchange(server_kind) => server_kind,
        Step::Subscribe => ServerKind::FrontEnd,
        _ => ServerKind::NameServer,
    }
}

/// Connects up to a step, and returns everything that the server sends.
fn reach(harness: &mut Harness, step: Step, protocol: Protocol) -> (Peer, Vec<Got>) {
    let mut peer = harness.accept(server_kind(step), protocol);
    harness.send_init(&peer);
    if matches!(step, Step::Init(_)) {
        let got = harness.drain(&mut peer);
        return (peer, got);
    }
    harness.drain(&mut peer);
    let mut login = credentials("alice");
    login.push((210, "eu".into()));
    match step {
        Step::KeyExchange(_) => {
            harness.send_key(&peer);
        }
        Step::GetRegions => harness.request(&peer, 220, vec![(224, "app-1".into())]),
        Step::Authenticate(_) => harness.request(&peer, 230, login),
        _ => {
            harness.request(&peer, 230, login);
            harness.drain(&mut peer);
            harness.request(&peer, 0, vec![(0, texts(&["c"]))]);
        }
    }
    let got = harness.drain(&mut peer);
    (peer, got)
}

#[test]
fn every_replacing_fault_works_at_every_step() {
    for protocol in BOTH {
        for step in STEPS {
            let with = |fault: Fault| {
                let mut harness = Harness::new();
                harness.core.faults_mut().on(step, fault);
                let (mut peer, got) = reach(&mut harness, step, protocol);
                // A connection that answers pings is still open.
                harness.send_bytes(&peer, &[0xF0, 0, 0, 0, 1]);
                let alive = matches!(harness.drain(&mut peer).as_slice(), [Got::Pong { .. }]);
                (got, alive)
            };
            assert_eq!(with(Fault::Silent), (vec![], true), "{step:?}");
            assert_eq!(with(Fault::Mute), (vec![], false), "{step:?}");
            assert_eq!(with(Fault::Close), (vec![Got::Closed], false), "{step:?}");
            let disconnect = Fault::Disconnect {
                code: 32757,
                text: "full".to_owned(),
            };
            let received = Got::Disconnect {
                code: 32757,
                text: "full".to_owned(),
            };
            assert_eq!(
                with(disconnect),
                (vec![received, Got::Closed], false),
                "{step:?}"
            );
            assert_eq!(with(Fault::BadFrame).0, [Got::BadFrame], "{step:?}");
            assert_eq!(
                with(Fault::Undecodable),
                (vec![Got::Undecodable], true),
                "{step:?}"
            );
            let refused = with(Fault::Refuse {
                code: 32755,
                text: "no".to_owned(),
            });
            let expected = match step {
                Step::Init(_) => (vec![Got::Closed], false),
                Step::KeyExchange(_) => (
                    vec![Got::Key {
                        code: 32755,
                        key: None,
                    }],
                    true,
                ),
                Step::GetRegions => (vec![response(220, 32755, "no")], true),
                Step::Subscribe => (vec![response(0, 32755, "no")], true),
                _ => (vec![response(230, 32755, "no")], true),
            };
            assert_eq!(refused, expected, "{step:?}");
            let (after, alive) = with(Fault::CloseAfter);
            assert_eq!(
                (after.last(), alive),
                (Some(&Got::Closed), false),
                "{step:?}"
            );
            assert!(after.len() > 1, "{step:?}: it is answered first");
        }
    }
}

#[test]
fn a_connection_can_be_closed_at_once() {
    for fault in [
        Fault::Close,
        Fault::CloseAfter,
        Fault::Refuse {
            code: 1,
            text: String::new(),
        },
    ] {
        let mut harness = Harness::new();
        harness
            .core
            .faults_mut()
            .on(Step::Accept(ServerKind::FrontEnd), fault);
        let mut peer = harness.accept(ServerKind::FrontEnd, Protocol::V18);
        assert_eq!(harness.drain(&mut peer), [Got::Closed]);
        assert_eq!(harness.core.stats().connections, 0);
        harness.connect(ServerKind::NameServer, Protocol::V18);
    }
}

#[test]
fn faults_can_be_counted_and_switched_off() {
    let mut harness = Harness::new();
    harness
        .core
        .faults_mut()
        .times(Step::Publish, Fault::Silent, 1);
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
    let publish = |harness: &mut Harness, alice: &mut Peer| {
        harness.ask(alice, 2, vec![(1, "c".into()), (3, "x".into())])
    };
    assert_eq!(publish(&mut harness, &mut alice), []);
    assert_eq!(
        publish(&mut harness, &mut alice),
        [ok(2), messages("c", &[("alice", "x".into())], 1)]
    );
    harness
        .core
        .faults_mut()
        .on(Step::Publish, Fault::Silent)
        .off(Step::Publish);
    assert_eq!(publish(&mut harness, &mut alice).len(), 2);
    harness
        .core
        .faults_mut()
        .on(Step::Ping(ServerKind::FrontEnd), Fault::Silent);
    harness.send_bytes(&alice, &[0xF0, 0, 0, 0, 1]);
    assert_eq!(harness.drain(&mut alice), []);
}

#[test]
fn the_faults_of_the_key_exchange_work() {
    for (fault, key) in [(Fault::EmptyKey, vec![]), (Fault::DegenerateKey, vec![1])] {
        let mut harness = Harness::new();
        harness
            .core
            .faults_mut()
            .on(Step::KeyExchange(ServerKind::NameServer), fault);
        let (_, got) = reach(
            &mut harness,
            Step::KeyExchange(ServerKind::NameServer),
            Protocol::V18,
        );
        assert_eq!(
            got,
            [Got::Key {
                code: 0,
                key: Some(key)
            }]
        );
    }
}

#[test]
fn the_faults_of_logins_work() {
    let step = Step::Authenticate(ServerKind::NameServer);
    let answer = |faults: &[Fault]| {
        let mut harness = Harness::new();
        for fault in faults {
            harness.core.faults_mut().on(step, fault.clone());
        }
        let (_, got) = reach(&mut harness, step, Protocol::V18);
        assert_eq!(got[0].return_code(230), 0);
        got[0].clone()
    };
    assert_eq!(answer(&[Fault::OmitToken]).parameter(221), None);
    assert!(answer(&[Fault::OmitToken]).parameter(230).is_some());
    let neither = answer(&[Fault::OmitToken, Fault::OmitAddress]);
    assert_eq!(
        (neither.parameter(221), neither.parameter(230)),
        (None, None)
    );
    assert_eq!(
        answer(&[Fault::Address("::nonsense".to_owned())]).parameter(230),
        Some(&"::nonsense".into())
    );
    assert_eq!(
        answer(&[Fault::WrongTypes]).parameter(230),
        Some(&Value::Int(4533))
    );
    assert_eq!(
        answer(&[Fault::UserId("someone".to_owned())]).parameter(225),
        Some(&"someone".into())
    );

    let mut harness = Harness::new();
    harness
        .core
        .faults_mut()
        .on(step, Fault::UserId("someone".to_owned()));
    let (_, got) = reach(&mut harness, step, Protocol::V18);
    let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(
        &mut front,
        230,
        vec![(221, got[0].parameter(221).unwrap().clone())],
    );
    assert_eq!(
        got[0].parameter(225),
        Some(&"someone".into()),
        "the token is for that user too"
    );
}

#[test]
fn the_faults_of_regions_work() {
    let answer = |fault| {
        let mut harness = Harness::new();
        harness.core.faults_mut().on(Step::GetRegions, fault);
        reach(&mut harness, Step::GetRegions, Protocol::V16)
            .1
            .remove(0)
    };
    let lengths = answer(Fault::WrongLengths);
    assert_eq!(
        lengths.parameter(210),
        Some(&texts(&["eu", "us", "asia", "one-too-many"]))
    );
    assert_eq!(lengths.parameter(230), Some(&texts(&["127.0.0.1:5000"; 3])));
    assert_eq!(
        answer(Fault::WrongTypes).parameter(210),
        Some(&Value::Int(1))
    );
}

#[test]
fn the_faults_of_subscriptions_work() {
    let asked = |fault: Fault| {
        let mut harness = Harness::new();
        let mut alice = harness.enter("alice", Protocol::V18);
        harness.ask(&mut alice, 0, vec![(0, texts(&["b"]))]);
        harness.ask(&mut alice, 2, vec![(1, "b".into()), (3, "old".into())]);
        harness.core.faults_mut().on(Step::Subscribe, fault);
        let got = harness.ask(
            &mut alice,
            0,
            vec![(0, texts(&["a", "b"])), (14, Value::Int(-1))],
        );
        assert_eq!(got[0], ok(0));
        got[1..].to_vec()
    };
    let (both, history) = (
        subscribed(&[("a", true), ("b", true)]),
        messages("b", &[("alice", "old".into())], 1),
    );
    assert_eq!(asked(Fault::NoEvent), std::slice::from_ref(&history));
    assert_eq!(
        asked(Fault::Duplicate),
        [both.clone(), both.clone(), history.clone()]
    );
    let split = [subscribed(&[("a", true)]), subscribed(&[("b", true)])];
    assert_eq!(
        asked(Fault::Split),
        [&split[..], std::slice::from_ref(&history)].concat()
    );
    assert_eq!(
        asked(Fault::Deny),
        [subscribed(&[("a", false), ("b", false)])]
    );
    let foreign = subscribed(&[("x", true), ("y", true)]);
    let names = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(
        asked(Fault::ForeignChannels(names)),
        [both.clone(), foreign, history.clone()]
    );
    assert_eq!(asked(Fault::MessagesFirst), [history, both]);
    assert_eq!(
        asked(Fault::WrongTypes)[0].parameter(0),
        Some(&Value::Int(2))
    );
}

#[test]
fn delayed_responses_keep_their_order() {
    let mut harness = Harness::with(|config| config.delay_ms = 200);
    let mut peer = harness.accept(ServerKind::NameServer, Protocol::V18);
    harness.send_init(&peer);
    harness.wait(100);
    harness.send_bytes(&peer, &[0xF0, 0, 0, 0, 1]);
    harness.core.config_mut().delay_ms = 0;
    harness.send_bytes(&peer, &[0xF0, 0, 0, 0, 2]);
    harness.wait(99);
    assert_eq!(harness.drain(&mut peer), []);
    harness.wait(1);
    assert_eq!(harness.drain(&mut peer), [Got::InitResponse]);
    harness.wait(100);
    let times: Vec<i32> = harness
        .drain(&mut peer)
        .into_iter()
        .map(|got| {
            if let Got::Pong { client_time, .. } = got {
                client_time
            } else {
                panic!("{got:?}")
            }
        })
        .collect();
    assert_eq!(times, [1, 2]);
}

#[test]
fn a_delayed_disconnect_message_is_still_sent() {
    let mut harness = Harness::with(|config| config.delay_ms = 200);
    let step = Step::Init(ServerKind::NameServer);
    harness.core.faults_mut().on(
        step,
        Fault::Disconnect {
            code: 1,
            text: String::new(),
        },
    );
    let mut peer = harness.accept(ServerKind::NameServer, Protocol::V18);
    harness.send_init(&peer);
    assert_eq!(harness.drain(&mut peer), []);
    harness.wait(200);
    assert_eq!(
        harness.drain(&mut peer),
        [
            Got::Disconnect {
                code: 1,
                text: String::new()
            },
            Got::Closed
        ]
    );
}
