//! Random bytes for every target, so that a plain `cargo test` fuzzes a little.
//!
//! Each run uses the same bytes. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose others, and more. A
//! failure prints the bytes: write them to a file in `corpus`, and all runs replay it.

#[path = "seeds/datagrams.rs"]
mod datagrams;

use photon_fuzz::chat_script::{Script, Setup, Start, explain, play};
use photon_fuzz::udp_connection::{self, Role};
use photon_fuzz::{datagram, json, message, peer, tcp_stream, value_v16, value_v18};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

/// A setup, then any bytes as steps. Three in four begin on the front end.
fn script() -> impl Strategy<Value = Script> {
    let start = prop_oneof![
        1 => Just(Start::Disconnected),
        1 => Just(Start::NameServer),
        6 => Just(Start::FrontEnd),
    ];
    let bytes = |count| vec(any::<u8>(), count);
    (start, bytes(0..40), bytes(0..1_500)).prop_map(|(start, setup, steps)| {
        let setup = Setup {
            start,
            ..Script::decode(&setup).setup
        };
        let first = Script {
            setup,
            steps: Vec::new(),
        };
        Script::decode(&[first.encode(), steps].concat())
    })
}

#[test]
fn random_chat_scripts_keep_the_contract() {
    let (scripts, on_front_end, steps) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    let over = RefCell::new(BTreeMap::new());
    let config = config(4_500);
    let cases = config.cases;
    let result = TestRunner::new(config).run(&script(), |script| {
        let played = play(&script);
        let transport = (played.transport, played.json);
        *over.borrow_mut().entry(transport).or_insert(0) += 1;
        scripts.set(scripts.get() + 1);
        on_front_end.set(on_front_end.get() + u32::from(played.front_end));
        steps.set(steps.get() + played.steps);
        Ok::<(), TestCaseError>(())
    });
    if let Err(TestError::Fail(why, script)) = result {
        println!("{:?}", script.encode());
        explain(&script);
        panic!("{why}");
    }
    result.unwrap();
    let on_front_end = on_front_end.get();
    println!(
        "{} scripts, {on_front_end} of them reach the front end, {} steps",
        scripts.get(),
        steps.get()
    );
    let over = over.into_inner();
    println!("{over:?}");
    assert!(
        cases < 1_000 || over.len() == 6,
        "some transports were not used"
    );
    assert!(
        on_front_end >= cases * 2 / 3,
        "only {on_front_end} scripts reached the front end"
    );
}

/// A setup, then any bytes as steps. In two of three no attacker knows the challenge, so that the
/// promises to honest ends are checked.
fn udp_script() -> impl Strategy<Value = udp_connection::Script> {
    use udp_connection::{Script, Setup};
    let promises = prop_oneof![
        Just((true, true)),
        Just((true, false)),
        Just((false, false))
    ];
    // Hardly any connection survives most of the unusual sizes, times and limits.
    let usual = || prop::bool::weighted(0.75);
    let usual = (usual(), usual(), usual(), prop::bool::weighted(0.85));
    let bytes = |count| vec(any::<u8>(), count);
    let random = (promises, usual, bytes(40..41), bytes(0..1_800));
    random.prop_map(|((honest, stays), usual, setup, steps)| {
        let (usual_sizes, usual_times, usual_limits, usual_start) = usual;
        let mut setup = Setup {
            honest,
            stays,
            ..Script::decode(&setup).setup
        };
        let default = Setup::default();
        if usual_sizes {
            setup.mtu = default.mtu;
            setup.incoming_cap_bytes = default.incoming_cap_bytes;
            setup.max_message_bytes = default.max_message_bytes;
            setup.max_violations = default.max_violations;
        }
        if usual_times {
            setup.ping = default.ping;
            setup.disconnect_timeout_ms = default.disconnect_timeout_ms;
            setup.connect_timeout_ms = default.connect_timeout_ms;
            setup.resends = default.resends;
        }
        if usual_limits {
            setup.max_half_open = default.max_half_open;
            setup.half_open_timeout_ms = default.half_open_timeout_ms;
            setup.max_connections = default.max_connections;
            setup.clocks = default.clocks;
        }
        if usual_start {
            setup.unconnected = false;
            setup.send_window = default.send_window;
        }
        let first = Script {
            setup,
            steps: Vec::new(),
        };
        Script::decode(&[first.encode(), steps].concat())
    })
}

