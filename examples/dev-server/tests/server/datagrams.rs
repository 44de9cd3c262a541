//! The core with UDP clients, in virtual time. Spec: udp.md 9, 12.

use dev_server::netem::Conditions;
use dev_server::sim::{End, LinkKey};
use dev_server::{Fault, ServerConfig, ServerKind, Step};
use photon_proto::udp::Cause;
use photon_proto::{Protocol, Value};

use crate::datagram_harness::Harness;
use crate::harness::{BOTH, Got, HOST, credentials, messages, ok, subscribed, texts};

pub(crate) fn good() -> Conditions {
    "delay=20".parse().unwrap()
}

pub(crate) fn harness() -> Harness {
    Harness::new(
        1,
        ServerConfig::new().with(|config| config.front_end_udp_port = 5155),
    )
}

pub(crate) fn cause(harness: &mut Harness, link: LinkKey) -> Option<Cause> {
    harness.client(link).ended
}

#[test]
fn logins_encryption_and_chat_are_as_over_tcp() {
    for protocol in BOTH {
        let mut harness = harness();
        let names = harness.connect_and_init(ServerKind::NameServer, protocol);
        harness.exchange_keys(names);
        let got = harness.ask(names, 220, vec![(224, "app-1".into())]);
        assert!(got[0].is_encrypted());
        let mut login = credentials("alice");
        login.push((210, "eu".into()));
        let got = harness.ask(names, 230, login);
        assert_eq!((got[0].return_code(230), got[0].is_encrypted()), (0, true));
        assert_eq!(
            got[0].parameter(230),
            Some(&Value::from(format!("{HOST}:5155").as_str()))
        );
        let token = got[0].parameter(221).unwrap().clone();
        harness.client(names).connection.close();

        let alice = harness.connect_and_init(ServerKind::FrontEnd, protocol);
        assert_eq!(
            harness.ask(alice, 230, vec![(221, token)])[0].return_code(230),
            0
        );
        let bob = harness.enter("bob", Protocol::V18);
        for link in [alice, bob] {
            assert_eq!(
                harness.ask(link, 0, vec![(0, texts(&["c"]))]),
                [ok(0), subscribed(&[("c", true)])]
            );
        }
        let long = Value::from(vec![7_u8; 100_000]);
        assert_eq!(
            harness
                .ask(bob, 2, vec![(1, "c".into()), (3, "hi".into())])
                .len(),
            2
        );
        assert_eq!(
            harness.take(alice),
            [messages("c", &[("bob", "hi".into())], 1)]
        );
        harness.request(alice, 2, vec![(1, "c".into()), (3, long.clone())]);
        harness.run_for(2000);
        assert_eq!(harness.take(bob), [messages("c", &[("alice", long)], 2)]);
        assert_eq!(harness.core.stats().connections, 2);
    }
}

#[test]
fn ipv6_hosts_are_named_in_brackets_and_a_public_host_wins() {
    for (public, host, address) in [
        (None, "fe80::1", "[fe80::1]:5155"),
        (Some("example.org"), HOST, "example.org:5155"),
    ] {
        let mut harness = harness();
        harness.core.config_mut().public_host = public.map(str::to_owned);
        harness.host = host;
        let names = harness.connect_and_init(ServerKind::NameServer, Protocol::V18);
        let mut login = credentials("alice");
        login.push((210, "eu".into()));
        assert_eq!(
            harness.ask(names, 230, login)[0].parameter(230),
            Some(&Value::from(address))
        );
    }
}