#[test]
fn random_udp_scripts_keep_the_promises_of_a_connection() {
    let (scripts, connected, complete) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let (forged, messages) = (Cell::new(0_u32), Cell::new(0_usize));
    let config = config(4_000);
    let cases = config.cases;
    let result = TestRunner::new(config).run(&udp_script(), |script| {
        let reached = udp_connection::play(&script);
        scripts.set(scripts.get() + 1);
        connected.set(connected.get() + u32::from(reached.connected));
        complete.set(complete.get() + u32::from(reached.complete));
        forged.set(forged.get() + u32::from(reached.forged));
        messages.set(messages.get() + reached.messages);
        Ok::<(), TestCaseError>(())
    });
    if let Err(TestError::Fail(why, script)) = result {
        println!("{:?}", script.encode());
        udp_connection::explain(&script);
        panic!("{why}");
    }
    result.unwrap();
    let [scripts, connected, complete, forged] =
        [scripts, connected, complete, forged].map(Cell::into_inner);
    println!(
        "{scripts} scripts, {connected} connected, {complete} complete, {forged} forged, {messages:?} messages"
    );
    assert!(connected >= cases / 2 && complete >= cases / 6 && forged >= cases / 6);
}

/// A case is one datagram here: `PROPTEST_CASES=1000000` sends a million to each role.
#[test]
fn random_datagrams_break_no_role() {
    let config = config(30_000);
    let (RngSeed::Fixed(seed), datagrams) = (config.rng_seed, config.cases) else {
        panic!("PROPTEST_RNG_SEED is not a number")
    };
    let recorded = datagrams::recorded();
    for role in [Role::Client, Role::Server, Role::Acceptor] {
        // A client receives the recorded datagrams of servers, and the other way round.
        let samples = recorded
            .iter()
            .filter(|(_, to_client, _)| *to_client == (role == Role::Client));
        let samples: Vec<Vec<u8>> = samples.map(|(_, _, bytes)| bytes.clone()).collect();
        assert!(samples.len() > 100);
        let flooded = udp_connection::flood(role, seed, datagrams, &samples);
        println!("{role:?}: {datagrams} datagrams, {flooded:?}");
        // Enough datagrams are processed, and have effects.
        assert!(flooded.read > u64::from(datagrams) / 4, "{flooded:?}");
        assert!(
            flooded.ended > 0 && flooded.messages > 0 && flooded.answered_bytes > 0,
            "{flooded:?}"
        );
    }
}

/// The seeds and the corpora depend on it: the encoder writes what `arbitrary` reads. Random scripts
/// contain all variants of all types, so that an encoder that leaves out a field is found here.
#[test]
fn encoded_scripts_decode_to_themselves() {
    let random = || vec(any::<u8>(), 0..1_500);
    let chat = TestRunner::new(config(500)).run(&random(), |bytes| {
        let script = Script::decode(&bytes);
        prop_assert_eq!(Script::decode(&script.encode()), script);
        Ok(())
    });
    chat.unwrap();
    let udp = TestRunner::new(config(500)).run(&random(), |bytes| {
        let script = udp_connection::Script::decode(&bytes);
        prop_assert_eq!(udp_connection::Script::decode(&script.encode()), script);
        Ok(())
    });
    udp.unwrap();
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn random_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..120)) {
        value_v16(&bytes);
        value_v18(&bytes);
    }

    /// Mostly type codes, so that the decoder gets further.
    #[test]
    fn random_codes_are_a_value_or_an_error(
        old in vec(prop::sample::select(b"*obkilfdsxnayzhDceqp\0\0\0\0\x01\x02\x03".to_vec()), 0..80),
        new in vec(prop_oneof![0..=34_u8, 64..=85_u8, prop::sample::select(vec![0_u8, 1, 2, 3])], 0..80),
    ) {
        value_v16(&old);
        value_v18(&new);
    }

    #[test]
    fn random_bytes_are_a_message_or_an_error(choices: u8, bytes in vec(prop_oneof![any::<u8>(), 0..9_u8], 0..120)) {
        message(&[&[choices], &bytes[..]].concat());
    }

    #[test]
    fn random_bytes_are_a_stream_or_an_error(
        choices: u8,
        chunks in vec(0..20_u8, 0..8),
        parts in vec(prop_oneof![
            4 => (2..40_u8).prop_flat_map(|length| vec(any::<u8>(), usize::from(length))
                .prop_map(move |message| [&[0xFB, 0, 0, 0, length + 7, 0, 1], &message[..]].concat())),
            2 => vec(any::<u8>(), 4).prop_map(|times| [&[0xF0], &times[..]].concat()),
            2 => vec(any::<u8>(), 8).prop_map(|times| [&[0xF0], &times[..]].concat()),
            1 => vec(any::<u8>(), 0..12),
        ], 0..8),
    ) {
        let count = u8::try_from(chunks.len()).unwrap();
        tcp_stream(&[&[choices, count], &chunks[..], &parts.concat()].concat());
    }

    /// Pieces of JSON, mostly in frames of the right length.
    #[test]
    fn random_text_is_frames_of_json_or_an_error(
        choices: u8,
        code in prop::sample::select(vec!["\"evt\":1", "\"res\":2,\"err\":0", "\"req\":3", "\"irs\":1", "\"irq\":1", "\"x\":1"]),
        pieces in vec(prop::sample::select(vec![
            "1", "-0", "2.5", "1e9", "1e999", "\"a\"", "\"\\ud83d\"", "\"\\u0000\"", "null", "true", "false", "[", "]", "{", "}",
            ":", ",", ",", ",", "[1,\"b\"]", "{\"k\":[2]}", "\u{1f600}", " ", "99999999999",
        ]), 0..24),
        lies in prop::bool::weighted(0.1),
    ) {
        let object = format!("~j~{{{code},\"vals\":[{}]}}", pieces.concat());
        let length = object.encode_utf16().count() + usize::from(lies);
        json(&[&[choices], format!("~m~{length}~m~{object}").as_bytes()].concat());
    }

    #[test]
    fn random_bytes_are_a_datagram_or_an_error(
        choices: u8,
        flags in prop::sample::select(vec![0_u8, 0, 0, 0xCC, 0xCC, 1]),
        count in 0..5_u8,
        parts in vec(prop_oneof![
            6 => (0..21_u8, 0..48_u8, any::<[u8; 3]>()).prop_flat_map(|(kind, more, [channel, flags, reserved])| {
                let size = 12 + more;
                vec(any::<u8>(), usize::from(more) + 4).prop_map(move |rest| {
                    [&[kind, channel, flags, reserved, 0, 0, 0, size], &rest[..]].concat()
                })
            }),
            1 => vec(any::<u8>(), 0..12),
        ], 0..5),
    ) {
        let header = [0, 0x42, flags, count, 0, 0, 0, 9, 0, 0, 0, 0x65];
        let crc: &[u8] = if flags == 0xCC { &[0; 4] } else { &[] };
        datagram(&[&[choices], &header[..], crc, &parts.concat()].concat());
    }
}

/// Half of the scripts are undisturbed, so that both roles have to understand each other.
#[test]
fn both_roles_of_a_peer_keep_the_contract() {
    let (ready, encrypted, ended) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let messages = Cell::new(0_usize);
    let scripts = (any::<bool>(), vec(any::<u8>(), 0..800)).prop_map(|(is_disturbed, bytes)| {
        let mut script = peer::Script::decode(&bytes);
        if !is_disturbed {
            script.setup.is_closed.0 = false;
            script
                .steps
                .retain(|step| !matches!(step, peer::Step::Disturb(_)));
        }
        script
    });
    let result = TestRunner::new(config(3_000)).run(&scripts, |script| {
        let reached = peer::play(&script);
        ready.set(ready.get() + u32::from(reached.is_ready));
        encrypted.set(encrypted.get() + u32::from(reached.is_encrypted));
        ended.set(ended.get() + u32::from(reached.is_ended));
        messages.set(messages.get() + reached.messages);
        Ok::<(), TestCaseError>(())
    });
    if let Err(TestError::Fail(why, script)) = result {
        println!("{:?}", script.encode());
        panic!("{why}: {script:#?}");
    }
    result.unwrap();
    println!(
        "{} ready, {} encrypted, {} ended, {} messages",
        ready.get(),
        encrypted.get(),
        ended.get(),
        messages.get()
    );
    assert!(ready.get() > 1_000 && encrypted.get() > 300 && ended.get() > 100);
    assert!(messages.get() > 1_000);
}