#[test]
fn all_clients_see_the_same_over_a_bad_network() {
    for seed in 0..40 {
        let mut harness = Harness::new(seed, ServerConfig::new());
        let conditions = match seed % 4 {
            0 => "loss=5 duplicate=5 delay=20 jitter=30",
            1 => "loss=10 duplicate=5 delay=80 jitter=30",
            2 => "jitter=200 corrupt=5",
            _ => "duplicate=100 delay=5 jitter=20",
        };
        // Only a check sum detects every corrupted datagram.
        harness.udp.crc = seed % 4 == 2;
        let links: Vec<LinkKey> = (0..4)
            .map(|slot| {
                harness.connect(
                    ServerKind::FrontEnd,
                    BOTH[slot % 2],
                    conditions.parse().unwrap(),
                )
            })
            .collect();
        harness.run_for(14_000);
        for (slot, &link) in links.iter().enumerate() {
            harness.init(link);
            harness.request(link, 230, credentials(&format!("u{slot}")));
            harness.request(link, 0, vec![(0, texts(&["c"])), (14, Value::Int(-1))]);
            for number in 0..15 {
                harness.request(link, 2, vec![(1, "c".into()), (3, Value::Int(number))]);
            }
        }
        harness.run_for(60_000);
        assert_eq!(harness.core.channels()[0].last_id, 60, "seed {seed}");
        let seen: Vec<Vec<(i32, Value)>> = links
            .iter()
            .map(|link| contents(&harness.take(*link)))
            .collect();
        let ids: Vec<i32> = seen[0].iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=60).collect::<Vec<_>>(), "seed {seed}");
        assert!(seen.iter().all(|one| *one == seen[0]), "seed {seed}");
        assert!(
            links
                .iter()
                .all(|link| harness.clients[link].ended.is_none()),
            "seed {seed}"
        );
    }
}

/// The messages of all events 0, with their ids.
fn contents(got: &[Got]) -> Vec<(i32, Value)> {
    let mut all = Vec::new();
    for event in got
        .iter()
        .filter(|got| matches!(got, Got::Event { code: 0, .. }))
    {
        let last_id = i32::try_from(event.parameter(8).unwrap().clone()).unwrap();
        let contents = Vec::<Value>::try_from(event.parameter(2).unwrap().clone()).unwrap();
        let first = last_id - i32::try_from(contents.len()).unwrap() + 1;
        all.extend((first..).zip(contents));
    }
    all
}

#[test]
fn a_disconnect_ends_the_session_and_a_timeout_starts_the_grace_period() {
    let mut harness = harness();
    let [gone, silent] = ["gone", "silent"].map(|user| harness.join(user, Protocol::V18, "c"));
    harness.client(gone).connection.close();
    harness.run_for(100);
    assert_eq!(harness.core.channels()[0].subscribers, ["silent"]);
    harness.network.cut(silent, End::Server);
    harness.network.cut(silent, End::Client);
    let cut_at = harness.now;
    while harness.core.stats().connections > 0 {
        harness.run_for(100);
    }
    assert!((2000..16_000).contains(&harness.now.millis_since(cut_at)));
    assert_eq!(
        (
            harness.core.stats().users,
            harness.core.stats().silent_connections
        ),
        (1, 1)
    );
    harness.run_for(harness.core.config().grace_ms + 100);
    assert_eq!(harness.core.stats().users, 0);
    assert!(matches!(cause(&mut harness, silent), Some(Cause::Timeout)));
}

#[test]
fn a_client_that_timed_out_keeps_its_session_for_the_grace_period() {
    let mut harness = harness();
    let alice = harness.join("alice", Protocol::V18, "c");
    // The client receives nothing any more and times out; its disconnect still reaches the server.
    harness.network.cut(alice, End::Client);
    harness.request(alice, 2, vec![(1, "c".into()), (3, Value::Null)]);
    while harness.core.stats().connections > 0 {
        harness.run_for(100);
    }
    assert_eq!(harness.core.channels()[0].subscribers, ["alice"]);
    let again = harness.enter("alice", Protocol::V18);
    let got = harness.ask(again, 2, vec![(1, "c".into()), (3, Value::Int(5))]);
    assert!(got.contains(&ok(2)), "{got:?}");
}

#[test]
fn the_server_ends_connections_with_a_message_and_a_reason() {
    for (reason, expected) in [
        (1, Cause::ServerLogic),
        (2, Cause::ServerTimeout),
        (3, Cause::ServerUserLimit),
        (99, Cause::ServerUnknown(99)),
        (32757, Cause::ServerUserLimit),
        (-3, Cause::ServerLogic),
    ] {
        let mut harness = harness();
        let alice = harness.join("alice", Protocol::V18, "c");
        assert_eq!(harness.core.kick(harness.now, "alice", reason, "out"), 1);
        assert_eq!(harness.core.stats().connections, 0);
        harness.run_for(200);
        assert_eq!(
            harness.take(alice),
            [Got::Disconnect {
                code: reason,
                text: "out".to_owned()
            }]
        );
        assert_eq!(cause(&mut harness, alice), Some(expected));
    }
}

#[test]
fn every_fault_works_over_udp() {
    let step = Step::Authenticate(ServerKind::FrontEnd);
    let text = String::new;
    for (fault, got, expected) in [
        (Fault::Silent, vec![], None),
        (Fault::Close, vec![], Some(Cause::ServerLogic)),
        (Fault::BadFrame, vec![Got::Undecodable], None),
        (Fault::Undecodable, vec![Got::Undecodable], None),
        (
            Fault::Disconnect {
                code: 2,
                text: text(),
            },
            vec![Got::Disconnect {
                code: 2,
                text: text(),
            }],
            Some(Cause::ServerTimeout),
        ),
        (Fault::Mute, vec![], Some(Cause::Timeout)),
    ] {
        let mut harness = harness();
        let link = harness.connect_and_init(ServerKind::FrontEnd, Protocol::V18);
        harness.core.faults_mut().on(step, fault.clone());
        harness.request(link, 230, credentials("alice"));
        harness.run_for(20_000);
        assert_eq!(
            (harness.take(link), cause(&mut harness, link)),
            (got, expected),
            "{fault:?}"
        );
        assert_eq!(
            harness.core.stats().connections,
            usize::from(expected.is_none()),
            "{fault:?}"
        );
    }
    let mut harness = harness();
    harness
        .core
        .faults_mut()
        .on(Step::Accept(ServerKind::FrontEnd), Fault::Close);
    let link = harness.connect(ServerKind::FrontEnd, Protocol::V18, good());
    harness.run_for(1000);
    assert_eq!(cause(&mut harness, link), Some(Cause::ServerLogic));
}

#[test]
fn delayed_messages_are_sent_before_the_disconnect() {
    let mut harness = harness();
    let alice = harness.join("alice", Protocol::V18, "c");
    harness.core.config_mut().delay_ms = 300;
    harness.request(alice, 2, vec![(1, "c".into()), (3, Value::Int(1))]);
    harness.run_for(30);
    harness.core.kick(harness.now, "alice", 1, "");
    harness.run_for(100);
    assert_eq!(
        (harness.take(alice), cause(&mut harness, alice)),
        (vec![], None)
    );
    harness.run_for(500);
    let out = Got::Disconnect {
        code: 1,
        text: String::new(),
    };
    assert_eq!(
        harness.take(alice),
        [ok(2), messages("c", &[("alice", Value::Int(1))], 1), out]
    );
    assert_eq!(cause(&mut harness, alice), Some(Cause::ServerLogic));
    assert_eq!(harness.core.stats().connections, 0);
}

#[test]
fn a_client_that_does_not_acknowledge_is_disconnected_at_the_outgoing_limit() {
    let mut harness = harness();
    harness.core.config_mut().max_outgoing_bytes = 50_000;
    let [alice, bob] = ["alice", "bob"].map(|user| harness.join(user, Protocol::V18, "c"));
    harness.network.cut(alice, End::Client);
    for _ in 0..60 {
        harness.ask(
            bob,
            2,
            vec![(1, "c".into()), (3, "x".repeat(1000).as_str().into())],
        );
        if harness.core.stats().connections == 1 {
            break;
        }
    }
    assert_eq!(
        (
            harness.core.stats().overrun_connections,
            harness.core.stats().connections
        ),
        (1, 1)
    );
}
